"""The contract of a wire format, on one screen, and the pieces that all formats share.

A module (or package) of this folder offers `PROTOCOL`: a `ProviderProtocol` where the format only
serves to ask providers, a `Protocol` where clients speak it too.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, runtime_checkable
from typing import Protocol as Interface

from msgspec import Struct, structs

from .beside import BESIDE, MOST_LEFT_OUT, as_documented
from .conversation import in_order
from .errors import ProviderBroke, ProviderError, TidegateError, Unsupported
from .events import (
    Event,
    Failed,
    Finished,
    FinishReason,
    LeftOut,
    Started,
    TextDelta,
    ToolCallStarted,
    UsageReported,
)
from .limits import ANY_NAME, NameRule, short_tool_names
from .needs import Need
from .profile import PLAIN, Profile
from .served import Served
from .turn import Turn
from .usage import Usage

__all__ = [
    "Bridge",
    "BridgeRoute",
    "Call",
    "Conduit",
    "ErrorReply",
    "Outcome",
    "ParsedRequest",
    "Protocol",
    "ProviderProtocol",
    "Reader",
    "Route",
    "SpliceRoute",
    "Tally",
    "Target",
    "Writer",
    "drop_or_refuse",
]


# --- what passes between the halves ----------------------------------------------------------


class ParsedRequest(Interface):
    """A client's request: decoded and checked, not yet a `Turn`."""

    body: bytes
    """The client's own bytes."""
    model: str
    """The model that the client names."""
    stream: bool
    wants_usage: bool
    """Whether the client's stream must tell its usage (always, in dialects that always do)."""
    provider: str | Mapping[str, Any] | None
    """Tidegate's extension: the provider's name, or preferences about providers."""
    fallbacks: Sequence[str]
    """Tidegate's extension `models`: what to try when `model` fails."""

    @property
    def max_output(self) -> int | None:
        """The most completion tokens of one choice, reasoning included; None where the client sets none."""
        ...

    @property
    def n(self) -> int:
        """How many choices are wanted."""
        ...

    def needs(self) -> frozenset[Need]:
        """What a model must be able to do: found in the decoded body, without a `Turn`. Of a plain text
        request it costs one look at each message.
        """
        ...

    def turn(self) -> Turn:
        """The request in no dialect. Raises InvalidRequest."""
        ...


class Target(Struct, frozen=True, gc=False):
    """Whom a request is rendered for."""

    model: str
    """The provider's own name of the model."""
    dialect: Any
    """The provider's differences from its wire format: that format's own Dialect struct."""
    profile: Profile = PLAIN


class Call(Struct, frozen=True, gc=False):
    """A request to a provider, ready to be sent."""

    path: str
    """To be put behind the provider's base URL; starts with a slash, may hold a query."""
    body: bytes
    stream: bool
    """Whether the answer will be a stream."""
    dropped: tuple[str, ...] = ()
    """Parameters of the client's (by its own names) that the provider does not support."""
    headers: Mapping[str, str] = {}
    """Headers that this request needs beyond the provider's own."""


class Tally(Struct, gc=False):
    """What accounting needs of an answer. Up to date after every `feed`."""

    usage: Usage | None = None
    """None until the provider has reported any."""
    finish: FinishReason | str | None = None
    """Of the last choice that finished."""
    id: str = ""
    """The provider's id of the answer."""
    model: str = ""
    """The model that answered, in the provider's words."""
    left_out: list[str] = []
    """What the provider sent beside the text in a form that nobody can read, by name, at most
    `MOST_LEFT_OUT`: the client gets the answer without it."""
    service_tier: str | None = None
    """As served, in the provider's own word; see Served for this and the next two."""
    speed: str | None = None
    inference_geo: str | None = None
    provider_cost: int | None = None
    """The provider's own figure, in 10⁻⁹ USD."""
    images: int | None = None
    """Images that were drawn, where images were asked for."""

    def leave_out(self, name: str) -> None:
        """Note what was left out."""
        if name not in self.left_out and len(self.left_out) < MOST_LEFT_OUT:
            self.left_out.append(name)

    def note(self, served: Served | None) -> None:
        """Add how the answer was served; what is not reported now stays as it was."""
        if served is None:
            return
        self.service_tier = served.service_tier or self.service_tier
        self.speed = served.speed or self.speed
        self.inference_geo = served.inference_geo or self.inference_geo
        self.provider_cost = self.provider_cost if served.cost is None else served.cost


