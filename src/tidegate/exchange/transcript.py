"""What was delivered of an answer."""

__all__ = ["Transcript"]


class Transcript:
    """What was delivered of an answer: how much, and the bytes themselves up to a limit.

    Bodies in records, the counting of what was delivered, and whatever goes on with a broken stream
    read it. Beyond the limit nothing is kept: a part of an answer would be mistaken for one.
    """

    __slots__ = ("_kept", "_limit", "size")

    def __init__(self, limit: int = 0) -> None:
        self.size = 0
        """Bytes delivered in all."""
        self._limit = limit
        self._kept: list[bytes] = []

    def add(self, data: bytes) -> None:
        """Note what was written to the client."""
        self.size += len(data)
        if self.size <= self._limit:
            self._kept.append(data)
        elif self._kept:
            self._kept.clear()

    @property
    def body(self) -> bytes | None:
        """The delivered bytes; None where they were more than the limit."""
        return b"".join(self._kept) if self.size <= self._limit else None
