"""How much of a conversation's prompt cache survives routing over three providers.

    uv run python benchmarks/affinity.py

A coding agent's session of 200 requests goes through a real gateway to three providers on sockets, each with
two keys and a prompt cache for each key (`tests/prompt_cache.py`), which forgets what was not used for 5
minutes; by the caches' clock there is a request each minute. The figure is the share of the tokens that
a single provider with a single key would have read from its cache. Seeds are fixed, except for the draws of
the order, which only matter without affinity and for where a conversation begins.
"""

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from prompt_cache import CachingProvider, PromptCache, conversation
from running import Gateway
from simulator import Simulator, refusal

REQUESTS = 200
PACE_S = 60.0
"""Seconds between two requests, by the clock of the caches."""
ORDERS = ("priority", "weighted", "balanced")
PRICES = "input = 3\noutput = 15\ncache_read = 0.3\n"


async def run(order: str, headers: dict[str, str], failing: frozenset[int]) -> int:
    """The tokens that are read from caches in a session; whoever serves it fails at some of its requests."""
    async with AsyncExitStack() as stack:
        places: dict[str, tuple[Simulator, CachingProvider]] = {}
        now = 0.0
        sections = ['[models.m]\ncandidates = ["a/m", "b/m", "c/m"]']
        for name in "abc":
            simulator, provider = await stack.enter_async_context(Simulator()), CachingProvider(lambda: now)
            simulator.answer(provider)
            places[name] = (simulator, provider)
            sections.append(
                f'[providers.{name}]\nkind = "openai_compatible"\nbase_url = "{simulator.url}/v1"\n'
                f'api_keys = ["sk-{name}-000001", "sk-{name}-000002"]\n[prices."{name}/m"]\n{PRICES}'
            )
        routing = f'retries = 0\norder = "{order}"'
        gateway = await stack.enter_async_context(Gateway(more="\n".join(sections), routing=routing))
        home = "a"
        for number, body in enumerate(conversation(REQUESTS)):
            now = number * PACE_S
            if number in failing:
                places[home][0].answer(refusal(503))
            reply = await gateway.post("/v1/chat/completions", {"model": "m", **body}, headers)
            places[home][0].answer(places[home][1])
            home = reply.headers["x-tidegate-provider"]
        return sum(provider.read_tokens for _, provider in places.values())


async def main() -> None:
    """Print the table."""
    cache = PromptCache()
    best = sum(cache.use(body)[1] for body in conversation(REQUESTS))
    print(f"a single provider reads {best:,} tokens from its cache")
    print("| order | affinity | failures | of a single provider's cached tokens |\n|---|---|---|---|")
    for order in ORDERS:
        for affinity in ("on", "off"):
            for failing in (frozenset[int](), frozenset([60, 120])):
                read = await run(order, {"x-tidegate-affinity": affinity}, failing)
                print(f"| {order} | {affinity} | {len(failing)} | {read / best:.1%} |")


if __name__ == "__main__":
    asyncio.run(main())
