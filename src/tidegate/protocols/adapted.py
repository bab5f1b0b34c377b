"""Dialects that rename or rearrange OpenAI's fields.

Some gateways offer an API of their own on top of OpenAI's: different names and nesting, but no features
beyond OpenAI's. Such a dialect needs no wire format: its requests are converted to OpenAI's before anything
else happens, and the answers are converted back. A module of this folder that implements one exports
`ADAPTED`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .contract import Conduit, Protocol, Tally
from .decode import malformed
from .errors import ProviderError, TidegateError

__all__ = ["Adaptation", "AdaptedConduit", "AdaptedDialect"]


@dataclass(frozen=True, slots=True)
class Adaptation:
    """How one kind of request is converted."""

    ask: Callable[[bytes], bytes]
    """The client's body → OpenAI's. Raises InvalidRequest naming the field."""
    answer: Callable[[bytes, Tally], bytes]
    """OpenAI's complete answer → the client's. Notes in the tally what it leaves out. Raises ProviderError;
    any other exception means that the answer has an unexpected shape."""


@dataclass(frozen=True, slots=True)
class AdaptedDialect:
    """A dialect that is converted to and from another one."""

    errors: Protocol
    """OpenAI's format with this dialect's errors."""
    base: Protocol
    """The format that it is converted to."""
    tasks: Mapping[str, Adaptation]
    """Conversions by operation: `chat`, or the name of a task."""


class AdaptedConduit:
    """The conduit of an answer that is collected whole and converted at the end (see contract.Conduit)."""

    __slots__ = ("_answer", "_inner", "_pieces", "failure", "tally")
    done = False

    def __init__(self, inner: Conduit, answer: Callable[[bytes, Tally], bytes]) -> None:
        self.tally: Tally = inner.tally
        self.failure: ProviderError | None = None
        self._inner = inner
        self._answer = answer
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> bytes:
        """See Conduit."""
        self._pieces.append(self._inner.feed(data))
        self._look()
        return b""

    def close(self) -> bytes:
        """See Conduit."""
        self._pieces.append(self._inner.close())
        self._look()
        if self.failure is not None:
            return b""
        try:
            return self._answer(b"".join(self._pieces), self.tally)
        except ProviderError as error:
            self.failure = error
        except Exception as error:  # noqa: BLE001 any exception here is caused by what the provider sent
            self.failure = malformed("the provider's answer", error)
        return b""

    def abort(self, error: TidegateError) -> bytes:
        """Return nothing: no bytes have been written when such an answer fails."""
        return b""

    def _look(self) -> None:
        self.failure, self.tally = self._inner.failure, self._inner.tally
