"""From a client's body to a request for images, in OpenAI's dialect."""

from typing import Any

from msgspec import Struct
from msgspec.json import Decoder

from tidegate.protocols.errors import InvalidRequest
from tidegate.protocols.fields import read_body

from .contract import ImagesRequest

__all__ = ["ImagesWire", "check", "parse_request"]

DEFAULT_MODEL = "dall-e-2"
"""What OpenAI documents for a request that names no model:
https://platform.openai.com/docs/api-reference/images/create."""


class ImagesWire(Struct, kw_only=True):
    """The fields that are read of any request for images, new or edited."""

    model: str = DEFAULT_MODEL
    prompt: str
    n: int | None = None
    size: str | None = None
    quality: str | None = None
    background: str | None = None
    response_format: str | None = None
    output_format: str | None = None
    stream: bool | None = None
    provider: str | dict[str, Any] | None = None
    models: list[str] | None = None


class Wire(ImagesWire, kw_only=True):
    """The body, as far as it is read."""

    style: str | None = None
    user: str | None = None
    partial_images: int | None = None


WIRE = Decoder(Wire)


def check(wire: ImagesWire) -> None:
    """Raises InvalidRequest for what no provider can serve."""
    if not wire.prompt.strip():
        raise InvalidRequest("expected a text that is not empty", param="prompt")
    if wire.n is not None and wire.n < 1:
        raise InvalidRequest("expected a number above 0", param="n")


def parse_request(body: bytes) -> ImagesRequest:
    """Decode and check a request. Raises InvalidRequest."""
    wire, fields = read_body(WIRE, body)
    check(wire)
    return ImagesRequest(
        body=body,
        fields=fields,
        model=wire.model,
        prompt=wire.prompt,
        n=wire.n,
        size=wire.size,
        response_format=wire.response_format,
        output_format=wire.output_format,
        stream=wire.stream is True,
        quality=wire.quality,
        background=wire.background,
        provider=wire.provider,
        fallbacks=wire.models or (),
    )
