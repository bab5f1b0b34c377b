"""AWS Bedrock's Converse: one form for the models of many makers.

The theory of the format:

- Users and assistants take turns; contents are lists of blocks of one field each (`text`, `image`,
  `toolUse`, `toolResult`, `reasoningContent`). Model and method are in the path.
- A conversation that holds calls needs `toolConfig`, and there is no way to forbid calls but to leave it
  out: such a conversation is told as text.
- What only some models know goes into `additionalModelRequestFields`, in their makers' own words; the
  dialect's table of vendors says which. Claude's thinking, its rules and its signatures are Anthropic's.
- Media are bytes, or lie in AWS's own store.
- A stream is binary: frames with checksums, each an event of JSON. An exception is a frame too.
- Tokens: cache reads and writes are beside the input; thinking is inside the output.

The files: `request` (with `messages`, `media`, `tools`, `thinking`) writes what a provider is asked;
`eventstream` cuts the frames; `answer` (with `tokens`) reads what it answers; `error` its errors;
`wire` has the structs of answers.
"""

from collections.abc import Mapping
from typing import Any

from tidegate.protocols.contract import Call, Outcome, ParsedRequest, Reader, Target
from tidegate.protocols.errors import ProviderBroke, ProviderError
from tidegate.protocols.turn import Turn

from .dialect import FORMAT, BedrockDialect
from .error import parse_error
from .reader import BedrockReader
from .render import CARRIES, BedrockCall, render_request

__all__ = ["PROTOCOL", "BedrockDialect"]


class BedrockProtocol:
    """The provider's half of `Protocol`: nobody comes in by this dialect."""

    name = FORMAT
    dialect: type[Any] = BedrockDialect
    forwarded_headers: frozenset[str] = frozenset()
    carries: Mapping[str, Outcome] = CARRIES

    def render_request(self, turn: Turn, target: Target) -> Call:
        """See Protocol."""
        return render_request(turn, target)

    def reader(self, call: Call, target: Target) -> Reader:
        """See Protocol."""
        signature_format = target.dialect.vendor_of(target.model).signature_format
        if isinstance(call, BedrockCall):
            return BedrockReader(signature_format, call.custom_tools, call.answer_tool)
        return BedrockReader(signature_format)

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """See Protocol."""
        return parse_error(status, headers, body)

    def render_count(self, request: ParsedRequest, target: Target) -> Call | None:
        """See Protocol. Bedrock counts for some of Claude's models only."""
        return None

    def parse_count(self, body: bytes) -> int:
        """See Protocol. Nothing is ever asked that this could be the answer to."""
        raise ProviderBroke("this provider does not count prompts")


PROTOCOL = BedrockProtocol()
