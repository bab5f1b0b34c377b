"""Writes events as responses the way OpenAI sends them: as a stream of events, or as one JSON body.

A response is a list of items, each opened, filled and closed. The order of events determines the items:
consecutive texts and refusals are one message, which a call or thinking ends. Both forms build the items
here; the stream reports every step.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple, Self

from msgspec import DecodeError, Raw
from msgspec.json import Decoder

from tidegate.protocols.beside import parse_audio
from tidegate.protocols.errors import TidegateError
from tidegate.protocols.events import (
    AudioDelta,
    CitationAdded,
    Event,
    Finished,
    ImageAdded,
    LogprobsDelta,
    NativeBlock,
    ReasoningDelta,
    ReasoningEncrypted,
    ReasoningSigned,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from tidegate.protocols.fields import ENCODE
from tidegate.protocols.ids import new_id
from tidegate.protocols.object_end import ObjectEnd
from tidegate.protocols.usage import Usage

from .earlier import remember_response
from .error import error_object, error_of_response, error_of_stream
from .foreign import WrappedSignature, wrap
from .logprobs import pair_logprobs, render_logprobs
from .parse import Parsed
from .progress import Message as DeliveredMessage
from .progress import Progress
from .response import Shell, status_of
from .tools import Declared
from .usage import render_usage
from .wire import HEAD, NAME

__all__ = ["ResponseWriter"]

_OBJECT = Decoder(dict[str, Raw])


class Run:
    """A growing text: its pieces, and the bytes of a delta before and after the piece."""

    __slots__ = ("before", "pieces")

    def __init__(self, event: str, **place: Any) -> None:
        head = ENCODE({"type": event, **place})[:-1]
        self.before = b"event: " + event.encode() + b"\ndata: " + head + b',"delta":'
        self.pieces: list[str] = []

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self.pieces)


class OpenPart:
    """The open part of a message."""

    __slots__ = ("annotations", "citations", "kind", "logprobs", "place", "run")

    def __init__(self, kind: str, place: dict[str, Any]) -> None:
        self.kind = kind
        """`output_text` or `refusal`."""
        self.place = place
        more: dict[str, Any] = {"logprobs": []} if kind == "output_text" else {}
        self.run = Run(f"response.{kind}.delta", **place, **more)
        self.annotations: list[Any] = []
        self.citations: list[Raw] = []
        """Citations in forms that OpenAI does not have, written to an extension field."""
        self.logprobs: list[Any] = []

    def render(self, text: str) -> dict[str, Any]:
        """Write the part with this text."""
        if self.kind == "refusal":
            return {"type": "refusal", "refusal": text}
        part = {
            "type": "output_text",
            "annotations": self.annotations,
            "logprobs": self.logprobs,
            "text": text,
        }
        return {**part, "citations": self.citations} if self.citations else part


class OpenMessage:
    """The open message."""

    __slots__ = ("id", "index", "part", "parts")

    def __init__(self, index: int) -> None:
        self.id = new_id("msg_")
        self.index = index
        self.parts: list[dict[str, Any] | Raw] = []
        self.part: OpenPart | None = None

    @classmethod
    def resume(cls, delivered: DeliveredMessage) -> Self:
        """Open a message again that was delivered in part."""
        message = cls(delivered.index)
        message.id, message.parts = delivered.id, [*delivered.parts]
        if delivered.part is not None:
            part = message.part = OpenPart("output_text", message.next_place())
            part.run.pieces += delivered.part.pieces
            part.annotations += delivered.part.annotations
            part.logprobs += delivered.part.logprobs
        return message

    def next_place(self) -> dict[str, Any]:
        """Return the place of the next part."""
        return {"item_id": self.id, "output_index": self.index, "content_index": len(self.parts)}

    def render(self, status: str) -> dict[str, Any]:
        """Write the item."""
        fields = {"id": self.id, "type": "message", "status": status, "role": "assistant"}
        return {**fields, "content": self.parts}


class OpenThinking:
    """The open reasoning item."""

    __slots__ = ("id", "index", "run")

    def __init__(self, index: int) -> None:
        self.id = new_id("rs_")
        self.index = index
        place = {"item_id": self.id, "output_index": index, "summary_index": 0}
        self.run = Run("response.reasoning_summary_text.delta", **place)


class OpenCall:
    """A call whose arguments are being written."""

    __slots__ = ("_end", "call", "declared", "id", "index", "kind", "run")

    def __init__(self, call: ToolCallStarted, declared: Declared, index: int) -> None:
        self.call = call
        self.declared = declared
        self.index = index
        self.kind = CALL_KINDS["search" if declared.kind == "search" else call.kind]
        self.id = new_id(self.kind.prefix)
        event = self.kind.event
        self.run = Run(f"response.{event}.delta", item_id=self.id, output_index=index)
        self._end = ObjectEnd(self.run.pieces)

    @property
    def whole(self) -> bool:
        """Whether the call is complete: a function's arguments are complete JSON."""
        return self.call.kind != "custom" and self._end.is_whole()

    def render(self, status: str, text: str) -> dict[str, Any]:
        """Write the item."""
        fields = {"id": self.id, "type": self.kind.type, "status": status, "call_id": self.call.id}
        if self.kind.type == "tool_search_call":
            arguments = Raw(text.encode()) if text and self._end.is_whole() else {}
            return {**fields, "execution": "client", "arguments": arguments}
        namespace = {"namespace": self.declared.namespace} if self.declared.namespace else {}
        return {**fields, "name": self.declared.name, **namespace, self.kind.field: text}


