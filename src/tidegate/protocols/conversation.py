"""A conversation in the order and with the ids that every wire format takes.

Formats differ in what they allow. In OpenAI's Responses an output belongs to its call wherever it stands; a
server that follows OpenAI may number the calls of each answer anew; an interrupted client leaves calls
without results. Most providers refuse all three, for every later request of the conversation too. So before
a Turn is rendered its calls have ids of their own, and their results follow them at once.
"""

from collections.abc import Mapping

from msgspec import structs

from .turn import Message, Part, Text, ToolCall, ToolResult, Turn

__all__ = ["CallIds", "in_order"]

NOT_ANSWERED = "There is no result: the call was interrupted."
"""The result of a call that the conversation has none of."""


class CallIds:
    """Tells calls with one id apart: a later call gets an id of its own, and the results go to the calls in
    their order. The same conversation gives the same ids every time.
    """

    __slots__ = ("_counts", "_last", "_open", "_taken")

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        """Calls by the id that they came with."""
        self._taken: set[str] = set()
        self._open: dict[str, list[str]] = {}
        """The ids of calls that wait for their results, by the id that they came with."""
        self._last: dict[str, str] = {}
        """The call of the latest result, by the same: a second result is its call's too."""

    def call(self, given: str) -> str:
        """The id of a call."""
        count = self._counts[given] = self._counts.get(given, 0) + 1
        own = given
        while own in self._taken:
            own = f"{given}_{count}"
            count += 1
        self._taken.add(own)
        self._open.setdefault(given, []).append(own)
        return own

    def result(self, given: str) -> str:
        """The id of the call that a result belongs to: the first that waits, else the last one."""
        waiting = self._open.get(given)
        if waiting:
            self._last[given] = waiting.pop(0)
        return self._last.get(given, given)


def in_order(turn: Turn) -> Turn:
    """The Turn with unique ids of calls, and with every call's result right behind the calls of its message.

    What stood between comes after the results. A call without a result gets one that says so.
    """
    messages = turn.messages
    if not any(message.role == "assistant" and _calls(message) for message in messages):
        return turn
    ids = CallIds()
    named = [_with_own_ids(message, ids) for message in messages]
    results = {
        part.call_id: part for message in named for part in message.parts if isinstance(part, ToolResult)
    }
    ordered = _order(named, results)
    same = len(ordered) == len(messages) and all(
        one is other for one, other in zip(ordered, messages, strict=True)
    )
    return turn if same else structs.replace(turn, messages=tuple(ordered))


def _calls(message: Message) -> list[ToolCall]:
    return [part for part in message.parts if isinstance(part, ToolCall)]


def _with_own_ids(message: Message, ids: CallIds) -> Message:
    parts = [_with_own_id(part, ids) for part in message.parts]
    if all(one is other for one, other in zip(parts, message.parts, strict=True)):
        return message
    return structs.replace(message, parts=tuple(parts))


def _with_own_id(part: Part, ids: CallIds) -> Part:
    if isinstance(part, ToolCall):
        own = ids.call(part.id)
        return part if own == part.id else structs.replace(part, id=own)
    if isinstance(part, ToolResult):
        own = ids.result(part.call_id)
        return part if own == part.call_id else structs.replace(part, call_id=own)
    return part


def _order(messages: list[Message], results: Mapping[str, ToolResult]) -> list[Message]:
    """The messages, each with calls followed by their results in one message."""
    called = {call.id for message in messages if message.role == "assistant" for call in _calls(message)}
    ordered: list[Message] = []
    for place, message in enumerate(messages):
        calls = _calls(message) if message.role == "assistant" else []
        if calls:
            ordered.append(message)
            ordered.append(_results_of(calls, results, messages[place + 1 : place + 2]))
            continue
        rest = [part for part in message.parts if not _answers(part, called)]
        if len(rest) == len(message.parts):
            ordered.append(message)
        elif rest:
            ordered.append(structs.replace(message, parts=tuple(rest)))
    return ordered


def _answers(part: Part, called: set[str]) -> bool:
    return isinstance(part, ToolResult) and part.call_id in called


def _results_of(
    calls: list[ToolCall], results: Mapping[str, ToolResult], following: list[Message]
) -> Message:
    """The results of these calls: the message that follows, where it holds them and nothing else."""
    wanted = [call.id for call in calls]
    for message in following:
        found = [part.call_id if isinstance(part, ToolResult) else "" for part in message.parts]
        if sorted(found) == sorted(wanted):
            return message
    parts = tuple(results.get(call.id) or _not_answered(call) for call in calls)
    return Message(role="tool", parts=parts)


def _not_answered(call: ToolCall) -> ToolResult:
    return ToolResult(call.id, call.name, (Text(NOT_ANSWERED),))
