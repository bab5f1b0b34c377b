"""Checks for everything that accompanies an answer's text, before it is written.

Providers send citations, log probabilities, provider-specific blocks, token counts and times in many forms; a
writer may rely on the form that `events.py` documents. Anything in another form is left out individually and
reported by name, so that the text, which has been paid for, still arrives.
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import DecodeError, Raw, Struct, structs
from msgspec.json import Decoder

from .decode import MALFORMED, require_json
from .events import AudioDelta, CitationAdded, Event, LogprobsDelta, NativeBlock, Started, UsageReported
from .usage import MOST_TOKENS

__all__ = ["BESIDE", "MOST_LEFT_OUT", "as_documented", "parse_audio"]

MOST_LEFT_OUT = 20
"""The most names kept of what was left out of one answer."""
LATEST = 253_402_300_799
"""The last second of the year 9999, in seconds since the epoch."""


class Token(Struct, gc=False):
    """The fields of an entry of `logprobs.content` that every dialect reads."""

    token: str
    logprob: float
    bytes: list[int] | None = None
    top_logprobs: "list[Token] | None" = None


class Audio(Struct, gc=False):
    """The fields of OpenAI's audio object that are read."""

    id: str | None = None
    data: str | None = None
    transcript: str | None = None
    media_type: str | None = None


_TOKENS = Decoder(list[Token]).decode
parse_audio = Decoder(Audio).decode
_OBJECT = Decoder(dict[str, Raw]).decode


def _check_started(event: Started) -> Event:
    if event.created is None or 0 <= event.created <= LATEST:
        return event
    return structs.replace(event, created=None)


def _check_usage(event: UsageReported) -> Event:
    for count in structs.astuple(event.usage):
        if count and not 0 < count <= MOST_TOKENS:
            break
    else:
        return event
    counts = structs.asdict(event.usage)
    wrong = [name for name, count in counts.items() if count is not None and not 0 <= count <= MOST_TOKENS]
    return UsageReported(structs.replace(event.usage, **dict.fromkeys(wrong)))


def _check_logprobs(event: LogprobsDelta) -> Event:
    _TOKENS(event.content)
    require_json(bytes(event.content))
    return event


def _check_audio(event: AudioDelta) -> Event:
    parse_audio(event.audio)
    require_json(bytes(event.audio))
    return event


def _check_block(event: NativeBlock) -> Event:
    fields = _OBJECT(event.block)
    require_json(bytes(event.block))
    if all(bytes(value) in NOTHING for name, value in fields.items() if name != "type"):
        raise DecodeError("the block is empty")
    return event


NOTHING = (b"null", b'""', b"[]", b"{}", b"false")
"""Values that say nothing."""


def _check_citation(event: CitationAdded) -> Event:
    """Drop a citation that exists only in an unreadable provider form; remove that form from any other."""
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
"""The events that accompany the text: the name under which each is left out, and its check."""


def as_documented(event: Event) -> Event | None:
    """Check an event of BESIDE against the form that `events.py` documents. Returns the event itself if it is
    valid, a reduced one if only parts of it are, else None.
    """
    try:
        return BESIDE[type(event)][1](event)
    except MALFORMED:
        return None
