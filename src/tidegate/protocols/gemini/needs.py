"""The features that a request needs, found without building a `Turn` (see protocols/needs.py)."""

from collections.abc import Iterable

from tidegate.protocols.needs import Need, needs_of

from .build import build_reasoning, file_type
from .messages import is_youtube
from .wire import Content, FileData, GenerationConfig, RequestIn, WirePart

__all__ = ["parse_needs"]

MEDIA: tuple[tuple[str, Need], ...] = (("image/", "vision"), ("video/", "vision"), ("audio/", "audio"))
"""By the beginning of a media type; all others are documents."""

PLAIN = GenerationConfig()


def parse_needs(wire: RequestIn) -> frozenset[Need]:
    """See contract.ParsedRequest."""
    config = wire.generation_config or PLAIN
    json = config.response_mime_type in (None, "application/json")
    return needs_of(
        _media_of(wire.contents or ()),
        tools=wire.tools,
        schema=json and bool(config.response_json_schema or config.response_schema),
        reasoning=build_reasoning(config.thinking_config),
        modalities=[modality.lower() for modality in config.response_modalities or ()],
    )


def _media_of(contents: Iterable[Content]) -> Iterable[Need]:
    for content in contents:
        if content.role == "model":
            yield from _drawn(content.parts or ())
        else:
            yield from _media_in(content.parts or ())


def _drawn(parts: Iterable[WirePart]) -> Iterable[Need]:
    """Return the needs of a model content: the only media that models generate are images."""
    for part in parts:
        image = part.inline_data is not None and part.inline_data.mime_type.startswith("image/")
        if image and part.text is None:
            yield "vision"


def _media_in(parts: Iterable[WirePart]) -> Iterable[Need]:
    for part in parts:
        if part.function_response is not None:
            yield from _media_in(part.function_response.parts or ())
        elif part.text is not None:
            continue
        elif part.inline_data is not None:
            yield _need_of(part.inline_data.mime_type)
        elif part.file_data is not None:
            yield _need_of_file(part.file_data)


def _need_of(media_type: str) -> Need:
    return next((need for begin, need in MEDIA if media_type.startswith(begin)), "documents")


def _need_of_file(file: FileData) -> Need:
    return "vision" if is_youtube(file.file_uri) else _need_of(file_type(file))
