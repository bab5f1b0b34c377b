"""Embeddings requests and answers, in no dialect."""

import base64
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from msgspec import Struct
from msgspec.json import Encoder

from tidegate.protocols.contract import Conduit, Tally
from tidegate.protocols.errors import ProviderBroke, Unsupported
from tidegate.protocols.fields import Fields
from tidegate.protocols.task import Whole, names_of
from tidegate.protocols.usage import Usage

__all__ = [
    "KNOWN",
    "Embeddings",
    "EmbeddingsRequest",
    "Vector",
    "decode_floats",
    "dropped_of",
    "encode_floats",
    "render_answer",
    "rendered",
    "require_texts",
]

KNOWN = frozenset(["model", "input", "dimensions", "encoding_format", "user", "input_type"])
"""The request fields that every format handles."""

ENCODE = Encoder().encode

Vector: TypeAlias = Sequence[float]


class EmbeddingsRequest(Struct, frozen=True, kw_only=True):
    """A client's request, decoded and checked. `None` means that the client did not set the field."""

    body: bytes
    fields: Fields
    """The top-level fields of the body, each value as the client wrote it."""
    model: str
    texts: tuple[str, ...] = ()
    """The texts to embed, none of them empty; no texts if the client sends tokens."""
    tokens: tuple[tuple[int, ...], ...] = ()
    """The same, as tokens of the model's vocabulary."""
    dimensions: int | None = None
    """The requested length of the vectors."""
    encoding: str | None = None
    """`float` (a list of numbers; the default), `base64` (of 32-bit floats, little-endian), or a value that
    only the provider knows."""
    user: str | None = None
    """The client's id for its end user."""
    input_type: str | None = None
    """Tidegate's extension, as in Cohere's API: the purpose of the vectors (`search_document`,
    `search_query`, `classification`, `clustering`)."""
    provider: str | Mapping[str, Any] | None = None
    fallbacks: Sequence[str] = ()
    stream: bool = False
    """Embeddings cannot be streamed."""

    @property
    def max_output(self) -> int:
        """See contract.ParsedRequest: the answer is no text."""
        return 0


class Embeddings(Struct, frozen=True, kw_only=True):
    """A provider's answer."""

    vectors: Sequence[Vector]
    """In the order of the inputs."""
    usage: Usage | None = None
    """None if the provider reports no usage."""


def require_texts(parsed: EmbeddingsRequest) -> tuple[str, ...]:
    """Return the inputs as texts. Raises Unsupported if the client sends tokens, which only have a meaning in
    one vocabulary.
    """
    if parsed.tokens:
        raise Unsupported("this provider accepts texts, not tokens (input)", param="input")
    return parsed.texts


def dropped_of(parsed: EmbeddingsRequest, *more: str) -> tuple[str, ...]:
    """Return the names of the fields that a format without extensions drops: unknown fields, and those passed
    here, if the client set them.
    """
    named = [name for name in more if getattr(parsed, name) is not None]
    return (*named, *names_of(parsed.fields, KNOWN))


def render_answer(parsed: EmbeddingsRequest, answer: Embeddings, model: str) -> bytes:
    """Write an answer in OpenAI's dialect. Tokens that the provider does not report are 0 here, because the
    dialect requires a number; records show that none were reported. Raises ProviderBroke.
    """
    expected = len(parsed.texts)
    if len(answer.vectors) != expected:
        raise ProviderBroke(f"the provider answered {expected} inputs with {len(answer.vectors)} vectors")
    as_base64 = parsed.encoding == "base64"
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": encode_floats(vector) if as_base64 else vector,
        }
        for index, vector in enumerate(answer.vectors)
    ]
    tokens = (answer.usage.prompt_tokens if answer.usage else None) or 0
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return ENCODE({"object": "list", "data": data, "model": model, "usage": usage})


def rendered(parsed: EmbeddingsRequest, model: str, parse: Callable[[bytes, Tally], Embeddings]) -> Conduit:
    """The conduit of an answer that `parse` reads: it is written in OpenAI's dialect."""

    def convert(body: bytes, tally: Tally) -> bytes:
        answer = parse(body, tally)
        tally.usage, tally.model = answer.usage, model
        return render_answer(parsed, answer, model)

    return Whole(convert)


def encode_floats(vector: Vector) -> str:
    """Encode numbers like OpenAI: 32-bit floats in base64."""
    try:
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    except (struct.error, OverflowError) as error:
        raise ProviderBroke("the provider's vectors do not fit into 32-bit floats") from error


def decode_floats(packed: str) -> Vector:
    """Decode the numbers."""
    try:
        data = base64.b64decode(packed, validate=True)
        return struct.unpack(f"<{len(data) // 4}f", data)
    except (ValueError, struct.error) as error:
        raise ProviderBroke("the provider's vectors are not base64 of 32-bit floats") from error
