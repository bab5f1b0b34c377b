"""OpenAI's chat completions, and the many services that follow them.

One format, two halves and the way between them:

- `parse.py` decodes a client's body into a `ChatRequest` (`wire.py`), which checks every type and range;
  `check.py` checks what belongs together. Beside it lie the body's top-level fields as raw JSON.
- To another format: `build.py` makes a `Turn` of it, only when asked, and `writer.py` writes the
  events that come back as OpenAI would have sent them.
- From another format: `render.py` writes a `Turn` for a provider, `reader.py` reads its answers
  (`wire_answer.py`).
- To the same format: `route.py` decides once per target what there is to do; `splice.py` and
  `edit_messages.py` pass the fields with the model's name replaced, and
  `conduit.py` passes the answer's bytes and counts. `mend.py` does so chunk by chunk for services
  whose answers have known faults.
- `dialect.py` says in which ways a service may differ from OpenAI; nothing else in here knows one.

What OpenAI's format has no place for travels in extension fields, and comes back from the client in
them: `reasoning_content` and `reasoning_details` (thinking, its signatures and its encrypted blocks;
OpenRouter's form), `extra_content.google.thought_signature` on calls and texts (Google's form),
`citations` beside `annotations`, `images`, `native_blocks` and `native_finish_reason`.
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
        """The writer of the answer to this request."""
        legacy = isinstance(request, Parsed) and request.legacy
        if request.stream:
            return StreamWriter(model, wants_usage=request.wants_usage, functions=legacy)
        return BodyWriter(model, functions=legacy)

    def render_error(self, error: TidegateError, request_id: str) -> ErrorReply:
        """An error in OpenAI's envelope."""
        return render_error(error, request_id)

    def render_request(self, turn: Turn, target: Target) -> Call:
        """Write the request for a provider."""
        return render_request(turn, target)

    def reader(self, call: Call, target: Target) -> Reader:
        """The reader of the answer to this call."""
        return StreamReader(call, target) if call.stream else BodyReader(call, target)

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """The provider's error answer."""
        return parse_error(status, headers, body)

    def parse_count_request(self, body: bytes) -> ParsedRequest:
        """OpenAI's chat format has no request to count."""
        raise PathNotFound("this format has no way to ask for a count")

    def render_count(self, request: ParsedRequest, target: Target) -> Call | None:
        """None: there is no endpoint that counts."""
        return None

    def parse_count(self, body: bytes) -> int:
        """Never asked for, because `render_count` never asks."""
        raise ProviderBroke("this format has no answer that counts")

    def splice_request(self, request: ParsedRequest, target: Target) -> Call:
        """The client's own body, with the model replaced."""
        return ChatRoute(self, target).render(request)

    def splice(self, request: ParsedRequest, call: Call, target: Target) -> Conduit:
        """The conduit of the answer to a spliced request."""
        return ChatRoute(self, target).conduit(request, call)

    def route(self, target: Target) -> Route:
        """The route to a target of this format."""
        return ChatRoute(self, target)


PROTOCOL = OpenAIChat()
