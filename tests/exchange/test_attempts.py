"""Which candidate is tried, when again, and whose failure the client gets to see."""

import asyncio
import gc
import json as jsonlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest

from running import Gateway
from simulator import Script, Simulator, drop, html, json, never, nowhere, refusal, stream

from .answers import ANSWER, FIRST, LAST, SECOND, WHOLE, chunk


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


async def chain(
    stack: AsyncExitStack, *answers: Script, kinds: Iterable[str] = (), billing: str = "", **settings: Any
) -> tuple[Gateway, list[Simulator]]:
    """A gateway with one provider for each answer, behind one name: `m`."""
    simulators = [await stack.enter_async_context(Simulator()) for _ in answers]
    for simulator, answer in zip(simulators, answers, strict=True):
        simulator.answer(answer)
    names = "abcdefgh"[: len(answers)]
    kinds = [*kinds] or ["openai_compatible"] * len(answers)
    providers = {
        name: (kind, f"{one.url}/v1") for name, kind, one in zip(names, kinds, simulators, strict=True)
    }
    candidates = ", ".join(f'"{name}/m"' for name in names)
    more = f'[models."m"]\ncandidates = [{candidates}]\n[billing]\n{billing}'
    return await stack.enter_async_context(Gateway(providers, more=more, **settings)), simulators


LIMITED = refusal(429, "slow down", retry_after="7")
BROKEN = refusal(500, "it burns")
LOCKED = refusal(401, "wrong key")


# --- the most telling failure ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        ([BROKEN, LIMITED], 429),
        ([LIMITED, BROKEN], 429),
        ([LOCKED, BROKEN, LIMITED], 429),
        ([LOCKED, BROKEN], 500),
        ([drop(), LOCKED], 502),
        ([LOCKED, LOCKED], 401),
        ([html(503), LOCKED, LIMITED, BROKEN], 429),
    ],
)
async def test_the_client_gets_the_most_telling_failure(
    stack: AsyncExitStack, answers: list[Script], status: int
) -> None:
    gateway, simulators = await chain(stack, *answers)
    reply = await gateway.chat("m")
    assert reply.status == status
    assert reply.headers.get("retry-after") == ("7" if status == 429 else None)
    assert reply.headers["x-tidegate-attempts"] == str(len(answers))
    assert all(len(one.requests) == 1 for one in simulators)


async def test_a_candidate_that_was_not_called_neither_counts_nor_answers_for_the_others(
    stack: AsyncExitStack,
) -> None:
    # Perplexity's row refuses tools before anything is sent.
    gateway, (first, second) = await chain(
        stack, json(ANSWER), LIMITED, kinds=["perplexity", "openai_compatible"]
    )
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    reply = await gateway.chat("m", tools=tools)
    record = await gateway.record()
    assert (reply.status, reply.headers["retry-after"]) == (429, "7")
    assert reply.headers["x-tidegate-attempts"] == "1"
    assert (len(first.requests), len(second.requests)) == (0, 1)
    assert [(one["provider"], one["model"]) for one in record["skipped"]] == [("a", "m")]
    assert [one["provider"] for one in record["attempts"]] == ["b"]


async def test_what_the_request_itself_caused_is_returned_at_once(stack: AsyncExitStack) -> None:
    gateway, (_, second) = await chain(stack, refusal(400, "no such parameter"), json(ANSWER))
    reply = await gateway.chat("m")
    assert (reply.status, reply.error["message"]) == (400, "no such parameter")
    assert second.requests == []


async def test_a_failure_names_the_provider_and_the_attempts(stack: AsyncExitStack) -> None:
    gateway, _ = await chain(stack, BROKEN)
    reply = await gateway.chat("m")
    assert reply.headers["x-tidegate-provider"] == "a"
    assert reply.headers["x-tidegate-model"] == "m"
    assert reply.headers["x-tidegate-attempts"] == "1"


async def test_a_failure_of_the_connection_names_provider_and_host() -> None:
    async with Gateway({"sim": ("openai_compatible", f"{nowhere()}/v1")}) as gateway:
        reply = await gateway.chat("sim/m")
    assert reply.status == 502
    assert reply.error["message"].startswith("sim: ")


# --- again at the same candidate -----------------------------------------------------------------------


