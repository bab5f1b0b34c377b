"""The reader of Cohere's answers, over everything recorded and over what nobody recorded."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases import each
from protocols.answer_events import Collected, collect, plainly, read
from recordings import Recording, needs_recordings, recordings, splits
from tidegate.protocols.cohere import PROTOCOL, CohereDialect
from tidegate.protocols.cohere.render import CohereCall
from tidegate.protocols.contract import Reader, Target
from tidegate.protocols.errors import ProviderBroke, ProviderRefused
from tidegate.protocols.events import (
    CitationAdded,
    Event,
    Finished,
    LogprobsDelta,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from tidegate.protocols.usage import Usage

TARGET = Target("command-a-03-2025", CohereDialect())
FINISHES = {"COMPLETE": "stop", "STOP_SEQUENCE": "stop", "MAX_TOKENS": "length", "TOOL_CALL": "tool_calls"}
FAILED = ("ERROR", "TIMEOUT")


def reader(*, stream: bool = True, custom: frozenset[str] = frozenset()) -> Reader:
    return PROTOCOL.reader(CohereCall("/v2/chat", b"", stream, custom_tools=custom), TARGET)


def events_of(*events: Any, done: bool = True) -> bytes:
    """A stream of these events, as Cohere frames it."""
    framed = [f"event: {event.get('type')}\ndata: {json.dumps(event)}\n\n" for event in events]
    return "".join([*framed, "data: [DONE]\n\n" if done else ""]).encode()


def message(**fields: Any) -> dict[str, Any]:
    return {"delta": {"message": fields}}


def text_block(*pieces: str, index: int = 0, kind: str = "text") -> list[dict[str, Any]]:
    start = {"type": "content-start", "index": index, **message(content={"type": kind, kind: ""})}
    deltas = [{"type": "content-delta", "index": index, **message(content={kind: piece})} for piece in pieces]
    return [start, *deltas, {"type": "content-end", "index": index}]


def call(index: int, name: str, *arguments: str) -> list[dict[str, Any]]:
    function = {"name": name, "arguments": ""}
    begun = {"id": f"{name}_x", "type": "function", "function": function}
    deltas = [
        {"type": "tool-call-delta", "index": index, **message(tool_calls={"function": {"arguments": piece}})}
        for piece in arguments
    ]
    return [
        {"type": "tool-call-start", "index": index, **message(tool_calls=begun)},
        *deltas,
        {"type": "tool-call-end", "index": index},
    ]


START = {"type": "message-start", "id": "m1", "delta": {"message": {"role": "assistant", "content": []}}}


def end(finish: str = "COMPLETE", **more: Any) -> dict[str, Any]:
    usage = {"tokens": {"input_tokens": 7, "output_tokens": 3}}
    return {"type": "message-end", "delta": {"finish_reason": finish, "usage": usage, **more}}


# --- everything recorded ---------------------------------------------------------------------


def chats() -> list[Recording]:
    return recordings("cohere", "chat", "chat_stream", path="/v2/chat", status=200)


def answer_in(recording: Recording) -> dict[str, Any]:
    """The recorded answer as one object: streams are folded."""
    body = recording.response["body"]
    if isinstance(body, dict):
        return body
    lines = [line[5:] for line in body.splitlines() if line.startswith("data:")]
    whole: dict[str, Any] = {"message": {"content": [], "tool_plan": "", "tool_calls": [], "citations": []}}
    for event in (json.loads(line) for line in lines if line.strip() != "[DONE]"):
        new = event.get("delta", {}).get("message") or {}
        said = whole["message"]
        match event["type"]:
            case "content-start":
                said["content"].append({"text": "", "thinking": "", **new["content"]})
            case "content-delta":
                for kind, piece in new["content"].items():
                    said["content"][event["index"]][kind] += piece
            case "tool-plan-delta":
                said["tool_plan"] += new["tool_plan"]
            case "tool-call-start":
                said["tool_calls"].append(new["tool_calls"])
            case "tool-call-delta":
                function = said["tool_calls"][event["index"]]["function"]
                function["arguments"] += new["tool_calls"]["function"]["arguments"]
            case "citation-start":
                said["citations"].append(new["citations"])
            case "message-end":
                whole |= event["delta"]
    return whole


def expected(answer: dict[str, Any]) -> Collected:
    said = answer["message"]
    content = said.get("content") or []
    texts = "".join(block["text"] for block in content if block["type"] == "text")
    calls = [call["function"] for call in said.get("tool_calls") or []]
    return Collected(
        text=texts + (said.get("tool_plan") or ""),
        reasoning="".join(block["thinking"] for block in content if block["type"] == "thinking"),
        calls=[(function["name"], json.loads(function["arguments"] or "{}")) for function in calls],
        finish=FINISHES[answer["finish_reason"]],
    )


@needs_recordings
@each("recording", chats())
def test_a_recorded_answer_arrives_whole(recording: Recording) -> None:
    answer = answer_in(recording)
    collected = collect(read(reader(stream=recording.kind == "chat_stream"), [recording.body]))
    if answer["finish_reason"] in FAILED:
        assert isinstance(collected.failure, ProviderRefused)
        assert collected.failure.message == answer["error"]
        assert collected.failure.code == answer.get("error_type")
        return
    wanted = expected(answer)
    assert collected.failure is None
    assert (collected.text, collected.reasoning, collected.calls, collected.finish) == (
        wanted.text,
        wanted.reasoning,
        wanted.calls,
        wanted.finish,
    )
    check_usage(answer["usage"], collected.usage)


def check_usage(recorded: dict[str, Any], usage: Usage | None) -> None:
    """Image tokens are inside the prompt for some models and beside it for others."""
    tokens = recorded["tokens"]
    assert usage is not None
    prompts = {tokens["input_tokens"], tokens["input_tokens"] + tokens.get("image_tokens", 0)}
    assert usage.prompt_tokens in prompts
    assert usage.prompt_tokens is not None
    assert usage.prompt_tokens >= recorded["billed_units"]["input_tokens"]
    assert usage.completion_tokens == tokens["output_tokens"]
    assert usage.cache_read == recorded.get("cached_tokens")
    assert usage.reasoning == tokens.get("reasoning_tokens")


@needs_recordings
@each("recording", chats())
def test_a_recorded_answer_is_the_same_however_it_is_split(recording: Recording) -> None:
    said = [plainly(read(reader(), pieces)) for pieces in splits(recording.body)]
    assert all(one == said[0] for one in said[1:])


@needs_recordings
@each("recording", chats())
def test_a_recorded_citation_points_at_the_words_that_it_is_about(recording: Recording) -> None:
    answer = answer_in(recording)
    collected = collect(read(reader(), [recording.body]))
    recorded = answer["message"].get("citations") or []
    natives = {
        bytes(citation.native): citation for citation in collected.citations if citation.native is not None
    }
    assert len(natives) == len(recorded)
    for native, citation in natives.items():
        assert collected.text[citation.start : citation.end] == json.loads(native)["text"]


@needs_recordings
@each("recording", recordings("cohere", "chat_stream", path="/v2/chat"))
def test_a_recorded_stream_that_breaks_off_fails(recording: Recording) -> None:
    body = recording.body
    cut = body[: body.index(b"message-end") - len("event: ")]
    collected = collect(read(reader(), [cut]))
    assert isinstance(collected.failure, ProviderBroke)
    assert collected.finish is None


# --- what nobody recorded --------------------------------------------------------------------


def test_a_stream_gives_all_events_in_order() -> None:
    stream = events_of(
        START,
        *text_block("Let me ", "see.", kind="thinking"),
        {"type": "tool-plan-delta", **message(tool_plan="I will look.")},
        *call(0, "look", '{"a"', ":1}"),
        end("TOOL_CALL"),
    )
    assert read(reader(), [stream]) == [
        Started("m1", ""),
        ReasoningDelta("Let me "),
        ReasoningDelta("see."),
        TextDelta("I will look."),
        ToolCallStarted(0, "look_x", "look"),
        ToolCallDelta(0, '{"a"'),
        ToolCallDelta(0, ":1}"),
        UsageReported(Usage(input=7, output=3)),
        Finished("tool_calls"),
    ]


def test_done_is_not_needed() -> None:
    body = events_of(START, *text_block("Hi"), end())
    assert read(reader(), [body]) == read(reader(), [body.removesuffix(b"data: [DONE]\n\n")])


def test_a_call_without_arguments_has_empty_ones() -> None:
    assert collect(read(reader(), [events_of(START, *call(0, "now"), end("TOOL_CALL"))])).calls == [
        ("now", {})
    ]
    answer = {
        "id": "m1",
        "message": {"tool_calls": [{"id": "now_x", "type": "function", "function": {"name": "now"}}]},
        "finish_reason": "TOOL_CALL",
    }
    assert collect(read(reader(), [json.dumps(answer).encode()])).calls == [("now", {})]


@pytest.mark.parametrize("stream", [True, False])
def test_a_custom_tool_gets_its_free_text(stream: bool) -> None:
    arguments = json.dumps({"input": 'print("hi")'})
    function = {"name": "python", "arguments": arguments}
    whole = {
        "id": "m1",
        "message": {"tool_calls": [{"id": "python_x", "type": "function", "function": function}]},
        "finish_reason": "TOOL_CALL",
    }
    pieces = call(0, "python", arguments[:7], arguments[7:])
    body = events_of(START, *pieces, end("TOOL_CALL")) if stream else json.dumps(whole).encode()
    said = read(reader(custom=frozenset({"python"})), [body])
    assert [event for event in said if isinstance(event, ToolCallStarted | ToolCallDelta)] == [
        ToolCallStarted(0, "python_x", "python", kind="custom"),
        ToolCallDelta(0, 'print("hi")'),
    ]


def test_calls_are_counted_from_0_whatever_their_index() -> None:
    said = read(reader(), [events_of(START, *call(3, "a"), *call(5, "b"), end("TOOL_CALL"))])
    assert collect(said).calls == [("a", {}), ("b", {})]


@pytest.mark.parametrize(
    ("finish", "reason", "native"),
    [
        ("COMPLETE", "stop", None),
        ("STOP_SEQUENCE", "stop", "STOP_SEQUENCE"),
        ("MAX_TOKENS", "length", None),
        ("TOOL_CALL", "stop", None),
        ("SOMETHING_NEW", "stop", "SOMETHING_NEW"),
    ],
)
def test_every_finish_reason_has_one_of_openais(finish: str, reason: str, native: str | None) -> None:
    assert read(reader(), [events_of(START, end(finish))])[-1] == Finished(reason, native=native)


@pytest.mark.parametrize(("finish", "status"), [("ERROR", 502), ("TIMEOUT", 504)])
@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_that_failed_is_none(finish: str, status: int, stream: bool) -> None:
    whole = {
        "id": "m1",
        "message": {"content": []},
        "finish_reason": finish,
        "error": "no tool could be made",
    }
    failing = events_of(START, *text_block("I wi"), end(finish, error="no tool could be made"))
    collected = collect(read(reader(), [failing if stream else json.dumps(whole).encode()]))
    assert collected.finish is None
    assert collected.failure is not None
    assert (collected.failure.message, collected.failure.status) == ("no tool could be made", status)
    assert collected.failure.tries_elsewhere


def test_a_failure_without_words_names_its_reason() -> None:
    collected = collect(read(reader(), [events_of(START, end("TIMEOUT"))]))
    assert collected.failure is not None
    assert "TIMEOUT" in collected.failure.message
    assert collected.usage == Usage(input=7, output=3), "what was spent is still known"


@pytest.mark.parametrize(
    "body",
    [
        b'{"id":"e1","message":"internal server error"}',
        events_of(START, {"id": "e1", "message": "internal server error"}, done=False),
        b'data: {"message":"internal server error"}\n\n',
    ],
)
def test_an_error_in_place_of_an_answer_is_reported(body: bytes) -> None:
    collected = collect(read(reader(), [body]))
    assert isinstance(collected.failure, ProviderRefused)
    assert (collected.failure.message, collected.failure.status) == ("internal server error", 502)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"<html>Bad gateway</html>",
        b"{}",
        b'{"id":"m1"',
        b"data: {not json}\n\n",
        events_of(START, *text_block("Hi"), done=True),
        events_of({"type": "tool-call-delta", **message(tool_calls={"function": {"arguments": "{"}})}),
        events_of(START, {"type": "message-end"}),
        b"data: " + b"[" * 100_000 + b"\n\n",
    ],
)
def test_what_is_no_answer_fails(body: bytes) -> None:
    said = read(reader(), [body])
    assert isinstance(collect(said).failure, ProviderBroke)
    assert plainly(read(reader(), [body[:1], body[1:3], body[3:]])) == plainly(said)


def test_no_events_follow_the_end() -> None:
    one = reader()
    assert isinstance(one.feed(events_of(START, end()))[-1], Finished)
    assert one.feed(events_of(*text_block("more"))) == []
    assert one.close() == []


# --- citations -------------------------------------------------------------------------------

SOURCE = {"type": "document", "id": "d1", "document": {"title": "Facts", "text": "…"}}
PAGE = {"type": "tool", "id": "t1", "tool_output": {"title": "Page", "url": "https://example.com/a"}}


def cite(*sources: Any, **fields: Any) -> dict[str, Any]:
    citation = {"start": 0, "end": 2, "text": "Hi", "sources": list(sources), **fields}
    return {"type": "citation-start", "index": 0, **message(citations=citation)}


def citations(*events: Any) -> list[CitationAdded]:
    return collect(read(reader(), [events_of(START, *events, end())])).citations


def test_a_source_with_an_address_is_cited_by_it() -> None:
    cited = citations(*text_block("Hi"), cite(SOURCE, PAGE))
    assert [(one.url, one.title, one.start, one.end) for one in cited] == [
        ("https://example.com/a", "Page", 0, 2)
    ]


def test_a_source_without_an_address_is_cited_by_its_title() -> None:
    cited = citations(*text_block("Hi"), cite(SOURCE))
    assert [(one.url, one.title) for one in cited] == [(None, "Facts")]
    assert cited[0].native is not None
    assert json.loads(bytes(cited[0].native))["sources"] == [SOURCE]


def test_places_are_counted_in_the_text_of_all_blocks() -> None:
    blocks = [*text_block("Well. "), *text_block("Hi", index=1)]
    cited = citations(*blocks, cite(SOURCE, content_index=1, type="TEXT_CONTENT"))
    assert (cited[0].start, cited[0].end) == (6, 8)


def test_a_citation_of_a_thought_has_no_place_in_the_text() -> None:
    thought = cite(SOURCE, content_index=0, type="THINKING_CONTENT")
    cited = citations(*text_block("Hi", kind="thinking"), thought, *text_block("No", index=1))
    assert (cited[0].start, cited[0].end) == (None, None)


def test_a_citation_of_a_plan_is_counted_from_its_beginning() -> None:
    plan = {"type": "tool-plan-delta", **message(tool_plan="Hi there")}
    cited = citations(*text_block("Well. "), plan, cite(SOURCE, type="PLAN"))
    assert (cited[0].start, cited[0].end) == (6, 8)


# --- log probabilities -----------------------------------------------------------------------


def logprobs(said: list[Event]) -> list[Any]:
    return [
        entry
        for event in said
        if isinstance(event, LogprobsDelta)
        for entry in json.loads(bytes(event.content))
    ]


def test_log_probabilities_are_reported_in_openais_form() -> None:
    block = text_block("Grü")
    block[1]["logprobs"] = {"text": "Grü", "token_ids": [1, 2], "logprobs": [-0.5, -0.25]}
    assert logprobs(read(reader(), [events_of(START, *block, end())])) == [
        {"token": "Grü", "logprob": -0.75, "bytes": [71, 114, 195, 188], "top_logprobs": []}
    ]


def test_the_probabilities_of_thoughts_are_left_out() -> None:
    block = text_block("Hm", kind="thinking")
    block[1]["logprobs"] = {"text": "Hm", "token_ids": [1], "logprobs": [-1.0]}
    assert logprobs(read(reader(), [events_of(START, *block, end())])) == []
    content = [{"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": "Hi"}]
    items = [{"text": piece, "token_ids": [1], "logprobs": [-1.0]} for piece in ("Hm", "H", "i")]
    whole = {"id": "m", "message": {"content": content}, "finish_reason": "COMPLETE", "logprobs": items}
    assert [entry["token"] for entry in logprobs(read(reader(), [json.dumps(whole).encode()]))] == ["H", "i"]


# --- tokens ----------------------------------------------------------------------------------


def usage_of(usage: Any) -> Usage | None:
    body = {"id": "m", "message": {"content": []}, "finish_reason": "COMPLETE", "usage": usage}
    return collect(read(reader(), [json.dumps(body).encode()])).usage


@pytest.mark.parametrize(
    ("usage", "wanted"),
    [
        ({}, None),
        (None, None),
        ({"tokens": {"input_tokens": 10.0, "output_tokens": 4.0}}, Usage(input=10, output=4)),
        ({"billed_units": {"input_tokens": 10, "output_tokens": 4}}, Usage(input=10, output=4)),
        (
            {"tokens": {"input_tokens": 10, "output_tokens": 4, "reasoning_tokens": 3}, "cached_tokens": 8},
            Usage(input=2, cache_read=8, output=1, reasoning=3),
        ),
        (
            {"tokens": {"input_tokens": 10, "output_tokens": 4}, "cached_tokens": 0},
            Usage(input=10, cache_read=0, output=4),
        ),
        (  # more cached than there is: never negative, never more than all
            {"tokens": {"input_tokens": 10, "output_tokens": 4, "reasoning_tokens": 9}, "cached_tokens": 80},
            Usage(input=0, cache_read=10, output=0, reasoning=4),
        ),
        (  # command-a-plus counts images beside the prompt
            {
                "tokens": {"input_tokens": 34, "output_tokens": 56, "image_tokens": 259},
                "billed_units": {"input_tokens": 267, "output_tokens": 52},
            },
            Usage(input=293, output=56),
        ),
        (  # command-a-vision inside of it
            {
                "tokens": {"input_tokens": 500, "output_tokens": 6, "image_tokens": 259},
                "billed_units": {"input_tokens": 263, "output_tokens": 6},
            },
            Usage(input=500, output=6),
        ),
    ],
)  # fmt: skip
def test_every_token_is_in_one_class(usage: Any, wanted: Usage | None) -> None:
    assert usage_of(usage) == wanted


# --- any cut, any noise ----------------------------------------------------------------------


@given(st.lists(st.integers(1, 40), max_size=80), st.sampled_from(["\n\n", "\r\n\r\n"]))
def test_a_stream_is_the_same_however_it_is_split(sizes: list[int], ending: str) -> None:
    body = events_of(
        START, *text_block("Grüße, ", "🌍"), *call(0, "f", '{"a":', '"ü"}'), cite(PAGE), end("TOOL_CALL")
    )
    body = body.replace(b"\n\n", ending.encode())
    pieces, place = [], 0
    for size in sizes:
        pieces.append(body[place : place + size])
        place += size
    assert plainly(read(reader(), [*pieces, body[place:]])) == plainly(read(reader(), [body]))


@given(
    st.binary(max_size=300), st.sampled_from([b"", b"data: ", b'{"message":', events_of(START, done=False)])
)
def test_noise_never_raises_and_never_passes_for_an_answer(noise: bytes, before: bytes) -> None:
    collected = collect(read(reader(), [before, noise]))
    assert collected.failure is not None or collected.finish is not None
