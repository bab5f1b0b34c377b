"""The `.env` of each replaced gateway, read from the working directory: its documented calls are answered.

What the calls return in detail is tested by the module of each gateway; here all start from the file as it is
documented. Only the providers' addresses come from the environment, since the real ones are not for tests.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from process.serving import Served
from replaced.test_gateway_a import COHERE, PROVIDERS
from replaced.test_gateway_d import CHAT, EMBEDDINGS, HEADERS, IMAGES
from running import Gateway, Reply
from sdk.dialects import ANTHROPIC, GEMINI, OPENAI, TEXT
from simulator import Script, Seen, Simulator
from simulator import json as answer
from tidegate.config import load

FILES = Path(__file__).parent / "env"
HI = [{"role": "user", "content": "Hello!"}]
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
SEEN = [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, IMAGE]}]

ADDRESSES: dict[str, dict[str, str]] = {
    "a": {f"{name}_BASE_URL": "" for name, _, _ in PROVIDERS.values()},
    "b": {f"{name}_BASE_URL": "" for name in ("OPENAI", "ANTHROPIC", "GOOGLE")},
    "c": {f"{name}_API_BASE": "/v1" for name in ("OPENAI", "ANTHROPIC", "DEEPSEEK")},
    "d": {f"AZURE_OPENAI_{name}_ENDPOINT": "" for name in ("WEST_US", "EAST_US")},
    "e": {f"{name}_BASE_URL": "/v1" for name in ("LITELLM", "OPENAI")},
}
"""Variables of the addresses → what stands behind the simulator's."""


def chat(path: str, model: str, **more: Any) -> tuple[str, str, Any]:
    return ("POST", path, {"model": model, "messages": HI, **more})


OPENAI_PATH = "/v1/chat/completions"
CALLS: dict[str, list[tuple[str, str, Any]]] = {
    "a": [
        ("GET", "/models", None),
        ("GET", "/docs", None),
        *(chat(OPENAI_PATH, model, provider=name) for name, (_, model, _) in PROVIDERS.items()),
        *(chat(OPENAI_PATH, model, provider=name, stream=True) for name, (_, model, _) in PROVIDERS.items()
          if name != "Cohere"),
        chat(OPENAI_PATH, "o1", provider="openai", reasoning_effort="high", max_tokens=99, temperature=1),
        chat(OPENAI_PATH, "claude-3-opus-20240229", provider="anthropic", system_message="Be brief."),
        chat(OPENAI_PATH, "mistral-large-latest", provider="mistral", response_format={"type": "json_object"},
             stop=["."], top_p=0.9, frequency_penalty=0, presence_penalty=0),
    ],
    "b": [
        chat(OPENAI_PATH, "gpt-4o"),
        chat(OPENAI_PATH, "claude-3-5-sonnet", stream=True),
        chat(OPENAI_PATH, "gemini-1.5-pro"),
        chat(OPENAI_PATH, "gpt-4o-mini", tools=TOOLS),
        chat(OPENAI_PATH, "gpt-4o", messages=SEEN),
        ("GET", "/v1/chat/models", None),
        ("GET", "/v1/chat/health", None),
        chat("/v1/chat/estimate", "gpt-4o"),
        ("GET", "/health", None),
    ],
    "c": [
        chat("/api/v1/chat/completions", model, stream=stream)
        for model in ("gpt-3.5-turbo", "anthropic-claude-3-opus-20240229", "deepseek-chat")
        for stream in (False, True)
    ],
    "d": [
        ("GET", "/llm-gate/v1/providers", None),
        ("POST", "/llm-gate/v1/chat", CHAT),
        ("POST", "/llm-gate/v1/images/generations", IMAGES),
        ("POST", "/llm-gate/v1/embeddings", EMBEDDINGS),
        ("GET", "/llm-gate/v1/health", None),
        ("GET", "/llm-gate/docs", None),
        ("GET", "/llm-gate/redoc", None),
    ],
    "e": [
        chat(OPENAI_PATH, "gpt-4o-mini"),
        chat(OPENAI_PATH, "claude-3-sonnet", stream=True),
        chat(OPENAI_PATH, "llama-2-70b-chat"),
        ("GET", "/v1/models", None),
        ("GET", "/docs", None),
        ("GET", "/redoc", None),
    ],
}  # fmt: skip
EVERY = [(name, call) for name, calls in CALLS.items() for call in calls]


