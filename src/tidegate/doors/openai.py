"""OpenAI's API: chat and text completions, embeddings, images, moderations and the list of models."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

from tidegate.exchange import Chat, Gateway, Request, TaskOperation, exchange, respond_json
from tidegate.providers import protocol_named, task_named

from .details import Rendered, describe, describe_all, encode, find_listed, wants_details
from .listing import LISTERS, Lister, lister_of, query_of
from .routing import Routes

__all__ = ["OpenAIDoor"]

PREFIXES = ("/v1", "/api/v1", "")
"""OpenAI's path prefix, and those of two gateways that Tidegate replaces."""

MODELS = "/v1/models"


class OpenAIDoor:
    """For clients of the OpenAI API."""

    name = "openai"
    prefix = "/"
    cost_in_usage = True
    """Whether `usage.cost` may say what an answer costs."""

    def __init__(self) -> None:
        self.protocol = protocol_named("openai_chat")
        self._chat = Chat(self.protocol)
        self._completions = TaskOperation(task_named("completions"), self.protocol)
        self._embeddings = TaskOperation(task_named("embeddings"), self.protocol)
        self._images = TaskOperation(task_named("images"), self.protocol)
        self._moderations = TaskOperation(task_named("moderations"), self.protocol)
        self._rendered = Rendered()

    def routes(self) -> Routes:
        """See Door."""
        return {
            **{("POST", f"{prefix}/chat/completions"): self.chat for prefix in PREFIXES},
            **{("POST", f"{prefix}/completions"): self.complete for prefix in PREFIXES},
            ("POST", "/v1/embeddings"): self.embed,
            ("POST", "/v1/images/generations"): self.draw,
            ("POST", "/v1/images/edits"): self.edit,
            ("POST", "/v1/moderations"): self.moderate,
            ("GET", MODELS): self.list_models,
            ("GET", f"{MODELS}/*"): self.one_model,
        }

    def chat(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Create a chat completion."""
        return exchange(request, self, gateway, self._chat)

    def complete(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Create a text completion."""
        return exchange(request, self, gateway, self._completions)

    def embed(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Create embeddings."""
        return exchange(request, self, gateway, self._embeddings)

    def draw(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Generate images."""
        return exchange(request, self, gateway, self._images)

    def edit(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Edit images."""
        task: Any = task_named("image_edits")
        written_as = (request.header(b"content-type") or b"").decode("latin-1")
        parse = partial(task.parse, content_type=written_as)
        return exchange(request, self, gateway, TaskOperation(replace(task, parse=parse), self.protocol))

    def moderate(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Create moderations."""
        return exchange(request, self, gateway, self._moderations)

    async def list_models(self, request: Request, gateway: Gateway) -> None:
        """List the available models, in the dialect of the calling SDK."""
        lister = lister_of(request)

        async def answer() -> bytes:
            await gateway.model_lists.refresh()
            query = query_of(request)
            if wants_details(request):
                return self._rendered.answer(gateway, _list_details)
            if lister.asks_for_page(query):
                return encode(lister.page(gateway.registry.listed(), query))
            return self._rendered.answer(gateway, LISTS[lister.name])

        await respond_json(request, lister, gateway, answer)

    async def one_model(self, request: Request, gateway: Gateway) -> None:
        """Describe one model, whether it is listed or not."""
        lister = lister_of(request)

        async def answer() -> bytes:
            found = await find_listed(request.path.removeprefix(f"{MODELS}/"), gateway)
            return encode(describe(found, gateway) if wants_details(request) else lister.one(found))

        await respond_json(request, lister, gateway, answer)


def _list_details(gateway: Gateway) -> bytes:
    return encode({"object": "list", "data": describe_all(gateway)})


def _whole_list(lister: Lister) -> Callable[[Gateway], bytes]:
    """Return a function that renders the whole list of a dialect."""
    return lambda gateway: encode(lister.page(gateway.registry.listed(), {}))


LISTS = {lister.name: _whole_list(lister) for lister in LISTERS}
