"""`POST /v1/completions` over real sockets: passed through where a provider has it, else as a chat."""

import json
from typing import Any

import openai
import pytest

from running import Gateway
from sdk.dialects import ANTHROPIC, GEMINI, OPENAI
from simulator import Simulator, refusal, stream
from simulator import json as reply_with
from tidegate.protocols.completions.conduit import StreamSplice
from tidegate.protocols.completions.request import parse_request
from tidegate.protocols.errors import InvalidRequest

ASKED = {"model": "m", "prompt": "Once upon"}
BODY: dict[str, Any] = {
    "id": "cmpl-1",
    "object": "text_completion",
    "created": 1774963528,
    "model": "m-2026",
    "choices": [{"text": " a time", "index": 0, "logprobs": None, "finish_reason": "length"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}},
    "kv_transfer_params": None,
}


def chunk(text: str, finish: str | None = None, **more: Any) -> bytes:
    """An event as OpenAI sends it, its keys in OpenAI's order."""
    choice = {"text": text, "index": 0, "logprobs": None, "finish_reason": finish}
    event = {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 1,
        "choices": [choice],
        "model": "m-2026",
    }
    return b"data: " + json.dumps(event | more).encode() + b"\n\n"


USAGE = b'data: {"id":"cmpl-1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n'
DONE = b"data: [DONE]\n\n"
STREAM = [chunk(" a"), chunk(" time"), chunk("", "stop"), USAGE, DONE]


async def completed(body: dict[str, Any], script: Any, kind: str = "openai_compatible") -> tuple[Any, ...]:
    """The reply, what the provider received, and the record."""
    async with Simulator() as provider:
        provider.answer(script)
        async with Gateway({"sim": (kind, provider.url)}) as gateway:
            reply = await gateway.post("/v1/completions", body)
            record = await gateway.record()
        return reply, provider.requests, record


# --- bytes pass through ------------------------------------------------------------------------


async def test_the_body_passes_with_the_models_name_replaced() -> None:
    body = {**ASKED, "suffix": "the end", "echo": True, "min_p": 0.25, "provider": "sim"}
    reply, (seen,), record = await completed(body, reply_with(BODY))
    assert seen.path == "/completions"
    assert seen.json == {**ASKED, "suffix": "the end", "echo": True, "min_p": 0.25}
    assert reply.status == 200
    assert reply.body == json.dumps(BODY).encode()
    assert record["usage"] == {"input": 6, "cache_read": 4, "output": 2}
    assert (record["finish"], record["ended"]) == ("length", "complete")


@pytest.mark.parametrize("wants", [False, True])
async def test_a_stream_passes_byte_by_byte_and_its_usage_is_read(wants: bool) -> None:
    options: dict[str, Any] = {"stream_options": {"include_usage": True}} if wants else {}
    reply, (seen,), record = await completed({**ASKED, "stream": True, **options}, stream(STREAM))
    assert seen.json["stream_options"] == {"include_usage": True}
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.body == b"".join(one for one in STREAM if wants or one is not USAGE)
    assert record["usage"] == {"input": 3, "output": 2}
    assert (record["finish"], record["ended"]) == ("stop", "complete")


@pytest.mark.parametrize("path", ["/completions", "/api/v1/completions", "/v1/completions"])
async def test_the_paths_of_replaced_gateways_work_too(path: str) -> None:
    async with Simulator() as provider:
        provider.answer(reply_with(BODY))
        async with Gateway({"sim": ("vllm", provider.url)}) as gateway:
            assert (await gateway.post(path, ASKED)).json["choices"] == BODY["choices"]


async def test_a_stream_cut_at_every_place_gives_the_same_bytes() -> None:
    whole = b"".join(STREAM)
    for size in (1, 7, 64):
        pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
        reply, _, record = await completed({**ASKED, "stream": True}, stream(pieces))
        assert reply.body == whole.replace(USAGE, b"")
        assert record["usage"] == {"input": 3, "output": 2}


async def test_a_stream_without_an_end_mark_gets_one() -> None:
    reply, _, record = await completed({**ASKED, "stream": True}, stream(STREAM[:3]))
    assert reply.events[-1] == "[DONE]"
    assert record["ended"] == "complete_without_usage"


async def test_a_broken_stream_ends_in_an_error() -> None:
    reply, _, record = await completed({**ASKED, "stream": True}, stream(STREAM[:2]))
    assert "before it was finished" in reply.chunks[-1]["error"]["message"]
    assert reply.events[-1] != "[DONE]"
    assert record["ended"] == "provider_broke"


