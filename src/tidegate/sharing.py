"""Shares what workers know about providers: figures every second; transitions and the homes of conversations
immediately.

With one worker it does nothing. `routing/sharing.py` defines the content, `bus` the transport.
"""

import asyncio
from collections.abc import Iterator
from time import perf_counter

import msgspec

from tidegate.bus import Bus
from tidegate.routing import Router, Transition

__all__ = ["PUBLISH_S", "Sharing"]

PUBLISH_S = 1.0
"""Seconds between two reports of a worker."""
PAUSE_S = 0.01
"""Seconds between two parts of a report."""
HOMES_S = 0.05
"""How long updates of conversations are collected, in seconds: less than a client takes for its next turn."""
FIGURES, TRANSITIONS, HOMES = "routing.figures", "routing.transitions", "routing.homes"

_DECODE = msgspec.msgpack.Decoder(Transition).decode
_ENCODE = msgspec.msgpack.Encoder().encode


class Sharing:
    """Connects a worker's router with those of the others."""

    def __init__(self, router: Router, bus: Bus) -> None:
        self._router = router
        self._bus = bus
        self._timer: asyncio.TimerHandle | None = None
        self._parts: Iterator[bytes] = iter(())
        """The parts of the report that is being sent."""
        if not bus.alone:
            bus.subscribe(FIGURES, self._merge)
            bus.subscribe(TRANSITIONS, self._apply)
            bus.subscribe(HOMES, self._merge_homes)
            router.subscribe(self._tell)
            router.homes.on_news = self._expect_homes

    def start(self) -> None:
        """Start reporting on the running event loop."""
        if not self._bus.alone:
            self._timer = asyncio.get_running_loop().call_later(PUBLISH_S, self._report)

    def stop(self) -> None:
        """Send a last report, and stop."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            for part in (*self._parts, *self._router.publish(perf_counter())):
                self._bus.publish(FIGURES, part)

    def _report(self) -> None:
        self._parts = self._router.publish(perf_counter())
        self._continue()

    def _continue(self) -> None:
        """Send a part, and the next one after a pause for requests."""
        part = next(self._parts, None)
        loop = asyncio.get_running_loop()
        if part is None:
            self._timer = loop.call_later(PUBLISH_S, self._report)
        else:
            self._bus.publish(FIGURES, part)
            self._timer = loop.call_later(PAUSE_S, self._continue)

    def _expect_homes(self) -> None:
        asyncio.get_running_loop().call_later(HOMES_S, self._report_homes)

    def _report_homes(self) -> None:
        for part in self._router.publish_homes(perf_counter()):
            self._bus.publish(HOMES, part)

    def _merge_homes(self, data: bytes) -> None:
        self._router.merge_homes(data, perf_counter())

    def _merge(self, data: bytes) -> None:
        self._router.merge(data, perf_counter())

    def _tell(self, transition: Transition) -> None:
        self._bus.publish(TRANSITIONS, _ENCODE(transition))

    def _apply(self, data: bytes) -> None:
        self._router.apply(_DECODE(data), perf_counter())
