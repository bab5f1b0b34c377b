"""Puts a conversation into an order, with ids, that every wire format accepts.

Formats differ in what they allow. In OpenAI's Responses API, an output belongs to its call wherever it
appears; an OpenAI-compatible server may restart the numbering of calls in each answer; an interrupted client
leaves calls without results. Most providers reject all three, and with them every later request of the
conversation. So before a Turn is rendered, its calls get unique ids and are followed at once by their
results.
"""

from collections.abc import Iterable, Mapping

from msgspec import structs

from .turn import Message, Part, Text, ToolCall, ToolResult, Turn

__all__ = ["CallIds", "in_order"]

NOT_ANSWERED = "There is no result: the call was interrupted."
"""The result for a call that has none in the conversation."""


class CallIds:
    """Distinguishes calls that share an id: later ones get new ids, and results are matched to the calls in
    order. The same conversation always yields the same ids.
    """

    __slots__ = ("_counts", "_last", "_open", "_taken")

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        """How many calls arrived with each id."""
        self._taken: set[str] = set()
        self._open: dict[str, list[str]] = {}
        """The new ids of calls that wait for their results, by original id."""
        self._last: dict[str, str] = {}
        """The call of the latest result, by original id: a second result belongs to the same call."""

    def call(self, given: str) -> str:
        """Return the unique id for a call."""
        count = self._counts[given] = self._counts.get(given, 0) + 1
        own = given
        while own in self._taken:
            own = f"{given}_{count}"
            count += 1
        self._taken.add(own)
        self._open.setdefault(given, []).append(own)
        return own

    def result(self, given: str) -> str:
        """Return the id of the call that a result belongs to: the first one waiting, else the last one."""
        waiting = self._open.get(given)
        if waiting:
            self._last[given] = waiting.pop(0)
        return self._last.get(given, given)


def in_order(turn: Turn) -> Turn:
    """Return the Turn with unique call ids, and with every call's result right after the message with the
    call.

    Anything in between moves behind the results. A call without a result gets one that says so.
    """
    messages = turn.messages
    if not _has_calls(messages):
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


def _has_calls(messages: Iterable[Message]) -> bool:
    for message in messages:  # noqa: SIM110 a generator costs more than the few messages
        if message.role == "assistant" and _calls(message):
            return True
    return False


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
    """Return the messages, each one with calls followed by their results in one message."""
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
    """Return the results of these calls: the following message itself, if it holds exactly those."""
    wanted = [call.id for call in calls]
    for message in following:
        found = [part.call_id if isinstance(part, ToolResult) else "" for part in message.parts]
        if sorted(found) == sorted(wanted):
            return message
    parts = tuple(results.get(call.id) or _not_answered(call) for call in calls)
    return Message(role="tool", parts=parts)


def _not_answered(call: ToolCall) -> ToolResult:
    return ToolResult(call.id, call.name, (Text(NOT_ANSWERED),))
