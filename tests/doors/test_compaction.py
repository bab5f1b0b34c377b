"""`POST /v1/responses/compact`: what replaces a conversation, and what becomes of it in later requests."""

import json
from typing import Any

import openai
import pytest

from running import Gateway, parse_environment
from sdk.dialects import ANTHROPIC, GEMINI, OPENAI, TEXT
from simulator import Simulator, refusal
from simulator import json as reply_with
from tidegate.protocols.contract import Target
from tidegate.protocols.openai_responses.compact import TASK
from tidegate.providers import Service

FAMILIES = {"anthropic": ANTHROPIC, "gemini": GEMINI, "groq": OPENAI, "openai": OPENAI}
CALL = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}
INPUT: list[dict[str, Any]] = [
    {"role": "user", "content": "We launch on Tuesday."},
    {"type": "message", "role": "assistant", "content": "Noted."},
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Look it up."}]},
    CALL,
    {"type": "function_call_output", "call_id": "c1", "output": "found"},
]
ASKED = {
    "model": "m",
    "instructions": "Be brief.",
    "input": INPUT,
    "tools": [{"type": "function", "name": "look", "parameters": {"type": "object"}}],
}


async def compacted(body: Any, script: Any, kind: str = "anthropic") -> tuple[Any, ...]:
    """The reply, what the provider received, and the record."""
    async with Simulator() as provider:
        provider.answer(script)
        async with Gateway({"sim": (kind, provider.url)}) as gateway:
            reply = await gateway.post("/v1/responses/compact", body)
            record = await gateway.record()
        return reply, provider.requests, record


# --- a summary ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FAMILIES)
async def test_any_provider_can_write_the_summary(kind: str) -> None:
    reply, (seen,), record = await compacted(ASKED, FAMILIES[kind].text, kind)
    sent = seen.body.decode()
    for text in ("Be brief.", "We launch on Tuesday.", "Noted.", "found", "Write a summary"):
        assert text in sent
    assert sent.index("found") < sent.index("Write a summary")
    assert reply.status == 200
    assert reply.json["object"] == "response.compaction"
    *messages, item = reply.json["output"]
    assert [one["content"][0]["text"] for one in messages] == ["We launch on Tuesday.", "Look it up."]
    assert {(one["type"], one["role"], one["status"]) for one in messages} == {
        ("message", "user", "completed")
    }
    assert item["type"] == "compaction"
    assert reply.json["usage"]["input_tokens"] == 11
    assert (record["path"], record["usage"]["output"]) == ("/v1/responses/compact", 7)


async def test_a_text_as_input_is_the_users_message() -> None:
    reply, _, _ = await compacted({"model": "m", "input": "Hi"}, ANTHROPIC.text)
    assert reply.json["output"][0]["content"] == [{"type": "input_text", "text": "Hi"}]


@pytest.mark.parametrize("kind", FAMILIES)
async def test_the_summary_is_read_in_later_requests(kind: str) -> None:
    """With any provider, also with one that speaks the Responses API itself."""
    async with Simulator() as provider:
        answers = FAMILIES[kind].text
        provider.answer(answers)
        async with Gateway({"sim": (kind, provider.url)}) as gateway:
            reply = await gateway.post("/v1/responses/compact", ASKED)
            item = reply.json["output"][-1]
            for name in ("compaction", "compaction_summary"):
                window = [{**item, "type": name}, {"role": "user", "content": "And now?"}]
                after = await gateway.post("/v1/responses", {"model": "m", "input": window})
                assert after.status == 200
        for seen in provider.requests[1:]:
            sent = json.dumps(seen.json, ensure_ascii=False)
            assert TEXT in sent
            assert "tidegate:" not in sent


async def test_a_provider_of_the_same_format_gets_the_summary_as_a_message() -> None:
    async with Simulator() as provider:
        provider.answer(ANTHROPIC.text, refusal(400))
        services = {"one": ("anthropic", provider.url), "two": ("xai", f"{provider.url}/v1")}
        async with Gateway(services) as gateway:
            reply = await gateway.post("/v1/responses/compact", {**ASKED, "model": "one/m"})
            window = [*reply.json["output"], {"role": "user", "content": "And now?"}]
            await gateway.post("/v1/responses", {"model": "two/grok-4.3", "input": window})
        seen = provider.requests[-1]
    assert seen.path == "/v1/responses"
    assert seen.json["input"][2]["role"] == "user"
    assert TEXT in seen.json["input"][2]["content"]
    assert seen.json["input"][3] == window[3]


