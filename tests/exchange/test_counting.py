"""Counting a prompt where the provider has no endpoint for it."""

from running import Gateway
from simulator import nowhere
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


async def test_an_estimate_says_that_it_is_one() -> None:
    async with Gateway({"sim": ("openai_compatible", nowhere())}) as gateway:
        body = {"model": "sim/m", "messages": [{"role": "user", "content": "hello world"}]}
        reply = await gateway.post("/v1/messages/count_tokens", body)
    assert (reply.status, reply.json) == (200, {"input_tokens": 6})
    assert reply.headers["x-tidegate-estimated"] == "true"
