"""OpenAI's Responses API: responses, and the counting of a prompt's tokens."""

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

    async def respond(self, request: Request, gateway: Gateway) -> None:
        """Answer a response."""
        await exchange(request, self, gateway)

    async def count_tokens(self, request: Request, gateway: Gateway) -> None:
        """Count the tokens of a prompt."""
        body = b'{"object":"response.input_tokens","input_tokens":%d}'
        await count(request, self, gateway, lambda tokens: body % tokens)
