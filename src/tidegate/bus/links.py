"""Created by the supervisor for its workers: an inbox for each, and files for their claims and memory."""

import os
import secrets
import socket

from msgspec import Struct

from .claims import new_unnamed_file

__all__ = ["Links", "Seat"]

BUFFER = 256 * 1024
"""The size of an inbox in bytes; Linux limits it to `net.core.wmem_max`."""


class Seat(Struct, frozen=True):
    """One worker's share: inherited descriptors."""

    place: int
    """The worker's number, from 0. A replacement worker has the same number."""
    inbox: int
    """Receives messages for this worker."""
    outboxes: list[int]
    """Send messages to the other workers."""
    claims: int
    """See Claims."""
    memory: int
    """See Memory."""
    figures: int
    """See Bus.figures."""
    group: str
    """See Bus."""

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Everything that the worker must inherit."""
        return (self.inbox, *self.outboxes, self.claims, self.memory, self.figures)


class Links:
    """The sockets between workers. They outlive each worker: messages sent while a worker is replaced wait in
    its inbox, or are dropped.
    """

    def __init__(self, count: int) -> None:
        self._pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(count)]
        for pair in self._pairs:
            for end in pair:
                end.setblocking(False)
                for buffer in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                    end.setsockopt(socket.SOL_SOCKET, buffer, BUFFER)
        self._claims = new_unnamed_file("claims")
        self._memory = new_unnamed_file("memory")
        self._figures = new_unnamed_file("figures")
        self._group = secrets.token_hex(8)

    def seat(self, place: int) -> Seat:
        """The descriptors for the worker with this number."""
        outboxes = [sender.fileno() for at, (_, sender) in enumerate(self._pairs) if at != place]
        inbox = self._pairs[place][0].fileno()
        return Seat(place, inbox, outboxes, self._claims, self._memory, self._figures, self._group)

    def close(self) -> None:
        """Close the descriptors of this process."""
        for pair in self._pairs:
            for end in pair:
                end.close()
        os.close(self._claims)
        os.close(self._memory)
        os.close(self._figures)
