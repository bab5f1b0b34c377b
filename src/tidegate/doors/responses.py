"""OpenAI's Responses API: responses, compaction and token counting."""

from collections.abc import Awaitable
from dataclasses import replace
from typing import Any, cast
from typing import Protocol as Interface

from tidegate.exchange import Chat, Gateway, Request, TaskOperation, count, exchange
from tidegate.protocols.contract import ParsedRequest, Protocol
from tidegate.providers import protocol_named, task_named

from .recent_items import ItemsOfCaller, RecentItems
from .routing import Routes

__all__ = ["ResponsesDoor"]

PATH = "/v1/responses"


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

    def __init__(self) -> None:
        self.protocol = cast(RememberingProtocol, protocol_named("openai_responses"))
        self._recent = RecentItems()

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

        def parse(body: bytes) -> ParsedRequest:
            return self.protocol.parse_request(body, self._items_of(request))

        return exchange(request, self, gateway, Chat(self.protocol, parse))

    def compact(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Compact a conversation."""
        task: Any = task_named("compactions")

        def parse(body: bytes) -> Any:
            return task.parse(body, memory=self._items_of(request))

        return exchange(request, self, gateway, TaskOperation(replace(task, parse=parse), self.protocol))

    def count_tokens(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Count the tokens of a prompt."""
        body = b'{"object":"response.input_tokens","input_tokens":%d}'

        def parse(data: bytes) -> ParsedRequest:
            return self.protocol.parse_count_request(data, self._items_of(request))

        return count(request, self, gateway, lambda tokens: body % tokens, parse)

    def _items_of(self, request: Request) -> ItemsOfCaller:
        """The recent items of this request's caller."""
        caller = request.caller
        return self._recent.of(caller.key or caller.label)