async def test_an_encrypted_item_is_no_loss_without_a_word() -> None:
    foreign = {"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAAAABpzfWE"}
    async with Simulator() as provider:
        provider.answer(ANTHROPIC.text)
        async with Gateway({"sim": ("anthropic", provider.url)}) as gateway:
            body = {"model": "m", "input": [foreign, {"role": "user", "content": "And now?"}]}
            reply = await gateway.post("/v1/responses", body)
    assert (reply.status, reply.error["param"], provider.requests) == (400, "input.0", [])
    assert "continue with that provider" in reply.error["message"]


@pytest.mark.parametrize("content", ["tidegate:1:no", "tidegate:1:e30=", "tidegate:9:x"])
async def test_a_changed_item_is_rejected(content: str) -> None:
    item = {"type": "compaction", "encrypted_content": content}
    async with Gateway({"sim": ("anthropic", "http://127.0.0.1:9")}) as gateway:
        reply = await gateway.post("/v1/responses", {"model": "m", "input": [item]})
    assert (reply.status, reply.error["param"]) == (400, "input.0.encrypted_content")


EMPTY = {
    "id": "1",
    "object": "chat.completion",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": " "}, "finish_reason": "stop"}],
}


async def test_no_summary_is_a_failure() -> None:
    reply, _, _ = await compacted(ASKED, reply_with(EMPTY), "groq")
    assert reply.status == 502
    assert "summary" in reply.error["message"]


@pytest.mark.parametrize(
    ("body", "param"),
    [({"input": "Hi"}, "model"), ({"model": "m"}, "input"), ({"model": "m", "input": 5}, "input")],
)
async def test_a_wrong_field_is_named(body: dict[str, Any], param: str) -> None:
    reply, seen, _ = await compacted(body, ANTHROPIC.text)
    assert (reply.status, reply.error["param"], seen) == (400, param, [])


async def test_a_stored_response_cannot_be_compacted_elsewhere() -> None:
    reply, seen, _ = await compacted({"model": "m", "previous_response_id": "resp_1"}, ANTHROPIC.text)
    assert (reply.status, reply.error["param"], seen) == (400, "previous_response_id", [])


# --- OpenAI's own ------------------------------------------------------------------------------------

COMPACTION: dict[str, Any] = {
    "id": "resp_1",
    "object": "response.compaction",
    "created_at": 1,
    "output": [{"id": "cmp_1", "type": "compaction", "encrypted_content": "gAAAAAB"}],
    "usage": {
        "input_tokens": 139,
        "input_tokens_details": {"cached_tokens": 39},
        "output_tokens": 438,
        "output_tokens_details": {"reasoning_tokens": 64},
        "total_tokens": 577,
    },
}

AZURE = "/openai/v1"


async def test_bytes_pass_where_the_provider_compacts() -> None:
    async with Simulator() as provider:
        provider.answer(reply_with(COMPACTION))
        async with Gateway({"sim": ("azure", provider.url + AZURE)}) as gateway:
            body = {**ASKED, "provider": "sim", "prompt_cache_key": "k", "odd": 1}
            reply = await gateway.post("/v1/responses/compact", body)
            record = await gateway.record()
    [seen] = provider.requests
    assert seen.path == f"{AZURE}/responses/compact"
    assert seen.json == {**ASKED, "prompt_cache_key": "k", "odd": 1}
    assert reply.body == json.dumps(COMPACTION).encode()
    assert record["usage"] == {"input": 100, "cache_read": 39, "output": 374, "reasoning": 64}


async def test_a_refusal_keeps_its_status_and_words() -> None:
    reply, _, _ = await compacted(ASKED, refusal(429, "slow down"), "anthropic")
    assert (reply.status, reply.error["message"]) == (429, "slow down")


def test_openai_compacts_by_itself_at_its_own_address() -> None:
    config = parse_environment({"OPENAI_API_KEY": "sk-x", "GROQ_API_KEY": "x"})
    services = {name: Service(name, one) for name, one in config.providers.items()}
    for model in ("gpt-5.4", "gpt-5.3-codex"):
        service = services["openai"].serving(model).speaking("openai_responses")
        offer = service.offers["compactions"]
        call, _ = offer.format.plan(TASK.parse(json.dumps(ASKED).encode()), Target(model, offer.dialect))
        assert (call.path, call.stream) == ("/responses/compact", False)
    assert "compactions" not in services["groq"].offers


async def test_the_sdk_reads_the_answer_and_sends_it_back() -> None:
    async with Simulator() as provider:
        provider.answer(ANTHROPIC.text)
        async with Gateway({"sim": ("anthropic", provider.url)}) as gateway:
            client = openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="k", max_retries=0)
            answer = await client.responses.compact(model="m", input=INPUT)  # type: ignore[arg-type]
            window: Any = [*(one.model_dump(exclude_none=True, warnings=False) for one in answer.output)]
            after = await client.responses.create(model="m", input=[*window, INPUT[0]])
            await client.close()
    assert after.output_text == TEXT
    assert TEXT in provider.requests[-1].body.decode()


