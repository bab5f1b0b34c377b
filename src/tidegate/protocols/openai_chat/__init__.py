"""OpenAI's chat completions format, and the many services that follow it.

One package covers both sides of the format and the path between them:

- `parse.py` decodes a client's body into a `ChatRequest` (`wire.py`), which checks every type and range;
  `check.py` checks which fields may appear together. The top-level fields are also kept as raw JSON.
- To another format: `build.py` converts the request to a `Turn`, only when needed, and `writer.py` writes the
  resulting events the way OpenAI sends them.
- From another format: `render.py` writes a `Turn` for a provider, `reader.py` reads its answers
  (`wire_answer.py`).
- To the same format: `route.py` decides once per target what has to be done; `splice.py` and
  `edit_messages.py` forward the fields with the model name replaced, and `conduit.py` forwards the bytes of
  the answer and counts tokens. `mend.py` does the same chunk by chunk for services whose answers have known
  faults.
- `dialect.py` describes how a service may differ from OpenAI; no other module here knows about particular
  services.

Data that OpenAI's format has no field for is carried in extension fields, which clients send back:
`reasoning_content` and `reasoning_details` (thinking with its signatures and encrypted blocks; OpenRouter's
form), `extra_content.google.thought_signature` on calls and texts (Google's form), `citations` next to
`annotations`, `images`, `native_blocks` and `native_finish_reason`.
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
    Target,
    Writer,
)
from tidegate.protocols.errors import PathNotFound, ProviderBroke, ProviderError, TidegateError
from tidegate.protocols.turn import Turn

from .dialect import Dialect
from .error import parse_error, render_error
from .parse import Parsed, parse_request
from .reader import BodyReader, StreamReader
from .render import CARRIES, render_request
from .resume import read_delivered
from .route import ChatRoute
from .wire import NAME
from .writer import BodyWriter, StreamWriter

__all__ = ["PROTOCOL", "Dialect", "OpenAIChat"]


class OpenAIChat:
    """See contract.Protocol."""

    name = NAME
    dialect: type[Any] = Dialect
    heartbeat = b": keep-alive\n\n"
    """See contract.Protocol."""
    forwarded_headers = frozenset({"openai-beta", "x-client-request-id"})
    carries: Mapping[str, Outcome] = CARRIES

    def parse_request(self, body: bytes) -> Parsed:
        """Decode and check a client's request."""
        return parse_request(body)

    def writer(self, request: ParsedRequest, model: str) -> Writer:
        """Create the writer of the answer to this request."""
        legacy = isinstance(request, Parsed) and request.legacy
        if request.stream:
            return StreamWriter(model, include_usage=request.include_usage, functions=legacy)
        return BodyWriter(model, functions=legacy)

    def resume(self, request: ParsedRequest, delivered: bytes) -> Delivered:
        """Read what a client has received of a broken stream. Raises CannotContinue."""
        return read_delivered(request, delivered, self.writer)

    def render_error(self, error: TidegateError, request_id: str) -> ErrorReply:
        """Write an error in OpenAI's envelope."""
        return render_error(error, request_id)

    def render_request(self, turn: Turn, target: Target) -> Call:
        """Write the request for a provider."""
        return render_request(turn, target)

    def reader(self, call: Call, target: Target) -> Reader:
        """Create the reader of the answer to this call."""
        return StreamReader(call, target) if call.stream else BodyReader(call, target)

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """Read the provider's error answer."""
        return parse_error(status, headers, body)

    def parse_count_request(self, body: bytes) -> ParsedRequest:
        """Raise PathNotFound: OpenAI's chat format has no endpoint for counting tokens."""
        raise PathNotFound("OpenAI's chat completions API does not support token counting")

    def render_count(self, request: ParsedRequest, target: Target) -> Call | None:
        """Return None: the format has no endpoint for counting tokens."""
        return None

    def parse_count(self, body: bytes) -> int:
        """Raise ProviderBroke; never called, because `render_count` returns None."""
        raise ProviderBroke("OpenAI's chat completions API does not support token counting")

    def splice_request(self, request: ParsedRequest, target: Target) -> Call:
        """Return the client's body with the model replaced."""
        return ChatRoute(self, target).render(request)

    def splice(self, request: ParsedRequest, call: Call, target: Target) -> Conduit:
        """Create the conduit of the answer to a spliced request."""
        return ChatRoute(self, target).conduit(request, call)

    def route(self, target: Target) -> Route:
        """Create the route to a target of this format."""
        return ChatRoute(self, target)


PROTOCOL = OpenAIChat()
