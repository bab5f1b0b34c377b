"""Any value of an answer in another type: what stands beside the text is left out, and the text arrives."""

# ruff: noqa: E501 an answer reads as it is sent

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.bedrock_frames import frame
from tidegate.protocols.contract import Bridge, Call, Conduit, Target
from tidegate.providers import FORMATS, protocol_named

TEXT = "The tide turns."
Answer = list[dict[str, Any]]
"""The events of a stream, or one whole answer."""

CITED = {"type": "url_citation", "url_citation": {"url": "https://e.example", "title": "t", "start_index": 0, "end_index": 3}}  # fmt: skip
SAID = {"token": "The", "logprob": -0.1, "bytes": [84], "top_logprobs": [{"token": "The", "logprob": -0.1}]}
CHAT_USAGE = {
    "prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14, "cost": 0.1,
    "prompt_tokens_details": {"cached_tokens": 1, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 1, "audio_tokens": 0},
}  # fmt: skip
CLAUDE_USAGE = {
    "input_tokens": 9, "output_tokens": 5, "cache_read_input_tokens": 1, "service_tier": "standard",
    "cache_creation": {"ephemeral_5m_input_tokens": 0}, "server_tool_use": {"web_search_requests": 1},
}  # fmt: skip
GOOGLE_USAGE = {
    "promptTokenCount": 9, "candidatesTokenCount": 5, "thoughtsTokenCount": 1, "totalTokenCount": 15,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 9}], "trafficType": "ON_DEMAND",
}  # fmt: skip
GROUNDED = {
    "groundingChunks": [{"web": {"uri": "https://e.example", "title": "t"}}],
    "groundingSupports": [{"segment": {"startIndex": 0, "endIndex": 3, "text": "The"}, "groundingChunkIndices": [0]}],
    "webSearchQueries": ["tide"], "searchEntryPoint": {"renderedContent": "<p>"},
}  # fmt: skip
RESPONSE_USAGE = {
    "input_tokens": 9, "output_tokens": 5, "total_tokens": 14,
    "input_tokens_details": {"cached_tokens": 1}, "output_tokens_details": {"reasoning_tokens": 1},
}  # fmt: skip


def chat(key: str, more: dict[str, Any]) -> Iterator[dict[str, Any]]:
    head = {
        "id": "c1",
        "object": "x",
        "created": 1,
        "model": "m",
        "system_fingerprint": "f",
        "service_tier": "default",
    }
    said = {
        "role": "assistant",
        "content": TEXT,
        "annotations": [CITED],
        "reasoning_content": "Hm.",
        "refusal": None,
    }
    yield {**head, "choices": [{"index": 0, key: said, "logprobs": {"content": [SAID]}, **more}], "citations": ["https://e.example"], "usage": CHAT_USAGE}  # fmt: skip
    if key == "delta":
        yield {**head, "choices": [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}]}
        yield {**head, "choices": [], "usage": CHAT_USAGE}


def claude() -> Answer:
    message = {
        "id": "m1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "usage": CLAUDE_USAGE,
    }
    cited = {
        "type": "web_search_result_location",
        "url": "https://e.example",
        "title": "t",
        "cited_text": "c",
        "encrypted_index": "e",
    }
    return [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": TEXT}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": cited}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": CLAUDE_USAGE,
        },
        {"type": "message_stop"},
    ]


def claude_whole() -> Answer:
    block = {
        "type": "text",
        "text": TEXT,
        "citations": [{"type": "char_location", "cited_text": "c", "document_index": 0}],
    }
    return [{"id": "m1", "type": "message", "role": "assistant", "model": "m", "content": [block], "stop_reason": "end_turn", "stop_sequence": None, "usage": CLAUDE_USAGE}]  # fmt: skip


