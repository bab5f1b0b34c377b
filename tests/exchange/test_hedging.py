"""A second attempt beside a silent first one: every way in which the two can end."""

import asyncio
import gc
import json as jsonlib
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from continuation.models import TEXT, Writing
from continuation.world import world
from running import HELLO, Gateway, Reply
from simulator import Script, Simulator, json, never, refusal, stream

from .answers import ANSWER, WHOLE

SPOKEN = stream(WHOLE)
BROKEN = refusal(500, "it burns")
REFUSED = refusal(400, "no such parameter")
PRICE = "input = 3\noutput = 15"


def after(gate: asyncio.Event, script: Script = SPOKEN) -> Script:
    """The same answer, once the test opens the gate."""
    return Script(**{**vars(script), "head_after": gate})


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A first token is late after its 95th percentile, however short that is: no test waits half a second."""
    monkeypatch.setattr("tidegate.routing.hedging.LEAST_DELAY_S", 0.0)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    before = descriptors()
    async with AsyncExitStack() as opened:
        yield opened
    await until(lambda: descriptors() <= before)
    left = [task for task in asyncio.all_tasks() if "Runner" in repr(task)]
    assert left == []


async def until(reached: Callable[[], bool]) -> None:
    while not reached():
        await asyncio.sleep(0.001)


Answers = Script | tuple[Script, ...]


class Rivals:
    """A gateway with providers `a`, `b`, … behind the name `m`, and what it knows of them."""

    def __init__(self, gateway: Gateway, providers: list[Simulator]) -> None:
        self.gateway, self.providers = gateway, providers

    async def chat(self, **more: Any) -> Reply:
        headers = {"x-tidegate-explain": "1", **more.pop("headers", {})}
        body = {"model": "m", "stream": True, **HELLO, **more}
        return await self.gateway.post("/v1/chat/completions", body, headers)

    def begin(self, **more: Any) -> asyncio.Task[Reply]:
        return asyncio.create_task(self.chat(**more))

    def failed(self, name: str) -> bool:
        """Whether the gateway has noticed a failure of this provider."""
        endpoints = self.gateway.router.health(name, perf_counter()).endpoints
        return any(one.last_error is not None for one in endpoints)

    async def all_closed(self) -> None:
        """Await that no provider is waiting for the gateway, or the gateway for a provider."""
        for provider in self.providers:
            for seen in provider.requests:
                if not seen.complete.is_set():
                    await seen.closed.wait()
        names = "abcdefgh"[: len(self.providers)]
        health = [self.gateway.router.health(name, perf_counter()) for name in names]
        assert {one.in_flight for each in health for one in each.credentials} == {0}
        assert (await self.gateway.get("/health")).json["open_requests"] == 0


async def rivals(
    stack: AsyncExitStack,
    *answers: Answers,
    usual_s: float = 0.001,
    prices: tuple[str, ...] = (PRICE,) * 8,
    candidates: str = "",
    kinds: tuple[str, ...] = (),
    hedge: str = "hedge = true",
    more: str = "",
    **settings: str,
) -> Rivals:
    """`usual_s` is the time to first token that each provider usually has."""
    providers = [await stack.enter_async_context(Simulator()) for _ in answers]
    for provider, scripts in zip(providers, answers, strict=True):
        provider.answer(*scripts) if isinstance(scripts, tuple) else provider.answer(scripts)
    names = "abcdefgh"[: len(answers)]
    kind_of = dict(zip(names, kinds or ("openai_compatible",) * len(names), strict=True))
    named = {name: (kind_of[name], f"{one.url}/v1") for name, one in zip(names, providers, strict=True)}
    listed = candidates or ", ".join(f'"{name}/m"' for name in names)
    parts = [f"[models.m]\ncandidates = [{listed}]\n{hedge}", more]
    parts += [f'[prices."{name}/m"]\n{price}' for name, price in zip(names, prices, strict=False)]
    gateway = await stack.enter_async_context(Gateway(named, more="\n".join(parts), **settings))
    for name in names:
        figures = gateway.router.endpoints.endpoint(name, "m").figures
        for _ in range(100):
            figures.first_token(usual_s)
    return Rivals(gateway, providers)


def tried(reply: Reply) -> list[tuple[str, str | None, bool, bool]]:
    """The explained attempts: provider, error, whether it is the hedge, whether it was cancelled."""
    explained = jsonlib.loads(reply.headers["x-tidegate-explained"])["tried"]
    return [(one["provider"], one["error"], one["hedge"], one["cancelled"]) for one in explained]


# --- one of both answers -----------------------------------------------------------------------------


async def test_the_second_answers_first(stack: AsyncExitStack) -> None:
    race = await rivals(stack, never(), SPOKEN)
    reply = await race.chat()
    assert (reply.status, reply.text, reply.events[-1]) == (200, "Hello", "[DONE]")
    assert (reply.headers["x-tidegate-provider"], reply.headers["x-tidegate-attempts"]) == ("b", "2")
    assert tried(reply) == [("a", None, False, True), ("b", None, True, False)]
    record = await race.gateway.record()
    assert (record["ended"], record["provider"], record["hedge"]) == ("complete", "b", True)
    (cancelled,) = record["attempts"]
    assert cancelled.pop("ms") > 0
    assert cancelled.pop("began_ms") > 0
    assert cancelled == {
        "provider": "a", "model": "m", "status": 499, "error": "another attempt answered first",
        "cancelled": True,
    }  # fmt: skip
    assert record["overhead_ms"] >= 0
    await race.all_closed()


async def test_the_first_answers_after_all(stack: AsyncExitStack) -> None:
    gate = asyncio.Event()
    race = await rivals(stack, after(gate), never())
    asked = race.begin()
    await race.providers[1].seen()
    gate.set()
    reply = await asked
    assert (reply.text, reply.headers["x-tidegate-provider"]) == ("Hello", "a")
    assert reply.headers["x-tidegate-attempts"] == "2"
    assert tried(reply) == [("a", None, False, False), ("b", None, True, True)]
    record = await race.gateway.record()
    assert (record["provider"], record.get("hedge")) == ("a", None)
    assert [(one["provider"], one["hedge"], one["cancelled"]) for one in record["attempts"]] == [
        ("b", True, True)
    ]
    assert record["overhead_ms"] >= 0
    await race.all_closed()


async def test_what_the_cancelled_one_has_reported_is_recorded_and_billed(
    stack: AsyncExitStack, tmp_path: Path
) -> None:
    gate = asyncio.Event()
    usage = {"input_tokens": 25, "output_tokens": 1}
    message = {"id": "1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": usage}
    begun = jsonlib.dumps({"type": "message_start", "message": message}).encode()
    silent = stream([b"event: message_start\ndata: " + begun + b"\n\n", gate])
    accounts = f'[store]\nurl = "sqlite:///{tmp_path}/accounts.db"\n[auth]\nkeys = ["sk-client-0123456789"]'
    kinds = ("anthropic", "openai_compatible")
    race = await rivals(stack, silent, SPOKEN, kinds=kinds, usual_s=0.3, more=accounts)
    reply = await race.chat(headers={"authorization": "Bearer sk-client-0123456789"})
    assert reply.headers["x-tidegate-provider"] == "b"
    record = await race.gateway.record()
    (cancelled,) = record["attempts"]
    assert cancelled["usage"] == {"input": 25, "output": 1}
    lines = [(line["name"], line["count"], line["amount"]) for line in record["bill"]]
    assert lines[:2] == [("input", 25, 25 * 3000), ("output", 1, 15000)]
    assert sum(amount for _, _, amount in lines) == record["cost"]
    assert not record.get("estimated")


async def test_a_cancelled_attempt_is_no_failure_but_its_silence_counts(stack: AsyncExitStack) -> None:
    race = await rivals(stack, never(), SPOKEN)
    for _ in range(8):
        assert (await race.chat()).headers["x-tidegate-provider"] == "b"
    await race.all_closed()
    health = race.gateway.router.health("a", perf_counter() + 1)
    (silent,) = health.endpoints
    assert (silent.breaker, silent.last_error, silent.attempts) == ("closed", None, 0)
    assert health.credentials[0].blocked_by is None
    assert silent.ttft_p95_s > 0.001, "8 of 108 were longer"


async def test_the_second_breaks_later_and_is_carried_on(stack: AsyncExitStack) -> None:
    broken, rest = Writing("openai", keep=7), Writing("anthropic")
    chain = (("openai", never()), ("openai", broken), ("anthropic", rest))
    asked = await stack.enter_async_context(world(*chain, more="hedge = true"))
    for _ in range(100):
        asked.gateway.router.endpoints.endpoint("a", "gpt-4.1").figures.first_token(0.001)
    reply = await asked.ask("chat")
    assert (reply.text, reply.headers["x-tidegate-provider"]) == (TEXT, "b")
    record = await asked.gateway.record()
    assert (record["ended"], record["provider"], record["continued"]) == ("complete", "c", 1)
    result = [(one["provider"], one.get("cancelled"), one.get("hedge")) for one in record["attempts"]]
    assert result == [("a", True, None), ("b", None, True)]


# --- one of both fails -------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [BROKEN, refusal(429, "slow down", retry_after="9")])
async def test_the_first_fails_and_the_second_answers(stack: AsyncExitStack, failure: Script) -> None:
    first, second = asyncio.Event(), asyncio.Event()
    race = await rivals(stack, after(first, failure), after(second))
    asked = race.begin()
    await race.providers[1].seen()
    first.set()
    await until(lambda: race.failed("a"))
    second.set()
    reply = await asked
    assert (reply.text, reply.headers["x-tidegate-provider"]) == ("Hello", "b")
    record = await race.gateway.record()
    (failed,) = record["attempts"]
    assert (failed["provider"], failed["status"], failed.get("cancelled")) == ("a", failure.status, None)
    assert (record["hedge"], len(race.providers[0].requests)) == (True, 1)
    await race.all_closed()


async def test_the_first_times_out_and_the_second_answers(stack: AsyncExitStack) -> None:
    gate = asyncio.Event()
    race = await rivals(stack, never(), after(gate), usual_s=0.9, routing="retries = 0\nfirst_byte_s = 1")
    asked = race.begin()
    await until(lambda: race.failed("a"))
    gate.set()
    reply = await asked
    # The second began later, so its time is over later.
    assert (reply.status, reply.headers["x-tidegate-provider"]) == (200, "b")
    await race.all_closed()


@pytest.mark.parametrize("failure", [BROKEN, REFUSED])
async def test_the_second_fails_and_the_first_answers(stack: AsyncExitStack, failure: Script) -> None:
    gate = asyncio.Event()
    race = await rivals(stack, after(gate), failure)
    asked = race.begin()
    await (await race.providers[1].seen()).complete.wait()
    await until(lambda: race.gateway.router.health("b", perf_counter()).credentials[0].in_flight == 0)
    gate.set()
    reply = await asked
    assert (reply.text, reply.headers["x-tidegate-provider"]) == ("Hello", "a")
    assert [(name, hedge) for name, _, hedge, _ in tried(reply)] == [("a", False), ("b", True)]
    (failed,) = (await race.gateway.record())["attempts"]
    assert (failed["provider"], failed["status"], failed["hedge"]) == ("b", failure.status, True)
    await race.all_closed()


async def test_a_request_that_would_be_refused_everywhere_is_returned_at_once(stack: AsyncExitStack) -> None:
    gate = asyncio.Event()
    race = await rivals(stack, after(gate, REFUSED), never(), SPOKEN)
    asked = race.begin()
    await race.providers[1].seen()
    gate.set()
    reply = await asked
    assert (reply.status, reply.error["message"]) == (400, "no such parameter")
    assert (reply.headers["x-tidegate-provider"], reply.headers["x-tidegate-attempts"]) == ("a", "2")
    assert race.providers[2].requests == []
    record = await race.gateway.record()
    assert [(one["provider"], one["status"], one["error"]) for one in record["attempts"]] == [
        ("a", 400, "400 simulated simulated_error"),
        ("b", 499, "the request ended before it answered"),
    ]
    await race.all_closed()


# --- both fail ---------------------------------------------------------------------------------------


async def test_both_fail_and_the_next_candidate_answers(stack: AsyncExitStack) -> None:
    gate = asyncio.Event()
    race = await rivals(stack, after(gate, BROKEN), BROKEN, SPOKEN)
    asked = race.begin()
    await until(lambda: race.failed("b"))
    gate.set()
    reply = await asked
    assert (reply.text, reply.headers["x-tidegate-provider"]) == ("Hello", "c")
    assert reply.headers["x-tidegate-attempts"] == "3"
    record = await race.gateway.record()
    assert [one["provider"] for one in record["attempts"]] == ["a", "b"]
    assert "hedge" not in record
    await race.all_closed()


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        (BROKEN, refusal(429, "slow down", retry_after="9"), 429),
        (BROKEN, REFUSED, 400),
        (BROKEN, BROKEN, 500),
    ],
)
async def test_both_fail_and_nobody_is_left(
    stack: AsyncExitStack, first: Script, second: Script, status: int
) -> None:
    gate = asyncio.Event()
    race = await rivals(stack, after(gate, first), second)
    asked = race.begin()
    await (await race.providers[1].seen()).complete.wait()
    gate.set()
    reply = await asked
    assert (reply.status, reply.headers["x-tidegate-attempts"]) == (status, "2")
    record = await race.gateway.record()
    assert [one["provider"] for one in record["attempts"]] == ["a", "b"]
    await race.all_closed()


async def test_both_fail_and_the_first_is_retried_as_always(stack: AsyncExitStack) -> None:
    gate = asyncio.Event()
    race = await rivals(stack, (after(gate, BROKEN), SPOKEN), BROKEN, SPOKEN, routing="retries = 1")
    asked = race.begin()
    await until(lambda: race.failed("b"))
    gate.set()
    reply = await asked
    assert (reply.headers["x-tidegate-provider"], reply.headers["x-tidegate-attempts"]) == ("a", "3")
    await race.all_closed()


async def test_a_request_is_hedged_once(stack: AsyncExitStack) -> None:
    gate, last = asyncio.Event(), asyncio.Event()
    race = await rivals(stack, after(gate, BROKEN), BROKEN, after(last), SPOKEN)
    asked = race.begin()
    await until(lambda: race.failed("b"))
    gate.set()
    await race.providers[2].seen()
    await asyncio.sleep(0.05)
    assert race.providers[3].requests == []
    last.set()
    assert (await asked).headers["x-tidegate-provider"] == "c"


# --- nobody waits any more -----------------------------------------------------------------------------


async def test_the_client_leaves(stack: AsyncExitStack) -> None:
    race = await rivals(stack, never(), never())
    asked = race.begin()
    await race.providers[1].seen()
    asked.cancel()
    record = await race.gateway.record()
    assert (record["ended"], record["status"], record["provider"]) == ("client_left", 499, "a")
    (hedge,) = record["attempts"]
    assert (hedge["provider"], hedge["hedge"], hedge["cancelled"]) == ("b", True, True)
    assert hedge["error"] == "the request ended before it answered"
    await race.all_closed()
    assert not race.failed("a")
    assert not race.failed("b")


async def test_the_client_leaves_before_the_second_begins(stack: AsyncExitStack) -> None:
    race = await rivals(stack, never(), SPOKEN, usual_s=60)
    asked = race.begin()
    await race.providers[0].seen()
    asked.cancel()
    record = await race.gateway.record()
    assert (record["ended"], record["provider"], record.get("attempts")) == ("client_left", "a", None)
    assert race.providers[1].requests == []
    await race.all_closed()


async def test_the_client_leaves_after_the_second_has_won(stack: AsyncExitStack) -> None:
    gate = asyncio.Event()
    race = await rivals(stack, never(), stream([WHOLE[0], gate]))
    async with race.gateway.open("m", stream=True) as response:
        await response.content.readany()
        response.close()
    record = await race.gateway.record()
    assert (record["ended"], record["provider"], record["hedge"]) == ("client_left", "b", True)
    await race.all_closed()


async def test_the_deadline_ends_both(stack: AsyncExitStack) -> None:
    race = await rivals(stack, never(), never(), routing="retries = 0\ndeadline_s = 0.5")
    race.providers[0].answer(never())
    reply = await race.chat()
    assert (reply.status, reply.error["code"]) == (504, "deadline_exceeded")
    record = await race.gateway.record()
    assert record["ended"] == "failed"
    last = record["attempts"][-1]
    assert (last["provider"], last["status"]) == ("b", 504)
    assert last["error"] == "b: no answer began before the request's deadline"
    await race.all_closed()


async def test_a_client_that_waits_for_less_blames_nobody(stack: AsyncExitStack) -> None:
    race = await rivals(stack, never(), never())
    reply = await race.chat(headers={"x-tidegate-deadline": "0.4"})
    assert (reply.status, reply.error["code"]) == (504, "deadline_exceeded")
    await race.all_closed()
    assert not race.failed("a")
    assert not race.failed("b")


async def test_two_that_hang_leave_time_for_the_next(stack: AsyncExitStack) -> None:
    race = await rivals(stack, never(), never(), SPOKEN, routing="retries = 0\ndeadline_s = 2")
    reply = await race.chat()
    assert (reply.status, reply.headers["x-tidegate-provider"]) == (200, "c")
    await race.all_closed()


async def test_the_gateway_stops(stack: AsyncExitStack) -> None:
    race = await rivals(stack, never(), never(), server="grace_s = 0.1")
    asked = race.begin()
    await race.providers[1].seen()
    race.gateway.stop()
    reply = await asked
    assert reply.status == 503
    await race.gateway.stopped()
    record = await race.gateway.record()
    assert (record["ended"], [one["status"] for one in record["attempts"]]) == ("shut_down", [503, 503])
    for provider in race.providers:
        await (await provider.seen()).closed.wait()


# --- requests that are not hedged ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"hedge": ""},
        {"hedge": "hedge = false", "routing": "retries = 0\nhedge = true"},
        {"usual_s": 60},
        {"routing": "retries = 0\nhedge_max_usd = 0.00001"},
        {"prices": ()},
        {"prices": (PRICE, "input = 1000000\noutput = 1000000")},
        {"candidates": '"a/m", "a/other"'},
    ],
    ids=[
        "off",
        "off for the model",
        "not late",
        "too expensive",
        "no price",
        "the other too expensive",
        "one",
    ],
)
async def test_some_requests_are_not_hedged(stack: AsyncExitStack, settings: dict[str, Any]) -> None:
    gate = asyncio.Event()
    race = await rivals(stack, after(gate), SPOKEN, **settings)
    asked = race.begin()
    await race.providers[0].seen()
    await asyncio.sleep(0.05)
    gate.set()
    reply = await asked
    assert (reply.text, reply.headers["x-tidegate-provider"]) == ("Hello", "a")
    assert reply.headers["x-tidegate-attempts"] == "1"
    assert race.providers[1].requests == []
    await race.all_closed()


async def test_a_plain_answer_is_not_hedged(stack: AsyncExitStack) -> None:
    gate = asyncio.Event()
    race = await rivals(stack, after(gate, json(ANSWER)), json(ANSWER))
    asked = race.begin(stream=False)
    await race.providers[0].seen()
    await asyncio.sleep(0.05)
    gate.set()
    assert (await asked).headers["x-tidegate-attempts"] == "1"
    assert race.providers[1].requests == []


async def test_hedges_end_when_the_budget_is_used_up(stack: AsyncExitStack) -> None:
    gate = asyncio.Event()
    race = await rivals(stack, (*[never()] * 10, after(gate)), SPOKEN)
    for _ in range(10):
        assert (await race.chat()).headers["x-tidegate-provider"] == "b"
    asked = race.begin()
    await race.providers[0].seen(11)
    await asyncio.sleep(0.05)
    gate.set()
    assert (await asked).headers["x-tidegate-provider"] == "a"
    assert len(race.providers[1].requests) == 10
    await race.all_closed()


async def test_who_does_not_support_the_request_is_no_second(stack: AsyncExitStack) -> None:
    # Perplexity's row refuses tools before anything is sent.
    kinds = ("openai_compatible", "perplexity", "openai_compatible")
    race = await rivals(stack, never(), SPOKEN, SPOKEN, kinds=kinds)
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    reply = await race.chat(tools=tools)
    assert reply.headers["x-tidegate-provider"] == "c"
    (skipped,) = (await race.gateway.record())["skipped"]
    assert (skipped["provider"], race.providers[1].requests) == ("b", [])


# --- memory --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("second", [SPOKEN, BROKEN, never()])
async def test_a_race_that_is_over_leaves_nothing_for_the_collector(
    stack: AsyncExitStack, second: Script
) -> None:
    race = await rivals(stack, never(), second, routing="retries = 0\nfirst_byte_s = 0.3")
    await race.chat()  # what is loaded on first use is no garbage of this one
    gc.collect()
    gc.disable()
    try:
        gc.set_debug(gc.DEBUG_SAVEALL)
        await race.chat()
        await race.gateway.record(2)
        await asyncio.sleep(0.05)
        gc.collect()
        left = {type(one) for one in gc.garbage if type(one).__module__.startswith("tidegate")}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert left == set()
