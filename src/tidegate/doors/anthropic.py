"""Anthropic's API: messages and token counting."""

from collections.abc import Awaitable

from tidegate.exchange import Chat, Gateway, Request, count, exchange
from tidegate.providers import protocol_named

from .routing import Routes

__all__ = ["AnthropicDoor"]


class AnthropicDoor:
    """For clients of the Anthropic API, including Claude Code."""

    name = "anthropic"
    prefix = "/v1/messages"
    cost_in_usage = True
    """Whether `usage.cost` may say what an answer costs."""

    def __init__(self) -> None:
        self.protocol = protocol_named("anthropic")
        self._chat = Chat(self.protocol)

    def routes(self) -> Routes:
        """See Door."""
        return {
            ("POST", "/v1/messages"): self.messages,
            ("POST", "/v1/messages/count_tokens"): self.count_tokens,
        }

    def messages(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Create a message."""
        name_as_anthropic(request)
        return exchange(request, self, gateway, self._chat)

    def count_tokens(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Count the tokens of a prompt."""
        name_as_anthropic(request)
        return count(request, self, gateway, lambda tokens: b'{"input_tokens":%d}' % tokens)


def name_as_anthropic(request: Request) -> None:
    """Add the request's id to the response under the name that Anthropic's SDKs read."""
    request.add_header(b"request-id", request.id.encode())
