"""Parsing of client requests: decoded and checked at once, translated only when needed."""

from collections.abc import Iterator

from msgspec import Raw

from tidegate.protocols.fields import is_set, read_unique_body
from tidegate.protocols.needs import Need
from tidegate.protocols.openai_request import OpenAIRequest
from tidegate.protocols.opening import Session, opening_of
from tidegate.protocols.search import OPTIONS
from tidegate.protocols.turn import Turn

from .build import build_turn
from .check import are_bare, check_request
from .needs import parse_needs
from .search import SEARCHES
from .wire import REQUEST, ChatRequest

__all__ = ["Parsed", "parse_request"]

INSTRUCTING = ("system", "developer")


class Parsed(OpenAIRequest[ChatRequest]):
    """A client's request: decoded and checked (see `contract.ParsedRequest`)."""

    __slots__ = ("bare",)

    bare: bool
    """Whether all messages are nothing but texts (see `check.are_bare`)."""

    @property
    def legacy(self) -> bool:
        """Whether the client uses the deprecated `functions` instead of tools."""
        return self.wire.functions is not None and not self.wire.tools

    @property
    def has_custom_tools(self) -> bool:
        """Whether the client offers custom tools, whose input is free text."""
        return any(tool.custom is not None for tool in self.wire.tools or ())

    @property
    def max_output(self) -> int | None:
        """See contract.ParsedRequest."""
        return self.wire.max_completion_tokens or self.wire.max_tokens

    def needs(self) -> frozenset[Need]:
        """See contract.ParsedRequest."""
        return parse_needs(self.wire, bare=self.bare)

    def searches(self) -> int | None:
        """See contract.ParsedRequest."""
        asks = is_set(self.fields.get(OPTIONS, Raw()))
        return None if asks or any(tool.type.startswith(SEARCHES) for tool in self.wire.tools or ()) else 0

    def opening(self) -> Iterator[bytes]:
        """See contract.ParsedRequest."""
        wire = self.wire
        instructions = (one.content for one in wire.messages if one.role in INSTRUCTING)
        user = next((one.content for one in wire.messages if one.role == "user"), None)
        return opening_of(wire.model, wire.tools or (), (wire.system_message, *instructions), user)

    def session(self) -> Session:
        """See contract.ParsedRequest."""
        return Session(self.wire.session_id, self.wire.prompt_cache_key)

    def turn(self) -> Turn:
        """See contract.ParsedRequest."""
        return build_turn(self.wire, self.fields, self.stream)


def parse_request(body: bytes) -> Parsed:
    """Decode and check a request. Raises InvalidRequest."""
    wire, fields = read_unique_body(REQUEST, body)
    bare = are_bare(wire.messages)
    check_request(wire, bare=bare)
    parsed = Parsed(body, wire, fields)
    parsed.bare = bare
    if wire.usage is not None and wire.usage.include is True:
        parsed.include_usage = True  # OpenRouter's form
    return parsed
