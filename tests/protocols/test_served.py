"""What a bill depends on beside the tokens reaches the tally, by every way of an answer."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from recordings import needs_recordings, recordings, splits
from tidegate.protocols import anthropic, gemini, openai_chat, openai_responses
from tidegate.protocols.anthropic.splice import BodySplice as AnthropicBody
from tidegate.protocols.anthropic.splice import StreamSplice as AnthropicStream
from tidegate.protocols.contract import Bridge, Call, Conduit, Tally, Target
from tidegate.protocols.gemini.splice import BodySplice as GeminiBody
from tidegate.protocols.gemini.splice import StreamSplice as GeminiStream
from tidegate.protocols.openai_chat.conduit import BodySplice, StreamSplice
from tidegate.protocols.openai_chat.dialect import Dialect
from tidegate.protocols.openai_chat.mend import BodyMend, Mending, StreamMend
from tidegate.protocols.openai_responses.splice import BodySplice as ResponsesBody
from tidegate.protocols.openai_responses.splice import StreamSplice as ResponsesStream
from tidegate.protocols.served import nano_usd, served

FAULTY = Target(model="m", dialect=Dialect(repeats_role=True, other_reasoning=True))
ODD: tuple[Any, ...] = (
    7,
    -1,
    10**30,
    True,
    None,
    [],
    {},
    ["flex"],
    {"total_cost": "much"},
    "",
    "x" * 65,
    "☃",
)
PLAIN = {
    openai_chat: Target("m", openai_chat.PROTOCOL.dialect()),
    openai_responses: Target("m", openai_responses.PROTOCOL.dialect()),
    anthropic: Target("m", anthropic.PROTOCOL.dialect()),
    gemini: Target("m", gemini.PROTOCOL.dialect()),
}


def bridge(module: Any, *, stream: bool) -> Conduit:
    """From this wire format to OpenAI's chat."""
    body = b'{"model":"m","messages":[{"role":"user","content":"x"}],"stream":%s}'
    request = openai_chat.PROTOCOL.parse_request(body % (b"true" if stream else b"false"))
    call = Call("/", b"{}", stream)
    if module is openai_responses:
        call = module.PROTOCOL.render_request(request.turn(), PLAIN[module])
    reader = module.PROTOCOL.reader(call, PLAIN[module])
    return Bridge(reader, openai_chat.PROTOCOL.writer(request, "m"))


def fed(conduit: Conduit, body: bytes) -> Tally:
    conduit.feed(body)
    conduit.close()
    assert conduit.failure is None
    return conduit.tally


# --- OpenAI's chat -------------------------------------------------------------------------------


def chat(tier: Any, cost: Any, **usage: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "cost": cost, **usage}
    head = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "service_tier": tier}
    return json.dumps({**head, "choices": [choice], "usage": usage}).encode()


def chat_stream(tier: Any, cost: Any, first_tier: Any = "auto", **usage: Any) -> bytes:
    head = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "cost": cost, **usage}
    text = {"index": 0, "delta": {"role": "assistant", "content": "x"}, "finish_reason": None}
    end = {"index": 0, "delta": {}, "finish_reason": "stop"}
    chunks = [
        {**head, "service_tier": first_tier, "choices": [text]},
        {**head, "choices": [end]},
        {**head, "service_tier": tier, "choices": [], "usage": usage},
    ]
    return (
        b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"
    )


def chat_ways(*values: Any, **usage: Any) -> Iterator[Tally]:
    """Every way of an answer of OpenAI's chat format."""
    whole, stream = chat(*values, **usage), chat_stream(*values, **usage)
    yield fed(BodySplice(), whole)
    yield fed(BodyMend(Mending(FAULTY)), whole)
    yield fed(BodyMend(Mending(FAULTY)), whole.replace(b'"created": 1, ', b""))
    yield fed(bridge(openai_chat, stream=False), whole)
    for include_usage in (True, False):
        yield fed(StreamSplice(include_usage=include_usage, reports_finish=True, choices=1), stream)
    yield fed(StreamMend(Mending(FAULTY), include_usage=True, choices=1), stream)
    yield fed(bridge(openai_chat, stream=True), stream)


