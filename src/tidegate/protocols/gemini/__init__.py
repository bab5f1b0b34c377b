"""Google Gemini's generateContent, as the Gemini API and Vertex AI serve it.

The theory of the format:

- A conversation is `contents` of the roles `user` and `model`; instructions stand apart, in
  `systemInstruction`; tool results are `functionResponse` parts of a user content that name the
  function, not the call. Model and method are in the path, not in the body.
- An answer is a list of candidates, each a list of parts. A stream is a sequence of such answers,
  each with what is new; there is no end mark, and calls end on STOP like any text.
- The model's signature (`thoughtSignature`) is on calls and texts rather than on thoughts, and has to come
  back on the same part; Gemini 3 refuses a step whose first call has none.
- Calls have ids since Gemini 3 only. Ids made here begin with `call_tidegate_` and stay here.
- Tokens: cached ones are inside the prompt, tool use and thoughts beside prompt and candidates.
- An error may come where an answer is expected: in a 200, and bare (without `data:`) after events.

The files: `wire` has the structs of both directions; `request` (with `contents`, `tools`,
`schema`, `thinking`) writes what a provider is asked; `answer` (with `tokens`, `sources`,
`partial`) reads what it answers; `error` has its errors; `count` asks for a prompt's tokens. Of the
door, `parse` (with `names` and `build`) reads what a client asks, `writer` (with `citing`, `signatures`)
writes what it is answered, and `splice` passes the bytes where both sides speak this format.
"""

from collections.abc import Mapping
from typing import Any

from tidegate.protocols.contract import (
    Call,
    Conduit,
    ErrorReply,
    ParsedRequest,
    Protocol,
    Reader,
    Route,
    SpliceRoute,
    Target,
    Writer,
)
from tidegate.protocols.errors import ProviderError, TidegateError
from tidegate.protocols.turn import Turn

from .count import parse_count, render_count
from .dialect import GeminiDialect
from .error import parse_error, render_error
from .parse import Parsed, parse_count_request, parse_request
from .reader import GeminiReader
from .render import CARRIES, GeminiCall, render_request
from .splice import ArraySplice, BodySplice, StreamSplice, splice_request
from .writer import ArrayWriter, BodyWriter, StreamWriter

__all__ = ["PROTOCOL", "GeminiDialect"]


class GeminiProtocol:
    """See `Protocol`."""

    name = "gemini"
    dialect: type[Any] = GeminiDialect
    forwarded_headers: frozenset[str] = frozenset()
    carries = CARRIES

    def parse_request(
        self, body: bytes, model: str = "", *, stream: bool = False, sse: bool = True
    ) -> Parsed:
        """See Protocol. What is in the path and the query, the door says: the model, whether to
        stream, and whether as events (`alt=sse`) or as one JSON array.
        """
        return parse_request(body, model, stream=stream, sse=sse)

    def writer(self, request: ParsedRequest, model: str) -> Writer:
        """See Protocol."""
        if not request.stream:
            return BodyWriter(model)
        return ArrayWriter(model) if _own(request).is_array else StreamWriter(model)

    def render_error(self, error: TidegateError, request_id: str) -> ErrorReply:
        """See Protocol."""
        return render_error(error, request_id)

    def render_request(self, turn: Turn, target: Target) -> Call:
        """See Protocol."""
        return render_request(turn, target)

    def reader(self, call: Call, target: Target) -> Reader:
        """See Protocol."""
        custom = call.custom_tools if isinstance(call, GeminiCall) else frozenset()
        return GeminiReader(call.stream, custom)

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """See Protocol."""
        return parse_error(status, headers, body)

    def parse_count_request(self, body: bytes, model: str = "") -> Parsed:
        """See Protocol."""
        return parse_count_request(body, model)

    def render_count(self, request: ParsedRequest, target: Target) -> Call | None:
        """See Protocol."""
        return render_count(request, target)

    def parse_count(self, body: bytes) -> int:
        """See Protocol."""
        return parse_count(body)

    def splice_request(self, request: ParsedRequest, target: Target) -> Call:
        """See Protocol."""
        return splice_request(_own(request), target)

    def splice(self, request: ParsedRequest, call: Call, target: Target) -> Conduit:
        """See Protocol."""
        if not call.stream:
            return BodySplice()
        return ArraySplice() if _own(request).is_array else StreamSplice()

    def route(self, target: Target) -> Route:
        """See Protocol."""
        return SpliceRoute(self, target)


def _own(request: ParsedRequest) -> Parsed:
    """A request that `parse_request` made."""
    assert isinstance(request, Parsed)
    return request


PROTOCOL: Protocol = GeminiProtocol()
