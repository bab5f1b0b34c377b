"""Google's formats: the Gemini API's `:batchEmbedContents`, and Vertex AI's `:predict` for most models and
`:embedContent` for the newest, which embeds one content at a time.
"""

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.json import Decoder, Encoder

from tidegate.protocols.contract import Call, Conduit, Tally, Target
from tidegate.protocols.errors import Unsupported
from tidegate.protocols.task import read_answer, render_path
from tidegate.protocols.usage import Count, Usage

from .contract import Embeddings, EmbeddingsRequest, dropped_of, rendered, require_texts
from .purpose import purpose_of

__all__ = ["FORMAT", "Dialect"]

ENCODE = Encoder().encode

TASK_TYPES = {
    "search_document": "RETRIEVAL_DOCUMENT",
    "search_query": "RETRIEVAL_QUERY",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
}
"""Purposes by Google's names; its others (`SEMANTIC_SIMILARITY`) are forwarded unchanged."""


class Dialect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The differences of one service from the Gemini API."""

    path: str = "/v1beta/models/{model}"
    """The path of a model, relative to the base URL; the method follows."""
    methods: Mapping[str, str] = msgspec.field(default_factory=lambda: {"*": "batchEmbedContents"})
    """Pattern of model names → a name of METHODS; the first match wins."""


# --- requests --------------------------------------------------------------------------------


def _render_batch(texts: tuple[str, ...], options: dict[str, Any], model: str) -> dict[str, Any]:
    return {"requests": [{"model": f"models/{model}", **_content(text), **options} for text in texts]}


def _render_one(texts: tuple[str, ...], options: dict[str, Any], model: str) -> dict[str, Any]:
    if len(texts) > 1:
        raise Unsupported("this model embeds one text at a time (input)", param="input")
    return {**_content(texts[0]), **options}


def _render_predict(texts: tuple[str, ...], options: dict[str, Any], model: str) -> dict[str, Any]:
    purpose = {"task_type": options["taskType"]} if "taskType" in options else {}
    length = {k: v for k, v in options.items() if k == "outputDimensionality"}
    return {"instances": [{"content": text, **purpose} for text in texts], "parameters": length}


def _content(text: str) -> dict[str, Any]:
    return {"content": {"parts": [{"text": text}]}}


METHODS: Mapping[str, Callable[[tuple[str, ...], dict[str, Any], str], dict[str, Any]]] = {
    "batchEmbedContents": _render_batch,
    "embedContent": _render_one,
    "predict": _render_predict,
}


class GeminiFormat:
    """See TaskFormat."""

    dialect = Dialect

    def plan(self, parsed: EmbeddingsRequest, target: Target) -> tuple[Call, Conduit]:
        """See TaskFormat."""
        dialect: Dialect = target.dialect
        method = next(
            name for pattern, name in dialect.methods.items() if fnmatchcase(target.model.lower(), pattern)
        )
        options: dict[str, Any] = {}
        if parsed.dimensions is not None:
            options["outputDimensionality"] = parsed.dimensions
        if parsed.input_type is not None:
            options["taskType"] = purpose_of(parsed.input_type, TASK_TYPES)
        body = METHODS[method](require_texts(parsed), options, target.model)
        path = f"{render_path(dialect.path, target.model)}:{method}"
        call = Call(path, ENCODE(body), stream=False, dropped=dropped_of(parsed, "user"))
        return call, rendered(parsed, target.model, _parse_answer)


FORMAT = GeminiFormat()


# --- the answer ------------------------------------------------------------------------------


class Statistics(Struct):
    """Tokens of one input (Vertex)."""

    token_count: float | None = None


class Values(Struct):
    """One vector."""

    values: list[float]
    statistics: Statistics | None = None


class Prediction(Struct):
    """A vector in the answer of `:predict`."""

    embeddings: Values


class Metadata(Struct, rename="camel"):
    """Tokens of all inputs."""

    prompt_token_count: Count | None = None


class AnswerIn(Struct, rename="camel"):
    """An answer to any of the methods."""

    embeddings: list[Values] | None = None
    embedding: Values | None = None
    predictions: list[Prediction] | None = None
    usage_metadata: Metadata | None = None


ANSWER = Decoder(AnswerIn)


def _parse_answer(body: bytes, tally: Tally) -> Embeddings:
    answer = read_answer(ANSWER, body, tally, "embeddings")
    found = answer.embeddings or [one.embeddings for one in answer.predictions or ()]
    if answer.embedding is not None:
        found = [answer.embedding]
    counted = [one.statistics.token_count for one in found if one.statistics is not None]
    tokens = answer.usage_metadata.prompt_token_count if answer.usage_metadata else None
    if tokens is None and counted and None not in counted:
        tokens = int(sum(count or 0 for count in counted))
    usage = None if tokens is None else Usage(input=tokens, output=0)
    return Embeddings(vectors=[one.values for one in found], usage=usage)
