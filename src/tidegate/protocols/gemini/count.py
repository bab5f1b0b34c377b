"""Token counting: `:countTokens`."""

import msgspec
from msgspec import Raw, Struct

from tidegate.protocols.contract import Call, ParsedRequest, Target
from tidegate.protocols.decode import MALFORMED
from tidegate.protocols.errors import ProviderBroke

from .render import render_body, render_path

__all__ = ["parse_count", "render_count"]


class Counted(Struct, frozen=True, rename="camel"):
    """The answer. Google omits values of 0."""

    total_tokens: int = 0


_COUNTED = msgspec.json.Decoder(Counted)


def render_count(request: ParsedRequest, target: Target) -> Call:
    """See Protocol."""
    body, dropped, _ = render_body(request.turn(), target)
    if target.dialect.count == "wrapped":
        model = "models/" + target.model.removeprefix("models/")
        whole = {"model": model, **msgspec.json.decode(body, type=dict[str, Raw])}
        body = msgspec.json.encode({"generateContentRequest": whole})
    return Call(path=render_path(target, method="countTokens"), body=body, stream=False, dropped=dropped)


def parse_count(body: bytes) -> int:
    """See Protocol."""
    try:
        return _COUNTED.decode(body).total_tokens
    except MALFORMED as error:
        raise ProviderBroke("the provider's token count cannot be read") from error
