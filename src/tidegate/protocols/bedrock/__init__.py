"""AWS Bedrock's Converse API: one format for the models of many vendors.

How the format works:

- User and assistant messages alternate; contents are lists of blocks with one field each (`text`, `image`,
  `toolUse`, `toolResult`, `reasoningContent`). Model and method are in the path.
- A conversation that contains tool calls requires `toolConfig`, and calls can only be disabled by omitting
  it: such a conversation is sent as text.
- Features of some models go into `additionalModelRequestFields`, in their vendors' formats; the dialect's
  table of vendors lists them. Claude's thinking, rules and signatures are Anthropic's.
- Media are bytes, or located in S3.
- A stream is binary: frames with checksums, each containing a JSON event. An exception is a frame too.
- Tokens: cache reads and writes are not included in the input; thinking is included in the output.

Modules: `render` (with `messages`, `media`, `tools`, `thinking`) writes requests; `eventstream` splits
frames; `reader` (with `usage`) reads answers; `error` reads errors; `wire` has the structs of answers.
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
    """The provider side of `Protocol`: clients cannot use this dialect."""

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
        raise ProviderBroke("this provider does not support token counting")


PROTOCOL = BedrockProtocol()
