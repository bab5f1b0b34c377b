"""A client's request for a completion, and the same request as a chat."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, TypeAlias

from msgspec import Meta, Raw, Struct
from msgspec.json import Decoder

from tidegate.protocols.decode import decode, require_utf8
from tidegate.protocols.errors import InvalidRequest, Unsupported
from tidegate.protocols.needs import NOTHING, Need
from tidegate.protocols.task import FIELDS, NULL, Fields
from tidegate.protocols.turn import Message, Text, Turn

__all__ = ["NAME", "CompletionRequest", "Prompt", "parse_request"]

NAME = "openai_completions"
"""The dialect of the request, for a `Turn` made of it."""

Count = Annotated[int, Meta(ge=0)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
Prompt: TypeAlias = str | list[str | int | list[int]]


class StreamOptions(Struct, gc=False):
    """`stream_options`."""

    include_usage: bool | None = None


class Wire(Struct, kw_only=True):
    """The body, as far as it is read."""

    model: str
    prompt: Prompt | None = None
    suffix: str | None = None
    max_tokens: Count | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: int | None = None
    n: Annotated[int, Meta(ge=1)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    logprobs: int | bool | None = None
    echo: bool | None = None
    stop: str | list[str] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    best_of: int | None = None
    logit_bias: dict[str, float] | None = None
    seed: int | None = None
    user: str | None = None
    provider: str | dict[str, Any] | None = None
    models: list[str] | None = None


WIRE = Decoder(Wire)

KNOWN = frozenset(Wire.__struct_fields__)
"""Fields that a chat has too, that are rejected, or that are for Tidegate itself."""


class CompletionRequest:
    """A client's request: decoded and checked (see `contract.ParsedRequest`)."""

    __slots__ = ("body", "fallbacks", "fields", "model", "provider", "stream", "wants_usage", "wire")

    def __init__(self, body: bytes, wire: Wire, fields: Fields) -> None:
        self.body = body
        self.wire = wire
        self.fields = fields
        """The body's top level, each value as the client wrote it."""
        self.model = wire.model
        self.stream = wire.stream is True
        self.provider: str | Mapping[str, Any] | None = wire.provider
        self.fallbacks: Sequence[str] = wire.models or ()
        options = wire.stream_options
        self.wants_usage = options is not None and options.include_usage is True

    @property
    def max_output(self) -> int | None:
        """See contract.ParsedRequest."""
        return self.wire.max_tokens

    @property
    def n(self) -> int:
        """See contract.ParsedRequest."""
        return self.wire.n or 1

    def needs(self) -> frozenset[Need]:
        """See contract.ParsedRequest."""
        return NOTHING

    def turn(self) -> Turn:
        """The request as a chat. Raises Unsupported for what a chat cannot do, and InvalidRequest."""
        wire = self.wire
        for name, wanted in CHAT_LACKS.items():
            if wanted(wire):
                raise Unsupported(
                    f'this provider has no text completions, and a chat cannot do what "{name}" requests; '
                    f"leave it out, or choose a provider with POST /v1/completions",
                    param=name,
                )
        return Turn(
            model=wire.model,
            messages=(Message("user", (Text(_only_text(wire.prompt)),)),),
            stream=self.stream,
            max_tokens=wire.max_tokens,
            temperature=wire.temperature,
            top_p=wire.top_p,
            top_k=wire.top_k,
            presence_penalty=wire.presence_penalty,
            frequency_penalty=wire.frequency_penalty,
            seed=wire.seed,
            stop=(wire.stop,) if isinstance(wire.stop, str) else tuple(wire.stop or ()),
            n=wire.n,
            logit_bias=self._raw("logit_bias"),
            user=wire.user,
            origin=NAME,
            extensions={name: raw for name, raw in self.fields.items() if name not in KNOWN and _says(raw)},
        )

    def _raw(self, name: str) -> Raw | None:
        raw = self.fields.get(name)
        return raw if raw is not None and _says(raw) else None


CHAT_LACKS: Mapping[str, Callable[[Wire], bool]] = {
    "suffix": lambda wire: bool(wire.suffix),
    "echo": lambda wire: wire.echo is True,
    "logprobs": lambda wire: wire.logprobs is not None and wire.logprobs is not False,
    "best_of": lambda wire: wire.best_of is not None and wire.best_of > 1,
}
"""What only a text completion can do: parameter → whether a request uses it."""


def parse_request(body: bytes) -> CompletionRequest:
    """Decode and check a request. Raises InvalidRequest."""
    require_utf8(body)
    wire = decode(WIRE, body)
    if isinstance(wire.prompt, list) and not wire.prompt:
        raise InvalidRequest("prompt: expected at least one text", param="prompt")
    return CompletionRequest(body, wire, decode(FIELDS, body))


def _only_text(prompt: Prompt | None) -> str:
    """The prompt, where it is one text. Raises Unsupported, and InvalidRequest for an empty one."""
    if isinstance(prompt, list):
        if not all(isinstance(one, str) for one in prompt):
            raise Unsupported("this provider accepts text as the prompt, not tokens", param="prompt")
        if len(prompt) > 1:
            raise Unsupported(
                "this provider accepts one prompt per request; send one request for each", param="prompt"
            )
        prompt = prompt[0] if isinstance(prompt[0], str) else ""
    if not prompt:
        raise InvalidRequest("prompt: expected a text that is not empty", param="prompt")
    return prompt


def _says(raw: Raw) -> bool:
    return bytes(raw) != NULL
