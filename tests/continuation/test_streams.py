"""A stream that breaks is carried on by the next candidate: doors, wire formats, and where it may break."""

from typing import Any

import pytest

from continuation.models import TEXT, Writing
from continuation.world import DOORS, PROVIDERS, World, world

FIRST = ["openai", "responses", "anthropic", "gemini"]
"""Providers of every wire format that break; whoever carries on is in PROVIDERS."""
ABLE = [name for name in PROVIDERS if name not in ("openai", "responses")]
"""Providers that continue an answer from its beginning."""


def writing(provider: str, **how: Any) -> Writing:
    return Writing(PROVIDERS[provider][2], **how)


async def assert_whole(door: str, asked: World, **fields: Any) -> list[Any]:
    """The client gets the text, one answer and one finish. Returns the events."""
    reply = await asked.ask(door, **fields)
    assert reply.status == 200
    events = DOORS[door].events(reply)
    assert DOORS[door].error(events) is None
    assert DOORS[door].text(events) == TEXT
    assert len(DOORS[door].finishes(events)) == 1
    assert len(DOORS[door].ids(events)) == 1
    return events


@pytest.mark.parametrize("provider", FIRST)
@pytest.mark.parametrize("door", DOORS)
async def test_every_door_goes_on_in_the_stream_of_every_wire_format(door: str, provider: str) -> None:
    async with world((provider, writing(provider, keep=7)), ("anthropic", writing("anthropic"))) as asked:
        events = await assert_whole(door, asked)
        assert DOORS[door].usage(events) == (11, 7)
        record = await asked.gateway.record()
    assert len(asked.providers[1].requests) == 1
    assert (record["ended"], record["continued"]) == ("complete", 1)


@pytest.mark.parametrize("provider", ABLE)
@pytest.mark.parametrize("door", ["chat", "messages"])
async def test_every_provider_that_continues_an_answer_carries_on(door: str, provider: str) -> None:
    rest = writing(provider, echoes=provider == "mistral")
    async with world(("anthropic", writing("anthropic", keep=8)), (provider, rest)) as asked:
        await assert_whole(door, asked)
