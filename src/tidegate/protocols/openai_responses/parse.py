"""Parsing of client requests: decoded and checked at once, translated only when needed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import DecodeError, Raw
from msgspec.json import Decoder

from tidegate.protocols.decode import decode, require_utf8
from tidegate.protocols.errors import InvalidRequest
from tidegate.protocols.fields import ENCODE, FIELDS, Fields, is_set
from tidegate.protocols.needs import Need
from tidegate.protocols.opening import Session, opening_of
from tidegate.protocols.turn import Turn

from .build import build_turn
from .earlier import continue_earlier, own_items
from .memory import REFERENCE, ItemMemory, put_items
from .needs import parse_needs
from .search import SEARCHES
from .summary import ask_for_summary
from .tools import TOOLS, Offered, ToolNames, list_offered, may_be_schema, parse_tools
from .wire import (
    HEAD,
    REQUEST,
    AdditionalToolsItem,
    AgentMessageItem,
    CallItem,
    ChoiceIn,
    CompactionItem,
    CompactionTriggerItem,
    CustomCallItem,
    CustomResultItem,
    ImageItem,
    Item,
    MessageItem,
    OlderCompactionItem,
    OwnItem,
    OwnTool,
    ReasoningItem,
    ResponsesRequest,
    ResultItem,
    SharedItem,
    ToolSearchCallItem,
    ToolSearchOutputItem,
)

__all__ = ["Parsed", "parse_request"]

INSTRUCTING = ("system", "developer")


class Parsed:
    """A client's request: decoded and checked (see `contract.ParsedRequest`)."""

    __slots__ = (
        "_names",
        "_offered",
        "body",
        "continued",
        "fallbacks",
        "fields",
        "include_usage",
        "items",
        "memory",
        "model",
        "own_items",
        "provider",
        "stream",
        "tools",
        "wire",
    )  # fmt: skip

    def __init__(
        self, body: bytes, wire: ResponsesRequest, fields: Fields, memory: ItemMemory | None = None
    ) -> None:
        self.body = body
        self.memory = None if wire.store is False else memory
        """Where the items of the answer are stored; None if the client disabled storage."""
        self.own_items: list[Raw] = []
        """The input without what precedes it, if the answer is to be stored."""
        self.continued: str | None = None
        """The id of the earlier response whose conversation precedes the input."""
        self.wire = wire
        self.fields = fields
        """The top-level fields of the body, each value as the client wrote it."""
        self.items = parse_items(wire.input, fields["input"]) if isinstance(wire.input, list) else []
        self.tools = parse_tools(wire.tools, fields["tools"], "tools") if wire.tools else []
        self._offered: list[Offered] | None = None
        self._names: ToolNames | None = None
        self.model = wire.model
        self.stream = wire.stream is True
        self.provider: str | Mapping[str, Any] | None = wire.provider
        self.fallbacks: Sequence[str] = wire.models or ()
        self.include_usage = True
        """Every answer of this format reports usage."""

    @property
    def max_output(self) -> int | None:
        """See contract.ParsedRequest."""
        return self.wire.max_output_tokens

    @property
    def n(self) -> int:
        """See contract.ParsedRequest."""
        return 1

    def needs(self) -> frozenset[Need]:
        """See contract.ParsedRequest."""
        return parse_needs(self.wire, self.items, self.offered)

    def searches(self) -> int | None:
        """See contract.ParsedRequest."""
        own = (tool.kind for tool in self.tools if isinstance(tool, OwnTool))
        return None if any(kind.startswith(SEARCHES) for kind in own) else 0

    def opening(self) -> Iterator[bytes]:
        """See contract.ParsedRequest."""
        wire = self.wire
        messages = [item for item in self.items if isinstance(item, MessageItem)]
        instructions = (one.content for one in messages if one.role in INSTRUCTING)
        user: Any = next((one.content for one in messages if one.role == "user"), None)
        user = wire.input if isinstance(wire.input, str) else user
        return opening_of(wire.model, self.tools, (wire.instructions, *instructions), user)

    def session(self) -> Session:
        """See contract.ParsedRequest."""
        wire = self.wire
        given = wire.conversation
        conversation = given.get("id") if isinstance(given, dict) else given
        known = conversation if isinstance(conversation, str) else None
        return Session(wire.session_id or known, wire.prompt_cache_key)

    def turn(self) -> Turn:
        """See contract.ParsedRequest."""
        turn = build_turn(self.wire, self.fields, self.items, self.offered, self.names)
        for index, item in enumerate(self.items[:-1]):
            if isinstance(item, CompactionTriggerItem):
                raise InvalidRequest("a compaction_trigger must be the last item", param=f"input.{index}")
        return ask_for_summary(turn) if self.compacts else turn

    @property
    def compacts(self) -> bool:
        """Whether the answer is to be the conversation, compacted."""
        return bool(self.items) and isinstance(self.items[-1], CompactionTriggerItem)

    @property
    def offered(self) -> list[Offered]:
        """All tools that the model may call, wherever they are defined. Raises InvalidRequest."""
        if self._offered is None:
            self._offered = list_offered(self.tools, self.items)
        return self._offered

    @property
    def names(self) -> ToolNames:
        """The names of the tools in other formats."""
        if self._names is None:
            self._names = ToolNames(self.offered)
        return self._names


