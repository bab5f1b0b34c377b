"""Order, limits and ends of a connection."""

import asyncio
import logging

import pytest

from tidegate.http.contract import ServerRequest
from tidegate.http.errors import ClientDisconnected
from tidegate.http.server import Limits

from .serving import Client, native

POST = b"POST %b HTTP/1.1\r\nhost: x\r\n"
NEXT = b"GET /next HTTP/1.1\r\nhost: x\r\n\r\n"
HASTY = Limits(head_s=0.2, idle_s=0.2, stall_s=0.3, linger_idle_s=0.2, linger_s=0.4, sweep_s=0.05)


@pytest.mark.parametrize("option", [b"", b"connection: close\r\n"], ids=["kept", "close"])
async def test_an_early_answer_arrives_in_100_of_100_tries(option: bytes) -> None:
    async with native() as port:
        for _ in range(100):
            client = await Client.connect(port)
            client.send(POST % b"/early" + option + b"content-length: 2000000\r\n\r\n")
            client.send(b"a" * 2_000_000)
            status, headers, body = await client.response()
            assert (status, headers["connection"], body) == (401, "close", b"no key")
            assert await client.rest() == b""
            client.close()


async def test_the_next_request_behind_an_early_answer_is_not_lost() -> None:
    async with native() as port:
        client = await Client.connect(port)
        for _ in range(100):
            client.send(POST % b"/early" + b"content-length: 3\r\n\r\nabc")
            status, headers, _ = await client.response()
            assert status == 401
            if "connection" in headers:  # the body came later than the answer: the client must connect anew
                assert await client.rest() == b""
                client.close()
                client = await Client.connect(port)
        client.close()


async def test_the_rest_of_a_refused_body_is_no_request() -> None:
    async with native() as port:
        client = await Client.connect(port)
        client.send(POST % b"/early" + b"content-length: 2000000\r\n\r\n")
        assert (await client.response())[0] == 401
        client.send(NEXT * 10_000)
        assert await client.rest() == b""
        client.close()


async def test_pipelined_requests_are_answered_in_order_and_their_number_is_bounded() -> None:
    async with native(limits=Limits(pipelined=64)) as port:
        client = await Client.connect(port)
        client.send(*(POST % b"/" + b"content-length: 4\r\n\r\n%04d" % number for number in range(2000)))
        bodies = []
        while True:
            _, headers, body = await client.response()
            bodies.append(int(body))
            if headers.get("connection") == "close":
                break
        assert bodies == list(range(len(bodies)))
        assert len(bodies) >= 64
        assert await client.rest() == b""
        client.close()


async def test_an_unread_body_stops_the_client_until_it_is_read() -> None:
    read = asyncio.Event()

    async def late(request: ServerRequest) -> None:
        await read.wait()
        size = 0
        while piece := await request.read():
            size += len(piece)
        request.respond(200, [], b"%d" % size)

    async with native(late) as port:
        client = await Client.connect(port)
        client.writer.transport.set_write_buffer_limits(high=1)  # type: ignore[attr-defined]
        client.send(POST % b"/" + b"content-length: 50000000\r\n\r\n", b"a" * 50_000_000)
        sent = asyncio.create_task(client.writer.drain())
        done, _ = await asyncio.wait([sent], timeout=0.3)
        assert not done, "a server that takes 50 MB that nobody reads keeps them in memory"
        read.set()
        await sent
        assert (await client.response())[2] == b"50000000"
        client.close()


async def test_a_client_that_does_not_read_stops_the_application_and_is_given_up() -> None:
    gone = asyncio.Event()

    async def endless(request: ServerRequest) -> None:
        request.start(200, [])
        try:
            while True:
                request.write(b"a" * 65536)
                if request.congested:
                    assert request.congested_since is not None
                    await request.drain()
        except ClientDisconnected:
            gone.set()

    async with native(endless, HASTY) as port:
        client = await Client.connect(port)
        client.send(NEXT)
        await gone.wait()
        client.close()


async def test_the_application_learns_that_its_client_has_left() -> None:
    arrived, left = asyncio.Event(), asyncio.Event()

    async def waiting(request: ServerRequest) -> None:
        request.on_disconnect = left.set
        arrived.set()
        await left.wait()
        assert request.disconnected
        request.respond(200, [], b"nobody reads this")

    async with native(waiting) as port:
        client = await Client.connect(port)
        client.send(NEXT, NEXT)
        await arrived.wait()
        client.close()
        await left.wait()


@pytest.mark.parametrize(
    "begun",
    [b"", b"\r\n", b"GET / HTTP/1.1\r\nx: ", NEXT + b"\r\n", NEXT + b"GET /"],
    ids=["silent", "blank", "head", "idle", "next head"],
)
async def test_a_silent_client_is_given_up(begun: bytes) -> None:
    async with native(limits=HASTY) as port:
        client = await Client.connect(port)
        client.send(begun)
        answer = await client.rest()
        assert answer.startswith(b"HTTP/1.1 200") is begun.startswith(NEXT)
        client.close()


