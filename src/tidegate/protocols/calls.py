"""One assembly of tool calls, for readers and for the mending of streams.

A call of a stream comes in pieces, and services differ in what the pieces say: an index that all parallel
calls share, or that grows with every piece; ids that are missing, late, repeated, or new with every piece;
names that come late, in parts, or again and again. No field alone identifies a call, so four are weighed
together: the index, the id, the name, and whether the arguments so far are whole JSON.

A call begins for the client when its name is whole: with its first arguments, with the next call, or at the
end. A call without a name is none.
"""

import re
from collections import deque
from collections.abc import Iterable
from itertools import takewhile
from typing import Any

from msgspec import Struct

from .ids import new_id

__all__ = ["Assembly", "CallPiece", "CallUpdate", "OpenCall"]


class CallPiece(Struct, gc=False):
    """What one delta says about a call."""

    place: int | None
    """The provider's index; None where it gives none."""
    id: str = ""
    name: str = ""
    arguments: str = ""
    fields: dict[str, Any] | None = None
    """The piece's other fields, kept for the beginning of the call."""


class OpenCall:
    """One call, as far as it has come."""

    __slots__ = (
        "_cut",
        "_depth",
        "_in_string",
        "_said",
        "_scanned",
        "arguments",
        "begun",
        "fields",
        "id",
        "index",
        "may_repeat",
        "name",
        "native_id",
        "place",
        "waiting",
    )  # fmt: skip

    def __init__(self, place: int) -> None:
        self.place = place
        self.native_id = ""
        """The provider's first id; "" where there was none yet."""
        self.name = ""
        self.may_repeat = False
        """Whether it began with the name of a whole call alone: without arguments it was that call again."""
        self.fields: dict[str, Any] | None = None
        self.arguments: list[str] = []
        self.waiting: list[str] = []
        """Arguments that came before the name."""
        # for the client
        self.begun = False
        self.index = -1
        """Counts the calls of a choice from 0, in the order in which they begin."""
        self.id = ""
        # whether the arguments are whole
        self._scanned = 0
        self._depth = 0
        self._in_string = False
        self._said = False
        self._cut = ""
        """A backslash whose escape goes on in the next piece."""

    def add(self, text: str) -> None:
        """More arguments."""
        self.arguments.append(text)
        if not self.begun:
            self.waiting.append(text)

    def is_whole(self) -> bool:
        """Whether the arguments are a whole JSON object. Every piece is looked at once."""
        for text in self.arguments[self._scanned :]:
            self._said = self._said or not text.isspace()
            whole, self._cut = self._cut + text, ""
            for mark in _MARKS.finditer(whole):
                self._scan(mark[0])
        self._scanned = len(self.arguments)
        return self._said and self._depth == 0 and not self._in_string

    def _scan(self, mark: str) -> None:
        if mark == "\\":
            self._cut = mark
        elif mark == '"':
            self._in_string = not self._in_string
        elif not self._in_string:
            self._depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(mark, 0)


_MARKS = re.compile(r'\\.|[\\"{}\[\]]', re.DOTALL)


class CallUpdate(Struct, gc=False):
    """What a client is told of a call."""

    call: OpenCall
    begins: bool
    """Whether this is the first it hears of it."""
    arguments: str


MOST_PENDING = 64
"""Calls that may wait for their names; of more, the oldest are given up."""


