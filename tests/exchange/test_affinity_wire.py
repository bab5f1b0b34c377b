"""A long conversation over several providers keeps nearly all that a single one would have cached."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from prompt_cache import CachingProvider, PromptCache, conversation
from running import Gateway
from simulator import Simulator, refusal

REQUESTS = 60
PRICES = "input = 3\noutput = 15\ncache_read = 0.3\n"
KEPT = 0.97
"""The share of what a single provider would have cached."""


class Town:
    """Three providers of one model, each with two keys and a cache for each of them."""

    def __init__(self, gateway: Gateway, places: dict[str, tuple[Simulator, CachingProvider]]) -> None:
        self.gateway = gateway
        self.places = places

    @property
    def read(self) -> int:
        """Tokens that all providers have read from their caches."""
        return sum(provider.read_tokens for _, provider in self.places.values())

    async def ask(self, body: dict[str, Any], headers: dict[str, str] | None = None) -> str:
        """One request of the conversation; who served it."""
        reply = await self.gateway.post("/v1/chat/completions", {"model": "m", **body}, headers)
        assert reply.status == 200
        return reply.headers["x-tidegate-provider"]

    def break_down(self, name: str) -> None:
        """This provider fails from now on."""
        self.places[name][0].answer(refusal(503))

    def recover(self, name: str) -> None:
        """It serves again."""
        simulator, provider = self.places[name]
        simulator.answer(provider)


@pytest.fixture
async def town() -> AsyncIterator[Callable[..., Any]]:
    async with AsyncExitStack() as stack:

        async def build(order: str) -> Town:
            places = {}
            sections = []
            for name in "abc":
                simulator, provider = await stack.enter_async_context(Simulator()), CachingProvider()
                simulator.answer(provider)
                places[name] = (simulator, provider)
                sections.append(
                    f'[providers.{name}]\nkind = "openai_compatible"\nbase_url = "{simulator.url}/v1"\n'
                    f'api_keys = ["sk-{name}-000001", "sk-{name}-000002"]\n[prices."{name}/m"]\n{PRICES}'
                )
            listed = ", ".join(f'"{name}/m"' for name in places)
            more = "\n".join([*sections, f"[models.m]\ncandidates = [{listed}]"])
            routing = f'retries = 0\norder = "{order}"'
            return Town(await stack.enter_async_context(Gateway(more=more, routing=routing)), places)

        yield build


def cached_by_one(requests: int = REQUESTS) -> int:
    """Tokens of the conversation that a single provider with a single key would have read from its cache."""
    cache = PromptCache()
    return sum(cache.use(body)[1] for body in conversation(requests))


@pytest.mark.parametrize("order", ["balanced", "weighted"])
async def test_a_conversation_keeps_its_cache(town: Callable[..., Any], order: str) -> None:
    made = await town(order)
    served = {await made.ask(body) for body in conversation(REQUESTS)}
    assert len(served) == 1
    assert made.read >= KEPT * cached_by_one()
    saved = (await made.gateway.get("/v1/chat/health")).json["prompt_cache"]
    assert saved["cache_read_tokens"] == made.read
    assert saved["saved_usd"] == pytest.approx(made.read * 2.7e-6)


async def test_without_affinity_the_cache_is_lost(town: Callable[..., Any]) -> None:
    """What the test above would see if nothing held the conversation in its place."""
    made = await town("balanced")
    off = {"x-tidegate-affinity": "off"}
    served = {await made.ask(body, off) for body in conversation(REQUESTS)}
    assert len(served) == 3
    assert made.read < 0.9 * cached_by_one()


async def test_after_a_failure_it_comes_back(town: Callable[..., Any]) -> None:
    """The first home fails: the conversation moves, and loses one warm prompt. The second one fails: it comes
    back to the first, where what it had before is still cached.
    """
    made = await town("balanced")
    turns = list(conversation(REQUESTS))
    first = await made.ask(turns[0])
    for body in turns[1:20]:
        assert await made.ask(body) == first
    made.break_down(first)
    second = await made.ask(turns[20])
    assert second != first
    made.recover(first)
    for body in turns[21:40]:
        assert await made.ask(body) == second
    made.break_down(second)
    before = made.places[first][1].read_tokens
    assert await made.ask(turns[40]) == first
    cache = PromptCache()
    cache.use(turns[19])
    assert made.places[first][1].read_tokens - before == cache.use(turns[40])[1] > 0
    for body in turns[41:]:
        assert await made.ask(body) == first
