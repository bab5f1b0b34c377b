"""What clients ask when they ask for embeddings, and what providers answer: in no dialect."""

import base64
import struct
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from msgspec import Struct
from msgspec.json import Encoder

from tidegate.protocols.errors import ProviderBroke, Unsupported
from tidegate.protocols.task import Fields, names_of
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
    "require_texts",
]

KNOWN = frozenset(["model", "input", "dimensions", "encoding_format", "user", "input_type"])
"""The fields of a request that every format has an opinion on."""

ENCODE = Encoder().encode

Vector: TypeAlias = Sequence[float]


class EmbeddingsRequest(Struct, frozen=True, kw_only=True):
    """A client's request, decoded and checked. `None` is "the client did not say"."""

    body: bytes
    fields: Fields
    """The body's top level, each value as the client wrote it."""
    model: str
    texts: tuple[str, ...] = ()
    """What is to be embedded, never empty texts; empty where the client sends tokens."""
    tokens: tuple[tuple[int, ...], ...] = ()
    """The same as tokens of the model's own vocabulary."""
    dimensions: int | None = None
    """How long the vectors shall be."""
    encoding: str | None = None
    """`float` (a list of numbers; the default), `base64` (of 32-bit floats, the lowest byte first), or
    a word that only the provider knows."""
    user: str | None = None
    """The client's own id of its end user."""
    input_type: str | None = None
    """Tidegate's extension, known from Cohere: what the vectors are for (`search_document`,
    `search_query`, `classification`, `clustering`)."""
    provider: str | Mapping[str, Any] | None = None
    fallbacks: Sequence[str] = ()
    stream: bool = False
    """Embeddings never come as a stream."""


class Embeddings(Struct, frozen=True, kw_only=True):
    """A provider's answer."""

    vectors: Sequence[Vector]
    """In the order of the inputs."""
    usage: Usage | None = None
    """None where the provider tells none."""


def require_texts(parsed: EmbeddingsRequest) -> tuple[str, ...]:
    """The inputs as texts. Raises Unsupported where the client sends tokens: their numbers mean
    something in one vocabulary only.
    """
    if parsed.tokens:
        raise Unsupported("this provider embeds texts, not tokens (input)", param="input")
    return parsed.texts


def dropped_of(parsed: EmbeddingsRequest, *more: str) -> tuple[str, ...]:
    """What a format without place for anything of its own drops: fields beyond those known, and those
    named here, where the client says something in them.
    """
    said = [name for name in more if getattr(parsed, name) is not None]
    return (*said, *names_of(parsed.fields, KNOWN))


def render_answer(parsed: EmbeddingsRequest, answer: Embeddings, model: str) -> bytes:
    """An answer in OpenAI's dialect. Tokens that the provider does not tell stand there as 0, because
    the dialect wants a number; records say that none were told. Raises ProviderBroke.
    """
    wanted = len(parsed.texts)
    if len(answer.vectors) != wanted:
        raise ProviderBroke(f"the provider answered {wanted} inputs with {len(answer.vectors)} vectors")
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


def encode_floats(vector: Vector) -> str:
    """Numbers as OpenAI packs them: 32-bit floats in base64."""
    try:
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    except (struct.error, OverflowError) as error:
        raise ProviderBroke("the provider's vectors hold no 32-bit numbers") from error


def decode_floats(packed: str) -> Vector:
    """The numbers again."""
    try:
        data = base64.b64decode(packed, validate=True)
        return struct.unpack(f"<{len(data) // 4}f", data)
    except (ValueError, struct.error) as error:
        raise ProviderBroke("the provider's vectors are not base64 of 32-bit floats") from error
