"""Assembly of tool calls from their pieces, shared by readers and by the repair of streams.

A streamed call arrives in pieces, and services differ in what the pieces contain: an index that all parallel
calls share, or that grows with every piece; ids that are missing, late, repeated, or new in every piece;
names that arrive late, in parts, or repeatedly. No single field identifies a call, so four are weighed
together: the index, the id, the name, and whether the arguments so far are complete JSON.

For the client, a call begins once its name is complete: with its first arguments, with the next call, or at
the end. A call without a name is dropped.
"""

import re
from collections.abc import Iterable
from itertools import takewhile
from typing import Any

from msgspec import Struct

from .errors import ProviderBroke
from .functions import arguments_text
from .ids import new_id

__all__ = ["Assembly", "CallPiece", "CallUpdate", "OpenCall", "nameless_call"]


def nameless_call() -> ProviderBroke:
    """The error for a call without a name, which no client could run."""
    return ProviderBroke("the provider's answer has a tool call without a name")


class CallPiece(Struct, gc=False):
    """The fields of a call in one delta."""

    place: int | None
    """The provider's index; None if it sends none."""
    id: str = ""
    name: str = ""
    arguments: str = ""
    fields: dict[str, Any] | None = None
    """The piece's other fields, kept for the start of the call."""


class OpenCall:
    """One call, as received so far."""

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
        """The provider's first id; "" until one arrives."""
        self.name = ""
        self.may_repeat = False
        """Whether it began with only the name of a complete call: if no arguments follow, it was a repetition
        of that call."""
        self.fields: dict[str, Any] | None = None
        self.arguments: list[str] = []
        self.waiting: list[str] = []
        """Arguments that arrived before the name."""
        # for the client
        self.begun = False
        self.index = -1
        """Counts the calls of a choice from 0, in the order in which they begin."""
        self.id = ""
        # whether the arguments are complete
        self._scanned = 0
        self._depth = 0
        self._in_string = False
        self._said = False
        self._cut = ""
        """A trailing backslash whose escape continues in the next piece."""

    def add(self, text: str) -> None:
        """Append arguments."""
        self.arguments.append(text)
        if not self.begun:
            self.waiting.append(text)

    def is_whole(self) -> bool:
        """Whether the arguments are a complete JSON object. Each piece is scanned only once."""
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
    """An update about a call for the client."""

    call: OpenCall
    begins: bool
    """Whether this is the call's first update."""
    arguments: str


MOST_PENDING = 64
"""The most calls that may wait for their names; beyond that, the oldest are discarded."""


