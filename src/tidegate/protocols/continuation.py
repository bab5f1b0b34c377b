"""Carrying on an answer whose stream broke: what was delivered, and how the rest is joined to it.

A door's format that can go on in the middle of a stream has a method `resume(request, delivered)`. It reads
what the client has received, in the client's own dialect, and returns a `Delivered`: the text so far, and
writers that go on in the same message. Who wrote the beginning does not matter: bytes passed on as they were
and translated ones are read alike.

Only texts are carried on. The rest is asked for with the text as the beginning of the answer
(`Turn.continues`), and a `Rest` joins it so that the client's text is exact: nothing is repeated, and nothing
is lost.
"""

from collections.abc import Callable, Sequence

from msgspec import Struct, structs

from .contract import ParsedRequest, Tally, Writer
from .errors import TidegateError
from .events import (
    AudioDelta,
    CitationAdded,
    Event,
    Failed,
    Finished,
    ImageAdded,
    NativeBlock,
    ReasoningDelta,
    ReasoningEncrypted,
    ReasoningSigned,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from .profile import PLAIN, Profile
from .surrogates import Surrogates, has_halves
from .turn import Message, ReasoningControl, Text, Turn

__all__ = [
    "CannotContinue",
    "Delivered",
    "Joint",
    "Rest",
    "RestWriter",
    "delivered_text",
    "require_whole_characters",
    "tokens_of",
]

CHARS_PER_TOKEN = 4
"""Of text: the usual rule of thumb for English."""
LEAST_ECHO = 40
"""Characters of the beginning from which on its repetition is taken for an echo, of a service that is not
known to return it (see Joint)."""


class CannotContinue(Exception):
    """A stream cannot be carried on; the message says why."""


class Delivered(Struct, frozen=True):
    """The part of an answer that a client has received."""

    text: str
    writer: Callable[[str], Writer]
    """Creates a writer, for answers of this model, that goes on where the stream broke: with the same ids,
    the same open block, the next index. It must be given no `Started` if `started`."""
    started: bool = True
    """Whether the start of the answer has been delivered."""
    comments: bool = True
    """Whether clients of the dialect ignore comments between the events."""


# --- what was delivered ----------------------------------------------------------------------

UNSAFE: dict[type, str] = {
    ToolCallStarted: "it contains a tool call",
    ToolCallDelta: "it contains a tool call",
    RefusalDelta: "the model declined",
    ImageAdded: "it contains an image",
    AudioDelta: "it contains audio",
    NativeBlock: "it contains a block of the provider's own",
    Finished: "it had finished",
    Failed: "what was delivered cannot be read",
}
"""Events after which an answer is not carried on. What stands beside a text may precede the break: thinking
before it, citations, log probabilities."""

THINKING = (ReasoningDelta, ReasoningSigned, ReasoningEncrypted)


def delivered_text(events: Sequence[Event]) -> str:
    """Return the text of the events that were delivered. Raises CannotContinue if there is more to them than
    a text, or less: thinking that no text follows would have to be carried on itself.
    """
    text: list[str] = []
    thinks = False
    for event in events:
        kind = type(event)
        if kind in UNSAFE:
            raise CannotContinue(UNSAFE[kind])
        if kind in THINKING:
            thinks = True
        elif type(event) is TextDelta:
            if event.choice:
                raise CannotContinue("it has several choices")
            thinks = thinks and not event.text
            text.append(event.text)
    if thinks:
        raise CannotContinue("the model was thinking")
    return "".join(text)


def require_whole_characters(delivered: bytes) -> None:
    """Raise CannotContinue if the client has half a character, which only the provider that broke could
    complete.
    """
    if has_halves(delivered):
        halves = Surrogates()
        for line in delivered.splitlines():
            halves.join(line)
        if halves.waits:
            raise CannotContinue("it ends within a character")


def tokens_of(text: str) -> int:
    """Return an estimate of the tokens of a text."""
    return len(text) // CHARS_PER_TOKEN


# --- the rest --------------------------------------------------------------------------------


class Rest:
    """The rest of an answer: what to ask for, and an AnswerDialect that writes it into the open stream.

    The beginning is sent without the white space at its end: Anthropic and others refuse it there, and models
    continue better without it.
    """

    __slots__ = ("_beginning", "_delivered", "_turn", "_writer", "echoed")

    def __init__(self, delivered: Delivered, turn: Turn) -> None:
        """Raises CannotContinue if the request is of a kind whose answers are not carried on."""
        self._delivered = delivered
        self._turn = turn
        self._beginning = delivered.text.rstrip()
        self._writer: RestWriter | None = None
        self.echoed = False
        """Whether the service to be asked returns the beginning with the rest."""
        if (turn.n or 1) > 1:
            raise CannotContinue("the request asks for several choices")
        if self._beginning and turn.output is not None:
            raise CannotContinue("the request asks for structured output")
        if self._beginning and turn.messages and turn.messages[-1].role == "assistant":
            raise CannotContinue("the request itself begins the answer")

    @property
    def text(self) -> str:
        """The text that the client has."""
        return self._delivered.text

    def abort(self, error: TidegateError) -> bytes:
        """Return the end of the stream if nothing carries it on."""
        return self._delivered.writer("").abort(error)

    def mark(self, name: str) -> bytes:
        """Return what tells a client who goes on: a comment, if the dialect's clients ignore those."""
        return b": tidegate: continued by " + name.encode() + b"\n\n" if self._delivered.comments else b""

    def turn(self, profile: Profile) -> Turn:
        """Return the request for the rest: the client's, with the beginning of the answer as last message.

        Before any text was written, it is the client's own request. Afterwards the model must not think
        again, and has fewer tokens left, by an estimate.
        """
        turn = self._turn
        if not self._beginning:
            return turn
        message = Message("assistant", (Text(self._beginning),))
        left = None if turn.max_tokens is None else max(turn.max_tokens - tokens_of(self._beginning), 1)
        turn = structs.replace(turn, messages=(*turn.messages, message), max_tokens=left, continues=True)
        asked = turn.reasoning is not None or "thinking" in turn.extensions
        thinks = profile is not PLAIN and profile.thinking != "none"
        if not (asked or thinks) or not profile.thinking_off:
            return turn
        return structs.replace(turn, reasoning=ReasoningControl(effort="none"))

    def writer(self, request: ParsedRequest, model: str) -> Writer:
        """Create the writer of the rest (see contract.AnswerDialect)."""
        trailing = self._delivered.text[len(self._beginning) :]
        joint = Joint(self._beginning, trailing, echoed=self.echoed) if self.text else None
        self._writer = RestWriter(self._delivered, joint, model, thinks=not self._beginning)
        return self._writer

    def report_to(self, tally: Tally) -> None:
        """Name in this tally what the writer created last leaves out."""
        assert self._writer is not None
        self._writer.leave_out = tally.leave_out


class RestWriter(Writer):
    """Writes the rest of an answer (see contract.Writer)."""

    __slots__ = ("_joint", "_offset", "_started", "_thinks", "_writer")

    def __init__(self, delivered: Delivered, joint: "Joint | None", model: str, *, thinks: bool) -> None:
        self._writer = delivered.writer(model)
        self._started = delivered.started
        self._joint = joint
        """None once the texts are joined."""
        self._offset = len(delivered.text)
        """The place of the rest's first character in the client's text."""
        self._thinks = thinks
        """Whether thinking is written: after a text it has no place, and a client could not send it back."""

    @property
    def leave_out(self) -> Callable[[str], None]:
        """See contract.Writer."""
        return self._writer.leave_out

    @leave_out.setter
    def leave_out(self, leave_out: Callable[[str], None]) -> None:
        self._writer.leave_out = leave_out

    def write(self, events: Sequence[Event]) -> bytes:
        """See contract.Writer."""
        kept: list[Event] = []
        for event in events:
            kind = type(event)
            if kind is Started and self._started:
                continue
            if kind in THINKING and not self._thinks:
                self.leave_out("reasoning")
            elif self._joint is not None and kind in JOINED:
                kept += self._join(event)
            elif kind is CitationAdded and self._offset:
                kept += self._moved(event)  # type: ignore[arg-type]
            else:
                kept.append(event)
        return self._writer.write(kept) if kept else b""

    def close(self) -> bytes:
        """See contract.Writer."""
        held = self._release()
        return (self._writer.write(held) if held else b"") + self._writer.close()

    def abort(self, error: TidegateError) -> bytes:
        """See contract.Writer. What is held back is not written: the answer is broken again."""
        return self._writer.abort(error)

    def _join(self, event: Event) -> list[Event]:
        """Return an event of the rest's beginning as it is written: a text without what was delivered, any
        other behind the text that was held back.
        """
        joint = self._joint
        if type(event) is not TextDelta or joint is None:
            return [*self._release(), event]
        text = joint.add(event.text)
        if not joint.waits:
            self._joint = None
            self._offset -= joint.removed
        return [structs.replace(event, text=text)] if text or event.signature is not None else []

    def _release(self) -> list[Event]:
        """Return the text that was held back."""
        joint, self._joint = self._joint, None
        if joint is None:
            return []
        text = joint.close()
        self._offset -= joint.removed
        return [TextDelta(text)] if text else []

    def _moved(self, cited: CitationAdded) -> list[Event]:
        """Return a citation with its place in the client's text. One that only the provider's own form tells
        is left out: its places are those of the rest.
        """
        if cited.start is None and cited.end is None:
            if cited.url is None and cited.native is not None:
                self.leave_out("citations")
                return []
            return [cited]
        start, end = (None if at is None else at + self._offset for at in (cited.start, cited.end))
        return [structs.replace(cited, start=start, end=end, native=None)]


JOINED = frozenset((TextDelta, *UNSAFE))
"""Events that end the beginning of the rest, or belong to it."""


class Joint:
    """Joins the rest of a text to its beginning: removes from the rest what the client has already.

    That is the beginning itself, where a provider repeats it (Mistral returns the whole message), and the
    white space that was delivered but not sent. Nothing else is removed: a text that merely begins like its
    beginning is kept, and so is a short one that is repeated by a service that is not known for it.
    """

    __slots__ = ("_beginning", "_held", "_trailing", "removed", "waits")

    def __init__(self, beginning: str, trailing: str, *, echoed: bool = False) -> None:
        """`trailing`: the white space that was delivered behind the beginning."""
        self._beginning = beginning if echoed or len(beginning) >= LEAST_ECHO else ""
        self._trailing = trailing
        self._held = ""
        self.removed = 0
        """Characters that were removed from the rest."""
        self.waits = True
        """Whether it is not known yet where the new text begins."""

    def add(self, text: str) -> str:
        """Return the part of the text so far that is new; "" while that is unknown."""
        self._held += text
        if self._beginning:
            if len(self._held) < len(self._beginning) and self._beginning.startswith(self._held):
                return ""
            self._remove(len(self._beginning) if self._held.startswith(self._beginning) else 0)
            self._beginning = ""
        rest = self._held.lstrip()
        blank = self._held[: len(self._held) - len(rest)]
        if not rest and len(blank) < len(self._trailing) and self._trailing.startswith(blank):
            return ""
        return self._new(blank)

    def close(self) -> str:
        """Return the text that was held back, at the end of the rest."""
        return self._new("" if self._held.strip() else self._held)

    def _new(self, blank: str) -> str:
        """Return what is new of the text that was held back, which begins with this white space."""
        self.waits = False
        self._remove(_shared(blank, self._trailing))
        return self._held

    def _remove(self, count: int) -> None:
        self._held = self._held[count:]
        self.removed += count


def _shared(one: str, other: str) -> int:
    """Return the number of characters with which both begin."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))
