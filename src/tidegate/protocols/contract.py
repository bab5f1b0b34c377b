"""The contract of a wire format, on one screen, and the parts that all formats share.

A module (or package) of this folder exports `PROTOCOL`: a `ProviderProtocol` if the format is only used to
call providers, a `Protocol` if clients speak it too.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
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
from .noise import RENAMED_PROPERTIES
from .object_root import OnlyValue, with_object_root
from .opening import Session
from .profile import PLAIN, Profile
from .property_names import OwnKeys, short_property_names
from .sendable import refuse_meaning, sendable
from .served import Served
from .text_frames import TextFrame
from .turn import Turn
from .usage import Usage

__all__ = [
    "AnswerDialect",
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
    "require_prefill",
]


# --- what passes between the halves ----------------------------------------------------------


class ParsedRequest(Interface):
    """A client's request: decoded and checked, not yet a `Turn`."""

    body: bytes
    """The client's original bytes."""
    model: str
    """The model that the client requests."""
    stream: bool
    include_usage: bool
    """Whether the client's stream must report its usage (always true in dialects that always report it)."""
    provider: str | Mapping[str, Any] | None
    """Tidegate's extension: a provider's name, or preferences among providers."""
    fallbacks: Sequence[str]
    """Tidegate's extension `models`: the models to try when `model` fails."""

    @property
    def max_output(self) -> int | None:
        """The most completion tokens per choice, reasoning included; None if the client sets no limit."""
        ...

    @property
    def n(self) -> int:
        """The number of choices requested."""
        ...

    def needs(self) -> frozenset[Need]:
        """The capabilities that a model needs, read from the decoded body without building a `Turn`. For a
        plain text request this costs one look at each message.
        """
        ...

    def searches(self) -> int | None:
        """The most web searches that the client lets the provider run for a choice: 0 where it asks for
        none, None where it asks for them without a bound.
        """
        ...

    def opening(self) -> Iterable[bytes]:
        """What all requests of the same conversation have in common, in pieces: the model, the tools, the
        instructions, the user's first message.
        """
        ...

    def session(self) -> Session:
        """The names that the client gives the conversation."""
        ...

    def turn(self) -> Turn:
        """Build the request independent of any dialect. Raises InvalidRequest."""
        ...


class Target(Struct, frozen=True, gc=False):
    """The provider and model that a request is rendered for."""

    model: str
    """The provider's name for the model."""
    dialect: Any
    """How the provider differs from its wire format: an instance of that format's Dialect struct."""
    profile: Profile = PLAIN


class Call(Struct, frozen=True, gc=False):
    """A request to a provider, ready to be sent."""

    path: str
    """Appended to the provider's base URL; starts with a slash and may contain a query."""
    body: bytes
    stream: bool
    """Whether the answer will be a stream."""
    dropped: tuple[str, ...] = ()
    """Parameters, by the client's names, that the provider does not support."""
    headers: Mapping[str, str] = {}
    """Headers that this request needs in addition to the provider's."""
    slow: bool = False
    """Whether a stream may be silent for as long as a whole answer may take (images), and not only for as
    long as one of text."""


class Tally(Struct, gc=False):
    """What accounting needs to know about an answer. Up to date after every `feed`."""

    usage: Usage | None = None
    """None until the provider reports any."""
    finish: FinishReason | str | None = None
    """The finish reason of the last choice that finished."""
    id: str = ""
    """The provider's id of the answer."""
    model: str = ""
    """The model that answered, as the provider names it."""
    left_out: list[str] = []
    """Names of what the provider sent beside the text in an unreadable form, at most `MOST_LEFT_OUT`. The
    client gets the answer without it."""
    service_tier: str | None = None
    """The tier that served the answer, as the provider names it; see Served for this and the next two."""
    speed: str | None = None
    inference_geo: str | None = None
    provider_cost: int | None = None
    """The cost that the provider reports, in 10⁻⁹ USD."""
    search_context_size: str | None = None
    billed: Usage | None = None
    """The tokens that are billed, if they are not `usage`; see Served for this and the one before."""
    images: int | None = None
    """The number of images generated, if images were requested."""

    def leave_out(self, name: str) -> None:
        """Record the name of something left out."""
        if name not in self.left_out and len(self.left_out) < MOST_LEFT_OUT:
            self.left_out.append(name)

    def note(self, served: Served | None) -> None:
        """Record how the answer was served; fields that are not reported keep their values."""
        if served is None:
            return
        self.service_tier = served.service_tier or self.service_tier
        self.speed = served.speed or self.speed
        self.inference_geo = served.inference_geo or self.inference_geo
        self.provider_cost = self.provider_cost if served.cost is None else served.cost
        self.search_context_size = served.search_context_size or self.search_context_size
        self.billed = served.billed or self.billed