async def test_the_second_try_waits_a_little(stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    # Patched is the amount and not the waiting: without a pause the two requests would be as near
    # to each other as the machine can make them, however slow it is.
    monkeypatch.setattr("tidegate.exchange.attempts.BACKOFF_S", 0.5)
    gateway, (one,) = await chain(stack, BROKEN, routing="retries = 1")
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert (await gateway.chat("m")).status == 500
    assert loop.time() - began > 0.5 * 0.75
    assert len(one.requests) == 2


@pytest.mark.parametrize(("answer", "tries"), [(BROKEN, 3), (LIMITED, 1), (LOCKED, 1), (drop(), 3)])
async def test_only_what_may_succeed_at_once_is_tried_again(
    stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch, answer: Script, tries: int
) -> None:
    monkeypatch.setattr("tidegate.exchange.attempts.BACKOFF_S", 0.001)
    gateway, _ = await chain(stack, answer, routing="retries = 2")
    reply = await gateway.chat("m")
    assert reply.headers["x-tidegate-attempts"] == str(tries)


# --- time -------------------------------------------------------------------------------------------------


async def test_a_plain_answer_has_a_time_of_its_own(stack: AsyncExitStack) -> None:
    gateway, _ = await chain(stack, never(), json(ANSWER), routing="attempt_s = 1\nretries = 0")
    reply = await gateway.chat("m")
    record = await gateway.record()
    assert (reply.status, reply.headers["x-tidegate-provider"]) == (200, "b")
    assert record["attempts"][0]["status"] == 504


async def test_a_stream_that_lives_is_not_cut_at_the_deadline() -> None:
    gate = asyncio.Event()
    async with Simulator() as provider:
        provider.stream([FIRST, gate, SECOND, *LAST])
        routing = "retries = 0\ndeadline_s = 1"
        async with (
            Gateway({"sim": ("openai", f"{provider.url}/v1")}, routing=routing) as gateway,
            gateway.open("sim/m-1", stream=True) as response,
        ):
            assert await response.content.readany() == FIRST
            await asyncio.sleep(1.5)  # the deadline and several looks of the watchdog pass
            gate.set()
            rest = await response.content.read()
            record = await gateway.record()
    assert rest.endswith(b"data: [DONE]\n\n")
    assert (record["ended"], record["status"]) == ("complete", 200)


async def test_silence_before_the_first_text_counts_as_silence_of_a_stream() -> None:
    """The beginning of an Anthropic stream is nothing that OpenAI's dialect shows."""
    message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": []}
    usage = {"input_tokens": 1, "output_tokens": 1}
    started = {"type": "message_start", "message": {**message, "stop_reason": None, "usage": usage}}
    begin = b"event: message_start\ndata: " + jsonlib.dumps(started).encode() + b"\n\n"
    async with Simulator() as provider:
        provider.answer(stream([begin], cut_at=len(begin), ending="hang"))
        routing = "retries = 0\nidle_s = 0.3\nfirst_byte_s = 60"
        async with Gateway({"sim": ("anthropic", provider.url)}, routing=routing) as gateway:
            reply = await gateway.chat("sim/m", stream=True)
    assert reply.status in (200, 504)
    assert b"within 0.3 seconds" in reply.body


# --- nothing is kept ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        json(ANSWER),
        stream(WHOLE),
        BROKEN,
        refusal(429, "slow down", retry_after="0"),
        html(502),
        drop(),
        drop(reset=True),
        never(),
        json(ANSWER, cut_at=10),
        stream(WHOLE, cut_at=len(FIRST)),
        stream([FIRST, chunk({}, "stop")], cut_at=len(FIRST), ending="hang"),
        json({"choices": []}),
        json([]),
    ],
    ids=str,
)
@pytest.mark.parametrize("streamed", [False, True])
async def test_an_exchange_that_is_over_leaves_nothing_for_the_collector(
    stack: AsyncExitStack, answer: Script, streamed: bool
) -> None:
    """An error that is kept holds its frames, and they hold the body: only the collector ends that."""
    routing = "retries = 0\nfirst_byte_s = 0.3\nidle_s = 0.3\nattempt_s = 0.3"
    gateway, _ = await chain(stack, answer, routing=routing)
    assert await what_is_left(gateway, lambda: gateway.chat("m", stream=streamed)) == set()


