"""The open exchanges of a worker, for those who look at them."""

from collections.abc import Mapping, Sequence
from time import perf_counter, time
from types import MappingProxyType

from tidegate.accounts.live import LiveRequest, State

from .state import Exchange
from .watchdog import Waiting, Watchdog

__all__ = ["count_open", "open_requests"]

STATES: Mapping[Waiting, State] = MappingProxyType(
    {
        Waiting.BODY: "receiving",
        Waiting.FETCH: "fetching",
        Waiting.FIRST_BYTE: "waiting",
        Waiting.ANSWER: "waiting",
        Waiting.NEXT_EVENT: "streaming",
        Waiting.CLIENT: "client_reading",
    }
)


def open_requests(watchdog: Watchdog) -> Sequence[LiveRequest]:
    """The open requests that ask a provider for something, the latest first."""
    now, clock = perf_counter(), time()
    found = [
        _view(watch.exchange, STATES[watch.waiting], now, clock)
        for watch in watchdog
        if isinstance(watch.exchange, Exchange) and hasattr(watch.exchange, "operation")
    ]
    return sorted(found, key=lambda one: one.time, reverse=True)


def count_open(watchdog: Watchdog) -> tuple[int, int]:
    """The number of open requests, and how many of them are for a stream."""
    exchanges = [watch.exchange for watch in watchdog]
    streams = [one for one in exchanges if isinstance(one, Exchange) and one.stream]
    return len(exchanges), len(streams)


def _view(this: Exchange, state: State, now: float, clock: float) -> LiveRequest:
    elapsed = now - this.request.received_at
    return LiveRequest(
        id=this.request.id,
        time=int((clock - elapsed) * 1000),
        door=this.door.name,
        model=this.model,
        provider=this.attempt.candidate.service.name if this.attempt is not None else None,
        user=this.caller.user,
        key=this.caller.key,
        session=this.session,
        stream=this.stream,
        state=state,
        elapsed_ms=round(elapsed * 1000, 3),
        response_bytes=this.transcript.size,
    )
