"""Who carries a stream on, how often, what is asked for, and what is not carried on."""

import asyncio
import json
from typing import Any

import pytest

from continuation.models import TEXT, Writing, frames, openai, pieces_of
from continuation.world import DOORS, PROVIDERS, World, world
from running import Reply
from simulator import json as answer
from simulator import refusal, stream

CHAT = DOORS["chat"]


def writing(provider: str, **how: Any) -> Writing:
    return Writing(PROVIDERS[provider][2], **how)


def broken(*events: bytes) -> Any:
    """A stream that ends after these events."""
    return stream(events, cut_at=len(b"".join(events)), ending="close")


def chunk(**delta: Any) -> bytes:
    head = {"id": "chatcmpl-first", "object": "chat.completion.chunk", "created": 7, "model": "m-first"}
    return frames({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})[0]


START = chunk(role="assistant", content="")


async def chat(asked: World, **fields: Any) -> Reply:
    return await asked.ask("chat", **fields)


def assert_whole(reply: Reply) -> None:
    events = CHAT.events(reply)
    assert CHAT.text(events) == TEXT
    assert CHAT.finishes(events) == ["stop"]
    assert reply.body.count(b"[DONE]") == 1


def assert_broken(reply: Reply, text: str) -> None:
    """What was delivered, and then an error event and nothing after it."""
    events = CHAT.events(reply)
    assert CHAT.text(events) == text
    assert CHAT.error(events)
    assert CHAT.finishes(events) == []
    assert b"[DONE]" not in reply.body


# --- how it breaks ------------------------------------------------------------------------------

ERROR = frames({"error": {"message": "overloaded", "type": "server_error", "code": "overloaded"}})[0]


@pytest.mark.parametrize(
    "ending",
    [
        pytest.param({"cut_at": 10**6, "ending": "reset"}, id="reset"),
        pytest.param({"cut_at": 10**6, "ending": "hang"}, id="silence"),
        pytest.param({"more": ERROR}, id="error event"),
        pytest.param({"more": b"data: {broken\n\n"}, id="malformed"),
        pytest.param({"more": b""}, id="ends without a finish"),
    ],
)
async def test_whatever_breaks_the_stream(ending: dict[str, Any]) -> None:
    begun = b"".join(writing("openai").events()[:6])
    more = ending.pop("more", None)
    first = (
        stream([begun + more]) if more is not None else stream([begun], **{**ending, "cut_at": len(begun)})
    )
    routing = "resume = true\nidle_s = 0.5"
    async with world(("openai", first), ("anthropic", writing("anthropic")), routing=routing) as asked:
        assert_whole(await chat(asked))


async def test_a_client_that_leaves_is_not_carried_on() -> None:
    never = asyncio.Event()
    first = stream([b"".join(writing("openai").events()[:6]), never])
    async with world(("openai", first), ("anthropic", writing("anthropic"))) as asked:
        async with asked.gateway.open("m", stream=True) as response:
            await response.content.readany()
        record = await asked.gateway.record()
    assert record["ended"] == "client_left"
    assert asked.providers[1].requests == []


async def test_a_client_that_leaves_while_it_is_carried_on_is_noticed() -> None:
    never = asyncio.Event()
    async with world(("openai", writing("openai", keep=6)), ("anthropic", stream([never]))) as asked:
        async with asked.gateway.open("m", stream=True) as response:
            await response.content.readany()
            seen = await asked.providers[1].seen()
        await asyncio.wait_for(seen.closed.wait(), 10)
        record = await asked.gateway.record()
    assert record["ended"] == "client_left"


# --- what is not carried on ---------------------------------------------------------------------

CALL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "look", "arguments": ""}}


