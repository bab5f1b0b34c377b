"""Conversations that clients of the Responses API continue by the id of the last response."""

import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import openai
import pytest
from msgspec import Raw

from running import Gateway, Reply
from sdk.dialects import ANTHROPIC, TEXT
from simulator import Answering, Script, Seen, Simulator, json, refusal
from tidegate.protocols.openai_responses import earlier
from tidegate.protocols.openai_responses.memory import ItemMemory
from tidegate.recent import RecentItems


def numbered(script: Script) -> Answering:
    """The answer with an id of its own each time, as every provider gives."""
    ids = itertools.count()

    def answer(seen: Seen) -> Script:
        number = next(ids)
        pieces = tuple(
            piece.replace(b"msg_7", b"msg_7%d" % number) if isinstance(piece, bytes) else piece
            for piece in script.pieces
        )
        return replace(script, pieces=pieces)

    return answer


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        simulator.answer(numbered(ANTHROPIC.text))
        yield simulator


@pytest.fixture
async def gateway(provider: Simulator) -> AsyncIterator[Gateway]:
    async with Gateway({"sim": ("anthropic", provider.url), "xai": ("xai", f"{provider.url}/v1")}) as running:
        yield running


async def ask(gateway: Gateway, said: Any, model: str = "sim/m", **fields: Any) -> Reply:
    headers = fields.pop("headers", None)
    return await gateway.post("/v1/responses", {"model": model, "input": said, **fields}, headers)


def said_in(body: Any) -> list[str]:
    """The texts of a request to Anthropic."""
    return [
        part if isinstance(part, str) else part["text"]
        for message in body["messages"]
        for part in ([message["content"]] if isinstance(message["content"], str) else message["content"])
    ]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_conversation_is_continued_by_the_last_id(
    provider: Simulator, gateway: Gateway, stream: bool
) -> None:
    provider.answer(numbered(ANTHROPIC.stream if stream else ANTHROPIC.text))
    previous = None
    for number in range(3):
        reply = await ask(gateway, f"Number {number}", stream=stream, previous_response_id=previous)
        whole = reply.chunks[-1]["response"] if stream else reply.json
        assert whole["previous_response_id"] == previous
        previous = whole["id"]
    assert said_in(provider.requests[-1].json) == ["Number 0", TEXT, "Number 1", TEXT, "Number 2"]


async def test_a_call_and_its_output_are_continued(provider: Simulator, gateway: Gateway) -> None:
    provider.answer(ANTHROPIC.call, ANTHROPIC.text)
    tools = [{"type": "function", "name": "get_weather", "parameters": {"type": "object"}}]
    first = await ask(gateway, "How is the weather?", tools=tools)
    (call,) = (item for item in first.json["output"] if item["type"] == "function_call")
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "Sunny"}
    second = await ask(gateway, [output], tools=tools, previous_response_id=first.json["id"])
    assert second.status == 200
    roles = [message["role"] for message in provider.requests[1].json["messages"]]
    assert roles == ["user", "assistant", "user"]
    result = provider.requests[1].json["messages"][2]["content"][0]
    assert (result["type"], result["tool_use_id"]) == ("tool_result", call["call_id"])


async def test_earlier_instructions_do_not_apply(provider: Simulator, gateway: Gateway) -> None:
    first = await ask(gateway, "Hello", instructions="Be brief.")
    await ask(gateway, "Again", previous_response_id=first.json["id"])
    assert "system" not in provider.requests[1].json


async def test_two_requests_may_continue_the_same_response(provider: Simulator, gateway: Gateway) -> None:
    first = await ask(gateway, "Hello")
    for said in ("One", "Two"):
        assert (await ask(gateway, said, previous_response_id=first.json["id"])).status == 200
    assert said_in(provider.requests[2].json) == ["Hello", TEXT, "Two"]


async def test_a_prompt_is_counted_with_its_conversation(provider: Simulator, gateway: Gateway) -> None:
    first = await ask(gateway, "Hello " * 200)
    provider.answer(refusal(404))
    body = {"model": "sim/m", "input": "Again", "previous_response_id": first.json["id"]}
    counted = await gateway.post("/v1/responses/input_tokens", body)
    assert counted.json["input_tokens"] > 200


