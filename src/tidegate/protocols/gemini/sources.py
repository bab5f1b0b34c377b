"""Where an answer's words come from: grounding and recitation, as `CitationAdded`.

Google counts in bytes of the answer's UTF-8 text, everybody else in characters, so citations are
made when the text is whole. Search results also come whole, in Google's own form, because a
client has to show some of it (`searchEntryPoint`).
"""

from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Raw

from tidegate.protocols.decode import MALFORMED
from tidegate.protocols.events import CitationAdded, Event, LeftOut
from tidegate.protocols.lenient import decode_leniently
from tidegate.protocols.offsets import Offsets

from .wire import Citation, GroundingMetadata, GroundingSupport

__all__ = ["Sources"]

_GROUNDING = msgspec.json.Decoder(GroundingMetadata)
_CITATION = msgspec.json.Decoder(Citation)
_SAYS_NOTHING = frozenset({b"", b"{}", b"null"})


class Sources:
    """What one choice says about its sources."""

    __slots__ = ("_citations", "_native", "_text")

    def __init__(self) -> None:
        self._text: list[str] = []
        self._citations: list[bytes] = []
        self._native: dict[tuple[str, bytes], None] = {}

    def add_text(self, text: str) -> None:
        """More of the answer's text."""
        self._text.append(text)

    def add_citations(self, citations: Iterable[Raw] | None) -> None:
        """Texts that the answer recites."""
        self._citations += [_compact(citation) for citation in citations or ()]

    def add_native(self, name: str, metadata: Raw) -> None:
        """A candidate's `groundingMetadata` or `urlContextMetadata`. Repeated ones count once."""
        told = _compact(metadata)
        if told not in _SAYS_NOTHING:
            self._native[name, told] = None

    def searches(self) -> int:
        """How many web searches there were."""
        queries: set[str] = set()
        for name, told in self._native:
            if name == "groundingMetadata":
                queries.update(_grounding(told, []).web_search_queries or ())
        return len(queries)

    def events(self, choice: int) -> list[Event]:
        """All citations, once; what of Google's forms is not known is left out, and told as it is."""
        if not self._citations and not self._native:
            return []
        place = Offsets("".join(self._text))
        left_out: list[Event] = []
        found = [self._recited(told, place, choice, left_out) for told in self._citations]
        for name, told in self._native:
            if name == "groundingMetadata":
                found += _grounded(_grounding(told, left_out), place, choice)
            whole = Raw(b'{"' + name.encode() + b'":' + told + b"}")
            found.append(CitationAdded(native=whole, choice=choice))
        return [*left_out, *(_once(found) if len(self._native) > 1 else found)]

    def _recited(self, told: bytes, place: Offsets, choice: int, left_out: list[Event]) -> CitationAdded:
        try:
            citation = decode_leniently(_CITATION, told, left_out)
        except MALFORMED:
            return CitationAdded(native=Raw(told), choice=choice)
        start, end = _characters(place, citation.start_index, citation.end_index)
        return CitationAdded(
            url=citation.uri,
            title=citation.title,
            start=start,
            end=end,
            native=Raw(told),
            choice=choice,
        )


def _grounding(told: bytes, left_out: list[Event]) -> GroundingMetadata:
    """Grounding as far as it can be read; the whole of it is told in its own form in any case."""
    try:
        return decode_leniently(_GROUNDING, told, left_out)
    except MALFORMED:
        left_out.append(LeftOut("groundingMetadata"))
        return GroundingMetadata()


def _once(found: list[CitationAdded]) -> list[CitationAdded]:
    """Citations without those that repeat another. What is in its own form was compared when it came."""
    seen = {(one.url, one.title, one.start, one.end): one for one in reversed(found) if one.native is None}
    return [
        one for one in found if one.native is not None or one is seen[one.url, one.title, one.start, one.end]
    ]


def _characters(place: Offsets, start: int, end: int | None) -> tuple[int | None, int | None]:
    """Places in characters; neither where the piece is not in the text (a text that was blocked half-way)."""
    if end is None or not 0 <= start <= end <= place.size:
        return None, None
    return place.character_of(start), place.character_of(end)


def _compact(told: Raw) -> bytes:
    """On one line, as it may have to go into an event."""
    return msgspec.json.format(bytes(told), indent=-1)


def _grounded(metadata: GroundingMetadata, place: Offsets, choice: int) -> Iterator[CitationAdded]:
    """One citation for each page and each piece of text that rests on it; pages without one once."""
    cited = set()
    for support in metadata.grounding_supports or ():
        for index in support.grounding_chunk_indices or ():
            citation = _cite(metadata, index, support, place, choice)
            if citation is not None:
                cited.add(index)
                yield citation
    for index in range(len(metadata.grounding_chunks or ())):
        if index not in cited:
            citation = _cite(metadata, index, None, place, choice)
            if citation is not None:
                yield citation


def _cite(
    metadata: GroundingMetadata, index: int, support: GroundingSupport | None, place: Offsets, choice: int
) -> CitationAdded | None:
    chunks = metadata.grounding_chunks or []
    if not 0 <= index < len(chunks):
        return None
    chunk = chunks[index]
    source = chunk.web or chunk.maps or chunk.retrieved_context
    if source is None or source.uri is None:
        return None  # it is in the whole metadata, and has no address to point to
    segment = support.segment if support else None
    start = end = None
    if segment is not None and not segment.part_index:
        start, end = _characters(place, segment.start_index, segment.end_index)
    return CitationAdded(url=source.uri, title=source.title, start=start, end=end, choice=choice)