@pytest.mark.parametrize(
    ("cost", "nano"),
    [(0.0000123, 12_300), (1, 10**9), (0, 0), ({"total_cost": 0.006, "currency": "USD"}, 6_000_000)],
)
def test_the_tier_and_the_cost_of_a_chat_completion_are_kept(cost: Any, nano: int) -> None:
    for tally in chat_ways("flex", cost):
        assert (tally.service_tier, tally.provider_cost) == ("flex", nano)


def test_ticks_are_a_cost_too() -> None:
    for tally in chat_ways("default", None, cost_in_usd_ticks=1_234_567):
        assert tally.provider_cost == 123_457


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_odd_values_in_a_chat_completion_break_nothing(odd: Any) -> None:
    for tally in (*chat_ways(odd, odd), *chat_ways(None, None, cost_in_usd_ticks=odd)):
        assert tally.usage is not None
        assert tally.usage.completion_tokens == 2
        assert tally.service_tier in (None, "auto", "☃")
        assert tally.provider_cost in (None, 7_000_000_000, 1)


# --- the Responses API ---------------------------------------------------------------------------


def response(tier: Any, cost: Any, status: str = "completed") -> dict[str, Any]:
    usage = {"input_tokens": 1, "output_tokens": 2, "cost": cost}
    text = {"type": "output_text", "text": "x", "annotations": []}
    output = [{"type": "message", "id": "i", "role": "assistant", "content": [text]}]
    head = {"id": "r", "object": "response", "model": "m", "created_at": 1, "status": status}
    done = {"output": output, "usage": usage} if status == "completed" else {"output": []}
    return {**head, **done, "service_tier": tier}


def responses_ways(tier: Any, cost: Any) -> Iterator[Tally]:
    whole = json.dumps(response(tier, cost)).encode()
    events = [
        {"type": "response.created", "response": response("auto", None, "in_progress")},
        {"type": "response.completed", "response": response(tier, cost)},
    ]
    stream = b"".join(
        b"event: " + event["type"].encode() + b"\ndata: " + json.dumps(event).encode() + b"\n\n"  # type: ignore[attr-defined]
        for event in events
    )
    yield fed(ResponsesBody(), whole)
    yield fed(ResponsesStream(), stream)
    yield fed(bridge(openai_responses, stream=False), whole)
    yield fed(bridge(openai_responses, stream=True), stream)


def test_the_tier_and_the_cost_of_a_response_are_kept() -> None:
    for tally in responses_ways("priority", {"total_cost": 0.25}):
        assert (tally.service_tier, tally.provider_cost) == ("priority", 250_000_000)


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_odd_values_in_a_response_break_nothing(odd: Any) -> None:
    for tally in responses_ways(odd, odd):
        assert tally.usage is not None
        assert tally.service_tier in (None, "auto", "☃")


# --- Anthropic -----------------------------------------------------------------------------------


def anthropic_ways(tier: Any, speed: Any, geo: Any) -> Iterator[Tally]:
    usage = {
        "input_tokens": 1,
        "output_tokens": 2,
        "service_tier": tier,
        "speed": speed,
        "inference_geo": geo,
    }
    head = {"id": "a", "type": "message", "role": "assistant", "model": "m", "usage": usage}
    done = {"stop_reason": "end_turn", "content": [{"type": "text", "text": "x"}]}
    begun = {**head, "content": [], "stop_reason": None}
    delta = {"delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": begun},
        {"type": "message_delta", **delta},
        {"type": "message_stop"},
    ]
    stream = b"".join(
        b"event: " + event["type"].encode() + b"\ndata: " + json.dumps(event).encode() + b"\n\n"
        for event in events
    )
    whole = json.dumps({**head, **done}).encode()
    yield fed(AnthropicBody(), whole)
    yield fed(AnthropicStream(), stream)
    yield fed(bridge(anthropic, stream=False), whole)
    yield fed(bridge(anthropic, stream=True), stream)


