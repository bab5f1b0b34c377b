"""A check tells what is wrong with a provider, in the provider's words."""

import asyncio
import io
import json as jsonlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from running import parse_config
from simulator import Script, Seen, Simulator, html, json, never, nowhere, refusal, stream
from tidegate.app import Tidegate
from tidegate.check import Finding, plan_checks, run_check
from tidegate.check.findings import secrets_of
from tidegate.observe import RequestLog
from tidegate.observe.request_log import render_json

KEY = "sk-live-0123456789abcdef"
USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
CALL = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'}}


def completion(message: dict[str, Any], finish: str = "stop") -> Script:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return json({"id": "1", "object": "chat.completion", "model": "m", "choices": [choice], "usage": USAGE})


def events(*deltas: dict[str, Any], finish: str | None = "stop", done: bool = True) -> Script:
    parts = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    parts += [{"index": 0, "delta": {}, "finish_reason": finish}] if finish else []
    bodies = [
        {"id": "1", "object": "chat.completion.chunk", "model": "m", "choices": [part]} for part in parts
    ]
    bodies.append({"id": "1", "object": "chat.completion.chunk", "model": "m", "choices": [], "usage": USAGE})
    lines = [b"data: " + jsonlib.dumps(body).encode() + b"\n\n" for body in bodies]
    return stream([*lines, b"data: [DONE]\n\n"] if done else lines)


def healthy(seen: Seen) -> Script:
    """A provider without a fault."""
    if seen.method == "GET":
        return json({"object": "list", "data": [{"id": "first"}, {"id": "second"}]})
    if seen.json.get("stream"):
        return events({"role": "assistant", "content": "po"}, {"content": "ng"})
    if seen.json.get("tools"):
        return completion({"content": None, "tool_calls": [CALL]}, "tool_calls")
    return completion({"content": "pong"})


def but(**faults: Script) -> Callable[[Seen], Script]:
    """A provider that is healthy but for its answer, its stream or its tools."""

    def answer(seen: Seen) -> Script:
        kind = "stream" if seen.json.get("stream") else "tools" if seen.json.get("tools") else "answer"
        return faults.get(kind) or healthy(seen)

    return answer


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        simulator.answer(healthy)
        yield simulator


async def find(url: str, *models: str, deadline_s: float = 20.0, more: str = "") -> Finding:
    """Check one provider at this address."""
    config = parse_config(
        f'[providers.sim]\nkind = "openai_compatible"\nbase_url = "{url}/v1"\napi_key = "{KEY}"\n'
        f"[routing]\nretries = 0\n{more}"
    )
    [check] = plan_checks(config, ["sim"], models)
    app = Tidegate(config, RequestLog(render_json, io.BytesIO()))
    await app.startup()
    try:
        return await run_check(check, app, deadline_s, secrets_of(config))
    finally:
        await app.shutdown()


def verdicts(finding: Finding) -> Sequence[str]:
    return [finding.probes[name].verdict for name in ("reachable", "answer", "stream", "tools")]


async def test_a_healthy_provider_is_good_in_everything(provider: Simulator) -> None:
    finding = await find(provider.url, "sim/m")
    assert verdicts(finding) == ["good"] * 4
    assert finding.good
    assert finding.tokens == 33
    assert finding.probes["stream"].first_token_ms is not None
    assert {seen.json["model"] for seen in provider.requests} == {"m"}


async def test_a_provider_without_a_known_model_is_asked_for_its_list(provider: Simulator) -> None:
    finding = await find(provider.url)
    assert finding.model == "first"
    assert finding.good
    assert provider.requests[0].path == "/v1/models"
    assert provider.requests[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("listing", "words"),
    [
        (json({"data": []}), "is empty"),
        (html(404), "it answered 404 to GET /models"),
        (html(200), "cannot be read"),
        (json({"data": [{"name": "x"}]}), "cannot be read"),
        (Script(cut_head_at=5, ending="close"), "its models are unknown"),
    ],
)
async def test_a_list_without_a_model_asks_the_operator_for_one(
    provider: Simulator, listing: Script, words: str
) -> None:
    provider.answer(listing)
    finding = await find(provider.url)
    assert verdicts(finding) == ["failed", "not_tried", "not_tried", "not_tried"]
    error = finding.probes["reachable"].error or ""
    assert words in error
    assert "--model sim/MODEL" in error


