"""What is large, endless or early."""

import asyncio
import contextlib
import gc
import gzip
import os
import sys
import zlib

import pytest

from byte_server import BODY, HEADERS, OK, Peer, always, ask, opened, plain, serving, whole
from tidegate.http.client import Client
from tidegate.http.client_protocol import MAX_HEAD, MAX_HEADERS, MAX_INFORMATIONAL, READ_BUFFER
from tidegate.http.errors import AnswerCut, BadAnswer, HTTPError

H = b"HTTP/1.1 200 OK\r\n"


def forever(start: bytes, again: bytes):
    """Answers with something that does not end, until the client has had enough."""

    async def play(peer: Peer) -> None:
        await peer.request()
        await peer.send(start)
        while True:
            await peer.send(again)

    return play


ENDLESS = {
    "headers": (H, b"X-A: b\r\n" * 100),
    "one header": (H + b"X: ", b"x" * 1000),
    "a name": (H, b"x" * 1000),
    "a reason": (b"HTTP/1.1 200 ", b"x" * 1000),
    "100": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "103 with headers": (b"", b"HTTP/1.1 103 Hints\r\n" + b"Link: x\r\n" * 50 + b"\r\n"),
    "trailers": (H + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", b"X-A: b\r\n" * 100),
    "one trailer": (H + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: ", b"x" * 1000),
    "a chunk's extension": (H + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x" * 1000),
    "empty lines": (b"", b"\r\n" * 500),
}


@pytest.mark.parametrize("case", ENDLESS)
async def test_what_does_not_end_is_refused(case: str) -> None:
    async with serving(forever(*ENDLESS[case])) as server, opened() as client:
        with pytest.raises(BadAnswer):
            await ask(client, server)


@pytest.mark.parametrize(
    ("head", "good"),
    [
        (b"X: y\r\n" * (MAX_HEADERS - 1), True),
        (b"X: y\r\n" * MAX_HEADERS, False),
        (b"X: " + b"y" * (MAX_HEAD - 1000) + b"\r\n", True),
        (b"X: " + b"y" * MAX_HEAD + b"\r\n", False),
    ],
    ids=["many", "too many", "large", "too large"],
)
async def test_a_head_has_its_limits(head: bytes, good: bool) -> None:
    answer = H + head + b"content-length: 100000\r\n\r\n" + b"a" * 100_000
    async with serving(plain(answer)) as server, opened() as client:
        if good:
            assert await ask(client, server) == (200, b"a" * 100_000)
        else:
            with pytest.raises(BadAnswer, match="header"):
                await ask(client, server)


async def test_some_informational_answers_are_skipped() -> None:
    answer = b"HTTP/1.1 102 Processing\r\n\r\n" * MAX_INFORMATIONAL + OK
    async with serving(always(answer)) as server, opened() as client:
        assert [await ask(client, server) for _ in range(2)] == [(200, b"abc")] * 2
        assert len(server.peers) == 1


async def test_trailers_are_not_headers() -> None:
    answer = H + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nRetry-After: 1\r\n\r\n"
    async with serving(plain(answer)) as server, opened() as client:
        response = await client.post(server.address(), HEADERS, BODY, 5)
        assert await whole(response) == b"a"
        assert response.headers == [(b"transfer-encoding", b"chunked")]


async def test_headers_have_names_in_lower_case_and_values_without_blanks() -> None:
    answer = H + b"X-Ratelimit-Limit: \t 9 \t\r\nEmpty:\r\nContent-Length: 0\r\n\r\n"
    async with serving(plain(answer)) as server, opened() as client:
        response = await client.post(server.address(), HEADERS, BODY, 5)
    assert response.headers == [(b"x-ratelimit-limit", b"9"), (b"empty", b""), (b"content-length", b"0")]


# --- streams -----------------------------------------------------------------------------------


async def test_a_body_comes_as_it_is_sent() -> None:
    gate = asyncio.Event()

    async def play(peer: Peer) -> None:
        await peer.request()
        await peer.send(H + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        await gate.wait()
        await peer.send(b"1\r\nb\r\n0\r\n\r\n")

    async with serving(play) as server, opened() as client:
        response = await client.post(server.address(), HEADERS, BODY, 5)
        assert not response.complete
        assert response.take() is None
        assert await response.read_any() == b"a"
        gate.set()
        assert [await response.read_any(), await response.read_any()] == [b"b", b""]
        assert response.complete


async def test_what_has_arrived_whole_is_taken_whole() -> None:
    async with serving(always()) as server, opened() as client:
        response = await client.post(server.address(), HEADERS, BODY, 5)
        assert (response.complete, response.take()) == (True, b"abc")


async def test_what_arrived_before_a_cut_is_read_before_the_error() -> None:
    async with serving(plain(H + b"content-length: 9\r\n\r\nabc")) as server, opened() as client:
        response = await client.post(server.address(), HEADERS, BODY, 5)
        assert await response.read_any() == b"abc"
        with pytest.raises(AnswerCut, match=r"127\.0\.0\.1:\d+: the answer was cut off"):
            await response.read_any()


@pytest.mark.parametrize(
    "end", [b"content-length: 1\r\n\r\na", b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"]
)
async def test_a_complete_answer_stays_complete_when_the_connection_dies(end: bytes) -> None:
    async def play(peer: Peer) -> None:
        await peer.request()
        await peer.send(H + end)
        peer.reset()

    async with serving(play) as server, opened() as client:
        response = await client.post(server.address(), HEADERS, BODY, 5)
        (route,) = client._routes.values()
        while route.idle:  # notices the end
            await asyncio.sleep(0.005)
        assert await whole(response) == b"a"


async def test_a_slow_reader_slows_the_server_down() -> None:
    size = 64 * 1024 * 1024
    sent = 0

    async def play(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.send(H + b"content-length: %d\r\n\r\n" % size)
        piece = b"x" * 65536
        while sent < size:
            await peer.send(piece)
            sent += len(piece)

    async with serving(play) as server, opened() as client:
        response = await client.post(server.address(), HEADERS, BODY, 5)
        before = -1
        while before != sent or not sent:
            before = sent
            await asyncio.sleep(0.2)
        assert sent < size / 2
        assert response.size <= 2 * READ_BUFFER
        assert len(await whole(response)) == size


async def test_a_held_connection_is_read_again_after_its_answer() -> None:
    answer = H + b"content-length: %d\r\n\r\n" % (READ_BUFFER + 1) + b"x" * (READ_BUFFER + 1)
    async with serving(plain(answer, OK), always()) as server, opened() as client:
        await ask(client, server)
        assert await ask(client, server) == (200, b"abc")
        (route,) = client._routes.values()
        while route.idle:  # notices that the server closed it
            await asyncio.sleep(0.005)


# --- large requests ----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [65_536, 65_537, 1_048_576, 1_048_577, 20_000_000])
async def test_a_body_arrives_whole(size: int) -> None:
    body = os.urandom(size)
    async with serving(always()) as server, opened() as client:
        assert [await ask(client, server, body) for _ in range(2)] == [(200, b"abc")] * 2
        assert server.peers[0].bodies == [body, body]


@pytest.mark.parametrize(
    ("size", "ending"), [(500_000, "close"), (20_000_000, "close"), (20_000_000, "keep")]
)
async def test_a_refusal_is_read_though_the_body_was_not(size: int, ending: str) -> None:
    async def refuse(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 5\r\n\r\nlarge")
        if ending == "keep":
            await asyncio.Event().wait()

    async with serving(refuse) as server, opened() as client:
        for _ in range(20):
            assert await ask(client, server, b"x" * size) == (413, b"large")
        assert [len(peer.heads) for peer in server.peers] == [1] * 20


async def test_a_good_answer_that_begins_early_has_the_rest_of_the_body_sent() -> None:
    async def play(peer: Peer) -> None:
        head = await peer.head()
        assert b"content-length: 20000000" in head
        await peer.send(H + b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n")
        peer.bodies.append(await peer.reader.readexactly(20_000_000))
        await peer.send(b"1\r\nb\r\n0\r\n\r\n")

    async with serving(play) as server, opened() as client:
        assert await ask(client, server, b"x" * 20_000_000) == (200, b"ab")


async def test_while_a_large_body_is_sent_other_requests_are_served() -> None:
    may_read = asyncio.Event()

    async def slow(peer: Peer) -> None:
        await peer.head()
        await may_read.wait()
        await peer.reader.readexactly(50_000_000)
        await peer.send(OK)

    async with serving(slow, always()) as server, opened() as client:
        large = asyncio.create_task(ask(client, server, b"x" * 50_000_000))
        while not server.requests:
            await asyncio.sleep(0.005)
        assert await ask(client, server) == (200, b"abc")
        may_read.set()
        assert await large == (200, b"abc")


# --- encodings ---------------------------------------------------------------------------------

TEXT = b'{"answer": "' + b"yes " * 1000 + b'"}'


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


ENCODED = {
    "gzip": gzip.compress(TEXT, mtime=0),
    "x-gzip": gzip.compress(TEXT, mtime=0),
    "GZIP": gzip.compress(TEXT, mtime=0),
    "deflate": zlib.compress(TEXT),
    "Deflate": raw_deflate(TEXT),
    "identity": TEXT,
    " gzip ": gzip.compress(TEXT[:50]) + gzip.compress(TEXT[50:]),
}


def encoded(encoding: str, data: bytes) -> bytes:
    return H + b"content-encoding: %b\r\ncontent-length: %d\r\n\r\n%b" % (encoding.encode(), len(data), data)


@pytest.mark.parametrize("encoding", ENCODED)
@pytest.mark.parametrize("piece", [1, 7, 1_000_000])
async def test_an_encoding_that_nobody_requested_is_decoded(encoding: str, piece: int) -> None:
    data = encoded(encoding, ENCODED[encoding])

    async def play(peer: Peer) -> None:
        await peer.request()
        for at in range(0, len(data), piece):
            await peer.send(data[at : at + piece])
            await asyncio.sleep(0)

    async with serving(play) as server, opened() as client:
        assert await ask(client, server) == (200, TEXT)


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("br", b"\x0b\x02\x80hello\x03"),
        ("zstd", b"(\xb5/\xfd"),
        ("gzip, gzip", gzip.compress(gzip.compress(TEXT, mtime=0), mtime=0)),
        ("gzip", TEXT),
        ("gzip", gzip.compress(TEXT, mtime=0)[:-1]),
        ("gzip", gzip.compress(TEXT, mtime=0)[:30]),
        ("gzip", gzip.compress(TEXT, mtime=0) + b"behind"),
        ("deflate", zlib.compress(TEXT)[:-1]),
        ("deflate", zlib.compress(TEXT) + b"behind"),
        ("deflate", b"\xff\xff\xff"),
    ],
)
async def test_a_body_that_cannot_be_decoded_is_an_error(encoding: str, data: bytes) -> None:
    async with serving(always(encoded(encoding, data))) as server, opened() as client:
        response = await client.post(server.address(), HEADERS, BODY, 5)
        assert (response.status, response.take()) == (200, None)
        with pytest.raises(BadAnswer):
            await whole(response)


async def test_an_empty_body_needs_no_decoding() -> None:
    async with serving(always(encoded("gzip", b""))) as server, opened() as client:
        assert await ask(client, server) == (200, b"")


async def test_a_bomb_is_unpacked_piece_by_piece() -> None:
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join(packer.compress(bytes(1_000_000)) for _ in range(300)) + packer.flush()
    async with serving(always(encoded("gzip", bomb))) as server, opened() as client:
        response = await client.post(server.address(), HEADERS, BODY, 5)
        sizes = [len(await response.read_any()) for _ in range(100)]
        response.close()
    assert max(sizes) <= READ_BUFFER
    assert sum(sizes) > 10_000_000


# --- memory ------------------------------------------------------------------------------------


def holders(bodies: list[bytes]) -> list[int]:
    """How many references there are to each."""
    return [sys.getrefcount(body) for body in bodies]


FAILURES = {
    "500": b"HTTP/1.1 500 X\r\ncontent-length: 2\r\n\r\n{}",
    "reset": b"",
    "nonsense": b"nonsense\r\n\r\n",
    "cut": b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}",
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_failed_request_leaves_its_body_to_nobody(failure: str) -> None:
    async def attempt(client: Client, body: bytes) -> None:
        with contextlib.suppress(HTTPError):
            await ask(client, server, body)

    bodies = [b"%d" % number * 2_000_000 for number in range(40)]
    before = holders(bodies)
    gc.collect()
    gc.disable()  # what only the collector frees stays
    try:
        async with serving(plain(FAILURES[failure])) as server, opened() as client:
            for body in bodies:
                await attempt(client, body)
            del body
            server.peers.clear()
            while len(asyncio.all_tasks()) > 1:
                await asyncio.sleep(0.005)
            assert holders(bodies) == before
    finally:
        gc.enable()


async def test_a_request_leaves_no_circles() -> None:
    async with serving(always()) as server, opened() as client:
        for _ in range(3):
            await ask(client, server)
        gc.collect()
        gc.disable()
        try:
            for _ in range(50):
                response = await client.post(server.address(), HEADERS, BODY, 5)
                response.take()
                response.close()
            del response
            await asyncio.sleep(0)
            kinds = [type(one).__name__ for one in gc.get_objects()]
            assert kinds.count("Response") == 0
        finally:
            gc.enable()
