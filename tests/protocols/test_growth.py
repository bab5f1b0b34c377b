"""What clients and providers send costs its size: twice as much is twice the work.

Work is counted, not timed: lines that run in `protocols/`, and bytes that each of them allocates on its
way (a copied list, joined bytes and an encoded text are work of C that no line shows). What is not seen
is a scan that allocates nothing, such as `in` on a list.
"""

# ruff: noqa: E501 a case is a line

import json
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import tidegate.protocols
from tidegate.protocols.contract import Bridge, Call, Conduit, Target
from tidegate.protocols.errors import TidegateError
from tidegate.providers import FORMATS, protocol_named

ROOM = str(Path(tidegate.protocols.__file__).parent)
SIZES = (15, 30, 60)
LINES, BYTES = 1.15, 1.5
"""By how much work per element may grow from the first doubling to the second: tables double in steps."""

TIMES = 3
"""Measurements that have to agree that something grows."""

STRIDE, LONG = 8, 120
"""A look at the memory takes as long as fifty lines: where an element takes many lines, only each 8th is
followed by one. What is copied for each element is seen nevertheless, each time.
"""


def work_of(function: Callable[[], object], stride: int) -> tuple[int, int]:
    """Lines, and bytes allocated by them, as seen after each so many lines."""
    lines = allocated = before = 0

    def step(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal lines, allocated, before
        lines += event == "line"
        if lines % stride:
            return step
        now, peak = tracemalloc.get_traced_memory()
        allocated += max(0, peak - before)
        before = now
        tracemalloc.reset_peak()
        return step

    def enter(frame: FrameType, event: str, argument: Any) -> Any:
        return step(frame, event, argument) if frame.f_code.co_filename.startswith(ROOM) else None

    traced = sys.gettrace()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    sys.settrace(enter)
    try:
        function()
    finally:
        sys.settrace(traced)
        tracemalloc.stop()
    return lines, allocated


def assert_linear(make: Callable[[int], Callable[[], object]], long: int = LONG) -> None:
    """Fail if the work per element grows. Tables grow in steps, which are small for large ones: what seems to
    grow is measured again, with more elements and as closely as possible; and again, as threads of other
    tests may allocate something meanwhile.
    """
    if excess_of(make, SIZES, long) is None:
        return
    for _ in range(TIMES):
        excess = excess_of(make, tuple(4 * size for size in SIZES), sys.maxsize)  # after each line
        if excess is None:
            return
    raise AssertionError(excess)


def excess_of(make: Callable[[int], Callable[[], object]], sizes: tuple[int, ...], long: int) -> str | None:
    """What grows more than it may: the measurements. Elements of more than `long` lines are looked at less
    closely.
    """
    lines, _ = work_of(make(sizes[0]), stride=STRIDE)  # caches are filled, too
    stride = STRIDE if lines > sizes[0] * long else 1
    small, middle, large = (work_of(make(size), stride) for size in sizes)
    for what, limit, one, two, four in zip(
        ("lines", "bytes"), (LINES, BYTES), small, middle, large, strict=True
    ):
        first, second = two - one, (four - two) / 2
        if second > max(first, 1_000) * limit:
            return f"{what}: {one}, {two}, {four}"
    return None


SQUARES = """
def copies(count):
    done = []
    for _ in range(count):
        done = [*done, 1]

def visits(count):
    for _ in range(count):
        for _ in range(count):
            pass
"""


@pytest.mark.parametrize("name", ["copies", "visits"])
def test_what_costs_more_than_its_size_is_noticed(name: str) -> None:
    room: dict[str, Any] = {}
    exec(compile(SQUARES, f"{ROOM}/squares.py", "exec"), room)
    with pytest.raises(AssertionError, match=r"^(lines|bytes):"):
        assert_linear(lambda count: lambda: room[name](count))


# --- requests ------------------------------------------------------------------------------------

TEXT = {"type": "text", "text": "A text of some length."}
PNG = "data:image/png;base64,iVBORw0KGgo="


def hi(role: str) -> dict[str, Any]:
    return {"role": role, "content": "A text of some length."}


def function(number: int) -> dict[str, Any]:
    return {"name": f"f{number}", "description": "d", "parameters": {"type": "object", "properties": {}}}


def chat_calls(count: int) -> list[Any]:
    calls = [
        {"id": f"call_{n}", "type": "function", "function": {"name": f"f{n % 7}", "arguments": "{}"}}
        for n in range(count)
    ]
    results = [{"role": "tool", "tool_call_id": f"call_{n}", "content": "ok"} for n in range(count)]
    return [hi("user"), {"role": "assistant", "tool_calls": calls}, *results]


def old_calls(count: int) -> list[Any]:
    calls = [
        {"role": "assistant", "content": None, "function_call": {"name": f"f{n}", "arguments": "{}"}}
        for n in range(count)
    ]
    return [
        hi("user"),
        *calls,
        *({"role": "function", "name": f"f{n}", "content": "ok"} for n in range(count)),
    ]


def gemini_calls(count: int) -> list[Any]:
    calls = [{"functionCall": {"name": f"f{n}", "args": {}}} for n in range(count)]
    answers = [{"functionResponse": {"name": f"f{n}", "response": {}}} for n in reversed(range(count))]
    return [{"role": "user", "parts": [{"text": "a"}]}, {"role": "model", "parts": calls}, {"role": "user", "parts": answers}]  # fmt: skip


REQUESTS: dict[str, dict[str, Callable[[int], dict[str, Any]]]] = {
    "openai_chat": {
        "turns": lambda n: {"messages": [hi("user"), hi("assistant")] * n},
        "messages of one role": lambda n: {"messages": [hi("user")] * n},
        "instructions": lambda n: {"messages": [hi("system")] * n + [hi("user")]},
        "parts": lambda n: {"messages": [{"role": "user", "content": [TEXT] * n}]},
        "images": lambda n: {
            "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": PNG}}] * n}]
        },
        "calls": lambda n: {"messages": chat_calls(n)},
        "old calls": lambda n: {"messages": old_calls(n)},
        "tools": lambda n: {
            "messages": [hi("user")],
            "tools": [{"type": "function", "function": function(k)} for k in range(n)],
        },
        "stops": lambda n: {"messages": [hi("user")], "stop": [f"stop {k}" for k in range(n)]},
        "unknown fields": lambda n: {"messages": [{**hi("user"), "name": "a"}] * n, **{f"x{k}": 1 for k in range(n)}},
    },
    "anthropic": {
        "turns": lambda n: {"messages": [hi("user"), hi("assistant")] * n},
        "cached parts": lambda n: {
            "messages": [{"role": "user", "content": [{**TEXT, "cache_control": {"type": "ephemeral"}}] * n}]
        },
        "instructions": lambda n: {"system": [TEXT] * n, "messages": [hi("user")]},
        "tools": lambda n: {
            "messages": [hi("user")],
            "tools": [{"name": f"f{k}", "input_schema": {"type": "object"}} for k in range(n)],
        },
        "calls": lambda n: {
            "messages": [
                hi("user"),
                {"role": "assistant", "content": [{"type": "tool_use", "id": f"c{k}", "name": "f", "input": {}} for k in range(n)]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"c{k}", "content": "ok"} for k in range(n)]},
            ]
        },
    },
    "openai_responses": {
        "messages": lambda n: {"input": [hi("user"), hi("assistant")] * n},
        "calls": lambda n: {
            "input": [
                *({"type": "function_call", "call_id": f"c{k}", "name": "f", "arguments": "{}"} for k in range(n)),
                *({"type": "function_call_output", "call_id": f"c{k}", "output": "ok"} for k in range(n)),
            ]
        },
        "tools": lambda n: {"input": "Hi", "tools": [{"type": "function", **function(k)} for k in range(n)]},
        "allowed tools": lambda n: {
            "input": "Hi",
            "tools": [{"type": "function", **function(k)} for k in range(n)],
            "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": f"f{k}"} for k in reversed(range(n))]},
        },
    },
    "gemini": {
        "turns": lambda n: {"contents": [{"role": role, "parts": [{"text": "a"}]} for role in ("user", "model")] * n},
        "pieces of one text": lambda n: {"contents": [{"role": "user", "parts": [{"text": "a"}]}, {"role": "model", "parts": [{"text": "some words "}] * n}]},
        "calls": lambda n: {"contents": gemini_calls(n)},
        "parts of its own": lambda n: {"contents": [{"role": "model", "parts": [{"executableCode": {"language": "PYTHON", "code": "1"}}] * n}, {"role": "user", "parts": [{"text": "a"}]}]},
    },
}  # fmt: skip
EVERY_FORMAT = ("openai_chat", "anthropic")
"""Doors whose requests are rendered in every format; those of the others say nothing else, so that reading
them and passing them on is enough."""
ASKS = [
    (door, what, name)
    for door, makes in REQUESTS.items()
    for what in makes
    for name in (FORMATS if door in EVERY_FORMAT else (door, "openai_chat"))
]


