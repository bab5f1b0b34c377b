"""What the router makes of real failures: who is blocked, for how long, and who is tried instead."""

import asyncio
import json as jsonlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from running import HELLO, Gateway
from simulator import Script, Seen, Simulator, drop, json, never, refusal, stream

from .answers import ANSWER, FIRST, LAST, SECOND


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


async def pair(
    stack: AsyncExitStack, first: Script, second: Script | None = None, **settings: Any
) -> tuple[Gateway, Simulator, Simulator]:
    """A gateway with two providers, `a` and `b`, behind one name: `m`."""
    providers = [await stack.enter_async_context(Simulator()) for _ in "ab"]
    providers[0].answer(first)
    providers[1].answer(second or json(ANSWER))
    named = {name: ("openai_compatible", f"{one.url}/v1") for name, one in zip("ab", providers, strict=True)}
    more = '[models."m"]\ncandidates = ["a/m", "b/m"]'
    gateway = await stack.enter_async_context(Gateway(named, more=more, **settings))
    return gateway, *providers


BROKEN = refusal(500, "it burns")


async def served_by(gateway: Gateway, count: int, **fields: Any) -> str:
    """The providers that answer so many requests, one after another."""
    replies = [await gateway.chat("m", **fields) for _ in range(count)]
    assert {reply.status for reply in replies} == {200}
    return "".join(reply.headers["x-tidegate-provider"] for reply in replies)


# --- breakers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "failure",
    [BROKEN, drop(), refusal(503, retry_after="1"), json(b"no JSON"), json({"error": {"message": "no"}})],
)
async def test_a_provider_that_keeps_failing_is_left_alone(stack: AsyncExitStack, failure: Script) -> None:
    gateway, first, _ = await pair(stack, failure)
    assert await served_by(gateway, 7) == "b" * 7
    assert len(first.requests) == 5


async def test_streams_that_break_open_the_breaker_too(stack: AsyncExitStack) -> None:
    events = stream([FIRST, *LAST])
    gateway, first, _ = await pair(stack, stream([FIRST, SECOND], framing="close"), events)
    for _ in range(5):
        assert (await gateway.chat("m", stream=True)).headers["x-tidegate-provider"] == "a"
    await gateway.record(5)
    assert await served_by(gateway, 2, stream=True) == "bb"
    assert len(first.requests) == 5


