"""The delivered part of an answer."""

__all__ = ["Transcript"]


class Transcript:
    """The delivered part of an answer: its size, and the bytes themselves up to a limit.

    It is read for bodies in records, for counting what was delivered, and to carry on a broken stream.
    Beyond the limit nothing is kept: a partial answer could be mistaken for a whole one.
    """

    __slots__ = ("_kept", "_limit", "size")

    def __init__(self, limit: int = 0) -> None:
        self.size = 0
        """Bytes delivered in total."""
        self._limit = limit
        self._kept: list[bytes] = []

    def keep(self, limit: int) -> None:
        """Keep up to this many bytes, if that is more than before; called before any are added."""
        if limit > self._limit:
            self._limit = limit

    def add(self, data: bytes) -> None:
        """Record bytes written to the client."""
        self.size += len(data)
        if self.size <= self._limit:
            self._kept.append(data)
        elif self._kept:
            self._kept.clear()

    @property
    def keeps(self) -> bool:
        """Whether the bytes are kept, and not only counted."""
        return self._limit > 0

    @property
    def body(self) -> bytes | None:
        """The delivered bytes; None if they exceed the limit."""
        return b"".join(self._kept) if self.size <= self._limit else None
