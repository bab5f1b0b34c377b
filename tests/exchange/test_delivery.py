"""What reaches the client of providers that answer, refuse, fail, stall and break."""

import asyncio
import contextlib
import json as jsonlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from running import HELLO, Gateway
from simulator import Simulator, drop, html, json, never, nowhere, refusal, stream

from .answers import ANSWER, FIRST, LAST, SECOND, WHOLE, chunk


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        simulator.answer(json(ANSWER))
        yield simulator


def one(provider: Simulator, **settings: Any) -> Gateway:
    return Gateway({"sim": ("openai", f"{provider.url}/v1")}, **settings)


def two(first: str, second: Simulator, **settings: Any) -> Gateway:
    providers = {"a": ("openai_compatible", f"{first}/v1"), "b": ("openai_compatible", f"{second.url}/v1")}
    return Gateway(providers, more='[models."m"]\ncandidates = ["a/m", "b/m"]', **settings)


# --- answers -----------------------------------------------------------------------------------


async def test_a_plain_answer_arrives_as_the_provider_wrote_it(provider: Simulator) -> None:
    async with one(provider) as gateway:
        reply = await gateway.chat("sim/m-1", top_secret_extension={"kept": True})
    assert (reply.status, reply.json) == (200, ANSWER)
    assert provider.requests[0].path == "/v1/chat/completions"
    assert provider.requests[0].json == {"model": "m-1", **HELLO, "top_secret_extension": {"kept": True}}


async def test_the_answer_shows_who_gave_it(provider: Simulator) -> None:
    provider.answer(json(ANSWER, headers={"x-ratelimit-remaining-requests": "9"}))
    async with one(provider) as gateway:
        headers = (await gateway.chat("sim/m-1")).headers
    assert headers["x-tidegate-provider"] == "sim"
    assert headers["x-tidegate-model"] == "m-1"
    assert headers["x-tidegate-attempts"] == "1"
    assert headers["x-ratelimit-remaining-requests"] == "9"
    assert headers["x-request-id"].startswith("req_")


async def test_the_providers_key_goes_to_the_provider_and_the_clients_key_does_not(
    provider: Simulator,
) -> None:
    async with one(provider) as gateway:
        body = {"model": "sim/m-1", **HELLO}
        headers = {"authorization": "Bearer sk-client", "x-api-key": "sk-client", "cookie": "sk-client"}
        reply = await gateway.post("/v1/chat/completions", body, headers)
    assert provider.requests[0].headers["authorization"] == "Bearer sk-upstream-0123456789"
    assert "sk-client" not in str(provider.requests[0])
    assert b"sk-upstream" not in reply.body + str(reply.headers).encode()


async def test_a_model_name_that_no_header_can_hold_is_answered_all_the_same(provider: Simulator) -> None:
    async with one(provider) as gateway:
        reply = await gateway.chat("sim/mödel 🌊")
    assert reply.status == 200
    assert reply.headers["x-tidegate-model"] == "m?del ?"


async def test_a_stream_arrives_event_by_event(provider: Simulator) -> None:
    gate = asyncio.Event()
    provider.stream([FIRST, gate, SECOND, *LAST])
    async with one(provider) as gateway, gateway.open("sim/m-1", stream=True) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert await response.content.readany() == FIRST  # the second is not even sent yet
        gate.set()
        rest = await response.content.read()
    assert rest.startswith(SECOND)
    assert rest.endswith(b"data: [DONE]\n\n")


async def test_a_compressed_answer_is_unpacked(provider: Simulator) -> None:
    provider.answer(json(ANSWER, headers={"content-encoding": "gzip"}, compressed=True))
    async with one(provider) as gateway:
        reply = await gateway.chat("sim/m-1")
    assert reply.json == ANSWER


# --- errors before the first byte ----------------------------------------------------------------


