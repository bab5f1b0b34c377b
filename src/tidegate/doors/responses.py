"""OpenAI's Responses API: responses, compaction and token counting."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any, Generic, TypeVar, cast
from typing import Protocol as Interface

from tidegate.exchange import Chat, Gateway, ReadLater, Request, TaskOperation, count, exchange
from tidegate.protocols.contract import ParsedRequest, Protocol
from tidegate.protocols.errors import InvalidRequest
from tidegate.providers import protocol_named, task_named
from tidegate.recent import SharedItems

from .routing import Routes

__all__ = ["ResponsesDoor"]

PATH = "/v1/responses"

P = TypeVar("P")


class RememberingProtocol(Protocol, Interface):
    """A wire format whose requests may refer to items of earlier responses."""

    def parse_request(self, body: bytes, memory: Any = None) -> ParsedRequest:
        """See Protocol."""
        ...

    def parse_count_request(self, body: bytes, memory: Any = None) -> ParsedRequest:
        """See Protocol."""
        ...


class ResponsesDoor:
    """For clients of OpenAI's Responses API, including Codex and the Agents SDK."""

    name = "openai_responses"
    prefix = PATH
    cost_in_usage = True
    """Whether `usage.cost` may say what an answer costs."""

    def __init__(self, recent: SharedItems) -> None:
        self.protocol = cast(RememberingProtocol, protocol_named("openai_responses"))
        self._recent = recent

    def routes(self) -> Routes:
        """See Door. There are no paths for stored responses, because none are stored."""
        return {
            ("POST", PATH): self.respond,
            ("POST", "/responses"): self.respond,
            ("POST", f"{PATH}/compact"): self.compact,
            ("POST", "/responses/compact"): self.compact,
            ("POST", f"{PATH}/input_tokens"): self.count_tokens,
        }

    def respond(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Create a response."""
        parse = Recalling(self._recent, request, self.protocol.parse_request)
        return exchange(request, self, gateway, Chat(self.protocol, parse))

    def compact(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Compact a conversation."""
        task: Any = task_named("compactions")
        parse = Recalling(self._recent, request, task.parse)
        return exchange(request, self, gateway, TaskOperation(replace(task, parse=parse), self.protocol))

    def count_tokens(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Count the tokens of a prompt."""
        body = b'{"object":"response.input_tokens","input_tokens":%d}'
        parse = Recalling(self._recent, request, self.protocol.parse_count_request)
        return count(request, self, gateway, lambda tokens: body % tokens, parse)


class Recalling(Generic[P]):
    """Parses a request that may refer to earlier responses. What is not here is looked for once."""

    __slots__ = ("_looked", "_parse", "_recent", "_request")

    def __init__(self, recent: SharedItems, request: Request, parse: Callable[[bytes, Any], P]) -> None:
        self._recent = recent
        self._request = request
        self._parse = parse
        self._looked = not recent.shared

    def __call__(self, body: bytes) -> P:
        """See Operation.parse."""
        caller = self._request.caller
        name = caller.key or caller.label  # each caller has items of its own
        items = self._recent.own.of(name)
        try:
            parsed = self._parse(body, items)
        except InvalidRequest:
            if self._looked or not items.missing:
                raise
        else:
            if self._looked or not items.missing:
                return parsed
        self._looked = True
        raise ReadLater(partial(self._recent.find, name, items.missing))
