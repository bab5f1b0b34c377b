"""What a worker does with samples, and with what it counts beside requests."""

import asyncio
import logging
from collections.abc import Callable
from time import time

from tidegate.bus import Bus

from .answers import Answers
from .history import Entry, History
from .live import Live
from .recent import Recent
from .sample import Sample

__all__ = ["Keeper"]

log = logging.getLogger("tidegate")

BEAT_S = 1.0
"""Seconds between two looks at what is counted beside requests, and between two messages to other workers."""
DEFER_S = 0.1
"""How long answers wait to be counted together."""
TOPIC = "figures"


class Keeper:
    """Keeps the figures of a worker. It survives reloads."""

    def __init__(self, bus: Bus) -> None:
        memory = bus.figures
        if memory is None:
            self.live = Live()
        else:
            self.live = Live(memory.map(Live.size_for(memory.places)), memory.place, memory.places)
        self._bus = bus
        self._recent: Recent | None = Recent(int(time() * 1000), shared=not bus.alone)
        self._recent.before_read = self.settle
        self.history: History = self._recent
        """Figures over time."""
        self.on_beat: list[Callable[[], None]] = []
        """Called once a second, and before a scrape: they note what is counted beside requests."""
        self._deferred: list[Callable[[], None]] = []
        self._timer: asyncio.TimerHandle | None = None
        bus.subscribe(TOPIC, self._receive)

    def keep_in(self, history: History) -> None:
        """Read figures over time from a store, which gets the samples with the records."""
        self.history, self._recent = history, None

    def add(self, sample: Sample, user: str | None, key: str | None) -> None:
        """Count a request that named a model."""
        self.live.add(sample)
        if self._recent is not None:
            self._recent.add(Entry(sample, int(time() * 1000), user, key))

    def add_answers(self, answers: Answers) -> None:
        """Count whole answers."""
        self.live.add_answers(answers)
        if self._recent is not None:
            self._recent.add_answers(answers)

    def defer(self, work: Callable[[], None]) -> None:
        """Call this a tenth of a second later, or before figures are read: it adds what it has collected."""
        if not self._deferred:
            asyncio.get_running_loop().call_later(DEFER_S, self.settle)
        self._deferred.append(work)

    def settle(self) -> None:
        """Do what was deferred."""
        deferred, self._deferred = self._deferred, []
        for work in deferred:
            try:
                work()
            except Exception:
                log.exception("some answers could not be counted")

    def start(self) -> None:
        """Begin to look, on the running event loop."""
        self.look()
        self._timer = asyncio.get_running_loop().call_later(BEAT_S, self._beat)

    def stop(self) -> None:
        """Tell the other workers the rest, and stop."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.settle()
        self._tell()

    def look(self) -> None:
        """Note what is counted beside requests, and what was deferred."""
        self.settle()
        for note in self.on_beat:
            note()

    def _beat(self) -> None:
        try:
            self.look()
            self._tell()
        except Exception:
            log.exception("the figures of this worker could not be noted")
        self._timer = asyncio.get_running_loop().call_later(BEAT_S, self._beat)

    def _tell(self) -> None:
        if self._recent is not None and not self._bus.alone:
            for message in self._recent.take_news():
                self._bus.publish(TOPIC, message)

    def _receive(self, message: bytes) -> None:
        if self._recent is not None:
            self._recent.merge_news(message)
