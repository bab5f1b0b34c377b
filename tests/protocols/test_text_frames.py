"""Events recognized by what stands around their text are passed on as if they had been read in full."""

import json
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.protocols import anthropic, openai_chat
from tidegate.protocols.anthropic.writer import StreamWriter
from tidegate.protocols.contract import Bridge, Call, Conduit, Target
from tidegate.protocols.events import CitationAdded, TextDelta
from tidegate.protocols.openai_chat.conduit import StreamSplice
from tidegate.protocols.openai_chat.dialect import Dialect
from tidegate.protocols.openai_chat.mend import Mending, StreamMend
from tidegate.protocols.text_frames import UNUSED, TextFrame, around

TARGET = Target("m", anthropic.PROTOCOL.dialect())
REQUEST = openai_chat.PROTOCOL.parse_request(
    b'{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}'
)


def mended(**facts: Any) -> Conduit:
    mending = Mending(Target("m", Dialect(repeats_role=True, other_reasoning=True, **facts)))
    return StreamMend(mending, include_usage=True, choices=1)


def spliced() -> Conduit:
    return StreamSplice(include_usage=True, reports_finish=True, choices=1)


def bridged() -> Conduit:
    reader = anthropic.PROTOCOL.reader(Call("/", b"{}", True), TARGET)
    return Bridge(reader, openai_chat.PROTOCOL.writer(REQUEST, "m"))


def to_anthropic() -> Conduit:
    reader = anthropic.PROTOCOL.reader(Call("/", b"{}", True), TARGET)
    return Bridge(reader, StreamWriter("m"))


def from_openai() -> Conduit:
    reader = openai_chat.PROTOCOL.reader(Call("/", b"{}", True), Target("m", openai_chat.PROTOCOL.dialect()))
    return Bridge(reader, StreamWriter("m"))


def sse(data: str, name: str = "") -> bytes:
    return f"{f'event: {name}{chr(10)}' if name else ''}data: {data}\n\n".encode("utf-8", "surrogatepass")


def chunk(text: str, before: str = "", after: str = "", **more: Any) -> bytes:
    """A chunk whose text is written as it is, as JSON without its quotes."""
    fields = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", **more}
    delta = f'{{{before}"content":"{text}"{after}}}'
    choice = f'{{"index":0,"delta":{delta},"finish_reason":null}}'
    return sse(f'{json.dumps(fields, separators=(",", ":"))[:-1]},"choices":[{choice}]}}')


def delta(text: str, before: str = "", after: str = "", index: int = 0) -> bytes:
    """Anthropic's, in the same way."""
    inner = f'{{{before or ""}"type":"text_delta","text":"{text}"{after}}}'
    body = f'{{"type":"content_block_delta","index":{index},"delta":{inner}}}'
    return sse(body, "content_block_delta")


def openai_stream(pieces: list[bytes]) -> list[bytes]:
    end = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    last = {
        **end,
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1},
    }
    return [*pieces, sse(json.dumps(last)), b"data: [DONE]\n\n"]


def anthropic_stream(pieces: list[bytes]) -> list[bytes]:
    message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": []}
    start = {"type": "message_start", "message": message}
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    cited = {"type": "page_location", "cited_text": "x", "document_index": 0, "document_title": None}
    added = {"type": "citations_delta", "citation": cited}
    events = [
        start,
        block,
        *pieces,
        {"type": "content_block_delta", "index": 0, "delta": added},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    ]
    return [one if isinstance(one, bytes) else sse(json.dumps(one), one["type"]) for one in events]


PATHS: dict[str, tuple[Callable[[], Conduit], Callable[..., bytes], Callable[[list[bytes]], list[bytes]]]] = {
    "spliced": (spliced, chunk, openai_stream),
    "mended": (mended, chunk, openai_stream),
    "mended more": (lambda: mended(ragged_heads=True, ragged_calls=True), chunk, openai_stream),
    "to OpenAI": (bridged, delta, anthropic_stream),
    "to Anthropic": (to_anthropic, delta, anthropic_stream),
    "from OpenAI to Anthropic": (from_openai, chunk, openai_stream),
}

TEXTS = [
    *(
        "word",
        " word",
        "",
        " ",
        "ü",
        "☃",
        "\u2028",
        "\u200b",
        "\x7f",
        "~",
        "a probe",
        "content",
        "text_delta",
    ),
    *(r"\n", r"\"", r"\\", r"\u00e9", r"\ud83d\ude00", r"\ud83d", r"\x", "\\", '"', '","content":"x', "\n"),
    *("\t", "\x00", "\udc80", "}]}", r'"},"x":{"content":"', "word" * 1000, "m", "text_delta"),
]
BEFORE = ['"role":"assistant",', '"reasoning":null,', '"x":"word",', '"content":"early",', '"type":"other",']
AFTER = [
    ',"role":"assistant"',
    ',"x":1',
    ',"reasoning":"r"',
    ',"tool_calls":[]',
    ',"text":"late"',
    ',"type":1',
]


def outcome(conduit: Conduit, reads: list[bytes]) -> tuple[Any, ...]:
    passed = []
    for data in reads:
        if conduit.failure is None and not conduit.done:
            passed.append(conduit.feed(data))  # noqa: PERF401 each depends on the one before
    passed.append(conduit.close() if conduit.failure is None else b"")
    failure = conduit.failure
    return b"".join(passed), conduit.tally, type(failure), conduit.done