def test_the_tier_speed_and_region_of_a_message_are_kept() -> None:
    for tally in anthropic_ways("batch", "fast", "us"):
        assert (tally.service_tier, tally.speed, tally.inference_geo) == ("batch", "fast", "us")


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_odd_values_in_a_message_break_nothing(odd: Any) -> None:
    for tally in anthropic_ways(odd, odd, odd):
        assert tally.usage is not None
        assert {tally.service_tier, tally.speed, tally.inference_geo} <= {None, "☃"}


# --- Gemini --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("tier", "kept"), [("standard", "standard"), (7, None), ({}, None), (None, None)])
def test_the_tier_of_gemini_is_kept(tier: Any, kept: str | None) -> None:
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 2, "serviceTier": tier}
    candidate = {"content": {"parts": [{"text": "x"}], "role": "model"}, "finishReason": "STOP", "index": 0}
    whole = json.dumps({"candidates": [candidate], "usageMetadata": usage, "responseId": "r"}).encode()
    stream = b"data: " + whole + b"\r\n\r\n"
    for tally in (
        fed(GeminiBody(), whole),
        fed(GeminiStream(), stream),
        fed(bridge(gemini, stream=False), whole),
        fed(bridge(gemini, stream=True), stream),
    ):
        assert tally.service_tier == kept
        assert tally.usage is not None


# --- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cost", "nano"),
    [
        (1e-9, 1),
        (1.5e-9, 2),
        (2.5e-9, 2),
        (0.1 + 0.2, 300_000_000),
        (1_000_000, 10**15),
        (1_000_001, None),
        (-0.1, None),
        (float("nan"), None),
        (float("inf"), None),
        (10**400, None),
        ("0.1", None),
        (True, None),
        ({"total_cost": {"total_cost": 1}}, None),
    ],
)
def test_a_cost_is_a_whole_number_of_nano_dollars(cost: Any, nano: int | None) -> None:
    assert nano_usd(cost) == nano


def test_nothing_reported_is_none() -> None:
    assert served() is None
    assert served(7, [], "", None) is None


# --- recordings ----------------------------------------------------------------------------------


@needs_recordings
@pytest.mark.parametrize("provider", ["openrouter", "perplexity", "xai", "openai"])
def test_recorded_costs_and_tiers_are_kept(provider: str) -> None:
    found = 0
    for recording in recordings(provider, "chat", "chat_stream", path="/chat/completions", status=200):
        result = recording.body
        streams = result.lstrip().startswith((b"data:", b":", b"event:"))
        conduit = bridge(openai_chat, stream=streams)
        conduit.feed(result)
        conduit.close()
        cost = last_cost(result)
        if conduit.failure is not None or conduit.tally.usage is None:
            continue
        if cost is not None:
            assert conduit.tally.provider_cost == round(cost * 10**9), recording
            found += 1
        if b'"service_tier":"default"' in result.replace(b" ", b""):
            assert conduit.tally.service_tier == "default", recording
            found += 1
    if not found:
        pytest.skip(f"no recording of {provider} reports a cost or a tier")


def last_cost(body: bytes) -> Decimal | None:
    """The last cost in USD that an answer reports, read independently."""
    cost: Decimal | None = None
    for line in body.split(b"\n") if body.lstrip()[:1] != b"{" else [body]:
        if not line.startswith((b"data: {", b"{")) and body.lstrip()[:1] != b"{":
            continue
        answer = json.loads(line.removeprefix(b"data: "), parse_float=Decimal)
        usage = answer.get("usage") or {}
        result = usage.get("cost")
        result = result.get("total_cost") if isinstance(result, dict) else result
        ticks = usage.get("cost_in_usd_ticks")
        if result is not None:
            cost = Decimal(result)
        elif ticks is not None:
            cost = Decimal(ticks) / 10**10
    return cost


def test_the_pieces_do_not_matter() -> None:
    for pieces in splits(chat_stream("flex", 0.5)):
        conduit = StreamSplice(include_usage=True, reports_finish=True, choices=1)
        for piece in pieces:
            conduit.feed(piece)
        conduit.close()
        assert (conduit.tally.service_tier, conduit.tally.provider_cost) == ("flex", 500_000_000)