class ErrorReply(Struct, frozen=True, gc=False):
    """An error in a door's dialect."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


# --- the way of an answer --------------------------------------------------------------------


class Reader(Interface):
    """Makes events of one answer. Made for one answer, fed to its end, closed once."""

    @property
    def done(self) -> bool:
        """Whether the provider's own end mark has been read; False in formats without one."""
        ...

    def feed(self, data: bytes) -> list[Event]:
        """The events that these bytes complete. Never raises for what a provider sends: an answer
        that cannot be read gives `Failed`, after which nothing comes.
        """
        ...

    def close(self) -> list[Event]:
        """The events that the end of the input completes; `Failed` where the answer is unfinished."""
        ...


class Writer(Interface):
    """Writes events in the client's dialect: a stream piece by piece, or one JSON body on close.

    `Failed` and `LeftOut` never reach a writer; an error in mid-stream is told by `abort`.
    """

    def write(self, events: Sequence[Event]) -> bytes:
        """What the client gets to see of these events now (nothing, for a JSON body)."""
        ...

    def close(self) -> bytes:
        """The end of the stream, or the JSON body."""
        ...

    def abort(self, error: TidegateError) -> bytes:
        """The end of a stream that failed: the dialect's error event and nothing more."""
        ...


@runtime_checkable
class Conduit(Interface):
    """The way of one answer from the provider to the client: provider's bytes in, client's bytes out."""

    tally: Tally
    failure: ProviderError | None
    """Set when the provider fails inside its answer. What `feed` returned until then is good."""

    @property
    def done(self) -> bool:
        """Whether the answer is complete by its own end mark (`[DONE]`, `message_stop`, …): `close` can
        be called at once. What the provider sends after it, or fails to send, is of no account. False
        to the end in formats without such a mark, and for plain answers.
        """
        ...

    def feed(self, data: bytes) -> bytes:
        """What the client gets for these bytes of the provider's."""
        ...

    def close(self) -> bytes:
        """What the client gets when the provider's answer has ended. Sets `failure` where it ended
        too early; the caller then tells the client by `abort` or by an error status.
        """
        ...

    def abort(self, error: TidegateError) -> bytes:
        """How the client's stream ends when it cannot go on. Never a faked end."""
        ...


