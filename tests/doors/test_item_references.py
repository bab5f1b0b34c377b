"""Items that clients of the Responses API send back by their ids, as the AI SDK does by default."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from running import Gateway, Reply
from sdk.dialects import ANTHROPIC, TEXT
from simulator import Simulator, refusal
from tidegate.recent import RecentItems
from tidegate.recent import items as recent_items

HELLO = {"role": "user", "content": "Hello"}


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        simulator.answer(ANTHROPIC.text)
        yield simulator


@pytest.fixture
async def gateway(provider: Simulator) -> AsyncIterator[Gateway]:
    async with Gateway({"sim": ("anthropic", provider.url), "xai": ("xai", f"{provider.url}/v1")}) as running:
        yield running


async def ask(gateway: Gateway, *items: Any, model: str = "sim/m", **fields: Any) -> Reply:
    headers = fields.pop("headers", None)
    body = {"model": model, "input": [HELLO, *items], **fields}
    return await gateway.post("/v1/responses", body, headers)


def reference(reply: Reply) -> dict[str, Any]:
    return {"type": "item_reference", "id": reply.json["output"][0]["id"]}


async def test_an_item_of_an_earlier_answer_may_be_named_by_its_id(
    provider: Simulator, gateway: Gateway
) -> None:
    first = await ask(gateway)
    assert (await ask(gateway, reference(first), HELLO)).status == 200
    assert [message["role"] for message in provider.requests[1].json["messages"]] == [
        "user",
        "assistant",
        "user",
    ]
    assert TEXT in str(provider.requests[1].json["messages"][1])


async def test_an_item_of_a_stream_is_known_too(provider: Simulator, gateway: Gateway) -> None:
    provider.answer(ANTHROPIC.stream, ANTHROPIC.text)
    streamed = await ask(gateway, stream=True)
    done = next(chunk for chunk in streamed.chunks if chunk["type"] == "response.output_item.done")
    again = await ask(gateway, {"type": "item_reference", "id": done["item"]["id"]}, HELLO)
    assert again.status == 200


async def test_a_provider_of_the_same_format_gets_the_item_itself(
    provider: Simulator, gateway: Gateway
) -> None:
    first = await ask(gateway)
    provider.answer(refusal(400))
    await ask(gateway, reference(first), {"type": "item_reference", "id": "msg_of_xai"}, model="xai/grok-4")
    sent = provider.requests[1].json["input"]
    assert (sent[1]["type"], sent[1]["content"][0]["text"]) == ("message", TEXT)
    assert sent[2] == {"type": "item_reference", "id": "msg_of_xai"}


async def test_nothing_is_stored_if_the_client_disables_it(gateway: Gateway) -> None:
    first = await ask(gateway, store=False)
    again = await ask(gateway, reference(first), HELLO)
    assert again.status == 400
    assert again.error["param"] == "input.1"
    assert "send the whole item" in again.error["message"]


async def test_a_prompt_is_counted_with_its_items(gateway: Gateway, provider: Simulator) -> None:
    first = await ask(gateway)
    provider.answer(refusal(404))
    body = {"model": "sim/m", "input": [HELLO, reference(first)]}
    counted = await gateway.post("/v1/responses/input_tokens", body)
    assert counted.status == 200
    assert counted.json["input_tokens"] > 5


async def test_a_caller_never_sees_the_items_of_another(provider: Simulator) -> None:
    more = '[auth]\nkeys = ["client-key-number-one-0123", "client-key-number-two-0123"]'
    async with Gateway({"sim": ("anthropic", provider.url)}, more=more) as gateway:
        one, two = ({"authorization": f"Bearer client-key-number-{name}-0123"} for name in ("one", "two"))
        first = await ask(gateway, headers=one)
        assert (await ask(gateway, reference(first), headers=two)).status == 400
        assert (await ask(gateway, reference(first), headers=one)).status == 200


# --- the memory itself -----------------------------------------------------------------------


def test_the_longest_unused_items_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_items, "MOST_BYTES", 10_000)
    items = RecentItems().of("me")
    for number in range(40):
        items.remember(f"msg_{number}", b"x" * 700)
        items.recall("msg_0")
    assert items.recall("msg_0") is not None
    assert items.recall("msg_1") is None
    assert items.recall("msg_39") is not None


def test_an_item_is_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(recent_items, "monotonic", lambda: now)
    items = RecentItems().of("me")
    items.remember("msg_1", b"x")
    now += recent_items.KEPT_S - 1
    assert items.recall("msg_1") == b"x"
    now += recent_items.KEPT_S - 1
    assert items.recall("msg_1") == b"x"
    now += recent_items.KEPT_S + 1
    assert items.recall("msg_1") is None


def test_a_caller_displaces_its_own_items_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_items, "MOST_OF_CALLER", 10_000)
    items = RecentItems()
    items.of("quiet").remember("msg_1", b"x" * 700)
    for number in range(1000):
        items.of("busy").remember(f"msg_{number}", b"x" * 700)
    assert items.of("quiet").recall("msg_1") is not None
    assert items.of("busy").recall("msg_999") is not None
    kept = [number for number in range(1000) if items.of("busy").recall(f"msg_{number}") is not None]
    assert kept == list(range(990, 1000))


def test_an_item_that_is_too_large_is_not_kept() -> None:
    items = RecentItems().of("me")
    items.remember("ig_1", b"x" * (recent_items.LARGEST + 1))
    assert items.recall("ig_1") is None
