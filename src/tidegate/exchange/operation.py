"""What clients can ask for: how such a request is read, and what a candidate is sent for it.

Everything else of an exchange is the same for all operations: who calls, which candidates there
are, deadlines, fallbacks, the passing of the answer, the record.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from typing import Protocol as Interface

from tidegate.protocols.adapted import Adaptation, AdaptedConduit
from tidegate.protocols.contract import Call, Conduit, ParsedRequest, Protocol, Target
from tidegate.protocols.depth import within_depth
from tidegate.protocols.errors import Unsupported
from tidegate.protocols.task import Task
from tidegate.protocols.turn import Turn
from tidegate.providers import Candidate

__all__ = ["AdaptedOperation", "Chat", "Operation", "OperationRequest", "TaskOperation", "WithBytes"]


EVENT_STREAM = b"text/event-stream; charset=utf-8"


class OperationRequest(Interface):
    """What an exchange needs to know of a request, whatever it asks for."""

    @property
    def model(self) -> str:
        """The model that the client names."""
        ...

    @property
    def stream(self) -> bool:
        """Whether the client wants a stream."""
        ...

    @property
    def provider(self) -> str | Mapping[str, Any] | None:
        """The provider's name, or preferences about providers."""
        ...

    @property
    def fallbacks(self) -> Sequence[str]:
        """What to try when `model` fails."""
        ...


A = TypeVar("A", bound=OperationRequest)


class Operation(Interface[A]):
    """One thing that clients can ask for."""

    @property
    def spoken(self) -> str:
        """The wire format of the client: a provider of the same gets to see some of its headers."""
        ...

    @property
    def streams_as(self) -> bytes:
        """The content type of a stream."""
        ...

    @property
    def heartbeat(self) -> bytes:
        """What a client gets in the silent gaps of a stream; b"" for nothing."""
        ...

    def parse(self, body: bytes) -> A:
        """Decode and check a client's request. Raises InvalidRequest naming the parameter."""
        ...

    def plan(self, parsed: A, candidate: Candidate) -> tuple[Call, Conduit]:
        """What to send to this candidate, and how its answer comes back.

        Raises Unsupported for what this candidate does not support.
        """
        ...


class WithBytes:
    """A request for a chat whose links were fetched: the same, but for its turn."""

    __slots__ = ("_turn", "fallbacks", "model", "original", "provider", "stream")

    def __init__(self, original: ParsedRequest, turn: Turn) -> None:
        self.original = original
        self.model, self.stream = original.model, original.stream
        self.provider, self.fallbacks = original.provider, original.fallbacks
        self._turn = turn

    def turn(self) -> Turn:
        """See ParsedRequest."""
        return self._turn


class Chat:
    """A chat in the dialect of a door: each candidate has a route from it."""

    __slots__ = ("_door", "_parse", "heartbeat", "spoken", "streams_as")

    def __init__(
        self,
        door: Protocol,
        parse: Callable[[bytes], ParsedRequest] | None = None,
        streams_as: bytes = EVENT_STREAM,
    ) -> None:
        self._door = door
        self.spoken = door.name
        self._parse = parse or door.parse_request
        """Of its own where the body does not say all of the request."""
        self.streams_as = streams_as
        self.heartbeat: bytes = getattr(door, "heartbeat", b"")  # formats of packages may have none

    @within_depth
    def parse(self, body: bytes) -> ParsedRequest:
        """See Operation."""
        return self._parse(body)

    @within_depth
    def plan(self, parsed: ParsedRequest | WithBytes, candidate: Candidate) -> tuple[Call, Conduit]:
        """See Operation."""
        if isinstance(parsed, WithBytes):
            return candidate.bridge(self._door).plan_turn(parsed.original, parsed.turn())
        return candidate.route(self._door).plan(parsed)


class TaskOperation:
    """A task beside chat, in the dialect of a door: which format a candidate speaks, its row says."""

    __slots__ = ("_task", "parse", "spoken")
    streams_as = EVENT_STREAM
    heartbeat = b""

    def __init__(self, task: Task, door: Protocol) -> None:
        self._task = task
        self.spoken = door.name
        self.parse = within_depth(task.parse)

    @within_depth
    def plan(self, parsed: OperationRequest, candidate: Candidate) -> tuple[Call, Conduit]:
        """See Operation."""
        offer = candidate.service.offers.get(self._task.name)
        if offer is None:
            raise Unsupported(f"this provider has no {self._task.name}", param="model")
        return offer.format.plan(parsed, Target(candidate.model, offer.dialect, candidate.profile))


class AdaptedOperation:
    """An operation that the client asks for in other words."""

    __slots__ = ("_adaptation", "_operation", "spoken")
    streams_as = EVENT_STREAM
    heartbeat = b""

    def __init__(self, operation: Operation[Any], adaptation: Adaptation) -> None:
        self._operation = operation
        self._adaptation = adaptation
        self.spoken = operation.spoken

    @within_depth
    def parse(self, body: bytes) -> Any:
        """See Operation."""
        return self._operation.parse(self._adaptation.ask(body))

    def plan(self, parsed: Any, candidate: Candidate) -> tuple[Call, Conduit]:
        """See Operation."""
        call, conduit = self._operation.plan(parsed, candidate)
        return call, AdaptedConduit(conduit, self._adaptation.answer)
