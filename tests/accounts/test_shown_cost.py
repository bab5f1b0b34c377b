"""`usage.cost`: answers and streams say what they cost, and nothing else of them changes."""

import json as jsonlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cases import each
from running import HELLO, Gateway
from simulator import Simulator, json, stream
from tidegate.exchange.shown_cost import with_cost, with_cost_of
from tidegate.observe import Record
from tidegate.protocols.usage import Usage

USAGE = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
COST = 0.002
"""Of that usage, by the prices below."""
HEAD = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}


def answer(usage: Any = USAGE) -> dict[str, Any]:
    message = {"role": "assistant", "content": 'The field "usage": {"prompt_tokens": 1} is text'}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {
        **HEAD,
        "object": "chat.completion",
        "choices": [choice],
        "usage": usage,
        "x_groq": {"usage": usage},
    }


def chunks(usage: Any = USAGE) -> list[bytes]:
    def chunk(delta: Any, finish: str | None = None) -> dict[str, Any]:
        return {**HEAD, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], "usage": None}

    events = [
        chunk({"role": "assistant", "content": "Hel"}), chunk({"content": '"usage":{}'}), chunk({}, "stop"),
        {**HEAD, "choices": [], "usage": usage},
    ]  # fmt: skip
    return [b"data: " + jsonlib.dumps(one).encode() + b"\n\n" for one in events] + [b"data: [DONE]\n\n"]


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@asynccontextmanager
async def gateway(provider: Simulator, tmp_path: Path, billing: str = "") -> AsyncIterator[Gateway]:
    """One that keeps accounts, and is open to everybody."""
    more = f"""
        [auth]
        mode = "open"
        [store]
        url = "sqlite:///{tmp_path}/tidegate.db"
        [billing]
        {billing}
        [prices."one/m"]
        input = 1
        output = 2
    """
    async with Gateway({"one": ("openai_compatible", provider.url)}, more=more) as opened:
        yield opened


async def test_a_plain_answer_says_what_it_costs(provider: Simulator, tmp_path: Path) -> None:
    async with gateway(provider, tmp_path) as there:
        provider.answer(json(answer()))
        reply = await there.chat("one/m")
    expected = {**answer(), "usage": {**USAGE, "cost": COST}}
    assert reply.json == {**expected, "model": reply.json["model"]}
    assert float(reply.headers["x-tidegate-cost-usd"]) == COST


async def test_the_end_of_a_stream_says_what_it_costs(provider: Simulator, tmp_path: Path) -> None:
    async with gateway(provider, tmp_path) as there:
        provider.answer(stream(chunks()))
        reply = await there.chat("one/m", stream=True, stream_options={"include_usage": True})
        record = await there.record()
    assert reply.text == 'Hel"usage":{}'
    assert [chunk["usage"] for chunk in reply.chunks] == [None, None, None, {**USAGE, "cost": COST}]
    assert reply.events[-1] == "[DONE]"
    assert record["cost"] == round(COST * 1e9)


async def test_a_stream_that_comes_at_once_says_what_it_costs(provider: Simulator, tmp_path: Path) -> None:
    async with gateway(provider, tmp_path) as there:
        provider.answer(stream([b"".join(chunks())]))
        reply = await there.chat("one/m", stream=True, stream_options={"include_usage": True})
    assert reply.chunks[-1]["usage"]["cost"] == COST


@pytest.mark.parametrize("streamed", [False, True])
async def test_other_dialects_say_it_in_their_usage(
    provider: Simulator, tmp_path: Path, streamed: bool
) -> None:
    script = stream(chunks()) if streamed else json(answer())
    async with gateway(provider, tmp_path) as there:
        provider.answer(script)
        message = await there.post(
            "/v1/messages", {"model": "one/m", "max_tokens": 9, "stream": streamed, **HELLO}
        )
        provider.answer(script)
        response = await there.post("/v1/responses", {"model": "one/m", "input": "Hello", "stream": streamed})
        provider.answer(script)
        gemini = await there.post(
            f"/v1beta/models/one/m:{'streamGenerateContent?alt=sse' if streamed else 'generateContent'}",
            {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]},
        )
    if not streamed:
        assert message.json["usage"]["cost"] == COST
        assert response.json["usage"]["cost"] == COST
    else:
        deltas = [chunk for chunk in message.chunks if chunk["type"] == "message_delta"]
        assert deltas[-1]["usage"]["cost"] == COST
        completed = [chunk for chunk in response.chunks if chunk["type"] == "response.completed"]
        assert completed[0]["response"]["usage"]["cost"] == COST
    assert (gemini.status, b'"cost"' in gemini.body) == (200, False)