async def test_an_unavailable_provider_is_reported_once() -> None:
    finding = await find(nowhere(), "sim/m")
    assert verdicts(finding) == ["failed", "not_tried", "not_tried", "not_tried"]
    assert "the connection was refused" in (finding.probes["reachable"].error or "")
    assert not finding.good


async def test_a_silent_provider_is_not_reachable(provider: Simulator) -> None:
    provider.answer(never())
    finding = await find(provider.url, "sim/m", deadline_s=0.3)
    assert verdicts(finding) == ["failed", "not_tried", "not_tried", "not_tried"]
    assert "0.3 seconds" in (finding.probes["reachable"].error or "")


async def test_a_probe_that_takes_too_long_fails_alone(provider: Simulator) -> None:
    provider.answer(but(stream=stream([b'data: {"choices":[]}\n\n', asyncio.Event()])))
    finding = await find(provider.url, "sim/m", deadline_s=2.0)
    assert verdicts(finding) == ["good", "good", "failed", "good"]
    assert finding.probes["stream"].error == "no complete response within 2 seconds"


async def test_a_wrong_key_is_reported_in_the_providers_words(provider: Simulator) -> None:
    provider.answer(refusal(401, "Incorrect API key provided."))
    finding = await find(provider.url, "sim/m")
    assert verdicts(finding) == ["good", "failed", "failed", "failed"]
    for name in ("answer", "stream", "tools"):
        assert finding.probes[name].status == 401
        assert "Incorrect API key provided." in (finding.probes[name].error or "")


async def test_a_key_in_an_error_is_never_seen(provider: Simulator) -> None:
    provider.answer(refusal(401, f"Incorrect API key provided: {KEY}. Also {KEY}!"))
    finding = await find(provider.url, "sim/m")
    assert KEY not in repr(finding)
    assert "Incorrect API key provided" in (finding.probes["answer"].error or "")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"answer": completion({"content": ""})}, "no text (finish reason: stop)"),
        ({"answer": html(502)}, "Bad gateway"),
        ({"stream": events(finish="stop")}, "no text"),
        ({"stream": events({"content": "po"}, finish=None)}, "finish"),
        (
            {"stream": stream([b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'], cut_at=30)},
            "cut",
        ),
        ({"stream": refusal(429, "slow down")}, "slow down"),
        ({"stream": stream([b'data: {"error":{"message":"it broke","code":"x"}}\n\n'])}, "it broke"),
        ({"tools": completion({"content": "Sunny."})}, "did not call the tool (finish reason: stop)"),
        (
            {"tools": completion({"tool_calls": [{**CALL, "function": {"name": "f", "arguments": "{}"}}]})},
            "'f'",
        ),
        (
            {
                "tools": completion(
                    {"tool_calls": [{**CALL, "function": {"name": "get_weather", "arguments": "{}"}}]}
                )
            },
            "lacks the required argument",
        ),
        (
            {
                "tools": completion(
                    {"tool_calls": [{**CALL, "function": {"name": "get_weather", "arguments": "["}}]}
                )
            },
            "not a JSON object",
        ),
    ],
)
async def test_one_fault_is_reported_and_the_rest_is_good(
    provider: Simulator, fault: dict[str, Script], words: str
) -> None:
    provider.answer(but(**fault))
    finding = await find(provider.url, "sim/m")
    [name] = fault
    assert {probe for probe, found in finding.probes.items() if found.verdict == "failed"} == {name}
    assert words in (finding.probes[name].error or "")
    assert not finding.good


async def test_what_a_provider_does_not_support_is_no_failure(provider: Simulator) -> None:
    unsupported = {"error": {"message": "sim has no tools", "code": "unsupported_feature"}}
    provider.answer(but(tools=json(unsupported, 400)))
    finding = await find(provider.url, "sim/m")
    assert verdicts(finding) == ["good", "good", "good", "not_offered"]
    assert finding.good
    assert finding.probes["tools"].error == "sim has no tools"


@pytest.mark.parametrize("models", [["sim/m"], []])
async def test_each_probe_is_reported_when_it_has_ended(provider: Simulator, models: list[str]) -> None:
    config = parse_config(f'[providers.sim]\nkind = "openai_compatible"\nbase_url = "{provider.url}/v1"')
    provider.answer(healthy if models else html(404))
    [check] = plan_checks(config, [], models)
    app = Tidegate(config, RequestLog(render_json, io.BytesIO()))
    await app.startup()
    result: list[str] = []
    await run_check(check, app, 20.0, done=lambda name, _: result.append(name))
    await app.shutdown()
    assert sorted(result) == ["answer", "reachable", "stream", "tools"]