class Assembly:
    """The calls of one choice of one answer."""

    __slots__ = (
        "_begun",
        "_by_id",
        "_by_id_there",
        "_ids",
        "_latest",
        "_pending",
        "_places",
        "_whole_names",
        "calls",
    )

    def __init__(self, *, whole_names: bool = False) -> None:
        self._whole_names = whole_names
        """Whether a name arrives in one piece, so that a call can begin with it."""
        self.calls: list[OpenCall] = []
        """All calls, including those that have not begun."""
        self._begun = 0
        self._ids: set[str] = set()
        """Ids that have been assigned to calls."""
        self._places: dict[int, OpenCall] = {}
        """The latest call at each of the provider's indexes."""
        self._latest: OpenCall | None = None
        self._by_id: dict[str, OpenCall] = {}
        """The latest call with each of the provider's ids."""
        self._by_id_there: dict[tuple[str, int], OpenCall] = {}
        """The same, per index."""
        self._pending: list[OpenCall] = []
        """Calls that have not begun, in order: a list, since an empty deque takes 600 bytes a stream."""

    @property
    def begun(self) -> int:
        """How many calls have begun for the client."""
        return self._begun

    def add(self, piece: CallPiece, position: int = 0) -> list[CallUpdate]:
        """Add a piece and return the updates that it completes. `position` is its position in the delta, for
        services that send no indexes.
        """
        place = position if piece.place is None else piece.place
        known = self._places.get(place)
        # The usual case: more arguments for a call that has begun.
        if known is not None and known.begun and not piece.id and not piece.name:
            known.arguments.append(piece.arguments)
            passed = piece.arguments or self._whole_names
            return [CallUpdate(known, False, piece.arguments)] if passed else []
        call = self._call_of(piece, known, place)
        if call is None:
            return []
        updates = self._begin_others(call)
        self._note(call, piece)
        if call.begun:
            return [*updates, CallUpdate(call, False, piece.arguments)] if piece.arguments else updates
        if call.name and (piece.arguments or (self._whole_names and call.native_id and not call.may_repeat)):
            updates.append(self._begin(call))
        return updates

    def add_whole(self, pieces: Iterable[CallPiece]) -> list[CallUpdate]:
        """Add the calls of a complete answer, where each piece is one call."""
        updates: list[CallUpdate] = []
        for position, piece in enumerate(pieces):
            if "custom" not in (piece.fields or {}):
                piece.arguments = arguments_text(piece.arguments)
            call = self._open(len(self.calls) + position)
            self._note(call, piece)
            if call.name:
                updates.append(self._begin(call))
        return updates

    def flush(self) -> list[CallUpdate]:
        """Begin the calls that have a name and are still waiting: other content follows, or the
        answer ends.
        """
        return [self._begin(call) for call in tuple(self._pending) if _is_call(call)]

    def nameless(self) -> bool:
        """Whether there are arguments for a call whose name never arrived."""
        return any(not call.name and "".join(call.arguments).strip() not in _EMPTY for call in self.calls)

    # --- which call a piece belongs to ---

    def _call_of(self, piece: CallPiece, known: OpenCall | None, place: int) -> OpenCall | None:
        """Find the call that a piece belongs to; None if the piece adds nothing."""
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
        """Find the open call with this id, at this index or, if the piece has no name, at any index."""
        there = self._by_id_there.get((piece.id, place))
        return there if there is not None or piece.name else self._by_id.get(piece.id)

    def _unfinished(self, piece: CallPiece) -> OpenCall | None:
        """Find the call that a piece continues which has only arguments, at an index not seen before."""
        latest = self._latest
        return latest if latest is not None and piece.arguments and not latest.is_whole() else None

    def _open(self, place: int) -> OpenCall:
        call = OpenCall(place)
        self.calls.append(call)
        self._pending.append(call)
        if len(self._pending) > MOST_PENDING:
            del self._pending[0]
        self._places[place] = self._latest = call
        return call

    # --- the content of a piece ---

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
        """Begin the calls before this one: since it comes next, their names are complete."""
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
    """Whether a call can begin as it is, because its name is complete."""
    return bool(call.name) and not call.begun and (bool(call.arguments) or not call.may_repeat)


_EMPTY = ("", "{}", "null")


def _repeats(piece: CallPiece, known: OpenCall) -> bool:
    """Whether a piece only repeats known data: the name, and perhaps the arguments, of a complete call."""
    if piece.name != known.name or not piece.name or (piece.id and piece.id != known.native_id):
        return False
    if not piece.arguments:
        return bool(piece.id) or (bool(known.arguments) and not known.is_whole())
    return bool(piece.id) and known.is_whole() and piece.arguments == "".join(known.arguments)


def _begins_another(piece: CallPiece, known: OpenCall) -> bool:
    """Whether a piece at a known call's index starts the next call."""
    other_id = bool(piece.id and known.native_id and piece.id != known.native_id)
    if not piece.name:
        return other_id and bool(known.name) and known.is_whole()
    if not known.name:
        return other_id and known.is_whole()
    if not known.arguments:  # its name may still arrive
        return other_id and piece.name != known.name
    return known.is_whole() or (piece.name != known.name and (other_id or not piece.id))


def _joined(name: str, more: str) -> str:
    """Combine a name with what arrives for it: its next part, the same name again, or the whole
    name so far.
    """
    if not name or more.startswith(name):
        return more
    return name if name == more else name + more
