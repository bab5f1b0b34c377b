"""Writes events as OpenAI sends them: as a stream of chunks, or as one JSON body."""

import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

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
from tidegate.protocols.sse import frame
from tidegate.protocols.usage import Usage
from tidegate.protocols.wide_numbers import decode_any

from .error import error_object
from .usage import render_usage

__all__ = ["DONE", "BodyWriter", "StreamWriter"]

DONE = b"data: [DONE]\n\n"
CHUNK = "chat.completion.chunk"


class Head:
    """The fields that every chunk of an answer repeats, and a complete answer has once."""

    __slots__ = ("created", "id", "model")

    def __init__(self, model: str) -> None:
        self.id = ""
        self.created = 0
        self.model = model

    def begin(self, started: Started | None) -> None:
        """Take the provider's id, time and model, and generate those that are missing."""
        self.id = (started.id if started else "") or new_id("chatcmpl-")
        self.created = (started.created if started else None) or int(time.time())
        self.model = (started.model if started else "") or self.model


def render_signature(signature: str) -> dict[str, Any]:
    """Write a signature in Google's form."""
    return {"google": {"thought_signature": signature}}


def render_annotation(cited: CitationAdded) -> dict[str, Any]:
    """Write a citation with a URL in OpenAI's form."""
    cited_url = {
        "url": cited.url,
        "title": cited.title or cited.url,
        "start_index": cited.start or 0,
        "end_index": cited.end or 0,
    }
    return {"type": "url_citation", "url_citation": cited_url}


def render_image(image: ImageAdded) -> dict[str, Any]:
    """Write a generated image in OpenRouter's form."""
    url = {"url": f"data:{image.media_type};base64,{image.data}"}
    shown: dict[str, Any] = {"type": "image_url", "image_url": url}
    return shown if image.signature is None else {**shown, "extra_content": render_signature(image.signature)}


class Thoughts:
    """The thinking blocks of a choice. The whole block is repeated with its signature, because a client that
    sends it back must send exactly the text that was signed.
    """

    __slots__ = ("_count", "_text")

    def __init__(self) -> None:
        self._text: list[str] = []
        self._count = 0

    def add(self, text: str) -> None:
        """Append text to the current block."""
        self._text.append(text)

    def sign(self, event: ReasoningSigned) -> dict[str, Any]:
        """Write the `reasoning_details` entry for the block that ends here."""
        text = "".join(self._text)
        self._text.clear()
        detail = {
            "type": "reasoning.text",
            "text": text,
            "signature": event.signature,
            "format": event.format,
        }
        return self._number(detail)

    def hide(self, event: ReasoningEncrypted) -> dict[str, Any]:
        """Write the entry for a block that only the provider can read."""
        return self._number({"type": "reasoning.encrypted", "data": event.data, "format": event.format})

    def _number(self, detail: dict[str, Any]) -> dict[str, Any]:
        """Give the entry an index of its own, because OpenAI's SDK merges entries with the same index."""
        detail["index"] = self._count
        self._count += 1
        return detail


# --- streams ---------------------------------------------------------------------------------


