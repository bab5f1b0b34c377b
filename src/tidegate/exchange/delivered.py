"""How much of an answer was delivered, for answers whose usage nobody reports."""

from tidegate.protocols.continuation import tokens_of
from tidegate.protocols.contract import Call, Target
from tidegate.protocols.events import Event, ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta
from tidegate.protocols.profile import Profile

from .attempt import Attempt
from .state import Exchange

__all__ = ["delivered_by", "delivered_since"]

BYTES_PER_EVENT = 200
"""About the size of an event, most of which hold one token: for streams that cannot be read back."""
BYTES_PER_TOKEN = 4
"""The same for plain answers."""


def delivered_tokens(this: Exchange) -> int:
    """An estimate of the tokens that the client received, by the text of what was delivered."""
    text = delivered_text(this)
    if text is not None:
        return tokens_of(text)
    return this.transcript.size // (BYTES_PER_EVENT if this.stream else BYTES_PER_TOKEN)


def delivered_by(this: Exchange, attempt: Attempt) -> int:
    """An estimate of the tokens that the client received of one attempt, which may be one part of a stream
    that was carried on.
    """
    for segment in this.segments:
        if segment.attempt is attempt:
            return segment.tokens
    return delivered_since(this) if attempt is this.attempt else 0


def delivered_since(this: Exchange) -> int:
    """An estimate of the tokens since the stream was last carried on, or since its beginning."""
    return max(delivered_tokens(this) - sum(segment.tokens for segment in this.segments), 0)


def delivered_text(this: Exchange) -> str | None:
    """All text, reasoning and arguments of tools in what was delivered; None if that cannot be read back."""
    body, protocol = this.transcript.body, this.door.protocol
    if body is None or not hasattr(protocol, "reader"):
        return None
    call = Call("", b"", this.stream is True)
    try:
        reader = protocol.reader(call, Target(this.model or "", protocol.dialect(), Profile()))
        events = [*reader.feed(body), *reader.close()]
    except Exception:  # noqa: BLE001 an estimate must not fail what is settled with it
        return None
    return "".join(map(text_of, events))


def text_of(event: Event) -> str:
    """The text of an event; empty for events without any."""
    if isinstance(event, TextDelta | ReasoningDelta | RefusalDelta):
        return event.text
    return event.arguments if isinstance(event, ToolCallDelta) else ""