async def test_a_half_open_breaker_lets_one_probe_through(
    stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidegate.routing.breaker.OPEN_S", 0.001)
    gateway, first, _ = await pair(stack, BROKEN)
    await served_by(gateway, 5)
    gate = asyncio.Event()
    first.answer(json(ANSWER, head_after=gate), json(ANSWER))
    await asyncio.sleep(0.01)
    probe = asyncio.create_task(gateway.chat("m"))
    await first.seen(6)
    assert await served_by(gateway, 10) == "b" * 10
    assert len(first.requests) == 6
    gate.set()
    assert (await probe).headers["x-tidegate-provider"] == "a"
    # A second success closes it for everybody.
    assert await served_by(gateway, 3) == "aaa"


async def test_the_first_to_open_serves_where_all_are_open(stack: AsyncExitStack) -> None:
    gateway, first, second = await pair(stack, BROKEN, BROKEN)
    for _ in range(5):
        assert (await gateway.chat("m")).status == 500
    first.answer(json(ANSWER))
    second.answer(json(ANSWER))
    assert (await gateway.chat("m")).status == 200
    assert len(first.requests) + len(second.requests) == 11


async def test_what_is_known_of_a_provider_survives_a_reload(stack: AsyncExitStack) -> None:
    gateway, first, _ = await pair(stack, BROKEN)
    await served_by(gateway, 5)
    await gateway.app.reload(gateway.config)
    assert await served_by(gateway, 2) == "bb"
    assert len(first.requests) == 5


async def test_clients_that_leave_count_for_nobody(stack: AsyncExitStack) -> None:
    gateway, first, _ = await pair(stack, never())
    for number in range(6):
        left = asyncio.create_task(gateway.chat("m"))
        await first.seen(number + 1)
        left.cancel()
        await gateway.record(number + 1)
    first.answer(json(ANSWER))
    assert await served_by(gateway, 1) == "a"


async def test_what_the_request_caused_counts_for_nobody(stack: AsyncExitStack) -> None:
    gateway, first, _ = await pair(stack, refusal(400, "no such parameter"))
    for _ in range(6):
        assert (await gateway.chat("m")).status == 400
    first.answer(json(ANSWER))
    assert await served_by(gateway, 1) == "a"


# --- credentials ---------------------------------------------------------------------------------


def refusing(status: int, code: str, **headers: str) -> Script:
    return json({"error": {"message": "no", "type": "x", "code": code}}, status, headers)


@pytest.mark.parametrize(
    "failure",
    [
        refusing(401, "invalid_api_key"),
        refusing(402, "insufficient_funds"),
        refusing(403, "permission_denied"),
        refusing(404, "model_not_found"),
        refusing(429, "insufficient_quota"),
        refusing(429, "rate_limit_exceeded", **{"retry-after": "600"}),
    ],
)
async def test_a_credential_that_is_refused_is_left_alone(stack: AsyncExitStack, failure: Script) -> None:
    gateway, first, _ = await pair(stack, failure)
    assert await served_by(gateway, 3) == "bbb"
    assert len(first.requests) == 1


async def test_one_model_that_is_missing_says_nothing_about_others(stack: AsyncExitStack) -> None:
    gateway, first, _ = await pair(stack, refusing(404, "model_not_found"))
    await served_by(gateway, 1)
    first.answer(json(ANSWER))
    reply = await gateway.post("/v1/chat/completions", {"model": "a/other", **HELLO})
    assert reply.status == 200


async def test_a_refused_key_says_something_about_all_models(stack: AsyncExitStack) -> None:
    gateway, first, _ = await pair(stack, json(ANSWER))
    first.answer(refusing(401, "invalid_api_key"))
    assert (await gateway.chat("a/other")).status == 401
    first.answer(json(ANSWER))
    assert await served_by(gateway, 1) == "b"


# --- what the request needs ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("models", "server", "skipped"),
    [(("gpt-4o", "gpt-5"), "b", ["a"]), (("gpt-4o", "gpt-4o-mini"), "a", [])],
)
async def test_candidates_that_are_known_to_lack_something_are_skipped(
    models: tuple[str, str], server: str, skipped: list[str]
) -> None:
    async with Simulator() as provider:
        provider.answer(json(ANSWER))
        names = dict.fromkeys("ab", ("openai", f"{provider.url}/v1"))
        more = f'[models."m"]\ncandidates = ["a/{models[0]}", "b/{models[1]}"]'
        async with Gateway(names, more=more) as gateway:
            reply = await gateway.chat("m", reasoning_effort="high")
            record = await gateway.record()
    assert (reply.status, reply.headers["x-tidegate-provider"]) == (200, server)
    assert [one["provider"] for one in record.get("skipped", [])] == skipped
    assert all(one["reason"] == "does not support reasoning" for one in record.get("skipped", []))


async def test_a_request_that_excludes_every_candidate_is_refused(stack: AsyncExitStack) -> None:
    gateway, first, second = await pair(stack, json(ANSWER))
    reply = await gateway.chat("m", provider={"max_price": {"prompt": 1}})
    assert (reply.status, reply.error["param"]) == (400, "provider")
    assert "b/m has no known price" in reply.error["message"]
    assert first.requests == second.requests == []


# --- rate limits, deadlines, affinity --------------------------------------------------------------


async def test_a_rate_limit_is_waited_for_where_nobody_else_can_serve(stack: AsyncExitStack) -> None:
    gateway, first, second = await pair(stack, refusal(429, retry_after="1"), refusal(429, retry_after="1"))
    assert (await gateway.chat("m")).status == 429
    first.answer(json(ANSWER))
    second.answer(json(ANSWER))
    assert (await gateway.chat("m")).status == 200
    assert len(first.requests) + len(second.requests) == 3


async def test_a_rate_limit_beyond_the_deadline_is_returned_without_a_request(stack: AsyncExitStack) -> None:
    limit = refusal(429, retry_after="600")
    gateway, first, second = await pair(stack, limit, limit)
    await gateway.chat("m")
    reply = await gateway.chat("m")
    assert (reply.status, reply.error["code"]) == (429, "rate_limit_exceeded")
    assert 590 < int(reply.headers["retry-after"]) <= 600
    assert len(first.requests) == len(second.requests) == 1


@pytest.mark.parametrize(("longest_s", "waits"), [(0, False), (0.5, False), (3, True)])
async def test_a_rate_limit_is_not_waited_for_longer_than_configured(
    stack: AsyncExitStack, longest_s: float, waits: bool
) -> None:
    limit = refusal(429, retry_after="1")
    routing = f"retries = 0\nrate_limit_wait_s = {longest_s}"
    gateway, first, second = await pair(stack, limit, limit, routing=routing)
    await gateway.chat("m")
    reply = await gateway.chat("m")
    assert (reply.status, reply.headers["retry-after"]) == (429, "1")
    assert len(first.requests) + len(second.requests) == (4 if waits else 2)


