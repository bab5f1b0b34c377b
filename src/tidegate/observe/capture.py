"""Bodies of requests on their way into records: what was sent and received, as far as it is to be kept.

A capture holds on to bytes that exist anyway; nothing is copied or read while a request is served. What all
captures of a worker hold, open requests and those waiting to be written, is limited: beyond that, bodies are
left out, counted in `Room.dropped`, and marked as truncated. Records and accounts never depend on them.
"""

from collections.abc import Sequence

from tidegate.config.schema import Bodies

__all__ = ["AttemptCapture", "Capture", "Piece", "Room"]


class Room:
    """How much a worker's captures may hold together."""

    def __init__(self, limit: int, most: int) -> None:
        """`limit` is the room in bytes, `most` the most of one body."""
        self.limit = limit
        self.most = most
        self.used = 0
        """Bytes held."""
        self.dropped = 0
        """Bodies, or ends of bodies, that were left out because there was no room."""


class Piece:
    """The beginning of one body."""

    __slots__ = ("_full", "_room", "data", "held", "size")

    def __init__(self, room: Room) -> None:
        self._room = room
        self._full = False
        self.data: list[bytes] = []
        self.held = 0
        """Bytes kept."""
        self.size = 0
        """Bytes of the whole body so far."""

    def add(self, data: bytes) -> None:
        """Keep the next bytes, if there is room."""
        length = len(data)
        self.size += length
        if self._full or not length:
            return
        room = self._room
        if self.held + length > room.most:
            self._full = True
            data = data[: room.most - self.held]
            length = len(data)
        if room.used + length > room.limit:
            self._full = True
            room.dropped += 1
            return
        room.used += length
        self.held += length
        self.data.append(data)

    @property
    def truncated(self) -> bool:
        """Whether some of the body is missing."""
        return self.held < self.size


class AttemptCapture:
    """What was sent to a provider, what came back, and what the client got of it."""

    __slots__ = ("delivered", "request", "response")

    def __init__(self, room: Room) -> None:
        self.request = Piece(room)
        self.response = Piece(room)
        self.delivered = Piece(room)


class Capture:
    """The bodies of one request."""

    __slots__ = ("attempts", "mode", "request", "response", "room", "secret")

    def __init__(self, room: Room, mode: Bodies, secret: str | None) -> None:
        """`secret` is the key that the client has sent, which is never recorded."""
        self.room = room
        self.mode = mode
        self.secret = secret
        self.request = Piece(room)
        self.response = Piece(room)
        """An answer that no provider gave: an error."""
        self.attempts: list[AttemptCapture] = []

    def begin(self) -> AttemptCapture:
        """Capture another attempt."""
        attempt = AttemptCapture(self.room)
        self.attempts.append(attempt)
        return attempt

    def close(self) -> None:
        """Give its room back, once it is written or left out."""
        pieces: list[Piece] = [self.request, self.response]
        for attempt in self.attempts:
            pieces += (attempt.request, attempt.response, attempt.delivered)
        self.room.used -= sum(piece.held for piece in pieces)
        for piece in pieces:
            piece.held, piece.data = 0, []

    def answer_of(self, numbers: Sequence[int]) -> list[Piece]:
        """What the client got: of these attempts in order, else the error."""
        found = [self.attempts[number].delivered for number in numbers if number < len(self.attempts)]
        return [piece for piece in [*found, self.response] if piece.size]
