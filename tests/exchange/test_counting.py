"""Counting a prompt where the provider has no endpoint for it."""

import pytest

from running import HELLO, Gateway
from simulator import Script, Simulator, drop, json, nowhere, refusal
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
