"""The buses of several workers within one process, over the sockets of a supervisor."""

from collections.abc import Iterator
from contextlib import contextmanager

from tidegate.bus import Links, Seat, SocketBus

__all__ = ["OneOfSeveral", "buses"]


class OneOfSeveral(SocketBus):
    """The kernel tells claims apart by their process, and here is only one: a table takes its place."""

    def __init__(self, seat: Seat, held: dict[str, SocketBus]) -> None:
        super().__init__(seat)
        self._held = held

    def claim(self, name: str) -> bool:
        return self._held.setdefault(name, self) is self

    def release(self, name: str) -> None:
        if self._held.get(name) is self:
            del self._held[name]

    def die(self) -> None:
        """End as a killed process does: it says nothing more, and its claims are free."""
        for name in [name for name, holder in self._held.items() if holder is self]:
            del self._held[name]
        if self._loop is not None:
            self._loop.remove_reader(self._inbox)
            self._loop = None


@contextmanager
def buses(count: int) -> Iterator[list[OneOfSeveral]]:
    """Open buses; they need a running event loop."""
    links, held = Links(count), dict[str, SocketBus]()
    workers = [OneOfSeveral(links.seat(place), held) for place in range(count)]
    for one in workers:
        one.open()
    try:
        yield workers
    finally:
        for one in workers:
            one.close()
        links.close()
