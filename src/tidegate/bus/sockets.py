"""The bus of the processes of one host: datagrams over inherited sockets.

All messages of one iteration of the event loop form one datagram per worker. If a worker's inbox is full, its
messages wait in a bounded queue until there is room; the oldest are dropped first.
"""

import asyncio
import logging
import os
from collections import deque
from collections.abc import Iterable
from time import monotonic

import msgspec
from msgspec import Struct

from .claims import Claims
from .contract import Taker
from .links import Seat
from .memory import Memory

__all__ = ["MAX_MESSAGE", "SocketBus"]

log = logging.getLogger("tidegate")

MAX_MESSAGE = 48 * 1024
"""Maximum size of a message in bytes; longer ones are dropped."""
MAX_DATAGRAM = 64 * 1024
"""Approximate maximum size of a datagram in bytes; the sockets' buffers are larger."""
MAX_QUEUE = 512 * 1024
"""Maximum size of the queue for a slow worker, in bytes."""
STALE_S = 5.0
"""Messages older than this are dropped when read, in seconds: a worker that was suspended for minutes does
not need them."""
AT_ONCE = 64
"""Maximum number of datagrams read before other tasks get a turn."""


class Message(Struct, frozen=True, array_like=True, gc=False):
    """One message. A datagram is a list of them."""

    topic: str
    data: bytes
    at: float
    """When it was published, by `monotonic`, which all processes of a host share."""


_DECODE = msgspec.msgpack.Decoder(list[Message]).decode
_ENCODE = msgspec.msgpack.Encoder().encode


class SocketBus:
    """See Bus."""

    alone = False

    def __init__(self, seat: Seat) -> None:
        self.place = seat.place
        self.group = seat.group
        self._inbox = seat.inbox
        self._peers = [Peer(outbox) for outbox in seat.outboxes]
        self._claims = Claims(seat.claims)
        self._memory = Memory(seat.memory, seat.place, len(seat.outboxes) + 1)
        self._figures = Memory(seat.figures, seat.place, len(seat.outboxes) + 1)
        self._takers: dict[str, list[Taker]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._flushing = False
        self.malformed = 0
        """Datagrams and messages that could not be decoded."""
        self.stale = 0
        """Messages that were too old when read."""
        self.too_long = 0
        """Messages that were longer than `MAX_MESSAGE`."""

    @property
    def others(self) -> int:
        """See Bus."""
        return len(self._peers)

    @property
    def dropped(self) -> int:
        """The number of this worker's messages that were not sent, counted per recipient."""
        return sum(peer.dropped for peer in self._peers) + self.too_long * len(self._peers)

    @property
    def memory(self) -> Memory:
        """See Bus."""
        return self._memory

    @property
    def figures(self) -> Memory:
        """See Bus."""
        return self._figures

    def subscribe(self, topic: str, take: Taker) -> None:
        """See Bus."""
        self._takers.setdefault(topic, []).append(take)

    def publish(self, topic: str, message: bytes) -> None:
        """See Bus."""
        if len(message) > MAX_MESSAGE:
            self.too_long += 1
            return
        one = Message(topic, message, monotonic())
        for peer in self._peers:
            peer.queue(one)
        if self._loop is not None and not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def claim(self, name: str) -> bool:
        """See Bus."""
        return self._claims.claim(name)

    def release(self, name: str) -> None:
        """See Bus."""
        self._claims.release(name)

    def lead(self, name: str) -> bool:
        """See Bus."""
        return self.claim(name)

    def open(self) -> None:
        """See Bus. Earlier messages are dropped: they were meant for the worker that this one replaces."""
        while self._receive() is not None:
            pass
        loop = self._loop = asyncio.get_running_loop()
        loop.add_reader(self._inbox, self._read)
        self._flush()

    def close(self) -> None:
        """See Bus. Waiting messages are sent if there is room. The descriptors stay open: claims end with the
        process.
        """
        if self._loop is None:
            return
        self._flush()
        self._loop.remove_reader(self._inbox)
        for peer in self._peers:
            peer.stop(self._loop)
        self._loop = None

    # --- out ----------------------------------------------------------------------------------

    def _flush(self) -> None:
        self._flushing = False
        if self._loop is not None:
            for peer in self._peers:
                peer.flush(self._loop)

    # --- in -----------------------------------------------------------------------------------

    def _read(self) -> None:
        for _ in range(AT_ONCE):
            data = self._receive()
            if data is None:
                return
            try:
                messages = _DECODE(data)
            except msgspec.MsgspecError:
                self.malformed += 1
            else:
                self._deliver(messages)

    def _receive(self) -> bytes | None:
        try:
            return os.read(self._inbox, 2 * MAX_DATAGRAM)
        except (BlockingIOError, InterruptedError):
            return None

    def _deliver(self, messages: Iterable[Message]) -> None:
        oldest = monotonic() - STALE_S
        for message in messages:
            if message.at < oldest:
                self.stale += 1
                continue
            for take in self._takers.get(message.topic, ()):
                try:
                    take(message.data)
                except msgspec.MsgspecError:
                    self.malformed += 1
                except Exception:
                    log.exception("a message of another worker (%s) could not be followed", message.topic)


class Peer:
    """The queue to another worker."""

    def __init__(self, out: int) -> None:
        self._out = out
        self._waiting: deque[Message] = deque()
        self._size = 0
        """The size of the queue in bytes."""
        self._full = False
        """Whether the inbox had no room."""
        self.dropped = 0

    def queue(self, message: Message) -> None:
        """Send this with the next flush."""
        self._waiting.append(message)
        self._size += len(message.data)
        while self._size > MAX_QUEUE:
            self._size -= len(self._waiting.popleft().data)
            self.dropped += 1

    def flush(self, loop: asyncio.AbstractEventLoop) -> None:
        """Send waiting messages, as far as there is room."""
        while self._waiting and not self._full:
            batch = self._next_batch()
            try:
                os.write(self._out, _ENCODE(batch))
            except (BlockingIOError, InterruptedError):
                self._full = True
                loop.add_writer(self._out, self._resume, loop)
                return
            except OSError:  # its inbox is closed: the gateway stops
                self.dropped += len(batch)
            for message in batch:
                self._size -= len(message.data)
                self._waiting.popleft()

    def stop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Stop waiting for room."""
        if self._full:
            loop.remove_writer(self._out)

    def _next_batch(self) -> list[Message]:
        batch: list[Message] = []
        size = 0
        for message in self._waiting:
            size += len(message.data)
            if batch and size > MAX_DATAGRAM:
                break
            batch.append(message)
        return batch

    def _resume(self, loop: asyncio.AbstractEventLoop) -> None:
        self._full = False
        loop.remove_writer(self._out)
        self.flush(loop)
