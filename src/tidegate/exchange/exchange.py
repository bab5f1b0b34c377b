"""One request, from the door to the record: start reading here.

A waiting task is resumed from its outermost frame inwards. So a function that would only await another
coroutine returns it instead, and the events of a stream do not resume the task at all: they are passed on
where they arrive (see `Attempt.read_on`).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from tidegate.protocols.errors import InternalError, TidegateError

from .admission import admit, identify
from .attempts import open_answer
from .delivery import deliver, send_error
from .gateway import Door, Gateway
from .operation import Operation
from .reporting import forget_frames
from .request import JSON, ClientLeft, Request
from .settlement import ending_of, settle
from .state import Exchange
from .watchdog import Watch

__all__ = ["exchange", "recorded", "refuse", "respond_json"]

log = logging.getLogger("tidegate")

Handler = Callable[[Exchange], Awaitable[None]]


def exchange(request: Request, door: Door, gateway: Gateway, operation: Operation[Any]) -> Awaitable[None]:
    """Answer one request: the gateway's main job."""
    return recorded(request, door, gateway, partial(answer_request, operation))


async def answer_request(operation: Operation[Any], this: Exchange) -> None:
    """The story of a request that nothing goes wrong with."""
    await admit(this, operation)
    first = await open_answer(this)
    await deliver(this, first)


async def recorded(request: Request, door: Door, gateway: Gateway, handler: Handler) -> None:
    """Run a handler to completion: whatever happens, the client gets an answer and a record is written."""
    this = Exchange(request, door, gateway)
    routing, server = gateway.config.routing, gateway.config.server
    try:
        with Watch(gateway.watchdog, request, routing.deadline_s, server.body_s) as this.watch:
            this.watch.exchange = this
            try:
                await handler(this)
            except asyncio.CancelledError:
                raise this.watch.take_cancel_cause() from None
    except ClientLeft as left:
        forget_frames(left)
        this.ended = "client_left"
    except TidegateError as error:
        fail(this, error)
    except Exception:
        log.exception("%s failed inside the gateway", request.id)
        gateway.on_internal_error(request.id)
        fail(this, InternalError())
    finally:
        if this.ended != "client_left" or not gateway.drain(this):
            settle(this)


def fail(this: Exchange, error: TidegateError) -> None:
    """End an exchange with an error. A failure to send it is logged, and never hides it."""
    this.ended = ending_of(error, responded=this.request.responded)
    this.attempt = next((one for one in this.attempts if one.error is error), this.attempt)
    try:
        send_error(this, error)
    except Exception:
        log.exception("%s: the error cannot be written in the client's dialect", this.request.id)
        if not this.request.responded:
            this.request.respond(error.status, [JSON], b'{"error":{"message":"the request failed"}}')
        else:
            this.request.abort()
    this.error = forget_frames(error)


def refuse(request: Request, door: Door, gateway: Gateway, error: TidegateError) -> Awaitable[None]:
    """Answer with an error detected before the exchange began."""

    async def handler(_: Exchange) -> None:
        raise error

    return recorded(request, door, gateway, handler)


def respond_json(
    request: Request, door: Door, gateway: Gateway, answer: Callable[[], Awaitable[bytes]]
) -> Awaitable[None]:
    """Answer with JSON that needs no provider: a list of models, or the description of one."""

    async def handler(this: Exchange) -> None:
        await identify(this)
        request.respond(200, [JSON], await answer())

    return recorded(request, door, gateway, handler)
