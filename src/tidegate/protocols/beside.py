"""What stands beside an answer's text, checked before anybody writes it.

Citations, log probabilities, blocks of a provider's own, token counts and times come from providers in
whatever form; a writer may rely on the form that `events.py` documents. What has another form is
left out by itself, and named: the text, which has been paid for, arrives.
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Raw, Struct, structs
from msgspec.json import Decoder

from .decode import MALFORMED, require_json
from .events import AudioDelta, CitationAdded, Event, LogprobsDelta, NativeBlock, Started, UsageReported

__all__ = ["BESIDE", "MOST_LEFT_OUT", "as_documented"]

MOST_LEFT_OUT = 20
"""Names that are kept of what was left out of one answer."""
LATEST = 253_402_300_799
"""The last second of the year 9999, in seconds since the epoch."""
MOST_TOKENS = 2**53 - 1
"""More than that is no count: JSON's numbers are exact up to here."""


class Token(Struct, gc=False):
    """What all dialects read of an entry of `logprobs.content`."""

    token: str
    logprob: float
    bytes: list[int] | None = None
    top_logprobs: "list[Token] | None" = None


class Audio(Struct, gc=False):
    """What is read of OpenAI's audio object."""

    id: str | None = None
    data: str | None = None
    transcript: str | None = None
    media_type: str | None = None


_TOKENS = Decoder(list[Token]).decode
_AUDIO = Decoder(Audio).decode
_OBJECT = Decoder(dict[str, Raw]).decode


def _check_started(event: Started) -> Event:
    if event.created is None or 0 <= event.created <= LATEST:
        return event
    return structs.replace(event, created=None)


def _check_usage(event: UsageReported) -> Event:
    counts = structs.asdict(event.usage)
    wrong = [name for name, count in counts.items() if count is not None and not 0 <= count <= MOST_TOKENS]
    if not wrong:
        return event
    return UsageReported(structs.replace(event.usage, **dict.fromkeys(wrong)))


def _check_logprobs(event: LogprobsDelta) -> Event:
    _TOKENS(event.content)
    require_json(bytes(event.content))
    return event


def _check_audio(event: AudioDelta) -> Event:
    _AUDIO(event.audio)
    require_json(bytes(event.audio))
    return event


def _check_block(event: NativeBlock) -> Event:
    _OBJECT(event.block)
    require_json(bytes(event.block))
    return event


def _check_citation(event: CitationAdded) -> Event:
    """A citation in its own form only is left out whole; of others that form is."""
    try:
        if event.native is not None:
            _OBJECT(event.native)
            require_json(bytes(event.native))
    except MALFORMED:
        if event.url is None and event.title is None and event.quote is None:
            raise
        event = structs.replace(event, native=None)
    places = (event.start, event.end)
    if any(place is not None and not 0 <= place <= MOST_TOKENS for place in places):
        event = structs.replace(event, start=None, end=None)
    return event


BESIDE: Mapping[type, tuple[str, Callable[[Any], Event]]] = {
    Started: ("created", _check_started),
    UsageReported: ("usage", _check_usage),
    LogprobsDelta: ("logprobs", _check_logprobs),
    AudioDelta: ("audio", _check_audio),
    NativeBlock: ("native block", _check_block),
    CitationAdded: ("citation", _check_citation),
}
"""The events that say what stands beside the text: under which name they are left out, and their check."""


def as_documented(event: Event) -> Event | None:
    """An event of BESIDE as `events.py` documents it: the event itself where there is nothing wrong with
    it, one that says less, or None.
    """
    try:
        return BESIDE[type(event)][1](event)
    except MALFORMED:
        return None
