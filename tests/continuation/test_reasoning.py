"""A stream that breaks in its text behind reasoning: the reasoning stays as it was, and the text goes on."""

from typing import Any

from continuation.models import TEXT, Writing, frames
from continuation.world import DOORS, World, world
from simulator import stream

BEGUN = TEXT[:23]


def broken(events: list[bytes]) -> Any:
    return stream(events, cut_at=len(b"".join(events)), ending="close")


async def carried_on(door: str, provider: str, events: list[bytes]) -> list[Any]:
    """The client's events."""
    async with world((provider, broken(events)), ("anthropic", Writing("anthropic"))) as asked:
        found = await whole(door, asked)
        assert (await asked.gateway.record())["continued"] == 1
    return found


async def whole(door: str, asked: World) -> list[Any]:
    events = DOORS[door].events(await asked.ask(door))
    assert DOORS[door].error(events) is None
    assert len(DOORS[door].finishes(events)) == 1
    return events


async def test_chat() -> None:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 7, "model": "m"}
    detail = {"type": "reasoning.text", "text": "Hm.", "signature": "s", "format": "anthropic", "index": 0}
    deltas = [
        {"role": "assistant", "content": ""},
        {"reasoning_content": "Hm."},
        {"reasoning_details": [detail]},
        {"content": BEGUN},
    ]
    chunks = [{**head, "choices": [{"index": 0, "delta": one, "finish_reason": None}]} for one in deltas]
    events = await carried_on("chat", "vllm", frames(*chunks))
    assert DOORS["chat"].text(events) == TEXT
    thoughts = [choice["delta"].get("reasoning_content") for event in events for choice in event["choices"]]
    assert "".join(thought or "" for thought in thoughts) == "Hm."


async def test_messages() -> None:
    delta = "content_block_delta"
    events = frames(
        {"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant"}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": delta, "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm."}},
        {"type": delta, "index": 0, "delta": {"type": "signature_delta", "signature": "s"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": delta, "index": 1, "delta": {"type": "text_delta", "text": BEGUN[:9]}},
        {"type": "content_block_stop", "index": 1},
        {"type": "content_block_start", "index": 2, "content_block": {"type": "text", "text": ""}},
        {"type": delta, "index": 2, "delta": {"type": "text_delta", "text": BEGUN[9:]}},
        named=True,
    )
    for count, last in ((10, 2), (8, 2), (7, 1)):  # within a block, between two, and within the first
        found = await carried_on("messages", "anthropic", events[:count])
        texts = [one["delta"] for one in found if one["type"] == "content_block_delta"]
        assert "".join(one.get("text", "") for one in texts) == TEXT
        steps = [one["type"].removeprefix("content_block_") for one in found if "index" in one]
        opened = [one["index"] for one in found if one["type"] == "content_block_start"]
        assert opened == list(range(last + 1))
        assert steps.count("start") == steps.count("stop") == last + 1


async def test_responses() -> None:
    shell = {"id": "resp_1", "object": "response", "created_at": 7, "model": "m", "output": []}
    reasoning = {"id": "rs_1", "type": "reasoning", "summary": []}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    place = {"item_id": "msg_1", "output_index": 1, "content_index": 0}
    part = {"type": "output_text", "text": "", "annotations": []}
    steps: list[dict[str, Any]] = [
        {"type": "response.created", "response": {**shell, "status": "in_progress"}},
        {"type": "response.output_item.added", "output_index": 0, "item": reasoning},
        {
            "type": "response.output_item.done",
            "output_index": 0,
            "item": {**reasoning, "encrypted_content": "encrypted"},
        },
        {"type": "response.output_item.added", "output_index": 1, "item": item},
        {"type": "response.content_part.added", **place, "part": part},
        {"type": "response.output_text.delta", **place, "delta": BEGUN},
    ]
    events = frames(*({**step, "sequence_number": at} for at, step in enumerate(steps)), named=True)
    found = await carried_on("responses", "responses", events)
    output = found[-1]["response"]["output"]
    assert [(one["type"], one["id"]) for one in output] == [("reasoning", "rs_1"), ("message", "msg_1")]
    assert output[0]["encrypted_content"] == "encrypted"
    assert output[1]["content"][0]["text"] == TEXT
    assert [one["sequence_number"] for one in found] == list(range(len(found)))


async def test_responses_in_its_reasoning_is_not_carried_on() -> None:
    shell = {"id": "resp_1", "object": "response", "created_at": 7, "model": "m", "output": []}
    events = frames(
        {"type": "response.created", "response": {**shell, "status": "in_progress"}, "sequence_number": 0},
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {"id": "rs_1", "type": "reasoning", "summary": []},
            "sequence_number": 1,
        },
        named=True,
    )
    async with world(("responses", broken(events)), ("anthropic", Writing("anthropic"))) as asked:
        found = DOORS["responses"].events(await asked.ask("responses"))
    assert found[-1]["type"] == "response.failed"
    assert asked.providers[1].requests == []


async def test_gemini() -> None:
    def chunk(**part: Any) -> dict[str, Any]:
        candidate = {"content": {"parts": [part], "role": "model"}, "index": 0}
        return {"candidates": [candidate], "responseId": "resp-1", "modelVersion": "gemini-first"}

    events = frames(
        chunk(text="Hm.", thought=True), chunk(text=BEGUN, thoughtSignature="c2ln"), line_end="\r\n"
    )
    found = await carried_on("gemini", "gemini", events)
    parts = [part for one in found for part in one["candidates"][0]["content"]["parts"]]
    assert "".join(part["text"] for part in parts if not part.get("thought")) == TEXT