def google() -> Answer:
    part = {"text": TEXT, "thoughtSignature": "c2ln"}
    rated = [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "LOW"}]
    logprobs = {
        "chosenCandidates": [{"token": "The", "logProbability": -0.1}],
        "topCandidates": [{"candidates": [{"token": "The", "logProbability": -0.1}]}],
    }
    candidate = {
        "content": {"parts": [part], "role": "model"}, "finishReason": "STOP", "index": 0, "safetyRatings": rated,
        "groundingMetadata": GROUNDED, "citationMetadata": {"citationSources": [{"uri": "https://e.example", "startIndex": 0, "endIndex": 3}]},
        "urlContextMetadata": {"urlMetadata": [{"retrievedUrl": "https://e.example"}]}, "logprobsResult": logprobs, "avgLogprobs": -0.1, "finishMessage": "ok",
    }  # fmt: skip
    return [{"candidates": [candidate], "usageMetadata": GOOGLE_USAGE, "modelVersion": "m", "responseId": "r", "createTime": "2025-01-01T00:00:00Z", "promptFeedback": {"safetyRatings": rated}}]  # fmt: skip


def responses_whole() -> dict[str, Any]:
    cited = {
        "type": "url_citation",
        "url": "https://e.example",
        "title": "t",
        "start_index": 0,
        "end_index": 3,
    }
    part = {"type": "output_text", "text": TEXT, "annotations": [cited], "logprobs": [SAID]}
    item = {"type": "message", "id": "i", "status": "completed", "role": "assistant", "content": [part]}
    return {"id": "r", "object": "response", "created_at": 1, "status": "completed", "model": "m", "output": [item], "usage": RESPONSE_USAGE, "service_tier": "default", "metadata": {}}  # fmt: skip


def responses() -> Answer:
    whole = responses_whole()
    item = whole["output"][0]
    place = {"item_id": "i", "output_index": 0, "content_index": 0}
    cited = item["content"][0]["annotations"][0]
    events = [
        {"type": "response.created", "response": {**whole, "output": [], "status": "in_progress"}},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        {
            "type": "response.content_part.added",
            **place,
            "part": {"type": "output_text", "text": "", "annotations": []},
        },
        {"type": "response.output_text.delta", **place, "delta": TEXT, "logprobs": [SAID]},
        {
            "type": "response.output_text.annotation.added",
            **place,
            "annotation_index": 0,
            "annotation": cited,
        },
        {"type": "response.output_text.done", **place, "text": TEXT},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": whole},
    ]
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


def cohere() -> Answer:
    usage = {
        "billed_units": {"input_tokens": 9, "output_tokens": 5},
        "tokens": {"input_tokens": 9, "output_tokens": 5},
    }
    source = {"type": "document", "id": "d", "document": {"title": "t", "url": "https://e.example"}}
    cited = {"start": 0, "end": 3, "text": "The", "sources": [source], "type": "TEXT_CONTENT"}
    return [
        {"type": "message-start", "id": "m1", "delta": {"message": {"role": "assistant"}}},
        {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}},
        {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": TEXT}}}, "logprobs": {"text": "The", "token_ids": [1], "logprobs": [-0.1]}},
        {"type": "citation-start", "index": 0, "delta": {"message": {"citations": cited}}},
        {"type": "content-end", "index": 0},
        {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": usage}},
    ]  # fmt: skip


def cohere_whole() -> Answer:
    usage = {
        "billed_units": {"input_tokens": 9, "output_tokens": 5},
        "tokens": {"input_tokens": 9, "output_tokens": 5},
    }
    cited = {
        "start": 0,
        "end": 3,
        "text": "The",
        "sources": [{"type": "document", "id": "d", "document": {"title": "t"}}],
    }
    message = {"role": "assistant", "content": [{"type": "text", "text": TEXT}], "citations": [cited]}
    return [{"id": "m1", "finish_reason": "COMPLETE", "message": message, "usage": usage, "logprobs": [{"token_ids": [1], "text": "The", "logprobs": [-0.1]}]}]  # fmt: skip


NOVA_CITED = {
    "title": "t",
    "sourceContent": [{"text": "c"}],
    "location": {"web": {"url": "https://e.example"}},
}
NOVA_USAGE = {"inputTokens": 9, "outputTokens": 5, "totalTokens": 14, "cacheReadInputTokens": 1}


def bedrock() -> Answer:
    return [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": TEXT}}},
        {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"citation": NOVA_CITED}}},
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"messageStop": {"stopReason": "end_turn", "additionalModelResponseFields": {"stop_sequence": "x"}}},
        {"metadata": {"usage": NOVA_USAGE, "metrics": {"latencyMs": 5}, "serviceTier": {"type": "default"}}},
    ]


