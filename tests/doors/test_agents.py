"""What Claude Code and Codex send beside the conversation, and what becomes of it at each provider."""

from dataclasses import replace
from typing import Any

import pytest

from running import Gateway
from sdk.dialects import ANTHROPIC, DIALECTS, OPENAI, Dialect
from simulator import Simulator, refusal
from simulator import json as answer_json

BILLING = {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.197.a91; cc_entrypoint=cli;"}
RULES = {"type": "text", "text": "You are an agent.", "cache_control": {"type": "ephemeral"}}
COHERE_ANSWER = {
    "id": "c1",
    "finish_reason": "COMPLETE",
    "message": {"role": "assistant", "content": [{"type": "text", "text": "Hello."}]},
}
ASK: dict[str, Any] = {"max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]}


def base(provider: Simulator, dialect: Dialect) -> str:
    return f"{provider.url}/v1" if dialect.kind == "openai" else provider.url


@pytest.mark.parametrize("dialect", DIALECTS, ids=repr)
async def test_the_billing_block_is_for_anthropic_alone(dialect: Dialect) -> None:
    async with Simulator() as provider, Gateway({"sim": (dialect.kind, base(provider, dialect))}) as gateway:
        provider.answer(dialect.text)
        reply = await gateway.post("/v1/messages", {"model": "sim/m", "system": [BILLING, RULES], **ASK})
        assert reply.status == 200
        sent = provider.requests[0].body.decode()
        assert "You are an agent." in sent
        dropped = reply.headers.get("x-tidegate-dropped", "")
        if dialect.kind == "anthropic":
            assert provider.requests[0].json["system"] == [BILLING, RULES]
        else:
            assert "billing-header" not in sent
            assert "x-anthropic-billing-header" in dropped


BY_DEFAULT: dict[str, Any] = {
    **ASK,
    "system": [BILLING, RULES],
    "metadata": {"user_id": "user_1_account__session_2"},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
}
"""What Claude Code sends beside its tools and its thinking."""


@pytest.mark.parametrize("dialect", DIALECTS, ids=repr)
async def test_strict_mode_names_what_changes_no_answer_and_serves_the_request(dialect: Dialect) -> None:
    async with Simulator() as provider:
        services = {"sim": (dialect.kind, base(provider, dialect))}
        async with Gateway(services, routing='unsupported = "strict"') as gateway:
            provider.answer(dialect.text)
            reply = await gateway.post("/v1/messages", {"model": "sim/m", **BY_DEFAULT})
            record = await gateway.record()
    assert reply.status == 200, reply.body
    if dialect.kind != "anthropic":
        assert "x-anthropic-billing-header" in reply.headers["x-tidegate-dropped"]
        assert {"x-anthropic-billing-header", "context_management.keep"} <= set(record["dropped"])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("top_k", 5),
        ("context_management", {"edits": [{"type": "clear_tool_uses_20250919"}]}),
        ("context_management", {"edits": [{"type": "clear_thinking_20251015", "keep": {"type": "x"}}]}),
        ("context_management", {"edits": [], "more": 1}),
        ("context_management", 5),
    ],
)
async def test_strict_mode_refuses_what_would_change_the_answer(field: str, value: Any) -> None:
    async with Simulator() as provider:
        services = {"sim": ("openai", f"{provider.url}/v1")}
        async with Gateway(services, routing='unsupported = "strict"') as gateway:
            reply = await gateway.post("/v1/messages", {"model": "sim/m", **BY_DEFAULT, field: value})
    assert reply.status == 400
    assert reply.error["message"].endswith(f"sim does not support {field}")
    assert provider.requests == []


