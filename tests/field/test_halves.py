"""Half a surrogate pair in a stream: joined with its other half, U+FFFD, or named; in every family."""

import json
from collections.abc import Callable

import pytest

from field.calling import DONE, DOORS, chunk, plan, received
from field.families import named
from protocols.bedrock_frames import event as frame
from recordings import splits

SMILE = "\U0001f600"


def _chat(*texts: str) -> bytes:
    return b"".join(chunk({"content": text}) for text in texts) + chunk({}, "stop") + DONE


def _anthropic(*texts: str) -> bytes:
    head = {"id": "m1", "type": "message", "role": "assistant", "model": "m", "content": []}
    out = named("message_start", message=head)
    out += named("content_block_start", index=0, content_block={"type": "text", "text": ""})
    for text in texts:
        out += named("content_block_delta", index=0, delta={"type": "text_delta", "text": text})
    out += named("content_block_stop", index=0)
    return out + named("message_delta", delta={"stop_reason": "end_turn"}) + named("message_stop")


def _gemini(*texts: str) -> bytes:
    out = b""
    for text in (*texts, ""):
        candidate = {"content": {"role": "model", "parts": [{"text": text}]}}
        finish = {} if text else {"finishReason": "STOP"}
        out += f"data: {json.dumps({'candidates': [{**candidate, **finish}]})}\n\n".encode()
    return out


def _cohere(*texts: str) -> bytes:
    out = named("message-start", id="m1", delta={"message": {"role": "assistant"}})
    out += named("content-start", index=0, delta={"message": {"content": {"type": "text", "text": ""}}})
    for text in texts:
        out += named("content-delta", index=0, delta={"message": {"content": {"text": text}}})
    return out + named("content-end", index=0) + named("message-end", delta={"finish_reason": "COMPLETE"})


def _responses(*texts: str) -> bytes:
    response = {"id": "r1", "object": "response", "status": "in_progress", "output": []}
    out = named("response.created", response=response)
    place = {"item_id": "i1", "output_index": 0, "content_index": 0}
    for text in texts:
        out += named("response.output_text.delta", **place, delta=text)
    return out + named("response.completed", response={**response, "status": "completed"})


def _bedrock(*texts: str) -> bytes:
    out = frame("messageStart", role="assistant")
    for text in texts:
        out += frame("contentBlockDelta", contentBlockIndex=0, delta={"text": text})
    return out + frame("contentBlockStop", contentBlockIndex=0) + frame("messageStop", stopReason="end_turn")


FAMILIES: dict[str, Callable[..., bytes]] = {
    "openai_compatible/m": _chat,
    "anthropic/claude-sonnet-4-5": _anthropic,
    "gemini/gemini-2.5-flash": _gemini,
    "cohere/command-a-03-2025": _cohere,
    "bedrock/m": _bedrock,
    "openai/gpt-5-codex": _responses,
}
SPOKEN = {
    "chat": "openai_compatible/m",
    "messages": "anthropic/claude-sonnet-4-5",
    "responses": "openai/gpt-5-codex",
}
CASES = [(model, door) for model in FAMILIES for door in DOORS if SPOKEN[door] != model]


@pytest.mark.parametrize(("model", "door"), CASES)
def test_two_halves_in_two_events_are_one_character(model: str, door: str) -> None:
    result = received(door, model, FAMILIES[model]("a\ud83d", "\ude00b"))
    assert (result.text, result.failure) == (f"a{SMILE}b", None)


@pytest.mark.parametrize(("model", "door"), CASES)
@pytest.mark.parametrize("texts", [("a\ud83d",), ("a\ud83d", "b"), ("a", "b\ud83d")])
def test_half_a_pair_without_the_other_is_named(texts: tuple[str, ...], model: str, door: str) -> None:
    data = FAMILIES[model](*texts)
    for pieces in splits(data):
        conduit = plan(door, model, stream=True)[1]
        for piece in pieces:
            conduit.feed(piece)
        conduit.close()
        assert (conduit.failure, conduit.tally.left_out) == (None, ["surrogate"])
    assert received(door, model, data).text == "".join(texts).replace("\ud83d", "")


@pytest.mark.parametrize(("model", "door"), CASES)
def test_half_a_pair_within_a_text_is_replaced(model: str, door: str) -> None:
    for text in ("a\ud83db", "\ude00b"):
        data = FAMILIES[model](text, "c")
        assert received(door, model, data).text == f"{text}c".encode("utf-16", "surrogatepass").decode(
            "utf-16", "replace"
        )