@pytest.mark.parametrize(
    ("deltas", "fields"),
    [
        pytest.param([{"content": "Hm. "}, {"tool_calls": [CALL]}], {}, id="a tool call"),
        pytest.param([{"content": "Hm. "}, {"refusal": "No."}], {}, id="a refusal"),
        pytest.param([{"reasoning_content": "Let me see"}], {}, id="reasoning"),
        pytest.param([{"content": "Hm. "}, {"reasoning_content": "Or"}], {}, id="reasoning behind text"),
        pytest.param([{"content": "Hm. "}], {"n": 2}, id="several choices"),
        pytest.param(
            [{"content": '{"a'}], {"response_format": {"type": "json_object"}}, id="structured output"
        ),
        pytest.param(
            [{"content": "Hm. "}],
            {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "I"}]},
            id="a request that begins the answer",
        ),
        pytest.param([{"content": "x" * 1_100_000}], {}, id="too long"),
        pytest.param([{"content": "Hm. "}, {}], {"resume": False}, id="switched off"),
    ],
)
async def test_what_is_not_carried_on_ends_in_an_error(deltas: list[Any], fields: dict[str, Any]) -> None:
    events = [START, *(chunk(**delta) for delta in deltas)]
    routing = f"retries = 0\nresume = {json.dumps(fields.pop('resume', True))}"
    async with world(
        ("openai", broken(*events)), ("anthropic", writing("anthropic")), routing=routing
    ) as asked:
        assert_broken(await chat(asked, **fields), "".join(delta.get("content", "") for delta in deltas))
        record = await asked.gateway.record()
    assert asked.providers[1].requests == []
    assert (record["ended"], record["provider"]) == ("provider_broke", "a")
    assert record.get("continued", 0) == 0


async def test_half_a_character_is_not_carried_on() -> None:
    half = chunk(content="Hm. HALF").replace(b"HALF", rb"\ud83c")
    async with world(
        ("openai", broken(START, half)),
        ("anthropic", writing("anthropic")),
        routing="resume = true\nretries = 0",
    ) as asked:
        reply = await chat(asked)
    assert asked.providers[1].requests == []
    assert b'"error"' in reply.body


async def test_an_answer_that_had_finished_is_not_carried_on() -> None:
    events = writing("openai").events()
    async with world(("openai", broken(*events[:-2])), ("anthropic", writing("anthropic"))) as asked:
        reply = await chat(asked)
    assert asked.providers[1].requests == []
    assert CHAT.text(CHAT.events(reply)) == TEXT
    assert CHAT.error(CHAT.events(reply))


async def test_the_requests_own_fault_is_not_carried_on() -> None:
    fault = frames(
        {"error": {"message": "flagged", "type": "invalid_request_error", "code": "content_policy"}}
    )
    async with world(
        ("openai", stream([START, chunk(content="Hm. "), *fault])), ("anthropic", writing("anthropic"))
    ) as asked:
        reply = await chat(asked)
    if CHAT.error(CHAT.events(reply)) is not None:
        assert asked.providers[1].requests == []


async def test_plain_answers_are_as_before() -> None:
    async with world(("openai", answer({"id": "1"}, 500)), ("anthropic", writing("anthropic"))) as asked:
        asked.providers[1].answer(refusal(500))
        assert (await chat(asked, stream=False, stream_options=None)).status == 500


# --- who carries on -----------------------------------------------------------------------------


async def test_a_stream_is_carried_on_twice_at_most() -> None:
    parts = [writing("anthropic", keep=8, size=3) for _ in range(4)]
    async with world(*(("anthropic", part) for part in parts)) as asked:
        reply = await chat(asked)
        record = await asked.gateway.record()
    assert [len(provider.requests) for provider in asked.providers] == [1, 1, 1, 0]
    text = CHAT.text(CHAT.events(reply))
    assert TEXT.startswith(text)
    assert len(text) > 3 * 4 * 3
    assert_broken(reply, text)
    assert (record["ended"], record["continued"], record["provider"]) == ("provider_broke", 2, "c")
    assert [one["provider"] for one in record["attempts"]] == ["a", "b"]


async def test_the_second_breaks_as_well_and_the_third_ends_it() -> None:
    async with world(
        ("openai", writing("openai", keep=5)),
        ("anthropic", writing("anthropic", keep=7)),
        ("gemini", writing("gemini")),
    ) as asked:
        reply = await chat(asked)
        record = await asked.gateway.record()
    assert_whole(reply)
    assert (record["ended"], record["continued"], record["provider"]) == ("complete", 2, "c")
    assert [(one["provider"], one["delivered_tokens"] > 0) for one in record["attempts"]] == [
        ("a", True),
        ("b", True),
    ]
    assert record["attempts"][1]["usage"]["input"] == 11  # Anthropic reports its prompt at once


