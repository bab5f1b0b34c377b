"""One request, from the door to the record: start reading here.

A task that waits is resumed from its outermost frame inwards, once per event of a stream. So what
would only await another coroutine returns it instead.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from typing import Protocol as Interface

from tidegate.config import Config
from tidegate.observe import Ending, Record, RequestLog
from tidegate.protocols.contract import Protocol
from tidegate.protocols.errors import ClientError, InternalError, ProviderError, ShutDown, TidegateError
from tidegate.providers import ModelRegistry
from tidegate.upstream import Fetcher, Pool

from .http import JSON, ClientLeft, Request
from .identity import Keyring
from .model_lists import ModelLists
from .operation import Chat, Operation
from .relay import Relay
from .settlement import open_record, settle
from .watchdog import Watch, Watchdog

__all__ = ["Door", "Gateway", "exchange", "recorded", "respond_json"]

log = logging.getLogger("tidegate")


@dataclass(frozen=True)
class Gateway:
    """All that an exchange needs, made of one Config. A reload makes a new one; exchanges that are
    under way keep theirs.
    """

    config: Config
    registry: ModelRegistry
    keyring: Keyring
    pool: Pool
    fetcher: Fetcher
    watchdog: Watchdog
    request_log: RequestLog
    model_lists: ModelLists

    @property
    def max_body(self) -> int:
        """The largest body of a request, in bytes."""
        return self.config.server.max_body_mb * 1024 * 1024


class Door(Interface):
    """What an exchange needs to know of a door."""

    @property
    def name(self) -> str:
        """As it stands in records."""
        ...

    @property
    def protocol(self) -> Protocol:
        """The dialect of its clients."""
        ...


def exchange(
    request: Request, door: Door, gateway: Gateway, operation: Operation[Any] | None = None
) -> Awaitable[None]:
    """Answer one request: the gateway's main job. What it asks for is a chat, where nothing else is said."""
    operation = operation or Chat(door.protocol)

    async def handler(record: Record, watch: Watch) -> None:
        record.caller = gateway.keyring.identify(request)
        parsed = operation.parse(await request.read_body(gateway.max_body))
        record.model, record.stream = parsed.model, parsed.stream
        candidates = gateway.registry.resolve(
            parsed.model, parsed.provider, parsed.fallbacks, operation.spoken
        )
        await Relay(request, operation, parsed, gateway, watch, record).run(candidates)

    return recorded(request, door, gateway, handler)


async def recorded(
    request: Request, door: Door, gateway: Gateway, handler: Callable[[Record, Watch], Awaitable[None]]
) -> None:
    """Run a story to its end: whatever happens, the client is told and a record is written."""
    record = open_record(request, door.name)
    config = gateway.config
    try:
        with gateway.watchdog.watch(request, config.routing.deadline_s, config.server.body_s) as watch:
            await handler(record, watch)
    except ClientLeft:
        record.ended = "client_left"
    except TidegateError as error:
        await send_error(request, door, error, record)
    except Exception:
        log.exception("%s failed inside the gateway", request.id)
        await send_error(request, door, InternalError("the gateway failed; its log says why"), record)
    finally:
        settle(record, request, gateway.request_log)


async def send_error(request: Request, door: Door, error: TidegateError, record: Record) -> None:
    """Tell the client what went wrong: as a response, or as the end of the stream it is reading."""
    record.error = error.summary
    record.ended = ending_of(error, request.responded)
    if not request.responded:
        reply = door.protocol.render_error(error, request.id)
        await request.respond(reply.status, reply.headers, reply.body)
    elif not request.done:
        await request.finish(request.abort(error))


def ending_of(error: TidegateError, responded: bool) -> Ending:
    """How a request ended that ended in an error."""
    if isinstance(error, ShutDown):
        return "shut_down"
    if isinstance(error, ProviderError):
        return "provider_broke" if responded else "failed"
    return "refused" if isinstance(error, ClientError) else "gateway_failed"


def respond_json(
    request: Request, door: Door, gateway: Gateway, answer: Callable[[], Awaitable[bytes]]
) -> Awaitable[None]:
    """Answer with JSON that takes no provider: a list of models, a description."""

    async def handler(record: Record, _: Watch) -> None:
        record.caller = gateway.keyring.identify(request)
        await request.respond(200, [JSON], await answer())

    return recorded(request, door, gateway, handler)
