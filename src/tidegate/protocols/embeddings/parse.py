"""Parsing of embeddings requests in OpenAI's dialect."""

from typing import Any

from msgspec import Struct
from msgspec.json import Decoder

from tidegate.protocols.errors import InvalidRequest
from tidegate.protocols.fields import Fields, read_body
from tidegate.protocols.task import refuse_stream

from .contract import EmbeddingsRequest

__all__ = ["parse_request"]

Input = str | list[str | int | list[int]]


class Wire(Struct, kw_only=True):
    """The fields of the body that are read."""

    model: str
    input: Input
    dimensions: int | None = None
    encoding_format: str | None = None
    user: str | None = None
    input_type: str | None = None
    stream: bool | None = None
    provider: str | dict[str, Any] | None = None
    models: list[str] | None = None


WIRE = Decoder(Wire)


def parse_request(body: bytes) -> EmbeddingsRequest:
    """Decode and check a request. Raises InvalidRequest."""
    wire, fields = read_body(WIRE, body)
    if wire.dimensions is not None and wire.dimensions < 1:
        raise InvalidRequest("expected a number above 0", param="dimensions")
    refuse_stream(wire.stream, "embeddings")
    return _build(body, wire, fields)


def _build(body: bytes, wire: Wire, fields: Fields) -> EmbeddingsRequest:
    texts, tokens = _read_input(wire.input)
    return EmbeddingsRequest(
        body=body,
        fields=fields,
        model=wire.model,
        texts=texts,
        tokens=tokens,
        dimensions=wire.dimensions,
        encoding=wire.encoding_format,
        user=wire.user,
        input_type=wire.input_type,
        provider=wire.provider,
        fallbacks=wire.models or (),
    )


def _read_input(value: Input) -> tuple[tuple[str, ...], tuple[tuple[int, ...], ...]]:
    """Return texts and tokens, one of which is empty."""
    if isinstance(value, str):
        value = [value]
    texts = tuple(one for one in value if isinstance(one, str))
    numbers = tuple(one for one in value if isinstance(one, int))
    lists = tuple(tuple(one) for one in value if isinstance(one, list))
    if len(value) not in map(len, (texts, numbers, lists)):
        raise InvalidRequest("expected texts or tokens, not both", param="input")
    tokens = (numbers,) if numbers else lists
    if not value:
        raise InvalidRequest("expected at least one text", param="input")
    for index, one in enumerate(texts or tokens):
        if not one:
            place = f"input.{index}" if len(value) > 1 else "input"
            raise InvalidRequest(f"{place}: expected a text that is not empty", param=place)
    return texts, tokens
