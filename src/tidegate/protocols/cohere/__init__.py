"""Cohere's chat API, version 2.

How the format works:

- Messages are like OpenAI's, with differences: every tool result is a message, only user messages may contain
  images, and the text before calls is the message's `tool_plan`.
- The content of an answer is a list of blocks, of text or of thinking; calls, plan and citations are separate
  fields. A stream builds the same object: blocks begin, grow and end by index.
- A failure may end an answer with status 200: its finish reason is then ERROR or TIMEOUT.
- Tokens: cached tokens are included in the prompt, thinking in the output; billed tokens are counted
  separately.

Modules: `wire` has the structs of both directions; `render` (with `messages`, `tools`, `thinking`) writes
requests; `reader` (with `usage`) reads answers; `error` reads errors.
"""

from collections.abc import Mapping
from typing import Any

from tidegate.protocols.contract import Call, Outcome, ParsedRequest, Reader, Target
from tidegate.protocols.errors import ProviderBroke, ProviderError
from tidegate.protocols.turn import Turn

from .dialect import CohereDialect
from .error import parse_error
from .reader import CohereReader
from .render import CARRIES, CohereCall, render_request

__all__ = ["PROTOCOL", "CohereDialect"]


class CohereProtocol:
    """The provider side of `Protocol`: clients cannot use this dialect."""

    name = "cohere"
    dialect: type[Any] = CohereDialect
    forwarded_headers: frozenset[str] = frozenset()
    carries: Mapping[str, Outcome] = CARRIES

    def render_request(self, turn: Turn, target: Target) -> Call:
        """See Protocol."""
        return render_request(turn, target)

    def reader(self, call: Call, target: Target) -> Reader:
        """See Protocol."""
        return CohereReader(call.custom_tools if isinstance(call, CohereCall) else frozenset())

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """See Protocol."""
        return parse_error(status, headers, body)

    def render_count(self, request: ParsedRequest, target: Target) -> Call | None:
        """See Protocol. Cohere counts texts, not conversations."""
        return None

    def parse_count(self, body: bytes) -> int:
        """See Protocol. Nothing is ever asked that this could be the answer to."""
        raise ProviderBroke("this provider does not support token counting")


PROTOCOL = CohereProtocol()
