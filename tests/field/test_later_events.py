"""Odd values in later events of a stream in the client's own format: passed by providers of the format,
mended for services that imitate it; the text arrives in both cases.
"""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from field.calling import DONE, chunk, event, plan
from field.families import named
from recordings import splits
from tidegate.protocols.contract import Conduit


def through(door: str, model: str, data: bytes) -> tuple[Conduit, bytes]:
    """The same however the stream is split."""
    found = []
    for pieces in splits(data):
        conduit = plan(door, model, stream=True)[1]
        out = b"".join(map(conduit.feed, pieces))
        assert conduit.failure is None
        found.append((conduit, out + conduit.close()))
    assert all(out == found[0][1] for _, out in found)
    return found[0]


BASE = {"id": "gen-7", "object": "chat.completion.chunk", "created": 7, "model": "m"}
DELTA = {"index": 0, "delta": {"content": "lo"}}


def raw(value: Any) -> bytes:
    return event(json.dumps(value))


CHATS: Mapping[str, bytes] = {
    "list": chunk({"content": ["lo"]}),
    "parts": chunk({"content": [{"type": "text", "text": "lo"}]}),
    "object": chunk({"content": {"text": "lo"}}),
    "text for a delta": raw({**BASE, "choices": [{"index": 0, "delta": "lo"}]}),
    "one choice": raw({**BASE, "choices": DELTA}),
    "in data": raw({"data": {**BASE, "choices": [DELTA]}}),
    "in a list": raw([{**BASE, "choices": [DELTA]}]),
    "message": raw({**BASE, "choices": [{"index": 0, "message": {"content": "lo"}}]}),
    "text": raw({**BASE, "choices": [{"index": 0, "text": "lo"}]}),
    "null beside": raw({**BASE, "choices": [None, DELTA]}),
    "index in text": raw({**BASE, "choices": [{**DELTA, "index": "0"}]}),
    "no calls": chunk({"content": "lo", "tool_calls": {}}),
    "usage": chunk({"content": "lo"}, usage="none"),
}


@pytest.mark.parametrize("name", CHATS)
def test_chats_pass_from_openai_and_are_mended_from_others(name: str) -> None:
    data = chunk({"role": "assistant", "content": "hel"}) + CHATS[name] + chunk({}, "stop") + DONE
    conduit, out = through("chat", "openai/m", data)
    assert out == data
    assert conduit.tally.left_out == (["usage"] if name == "usage" else [])
    _, mended = through("chat", "openai_compatible/m", data)
    chunks = [json.loads(line[6:]) for line in mended.split(b"\n") if line.startswith(b"data: {")]
    deltas = [choice["delta"] for one in chunks for choice in one["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) == "hello"


def block_delta(**fields: Any) -> bytes:
    return named("content_block_delta", **{"index": 0, **fields})


TEXT = {"type": "text_delta", "text": "lo"}
MESSAGES: Mapping[str, bytes] = {
    "text for a delta": block_delta(delta="lo"),
    "list": block_delta(delta={"type": "text_delta", "text": ["lo"]}),
    "index in text": block_delta(index="0", delta=TEXT),
    "no type": b"event: content_block_delta\n" + raw({"index": 0, "delta": TEXT}),
    "null": block_delta(delta=None),
    "unknown delta": block_delta(delta={"type": "new_delta", "x": 1}),
    "unknown event": named("new_event", x=[1]),
    "usage": named("message_delta", delta={"stop_reason": "end_turn"}, usage="none"),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_messages_pass(name: str) -> None:
    head = {"id": "m1", "type": "message", "role": "assistant", "model": "m", "content": []}
    data = named("message_start", message=head)
    data += named("content_block_start", index=0, content_block={"type": "text", "text": ""})
    data += block_delta(delta={"type": "text_delta", "text": "hel"}) + MESSAGES[name]
    data += named("content_block_stop", index=0)
    data += named("message_delta", delta={"stop_reason": "end_turn"}) + named("message_stop")
    conduit, out = through("messages", "anthropic/claude-sonnet-4-5", data)
    assert out == data
    assert conduit.tally.left_out == (["usage"] if name == "usage" else [])
    assert conduit.tally.finish == "stop"


PLACE = {"item_id": "i", "output_index": 0, "content_index": 0}
RESPONSES: Mapping[str, bytes] = {
    "list": named("response.output_text.delta", **PLACE, delta=["lo"]),
    "object": named("response.output_text.delta", **PLACE, delta={"text": "lo"}),
    "index in text": named("response.output_text.delta", **{**PLACE, "output_index": "0"}, delta="lo"),
    "no type": b"event: response.output_text.delta\n" + raw({**PLACE, "delta": "lo"}),
    "unknown event": named("response.new.delta", x=1),
}


@pytest.mark.parametrize("name", RESPONSES)
def test_responses_pass(name: str) -> None:
    response = {"id": "r1", "object": "response", "status": "in_progress", "output": []}
    data = named("response.created", response=response) + RESPONSES[name]
    data += named("response.completed", response={**response, "status": "completed"})
    conduit, out = through("responses", "openai/gpt-5-codex", data)
    assert out == data
    assert conduit.tally.finish == "stop"
