"""The features that a request needs, found without building a `Turn` (see protocols/needs.py)."""

from collections.abc import Iterable
from typing import Any, cast

from tidegate.protocols.needs import Need, needs_of
from tidegate.protocols.turn import Effort, ReasoningControl

from .build import EFFORTS, read_thinking
from .images import read_image
from .wire import ContentSource, CountRequest, DocumentBlock, ImageBlock, TextBlock, ToolResultBlock

__all__ = ["parse_needs"]


def parse_needs(wire: CountRequest[Any]) -> frozenset[Need]:
    """See contract.ParsedRequest."""
    config = wire.output_config
    form = (config.format if config is not None else None) or wire.output_format
    return needs_of(
        _media_of(wire),
        tools=wire.tools,
        schema=form is not None and form.type == "json_schema",
        reasoning=_reasoning(wire),
    )


def _reasoning(wire: CountRequest[Any]) -> ReasoningControl | None:
    """Return the reasoning settings; an effort that only Anthropic knows counts like any other."""
    word = wire.output_config.effort if wire.output_config is not None else None
    effort = cast("Effort", word) if word in EFFORTS else None if word is None else "high"
    if wire.thinking is not None:
        return read_thinking(wire.thinking, effort)
    return None if effort is None else ReasoningControl(effort)


def _media_of(wire: CountRequest[Any]) -> Iterable[Need]:
    for message in wire.messages:
        if type(message.content) is list:
            yield from _media_in(message.content)


def _media_in(blocks: Iterable[Any]) -> Iterable[Need]:
    for block in blocks:
        if isinstance(block, ImageBlock) or (isinstance(block, TextBlock) and read_image(block.text)):
            yield "vision"
        elif isinstance(block, DocumentBlock) and not isinstance(block.source, ContentSource):
            yield "documents"
        elif isinstance(block, ToolResultBlock) and type(block.content) is list:
            yield from _media_in(block.content)
