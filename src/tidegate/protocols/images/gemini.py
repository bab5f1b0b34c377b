"""Google's formats: `:predict` for Imagen, `:generateContent` for Gemini's image models."""

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.json import Decoder, Encoder

from tidegate.protocols.contract import Call, Conduit, Tally, Target
from tidegate.protocols.gemini.usage import parse_usage
from tidegate.protocols.gemini.wire import UsageMetadata
from tidegate.protocols.task import Whole, names_of, read_answer, render_path
from tidegate.protocols.usage import Usage

from .contract import (
    Drawn,
    ImagesRequest,
    filtered,
    nearest_ratio,
    render_answer,
    require_known_form,
    require_one,
    sides_of,
)
from .streaming import WholeAsStream

__all__ = ["FORMAT", "KNOWN", "Dialect", "conduit_of", "method_of", "render_content"]

ENCODE = Encoder().encode

LARGE = ((4096, "4K"), (2048, "2K"))
"""The minimum longer side of size classes above the default `1K`."""


class Dialect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The differences of one service from the Gemini API."""

    path: str = "/v1beta/models/{model}"
    """The path of a model, relative to the base URL; the method follows."""
    methods: Mapping[str, str] = msgspec.field(
        default_factory=lambda: {"imagen-*": "predict", "*": "generateContent"}
    )
    """Pattern of model names → a name of METHODS; the first match wins."""


# --- requests --------------------------------------------------------------------------------


def _plan_size(parsed: ImagesRequest, ratios: tuple[str, ...], dropped: list[str]) -> dict[str, str]:
    """Return the aspect ratio and size class in Gemini's form."""
    sides = sides_of(parsed)
    if sides is None:
        return {}
    ratio, same = nearest_ratio(sides, ratios)
    if not same:
        dropped.append("size")
    large = next((word for side, word in LARGE if max(sides) >= side), None)
    return {"aspectRatio": ratio, **({"imageSize": large} if large else {})}


def _render_predict(parsed: ImagesRequest, dropped: list[str]) -> dict[str, Any]:
    size = _plan_size(parsed, ("1:1", "3:4", "4:3", "9:16", "16:9"), dropped)
    parameters: dict[str, Any] = {"sampleCount": parsed.n or 1}
    if size:
        parameters["aspectRatio"] = size["aspectRatio"]
    if "imageSize" in size:
        parameters["sampleImageSize"] = size["imageSize"]
    if parsed.output_format is not None:
        parameters["outputOptions"] = {"mimeType": f"image/{parsed.output_format}"}
    return {"instances": [{"prompt": parsed.prompt}], "parameters": parameters}


def render_content(parsed: ImagesRequest, dropped: list[str]) -> dict[str, Any]:
    """The body for a model that writes text, too."""
    require_one(parsed)
    size = _plan_size(
        parsed, ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"), dropped
    )
    if parsed.output_format is not None:
        dropped.append("output_format")
    config: dict[str, Any] = {"responseModalities": ["IMAGE"]}
    if size:
        config["imageConfig"] = size
    content = {"role": "user", "parts": [{"text": parsed.prompt}]}
    return {"contents": [content], "generationConfig": config}


METHODS: Mapping[str, Callable[[ImagesRequest, list[str]], dict[str, Any]]] = {
    "predict": _render_predict,
    "generateContent": render_content,
}

KNOWN = frozenset(["model", "prompt", "n", "size", "response_format", "output_format", "stream"])
"""The request fields that have a counterpart in this format."""


class GeminiFormat:
    """See TaskFormat."""

    dialect = Dialect

    def plan(self, parsed: ImagesRequest, target: Target) -> tuple[Call, Conduit]:
        """See TaskFormat."""
        require_known_form(parsed)
        method = method_of(target)
        dropped = names_of(parsed.fields, KNOWN)
        body = METHODS[method](parsed, dropped)
        path = f"{render_path(target.dialect.path, target.model)}:{method}"
        call = Call(path, ENCODE(body), stream=False, dropped=tuple(dropped))
        return call, conduit_of(parsed, target)


def method_of(target: Target) -> str:
    """What is called of a model."""
    methods: Mapping[str, str] = target.dialect.methods
    return next(name for pattern, name in methods.items() if fnmatchcase(target.model.lower(), pattern))


def conduit_of(parsed: ImagesRequest, target: Target) -> Conduit:
    """How the answer is translated."""

    def convert(body: bytes, tally: Tally) -> bytes:
        images, tally.usage = _parse_answer(body, tally)
        tally.images = len(images)
        tally.model = target.model
        return render_answer(parsed, images, tally.usage)

    return WholeAsStream(parsed, convert) if parsed.stream else Whole(convert)


FORMAT = GeminiFormat()


# --- the answer ------------------------------------------------------------------------------


class Wire(Struct, rename="camel"):
    """An object of the wire format."""


class Prediction(Wire):
    """An image from Imagen, or the reason why there is none."""

    bytes_base64_encoded: str | None = None
    gcs_uri: str | None = None
    mime_type: str | None = None
    prompt: str | None = None
    rai_filtered_reason: str | None = None


class Blob(Wire):
    """An image from Gemini."""

    data: str = ""
    mime_type: str | None = None


class PartIn(Wire):
    """A part of an answer."""

    inline_data: Blob | None = None
    thought: bool = False


class Content(Wire):
    """The content of a candidate."""

    parts: list[PartIn] | None = None


class Candidate(Wire):
    """A candidate in Gemini's answer."""

    content: Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None


class Feedback(Wire):
    """Feedback about a prompt."""

    block_reason: str | None = None


class AnswerIn(Wire):
    """An answer to either method."""

    predictions: list[Prediction] | None = None
    candidates: list[Candidate] | None = None
    prompt_feedback: Feedback | None = None
    usage_metadata: UsageMetadata | None = None


ANSWER = Decoder(AnswerIn)


def _parse_answer(body: bytes, tally: Tally) -> tuple[list[Drawn], Usage | None]:
    """Read the images and the token counts. Raises ProviderError."""
    answer = read_answer(ANSWER, body, tally, "images")
    images = [_predicted(one) for one in answer.predictions or () if one.bytes_base64_encoded or one.gcs_uri]
    for candidate in answer.candidates or ():
        parts = (candidate.content.parts if candidate.content else None) or ()
        images += [_inline(part.inline_data) for part in parts if part.inline_data and not part.thought]
    if not images:
        raise filtered(_reason_of(answer))
    return images, parse_usage(answer.usage_metadata) if answer.usage_metadata else None


def _predicted(prediction: Prediction) -> Drawn:
    return Drawn(
        data=prediction.bytes_base64_encoded,
        media_type=prediction.mime_type or "image/png",
        url=prediction.gcs_uri,
        revised_prompt=prediction.prompt,
    )


def _inline(blob: Blob) -> Drawn:
    return Drawn(data=blob.data, media_type=blob.mime_type or "image/png")


def _reason_of(answer: AnswerIn) -> str:
    """Return the provider's explanation for a missing image."""
    reasons = [one.rai_filtered_reason for one in answer.predictions or ()]
    reasons += [one.finish_message or one.finish_reason for one in answer.candidates or ()]
    if answer.prompt_feedback is not None:
        reasons.append(answer.prompt_feedback.block_reason)
    return next((words for words in reasons if words), "no reason given")