def play(seen: Seen) -> Script:
    """Answer like the provider whose path was requested."""
    if seen.method == "GET":
        return answer({"object": "list", "data": [{"id": "claude-3-sonnet", "object": "model"}]})
    if "embeddings" in seen.path:
        return answer({"data": [{"embedding": [0.5], "index": 0}], "usage": {"prompt_tokens": 1}})
    if "images" in seen.path:
        return answer({"created": 1, "data": [{"url": "https://images.example/1.png"}]})
    if seen.path.endswith("/v2/chat"):
        return COHERE
    others = ANTHROPIC if seen.path.endswith("/messages") else OPENAI
    dialect = GEMINI if "generate" in seen.path.lower() else others
    return dialect.stream if "stream" in seen.path or seen.json.get("stream") else dialect.text


def addresses(name: str, url: str) -> dict[str, str]:
    return {variable: url + path for variable, path in ADDRESSES[name].items()}


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        simulator.answer(play)
        yield simulator


def open_gateway(name: str, provider: Simulator) -> Gateway:
    dotenv = (FILES / f"{name}.env").read_text()
    keys = {"TIDEGATE_API_KEYS": "any"} if name == "b" else {}  # whose users need tokens or keys
    return Gateway(environ={**addresses(name, provider.url), **keys}, dotenv=dotenv)


async def call(gateway: Gateway, method: str, path: str, body: Any) -> Reply:
    headers = HEADERS if path.startswith("/llm-gate/v1") else {"authorization": "Bearer any"}
    return await (gateway.get(path, headers) if method == "GET" else gateway.post(path, body, headers))


@pytest.mark.parametrize(
    ("name", "documented"),
    EVERY,
    ids=[f"{name} {path}" for name, (_, path, _) in EVERY],
)
async def test_every_documented_call_is_answered(
    provider: Simulator, name: str, documented: tuple[str, str, Any]
) -> None:
    method, path, body = documented
    async with open_gateway(name, provider) as gateway:
        reply = await call(gateway, method, path, body)
    assert reply.status == 200, reply.body
    if "chat/completions" in path:
        said = reply.text if body.get("stream") else reply.json["choices"][0]["message"]["content"]
        assert said == TEXT
        assert "your" in str(provider.requests[-1].headers), "the file's placeholder is the key that is sent"


UNUSED = {
    "b": {
        "SUPABASE_ANON_KEY", "SUPABASE_SERVICE_ROLE_KEY",
        "CACHE_TTL_SECONDS", "BALANCE_CACHE_TTL_SECONDS",
    },
    "e": {"ENABLE_RELOAD"},
}  # fmt: skip
"""What is announced for later."""
PORTS = {"a": 8000, "b": 3000, "c": 8000, "d": 8080, "e": 8728}


@pytest.mark.parametrize("name", ADDRESSES)
def test_the_file_is_understood_as_it_is(tmp_path: Path, name: str) -> None:
    (tmp_path / ".env").write_bytes((FILES / f"{name}.env").read_bytes())
    config = load(None, {}, tmp_path)
    assert config.server.port == PORTS[name]
    assert config.server.host == "127.0.0.1", "beyond loopback only with client keys"
    assert set(config.not_used_yet) == UNUSED.get(name, set())
    assert [warning for warning in map(str, config.warnings) if "unknown" in warning] == []
    assert len(config.providers) == {"a": 11, "b": 3, "c": 3, "d": 2, "e": 2}[name]


@pytest.mark.parametrize("name", ADDRESSES)
async def test_serve_starts_beside_the_file(tmp_path: Path, unused_tcp_port: int, name: str) -> None:
    (tmp_path / ".env").write_bytes((FILES / f"{name}.env").read_bytes())
    async with Served(
        tmp_path, None, port=unused_tcp_port, args=["--port", str(unused_tcp_port)], secrets=[]
    ) as gateway:
        assert (await gateway.get("/health")).status == 200
        log = gateway.log
    assert f"{len(ADDRESSES[name])} providers: " in log
    assert ("users with tokens of https://your-project.supabase.co" in log) is (name == "b")
    assert ("0.0.0.0" in log) is (name in "de"), (
        "a gateway that was reachable from outside logs why it is not"
    )
