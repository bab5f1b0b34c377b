"""A whole answer in every provider's format, as trees whose values can be replaced, one by one."""

# ruff: noqa: E501 an answer reads as it is sent

import copy
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from protocols.bedrock_frames import event as frame

__all__ = ["FORMATS", "MISSING", "Answer", "Event", "Path", "paths_of", "with_value"]

Event: TypeAlias = tuple[str, Any]
"""The name of an event (or of a frame), "" for none, and its data."""
Path: TypeAlias = tuple[str | int, ...]

TEXT = "The tide turns."
THOUGHT = "Let me look."
NAME, ARGUMENTS = "look", {"q": 1}

MISSING = object()
"""In place of a value: the field is not there."""


@dataclass(frozen=True)
class Answer:
    """An answer of one format that says `TEXT`, thinks `THOUGHT` and calls `NAME` with `ARGUMENTS`."""

    model: str
    stream: bool
    events: Sequence[Event]
    """One for a plain answer."""
    done: bytes = b""

    def render(self) -> bytes:
        if not self.stream:
            return _json(self.events[0][1])
        if self.model.startswith("bedrock"):
            return b"".join(
                frame(name, **data) if isinstance(data, dict) else frame(name) for name, data in self.events
            )
        lines = [f"event: {name}\n".encode() if name else b"" for name, _ in self.events]
        datas = [b"data: " + _json(data) + b"\n\n" for _, data in self.events]
        return b"".join(line + data for line, data in zip(lines, datas, strict=True)) + self.done


def _json(tree: Any) -> bytes:
    return json.dumps(tree).encode()


def paths_of(tree: Any, above: Path = ()) -> Iterator[Path]:
    """Every place in a tree but its root; of a list the elements, too."""
    inside = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for step, value in inside:
        yield (*above, step)
        yield from paths_of(value, (*above, step))


def value_at(tree: Any, path: Path) -> Any:
    for step in path:
        tree = tree[step]
    return tree


def with_value(answer: Answer, place: int, path: Path, value: Any) -> Answer:
    """The answer with another value at a place of one event, or without it."""
    events = [*copy.deepcopy(list(answer.events))]
    tree = value_at(events[place][1], path[:-1])
    if value is MISSING:
        del tree[path[-1]]
    else:
        tree[path[-1]] = value
    return Answer(answer.model, answer.stream, events, answer.done)


def _named(kind: str, **fields: Any) -> Event:
    return kind, {"type": kind, **fields}


def _chat(model: str) -> Iterator[Answer]:
    head = {"id": "gen-7", "created": 7, "model": "m", "system_fingerprint": "fp", "service_tier": "default"}
    usage = {
        "prompt_tokens": 4, "completion_tokens": 9, "total_tokens": 13,
        "prompt_tokens_details": {"cached_tokens": 1}, "completion_tokens_details": {"reasoning_tokens": 2},
    }  # fmt: skip
    logprobs = {"content": [{"token": "The", "logprob": -0.1, "bytes": [84, 104, 101], "top_logprobs": []}]}
    cited = {
        "type": "url_citation",
        "url_citation": {"url": "https://a.example", "title": "A", "start_index": 0, "end_index": 3},
    }
    call = {"id": "c1", "type": "function", "function": {"name": NAME, "arguments": json.dumps(ARGUMENTS)}}
    message = {
        "role": "assistant", "content": TEXT, "reasoning_content": THOUGHT, "refusal": None,
        "annotations": [cited], "tool_calls": [call],
    }  # fmt: skip
    choice = {"index": 0, "message": message, "logprobs": logprobs, "finish_reason": "tool_calls"}
    yield Answer(
        model, False, [("", {**head, "object": "chat.completion", "choices": [choice], "usage": usage})]
    )

    def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> Event:
        one = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": more.pop("logprobs", None)}
        return "", {**head, "object": "chat.completion.chunk", "choices": [one], **more}

    begin = {**call, "index": 0, "function": {"name": NAME, "arguments": ""}}
    more = {"index": 0, "function": {"arguments": json.dumps(ARGUMENTS)}}
    yield Answer(
        model,
        True,
        [
            chunk({"role": "assistant", "content": "", "reasoning_content": THOUGHT}),
            chunk({"content": TEXT[:5]}, logprobs=logprobs),
            chunk({"content": TEXT[5:], "annotations": [cited]}),
            chunk({"tool_calls": [begin]}),
            chunk({"tool_calls": [more]}),
            chunk({}, "tool_calls"),
            ("", {**head, "object": "chat.completion.chunk", "choices": [], "usage": usage}),
        ],
        b"data: [DONE]\n\n",
    )


