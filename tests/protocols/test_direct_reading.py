"""What is read by a direct path gives the same events as the general one."""

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as some

from tidegate.protocols import anthropic, openai_chat
from tidegate.protocols.contract import Call, Target
from tidegate.protocols.events import Event, Failed

WHOLE = Call("/", b"", stream=False)
STREAM = Call("/", b"", stream=True)
CLAUDE = Target("m", anthropic.PROTOCOL.dialect())
CHAT = Target("m", openai_chat.PROTOCOL.dialect())

COUNTS = some.none() | some.integers(0, 10**6)
TEXTS = some.text(max_size=20)
REASONS = some.sampled_from(
    ["end_turn", "max_tokens", "stop_sequence", "refusal", "tool_use", "new", "", None]
)
STOPS = {"stop_reason": REASONS, "stop_sequence": some.none() | TEXTS}
USAGES = some.none() | some.fixed_dictionaries(
    {}, optional={"input_tokens": COUNTS, "output_tokens": COUNTS, "cache_read_input_tokens": COUNTS}
)
MESSAGES = some.fixed_dictionaries(
    {"type": some.just("message"), "content": some.lists(TEXTS, max_size=3)},
    optional={"id": TEXTS, "model": TEXTS, "usage": USAGES, **STOPS},
)


def read_message(message: dict[str, Any], **beside: Any) -> list[Event]:
    """The events of a message whose texts have something beside them."""
    blocks = [{"type": "text", "text": text, **beside} for text in message["content"]]
    reader = anthropic.PROTOCOL.reader(WHOLE, CLAUDE)
    reader.feed(json.dumps({**message, "content": blocks}).encode())
    return reader.close()


@given(MESSAGES)
def test_a_message_of_texts_reads_like_one_with_citations_that_are_none(message: dict[str, Any]) -> None:
    general = read_message({**message, "content": [*message["content"], ""]}, citations=[])
    assert_alike(read_message(message), general)


def assert_alike(first: list[Event], second: list[Event]) -> None:
    """The same events; an error counts by its words, up to the answer that it quotes."""
    assert list(map(comparable, first)) == list(map(comparable, second))


def comparable(event: Event) -> Any:
    return str(event.error).partition("; it")[0] if isinstance(event, Failed) else event


DELTAS = some.fixed_dictionaries(
    {"content": some.none() | TEXTS},
    optional={
        "role": some.just("assistant"),
        "refusal": some.none() | TEXTS,
        "reasoning_content": some.none() | TEXTS,
        "tool_calls": some.none() | some.just([{"index": 0, "id": "c", "function": {"name": "f"}}]),
    },
)
CHOICES = some.fixed_dictionaries(
    {"delta": DELTAS},
    optional={
        "index": some.integers(0, 2),
        "finish_reason": some.sampled_from([None, "stop", "length"]),
        "logprobs": some.none() | some.just({"content": [{"token": "a"}]}),
        "error": some.none() | some.just({"message": "down"}),
    },
)
CHUNKS = some.fixed_dictionaries(
    {"id": some.just("c-1"), "choices": some.lists(CHOICES, max_size=2)},
    optional={
        "usage": some.none() | some.just({"prompt_tokens": 3, "completion_tokens": 4}),
        "citations": some.none() | some.just(["https://example.com"]),
        "error": some.none() | some.just({"message": "down"}),
    },
)


def read_stream(pieces: Iterator[bytes]) -> list[Event]:
    reader = openai_chat.PROTOCOL.reader(STREAM, CHAT)
    return [event for piece in pieces for event in reader.feed(piece)] + reader.close()


@given(some.lists(CHUNKS, max_size=5), some.booleans())
def test_chunks_read_alike_one_by_one_at_once_and_cut_apart(chunks: list[Any], ends: bool) -> None:
    result = [b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n" for chunk in chunks]
    result += [b"data: [DONE]\n\n"] if ends else []
    halves = (half for one in result for half in (one[:9], one[9:]))
    general = read_stream(halves)
    assert_alike(read_stream(iter(result)), general)
    first, rest = result[:1], result[1:]
    assert_alike(read_stream(iter([*first, b"".join(rest)])), general)
