"""The same answers in the words of each wire format, with the manners of the services that speak it.

Every answer reports 11 tokens of the prompt and 7 of the completion, 3 of which are thinking where there is
some.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from protocols.bedrock_frames import event as frame_of
from protocols.bedrock_frames import exception as exception_of
from sdk.dialects import ARGUMENTS, TOOL, sse
from simulator import Script
from simulator import json as answer
from simulator import stream as events

__all__ = [
    "CALL_ID",
    "FAILURE",
    "SIGNATURE",
    "Answers",
    "Anthropic",
    "Bedrock",
    "Cohere",
    "Gemini",
    "OpenAI",
    "StreamsOnly",
]

CALL_ID = "call_abcdefgh1"
SIGNATURE = "c2VhbGVk"
FAILURE = "the model burns"


def broken_off(script: Script, pieces: int, *failure: bytes) -> Script:
    """The first pieces of a stream, then a failure. The pause lets the client have the pieces first."""
    return replace(script, pieces=[*list(script.pieces)[:pieces], *failure], gap_s=0.02)


class Answers(Protocol):
    """What a service answers."""

    def whole(self, text: str = "", *, thought: str = "", call: bool = False) -> Script: ...

    def streamed(self, pieces: Sequence[str] = (), *, thought: str = "", call: bool = False) -> Script: ...

    def broken(self, piece: str) -> Script:
        """A stream in which, after a piece, the service says that it failed: `FAILURE`."""
        ...


# --- OpenAI's, and those who follow it -----------------------------------------------------------


@dataclass(frozen=True)
class OpenAI:
    """Chat completions. What is not said is as OpenAI does it (§0.1 of the reference counts who does not)."""

    usage: Literal["asked", "finish", "unasked", "every", "twice", "last"] = "asked"
    """Where a stream tells its tokens: as OpenAI; with the finish; unasked; in every chunk; in the chunk
    of the finish and in one of its own; in a second chunk with the finish."""
    every_role: bool = False
    thinks: Literal["reasoning_content", "reasoning", "details", "list", "inline"] | None = (
        "reasoning_content"
    )
    whole_calls: bool = False
    later_ids: bool = False
    """Later pieces of calls have `id: ""` (Qwen)."""
    call_index: bool = True
    object_arguments: bool = False
    call_id: str = CALL_ID
    finish: str = "stop"
    call_finish: str = "tool_calls"
    """Reasons of their own for both."""
    cumulative: bool = False
    """Chunks repeat all that was said, in a `message` (Perplexity)."""
    bare: bool = False
    """No `object`, `created`, `model` (AI21)."""
    first: dict[str, Any] | None = None
    """A chunk before all others (Azure)."""
    chunk: str = "chat.completion.chunk"
    """The `object` of its chunks (Perplexity: `chat.completion`)."""
    no_delta: bool = False
    """A choice without a delta comes in between (Azure's annotations)."""
    many_ids: bool = False
    """Every chunk has an id of its own (Groq's compound systems)."""
    finish_with_content: bool = False
    beside: bool = False
    """Thinking is not counted in completion_tokens (xAI)."""
    extra: tuple[tuple[str, Any], ...] = ()
    """Fields of every chunk that OpenAI does not know."""
    failure: str = json.dumps({"error": {"message": FAILURE, "type": "server_error", "code": None}})
    failure_event: bytes = b""
    """How a failure in mid-stream is reported, and the name of its event."""
    comment: bytes = b""
    end: bytes = b"data: [DONE]\n\n"
    newline: bytes = b"\n"

    def whole(self, text: str = "", *, thought: str = "", call: bool = False) -> Script:
        message = {"role": "assistant", **self._said(text, thought)}
        if call:
            message |= {"content": message.get("content") or None, "tool_calls": [self._call()]}
        choice = {"index": 0, "message": message, "finish_reason": self._reason(call)}
        body = {**self._head("chat.completion"), "choices": [choice], "usage": self._usage(thought)}
        return answer({**body, **dict(self.extra)})

    def streamed(self, pieces: Sequence[str] = (), *, thought: str = "", call: bool = False) -> Script:
        deltas = [self._said("", thought)] if thought else []
        deltas += [{"content": piece} for piece in pieces]
        deltas += [{"tool_calls": [piece]} for piece in (self._fragments() if call else ())]
        choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in self._with_roles(deltas)]
        if self.finish_with_content:
            choices[-1]["finish_reason"] = self._reason(call)
        else:
            role = {"role": "assistant", "content": ""} if self.every_role else {}
            choices.append({"index": 0, "delta": role, "finish_reason": self._reason(call)})
        if self.no_delta:
            choices.insert(
                1, {"index": 0, "finish_reason": None, "content_filter_offsets": {"check_offset": 1}}
            )
        if self.cumulative:
            for place, choice in enumerate(choices):
                said = "".join(piece["delta"].get("content") or "" for piece in choices[: place + 1])
                choice["message"] = {"role": "assistant", "content": said}
        chunks = [{**self._head(self.chunk), "choices": [one]} for one in choices]
        if self.many_ids:
            chunks = [{**chunk, "id": f"stub-{place}"} for place, chunk in enumerate(chunks)]
        result = [{**chunk, **dict(self.extra)} for chunk in self._with_usage(chunks, thought)]
        lines = [
            *([self.comment] if self.comment else []),
            *sse(*([self.first] if self.first else []), *result),
            self.end,
        ]
        return events([line.replace(b"\n", self.newline) for line in lines if line])

    def broken(self, piece: str) -> Script:
        failure = sse(json.loads(self.failure))[0]
        return broken_off(self.streamed([piece]), self._until(piece), self.failure_event + failure)

    # --- its parts ---

    def _until(self, piece: str) -> int:
        """How many events there are up to this piece."""
        lines = [line for line in self.streamed([piece]).pieces if isinstance(line, bytes)]
        return next(place for place, line in enumerate(lines, 1) if json.dumps(piece).encode() in line)

    def _head(self, kind: str) -> dict[str, Any]:
        head = {"id": "chatcmpl-7", "object": kind, "created": 1, "model": "m"}
        return {"id": "chatcmpl-7"} if self.bare else head

    def _said(self, text: str, thought: str) -> dict[str, Any]:
        if not thought or self.thinks is None:
            return {"content": text}
        if self.thinks == "list":
            parts = [{"type": "thinking", "thinking": [{"type": "text", "text": thought}], "closed": True}]
            return {"content": [*parts, *([{"type": "text", "text": text}] if text else [])]}
        if self.thinks == "inline":
            return {"content": f"<think>{thought}</think>{text}"}
        if self.thinks == "details":
            detail = {
                "type": "reasoning.text",
                "text": thought,
                "signature": SIGNATURE,
                "format": "anthropic-claude-v1",
                "index": 0,
            }
            return {"content": text, "reasoning": thought, "reasoning_details": [detail]}
        return {"content": text, str(self.thinks): thought}

    def _call(self) -> dict[str, Any]:
        arguments: Any = ARGUMENTS if self.object_arguments else json.dumps(ARGUMENTS)
        call = {"id": self.call_id, "type": "function", "function": {"name": TOOL, "arguments": arguments}}
        return {"index": 0, **call} if self.call_index and self.whole_calls else call

    def _fragments(self) -> list[dict[str, Any]]:
        index = {"index": 0} if self.call_index else {}
        if self.whole_calls:
            return [{**index, **self._call()}]
        text, later = json.dumps(ARGUMENTS), {"id": ""} if self.later_ids else {}
        start = {**index, "id": self.call_id, "type": "function", "function": {"name": TOOL, "arguments": ""}}
        cut = [text[at : at + 7] for at in range(0, len(text), 7)]
        return [start, *({**index, **later, "function": {"arguments": piece}} for piece in cut)]

    def _with_roles(self, deltas: list[dict[str, Any]]) -> list[dict[str, Any]]:
        role = {"role": "assistant"}
        if self.finish_with_content:
            return [{**role, **deltas[0]}, *deltas[1:]]
        if self.every_role:
            return [{**role, **delta} for delta in deltas]
        return [{**role, "content": ""}, *deltas]

    def _reason(self, call: bool) -> str:
        return self.call_finish if call else self.finish

    def _usage(self, thought: str) -> dict[str, Any]:
        written = 4 if self.beside and thought else 7
        usage: dict[str, Any] = {"prompt_tokens": 11, "completion_tokens": written, "total_tokens": 18}
        if thought:
            usage["completion_tokens_details"] = {"reasoning_tokens": 3}
        return usage

    def _with_usage(self, chunks: list[dict[str, Any]], thought: str) -> list[dict[str, Any]]:
        usage = self._usage(thought)
        if self.usage == "every":
            return [{**chunk, "usage": usage} for chunk in chunks]
        if self.usage in ("finish", "twice"):
            chunks[-1] = {**chunks[-1], "usage": usage}
        if self.usage == "last":
            return [*chunks, {**chunks[-1], "usage": usage}]
        if self.usage == "finish":
            return chunks
        return [*chunks, {**self._head(self.chunk), "choices": [], "usage": usage}]


