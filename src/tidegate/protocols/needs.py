"""The capabilities that a request needs, for choosing a model.

`ParsedRequest.needs()` reads them from the decoded body without building a `Turn`; a test ensures that the
`Turn` gives the same result.
"""

from collections.abc import Iterable
from typing import Literal

from .effort import is_off
from .search import OPTIONS
from .turn import (
    Audio,
    Document,
    Image,
    Message,
    Part,
    ReasoningControl,
    ToolResult,
    Turn,
    Video,
)

__all__ = ["NOTHING", "Need", "needs_of", "needs_of_turn"]

Need = Literal["vision", "documents", "audio", "tools", "schema", "reasoning"]
"""`vision`: images or video as input. `documents`: files as input. `audio`: audio as input or output.
`tools`: tool calls. `schema`: output that follows a JSON Schema (`json_object` does not need it).
`reasoning`: reasoning on request."""

NOTHING: frozenset[Need] = frozenset()
"""The needs of a plain text request."""

_OF_PARTS: dict[type, Need] = {Image: "vision", Video: "vision", Document: "documents", Audio: "audio"}


def needs_of(
    media: Iterable[Need],
    *,
    tools: object,
    schema: bool,
    reasoning: ReasoningControl | None,
    modalities: Iterable[str] | None = None,
) -> frozenset[Need]:
    """The needs of a request with these media in its messages and these tools."""
    found = set(media)
    if tools:
        found.add("tools")
    if schema:
        found.add("schema")
    if reasoning is not None and _asks_to_think(reasoning):
        found.add("reasoning")
    if modalities and "audio" in modalities:
        found.add("audio")
    return frozenset(found) if found else NOTHING


def needs_of_turn(turn: Turn) -> frozenset[Need]:
    """The needs of a Turn."""
    return needs_of(
        _media_of(turn.messages),
        tools=[tool for tool in turn.tools if tool.name != OPTIONS],  # models that search may lack tools
        schema=turn.output is not None and turn.output.kind == "json_schema",
        reasoning=turn.reasoning,
        modalities=[modality.lower() for modality in turn.modalities],
    )


def _asks_to_think(control: ReasoningControl) -> bool:
    asks = control.effort is not None or control.budget is not None or control.mode is not None
    return asks and not is_off(control)


def _media_of(messages: Iterable[Message]) -> Iterable[Need]:
    for message in messages:
        yield from _media_in(message.parts)


def _media_in(parts: Iterable[Part]) -> Iterable[Need]:
    for part in parts:
        if isinstance(part, ToolResult):
            yield from _media_in(part.content)
        elif type(part) in _OF_PARTS:
            yield _OF_PARTS[type(part)]