ERROR = b'data: {"error":{"message":"The engine died","type":"server_error","code":500}}\n\n'


def test_what_precedes_an_error_inside_a_stream_is_kept() -> None:
    conduit = StreamSplice(include_usage=True)
    assert conduit.feed(STREAM[0] + ERROR + STREAM[1]) == STREAM[0]
    assert conduit.failure is not None
    assert conduit.failure.message == "The engine died"
    assert conduit.feed(STREAM[2]) + conduit.close() == b""


async def test_a_failure_before_the_first_event_has_a_status() -> None:
    reply, _, _ = await completed({**ASKED, "stream": True}, stream([ERROR]))
    assert (reply.status, reply.error["message"]) == (500, "The engine died")


@pytest.mark.parametrize("body", [b"{}", b"[]", b"no", b'{"choices":[]}', b'{"error":"no"}'])
async def test_an_answer_that_is_no_completion_is_the_providers_failure(body: bytes) -> None:
    reply, _, _ = await completed(ASKED, reply_with(body))
    assert reply.status == 502
    assert reply.error["message"]


async def test_a_refusal_keeps_its_status_and_words() -> None:
    words = "The model `babbage-002-wrong` does not exist"
    reply, _, _ = await completed(ASKED, refusal(404, words))
    assert (reply.status, reply.error["message"]) == (404, words)
    assert reply.headers["x-tidegate-provider"] == "sim"


async def test_odd_fields_beside_the_text_do_not_end_it() -> None:
    odd = {**BODY, "usage": {"prompt_tokens": [], "completion_tokens": 2}, "id": 7}
    reply, _, record = await completed(ASKED, reply_with(odd))
    assert reply.json == odd
    assert record["left_out"]


async def test_what_ollama_ignores_is_named() -> None:
    reply, (seen,), _ = await completed({**ASKED, "user": "u", "n": 1}, reply_with(BODY), "ollama")
    assert reply.headers["x-tidegate-dropped"] == "user"
    assert "user" not in seen.json
    reply, seen, _ = await completed({**ASKED, "n": 2}, reply_with(BODY), "ollama")
    assert (reply.status, reply.error["param"], seen) == (400, "n", [])


ADDRESSES = {
    ("openai", "", "gpt-3.5-turbo-instruct"): "/completions",
    ("openai", "", "gpt-4o"): "/chat/completions",
    ("deepseek", "", "deepseek-chat"): "/chat/completions",
    ("together", "", "m"): "/completions",
    ("fireworks", "", "m"): "/completions",
    ("deepinfra", "", "m"): "/completions",
    ("llamacpp", "/v1", "m"): "/v1/completions",
    ("mistral", "", "m"): "/chat/completions",
    ("groq", "", "m"): "/chat/completions",
}


@pytest.mark.parametrize(("kind", "end", "model"), ADDRESSES)
async def test_which_provider_serves_a_completion(kind: str, end: str, model: str) -> None:
    async with Simulator() as provider:
        provider.answer(refusal(400))
        async with Gateway({"sim": (kind, provider.url + end)}) as gateway:
            await gateway.post("/v1/completions", {**ASKED, "model": f"sim/{model}"})
        assert provider.requests[0].path == ADDRESSES[kind, end, model]


# --- as a chat -----------------------------------------------------------------------------------

FAMILIES = {"groq": OPENAI, "anthropic": ANTHROPIC, "gemini": GEMINI}


@pytest.mark.parametrize("kind", FAMILIES)
async def test_a_prompt_is_a_chat_where_there_are_only_chats(kind: str) -> None:
    body = {**ASKED, "max_tokens": 9, "temperature": 0.5, "stop": "END", "best_of": 1, "echo": False}
    reply, (seen,), record = await completed(body, FAMILIES[kind].text, kind)
    assert "Once upon" in seen.body.decode()
    assert "END" in seen.body.decode()
    [choice] = reply.json["choices"]
    assert reply.json["object"] == "text_completion"
    assert (choice["index"], choice["finish_reason"], choice["logprobs"]) == (0, "stop", None)
    assert choice["text"]
    assert reply.json["usage"]["total_tokens"] > 0
    assert record["usage"]


