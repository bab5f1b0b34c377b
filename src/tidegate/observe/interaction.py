"""A request as what was said in it: the bodies that are kept of it, and the words of both sides."""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from .capture import Capture, Piece
from .record import Record
from .redaction import Redacted, Redactor, without_tail

__all__ = ["NO_WORDS", "BodyText", "Conversation", "Interaction", "prepare"]


class BodyText(Struct, frozen=True):
    """A body as it may be kept."""

    text: str
    truncated: bool
    """Whether the rest of it was left out."""
    redacted: bool
    """Whether something in it was replaced."""
    bytes: int
    """The size of the whole."""


class Conversation(Struct, frozen=True):
    """How the words are read from bodies: in the dialect of the client."""

    asked: Callable[[bytes], str | None]
    """The user's last words in a request."""
    answered: Callable[[bytes], str | None]
    """The text of an answer, as it was delivered."""


NO_WORDS = Conversation(lambda _: None, lambda _: None)


class Interaction(Struct, frozen=True):
    """A request that has ended, for those who keep it."""

    record: Record
    bodies: Mapping[str, BodyText]
    """By name: `request`, `response`, and `0.request`, `0.response` … of the attempts."""
    asked: str | None = None
    answered: str | None = None


def prepare(
    record: Record, capture: Capture | None, answering: Sequence[int], talk: Conversation, redactor: Redactor
) -> Interaction:
    """What is kept of a request. `answering` are the numbers of the attempts whose answers the client got."""
    if capture is None:
        return Interaction(record, {})
    return _Preparation(capture, redactor, bool(record.stream)).interaction(record, answering, talk)


class _Preparation:
    """The bodies of one request on their way into a record."""

    def __init__(self, capture: Capture, redactor: Redactor, stream: bool) -> None:
        self._capture = capture
        self._stream = stream
        self._redact: Callable[..., Redacted] = (
            redactor.without_all if capture.mode == "redacted" else redactor.without_keys
        )
        self._sensitive = capture.mode == "redacted"
        """Whether something may have to be replaced that a stream carries in pieces."""

    def interaction(self, record: Record, answering: Sequence[int], talk: Conversation) -> Interaction:
        """See `prepare`."""
        capture = self._capture
        request = self._body([capture.request])
        self._sensitive = self._sensitive or request.redacted
        answer = capture.answer_of(answering)
        delivered = b"".join(_joined(piece) for piece in answer)
        words = talk.answered(delivered) if delivered else None
        response = self._answer(answer, words)
        bodies = {"request": request}
        if response is not None:
            bodies["response"] = response
        for number, attempt in enumerate(capture.attempts):
            bodies[f"{number}.request"] = self._body([attempt.request])
            if attempt.response.size:
                bodies[f"{number}.response"] = self._of_attempt(attempt.response)
        asked = talk.asked(_joined(capture.request))
        return Interaction(record, bodies, self._shown(asked), self._shown(words))

    def _answer(self, pieces: list[Piece], words: str | None) -> BodyText | None:
        """What the client got. A stream that may carry a secret in pieces is kept as its text."""
        if not pieces:
            return None
        if self._stream and self._sensitive:
            size = sum(piece.size for piece in pieces)
            found = self._redact(words or "", self._capture.secret)
            return BodyText(found.text, any(piece.truncated for piece in pieces), True, size)
        return self._body(pieces)

    def _of_attempt(self, piece: Piece) -> BodyText:
        if self._stream and self._sensitive:
            return BodyText("", True, True, piece.size)
        return self._body([piece])

    def _body(self, pieces: list[Piece]) -> BodyText:
        data = b"".join(_joined(piece) for piece in pieces)
        truncated = any(piece.truncated for piece in pieces)
        text = data.decode(errors="replace").replace("\x00", "\ufffd")
        found = self._redact(without_tail(text) if truncated else text, self._capture.secret)
        return BodyText(found.text, truncated, found.changed, sum(piece.size for piece in pieces))

    def _shown(self, words: str | None) -> str | None:
        return self._redact(words, self._capture.secret).text if words is not None else None


def _joined(piece: Piece) -> bytes:
    return b"".join(piece.data)
