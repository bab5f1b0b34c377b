"""What a client's requests for a chat and for a completion share in OpenAI's dialects."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Generic, TypeVar

from msgspec import Meta, Raw, Struct

from .fields import Fields

__all__ = ["Count", "Name", "OpenAIRequest", "SampledWire", "StreamOptions", "biases_of", "stops_of"]

Name = Annotated[str, Meta(min_length=1)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
Count = Annotated[int, Meta(ge=0)]


class StreamOptions(Struct, gc=False):
    """`stream_options`."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class SampledWire(Struct, kw_only=True, gc=False):
    """The fields of the body that both have, those addressed to Tidegate included."""

    model: Name
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Count | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=-1)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    logit_bias: dict[str, Annotated[float, Meta(ge=-100, le=100)]] | None = None
    user: str | None = None
    provider: str | dict[str, Any] | None = None
    models: list[Name] | None = None


W = TypeVar("W", bound=SampledWire)


class OpenAIRequest(Generic[W]):
    """A request: decoded and checked (see contract.ParsedRequest)."""

    __slots__ = ("body", "fallbacks", "fields", "include_usage", "model", "provider", "stream", "wire")

    def __init__(self, body: bytes, wire: W, fields: Fields) -> None:
        self.body = body
        self.wire = wire
        self.fields = fields
        """The top-level fields of the body, each value as the client wrote it."""
        self.model = wire.model
        self.stream = wire.stream is True
        self.provider: str | Mapping[str, Any] | None = wire.provider
        self.fallbacks: Sequence[str] = wire.models or ()
        options = wire.stream_options
        self.include_usage = options is not None and options.include_usage is True

    @property
    def max_output(self) -> int | None:
        """See contract.ParsedRequest."""
        return self.wire.max_tokens

    @property
    def n(self) -> int:
        """See contract.ParsedRequest."""
        return self.wire.n or 1


def stops_of(wire: SampledWire) -> tuple[str, ...]:
    """Return the stop sequences."""
    return (wire.stop,) if isinstance(wire.stop, str) else tuple(wire.stop or ())


def biases_of(wire: SampledWire, fields: Fields) -> Raw | None:
    """Return the logit biases as the client wrote them; None if there are none."""
    return fields["logit_bias"] if wire.logit_bias else None
