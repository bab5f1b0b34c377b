"""One try at one candidate: the request is sent, and the answer opened.

An attempt opens an answer and returns it; it never writes to the client. That is what lets attempts
be repeated, raced, continued or kept without any of them knowing.
"""

import asyncio
from collections.abc import Callable
from time import perf_counter

from tidegate.protocols.contract import Call, Conduit, Tally
from tidegate.protocols.errors import ProviderError, TidegateError
from tidegate.providers import Candidate
from tidegate.upstream import TRANSPORT_ERRORS, Answer, explain

from .gateway import Gateway
from .request import Header, Request, safe_value
from .sending import ask
from .watchdog import Watch

__all__ = ["Attempt"]

Write = Callable[[bytes], bool]
"""Sends bytes to the client; whether it keeps up."""

PASSED_ON = (b"x-ratelimit-", b"anthropic-ratelimit-", b"retry-after", b"x-should-retry")
"""How the names of the provider's headers begin that the client gets to see: its limits."""


class Attempt:
    """What was sent to a candidate, what has come back, and how it ended.

    `open` returns the first bytes for the client, `read_on` passes the others to the client's writer;
    `close` must be called in the end.
    """

    __slots__ = (
        "_answer", "_call", "_conduit", "_failure", "candidate", "complete", "dropped", "ended_at",
        "error", "first_byte_at", "resent", "started_at", "tally", "waited_s",
    )  # fmt: skip

    def __init__(self, candidate: Candidate, call: Call, conduit: Conduit) -> None:
        self.candidate = candidate
        self.dropped = call.dropped
        """Parameters of the client's that the provider does not support."""
        self._call: Call | None = call
        self._conduit: Conduit | None = conduit
        self._answer: Answer | None = None
        self._failure: ProviderError | None = None
        """What the provider failed with after the bytes that were returned last."""
        self.complete = False
        """Whether the whole answer has been returned."""
        self.tally: Tally = conduit.tally
        """What accounting needs; up to date at any moment."""
        self.error: TidegateError | None = None
        """What it failed with, without a traceback: that would hold the client's body."""
        self.resent = False
        """Whether it was sent twice: the kept connection of the first time closed without a byte."""
        self.started_at = perf_counter()
        self.first_byte_at: float | None = None
        """When the first bytes for the client were there."""
        self.ended_at: float | None = None
        self.waited_s: float | None = None
        """Seconds from the start until the provider had sent what the first bytes are made of."""

    async def open(self, request: Request, spoken: str, gateway: Gateway, watch: Watch) -> bytes:
        """Ask the candidate; the first bytes for the client: of a plain answer, all of them.

        `spoken` is the client's wire format. Raises ProviderError, and ClientLeft.
        """
        call = self._call
        assert call is not None
        try:
            self._answer = await ask(self.candidate, call, request, spoken, gateway, watch, self._note_resend)
            out = await (self._read_next(watch) if call.stream else self._read_whole(watch))
        except asyncio.CancelledError:
            raise self._named(watch.take_cancel_cause()) from None
        except (ProviderError, *TRANSPORT_ERRORS) as error:
            raise self._named(explain(error)) from None
        self.first_byte_at = perf_counter()
        return out

    async def read_on(self, watch: Watch, write: Write) -> bytes:
        """Write what is for the client, as it arrives, until the client does not keep up or the answer is
        `complete`. Returns the last bytes, which are not written. Raises ProviderError, and ClientLeft.
        """
        if self._failure is not None:
            raise self._take_failure()
        try:
            return await self._pass_on(watch, write)
        except asyncio.CancelledError:
            raise self._named(watch.take_cancel_cause()) from None
        except (ProviderError, *TRANSPORT_ERRORS) as error:
            raise self._named(explain(error)) from None

    def abort_stream(self, error: TidegateError) -> bytes:
        """How the client's stream ends when it cannot go on."""
        return self._conduit.abort(error) if self._conduit is not None else b""

    def fail(self, error: TidegateError) -> None:
        """Note what it failed with."""
        self.error = error
        self.close()

    def close(self) -> None:
        """End the answer. One that was not read to its end takes the connection with it."""
        if self.ended_at is None:
            self.ended_at = perf_counter()
        if self._conduit is not None:
            self.tally = self._conduit.tally
        if self._answer is not None:
            self._answer.close()
        # What is kept for the record must not keep the bodies.
        self._answer = self._call = self._conduit = self._failure = None

    def limits(self) -> list[Header]:
        """The provider's headers about its limits."""
        conceal = self.candidate.service.conceal_value
        headers = self._answer.raw_headers if self._answer is not None else ()
        return [(name, conceal(safe_value(value))) for name, value in headers if name.startswith(PASSED_ON)]

    # --- the way of the bytes -------------------------------------------------------------------

    async def _read_whole(self, watch: Watch) -> bytes:
        """Read a plain answer to its end."""
        answer, conduit = self._answer, self._conduit
        assert answer is not None and conduit is not None  # noqa: PT018 one state
        body = await answer.read(watch.mark_activity)
        self.waited_s = perf_counter() - self.started_at
        out = conduit.feed(body) + conduit.close()
        self.complete = True
        if conduit.failure is not None:
            raise self._take_failure()
        return out

    async def _read_next(self, watch: Watch) -> bytes:
        """Read until there is something for the client."""
        answer, conduit = self._answer, self._conduit
        if answer is None or conduit is None or self.complete:
            return b""
        while not conduit.done and (data := await answer.read_any()):
            watch.active = True
            if self.waited_s is None:
                self.waited_s = perf_counter() - self.started_at
            out = conduit.feed(data)
            if conduit.failure is not None:
                return self._stop_at_failure(out)
            if out:
                return out
        self.complete = True
        out = conduit.close()
        return self._stop_at_failure(out) if conduit.failure is not None else out

    async def _pass_on(self, watch: Watch, write: Write) -> bytes:
        """Pass the bytes on until there is something to decide."""
        answer, conduit = self._answer, self._conduit
        if answer is None or conduit is None or self.complete:
            return b""
        held = b""

        def take(data: bytes) -> bool:
            nonlocal held
            watch.active = True
            out = conduit.feed(data)
            if conduit.failure is not None or conduit.done:
                held = out
                return False
            return not out or write(out)

        ended = conduit.done or await answer.read_into(take)
        if conduit.failure is None and (ended or conduit.done):
            held += conduit.close()
            self.complete = conduit.failure is None
        return held if conduit.failure is None else self._stop_at_failure(held)

    def _stop_at_failure(self, out: bytes) -> bytes:
        """What came before a failure goes to the client first, if it has seen some of the answer."""
        assert self._conduit is not None
        self._failure = self._conduit.failure
        if out and self.first_byte_at is not None:
            return out
        raise self._take_failure()

    def _take_failure(self) -> Exception:
        assert self._conduit is not None
        failure = self._conduit.failure
        assert failure is not None
        self._failure = None
        return self.candidate.service.attribute(failure)

    def _note_resend(self) -> None:
        self.resent = True

    def _named(self, error: Exception) -> Exception:
        """A failure that was noticed here, not reported by the provider, with its name in the message."""
        service = self.candidate.service
        if isinstance(error, ProviderError) and error.provider is None:
            error.message = f"{service.name}: {error.message}"
            service.attribute(error)
        return error