async def test_a_providers_error_keeps_status_words_and_retry_after(provider: Simulator) -> None:
    provider.answer(refusal(429, "slow down", retry_after="7"))
    async with one(provider) as gateway:
        reply = await gateway.chat("sim/m-1")
        record = await gateway.record()
    assert (reply.status, reply.headers["retry-after"]) == (429, "7")
    assert "slow down" in reply.error["message"]
    assert (record["ended"], record["status"]) == ("failed", 429)


async def test_a_key_that_the_provider_repeats_is_concealed(provider: Simulator) -> None:
    words = "Incorrect API key provided: sk-upstream-0123456789. You can find yours at …"
    event = b'data: {"error":{"message":"bad key sk-upstream-0123456789"}}\n\n'
    provider.answer(refusal(401, words), stream([event]), stream([FIRST, event], gap_s=0.02))
    async with one(provider) as gateway:
        replies = [await gateway.chat("sim/m-1", stream=asked) for asked in (False, True, True)]
        records = gateway.records
    assert all(b"sk-upstream" not in reply.body and b"[concealed]" in reply.body for reply in replies)
    assert "sk-upstream" not in str(records)


KEY = "sk-upstream-0123456789"


@pytest.mark.parametrize("before", [0, 185, 195, 1985, 3990])
@pytest.mark.parametrize("field", ["message", "type", "code", "param"])
@pytest.mark.parametrize("door", ["/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/embeddings"])
async def test_a_key_is_concealed_in_every_field_also_where_it_is_cut(
    provider: Simulator, door: str, field: str, before: int
) -> None:
    error = {"message": "no", "type": "t", "code": "c", "param": "p", field: f"{'x' * before} {KEY}"}
    inner = {"error": {"message": "no", "metadata": {"raw": jsonlib.dumps({"error": error})}}}
    shapes = [{"error": error}, error, [{"error": error}], inner, {"detail": error}]
    limits = {"x-ratelimit-reset": KEY, "retry-after": KEY}
    provider.answer(*(json(shape, 400, limits) for shape in shapes))
    asked: dict[str, Any] = {"model": "sim/m-1", "input": "Hi"}
    if "chat" in door or "messages" in door:
        asked = {"model": "sim/m-1", **HELLO, "max_tokens": 9}
    async with one(provider) as gateway:
        for _ in shapes:
            reply = await gateway.post(door, asked)
            assert reply.status == 400
            assert b"sk-upstream" not in reply.body
            assert "sk-upstream" not in str(reply.headers)
        assert "sk-upstream" not in str(gateway.records)


@pytest.mark.parametrize("script", [html(502), html(503, ""), html(500, "x" * 5_000_000)])
async def test_an_error_page_stays_readable_and_bounded(provider: Simulator, script: Any) -> None:
    provider.answer(script)
    async with one(provider) as gateway:
        reply = await gateway.chat("sim/m-1")
    assert reply.status == script.status
    assert 0 < len(reply.error["message"]) < 4096


@pytest.mark.parametrize("asked", [{}, {"stream": True}])
async def test_a_redirect_is_an_error_and_not_followed(provider: Simulator, asked: dict[str, Any]) -> None:
    provider.answer(json({}, 307, {"location": f"{provider.url}/elsewhere"}))
    async with one(provider) as gateway:
        reply = await gateway.chat("sim/m-1", **asked)
    assert reply.status == 502
    assert len(provider.requests) == 1


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"<html>all is well</html>", b'{"object":"list"}', b"null"]
)
async def test_a_success_that_is_no_answer_is_an_error(provider: Simulator, body: bytes) -> None:
    provider.answer(json(body))
    async with one(provider) as gateway:
        reply = await gateway.chat("sim/m-1")
    assert reply.status == 502
    assert reply.error["code"] == "provider_broke"


@pytest.mark.parametrize("asked", [{}, {"stream": True}])
async def test_a_provider_that_is_not_there_is_named_unreachable(asked: dict[str, Any]) -> None:
    async with Gateway({"sim": ("openai_compatible", nowhere())}) as gateway:
        reply = await gateway.chat("sim/m-1", **asked)
    assert reply.status == 502
    assert reply.error["code"] == "provider_unreachable"


