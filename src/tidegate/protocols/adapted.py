"""A dialect that says what OpenAI's says, in other words.

Some gateways have an API of their own over OpenAI's: other names, other nesting, nothing that OpenAI's
has not. Such a dialect needs no wire format: its requests are reworded into OpenAI's before anything
else happens, and the answers back. A module of this folder that has one offers `ADAPTED`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .contract import Conduit, Protocol, Tally
from .decode import malformed
from .errors import ProviderError, TidegateError

__all__ = ["Adaptation", "AdaptedConduit", "AdaptedDialect"]


@dataclass(frozen=True, slots=True)
class Adaptation:
    """How one kind of request is reworded."""

    ask: Callable[[bytes], bytes]
    """The client's body → OpenAI's. Raises InvalidRequest naming the field."""
    answer: Callable[[bytes, Tally], bytes]
    """OpenAI's answer, whole → the client's; notes in the tally what it leaves out. Raises ProviderError, and
    anything else for an answer that it is not prepared for."""


@dataclass(frozen=True, slots=True)
class AdaptedDialect:
    """A dialect in other words."""

    errors: Protocol
    """OpenAI's format with this dialect's errors."""
    base: Protocol
    """The format that is reworded."""
    tasks: Mapping[str, Adaptation]
    """By what is asked for: `chat`, and names of tasks."""


class AdaptedConduit:
    """The conduit of a whole answer that is reworded at its end (see contract.Conduit)."""

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
        except Exception as error:  # noqa: BLE001 whatever a provider sends is the provider's failure
            self.failure = malformed("the provider's answer", error)
        return b""

    def abort(self, error: TidegateError) -> bytes:
        """Nothing: such an answer is never open when it fails."""
        return b""

    def _look(self) -> None:
        self.failure, self.tally = self._inner.failure, self._inner.tally
