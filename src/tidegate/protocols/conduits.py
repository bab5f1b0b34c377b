"""What the conduits of all wire formats share (see contract.Conduit).

A complete answer is collected and judged at its end. A stream is passed on block by block, up to its end or
to the block in which the provider fails.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Protocol as Interface

from .contract import Conduit, Tally
from .decode import malformed
from .errors import ProviderBroke, ProviderError, TidegateError
from .sse import BLANKS, is_json, is_several, without_mark

__all__ = ["BlockSplitter", "BodyConduit", "OtherForm", "StreamConduit"]


class OtherForm(Exception):
    """What the provider sends cannot be passed on, because it is not in the client's form; it may still be
    readable.
    """


class BodyConduit(ABC):
    """The conduit of a complete answer: its bytes are collected, because only the whole of it is JSON."""

    __slots__ = ("_pieces", "failure", "instead", "tally")
    done = finished = False

    def __init__(self) -> None:
        self.tally = Tally()
        self.failure: ProviderError | None = None
        self._pieces: list[bytes] = []
        self.instead: Callable[[], Conduit] | None = None
        """Creates the conduit that reads answers in other forms, such as a stream, which some servers send
        although they were asked for a whole answer."""

    def feed(self, data: bytes) -> bytes:
        """See Conduit."""
        self._pieces.append(data)
        return b""

    def _collect(self, body: bytes) -> bytes:
        assert self.instead is not None
        conduit = self.instead()
        answer = conduit.feed(body) + conduit.close()
        self.tally, self.failure = conduit.tally, conduit.failure
        return answer

    def close(self) -> bytes:
        """See Conduit."""
        try:
            body = without_mark(b"".join(self._pieces))
            try:
                return self._take(body)
            except Exception as error:
                if self.instead is None or not (isinstance(error, OtherForm) or is_several(body)):
                    raise
                return self._collect(body)
        except Exception as error:  # noqa: BLE001 any exception here is caused by what the provider sent
            self.failure = _failure_from(error, "the provider's answer")
            return b""

    @abstractmethod
    def abort(self, error: TidegateError) -> bytes:
        """See Conduit."""

    @abstractmethod
    def _take(self, body: bytes) -> bytes:
        """Account for the provider's answer, and return the client's. Raises ProviderError if it is none; any
        other exception means that it has an unexpected form.
        """


class BlockSplitter(Interface):
    """Cuts a stream into blocks (see `sse`)."""

    @property
    def waiting(self) -> bool:
        """Whether there is the beginning of a block that has not ended."""
        ...

    def feed(self, data: bytes) -> list[bytes]:
        """Return the blocks that `data` completes. Raises ProviderBroke for one that is too large."""
        ...

    def close(self) -> list[bytes]:
        """Return the rest."""
        ...

    def give_up(self) -> bytes:
        """Return the bytes of the block that has not ended."""
        ...


class StreamConduit(ABC):
    """The conduit of a stream. What precedes a failure has been passed on and is valid."""

    __slots__ = ("_blocks", "_opened", "_other", "done", "failure", "instead", "tally")

    def __init__(self, blocks: BlockSplitter) -> None:
        self.tally = Tally()
        self.failure: ProviderError | None = None
        self.done = False
        self.instead: Callable[[], Conduit] | None = None
        """Creates the conduit that reads streams in other forms: JSON lines, or a whole answer."""
        self._blocks = blocks
        self._opened = False
        """Whether the first byte is known, and with it that this is a stream of events."""
        self._other: Conduit | None = None

    @property
    def finished(self) -> bool:
        """See Conduit."""
        return False

    def feed(self, data: bytes) -> bytes:
        """See Conduit."""
        if self._other is not None:
            return self._by_other(self._other.feed(data))
        if self.failure is not None or self.done:
            return b""
        if not self._opened and self._is_other(data):
            return self._hand_over(data.lstrip(BLANKS))
        try:
            blocks = self._blocks.feed(data)
        except ProviderError as error:
            return self._fail(error)
        return self._pass(blocks)

    def close(self) -> bytes:
        """See Conduit."""
        if self._other is not None:
            return self._by_other(self._other.close())
        if self._is_over():
            return b""
        passed = self._pass(self._blocks.close())
        if self._is_over():
            return passed
        other = self._handed_over()
        if other is not None:
            return passed + self._by_other(other.close())
        try:
            return passed + self._end()
        except Exception as error:  # noqa: BLE001 as below
            return passed + self._fail(error)

    @abstractmethod
    def abort(self, error: TidegateError) -> bytes:
        """See Conduit."""

    @abstractmethod
    def _take(self, block: bytes) -> bytes:
        """Account for a block, and return what the client gets for it. Sets `done` at the end mark. Raises
        ProviderError if the provider fails in it; any other exception means that it has an unexpected form.
        """

    def _end(self) -> bytes:
        """Return what the client gets at the end of a stream without an end mark. Raises ProviderBroke if it
        ended too early.
        """
        raise ProviderBroke("the provider's stream ended before it was finished")

    # --- streams in other forms ---

    def _is_other(self, data: bytes) -> bool:
        """Return whether the stream begins with JSON in place of an event."""
        self._opened = bool(data.strip(BLANKS))
        return self._opened and self.instead is not None and is_json(data)

    def _hand_over(self, data: bytes) -> bytes:
        """Let the other conduit read everything from here on."""
        assert self.instead is not None
        self._other = self.instead()
        self.tally = self._other.tally
        return self._by_other(self._other.feed(data))

    def _handed_over(self) -> Conduit | None:
        return self._other

    def _by_other(self, passed: bytes) -> bytes:
        assert self._other is not None
        self.failure, self.done = self._other.failure, self._other.done
        return passed

    def _is_over(self) -> bool:
        return self.failure is not None or self.done

    def _pass(self, blocks: Iterable[bytes]) -> bytes:
        passed, take = [], self._take
        waiting = iter(blocks)
        try:
            for block in waiting:
                passed.append(take(block))
                if self.done:
                    break
        except OtherForm as form:
            if self.instead is None:
                passed.append(self._fail(form))
            else:
                rest = b"".join(one.rstrip(b"\r\n") + b"\n\n" for one in (block, *waiting))
                passed.append(self._hand_over(rest + self._blocks.give_up()))
        except Exception as error:  # noqa: BLE001 any exception here is caused by what the provider sent
            passed.append(self._fail(error))
        return b"".join(passed)

    def _fail(self, error: Exception) -> bytes:
        self.failure = _failure_from(error, "an event of the provider's stream")
        return b""


def _failure_from(error: Exception, what: str) -> ProviderError:
    if not isinstance(error, ProviderError):
        return malformed(what, error)
    # The frames hold the conduit, which will hold the error, and all that it has collected.
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error