async def test_a_candidate_that_refuses_is_passed_over() -> None:
    async with world(
        ("openai", writing("openai", keep=5)),
        ("anthropic", refusal(400)),
        ("anthropic", refusal(529)),
        ("gemini", writing("gemini")),
    ) as asked:
        assert_whole(await chat(asked))
        record = await asked.gateway.record()
    assert [one["provider"] for one in record["attempts"]] == ["a", "b", "c"]
    assert record["continued"] == 1


@pytest.mark.parametrize("provider", ["openai", "responses"])
async def test_nobody_continues_an_answer(provider: str) -> None:
    async with world(("anthropic", writing("anthropic", keep=6)), (provider, writing(provider))) as asked:
        reply = await chat(asked)
        record = await asked.gateway.record()
    assert_broken(reply, CHAT.text(CHAT.events(reply)))
    assert asked.providers[1].requests == []
    assert (record["ended"], record["provider"]) == ("provider_broke", "a")
    assert record["skipped"] == [
        {"provider": "b", "model": PROVIDERS[provider][1], "reason": "unsupported_feature: continues"}
    ]


@pytest.mark.parametrize("model", ["claude-opus-4-6", "claude-sonnet-5"])
async def test_a_model_that_takes_no_beginning_is_passed_over(model: str) -> None:
    more = f'[models."n"]\ncandidates = ["a/gpt-4.1", "b/{model}"]'
    async with world(
        ("openai", writing("openai", keep=6)), ("anthropic", writing("anthropic")), more=more
    ) as asked:
        reply = await chat(asked, model="n")
    assert_broken(reply, CHAT.text(CHAT.events(reply)))
    assert asked.providers[1].requests == []


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini"])
async def test_before_any_text_every_candidate_begins_anew(provider: str) -> None:
    async with world(("openai", broken(START)), (provider, writing(provider))) as asked:
        assert_whole(
            await chat(asked, response_format={"type": "json_object"} if provider == "openai" else None)
        )
        record = await asked.gateway.record()
    assert record["continued"] == 1
    assert "continues" not in asked.providers[1].requests[0].json


async def test_the_provider_that_broke_is_asked_again_if_nobody_else_can() -> None:
    first = [writing("anthropic", keep=8), writing("anthropic")]
    async with world(
        ("anthropic", first), ("openai", writing("openai")), routing="resume = true\nretries = 1"
    ) as asked:
        assert_whole(await chat(asked))
        record = await asked.gateway.record()
    assert len(asked.providers[0].requests) == 2
    assert [one["provider"] for one in record["attempts"]] == ["a"]
    assert (record["provider"], record["continued"]) == ("a", 1)


@pytest.mark.parametrize(("whole", "own", "carried"), [(True, None, 1), (True, False, 0), (False, True, 1)])
async def test_a_model_may_set_it(whole: bool, own: bool | None, carried: int) -> None:
    more = "" if own is None else f"resume = {json.dumps(own)}"
    async with world(
        ("openai", writing("openai", keep=6)),
        ("anthropic", writing("anthropic")),
        routing=f"resume = {json.dumps(whole)}",
        more=more,
    ) as asked:
        await chat(asked)
    assert len(asked.providers[1].requests) == carried


# --- what is asked for --------------------------------------------------------------------------


async def asked_for(provider: str, delivered: str = "The tide ", **fields: Any) -> Any:
    """The request for the rest, with its path."""
    async with world(
        ("vllm", broken(START, chunk(content=delivered))), (provider, refusal(500)), routing="resume = true"
    ) as asked:
        await chat(asked, **fields)
    [seen, *_] = asked.providers[1].requests
    return {**seen.json, "path": seen.path}


async def test_the_request_for_the_rest_in_each_form() -> None:
    user = {"role": "user", "content": "Write."}
    rest = {"role": "assistant", "content": "The tide"}
    mistral = await asked_for("mistral")
    assert mistral["messages"] == [user, {**rest, "prefix": True}]
    deepseek = await asked_for("deepseek")
    assert deepseek["messages"] == [user, {**rest, "prefix": True}]
    assert deepseek["path"].endswith("/beta/chat/completions")
    assert (await asked_for("qwen"))["messages"] == [user, {**rest, "partial": True}]
    vllm = await asked_for("vllm")
    assert vllm["messages"] == [user, rest]
    assert (vllm["continue_final_message"], vllm["add_generation_prompt"]) == (True, False)
    assert (await asked_for("groq"))["messages"] == [user, rest]
    anthropic = await asked_for("anthropic")
    assert anthropic["messages"][1] == {
        "role": "assistant",
        "content": [{"type": "text", "text": "The tide"}],
    }
    gemini = await asked_for("gemini")
    assert gemini["contents"][1] == {"role": "model", "parts": [{"text": "The tide"}]}