MODELS = {"bedrock": "anthropic.claude-sonnet-4-5"}
"""A model that takes cache points."""


def serve(door: str, body: bytes, name: str) -> object:
    """Everything that happens to a request before it is sent."""
    asked: Any = protocol_named(door)
    protocol: Any = protocol_named(name)
    dialects: dict[str, dict[str, Any]] = {"openai_chat": {"alternation": True}}
    target = Target(MODELS.get(name, "m"), protocol.dialect(**dialects.get(name, {})))
    try:
        parsed = asked.parse_request(body, "m") if door == "gemini" else asked.parse_request(body)
        if name == door:
            asked.splice_request(parsed, target)
        return protocol.render_request(parsed.turn(), target)
    except TidegateError as error:
        return error


@pytest.mark.parametrize(("door", "what", "name"), ASKS)
def test_a_request_costs_its_size(door: str, what: str, name: str) -> None:
    def make(count: int) -> Callable[[], object]:
        body = json.dumps({"model": "m", "max_tokens": 99, **REQUESTS[door][what](count)}).encode()
        return lambda: serve(door, body, name)

    assert_linear(make)


# --- answers -------------------------------------------------------------------------------------


def sse(*events: Any) -> bytes:
    return b"".join(
        b"event: %s\ndata: %s\n\n" % (str(one.get("type", "x")).encode(), json.dumps(one).encode())
        for one in events
    )


