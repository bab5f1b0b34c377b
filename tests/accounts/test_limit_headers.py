"""The headers that report a client's own limits, as SDKs read them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases import each
from running import HELLO, Gateway, Reply
from simulator import Simulator, json
from tidegate.protocols.limit_headers import Standing, limit_lines, render_limits

ANSWER = {
    "id": "c1", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
}  # fmt: skip
MESSAGE = {"model": "one/m", "max_tokens": 100, **HELLO}
LIMITS = "[limits]\nrequests_per_minute = 3\ntokens_per_minute = 100000"


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


def places(provider: Simulator) -> dict[str, tuple[str, str]]:
    return {"one": ("openai_compatible", provider.url)}


def limits_in(reply: Reply) -> dict[str, str]:
    return {name.lower(): value for name, value in reply.headers.items() if "ratelimit" in name.lower()}


async def test_openai_clients_are_told_what_is_left_until_they_are_refused(provider: Simulator) -> None:
    async with Gateway(places(provider), more=LIMITS) as gateway:
        replies = []
        for _ in range(3):
            provider.answer(json(ANSWER))
            replies.append(await gateway.chat("one/m", max_tokens=100))
        replies.append(await gateway.chat("one/m", max_tokens=100))
    assert [reply.status for reply in replies] == [200, 200, 200, 429]
    limits = [limits_in(reply) for reply in replies]
    assert [one["x-ratelimit-limit-requests"] for one in limits] == ["3"] * 4
    assert [one["x-ratelimit-remaining-requests"] for one in limits] == ["2", "1", "0", "0"]
    assert [one["x-ratelimit-limit-tokens"] for one in limits] == ["100000"] * 4
    assert 99_000 < int(limits[0]["x-ratelimit-remaining-tokens"]) < 100_000
    assert limits[0]["x-ratelimit-reset-requests"] == "20s"
    assert replies[3].headers["retry-after"].isdigit()
    assert 1 <= int(replies[3].headers["retry-after"]) <= 20


async def test_anthropic_clients_are_told_in_their_form(provider: Simulator) -> None:
    async with Gateway(places(provider), more=LIMITS) as gateway:
        provider.answer(json(ANSWER))
        limits = limits_in(await gateway.post("/v1/messages", MESSAGE))
        before = datetime.now(UTC)
        for _ in range(2):
            provider.answer(json(ANSWER))
            await gateway.post("/v1/messages", MESSAGE)
        refused = await gateway.post("/v1/messages", MESSAGE)
    assert limits["anthropic-ratelimit-requests-limit"] == "3"
    assert limits["anthropic-ratelimit-requests-remaining"] == "2"
    reset = datetime.fromisoformat(limits["anthropic-ratelimit-requests-reset"])
    assert limits["anthropic-ratelimit-requests-reset"].endswith("Z")
    assert before < reset <= before + timedelta(seconds=21)
    assert limits["anthropic-ratelimit-tokens-limit"] == "100000"
    assert not any(name.startswith("x-ratelimit") for name in limits)
    assert refused.status == 429
    assert limits_in(refused)["anthropic-ratelimit-requests-remaining"] == "0"
    assert refused.headers["retry-after"].isdigit()


async def test_a_stream_begins_with_them(provider: Simulator) -> None:
    async with Gateway({"demo": ("demo", "")}, more=LIMITS) as gateway:
        reply = await gateway.chat("demo/echo", stream=True)
    assert reply.events[-1] == "[DONE]"
    assert limits_in(reply)["x-ratelimit-remaining-requests"] == "2"


async def test_own_limits_stand_in_place_of_the_providers(provider: Simulator) -> None:
    theirs = {
        "x-ratelimit-limit-requests": "500", "x-ratelimit-remaining-requests": "499",
        "x-ratelimit-limit-tokens": "7",
    }  # fmt: skip
    async with Gateway(places(provider), more="[limits]\nrequests_per_minute = 3") as gateway:
        provider.answer(json(ANSWER, headers=theirs))
        reply = await gateway.chat("one/m")
    assert reply.headers.getall("x-ratelimit-limit-requests") == ["3"]  # type: ignore[attr-defined]
    assert reply.headers.getall("x-ratelimit-remaining-requests") == ["2"]  # type: ignore[attr-defined]
    assert reply.headers["x-ratelimit-limit-tokens"] == "7"
    async with Gateway(places(provider)) as gateway:
        provider.answer(json(ANSWER, headers=theirs))
        assert limits_in(await gateway.chat("one/m")) == theirs


async def test_a_failure_of_the_provider_has_them_too(provider: Simulator) -> None:
    async with Gateway(places(provider), more=LIMITS) as gateway:
        provider.answer(json({"error": {"message": "no"}}, status=400))
        reply = await gateway.chat("one/m")
    assert (reply.status, limits_in(reply)["x-ratelimit-remaining-requests"]) == (400, "2")


DURATIONS = [
    (0, "0ms"), (0.0004, "0ms"), (0.12, "120ms"), (1, "1s"), (7.66, "7.66s"), (20.5, "20.5s"),
    (59.999, "1m0s"), (60, "1m0s"), (90.25, "1m30.25s"), (3600, "60m0s"),
]  # fmt: skip


@each("seconds, written", DURATIONS)
def test_a_duration_is_written_as_openai_does(seconds: float, written: str) -> None:
    headers = dict(render_limits({"requests": Standing(60, 1, seconds)}, 0))
    assert headers[b"x-ratelimit-reset-requests"] == written.encode()


STANDINGS = st.builds(
    Standing, st.integers(1, 10**9), st.integers(0, 10**9), st.floats(0, 2) | st.floats(0, 60)
)


@given(STANDINGS, STANDINGS)
def test_lines_of_two_limits_are_those_of_each(requests: Standing, tokens: Standing) -> None:
    lines = [limit_lines({"requests": requests}), limit_lines({"tokens": tokens})]
    assert limit_lines({"requests": requests, "tokens": tokens}) == b"".join(lines)
