"""OpenAI's Responses API, as OpenAI, Azure (v1), xAI and DeepSeek serve it.

The theory of the format:

- A conversation is a list of *items*: messages, calls, their outputs, reasoning, and what the tools did
  that the provider runs itself. Instructions stand apart. What belongs to one step of the model is
  several items in a row, where other formats have one message.
- An answer is a *response*: its output is such items, and it repeats its request. A stream opens, fills
  and closes items; every event has its type as its name and a number without gaps, and the last one
  has the whole response.
- Thinking is told as a summary. What the model needs of it again is `encrypted_content`, opaque to
  clients, who send the item back as it came. That is where the signatures of other formats travel, too
  (`foreign.py`): clients such as Codex keep nothing else that they do not know.
- A provider may keep responses, and continue one by its id. Tidegate keeps none: what asks for that
  passes to a provider of this format untouched, and is refused by name for any other.

One format, two halves and the way between them:

- A client's body is decoded once (`parse.py`, types in `wire.py`); `build.py` makes a `Turn` of it
  only for a provider of another format, and `writer.py` writes the events that come back as OpenAI would
  have sent them, in a shell that `response.py` makes of the request.
- `render.py` writes a `Turn` for a provider of this format, `reader.py` reads its answers
  (`wire_answer.py` has their types).
- `splice.py` passes the same format on both sides; `count.py` asks for a prompt's tokens.

Extension fields: `native_finish_reason` beside `status`, `citations` beside `annotations` (citations without
an address), `detail` in `incomplete_details`.
"""

from collections.abc import Mapping
from typing import Any

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

from .count import parse_count, render_count
from .dialect import Dialect
from .error import parse_error, render_error
from .memory import ItemMemory
from .parse import Parsed, parse_request
from .reader import BodyReader, StreamReader
from .render import CARRIES, ResponsesCall, render_request
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
        """Decode and check a client's request; `memory` knows the items that it only refers to."""
        return parse_request(body, memory)

    def writer(self, request: ParsedRequest, model: str) -> Writer:
        """The writer of the answer to this request."""
        assert isinstance(request, Parsed)
        return ResponseWriter(request, model)

    def render_error(self, error: TidegateError, request_id: str) -> ErrorReply:
        """An error in OpenAI's envelope."""
        return render_error(error, request_id)

    def render_request(self, turn: Turn, target: Target) -> Call:
        """Write the request for a provider."""
        return render_request(turn, target)

    def reader(self, call: Call, target: Target) -> Reader:
        """The reader of the answer to this call."""
        customs = call.customs if isinstance(call, ResponsesCall) else None
        return StreamReader(customs) if call.stream else BodyReader(customs)

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """The provider's error answer."""
        return parse_error(status, headers, body)

    def parse_count_request(self, body: bytes, memory: ItemMemory | None = None) -> Parsed:
        """A request to count has the fields of a request for a response."""
        return parse_request(body, memory)

    def render_count(self, request: ParsedRequest, target: Target) -> Call | None:
        """A request to `/responses/input_tokens`."""
        return render_count(request, target)

    def parse_count(self, body: bytes) -> int:
        """The tokens of its answer."""
        return parse_count(body)

    def splice_request(self, request: ParsedRequest, target: Target) -> Call:
        """The client's own body, with the model replaced."""
        assert isinstance(request, Parsed)
        return splice_request(request, target)

    def splice(self, request: ParsedRequest, call: Call, target: Target) -> Conduit:
        """The conduit of the answer to a spliced request."""
        customs = call.customs if isinstance(call, ResponsesCall) else frozenset()
        return StreamSplice(customs) if call.stream else BodySplice(customs)

    def route(self, target: Target) -> Route:
        """The route to a target of this format."""
        return SpliceRoute(self, target)


PROTOCOL = OpenAIResponses()