async def test_a_short_answer_is_an_error(provider: Simulator) -> None:
    provider.answer(json(ANSWER, declares=10_000, ending="close"))
    async with one(provider) as gateway:
        reply = await gateway.chat("sim/m-1")
    assert (reply.status, reply.error["code"]) == (502, "provider_broke")


async def test_an_error_inside_a_stream_before_any_content_has_a_status(provider: Simulator) -> None:
    provider.stream([b'data: {"error":{"message":"no capacity","type":"server_error","code":503}}\n\n'])
    async with one(provider) as gateway:
        reply = await gateway.chat("sim/m-1", stream=True)
    assert reply.status >= 500
    assert reply.error["message"] == "no capacity"


# --- tries -------------------------------------------------------------------------------------


async def test_nobody_is_called_twice_unless_configured(provider: Simulator) -> None:
    provider.answer(refusal(500))
    async with one(provider) as gateway:
        await gateway.chat("sim/m-1")
    assert len(provider.requests) == 1


async def test_a_failure_of_the_provider_is_tried_again_as_often_as_configured(provider: Simulator) -> None:
    provider.answer(refusal(500, ending="close"), drop(), json(ANSWER))
    async with one(provider, routing="retries = 2") as gateway:
        reply = await gateway.chat("sim/m-1")
        record = await gateway.record()
    assert (reply.status, reply.headers["x-tidegate-attempts"]) == (200, "3")
    assert [attempt["status"] for attempt in record["attempts"]] == [500, 502]


@pytest.mark.parametrize("status", [400, 401, 404, 422, 429])
async def test_a_refusal_is_not_tried_again(provider: Simulator, status: int) -> None:
    provider.answer(refusal(status))
    async with one(provider, routing="retries = 3") as gateway:
        reply = await gateway.chat("sim/m-1")
    assert reply.status == status
    assert len(provider.requests) == 1


@pytest.mark.parametrize(
    "script", [refusal(500), refusal(429, retry_after="30"), refusal(401), drop(), html(503)]
)
async def test_what_one_provider_fails_at_another_does(provider: Simulator, script: Any) -> None:
    async with Simulator() as broken:
        broken.answer(script)
        async with two(broken.url, provider) as gateway:
            reply = await gateway.chat("m")
    assert (reply.status, reply.headers["x-tidegate-provider"]) == (200, "b")
    assert reply.headers["x-tidegate-attempts"] == "2"


async def test_what_the_request_itself_caused_is_not_tried_elsewhere(provider: Simulator) -> None:
    async with Simulator() as strict:
        strict.answer(refusal(400, "temperature is too high"))
        async with two(strict.url, provider) as gateway:
            reply = await gateway.chat("m")
    assert reply.status == 400
    assert provider.requests == []


async def test_when_all_fail_the_first_failure_is_reported(provider: Simulator) -> None:
    provider.answer(refusal(503, "b is down"))
    async with two(nowhere(), provider) as gateway:
        reply = await gateway.chat("m")
        record = await gateway.record()
    assert reply.error["code"] == "provider_unreachable"
    assert [attempt["provider"] for attempt in record["attempts"]] == ["a", "b"]


async def test_after_the_first_byte_there_is_no_other_try(provider: Simulator) -> None:
    async with Simulator() as broken:
        broken.stream([FIRST, SECOND], cut_at=len(FIRST) + 20)
        async with two(broken.url, provider, routing="retries = 3") as gateway:
            reply = await gateway.chat("m", stream=True)
    assert reply.text == "Hel"
    assert (len(broken.requests), len(provider.requests)) == (1, 0)


