"""Google's API: contents, streams, embeddings, token counting and model lists.

The path names the model and the operation; the query selects how a stream is written: as server-sent events
(`alt=sse`) or as one JSON array.
"""

from collections.abc import Awaitable, Mapping
from functools import partial
from typing import Protocol as Interface
from typing import cast

from tidegate.exchange import (
    AdaptedOperation,
    Chat,
    Gateway,
    Request,
    TaskOperation,
    count,
    exchange,
    respond_json,
)
from tidegate.protocols.contract import ParsedRequest, Protocol
from tidegate.providers import protocol_named, task_named

from .details import encode, find_listed
from .listing import GOOGLE, query_of
from .routing import Endpoint, Routes

__all__ = ["GeminiDoor"]

VERSIONS = ("/v1beta", "/v1")
MODELS = "/models/"
ARRAY = b"application/json"


class PathProtocol(Protocol, Interface):
    """A wire format whose requests also use the path and the query."""

    def parse_request(
        self, body: bytes, model: str = "", *, stream: bool = False, sse: bool = True
    ) -> ParsedRequest:
        """See Protocol."""
        ...

    def parse_count_request(self, body: bytes, model: str = "") -> ParsedRequest:
        """See Protocol."""
        ...


class GeminiDoor:
    """For clients of Gemini's API."""

    name = "gemini"
    prefix = "/v1beta"

    def __init__(self) -> None:
        self.protocol = cast(PathProtocol, protocol_named("gemini"))
        task = task_named("embeddings")
        self._embeddings = TaskOperation(task, protocol_named("openai_chat"))
        self._words = task.words

    def routes(self) -> Routes:
        """See Door. `/v1/models` belongs to OpenAI's door, which answers in the client's dialect."""
        methods: Mapping[str, Endpoint] = {
            "generateContent": self.answer,
            "streamGenerateContent": self.stream,
            "countTokens": self.count_tokens,
            "embedContent": self.embed,
            "batchEmbedContents": self.embed_batch,
        }
        return {
            **{
                ("POST", f"{version}{MODELS}*:{method}"): endpoint
                for version in VERSIONS
                for method, endpoint in methods.items()
            },
            # The AI SDK omits `models/` before a name with a slash.
            ("POST", "/v1beta/*:generateContent"): self.answer,
            ("POST", "/v1beta/*:streamGenerateContent"): self.stream,
            ("GET", "/v1beta/models"): self.list_models,
            ("GET", "/v1beta/models/*"): self.one_model,
        }

    def answer(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Generate content in one response."""
        _take_key(request)
        parse = partial(self.protocol.parse_request, model=_model_of(request))
        return exchange(request, self, gateway, Chat(self.protocol, parse))

    def stream(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Generate content as a stream."""
        _take_key(request)
        sse = _asked_for(request, "alt") == "sse"
        parse = partial(self.protocol.parse_request, model=_model_of(request), stream=True, sse=sse)
        chat = Chat(self.protocol, parse) if sse else Chat(self.protocol, parse, streams_as=ARRAY)
        return exchange(request, self, gateway, chat)

    def count_tokens(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Count the tokens of a prompt."""
        _take_key(request)
        parse = partial(self.protocol.parse_count_request, model=_model_of(request))
        return count(request, self, gateway, lambda tokens: b'{"totalTokens":%d}' % tokens, parse)

    def embed(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Embed one content."""
        return self._embed(request, gateway, "embedContent")

    def embed_batch(self, request: Request, gateway: Gateway) -> Awaitable[None]:
        """Embed several contents."""
        return self._embed(request, gateway, "batchEmbedContents")

    def _embed(self, request: Request, gateway: Gateway, method: str) -> Awaitable[None]:
        _take_key(request)
        adaptation = self._words[method](_model_of(request))
        return exchange(request, self, gateway, AdaptedOperation(self._embeddings, adaptation))

    async def list_models(self, request: Request, gateway: Gateway) -> None:
        """List the available models."""
        _take_key(request)

        async def answer() -> bytes:
            await gateway.model_lists.refresh()
            return encode(GOOGLE.page(gateway.registry.listed(), query_of(request)))

        await respond_json(request, self, gateway, answer)

    async def one_model(self, request: Request, gateway: Gateway) -> None:
        """Describe one model."""
        _take_key(request)

        async def answer() -> bytes:
            return encode(GOOGLE.one(await find_listed(_model_of(request), gateway)))

        await respond_json(request, self, gateway, answer)


def _model_of(request: Request) -> str:
    """The model named in the path, slashes included. `models/` may be missing before a name that contains a
    slash: the AI SDK omits it.
    """
    rest = request.path.lstrip("/").partition("/")[2]
    name = rest.removeprefix("models/")
    return name.rpartition(":")[0] if request.method == "POST" and ":" in name else name


def _asked_for(request: Request, name: str) -> str | None:
    """A query parameter."""
    return query_of(request).get(name)


def _take_key(request: Request) -> None:
    """Accept a key in the query (`?key=`), as Google's API does, if no header has one."""
    key = _asked_for(request, "key")
    if key and not request.header(b"x-goog-api-key"):
        request.imply(b"x-goog-api-key", key.encode("latin-1", "replace"))