@pytest.mark.parametrize(
    "headers", [{"x-tidegate-deadline": "0.3"}, {"x-stainless-timeout": "1"}], ids=lambda one: next(iter(one))
)
async def test_the_client_shortens_the_deadline(stack: AsyncExitStack, headers: dict[str, str]) -> None:
    gateway, first, _ = await pair(stack, never(), never())
    body = {"model": "m", **HELLO}
    replies = await asyncio.gather(*(gateway.post("/v1/chat/completions", body, headers) for _ in range(6)))
    assert [reply.status for reply in replies] == [504] * 6
    # The client's impatience says nothing about the provider.
    first.answer(json(ANSWER))
    assert await served_by(gateway, 1) == "a"


@pytest.mark.parametrize("value", ["soon", "0", "-1", "1e3", ""])
async def test_a_malformed_deadline_is_named(stack: AsyncExitStack, value: str) -> None:
    gateway, first, _ = await pair(stack, json(ANSWER))
    body = {"model": "m", **HELLO}
    reply = await gateway.post("/v1/chat/completions", body, {"x-tidegate-deadline": value})
    assert (reply.status, reply.error["param"]) == (400, "x-tidegate-deadline")
    assert first.requests == []


async def test_what_an_sdk_writes_by_itself_is_no_error(stack: AsyncExitStack) -> None:
    gateway, *_ = await pair(stack, json(ANSWER))
    for value in ("None", "0", "NOT_GIVEN", "600"):
        body = {"model": "m", **HELLO}
        assert (
            await gateway.post("/v1/chat/completions", body, {"x-stainless-timeout": value})
        ).status == 200


LONG = {"messages": [{"role": "user", "content": "a long story " * 400}]}
"""A conversation that is long enough for a prompt cache."""


@pytest.mark.parametrize(
    ("headers", "conversation", "server"),
    [
        pytest.param({}, LONG, "b", id="by its beginning"),
        pytest.param({"x-session-id": "s-1"}, HELLO, "b", id="by its name"),
        pytest.param({"x-tidegate-affinity": "off"}, LONG, "a", id="switched off"),
        pytest.param({}, HELLO, "a", id="too short for a cache"),
    ],
)
async def test_a_conversation_stays_where_its_cache_is_warm(
    stack: AsyncExitStack, headers: dict[str, str], conversation: dict[str, Any], server: str
) -> None:
    usage = {"prompt_tokens": 5000, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4000}}
    warm = json({**ANSWER, "usage": {**usage, "total_tokens": 5005}})
    gateway, first, _ = await pair(stack, refusal(429, retry_after="1"), warm)
    body = {"model": "m", **conversation}
    for _ in range(2):
        reply = await gateway.post("/v1/chat/completions", body, headers)
        assert reply.headers["x-tidegate-provider"] == "b"
    first.answer(json(ANSWER))
    await asyncio.sleep(1.1)
    reply = await gateway.post("/v1/chat/completions", body, headers)
    assert reply.headers["x-tidegate-provider"] == server


# --- what others can see -----------------------------------------------------------------------------


async def test_the_record_has_who_was_passed_over_and_how_long_attempts_took(stack: AsyncExitStack) -> None:
    gateway, _, _ = await pair(stack, BROKEN)
    await served_by(gateway, 6)
    failed, passed = await gateway.record(5), await gateway.record(6)
    assert failed["attempts"][0]["ms"] > 0
    assert "attempts" not in passed
    (skipped,) = passed["skipped"]
    assert (skipped["provider"], skipped["model"]) == ("a", "m")
    assert skipped["reason"].startswith("fails too often; available in ")


async def test_the_health_of_providers_follows_their_answers(stack: AsyncExitStack) -> None:
    gateway, *_ = await pair(stack, refusing(401, "invalid_api_key"))
    await served_by(gateway, 1)
    await gateway.record()
    health = (await gateway.get("/v1/chat/health")).json
    refused, healthy = health["providers"]
    assert (health["status"], refused["status"], healthy["status"]) == ("ok", "unavailable", "healthy")
    assert (refused["reachable"], healthy["reachable"]) == (False, True)
    assert refused["credentials"][0]["blocked_by"] == "account"
    assert refused["models"][0]["last_error"] == "401 invalid_api_key x"
    assert all(one["credentials"][0]["in_flight"] == 0 for one in health["providers"])