def chunk(delta: dict[str, Any], finish: str | None = None, index: int = 0) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def chat(*deltas: dict[str, Any]) -> bytes:
    events = [chunk({"role": "assistant", "content": ""}), *(chunk(one) for one in deltas), chunk({}, "stop")]
    return b"".join(b"data: %s\n\n" % json.dumps(one).encode() for one in events) + b"data: [DONE]\n\n"


def message(*events: dict[str, Any]) -> bytes:
    start = {"type": "message_start", "message": {"id": "m", "model": "m", "usage": {"input_tokens": 1}}}
    stop = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}
    return sse(start, *events, stop, {"type": "message_stop"})


def block(head: dict[str, Any], *deltas: dict[str, Any], index: int = 0) -> Iterator[dict[str, Any]]:
    yield {"type": "content_block_start", "index": index, "content_block": head}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def google(*parts: dict[str, Any], **more: Any) -> bytes:
    answers = [{"candidates": [{"content": {"parts": [part], "role": "model"}}]} for part in parts]
    end = {"candidates": [{"finishReason": "STOP", **more}]}
    return b"".join(b"data: %s\r\n\r\n" % json.dumps(one).encode() for one in (*answers, end))


def grounding(count: int) -> dict[str, Any]:
    chunks = [{"web": {"uri": f"https://example.com/{n}", "title": "t"}} for n in range(count)]
    supports = [
        {"segment": {"startIndex": 2 * n, "endIndex": 2 * n + 2}, "groundingChunkIndices": [n]}
        for n in range(count)
    ]
    return {"groundingChunks": chunks, "groundingSupports": supports}


def interleaved(count: int) -> Iterator[dict[str, Any]]:
    """A few calls for each other's pieces, and each piece of one stands between those of the others."""
    yield from (call(number, "{") for number in range(count))
    yield from (call(number, '"a":1') for number in range(count))
    yield from (call(number, "}") for number in reversed(range(count)))


def call(number: int, arguments: str = "{}") -> dict[str, Any]:
    function = {"name": "f", "arguments": arguments}
    return {"tool_calls": [{"index": number, "id": f"c{number}", "type": "function", "function": function}]}


