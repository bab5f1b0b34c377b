"""What a supervisor makes for its workers: an inbox for each, and a file for their claims."""

import os
import socket

from msgspec import Struct

from .claims import new_claims_file

__all__ = ["Links", "Seat"]

BUFFER = 256 * 1024
"""Bytes that an inbox holds; Linux caps them at `net.core.wmem_max`."""


class Seat(Struct, frozen=True):
    """One worker's share: inherited descriptors."""

    place: int
    """The worker's number, from 0 on. A worker that replaces another has its place."""
    inbox: int
    """Where messages for this worker arrive."""
    outboxes: list[int]
    """Where messages for the others go."""
    claims: int
    """See Claims."""

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Everything that the worker must inherit."""
        return (self.inbox, *self.outboxes, self.claims)


class Links:
    """The sockets between some workers. They outlive each of them: what is sent while a worker is replaced
    waits in its inbox or is dropped.
    """

    def __init__(self, count: int) -> None:
        self._pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(count)]
        for pair in self._pairs:
            for end in pair:
                end.setblocking(False)
                for buffer in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                    end.setsockopt(socket.SOL_SOCKET, buffer, BUFFER)
        self._claims = new_claims_file()

    def seat(self, place: int) -> Seat:
        """The share of the worker in this place."""
        outboxes = [sender.fileno() for at, (_, sender) in enumerate(self._pairs) if at != place]
        return Seat(place, self._pairs[place][0].fileno(), outboxes, self._claims)

    def close(self) -> None:
        """Close the descriptors of this process."""
        for pair in self._pairs:
            for end in pair:
                end.close()
        os.close(self._claims)
