"""The tokens of a prompt: counted by the provider if it can, otherwise estimated here."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import cache
from time import perf_counter
from typing import Any

from tidegate.protocols.contract import Call, ParsedRequest
from tidegate.protocols.depth import within_depth
from tidegate.protocols.errors import ProviderError, ProviderRefused
from tidegate.protocols.turn import Message, Reasoning, Refusal, Text, ToolCall, ToolResult, Turn
from tidegate.providers import Candidate
from tidegate.routing import Outcome, Pick, RequestFacts, Trial
from tidegate.upstream import TRANSPORT_ERRORS, explain, read_whole

from .admission import identify, read_request
from .exchange import recorded
from .gateway import Door, Gateway
from .operation import Chat
from .planning import plan_attempts
from .reporting import forget_frames
from .request import JSON, Header, Request, header_value
from .sending import expect_answer, refusal_of, send
from .state import Exchange

__all__ = ["count", "estimate"]

CANNOT_COUNT = frozenset([404, 405, 501])
"""Statuses of a provider that has no such endpoint. That says nothing about the model."""
FORBIDDEN, FORBIDDEN_S = 403, 300
"""The status of a key that must not count, and how long it is not asked to again, in seconds."""
HOPELESS = frozenset(["breaker", "model"])
"""Why a candidate that cannot serve a chat now is not asked to count either: it would take time, and an
estimate is better than that."""
NO_FACTS = RequestFacts()

ESTIMATED: Header = (b"x-tidegate-estimated", b"true")
SLICE = 100_000
"""Characters encoded at a time; the encoder rejects a million."""
PER_MESSAGE = 4
"""Tokens that a message takes in addition to its content (OpenAI's rule of thumb for its chat models)."""


def count(
    request: Request,
    door: Door,
    gateway: Gateway,
    render: Callable[[int], bytes],
    parse: Callable[[bytes], ParsedRequest] | None = None,
) -> Awaitable[None]:
    """Answer a request to count the tokens of a prompt. `render` writes the number in the door's dialect;
    `parse` reads the request if the body is not the whole request.

    The header `x-tidegate-estimated` marks an estimate.
    """

    async def handler(this: Exchange) -> None:
        await identify(this)
        parsed = await read_request(this, parse or door.protocol.parse_count_request)
        this.stream, this.parsed, this.operation = None, parsed, Chat(door.protocol)
        this.resolution = gateway.registry.resolve(
            parsed.model, parsed.provider, parsed.fallbacks, door.protocol.name
        )
        this.candidates = this.resolution.candidates
        counted, headers = await count_tokens(this, parsed)
        request.respond(200, [JSON, *headers], render(counted))

    return recorded(request, door, gateway, handler)


async def count_tokens(this: Exchange, parsed: ParsedRequest) -> tuple[int, list[Header]]:
    """The tokens of a prompt, from the first candidate that can count them; and how they were counted.

    The candidates are in the order in which they would be tried for the request itself.
    """
    plan_attempts(this)
    choices = this.plan.choices
    for place, choice in enumerate(choices):
        candidate = choice.candidate
        call = within_depth(candidate.service.protocol.render_count)(parsed, candidate.target)
        if call is None or choice.blocked_by in HOPELESS:
            continue
        counted = await try_candidate(this, candidate, call, last=place == len(choices) - 1)
        if counted is not None:
            return counted, [(b"x-tidegate-provider", header_value(candidate.service.name))]
    return await asyncio.to_thread(estimate, within_depth(parsed.turn)()), [ESTIMATED]


async def try_candidate(this: Exchange, candidate: Candidate, call: Call, *, last: bool) -> int | None:
    """A candidate's count, with one of its credentials after another; None if it cannot count, or not now.

    Raises ProviderError if the request is at fault.
    """
    router, tried = this.gateway.router, list[Trial]()
    plan = router.plan(NO_FACTS, candidate.counting, perf_counter())
    while (pick := router.next(plan, tried, NO_FACTS, perf_counter())) and pick.blocked_by in (None, "cap"):
        trial = router.begin(pick, NO_FACTS, perf_counter())
        outcome = Outcome(abandoned=True)
        try:
            counted = await ask_candidate(this, pick, call, last=last)
            outcome = Outcome()
        except ProviderError as error:
            outcome = outcome_of(forget_frames(error))
            this.skip(candidate, f"cannot count tokens: {error.summary}")
            if outcome.abandoned:
                return None
            if error.fault == "request":
                raise
        else:
            return counted
        finally:
            router.ended(trial, outcome, perf_counter())
        tried.append(trial)
    return None


def outcome_of(error: ProviderError) -> Outcome:
    """What a failure says about counting, and about the key."""
    if error.status in CANNOT_COUNT:
        return Outcome(error=error, abandoned=True)
    if error.status == FORBIDDEN:
        # A key may be allowed to chat and not to count: only counting leaves it alone.
        error = ProviderRefused(error.message, status=429, retry_after=FORBIDDEN_S)
    return Outcome(error=error)


async def ask_candidate(this: Exchange, pick: Pick, call: Call, *, last: bool) -> int:
    """The provider's own count. Raises ProviderError."""
    request, gateway, watch, service = this.request, this.gateway, this.watch, pick.candidate.service
    expect_answer(watch, call, gateway, last=last)
    try:
        client_format = this.door.protocol.name
        answer = await send(pick.candidate, call, request, client_format, gateway, pick.credential)
        if not answer.ok:
            raise await refusal_of(answer, service, watch)
        try:
            return service.protocol.parse_count(await read_whole(answer, watch.mark_activity))
        finally:
            answer.close()
    except asyncio.CancelledError:
        raise watch.take_cancel_cause() from None
    except TRANSPORT_ERRORS as error:
        raise explain(error) from None


def estimate(turn: Turn) -> int:
    """Tokens of a prompt by OpenAI's newest open vocabulary: close for text; media are not counted."""
    texts = [text for message in turn.messages for text in _texts(message)]
    for tool in turn.tools:
        texts += [tool.name, tool.description or "", bytes(tool.parameters or b"").decode()]
    return sum(map(_tokens, texts)) + PER_MESSAGE * len(turn.messages)


def _tokens(text: str) -> int:
    encode = _encoding().encode_ordinary
    return sum(len(encode(text[at : at + SLICE])) for at in range(0, len(text), SLICE))


@cache
def _encoding() -> Any:
    from bpe_openai import get_encoding  # loads megabytes of vocabulary: only when needed

    return get_encoding("o200k_base")


def _texts(message: Message) -> Iterator[str]:
    for part in message.parts:
        match part:
            case Text() | Reasoning() | Refusal():
                yield part.text
            case ToolCall():
                yield part.name
                yield part.arguments
            case ToolResult():
                yield from (piece.text for piece in part.content if isinstance(piece, Text))
