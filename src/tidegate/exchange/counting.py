"""The tokens of a prompt: counted by the provider if it can, otherwise estimated here."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import cache
from typing import Any

from tidegate.protocols.contract import Call, ParsedRequest
from tidegate.protocols.depth import within_depth
from tidegate.protocols.errors import ProviderError
from tidegate.protocols.turn import Message, Reasoning, Refusal, Text, ToolCall, ToolResult, Turn
from tidegate.providers import Candidate
from tidegate.upstream import TRANSPORT_ERRORS, explain

from .admission import identify, read_request
from .exchange import recorded
from .gateway import Door, Gateway
from .request import JSON, Header, Request, header_value
from .sending import expect_answer, refusal_of, send
from .state import Exchange

__all__ = ["count", "estimate"]

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
        identify(this)
        parsed = await read_request(this, within_depth(parse or door.protocol.parse_count_request))
        this.stream = None
        this.candidates = gateway.registry.resolve(
            parsed.model, parsed.provider, parsed.fallbacks, door.protocol.name
        ).candidates
        counted, headers = await count_tokens(this, parsed)
        request.respond(200, [JSON, *headers], render(counted))

    return recorded(request, door, gateway, handler)


async def count_tokens(this: Exchange, parsed: ParsedRequest) -> tuple[int, list[Header]]:
    """The tokens of a prompt, from the first candidate that can count them; and how they were counted."""
    for place, candidate in enumerate(this.candidates):
        call = within_depth(candidate.service.protocol.render_count)(parsed, candidate.target)
        if call is None:
            continue
        last = place == len(this.candidates) - 1
        try:
            counted = await ask_candidate(this, candidate, call, last=last)
        except ProviderError as error:
            # It cannot count (404, 405, 501) or cannot answer now: an estimate is better than nothing.
            if error.fault == "request" and error.status not in (405, 501):
                raise
            continue
        return counted, [(b"x-tidegate-provider", header_value(candidate.service.name))]
    return await asyncio.to_thread(estimate, within_depth(parsed.turn)()), [ESTIMATED]


async def ask_candidate(this: Exchange, candidate: Candidate, call: Call, *, last: bool) -> int:
    """The provider's own count. Raises ProviderError."""
    request, gateway, watch = this.request, this.gateway, this.watch
    expect_answer(watch, call, gateway, last=last)
    try:
        answer = await send(candidate, call, request, this.door.protocol.name, gateway)
        if not answer.ok:
            raise await refusal_of(answer, candidate.service, watch)
        try:
            return candidate.service.protocol.parse_count(await answer.read(watch.mark_activity))
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
