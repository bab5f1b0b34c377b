"""Which models continue an answer from its beginning: facts of rows, dialects and profiles."""

import json

import pytest
from msgspec import structs

from running import parse_config
from tidegate.protocols.contract import Call
from tidegate.protocols.errors import Unsupported
from tidegate.protocols.turn import Message, ReasoningControl, Text, Turn
from tidegate.providers import ModelRegistry

KINDS = (
    "openai", "azure", "anthropic", "gemini", "mistral", "cohere", "deepseek", "xai", "qwen", "ai21",
    "perplexity", "deepinfra", "together", "groq", "openrouter", "fireworks", "ollama", "vllm", "llamacpp",
    "bedrock", "vertex", "openai_compatible",
)  # fmt: skip


def registry(more: str = "") -> ModelRegistry:
    services = "\n".join(
        f'[providers.{kind}]\nkind = "{kind}"\napi_key = "sk-1"\nbase_url = "https://{kind}.example"'
        + ('\nregion = "us-east-1"' if kind == "bedrock" else "")
        + ('\nproject = "p"' if kind == "vertex" else "")
        for kind in KINDS
    )
    return ModelRegistry(parse_config(f"{services}\n{more}"))


REGISTRY = registry()
BEGUN = Turn(
    model="m",
    messages=(Message("user", (Text("Write."),)), Message("assistant", (Text("The tide"),))),
    stream=True,
    continues=True,
    origin="another",
    extensions={},
)


def render(model: str, turn: Turn = BEGUN, registry: ModelRegistry = REGISTRY) -> Call:
    [candidate, *_] = registry.resolve(model, None, (), "openai_chat").candidates
    return candidate.service.protocol.render_request(turn, candidate.target)


@pytest.mark.parametrize(
    "model",
    [
        "anthropic/claude-haiku-4-5",
        "anthropic/claude-opus-4-5-20251101",
        "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "vertex/claude-sonnet-4-5@20250929",
        "gemini/gemini-2.5-flash",
        "gemini/gemini-3-pro-preview",
        "gemini/gemini-3.1-pro-preview",
        "gemini/gemini-3.5-flash",
        "mistral/mistral-large-latest",
        "deepseek/deepseek-chat",
        "qwen/qwen-plus",
        "groq/llama-3.3-70b-versatile",
        "vllm/meta-llama/Llama-3.3-70B-Instruct",
        "llamacpp/qwen3",
    ],
)
def test_able(model: str) -> None:
    assert "The tide" in render(model).body.decode()
    assert "Continue." not in render(model).body.decode()


@pytest.mark.parametrize(
    "model",
    [
        "openai/gpt-4.1",
        "openai/gpt-5-codex",
        "azure/gpt-4o",
        "anthropic/claude-sonnet-4-6",
        "anthropic/claude-opus-5",
        "anthropic/claude-fable-5",
        "bedrock/anthropic.claude-opus-4-6-v1",
        "bedrock/us.amazon.nova-micro-v1:0",
        "bedrock/meta.llama3-3-70b-instruct-v1:0",
        "gemini/gemini-3.6-flash",
        "gemini/gemini-3.5-flash-lite",
        "gemini/gemini-4-pro",
        "vertex/meta/llama-4",
        "cohere/command-a-03-2025",
        "groq/openai/gpt-oss-20b",
        "vllm/openai/gpt-oss-120b",
        "together/meta-llama/Llama-3.3-70B-Instruct-Turbo",
        "openrouter/openai/gpt-4o",
        "openai_compatible/m",
        "ollama/llama3",
        "xai/grok-4",
        "perplexity/sonar",
        "ai21/jamba-mini",
    ],
)
def test_not_able(model: str) -> None:
    with pytest.raises(Unsupported) as refusal:
        render(model)
    assert refusal.value.param == "continues"


def test_a_model_that_thinks_continues_nothing() -> None:
    thinks = structs.replace(BEGUN, reasoning=ReasoningControl(effort="high"))
    for model in ("anthropic/claude-haiku-4-5", "bedrock/anthropic.claude-haiku-4-5-20251001-v1:0"):
        with pytest.raises(Unsupported):
            render(model, thinks)


def test_an_operator_may_say_that_a_server_can() -> None:
    more = "[providers.openai_compatible.dialect]\ncontinues = true"
    call = render("openai_compatible/m", registry=registry(more))
    assert json.loads(call.body)["messages"][-1] == {"role": "assistant", "content": "The tide"}
    flags = 'continues = true\ncontinue_body = [["add_generation_prompt", false]]'
    call = render("openai_compatible/m", registry=registry(f"[providers.openai_compatible.dialect]\n{flags}"))
    assert json.loads(call.body)["add_generation_prompt"] is False


def test_a_request_that_does_not_continue_is_as_before() -> None:
    plain = structs.replace(BEGUN, continues=False)
    vllm = json.loads(render("vllm/llama", plain).body)
    assert "continue_final_message" not in vllm
    deepseek = render("deepseek/deepseek-chat", plain)
    assert deepseek.path == "/chat/completions"
    assert "prefix" not in json.loads(deepseek.body)["messages"][-1]
