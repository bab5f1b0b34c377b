"""Google Gemini's generateContent, as served by the Gemini API and Vertex AI.

How the format works:

- A conversation is `contents` with the roles `user` and `model`; instructions are separate, in
  `systemInstruction`; tool results are `functionResponse` parts of a user content that name the function, not
  the call. Model and method are in the path, not in the body.
- An answer is a list of candidates, each a list of parts. A stream is a sequence of such answers, each with
  new content; there is no end mark, and calls end with STOP like any text.
- The model's signature (`thoughtSignature`) is on calls and texts rather than on thoughts, and has to be sent
  back on the same part; Gemini 3 rejects a step whose first call has none.
- Calls have ids only since Gemini 3. Ids created by Tidegate begin with `call_tidegate_` and are never sent
  to Google.
- Tokens: cached tokens are included in the prompt, tool use and thoughts are not included in prompt and
  candidates.
- An error may arrive in place of an answer: with status 200, and without `data:` after events.

Modules: `wire` has the structs of both directions. `render` (with `messages`, `tools`, `schema`, `thinking`)
writes requests for providers; `reader` (with `usage`, `sources`, `partial`) reads their answers; `error` has
errors; `count` requests token counts. For clients, `parse` (with `names` and `build`) reads requests,
`writer` (with `citations`, `foreign`) writes answers, and `splice` forwards the bytes if both sides use this
format.
"""

from collections.abc import Mapping
from typing import Any

from tidegate.protocols.continuation import Delivered
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
from .resume import read_delivered
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
        """See Protocol. The door passes what is in the path and the query: the model, whether to stream, and
        whether as events (`alt=sse`) or as one JSON array.
        """
        return parse_request(body, model, stream=stream, sse=sse)

    def writer(self, request: ParsedRequest, model: str) -> Writer:
        """See Protocol."""
        if not request.stream:
            return BodyWriter(model)
        return ArrayWriter(model) if _parsed(request).is_array else StreamWriter(model)

    def resume(self, request: ParsedRequest, delivered: bytes) -> Delivered:
        """Read what a client has received of a broken stream. Raises CannotContinue."""
        is_array = _parsed(request).is_array
        return read_delivered(delivered, is_array=is_array, writer=ArrayWriter if is_array else StreamWriter)

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
        return splice_request(_parsed(request), target)

    def splice(self, request: ParsedRequest, call: Call, target: Target) -> Conduit:
        """See Protocol."""
        if not call.stream:
            return BodySplice()
        return ArraySplice() if _parsed(request).is_array else StreamSplice()

    def route(self, target: Target) -> Route:
        """See Protocol."""
        return SpliceRoute(self, target)


def _parsed(request: ParsedRequest) -> Parsed:
    """Return a request that `parse_request` created."""
    assert isinstance(request, Parsed)
    return request


PROTOCOL: Protocol = GeminiProtocol()
