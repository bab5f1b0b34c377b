"""Anthropic's Messages API.

A message is a list of blocks; whose turn it is, is the message's role, and there are two of them:
instructions stand apart in `system`, and the results of tools are said by the user. Thinking is
signed and must come back as it was. A stream is the same message in instalments: `message_start`,
then one block after another (`content_block_start`, `_delta`s, `_stop`), then `message_delta` with
the stop reason and the final usage, without which it was cut, and `message_stop`.

The rooms: `wire` the JSON as types · `parse`, `build` a client's request and its `Turn` · `render`
with `messages`, `tools`, `thinking`, `schema` a provider's request · `reader` its answer · `writer`
the client's answer · `splice` both at once · `foreign`, `images` what this dialect has no place for ·
`usage`, `error` numbers and failures · `dialect` what differs between the services.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from tidegate.protocols.continuation import Delivered
from tidegate.protocols.contract import (
    Call,
    Conduit,
    ErrorReply,
    Outcome,
    ParsedRequest,
    Reader,
    Route,
    SpliceRoute,
    Target,
    Writer,
)
from tidegate.protocols.conversation import in_order
from tidegate.protocols.decode import MALFORMED
from tidegate.protocols.errors import ProviderBroke, ProviderError, TidegateError
from tidegate.protocols.limit_headers import Standings
from tidegate.protocols.limits import short_tool_names
from tidegate.protocols.property_names import short_property_names
from tidegate.protocols.turn import Turn

from .billing import BILLING_HEADER, strip_billing_block
from .dialect import Dialect
from .error import parse_error, render_error
from .foreign import strip
from .history import make_ids_unique, misses_thinking
from .limit_headers import render_limits
from .messages import require_no_links
from .parse import Parsed, parse_count_request, parse_request
from .reader import StreamReader, WholeReader
from .render import CARRIES, MessagesCall, call_path, render_prompt, render_request
from .resume import read_delivered
from .splice import BodySplice, StreamSplice
from .wire import FIELDS
from .writer import MessageWriter, StreamWriter

__all__ = ["PROTOCOL"]

GATEWAY_FIELDS = frozenset(("provider", "models"))
"""Fields of a request that are for Tidegate itself."""

_encode = msgspec.json.Encoder().encode


class Counted(msgspec.Struct, frozen=True):
    """The answer of the counting endpoint."""

    input_tokens: int


_COUNTED = msgspec.json.Decoder(Counted)


class AnthropicMessages:
    """See contract.Protocol."""

    name = "anthropic"
    dialect: type[Any] = Dialect
    heartbeat = b'event: ping\ndata: {"type": "ping"}\n\n'
    """See contract.Protocol."""
    forwarded_headers = frozenset(("anthropic-*", "x-claude-code-*"))
    carries: Mapping[str, Outcome] = CARRIES

    # client side

    def parse_request(self, body: bytes) -> ParsedRequest:
        """See contract.Protocol."""
        return parse_request(body)

    def writer(self, request: ParsedRequest, model: str) -> Writer:
        """See contract.Protocol."""
        return StreamWriter(model) if request.stream else MessageWriter(model)

    def resume(self, request: ParsedRequest, delivered: bytes) -> Delivered:
        """Read what a client has received of a broken stream. Raises CannotContinue."""
        return read_delivered(delivered)

    def render_error(self, error: TidegateError, request_id: str) -> ErrorReply:
        """See contract.Protocol."""
        return render_error(error, request_id)

    def render_limits(self, standings: Standings, now: float) -> list[tuple[bytes, bytes]]:
        """See contract.Protocol."""
        return render_limits(standings, now)

    # provider side

    def render_request(self, turn: Turn, target: Target) -> MessagesCall:
        """See contract.Protocol."""
        return render_request(turn, target)

    def reader(self, call: Call, target: Target) -> Reader:
        """See contract.Protocol."""
        return StreamReader(call) if call.stream else WholeReader(call)

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """See contract.Protocol."""
        return parse_error(status, headers, body)

    # token counting

    def parse_count_request(self, body: bytes) -> ParsedRequest:
        """See contract.Protocol."""
        return parse_count_request(body)

    def render_count(self, request: ParsedRequest, target: Target) -> Call | None:
        """See contract.Protocol."""
        dialect: Dialect = target.dialect
        if not dialect.count_path:
            return None
        if isinstance(request, Parsed):
            fields = {
                key: value for key, value in _spliced(request, target).items() if key not in NOT_COUNTED
            }
        else:
            turn, _ = short_tool_names(in_order(request.turn()), dialect.tool_names)
            turn, _ = short_property_names(turn, dialect.property_names_of(target.model))
            fields = render_prompt(turn, target)
        return Call(dialect.count_path, _encode(fields), stream=False)

    def parse_count(self, body: bytes) -> int:
        """See contract.Protocol."""
        try:
            return _COUNTED.decode(body).input_tokens
        except MALFORMED as error:
            raise ProviderBroke(f"the provider's token count cannot be read: {error}") from error

    # the same dialect on both sides

    def splice_request(self, request: ParsedRequest, target: Target) -> Call:
        """See contract.Protocol."""
        assert isinstance(request, Parsed)
        dialect: Dialect = target.dialect
        if not dialect.links and b'"url"' in request.body:
            require_no_links(request.turn())
        fields = {**_spliced(request, target), **dialect.body}
        dropped = _give_way(request, fields)
        if not dialect.model_in_body:
            del fields["model"]
        if not dialect.stream_in_body:
            fields.pop("stream", None)
        if request.billing_block and not dialect.billing_block:
            dropped = (BILLING_HEADER, *dropped)
        path = call_path(dialect, target.model, request.stream)
        return Call(path, _encode(fields), request.stream, dropped)

    def splice(self, request: ParsedRequest, call: Call, target: Target) -> Conduit:
        """See contract.Protocol."""
        return StreamSplice() if call.stream else BodySplice()

    def route(self, target: Target) -> Route:
        """See contract.Protocol."""
        return SpliceRoute(self, target)


NOT_COUNTED = frozenset(
    [
        "max_tokens",
        "stream",
        "temperature",
        "top_p",
        "top_k",
        "stop_sequences",
        "metadata",
        "service_tier",
        "container",
    ]
)
"""Fields of a request that the counting endpoint rejects."""


def _spliced(request: Parsed, target: Target) -> dict[str, Any]:
    """Return the client's fields with the provider's model name, without the fields and blocks that only
    Tidegate or other formats understand.
    """
    fields: dict[str, Any] = {
        key: value for key, value in FIELDS.decode(request.body).items() if key not in GATEWAY_FIELDS
    }
    fields["model"] = target.model
    if request.billing_block and not target.dialect.billing_block:
        system = strip_billing_block(fields.pop("system"), request.wire.system)
        fields |= {} if system is None else {"system": system}
    if request.foreign:
        fields["messages"] = strip(fields["messages"], request.wire.messages)
    if request.repeats_ids:
        fields["messages"] = make_ids_unique(fields["messages"])
    return fields


def _give_way(request: Parsed, fields: dict[str, Any]) -> tuple[str, ...]:
    """Drop a thinking budget in the middle of tool use that another model began: tools carry meaning,
    thinking only tunes. Returns the names of dropped fields.
    """
    thinking = request.wire.thinking
    if thinking is None or thinking.type != "enabled" or not misses_thinking(request.wire.messages):
        return ()
    del fields["thinking"]
    return ("thinking",)


PROTOCOL = AnthropicMessages()
