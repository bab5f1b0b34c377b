"""What a wire format costs a request and an event on its way through the gateway: parsed, planned, answered.

No sockets and no HTTP: this is what the processor does for a request in `protocols/` and for its candidate.
Worth defending, on the machine where a plain proxy of uvicorn and aiohttp takes 135 µs: a plain JSON chat in
14 µs where the provider speaks the client's format (with faults to mend or without), in 45 µs translated to
Anthropic and back; a stream event in 2.5 µs passed or translated to OpenAI's clients, in 4 µs translated to
Anthropic's. Eight events in one read cost no more than eight reads.
"""

import json
from collections.abc import Callable
from itertools import repeat
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from running import parse_config
from tidegate.exchange.operation import Chat
from tidegate.protocols import anthropic, openai_chat
from tidegate.providers import ModelRegistry

REGISTRY = ModelRegistry(
    parse_config("""
[providers.mended]
kind = "openai_compatible"
base_url = "http://127.0.0.1:1/v1"
api_key = "sk-up"
[providers.spliced]
kind = "openai"
base_url = "http://127.0.0.1:1/v1"
api_key = "sk-up"
[providers.claude]
kind = "anthropic"
base_url = "http://127.0.0.1:1"
api_key = "sk-up"
""")
)
CHAT, MESSAGES = Chat(openai_chat.PROTOCOL), Chat(anthropic.PROTOCOL)
TEXT = "Hello! How can I help you today? I can write, analyse, code and calculate. " * 2
EVENTS = 200


def compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def asked(model: str, stream: bool) -> bytes:
    turns = [{"role": "user", "content": "Hello, how are you? " * 10}]
    return compact({"model": model, "messages": turns, "max_tokens": 256, "stream": stream})


HEAD = {"id": "chatcmpl-1", "created": 1751281234, "model": "m-1"}
USAGE = {"prompt_tokens": 18, "completion_tokens": 38, "total_tokens": 56}
DELTA = {"index": 0, "delta": {"content": " tok"}, "logprobs": None, "finish_reason": None}
OPENAI = compact(
    {
        **HEAD,
        "object": "chat.completion",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"},
        ],
        "usage": USAGE,
    }
)
CLAUDE: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m-1"}
ANTHROPIC = compact(
    {
        **CLAUDE,
        "content": [{"type": "text", "text": TEXT}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 18, "output_tokens": 38},
    }
)


def chunk(**fields: Any) -> bytes:
    return b"data: " + compact({**HEAD, "object": "chat.completion.chunk", **fields}) + b"\n\n"


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: ".encode() + compact({"type": kind, **fields}) + b"\n\n"


OPENAI_EVENT = chunk(choices=[DELTA])
OPENAI_ENDS = (b"", chunk(choices=[{**DELTA, "delta": {}, "finish_reason": "stop"}]) + b"data: [DONE]\n\n")
ANTHROPIC_EVENT = event("content_block_delta", index=0, delta={"type": "text_delta", "text": " tok"})
ANTHROPIC_ENDS = (
    event("message_start", message={**CLAUDE, "content": []})
    + event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
    event("content_block_stop", index=0)
    + event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 9})
    + event("message_stop"),
)

ROUTES = pytest.mark.parametrize(
    ("operation", "model"),
    [
        pytest.param(CHAT, "mended/m", id="mended"),
        pytest.param(CHAT, "spliced/m", id="spliced"),
        pytest.param(CHAT, "claude/m", id="translated"),
        pytest.param(MESSAGES, "claude/m", id="anthropic spliced"),
        pytest.param(MESSAGES, "mended/m", id="anthropic translated"),
    ],
)


@ROUTES
def test_a_whole_answer(benchmark: BenchmarkFixture, operation: Chat, model: str) -> None:
    body, answer = asked(model, False), ANTHROPIC if model == "claude/m" else OPENAI

    def run() -> bytes:
        parsed = operation.parse(body)
        resolution = REGISTRY.resolve(
            parsed.model, parsed.provider, parsed.fallbacks, operation.client_format
        )
        candidate = resolution.candidates[0]
        _, conduit = operation.plan(parsed, candidate)
        return conduit.feed(answer) + conduit.close()

    assert TEXT.encode() in benchmark(run)


@ROUTES
@pytest.mark.parametrize("together", [1, 8], ids=["one a read", "eight a read"])
def test_events(benchmark: BenchmarkFixture, operation: Chat, model: str, together: int) -> None:
    """A step is a stream of `EVENTS` events."""
    parsed = operation.parse(asked(model, True))
    candidate = REGISTRY.resolve(model, client_format=operation.client_format).candidates[0]
    piece, (head, end) = (
        (ANTHROPIC_EVENT, ANTHROPIC_ENDS) if model == "claude/m" else (OPENAI_EVENT, OPENAI_ENDS)
    )
    benchmark(
        streaming(operation, parsed, candidate, [head, *repeat(piece * together, EVENTS // together), end])
    )


def streaming(operation: Chat, parsed: Any, candidate: Any, pieces: list[bytes]) -> Callable[[], None]:
    def run() -> None:
        _, conduit = operation.plan(parsed, candidate)
        for piece in pieces:
            conduit.feed(piece)
        conduit.close()
        assert conduit.failure is None

    return run