class ErrorReply(Struct, frozen=True, gc=False):
    """An error in a door's dialect."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


# --- the path of an answer -------------------------------------------------------------------


class Reader(Interface):
    """Turns the bytes of one answer into events. Created per answer, fed to its end, closed once."""

    @property
    def done(self) -> bool:
        """Whether the provider's own end mark has been read; False in formats without one."""
        ...

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that these bytes complete. Never raises for provider data: an answer that cannot
        be read yields `Failed`, and nothing after it.
        """
        ...

    def close(self) -> list[Event]:
        """Return the events that the end of input completes; `Failed` if the answer is unfinished."""
        ...


class Writer(Interface):
    """Writes events in the client's dialect: a stream piece by piece, or one JSON body on close.

    `Failed` and `LeftOut` never reach a writer; `abort` reports an error in mid-stream.
    """

    leave_out: Callable[[str], None]
    """What a writer calls with the name of everything that its dialect has no place for. Its reader's bridge
    replaces it before the first event; until then it does nothing."""

    def write(self, events: Sequence[Event]) -> bytes:
        """Return the bytes to send to the client now (none, for a JSON body)."""
        ...

    def close(self) -> bytes:
        """Return the end of the stream, or the JSON body."""
        ...

    def abort(self, error: TidegateError) -> bytes:
        """Return the end of a stream that failed: the dialect's error event and nothing else."""
        ...


@runtime_checkable
class Conduit(Interface):
    """The path of one answer from the provider to the client: provider's bytes in, client's bytes out."""

    tally: Tally
    failure: ProviderError | None
    """Set when the provider fails in the middle of its answer. Everything that `feed` returned before is
    valid."""

    @property
    def done(self) -> bool:
        """Whether the answer's end mark (`[DONE]`, `message_stop`, …) has arrived, so that `close` can be
        called at once. Anything that the provider sends or fails to send after it does not matter. Always
        False for formats without an end mark and for plain answers.
        """
        ...

    @property
    def finished(self) -> bool:
        """Whether every choice has its finish reason: if the provider fails now, the answer is whole, and
        `close` ends it. False in formats in which only the end mark says so.
        """
        ...

    def feed(self, data: bytes) -> bytes:
        """Return the bytes for the client that these provider bytes produce."""
        ...

    def close(self) -> bytes:
        """Return the bytes for the client at the end of the provider's answer. Sets `failure` if it ended too
        early; the caller then reports the error with `abort` or an error status.
        """
        ...

    def abort(self, error: TidegateError) -> bytes:
        """Return the end of a client's stream that cannot continue. Never imitates a normal end."""
        ...


class AnswerDialect(Interface):
    """A dialect in which answers are written to clients."""

    def writer(self, request: ParsedRequest, model: str) -> Writer:
        """Create the writer of the answer to this request; `model` is used if the provider names none."""
        ...


Restorer = Callable[[list[Event]], list[Event]]
"""Undoes in the events of an answer what a provider's limits required in its request."""

HALF_A_PAIR = "surrogate"
"""The name of half a surrogate pair at the end of a text whose stream ended without the other half."""