async def test_a_provider_of_the_same_format_gets_the_whole_input(
    provider: Simulator, gateway: Gateway
) -> None:
    first = await ask(gateway, "Hello")
    provider.answer(refusal(400))
    await ask(gateway, "Again", model="xai/grok-4", previous_response_id=first.json["id"])
    sent = provider.requests[1].json
    assert "previous_response_id" not in sent
    assert [item["role"] for item in sent["input"]] == ["user", "assistant", "user"]


async def test_an_id_of_the_providers_own_passes_unchanged(provider: Simulator, gateway: Gateway) -> None:
    provider.answer(refusal(400))
    await ask(gateway, "Again", model="xai/grok-4", previous_response_id="resp_of_xai")
    assert provider.requests[0].json["previous_response_id"] == "resp_of_xai"
    assert provider.requests[0].json["input"] == "Again"


FORGOTTEN: dict[str, dict[str, Any]] = {"unknown": {}, "not stored": {"store": False}}


@pytest.mark.parametrize("fields", FORGOTTEN.values(), ids=FORGOTTEN.keys())
async def test_what_is_not_known_is_refused_with_what_to_send(
    provider: Simulator, gateway: Gateway, fields: dict[str, Any]
) -> None:
    first = await ask(gateway, "Hello", **fields)
    previous = first.json["id"] if fields else "resp_unknown"
    again = await ask(gateway, "Again", previous_response_id=previous)
    assert again.status == 400
    assert (again.error["param"], again.error["code"]) == (
        "previous_response_id",
        "previous_response_not_found",
    )
    assert "send the whole conversation as input" in again.error["message"]
    assert len(provider.requests) == 1


async def test_an_answer_that_is_not_stored_may_continue_one_that_is(
    provider: Simulator, gateway: Gateway
) -> None:
    first = await ask(gateway, "Hello")
    second = await ask(gateway, "Again", previous_response_id=first.json["id"], store=False)
    assert second.status == 200
    third = await ask(gateway, "And again", previous_response_id=second.json["id"])
    assert third.status == 400


async def test_a_caller_never_continues_the_conversation_of_another(provider: Simulator) -> None:
    more = '[auth]\nkeys = ["client-key-number-one-0123", "client-key-number-two-0123"]'
    async with Gateway({"sim": ("anthropic", provider.url)}, more=more) as gateway:
        one, two = ({"authorization": f"Bearer client-key-number-{name}-0123"} for name in ("one", "two"))
        first = await ask(gateway, "Hello", headers=one)
        for headers, status in ((two, 400), (one, 200)):
            reply = await ask(gateway, "Again", headers=headers, previous_response_id=first.json["id"])
            assert reply.status == status


async def test_the_official_sdk_continues(provider: Simulator, gateway: Gateway) -> None:
    async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="none", max_retries=0) as sdk:
        first = await sdk.responses.create(model="sim/m", input="Hello")
        second = await sdk.responses.create(model="sim/m", input="Again", previous_response_id=first.id)
    assert second.previous_response_id == first.id
    assert second.output_text == TEXT


async def test_an_answer_that_failed_cannot_be_continued(provider: Simulator, gateway: Gateway) -> None:
    provider.answer(json({"type": "message", "id": "m_1", "content": 5}), ANTHROPIC.text)
    assert (await ask(gateway, "Hello")).status == 502
    assert (await ask(gateway, "Again", previous_response_id="resp_m_1")).status == 400


# --- the memory ------------------------------------------------------------------------------


def keep(memory: ItemMemory, response_id: str, text: str, previous: str | None) -> None:
    earlier.remember_response(memory, response_id, [Raw(text.encode())], [], previous)


def test_a_provider_that_repeats_its_ids_costs_no_endless_loop() -> None:
    memory = RecentItems().of("me")
    keep(memory, "resp_1", "1", None)
    keep(memory, "resp_1", "2", "resp_1")
    assert [bytes(item) for item in earlier._recall("resp_1", memory) or ()] == [b"1", b"2"]
    keep(memory, "resp_2", "3", "resp_1")
    keep(memory, "resp_1", "4", "resp_2")
    assert earlier._recall("resp_1", memory) is None


def test_a_conversation_with_a_gap_is_forgotten() -> None:
    items = RecentItems()
    memory = items.of("me")
    keep(memory, "resp_1", "1", None)
    keep(memory, "resp_2", "2", "resp_1")
    items._forget(("me", "response resp_1"))
    assert earlier._recall("resp_2", memory) is None
