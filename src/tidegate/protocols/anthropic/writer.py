"""Writes `Event`s as Anthropic's stream or message.

Anthropic's clients expect one content block at a time: `_Sequence` brings the events into that order, and its
two subclasses write the result as a stream or as a message.

How events are written that have no counterpart in the dialect:

- Interleaved arguments of parallel calls: the open call is streamed live; everything else waits until its
  arguments are a complete JSON object, or the answer ends. Nothing is lost, and consecutive calls are not
  delayed.
- The text of a custom tool becomes `{"input": text}`; arguments that are not a JSON object (cut off by the
  length limit) become `{"invalid_json": text}` in a message; in a stream they are forwarded unchanged.
- A refusal is a text with the stop reason `refusal`.
- An image is a text block with Markdown (see images.py). For audio, only the transcript is written, since
  Anthropic's clients cannot request audio. Log probabilities are left out for the same reason.
- Thinking signed by others, and their signatures on texts and calls, are written as foreign.py describes.
- A citation with a URL is a `web_search_result_location`, one without is a `search_result_location`.
- Only the first choice is written, since Anthropic's clients cannot request more.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from tidegate.protocols.beside import parse_audio
from tidegate.protocols.contract import Writer
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
from tidegate.protocols.finishes import WORDS, own_words
from tidegate.protocols.ids import new_id
from tidegate.protocols.object_end import ObjectEnd
from tidegate.protocols.sse import frame
from tidegate.protocols.usage import Usage

from .error import render_error_body
from .foreign import NATIVE_BLOCK, wrap_signature
from .images import write_image
from .messages import as_input
from .tools import CUSTOM_INPUT
from .usage import render_delta_usage, render_usage

__all__ = ["MessageWriter", "StreamWriter"]

OWN_REASONS = own_words("anthropic")
"""Stop reasons that Anthropic's clients know."""

_encode = msgspec.json.Encoder().encode


class _OpenCall:
    """The call whose block is open."""

    __slots__ = ("_end", "index", "is_custom", "pieces")

    def __init__(self, started: ToolCallStarted) -> None:
        self.index = started.index
        self.is_custom = started.kind == "custom"
        self.pieces: list[str] = []
        self._end = ObjectEnd(self.pieces)

    def is_whole(self) -> bool:
        """Return whether only white space can follow."""
        return not self.is_custom and self._end.is_whole()


