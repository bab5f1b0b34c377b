"""A gateway with failing providers: cells of the table behind one configuration, and a clock set by tests."""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any, Self

import pytest

from running import Gateway

from .cells import DOWN, WELL, Cell
from .doors import DOORS, Answer
from .provider import Hand, Providers

__all__ = ["CONNECT_S", "KEY", "Clock", "Seen", "World"]

LIMITS = "retries = 0\ndeadline_s = 240\nattempt_s = 28\nfirst_byte_s = 20\nidle_s = 12"
"""Generous, because the machine may be slow: these times pass when a test lets them pass."""
CONNECT_S = 0.1
"""The one time that really passes, in a gateway whose other connections are open by then."""
LONGEST_S = 29.0
"""More than each of the limits of an attempt."""
STEP_S = 3.0
"""Less than the silence that a stream may have."""
LOOK_S = 0.005
"""Between two looks of the watchdog."""
LATE_S = 2.0
"""After so many seconds the time is let pass again."""
KEY = "sk-client-0123456789"
MANY = 50
"""Events of a stream after which a client has enough. Whole streams are shorter."""

KINDS = {
    "openai_chat": ("openai_compatible", "m"),
    "openai_responses": ("openai", "m-codex"),
    "anthropic": ("anthropic", "m"),
    "gemini": ("gemini", "m"),
}
"""A service of each wire format, and the name of a model that is served in it."""


class Clock:
    """The gateway's clock: the true time, and whatever a test has let pass."""

    def __init__(self, patch: pytest.MonkeyPatch, look_s: float = LOOK_S, *, timers: bool = False) -> None:
        """With `timers` it is the clock of the event loop, too."""
        self.passed = 0.0
        if timers:
            loop = asyncio.get_running_loop()
            true = loop.time
            patch.setattr(loop, "time", lambda: true() + self.passed)
        for name, module in list(sys.modules.items()):
            if name.startswith("tidegate.") and getattr(module, "perf_counter", None) is time.perf_counter:
                patch.setattr(module, "perf_counter", self)
        patch.setattr("tidegate.exchange.watchdog.LOOK_S", look_s)

    def __call__(self) -> float:
        return time.perf_counter() + self.passed


@dataclass(frozen=True)
class Seen:
    """What came of a cell: what its client got, and its record."""

    status: int
    headers: Mapping[str, str]
    answer: Answer
    record: Any


class World:
    """A gateway in front of the chains of all these cells."""

    def __init__(
        self,
        cells: Sequence[Cell],
        clock: Clock,
        providers: Providers,
        settings: str = "",
        *,
        bills: bool = False,
    ) -> None:
        """With `bills` the gateway keeps accounts, and each token of candidate n costs n USD per million."""
        self._clock = clock
        self._providers = providers
        self._names = {cell: f"c{number}" for number, cell in enumerate(cells)}
        self.bills = bills
        self._folder = TemporaryDirectory()
        lines = [*self._lines(cells), *(self._accounts(cells) if bills else ())]
        self.gateway = Gateway(more="\n".join(lines), routing=f"{LIMITS}\n{settings}")

    def _lines(self, cells: Iterable[Cell]) -> Iterable[str]:
        for cell in cells:
            kind, model = KINDS[cell.speech]
            named = self._names[cell]
            for number, fault in enumerate(cell.chain, 1):
                yield f'[providers.{named}-{number}]\nkind = "{kind}"\napi_key = "sk-upstream-0123456789"'
                if kind == "openai_compatible":
                    yield "dialect = { continues = true }"
                yield f'base_url = "{self._providers.url(fault.key, cell.speech)}"'
            listed = [f"{named}-{number}/{model}" for number in range(1, len(cell.chain) + 1)]
            yield f'[models."{named}"]\ncandidates = {json.dumps(listed)}'

    def _accounts(self, cells: Iterable[Cell]) -> Iterable[str]:
        yield f'[store]\nurl = "sqlite:///{self._folder.name}/accounts.db"\n[auth]\nkeys = ["{KEY}"]'
        for cell in cells:
            for number in range(1, len(cell.chain) + 1):
                yield f'[prices."{self._names[cell]}-{number}/{KINDS[cell.speech][1]}"]'
                yield f"input = {number}\noutput = {number}"

    async def warm_up(self) -> None:
        """Open the connections of the providers that can be reached."""
        for cell, name in self._names.items():
            for number, fault in enumerate(cell.chain, 1):
                if fault in (WELL, DOWN):
                    await self.gateway.chat(f"{name}-{number}/{KINDS[cell.speech][1]}")

    async def in_flight(self) -> int:
        """Attempts that the router believes to be open."""
        health = (await self.gateway.get("/v1/chat/health")).json
        return sum(key["in_flight"] for one in health["providers"] for key in one["credentials"])

    async def run(self, cell: Cell) -> Seen:
        """Send the request of a cell, and let the time pass for which its providers wait."""
        self._providers.forget()
        time_passes = asyncio.create_task(self._let_time_pass())
        try:
            async with asyncio.timeout(60):
                status, headers, body = await self._ask(cell)
                record = await self._record(self._names[cell])
                await self._check_connections()
        finally:
            time_passes.cancel()
            await asyncio.wait([time_passes])
        if body.count(b"data: ") > MANY:
            answer = Answer("", "left")
        else:
            answer = DOORS[cell.door].parse(cell.streamed and status == 200, body)
        return Seen(status, headers, answer, record)

    async def _ask(self, cell: Cell) -> tuple[int, Mapping[str, str], bytes]:
        path, body = DOORS[cell.door].request(self._names[cell], cell.streamed)
        url, headers = self.gateway.url + path, {"authorization": f"Bearer {KEY}"}
        async with self.gateway.session.post(url, data=body, headers=headers) as response:
            received = b""
            async for data in response.content.iter_any():
                received += data
                if received.count(b"data: ") > MANY:
                    response.close()
                    break
                if response.status == 200:
                    self._providers.delivered.set()
            return response.status, response.headers, received

    async def _record(self, name: str) -> Any:
        while not (found := [one for one in self.gateway.records if one["model"] == name]):
            await asyncio.sleep(0)
        return found[-1]

    async def _check_connections(self) -> None:
        """Await that every connection is closed on which an answer did not end."""
        for seen in self._providers.requests():
            if not seen.complete.is_set():
                await seen.closed.wait()

    # --- time ---

    async def _let_time_pass(self) -> None:
        while True:
            hand = await self._providers.hands.get()
            await (self._drip(hand) if hand.drips else self._fall_silent(hand))

    async def _fall_silent(self, hand: Hand) -> None:
        """Let the longest patience end, once the gateway has read what came before."""
        while not hand.seen.closed.is_set():
            await asyncio.sleep(
                3 * LOOK_S
            )  # what is active is looked at, and its silence counts from then on
            self._clock.passed += LONGEST_S
            # Where the gateway reads that late, its patience begins anew.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LATE_S):
                    await hand.seen.closed.wait()

    async def _drip(self, hand: Hand) -> None:
        """Let time pass in steps in which something has come each time."""
        while not hand.seen.closed.is_set():
            sent = hand.seen.sent
            while hand.seen.sent < sent + 3 and not hand.seen.closed.is_set():
                await asyncio.sleep(LOOK_S)
            self._clock.passed += STEP_S

    async def __aenter__(self) -> Self:
        await self.gateway.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.gateway.__aexit__(*error)
        self._folder.cleanup()
