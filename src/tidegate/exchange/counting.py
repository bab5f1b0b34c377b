"""How many tokens a prompt has: asked of the provider where it can tell, else estimated here."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import cache
from typing import Any

from tidegate.observe import Record
from tidegate.protocols.contract import Call, ParsedRequest
from tidegate.protocols.depth import within_depth
from tidegate.protocols.turn import Message, Reasoning, Refusal, Text, ToolCall, ToolResult, Turn
from tidegate.providers import Candidate

from .exchange import Door, Gateway, recorded
from .http import JSON, Request
from .relay import ask
from .watchdog import Watch

__all__ = ["count", "estimate"]

ESTIMATED = (b"x-tidegate-estimated", b"true")
SLICE = 100_000
"""Characters encoded at once; the encoder refuses a million."""
PER_MESSAGE = 4
"""Tokens that a message takes beside its content (OpenAI's rule of thumb for its chat models)."""


def count(
    request: Request,
    door: Door,
    gateway: Gateway,
    render: Callable[[int], bytes],
    parse: Callable[[bytes], ParsedRequest] | None = None,
) -> Awaitable[None]:
    """Answer a request to count the tokens of a prompt. `render` writes the number in the door's dialect;
    `parse` reads the request where the body does not say all of it.

    An estimate says so in the header `x-tidegate-estimated`.
    """

    async def handler(record: Record, watch: Watch) -> None:
        record.caller = gateway.keyring.identify(request)
        read = within_depth(parse or door.protocol.parse_count_request)
        parsed = read(await request.read_body(gateway.max_body))
        record.model = parsed.model
        candidate = gateway.registry.resolve(parsed.model, parsed.provider, (), door.protocol.name)[0]
        record.provider, record.provider_model = candidate.service.name, candidate.model
        call = within_depth(candidate.service.protocol.render_count)(parsed, candidate.target)
        if call is None:
            estimated = await asyncio.to_thread(estimate, within_depth(parsed.turn)())
            await request.respond(200, [JSON, ESTIMATED], render(estimated))
            return
        counted = await ask_provider(request, door, gateway, candidate, call, watch)
        await request.respond(200, [JSON], render(counted))

    return recorded(request, door, gateway, handler)


async def ask_provider(
    request: Request, door: Door, gateway: Gateway, candidate: Candidate, call: Call, watch: Watch
) -> int:
    """The provider's own count."""
    answer = await ask(candidate, call, request, door.protocol.name, gateway, watch)
    try:
        return candidate.service.protocol.parse_count(await answer.read(watch.mark_activity))
    finally:
        answer.close()


def estimate(turn: Turn) -> int:
    """Tokens of a prompt by OpenAI's newest open vocabulary: near for texts, silent about media."""
    texts = [text for message in turn.messages for text in _texts(message)]
    for tool in turn.tools:
        texts += [tool.name, tool.description or "", bytes(tool.parameters or b"").decode()]
    return sum(map(_tokens, texts)) + PER_MESSAGE * len(turn.messages)


def _tokens(text: str) -> int:
    encode = _encoding().encode_ordinary
    return sum(len(encode(text[at : at + SLICE])) for at in range(0, len(text), SLICE))


@cache
def _encoding() -> Any:
    from bpe_openai import get_encoding  # loads megabytes of vocabulary: only when it is wanted

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
