"""Cohere's chat API, version 2.

The theory of the format:

- Messages are like OpenAI's, with names and rules of its own: every tool result is a message, images
  are for user messages, what is said before calls is the message's `tool_plan`.
- An answer's content is a list of blocks, of text or of thinking; calls, plan and citations stand
  beside it. A stream builds the same object up: blocks begin, grow and end by their index.
- A failure may end an answer of status 200: its finish reason is then ERROR or TIMEOUT.
- Tokens: cached ones are inside the prompt, thinking is inside the output; what is billed is counted
  apart.

The files: `wire` has the structs of both directions; `request` (with `messages`, `tools`, `thinking`)
writes what a provider is asked; `answer` (with `tokens`) reads what it answers; `error` its errors.
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
    """The provider's half of `Protocol`: nobody comes in by this dialect."""

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
        raise ProviderBroke("this provider does not count prompts")


PROTOCOL = CohereProtocol()