async def test_what_prompt_caches_have_saved_is_reported(stack: AsyncExitStack) -> None:
    """4,000 tokens read at a tenth of the price, 500 written at a quarter more."""
    details = {"cached_tokens": 4000, "cache_write_tokens": 500}
    usage = {"prompt_tokens": 5000, "completion_tokens": 5, "total_tokens": 5005}
    warm = json({**ANSWER, "usage": {**usage, "prompt_tokens_details": details}})
    provider = await stack.enter_async_context(Simulator())
    provider.answer(warm)
    price = '[prices."a/m"]\ninput = 1\noutput = 2\ncache_read = 0.1\ncache_write = 1.25\n'
    named = {"a": ("openrouter", f"{provider.url}/v1"), "b": ("openrouter", f"{provider.url}/v1")}
    more = f'{price}[models."m"]\ncandidates = ["a/m", "b/m"]'
    gateway = await stack.enter_async_context(Gateway(named, more=more))
    for _ in range(2):
        await gateway.post("/v1/chat/completions", {"model": "m", **LONG})
    await gateway.record(2)
    assert (await gateway.get("/v1/chat/health")).json["prompt_cache"] == {
        "stayed": 1,
        "moved": 0,
        "prompt_tokens": 10_000,
        "cache_read_tokens": 8000,
        "hit_rate": 0.8,
        "saved_usd": pytest.approx(2 * (4000 * 0.9 - 500 * 0.25) / 1e6),
    }


@pytest.mark.parametrize(("second", "status"), [(json(ANSWER), 200), (BROKEN, 500)])
async def test_the_decision_is_explained_on_request(
    stack: AsyncExitStack, second: Script, status: int
) -> None:
    gateway, _, _ = await pair(stack, BROKEN, second)
    body = {"model": "m", **HELLO}
    reply = await gateway.post("/v1/chat/completions", body, {"x-tidegate-explain": "1"})
    assert reply.status == status
    decision = jsonlib.loads(reply.headers["x-tidegate-explained"])
    assert (decision["order"], decision["skipped"]) == ("priority", [])
    assert [one["provider"] for one in decision["tried"]] == ["a", "b"]
    assert decision["tried"][0]["error"] == "500 simulated simulated_error"
    assert [one["provider"] for one in decision["candidates"]] == ["a", "b"]
    assert "x-tidegate-explained" not in (await gateway.chat("m")).headers


EXPLAIN = {"x-tidegate-explain": "1"}


async def test_an_explanation_on_request_has_all_figures(stack: AsyncExitStack) -> None:
    provider = await stack.enter_async_context(Simulator())
    provider.answer(json(ANSWER))
    more = '[prices."a/m"]\ninput = 1\noutput = 2\n'
    named = {"a": ("openai_compatible", f"{provider.url}/v1")}
    gateway = await stack.enter_async_context(Gateway(named, more=more))
    body = {"model": "a/m", "max_tokens": 100, "messages": [{"role": "user", "content": "x" * 40_000}]}
    reply = await gateway.post("/v1/chat/completions", body, EXPLAIN)
    decision = jsonlib.loads(reply.headers["x-tidegate-explained"])
    (one,) = decision["candidates"]
    assert one["cost_usd"] == pytest.approx(0.01 + 0.0002, rel=0.02)
    assert decision["prompt_tokens"] == pytest.approx(10_000, rel=0.02)
    assert (await gateway.record())["routing"]["candidates"][0]["provider"] == "a"
    # Without the header, a request with one candidate has nothing to explain.
    await gateway.post("/v1/chat/completions", body)
    assert "routing" not in await gateway.record(2)


async def test_an_explanation_fits_into_a_header_whatever_the_names_are(stack: AsyncExitStack) -> None:
    provider = await stack.enter_async_context(Simulator())
    provider.answer(refusal(503, "no" * 500))
    names = [f"{'provider' * 6}-{number}" for number in range(20)]
    named = dict.fromkeys(names, ("openai_compatible", f"{provider.url}/v1"))
    listed = ", ".join(f'"{name}/{"m" * 200}"' for name in names)
    gateway = await stack.enter_async_context(Gateway(named, more=f"[models.m]\ncandidates = [{listed}]"))
    reply = await gateway.post("/v1/chat/completions", {"model": "m", **HELLO}, EXPLAIN)
    decision = jsonlib.loads(reply.headers["x-tidegate-explained"])
    assert decision["shortened"] is True
    assert len(decision["tried"]) >= 3


