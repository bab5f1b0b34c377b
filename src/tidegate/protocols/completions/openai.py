"""OpenAI's format, on both sides: the client's bytes with the model replaced, the provider's bytes back."""

from msgspec import Raw, Struct
from msgspec.json import Decoder, Encoder

from tidegate.protocols.contract import Call, Conduit, Target
from tidegate.protocols.errors import Unsupported
from tidegate.protocols.fields import NULL, Fields
from tidegate.protocols.task import drop, remove_gateway_fields, render_path

from .conduit import BodySplice, StreamSplice
from .request import CompletionRequest

__all__ = ["FORMAT", "Dialect"]

ENCODE = Encoder().encode


class Dialect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one service differs from OpenAI. The defaults are what OpenAI does."""

    path: str = "/completions"
    """Where to send requests, behind the base URL; `{model}` stands for the model's name."""
    stream_usage: bool = True
    """Whether a stream reports its usage on request (`stream_options.include_usage`)."""
    drops: tuple[str, ...] = ()
    """Fields that the service does not support: left out and named."""
    refuses: tuple[str, ...] = ()
    """Fields that the service ignores although they change the answer: rejected by name."""
    gateway_fields: tuple[str, ...] = ()
    """Fields that are Tidegate's own elsewhere and that this service understands itself."""


class OpenAIFormat:
    """See TaskFormat."""

    dialect = Dialect

    def plan(self, parsed: CompletionRequest, target: Target) -> tuple[Call, Conduit]:
        """See TaskFormat."""
        dialect: Dialect = target.dialect
        fields = dict(parsed.fields)
        fields["model"] = Raw(ENCODE(target.model))
        remove_gateway_fields(fields, parsed.provider, dialect.gateway_fields)
        for name in dialect.refuses:
            if bytes(fields.get(name, NULL)) not in NOTHING:
                raise Unsupported(f'this provider does not support the parameter "{name}"', param=name)
        dropped = drop(fields, dialect.drops)
        _set_usage(fields, parsed, dialect)
        path = render_path(dialect.path, target.model)
        call = Call(path, ENCODE(fields), stream=parsed.stream, dropped=tuple(dropped))
        return call, StreamSplice(include_usage=parsed.include_usage) if parsed.stream else BodySplice()


FORMAT = OpenAIFormat()

NOTHING = (NULL, b"false", b"1")
"""Values of a rejected field that request nothing."""

OPTIONS = Decoder(Fields)


def _set_usage(fields: Fields, parsed: CompletionRequest, dialect: Dialect) -> None:
    """Request the usage of a stream for the record, where the service reports it."""
    if not parsed.stream:
        return
    if not dialect.stream_usage:
        fields.pop("stream_options", None)
    elif not parsed.include_usage:
        options = {} if parsed.wire.stream_options is None else OPTIONS.decode(fields["stream_options"])
        fields["stream_options"] = Raw(ENCODE({**options, "include_usage": True}))
