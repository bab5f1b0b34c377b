"""Responses that one worker has written and another one is asked to continue."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

import pytest

from buses import OneOfSeveral, buses
from running import Gateway, Reply
from sdk.dialects import ANTHROPIC, TEXT
from simulator import Answering, Script, Seen, Simulator, json
from tidegate.bus import questions as questions_module
from tidegate.recent import SharedItems
from tidegate.recent import sharing as sharing_module

ALICE, BOB = "sk-alice-0123456789", "sk-bob-0123456789"
MORE = f'[auth]\nkeys = ["{ALICE}", "{BOB}"]'


def numbered() -> Answering:
    """The answer with an id of its own each time, as every provider gives."""
    ids = itertools.count()

    def answer(_: Seen) -> Script:
        body = ANTHROPIC.text.pieces[0]
        assert isinstance(body, bytes)
        return json(body.replace(b"msg_7", b"msg_7%d" % next(ids)))

    return answer


class Workers(NamedTuple):
    provider: Simulator
    gateways: Sequence[Gateway]
    buses: Sequence[OneOfSeveral]

    async def ask(self, place: int, said: Any, key: str = ALICE, **fields: Any) -> Reply:
        body = {"model": "sim/m", "input": said, **fields}
        headers = {"authorization": f"Bearer {key}"}
        return await self.gateways[place].post("/v1/responses", body, headers)

    @property
    def roles(self) -> list[str]:
        """Of the messages that the provider was sent last."""
        return [message["role"] for message in self.provider.requests[-1].json["messages"]]


@pytest.fixture
async def workers() -> AsyncIterator[Workers]:
    """Three workers of one gateway."""
    async with AsyncExitStack() as stack:
        provider = await stack.enter_async_context(Simulator())
        provider.answer(numbered())
        seats = stack.enter_context(buses(3))
        named = {"sim": ("anthropic", provider.url)}
        made = [Gateway(named, more=MORE, bus=bus) for bus in seats]
        yield Workers(provider, [await stack.enter_async_context(one) for one in made], seats)


async def test_a_conversation_moves_from_worker_to_worker(workers: Workers) -> None:
    previous = None
    for number in range(7):
        reply = await workers.ask(number % 3, f"Number {number}", previous_response_id=previous)
        assert reply.status == 200
        previous = reply.json["id"]
    assert workers.roles == ["user", "assistant"] * 6 + ["user"]


async def test_items_are_found_at_other_workers(workers: Workers) -> None:
    first = await workers.ask(0, "Hello")
    named = {"type": "item_reference", "id": first.json["output"][0]["id"]}
    again = await workers.ask(
        1, [{"role": "user", "content": "Hello"}, named, {"role": "user", "content": "So?"}]
    )
    assert again.status == 200
    assert workers.roles == ["user", "assistant", "user"]
    assert TEXT in str(workers.provider.requests[-1].json["messages"][1])


async def test_prompts_are_counted_with_what_another_worker_has(workers: Workers) -> None:
    first = await workers.ask(0, "Hello " * 200)
    workers.provider.answer(json({"error": {"type": "not_found_error", "message": "no"}}, 404))
    body = {"model": "sim/m", "input": "Again", "previous_response_id": first.json["id"]}
    headers = {"authorization": f"Bearer {ALICE}"}
    counted = await workers.gateways[2].post("/v1/responses/input_tokens", body, headers)
    assert counted.json["input_tokens"] > 200


async def test_a_conversation_of_many_messages_on_the_bus_is_found(workers: Workers) -> None:
    previous = None
    for number in range(4):
        said = f"{number}" * 300_000
        reply = await workers.ask(0, said, previous_response_id=previous)
        previous = reply.json["id"]
    moved = await workers.ask(2, "So?", previous_response_id=previous)
    assert moved.status == 200
    sent = str(workers.provider.requests[-1].json["messages"])
    assert all(f"{number}" * 300_000 in sent for number in range(4))


@pytest.mark.parametrize("place", [0, 1])
async def test_nobody_finds_the_responses_of_another_caller(workers: Workers, place: int) -> None:
    first = await workers.ask(0, "My secret")
    asked = len(workers.provider.requests)
    stolen = await workers.ask(place, "What was it?", key=BOB, previous_response_id=first.json["id"])
    assert (stolen.status, stolen.error["code"]) == (400, "previous_response_not_found")
    named = {"type": "item_reference", "id": first.json["output"][0]["id"]}
    assert (await workers.ask(place, [named], key=BOB)).status == 400
    assert len(workers.provider.requests) == asked
    mine = await workers.ask(1, "What was it?", previous_response_id=first.json["id"])
    assert mine.status == 200


async def test_what_is_not_to_be_stored_is_found_nowhere(workers: Workers) -> None:
    first = await workers.ask(0, "Hello", store=False)
    again = await workers.ask(1, "Again", previous_response_id=first.json["id"])
    assert again.error["code"] == "previous_response_not_found"


async def test_an_id_that_nobody_knows_is_refused_once_all_have_answered(workers: Workers) -> None:
    reply = await workers.ask(0, "Again", previous_response_id="resp_0")
    assert (reply.status, reply.error["code"]) == (400, "previous_response_not_found")


async def test_a_worker_that_is_gone_is_not_waited_for_for_long(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions_module, "PATIENCE_S", 0.05)
    first = await workers.ask(0, "Hello")
    workers.buses[1].die()
    moved = await workers.ask(2, "Again", previous_response_id=first.json["id"])
    assert moved.status == 200
    lost = await workers.ask(2, "Again", previous_response_id="resp_0")
    assert lost.error["code"] == "previous_response_not_found"


async def test_a_client_that_leaves_meanwhile_ends_the_request(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions_module, "PATIENCE_S", 60.0)
    workers.buses[1].die()
    asked = asyncio.create_task(workers.ask(0, "Again", previous_response_id="resp_0"))
    while not workers.gateways[0].app._recent._questions:
        await asyncio.sleep(0.001)
    asked.cancel()
    record = await workers.gateways[0].record()
    assert (record["status"], record["ended"]) == (499, "client_left")


async def test_more_than_a_caller_may_keep_is_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with buses(2) as pair:
        one, other = map(SharedItems, pair)
        one.own.of("alice").remember("item", b"x" * 100_000)
        await other.find("alice", ["item"])
        assert other.own.of("alice").recall("item") == b"x" * 100_000
        other.own.of("alice").remember("item", b"y")
        monkeypatch.setattr(sharing_module, "LARGEST_FIND", 50_000)
        await other.find("alice", ["item"])
        assert other.own.of("alice").recall("item") == b"y"


async def test_long_and_many_ids_are_not_asked_for() -> None:
    with buses(2) as pair:
        one, other = map(SharedItems, pair)
        one.own.of("alice").remember("x" * 600, b"item")
        await other.find("alice", ["x" * 600])
        assert other.own.of("alice").recall("x" * 600) is None
        assert pair[1].too_long == 0
        await other.find("alice", [f"{number:0400}" for number in range(1000)])
        assert pair[1].too_long == 0
