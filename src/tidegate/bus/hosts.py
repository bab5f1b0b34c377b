"""The bus of several hosts: messages also go to the workers of other hosts, through a carrier.

What the workers of one host share stays with their own bus, which is faster and needs no network: their
messages among themselves, claims, and memory. A worker that was suspended for seconds does not follow what it
has missed; hosts need no common clock for that, because a message is late only if it took longer than the
fastest of its sender.
"""

import logging
from collections.abc import Callable
from time import monotonic
from typing import Protocol as Interface

import msgspec
from msgspec import Struct

from .contract import Bus, Taker
from .memory import Memory
from .sockets import MAX_MESSAGE, STALE_S

__all__ = ["Carrier", "HostsBus"]

log = logging.getLogger("tidegate")

CHANNEL = "tidegate:bus"
MOST_SENDERS = 10_000
PRESENT_S = 5.0
"""Seconds after its last message for which a worker counts as one that hears. Each sends one every second."""


class Carrier(Interface):
    """Carries messages to all hosts, and knows who leads."""

    @property
    def failure(self) -> str | None:
        """Why nothing is carried at the moment; None if it is."""
        ...

    def publish(self, channel: str, message: bytes) -> None:
        """Send a message soon, or drop it. Never blocks and never raises."""
        ...

    def subscribe(self, channel: str, take: Callable[[bytes], None]) -> None:
        """Register the callback for a channel."""
        ...

    def lead(self, name: str) -> bool:
        """Whether this worker leads. It has to be asked again every few seconds. Never blocks."""
        ...


class Message(Struct, frozen=True, array_like=True, gc=False):
    """A message on its way."""

    group: str
    """The workers who have received it already."""
    sender: str
    at: float
    """When it was sent, by the sender's clock."""
    topic: str
    data: bytes


_DECODE = msgspec.msgpack.Decoder(Message).decode
_ENCODE = msgspec.msgpack.Encoder().encode


class HostsBus:
    """See Bus."""

    alone = False

    def __init__(self, here: Bus, carrier: Carrier, worker: str) -> None:
        """`here` connects the workers of this host. `worker` is a name that no other worker has."""
        self._here = here
        self._carrier = carrier
        self._worker = worker
        self.group = here.group or worker
        self._takers: dict[str, list[Taker]] = {}
        self._received_at: dict[str, float] = {}
        """When the last message of each worker of another host was received."""
        self._fastest: dict[str, float] = {}
        """By sender: the least that its messages took, plus the difference of the clocks."""
        self.malformed = 0
        """Messages that could not be decoded."""
        self.stale = 0
        """Messages that were too old when read."""
        carrier.subscribe(CHANNEL, self._receive)

    @property
    def others(self) -> int:
        """See Bus."""
        if self._carrier.failure is not None:
            return self._here.others
        since = monotonic() - PRESENT_S
        self._received_at = {sender: at for sender, at in self._received_at.items() if at >= since}
        return self._here.others + len(self._received_at)

    @property
    def memory(self) -> Memory | None:
        """See Bus."""
        return self._here.memory

    @property
    def figures(self) -> Memory | None:
        """See Bus."""
        return self._here.figures

    def publish(self, topic: str, message: bytes) -> None:
        """See Bus."""
        self._here.publish(topic, message)
        if len(message) <= MAX_MESSAGE:
            whole = Message(self.group, self._worker, monotonic(), topic, message)
            self._carrier.publish(CHANNEL, _ENCODE(whole))

    def subscribe(self, topic: str, take: Taker) -> None:
        """See Bus."""
        self._here.subscribe(topic, take)
        self._takers.setdefault(topic, []).append(take)

    def claim(self, name: str) -> bool:
        """See Bus."""
        return self._here.claim(name)

    def release(self, name: str) -> None:
        """See Bus."""
        self._here.release(name)

    def lead(self, name: str) -> bool:
        """See Bus. Where nothing is carried, each host has a leader."""
        return self._here.lead(name) and (self._carrier.failure is not None or self._carrier.lead(name))

    def open(self) -> None:
        """See Bus."""
        self._here.open()

    def close(self) -> None:
        """See Bus."""
        self._here.close()

    def _receive(self, data: bytes) -> None:
        try:
            message = _DECODE(data)
        except msgspec.MsgspecError:
            self.malformed += 1
            return
        if message.group == self.group:
            return
        if self._is_late(message):
            self.stale += 1
            return
        self._received_at[message.sender] = monotonic()
        for take in self._takers.get(message.topic, ()):
            try:
                take(message.data)
            except msgspec.MsgspecError:
                self.malformed += 1
            except Exception:
                log.exception("a message of another host (%s) could not be followed", message.topic)

    def _is_late(self, message: Message) -> bool:
        took = monotonic() - message.at
        if len(self._fastest) >= MOST_SENDERS:
            self._fastest.clear()
            self._received_at.clear()
        fastest = self._fastest[message.sender] = min(took, self._fastest.get(message.sender, took))
        return took - fastest > STALE_S
