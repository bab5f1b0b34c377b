"""The dialect of LLM Gate ("Heimdall"): OpenAI's requests in camelCase, the model inside the provider.

Its documentation is a page of examples; where it says nothing, this is what FastAPI does, on which it was
built: an error is `{"detail": …}`, and a body that is wrong gets status 422 and a list of places.
"""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Literal

import msgspec
from msgspec import Raw, Struct
from msgspec.json import Decoder

from .adapted import Adaptation, AdaptedDialect
from .contract import ErrorReply, Tally
from .decode import decode, require_utf8
from .errors import InvalidRequest, TidegateError, Unsupported
from .openai_chat import PROTOCOL, OpenAIChat
from .retry_after import render_retry_after
from .task import read_answer

__all__ = ["ADAPTED"]

ENCODE = msgspec.json.Encoder().encode
NULL = b"null"


# --- what is asked ---------------------------------------------------------------------------


class ModelIn(Struct):
    """The model."""

    name: str


class ProviderIn(Struct):
    """Who shall be asked."""

    name: str
    model: ModelIn


class PromptIn(Struct):
    """What is said, and how the answer shall be."""

    parameter: dict[str, Raw] | None = None
    messages: list[Raw] | None = None
    message: Raw = Raw()


class RequestIn(Struct):
    """A request of any kind."""

    provider: ProviderIn
    prompt: PromptIn


class SaidIn(Struct):
    """A message, of which the chat's format knows the rest."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]


_REQUEST = Decoder(RequestIn)
_MESSAGES = Decoder(list[SaidIn])
_BEFORE_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def _parse(body: bytes) -> RequestIn:
    require_utf8(body)
    parsed = decode(_REQUEST, body)
    streams = (parsed.prompt.parameter or {}).get("stream")
    if streams is not None and bytes(streams) not in (NULL, b"false"):
        raise Unsupported(
            "this API does not stream; leave out prompt.parameter.stream", param="prompt.parameter.stream"
        )
    return parsed


def _render(parsed: RequestIn, **said: Any) -> bytes:
    """OpenAI's body: the parameters by their names there, then what was said."""
    parameters = {_snake(name): value for name, value in (parsed.prompt.parameter or {}).items()}
    who = {"model": parsed.provider.model.name, "provider": parsed.provider.name}
    return ENCODE({**parameters, **who, **said})


def _snake(name: str) -> str:
    return _BEFORE_CAPITAL.sub("_", name).lower()


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


def ask_chat(body: bytes) -> bytes:
    """A request for a chat."""
    parsed = _parse(body)
    if parsed.prompt.messages is None:
        raise InvalidRequest("this field is required", param="prompt.messages")
    # No provider speaks this dialect, so none can decide about other roles.
    decode(_MESSAGES, ENCODE(parsed.prompt.messages), "messages")
    return _render(parsed, messages=parsed.prompt.messages)


def ask_images(body: bytes) -> bytes:
    """A request for images."""
    parsed = _parse(body)
    return _render(parsed, prompt=_message_of(parsed))


def ask_embeddings(body: bytes) -> bytes:
    """A request for vectors: the reference has no example, so it is as for images."""
    parsed = _parse(body)
    return _render(parsed, input=_message_of(parsed))


def _message_of(parsed: RequestIn) -> Raw:
    if not memoryview(parsed.prompt.message):
        raise InvalidRequest("this field is required", param="prompt.message")
    return parsed.prompt.message


# --- what is answered ------------------------------------------------------------------------


class UsageIn(Struct):
    """Tokens."""

    prompt_tokens: int = 0
    completion_tokens: int | None = None
    total_tokens: int = 0


class MessageIn(Struct):
    """What the model said."""

    role: str = "assistant"
    content: str | None = None
    tool_calls: Raw = Raw(NULL)


class ChoiceIn(Struct):
    """One answer."""

    message: MessageIn


class CompletionIn(Struct):
    """OpenAI's chat completion."""

    choices: list[ChoiceIn]
    usage: UsageIn | None = None


class ListIn(Struct):
    """OpenAI's images, or vectors."""

    data: list[dict[str, Raw]]
    usage: UsageIn | None = None


_COMPLETION = Decoder(CompletionIn)
_LIST = Decoder(ListIn)


def answer_chat(body: bytes, tally: Tally) -> bytes:
    """The answer to a request for a chat."""
    result = read_answer(_COMPLETION, body, tally, "message")
    messages = [_render_message(choice.message) for choice in result.choices]
    return ENCODE({"usage": _render_usage(result.usage), "messages": messages})


def _render_message(message: MessageIn) -> dict[str, Any]:
    said: dict[str, Any] = {"role": message.role, "content": message.content}
    return said if bytes(message.tool_calls) == NULL else {**said, "toolCalls": message.tool_calls}


def _render_usage(usage: UsageIn | None) -> dict[str, int]:
    counted = usage or UsageIn()
    result = {
        "completionTokens": counted.completion_tokens,
        "promptTokens": counted.prompt_tokens,
        "totalTokens": counted.total_tokens,
    }
    return {name: count or 0 for name, count in result.items() if count is not None or usage is None}


def answer_images(body: bytes, tally: Tally) -> bytes:
    """The answer to a request for images."""
    result = read_answer(_LIST, body, tally, "images")
    return ENCODE({"data": [{_camel(name): value for name, value in one.items()} for one in result.data]})


def answer_embeddings(body: bytes, tally: Tally) -> bytes:
    """The answer to a request for vectors."""
    result = read_answer(_LIST, body, tally, "embeddings")
    vectors = [{name: one[name] for name in ("index", "embedding") if name in one} for one in result.data]
    return ENCODE({"data": vectors, "usage": _render_usage(result.usage)})


# --- errors ----------------------------------------------------------------------------------

PLACES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "model": ("provider", "model", "name"),
        "provider": ("provider",),
        "messages": ("prompt", "messages"),
        "prompt": ("prompt",),
        "input": ("prompt", "message"),
        "header": ("header",),
    }
)
"""First step of a place in OpenAI's body (or in ours) → where that is here. All else is a parameter."""


class LLMGate(OpenAIChat):
    """OpenAI's format with the errors of this dialect."""

    def render_error(self, error: TidegateError, request_id: str) -> ErrorReply:
        """FastAPI's `{"detail": …}`; an invalid request is a 422 that names the field."""
        headers = [(b"content-type", b"application/json"), *render_retry_after(error.retry_after)]
        status, detail = error.status, error.message
        if isinstance(error, InvalidRequest) and error.status == 400:
            place = [*_place_of(error.param)]
            result = [{"loc": place, "msg": error.message, "type": "value_error"}]
            return ErrorReply(422, tuple(headers), ENCODE({"detail": result}))
        return ErrorReply(status, tuple(headers), ENCODE({"detail": detail}))


def _place_of(param: str | None) -> Iterable[str | int]:
    """Where the fault is, step by step."""
    if not param:
        return ["body"]
    first, *rest = param.split(".")
    steps: list[str | int] = [int(step) if step.isdecimal() else step for step in rest]
    if first == "header":
        return ["header", *steps]
    return ["body", *PLACES.get(first, ("prompt", "parameter", _camel(first))), *steps]


ADAPTED = AdaptedDialect(
    errors=LLMGate(),
    base=PROTOCOL,
    tasks=MappingProxyType(
        {
            "chat": Adaptation(ask_chat, answer_chat),
            "images": Adaptation(ask_images, answer_images),
            "embeddings": Adaptation(ask_embeddings, answer_embeddings),
        }
    ),
)
