"""Spans as a collector receives them, over sockets and in OTLP's own format."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from json import dumps
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from running import HELLO, Gateway
from simulator import Simulator, json, refusal, stream

MESSAGE = {"role": "assistant", "content": "Hi."}
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m-1",
    "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}


def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return (
        b"data: "
        + dumps({**ANSWER, "object": "chat.completion.chunk", "choices": [choice]}).encode()
        + b"\n\n"
    )


FIRST = chunk(MESSAGE)
WHOLE = [FIRST, chunk({}, "stop"), b"data: [DONE]\n\n"]
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
OK, CLIENT, SERVER, ERROR = 0, 3, 2, 2
KINDS = {2: "server", 3: "client"}


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def traced(
    stack: AsyncExitStack, *kinds: str, more: str = ""
) -> tuple[Gateway, Simulator, list[Simulator]]:
    """A gateway with these providers, in this order behind the name `m`, and its collector."""
    collector = await stack.enter_async_context(Simulator())
    collector.answer(json({}))
    providers = [await stack.enter_async_context(Simulator()) for _ in kinds]
    named = {
        f"p{place}": (kind, f"{one.url}/v1")
        for place, (kind, one) in enumerate(zip(kinds, providers, strict=True))
    }
    names = ", ".join(f'"{name}/m-1"' for name in named)
    lines = f'[models.m]\ncandidates = [{names}]\n[traces]\nendpoint = "{collector.url}"\n{more}'
    gateway = await stack.enter_async_context(Gateway(named, more=lines))
    return gateway, collector, providers


async def spans_of(gateway: Gateway, collector: Simulator) -> list[dict[str, Any]]:
    """All spans, once the gateway has stopped."""
    gateway.stop()
    await gateway.stopped()
    found = []
    for request in collector.requests:
        assert request.path == "/v1/traces"
        exported = ExportTraceServiceRequest.FromString(request.body)
        for resource in exported.resource_spans:
            named = {one.key: one.value.string_value for one in resource.resource.attributes}
            assert (named["service.name"], named["tidegate.schema"]) == ("tidegate", "gen_ai 2026-11")
            found += [read(span) for scope in resource.scope_spans for span in scope.spans]
    return found


def read(span: Any) -> dict[str, Any]:
    attributes = {one.key: value_of(one.value) for one in span.attributes}
    return {
        "name": span.name, "kind": KINDS[span.kind], "id": span.span_id.hex(), "trace": span.trace_id.hex(),
        "parent": span.parent_span_id.hex(), "ns": span.end_time_unix_nano - span.start_time_unix_nano,
        "failed": span.status.code == ERROR, "message": span.status.message, **attributes,
    }  # fmt: skip


def value_of(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return (
        [one.string_value for one in value.array_value.values]
        if kind == "array_value"
        else getattr(value, kind)
    )


async def test_a_request_is_a_span_with_one_for_each_attempt(stack: AsyncExitStack) -> None:
    gateway, collector, (first, second) = await traced(stack, "xai", "openai_compatible")
    first.answer(refusal(500))
    second.answer(json(ANSWER))
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=1"}
    reply = await gateway.post("/v1/chat/completions", {"model": "m", "max_tokens": 9, **HELLO}, headers)
    assert reply.status == 200
    spans = {
        span["name"] + span.get("tidegate.provider", ""): span for span in await spans_of(gateway, collector)
    }
    assert set(spans) == {"POST /v1/chat/completions", "chat m-1p0", "chat m-1p1"}
    request, failed, answered = (spans[one] for one in sorted(spans))
    assert {span["trace"] for span in spans.values()} == {TRACE}
    assert (request["kind"], request["parent"], failed["kind"]) == ("server", PARENT, "client")
    assert failed["parent"] == answered["parent"] == request["id"]
    assert request["tidegate.request_id"] == reply.headers["x-request-id"]
    assert (request["http.response.status_code"], request["tidegate.attempts"]) == (200, 2)
    assert not request["failed"]
    assert failed["failed"]
    assert (failed["gen_ai.provider.name"], failed["error.type"]) == ("x_ai", "simulated")
    assert answered["gen_ai.operation.name"] == "chat"
    assert answered["gen_ai.provider.name"] == "openai_compatible"
    assert (answered["gen_ai.usage.input_tokens"], answered["gen_ai.usage.output_tokens"]) == (3, 2)
    assert answered["gen_ai.response.finish_reasons"] == ["stop"]
    assert answered["gen_ai.request.max_tokens"] == 9
    assert request["ns"] >= answered["ns"] > 0
    assert "gen_ai.input.messages" not in answered
    # Each provider is told of the span of its attempt.
    passed_on = [one.requests[0].headers for one in (first, second)]
    assert [one["traceparent"] for one in passed_on] == [
        f"00-{TRACE}-{span['id']}-01" for span in (failed, answered)
    ]
    assert passed_on[0]["tracestate"] == "vendor=1"


async def test_a_stream_has_the_time_to_its_first_chunk_and_its_failure(stack: AsyncExitStack) -> None:
    gateway, collector, (provider,) = await traced(stack, "openai_compatible")
    provider.answer(stream(WHOLE), stream(WHOLE, cut_at=len(FIRST)))
    for _ in range(2):
        await gateway.chat("m", stream=True)
    complete, broken = [one for one in await spans_of(gateway, collector) if one["kind"] == "client"]
    assert complete["gen_ai.response.time_to_first_chunk"] > 0
    assert (complete["gen_ai.request.stream"], complete["failed"]) == (True, False)
    assert broken["failed"]
    assert "closed" in broken["message"] or "broke" in broken["message"]


async def test_a_refused_request_has_a_span_without_attempts(stack: AsyncExitStack) -> None:
    gateway, collector, _ = await traced(stack, "openai_compatible")
    assert (await gateway.post("/v1/chat/completions", {"model": "m"})).status == 400
    (span,) = await spans_of(gateway, collector)
    assert (span["error.type"], span["tidegate.ended"], span["failed"]) == ("refused", "refused", False)


async def test_contents_are_exported_only_if_allowed_and_bounded(stack: AsyncExitStack) -> None:
    gateway, collector, (provider,) = await traced(
        stack, "openai_compatible", more="content = true\ncontent_kb = 1"
    )
    provider.answer(json(ANSWER))
    for text in ("Hello", "x" * 100_000):
        await gateway.chat("m", messages=[{"role": "user", "content": text}])
    short, long = [one for one in await spans_of(gateway, collector) if one["kind"] == "client"]
    assert short["gen_ai.input.messages"] == '[{"role":"user","parts":[{"type":"text","content":"Hello"}]}]'
    assert (
        short["gen_ai.output.messages"] == '[{"role":"assistant","parts":[{"type":"text","content":"Hi."}]}]'
    )
    assert len(long["gen_ai.input.messages"]) <= 1024
    assert "xxx" in long["gen_ai.input.messages"]


async def test_what_is_not_sampled_is_passed_on_and_not_exported(stack: AsyncExitStack) -> None:
    gateway, collector, (provider,) = await traced(stack, "openai_compatible", more="sample = 0.0")
    provider.answer(json(ANSWER))
    await gateway.chat("m")
    assert await spans_of(gateway, collector) == []
    assert provider.requests[0].headers["traceparent"].endswith("-00")


async def test_no_key_of_anybody_is_in_a_span(stack: AsyncExitStack) -> None:
    gateway, collector, (provider,) = await traced(stack, "openai_compatible", more="content = true")
    provider.answer(refusal(401, message="wrong key sk-upstream-0123456789"))
    await gateway.post(
        "/v1/chat/completions", {"model": "m", **HELLO}, {"authorization": "Bearer sk-client-1"}
    )
    assert await spans_of(gateway, collector)
    exported = b"".join(one.body for one in collector.requests)
    assert b"sk-upstream" not in exported
    assert b"sk-client" not in exported


async def test_a_collector_that_is_away_delays_nobody(stack: AsyncExitStack) -> None:
    provider = await stack.enter_async_context(Simulator())
    provider.answer(json(ANSWER))
    named = {"p": ("openai_compatible", f"{provider.url}/v1")}
    gateway = await stack.enter_async_context(
        Gateway(named, more='[traces]\nendpoint = "http://127.0.0.1:9"')
    )
    for _ in range(3):
        assert (await gateway.chat("p/m")).status == 200


async def test_without_an_endpoint_no_header_is_added(stack: AsyncExitStack) -> None:
    provider = await stack.enter_async_context(Simulator())
    provider.answer(json(ANSWER))
    gateway = await stack.enter_async_context(Gateway({"p": ("openai_compatible", f"{provider.url}/v1")}))
    await gateway.post(
        "/v1/chat/completions", {"model": "p/m", **HELLO}, {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    )
    assert "traceparent" not in provider.requests[0].headers


FOREIGN = [{"role": "user", "content": [{"type": "a_part_of_tomorrow", "value": 1}]}]
"""What a provider of the same dialect may read, and Tidegate does not."""


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"model": "m"}, 400, id="refused before it is read"),
        pytest.param({"model": "m", "messages": FOREIGN}, 200, id="passed on unread"),
    ],
)
async def test_a_request_whose_contents_cannot_be_read_has_its_record_and_its_spans(
    stack: AsyncExitStack, body: dict[str, Any], status: int
) -> None:
    gateway, collector, (provider,) = await traced(stack, "openai_compatible", more="content = true")
    provider.answer(json(ANSWER))
    assert (await gateway.post("/v1/chat/completions", body)).status == status
    assert (await gateway.record())["status"] == status
    spans = await spans_of(gateway, collector)
    assert [one["http.response.status_code"] for one in spans if one["kind"] == "server"] == [status]


async def test_an_export_that_fails_costs_no_record(stack: AsyncExitStack) -> None:
    gateway, _, (provider,) = await traced(stack, "openai_compatible")
    provider.answer(json(ANSWER))

    class Broken:
        def export(self, spans: Any) -> None:
            raise RuntimeError("full")

        def close(self) -> None:
            pass

    gateway.app._tracer._exports = Broken()
    assert (await gateway.chat("m")).status == 200
    assert (await gateway.record())["ended"] == "complete"
