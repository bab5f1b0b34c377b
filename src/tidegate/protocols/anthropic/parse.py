"""Parsing of client requests: decoded, checked, and ready for conversion to a `Turn`.

A typical request is decoded in one pass. A request with blocks that are not in the union (server tools, new
features) is decoded again, block by block, and keeps those as raw JSON: they are forwarded to providers of
this format, and other formats decide whether to refuse them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Raw, ValidationError
from msgspec.json import Decoder

from tidegate.protocols.decode import MALFORMED, decode, require_utf8
from tidegate.protocols.errors import InvalidRequest
from tidegate.protocols.fields import has_object
from tidegate.protocols.media import check_document, check_image, inline, parse_url
from tidegate.protocols.needs import Need
from tidegate.protocols.opening import Session, opening_of
from tidegate.protocols.turn import Turn

from .billing import has_billing_block
from .build import build_turn
from .foreign import NATIVE, NATIVE_BLOCK, is_foreign
from .needs import parse_needs
from .search import is_search, most_searches
from .session import session_of_user
from .wire import (
    BLOCK,
    COUNT_REQUEST,
    COUNT_REQUEST_OF_RAWS,
    MARK,
    REQUEST,
    REQUEST_OF_RAWS,
    RESULT_BLOCK,
    ROLES,
    Base64Source,
    ContentSource,
    CountRequest,
    DocumentBlock,
    ImageBlock,
    MessageIn,
    SourceIn,
    ToolResultBlock,
    ToolUseBlock,
    UnknownBlock,
    UrlSource,
)

__all__ = ["Parsed", "parse_count_request", "parse_request"]


@dataclass(slots=True)
class Parsed:
    """A client's request: see contract.ParsedRequest."""

    body: bytes
    wire: CountRequest[Any]
    foreign: bool
    """Whether the conversation contains data that only another wire format understands (see foreign.py)."""
    model: str
    stream: bool
    provider: str | Mapping[str, Any] | None
    fallbacks: Sequence[str]
    repeats_ids: bool = False
    """Whether several calls share an id."""
    include_usage: bool = True
    """Streams of this dialect always report usage."""

    @property
    def max_output(self) -> int | None:
        """See contract.ParsedRequest."""
        return self.wire.max_tokens

    @property
    def n(self) -> int:
        """See contract.ParsedRequest."""
        return 1

    def needs(self) -> frozenset[Need]:
        """See contract.ParsedRequest."""
        return parse_needs(self.wire)

    def searches(self) -> int | None:
        """See contract.ParsedRequest."""
        if not any(is_search(tool.type) for tool in self.wire.tools or ()):
            return 0
        return most_searches(self.body)

    def opening(self) -> Iterator[bytes]:
        """See contract.ParsedRequest."""
        wire = self.wire
        user = next((one.content for one in wire.messages if one.role == "user"), None)
        return opening_of(wire.model, wire.tools or (), (wire.system,), user)

    def session(self) -> Session:
        """See contract.ParsedRequest: the session that Claude Code names in the user's id."""
        metadata = self.wire.metadata
        return Session(session_of_user(metadata.user_id)) if metadata is not None else Session()

    @property
    def billing_block(self) -> bool:
        """Whether the system prompt begins with Claude Code's billing block."""
        return has_billing_block(self.wire.system)

    def turn(self) -> Turn:
        """See contract.ParsedRequest."""
        return build_turn(self.wire, self.body)


def parse_request(body: bytes) -> Parsed:
    """Decode and check a request for an answer. Raises InvalidRequest."""
    return _parse(body, REQUEST, REQUEST_OF_RAWS)


def parse_count_request(body: bytes) -> Parsed:
    """Decode and check a token count request. Raises InvalidRequest."""
    return _parse(body, COUNT_REQUEST, COUNT_REQUEST_OF_RAWS)


def _parse(body: bytes, whole: Decoder[Any], in_raws: Decoder[Any]) -> Parsed:
    require_utf8(body)
    try:
        wire: CountRequest[Any] = whole.decode(body)
    except MALFORMED:
        wire = _decode_blocks(decode(in_raws, body))
    inspection = _Inspection()
    foreign = inspection.inspect(wire)
    _check_tools(wire)
    if wire.thinking is not None and wire.thinking.type == "enabled" and wire.thinking.budget_tokens is None:
        raise _wrong("thinking.budget_tokens", "this field is required where thinking is enabled")
    for place, form in (("output_config.format", _format(wire)), ("output_format", wire.output_format)):
        if form is not None and form.type == "json_schema" and not has_object(form.schema):
            raise _wrong(f"{place}.schema", "expected an object")
    return Parsed(
        body,
        wire,
        foreign,
        wire.model,
        wire.stream is True,
        wire.provider,
        tuple(wire.models or ()),
        repeats_ids=inspection.repeats_ids,
    )


def _format(wire: CountRequest[Any]) -> Any:
    return wire.output_config.format if wire.output_config is not None else None


def _wrong(param: str, sentence: str) -> InvalidRequest:
    return InvalidRequest(f"{param}: {sentence}", param=param)


# --- block by block --------------------------------------------------------------------------

HEAD = 8192
"""How many base64 characters are checked; the provider reads the rest."""

_KNOWN = frozenset(["text", "image", "document", "tool_use", "tool_result", "thinking", "redacted_thinking"])
_KNOWN_IN_RESULT = frozenset(["text", "image", "document"])


def _decode_blocks(wire: CountRequest[Raw]) -> CountRequest[Any]:
    messages = [
        MessageIn(message.role, _decode_content(message.content, f"messages.{index}.content"))
        for index, message in enumerate(wire.messages)
    ]
    system = wire.system if wire.system is None else _decode_content(wire.system, "system")
    return msgspec.structs.replace(wire, messages=messages, system=system)