def in_halves(events: list[bytes]) -> list[bytes]:
    """Events that are never read as a whole."""
    return [half for event in events for half in (event[: len(event) // 2], event[len(event) // 2 :])]


def same_at_once_and_in_halves(path: str, pieces: list[bytes]) -> None:
    make, _, stream = PATHS[path]
    events = stream(pieces)
    with patch("time.time", return_value=1_800_000_000.0):  # which writers put into `created`
        assert outcome(make(), events) == outcome(make(), in_halves(events))


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("path", PATHS)
def test_a_text_among_plain_ones_is_passed_on_as_it_would_be_alone(path: str, text: str) -> None:
    piece = PATHS[path][1]
    plain = [piece("one"), piece(" two"), piece(" three"), piece(" four")]
    same_at_once_and_in_halves(path, [*plain, piece(text), *plain, piece(text), piece(text)])
    same_at_once_and_in_halves(path, [piece(text), *plain])


@pytest.mark.parametrize("before", ["", *BEFORE])
@pytest.mark.parametrize("after", ["", *AFTER])
@pytest.mark.parametrize("path", PATHS)
def test_what_stands_around_a_text_may_differ(path: str, before: str, after: str) -> None:
    piece = PATHS[path][1]
    plain = [piece("one"), piece(" two"), piece(" three")]
    odd = [piece("four", before, after), piece(" five", before, after), piece(" six", before, after)]
    same_at_once_and_in_halves(path, [*plain, *odd, *plain])


@pytest.mark.parametrize("path", PATHS)
def test_a_value_that_looks_like_the_text_is_not_taken_for_it(path: str) -> None:
    piece = PATHS[path][1]
    values = [f'"x":"{value}",' for value in ("word", "other", "word", "third")]
    same_at_once_and_in_halves(path, [piece("one"), *[piece(r"\u0077ord", value) for value in values]])


STOP = '{"type":"message_delta","delta":{"stop_reason":"end_turn"}}'
OTHERS = {
    "a comment": b": ping\n\n",
    "a ping": sse('{"type":"ping"}', "ping"),
    "an error": sse('{"type":"error","error":{"type":"overloaded_error","message":"word"}}', "error"),
    "an error inside": sse('{"error":{"message":"word"}}'),
    "nonsense": b"data: {word\n\n",
    "another choice": chunk("word").replace(b'"index":0', b'"index":1'),
    "another id": chunk("word", id="d"),
    "a usage": chunk("word", usage={"prompt_tokens": 3, "completion_tokens": 4}),
    "a finish": chunk("word").replace(b'"finish_reason":null', b'"finish_reason":"stop"'),
    "another block": delta("word", index=1),
    "the end of the block": sse('{"type":"content_block_stop","index":0}', "content_block_stop"),
    "the end of the text": sse(STOP, "message_delta"),
    "two at once": chunk("word") + chunk("more"),
    "two deltas at once": delta("word") + delta("more"),
    "with CRLF": chunk("word").replace(b"\n", b"\r\n"),
    "bytes that are no text": chunk("word").replace(b"word", b"w\xffd"),
    "a delta that is no text": delta("word").replace(b"word", b"w\xffd"),
}


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("path", PATHS)
def test_other_events_come_between(path: str, other: str) -> None:
    piece = PATHS[path][1]
    plain = [piece("one"), piece(" two"), piece(" three"), piece(" four")]
    same_at_once_and_in_halves(path, [*plain, OTHERS[other], *plain])


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(PATHS)), st.lists(st.text(max_size=6), max_size=12))
def test_any_texts_are_passed_on_alike(path: str, texts: list[str]) -> None:
    piece = PATHS[path][1]
    written = [json.dumps(text, ensure_ascii=len(text) % 2 == 0)[1:-1] for text in texts]
    same_at_once_and_in_halves(path, [piece("one"), piece("two"), *map(piece, written)])


def test_citations_count_the_texts_that_were_not_decoded() -> None:
    """Where a cited text begins and ends is counted in characters."""
    reader: Any = anthropic.PROTOCOL.reader(Call("/", b"{}", True), TARGET)
    events = anthropic_stream([delta("één"), delta(" two")])
    found = [event for data in events[:-4] for event in reader.feed(data)]
    assert [event for event in found if isinstance(event, TextDelta)] == [TextDelta("één"), TextDelta(" two")]
    reader.skip_text("thrée")
    rest = [event for data in events[-4:] for event in reader.feed(data)]
    (cited,) = [event for event in rest if isinstance(event, CitationAdded)]
    assert (cited.start, cited.end) == (0, len("één two") + len("thrée"))


def test_a_frame_is_known_after_one_event_and_given_up_if_all_differ() -> None:
    frame, read = TextFrame(), lambda data: json.loads(data)["text"] if data.startswith(b"{") else None
    numbered = [b'{"n":%d,"text":"word"}' % number for number in range(UNUSED + 2)]
    for data in numbered:
        assert frame.text_in(data) is None
        frame.learn(data, read, lambda text: (b"<", b">"))
    assert frame.text_in(numbered[UNUSED - 1]) == "word"
    assert frame.text_in(numbered[UNUSED].replace(b"word", b"more")) is None, "it was given up"
    frame.learn(numbered[UNUSED], read, lambda text: (b"<", b">"))
    assert frame.text_in(numbered[UNUSED].replace(b"word", b"more")) == "more", "it was used since"


@pytest.mark.parametrize(
    ("data", "text", "expected"),
    [
        (b'{"text":"word"}', "word", (b'{"text":"', b'"}')),
        (b'{"text":"word","word":1}', "word", None),
        (rb'{"text":"w\u006frd"}', "word", None),
        (b'{"text":""}', "", None),
        (rb'{"text":"a\"b"}', 'a"b', None),
    ],
)
def test_a_text_is_found_where_it_stands_once_and_as_it_is(
    data: bytes, text: str, expected: tuple[bytes, bytes] | None
) -> None:
    assert around(data, text) == expected
