"""Counting a prompt where the provider has no endpoint for it."""

import pytest

from running import HELLO, Gateway
from simulator import Script, Seen, Simulator, drop, json, nowhere, refusal
from tidegate.exchange.counting import estimate
from tidegate.protocols.turn import Message, Text, ToolCall, ToolResult, Turn


def turn(*parts: Text | ToolCall | ToolResult) -> Turn:
    return Turn(model="m", messages=(Message("user", parts),), origin="anthropic", extensions={})


def test_an_estimate_is_near_the_tokens_of_an_openai_model() -> None:
    assert estimate(turn(Text("hello world"))) == 2 + 4


def test_every_part_that_holds_text_counts() -> None:
    call = ToolCall("c1", "look", '{"where":"here"}')
    parts = (Text("a b c"), call, ToolResult("c1", "look", (Text("d e f"),)))
    counts = [estimate(turn(*parts[:size])) for size in range(4)]
    assert counts == sorted(set(counts))


def test_a_prompt_of_megabytes_is_counted() -> None:
    assert estimate(turn(Text("word " * 500_000))) > 500_000


async def test_an_estimate_is_marked_as_one() -> None:
    async with Gateway({"sim": ("openai_compatible", nowhere())}) as gateway:
        body = {"model": "sim/m", "messages": [{"role": "user", "content": "hello world"}]}
        reply = await gateway.post("/v1/messages/count_tokens", body)
    assert (reply.status, reply.json) == (200, {"input_tokens": 6})
    assert reply.headers["x-tidegate-estimated"] == "true"


async def test_a_candidate_that_cannot_count_leaves_it_to_the_next() -> None:
    async with Simulator() as first, Simulator() as second:
        first.answer(refusal(404, "no such path"))
        second.answer(json({"input_tokens": 42}))
        providers = {"a": ("anthropic", first.url), "b": ("anthropic", second.url)}
        async with Gateway(providers, more='[models."m"]\ncandidates = ["a/m", "b/m"]') as gateway:
            reply = await gateway.post("/v1/messages/count_tokens", {"model": "m", **HELLO})
    assert (reply.status, reply.json) == (200, {"input_tokens": 42})
    assert reply.headers["x-tidegate-provider"] == "b"


@pytest.mark.parametrize("answer", [refusal(404), refusal(405), refusal(501), refusal(500), drop(), json({})])
async def test_where_nobody_can_count_there_is_an_estimate(answer: Script) -> None:
    async with Simulator() as provider:
        provider.answer(answer)
        async with Gateway({"a": ("anthropic", provider.url)}) as gateway:
            reply = await gateway.post("/v1/messages/count_tokens", {"model": "a/m", **HELLO})
    assert reply.status == 200
    assert reply.json["input_tokens"] > 0
    assert reply.headers["x-tidegate-estimated"] == "true"


async def test_a_fallback_counts_too() -> None:
    async with Simulator() as first, Simulator() as second:
        first.answer(drop())
        second.answer(json({"input_tokens": 7}))
        providers = {"a": ("anthropic", first.url), "b": ("anthropic", second.url)}
        async with Gateway(providers) as gateway:
            body = {"model": "a/m", "models": ["b/m"], **HELLO}
            reply = await gateway.post("/v1/messages/count_tokens", body)
    assert reply.json == {"input_tokens": 7}


# --- through the router --------------------------------------------------------------------------

TWO_KEYS = """[providers.a]
kind = "anthropic"
base_url = "{url}"
api_keys = ["sk-refused-000001", "sk-good-00000002"]
"""
ANSWER = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "Hi"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 3, "output_tokens": 1},
}


def wrong_key(seen: Seen) -> Script:
    """Refuses the first of the two keys."""
    if seen.headers["x-api-key"] == "sk-refused-000001":
        return json({"type": "error", "error": {"type": "authentication_error", "message": "no"}}, 401)
    return json({"input_tokens": 42} if seen.path.endswith("count_tokens") else ANSWER)