class Bridge:
    """A conduit between two dialects: a reader on one side, a writer on the other."""

    __slots__ = ("_feed", "_names", "_reader", "_write", "_writer", "failure", "tally")

    def __init__(self, reader: Reader, writer: Writer, names: Mapping[str, str] | None = None) -> None:
        self.tally = Tally()
        self.failure: ProviderError | None = None
        self._reader = reader
        self._writer = writer
        self._names = names
        """The client's names of its tools, by those that the provider was given instead."""
        self._feed = reader.feed
        self._write = writer.write

    def feed(self, data: bytes) -> bytes:
        """See Conduit."""
        try:
            return self._pass(self._feed(data))
        except Exception as error:  # noqa: BLE001 whatever a provider sends is the provider's failure
            return self._break(error)

    def close(self) -> bytes:
        """See Conduit."""
        if self.failure is not None:
            return b""
        try:
            passed = self._pass(self._reader.close())
            return passed if self._failed() else passed + self._writer.close()
        except Exception as error:  # noqa: BLE001 as above
            return self._break(error)

    def abort(self, error: TidegateError) -> bytes:
        """See Conduit."""
        return self._writer.abort(error)

    @property
    def done(self) -> bool:
        """See Conduit."""
        return getattr(self._reader, "done", False)  # formats of older packages have no such thing

    def _failed(self) -> bool:
        return self.failure is not None

    def _break(self, error: Exception) -> bytes:
        """The failure of an answer that neither reader nor writer is prepared for."""
        self.failure = ProviderBroke(f"the provider's answer has an unexpected form ({type(error).__name__})")
        return b""

    def _pass(self, events: list[Event]) -> bytes:
        if not events:
            return b""
        kept: list[Event] = []
        for event in events:
            kind = type(event)
            if kind is TextDelta:
                kept.append(event)
                continue
            if kind is LeftOut:
                self.tally.leave_out(event.name)  # type: ignore[union-attr]
                continue
            if kind in BESIDE:
                checked = as_documented(event)
                if checked is not event:
                    self.tally.leave_out(BESIDE[kind][0])
                if checked is None:
                    continue
                event = checked
            elif kind is ToolCallStarted and self._names:
                event = self._with_own_name(event)  # type: ignore[arg-type]
            self._note(kind, event)
            if self.failure is not None:
                break
            kept.append(event)
        return self._write(kept)

    def _with_own_name(self, event: ToolCallStarted) -> ToolCallStarted:
        assert self._names is not None
        return structs.replace(event, name=self._names.get(event.name, event.name))

    def _note(self, kind: type, event: Event) -> None:
        if kind is UsageReported:
            self.tally.usage = event.usage  # type: ignore[union-attr]
            self.tally.note(event.served)  # type: ignore[union-attr]
        elif kind is Finished:
            self.tally.finish = event.reason  # type: ignore[union-attr]
        elif kind is Started:
            self.tally.id, self.tally.model = event.id, event.model  # type: ignore[union-attr]
        elif kind is Failed:
            self.failure = event.error  # type: ignore[union-attr]


# --- the contract ----------------------------------------------------------------------------


class ProviderProtocol(Interface):
    """One wire format in which providers are asked."""

    name: str
    """Such as `openai_chat`; also the `format` of signatures and native blocks."""
    dialect: type[Any]
    """The struct of the differences that providers of this format may have."""
    forwarded_headers: frozenset[str]
    """Client headers (lower case) that a provider of the same format gets to see. A name that ends in `*`
    is that of all headers which begin so."""
    carries: Mapping[str, "Outcome"]
    """What becomes of each field of `Turn` that not every format has (see `drop_or_refuse`)."""

    def render_request(self, turn: Turn, target: Target) -> Call:
        """Write the request for a provider. Raises Unsupported naming what cannot be carried."""
        ...

    def reader(self, call: Call, target: Target) -> Reader:
        """The reader of the answer to this call."""
        ...

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """The provider's error answer. Header names are lower case; the body may be anything."""
        ...

    def render_count(self, request: ParsedRequest, target: Target) -> Call | None:
        """A request that asks the provider to count; None where the format has no such thing."""
        ...

    def parse_count(self, body: bytes) -> int:
        """The tokens of the provider's answer to `render_count`. Raises ProviderBroke."""
        ...


class Protocol(ProviderProtocol, Interface):
    """One wire format that clients speak too.

    One whose clients expect, or pass over, something in the silent gaps of a stream has it as `heartbeat`.
    """

    def parse_request(self, body: bytes) -> ParsedRequest:
        """Decode and check a client's request. Raises InvalidRequest naming the parameter."""
        ...

    def parse_count_request(self, body: bytes) -> ParsedRequest:
        """Decode and check a client's request to count."""
        ...

    def writer(self, request: ParsedRequest, model: str) -> Writer:
        """The writer of the answer to this request; `model` stands in where the provider names none."""
        ...

    def render_error(self, error: TidegateError, request_id: str) -> ErrorReply:
        """An error in this dialect, before the first byte of an answer."""
        ...

    # the same dialect on both sides

    def splice_request(self, request: ParsedRequest, target: Target) -> Call:
        """The client's own body with the model replaced, and only what the dialect or the profile
        asks for changed.
        """
        ...

    def splice(self, request: ParsedRequest, call: Call, target: Target) -> Conduit:
        """The conduit of the answer to a spliced request."""
        ...

    def route(self, target: Target) -> "Route":
        """The route to a target of this same format: a `SpliceRoute`, or one that does the same with
        more of it decided beforehand.
        """
        ...


