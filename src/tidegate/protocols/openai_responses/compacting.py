"""Writes the answer to a request that ends with a `compaction_trigger`: the response has one item, the
conversation compacted. It holds the summary that the model was asked for (see summary.py).
"""

from collections.abc import Sequence

from tidegate.protocols.errors import ProviderBroke
from tidegate.protocols.events import Event, Finished, Started, TextDelta, UsageReported
from tidegate.protocols.ids import new_id

from .parse import Parsed
from .summary import NO_SUMMARY, summary_item
from .writer import ResponseWriter

__all__ = ["CompactingWriter"]


class CompactingWriter(ResponseWriter):
    """Writes a compaction (see contract.Writer); whatever else the model says is left out."""

    __slots__ = ("_id", "_index", "_text")

    def __init__(self, parsed: Parsed, model: str) -> None:
        super().__init__(parsed, model)
        self._id = new_id("cmp_")
        self._index: int | None = None
        """The item's; None before the summary begins."""
        self._text: list[str] = []

    def write(self, events: Sequence[Event]) -> bytes:
        """See contract.Writer."""
        for event in events:
            if isinstance(event, TextDelta):
                self._add(event.text)
            elif isinstance(event, Started | UsageReported | Finished):
                self._WRITES[type(event)](self, event)
        return self._take_out()

    def close(self) -> bytes:
        """See contract.Writer. Raises ProviderBroke where there is no summary: nothing would be left."""
        summary = "".join(self._text).strip()
        declined = self._finished is not None and self._finished.reason == "content_filter"
        if declined or not summary or self._index is None:
            raise ProviderBroke(NO_SUMMARY)
        self._close_item(self._index, summary_item(self._id, summary))
        return super().close()

    def _add(self, text: str) -> None:
        """More of the summary. The client learns that there is more, and not what."""
        self._text.append(text)
        if self._index is None:
            self._index = self._take_index()
            empty = {"id": self._id, "type": "compaction", "encrypted_content": ""}
            self._open_item(self._index, empty)
        place = {"item_id": self._id, "output_index": self._index}
        self._emit("response.compaction.compacting", **place)
