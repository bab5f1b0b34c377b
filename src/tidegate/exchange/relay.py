"""The passing of one request to a provider, and of the answer back.

Candidates are tried in order until one answers; what the client has seen cannot be taken back,
so after the first byte there is no other try.
"""

import asyncio
from collections.abc import Iterable, Sequence
from random import uniform
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

from tidegate.observe.record import Attempt, Record
from tidegate.protocols.contract import Call, Conduit, ParsedRequest
from tidegate.protocols.errors import BytesWanted, TidegateError, Unsupported
from tidegate.providers import Candidate
from tidegate.upstream import TRANSPORT_ERRORS, Answer, explain

from .fetching import with_bytes
from .http import JSON, Header, Request, header_value
from .operation import Operation, OperationRequest, WithBytes
from .watchdog import Watch

if TYPE_CHECKING:
    from .exchange import Gateway

__all__ = ["Relay", "ask"]

UNBUFFERED: tuple[Header, ...] = (
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),  # nginx in front must not collect the events
)

BACKOFF_S = 0.2
"""Seconds before the third try at a provider, doubled for every further one."""

PASSED_ON = (b"x-ratelimit-", b"anthropic-ratelimit-", b"retry-after", b"x-should-retry")
"""How the names of the provider's headers begin that the client gets to see: its limits."""


async def ask(
    candidate: Candidate, call: Call, request: Request, spoken: str, gateway: "Gateway", watch: Watch
) -> Answer:
    """Send a call; the head of a good answer has arrived when this returns. `spoken` is the client's
    wire format.

    Raises ProviderError: what the provider answered with, or what kept it from answering.
    """
    service, routing = candidate.service, gateway.config.routing
    # A plain answer begins when it is complete: only the deadline of the whole request bounds that.
    watch.expect("begin its answer", routing.first_byte_s if call.stream else routing.deadline_s)
    headers = await service.authorize(call, request.headers, spoken)
    address = service.address_for(call.path)
    answer = await gateway.pool.post(address, headers, call.body, routing.connect_s)
    if 200 <= answer.status < 300:
        return answer
    try:
        body = await answer.read_error(watch.mark_activity)
    finally:
        answer.close()
    raise service.attribute(service.protocol.parse_error(answer.status, answer.headers, body))


