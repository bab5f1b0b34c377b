"""An answer whose bytes are kept on their way from the provider to the client."""

from typing import Self

from tidegate.observe import Capture
from tidegate.observe.capture import AttemptCapture
from tidegate.protocols.contract import Call, Conduit, Tally
from tidegate.protocols.errors import ProviderError, TidegateError

__all__ = ["CapturedConduit"]


class CapturedConduit:
    """A conduit that keeps what passes through it."""

    __slots__ = ("_attempt", "_conduit", "failure", "tally")

    def __init__(self, conduit: Conduit, attempt: AttemptCapture) -> None:
        self._conduit = conduit
        self._attempt = attempt
        self.tally: Tally = conduit.tally
        self.failure: ProviderError | None = None

    @classmethod
    def begin(cls, capture: Capture, call: Call, conduit: Conduit) -> Self:
        """The conduit of another attempt, and what is sent in it."""
        attempt = capture.begin()
        attempt.request.add(call.body)
        return cls(conduit, attempt)

    @property
    def done(self) -> bool:
        """See Conduit."""
        return self._conduit.done

    @property
    def finished(self) -> bool:
        """See Conduit."""
        return getattr(self._conduit, "finished", False)  # formats in older packages lack it

    def feed(self, data: bytes) -> bytes:
        """See Conduit."""
        self._attempt.response.add(data)
        out = self._conduit.feed(data)
        self.failure = self._conduit.failure
        self._attempt.delivered.add(out)
        return out

    def close(self) -> bytes:
        """See Conduit."""
        out = self._conduit.close()
        self.failure, self.tally = self._conduit.failure, self._conduit.tally
        self._attempt.delivered.add(out)
        return out

    def abort(self, error: TidegateError) -> bytes:
        """See Conduit."""
        out = self._conduit.abort(error)
        self._attempt.delivered.add(out)
        return out

    def keep(self, body: bytes) -> None:
        """Keep the body of an error, which does not pass through the conduit."""
        self._attempt.response.add(body)
