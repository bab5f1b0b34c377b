"""AWS Bedrock's formats: each vendor's own body behind `/invoke`. Amazon's Titan embeds one text at a time,
Cohere's models take Cohere's fields without the model name.
"""

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from msgspec import Struct
from msgspec.json import Decoder, Encoder

from tidegate.protocols.contract import Call, Conduit, Tally, Target
from tidegate.protocols.errors import Unsupported
from tidegate.protocols.task import read_answer, render_path
from tidegate.protocols.usage import Count, Usage

from . import cohere
from .contract import Embeddings, EmbeddingsRequest, dropped_of, rendered, require_texts

__all__ = ["FORMAT", "Dialect"]

ENCODE = Encoder().encode


class Dialect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The differences of one service from Bedrock's runtime."""

    path: str = "/model/{model}/invoke"


class Maker(Struct, frozen=True):
    """The request format of one vendor's models."""

    render: Callable[[EmbeddingsRequest], dict[str, Any]]
    parse: Callable[[bytes, Tally], Embeddings]
    drops: tuple[str, ...]
    """Fields that they do not support."""


class TitanIn(Struct, rename="camel"):
    """An answer from Titan."""

    embedding: list[float]
    input_text_token_count: Count | None = None


TITAN = Decoder(TitanIn)


def _render_titan(parsed: EmbeddingsRequest) -> dict[str, Any]:
    texts = require_texts(parsed)
    if len(texts) > 1:
        raise Unsupported("this model embeds one text at a time (input)", param="input")
    length = {} if parsed.dimensions is None else {"dimensions": parsed.dimensions}
    return {"inputText": texts[0], **length}


def _parse_titan(body: bytes, tally: Tally) -> Embeddings:
    answer = read_answer(TITAN, body, tally, "embeddings")
    tokens = answer.input_text_token_count
    return Embeddings(
        vectors=[answer.embedding], usage=None if tokens is None else Usage(input=tokens, output=0)
    )


MAKERS: Mapping[str, Maker] = {
    "*amazon.titan-embed-*": Maker(_render_titan, _parse_titan, ("user", "input_type")),
    "*cohere.embed-*": Maker(cohere.render_body, cohere.parse_answer, ("user",)),
}
"""Patterns of model names → the vendor; some names start with a region (`us.cohere.embed-v4:0`)."""


class BedrockFormat:
    """See TaskFormat."""

    dialect = Dialect

    def plan(self, parsed: EmbeddingsRequest, target: Target) -> tuple[Call, Conduit]:
        """See TaskFormat."""
        maker = _maker_of(target.model)
        body = ENCODE(maker.render(parsed))
        path = render_path(target.dialect.path, target.model)
        call = Call(path, body, stream=False, dropped=dropped_of(parsed, *maker.drops))
        return call, rendered(parsed, target.model, maker.parse)


FORMAT = BedrockFormat()


def _maker_of(model: str) -> Maker:
    for pattern, maker in MAKERS.items():
        if fnmatchcase(model, pattern):
            return maker
    raise Unsupported(f"the embeddings format of {model} is unknown", param="model")