async def test_the_record_has_the_order_and_the_figures_that_decided_it(stack: AsyncExitStack) -> None:
    gateway, _, _ = await pair(stack, json(ANSWER))
    await gateway.chat("m")
    await gateway.chat("m", provider={"sort": "price"})
    plain, sorted_ = (await gateway.record())["routing"], (await gateway.record(2))["routing"]
    assert (plain["order"], sorted_["order"]) == ("priority", "cost")
    assert plain["candidates"] == ["a/m", "b/m"]
    assert "requested" not in plain
    assert sorted_["requested"] is True
    assert sorted_["candidates"] == [{"provider": name, "model": "m"} for name in "ab"]


async def test_the_record_names_the_key_where_there_are_several(stack: AsyncExitStack) -> None:
    def answer(seen: Seen) -> Script:
        refused = seen.headers["authorization"].endswith("-1")
        return refusing(401, "invalid_api_key") if refused else json(ANSWER)

    provider = await stack.enter_async_context(Simulator())
    provider.answer(answer)
    keys = '["sk-0123456789-1", "sk-0123456789-2"]'
    more = f'[providers.a]\nkind = "openai_compatible"\nbase_url = "{provider.url}/v1"\napi_keys = {keys}\n'
    gateway = await stack.enter_async_context(Gateway(more=more))
    assert (await gateway.chat("a/m")).status == 200
    record = await gateway.record()
    health = (await gateway.get("/v1/chat/health")).json["providers"][0]["credentials"]
    (failed,) = record["attempts"]
    assert [failed["key"], record["provider_key"]] == [one["fingerprint"] for one in health]
    assert "0123456789" not in jsonlib.dumps(record)


async def test_who_the_request_excludes_is_recorded_as_skipped(stack: AsyncExitStack) -> None:
    gateway, _, _ = await pair(stack, json(ANSWER))
    await gateway.chat("m", provider={"ignore": ["a"]})
    (skipped,) = (await gateway.record())["skipped"]
    reason = "is excluded by the request's provider.ignore"
    assert skipped == {"provider": "a", "model": "m", "reason": reason}


# --- a service with preferences of its own -------------------------------------------------------

LIMITS = {"max_price": {"prompt": 100}, "require_parameters": False, "quantizations": ["unknown"]}
SENT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "alone: its own preferences and fallbacks": (
        {"model": "x/1", "provider": {"order": ["deepinfra"]}, "models": ["x/2"]},
        {"model": "x/1", "provider": {"order": ["deepinfra"]}, "models": ["x/2"]},
    ),
    "beside others: what limits it too": (
        {"model": "m", "provider": {"order": ["first"], "ignore": ["other"], "sort": "price", **LIMITS}},
        {"model": "x/3", "provider": LIMITS},
    ),
    "beside others: no names of ours": (
        {"model": "m", "provider": {"only": ["first", "router"]}},
        {"model": "x/3"},
    ),
    "fallbacks of ours": ({"model": "m", "models": ["first/y"]}, {"model": "x/3"}),
    "fallbacks by our names": ({"model": "router/x/1", "models": ["router/x/2"]}, {"model": "x/1"}),
    "a provider's name": ({"model": "x/1", "provider": "router"}, {"model": "x/1"}),
}


@pytest.mark.parametrize(("request_fields", "sent"), SENT.values(), ids=SENT)
async def test_a_service_with_preferences_gets_those_that_are_for_it(
    stack: AsyncExitStack, request_fields: dict[str, Any], sent: dict[str, Any]
) -> None:
    first, router = await stack.enter_async_context(Simulator()), await stack.enter_async_context(Simulator())
    first.answer(BROKEN)
    router.answer(json(ANSWER))
    named = dict.fromkeys(("first", "other"), ("openai_compatible", f"{first.url}/v1"))
    prices = "".join(f'[prices."{one}"]\ninput = 1\noutput = 1\n' for one in ("first/y", "router/x/3"))
    more = (
        f'[providers.router]\nkind = "openrouter"\nbase_url = "{router.url}/v1"\ncatch_all = true\n{prices}'
        '[models.m]\ncandidates = ["first/y", "other/y", "router/x/3"]\n'
    )
    gateway = await stack.enter_async_context(Gateway(named, more=more))
    reply = await gateway.post("/v1/chat/completions", {**HELLO, **request_fields})
    assert reply.status == 200
    (seen,) = router.requests
    assert {name: seen.json[name] for name in ("model", "provider", "models") if name in seen.json} == sent
