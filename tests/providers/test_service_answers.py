"""Answers of services that nobody recorded, and of one that has no faults, on a socket."""

from json import dumps
from typing import Any

import pytest

from running import Gateway, Reply
from simulator import Simulator, json, stream


async def ask(kind: str, provider: Simulator, **fields: Any) -> Reply:
    async with Gateway({"it": (kind, provider.url)}) as gateway:
        return await gateway.chat("it/m", **fields)


async def ask_stream(kind: str, *chunks: Any, usage: bool = True, done: bool = True) -> Reply:
    """The stream that a client gets of these chunks."""
    result = [chunk if isinstance(chunk, bytes) else b"data: " + dumps(chunk).encode() for chunk in chunks]
    async with Simulator() as provider:
        provider.answer(stream([one + b"\n\n" for one in [*result, *([b"data: [DONE]"] if done else [])]]))
        return await ask(kind, provider, stream=True, stream_options={"include_usage": usage})


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    head = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def check(reply: Reply, *, text: str = "Hi there", finish: str = "stop") -> None:
    """By OpenAI's rules: one id, the role once and first, one finish, usage once and last, an end."""
    assert reply.status == 200
    assert reply.events[-1] == "[DONE]"
    assert reply.text == text
    chunks = reply.chunks
    assert len({(one["id"], one["model"], one["object"]) for one in chunks}) == 1
    deltas = [choice["delta"] for one in chunks for choice in one["choices"]]
    assert [delta.get("role") for delta in deltas] == ["assistant", *[None] * (len(deltas) - 1)]
    finishes = [choice["finish_reason"] for one in chunks for choice in one["choices"]]
    assert [one for one in finishes if one] == [finish]
    result = [one["usage"] for one in chunks if one.get("usage")]
    assert [(usage["prompt_tokens"], usage["total_tokens"]) for usage in result] == [(3, 5)]
    assert chunks[-1].get("usage") == result[0]


async def test_ai21_names_neither_what_it_sends_nor_when() -> None:
    """docs.ai21.com/reference: an answer has an id, choices and usage, and no more."""
    message = {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
    async with Simulator() as provider:
        provider.answer(json({"id": "c-1", "choices": [message], "usage": USAGE}))
        reply = await ask("ai21", provider)
    answer = reply.json
    assert (answer["id"], answer["object"], answer["model"]) == ("c-1", "chat.completion", "m")
    assert isinstance(answer["created"], int)
    assert answer["choices"][0]["message"]["content"] == "Hi"


async def test_a_stream_of_ai21_has_the_heads_of_openais() -> None:
    def bare(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
        return {"id": "c-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}

    check(
        await ask_stream(
            "ai21",
            bare({"role": "assistant"}),
            bare({"content": "Hi"}),
            bare({"content": " there"}),
            bare({"content": ""}, "stop", usage=USAGE),
        )
    )


async def test_deepinfra_repeats_the_role_and_sends_usage_unrequested() -> None:
    def piece(content: str, finish: str | None = None, **more: Any) -> dict[str, Any]:
        return chunk({"role": "assistant", "content": content, "tool_calls": None}, finish, **more)

    chunks = (piece("Hi", usage=None), piece(" there", usage=None), piece("", "stop", usage=USAGE))
    check(await ask_stream("deepinfra", *chunks))
    assert not any(one.get("usage") for one in (await ask_stream("deepinfra", *chunks, usage=False)).chunks)


@pytest.mark.parametrize("model", ["qwq-plus", "qwen3-30b-a3b"])
async def test_a_model_that_only_streams_gives_a_whole_answer(model: str) -> None:
    """400 "parameter.enable_thinking only support stream call" otherwise."""
    result = (
        chunk({"role": "assistant", "reasoning_content": "Hm."}),
        chunk({"content": "Hi"}),
        chunk({"content": " there"}, "stop"),
        {**chunk({}), "choices": [], "usage": USAGE},
    )
    async with Simulator() as provider:
        provider.answer(
            stream([b"data: " + dumps(one).encode() + b"\n\n" for one in result] + [b"data: [DONE]\n\n"])
        )
        async with Gateway({"it": ("qwen", provider.url)}) as gateway:
            reply = await gateway.chat(f"it/{model}")
    asked = provider.requests[0].json
    assert (asked["stream"], asked["stream_options"]) == (True, {"include_usage": True})
    assert reply.headers["content-type"] == "application/json"
    message = reply.json["choices"][0]["message"]
    assert (message["content"], message["reasoning_content"]) == ("Hi there", "Hm.")
    assert reply.json["usage"]["total_tokens"] == 5


@pytest.mark.parametrize("kind", ["openai_compatible", "fireworks"])
async def test_a_server_that_repeats_itself_is_reported_once(kind: str) -> None:
    check(
        await ask_stream(
            kind,
            chunk({"role": "assistant", "content": "Hi"}),
            chunk({"role": "assistant", "content": " there"}),
            chunk({"role": "assistant", "content": ""}, "stop"),
            chunk({"role": "assistant", "content": ""}, "stop", usage=USAGE),
            {**chunk({}), "choices": [], "usage": USAGE},
        )
    )


async def test_a_server_that_gets_everything_wrong_is_understood() -> None:
    call = {"id": "", "function": {"name": "f", "arguments": {"a": 1}}}
    reply = await ask_stream(
        "openai_compatible",
        {"choices": [], "prompt_filter_results": []},
        {"choices": [{"message": {"role": "assistant", "content": None, "reasoning": "Hm."}}]},
        {"id": "other", "choices": [{"delta": {"tool_calls": [call]}, "finish_reason": None}]},
        {"choices": [{"delta": {}, "finish_reason": "tool_call"}], "usage": USAGE},
        done=False,
    )
    check(reply, text="", finish="tool_calls")
    deltas = [choice["delta"] for one in reply.chunks for choice in one["choices"]]
    assert "".join(delta.get("reasoning_content") or "" for delta in deltas) == "Hm."
    (result,) = [delta["tool_calls"][0] for delta in deltas if delta.get("tool_calls")]
    assert (result["index"], result["type"], result["function"]) == (
        0,
        "function",
        {"name": "f", "arguments": '{"a":1}'},
    )
    assert result["id"]


async def test_a_server_that_gets_everything_right_keeps_its_bytes() -> None:
    head = b'data: {"id": "c-1", "object":"chat.completion.chunk","created":1,"model":"m",'
    pieces = [
        head
        + b'"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"x":1}',
        *(
            head + b'"choices":[{"index":0,"delta":{"content": "\\u00e4%d"},"finish_reason":null}]}' % number
            for number in range(3)
        ),
        b": a comment",
        head + b'"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}',
    ]
    reply = await ask_stream("openai_compatible", *pieces, usage=False)
    assert reply.body == b"".join(piece + b"\n\n" for piece in [*pieces, b"data: [DONE]"])