@dataclass(frozen=True)
class StreamsOnly(OpenAI):
    """Whole answers are not to be had (Qwen's models that think)."""

    def whole(self, text: str = "", *, thought: str = "", call: bool = False) -> Script:
        return self.streamed([text] if text else [], thought=thought, call=call)


# --- Anthropic's ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Anthropic:
    """Messages."""

    def whole(self, text: str = "", *, thought: str = "", call: bool = False) -> Script:
        return answer(
            {**self._head(), "content": self._blocks(text, thought, call), "stop_reason": self._reason(call)}
            | {
                "usage": {
                    "input_tokens": 11,
                    "output_tokens": 7,
                    "output_tokens_details": {"thinking_tokens": 3 if thought else 0},
                }
            }
        )

    def streamed(self, pieces: Sequence[str] = (), *, thought: str = "", call: bool = False) -> Script:
        opened = {**self._head(), "content": [], "stop_reason": None}
        result: list[Any] = [
            {
                "type": "message_start",
                "message": {**opened, "usage": {"input_tokens": 11, "output_tokens": 1}},
            },
            {"type": "ping"},
        ]
        for index, block in enumerate(self._blocks("".join(pieces), thought, call)):
            start, deltas = self._cut(block, pieces)
            result.append({"type": "content_block_start", "index": index, "content_block": start})
            result += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
            result.append({"type": "content_block_stop", "index": index})
        delta = {"stop_reason": self._reason(call), "stop_sequence": None}
        result.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 7}})
        return events(sse(*result, {"type": "message_stop"}, name=True))

    def broken(self, piece: str) -> Script:
        error = {"type": "error", "error": {"type": "overloaded_error", "message": FAILURE}}
        return broken_off(self.streamed([piece]), 4, *sse(error, name=True))

    def _head(self) -> dict[str, Any]:
        return {"id": "msg_7", "type": "message", "role": "assistant", "model": "m", "stop_sequence": None}

    def _reason(self, call: bool) -> str:
        return "tool_use" if call else "end_turn"

    def _blocks(self, text: str, thought: str, call: bool) -> list[dict[str, Any]]:
        blocks: list[dict[str, Any]] = []
        if thought:
            blocks.append({"type": "thinking", "thinking": thought, "signature": SIGNATURE})
        if text:
            blocks.append({"type": "text", "text": text})
        if call:
            blocks.append({"type": "tool_use", "id": "toolu_1", "name": TOOL, "input": ARGUMENTS})
        return blocks

    def _cut(
        self, block: dict[str, Any], pieces: Sequence[str]
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        if block["type"] == "text":
            return {**block, "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces]
        if block["type"] == "thinking":
            deltas = [{"type": "thinking_delta", "thinking": block["thinking"]}]
            return {**block, "thinking": "", "signature": ""}, [
                *deltas,
                {"type": "signature_delta", "signature": SIGNATURE},
            ]
        text = json.dumps(block["input"])
        cut = ["", *(text[at : at + 7] for at in range(0, len(text), 7))]
        return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in cut]


# --- Google's ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Gemini:
    """generateContent."""

    def whole(self, text: str = "", *, thought: str = "", call: bool = False) -> Script:
        return answer(self._body(self._parts(text, thought, call), thought, "STOP"))

    def streamed(self, pieces: Sequence[str] = (), *, thought: str = "", call: bool = False) -> Script:
        cut = [self._parts("", thought, call=False)] if thought else []
        cut += [self._parts(piece, "", call=False) for piece in pieces]
        cut += [self._parts("", "", call)] if call else []
        bodies = [self._body(parts, thought, None) for parts in cut]
        last = self._body([{"text": ""}], thought, "STOP")
        return events([line.replace(b"\n", b"\r\n") for line in sse(*bodies, last)])

    def broken(self, piece: str) -> Script:
        error = {"error": {"code": 503, "message": FAILURE, "status": "UNAVAILABLE"}}
        return broken_off(self.streamed([piece]), 1, *sse(error))

    def _parts(self, text: str, thought: str, call: bool) -> list[dict[str, Any]]:
        parts: list[dict[str, Any]] = [{"text": thought, "thought": True}] if thought else []
        signature = {"thoughtSignature": SIGNATURE} if thought else {}
        parts += [{"text": text, **signature}] if text else []
        return parts + ([{"functionCall": {"name": TOOL, "args": ARGUMENTS}}] if call else [])

    def _body(self, parts: list[dict[str, Any]], thought: str, finish: str | None) -> dict[str, Any]:
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
        usage = {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18}
        if thought:
            usage |= {"candidatesTokenCount": 4, "thoughtsTokenCount": 3}
        if finish:
            candidate["finishReason"] = finish
        head = {"candidates": [candidate], "modelVersion": "m", "responseId": "resp7"}
        return {**head, "usageMetadata": usage}


# --- Cohere's ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cohere:
    """The chat API, version 2."""

    def whole(self, text: str = "", *, thought: str = "", call: bool = False) -> Script:
        content: list[dict[str, Any]] = [{"type": "thinking", "thinking": thought}] if thought else []
        content += [{"type": "text", "text": text}] if text else []
        message: dict[str, Any] = {"role": "assistant"}
        message |= {"content": content} if content else {}
        message |= {"tool_calls": [self._call(json.dumps(ARGUMENTS))]} if call else {}
        body = {"id": "c-7", "finish_reason": self._reason(call), "message": message}
        return answer({**body, "usage": self._usage(thought)})

    def streamed(self, pieces: Sequence[str] = (), *, thought: str = "", call: bool = False) -> Script:
        result: list[Any] = [
            {"type": "message-start", "id": "c-7", "delta": {"message": {"role": "assistant"}}}
        ]
        blocks = [("thinking", [thought])] if thought else []
        blocks += [("text", list(pieces))] if pieces else []
        for index, (kind, cut) in enumerate(blocks):
            start = {"content": {"type": kind, kind: ""}}
            result.append({"type": "content-start", "index": index, "delta": {"message": start}})
            for piece in cut:
                delta = {"message": {"content": {kind: piece}}}
                result.append({"type": "content-delta", "index": index, "delta": delta})
            result.append({"type": "content-end", "index": index})
        result += self._call_events() if call else []
        delta = {"finish_reason": self._reason(call), "usage": self._usage(thought)}
        result.append({"type": "message-end", "delta": delta})
        return events(sse(*result, name=True, end="data: [DONE]\n\n"))

    def broken(self, piece: str) -> Script:
        delta = {"finish_reason": "ERROR", "error": FAILURE, "usage": {}}
        return broken_off(self.streamed([piece]), 3, *sse({"type": "message-end", "delta": delta}, name=True))

    def _call_events(self) -> list[dict[str, Any]]:
        text = json.dumps(ARGUMENTS)
        start = {"message": {"tool_calls": self._call("")}}
        deltas = [
            {"message": {"tool_calls": {"function": {"arguments": text[at : at + 7]}}}}
            for at in range(0, len(text), 7)
        ]
        return [
            {"type": "tool-call-start", "index": 0, "delta": start},
            *({"type": "tool-call-delta", "index": 0, "delta": delta} for delta in deltas),
            {"type": "tool-call-end", "index": 0},
        ]

    def _call(self, arguments: str) -> dict[str, Any]:
        return {"id": CALL_ID, "type": "function", "function": {"name": TOOL, "arguments": arguments}}

    def _reason(self, call: bool) -> str:
        return "TOOL_CALL" if call else "COMPLETE"

    def _usage(self, thought: str) -> dict[str, Any]:
        tokens = {"input_tokens": 11, "output_tokens": 7} | ({"reasoning_tokens": 3} if thought else {})
        return {"billed_units": {"input_tokens": 5, "output_tokens": 6}, "tokens": tokens}


# --- AWS's ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bedrock:
    """Converse, whose streams are binary frames."""

    def whole(self, text: str = "", *, thought: str = "", call: bool = False) -> Script:
        content: list[dict[str, Any]] = []
        if thought:
            content.append({"reasoningContent": {"reasoningText": {"text": thought, "signature": SIGNATURE}}})
        content += [{"text": text}] if text else []
        content += [{"toolUse": {**self._use(), "input": ARGUMENTS}}] if call else []
        output = {"message": {"role": "assistant", "content": content}}
        return answer({"output": output, "stopReason": self._reason(call), "usage": self._usage()})

    def streamed(self, pieces: Sequence[str] = (), *, thought: str = "", call: bool = False) -> Script:
        frames, index = [frame_of("messageStart", role="assistant")], 0
        if thought:
            deltas = [{"reasoningContent": part} for part in ({"text": thought}, {"signature": SIGNATURE})]
            frames += [
                frame_of("contentBlockDelta", contentBlockIndex=index, delta=delta) for delta in deltas
            ]
            frames.append(frame_of("contentBlockStop", contentBlockIndex=index))
            index += 1
        frames += [
            frame_of("contentBlockDelta", contentBlockIndex=index, delta={"text": piece}) for piece in pieces
        ]
        if call:
            text = json.dumps(ARGUMENTS)
            frames.append(
                frame_of("contentBlockStart", contentBlockIndex=index, start={"toolUse": self._use()})
            )
            for at in range(0, len(text), 7):
                delta = {"toolUse": {"input": text[at : at + 7]}}
                frames.append(frame_of("contentBlockDelta", contentBlockIndex=index, delta=delta))
        frames.append(frame_of("contentBlockStop", contentBlockIndex=index))
        frames.append(frame_of("messageStop", stopReason=self._reason(call)))
        frames.append(frame_of("metadata", usage=self._usage(), metrics={"latencyMs": 5}))
        return self._framed(frames)

    def broken(self, piece: str) -> Script:
        failure = exception_of("modelStreamErrorException", message=FAILURE)
        return broken_off(self.streamed([piece]), 2, failure)

    def _framed(self, frames: list[bytes]) -> Script:
        return replace(events(frames), headers=(("content-type", "application/vnd.amazon.eventstream"),))

    def _use(self) -> dict[str, Any]:
        return {"toolUseId": "tooluse_1", "name": TOOL}

    def _reason(self, call: bool) -> str:
        return "tool_use" if call else "end_turn"

    def _usage(self) -> dict[str, Any]:
        return {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18}