def bedrock_whole() -> Answer:
    cited = {"content": [{"text": " See there."}], "citations": [NOVA_CITED]}
    message = {"role": "assistant", "content": [{"text": TEXT}, {"citationsContent": cited}]}
    return [
        {
            "output": {"message": message},
            "stopReason": "end_turn",
            "usage": NOVA_USAGE,
            "metrics": {"latencyMs": 5},
        }
    ]


def sse(events: Answer) -> bytes:
    return b"".join(
        b"event: %s\ndata: %s\n\n"
        % (str(one.get("type", "x")).encode("ascii", "replace"), json.dumps(one).encode())
        for one in events
    )


def data_only(events: Answer) -> bytes:
    return b"".join(b"data: %s\r\n\r\n" % json.dumps(one).encode() for one in events)


def frames(events: Answer) -> bytes:
    return b"".join(
        frame({":event-type": kind, ":message-type": "event"}, json.dumps(inside).encode())
        for one in events
        for kind, inside in one.items()
    )


@dataclass(frozen=True)
class Case:
    """An answer, how it is written, and which names carry its text or say what an event is."""

    make: Callable[[], Answer]
    write: Callable[[Answer], bytes]
    carriers: frozenset[str]


def names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def whole(events: Answer) -> bytes:
    return json.dumps(events[0]).encode()


CHAT_TEXT = names("choices delta message content index")
CASES: dict[tuple[str, bool], Case] = {
    ("openai_chat", True): Case(lambda: list(chat("delta", {"finish_reason": None})), lambda events: data_only(events) + b"data: [DONE]\n\n", CHAT_TEXT),
    ("openai_chat", False): Case(lambda: list(chat("message", {"finish_reason": "stop"})), whole, CHAT_TEXT),
    ("anthropic", True): Case(claude, sse, names("type index message content content_block delta text")),
    ("anthropic", False): Case(claude_whole, whole, names("type content text")),
    ("gemini", True): Case(google, data_only, names("candidates content parts text index")),
    ("gemini", False): Case(google, whole, names("candidates content parts text index")),
    ("openai_responses", True): Case(responses, sse, names("type response item output content part text delta output_index content_index status")),
    ("openai_responses", False): Case(lambda: [responses_whole()], whole, names("type output content text status")),
    ("cohere", True): Case(cohere, sse, names("type delta message content text index")),
    ("cohere", False): Case(cohere_whole, whole, names("type message content text")),
    ("bedrock", True): Case(bedrock, frames, names("contentBlockDelta messageStart contentBlockStop messageStop metadata contentBlockIndex delta text")),
    ("bedrock", False): Case(bedrock_whole, whole, names("output message content text citationsContent")),
}  # fmt: skip

FINISHES = names("finish_reason finishReason stop_reason stopReason")
"""Of another type they are no reason; an answer without one is unfinished."""

