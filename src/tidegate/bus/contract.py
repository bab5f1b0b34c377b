"""The contract of a bus, and the bus of a single worker."""

from collections.abc import Callable
from typing import Protocol as Interface

from .memory import Memory

__all__ = ["ALONE", "Alone", "Bus", "Taker"]

Taker = Callable[[bytes], None]
"""Receives a message on the event loop. It must return immediately; exceptions are logged."""


class Bus(Interface):
    """Messages between the workers of one gateway."""

    @property
    def alone(self) -> bool:
        """Whether there are no other workers, so nothing needs to be published."""
        ...

    @property
    def others(self) -> int:
        """How many other workers hear this one, on all hosts, as far as is known."""
        ...

    @property
    def group(self) -> str:
        """The name of the workers that hear each other; no other workers have it. Empty if there are none."""
        ...

    @property
    def memory(self) -> Memory | None:
        """What the workers of this host share; None if there are no other workers."""
        ...

    @property
    def figures(self) -> Memory | None:
        """A second such memory, for numbers of which each worker writes only its own."""
        ...

    def publish(self, topic: str, message: bytes) -> None:
        """Send to all other workers soon. Never blocks and never raises; messages that cannot be sent are
        dropped and counted.
        """
        ...

    def subscribe(self, topic: str, take: Taker) -> None:
        """Register a callback for the other workers' messages on a topic."""
        ...

    def claim(self, name: str) -> bool:
        """Try to obtain a claim. Returns whether this worker holds it. Never blocks."""
        ...

    def release(self, name: str) -> None:
        """Release a claim."""
        ...

    def lead(self, name: str) -> bool:
        """Whether this worker is the one among all, of all hosts, that does something for the others. Ask
        again every few seconds: the answer becomes true a little later, and changes when the leader ends.
        Never blocks.
        """
        ...

    def open(self) -> None:
        """Start sending and receiving on the running event loop."""
        ...

    def close(self) -> None:
        """Stop sending and receiving."""
        ...


class Alone:
    """The bus of a single worker: messages go nowhere, and every claim is granted."""

    alone = True
    others = 0
    group = ""
    memory = None
    figures = None

    def publish(self, topic: str, message: bytes) -> None:
        """See Bus."""

    def subscribe(self, topic: str, take: Taker) -> None:
        """See Bus."""

    def claim(self, name: str) -> bool:
        """See Bus."""
        return True

    def release(self, name: str) -> None:
        """See Bus."""

    def lead(self, name: str) -> bool:
        """See Bus."""
        return True

    def open(self) -> None:
        """See Bus."""

    def close(self) -> None:
        """See Bus."""


ALONE = Alone()
