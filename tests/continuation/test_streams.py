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


# --- where it breaks ----------------------------------------------------------------------------


def cuts(provider: str) -> list[int]:
    """Every boundary of events, and every byte around a character of three bytes and the end of its event."""
    events = writing(provider).events()
    ends = [len(b"".join(events[:count])) for count in range(1, len(events))]
    whole = b"".join(events)
    quote = whole.index("“".encode())
    end = next(end for end in ends if end > quote)
    return sorted({*ends, *range(quote - 1, quote + 4), *range(end - 6, end + 9)})


def text_ends(provider: str) -> int:
    """Bytes of a stream up to the end of its text."""
    events = writing(provider).events()
    last = max(at for at, event in enumerate(events) if TEXT[-3:].encode() in event)
    if provider == "responses":
        last = next(at for at, event in enumerate(events) if b"output_text.done" in event) - 1
    return len(b"".join(events[: last + 1]))


@pytest.mark.parametrize(
    ("door", "provider"),
    [
        ("chat", "openai"),
        ("messages", "anthropic"),
        ("responses", "responses"),
        ("gemini", "gemini"),
        ("chat", "anthropic"),
        ("messages", "openai"),
    ],
)
async def test_a_stream_may_break_at_any_byte(door: str, provider: str) -> None:
    """The text is whole wherever the stream breaks, up to its finish; behind that, only the finish is missing
    and the stream ends in an error.
    """
    model = PROVIDERS[provider][1]
    cut_at = cuts(provider)
    first = [writing(provider, script={"cut_at": at, "ending": "close"}) for at in cut_at]
    async with world((provider, first), ("anthropic", writing("anthropic"))) as asked:
        for number, at in enumerate(cut_at):
            # A name of its own for every cut, so that no breaker opens.
            named = f"a/{model}-{number}"
            if door.startswith("gemini"):
                reply = await asked.gateway.post(
                    f"/v1beta/models/{named}:streamGenerateContent?alt=sse",
                    {**DOORS[door].request[1], "models": ["b/claude-haiku-4-5"]},
                )
            else:
                reply = await asked.ask(door, model=named, models=["b/claude-haiku-4-5"])
            events = DOORS[door].events(reply)
            assert DOORS[door].text(events) == TEXT, at
            assert len(DOORS[door].ids(events)) == 1, at
            finished = DOORS[door].error(events) is None
            assert finished or at > text_ends(provider), at
            assert len(DOORS[door].finishes(events)) == finished or at > text_ends(provider), at
