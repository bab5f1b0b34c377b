"""The usual piece of a stream: the same bytes as the one before, around another text.

Most events of most streams go on with text, and differ in nothing else. What stands around the text, the
*frame*, is learned from an event that was read in full; the next ones are recognized by it, without decoding
them. Only plain texts are: printable characters without quotes and backslashes, which stand in JSON as they
are. Everything else is read in full, as without a frame.
"""

from collections.abc import Callable
from typing import Protocol as Interface

__all__ = ["FramedReader", "FramedWriter", "TextFrame", "around"]

UNUSED = 3
"""How many frames are learned one after another that no event had: then the events of this stream differ."""
PROBE = "a probe"
"""A text that an event is read with, to be sure of its frame."""


class FramedReader(Interface):
    """What a reader has in addition if frames of its events can be learned."""

    def text_of(self, data: bytes) -> str | None:
        """Return the text if, as things are, `feed` would return for these bytes a TextDelta of the first
        choice and nothing else, and for another text in its place, too; None otherwise. Changes nothing.
        """
        ...

    def skip_text(self, text: str) -> None:
        """Go on as after such a `feed`."""
        ...


class FramedWriter(Interface):
    """What a writer has in addition if frames of its events can be learned."""

    def around_text(self, text: str) -> tuple[bytes, bytes] | None:
        """Return the bytes before and after the text in what `write` would return, as things are, for a
        TextDelta of the first choice; None if more than the text depends on it. Changes nothing.
        """
        ...


def around(data: bytes, text: str) -> tuple[bytes, bytes] | None:
    """The bytes before and after a text that stands once in JSON as it is; None if it does not."""
    quoted = b'"' + text.encode("utf-8", "replace") + b'"'
    if not text or not _is_plain(text) or data.count(quoted) != 1:
        return None
    place = data.find(quoted) + 1
    return data[:place], data[place + len(quoted) - 2 :]


class TextFrame:
    """The frame of a stream's texts on the provider's side, and that with which they are passed on."""

    __slots__ = ("_after", "_before", "_size", "_unused", "_used", "closing", "opening", "unchanged")

    def __init__(self) -> None:
        self.unchanged = False
        """Whether the events are passed on as they are."""
        self._before = self._after = b""
        self.opening = self.closing = b""
        """The bytes before and after the text as it is passed on."""
        self._size = 0
        """Bytes before and after the text; 0 if no frame is known."""
        self._used = False
        self._unused = 0

    def text_in(self, data: bytes) -> str | None:
        """The text, if these bytes are an event with the known frame and a plain text; None for others."""
        size = self._size
        if not size:
            return None
        text = data.removeprefix(self._before).removesuffix(self._after)
        if len(text) + size != len(data) or not text:
            return None
        try:
            shown = text.decode()
        except UnicodeDecodeError:
            return None
        if not shown.isprintable() or '"' in shown or "\\" in shown:
            return None
        self._used = True
        return shown

    def forget(self) -> None:
        """Forget the frame: other events may follow than those that it was learned from."""
        self._size = 0

    def learn(
        self,
        data: bytes,
        read: Callable[[bytes], str | None],
        passed: Callable[[str], tuple[bytes, bytes] | None],
    ) -> None:
        """Learn the frame of an event. `read` has no effect, and returns the text of an event of one;
        `passed` returns the bytes around a text as it is passed on.
        """
        if self._unused >= UNUSED and not self._used:
            return
        text = read(data)
        found = around(data, text) if text is not None else None
        if text is None or found is None or (passing := passed(text)) is None:
            return
        self._unused = 1 if self._used else self._unused + 1
        self._used = False
        before, after = found
        if read(before + PROBE.encode() + after) == PROBE:
            self._before, self._after = found
            self.opening, self.closing = passing
            self._size = len(before) + len(after)
            self.unchanged = passing == found


def _is_plain(text: str) -> bool:
    return text.isprintable() and '"' not in text and "\\" not in text
