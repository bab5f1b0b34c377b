"""Cohere's format, version 2 of `/embed`; answers of version 1 are supported too."""

from typing import Any

import msgspec
from msgspec import Struct
from msgspec.json import Decoder, Encoder

from tidegate.protocols.contract import Call, Conduit, Tally, Target
from tidegate.protocols.decode import MALFORMED
from tidegate.protocols.errors import ProviderBroke
from tidegate.protocols.task import read_answer, render_path
from tidegate.protocols.usage import FloatCount, Usage

from .contract import Embeddings, EmbeddingsRequest, dropped_of, rendered, require_texts
from .purpose import purpose_of

__all__ = ["FORMAT", "Dialect", "parse_answer", "render_body"]

ENCODE = Encoder().encode

USUAL_PURPOSE = "search_document"
"""Cohere requires an `input_type` (from its v3 models on). Texts embedded without a purpose are usually
stored for search."""


class Dialect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The differences of one service from Cohere."""

    path: str = "/v2/embed"


def render_body(parsed: EmbeddingsRequest) -> dict[str, Any]:
    """Write the request without the model. Raises Unsupported."""
    body: dict[str, Any] = {
        "texts": require_texts(parsed),
        "input_type": purpose_of(parsed.input_type or USUAL_PURPOSE),
        "embedding_types": ["float"],
    }
    if parsed.dimensions is not None:
        body["output_dimension"] = parsed.dimensions
    return body


class CohereFormat:
    """See TaskFormat."""

    dialect = Dialect

    def plan(self, parsed: EmbeddingsRequest, target: Target) -> tuple[Call, Conduit]:
        """See TaskFormat."""
        body = {"model": target.model, **render_body(parsed)}
        path = render_path(target.dialect.path, target.model)
        call = Call(path, ENCODE(body), stream=False, dropped=dropped_of(parsed, "user"))
        return call, rendered(parsed, target.model, parse_answer)


FORMAT = CohereFormat()


# --- the answer ------------------------------------------------------------------------------


class BilledUnits(Struct):
    """The billed units."""

    input_tokens: FloatCount | None = None


class Meta(Struct):
    """Metadata of the answer."""

    billed_units: BilledUnits | None = None


class ByType(Struct):
    """Vectors by number type."""

    floats: list[list[float]] | None = msgspec.field(default=None, name="float")


class AnswerIn(Struct):
    """An answer."""

    embeddings: msgspec.Raw
    """By number type; a list of vectors if version 1 receives no type."""
    id: str = ""
    meta: Meta | None = None


ANSWER = Decoder(AnswerIn)
BY_TYPE = Decoder(ByType)
VECTORS = Decoder(list[list[float]])


def parse_answer(body: bytes, tally: Tally) -> Embeddings:
    """Read the vectors of an answer. Raises ProviderBroke."""
    answer = read_answer(ANSWER, body, tally, "embeddings")
    try:
        is_list = memoryview(answer.embeddings)[0] == ord("[")
        vectors = VECTORS.decode(answer.embeddings) if is_list else BY_TYPE.decode(answer.embeddings).floats
    except MALFORMED as error:
        raise ProviderBroke("the provider's answer contains no embeddings") from error
    tally.id = answer.id
    billed = answer.meta.billed_units if answer.meta is not None else None
    tokens = billed.input_tokens if billed is not None else None
    return Embeddings(
        vectors=vectors or [], usage=None if tokens is None else Usage(input=int(tokens), output=0)
    )
