"""Log probabilities: in this format they are part of the text deltas."""

from collections.abc import Sequence

from msgspec import DecodeError, Raw, Struct
from msgspec.json import Decoder

from tidegate.protocols.events import Event, LogprobsDelta, TextDelta

__all__ = ["TokenOut", "pair_logprobs", "render_logprobs"]


class TopToken(Struct):
    """One of the most likely tokens."""

    token: str
    logprob: float
    bytes: list[int] | None = None


class TokenOut(Struct):
    """A token of the text. `bytes` is required here, and null in chat for partial characters."""

    token: str
    logprob: float
    bytes: list[int] | None = None
    top_logprobs: list[TopToken] = []


_TOKENS = Decoder(list[TokenOut])


def render_logprobs(content: Raw) -> list[TokenOut]:
    """Convert chat's `logprobs.content` to this format. A value of another form yields an empty list."""
    try:
        tokens = _TOKENS.decode(content)
    except DecodeError:
        return []
    for token in tokens:
        for top in token.top_logprobs:
            top.bytes = _bytes_of(top.token) if top.bytes is None else top.bytes
        token.bytes = _bytes_of(token.token) if token.bytes is None else token.bytes
    return tokens


def _bytes_of(token: str) -> list[int]:
    return list(token.encode("utf-8", "replace"))


def pair_logprobs(events: Sequence[Event]) -> Sequence[Event]:
    """Move log probabilities before the text that they belong to; chat sends them after it."""
    if not any(type(event) is LogprobsDelta for event in events):
        return events
    paired: list[Event] = []
    for event in events:
        if type(event) is LogprobsDelta and paired and type(paired[-1]) is TextDelta:
            paired.insert(-1, event)
        else:
            paired.append(event)
    return paired
