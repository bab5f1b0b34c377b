"""Token counting: OpenAI's `/responses/input_tokens`."""

from msgspec import Raw, Struct
from msgspec.json import Decoder

from tidegate.protocols.contract import Call, ParsedRequest, Target
from tidegate.protocols.decode import MALFORMED
from tidegate.protocols.errors import ProviderBroke
from tidegate.protocols.fields import ENCODE, FIELDS

from .dialect import Dialect
from .parse import Parsed
from .render import render_request
from .splice import splice_request

__all__ = ["parse_count", "render_count"]

COUNTED = frozenset(
    {
        "model",
        "input",
        "instructions",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "text",
        "reasoning",
        "truncation",
        "previous_response_id",
        "conversation",
    }
)
"""The fields of a request that the endpoint accepts; it rejects all others."""


class Counted(Struct):
    """The answer."""

    input_tokens: int


_COUNTED = Decoder(Counted)


def render_count(request: ParsedRequest, target: Target) -> Call | None:
    """Write the token count request; None if the service does not support it."""
    dialect: Dialect = target.dialect
    if not dialect.count_path:
        return None
    if isinstance(request, Parsed):
        call = splice_request(request, target)
    else:
        call = render_request(request.turn(), target)
    fields: dict[str, Raw] = FIELDS.decode(call.body)
    body = ENCODE({name: raw for name, raw in fields.items() if name in COUNTED})
    return Call(dialect.count_path, body, stream=False)


def parse_count(body: bytes) -> int:
    """Read the token count. Raises ProviderBroke."""
    try:
        return _COUNTED.decode(body).input_tokens
    except MALFORMED as error:
        raise ProviderBroke(f"the provider's token count cannot be read: {error}") from error