class CallKind(NamedTuple):
    """How calls of one type are written."""

    type: str
    prefix: str
    """The prefix of the item's id."""
    field: str
    event: str
    """The middle of the names of its events; "" if it has none."""


CALL_KINDS = {
    "function": CallKind("function_call", "fc_", "arguments", "function_call_arguments"),
    "custom": CallKind("custom_tool_call", "ctc_", "input", "custom_tool_call_input"),
    "search": CallKind("tool_search_call", "tsc_", "arguments", ""),
}


class ResponseWriter:
    """Writes a response (see contract.Writer). The format has exactly one choice."""

    __slots__ = (
        "_calls", "_citations", "_finished", "_grown", "_logprobs", "_message", "_next", "_out", "_output",
        "_parsed", "_sequence", "_shell", "_streams", "_thinking", "_usage", "leave_out",
    )  # fmt: skip

    def __init__(self, parsed: Parsed, model: str) -> None:
        # the response
        self._parsed = parsed
        self._shell = Shell(parsed, model)
        self._output: dict[int, Raw] = {}
        """Finished items by index."""
        self._finished: Finished | None = None
        self._usage: Usage | None = None
        # open items
        self._next = 0
        """The index of the next item."""
        self._message: OpenMessage | None = None
        self._thinking: OpenThinking | None = None
        self._calls: dict[int, OpenCall] = {}
        """Calls by event index. Several may be open, because providers may interleave their deltas."""
        self._grown: set[int] = set()
        """Calls that have received arguments since they were last checked for completeness."""
        self._logprobs: list[Any] = []
        """The log probabilities of the next text."""
        self._citations: list[CitationAdded] = []
        """The citations of a text that has not begun."""
        # the stream
        self._streams = parsed.stream
        self._sequence = 0
        self._out: list[bytes] = []
        self.leave_out: Callable[[str], None] = lambda _: None
        """See contract.Writer."""

    def resume(self, started: Started, progress: Progress) -> None:
        """Go on in a stream that has come this far."""
        self._shell.begin(started)
        self._output = {**progress.output}
        self._next, self._sequence = progress.next, progress.sequence
        if progress.message is not None:
            self._message = OpenMessage.resume(progress.message)

    def write(self, events: Sequence[Event]) -> bytes:
        """See contract.Writer."""
        if len(events) == 1:
            # The usual case: more text for the open part.
            event = events[0]
            if (
                type(event) is TextDelta
                and not event.choice
                and event.signature is None
                and not self._logprobs
            ):
                message = self._message
                if message is not None and message.part is not None and message.part.kind == "output_text":
                    return self._grow(message.part.run, event.text)
        for event in pair_logprobs(events):
            if getattr(event, "choice", 0):
                self.leave_out("choices")
            else:
                self._WRITES[type(event)](self, event)
        return self._take_out()

    def close(self) -> bytes:
        """Return the final response, as the last event of the stream or as the body."""
        if not self._shell.begun:
            self._begin(None)
        self._close_all("completed")
        status = status_of(self._finished)
        usage = None if self._usage is None else render_usage(self._usage)
        output = self._items()
        response = self._shell.render(status, output, usage=usage, finished=self._finished)
        self._remember(output)
        if not self._streams:
            return bytes(response)
        self._emit(f"response.{status}", response=response)
        return self._take_out()

    def abort(self, error: TidegateError) -> bytes:
        """Return the error in both forms that clients look for (see error.py); just the error in place of a
        body.
        """
        if not self._streams:
            return error_object(error)
        if not self._shell.begun:
            self._shell.begin(None)
        self._emit("error", **error_of_stream(error))
        response = self._shell.render("failed", self._items(), error=error_of_response(error))
        self._emit("response.failed", response=response)
        return self._take_out()

    # --- the stream ---

    def _emit(self, event: str, **fields: Any) -> None:
        if not self._streams:
            return
        data = ENCODE({"type": event, **fields, "sequence_number": self._sequence})
        self._sequence += 1
        self._out.append(b"event: %b\ndata: %b\n\n" % (event.encode(), data))

    def _grow(self, run: Run, piece: str) -> bytes:
        """Add to a text: the event, in a frame that is built once per text."""
        run.pieces.append(piece)
        if not self._streams:
            return b""
        number = self._sequence
        self._sequence += 1
        return run.before + ENCODE(piece) + b',"sequence_number":%d}\n\n' % number

    def _take_out(self) -> bytes:
        out = b"".join(self._out)
        self._out.clear()
        return out

    def _begin(self, started: Started | None) -> None:
        self._shell.begin(started)
        if self._streams:
            response = self._shell.render("in_progress", [])
            self._emit("response.created", response=response)
            self._emit("response.in_progress", response=response)

    # --- items ---

    def _items(self) -> list[Raw]:
        return [item for _, item in sorted(self._output.items())]

    def _take_index(self) -> int:
        if not self._shell.begun:
            self._begin(None)
        self._next += 1
        return self._next - 1

    def _open_item(self, index: int, item: Any) -> None:
        self._emit("response.output_item.added", output_index=index, item=item)

    def _close_item(self, index: int, item: Any) -> None:
        self._output[index] = raw = Raw(ENCODE(item))
        memory = self._parsed.memory
        if memory is not None and isinstance(item, dict):
            memory.remember(item["id"], bytes(raw))
        self._emit("response.output_item.done", output_index=index, item=raw)

    def _remember(self, output: list[Raw]) -> None:
        """Keep the response for requests that continue it; a compaction replaces what precedes it."""
        parsed = self._parsed
        if parsed.memory is None:
            return
        items, previous = ([], None) if parsed.compacts else (parsed.own_items, parsed.continued)
        remember_response(parsed.memory, self._shell.id, items, output, previous)

    def _close_all(self, status: str) -> None:
        """Close all open items."""
        if self._citations:
            self._open_part("output_text")
        self._close_thinking()
        self._close_message(status)
        for index in list(self._calls):
            self._close_call(index, status)

    def _turn_from(self, *, message: bool = True, thinking: bool = True) -> None:
        """Close the items that content of another type ends."""
        if thinking:
            self._close_thinking()
        if message:
            self._close_message("completed")
        for index in sorted(self._grown):
            if self._calls[index].whole:
                self._close_call(index, "completed")
        self._grown.clear()

    def _add_wrapped(self, wrapped: WrappedSignature) -> None:
        """Add an item that only carries a signature or block of another format."""
        self._turn_from()
        self._add_reasoning(wrap(wrapped))

    def _add_reasoning(self, encrypted: str) -> None:
        index = self._take_index()
        item = {"id": new_id("rs_"), "type": "reasoning", "summary": [], "encrypted_content": encrypted}
        self._open_item(index, item)
        self._close_item(index, item)

    # --- messages ---

    def _open_part(self, kind: str) -> OpenPart:
        """Return the open part of this type."""
        message = self._message
        if message is None:
            self._turn_from()
            message = self._message = OpenMessage(self._take_index())
            self._open_item(message.index, message.render("in_progress"))
        if message.part is not None and message.part.kind == kind:
            return message.part
        self._close_part(message)
        place = message.next_place()
        part = message.part = OpenPart(kind, place)
        self._emit("response.content_part.added", **place, part=part.render(""))
        waiting, self._citations = self._citations, []
        for cited in waiting:
            self._write_citation(cited)
        return part

    def _close_part(self, message: OpenMessage) -> None:
        part = message.part
        if part is None:
            return
        message.part = None
        text = part.run.text
        if part.kind == "output_text":
            self._flush_logprobs(part)
            self._emit("response.output_text.done", **part.place, text=text, logprobs=part.logprobs)
        else:
            self._emit("response.refusal.done", **part.place, refusal=text)
        rendered = part.render(text)
        message.parts.append(rendered)
        self._emit("response.content_part.done", **part.place, part=rendered)

    def _close_message(self, status: str) -> None:
        message = self._message
        if message is None:
            return
        self._close_part(message)
        self._message = None
        self._close_item(message.index, message.render(status))

    def _flush_logprobs(self, part: OpenPart) -> None:
        """Write log probabilities whose text has already been written."""
        if self._logprobs:
            self._grow_with_logprobs(part, "")

    def _grow_with_logprobs(self, part: OpenPart, piece: str) -> None:
        pending, self._logprobs = self._logprobs, []
        part.run.pieces.append(piece)
        part.logprobs.extend(pending)
        self._emit("response.output_text.delta", **part.place, logprobs=pending, delta=piece)

    # --- thinking ---

    def _open_thinking(self) -> OpenThinking:
        thinking = self._thinking
        if thinking is None:
            self._turn_from(thinking=False)
            thinking = self._thinking = OpenThinking(self._take_index())
            self._open_item(thinking.index, {"id": thinking.id, "type": "reasoning", "summary": []})
            place = {"item_id": thinking.id, "output_index": thinking.index, "summary_index": 0}
            part = {"type": "summary_text", "text": ""}
            self._emit("response.reasoning_summary_part.added", **place, part=part)
        return thinking

    def _close_thinking(self, signature: str = "", signed_by: str = "") -> None:
        """Close the reasoning item. A signature is wrapped even if there is none, unless it is OpenAI's own,
        so that foreign thinking is recognised when it comes back.
        """
        thinking = self._thinking
        if thinking is None:
            return
        self._thinking = None
        text = thinking.run.text
        place = {"item_id": thinking.id, "output_index": thinking.index, "summary_index": 0}
        part = {"type": "summary_text", "text": text}
        self._emit("response.reasoning_summary_text.done", **place, text=text)
        self._emit("response.reasoning_summary_part.done", **place, part=part)
        item = {"id": thinking.id, "type": "reasoning", "summary": [part]}
        item["encrypted_content"] = _wrap_thinking(signature, signed_by, text)
        self._close_item(thinking.index, item)

    # --- calls ---

    def _close_call(self, position: int, status: str) -> None:
        call = self._calls.pop(position)
        self._grown.discard(position)
        text = call.run.text
        if call.kind.event:
            place = {"item_id": call.id, "output_index": call.index, call.kind.field: text}
            self._emit(f"response.{call.kind.event}.done", **place)
        self._close_item(call.index, call.render(status, text))

    # --- one method per event ---

    def _write_start(self, event: Started) -> None:
        self._begin(event)

    def _write_text(self, event: TextDelta) -> None:
        if event.text:
            part = self._open_part("output_text")
            if self._logprobs:
                self._grow_with_logprobs(part, event.text)
            else:
                self._out.append(self._grow(part.run, event.text))
        if event.signature is not None:
            # The message ends here, so that the signature directly follows the text that it belongs to.
            self._add_wrapped(WrappedSignature("gemini", "text", event.signature))

    def _write_refusal(self, event: RefusalDelta) -> None:
        self._out.append(self._grow(self._open_part("refusal").run, event.text))

    def _write_reasoning(self, event: ReasoningDelta) -> None:
        self._out.append(self._grow(self._open_thinking().run, event.text))

    def _write_signature(self, event: ReasoningSigned) -> None:
        if self._thinking is not None:
            self._close_thinking(event.signature, event.format)
        elif event.format == NAME:
            self._write_encrypted(ReasoningEncrypted(event.signature, NAME))
        else:
            self._add_wrapped(WrappedSignature(event.format, "thinking", event.signature))

    def _write_encrypted(self, event: ReasoningEncrypted) -> None:
        if event.format != NAME:
            self._add_wrapped(WrappedSignature(event.format, "redacted", event.data))
            return
        self._turn_from()
        self._add_reasoning(event.data)

    def _write_call(self, event: ToolCallStarted) -> None:
        if event.signature is not None:
            self._add_wrapped(WrappedSignature("gemini", "call", event.signature, call_id=event.id))
        self._turn_from()
        call = self._calls[event.index] = OpenCall(
            event, self._parsed.names.declared(event.name), self._take_index()
        )
        self._open_item(call.index, call.render("in_progress", ""))

    def _new_call(self, event: ToolCallStarted) -> OpenCall:
        return OpenCall(event, self._parsed.names.declared(event.name), self._take_index())

    def _write_arguments(self, event: ToolCallDelta) -> None:
        call = self._calls.get(event.index)
        if call is not None and event.arguments:
            self._grown.add(event.index)
            if call.kind.event:
                self._out.append(self._grow(call.run, event.arguments))
            else:
                call.run.pieces.append(event.arguments)

    def _write_logprobs(self, event: LogprobsDelta) -> None:
        self._logprobs += render_logprobs(event.content)

    def _write_citation(self, event: CitationAdded) -> None:
        message = self._message
        part = message.part if message is not None else None
        if part is None or part.kind != "output_text":
            self._citations.append(event)
            return
        annotation = _render_annotation(event)
        if annotation is None:
            if event.native is not None:
                part.citations.append(event.native)
            return
        number = len(part.annotations)
        part.annotations.append(annotation)
        event_name = "response.output_text.annotation.added"
        self._emit(event_name, **part.place, annotation_index=number, annotation=annotation)

    def _write_image(self, event: ImageAdded) -> None:
        self._turn_from()
        index, item_id = self._take_index(), new_id("ig_")
        item = {"id": item_id, "type": "image_generation_call", "status": "in_progress", "result": None}
        self._open_item(index, item)
        place = {"item_id": item_id, "output_index": index}
        self._emit("response.image_generation_call.in_progress", **place)
        self._emit("response.image_generation_call.completed", **place)
        form = event.media_type.removeprefix("image/")
        done = {**item, "status": "completed", "result": event.data, "output_format": form}
        self._close_item(index, done)
        if event.signature is not None:
            self._add_wrapped(WrappedSignature("gemini", "image", event.signature))

    def _write_audio(self, event: AudioDelta) -> None:
        """Write the transcript: requests of this format cannot ask for audio."""
        audio = parse_audio(event.audio)
        if audio.transcript:
            self._write_text(TextDelta(audio.transcript))
        if audio.data:
            self.leave_out("audio")

    def _write_native(self, event: NativeBlock) -> None:
        if event.format != NAME:
            self._add_wrapped(WrappedSignature(event.format, "block", block=event.block))
            return
        self._turn_from()
        index = self._take_index()
        self._open_item(index, event.block)
        self._close_item(index, event.block)

    def _write_finish(self, event: Finished) -> None:
        self._finished = event
        self._close_all(status_of(event))

    def _write_usage(self, event: UsageReported) -> None:
        self._usage = event.usage

    _WRITES: ClassVar[dict[type, Callable[["ResponseWriter", Any], None]]] = {
        Started: _write_start,
        TextDelta: _write_text,
        ReasoningDelta: _write_reasoning,
        ReasoningSigned: _write_signature,
        ReasoningEncrypted: _write_encrypted,
        ToolCallStarted: _write_call,
        ToolCallDelta: _write_arguments,
        RefusalDelta: _write_refusal,
        LogprobsDelta: _write_logprobs,
        CitationAdded: _write_citation,
        ImageAdded: _write_image,
        AudioDelta: _write_audio,
        NativeBlock: _write_native,
        Finished: _write_finish,
        UsageReported: _write_usage,
    }


def _wrap_thinking(signature: str, signed_by: str, text: str) -> str:
    if signed_by == NAME:
        return signature
    return wrap(WrappedSignature(signed_by, "thinking", signature, text if signature else ""))


OWN_ANNOTATIONS = frozenset({"file_citation", "url_citation", "container_file_citation", "file_path"})


def _render_annotation(cited: CitationAdded) -> Any:
    """Write a citation in OpenAI's form; None if it has none."""
    if cited.native is not None and _type_of(cited.native) in OWN_ANNOTATIONS:
        return cited.native
    if cited.url is None:
        return None
    return {
        "type": "url_citation",
        "start_index": cited.start or 0,
        "end_index": cited.end or 0,
        "url": cited.url,
        "title": cited.title or cited.url,
    }


def _type_of(native: Raw) -> str | None:
    try:
        return HEAD.decode(native).type
    except DecodeError:
        return None
