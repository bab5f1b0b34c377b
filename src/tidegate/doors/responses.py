"""OpenAI's Responses API: responses, and the counting of a prompt's tokens."""

from collections.abc import Awaitable

from tidegate.exchange import Gateway, Request, count, exchange
from tidegate.providers import protocol_named

from .routing import Routes

__all__ = ["ResponsesDoor"]

PATH = "/v1/responses"


class ResponsesDoor:
    """For clients of OpenAI's Responses API, Codex and the Agents SDK among them."""

    name = "openai_responses"
    prefix = PATH

    def __init__(self) -> None:
        self.protocol = protocol_named("openai_responses")

    def routes(self) -> Routes:
        """See Door. There are no paths of stored responses, because none is stored."""
        return {
            ("POST", PATH): self.respond,
            ("POST", "/responses"): self.respond,
            ("POST", f"{PATH}/input_tokens"): self.count_tokens,
        }

    def respond(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Answer a request for a response."""
        return exchange(request, self, gateway)

    def count_tokens(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Count the tokens of a prompt."""
        body = b'{"object":"response.input_tokens","input_tokens":%d}'
        return count(request, self, gateway, lambda tokens: body % tokens)
