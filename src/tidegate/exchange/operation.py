"""The operations that clients can request: how a request is parsed, and what is sent to a candidate.

Everything else in an exchange is the same for all operations: authentication, candidates, deadlines,
fallbacks, delivery, the record.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from typing import Protocol as Interface

from tidegate.protocols.adapted import Adaptation, AdaptedConduit
from tidegate.protocols.contract import Call, Conduit, ParsedRequest, Protocol, Target
from tidegate.protocols.errors import Unsupported
from tidegate.protocols.task import Task
from tidegate.protocols.turn import Turn
from tidegate.providers import Candidate
from tidegate.routing import RequestFacts

from .facts import chat_facts, task_facts

__all__ = ["AdaptedOperation", "Chat", "Operation", "OperationRequest", "TaskOperation", "WithBytes"]


EVENT_STREAM = b"text/event-stream; charset=utf-8"


class OperationRequest(Interface):
    """What an exchange needs to know about a request, whatever its operation."""

    @property
    def model(self) -> str:
        """The model that the client names."""
        ...

    @property
    def stream(self) -> bool:
        """Whether the client requests a stream."""
        ...

    @property
    def provider(self) -> str | Mapping[str, Any] | None:
        """The provider's name, or preferences about providers."""
        ...

    @property
    def fallbacks(self) -> Sequence[str]:
        """The models to try when `model` fails."""
        ...


A = TypeVar("A", bound=OperationRequest)


class Operation(Interface[A]):
    """One operation that clients can request."""

    @property
    def name(self) -> str:
        """What is done (`chat`, `embeddings`), for traces."""
        ...

    @property
    def client_format(self) -> str:
        """The wire format of the client: a provider with the same format receives some of its headers."""
        ...

    @property
    def streams_as(self) -> bytes:
        """The content type of a stream."""
        ...

    @property
    def heartbeat(self) -> bytes:
        """What is sent to the client in the silent gaps of a stream; b"" for nothing."""
        ...

    def parse(self, body: bytes) -> A:
        """Decode and check a client's request. Raises InvalidRequest naming the parameter, ReadLater, and
        RecursionError for one that is nested too deeply, as the others do.
        """
        ...

    def facts(self, parsed: A) -> RequestFacts:
        """What routing needs to know to choose a candidate."""
        ...

    def plan(self, parsed: A, candidate: Candidate) -> tuple[Call, Conduit]:
        """What to send to this candidate, and how its answer is translated.

        Raises Unsupported for what this candidate does not support.
        """
        ...


class WithBytes:
    """A chat request whose links were fetched: the same except for its turn."""

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

    __slots__ = ("client_format", "door", "heartbeat", "parse", "streams_as")
    name = "chat"

    def __init__(
        self,
        door: Protocol,
        parse: Callable[[bytes], ParsedRequest] | None = None,
        streams_as: bytes = EVENT_STREAM,
    ) -> None:
        self.door = door
        self.client_format = door.name
        self.parse = parse or door.parse_request
        """See Operation; the door's own if the body is the whole request."""
        self.streams_as = streams_as
        self.heartbeat: bytes = getattr(door, "heartbeat", b"")  # formats from plugins may have none

    def facts(self, parsed: ParsedRequest) -> RequestFacts:
        """See Operation."""
        return chat_facts(parsed)

    def plan(self, parsed: ParsedRequest | WithBytes, candidate: Candidate) -> tuple[Call, Conduit]:
        """See Operation."""
        if isinstance(parsed, WithBytes):
            return candidate.bridge(self.door).plan_turn(parsed.original, parsed.turn())
        return candidate.route(self.door).plan(parsed)


class TaskOperation:
    """A task beside chat, in the dialect of a door: the candidate's row names the format it speaks."""

    __slots__ = ("_task", "client_format", "heartbeat", "name", "parse")
    streams_as = EVENT_STREAM

    def __init__(self, task: Task, door: Protocol) -> None:
        self._task = task
        self.name = task.name
        self.client_format = door.name
        self.heartbeat: bytes = getattr(door, "heartbeat", b"")  # formats from plugins may have none
        self.parse = task.parse

    def facts(self, parsed: Any) -> RequestFacts:
        """See Operation."""
        return task_facts(parsed, writes=self._task.as_chat is not None)

    def plan(self, parsed: Any, candidate: Candidate) -> tuple[Call, Conduit]:
        """See Operation."""
        offer = candidate.service.offers.get(self._task.name)
        if offer is None and self._task.as_chat is not None:
            return candidate.bridge(self._task.as_chat).plan(parsed)
        if offer is None:
            raise Unsupported(f"this provider has no {self._task.name.replace('_', ' ')}", param="model")
        return offer.format.plan(parsed, Target(candidate.model, offer.dialect, candidate.profile))


class AdaptedOperation:
    """An operation that the client requests in a different shape."""

    __slots__ = ("_adaptation", "_operation", "client_format", "name")
    streams_as = EVENT_STREAM
    heartbeat = b""

    def __init__(self, operation: Operation[Any], adaptation: Adaptation) -> None:
        self._operation = operation
        self._adaptation = adaptation
        self.name = operation.name
        self.client_format = operation.client_format

    def parse(self, body: bytes) -> Any:
        """See Operation."""
        return self._operation.parse(self._adaptation.ask(body))

    def facts(self, parsed: Any) -> RequestFacts:
        """See Operation."""
        return self._operation.facts(parsed)

    def plan(self, parsed: Any, candidate: Candidate) -> tuple[Call, Conduit]:
        """See Operation."""
        call, conduit = self._operation.plan(parsed, candidate)
        return call, AdaptedConduit(conduit, self._adaptation.answer)
