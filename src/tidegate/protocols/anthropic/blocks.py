"""The content blocks of an answer while they are open: the events for their start, their deltas and their
end.
"""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec
from msgspec import Raw, Struct, structs

from tidegate.protocols.calls import nameless_call
from tidegate.protocols.decode import MALFORMED
from tidegate.protocols.events import (
    CitationAdded,
    Event,
    NativeBlock,
    ReasoningDelta,
    ReasoningEncrypted,
    ReasoningSigned,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from tidegate.protocols.functions import arguments_text
from tidegate.protocols.ids import CallIds
from tidegate.protocols.lenient import decode_aside, decode_leniently
from tidegate.protocols.sound_json import make_sound
from tidegate.protocols.wide_numbers import decode_any

from .messages import as_input
from .tools import CUSTOM_INPUT

__all__ = ["OTHER_NAMES", "Block", "BlockDelta", "Delta", "Progress", "open_block"]

NAME = "anthropic"


# --- wire types ------------------------------------------------------------------------------


class Delta(Struct, frozen=True, gc=False):
    """A delta of a block."""

    type: str = ""
    text: str = ""
    thinking: str = ""
    partial_json: str = ""
    signature: str = ""


class BlockDelta(Struct, frozen=True):
    """`content_block_delta`."""

    delta: Delta
    index: int = 0


class CitationDelta(Struct, frozen=True):
    """`citations_delta`."""

    citation: Raw


class BlockCitation(Struct, frozen=True):
    """`content_block_delta` with a citation."""

    delta: CitationDelta


class CitationOut(Struct, frozen=True):
    """A citation: `url` for a web search, `source` for a search result from the client."""

    cited_text: str | None = None
    url: str | None = None
    title: str | None = None
    document_title: str | None = None


class BlockOut(Struct, frozen=True):
    """A block, or the start of one."""

    type: str = ""
    text: str = ""
    citations: list[Raw] | None = None
    thinking: str = ""
    signature: str = ""
    data: str = ""
    id: str = ""
    name: str = ""
    input: Raw = Raw(b"{}")


class GrownBy(Struct, frozen=True):
    """`content_block_delta` for a block of unknown type."""

    delta: dict[str, Raw]


_CITATION_DELTA = msgspec.json.Decoder(BlockCitation).decode
_CITATION = msgspec.json.Decoder(CitationOut)
_BLOCK = msgspec.json.Decoder(BlockOut)
_GROWN_BY = msgspec.json.Decoder(GrownBy).decode
_FIELDS = msgspec.json.Decoder(dict[str, Raw]).decode
_STRING = msgspec.json.Decoder(str).decode
_INPUT = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


# --- blocks ----------------------------------------------------------------------------------


class Progress:
    """The state that the blocks of one answer share."""

    __slots__ = ("answer_tool", "calls", "chars", "custom_tools", "ids")

    def __init__(self, answer_tool: str | None, custom_tools: frozenset[str]) -> None:
        self.answer_tool = answer_tool
        """The tool whose call is the text of the answer."""
        self.custom_tools = custom_tools
        """The tools whose calls are read as calls to custom tools."""
        self.chars = 0
        """The length of the text so far, in characters."""
        self.ids = CallIds("toolu_")
        self.calls = 0
        """The number of calls for the client so far: the index of the next one."""


def open_block(progress: Progress, raw: Raw, out: list[Event]) -> "Block":
    """Return the block that starts here. Fields that are left out of it become events."""
    try:
        head = _BLOCK.decode(raw)
        if head.type in KNOWN:
            return _open(progress, head, raw)
    except msgspec.DecodeError:
        head = BlockOut(_type_of(raw))
    kind = head.type if head.type in KNOWN else _kind_by_fields(head.type, raw)
    if kind is None:  # its fields may have any form
        return UnknownBlock(progress, head, raw)
    return _open(progress, structs.replace(decode_leniently(_BLOCK, raw, out), type=kind), raw)


def _type_of(raw: Raw) -> str:
    kind = decode_any(raw).get("type")
    return kind if isinstance(kind, str) else ""


def _kind_by_fields(kind: str, raw: Raw) -> str | None:
    """Return the type of a block without a known one, by its fields; None for one that only Anthropic has."""
    fields = decode_any(raw)
    found = next((known for names, known in _BY_FIELDS if names <= fields.keys()), None)
    return found if not kind or found == "text" or kind in OTHER_NAMES else None


def _open(progress: Progress, head: BlockOut, raw: Raw) -> "Block":
    kind = head.type
    if kind == "tool_use":
        if not head.name:
            raise nameless_call()
        if head.name == progress.answer_tool:
            return AnswerBlock(progress, head, raw)
        return (CustomBlock if head.name in progress.custom_tools else CallBlock)(progress, head, raw)
    return _BLOCKS[kind](progress, head, raw)


class Block:
    """An open block."""

    __slots__ = ("_head", "_progress", "_raw")
    is_text = False
    grows_by: tuple[str, ...] = ()
    """The types of its deltas, if no other block has them."""

    def __init__(self, progress: Progress, head: BlockOut, raw: Raw) -> None:
        self._progress = progress
        self._head = head
        self._raw = raw

    def open(self) -> Iterable[Event]:
        """Return the events of the block's start."""
        return ()

    def grow(self, delta: Delta, data: bytes) -> Iterable[Event]:
        """Return the events of a delta; `data` is the complete event."""
        return ()

    def close(self) -> Iterable[Event]:
        """Return the events that are only known once the block is complete."""
        return ()


class TextBlock(Block):
    """Text; citations are emitted at the end, when it is known which words they support."""

    __slots__ = ("_citations", "_start")
    is_text = True
    grows_by = ("text_delta", "citations_delta")

    def open(self) -> Iterable[Event]:
        self._start = self._progress.chars
        self._citations = list(self._head.citations or ())
        return self._add(self._head.text)

    def grow(self, delta: Delta, data: bytes) -> Iterable[Event]:
        if delta.type == "citations_delta":
            self._note_citation(data)
        return self._add(delta.text)

    def _note_citation(self, data: bytes) -> None:
        try:
            self._citations.append(_CITATION_DELTA(make_sound(data)).delta.citation)
        except MALFORMED:
            self._citations.append(Raw(b"null"))  # left out by name at the end

    def _add(self, text: str) -> Iterable[Event]:
        self._progress.chars += len(text)
        return [TextDelta(text)] if text else ()

    def close(self) -> Iterable[Event]:
        events: list[Event] = []
        for raw in self._citations:
            self._cite(raw, events)
        return events

    def _cite(self, raw: Raw, events: list[Event]) -> None:
        said = decode_aside(_CITATION, raw, events, "citation")
        if said is not None:
            cited = CitationAdded(
                url=said.url,
                title=said.title or said.document_title,
                quote=said.cited_text,
                start=self._start,
                end=self._progress.chars,
                native=raw,
            )
            events.append(cited)


class ThinkingBlock(Block):
    """Thinking, signed at its end."""

    __slots__ = ("_signature",)
    grows_by = ("thinking_delta", "signature_delta")

    def open(self) -> Iterable[Event]:
        self._signature = [self._head.signature]
        return [ReasoningDelta(self._head.thinking)] if self._head.thinking else ()

    def grow(self, delta: Delta, data: bytes) -> Iterable[Event]:
        self._signature.append(delta.signature)
        return [ReasoningDelta(delta.thinking)] if delta.thinking else ()

    def close(self) -> Iterable[Event]:
        signature = "".join(self._signature)
        return [ReasoningSigned(signature, NAME)] if signature else ()


class RedactedBlock(Block):
    """Thinking that only the provider can read."""

    __slots__ = ()

    def open(self) -> Iterable[Event]:
        return [ReasoningEncrypted(self._head.data, NAME)]


class CallBlock(Block):
    """A call to one of the client's tools."""

    __slots__ = ("_grown", "_index")
    grows_by = ("input_json_delta",)
    kind: Literal["function", "custom"] = "function"

    def open(self) -> Iterable[Event]:
        self._index = self._progress.calls
        self._progress.calls += 1
        self._grown = False
        id_ = self._progress.ids.take(self._head.id)
        return [ToolCallStarted(self._index, id_, self._head.name, kind=self.kind)]

    def grow(self, delta: Delta, data: bytes) -> Iterable[Event]:
        return self._add(delta.partial_json)

    def _add(self, piece: str) -> Iterable[Event]:
        if not piece:
            return ()
        self._grown = True
        return [ToolCallDelta(self._index, piece)]

    def close(self) -> Iterable[Event]:
        """Emit the input of the block's start only if no deltas arrived: in a stream, it is `{}`."""
        if self._grown:
            return ()
        return [ToolCallDelta(self._index, arguments_text(bytes(self._head.input).decode()))]


class CustomBlock(CallBlock):
    """A call to a custom tool: the only property of its input is the text, which is known at the end."""

    __slots__ = ("_pieces",)
    kind = "custom"

    def open(self) -> Iterable[Event]:
        self._pieces: list[str] = []
        return super().open()

    def _add(self, piece: str) -> Iterable[Event]:
        self._pieces.append(piece)
        return ()

    def close(self) -> Iterable[Event]:
        whole = "".join(self._pieces) or bytes(self._head.input).decode()
        try:
            text = _INPUT(whole).get(CUSTOM_INPUT, "")
        except MALFORMED:  # cut off by the length limit
            text = whole
        return [ToolCallDelta(self._index, text if isinstance(text, str) else whole)]


class AnswerBlock(CallBlock):
    """A call that is the answer itself, as structured output."""

    __slots__ = ()

    def open(self) -> Iterable[Event]:
        self._grown = False
        return ()

    def _add(self, piece: str) -> Iterable[Event]:
        if not piece:
            return ()
        self._grown = True
        return [TextDelta(piece)]

    def close(self) -> Iterable[Event]:
        return () if self._grown else [TextDelta(bytes(self._head.input).decode())]


class UnknownBlock(Block):
    """A block specific to Anthropic: a server tool call and its result, a compaction, or a new feature.

    It is emitted once complete. Its deltas are merged by one rule: `partial_json` is the block's input, any
    other text is appended to the field with its name.
    """

    __slots__ = ("_fields", "_input", "_texts")

    def open(self) -> Iterable[Event]:
        self._fields: dict[str, Any] = dict(_FIELDS(self._raw))
        self._input: list[str] = []
        self._texts: dict[str, list[str]] = {}
        """The pieces of fields that grow."""
        return ()

    def grow(self, delta: Delta, data: bytes) -> Iterable[Event]:
        for name, value in _GROWN_BY(make_sound(data)).delta.items():
            if name == "partial_json":
                self._input.append(_STRING(value))
            elif name != "type":
                self._grow_field(name, value)
        return ()

    def _grow_field(self, name: str, more: Raw) -> None:
        if not _is_string(more):
            self._texts.pop(name, None)
            self._fields[name] = more
            return
        if name not in self._texts:
            known = self._fields.get(name)
            self._texts[name] = [_STRING(known)] if known is not None and _is_string(known) else []
        self._texts[name].append(_STRING(more))

    def close(self) -> Iterable[Event]:
        self._fields |= {name: "".join(pieces) for name, pieces in self._texts.items()}
        if self._input:
            self._fields["input"] = as_input("".join(self._input))
        return [NativeBlock(NAME, Raw(_encode(self._fields)))]


def _is_string(value: Raw) -> bool:
    return bytes(memoryview(value)[:1]) == b'"'


_BLOCKS: dict[str, type[Block]] = {
    "text": TextBlock,
    "thinking": ThinkingBlock,
    "redacted_thinking": RedactedBlock,
}

KNOWN = frozenset({*_BLOCKS, "tool_use"})

OTHER_NAMES = frozenset({"function_call", "tool_call", "function", "reasoning", "redacted_reasoning"})
"""Types of other formats."""

_BY_FIELDS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"text"}), "text"),
    (frozenset({"thinking"}), "thinking"),
    (frozenset({"name", "input"}), "tool_use"),
    (frozenset({"data"}), "redacted_thinking"),
)
"""The type of a block by its fields."""
