"""Thinking that is part of the text, between `<think>` and `</think>` at its beginning."""

from typing import Literal

__all__ = ["InlineThinking"]

OPEN, CLOSE = "<think>", "</think>"


class InlineThinking:
    """Separates thinking from text, however they are cut into pieces."""

    __slots__ = ("_blank", "_place", "_rest")

    def __init__(self) -> None:
        self._place: Literal["start", "inside", "after", "text"] = "start"
        """The position: before it is known whether there is thinking; inside it; right after it; in the text.
       """
        self._blank: list[str] = []
        """Blank pieces at the start, which belong to the text if no thinking follows."""
        self._rest = ""
        """Text that may be the beginning of a tag."""

    def feed(self, piece: str) -> tuple[str, str]:
        """Return the thinking and the text that this piece completes."""
        if self._place == "text":
            return "", piece
        text, self._rest = self._rest + piece, ""
        return self._begin(text) if self._place == "start" else self._go_on(text)

    def close(self) -> tuple[str, str]:
        """Return what was held back."""
        rest, self._rest = "".join(self._blank) + self._rest, ""
        self._blank.clear()
        return (rest, "") if self._place == "inside" else ("", rest)

    def _begin(self, text: str) -> tuple[str, str]:
        begun = text.lstrip()
        self._blank.append(text[: len(text) - len(begun)])
        if OPEN.startswith(begun) and begun != OPEN:
            self._rest = begun
            return "", ""
        blank = "".join(self._blank)
        self._blank.clear()
        if begun.startswith(OPEN):
            self._place = "inside"
            return self._go_on(begun.removeprefix(OPEN))
        self._place = "text"
        return "", blank + begun

    def _go_on(self, piece: str) -> tuple[str, str]:
        if self._place == "after":
            return "", self._after_thinking(piece)
        thinking, tag, text = piece.partition(CLOSE)
        if tag:
            self._place = "after"
            return thinking, self._after_thinking(text)
        held = next((size for size in range(len(CLOSE) - 1, 0, -1) if piece.endswith(CLOSE[:size])), 0)
        self._rest = piece[len(piece) - held :]
        return piece[: len(piece) - held], ""

    def _after_thinking(self, piece: str) -> str:
        """Return the text after the thinking, without the blank lines in between."""
        text = piece.lstrip("\n")
        if text:
            self._place = "text"
        return text
