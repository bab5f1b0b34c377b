"""Parsing of client requests: decoded and checked at once, translated only when needed."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec.json import Decoder

from tidegate.protocols.decode import decode, require_utf8
from tidegate.protocols.errors import InvalidRequest
from tidegate.protocols.needs import Need
from tidegate.protocols.opening import Session, opening_of
from tidegate.protocols.turn import Turn

from .build import build_turn
from .check import check_request
from .needs import parse_needs
from .wire import ENCODE, FIELDS, REQUEST, ChatRequest, Fields

__all__ = ["Parsed", "parse_request"]

INSTRUCTING = ("system", "developer")


class Parsed:
    """A client's request: decoded and checked (see `contract.ParsedRequest`)."""

    __slots__ = ("body", "fallbacks", "fields", "model", "provider", "stream", "wants_usage", "wire")

    def __init__(self, body: bytes, wire: ChatRequest, fields: Fields) -> None:
        self.body = body
        self.wire = wire
        self.fields = fields
        """The top-level fields of the body, each value as the client wrote it."""
        self.model = wire.model
        self.stream = wire.stream is True
        self.provider: str | Mapping[str, Any] | None = wire.provider
        self.fallbacks: Sequence[str] = wire.models or ()
        options, usage = wire.stream_options, wire.usage
        self.wants_usage = (options is not None and options.include_usage is True) or (
            usage is not None and usage.include is True
        )

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

    @property
    def n(self) -> int:
        """See contract.ParsedRequest."""
        return self.wire.n or 1

    def needs(self) -> frozenset[Need]:
        """See contract.ParsedRequest."""
        return parse_needs(self.wire)

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


# --- decoding --------------------------------------------------------------------------------


def parse_request(body: bytes) -> Parsed:
    """Decode and check a request. Raises InvalidRequest."""
    require_utf8(body)
    wire = decode(REQUEST, body)
    fields = decode(FIELDS, body)
    # Nearly every small body is compact JSON, which encoding its fields reproduces byte for byte.
    if not (len(body) <= SMALL and ENCODE(fields) == body) and not _lengths_fit(body, fields):
        _check_keys(body, fields)
    check_request(wire)
    return Parsed(body, wire, fields)


# --- duplicate keys --------------------------------------------------------------------------
# Programs differ in which value of a duplicate key they use: the value that is checked here might not be the
# one that the provider reads.

SMALL = 16_384
"""The largest body in bytes that is encoded again for comparison; of larger ones only the length is compared.
"""
_KEY = re.compile(rb'[\s{,]*("(?:[^"\\]|\\.)*")\s*:\s*', re.DOTALL)
_STRING = Decoder(str)


def _lengths_fit(body: bytes, fields: Fields) -> bool:
    """Return whether the body is as long as its fields when encoded, with or without spaces in between."""
    count = len(fields)
    compact = sum(map(len, fields)) + sum([len(memoryview(raw)) for raw in fields.values()]) + 4 * count + 1
    return len(body) in (compact, compact + 2 * count - 1)


def _check_keys(body: bytes, fields: Fields) -> None:
    """Scan the top level. Raises InvalidRequest for a duplicate key."""
    position = 0
    seen = set()
    while (found := _KEY.match(body, position)) is not None:
        key = _STRING.decode(found[1])
        value = bytes(fields[key])
        if key in seen or not body.startswith(value, found.end()):  # the last value of a key wins
            raise InvalidRequest(f"duplicate key {key!r}", param=key)
        seen.add(key)
        position = found.end() + len(value)
