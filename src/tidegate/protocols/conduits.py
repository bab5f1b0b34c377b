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
from .sse import is_stream, without_mark

__all__ = ["BlockSplitter", "BodyConduit", "StreamConduit"]


class BodyConduit(ABC):
    """The conduit of a complete answer: its bytes are collected, because only the whole of it is JSON."""

    __slots__ = ("_pieces", "failure", "streamed", "tally")
    done = finished = False

    def __init__(self) -> None:
        self.tally = Tally()
        self.failure: ProviderError | None = None
        self._pieces: list[bytes] = []
        self.streamed: Callable[[], Conduit] | None = None
        """Creates the conduit that reads a stream, which some servers send although they were asked for a
        whole answer."""

    def feed(self, data: bytes) -> bytes:
        """See Conduit."""
        self._pieces.append(data)
        return b""

    def _collect(self, body: bytes) -> bytes:
        assert self.streamed is not None
        conduit = self.streamed()
        answer = conduit.feed(body) + conduit.close()
        self.tally, self.failure = conduit.tally, conduit.failure
        return answer

    def close(self) -> bytes:
        """See Conduit."""
        try:
            body = without_mark(b"".join(self._pieces))
            return self._take(body) if self.streamed is None or not is_stream(body) else self._collect(body)
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


class StreamConduit(ABC):
    """The conduit of a stream. What precedes a failure has been passed on and is valid."""

    __slots__ = ("_blocks", "done", "failure", "tally")

    def __init__(self, blocks: BlockSplitter) -> None:
        self.tally = Tally()
        self.failure: ProviderError | None = None
        self.done = False
        self._blocks = blocks

    @property
    def finished(self) -> bool:
        """See Conduit."""
        return False

    def feed(self, data: bytes) -> bytes:
        """See Conduit."""
        if self.failure is not None or self.done:
            return b""
        try:
            blocks = self._blocks.feed(data)
        except ProviderError as error:
            return self._fail(error)
        return self._pass(blocks)

    def close(self) -> bytes:
        """See Conduit."""
        if self._is_over():
            return b""
        passed = self._pass(self._blocks.close())
        if self._is_over():
            return passed
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

    def _is_over(self) -> bool:
        return self.failure is not None or self.done

    def _pass(self, blocks: Iterable[bytes]) -> bytes:
        passed, take = [], self._take
        try:
            for block in blocks:
                passed.append(take(block))
                if self.done:
                    break
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