@pytest.mark.parametrize(
    ("system", "left"),
    [
        ([BILLING, RULES], [RULES]),
        ([BILLING], None),
        (BILLING["text"] + "\nBe brief.", "Be brief."),
        ([{**BILLING, "text": BILLING["text"] + "\n\nBe brief."}], [{"type": "text", "text": "Be brief."}]),
        ([RULES, BILLING], [RULES, BILLING]),
        (None, None),
    ],
    ids=["first of two", "alone", "a string", "with more", "not first", "no system prompt"],
)
async def test_other_services_of_anthropics_format_get_no_billing_block(system: Any, left: Any) -> None:
    more = "[providers.sim.dialect]\nbilling_block = false"
    async with Simulator() as provider, Gateway({"sim": ("anthropic", provider.url)}, more=more) as gateway:
        provider.answer(ANTHROPIC.text)
        body = {"model": "sim/m", **ASK, **({} if system is None else {"system": system})}
        assert (await gateway.post("/v1/messages", body)).status == 200
        assert provider.requests[0].json.get("system") == left


async def test_a_limit_above_the_models_is_lowered_between_dialects_and_named() -> None:
    async with Simulator() as provider, Gateway({"openai": ("openai", f"{provider.url}/v1")}) as gateway:
        provider.answer(OPENAI.text)
        body = {"model": "openai/gpt-4o", **ASK, "max_tokens": 32000}
        reply = await gateway.post("/v1/messages", body)
        sent = provider.requests[0].json
        assert sent.get("max_tokens", sent.get("max_completion_tokens")) == 16384
        assert "max_tokens" in reply.headers["x-tidegate-dropped"].split(",")


@pytest.mark.parametrize(("model", "wanted"), [("gpt-4o", 16384), ("unknown-model", 32000)])
async def test_a_limit_that_may_be_right_stays(model: str, wanted: int) -> None:
    async with Simulator() as provider, Gateway({"openai": ("openai", f"{provider.url}/v1")}) as gateway:
        provider.answer(OPENAI.text)
        reply = await gateway.post("/v1/messages", {"model": f"openai/{model}", **ASK, "max_tokens": wanted})
        sent = provider.requests[0].json
        assert sent.get("max_tokens", sent.get("max_completion_tokens")) == wanted
        assert "max_tokens" not in reply.headers.get("x-tidegate-dropped", "").split(",")


async def test_the_same_dialect_decides_its_limit_itself() -> None:
    async with Simulator() as provider, Gateway({"openai": ("openai", f"{provider.url}/v1")}) as gateway:
        provider.answer(OPENAI.text)
        await gateway.chat("openai/gpt-4o", max_tokens=32000)
        assert provider.requests[0].json["max_tokens"] == 32000


async def test_a_service_that_caps_the_limit_itself_gets_it_unchanged() -> None:
    async with Simulator() as provider, Gateway({"cohere": ("cohere", provider.url)}) as gateway:
        provider.answer(answer_json(COHERE_ANSWER))
        body = {"model": "cohere/command-a-03-2025", **ASK, "max_tokens": 32000}
        reply = await gateway.post("/v1/messages", body)
        assert provider.requests[0].json["max_tokens"] == 32000
        assert "x-tidegate-dropped" not in reply.headers


async def test_a_cache_key_reaches_a_provider_that_has_such_a_thing() -> None:
    async with Simulator() as provider, Gateway({"openai": ("openai", f"{provider.url}/v1")}) as gateway:
        provider.answer(OPENAI.text)
        body = {"model": "openai/gpt-4o", "input": "Hi", "prompt_cache_key": "session-1"}
        reply = await gateway.post("/v1/responses", body)
        assert reply.status == 200
        assert provider.requests[0].json["prompt_cache_key"] == "session-1"
        assert "prompt_cache_key" not in reply.headers.get("x-tidegate-dropped", "")


async def test_a_cache_key_is_named_where_there_is_no_such_thing() -> None:
    async with Simulator() as provider, Gateway({"sim": ("anthropic", provider.url)}) as gateway:
        provider.answer(ANTHROPIC.text)
        reply = await gateway.post(
            "/v1/responses", {"model": "sim/m", "input": "Hi", "prompt_cache_key": "s"}
        )
        assert "prompt_cache_key" in reply.headers["x-tidegate-dropped"]


HEADERS = {
    "anthropic-beta": "a,b",
    "anthropic-workspace-id": "w",
    "anthropic-something-new": "1",
    "x-claude-code-session-id": "s",
    "x-claude-code-agent-id": "main",
}


