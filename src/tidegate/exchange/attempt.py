"""One try at one candidate. It never writes to the client, so it can be repeated or raced."""

from collections.abc import Sequence
from time import perf_counter

from tidegate.protocols.contract import Call, Conduit, Tally
from tidegate.protocols.errors import ProviderError, TidegateError
from tidegate.protocols.sse import only_heartbeats
from tidegate.routing import Trial
from tidegate.upstream import Answer, read_whole

from .beginning import Write
from .gateway import Gateway
from .request import Header, Request
from .sending import FAILURES, empty_answer, explain_failure, patience_with, refusal_of, send
from .watchdog import Waiting, Watch

__all__ = ["Attempt"]


class Attempt:
    """The request sent to a candidate, the answer so far, and how it ended.

    `open` returns the first bytes for the client, `read_on` passes on the rest. Call `close` in the end.
    """

    __slots__ = (
        "_answer", "_call", "_conduit", "_failure", "candidate", "complete", "dropped", "ended_at",
        "error", "first_byte_at", "headers", "resent", "slow", "span_id", "started_at", "tally", "trial",
        "waited_s",
    )  # fmt: skip

    def __init__(self, trial: Trial, call: Call, conduit: Conduit) -> None:
        self.trial = trial
        """The attempt as the router sees it; its end is reported there."""
        self.candidate = trial.candidate
        self.dropped = call.dropped
        """The client's parameters that the provider does not support."""
        self.slow = call.slow
        self._call: Call | None = call
        self._conduit: Conduit | None = conduit
        self._answer: Answer | None = None
        self._failure: ProviderError | None = None
        """The provider's failure after the bytes returned last."""
        self.complete = False
        """Whether the whole answer has been returned."""
        self.tally: Tally = conduit.tally
        """What accounting needs; always up to date."""
        self.error: TidegateError | None = None
        """The failure, without its traceback, which would keep the client's body alive."""
        self.span_id = 0
        self.resent = False
        """Whether it was sent twice, because the reused connection closed without returning a byte."""
        self.headers: Sequence[Header] = ()
        """The provider's, once they have arrived; those of an error too."""
        self.started_at = trial.started_at
        self.first_byte_at: float | None = None
        """When the first bytes for the client were available."""
        self.ended_at: float | None = None
        self.waited_s: float | None = None
        """Seconds from the start until the provider had sent the data behind the first bytes."""

    async def open(self, request: Request, client_format: str, gateway: Gateway, watch: Watch) -> bytes:
        """Call the candidate. Returns the first bytes for the client: for a plain answer, all of them.
        Raises ProviderError, and ClientLeft.
        """
        call = self._call
        assert call is not None
        try:
            answer = self._answer = await send(
                self.candidate, call, request, client_format, gateway, self.trial.credential, self._on_resend
            )
            self.headers = answer.headers
            if not answer.ok:
                raise await refusal_of(answer, self.candidate.service, watch, self._conduit)
            if call.stream:
                out = await self._read_first(watch, gateway)
            else:
                out = self._take_whole(answer.take() or await read_whole(answer, watch.mark_activity))
        except FAILURES as error:
            raise explain_failure(error, self.candidate.service, watch) from None
        self.first_byte_at = perf_counter()
        return out

    async def read_on(self, watch: Watch, write: Write) -> bytes:
        """Write bytes to the client as they arrive, until it does not keep up or the answer is `complete`.
        Returns the last bytes, unwritten. Raises ProviderError, and ClientLeft.
        """
        if self._failure is not None:
            raise self._take_failure()
        try:
            return await self._pass_on(watch, write)
        except FAILURES as failure:
            return self._end_early(explain_failure(failure, self.candidate.service, watch))

    def abort_stream(self, error: TidegateError) -> bytes:
        """The end of the client's stream when it has to be cut short."""
        return self._conduit.abort(error) if self._conduit is not None else b""

    def fail(self, error: TidegateError) -> None:
        """Record the failure."""
        self.error = error
        self.close()

    def close(self) -> None:
        """End the answer. If it was not read to its end, the connection is closed too."""
        if self.ended_at is None:
            self.ended_at = perf_counter()
        if self._conduit is not None:
            self.tally = self._conduit.tally
        if self._answer is not None:
            self._answer.close()
        # Data kept for the record must not keep the bodies alive.
        self._answer = self._call = self._conduit = self._failure = None

    # --- the path of the bytes -------------------------------------------------------------------

    def _take_whole(self, body: bytes) -> bytes:
        """Translate a plain answer."""
        conduit = self._conduit
        assert conduit is not None
        self.waited_s = perf_counter() - self.started_at
        if not body.strip():
            raise empty_answer(self._answer)
        out = conduit.feed(body) + conduit.close()
        self.complete = True
        if conduit.failure is not None:
            raise self._take_failure()
        return out

    async def _read_first(self, watch: Watch, gateway: Gateway) -> bytes:
        """Read until there are bytes for the client. While others could answer, heartbeats are none."""
        answer, conduit = self._answer, self._conduit
        assert answer is not None and conduit is not None  # noqa: PT018 one state
        while not conduit.done and (data := await answer.read_any()):
            watch.active = True
            if self.waited_s is None:
                self.waited_s = perf_counter() - self.started_at
                watch.expect(Waiting.NEXT_EVENT, patience_with(gateway, slow=self.slow), watch.ends_at)
            out = conduit.feed(data)
            if conduit.failure is not None:
                return self._stop_at_failure(out)
            if out and not (watch.ends_at < watch.deadline and only_heartbeats(out)):
                return out
        if self.waited_s is None:
            raise empty_answer(answer)
        self.complete = True
        out = conduit.close()
        return self._stop_at_failure(out) if conduit.failure is not None else out

    async def _pass_on(self, watch: Watch, write: Write) -> bytes:
        """Pass bytes on until a decision is needed."""
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
        """Bytes that precede a failure are sent first, if the client has received some of the answer."""
        assert self._conduit is not None
        self._failure = self._conduit.failure
        if out and self.first_byte_at is not None:
            return out
        raise self._take_failure()

    def _end_early(self, error: Exception) -> bytes:
        """The end of an answer that was whole before this failure; otherwise raises it."""
        conduit = self._conduit
        if isinstance(error, ProviderError) and getattr(conduit, "finished", False):
            assert conduit is not None
            out = conduit.close()
            self.complete = conduit.failure is None
            if self.complete:
                return out
        raise error from None

    def _take_failure(self) -> Exception:
        assert self._conduit is not None
        failure = self._conduit.failure
        assert failure is not None
        self._failure = None
        return self.candidate.service.attribute(failure)

    def _on_resend(self) -> None:
        self.resent = True