class Assembly:
    """The calls of one choice of one answer."""

    __slots__ = ("_begun", "_by_id", "_by_id_there", "_ids", "_latest", "_pending", "_places", "calls")

    def __init__(self) -> None:
        self.calls: list[OpenCall] = []
        """All calls, those that have not begun included."""
        self._begun = 0
        self._ids: set[str] = set()
        """Ids that were given to calls."""
        self._places: dict[int, OpenCall] = {}
        """The latest call at each of the provider's indexes."""
        self._latest: OpenCall | None = None
        self._by_id: dict[str, OpenCall] = {}
        """The latest call of each of the provider's ids."""
        self._by_id_there: dict[tuple[str, int], OpenCall] = {}
        """The same at one index."""
        self._pending: deque[OpenCall] = deque(maxlen=MOST_PENDING)
        """Calls that have not begun, in their order."""

    @property
    def begun(self) -> int:
        """Calls that the client knows of."""
        return self._begun

    def add(self, piece: CallPiece, position: int = 0) -> list[CallUpdate]:
        """What a piece completes; `position` is the piece's in its delta, for services without indexes."""
        place = position if piece.place is None else piece.place
        known = self._places.get(place)
        # The usual case: more arguments of a call that has begun.
        if known is not None and known.begun and not piece.id and not piece.name:
            known.arguments.append(piece.arguments)
            return [CallUpdate(known, False, piece.arguments)] if piece.arguments else []
        call = self._call_of(piece, known, place)
        if call is None:
            return []
        updates = self._begin_others(call)
        self._note(call, piece)
        if call.begun:
            return [*updates, CallUpdate(call, False, piece.arguments)] if piece.arguments else updates
        if call.name and piece.arguments:
            updates.append(self._begin(call))
        return updates

    def add_whole(self, pieces: Iterable[CallPiece]) -> list[CallUpdate]:
        """The calls of a whole answer: each piece is one."""
        updates: list[CallUpdate] = []
        for position, piece in enumerate(pieces):
            call = self._open(len(self.calls) + position)
            self._note(call, piece)
            if call.name:
                updates.append(self._begin(call))
        return updates

    def flush(self) -> list[CallUpdate]:
        """The calls that have a name and waited for more: something else comes, or the answer ends."""
        return [self._begin(call) for call in tuple(self._pending) if _is_call(call)]

    def nameless(self) -> bool:
        """Whether there are arguments of a call whose name never came."""
        return any(not call.name and "".join(call.arguments).strip() not in _EMPTY for call in self.calls)

    # --- which call a piece belongs to ---

    def _call_of(self, piece: CallPiece, known: OpenCall | None, place: int) -> OpenCall | None:
        """The call that a piece belongs to; None where the piece says nothing new."""
        same_id = self._with_id(piece, place) if piece.id else None
        if same_id is not None:
            known = same_id
        elif known is None and not piece.id and not piece.name:
            known = self._unfinished(piece)
        if known is None:
            return self._open(place) if piece.id or piece.name or piece.arguments else None
        if _repeats(piece, known):
            return None
        if _begins_another(piece, known):
            another = self._open(place)
            another.may_repeat = not piece.id and not piece.arguments and piece.name == known.name
            return another
        self._places[place] = known
        return known

    def _with_id(self, piece: CallPiece, place: int) -> OpenCall | None:
        """The open call with this id, at this index or, where a piece has no name, at any."""
        there = self._by_id_there.get((piece.id, place))
        return there if there is not None or piece.name else self._by_id.get(piece.id)

    def _unfinished(self, piece: CallPiece) -> OpenCall | None:
        """The call that arguments alone, at an index of their own, go on with."""
        latest = self._latest
        return latest if latest is not None and piece.arguments and not latest.is_whole() else None

    def _open(self, place: int) -> OpenCall:
        call = OpenCall(place)
        self.calls.append(call)
        self._pending.append(call)
        self._places[place] = self._latest = call
        return call

    # --- what a piece says ---

    def _note(self, call: OpenCall, piece: CallPiece) -> None:
        if piece.id and not call.native_id:
            call.native_id = piece.id
            self._by_id[piece.id] = self._by_id_there[piece.id, call.place] = call
        if piece.fields:
            call.fields = {**piece.fields, **(call.fields or {})}
        if piece.name and not call.begun:
            call.name = _joined(call.name, piece.name)
        if piece.arguments:
            call.add(piece.arguments)

    def _begin_others(self, call: OpenCall) -> list[CallUpdate]:
        """Begin the calls before this one, which is the next: their names are whole."""
        before = list(takewhile(lambda one: one is not call, self._pending))
        return [self._begin(one) for one in before if _is_call(one)]

    def _begin(self, call: OpenCall) -> CallUpdate:
        call.begun = True
        if call in self._pending:
            self._pending.remove(call)
        call.index = self._begun
        self._begun += 1
        taken = not call.native_id or call.native_id in self._ids
        call.id = new_id("call_") if taken else call.native_id
        self._ids.add(call.id)
        waiting, call.waiting = "".join(call.waiting), []
        return CallUpdate(call, True, waiting)


def _is_call(call: OpenCall) -> bool:
    """Whether a call is to begin as it is: more of its name will not come."""
    return bool(call.name) and not call.begun and (bool(call.arguments) or not call.may_repeat)


_EMPTY = ("", "{}", "null")


def _repeats(piece: CallPiece, known: OpenCall) -> bool:
    """Whether a piece says again what is known: name and perhaps arguments of a call that is whole."""
    if piece.name != known.name or not piece.name or (piece.id and piece.id != known.native_id):
        return False
    if not piece.arguments:
        return bool(piece.id) or (bool(known.arguments) and not known.is_whole())
    return bool(piece.id) and known.is_whole() and piece.arguments == "".join(known.arguments)


def _begins_another(piece: CallPiece, known: OpenCall) -> bool:
    """Whether a piece at a known call's index is the beginning of the next call."""
    other_id = bool(piece.id and known.native_id and piece.id != known.native_id)
    if not piece.name:
        return other_id and bool(known.name) and known.is_whole()
    if not known.name:
        return other_id and known.is_whole()
    if not known.arguments:  # its name may still be on the way
        return other_id and piece.name != known.name
    return known.is_whole() or (piece.name != known.name and (other_id or not piece.id))


def _joined(name: str, more: str) -> str:
    """A name and what comes of it: its next part, itself again, or all of it so far."""
    if not name or more.startswith(name):
        return more
    return name if name == more else name + more
