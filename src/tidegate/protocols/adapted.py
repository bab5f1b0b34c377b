"""Dialects that rename or rearrange OpenAI's fields.

Some gateways offer an API of their own on top of OpenAI's: different names and nesting, but no features
beyond OpenAI's. Such a dialect needs no wire format: its requests are converted to OpenAI's before anything
else happens, and the answers are converted back. A module of this folder that implements one exports
`ADAPTED`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .conduits import BodyConduit
from .contract import Conduit, Protocol, Tally
from .errors import TidegateError

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


class AdaptedConduit(BodyConduit):
    """The conduit of an answer that is converted when another conduit has written it completely."""

    __slots__ = ("_answer", "_inner")

    def __init__(self, inner: Conduit, answer: Callable[[bytes, Tally], bytes]) -> None:
        super().__init__()
        self.tally = inner.tally
        self._inner = inner
        self._answer = answer

    def feed(self, data: bytes) -> bytes:
        """See Conduit."""
        super().feed(self._inner.feed(data))
        self.failure = self._inner.failure
        return b""

    def close(self) -> bytes:
        """See Conduit."""
        super().feed(self._inner.close())
        self.failure = self._inner.failure
        return b"" if self.failure is not None else super().close()

    def abort(self, error: TidegateError) -> bytes:
        """Return nothing: no bytes have been written when such an answer fails."""
        return b""

    def _take(self, body: bytes) -> bytes:
        """See BodyConduit."""
        return self._answer(body, self.tally)