class StreamWriter:
    """Writes a stream of chunks (see contract.Writer)."""

    __slots__ = (
        "_before",
        "_customs",
        "_functions",
        "_head",
        "_include_usage",
        "_openings",
        "_tail",
        "_text_tail",
        "_thoughts",
        "_usage",
        "leave_out",
    )  # fmt: skip

    def __init__(self, model: str, *, include_usage: bool, functions: bool) -> None:
        self._head = Head(model)
        self._include_usage = include_usage
        self._functions = functions
        """Whether the client uses the deprecated `functions`."""
        self._usage: Usage | None = None
        self.leave_out: Callable[[str], None] = lambda _: None
        self._thoughts: dict[int, Thoughts] = {}
        self._customs: set[tuple[int, int]] = set()
        """Choice and index of calls to custom tools."""
        # Frames built once: the bytes before a choice's delta, and those after a text.
        self._before = b""
        self._openings: dict[int, bytes] = {}
        """By choice whose role has been sent: the bytes before the text of a text delta."""
        self._tail = b',"usage":null}\n\n' if include_usage else b"}\n\n"
        self._text_tail = b'},"logprobs":null,"finish_reason":null}]' + self._tail

    def resume(self, started: Started, choices: Sequence[int]) -> None:
        """Go on in a stream in which these choices have begun."""
        self._begin(started)
        for choice in choices:
            self._open(choice)

    def write(self, events: Sequence[Event]) -> bytes:
        """See contract.Writer."""
        if len(events) == 1:
            return self._write(events[0])
        return b"".join([self._write(event) for event in events])

    def around_text(self, text: str) -> tuple[bytes, bytes] | None:
        """See FramedWriter."""
        opening = self._openings.get(0)
        return None if opening is None else (opening + b'"', b'"' + self._text_tail)

    def close(self) -> bytes:
        """Return the usage, if the client requested it, and the end mark."""
        if self._usage is None or not self._include_usage:
            return DONE
        if not self._before:
            self._begin(None)
        usage = ENCODE(render_usage(self._usage))
        return self._before + b'],"usage":' + usage + b"}\n\n" + DONE

    def abort(self, error: TidegateError) -> bytes:
        """Return the error event that ends a stream."""
        return frame(error_object(error))

    def _write(self, event: Event) -> bytes:
        if type(event) is TextDelta and event.signature is None:
            opening = self._openings.get(event.choice)
            if opening is not None:
                return opening + ENCODE(event.text) + self._text_tail
        return self._WRITES[type(event)](self, event)

    def _begin(self, started: Started | None) -> None:
        head = self._head
        head.begin(started)
        head_fields = {"id": head.id, "object": CHUNK, "created": head.created, "model": head.model}
        self._before = b"data: " + ENCODE(head_fields)[:-1] + b',"choices":['

    def _open(self, choice: int) -> bytes:
        """Return the chunk with a choice's role, which precedes everything else."""
        if not self._before:
            self._begin(None)
        self._openings[choice] = self._before + b'{"index":%d,"delta":{"content":' % choice
        return self._chunk(choice, {"role": "assistant", "content": "", "refusal": None})

    def _chunk(self, choice: int, delta: dict[str, Any], **more: Any) -> bytes:
        fields = {"index": choice, "delta": delta, "logprobs": None, "finish_reason": None, **more}
        return self._before + ENCODE(fields) + b"]" + self._tail

    def _piece(self, choice: int, delta: dict[str, Any], **more: Any) -> bytes:
        """Return a chunk, preceded by the role if it has not been sent."""
        role = b"" if choice in self._openings else self._open(choice)
        return role + self._chunk(choice, delta, **more)

    # --- one method per event ---

    def _write_start(self, event: Started) -> bytes:
        self._begin(event)
        return b""

    def _write_text(self, event: TextDelta) -> bytes:
        delta: dict[str, Any] = {"content": event.text}
        if event.signature is not None:
            delta["extra_content"] = render_signature(event.signature)
        return self._piece(event.choice, delta)

    def _thoughts_of(self, choice: int) -> Thoughts:
        return self._thoughts.setdefault(choice, Thoughts())

    def _write_reasoning(self, event: ReasoningDelta) -> bytes:
        self._thoughts_of(event.choice).add(event.text)
        return self._piece(event.choice, {"reasoning_content": event.text})

    def _write_signature(self, event: ReasoningSigned) -> bytes:
        detail = self._thoughts_of(event.choice).sign(event)
        return self._piece(event.choice, {"reasoning_details": [detail]})

    def _write_encrypted(self, event: ReasoningEncrypted) -> bytes:
        detail = self._thoughts_of(event.choice).hide(event)
        return self._piece(event.choice, {"reasoning_details": [detail]})

    def _write_call(self, event: ToolCallStarted) -> bytes:
        if self._is_function_call(event.index, event.kind):
            return self._piece(event.choice, {"function_call": {"name": event.name, "arguments": ""}})
        call: dict[str, Any] = {"index": event.index, "id": event.id, "type": event.kind}
        if event.kind == "custom":
            self._customs.add((event.choice, event.index))
            call["custom"] = {"name": event.name, "input": ""}
        else:
            call["function"] = {"name": event.name, "arguments": ""}
        if event.signature is not None:
            call["extra_content"] = render_signature(event.signature)
        return self._piece(event.choice, {"tool_calls": [call]})

    def _write_arguments(self, event: ToolCallDelta) -> bytes:
        choice, index = event.choice, event.index
        if (choice, index) in self._customs:
            return self._piece(
                choice, {"tool_calls": [{"index": index, "custom": {"input": event.arguments}}]}
            )
        if self._is_function_call(index, "function"):
            return self._piece(choice, {"function_call": {"arguments": event.arguments}})
        call = b'{"index":%d,"delta":{"tool_calls":[{"index":%d,"function":{"arguments":' % (choice, index)
        return self._before + call + ENCODE(event.arguments) + b"}}]" + self._text_tail

    def _is_function_call(self, index: int, kind: str) -> bool:
        """Return whether a call is written in the deprecated form, which allows one function call."""
        return self._functions and index == 0 and kind == "function"

    def _write_refusal(self, event: RefusalDelta) -> bytes:
        return self._piece(event.choice, {"refusal": event.text})

    def _write_logprobs(self, event: LogprobsDelta) -> bytes:
        return self._piece(event.choice, {}, logprobs={"content": event.content, "refusal": None})

    def _write_citation(self, event: CitationAdded) -> bytes:
        if event.url is not None:
            return self._piece(event.choice, {"annotations": [render_annotation(event)]})
        return self._piece(event.choice, {"citations": [event.native]}) if event.native is not None else b""

    def _write_image(self, event: ImageAdded) -> bytes:
        return self._piece(event.choice, {"images": [render_image(event)]})

    def _write_audio(self, event: AudioDelta) -> bytes:
        return self._piece(event.choice, {"audio": event.audio})

    def _write_native(self, event: NativeBlock) -> bytes:
        block = {"format": event.format, "block": event.block}
        return self._piece(event.choice, {"native_blocks": [block]})

    def _write_finish(self, event: Finished) -> bytes:
        more = {} if event.native is None else {"native_finish_reason": event.native}
        return self._piece(event.choice, {}, finish_reason=finish_word(event, self._functions), **more)

    def _write_usage(self, event: UsageReported) -> bytes:
        self._usage = event.usage
        return b""

    _WRITES: ClassVar[dict[type, Callable[["StreamWriter", Any], bytes]]] = {
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


def finish_word(event: Finished, functions: bool) -> str:
    """Return the finish reason; `function_call` for clients that use the deprecated functions."""
    return "function_call" if functions and event.reason == "tool_calls" else event.reason


# --- complete answers ------------------------------------------------------------------------


STOPPED = Finished("stop")


class ChoiceParts:
    """The parts of a choice received so far."""

    __slots__ = ("calls", "finish", "logprobs", "message", "text", "thoughts")

    def __init__(self) -> None:
        self.text: list[str] = []
        self.calls: list[dict[str, Any]] = []
        self.thoughts: Thoughts | None = None
        self.logprobs: list[Any] = []
        self.message: dict[str, Any] = {}
        """The fields of the message other than text and calls."""
        self.finish: Finished | None = None

    def think(self) -> Thoughts:
        """Return the thinking of this choice."""
        if self.thoughts is None:
            self.thoughts = Thoughts()
        return self.thoughts

    def add(self, field: str, value: Any) -> None:
        """Append to a list field of the message."""
        self.message.setdefault(field, []).append(value)

    def extend(self, field: str, text: str) -> None:
        """Append to a text field of the message."""
        self.message[field] = self.message.get(field, "") + text


class BodyWriter:
    """Writes one chat completion (see contract.Writer)."""

    __slots__ = ("_choices", "_functions", "_head", "_usage", "leave_out")

    def __init__(self, model: str, *, functions: bool) -> None:
        self._head = Head(model)
        self._functions = functions
        self._choices: dict[int, ChoiceParts] = {}
        self._usage: Usage | None = None
        self.leave_out: Callable[[str], None] = lambda _: None

    def write(self, events: Sequence[Event]) -> bytes:
        """Collect the events; nothing is written before the answer is complete."""
        for event in events:
            self._ADDS[type(event)](self, event)
        return b""

    def close(self) -> bytes:
        """Return the complete answer."""
        head = self._head
        if not head.id:
            head.begin(None)
        by_index = self._choices if len(self._choices) < 2 else dict(sorted(self._choices.items()))
        choices = [self._render_choice(index, parts) for index, parts in by_index.items()]
        answer: dict[str, Any] = {
            "id": head.id,
            "object": "chat.completion",
            "created": head.created,
            "model": head.model,
            "choices": choices,
        }
        if self._usage is not None:
            answer["usage"] = render_usage(self._usage)
        return ENCODE(answer)

    def abort(self, error: TidegateError) -> bytes:
        """Return the error in place of an answer."""
        return error_object(error)

    def _render_choice(self, index: int, parts: ChoiceParts) -> dict[str, Any]:
        content: str | None = "".join(parts.text)
        if not content and (parts.calls or not parts.message.keys().isdisjoint(("refusal", "audio"))):
            content = None
        message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
        if parts.message:
            message |= parts.message
        if parts.calls:
            self._add_calls(message, parts.calls)
        finish = parts.finish or STOPPED
        rendered = {
            "index": index,
            "message": message,
            "logprobs": {"content": parts.logprobs, "refusal": None} if parts.logprobs else None,
            "finish_reason": finish_word(finish, self._functions),
        }
        if finish.native is not None:
            rendered["native_finish_reason"] = finish.native
        return rendered

    def _add_calls(self, message: dict[str, Any], calls: list[dict[str, Any]]) -> None:
        for call in calls:
            kind = call["type"]
            field = "input" if kind == "custom" else "arguments"
            call[kind][field] = "".join(call[kind][field])
        if self._functions and calls and calls[0]["type"] == "function":
            message["function_call"] = calls[0]["function"]
            calls = calls[1:]
        if calls:
            message["tool_calls"] = calls

    # --- one method per event ---

    def _parts(self, choice: int) -> ChoiceParts:
        parts = self._choices.get(choice)
        if parts is None:
            parts = self._choices[choice] = ChoiceParts()
        return parts

    def _add_start(self, event: Started) -> None:
        self._head.begin(event)

    def _add_text(self, event: TextDelta) -> None:
        parts = self._parts(event.choice)
        parts.text.append(event.text)
        if event.signature is not None:
            parts.message["extra_content"] = render_signature(event.signature)

    def _add_reasoning(self, event: ReasoningDelta) -> None:
        parts = self._parts(event.choice)
        parts.think().add(event.text)
        parts.extend("reasoning_content", event.text)

    def _add_signature(self, event: ReasoningSigned) -> None:
        parts = self._parts(event.choice)
        parts.add("reasoning_details", parts.think().sign(event))

    def _add_encrypted(self, event: ReasoningEncrypted) -> None:
        parts = self._parts(event.choice)
        parts.add("reasoning_details", parts.think().hide(event))

    def _add_call(self, event: ToolCallStarted) -> None:
        call: dict[str, Any] = {"id": event.id, "type": event.kind}
        field = "input" if event.kind == "custom" else "arguments"
        call[event.kind] = {"name": event.name, field: []}
        if event.signature is not None:
            call["extra_content"] = render_signature(event.signature)
        self._parts(event.choice).calls.append(call)

    def _add_arguments(self, event: ToolCallDelta) -> None:
        call = self._parts(event.choice).calls[event.index]
        kind = call["type"]
        call[kind]["input" if kind == "custom" else "arguments"].append(event.arguments)

    def _add_refusal(self, event: RefusalDelta) -> None:
        self._parts(event.choice).extend("refusal", event.text)

    def _add_logprobs(self, event: LogprobsDelta) -> None:
        self._parts(event.choice).logprobs += decode_any(event.content)

    def _add_citation(self, event: CitationAdded) -> None:
        parts = self._parts(event.choice)
        if event.url is not None:
            parts.add("annotations", render_annotation(event))
        elif event.native is not None:
            parts.add("citations", event.native)

    def _add_image(self, event: ImageAdded) -> None:
        self._parts(event.choice).add("images", render_image(event))

    def _add_audio(self, event: AudioDelta) -> None:
        self._parts(event.choice).message["audio"] = event.audio

    def _add_native(self, event: NativeBlock) -> None:
        block = {"format": event.format, "block": event.block}
        self._parts(event.choice).add("native_blocks", block)

    def _add_finish(self, event: Finished) -> None:
        self._parts(event.choice).finish = event

    def _add_usage(self, event: UsageReported) -> None:
        self._usage = event.usage

    _ADDS: ClassVar[dict[type, Callable[["BodyWriter", Any], None]]] = {
        Started: _add_start,
        TextDelta: _add_text,
        ReasoningDelta: _add_reasoning,
        ReasoningSigned: _add_signature,
        ReasoningEncrypted: _add_encrypted,
        ToolCallStarted: _add_call,
        ToolCallDelta: _add_arguments,
        RefusalDelta: _add_refusal,
        LogprobsDelta: _add_logprobs,
        CitationAdded: _add_citation,
        ImageAdded: _add_image,
        AudioDelta: _add_audio,
        NativeBlock: _add_native,
        Finished: _add_finish,
        UsageReported: _add_usage,
    }