async def test_headers_of_anthropics_clients_are_an_open_list() -> None:
    async with Simulator() as provider, Gateway({"sim": ("anthropic", provider.url)}) as gateway:
        provider.answer(ANTHROPIC.text)
        headers = {**HEADERS, "x-something-else": "1", "cookie": "secret=1"}
        await gateway.post("/v1/messages", {"model": "sim/m", **ASK}, headers)
        sent = provider.requests[0].headers
        assert {name: sent.get(name) for name in HEADERS} == HEADERS
        assert "x-something-else" not in sent
        assert "cookie" not in sent


async def test_an_operators_header_overrides_a_clients_of_an_open_list() -> None:
    more = '[providers.sim.headers]\nanthropic-workspace-id = "operators"'
    async with Simulator() as provider, Gateway({"sim": ("anthropic", provider.url)}, more=more) as gateway:
        provider.answer(ANTHROPIC.text)
        await gateway.post("/v1/messages", {"model": "sim/m", **ASK}, HEADERS)
        assert provider.requests[0].headers["anthropic-workspace-id"] == "operators"


async def test_another_dialect_gets_none_of_these_headers() -> None:
    async with Simulator() as provider, Gateway({"openai": ("openai", f"{provider.url}/v1")}) as gateway:
        provider.answer(OPENAI.text)
        await gateway.post("/v1/messages", {"model": "openai/m", **ASK}, HEADERS)
        assert not HEADERS.keys() & provider.requests[0].headers.keys()


CODEX = {"session-id": "s", "thread-id": "t", "x-codex-turn-metadata": "{}", "originator": "codex_exec"}


async def test_codex_headers_reach_a_provider_of_its_format() -> None:
    async with Simulator() as provider, Gateway({"xai": ("xai", f"{provider.url}/v1")}) as gateway:
        provider.answer(refusal(400))
        await gateway.post("/v1/responses", {"model": "xai/grok-4", "input": "Hi"}, CODEX)
        sent = provider.requests[0].headers
        assert {name: sent.get(name) for name in CODEX} == CODEX


LONG = "This model's maximum context length is 128000 tokens. However, your messages have 130001 tokens."


async def test_an_overflow_reaches_claude_code_in_the_words_it_acts_on() -> None:
    async with Simulator() as provider, Gateway({"openai": ("openai", f"{provider.url}/v1")}) as gateway:
        provider.answer(refusal(400, LONG))
        reply = await gateway.post("/v1/messages", {"model": "openai/m", **ASK})
        assert reply.status == 400
        assert reply.error["type"] == "invalid_request_error"
        assert reply.error["message"].startswith("prompt is too long: 130001 tokens > 128000 maximum")


async def test_an_overflow_reaches_codex_with_the_code_it_acts_on() -> None:
    async with Simulator() as provider, Gateway({"sim": ("anthropic", provider.url)}) as gateway:
        message = "prompt is too long: 210000 tokens > 200000 maximum"
        error = {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
        provider.answer(answer_json(error, 400))
        reply = await gateway.post("/v1/responses", {"model": "sim/m", "input": "Hi"})
        assert reply.status == 400
        assert (reply.error["code"], reply.error["message"]) == ("context_length_exceeded", message)


@pytest.mark.parametrize(
    ("said", "passed"),
    [("7", "7"), ("1.2", "2"), ("Mon, 01 Jan 2024 00:00:00 GMT", "0"), ("soon", None)],
)
async def test_the_retry_after_of_a_good_answer_is_whole_seconds(said: str, passed: str | None) -> None:
    answered = replace(ANTHROPIC.text, headers=(*ANTHROPIC.text.headers, ("retry-after", said)))
    async with Simulator() as provider, Gateway({"sim": ("anthropic", provider.url)}) as gateway:
        provider.answer(answered)
        reply = await gateway.post("/v1/messages", {"model": "sim/m", **ASK})
        assert (reply.status, reply.headers.get("retry-after")) == (200, passed)