# --- routes ----------------------------------------------------------------------------------


class Route(Interface):
    """The way from one client dialect to one target. Whatever the target alone decides is decided when
    the route is made; a request only follows it.
    """

    def plan(self, request: ParsedRequest) -> tuple[Call, Conduit]:
        """What to send, and how the answer comes back. Raises Unsupported naming what cannot be carried."""
        ...


class BridgeRoute:
    """The route between two dialects."""

    __slots__ = ("_door", "_most_output", "_protocol", "_target", "_tool_names")

    def __init__(
        self,
        door: "Protocol",
        protocol: ProviderProtocol,
        target: Target,
        most_output: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._door = door
        self._protocol = protocol
        self._target = target
        self._most_output = most_output
        """The most completion tokens that the model writes; None where that is not known. Looked up when a
        request sets a limit: clients of another dialect ask for what their own models can.
        """
        self._tool_names: NameRule = getattr(target.dialect, "tool_names", ANY_NAME)

    def plan(self, request: ParsedRequest) -> tuple[Call, Conduit]:
        """See Route."""
        return self.plan_turn(request, request.turn())

    def plan_turn(self, request: ParsedRequest, turn: Turn) -> tuple[Call, Conduit]:
        """The same with another turn than the request's: one whose links were fetched."""
        turn, names = short_tool_names(in_order(turn), self._tool_names)
        most = None if turn.max_tokens is None else self._most_output()
        if most is None or turn.max_tokens is None or turn.max_tokens <= most:
            call = self._protocol.render_request(turn, self._target)
        else:
            call = self._protocol.render_request(structs.replace(turn, max_tokens=most), self._target)
            call = structs.replace(call, dropped=(*call.dropped, "max_tokens"))
        return call, self.bridge(request, call, names)

    def bridge(self, request: ParsedRequest, call: Call, names: Mapping[str, str] | None = None) -> Conduit:
        """The conduit of the answer to this call."""
        reader = self._protocol.reader(call, self._target)
        return Bridge(reader, self._door.writer(request, self._target.model), names)


class SpliceRoute:
    """The route with the same dialect on both sides."""

    __slots__ = ("_bridge", "_protocol", "_target")

    def __init__(self, protocol: "Protocol", target: Target) -> None:
        self._protocol = protocol
        self._target = target
        self._bridge = BridgeRoute(protocol, protocol, target)

    def plan(self, request: ParsedRequest) -> tuple[Call, Conduit]:
        """See Route."""
        call = self._protocol.splice_request(request, self._target)
        if call.stream != request.stream:  # the model cannot stream, or does nothing else
            return call, self._bridge.bridge(request, call)
        return call, self._protocol.splice(request, call, self._target)


# --- what cannot be carried ------------------------------------------------------------------

Outcome = Literal["carried", "dropped", "refused"]
"""What a renderer does with a field of `Turn`: tuning that the format does not support is dropped
and named, meaning is refused. Within a field (a part, a kind of tool) the renderer refuses itself."""


def drop_or_refuse(turn: Turn, carries: Mapping[str, Outcome]) -> list[str]:
    """Names of the fields that the client set and the format drops.

    `carries` names every optional field of `Turn`. Raises Unsupported for a field that is refused.
    """
    dropped = []
    for name, outcome in carries.items():
        if outcome == "carried":
            continue
        value = getattr(turn, name)
        if value is None or value == () or value is False:
            continue
        if outcome == "refused":
            raise Unsupported(f'this provider does not support the parameter "{name}"', param=name)
        dropped.append(name)
    return dropped
