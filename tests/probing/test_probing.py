"""What is down comes back without a client's request, over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from buses import buses
from running import Gateway
from sdk.dialects import OPENAI
from simulator import Script, Seen, Simulator, json, never, refusal
from tidegate.probing import prober

BROKEN = refusal(500, "it burns")
LIST = json({"object": "list", "data": []})


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prober, "LOOK_S", 0.01)
    monkeypatch.setattr(prober, "AHEAD_S", 1000.0)
    monkeypatch.setattr(prober, "REST_S", 0.05)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


class Provider(Simulator):
    """Answers clients, questions of a probe and requests for its list each in their way."""

    def __init__(self) -> None:
        super().__init__()
        self.chats: Script = BROKEN
        self.questions: Script = BROKEN
        self.lists: Script = BROKEN
        self.answer(self._choose)

    def _choose(self, seen: Seen) -> Script:
        if seen.method == "GET":
            return self.lists
        return self.questions if seen.json.get("max_tokens") == 1 else self.chats

    def probes(self) -> list[Seen]:
        return [one for one in self.requests if one.method == "GET" or one.json.get("max_tokens") == 1]


async def start(stack: AsyncExitStack, how: str, **more: Any) -> tuple[Gateway, Provider]:
    provider = await stack.enter_async_context(Provider())
    named = {"a": ("openai_compatible", f"{provider.url}/v1")}
    routing = f'retries = 0\nprobe = "{how}"'
    return await stack.enter_async_context(Gateway(named, routing=routing, **more)), provider


async def fail(gateway: Gateway) -> None:
    """Open the breaker."""
    for _ in range(5):
        assert (await gateway.chat("a/m")).status == 500


async def model(gateway: Gateway) -> Any:
    [provider] = (await gateway.get("/v1/chat/health")).json["providers"]
    return provider["models"][0]


async def blocked_by(gateway: Gateway) -> str | None:
    """Why the only key is not used."""
    [service] = (await gateway.get("/v1/chat/health")).json["providers"]
    return service["credentials"][0]["blocked_by"] if service["credentials"] else None


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(20):
        while not await condition():
            await asyncio.sleep(0.005)


async def breaker_is(gateway: Gateway, state: str) -> None:
    async def reached() -> bool:
        return bool((await model(gateway))["breaker"] == state)

    await until(reached)


async def test_answered_requests_close_a_breaker_and_nobody_pays(stack: AsyncExitStack) -> None:
    gateway, provider = await start(stack, "request")
    await fail(gateway)
    await provider.seen(8)
    assert (await model(gateway))["last_probe"] == "500 simulated simulated_error"
    provider.questions = OPENAI.text
    await breaker_is(gateway, "closed")
    seen = await model(gateway)
    assert (seen["last_probe"], seen["attempts"]) == ("ok", 20), "as after every breaker that closes"
    assert seen["ttft_p50_s"] is None
    assert sum(record["door"] == "openai" for record in gateway.records) == 5, "those of the clients"
    assert {one.path for one in provider.probes()} == {"/v1/chat/completions"}


async def test_an_error_by_the_requests_own_fault_shows_that_the_model_is_well(stack: AsyncExitStack) -> None:
    gateway, provider = await start(stack, "request")
    provider.questions = refusal(400, "max_tokens must be at least 16")
    await fail(gateway)
    await breaker_is(gateway, "closed")


async def test_a_list_is_the_first_success_and_a_clients_request_the_second(stack: AsyncExitStack) -> None:
    gateway, provider = await start(stack, "list")
    await fail(gateway)
    provider.lists = LIST
    await breaker_is(gateway, "half_open")
    listed = len(provider.probes())
    await asyncio.sleep(0.1)
    assert len(provider.probes()) == listed, "a second list would prove nothing more"
    assert {(one.method, one.path) for one in provider.probes()} == {("GET", "/v1/models")}
    provider.chats = OPENAI.text
    assert (await gateway.chat("a/m")).status == 200
    assert (await model(gateway))["breaker"] == "closed"


async def test_any_answer_to_the_request_for_a_list_shows_that_the_provider_is_there(
    stack: AsyncExitStack,
) -> None:
    gateway, provider = await start(stack, "list")
    provider.lists = refusal(404, "no lists here")
    await fail(gateway)
    await breaker_is(gateway, "half_open")


async def test_without_the_setting_nothing_is_probed(stack: AsyncExitStack) -> None:
    gateway, provider = await start(stack, "off")
    await fail(gateway)
    await asyncio.sleep(0.1)
    assert provider.probes() == []


@pytest.mark.parametrize(
    ("how", "refused", "answer", "restored"),
    [
        ("list", 401, LIST, True),
        ("list", 401, refusal(401), False),
        ("list", 401, refusal(404), False),
        ("list", 402, LIST, False),
        ("request", 401, OPENAI.text, True),
        ("request", 402, OPENAI.text, True),
        ("request", 402, refusal(402), False),
    ],
    ids=str,
)
async def test_a_key_that_works_again_is_used_again(
    stack: AsyncExitStack, how: str, refused: int, answer: Script, restored: bool
) -> None:
    gateway, provider = await start(stack, how)
    provider.chats, provider.lists, provider.questions = refusal(refused), answer, answer
    assert (await gateway.chat("a/m")).status == refused

    async def opened() -> bool:
        return await blocked_by(gateway) is None

    if restored:
        await until(opened)
    else:
        if refused != 402 or how != "list":
            await provider.seen(3)
        assert not await opened()


async def test_one_worker_probes(stack: AsyncExitStack) -> None:
    pair = stack.enter_context(buses(2))
    provider = await stack.enter_async_context(Provider())
    provider.chats, provider.lists = refusal(401), never()
    named = {"a": ("openai_compatible", f"{provider.url}/v1")}
    first, second = [
        await stack.enter_async_context(Gateway(named, routing='retries = 0\nprobe = "list"', bus=bus))
        for bus in pair
    ]
    assert (await first.chat("a/m")).status == 401

    async def both_know() -> bool:
        return all([await blocked_by(one) for one in (first, second)])

    await until(both_know)
    await provider.seen(2)
    await asyncio.sleep(0.2)
    assert len(provider.probes()) == 1


async def test_a_model_that_does_not_chat_is_not_asked(stack: AsyncExitStack) -> None:
    provider = await stack.enter_async_context(Provider())
    named = {"a": ("openai", provider.url)}
    gateway = await stack.enter_async_context(Gateway(named, routing='retries = 0\nprobe = "request"'))
    for _ in range(5):
        await gateway.post("/v1/embeddings", {"model": "a/text-embedding-3-small", "input": "Hello"})
    await provider.seen(6)
    assert provider.requests[5].method == "GET"


async def test_a_probe_under_way_does_not_delay_the_stop(stack: AsyncExitStack) -> None:
    gateway, provider = await start(stack, "list")
    provider.lists = never()
    await fail(gateway)
    probe = await provider.seen(6)
    gateway.stop()
    await asyncio.wait_for(gateway.stopped(), 10)
    await asyncio.wait_for(probe.closed.wait(), 10)
