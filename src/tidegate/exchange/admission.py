"""The caller, the request and its candidates: everything before the first call to a provider."""

from collections.abc import Callable
from typing import TypeVar

from tidegate.protocols.depth import too_deep

from .accounting import permitted, quote_for
from .capturing import start_capture
from .client_fields import session_of
from .continuation import MOST_BYTES
from .deadline import client_deadline
from .operation import Operation, OperationRequest
from .read_later import ReadLater, parse_later
from .state import Exchange

__all__ = ["admit", "identify", "read_request"]

P = TypeVar("P", bound=OperationRequest)


async def admit(this: Exchange, operation: Operation[P]) -> None:
    """Fill in the caller, the request and the candidates.

    What the request needs of its caller's limits, budgets and wallet is taken. Raises ClientError: the caller
    is not authorized, the body is invalid, no provider serves the model, or there is too little left; and
    Unavailable.
    """
    await identify(this)
    shorten_deadline(this)
    this.operation = operation
    parsed = this.parsed = await read_request(this, operation.parse)
    this.resolution = this.gateway.registry.resolve(
        parsed.model, parsed.provider, parsed.fallbacks, operation.client_format
    )
    this.candidates = this.resolution.candidates
    gateway = this.gateway
    if this.caller.models or this.caller.providers:
        this.candidates = permitted(this.caller, parsed.model, this.candidates, gateway.tariff)
    if gateway.accountant is not None:
        quote = quote_for(this)
        this.ticket = await gateway.accountant.admit(this.request.id, this.caller, quote)
        if this.ticket.hold is not None:
            this.transcript.keep(MOST_BYTES)  # to count what was delivered, if the stream breaks


def shorten_deadline(this: Exchange) -> None:
    """Apply the client's deadline. Raises InvalidRequest."""
    seconds = client_deadline(this.request)
    if seconds is not None and seconds < this.gateway.config.routing.deadline_s:
        this.hurried = True
        this.watch.deadline = this.request.received_at + seconds


async def identify(this: Exchange) -> None:
    """Authenticate the caller, before any of the body is read. Raises Unauthenticated, and what
    Keyring.verify raises.
    """
    keyring, request = this.gateway.keyring, this.request
    this.caller = request.caller = keyring.identify(request) or await keyring.verify(request)


async def read_request(this: Exchange, parse: Callable[[bytes], P]) -> P:
    """The client's request, decoded and checked. Raises InvalidRequest, BodyTooLarge and ClientLeft."""
    request, limit = this.request, this.gateway.max_body
    body = request.take_body(limit)
    if body is None:
        body = await request.read_body(limit)
    if this.gateway.recorder is not None:
        start_capture(this, body)
    try:
        parsed = parse(body)
    except ReadLater as wanted:
        parsed = await parse_later(this, parse, body, wanted)
    except RecursionError as error:
        raise too_deep() from error
    this.model, this.stream = parsed.model, parsed.stream
    this.session = session_of(request, parsed)
    return parsed