@pytest.mark.parametrize(
    ("endless", "status"),
    [
        (b"x: " + b"a" * 1000 + b"\r\n", 431),
        (b"a" * 1000, 431),
    ],
    ids=["headers", "one name"],
)
async def test_an_endless_head_is_refused(endless: bytes, status: int) -> None:
    async with native() as port:
        client = await Client.connect(port)
        client.send(b"GET / HTTP/1.1\r\nhost: x\r\n", endless * 200)
        assert (await client.response())[0] == status
        client.close()


@pytest.mark.parametrize(
    "endless",
    [b"0\r\n" + b"x: y\r\n" * 200_000, b"3;" + b"a" * 1_000_000, b"0\r\nx: " + b"a" * 1_000_000],
    ids=["trailers", "an extension", "one trailer"],
)
async def test_endless_trailers_and_extensions_are_refused(endless: bytes) -> None:
    async with native() as port:
        client = await Client.connect(port)
        client.send(POST % b"/" + b"transfer-encoding: chunked\r\n\r\n", endless)
        assert (await client.response())[0] == 400
        client.close()


async def test_trailers_are_no_headers() -> None:
    seen: list[list[tuple[bytes, bytes]]] = []

    async def keep(request: ServerRequest) -> None:
        while await request.read():
            pass
        seen.append(request.headers)
        request.respond(200, [], b"")

    async with native(keep) as port:
        client = await Client.connect(port)
        client.send(
            POST % b"/", b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-api-key: k\r\n\r\n", NEXT
        )
        await client.response()
        await client.response()
        client.close()
    assert seen[0] == [(b"host", b"x"), (b"transfer-encoding", b"chunked")]
    assert seen[1] == [(b"host", b"x")]


async def test_a_body_is_requested_from_a_client_that_waits_for_that() -> None:
    async with native() as port:
        client = await Client.connect(port)
        client.send(POST % b"/", b"expect: 100-continue\r\ncontent-length: 3\r\n\r\n")
        assert (await client.response())[0] == 100
        client.send(b"abc")
        assert (await client.response())[::2] == (200, b"abc")
        client.close()


async def test_http_1_0_is_kept_alive_only_on_request() -> None:
    async with native() as port:
        client = await Client.connect(port)
        kept = b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n"
        client.send(kept)
        assert (await client.response())[1]["connection"] == "keep-alive"
        client.send(b"POST /stream HTTP/1.0\r\ncontent-length: 3\r\n\r\nabc")
        answer = await client.rest()
        assert answer.endswith(b"\r\n\r\nabc")
        assert b"transfer-encoding" not in answer
        client.close()


@pytest.mark.parametrize(
    ("first", "header"),
    [
        (b"", b"x: POST /stream HTTP/1.1\r\n"),
        (b"\r\n", b"x: HTTP/1.1\r\n"),
        (NEXT, b""),
        (POST % b"/" + b"content-length: 19\r\n\r\nPOST / HTTP/1.1\r\n..", b""),
    ],
    ids=["in a header", "after a blank line", "before it", "in the body before it"],
)
async def test_another_line_that_ends_in_1_1_makes_no_request_one_of_1_1(first: bytes, header: bytes) -> None:
    async with native() as port:
        client = await Client.connect(port)
        client.send(first + b"POST /stream HTTP/1.0\r\n" + header + b"content-length: 3\r\n\r\nabc")
        answers = await client.rest()
        assert answers.endswith(b"connection: close\r\n\r\nabc")
        client.close()


async def test_a_failing_application_is_a_500_and_the_log_shows_why(caplog: pytest.LogCaptureFixture) -> None:
    async with native() as port:
        client = await Client.connect(port)
        with caplog.at_level(logging.ERROR):
            client.send(POST % b"/raise" + b"content-length: 0\r\n\r\n", NEXT)
            assert (await client.response())[0] == 500
            assert (await client.response())[0] == 200
        client.close()
    assert "POST /raise failed in the application" in caplog.text


async def test_a_response_that_breaks_off_ends_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    async with native() as port:
        client = await Client.connect(port)
        client.send(POST % b"/break" + b"content-length: 0\r\n\r\n", NEXT)
        answer = await client.rest()
        client.close()
    assert answer.endswith(b"4\r\nhalf\r\n")
    assert answer.count(b"HTTP/1.1 ") == 1


async def test_a_malformed_body_ends_the_request_that_reads_it() -> None:
    async with native() as port:
        client = await Client.connect(port)
        client.send(POST % b"/", b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await asyncio.sleep(0.02)
        client.send(b"zz\r\n", NEXT)
        answer = await client.rest()
        client.close()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1