def _decode_content(content: str | list[Raw], at: str) -> str | list[Any]:
    if isinstance(content, str):
        return content
    return [_decode_block(raw, f"{at}.{index}") for index, raw in enumerate(content)]


def _decode_block(raw: Raw, at: str) -> Any:
    kind = decode(MARK, raw, at).type
    if kind not in _KNOWN:
        return UnknownBlock(kind, raw)
    try:
        return BLOCK.decode(raw)
    except ValidationError:
        if kind != "tool_result":
            return decode(BLOCK, raw, at)
    result = decode(_RESULT_OF_RAWS, raw, at)
    if not isinstance(result.content, list):
        return decode(BLOCK, raw, at)
    pieces = [_decode_piece(piece, f"{at}.content.{i}") for i, piece in enumerate(result.content)]
    return msgspec.structs.replace(result, content=pieces)


_RESULT_OF_RAWS: Decoder[ToolResultBlock[Raw]] = Decoder(ToolResultBlock[Raw])


def _decode_piece(raw: Raw, at: str) -> Any:
    """Decode a block in a tool result."""
    kind = decode(MARK, raw, at).type
    return decode(RESULT_BLOCK, raw, at) if kind in _KNOWN_IN_RESULT else UnknownBlock(kind, raw)


# --- checks that types cannot express --------------------------------------------------------


class _Inspection:
    """A single pass over the conversation."""

    def __init__(self) -> None:
        self._calls: set[str] = set()
        """Ids of the calls so far."""
        self.repeats_ids = False

    def inspect(self, wire: CountRequest[Any]) -> bool:
        """Raise InvalidRequest for malformed content; return whether anything in it is foreign."""
        foreign = False
        for index, message in enumerate(wire.messages):
            content = message.content
            if type(content) is str or message.role not in ROLES:
                continue
            if not content and message.role == "user":
                raise _wrong(f"messages.{index}.content", "a user message needs content")
            for position, block in enumerate(content):
                kind = type(block)
                check = _CHECKS.get(kind)
                if check is not None:
                    check(self, block, message.role, f"messages.{index}.content.{position}")
                foreign = foreign or is_foreign(block)
        return foreign

    def _check_call(self, block: ToolUseBlock, role: str, at: str) -> None:
        if role != "assistant":
            raise _wrong(at, f"a {role} message cannot contain tool_use blocks")
        if not has_object(block.input):
            raise _wrong(f"{at}.input", "expected an object")
        self.repeats_ids = self.repeats_ids or block.id in self._calls
        self._calls.add(block.id)

    def _check_result(self, block: ToolResultBlock[Any], role: str, at: str) -> None:
        if role != "user":
            raise _wrong(at, f"a {role} message cannot contain tool_result blocks")
        if block.tool_use_id not in self._calls:
            raise _wrong(
                f"{at}.tool_use_id", f"no tool_use block before this one has the id {block.tool_use_id!r}"
            )
        if isinstance(block.content, list):
            for index, piece in enumerate(block.content):
                check = _CHECKS.get(type(piece))
                if check is not None:
                    check(self, piece, role, f"{at}.content.{index}")

    def _check_image(self, block: ImageBlock, role: str, at: str) -> None:
        if isinstance(block.source, Base64Source):
            check_image(inline(block.source.media_type, block.source.data[:HEAD]), f"{at}.source.data")
        _check_address(block.source, at)

    def _check_document(self, block: DocumentBlock, role: str, at: str) -> None:
        if isinstance(block.source, Base64Source):
            check_document(inline(block.source.media_type, block.source.data[:HEAD]), f"{at}.source.data")
        if isinstance(block.source, ContentSource) and bytes(block.source.content)[:1] not in (b'"', b"["):
            raise _wrong(f"{at}.source.content", "expected a string or a list")
        _check_address(block.source, at)

    def _check_unknown(self, block: UnknownBlock, role: str, at: str) -> None:
        if block.kind == NATIVE_BLOCK and not has_object(decode(NATIVE, block.raw, at).block):
            raise _wrong(f"{at}.block", "expected an object")


_CHECKS: dict[type, Callable[..., None]] = {
    ToolUseBlock: _Inspection._check_call,
    ToolResultBlock: _Inspection._check_result,
    ImageBlock: _Inspection._check_image,
    DocumentBlock: _Inspection._check_document,
    UnknownBlock: _Inspection._check_unknown,
}


def _check_address(source: SourceIn, at: str) -> None:
    if isinstance(source, UrlSource):
        parse_url(source.url, f"{at}.source.url")


def _check_tools(wire: CountRequest[Any]) -> None:
    names: set[str] = set()
    more = bool(wire.mcp_servers)  # an MCP server brings tools whose names only the provider knows
    for index, tool in enumerate(wire.tools or ()):
        is_custom = tool.type in (None, "custom")
        if is_custom and not tool.name:
            raise _wrong(f"tools.{index}.name", "this field is required")
        if is_custom and not has_object(tool.input_schema):
            raise _wrong(f"tools.{index}.input_schema", "expected an object")
        if tool.name in names:
            raise _wrong(f"tools.{index}.name", f"there is already a tool {tool.name!r}")
        if tool.name is None:
            more = True
        else:
            names.add(tool.name)
    choice = wire.tool_choice
    if choice is None or choice.type in ("auto", "none"):
        return
    if choice.type == "tool" and choice.name is None:
        raise _wrong("tool_choice.name", "this field is required")
    if not names and not more:
        raise _wrong("tool_choice", "tool_choice needs tools")
    if choice.type == "tool" and choice.name not in names and not more:
        raise _wrong("tool_choice.name", f"no tool is named {choice.name!r}")
