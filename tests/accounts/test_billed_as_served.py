"""What an answer costs depends on how it was served, and on what its provider says that it costs."""

import asyncio
import json as jsonlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from administration import Admin, administered
from running import HELLO
from simulator import Script, Simulator, json

COUNTS = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}


SEARCH = {"type": "web_search_20250305", "name": "web_search"}


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
async def admin(provider: Simulator, tmp_path: Path) -> AsyncIterator[Admin]:
    kinds = ("openai", "anthropic", "perplexity", "openrouter", "cohere", "xai")
    async with administered(provider, tmp_path, **dict(zip(kinds, kinds, strict=True))) as admin:
        yield admin


def answer(usage: dict[str, Any], **more: Any) -> Script:
    message = {"role": "assistant", "content": "Hello!"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json({"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice],
                 "usage": usage, **more})  # fmt: skip


def message(usage: dict[str, Any]) -> Script:
    content = [{"type": "text", "text": "Hello!"}]
    return json({"id": "m1", "type": "message", "role": "assistant", "model": "m", "content": content,
                 "stop_reason": "end_turn", "stop_sequence": None, "usage": usage})  # fmt: skip


async def ask(admin: Admin, headers: dict[str, str], model: str, path: str = "chat/completions") -> Any:
    body = {**HELLO, "model": model, "max_tokens": 500}
    reply = await admin.gateway.post(f"/v1/{path}", body, headers)
    assert reply.status == 200, reply.body
    return await admin.booked()


def lines(record: Any) -> dict[str, int]:
    return {line["name"]: line["amount"] for line in record["bill"]}


@pytest.mark.parametrize(
    ("tier", "cost"),
    [
        # 1,000 × 2.00 + 500 × 8.00, in USD per million, and in nano
        ("default", 6_000_000),
        (None, 6_000_000),
        # 1,000 × 3.50 + 500 × 14.00
        ("priority", 10_500_000),
    ],
)
async def test_openai_is_billed_by_the_tier_that_served(
    admin: Admin, provider: Simulator, tier: str | None, cost: int
) -> None:
    headers = await admin.paying()
    provider.answer(answer(COUNTS, service_tier=tier))
    record = await ask(admin, headers, "openai/gpt-4.1")
    assert record["cost"] == cost == sum(lines(record).values())


@pytest.mark.parametrize(
    ("served", "cost"),
    [
        # claude-opus-5: 1,000 × 5 + 500 × 25
        ({}, 17_500_000),
        ({"service_tier": "standard", "inference_geo": "global", "speed": "standard"}, 17_500_000),
        ({"inference_geo": "not_available"}, 17_500_000),
        ({"inference_geo": "us"}, 19_250_000),
        ({"speed": "fast"}, 35_000_000),
        ({"speed": "fast", "inference_geo": "us"}, 38_500_000),
        ({"service_tier": "batch"}, 8_750_000),
        # two searches at 10 USD a thousand, which cost the same everywhere
        ({"inference_geo": "us", "server_tool_use": {"web_search_requests": 2}}, 39_250_000),
    ],
    ids=str,
)
async def test_anthropic_is_billed_by_speed_tier_and_place(
    admin: Admin, provider: Simulator, served: dict[str, Any], cost: int
) -> None:
    headers = await admin.paying()
    provider.answer(message({"input_tokens": 1000, "output_tokens": 500, **served}))
    record = await ask(admin, headers, "anthropic/claude-opus-5", "messages")
    assert record["cost"] == cost == sum(lines(record).values())


@pytest.mark.parametrize(("size", "fee"), [("low", 5), ("medium", 8), ("high", 12), (None, 12)])
async def test_the_fee_of_perplexity_depends_on_how_much_of_the_web_it_reads(
    admin: Admin, provider: Simulator, size: str | None, fee: int
) -> None:
    headers = await admin.paying()
    own = {"total_cost": 0.0065, "request_cost": fee / 1000}
    provider.answer(answer({**COUNTS, "search_context_size": size, "cost": own}))
    record = await ask(admin, headers, "perplexity/sonar")
    assert lines(record) == {"input": 1_000_000, "output": 500_000, "requests": fee * 1_000_000}
    assert record["provider_cost"] == 6_500_000  # rounded: it is shown, and not billed
    assert record.get("cost_difference") == 6_500_000 - record["cost"]


async def test_openrouter_is_billed_by_its_own_figure(admin: Admin, provider: Simulator) -> None:
    headers = await admin.paying()
    provider.answer(answer({**COUNTS, "cost": 0.0081}))
    record = await ask(admin, headers, "openrouter/openai/gpt-4o")
    assert lines(record) == {"input": 2_500_000, "output": 5_000_000, "provider_difference": 600_000}
    assert (record["cost"], record["cost_difference"]) == (8_100_000, 600_000)


async def test_what_openrouter_buys_with_its_customers_key_counts(admin: Admin, provider: Simulator) -> None:
    headers = await admin.paying()
    details = {"upstream_inference_cost": 0.0075}
    provider.answer(answer({**COUNTS, "cost": 0.0004, "is_byok": True, "cost_details": details}))
    record = await ask(admin, headers, "openrouter/openai/gpt-4o")
    assert (record["cost"], record["provider_cost"]) == (7_900_000, 7_900_000)


async def test_the_operators_price_wins_over_the_providers_figure(
    provider: Simulator, tmp_path: Path
) -> None:
    more = "[prices.'openrouter/openai/gpt-4o']\ninput = 10\noutput = 20"
    async with administered(provider, tmp_path, more, openrouter="openrouter") as admin:
        headers = await admin.paying()
        provider.answer(answer({**COUNTS, "cost": 0.0081}))
        record = await ask(admin, headers, "openrouter/openai/gpt-4o")
        assert (record["cost"], record["cost_difference"]) == (20_000_000, 8_100_000 - 20_000_000)


@pytest.mark.parametrize(
    ("setting", "cost"), [("exact", 7_500_000), ("always", 9_000_000), ("never", 7_500_000)]
)
async def test_the_operator_chooses_whose_figure_counts(
    provider: Simulator, tmp_path: Path, setting: str, cost: int
) -> None:
    choice = f'provider_cost = "{setting}"'
    async with administered(provider, tmp_path, billing=choice, openai="openai") as admin:
        headers = await admin.paying()
        provider.answer(answer({**COUNTS, "cost": 0.009}))
        assert (await ask(admin, headers, "openai/gpt-4o"))["cost"] == cost


async def test_cohere_bills_fewer_tokens_than_it_reads(admin: Admin, provider: Simulator) -> None:
    headers = await admin.paying()
    usage = {
        "billed_units": {"input_tokens": 12, "output_tokens": 10},
        "tokens": {"input_tokens": 614, "output_tokens": 13},
        "cached_tokens": 480,
    }
    content = [{"type": "text", "text": "Hi"}]
    provider.answer(json({"id": "c", "finish_reason": "COMPLETE", "usage": usage,
                          "message": {"role": "assistant", "content": content}}))  # fmt: skip
    record = await ask(admin, headers, "cohere/command-a-03-2025")
    # 12 × 2.50 + 10 × 10.00
    assert lines(record) == {"input": 30_000, "output": 100_000}
    assert record["usage"]["cache_read"] == 480  # what the client is told


async def test_a_price_that_only_the_provider_knows_is_what_it_says(
    provider: Simulator, tmp_path: Path
) -> None:
    """Without a wallet nothing is refused, and the record still has the cost."""
    async with administered(provider, tmp_path, openrouter="openrouter") as admin:
        made = await admin.ask("POST", "/keys", {"name": "ci"}, status=201)
        await admin.known(made["secret"])
        provider.answer(answer({**COUNTS, "cost": 0.0123}))
        headers = {"authorization": f"Bearer {made['secret']}"}
        record = await ask(admin, headers, "openrouter/somebody/unheard-of")
        assert (record["cost"], lines(record)) == (12_300_000, {"provider_cost": 12_300_000})
        assert "cost_difference" not in record


async def test_a_discount_is_a_line_of_its_own(admin: Admin, provider: Simulator) -> None:
    headers = await admin.paying()
    await admin.ask("PUT", "/teams/blue", {"settings": {"margin": "-0.1234567"}})
    await admin.ask("PUT", "/users/alice", {"team": "blue"})
    provider.answer(answer({**COUNTS, "cost": 0.0081}))
    record = await ask(admin, headers, "openrouter/openai/gpt-4o")
    while record["team"] is None:  # the worker follows within a second
        await asyncio.sleep(0.05)
        record = await ask(admin, headers, "openrouter/openai/gpt-4o")
    assert lines(record)["margin"] == -999_999  # 8,100,000 × -0.1234567 = -999,999.27
    assert record["cost"] == 8_100_000 - 999_999
    assert record["cost_difference"] == 600_000  # from the price, not from the margin


# --- images and embeddings -----------------------------------------------------------------------

IMAGE = json({"created": 1, "data": [{"b64_json": "iVBORw0KGgo="}, {"b64_json": "iVBORw0KGgo="}]})


async def draw(admin: Admin, headers: dict[str, str], **body: Any) -> Any:
    return await admin.gateway.post("/v1/images/generations", {"prompt": "a cat", **body}, headers)


@pytest.mark.parametrize(
    ("asked", "cost"),
    [
        ({"model": "dall-e-3", "n": 2}, 80_000_000),
        ({"model": "dall-e-3", "n": 2, "size": "1792x1024", "quality": "hd"}, 240_000_000),
        ({"model": "dall-e-3", "n": 2, "size": "auto", "quality": "hd"}, 160_000_000),
        ({"model": "dall-e-2", "n": 2, "size": "256x256"}, 32_000_000),
    ],
    ids=str,
)
async def test_images_cost_by_number_size_and_quality(
    admin: Admin, provider: Simulator, asked: dict[str, Any], cost: int
) -> None:
    headers = await admin.paying(usd=cost / 1e9)  # exactly what is held
    provider.answer(IMAGE)
    reply = await draw(admin, headers, **{**asked, "model": f"openai/{asked['model']}"})
    assert reply.status == 200, reply.body
    record = await admin.booked()
    assert (record["cost"], lines(record)) == (cost, {"images": cost})
    assert (await draw(admin, headers, **{**asked, "model": f"openai/{asked['model']}"})).status == 402


async def test_images_that_cost_tokens_are_held_for_by_their_quality(
    admin: Admin, provider: Simulator
) -> None:
    headers = await admin.paying(usd=0.05)
    low, high = ({"model": "openai/gpt-image-1", "quality": quality} for quality in ("low", "high"))
    assert (await draw(admin, headers, **high)).status == 402  # 6,240 × 40.00 = 0.2496
    usage = {"input_tokens": 10, "output_tokens": 272, "output_tokens_details": {"image_tokens": 272}}
    provider.answer(json({"created": 1, "data": [{"b64_json": "iVBORw0KGgo="}], "usage": usage}))
    assert (await draw(admin, headers, **low)).status == 200
    assert (await admin.booked())["cost"] == 10 * 5_000 + 272 * 40_000


async def test_images_of_a_size_without_a_price_are_refused(admin: Admin, provider: Simulator) -> None:
    headers = await admin.paying()
    reply = await draw(admin, headers, model="openai/dall-e-3", size="640x480")
    assert (reply.status, reply.error["code"]) == (403, "price_unknown")
    assert provider.requests == []


async def test_embeddings_are_held_for_by_their_prompt(admin: Admin, provider: Simulator) -> None:
    headers = await admin.paying(usd=0.011)
    vector = {"object": "embedding", "index": 0, "embedding": [0.1, 0.2]}
    usage = {"prompt_tokens": 1000, "total_tokens": 1000}
    provider.answer(json({"object": "list", "data": [vector], "model": "m", "usage": usage}))
    body = {"model": "openai/text-embedding-3-small", "input": "word " * 1000}
    reply = await admin.gateway.post("/v1/embeddings", body, headers)
    assert reply.status == 200, reply.body
    record = await admin.booked()
    assert (record["cost"], lines(record)) == (20_000, {"input": 20_000})  # 1,000 × 0.02
    assert jsonlib.loads(reply.body)["usage"] == {**usage, "cost": 0.00002}


async def test_embeddings_without_a_price_are_refused(admin: Admin) -> None:
    headers = await admin.paying()
    reply = await admin.gateway.post("/v1/embeddings", {"model": "one/m2", "input": "x"}, headers)
    assert (reply.status, reply.error["code"]) == (403, "price_unknown")


# --- what is held --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "held"),
    [
        # 4,000 tokens of the answer, at 25 USD a million, and the prompt
        ({}, 0.1),
        ({"speed": "fast"}, 0.2),
        ({"inference_geo": "us"}, 0.11),
        ({"speed": "fast", "inference_geo": "us"}, 0.22),
        # web searches, at 10 USD a thousand: as many as the request allows, otherwise five
        ({"tools": [{**SEARCH, "max_uses": 3}]}, 0.13),
        ({"tools": [SEARCH]}, 0.15),
        ({"tools": [{"name": "search", "input_schema": {"type": "object"}}]}, 0.1),
    ],
    ids=str,
)
async def test_what_costs_more_is_held_for_if_it_is_asked_for(
    admin: Admin, asked: dict[str, Any], held: float
) -> None:
    headers = await admin.paying(usd=held * 0.99)
    body = {**HELLO, "model": "anthropic/claude-opus-5", "max_tokens": 4000, **asked}
    reply = await admin.gateway.post("/v1/messages", body, headers)
    assert reply.status == 402
    needed = float(reply.error["message"].split("needs ")[1].split()[0])
    assert held < needed < held * 1.02