class Relay:
    """The relay of one exchange."""

    __slots__ = ("_fetched", "_gateway", "_operation", "_parsed", "_record", "_request", "_waited", "_watch")

    def __init__(
        self,
        request: Request,
        operation: Operation[Any],
        parsed: OperationRequest,
        gateway: "Gateway",
        watch: Watch,
        record: Record,
    ) -> None:
        self._request = request
        self._operation = operation
        self._parsed = parsed
        self._gateway = gateway
        self._watch = watch
        self._record = record
        self._fetched: WithBytes | None = None
        """What is asked for with what it links to, once a candidate has wanted that."""
        self._waited = 0.0
        """Seconds spent waiting for others before the first byte went to the client."""

    async def run(self, candidates: Sequence[Candidate]) -> None:
        """Try the candidates in order. Raises what the first one failed with if none answers."""
        failures: list[TidegateError] = []
        tries = 1 + self._gateway.config.routing.retries
        for candidate in candidates:
            for number in range(tries):
                if number > 1:
                    await self._back_off(number)
                try:
                    return await self._attempt(candidate)
                except TidegateError as error:
                    self._note(candidate, error)
                    if self._request.responded or not error.tries_elsewhere:
                        raise
                    failures.append(error)
                    if not error.worth_repeating:
                        break
        raise failures[0]

    async def _back_off(self, number: int) -> None:
        """Leave a provider in peace for a while before it is asked for the third time and more often.

        The second try comes at once: often no more than a pooled connection had gone stale.
        """
        # By chance a little more or less: what failed together shall not come back together.
        pause = BACKOFF_S * 2 ** (number - 2) * uniform(0.75, 1.25)  # noqa: S311 no secret
        self._waited += pause
        await asyncio.sleep(pause)

    def _note(self, candidate: Candidate, error: TidegateError) -> None:
        self._record.attempts = [
            *self._record.attempts,
            Attempt(candidate.service.name, candidate.model, error.status, error.summary),
        ]

    async def _attempt(self, candidate: Candidate) -> None:
        """Ask one candidate and pass its answer on."""
        self._record.provider, self._record.provider_model = candidate.service.name, candidate.model
        try:
            call, conduit = self._plan(candidate, self._parsed)
        except BytesWanted as refusal:
            call, conduit = self._plan(candidate, await self._with_bytes(refusal))
        answer = None
        try:
            answer = await self._ask(candidate, call)
            if self._parsed.stream:
                await self._pass_stream(candidate, call, answer, conduit)
            else:
                await self._pass_whole(candidate, call, answer, conduit)
        except asyncio.CancelledError:
            raise self._watch.take_cancel_cause() from None
        except TRANSPORT_ERRORS as error:
            raise explain(error) from error
        finally:
            self._watch.listening = False
            self._record.usage, self._record.finish = conduit.tally.usage, conduit.tally.finish
            if answer is not None:
                answer.close()

    async def _with_bytes(self, refusal: BytesWanted) -> OperationRequest:
        """What is asked for, with the bytes of what it links to. Raises Unsupported."""
        gateway, parsed = self._gateway, cast(ParsedRequest, self._parsed)  # links stand in chats only
        if not gateway.config.images.fetch:
            raise refusal
        if self._fetched is None:
            self._watch.expect("be asked", gateway.config.routing.deadline_s)
            began = perf_counter()
            turn = await with_bytes(parsed.turn(), parsed.body, gateway.fetcher, gateway.config.images)
            self._waited += perf_counter() - began
            self._fetched = WithBytes(parsed, turn)
        return self._fetched

    def _plan(self, candidate: Candidate, parsed: OperationRequest) -> tuple[Call, Conduit]:
        try:
            call, conduit = self._operation.plan(parsed, candidate)
        except Unsupported as error:
            error.args = (f"{candidate.service.name}: {error.message}",)
            error.message = error.args[0]
            raise
        self._record.dropped = call.dropped
        if call.dropped and self._gateway.config.routing.unsupported == "strict":
            named = ", ".join(call.dropped)
            raise Unsupported(f"{candidate.service.name} has nothing of: {named}", param=call.dropped[0])
        return call, conduit

    async def _ask(self, candidate: Candidate, call: Call) -> Answer:
        asked_at = perf_counter()
        try:
            return await ask(
                candidate, call, self._request, self._operation.spoken, self._gateway, self._watch
            )
        finally:
            self._waited += perf_counter() - asked_at

    async def _pass_whole(self, candidate: Candidate, call: Call, answer: Answer, conduit: Conduit) -> None:
        """Pass a plain answer: read to its end, then written at once."""
        asked_at = perf_counter()
        body = await answer.read(self._watch.mark_activity)
        self._waited += perf_counter() - asked_at
        out = conduit.feed(body) + conduit.close()
        if conduit.failure is not None:
            raise candidate.service.attribute(conduit.failure)
        self._watch.listening = False
        self._note_overhead()
        await self._request.respond(200, [JSON, *self._headers(candidate, call, answer)], out)

    async def _pass_stream(self, candidate: Candidate, call: Call, answer: Answer, conduit: Conduit) -> None:
        """Pass a stream: every piece goes out as it comes in, or the provider waits for the client."""
        request, watch = self._request, self._watch
        asked_at = perf_counter()
        data = await answer.read_any()
        self._waited += perf_counter() - asked_at
        watch.expect("go on", self._gateway.config.routing.idle_s)
        while data:
            watch.heard = True
            out = conduit.feed(data)
            if conduit.failure is not None:
                await self._fail(candidate, conduit, out)
            if out:
                watch.listening = False
                if not request.responded:
                    await self._begin_stream(candidate, call, answer, conduit)
                await request.write(out)
                watch.listening = True
            data = await answer.read_any()
        out = conduit.close()
        if conduit.failure is not None:
            await self._fail(candidate, conduit, out)
        if not request.responded:
            await self._begin_stream(candidate, call, answer, conduit)
        await request.finish(out)

    async def _fail(self, candidate: Candidate, conduit: Conduit, out: bytes) -> None:
        """Raise the provider's failure, after what it said before if the client has seen some of it."""
        assert conduit.failure is not None
        if out and self._request.responded:
            await self._request.write(out)
        raise candidate.service.attribute(conduit.failure)

    async def _begin_stream(self, candidate: Candidate, call: Call, answer: Answer, conduit: Conduit) -> None:
        self._note_overhead()
        kind = (b"content-type", self._operation.streams_as)
        headers = [kind, *UNBUFFERED, *self._headers(candidate, call, answer)]
        await self._request.begin_stream(200, headers, conduit.abort)

    def _note_overhead(self) -> None:
        self._record.overhead_ms = (perf_counter() - self._request.body_at - self._waited) * 1e3

    def _headers(self, candidate: Candidate, call: Call, answer: Answer) -> Iterable[Header]:
        """The headers that tell how the answer came about, and the provider's limits."""
        yield b"x-tidegate-provider", header_value(candidate.service.name)
        yield b"x-tidegate-model", header_value(candidate.model)
        yield b"x-tidegate-attempts", b"%d" % (len(self._record.attempts) + 1)
        if call.dropped:
            yield b"x-tidegate-dropped", header_value(",".join(call.dropped))
        for name, value in answer.raw_headers:
            lower = name.lower()
            if lower.startswith(PASSED_ON):
                yield lower, value
