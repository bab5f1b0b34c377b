"""Google's embedding requests converted to OpenAI's, and the answers back (see protocols/adapted.py)."""

from collections.abc import Sequence

from msgspec import Raw, Struct
from msgspec.json import Decoder, Encoder

from tidegate.protocols.adapted import Adaptation
from tidegate.protocols.contract import Tally
from tidegate.protocols.decode import decode
from tidegate.protocols.errors import InvalidRequest, Unsupported

from .gemini import TASK_TYPES

__all__ = ["embed_batch", "embed_one"]

ENCODE = Encoder().encode

PURPOSES = {theirs: ours for ours, theirs in TASK_TYPES.items()}


class PartIn(Struct):
    """A part of a content; only texts can be embedded."""

    text: str | None = None


class ContentIn(Struct):
    """The content to embed."""

    parts: list[PartIn]


class EmbedIn(Struct, rename="camel"):
    """A request for one vector."""

    content: ContentIn
    task_type: str | None = None
    output_dimensionality: int | None = None


class BatchIn(Struct):
    """A request for several vectors."""

    requests: list[EmbedIn]


class VectorIn(Struct):
    """A vector in OpenAI's answer."""

    embedding: Raw


class AnswerIn(Struct):
    """OpenAI's answer."""

    data: list[VectorIn]


_ONE = Decoder(EmbedIn, strict=False)
_BATCH = Decoder(BatchIn, strict=False)
_ANSWER = Decoder(AnswerIn)


def embed_one(model: str) -> Adaptation:
    """Return the adaptation for `:embedContent` of this model."""

    def request(body: bytes) -> bytes:
        return _request(model, [decode(_ONE, body)], "")

    def answer(body: bytes, tally: Tally) -> bytes:
        return ENCODE({"embedding": {"values": _ANSWER.decode(body).data[0].embedding}})

    return Adaptation(request, answer)


def embed_batch(model: str) -> Adaptation:
    """Return the adaptation for `:batchEmbedContents` of this model."""

    def request(body: bytes) -> bytes:
        return _request(model, decode(_BATCH, body).requests, "requests.")

    def answer(body: bytes, tally: Tally) -> bytes:
        vectors = [{"values": one.embedding} for one in _ANSWER.decode(body).data]
        return ENCODE({"embeddings": vectors})

    return Adaptation(request, answer)


def _request(model: str, requests: Sequence[EmbedIn], place: str) -> bytes:
    if not requests:
        raise InvalidRequest("expected at least one request", param="requests")
    first = requests[0]
    for index, one in enumerate(requests):
        if (one.task_type, one.output_dimensionality) != (first.task_type, first.output_dimensionality):
            raise Unsupported(
                "all requests of a batch must have the same taskType and outputDimensionality",
                param=f"requests.{index}",
            )
    inputs = [_text_of(one, f"{place}{index}." if place else "") for index, one in enumerate(requests)]
    fields = {
        "model": model,
        "input": inputs,
        "input_type": PURPOSES.get(first.task_type or "", first.task_type),
        "dimensions": first.output_dimensionality,
    }
    return ENCODE({name: value for name, value in fields.items() if value is not None})


def _text_of(one: EmbedIn, place: str) -> str:
    texts = [part.text for part in one.content.parts]
    if any(text is None for text in texts):
        raise Unsupported("only texts can be embedded", param=f"{place}content.parts")
    return "".join(text for text in texts if text is not None)