# --- streams that break ---------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["close", "reset"])
async def test_a_stream_that_is_cut_ends_in_an_error_event(provider: Simulator, ending: str) -> None:
    provider.stream(WHOLE, gap_s=0.02, cut_at=len(FIRST) + len(SECOND) - 9, ending=ending)
    async with one(provider) as gateway:
        reply = await gateway.chat("sim/m-1", stream=True)
        record = await gateway.record()
    assert reply.text == "Hel"
    assert "error" in reply.chunks[-1]
    assert not any(choice["finish_reason"] for chunk in reply.chunks for choice in chunk.get("choices", []))
    assert record["ended"] == "provider_broke"


async def test_a_stream_without_a_finish_is_an_error_and_not_a_stop(provider: Simulator) -> None:
    provider.stream([FIRST, SECOND, b"data: [DONE]\n\n"], gap_s=0.02)
    async with one(provider) as gateway:
        reply = await gateway.chat("sim/m-1", stream=True)
    assert reply.text == "Hello"
    assert reply.chunks[-1]["error"]["code"] == "provider_broke"


async def test_an_error_event_reaches_the_client_after_the_content_so_far(provider: Simulator) -> None:
    provider.stream(
        [FIRST, SECOND, b'data: {"error":{"message":"it burns","type":"server_error"}}\n\n'], gap_s=0.02
    )
    async with one(provider) as gateway:
        reply = await gateway.chat("sim/m-1", stream=True)
    assert reply.text == "Hello"
    assert reply.chunks[-1]["error"]["message"] == "it burns"


# --- time --------------------------------------------------------------------------------------


async def test_a_stream_that_does_not_begin_in_time_is_a_504(provider: Simulator) -> None:
    provider.answer(never())
    async with one(provider, routing="retries = 0\nfirst_byte_s = 0.3") as gateway:
        reply = await gateway.chat("sim/m-1", stream=True)
    assert (reply.status, reply.error["code"]) == (504, "provider_timeout")
    await asyncio.wait_for(provider.requests[0].closed.wait(), 5)


async def test_a_provider_that_does_not_begin_in_time_is_replaced_by_the_next(provider: Simulator) -> None:
    provider.stream(WHOLE)
    async with Simulator() as silent:
        silent.answer(never())
        async with two(silent.url, provider, routing="retries = 3\nfirst_byte_s = 1") as gateway:
            reply = await gateway.chat("m", stream=True)
    assert reply.text == "Hello"
    assert len(silent.requests) == 1


async def test_a_stream_that_falls_silent_ends_in_an_error_event(provider: Simulator) -> None:
    provider.stream(WHOLE, cut_at=len(FIRST), ending="hang")
    async with one(provider, routing="retries = 0\nidle_s = 0.3") as gateway:
        reply = await gateway.chat("sim/m-1", stream=True)
    assert reply.text == "Hel"
    assert reply.chunks[-1]["error"]["code"] == "provider_timeout"
    await asyncio.wait_for(provider.requests[0].closed.wait(), 5)


async def test_a_plain_answer_may_take_longer_than_a_first_byte(provider: Simulator) -> None:
    provider.answer(json(ANSWER, head_after=1.0))
    async with one(provider, routing="retries = 0\nfirst_byte_s = 0.3\nidle_s = 0.3") as gateway:
        reply = await gateway.chat("sim/m-1")
    assert reply.status == 200


@pytest.mark.parametrize("asked", [{}, {"stream": True}])
async def test_the_deadline_ends_everything_and_tries_nothing_more(
    provider: Simulator, asked: dict[str, Any]
) -> None:
    provider.answer(never())
    async with one(provider, routing="retries = 3\ndeadline_s = 0.4") as gateway:
        reply = await gateway.chat("sim/m", **asked)
    assert (reply.status, reply.error["code"]) == (504, "deadline_exceeded")
    assert len(provider.requests) == 1


