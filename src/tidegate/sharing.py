"""What the workers of a gateway tell each other about providers: figures each second, transitions at once.

With one worker it does nothing. See `routing/sharing.py` for what is told, and `bus` for how it travels.
"""

import asyncio
from time import perf_counter

import msgspec

from tidegate.bus import Bus
from tidegate.routing import Router, Transition

__all__ = ["PUBLISH_S", "Sharing"]

PUBLISH_S = 1.0
"""Seconds between two reports of a worker."""
FIGURES, TRANSITIONS = "routing.figures", "routing.transitions"

_DECODE = msgspec.msgpack.Decoder(Transition).decode
_ENCODE = msgspec.msgpack.Encoder().encode


class Sharing:
    """Connects a worker's router with those of the others."""

    def __init__(self, router: Router, bus: Bus) -> None:
        self._router = router
        self._bus = bus
        self._timer: asyncio.TimerHandle | None = None
        if not bus.alone:
            bus.subscribe(FIGURES, self._merge)
            bus.subscribe(TRANSITIONS, self._apply)
            router.subscribe(self._tell)

    def start(self) -> None:
        """Begin to report, on the running event loop."""
        if not self._bus.alone:
            self._timer = asyncio.get_running_loop().call_later(PUBLISH_S, self._report)

    def stop(self) -> None:
        """Report what is new, and no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._report()
            self._timer.cancel()
            self._timer = None

    def _report(self) -> None:
        for part in self._router.publish(perf_counter()):
            self._bus.publish(FIGURES, part)
        self._timer = asyncio.get_running_loop().call_later(PUBLISH_S, self._report)

    def _merge(self, data: bytes) -> None:
        self._router.merge(data, perf_counter())

    def _tell(self, transition: Transition) -> None:
        self._bus.publish(TRANSITIONS, _ENCODE(transition))

    def _apply(self, data: bytes) -> None:
        self._router.apply(_DECODE(data), perf_counter())
