"""The demo on its socket: OpenAI's API, paced streams, and faults on request."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tidegate.demo import Server
from tidegate.demo.models import MODELS

HELLO: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello, are you there?"}]}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 2}},
                "required": ["city", "days"],
            },
        },
    }
]


class Demo:
    """A client of one running demo."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    def post(self, model: str, **fields: Any) -> Any:
        return self.session.post(self.url + "/chat/completions", json={"model": model, **HELLO, **fields})

    async def ask(self, model: str = "echo", **fields: Any) -> Any:
        async with self.post(model, **fields) as answer:
            return await answer.json()

    async def chunks(self, model: str = "echo", **fields: Any) -> list[Any]:
        """The chunks of a stream that ends as it should."""
        async with self.post(model, stream=True, **fields) as answer:
            assert answer.headers["content-type"] == "text/event-stream"
            events = (await answer.read()).split(b"\n\n")
        assert events[-2:] == [b"data: [DONE]", b""]
        return [json.loads(event.removeprefix(b"data: ")) for event in events[:-2]]


@pytest.fixture
async def demo() -> AsyncIterator[Demo]:
    server = Server()
    url = await server.start()
    assert url == server.base_url
    async with aiohttp.ClientSession() as session:
        yield Demo(session, url)
    await server.stop()


def put_together(chunks: list[Any], field: str = "content") -> str:
    return "".join(choice["delta"].get(field) or "" for chunk in chunks for choice in chunk["choices"])


async def test_an_answer_is_a_chat_completion(demo: Demo) -> None:
    answer = await demo.ask()
    [choice] = answer["choices"]
    assert answer["object"] == "chat.completion"
    assert "You said: “Hello, are you there?”" in choice["message"]["content"]
    assert choice["finish_reason"] == "stop"
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["prompt_tokens_details"]["cached_tokens"] == 0
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 0


async def test_the_same_request_gets_the_same_bytes(demo: Demo) -> None:
    async with demo.post("echo") as one, demo.post("echo") as other:
        assert await one.read() == await other.read()


async def test_a_stream_is_the_answer_in_pieces(demo: Demo) -> None:
    whole, chunks = await demo.ask("thinking"), await demo.chunks("thinking")
    message = whole["choices"][0]["message"]
    assert put_together(chunks) == message["content"]
    assert put_together(chunks, "reasoning_content") == message["reasoning_content"]
    assert {chunk["id"] for chunk in chunks} == {whole["id"]}
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks][-2:] == [None, "stop"]
    assert not any("usage" in chunk for chunk in chunks)
    assert len(chunks) > 20


async def test_a_stream_reports_usage_only_if_requested(demo: Demo) -> None:
    whole = await demo.ask()
    *chunks, last = await demo.chunks(stream_options={"include_usage": True})
    assert last["choices"] == []
    assert last["usage"] == whole["usage"]
    assert all(chunk["usage"] is None for chunk in chunks)


async def test_a_stream_takes_its_time(demo: Demo) -> None:
    async with demo.post("echo", stream=True) as answer:
        pieces = [piece async for piece in answer.content.iter_any()]
    assert len(pieces) > 10


async def test_calls_are_streamed_in_pieces(demo: Demo) -> None:
    whole = (await demo.ask(tools=TOOLS))["choices"][0]
    assert whole["finish_reason"] == "tool_calls"
    assert whole["message"]["content"] is None
    [call] = whole["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"city": "demo city", "days": 2}
    chunks = await demo.chunks(tools=TOOLS)
    deltas = [d for chunk in chunks for d in chunk["choices"][0]["delta"].get("tool_calls", ())]
    assert (deltas[0]["id"], deltas[0]["function"]["name"]) == (call["id"], "weather")
    assert "".join(d["function"]["arguments"] for d in deltas) == call["function"]["arguments"]
    assert len(deltas) > 2


async def test_a_conversation_with_a_tool_comes_to_its_end(demo: Demo) -> None:
    message = (await demo.ask(tools=TOOLS))["choices"][0]["message"]
    result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "rain"}
    answer = await demo.ask(messages=[*HELLO["messages"], message, result], tools=TOOLS)
    assert "The tool weather returned: “rain”" in answer["choices"][0]["message"]["content"]


async def test_a_schema_is_followed(demo: Demo) -> None:
    schema = {"type": "object", "properties": {"unit": {"enum": ["c", "f"]}}, "required": ["unit"]}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    answer = await demo.ask(response_format=form)
    assert json.loads(answer["choices"][0]["message"]["content"]) == {"unit": "c"}


async def test_choices_have_their_own_index(demo: Demo) -> None:
    answer = await demo.ask(n=3)
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
    chunks = await demo.chunks(n=2)
    for index in (0, 1):
        own = [choice for chunk in chunks for choice in chunk["choices"] if choice["index"] == index]
        said = "".join(choice["delta"].get("content") or "" for choice in own)
        assert said == answer["choices"][index]["message"]["content"].replace("of 3", "of 2")


