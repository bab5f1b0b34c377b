"""Anthropic's API: messages and the counting of tokens."""

from tidegate.exchange import Gateway, Request, count, exchange
from tidegate.providers import protocol_named

from .routing import Routes

__all__ = ["AnthropicDoor"]


class AnthropicDoor:
    """For clients of Anthropic's API, Claude Code among them."""

    name = "anthropic"
    prefix = "/v1/messages"

    def __init__(self) -> None:
        self.protocol = protocol_named("anthropic")

    def routes(self) -> Routes:
        """See Door."""
        return {
            ("POST", "/v1/messages"): self.messages,
            ("POST", "/v1/messages/count_tokens"): self.count_tokens,
        }

    async def messages(self, request: Request, gateway: Gateway) -> None:
        """Answer a message."""
        await exchange(request, self, gateway)

    async def count_tokens(self, request: Request, gateway: Gateway) -> None:
        """Count the tokens of a prompt."""
        await count(request, self, gateway, lambda tokens: b'{"input_tokens":%d}' % tokens)