class Bridge:
    """A conduit between two dialects: a reader on one side, a writer on the other."""

    __slots__ = (
        "_feed", "_frame", "_names", "_reader", "_restorers", "_skip_text", "_write", "_writer", "failure",
        "tally",
    )  # fmt: skip

    def __init__(
        self,
        reader: Reader,
        writer: Writer,
        names: Mapping[str, str] | None = None,
        restorers: Sequence["Restorer"] = (),
    ) -> None:
        self.tally = Tally()
        self.failure: ProviderError | None = None
        self._reader = reader
        self._writer = writer
        self._names = names
        """The client's tool names, by the names sent to the provider instead."""
        self._restorers = restorers
        self._feed = reader.feed
        self._write = writer.write
        writer.leave_out = self.tally.leave_out
        self._frame: TextFrame | None = None
        """The frame of the last text, if reader and writer can have frames: see `text_frames`."""
        if hasattr(reader, "text_of") and hasattr(writer, "around_text") and not restorers:
            self._frame = TextFrame()
            self._skip_text: Callable[[str], None] = reader.skip_text  # type: ignore[attr-defined]

    def feed(self, data: bytes) -> bytes:
        """See Conduit."""
        frame = self._frame
        if frame is not None:
            text = frame.text_in(data)
            if text is not None:
                self._skip_text(text)
                return frame.opening + text.encode() + frame.closing
            frame.forget()  # what comes between may change how texts are read and written
        try:
            passed = self._pass(self._feed(data))
            if passed and frame is not None:
                frame.learn(data, self._reader.text_of, self._writer.around_text)  # type: ignore[attr-defined]
        except Exception as error:  # noqa: BLE001 any exception here is caused by what the provider sent
            return self._break(error)
        return passed

    def close(self) -> bytes:
        """See Conduit."""
        if self.failure is not None:
            return b""
        try:
            passed = self._pass(self._reader.close())
            if getattr(self._reader, "lacks_half", False):
                self.tally.leave_out(HALF_A_PAIR)
            return passed if self._failed() else passed + self._writer.close()
        except Exception as error:  # noqa: BLE001 as above
            return self._break(error)

    def abort(self, error: TidegateError) -> bytes:
        """See Conduit."""
        return self._writer.abort(error)

    @property
    def done(self) -> bool:
        """See Conduit."""
        return getattr(self._reader, "done", False)  # formats in older packages lack it

    @property
    def finished(self) -> bool:
        """See Conduit."""
        return getattr(self._reader, "finished", False)  # readers that know it have it

    def _failed(self) -> bool:
        return self.failure is not None

    def _break(self, error: Exception) -> bytes:
        """Fail an answer whose shape neither the reader nor the writer expects."""
        form = f"the provider's answer has an unexpected form ({type(error).__name__})"
        self.failure = error if isinstance(error, ProviderError) else ProviderBroke(form)
        return b""

    def _pass(self, events: list[Event]) -> bytes:
        if not events:
            return b""
        for restore in self._restorers:
            events = restore(events)
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
    """A wire format for calling providers."""

    name: str
    """Such as `openai_chat`; also the `format` of signatures and native blocks."""
    dialect: type[Any]
    """The struct that describes how providers of this format may differ."""
    forwarded_headers: frozenset[str]
    """Client headers (lower case) that are forwarded to a provider of the same format. A trailing `*` matches
    any header with that prefix."""
    carries: Mapping[str, "Outcome"]
    """What happens to each field of `Turn` that not every format supports (see `drop_or_refuse`)."""

    def render_request(self, turn: Turn, target: Target) -> Call:
        """Write the request for a provider. Raises Unsupported naming what it cannot carry."""
        ...

    def reader(self, call: Call, target: Target) -> Reader:
        """Create the reader of the answer to this call."""
        ...

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """Read a provider's error answer. Header names are lower case; the body may be anything."""
        ...

    def render_count(self, request: ParsedRequest, target: Target) -> Call | None:
        """Write a request for the provider to count tokens; None if the format does not support it."""
        ...

    def parse_count(self, body: bytes) -> int:
        """Read the token count from the provider's answer to `render_count`. Raises ProviderBroke."""
        ...


class Protocol(ProviderProtocol, AnswerDialect, Interface):
    """A wire format that clients speak too.

    A format whose clients expect or ignore something during silent gaps in a stream defines it as
    `heartbeat`. One in which a stream that broke can be carried on has a method `resume(request, delivered)`
    (see continuation.py). One whose clients read limits in headers of their own has a method
    `render_limits(standings, now)` (see limit_headers.py).
    """

    def parse_request(self, body: bytes) -> ParsedRequest:
        """Decode and check a client's request. Raises InvalidRequest naming the parameter."""
        ...

    def parse_count_request(self, body: bytes) -> ParsedRequest:
        """Decode and check a client's token count request."""
        ...

    def render_error(self, error: TidegateError, request_id: str) -> ErrorReply:
        """Write an error in this dialect, for use before the first byte of an answer."""
        ...

    # the same dialect on both sides

    def splice_request(self, request: ParsedRequest, target: Target) -> Call:
        """Return the client's body with the model replaced; apart from that, change only what the dialect or
        the profile requires.
        """
        ...

    def splice(self, request: ParsedRequest, call: Call, target: Target) -> Conduit:
        """Create the conduit of the answer to a spliced request."""
        ...

    def route(self, target: Target) -> "Route":
        """Create the route to a target of this same format: a `SpliceRoute`, or an equivalent that makes more
        of its decisions in advance.
        """
        ...


# --- routes ----------------------------------------------------------------------------------


class Route(Interface):
    """The path from one client dialect to one target. Decisions that depend only on the target are made when
    the route is created; each request follows them.
    """

    def plan(self, request: ParsedRequest) -> tuple[Call, Conduit]:
        """Return what to send, and the conduit of the answer. Raises Unsupported naming what it
        cannot carry.
        """
        ...