async def test_it_can_be_left_out(provider: Simulator, tmp_path: Path) -> None:
    async with gateway(provider, tmp_path, "show_cost = false") as there:
        provider.answer(json(answer()), stream(chunks()))
        plain = await there.chat("one/m")
        streamed = await there.chat("one/m", stream=True, stream_options={"include_usage": True})
    assert plain.json["usage"] == USAGE
    assert streamed.chunks[-1]["usage"] == USAGE


async def test_limits_without_a_store_show_no_cost(provider: Simulator) -> None:
    more = "[limits]\nrequests_per_minute = 60"
    async with Gateway({"one": ("openai_compatible", provider.url)}, more=more) as there:
        provider.answer(json(answer()))
        reply = await there.chat("one/m")
    assert reply.json["usage"] == USAGE


UNCHANGED = [
    b"", b"null", b"[1]", b'"usage"', b'{"usage":null}', b'{"usage":[]}', b'{"usage":3}', b'{"usage":{',
    b'{"usage":{"cost":0.5}}', b'{"usage":{"cost":{"total":1}}}', b'{"text":"\\"usage\\":{}"}',
    b'{"response":null,"x":"usage"}', b'{"response":{"usage":null}}', b'{"a":{"usage":{}}}',
    b'{"usage":' + b"[" * 100_000,
]  # fmt: skip


@each("body", UNCHANGED)
def test_what_has_no_place_for_it_stays_as_it_is(body: bytes) -> None:
    assert with_cost(body, 1) == body


def test_all_else_stays_byte_for_byte() -> None:
    body = b'{"b": 1.0e2, "usage":{ "n" : 1 } ,"a":"\\u00e9 \\/"}'
    assert with_cost(body, 18_000) == b'{"b": 1.0e2, "usage":{ "n" : 1,"cost":0.000018} ,"a":"\\u00e9 \\/"}'
    twice = b'{"x":{"usage":{"n":1}},"usage":{"n":1},"y":1.0e2}'
    assert with_cost(twice, 1) == b'{"x":{"usage":{"n":1}},"usage":{"n":1,"cost":1e-9},"y":1.0e2}'
    assert with_cost(b'{"usage":{"\\u0063ost":1}}', 1) == b'{"usage":{"\\u0063ost":1}}'
    assert with_cost(b'{"usage":{}}', 1) == b'{"usage":{"cost":1e-9}}'
    assert with_cost(body, None) == body


def record(usage: Usage | None = Usage(input=1, output=2), cost: int | None = 2_000_000) -> Record:  # noqa: B008 frozen
    return Record(
        time="", id="r", door="openai", path="/", status=200, ended="complete", usage=usage, cost=cost
    )


@each("body", [*UNCHANGED, b'{"x":"usage","y":{"cost":1}}', b'{"a":{"usage":{"b":1}},"usage":{"cost":1}}'])
def test_what_has_no_place_for_it_stays_as_it_is_though_usage_was_read(body: bytes) -> None:
    assert with_cost_of(body, record()) == body


@each(
    "body",
    [
        b'{"usage":{"a":1}}',
        b'{"b":1.0e2,"usage":{"a":1},"c":[{}]}',
        b'{"text":"\\"usage\\":{\\"a\\":1}","usage":{"a":1}}',
        b'{"a":"say \\"usage","usage":{"a":1}}',
        b'{"usage": {"a":1},"x":{"usage":{"a":1}}}',
        b'{"x":{"usage":{"a":1}},"usage":{"a":1}}',
        b'{"x":"cost","usage":{"a":1},"y":"cost"}',
        b'{"x":{"usage":{"a":2}},"\\u0075sage":{"a":1}}',
        b'{"usage":{"a":1},"service_tier":"default"}',
    ],
)
def test_a_whole_answer_has_its_cost_in_its_usage_alone(body: bytes) -> None:
    found = jsonlib.loads(with_cost_of(body, record()))
    assert found == {**jsonlib.loads(body), "usage": {"a": 1, "cost": 0.002}}
    assert with_cost_of(body, record(cost=None)) == body
    assert jsonlib.loads(with_cost_of(body, record(usage=None))) == found


@pytest.mark.parametrize(
    "body",
    [
        b'{"usage":{"a":1},"x":{"usage":{"a":1}}}',
        b'{"choices":["a\\nb"],"usage": {"a":1}, "x":{"a":1}}',
        b'{"x":{"usage":{"a":2}},"\\u0075sage":{"a":1}}',
        b'{"y":{"a":1},"x":"\\u00e9","usage":{"a":1}}',
    ],
)
def test_the_cost_is_in_the_usage_of_the_answer_alone(body: bytes) -> None:
    found = jsonlib.loads(with_cost(body, 2_000_000))
    assert found == {**jsonlib.loads(body), "usage": {"a": 1, "cost": 0.002}}