REQUESTS: dict[str, dict[str, Any]] = {
    "openai_chat": {"messages": [{"role": "user", "content": "Hi"}], "logprobs": True},
    "anthropic": {"max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]},
    "openai_responses": {"input": "Hi"},
    "gemini": {"contents": [{"parts": [{"text": "Hi"}]}]},
}
OTHERS: list[Any] = [
    None,
    True,
    5,
    -1,
    1.5,
    10**30,
    "x",
    "",
    [],
    [5],
    ["x"],
    {},
    {"x": 5},
    [[]],
    [{}],
    "\ud83d",
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, one in inside:
        yield from places(one, (*path, step))


def bridge(name: str, door: str, stream: bool) -> Conduit:
    protocol: Any = protocol_named(name)
    asked: Any = protocol_named(door)
    target = Target("m", protocol.dialect())
    body = json.dumps({"model": "m", "stream": stream, **REQUESTS[door]}).encode()
    parsed = asked.parse_request(body, "m", stream=stream) if door == "gemini" else asked.parse_request(body)
    return Bridge(protocol.reader(Call("/", b"", stream), target), asked.writer(parsed, "m"))


def replaced(answer: Answer, path: tuple[Any, ...], value: Any) -> Answer:
    changed = copy.deepcopy(answer)
    inside: Any = changed
    for step in path[:-1]:
        inside = inside[step]
    inside[path[-1]] = value
    return changed


PLACES = [(case, path) for case, found in CASES.items() for path in places(found.make()) if len(path) > 1]


def carries(case: Case, path: tuple[Any, ...]) -> bool:
    """Whether a place carries the text, or says what it is."""
    named = [step for step in path if isinstance(step, str)]
    return not named or (path[-1] in case.carriers and all(step in case.carriers for step in named))


def check(name: str, stream: bool, door: str, path: tuple[Any, ...], value: Any) -> None:
    case = CASES[name, stream]
    conduit = bridge(name, door, stream)
    out = conduit.feed(case.write(replaced(case.make(), path, value))) + conduit.close()
    named = [step for step in path if isinstance(step, str)]
    if (
        carries(case, path)
        or (isinstance(path[-1], int) and carries(case, path[:-1]))
        or named[-1] in FINISHES
    ):
        return
    where = f"{'.'.join(map(str, path))} = {value!r}"
    assert conduit.failure is None, f"{where}: {conduit.failure}"
    assert TEXT in out.decode(), where


def test_every_format_is_fuzzed() -> None:
    assert {name for name, _ in CASES} == set(FORMATS)


@pytest.mark.parametrize("door", REQUESTS)
@pytest.mark.parametrize(("name", "stream"), CASES)
def test_the_answer_itself_is_read(name: str, stream: bool, door: str) -> None:
    conduit = bridge(name, door, stream)
    out = conduit.feed(CASES[name, stream].write(CASES[name, stream].make())) + conduit.close()
    assert conduit.failure is None
    assert TEXT in out.decode()
    assert set(conduit.tally.left_out) <= ({"logprobs"} if door == "anthropic" else set())


@pytest.mark.parametrize("door", REQUESTS)
@settings(max_examples=600, derandomize=True, deadline=None)
@given(place=st.sampled_from(PLACES), value=st.sampled_from(OTHERS))
def test_a_value_of_another_type_costs_only_itself(door: str, place: Any, value: Any) -> None:
    (name, stream), path = place
    check(name, stream, door, path, value)


@pytest.mark.parametrize(
    ("name", "stream", "path", "value", "left_out"),
    [
        ("openai_chat", True, (0, "choices", 0, "delta", "annotations"), 5, "annotations"),
        ("openai_chat", False, (0, "choices", 0, "logprobs"), 5, "logprobs"),
        ("anthropic", True, (0, "message", "usage"), "x", "usage"),
        ("anthropic", True, (4, "delta", "citation"), 5, "citation"),
        ("anthropic", False, (0, "content", 0, "citations"), 5, "citations"),
        ("cohere", False, (0, "message", "citations"), 5, "citations"),
        ("cohere", False, (0, "logprobs", 0, "text"), [], "logprobs"),
        ("openai_responses", False, (0, "output", 0, "content", 0, "annotations", 0), 5, "annotation"),
        ("bedrock", True, (5, "metadata", "usage"), 5, "usage"),
        ("gemini", True, (0, "usageMetadata"), [], "usageMetadata"),
    ],
)
def test_what_is_left_out_is_named(name: str, stream: bool, path: Any, value: Any, left_out: str) -> None:
    case = CASES[name, stream]
    conduit = bridge(name, "openai_chat", stream)
    conduit.feed(case.write(replaced(case.make(), path, value)))
    conduit.close()
    assert conduit.failure is None
    assert any(left_out in one for one in conduit.tally.left_out), conduit.tally.left_out