# --- a trigger in a request for a response --------------------------------------------------------

TRIGGERED: dict[str, Any] = {**ASKED, "input": [*INPUT, {"type": "compaction_trigger"}], "stream": True}


@pytest.mark.parametrize("kind", FAMILIES)
async def test_a_trigger_ends_in_one_compaction_item(kind: str) -> None:
    """As Codex asks where it takes its provider for OpenAI."""
    async with Simulator() as provider:
        provider.answer(FAMILIES[kind].stream)
        async with Gateway({"sim": (kind, provider.url)}) as gateway:
            reply = await gateway.post("/v1/responses", TRIGGERED)
            events = [json.loads(data) for data in reply.events]
            [done] = [one["item"] for one in events if one["type"] == "response.output_item.done"]
            after = {"model": "m", "input": [done, {"role": "user", "content": "And now?"}], "stream": True}
            assert (await gateway.post("/v1/responses", after)).status == 200
        first, second = (seen.body.decode() for seen in provider.requests)
    assert first.index("found") < first.index("Write a summary")
    assert (TEXT in second, "tidegate:" in second) == (True, False)
    assert done["type"] == "compaction"
    assert [one["sequence_number"] for one in events] == list(range(len(events)))
    types = [one["type"].removeprefix("response.") for one in events]
    assert list(dict.fromkeys(types)) == [
        *("created", "in_progress", "output_item.added", "compaction.compacting", "output_item.done"),
        "completed",
    ]
    assert events[-1]["response"]["output"] == [done]
    assert events[-1]["response"]["usage"]["output_tokens"] == 7


async def test_the_sdk_reads_a_triggered_compaction() -> None:
    asked: Any = {**TRIGGERED, "stream": False}
    async with Simulator() as provider:
        provider.answer(ANTHROPIC.text)
        async with (
            Gateway({"sim": ("anthropic", provider.url)}) as gateway,
            openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="k", max_retries=0) as client,
        ):
            answer = await client.responses.create(**asked)
    [item] = answer.output
    assert (answer.status, item.type) == ("completed", "compaction")


async def test_a_trigger_passes_where_the_provider_compacts() -> None:
    async with Simulator() as provider:
        provider.answer(refusal(400, "not here"))
        async with Gateway({"sim": ("azure", provider.url + AZURE)}) as gateway:
            reply = await gateway.post("/v1/responses", {**TRIGGERED, "provider": "sim"})
    assert reply.error["message"] == "not here"
    assert provider.requests[0].json["input"] == TRIGGERED["input"]


async def test_a_triggered_compaction_without_a_summary_fails_the_stream() -> None:
    empty = {**EMPTY, "object": "chat.completion.chunk"}
    empty["choices"] = [{"index": 0, "delta": {"content": " "}, "finish_reason": "stop"}]
    async with Simulator() as provider:
        provider.stream([b"data: " + json.dumps(empty).encode() + b"\n\n", b"data: [DONE]\n\n"])
        async with Gateway({"sim": ("groq", provider.url)}) as gateway:
            reply = await gateway.post("/v1/responses", TRIGGERED)
            record = await gateway.record()
    last = json.loads(reply.events[-1])
    assert last["type"] == "response.failed"
    assert "summary" in last["response"]["error"]["message"]
    assert record["ended"] == "provider_broke"


async def test_a_trigger_that_is_not_last_is_named() -> None:
    body = {"model": "m", "input": [{"type": "compaction_trigger"}, INPUT[0]]}
    async with Gateway({"sim": ("anthropic", "http://127.0.0.1:9")}) as gateway:
        reply = await gateway.post("/v1/responses", body)
    assert (reply.status, reply.error["param"]) == (400, "input.0")


async def test_a_trigger_at_the_endpoint_of_compaction_asks_once() -> None:
    reply, (seen,), _ = await compacted({**TRIGGERED, "stream": False}, ANTHROPIC.text)
    assert reply.json["output"][-1]["type"] == "compaction"
    assert seen.body.count(b"Write a summary") == 1


async def test_a_caller_without_a_key_is_refused() -> None:
    async with Gateway({"demo": ("demo", "")}, more='[auth]\nkeys = ["sk-1"]') as gateway:
        reply = await gateway.post("/v1/responses/compact", {**ASKED, "model": "demo/chat"})
        record = await gateway.record()
    assert (reply.status, record["status"]) == (401, 401)