ITEMS: Mapping[str, Decoder[SharedItem]] = {
    "message": Decoder(MessageItem),
    "reasoning": Decoder(ReasoningItem),
    "function_call": Decoder(CallItem),
    "function_call_output": Decoder(ResultItem),
    "custom_tool_call": Decoder(CustomCallItem),
    "custom_tool_call_output": Decoder(CustomResultItem),
    "image_generation_call": Decoder(ImageItem),
    "additional_tools": Decoder(AdditionalToolsItem),
    "tool_search_call": Decoder(ToolSearchCallItem),
    "tool_search_output": Decoder(ToolSearchOutputItem),
    "agent_message": Decoder(AgentMessageItem),
    "compaction": Decoder(CompactionItem),
    "compaction_summary": Decoder(OlderCompactionItem),
    "compaction_trigger": Decoder(CompactionTriggerItem),
}
"""By type of item. All other types are specific to this format."""

ALL_ITEMS = Decoder(list[SharedItem])


def parse_request(body: bytes, memory: ItemMemory | None = None) -> Parsed:
    """Decode and check a request. Raises InvalidRequest."""
    require_utf8(body)
    wire, fields = decode(REQUEST, body), decode(FIELDS, body)
    if memory is not None and isinstance(wire.input, list) and REFERENCE.encode() in body:
        wire.input = put_items(wire.input, memory)
        fields["input"] = Raw(ENCODE(wire.input))
    own, continued = [], None
    if memory is not None:
        own = [] if wire.store is False else own_items(wire, fields)
        continued = continue_earlier(wire, fields, memory)
    parsed = Parsed(body if continued is None else ENCODE(fields), wire, fields, memory)
    parsed.own_items, parsed.continued = own, continued
    _check_input(parsed)
    _check_choice(parsed)
    _check_format(wire)
    return parsed


def parse_items(raws: Sequence[Raw], whole: Raw) -> list[Item]:
    """Decode all items at once, or one by one if any of them is invalid or specific to this format."""
    try:
        items: list[Item] = [*ALL_ITEMS.decode(whole)]
    except DecodeError:
        items = [parse_item(raw, f"input.{index}") for index, raw in enumerate(raws)]
    for index, item in enumerate(items):
        if isinstance(item, ToolSearchCallItem | ToolSearchOutputItem) and not _is_clients(item):
            kind = "call" if isinstance(item, ToolSearchCallItem) else "output"
            items[index] = OwnItem(f"tool_search_{kind}", raws[index])
    return items


def _is_clients(item: ToolSearchCallItem | ToolSearchOutputItem) -> bool:
    """Return whether the client ran the search, and not the provider."""
    return item.call_id is not None and item.execution in (None, "client")


def parse_item(raw: Raw, place: str) -> Item:
    """Decode an item by its type. An item without a type is a message, or a reference by id."""
    head = decode(HEAD, raw, place)
    kind = head.type or ("message" if head.role is not None else "item_reference")
    decoder = ITEMS.get(kind)
    return OwnItem(kind, raw) if decoder is None else decode(decoder, raw, place)


# --- checks that types cannot express --------------------------------------------------------


def _check_input(parsed: Parsed) -> None:
    wire = parsed.wire
    if wire.input or wire.previous_response_id or wire.conversation or wire.prompt:
        return
    if wire.input is None:
        raise InvalidRequest("this field is required", param="input")
    if not wire.instructions:
        raise InvalidRequest("the input is empty", param="input")


WORDS = ("none", "auto", "required")


def _check_choice(parsed: Parsed) -> None:
    choice = parsed.wire.tool_choice
    if isinstance(choice, str):
        if choice not in WORDS:
            raise InvalidRequest("expected none, auto, required or a tool", param="tool_choice")
        if choice == "required" and not parsed.offered and not parsed.wire.prompt:
            raise InvalidRequest("a tool is required, but none is offered", param="tool_choice")
    elif choice is not None:
        _check_named(choice, parsed)


NAMED = TOOLS.keys() - {"namespace", "tool_search"}
"""The types of tools that a tool choice names."""


def _check_named(choice: ChoiceIn, parsed: Parsed) -> None:
    if choice.type == "allowed_tools":
        if choice.tools is None or choice.mode is None:
            raise InvalidRequest("expected a mode and tools", param="tool_choice")
        named = [
            (f"tool_choice.tools.{index}", tool.name)
            for index, tool in enumerate(choice.tools)
            if tool.type in NAMED
        ]
    elif choice.type in NAMED:
        named = [("tool_choice.name", choice.name)]
    else:
        return
    offered = {one.name for one in parsed.offered if not isinstance(one.tool, OwnTool)}
    # Tools that the provider finds by search, or that are in a stored prompt, are not known here.
    elsewhere = parsed.wire.prompt or any(isinstance(one.tool, OwnTool) for one in parsed.offered)
    for param, name in named:
        if not name:
            raise InvalidRequest("a tool_choice needs a name", param=param)
        if name not in offered and not elsewhere:
            raise InvalidRequest(f"no tool {name!r} is offered", param=param)


def _check_format(wire: ResponsesRequest) -> None:
    output = wire.text.format if wire.text else None
    if output is None or output.type != "json_schema":
        return
    if not output.name:
        raise InvalidRequest("a schema needs a name", param="text.format.name")
    if not is_set(output.schema) or not may_be_schema(output.schema):
        raise InvalidRequest("expected a JSON Schema object", param="text.format.schema")