URL = {"type": "web_search_result_location", "title": "t", "cited_text": "c", "encrypted_index": "e"}
ANSWERS: dict[str, dict[str, Callable[[int], bytes]]] = {
    "openai_chat": {
        "texts": lambda n: chat(*({"content": "some words "} for _ in range(n))),
        "blanks": lambda n: chat(*({"content": " " * 20} for _ in range(n))),
        "calls": lambda n: chat(*(call(k) for k in range(n))),
        "interleaved calls": lambda n: chat(*interleaved(n)),
        "pieces that end in braces": lambda n: chat(call(0, "{"), call(1, "{}"), *(call(0, '"a":{}') for _ in range(n)), call(0, "}")),
        "choices": lambda n: b"".join(b"data: %s\n\n" % json.dumps(chunk({"content": "a"}, finish, k)).encode() for finish in (None, "stop") for k in range(n)) + b"data: [DONE]\n\n",
        "a large event": lambda n: chat({"content": "x" * 1000 * n}),
        "citations": lambda n: chat({"content": "é" * n}, *({"annotations": [{"type": "url_citation", "url_citation": {"url": f"https://example.com/{k}", "title": "t", "start_index": 1, "end_index": k}}]} for k in range(n))),
    },
    "anthropic": {
        "texts": lambda n: message(*block({"type": "text", "text": ""}, *[{"type": "text_delta", "text": "some words "}] * n)),
        "signatures": lambda n: message(*block({"type": "thinking", "thinking": "a"}, *[{"type": "signature_delta", "signature": "s" * 500}] * n)),
        "input of its own": lambda n: message(*block({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}, *[{"type": "input_json_delta", "partial_json": "x" * 500}] * n)),
        "growing fields": lambda n: message(*block({"type": "compaction", "content": ""}, *[{"type": "compaction_delta", "content": "x" * 500}] * n)),
        "citations": lambda n: message(*block({"type": "text", "text": "é" * n}, *({"type": "citations_delta", "citation": {**URL, "url": f"https://example.com/{k}"}} for k in range(n)))),
        "blocks": lambda n: message(*(event for k in range(n) for event in block({"type": "tool_use", "id": f"c{k}", "name": "f", "input": {}}, {"type": "input_json_delta", "partial_json": "{}"}, index=k))),
        "a large event": lambda n: message(*block({"type": "text", "text": "x" * 1000 * n})),
    },
    "gemini": {
        "texts": lambda n: google(*({"text": "some words "} for _ in range(n))),
        "calls": lambda n: google(*({"functionCall": {"name": f"f{k}", "args": {}}} for k in range(n))),
        "citations": lambda n: google({"text": "é" * n}, groundingMetadata=grounding(n)),
        "a large event": lambda n: google({"text": "x" * 1000 * n}),
        "pieces of arguments": lambda n: google({"functionCall": {"name": "f", "willContinue": True}}, *({"functionCall": {"partialArgs": [{"jsonPath": "$.a", "stringValue": "x" * 500, "willContinue": True}], "willContinue": True}} for _ in range(n)), {"functionCall": {}}),
    },
}  # fmt: skip
DOORS: dict[str, Any] = {
    "openai_chat": {"messages": [hi("user")]},
    "anthropic": {"max_tokens": 9, "messages": [hi("user")]},
    "openai_responses": {"input": "Hi"},
    "gemini": {"contents": [{"parts": [{"text": "Hi"}]}]},
}
TOLD = [(name, what) for name, makes in ANSWERS.items() for what in makes]


def conduit_of(door: str, name: str, stream: bool, facts: dict[str, Any]) -> Conduit:
    asked: Any = protocol_named(door)
    protocol: Any = protocol_named(name)
    target = Target("m", protocol.dialect(**facts))
    body = json.dumps({"model": "m", "stream": stream, **DOORS[door]}).encode()
    parsed = asked.parse_request(body, "m", stream=stream) if door == "gemini" else asked.parse_request(body)
    if name == door and stream:
        conduit: Conduit = asked.splice(parsed, asked.splice_request(parsed, target), target)
        return conduit
    return Bridge(protocol.reader(Call("/", b"", True), target), asked.writer(parsed, "m"))


def passed_in_pieces(conduit: Conduit, answer: bytes, size: int) -> Callable[[], object]:
    pieces = [answer[begin : begin + size] for begin in range(0, len(answer), size)]

    def run() -> bytes:
        out = b"".join([conduit.feed(piece) for piece in pieces]) + conduit.close()
        assert conduit.failure is None, conduit.failure
        return out

    return run


FACTS: dict[str, list[dict[str, Any]]] = {
    "openai_chat": [{}, {"ragged_calls": True, "repeats_role": True}, {"inline_thinking": True}]
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("name", "what"), TOLD)
def test_an_answer_costs_its_size(name: str, what: str, door: str, stream: bool) -> None:
    own = door == name and stream
    for facts in FACTS.get(name, [{}]) if own else [{}]:

        def make(count: int, facts: dict[str, Any] = facts) -> Callable[[], object]:
            return passed_in_pieces(conduit_of(door, name, stream, facts), ANSWERS[name][what](count), 1500)

        assert_linear(make)