@pytest.mark.parametrize("asked", [{}, {"stream": True}])
async def test_a_candidate_that_hangs_leaves_time_for_the_next(
    provider: Simulator, asked: dict[str, Any]
) -> None:
    if asked:
        provider.stream(WHOLE)
    async with Simulator() as silent:
        silent.answer(never())
        async with two(silent.url, provider, routing="retries = 3\ndeadline_s = 2") as gateway:
            reply = await gateway.chat("m", **asked)
            record = await gateway.record()
    assert (reply.status, reply.headers["x-tidegate-attempts"]) == (200, "2")
    assert [(one["provider"], one["status"]) for one in record["attempts"]] == [("a", 504)]


# --- clients that leave or are slow ------------------------------------------------------------------


@pytest.mark.parametrize("asked", [{}, {"stream": True}])
async def test_a_client_that_leaves_before_the_answer_ends_the_providers_request(
    provider: Simulator, asked: dict[str, Any]
) -> None:
    provider.answer(never())
    async with one(provider) as gateway:
        task = asyncio.create_task(gateway.chat("sim/m-1", **asked))
        seen = await provider.seen()
        left = asyncio.get_running_loop().time()
        task.cancel()
        assert await seen.closed_after(left) < 30  # the promise is a second; a test only needs an end
        record = await gateway.record()
    assert (record["ended"], record["status"]) == ("client_left", 499)


async def test_a_client_that_leaves_in_mid_stream_ends_the_providers_request(provider: Simulator) -> None:
    provider.stream([FIRST, *[SECOND] * 10_000], gap_s=0.01)
    async with one(provider) as gateway:
        async with gateway.open("sim/m-1", stream=True) as response:
            await response.content.readany()
            response.close()
        await (await provider.seen()).closed.wait()
        record = await gateway.record()
    assert record["ended"] == "client_left"


async def test_a_slow_client_slows_the_provider_down(provider: Simulator) -> None:
    piece = chunk({"content": "x" * 60_000})
    provider.stream([FIRST, *[piece] * 2_000, *LAST])
    async with one(provider) as gateway, gateway.open("sim/m-1", stream=True) as response:
        seen = await provider.seen()
        stopped_at = await provider.settled(seen)
        assert stopped_at < 2_000 * len(piece) / 2
        size = 0
        async for data in response.content.iter_any():
            size += len(data)
    assert size >= 2_000 * len(piece)


@pytest.mark.parametrize("door", ["/v1/chat/completions", "/v1/responses", "/v1/messages"])
@pytest.mark.parametrize("asked", [{}, {"stream": True}])
async def test_a_client_that_stops_reading_is_dropped_and_recorded(
    provider: Simulator, door: str, asked: dict[str, Any]
) -> None:
    text = "x" * 60_000
    if asked:
        provider.stream([FIRST, *[chunk({"content": text})] * 2_000, *LAST])
    else:
        message = {"role": "assistant", "content": text * 400}
        provider.answer(json({**ANSWER, "choices": [{**ANSWER["choices"][0], "message": message}]}))
    more = {"max_tokens": 9} if door == "/v1/messages" else {}
    body = {"model": "sim/m", **(HELLO if door != "/v1/responses" else {"input": "Hello"}), **more, **asked}
    async with one(provider, server="write_s = 0.3") as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port, limit=1024)
        writer.write(
            f"POST {door} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            f"content-length: {len(jsonlib.dumps(body))}\r\n\r\n{jsonlib.dumps(body)}".encode()
        )
        await reader.readline()  # and nothing more
        record = await gateway.record()
        writer.close()
        if asked:  # a plain answer has been read whole: its connection stays with the pool
            await (await provider.seen()).closed.wait()
    assert (record["ended"], record["status"]) == ("client_left", 200)


async def test_a_body_that_drips_knows_the_deadline(provider: Simulator) -> None:
    async with one(provider, routing="deadline_s = 0.6", server="body_s = 5") as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\n"
        )

        async def drip() -> None:
            with contextlib.suppress(ConnectionError):
                while True:
                    writer.write(b" ")
                    await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        try:
            assert b" 408 " in await reader.readline()
        finally:
            dripping.cancel()
            writer.close()
        record = await gateway.record()
    assert (record["ended"], record["status"]) == ("refused", 408)