@pytest.mark.parametrize(
    "answer",
    [
        never(),
        stream([FIRST], cut_at=len(FIRST), ending="hang"),
        stream([FIRST, chunk({}, "stop")], cut_at=len(FIRST), ending="hang"),
        json(ANSWER, cut_at=10, ending="hang"),
    ],
    ids=str,
)
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("when_client_leaves", ["charge_delivered", "drain"])
async def test_a_client_that_leaves_leaves_nothing_for_the_collector(
    stack: AsyncExitStack, answer: Script, streamed: bool, when_client_leaves: str
) -> None:
    routing = "retries = 0\nidle_s = 1\nattempt_s = 1\nfirst_byte_s = 1"
    gateway, _ = await chain(
        stack, answer, routing=routing, billing=f'when_client_leaves = "{when_client_leaves}"'
    )

    async def leave() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await gateway.chat("m", stream=streamed)

    assert await what_is_left(gateway, leave) == set()


async def test_a_stream_that_is_carried_on_leaves_nothing_for_the_collector(stack: AsyncExitStack) -> None:
    broken = stream(WHOLE, cut_at=len(FIRST))
    gateway, (_, second) = await chain(
        stack, broken, stream(WHOLE), kinds=["mistral", "mistral"], routing="resume = true"
    )
    assert await what_is_left(gateway, lambda: gateway.chat("m", stream=True)) == set()
    assert len(second.requests) == 2


async def what_is_left(gateway: Gateway, ask: Callable[[], Awaitable[object]]) -> set[type]:
    """The types of Tidegate among what only the collector can free after a request."""
    await ask()  # what is loaded on first use is no garbage of the next one
    await gateway.record(1)
    gc.collect()
    gc.disable()
    try:
        gc.set_debug(gc.DEBUG_SAVEALL)
        await ask()
        await gateway.record(2)
        await asyncio.sleep(0.05)
        gc.collect()
        return {type(one) for one in gc.garbage if type(one).__module__.startswith("tidegate")}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


# --- a kept connection that is dead ----------------------------------------------------------------


@pytest.mark.parametrize("reset", [False, True])
async def test_a_request_that_was_sent_again_is_counted(stack: AsyncExitStack, reset: bool) -> None:
    gateway, (one,) = await chain(stack, json(ANSWER))
    await gateway.chat("m")
    one.answer(drop(reset=reset), json(ANSWER))
    reply = await gateway.chat("m")
    records = [await gateway.record(number) for number in (1, 2)]
    assert (reply.status, len(one.requests)) == (200, 3)
    assert reply.headers["x-tidegate-attempts"] == "2"
    assert [record.get("resent") for record in records] == [None, 1]
    assert [record["ended"] for record in records] == ["complete"] * 2


async def test_a_request_that_was_sent_again_in_vain_is_counted_as_well(stack: AsyncExitStack) -> None:
    gateway, (one,) = await chain(stack, json(ANSWER))
    await gateway.chat("m")
    one.answer(drop())
    reply = await gateway.chat("m")
    record = await gateway.record(2)
    assert (reply.status, len(one.requests)) == (502, 3)
    assert reply.headers["x-tidegate-attempts"] == "2"
    assert (record["resent"], len(record["attempts"])) == (1, 1)


# --- by default --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "tries"),
    [
        ([BROKEN, json(ANSWER)], [1, 1]),
        ([BROKEN, BROKEN], [1, 2]),
        ([BROKEN, LIMITED], [1, 1]),
        ([BROKEN], [2]),
    ],
)
async def test_a_candidate_is_retried_by_default_while_no_other_can_serve(
    stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch, answers: list[Script], tries: list[int]
) -> None:
    monkeypatch.setattr("tidegate.exchange.attempts.BACKOFF_S", 0.001)
    gateway, simulators = await chain(stack, *answers, routing="")
    await gateway.chat("m")
    assert [len(one.requests) for one in simulators] == tries


async def test_a_candidate_is_retried_by_default_while_the_others_are_rate_limited(
    stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidegate.exchange.attempts.BACKOFF_S", 0.001)
    gateway, (first, second) = await chain(stack, refusal(429, retry_after="600"), json(ANSWER), routing="")
    await gateway.chat("m")
    second.answer(BROKEN, json(ANSWER))
    assert (await gateway.chat("m")).headers["x-tidegate-provider"] == "b"
    assert (len(first.requests), len(second.requests)) == (1, 3)