def _anthropic(model: str) -> Iterator[Answer]:
    usage = {"input_tokens": 3, "output_tokens": 9, "cache_read_input_tokens": 1, "cache_creation_input_tokens": 0,
             "cache_creation": {"ephemeral_5m_input_tokens": 0}, "service_tier": "standard"}  # fmt: skip
    head = {"id": "m1", "type": "message", "role": "assistant", "model": "m", "stop_sequence": None}
    cited = {
        "type": "web_search_result_location",
        "url": "https://a.example",
        "title": "A",
        "cited_text": "x",
    }
    thought = {"type": "thinking", "thinking": THOUGHT, "signature": "c2ln"}
    text = {"type": "text", "text": TEXT, "citations": [cited]}
    call = {"type": "tool_use", "id": "toolu_1", "name": NAME, "input": ARGUMENTS}
    yield Answer(
        model,
        False,
        [("", {**head, "content": [thought, text, call], "stop_reason": "tool_use", "usage": usage})],
    )

    def delta(index: int, kind: str, **fields: Any) -> Event:
        return _named("content_block_delta", index=index, delta={"type": kind, **fields})

    yield Answer(
        model,
        True,
        [
            _named("message_start", message={**head, "content": [], "stop_reason": None, "usage": usage}),
            _named(
                "content_block_start",
                index=0,
                content_block={"type": "thinking", "thinking": "", "signature": ""},
            ),
            delta(0, "thinking_delta", thinking=THOUGHT),
            delta(0, "signature_delta", signature="c2ln"),
            _named("content_block_stop", index=0),
            _named("content_block_start", index=1, content_block={"type": "text", "text": ""}),
            delta(1, "text_delta", text=TEXT[:5]),
            delta(1, "text_delta", text=TEXT[5:]),
            delta(1, "citations_delta", citation=cited),
            _named("content_block_stop", index=1),
            _named("content_block_start", index=2, content_block={**call, "input": {}}),
            delta(2, "input_json_delta", partial_json=json.dumps(ARGUMENTS)),
            _named("content_block_stop", index=2),
            _named(
                "message_delta",
                delta={"stop_reason": "tool_use", "stop_sequence": None},
                usage={"output_tokens": 9},
            ),
            _named("message_stop"),
        ],
    )


def _gemini(model: str) -> Iterator[Answer]:
    usage = {"promptTokenCount": 3, "candidatesTokenCount": 9, "thoughtsTokenCount": 2, "totalTokenCount": 14,
             "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 3}]}  # fmt: skip
    head = {"modelVersion": "m", "responseId": "r1", "usageMetadata": usage}
    ratings = [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "NEGLIGIBLE", "blocked": False}]
    grounding = {
        "webSearchQueries": ["tide"], "groundingChunks": [{"web": {"uri": "https://a.example", "title": "A"}}],
        "groundingSupports": [{"segment": {"startIndex": 0, "endIndex": 3}, "groundingChunkIndices": [0]}],
    }  # fmt: skip
    thought = {"text": THOUGHT, "thought": True}
    call = {"functionCall": {"id": "c1", "name": NAME, "args": ARGUMENTS}, "thoughtSignature": "c2ln"}

    def chunk(parts: list[Any], **more: Any) -> dict[str, Any]:
        return {"candidates": [{"index": 0, "content": {"role": "model", "parts": parts}, **more}], **head}

    end = {"finishReason": "STOP", "safetyRatings": ratings, "groundingMetadata": grounding,
           "citationMetadata": {"citationSources": [{"startIndex": 0, "endIndex": 3, "uri": "https://b.example"}]},
           "avgLogprobs": -0.1,
           "logprobsResult": {"chosenCandidates": [{"token": "The", "logProbability": -0.1}], "topCandidates": []}}  # fmt: skip
    yield Answer(model, False, [("", chunk([thought, {"text": TEXT}, call], **end))])
    yield Answer(
        model,
        True,
        [
            ("", chunk([thought])),
            ("", chunk([{"text": TEXT[:5]}])),
            ("", chunk([{"text": TEXT[5:]}])),
            ("", chunk([call])),
            ("", chunk([{"text": ""}], **end)),
        ],
    )


