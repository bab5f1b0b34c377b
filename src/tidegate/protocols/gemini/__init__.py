"""Google Gemini's generateContent, as the Gemini API and Vertex AI serve it.

The theory of the format:

- A conversation is `contents` of the roles `user` and `model`; instructions stand apart, in
  `systemInstruction`; tool results are `functionResponse` parts of a user content that name the
  function, not the call. Model and method are in the path, not in the body.
- An answer is a list of candidates, each a list of parts. A stream is a sequence of such answers,
  each with what is new; there is no end mark, and calls end on STOP like any text.
- The model's seal (`thoughtSignature`) is on calls and texts rather than on thoughts, and has to come
  back on the same part; Gemini 3 refuses a step whose first call has none.
- Calls have ids since Gemini 3 only. Ids made here begin with `call_tidegate_` and stay here.
- Tokens: cached ones are inside the prompt, tool use and thoughts beside prompt and candidates.
- An error may come where an answer is expected: in a 200, and bare (without `data:`) after events.

The files: `wire` has the structs of both directions; `request` (with `contents`, `tools`,
`schema`, `thinking`) writes what a provider is asked; `answer` (with `tokens`, `sources`,
`partial`) reads what it answers; `error` its errors; `count` asks for a prompt's tokens.
"""

from collections.abc import Mapping
from typing import Any

from tidegate.protocols.contract import Call, ParsedRequest, Reader, Target
from tidegate.protocols.errors import ProviderError
from tidegate.protocols.turn import Turn

from .answer import GeminiReader
from .count import parse_count, render_count
from .dialect import GeminiDialect
from .error import parse_error
from .request import CARRIES, GeminiCall, render_request

__all__ = ["PROTOCOL", "GeminiDialect"]


class GeminiProtocol:
    """See `Protocol`."""

    name = "gemini"
    dialect: type[Any] = GeminiDialect
    forwarded_headers: frozenset[str] = frozenset()
    carries = CARRIES

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

    def render_count(self, request: ParsedRequest, target: Target) -> Call | None:
        """See Protocol."""
        return render_count(request, target)

    def parse_count(self, body: bytes) -> int:
        """See Protocol."""
        return parse_count(body)


PROTOCOL = GeminiProtocol()
