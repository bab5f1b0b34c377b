"""OpenAI's Responses API, as served by OpenAI, Azure (v1), xAI and DeepSeek.

How the format works:

- A conversation is a list of *items*: messages, calls, their outputs, reasoning, and the results of the
  provider's built-in tools. Instructions are separate. One step of the model is several consecutive items,
  where other formats have one message.
- An answer is a *response*: its output is a list of such items, and it repeats the parameters of its request.
  A stream opens, fills and closes items; every event is named after its type and has a sequence number
  without gaps, and the last event contains the complete response.
- Thinking is sent as a summary. What the model needs of it later is in `encrypted_content`, opaque to
  clients, who send the item back unchanged. It also carries the signatures of other formats (`foreign.py`),
  because clients such as Codex keep no other unknown fields.
- A provider may store responses, and continue one by its id: such requests are forwarded to it unchanged.
  Responses that are written here are remembered for a while, so that their ids work too (`earlier.py`).

One package covers both sides of the format and the path between them:

- A client's body is decoded once (`parse.py`, types in `wire.py`); `build.py` converts it to a `Turn` only
  for a provider of another format, and `writer.py` writes the resulting events the way OpenAI sends them,
  inside a response object that `response.py` creates from the request.
- `render.py` writes a `Turn` for a provider of this format, `reader.py` reads its answers (`wire_answer.py`
  has their types).
- `splice.py` forwards requests and answers with the same format on both sides; `count.py` requests the token
  count of a prompt.

Extension fields: `native_finish_reason` next to `status`, `citations` next to `annotations` (citations
without a URL), `detail` in `incomplete_details`.
"""

from collections.abc import Mapping
from typing import Any

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
from tidegate.protocols.errors import ProviderError, TidegateError
from tidegate.protocols.turn import Turn

from .compacting import CompactingWriter
from .count import parse_count, render_count
from .dialect import Dialect
from .error import parse_error, render_error
from .memory import ItemMemory
from .parse import Parsed, parse_request
from .reader import BodyReader, StreamReader
from .render import CARRIES, ResponsesCall, render_request
from .resume import read_delivered
from .splice import BodySplice, StreamSplice, splice_request
from .wire import NAME
from .writer import ResponseWriter

__all__ = ["PROTOCOL", "Dialect", "OpenAIResponses"]


class OpenAIResponses:
    """See contract.Protocol."""

    name = NAME
    dialect: type[Any] = Dialect
    heartbeat = b": keep-alive\n\n"
    """See contract.Protocol."""
    forwarded_headers = frozenset(
        {
            *("openai-organization", "openai-project", "openai-beta", "x-client-request-id", "originator"),
            *("session-id", "session_id", "thread-id", "conversation-id", "conversation_id"),
            *("x-codex-*", "x-openai-internal-codex-*"),
        }
    )
    carries: Mapping[str, Outcome] = CARRIES

    def parse_request(self, body: bytes, memory: ItemMemory | None = None) -> Parsed:
        """Decode and check a client's request; `memory` resolves items that it only references."""
        return parse_request(body, memory)

    def writer(self, request: ParsedRequest, model: str) -> Writer:
        """Create the writer of the answer to this request."""
        assert isinstance(request, Parsed)
        return CompactingWriter(request, model) if request.compacts else ResponseWriter(request, model)

    def resume(self, request: ParsedRequest, delivered: bytes) -> Delivered:
        """Read what a client has received of a broken stream. Raises CannotContinue."""
        assert isinstance(request, Parsed)
        return read_delivered(request, delivered)

    def render_error(self, error: TidegateError, request_id: str) -> ErrorReply:
        """Write an error in OpenAI's envelope."""
        return render_error(error, request_id)

    def render_request(self, turn: Turn, target: Target) -> Call:
        """Write the request for a provider."""
        return render_request(turn, target)

    def reader(self, call: Call, target: Target) -> Reader:
        """Create the reader of the answer to this call."""
        customs = call.customs if isinstance(call, ResponsesCall) else None
        return StreamReader(customs) if call.stream else BodyReader(customs)

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """Read the provider's error answer."""
        return parse_error(status, headers, body)

    def parse_count_request(self, body: bytes, memory: ItemMemory | None = None) -> Parsed:
        """Decode a token count request, which has the fields of a request for a response."""
        return parse_request(body, memory)

    def render_count(self, request: ParsedRequest, target: Target) -> Call | None:
        """Write a request to `/responses/input_tokens`."""
        return render_count(request, target)

    def parse_count(self, body: bytes) -> int:
        """Read the token count from its answer."""
        return parse_count(body)

    def splice_request(self, request: ParsedRequest, target: Target) -> Call:
        """Return the client's body with the model replaced."""
        assert isinstance(request, Parsed)
        return splice_request(request, target)

    def splice(self, request: ParsedRequest, call: Call, target: Target) -> Conduit:
        """Create the conduit of the answer to a spliced request."""
        customs = call.customs if isinstance(call, ResponsesCall) else frozenset()
        return StreamSplice(customs) if call.stream else BodySplice(customs)

    def route(self, target: Target) -> Route:
        """Create the route to a target of this format."""
        return SpliceRoute(self, target)


PROTOCOL = OpenAIResponses()
