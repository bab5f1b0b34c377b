"""What a bus offers, and the bus of a worker that is alone."""

from collections.abc import Callable
from typing import Protocol as Interface

__all__ = ["ALONE", "Alone", "Bus", "Taker"]

Taker = Callable[[bytes], None]
"""Takes a message of another worker, on the event loop. It must return at once; what it raises is logged."""


class Bus(Interface):
    """Messages between the workers of one gateway."""

    @property
    def alone(self) -> bool:
        """Whether there is nobody to hear: then nothing needs to be published."""
        ...

    def publish(self, topic: str, message: bytes) -> None:
        """Send to all other workers, soon. Never blocks and never raises; what cannot be sent is dropped and
        counted.
        """
        ...

    def subscribe(self, topic: str, take: Taker) -> None:
        """Call this with every message of the other workers on a topic."""
        ...

    def claim(self, name: str) -> bool:
        """Whether this worker holds the claim of this name, now or already. Never blocks."""
        ...

    def release(self, name: str) -> None:
        """Let another worker have the claim."""
        ...

    def open(self) -> None:
        """Begin to send and receive, on the running event loop."""
        ...

    def close(self) -> None:
        """Send and receive no more."""
        ...


class Alone:
    """The bus of a single worker: nobody hears, and every claim is granted."""

    alone = True

    def publish(self, topic: str, message: bytes) -> None:
        """See Bus."""

    def subscribe(self, topic: str, take: Taker) -> None:
        """See Bus."""

    def claim(self, name: str) -> bool:
        """See Bus."""
        return True

    def release(self, name: str) -> None:
        """See Bus."""

    def open(self) -> None:
        """See Bus."""

    def close(self) -> None:
        """See Bus."""


ALONE = Alone()