def _cohere(model: str) -> Iterator[Answer]:
    usage = {
        "billed_units": {"input_tokens": 3, "output_tokens": 9},
        "tokens": {"input_tokens": 3, "output_tokens": 9},
    }
    cited = {
        "start": 0,
        "end": 3,
        "text": "The",
        "sources": [{"type": "document", "id": "d", "document": {"url": "https://a.example"}}],
    }
    call = {"id": "c1", "type": "function", "function": {"name": NAME, "arguments": json.dumps(ARGUMENTS)}}
    message = {
        "role": "assistant", "content": [{"type": "thinking", "thinking": THOUGHT}, {"type": "text", "text": TEXT}],
        "tool_calls": [call], "citations": [cited],
    }  # fmt: skip
    yield Answer(
        model,
        False,
        [("", {"id": "m1", "finish_reason": "TOOL_CALL", "message": message, "usage": usage,
               "logprobs": [{"text": "The", "token_ids": [1], "logprobs": [-0.1]}]})],
    )  # fmt: skip

    def content(kind: str, index: int, block: dict[str, Any]) -> Event:
        return _named(kind, index=index, delta={"message": {"content": block}})

    def called(kind: str, one: dict[str, Any]) -> Event:
        return _named(kind, index=0, delta={"message": {"tool_calls": one}})

    yield Answer(
        model,
        True,
        [
            _named("message-start", id="m1", delta={"message": {"role": "assistant", "content": [], "tool_plan": ""}}),
            content("content-start", 0, {"type": "thinking", "thinking": ""}),
            content("content-delta", 0, {"thinking": THOUGHT}),
            _named("content-end", index=0),
            content("content-start", 1, {"type": "text", "text": ""}),
            content("content-delta", 1, {"text": TEXT[:5]}),
            content("content-delta", 1, {"text": TEXT[5:]}),
            _named("content-end", index=1),
            _named("citation-start", index=0, delta={"message": {"citations": cited}}),
            _named("citation-end", index=0),
            called("tool-call-start", {**call, "function": {"name": NAME, "arguments": ""}}),
            called("tool-call-delta", {"function": {"arguments": json.dumps(ARGUMENTS)}}),
            _named("tool-call-end", index=0),
            _named("message-end", delta={"finish_reason": "TOOL_CALL", "usage": usage}),
        ],
    )  # fmt: skip


def _bedrock(model: str) -> Iterator[Answer]:
    usage = {"inputTokens": 3, "outputTokens": 9, "totalTokens": 12, "cacheReadInputTokens": 0}
    cited = {
        "title": "A",
        "location": {"web": {"url": "https://a.example"}},
        "sourceContent": [{"text": "x"}],
    }
    thought = {"reasoningContent": {"reasoningText": {"text": THOUGHT, "signature": "c2ln"}}}
    call = {"toolUse": {"toolUseId": "c1", "name": NAME, "input": ARGUMENTS}}
    cites = {"citationsContent": {"content": [{"text": TEXT[5:]}], "citations": [cited]}}
    message = {"role": "assistant", "content": [thought, {"text": TEXT[:5]}, cites, call]}
    yield Answer(
        model,
        False,
        [
            (
                "",
                {
                    "output": {"message": message},
                    "stopReason": "tool_use",
                    "usage": usage,
                    "metrics": {"latencyMs": 7},
                },
            )
        ],
    )

    def delta(index: int, **fields: Any) -> Event:
        return "contentBlockDelta", {"contentBlockIndex": index, "delta": fields}

    def stop(index: int) -> Event:
        return "contentBlockStop", {"contentBlockIndex": index}

    yield Answer(
        model,
        True,
        [
            ("messageStart", {"role": "assistant"}),
            delta(0, reasoningContent={"text": THOUGHT}),
            delta(0, reasoningContent={"signature": "c2ln"}),
            stop(0),
            delta(1, text=TEXT[:5]),
            delta(1, text=TEXT[5:]),
            delta(1, citation=cited),
            stop(1),
            (
                "contentBlockStart",
                {"contentBlockIndex": 2, "start": {"toolUse": {"toolUseId": "c1", "name": NAME}}},
            ),
            delta(2, toolUse={"input": json.dumps(ARGUMENTS)}),
            stop(2),
            ("messageStop", {"stopReason": "tool_use"}),
            ("metadata", {"usage": usage, "metrics": {"latencyMs": 7}}),
        ],
    )


