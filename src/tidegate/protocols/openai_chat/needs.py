"""The features that a request needs, found without building a `Turn` (see protocols/needs.py)."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from tidegate.protocols.fields import is_set
from tidegate.protocols.needs import NOTHING, Need, needs_of

from .build import build_reasoning
from .wire import ChatRequest, FormatIn, MessageIn

__all__ = ["parse_needs"]

MEDIA: Mapping[str, Need] = MappingProxyType(
    {
        "image_url": "vision",
        "video_url": "vision",
        "input_audio": "audio",
        "file": "documents",
        "document_url": "documents",
    }
)
"""By type of part."""


def parse_needs(wire: ChatRequest, *, bare: bool) -> frozenset[Need]:
    """See contract.ParsedRequest; `bare`: see `check.are_bare`."""
    if bare and _is_plain(wire):
        return NOTHING
    return needs_of(
        _media_in(wire.messages),
        tools=wire.tools or wire.functions,
        schema=_has_schema(wire.response_format),
        reasoning=build_reasoning(wire),
        modalities=wire.modalities,
    )


def _is_plain(wire: ChatRequest) -> bool:
    """Return whether nothing beside the messages asks for more than an answer: the usual case."""
    return not (
        wire.tools
        or wire.functions
        or wire.response_format is not None
        or wire.reasoning is not None
        or wire.reasoning_effort is not None
        or wire.modalities
    )


def _media_in(messages: Iterable[MessageIn]) -> Iterable[Need]:
    for message in messages:
        if message.images:
            yield "vision"
        if type(message.content) is list:
            for part in message.content:
                if part.type in MEDIA:
                    yield MEDIA[part.type]


def _has_schema(output: FormatIn | None) -> bool:
    if output is None:
        return False
    return output.type == "json_schema" or (output.type == "json_object" and is_set(output.schema))