async def test_the_model_does_not_think_again_and_has_fewer_tokens_left() -> None:
    body = await asked_for("anthropic", "x" * 400, max_tokens=1000, reasoning_effort="high", temperature=0.5)
    assert body["thinking"] == {"type": "disabled"}
    assert body["max_tokens"] == 900
    assert body["temperature"] == 0.5
    assert (await asked_for("anthropic", "x" * 400, max_tokens=50))["max_tokens"] == 1


async def test_reasoning_that_is_sent_all_the_same_is_left_out() -> None:
    events = frames(
        {"type": "message_start", "message": {"id": "msg_2", "type": "message", "role": "assistant"}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "s"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": " is high."}},
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}},
        {"type": "message_stop"},
        named=True,
    )
    async with world(
        ("openai", broken(START, chunk(content="The tide"))), ("anthropic", stream(events))
    ) as asked:
        reply = await asked.ask("messages")
        record = await asked.gateway.record()
    assert DOORS["messages"].text(DOORS["messages"].events(reply)) == "The tide is high."
    assert b"thinking" not in reply.body
    assert record["left_out"] == ["reasoning"]


# --- what the client sees -----------------------------------------------------------------------


@pytest.mark.parametrize(("door", "marked"), [("chat", 1), ("messages", 1), ("responses", 1), ("gemini", 0)])
async def test_the_stream_names_who_carries_on(door: str, marked: int) -> None:
    async with world(("openai", writing("openai", keep=6)), ("anthropic", writing("anthropic"))) as asked:
        body = (await asked.ask(door)).body
    assert body.count(b"\n\n: tidegate: continued by b/claude-haiku-4-5\n\n") == marked
    if not marked:
        models = {event["modelVersion"] for event in DOORS[door].events(Reply(200, {}, body))}
        assert models == {"m-first", "claude-haiku-4-5"}


async def test_a_tool_call_may_follow_in_the_rest() -> None:
    call = {**CALL, "function": {"name": "look", "arguments": '{"a": 1}'}}
    head = {"id": "chatcmpl-2", "object": "chat.completion.chunk", "created": 9, "model": "m-2"}
    deltas = [{"role": "assistant", "content": " is high."}, {"tool_calls": [call]}]
    rest = frames(
        *({**head, "choices": [{"index": 0, "delta": one, "finish_reason": None}]} for one in deltas),
        {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
        end="data: [DONE]\n\n",
    )
    look = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    async with world(("openai", broken(START, chunk(content="The tide"))), ("vllm", stream(rest))) as asked:
        events = CHAT.events(await chat(asked, tools=[look]))
    assert CHAT.text(events) == "The tide is high."
    assert CHAT.finishes(events) == ["tool_calls"]
    calls = [
        one
        for event in events
        for one in event["choices"][0]["delta"].get("tool_calls", ())
        if event["choices"]
    ]
    assert "".join(one["function"]["arguments"] for one in calls) == '{"a": 1}'


async def test_the_usage_is_that_of_the_last_part_and_the_record_has_all() -> None:
    async with world(
        ("anthropic", writing("anthropic", keep=9)), ("openai", writing("openai")), ("vllm", writing("vllm"))
    ) as asked:
        reply = await chat(asked)
        record = await asked.gateway.record()
    assert CHAT.usage(CHAT.events(reply)) == (11, 7)
    assert (record["usage"]["input"], record["usage"]["output"]) == (11, 7)
    [first] = record["attempts"]
    assert first["usage"]["input"] == 11
    assert first["delivered_tokens"] == len("".join(pieces_of(TEXT)[:6])) // 4
    assert record["overhead_ms"] >= 0
    assert [one["provider"] for one in record["skipped"]] == ["b"]


def test_a_stream_of_the_fake_provider_is_like_openais() -> None:
    assert openai(["a"])[0].startswith(b'data: {"id"')