def _responses(model: str) -> Iterator[Answer]:
    usage = {"input_tokens": 3, "output_tokens": 9, "total_tokens": 12, "input_tokens_details": {"cached_tokens": 1},
             "output_tokens_details": {"reasoning_tokens": 2}}  # fmt: skip
    cited = {
        "type": "url_citation",
        "url": "https://a.example",
        "title": "A",
        "start_index": 0,
        "end_index": 3,
    }
    thought = {
        "id": "rs1",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": THOUGHT}],
        "encrypted_content": "c2ln",
    }
    part = {"type": "output_text", "text": TEXT, "annotations": [cited], "logprobs": []}
    said = {"id": "msg1", "type": "message", "status": "completed", "role": "assistant", "content": [part]}
    call = {
        "id": "fc1",
        "type": "function_call",
        "status": "completed",
        "call_id": "c1",
        "name": NAME,
        "arguments": json.dumps(ARGUMENTS),
    }
    begun = {"id": "r1", "object": "response", "created_at": 7, "status": "in_progress", "model": "m", "output": [],
             "error": None, "incomplete_details": None, "service_tier": "default"}  # fmt: skip
    whole = {**begun, "status": "completed", "output": [thought, said, call], "usage": usage}
    yield Answer(model, False, [("", whole)])
    yield Answer(
        model,
        True,
        [
            _named("response.created", sequence_number=0, response=begun),
            _named("response.output_item.added", output_index=0, item={**thought, "summary": []}),
            _named(
                "response.reasoning_summary_text.delta",
                output_index=0,
                summary_index=0,
                item_id="rs1",
                delta=THOUGHT,
            ),
            _named("response.output_item.done", output_index=0, item=thought),
            _named("response.output_item.added", output_index=1, item={**said, "content": []}),
            _named(
                "response.content_part.added",
                output_index=1,
                content_index=0,
                item_id="msg1",
                part={**part, "text": ""},
            ),
            _named(
                "response.output_text.delta",
                output_index=1,
                content_index=0,
                item_id="msg1",
                delta=TEXT[:5],
                logprobs=[],
            ),
            _named(
                "response.output_text.delta",
                output_index=1,
                content_index=0,
                item_id="msg1",
                delta=TEXT[5:],
                logprobs=[],
            ),
            _named(
                "response.output_text.annotation.added",
                output_index=1,
                content_index=0,
                annotation_index=0,
                annotation=cited,
            ),
            _named(
                "response.output_text.done",
                output_index=1,
                content_index=0,
                item_id="msg1",
                text=TEXT,
                logprobs=[],
            ),
            _named("response.content_part.done", output_index=1, content_index=0, item_id="msg1", part=part),
            _named("response.output_item.done", output_index=1, item=said),
            _named("response.output_item.added", output_index=2, item={**call, "arguments": ""}),
            _named(
                "response.function_call_arguments.delta",
                output_index=2,
                item_id="fc1",
                delta=json.dumps(ARGUMENTS),
            ),
            _named(
                "response.function_call_arguments.done",
                output_index=2,
                item_id="fc1",
                arguments=json.dumps(ARGUMENTS),
            ),
            _named("response.output_item.done", output_index=2, item=call),
            _named("response.completed", response=whole),
        ],
    )


FORMATS = {
    "openai/m": _chat,
    "openai_compatible/m": _chat,
    "ollama/m": _chat,
    "anthropic/claude-sonnet-4-5": _anthropic,
    "gemini/gemini-2.5-flash": _gemini,
    "cohere/command-a-03-2025": _cohere,
    "bedrock/m": _bedrock,
    "openai/gpt-5-codex": _responses,
}
"""By a model of each."""