async def test_a_key_that_is_refused_leaves_the_count_to_the_next_and_is_left_alone() -> None:
    async with Simulator() as provider:
        provider.answer(wrong_key)
        async with Gateway(more=TWO_KEYS.format(url=provider.url)) as gateway:
            for _ in range(3):
                reply = await gateway.post("/v1/messages/count_tokens", {"model": "a/m", **HELLO})
                assert reply.json == {"input_tokens": 42}
            keys = [seen.headers["x-api-key"] for seen in provider.requests]
            assert keys == ["sk-refused-000001", *["sk-good-00000002"] * 3]
            # What the count has learned of the key, chats need not learn again.
            body = {"model": "a/m", "max_tokens": 9, **HELLO}
            assert (await gateway.post("/v1/messages", body)).status == 200
            assert len(provider.requests) == 5


async def test_a_candidate_that_fails_chats_is_not_asked_to_count() -> None:
    async with Simulator() as first, Simulator() as second:
        first.answer(drop())
        second.answer(wrong_key)
        providers = {"a": ("anthropic", first.url), "b": ("anthropic", second.url)}
        async with Gateway(providers, more='[models."m"]\ncandidates = ["a/m", "b/m"]') as gateway:
            for _ in range(5):
                await gateway.post("/v1/messages", {"model": "m", "max_tokens": 9, **HELLO})
            failed = len(first.requests)
            reply = await gateway.post("/v1/messages/count_tokens", {"model": "m", **HELLO})
            assert (reply.json, len(first.requests)) == ({"input_tokens": 42}, failed)
            skipped = (await gateway.record(6))["skipped"]
    assert [one["provider"] for one in skipped] == ["a"]
    assert skipped[0]["reason"].startswith("fails too often")


@pytest.mark.parametrize("answer", [refusal(404), refusal(429, retry_after="600"), refusal(500), drop()])
async def test_what_counting_has_shown_says_nothing_about_chats(answer: Script) -> None:
    async with Simulator() as provider, Gateway({"a": ("anthropic", provider.url)}) as gateway:
        provider.answer(answer)
        for _ in range(7):
            await gateway.post("/v1/messages/count_tokens", {"model": "a/m", **HELLO})
        provider.answer(json(ANSWER))
        body = {"model": "a/m", "max_tokens": 9, **HELLO}
        assert (await gateway.post("/v1/messages", body)).status == 200
        record = await gateway.record(8)
        (health,) = (await gateway.get("/v1/chat/health")).json["providers"]
    assert "skipped" not in record
    assert health["status"] == "healthy"


async def test_a_key_that_may_not_count_may_still_chat() -> None:
    async with Simulator() as provider, Gateway({"a": ("anthropic", provider.url)}) as gateway:
        error = {"type": "permission_error", "message": "no"}
        provider.answer(json({"type": "error", "error": error}, 403))
        for _ in range(3):
            await gateway.post("/v1/messages/count_tokens", {"model": "a/m", **HELLO})
        assert len(provider.requests) == 1
        provider.answer(json(ANSWER))
        body = {"model": "a/m", "max_tokens": 9, **HELLO}
        assert (await gateway.post("/v1/messages", body)).status == 200


async def test_an_endpoint_that_keeps_failing_to_count_is_left_alone() -> None:
    async with Simulator() as provider:
        provider.answer(drop())
        async with Gateway({"a": ("anthropic", provider.url)}) as gateway:
            for _ in range(8):
                reply = await gateway.post("/v1/messages/count_tokens", {"model": "a/m", **HELLO})
                assert reply.headers["x-tidegate-estimated"] == "true"
            record = await gateway.record()
    assert len(provider.requests) == 5
    assert record["skipped"][0]["reason"].startswith("cannot count tokens: ")


async def test_a_count_obeys_the_preferences_of_the_request() -> None:
    async with Simulator() as first, Simulator() as second:
        second.answer(json({"input_tokens": 7}))
        providers = {"a": ("anthropic", first.url), "b": ("anthropic", second.url)}
        async with Gateway(providers, more='[models."m"]\ncandidates = ["a/m", "b/m"]') as gateway:
            body = {"model": "m", "provider": {"ignore": ["a"]}, **HELLO}
            assert (await gateway.post("/v1/messages/count_tokens", body)).json == {"input_tokens": 7}
    assert first.requests == []
