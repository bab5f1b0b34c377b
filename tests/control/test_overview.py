"""`/admin/overview` and `/v1/me/overview`: the figures of requests, for operators and for callers."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from administration import Admin, administered
from running import HELLO
from simulator import Simulator, json


@pytest.fixture
async def admin(tmp_path: Path) -> AsyncIterator[Admin]:
    answer = {
        "id": "c1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
        ],
        "usage": {
            "prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500,
            "prompt_tokens_details": {"cached_tokens": 400},
        },
    }  # fmt: skip
    async with Simulator() as provider, administered(provider, tmp_path) as running:
        provider.answer(json(answer))
        yield running


async def key_of(admin: Admin, user: str, name: str) -> dict[str, str]:
    await admin.ask("PUT", f"/users/{user}", {})
    await admin.credit(user, 10)
    made = await admin.ask("POST", "/keys", {"name": name, "user": user}, status=201)
    await admin.known(made["secret"])
    return {"id": made["id"], "authorization": f"Bearer {made['secret']}"}


async def ask(admin: Admin, key: dict[str, str], model: str = "one/m", count: int = 1) -> None:
    headers = {"authorization": key["authorization"]}
    for _ in range(count):
        reply = await admin.gateway.post("/v1/chat/completions", {"model": model, **HELLO}, headers)
        assert reply.status == 200, reply.body


async def own(admin: Admin, key: dict[str, str], query: str = "") -> Any:
    headers = {"authorization": key["authorization"]}
    reply = await admin.gateway.get(f"/v1/me/overview{query}", headers)
    return reply.json if reply.status == 200 else reply.error


async def test_the_totals_are_those_of_all_requests(admin: Admin) -> None:
    ann, bob = await key_of(admin, "ann", "a"), await key_of(admin, "bob", "b")
    await ask(admin, ann, count=3)
    await ask(admin, bob)
    found = await admin.ask("GET", "/overview")
    totals = found["totals"]
    assert (totals["requests"], totals["errors"], totals["success_rate"]) == (4, 0, 1)
    assert totals["cost_usd"] == pytest.approx(4 * 0.002)
    assert totals["tokens"] == {
        "input": 2400, "cache_read": 1600, "cache_write": 0, "output": 2000, "reasoning": 0,
    }  # fmt: skip
    assert totals["cache_hit_rate"] == 0.4
    assert totals["latency_ms"]["p50"] > 0
    assert found["bucket_s"] == 900
    assert sum(point["requests"] for point in found["series"]) == 4
    assert {point["time"] % 900_000 for point in found["series"]} == {0}
    assert found["from"] <= found["series"][0]["time"] < found["series"][-1]["time"] <= found["to"]
    [model] = found["by"]
    assert (model["provider"], model["name"], model["requests"]) == ("one", "m", 4)


async def test_it_is_divided_by_provider_user_and_key(admin: Admin) -> None:
    ann, bob = await key_of(admin, "ann", "a"), await key_of(admin, "bob", "b")
    second = await key_of(admin, "ann", "second")
    await ask(admin, ann, count=2)
    await ask(admin, second)
    await ask(admin, bob)

    async def by(query: str) -> dict[str, int]:
        found = await admin.ask("GET", f"/overview?{query}")
        return {one["name"]: one["requests"] for one in found["by"]}

    assert await by("by=provider") == {"one": 4}
    assert await by("by=user") == {"ann": 3, "bob": 1}
    assert await by("by=key") == {ann["id"]: 2, second["id"]: 1, bob["id"]: 1}
    assert await by("by=key&user=ann") == {ann["id"]: 2, second["id"]: 1}
    assert await by("by=model&model=nothing") == {}
    of_ann = await admin.ask("GET", "/overview?by=user&user=ann")
    assert (of_ann["totals"]["requests"], len(of_ann["by"])) == (3, 1)


async def test_a_caller_sees_their_own(admin: Admin) -> None:
    ann, bob = await key_of(admin, "ann", "a"), await key_of(admin, "bob", "b")
    await ask(admin, ann, count=2)
    await ask(admin, bob)
    found = await own(admin, bob, "?hours=1")
    assert (found["totals"]["requests"], found["bucket_s"]) == (1, 300)
    assert [one["name"] for one in found["by"]] == [bob["id"]]
    assert (await own(admin, ann, "?by=model"))["param"] == "by"


WRONG = {
    "by=user&model=m": "model",
    "by=model&user=ann": "user",
    "by=team": "by",
    "hours=0": "hours",
    "hours=x": "hours",
    "bucket=1": "bucket",
}


@pytest.mark.parametrize("query", WRONG)
async def test_what_is_not_kept_is_refused_by_name(admin: Admin, query: str) -> None:
    reply = await admin.reply("GET", f"/overview?{query}")
    assert (reply.status, reply.error["param"]) == (400, WRONG[query])
