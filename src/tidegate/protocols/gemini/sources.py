"""Conversion of grounding and recitation metadata to `CitationAdded`.

Google's offsets are bytes of the answer's UTF-8 text, all other formats use characters, so citations are
emitted when the text is complete. Search results are also emitted unchanged in Google's own form, because a
client must display parts of it (`searchEntryPoint`).
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
_EMPTY = frozenset({b"", b"{}", b"null"})


class Sources:
    """The sources of one choice."""

    __slots__ = ("_citations", "_native", "_text")

    def __init__(self) -> None:
        self._text: list[str] = []
        self._citations: list[bytes] = []
        self._native: dict[tuple[str, bytes], None] = {}

    def add_text(self, text: str) -> None:
        """Add text of the answer."""
        self._text.append(text)

    def add_citations(self, citations: Iterable[Raw] | None) -> None:
        """Add the citations of recited texts."""
        self._citations += [_compact(citation) for citation in citations or ()]

    def add_native(self, name: str, metadata: Raw) -> None:
        """Add a candidate's `groundingMetadata` or `urlContextMetadata`. Repeated ones count once."""
        compact = _compact(metadata)
        if compact not in _EMPTY:
            self._native[name, compact] = None

    def searches(self) -> int:
        """Return the number of web searches."""
        queries: set[str] = set()
        for name, metadata in self._native:
            if name == "groundingMetadata":
                queries.update(_grounding(metadata, []).web_search_queries or ())
        return len(queries)

    def events(self, choice: int) -> list[Event]:
        """Return all citations, without duplicates; unknown parts of Google's forms are left out of them but
        stay in the native form.
        """
        if not self._citations and not self._native:
            return []
        place = Offsets("".join(self._text))
        left_out: list[Event] = []
        found = [self._recited(data, place, choice, left_out) for data in self._citations]
        for name, data in self._native:
            if name == "groundingMetadata":
                found += _grounded(_grounding(data, left_out), place, choice)
            whole = Raw(b'{"' + name.encode() + b'":' + data + b"}")
            found.append(CitationAdded(native=whole, choice=choice))
        return [*left_out, *(_once(found) if len(self._native) > 1 else found)]

    def _recited(self, data: bytes, place: Offsets, choice: int, left_out: list[Event]) -> CitationAdded:
        try:
            citation = decode_leniently(_CITATION, data, left_out)
        except MALFORMED:
            return CitationAdded(native=Raw(data), choice=choice)
        start, end = _characters(place, citation.start_index, citation.end_index)
        return CitationAdded(
            url=citation.uri,
            title=citation.title,
            start=start,
            end=end,
            native=Raw(data),
            choice=choice,
        )


def _grounding(data: bytes, left_out: list[Event]) -> GroundingMetadata:
    """Return the parts of the grounding that can be read; the native form is emitted in any case."""
    try:
        return decode_leniently(_GROUNDING, data, left_out)
    except MALFORMED:
        left_out.append(LeftOut("groundingMetadata"))
        return GroundingMetadata()


def _once(found: list[CitationAdded]) -> list[CitationAdded]:
    """Return citations without duplicates. Native forms have been compared before."""
    seen = {(one.url, one.title, one.start, one.end): one for one in reversed(found) if one.native is None}
    return [
        one for one in found if one.native is not None or one is seen[one.url, one.title, one.start, one.end]
    ]


def _characters(place: Offsets, start: int, end: int | None) -> tuple[int | None, int | None]:
    """Convert offsets to characters; None for a range that is not in the text (if it was blocked)."""
    if end is None or not 0 <= start <= end <= place.size:
        return None, None
    return place.character_of(start), place.character_of(end)


def _compact(raw: Raw) -> bytes:
    """Return the JSON on one line, as events require."""
    return msgspec.json.format(bytes(raw), indent=-1)


def _grounded(metadata: GroundingMetadata, place: Offsets, choice: int) -> Iterator[CitationAdded]:
    """Return one citation per page and supported piece of text; pages without one are returned once."""
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
        return None  # it is in the native form, and has no URL to link to
    segment = support.segment if support else None
    start = end = None
    if segment is not None and not segment.part_index:
        start, end = _characters(place, segment.start_index, segment.end_index)
    return CitationAdded(url=source.uri, title=source.title, start=start, end=end, choice=choice)