@pytest.mark.parametrize("kind", FAMILIES)
async def test_a_chats_stream_is_a_stream_of_text(kind: str) -> None:
    body = {**ASKED, "stream": True, "stream_options": {"include_usage": True}}
    reply, _, record = await completed(body, FAMILIES[kind].stream, kind)
    choices = [choice for one in reply.chunks for choice in one["choices"]]
    assert "".join(choice["text"] for choice in choices)
    assert [choice["finish_reason"] for choice in choices][-1] == "stop"
    assert {one["object"] for one in reply.chunks} == {"text_completion"}
    assert reply.chunks[-1]["usage"]["completion_tokens"] == record["usage"]["output"]
    assert reply.events[-1] == "[DONE]"


CUT = stream([b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'])


async def test_a_chats_broken_stream_ends_in_an_error() -> None:
    reply, _, _ = await completed({**ASKED, "stream": True}, CUT, "groq")
    assert reply.chunks[0]["choices"][0]["text"] == "Hi"
    assert reply.chunks[-1]["error"]["message"]


LACKING = {
    "suffix": "the end",
    "echo": True,
    "logprobs": 0,
    "best_of": 2,
    "prompt": ["one", "two"],
}


@pytest.mark.parametrize("name", LACKING)
async def test_what_a_chat_cannot_do_is_rejected_by_name(name: str) -> None:
    reply, seen, _ = await completed({**ASKED, name: LACKING[name]}, refusal(500), "anthropic")
    assert (reply.status, reply.error["param"], seen) == (400, name, [])
    assert "sim" in reply.error["message"]


@pytest.mark.parametrize("prompt", [[1, 2], [[1], [2]]])
async def test_tokens_are_no_chat(prompt: Any) -> None:
    reply, _, _ = await completed({**ASKED, "prompt": prompt}, refusal(500), "anthropic")
    assert (reply.status, reply.error["param"]) == (400, "prompt")
    assert "tokens" in reply.error["message"]


@pytest.mark.parametrize("prompt", ["", None, [""]])
async def test_a_chat_needs_a_prompt(prompt: Any) -> None:
    reply, _, _ = await completed({**ASKED, "prompt": prompt}, refusal(500), "anthropic")
    assert (reply.status, reply.error["param"]) == (400, "prompt")


async def test_unknown_fields_are_named_as_dropped() -> None:
    reply, (seen,), _ = await completed({**ASKED, "min_p": 0.1, "seed": 4}, ANTHROPIC.text, "anthropic")
    assert set(reply.headers["x-tidegate-dropped"].split(",")) == {"min_p", "seed"}
    assert "min_p" not in seen.json


# --- bad requests --------------------------------------------------------------------------------

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"prompt": "x"}, "model"),
    ({**ASKED, "prompt": 5}, "prompt"),
    ({**ASKED, "prompt": []}, "prompt"),
    ({**ASKED, "max_tokens": -1}, "max_tokens"),
    ({**ASKED, "temperature": 9}, "temperature"),
    ({**ASKED, "n": 0}, "n"),
    ({**ASKED, "n": 129}, "n"),
    ({**ASKED, "logit_bias": {"50256": 101}}, "logit_bias"),
    ({**ASKED, "stop": 5}, "stop"),
]


@pytest.mark.parametrize(("body", "param"), WRONG)
async def test_a_wrong_field_is_named(body: dict[str, Any], param: str) -> None:
    reply, seen, _ = await completed(body, refusal(500))
    assert (reply.status, reply.error["param"], seen) == (400, param, [])


def test_a_duplicate_key_is_rejected() -> None:
    with pytest.raises(InvalidRequest, match="duplicate key 'n'"):
        parse_request(b'{"model": "m", "prompt": "a", "n": 1, "n": 2}')


# --- the official SDK ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["openai_compatible", "anthropic"])
async def test_the_sdk_reads_both(kind: str) -> None:
    chat = kind == "anthropic"
    async with Simulator() as provider:
        provider.answer(*((ANTHROPIC.text, ANTHROPIC.stream) if chat else (reply_with(BODY), stream(STREAM))))
        async with Gateway({"sim": (kind, provider.url)}) as gateway:
            client = openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="k", max_retries=0)
            whole = await client.completions.create(model="m", prompt="Once upon")
            pieces = [one async for one in await client.completions.create(**ASKED, stream=True)]  # type: ignore[call-overload]
            await client.close()
    assert whole.choices[0].text
    assert whole.usage is not None
    assert "".join(one.choices[0].text for one in pieces)
