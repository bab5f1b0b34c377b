"""OpenAI's format on both sides: the client's bytes are forwarded as far as possible, and the provider's
bytes are returned, unless they are not what the client requested.
"""

import base64
from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Raw, Struct
from msgspec.json import Decoder, Encoder

from tidegate.protocols.contract import Call, Conduit, Tally, Target
from tidegate.protocols.decode import MALFORMED
from tidegate.protocols.errors import ProviderBroke, Unsupported
from tidegate.protocols.fields import FIELDS, NULL, Fields
from tidegate.protocols.openai_errors import error_inside
from tidegate.protocols.served import nano_usd, served
from tidegate.protocols.task import Whole, drop, read_answer, remove_gateway_fields, render_path
from tidegate.protocols.usage import Count, Usage

from .contract import EmbeddingsRequest, Vector, decode_floats, encode_floats

__all__ = ["FORMAT", "Dialect"]

ENCODE = Encoder().encode


class Dialect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The differences of one service from OpenAI. The defaults are what OpenAI does."""

    path: str = "/embeddings"
    """The path for requests, relative to the base URL; `{model}` is replaced by the model name."""
    tokens: bool = True
    """Whether the input may be tokens (not at Mistral, DeepInfra, Together, Qwen, Perplexity, Ollama, whose
    references document only strings)."""
    dimensions_field: str = "dimensions"
    """The name of the vector length: `output_dimension` at Mistral (recorded). Empty: it cannot be chosen."""
    encodings: tuple[str, ...] = ("float", "base64")
    """The supported values of `encoding_format`; for others, Tidegate encodes or decodes the vectors itself.
    (Qwen supports `float`, Together and Perplexity neither.)"""
    packed: Literal["floats", "int8"] = "floats"
    """The content of base64: 32-bit floats, or one byte per number (Perplexity, recorded)."""
    drops: tuple[str, ...] = ("input_type",)
    """Fields that the service does not support: they are dropped and reported."""
    gateway_fields: tuple[str, ...] = ()
    """Fields that are normally addressed to Tidegate but that this service understands itself (`provider`,
    `models` at OpenRouter); a `provider` that is a plain string is addressed to Tidegate even here."""


class OpenAIFormat:
    """See TaskFormat."""

    dialect = Dialect

    def plan(self, parsed: EmbeddingsRequest, target: Target) -> tuple[Call, Conduit]:
        """See TaskFormat."""
        dialect: Dialect = target.dialect
        if parsed.tokens and not dialect.tokens:
            raise Unsupported("this provider accepts texts, not tokens (input)", param="input")
        fields = dict(parsed.fields)
        fields["model"] = Raw(ENCODE(target.model))
        remove_gateway_fields(fields, parsed.provider, dialect.gateway_fields)
        _set_dimensions(fields, parsed, dialect)
        if parsed.encoding in PLAIN_ENCODINGS and parsed.encoding not in dialect.encodings:
            del fields["encoding_format"]
        dropped = tuple(drop(fields, dialect.drops))
        call = Call(render_path(dialect.path, target.model), ENCODE(fields), stream=False, dropped=dropped)
        answer = Answer(parsed, dialect, target.model)
        return call, Whole(answer.convert)


FORMAT = OpenAIFormat()

PLAIN_ENCODINGS = ("float", "base64")


def _set_dimensions(fields: Fields, parsed: EmbeddingsRequest, dialect: Dialect) -> None:
    if parsed.dimensions is not None and not dialect.dimensions_field:
        raise Unsupported("this model has vectors of a fixed length (dimensions)", param="dimensions")
    length = fields.pop("dimensions", None)
    if length is not None and dialect.dimensions_field:
        fields.setdefault(dialect.dimensions_field, length)


# --- the answer ------------------------------------------------------------------------------


class UsageIn(Struct, gc=False):
    """The token counts that are read."""

    prompt_tokens: Count | None = None
    total_tokens: Count | None = None
    cost: Any = None
    """USD: a number (OpenRouter), or an object with a `total_cost` (Perplexity)."""


class Item(Struct, gc=False):
    """A vector: numbers or a string, as the provider wrote it."""

    embedding: Raw = Raw(NULL)
    index: int | None = None
    object: str | None = None


class View(Struct):
    """The fields of an answer that are read: the numbers are not, unless they have to be converted."""

    data: list[Item] | None = None
    object: str | None = None
    model: str | None = None
    usage: UsageIn | None = None
    error: Any = None


VIEW = Decoder(View)
FLOATS = Decoder(list[float])
STRING = Decoder(str)

QUOTE = ord('"')


class Answer:
    """The path of one answer."""

    def __init__(self, parsed: EmbeddingsRequest, dialect: Dialect, model: str) -> None:
        self._request = parsed
        self._packed = dialect.packed
        self._model = model

    def convert(self, body: bytes, tally: Tally) -> bytes:
        """Return the provider's bytes if they are what the client requested, or convert them. Raises
        ProviderError.
        """
        view = read_answer(VIEW, body, tally, "embeddings")
        if view.error:
            raise error_inside(view.error)
        if view.data is None:
            raise ProviderBroke("the provider's answer contains no embeddings")
        tally.model = view.model or ""
        usage = view.usage
        if usage is not None and usage.prompt_tokens is not None:
            tally.usage = Usage(input=usage.prompt_tokens, output=0)
        if usage is not None and usage.cost is not None:
            tally.note(served(cost=nano_usd(usage.cost)))
        vectors = [self._as_requested(item.embedding) for item in view.data]
        changed = any(new is not item.embedding for new, item in zip(vectors, view.data, strict=True))
        return self._mend(body, view, vectors) if changed or not _in_shape(view) else body

    def _as_requested(self, sent: Raw) -> Raw:
        """Return a vector in the requested encoding: the same object if nothing has to change."""
        encoding = self._request.encoding or "float"
        is_text = memoryview(sent)[0] == QUOTE
        if encoding not in PLAIN_ENCODINGS or (encoding == "base64" and is_text and self._packed == "floats"):
            return sent
        if encoding == "float" and not is_text:
            return sent
        vector = self._unpack(sent) if is_text else _decode_list(sent)
        return Raw(ENCODE(encode_floats(vector) if encoding == "base64" else vector))

    def _unpack(self, sent: Raw) -> Vector:
        packed = STRING.decode(sent)
        return decode_floats(packed) if self._packed == "floats" else _decode_bytes(packed)

    def _mend(self, body: bytes, view: View, vectors: Sequence[Raw]) -> bytes:
        """Return the answer in OpenAI's form, with the provider's other fields."""
        fields: dict[str, Any] = dict(FIELDS.decode(body))
        items = view.data or ()
        order = [item.index if item.index is not None else place for place, item in enumerate(items)]
        ordered = sorted(zip(order, vectors, strict=True), key=lambda one: one[0])
        data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in ordered]
        fields |= {"object": "list", "data": data, "model": view.model or self._model}
        if not _counted(view.usage):
            tokens = (view.usage.prompt_tokens if view.usage else None) or 0
            fields["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
        return ENCODE(fields)


def _in_shape(view: View) -> bool:
    """Return whether OpenAI's SDK can read the answer."""
    return (
        view.object == "list"
        and view.model is not None
        and _counted(view.usage)
        and all(item.index is not None and item.object == "embedding" for item in view.data or ())
    )


def _counted(usage: UsageIn | None) -> bool:
    return usage is not None and usage.prompt_tokens is not None and usage.total_tokens is not None


def _decode_list(numbers: Raw) -> Vector:
    try:
        return FLOATS.decode(numbers)
    except MALFORMED as error:
        raise ProviderBroke("the provider's vectors are not lists of numbers") from error


def _decode_bytes(packed: str) -> Vector:
    try:
        return memoryview(base64.b64decode(packed, validate=True)).cast("b").tolist()
    except ValueError as error:
        raise ProviderBroke("the provider's vectors are not base64") from error
