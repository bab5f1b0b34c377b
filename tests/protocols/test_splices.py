"""What all splices have in common: a corrupt stream is never complete, and a complete one never fails."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tidegate.protocols.contract import Conduit, Target
from tidegate.protocols.errors import ProviderBroke
from tidegate.providers import protocol_named


def sse(*events: Any, named: bool = False) -> list[bytes]:
    """Events, each as its bytes."""
    name = "event: {}\n" if named else ""
    return [f"{name.format(one.get('type'))}data: {json.dumps(one)}\n\n".encode() for one in events]


def chunk(text: str, finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


CHAT = [*sse(chunk("a"), chunk("b"), chunk("", "stop")), b"data: [DONE]\n\n"]
ANTHROPIC = sse(
    {"type": "message_start", "message": {"id": "m1", "model": "m", "usage": {"input_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
    {"type": "message_stop"},
    named=True,
)
RESPONSE = {"id": "r1", "model": "m", "object": "response", "output": []}
RESPONSES = sse(
    {"type": "response.created", "response": {**RESPONSE, "status": "in_progress"}, "sequence_number": 0},
    {"type": "response.output_text.delta", "delta": "a", "output_index": 0, "sequence_number": 1},
    {"type": "response.completed", "response": {**RESPONSE, "status": "completed"}, "sequence_number": 2},
    named=True,
)
PART = {"candidates": [{"content": {"parts": [{"text": "a"}], "role": "model"}, "index": 0}]}
END = {"candidates": [{"finishReason": "STOP", "index": 0}], "usageMetadata": {"promptTokenCount": 1}}
GEMINI = [one.replace(b"\n\n", b"\r\n\r\n") for one in sse(PART, PART, END)]

HI = [{"role": "user", "content": "Hi"}]
ASKED = {
    "openai_chat": {"model": "m", "stream": True, "messages": HI},
    "anthropic": {"model": "m", "stream": True, "max_tokens": 9, "messages": HI},
    "openai_responses": {"model": "m", "stream": True, "input": "Hi"},
}
STREAMS = {
    "openai_chat": CHAT,
    "mended": CHAT,
    "anthropic": ANTHROPIC,
    "openai_responses": RESPONSES,
    "gemini": GEMINI,
    "gemini_array": GEMINI,
}
FAULTS = {"mended": {"ragged_calls": True, "repeats_role": True}}


def splice_of(name: str, *, stream: bool = True) -> Conduit:
    """The conduit of an answer to a client of the same format."""
    protocol: Any = protocol_named("openai_chat" if name == "mended" else name.removesuffix("_array"))
    target = Target("m", protocol.dialect(**FAULTS.get(name, {})))
    if name.startswith("gemini"):
        body = json.dumps({"contents": [{"parts": [{"text": "Hi"}]}]}).encode()
        request = protocol.parse_request(body, "m", stream=stream, sse=name == "gemini")
    else:
        asked = ASKED["openai_chat" if name == "mended" else name]
        request = protocol.parse_request(json.dumps({**asked, "stream": stream}).encode())
    splice: Conduit = protocol.splice(request, protocol.splice_request(request, target), target)
    return splice


EVERY = pytest.mark.parametrize("name", STREAMS)

CORRUPTIONS: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[:-1],
    "comma": lambda data: data[:-1] + b",}",
    "quote": lambda data: data.replace(b'":', b":", 1),
    "bad UTF-8": lambda data: data[:-1] + b',"x":"\xff"}',
    "bad UTF-8 in a name": lambda data: data[:-1] + b',"\xff":1}',
    "surrogate bytes": lambda data: data[:-1] + b',"x":"\xed\xa0\x80"}',
    "NUL": lambda data: data[:-1] + b"\x00}",
    "no JSON": lambda data: b"<html>",
    "two values": lambda data: data + b"{}",
    "too deep": lambda data: data[:-1] + b',"x":' + b"[" * 100_000 + b"}",
}


def corrupted(block: bytes, corrupt: Callable[[bytes], bytes]) -> bytes:
    begin, end = block.index(b"{"), block.rindex(b"}") + 1
    return block[:begin] + corrupt(block[begin:end]) + block[end:]


@EVERY
@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_a_stream_with_a_corrupt_event_has_failed(name: str, corruption: str) -> None:
    stream = STREAMS[name]
    for place in range(len(stream) - (stream[-1] == b"data: [DONE]\n\n")):
        bad = corrupted(stream[place], CORRUPTIONS[corruption])
        blocks = [*stream[:place], bad, *stream[place + 1 :]]
        for pieces in (blocks, [b"".join(blocks)]):
            splice = splice_of(name)
            passed = b"".join(map(splice.feed, pieces)) + splice.close()
            assert isinstance(splice.failure, ProviderBroke), (place, passed)
            assert bad not in passed


@EVERY
def test_the_error_of_a_corrupt_event_quotes_no_part_of_it(name: str) -> None:
    splice = splice_of(name)
    splice.feed(STREAMS[name][0])
    splice.feed(b'data: {"secret": "words of the answer", "type": [broken\n\n')
    assert splice.failure is not None
    assert "secret" not in splice.failure.message
    assert "words" not in splice.failure.message
    assert "byte" in splice.failure.message


MARKED = pytest.mark.parametrize("name", [name for name in STREAMS if not name.startswith("gemini")])
AFTER = (b"", b"data: {broken\n\n", b"<html>", b"event: error\ndata: {}\n\n", b"half an", b"\xff")


@MARKED
@pytest.mark.parametrize("after", AFTER)
def test_after_its_end_mark_a_stream_is_complete_whatever_follows(name: str, after: bytes) -> None:
    stream = b"".join(STREAMS[name])
    whole = splice_of(name).feed(stream)
    for pieces in ([stream, after], [stream + after], [bytes([byte]) for byte in stream + after]):
        splice = splice_of(name)
        passed = b"".join(map(splice.feed, pieces))
        assert splice.done
        assert passed + splice.close() == whole
        assert splice.failure is None


@MARKED
def test_a_stream_is_not_done_before_its_end_mark(name: str) -> None:
    splice = splice_of(name)
    for block in STREAMS[name][:-1]:
        splice.feed(block)
        assert not splice.done
    splice.feed(STREAMS[name][-1][:-2])
    assert not splice.done


@EVERY
@pytest.mark.parametrize("ends", [b"\n", b"\r\n", b"\r"])
def test_line_ends_do_not_matter(name: str, ends: bytes) -> None:
    blocks = [block.replace(b"\r\n", b"\n").replace(b"\n", ends) for block in STREAMS[name]]
    stream = b"".join(blocks)
    for pieces in (blocks, [stream], [bytes([byte]) for byte in stream]):
        splice = splice_of(name)
        passed = b"".join(map(splice.feed, pieces)) + splice.close()
        assert splice.failure is None
        assert splice.tally.finish == "stop"
        assert passed.count(b'"a"') == stream.count(b'"a"')