async def test_the_operator_sets_how_many_searches_are_held_for(provider: Simulator, tmp_path: Path) -> None:
    async with administered(provider, tmp_path, anthropic="anthropic", billing="searches = 20") as admin:
        headers = await admin.paying(usd=0.29)
        body = {**HELLO, "model": "anthropic/claude-opus-5", "max_tokens": 4000, "tools": [SEARCH]}
        assert (await admin.gateway.post("/v1/messages", body, headers)).status == 402
        provider.answer(message({"input_tokens": 1000, "output_tokens": 100}))
        headers = await admin.paying(usd=0.31)
        assert (await admin.gateway.post("/v1/messages", body, headers)).status == 200


async def test_searches_that_were_held_for_cost_what_was_searched(admin: Admin, provider: Simulator) -> None:
    provider.answer(message({"input_tokens": 1000, "output_tokens": 100,
                             "server_tool_use": {"web_search_requests": 2}}))  # fmt: skip
    headers = await admin.paying(usd=0.16)
    body = {**HELLO, "model": "anthropic/claude-opus-5", "max_tokens": 4000, "tools": [SEARCH]}
    reply = await admin.gateway.post("/v1/messages", body, headers)
    assert reply.status == 200, reply.body
    record = await admin.booked()
    # 1,000 × 5.00 and 100 × 25.00 USD per million, and two searches
    assert lines(record) == {"input": 5_000_000, "output": 2_500_000, "searches": 20_000_000}
    assert record["cost"] == 27_500_000
