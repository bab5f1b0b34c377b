"""Citations for clients of the Gemini door.

Google's own citations are returned unchanged; citations of other providers become `groundingMetadata`, whose
offsets are bytes of the text.
"""

from typing import Any

import msgspec
from msgspec import Raw

from tidegate.protocols.events import CitationAdded
from tidegate.protocols.offsets import Offsets

from .wire import NOTHING

__all__ = ["Citations"]

_MEMBERS = msgspec.json.Decoder(dict[str, Raw])


class Citations:
    """The citations of one choice."""

    __slots__ = ("_added", "_native", "_recited", "_text")

    def __init__(self) -> None:
        self._text: list[str] = []
        self._added: list[CitationAdded] = []
        self._native: dict[str, Raw] = {}
        """Google's own `groundingMetadata` and `urlContextMetadata`."""
        self._recited: list[Raw] = []

    def add_text(self, text: str) -> None:
        """Add text of the answer."""
        self._text.append(text)

    def add(self, citation: CitationAdded) -> None:
        """Add a citation of any form."""
        native = _members(citation.native)
        for name in ("groundingMetadata", "urlContextMetadata"):
            if name in native:
                self._native[name] = native[name]
                return
        if citation.native is not None and "uri" in native:
            self._recited.append(citation.native)
        else:
            self._added.append(citation)

    def grounding(self) -> Raw:
        """Return the `groundingMetadata`; empty if there is none."""
        if "groundingMetadata" in self._native or not self._added:
            return self._native.get("groundingMetadata", NOTHING)
        numbers: dict[tuple[str | None, str | None, str | None], int] = {}
        chunks: list[dict[str, Any]] = []
        supports = []
        offsets = Offsets("".join(self._text))
        for citation in self._added:
            number = numbers.setdefault(_source(citation), len(chunks))
            if number == len(chunks):
                chunks.append(_chunk(citation))
            if citation.start is not None and citation.end is not None:
                start, end = offsets.byte_of(citation.start), offsets.byte_of(citation.end)
                piece = {"startIndex": start, "endIndex": end}
                supports.append({"segment": piece, "groundingChunkIndices": [number]})
        metadata = {"groundingChunks": chunks, **({"groundingSupports": supports} if supports else {})}
        return Raw(msgspec.json.encode(metadata))

    def recitation(self) -> Raw:
        """Return the `citationMetadata`; empty if there is none."""
        return Raw(msgspec.json.encode({"citationSources": self._recited})) if self._recited else NOTHING

    def url_context(self) -> Raw:
        """Return the `urlContextMetadata`; empty if there is none."""
        return self._native.get("urlContextMetadata", NOTHING)


def _chunk(citation: CitationAdded) -> dict[str, Any]:
    if citation.url is not None:
        source = {"uri": citation.url, "title": citation.title}
        return {"web": {name: value for name, value in source.items() if value is not None}}
    source = {"title": citation.title, "text": citation.quote}
    return {"retrievedContext": {name: value for name, value in source.items() if value is not None}}


def _source(citation: CitationAdded) -> tuple[str | None, str | None, str | None]:
    """Return the key that identifies a chunk."""
    return citation.url, citation.title, citation.quote if citation.url is None else None


def _members(native: Raw | None) -> dict[str, Raw]:
    try:
        return _MEMBERS.decode(native) if native is not None else {}
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
