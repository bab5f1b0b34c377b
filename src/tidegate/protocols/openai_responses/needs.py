"""The features that a request needs, found without building a `Turn` (see protocols/needs.py)."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from tidegate.protocols.needs import Need, needs_of

from .build import build_reasoning
from .tools import Offered
from .wire import (
    CustomResultItem,
    ImageItem,
    Item,
    MessageItem,
    PartIn,
    ResponsesRequest,
    ResultItem,
)

__all__ = ["parse_needs"]

MEDIA: Mapping[str, Need] = MappingProxyType(
    {"input_image": "vision", "input_file": "documents", "input_audio": "audio"}
)
"""By type of part."""


def parse_needs(wire: ResponsesRequest, items: Sequence[Item], offered: Sequence[Offered]) -> frozenset[Need]:
    """See contract.ParsedRequest."""
    form = wire.text.format if wire.text is not None else None
    return needs_of(
        _media_in(items),
        tools=offered,
        schema=form is not None and form.type == "json_schema",
        reasoning=build_reasoning(wire),
    )


def _media_in(items: Iterable[Item]) -> Iterable[Need]:
    for item in items:
        parts: str | list[PartIn] = ""
        if isinstance(item, MessageItem):
            parts = item.content
        elif isinstance(item, ResultItem | CustomResultItem):
            parts = item.output
        elif isinstance(item, ImageItem) and item.result:
            yield "vision"
        if type(parts) is list:
            for part in parts:
                if part.type in MEDIA:
                    yield MEDIA[part.type]