class BridgeRoute:
    """The route between two dialects."""

    __slots__ = (
        "_any_root", "_door", "_most_output", "_property_names", "_protocol", "_searching", "_target",
        "_tool_names",
    )  # fmt: skip

    def __init__(
        self,
        door: AnswerDialect,
        protocol: ProviderProtocol,
        target: Target,
        most_output: Callable[[], int | None] = lambda: None,
        searching: "BridgeRoute | None" = None,
    ) -> None:
        self._door = door
        self._protocol = protocol
        self._target = target
        caps_output = getattr(target.dialect, "caps_output", False)
        self._most_output = (lambda: None) if caps_output else most_output
        """The most completion tokens that the model can write; None if unknown. Looked up when a request sets
        a limit, because clients of another dialect use the limits of their own models."""
        self._tool_names: NameRule = getattr(target.dialect, "tool_names", ANY_NAME)
        property_names_of: Callable[[str], NameRule] = getattr(
            target.dialect, "property_names_of", lambda _: ANY_NAME
        )
        self._property_names = property_names_of(target.model)
        self._any_root: bool = getattr(target.dialect, "any_root", False)
        """Whether the schema of an answer may be any, and not only an object's."""
        self._searching = searching
        """The route in another format of the same provider, for requests in which the provider is to search
        the web; None if its own format can."""

    def plan(self, request: ParsedRequest) -> tuple[Call, Conduit]:
        """See Route."""
        return self.plan_turn(request, request.turn())

    def plan_turn(self, request: ParsedRequest, turn: Turn) -> tuple[Call, Conduit]:
        """Plan with another turn than the request's: one whose links have been fetched."""
        if self._searching is not None and any(tool.search is not None for tool in turn.tools):
            return self._searching.plan_turn(request, turn)
        left_out: tuple[str, ...] = ()
        if turn.extensions and turn.origin != self._protocol.name:
            refuse_meaning(turn)
        if turn.stop or turn.top_k is not None or len(turn.tools) > 1:
            turn, left_out = sendable(turn)
        turn, names = short_tool_names(in_order(turn), self._tool_names)
        restorers: list[Restorer] = []
        if turn.output is not None and not self._any_root:
            output = turn.output
            turn, is_wrapped = with_object_root(turn)
            if is_wrapped:
                restorers.append(OnlyValue(output).restore)
        turn, properties = short_property_names(turn, self._property_names)
        if properties:
            restorers.append(OwnKeys(properties).restore)
            left_out = (*left_out, RENAMED_PROPERTIES)
        most = None if turn.max_tokens is None else self._most_output()
        if most is None or turn.max_tokens is None or turn.max_tokens <= most:
            call = self._protocol.render_request(turn, self._target)
        else:
            call = self._protocol.render_request(structs.replace(turn, max_tokens=most), self._target)
            call = structs.replace(call, dropped=(*call.dropped, "max_tokens"))
        if left_out:
            call = structs.replace(call, dropped=(*call.dropped, *left_out))
        return call, self.bridge(request, call, names, restorers)

    def bridge(
        self,
        request: ParsedRequest,
        call: Call,
        names: Mapping[str, str] | None = None,
        restorers: Sequence[Restorer] = (),
    ) -> Conduit:
        """Create the conduit of the answer to this call."""
        reader = self._protocol.reader(call, self._target)
        return Bridge(reader, self._door.writer(request, self._target.model), names, restorers)


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
        if call.stream != request.stream:  # the model cannot stream, or only streams
            return call, self._bridge.bridge(request, call)
        conduit = self._protocol.splice(request, call, self._target)
        if hasattr(conduit, "instead"):  # splices that know answers in other forms when they see them
            conduit.instead = lambda: self._bridge.bridge(request, call)
        return call, conduit


# --- what cannot be carried ------------------------------------------------------------------

Outcome = Literal["carried", "dropped", "refused"]
"""What a renderer does with a field of `Turn`. If the format does not support it, tuning is dropped and
reported, and anything that carries meaning is refused. Inside a field (a part, a kind of tool), the renderer
itself refuses."""


def drop_or_refuse(turn: Turn, carries: Mapping[str, Outcome]) -> list[str]:
    """Return the names of fields that the client set and the format drops.

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


def require_prefill(turn: Turn, able: bool) -> None:
    """Raise Unsupported if the answer must be continued from its beginning, and the model cannot do that."""
    if turn.continues and not able:
        raise Unsupported(
            "this model does not continue an answer from its beginning (continues)", param="continues"
        )