class _Sequence(Writer):
    """Brings events into the order of blocks. Subclasses define how blocks are written."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._started: Started | None = None
        self._usage: Usage | None = None
        self._finished: Finished | None = None
        self._refused = False
        self._begun = False
        """Whether the start of the message has been written."""
        self._kind: str | None = None
        """The type of the open block: `text`, `thinking`, `tool_use`."""
        self._call: _OpenCall | None = None
        self._waiting: deque[Event] = deque()
        """Events that cannot be written before the open call is complete."""
        self._arguments: dict[int, list[ToolCallDelta]] = {}
        """Arguments of waiting calls, by call index: they are written together with their call."""
        self.leave_out: Callable[[str], None] = lambda _: None
        """See contract.Writer."""

    # --- for subclasses ---

    def _begin(self) -> None:
        """Write the start of the message."""
        raise NotImplementedError

    def _open(self, block: dict[str, Any] | Raw) -> None:
        """Open a block. No other block is open."""
        raise NotImplementedError

    def _grow(self, kind: str, field: str, value: Any) -> None:
        """Add a delta to the open block."""
        raise NotImplementedError

    def _shut(self) -> None:
        """Close the open block."""
        raise NotImplementedError

    # --- the sequence

    def _take(self, events: Sequence[Event]) -> None:
        for event in events:
            self._take_one(event)

    def _take_one(self, event: Event) -> None:
        if getattr(event, "choice", 0) != 0:
            self.leave_out("choices")
            return
        kind = type(event)
        call = self._call
        if call is not None and kind not in _PASSIVE:
            belongs = kind is ToolCallDelta and event.index == call.index  # type: ignore[union-attr]
            if not belongs and (self._waiting or not call.is_whole()):
                self._wait(event)
                return
        _WRITE[kind](self, event)

    def _wait(self, event: Event) -> None:
        if isinstance(event, ToolCallStarted):
            self._arguments[event.index] = []
        elif isinstance(event, ToolCallDelta):
            arguments = self._arguments.get(event.index)
            if arguments is not None:  # otherwise white space after a complete call
                arguments.append(event)
            return
        self._waiting.append(event)

    def _release(self) -> None:
        """Close the open call, then write what waited for it, up to the next incomplete call."""
        self._close_block()
        while self._waiting and (self._call is None or self._call.is_whole()):
            event = self._waiting.popleft()
            _WRITE[type(event)](self, event)
            if isinstance(event, ToolCallStarted):
                for delta in self._arguments.pop(event.index, ()):
                    self._add_arguments(delta)

    def _open_block(self, kind: str, block: dict[str, Any] | Raw) -> None:
        self._close_block()
        if not self._begun:
            self._begun = True
            self._begin()
        self._kind = kind
        self._open(block)

    def _close_block(self) -> None:
        if self._kind is None:
            return
        call, self._call = self._call, None
        if call is not None and call.is_custom:
            given = {CUSTOM_INPUT: "".join(call.pieces)}
            self._grow("input_json_delta", "partial_json", _encode(given).decode())
        self._kind = None
        self._shut()

    def _close_all(self) -> None:
        """End the content, complete or not."""
        while self._waiting:
            self._release()
        self._close_block()
        if not self._begun:
            self._begun = True
            self._begin()

    # --- one method per type of event

    def _write_started(self, event: Started) -> None:
        self._started = event

    def _write_usage(self, event: UsageReported) -> None:
        self._usage = event.usage

    def _write_finished(self, event: Finished) -> None:
        self._finished = event
        while self._waiting:
            self._release()
        self._close_block()

    def _write_text(self, event: TextDelta) -> None:
        if event.signature is not None:
            text = {"type": "text", "text": event.text, "citations": None}
            self._write_whole({**text, **_extra(event.signature)})
        elif event.text:
            self._add_text(event.text)

    def _add_text(self, text: str) -> None:
        if self._kind != "text":
            self._open_block("text", {"type": "text", "text": "", "citations": None})
        self._grow("text_delta", "text", text)

    def _write_refusal(self, event: RefusalDelta) -> None:
        self._refused = True
        self._add_text(event.text)

    def _write_image(self, event: ImageAdded) -> None:
        extra = _extra(event.signature) if event.signature is not None else {}
        self._write_whole({"type": "text", "text": write_image(event.media_type, event.data), **extra})

    def _write_audio(self, event: AudioDelta) -> None:
        audio = parse_audio(event.audio)
        if audio.transcript:
            self._add_text(audio.transcript)
        if audio.data:
            self.leave_out("audio")

    def _write_logprobs(self, _: LogprobsDelta) -> None:
        self.leave_out("logprobs")

    def _write_thinking(self, event: ReasoningDelta) -> None:
        if self._kind != "thinking":
            self._open_block("thinking", {"type": "thinking", "thinking": "", "signature": ""})
        self._grow("thinking_delta", "thinking", event.text)

    def _write_signature(self, event: ReasoningSigned) -> None:
        if self._kind != "thinking":
            self._open_block("thinking", {"type": "thinking", "thinking": "", "signature": ""})
        self._grow("signature_delta", "signature", wrap_signature(event.signature, event.format))
        self._close_block()

    def _write_encrypted(self, event: ReasoningEncrypted) -> None:
        self._write_whole({"type": "redacted_thinking", "data": wrap_signature(event.data, event.format)})

    def _write_call(self, event: ToolCallStarted) -> None:
        extra = _extra(event.signature) if event.signature is not None else {}
        named = {"type": "tool_use", "id": event.id, "name": event.name, "input": {}}
        block = {**named, "caller": DIRECT, **extra}
        self._open_block("tool_use", block)
        self._call = _OpenCall(event)

    def _write_arguments(self, event: ToolCallDelta) -> None:
        call = self._call
        if call is None or call.index != event.index:
            return  # white space after the end of a complete call
        self._add_arguments(event)
        if self._waiting and call.is_whole():
            self._release()

    def _add_arguments(self, event: ToolCallDelta) -> None:
        call = self._call
        assert call is not None, "its block is open"
        call.pieces.append(event.arguments)
        if not call.is_custom:
            self._grow("input_json_delta", "partial_json", event.arguments)

    def _write_citation(self, event: CitationAdded) -> None:
        if self._kind != "text":
            self._open_block("text", {"type": "text", "text": ""})
        self._grow("citations_delta", "citation", _citation(event))

    def _write_native(self, event: NativeBlock) -> None:
        if event.format == "anthropic":
            self._write_whole(event.block)
        else:
            self._write_whole({"type": NATIVE_BLOCK, "format": event.format, "block": event.block})

    def _write_whole(self, block: dict[str, Any] | Raw) -> None:
        """Write a block that does not grow."""
        self._open_block("whole", block)
        self._close_block()

    # --- the end of the message

    def _stop(self) -> dict[str, Any]:
        """Return why the answer ended."""
        finished = self._finished or Finished("stop")
        reason = WORDS["anthropic"][finished.reason]
        if finished.native in OWN_REASONS:
            reason = finished.native
        elif finished.stop_sequence is not None:
            reason = "stop_sequence"
        if self._refused:
            reason = "refusal"
        stop: dict[str, Any] = {**NOT_STOPPED, "stop_reason": reason, "stop_sequence": finished.stop_sequence}
        if finished.detail is not None and reason == "refusal":
            stop["stop_details"] = {"type": "refusal", "category": None, "explanation": finished.detail}
        return stop

    def _head(self) -> dict[str, Any]:
        started = self._started or Started("", "")
        return {
            "id": started.id or new_id("msg_"),
            "type": "message",
            "role": "assistant",
            "model": started.model or self._model,
        }


DIRECT = {"type": "direct"}
"""Who called a tool: the model itself. Anthropic always says so."""

NOT_STOPPED = {"container": None, "stop_reason": None, "stop_sequence": None, "stop_details": None}
"""What a message that has not ended says of its end. Anthropic always sends these fields, null or not."""

_PASSIVE = frozenset((Started, UsageReported, Finished, LogprobsDelta))
"""Events that need not wait for the open call."""

_WRITE: dict[type, Callable[..., None]] = {
    Started: _Sequence._write_started,
    UsageReported: _Sequence._write_usage,
    Finished: _Sequence._write_finished,
    TextDelta: _Sequence._write_text,
    RefusalDelta: _Sequence._write_refusal,
    ImageAdded: _Sequence._write_image,
    AudioDelta: _Sequence._write_audio,
    LogprobsDelta: _Sequence._write_logprobs,
    ReasoningDelta: _Sequence._write_thinking,
    ReasoningSigned: _Sequence._write_signature,
    ReasoningEncrypted: _Sequence._write_encrypted,
    ToolCallStarted: _Sequence._write_call,
    ToolCallDelta: _Sequence._write_arguments,
    CitationAdded: _Sequence._write_citation,
    NativeBlock: _Sequence._write_native,
}


def _extra(signature: str) -> dict[str, Any]:
    return {"extra_content": {"google": {"thought_signature": signature}}}


def _citation(event: CitationAdded) -> dict[str, Any]:
    if event.url is not None:
        return {
            "type": "web_search_result_location",
            "url": event.url,
            "title": event.title,
            "cited_text": event.quote or "",
            "encrypted_index": "",
        }
    return {
        "type": "search_result_location",
        "source": event.title or "",
        "title": event.title,
        "cited_text": event.quote or "",
        "search_result_index": 0,
        "start_block_index": 0,
        "end_block_index": 0,
    }


# --- as a stream -----------------------------------------------------------------------------


class StreamWriter(_Sequence):
    """Writes the event stream."""

    def __init__(self, model: str) -> None:
        super().__init__(model)
        self._out: list[bytes] = []
        self._index = -1
        self._text_head: bytes | None = None
        """The start of a delta for the open text block; None if none is open."""

    def resume(self, started: Started, index: int, kind: str | None) -> None:
        """Go on in a message whose last block has this index; `kind` is its type if it is open."""
        self._started, self._begun = started, True
        self._index, self._kind = index, kind
        if kind == "text":
            self._begin_text()

    def write(self, events: Sequence[Event]) -> bytes:
        """See contract.Writer."""
        head = self._text_head
        if head is None:
            return self._write(events)
        # The usual case: only text for the open block.
        pieces: list[bytes] = []
        for event in events:
            if type(event) is not TextDelta or not event.text or event.signature is not None or event.choice:
                return b"".join(pieces) + self._write(events[len(pieces) :])
            pieces.append(head + _encode(event.text) + b"}}\n\n")
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def around_text(self, text: str) -> tuple[bytes, bytes] | None:
        """See FramedWriter."""
        return None if self._text_head is None else (self._text_head + b'"', b'"}}\n\n')

    def _write(self, events: Sequence[Event]) -> bytes:
        self._take(events)
        if self._started is not None and not self._begun:
            self._begun = True
            self._begin()
        return self._flush()

    def close(self) -> bytes:
        """See contract.Writer."""
        self._close_all()
        delta = {"type": "message_delta", "delta": self._stop(), "usage": render_delta_usage(self._usage)}
        self._emit(b"message_delta", delta)
        self._emit(b"message_stop", {"type": "message_stop"})
        return self._flush()

    def abort(self, error: TidegateError) -> bytes:
        """See contract.Writer."""
        return frame(render_error_body(error), b"error")

    def _flush(self) -> bytes:
        out, self._out = b"".join(self._out), []
        return out

    def _emit(self, name: bytes, event: dict[str, Any]) -> None:
        self._out.append(frame(_encode(event), name))

    def _begin(self) -> None:
        message = {
            **self._head(),
            "content": [],
            **NOT_STOPPED,
            "usage": render_usage(self._usage),
        }
        self._emit(b"message_start", {"type": "message_start", "message": message})

    def _open(self, block: dict[str, Any] | Raw) -> None:
        self._index += 1
        start = {"type": "content_block_start", "index": self._index, "content_block": block}
        self._emit(b"content_block_start", start)
        if self._kind == "text":
            self._begin_text()

    def _begin_text(self) -> None:
        self._text_head = (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
            b'"delta":{"type":"text_delta","text":' % self._index
        )

    def _grow(self, kind: str, field: str, value: Any) -> None:
        delta = {"type": kind, field: value}
        self._emit(
            b"content_block_delta", {"type": "content_block_delta", "index": self._index, "delta": delta}
        )

    def _shut(self) -> None:
        self._text_head = None
        self._emit(b"content_block_stop", {"type": "content_block_stop", "index": self._index})


# --- as a message ----------------------------------------------------------------------------


class MessageWriter(_Sequence):
    """Writes a complete message."""

    def __init__(self, model: str) -> None:
        super().__init__(model)
        self._content: list[dict[str, Any] | Raw] = []
        self._pieces: dict[str, list[Any]] = {}
        """The deltas of the open block, by field."""

    def write(self, events: Sequence[Event]) -> bytes:
        """See contract.Writer."""
        self._take(events)
        return b""

    def close(self) -> bytes:
        """See contract.Writer."""
        self._close_all()
        return _encode(
            {**self._head(), "content": self._content, **self._stop(), "usage": render_usage(self._usage)}
        )

    def abort(self, error: TidegateError) -> bytes:
        """See contract.Writer."""
        return render_error_body(error)

    def _begin(self) -> None:
        pass

    def _open(self, block: dict[str, Any] | Raw) -> None:
        self._content.append(block)
        self._pieces = {}

    def _grow(self, kind: str, field: str, value: Any) -> None:
        self._pieces.setdefault(field, []).append(value)

    def _shut(self) -> None:
        block = self._content[-1]
        for field, pieces in self._pieces.items():
            assert isinstance(block, dict)
            if field == "citation":
                block["citations"] = pieces
            elif field == "partial_json":
                block["input"] = as_input("".join(pieces))
            else:
                block[field] = "".join(pieces)