async def test_a_limit_and_a_stop_sequence_cut(demo: Demo) -> None:
    limited = await demo.ask(max_completion_tokens=5)
    assert limited["choices"][0]["finish_reason"] == "length"
    assert limited["usage"]["completion_tokens"] == 5
    stopped = (await demo.ask(stop=" demo"))["choices"][0]
    assert stopped["finish_reason"] == "stop"
    assert "demo" not in stopped["message"]["content"]


async def test_logprobs_are_reported_for_every_token(demo: Demo) -> None:
    choice = (await demo.ask(logprobs=True, top_logprobs=2))["choices"][0]
    entries = choice["logprobs"]["content"]
    assert "".join(entry["token"] for entry in entries) == choice["message"]["content"]
    for entry in entries:
        assert bytes(entry["bytes"]).decode() == entry["token"]
        assert len(entry["top_logprobs"]) == 2
        assert entry["top_logprobs"][0]["logprob"] == entry["logprob"] > entry["top_logprobs"][1]["logprob"]
    chunks = await demo.chunks(logprobs=True, top_logprobs=2)
    streamed = [chunk["choices"][0]["logprobs"] for chunk in chunks]
    assert [entry for received in streamed if received for entry in received["content"]] == entries


async def test_every_model_is_listed(demo: Demo) -> None:
    async with demo.session.get(demo.url + "/models") as answer:
        listing = await answer.json()
    assert [model["id"] for model in listing["data"]] == list(MODELS)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("model", "status", "headers", "words"),
    [
        ("rate-limited", 429, {"retry-after": "7"}, "rate limit"),
        ("server-error", 500, {}, "error"),
        ("overloaded", 503, {}, "overloaded"),
        ("html-error", 502, {"content-type": "text/html"}, "<h1>502"),
    ],
)
async def test_a_refusing_model_refuses(
    demo: Demo, model: str, status: int, headers: dict[str, str], words: str, stream: bool
) -> None:
    async with demo.post(model, stream=stream) as answer:
        assert answer.status == status
        assert words in await answer.text()
        assert headers.items() <= {name.lower(): value for name, value in answer.headers.items()}.items()


@pytest.mark.parametrize("stream", [False, True])
async def test_a_cut_answer_is_cut_in_its_midst(demo: Demo, stream: bool) -> None:
    async with demo.post("cut-stream", stream=stream) as answer:
        assert answer.status == 200
        first = await answer.content.readany()
        assert first
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.content.read()


async def test_a_stream_without_a_finish_ends_cleanly(demo: Demo) -> None:
    async with demo.post("no-finish", stream=True) as answer:
        body = await answer.read()
    assert b'"content":"' in body
    assert b'"finish_reason":"' not in body
    assert b"[DONE]" not in body
    assert (await demo.ask("no-finish"))["choices"][0]["finish_reason"] is None


async def test_an_error_takes_the_place_of_the_rest(demo: Demo) -> None:
    async with demo.post("error-in-stream", stream=True) as answer:
        assert answer.status == 200
        *before, last, end = (await answer.read()).split(b"\n\n")
    assert len(before) > 5
    assert json.loads(last.removeprefix(b"data: "))["error"]["code"] == "stream_error"
    assert end == b""
    async with demo.post("error-in-stream") as answer:
        assert answer.status == 500


async def test_a_slow_model_is_silent_before_it_answers(demo: Demo) -> None:
    await demo.ask()
    slow, quick = (asyncio.ensure_future(demo.ask(model)) for model in ("slow-0.5", "slow-0"))
    await quick
    assert not slow.done()
    assert (await slow)["choices"][0]["finish_reason"] == "stop"


async def test_a_hanging_model_does_not_keep_the_demo_from_stopping() -> None:
    server = Server()
    url = await server.start()
    async with aiohttp.ClientSession() as session:
        asking = asyncio.ensure_future(Demo(session, url).ask("hang"))
        await asyncio.sleep(0.1)
        assert not asking.done()
        await server.stop()
        with pytest.raises(aiohttp.ClientError):
            await asking


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"content": "x"}]}, "messages.0.role"),
        ({"temperature": "warm"}, "temperature"),
        (
            {"tools": [{"type": "function", "function": {"name": "x", "parameters": {"required": 5}}}]},
            "tools.",
        ),
    ],
)
async def test_a_wrong_request_is_refused_naming_the_parameter(
    demo: Demo, fields: dict[str, Any], param: str
) -> None:
    async with demo.post("echo", **fields) as answer:
        assert answer.status == 400
        error = (await answer.json())["error"]
    assert error["type"] == "invalid_request_error"
    assert error["param"].startswith(param)
    assert error["message"]


@pytest.mark.parametrize("model", ["nobody", "slow-", "slow-x", "slow-1e9", "slow-99999999"])
async def test_an_unknown_model_is_refused_with_the_known_ones(demo: Demo, model: str) -> None:
    async with demo.post(model) as answer:
        assert answer.status == 404
        error = (await answer.json())["error"]
    assert error["code"] == "model_not_found"
    assert "thinking" in error["message"]


async def test_an_unknown_path_is_reported_in_the_dialect(demo: Demo) -> None:
    async with demo.session.get(demo.url + "/nothing") as answer:
        assert answer.status == 404
        assert (await answer.json())["error"]["code"] == "unknown_url"
