"""Parsing of client requests in Gemini's format.

The model and whether to stream are in the path, not in the body: the door passes them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

from tidegate.protocols.decode import MALFORMED, decode, require_utf8
from tidegate.protocols.errors import InvalidRequest
from tidegate.protocols.needs import Need
from tidegate.protocols.opening import Session, opening_of
from tidegate.protocols.turn import Turn

from .build import build_turn
from .names import has_other_names, normalise
from .needs import parse_needs
from .search import SEARCHES
from .wire import CountRequestIn, GenerationConfig, RequestIn

__all__ = ["Parsed", "parse_count_request", "parse_request"]

T = TypeVar("T")

PLAIN = GenerationConfig()

_REQUEST = msgspec.json.Decoder(RequestIn)
_COUNT = msgspec.json.Decoder(CountRequestIn)
_FIELDS = msgspec.json.Decoder(dict[str, Raw])


@dataclass(slots=True)
class Parsed:
    """A client's request: see contract.ParsedRequest."""

    body: bytes
    wire: RequestIn
    fields: dict[str, Raw]
    """The fields of the body by Google's names (see names.py)."""
    model: str
    stream: bool
    is_array: bool = False
    """Whether the stream is one JSON array (`alt=sse` was not in the query)."""
    include_usage: bool = True
    """Streams of this dialect always report usage."""
    provider: str | Mapping[str, Any] | None = None
    fallbacks: Sequence[str] = ()

    @property
    def config(self) -> GenerationConfig:
        """The tuning parameters and the output format that the client sets."""
        return self.wire.generation_config or PLAIN

    @property
    def max_output(self) -> int | None:
        """See contract.ParsedRequest."""
        return self.config.max_output_tokens

    @property
    def n(self) -> int:
        """See contract.ParsedRequest."""
        return self.config.candidate_count or 1

    def needs(self) -> frozenset[Need]:
        """See contract.ParsedRequest."""
        return parse_needs(self.wire)

    def searches(self) -> int | None:
        """See contract.ParsedRequest."""
        return 0 if all(SEARCHES.isdisjoint(tool) for tool in self.wire.tools or ()) else None

    def opening(self) -> Iterator[bytes]:
        """See contract.ParsedRequest."""
        wire = self.wire
        named = (name for tool in wire.tools or () for name in tool)
        system = wire.system_instruction.parts if wire.system_instruction is not None else None
        user = next((one.parts for one in wire.contents or () if one.role != "model"), None)
        return opening_of(self.model, (), (*named, system), user)

    def session(self) -> Session:
        """See contract.ParsedRequest. The dialect has no name for a conversation."""
        return Session()

    def turn(self) -> Turn:
        """See contract.ParsedRequest."""
        return build_turn(self.wire, self.fields, self.model, stream=self.stream)


def parse_request(body: bytes, model: str = "", *, stream: bool = False, sse: bool = True) -> Parsed:
    """Decode and check a request. `model`, `stream` and `sse` (`alt=sse`) come from the path and the query.
    Raises InvalidRequest.
    """
    require_utf8(body)
    normal, wire = _decode(_REQUEST, body)
    model = (model or wire.model or "").removeprefix("models/")
    if not model:
        raise InvalidRequest("no model is named", param="model")
    _check(wire)
    return Parsed(
        body,
        wire,
        decode(_FIELDS, normal),
        model,
        stream,
        is_array=stream and not sse,
        provider=wire.provider,
        fallbacks=wire.models or (),
    )


def parse_count_request(body: bytes, model: str = "") -> Parsed:
    """Decode and check a token count request: `contents`, or a whole `generateContentRequest`."""
    require_utf8(body)
    normal, counted = _decode(_COUNT, body)
    if counted.generate_content_request:
        return parse_request(bytes(counted.generate_content_request), model)
    return parse_request(normal, model)


def _decode(decoder: msgspec.json.Decoder[T], body: bytes) -> tuple[bytes, T]:
    """Return the body, normalised to Google's names if necessary, and the decoded request."""
    if not has_other_names(body):
        try:
            return body, decoder.decode(body)
        except MALFORMED:
            pass  # decoded again below, where single objects are accepted as lists
    decode(_FIELDS, body)
    try:
        normal = normalise(body)
    except RecursionError as error:
        raise InvalidRequest("the body is nested too deeply") from error
    return normal, decode(decoder, normal)


def _check(wire: RequestIn) -> None:
    if not any(content.parts for content in wire.contents or ()):
        raise InvalidRequest("contents is not specified", param="contents")
