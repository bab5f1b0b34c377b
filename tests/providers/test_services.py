"""One exchange with every service, on a socket: where it is asked, with which key, and in which words."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from running import Gateway
from simulator import Simulator, json
from tidegate.providers import kinds

KEY = "sk-upstream-0123456789"
CALL_ID = "call_abcdefghijkl"
CALL = {"id": CALL_ID, "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}

ASKED: dict[str, Any] = {
    "messages": [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Weather in Oslo?"}], "name": "ann"},
        {"role": "assistant", "content": None, "reasoning_content": "Look it up.", "tool_calls": [CALL]},
        {
            "role": "tool",
            "tool_call_id": CALL_ID,
            "content": [{"type": "text", "text": "rain"}, {"type": "text", "text": "5 C"}],
        },
    ],
    "tools": [
        {"type": "function", "function": {"name": "weather", "parameters": PARAMETERS, "strict": True}}
    ],
    "max_completion_tokens": 100,
    "seed": 7,
    "user": "u-1",
    "logit_bias": {"1": 1},
    "reasoning_effort": "low",
}
"""A request with something of everything about which services differ."""
PLAIN = {**ASKED, "messages": ASKED["messages"][:2]}
del PLAIN["tools"]

SAID = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
ANSWERS: dict[str, Any] = {
    "openai_chat": {
        "id": "c-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "Rain."}, "finish_reason": "stop"}
        ],
        "usage": SAID,
    },
    "anthropic": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": "Rain."}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 1},
    },
    "gemini": {
        "candidates": [{"content": {"role": "model", "parts": [{"text": "Rain."}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 1, "totalTokenCount": 4},
        "modelVersion": "m",
        "responseId": "r-1",
    },
    "cohere": {
        "id": "c-1",
        "finish_reason": "COMPLETE",
        "message": {"role": "assistant", "content": [{"type": "text", "text": "Rain."}]},
        "usage": {"tokens": {"input_tokens": 3, "output_tokens": 1}},
    },
    "bedrock": {
        "output": {"message": {"role": "assistant", "content": [{"text": "Rain."}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 3, "outputTokens": 1, "totalTokens": 4},
    },
}
"""The same answer in every wire format."""


@dataclass(frozen=True)
class Case:
    """A service, and what is special about asking it."""

    kind: str
    model: str
    path: str = "/chat/completions"
    header: str = "authorization"
    value: str = f"Bearer {KEY}"
    prefix: str = ""
    """The path of the base URL."""
    more: str = ""
    """Further settings of the provider."""
    sent: dict[str, Any] = field(default_factory=dict)
    """By the path in the body: what is there (None: nothing)."""
    dropped: str | None = None
    asked: dict[str, Any] = field(default_factory=lambda: ASKED)
    protocol: str = "openai_chat"


SYSTEM = {"messages.0.role": "system"}
MAX_TOKENS = {"max_tokens": 100, "max_completion_tokens": None}
AS_CONTENT = {"messages.2.reasoning_content": "Look it up."}
AS_REASONING = {"messages.2.reasoning": "Look it up.", "messages.2.reasoning_content": None}
NO_THINKING = {"messages.2.reasoning": None, "messages.2.reasoning_content": None}
AT_VERTEX = "/v1/projects/p/locations/europe-west4"
VERTEX = 'project = "p"\nlocation = "europe-west4"'
DIGITS = "eaUWTOr91"
"""What becomes of the id of the call where ids have nine letters or digits."""
GEMINI_SENT = {
    "systemInstruction.parts.0.text": "Be brief.",
    "contents.1.parts.1.functionCall.name": "weather",
    "contents.2.parts.0.functionResponse.response.output": "rain\n5 C",
    "generationConfig.maxOutputTokens": 100,
    "generationConfig.seed": 7,
    "generationConfig.thinkingConfig.thinkingBudget": 1024,
}
CLAUDE_SENT = {
    "system.0.text": "Be brief.",
    "messages.1.content.0.input.city": "Oslo",
    "messages.2.content.0.tool_use_id": CALL_ID,
    "max_tokens": 100,
    "metadata.user_id": "u-1",
}

CLAUDE_DROPS = "seed,logit_bias,reasoning_effort,messages.name,thinking"
OTHERS_DROP = "logit_bias,user,tools.strict,messages.name"

CASES = [
    Case(
        "openai",
        "gpt-5",
        sent={**NO_THINKING, "messages.0.role": "developer", "reasoning_effort": "low", "seed": 7},
        dropped="thinking,logit_bias",
    ),
    Case(
        "azure",
        "my-deployment",
        "/openai/deployments/my-deployment/chat/completions?api-version=2025-04-01-preview",
        "api-key",
        KEY,
        sent=NO_THINKING,
        dropped="thinking",
    ),
    Case(
        "azure",
        "my/deployment",
        "/openai/deployments/my%2Fdeployment/chat/completions?api-version=2024-10-21",
        "api-key",
        KEY,
        prefix="/openai",
        more='api_version = "2024-10-21"',
        dropped="thinking",
    ),
    Case(
        "azure",
        "gpt-5",
        "/openai/v1/chat/completions",
        "api-key",
        KEY,
        "/openai/v1",
        dropped="thinking,logit_bias",
    ),
    Case(
        "azure",
        "grok-3",
        "/models/chat/completions?api-version=2024-05-01-preview",
        "api-key",
        KEY,
        "/models",
        dropped="thinking,reasoning_effort",
    ),
    Case(
        "azure",
        "claude-haiku-4-5",
        "/anthropic/v1/messages",
        "x-api-key",
        KEY,
        "/anthropic",
        sent=CLAUDE_SENT,
        dropped=CLAUDE_DROPS,
        protocol="anthropic",
    ),
    Case(
        "anthropic",
        "claude-haiku-4-5",
        "/v1/messages",
        "x-api-key",
        KEY,
        sent={**CLAUDE_SENT, "model": "claude-haiku-4-5"},
        dropped=CLAUDE_DROPS,
        protocol="anthropic",
    ),
    Case(
        "gemini",
        "gemini-2.5-flash",
        "/v1beta/models/gemini-2.5-flash:generateContent",
        "x-goog-api-key",
        KEY,
        sent=GEMINI_SENT,
        dropped=OTHERS_DROP,
        protocol="gemini",
    ),
    Case(
        "mistral",
        "mistral-medium-latest",
        sent={
            **SYSTEM,
            **MAX_TOKENS,
            "random_seed": 7,
            "seed": None,
            "messages.1.name": None,
            "messages.2.content.0.thinking.0.text": "Look it up.",
            "messages.2.tool_calls.0.id": DIGITS,
            "messages.3.tool_call_id": DIGITS,
            "reasoning_effort": "high",
        },
        dropped="name,user,logit_bias",
    ),
    Case(
        "cohere",
        "command-a-reasoning-08-2025",
        "/v2/chat",
        sent={
            **SYSTEM,
            "max_tokens": 100,
            "seed": 7,
            "thinking.token_budget": 2048,
            "messages.3.tool_call_id": CALL_ID,
        },
        dropped=OTHERS_DROP,
        protocol="cohere",
    ),
    Case(
        "deepseek",
        "deepseek-v4-flash",
        sent={**SYSTEM, **MAX_TOKENS, **AS_CONTENT, "reasoning_effort": "low", "seed": None},
        dropped="seed,logit_bias,user",
    ),
    Case("xai", "grok-4.3", sent={**SYSTEM, **AS_CONTENT, "seed": 7}, dropped="logit_bias"),
    Case(
        "qwen",
        "qwen-plus",
        sent={
            **SYSTEM,
            **MAX_TOKENS,
            **AS_CONTENT,
            "enable_thinking": True,
            "reasoning_effort": None,
            "tools.0.function.strict": None,
        },
        dropped="logit_bias",
    ),
    Case(
        "ai21",
        "jamba-mini",
        sent={
            **SYSTEM,
            **MAX_TOKENS,
            **NO_THINKING,
            "messages.1.content": "Weather in Oslo?",
            "messages.3.content": "rain\n\n5 C",
        },
        dropped="thinking,reasoning_effort,seed,logit_bias,user",
    ),
    Case(
        "perplexity",
        "sonar",
        sent={**SYSTEM, **MAX_TOKENS},
        dropped="reasoning_effort,seed,logit_bias,user",
        asked=PLAIN,
    ),
    Case(
        "deepinfra",
        "meta-llama/Llama-3.3-70B-Instruct",
        sent={**SYSTEM, **MAX_TOKENS, **AS_CONTENT, "messages.3.content": "rain\n\n5 C"},
    ),
    Case("together", "openai/gpt-oss-20b", sent={**SYSTEM, **MAX_TOKENS, **AS_REASONING}),
    Case("groq", "openai/gpt-oss-20b", sent={**SYSTEM, **AS_REASONING}, dropped="logit_bias"),
    Case("openrouter", "openai/gpt-4.1", sent=AS_REASONING),
    Case("fireworks", "accounts/fireworks/models/glm-5", sent={**SYSTEM, **MAX_TOKENS, **AS_CONTENT}),
    Case("ollama", "gpt-oss:20b", sent={**SYSTEM, **MAX_TOKENS, "messages.2.reasoning": "Look it up."}),
    Case("vllm", "my-model", sent={**SYSTEM, **AS_CONTENT}),
    Case("llamacpp", "my-model", sent={**SYSTEM, **AS_CONTENT}),
    Case(
        "bedrock",
        "us.amazon.nova-micro-v1:0",
        "/model/us.amazon.nova-micro-v1%3A0/converse",
        more='region = "eu-west-1"',
        sent={
            "system.0.text": "Be brief.",
            "messages.1.content.0.toolUse.input.city": "Oslo",
            "messages.2.content.0.toolResult.toolUseId": CALL_ID,
            "inferenceConfig.maxTokens": 100,
        },
        dropped="seed,logit_bias,user,reasoning_effort,tools.strict,messages.name,messages.reasoning",
        protocol="bedrock",
    ),
    Case(
        "vertex",
        "gemini-2.5-flash",
        f"{AT_VERTEX}/publishers/google/models/gemini-2.5-flash:generateContent",
        more=VERTEX,
        sent=GEMINI_SENT,
        dropped=OTHERS_DROP,
        protocol="gemini",
    ),
    Case(
        "vertex",
        "claude-haiku-4-5@20251001",
        f"{AT_VERTEX}/publishers/anthropic/models/claude-haiku-4-5@20251001:rawPredict",
        more=VERTEX,
        sent={**CLAUDE_SENT, "anthropic_version": "vertex-2023-10-16", "model": None},
        dropped=CLAUDE_DROPS,
        protocol="anthropic",
    ),
    Case(
        "vertex",
        "meta/llama-4-maverick",
        f"{AT_VERTEX}/endpoints/openapi/chat/completions",
        more=VERTEX,
        sent={**SYSTEM, "model": "meta/llama-4-maverick"},
    ),
    Case(
        "openai_compatible",
        "my-model",
        sent={**AS_CONTENT, "messages.0.role": "system", "max_completion_tokens": 100},
    ),
]


def at(body: Any, path: str) -> Any:
    """What stands in a body at a path; None where there is nothing."""
    for step in path.split("."):
        if isinstance(body, list):
            body = body[int(step)] if int(step) < len(body) else None
        else:
            body = body.get(step) if isinstance(body, dict) else None
    return body


def test_every_service_is_called_in_some_case() -> None:
    assert {case.kind for case in CASES} == {kind.name for kind in kinds().values() if not kind.embedded}


@pytest.mark.parametrize("case", CASES, ids=[f"{case.kind}-{case.model}" for case in CASES])
async def test_a_service_is_called_in_its_own_words(case: Case) -> None:
    async with Simulator() as provider:
        provider.answer(json(ANSWERS[case.protocol]))
        settings = [
            "[providers.it]",
            f'kind = "{case.kind}"',
            f'base_url = "{provider.url}{case.prefix}"',
            f'api_key = "{KEY}"',
            case.more,
        ]
        async with Gateway(more="\n".join(settings)) as gateway:
            reply = await gateway.post("/v1/chat/completions", {"model": f"it/{case.model}", **case.asked})
    (seen,) = provider.requests
    assert seen.path == case.path
    assert {name: value for name, value in seen.headers.items() if KEY in value} == {case.header: case.value}
    assert {path: at(seen.json, path) for path in case.sent} == case.sent
    assert reply.status == 200
    assert reply.json["choices"][0]["message"]["content"] == "Rain."
    assert reply.json["usage"]["total_tokens"] == 4
    assert reply.headers.get("x-tidegate-dropped") == case.dropped
