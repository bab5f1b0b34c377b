"""OpenAI's API: chat completions, embeddings, images and the list of models."""

from collections.abc import Awaitable

from tidegate.exchange import Gateway, Request, TaskOperation, exchange, respond_json
from tidegate.providers import protocol_named, task_named

from .details import Rendered, describe, describe_all, encode, find_listed, wants_details
from .listing import ANTHROPIC_VERSION, list_in_anthropic, list_in_openai, one_in_anthropic, one_in_openai
from .routing import Routes

__all__ = ["CHAT_PATHS", "OpenAIDoor"]

CHAT_PATHS = ("/v1/chat/completions", "/api/v1/chat/completions", "/chat/completions")
"""OpenAI's own path, and two that gateways use which Tidegate replaces."""

MODELS = "/v1/models"


class OpenAIDoor:
    """For clients of the OpenAI API."""

    name = "openai"
    prefix = "/"

    def __init__(self) -> None:
        self.protocol = protocol_named("openai_chat")
        self._embeddings = TaskOperation(task_named("embeddings"), self.protocol)
        self._images = TaskOperation(task_named("images"), self.protocol)
        self._rendered = Rendered()

    def routes(self) -> Routes:
        """See Door."""
        return {
            **{("POST", path): self.chat for path in CHAT_PATHS},
            ("POST", "/v1/embeddings"): self.embed,
            ("POST", "/v1/images/generations"): self.draw,
            ("GET", MODELS): self.list_models,
            ("GET", f"{MODELS}/*"): self.one_model,
        }

    def chat(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Answer a chat completion."""
        return exchange(request, self, gateway)

    def embed(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Answer with vectors."""
        return exchange(request, self, gateway, self._embeddings)

    def draw(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Answer with images."""
        return exchange(request, self, gateway, self._images)

    async def list_models(self, request: Request, gateway: Gateway) -> None:
        """List the available models, in the dialect of the calling SDK."""

        async def answer() -> bytes:
            await gateway.model_lists.refresh()
            if wants_details(request):
                render = _list_details
            else:
                render = _list_in_anthropic if _of_anthropic(request) else _list_in_openai
            return self._rendered.answer(gateway, render)

        await respond_json(request, self, gateway, answer)

    async def one_model(self, request: Request, gateway: Gateway) -> None:
        """Describe one model."""

        async def answer() -> bytes:
            found = await find_listed(request.path.removeprefix(f"{MODELS}/"), gateway)
            if wants_details(request):
                return encode(describe(found, gateway))
            return encode(one_in_anthropic(found) if _of_anthropic(request) else one_in_openai(found))

        await respond_json(request, self, gateway, answer)


def _list_details(gateway: Gateway) -> bytes:
    return encode({"object": "list", "data": describe_all(gateway)})


def _list_in_anthropic(gateway: Gateway) -> bytes:
    return encode(list_in_anthropic(gateway.registry.listed()))


def _list_in_openai(gateway: Gateway) -> bytes:
    return encode(list_in_openai(gateway.registry.listed()))


def _of_anthropic(request: Request) -> bool:
    """Whether an SDK of Anthropic's asks."""
    return request.header(ANTHROPIC_VERSION) is not None
