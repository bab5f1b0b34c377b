"""A client's request for moderation, in OpenAI's dialect."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.json import Decoder

from tidegate.protocols.errors import InvalidRequest
from tidegate.protocols.fields import Fields, read_body
from tidegate.protocols.task import refuse_stream

__all__ = ["ModerationsRequest", "parse_request"]

DEFAULT_MODEL = "omni-moderation-latest"
"""OpenAI's default for a request without a model:
https://platform.openai.com/docs/api-reference/moderations/create."""


class Wire(Struct, kw_only=True):
    """The body, as far as it is read."""

    model: str = DEFAULT_MODEL
    input: str | list[str | dict[str, Any]]
    stream: bool | None = None
    provider: str | dict[str, Any] | None = None
    models: list[str] | None = None


WIRE = Decoder(Wire)


class ModerationsRequest(Struct, frozen=True, kw_only=True):
    """A request, decoded and checked."""

    body: bytes
    fields: Fields
    """The body's top level, each value as the client wrote it."""
    model: str
    provider: str | Mapping[str, Any] | None = None
    fallbacks: Sequence[str] = ()
    stream: bool = False
    """Moderations never come as a stream."""

    @property
    def max_output(self) -> int:
        """See contract.ParsedRequest: the answer is no text."""
        return 0


def parse_request(body: bytes) -> ModerationsRequest:
    """Decode and check a request. Raises InvalidRequest."""
    wire, fields = read_body(WIRE, body)
    if isinstance(wire.input, list) and not wire.input:
        raise InvalidRequest("expected at least one text or image", param="input")
    refuse_stream(wire.stream, "moderations")
    return ModerationsRequest(
        body=body,
        fields=fields,
        model=wire.model,
        provider=wire.provider,
        fallbacks=wire.models or (),
    )
