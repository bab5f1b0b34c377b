"""Connections are used again, never with anything of another request on them."""

import asyncio

import pytest

from byte_server import HEADERS, OK, Peer, always, ask, opened, plain, serving
from tidegate.http.errors import AnswerCut, BadAnswer, ServerDisconnected

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
ALIEN = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nALIEN"


async def test_one_connection_serves_one_request_after_the_other() -> None:
    async with serving(always()) as server, opened() as client:
        assert [await ask(client, server) for _ in range(5)] == [(200, b"abc")] * 5
    assert len(server.peers) == 1


async def test_requests_at_the_same_time_have_connections_of_their_own() -> None:
    async with serving(always()) as server, opened() as client:
        answers = await asyncio.gather(*(ask(client, server) for _ in range(20)))
        assert answers == [(200, b"abc")] * 20
        assert len(server.peers) == 20
        await ask(client, server)
    assert len(server.peers) == 20


async def test_the_request_is_written_for_its_address() -> None:
    async with serving(always()) as server, opened() as client:
        await client.post(server.address("/v1/x?api-version=1"), HEADERS, b"{}", 5)
        head = server.peers[0].heads[0]
    assert head == (
        b"POST /v1/x?api-version=1 HTTP/1.1\r\nhost: 127.0.0.1:%d\r\n"
        b"content-type: application/json\r\ncontent-length: 2\r\n\r\n" % server.port
    )


async def test_a_get_has_no_body() -> None:
    async with serving(always()) as server, opened() as client:
        response = await client.get(server.address("/models"), HEADERS, 5)
        assert response.take() == b"abc"
        assert server.peers[0].heads[0].startswith(b"GET /models HTTP/1.1\r\nhost: ")
        assert b"content-length" not in server.peers[0].heads[0]


@pytest.mark.parametrize("ending", [b"connection: close\r\n", b"Connection: keep-alive, Close\r\n"])
async def test_a_connection_that_ends_is_not_used_again(ending: bytes) -> None:
    answer = OK.replace(b"\r\n\r\n", b"\r\n" + ending + b"\r\n")
    async with serving(always(answer)) as server, opened() as client:
        assert [await ask(client, server) for _ in range(2)] == [(200, b"abc")] * 2
    assert len(server.peers) == 2


# --- what nobody requested ---------------------------------------------------------------------

EXCESS = {
    "a whole answer": ALIEN,
    "the head of one": ALIEN[:-5],
    "the start of one": b"HTTP/1.1 2",
    "one byte": b"H",
    "no HTTP": b"\x00\xff{}",
    "a timeout": b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
    "informational": b"HTTP/1.1 103 Early Hints\r\n\r\n",
    "several answers": ALIEN * 5,
    "informational and an answer": b"HTTP/1.1 100 Continue\r\n\r\n" + ALIEN,
    "an empty line and an answer": b"\r\n" + ALIEN,
}


@pytest.mark.parametrize("excess", EXCESS.values(), ids=EXCESS)
@pytest.mark.parametrize("moment", ["same packet", "idle", "unread"])
@pytest.mark.parametrize(
    "first", [OK, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"]
)
async def test_what_nobody_requested_reaches_nobody(first: bytes, moment: str, excess: bytes) -> None:
    may_send = asyncio.Event()
    has_sent = asyncio.Event()

    async def intrude(peer: Peer) -> None:
        await peer.request()
        if moment == "same packet":
            await peer.send(first + excess)
        else:
            await peer.send(first)
            await may_send.wait()
            await peer.send(excess)
        has_sent.set()
        await peer.reader.read()

    async with serving(intrude, always()) as server, opened() as client:
        assert await ask(client, server) == (200, b"abc")
        may_send.set()
        if moment == "idle":
            await asyncio.wait_for(server_sees_close(server.peers[0]), 5)
        else:
            await has_sent.wait()
        assert await ask(client, server) == (200, b"abc")
        assert len(server.peers) == 2
        assert len(server.peers[0].heads) == 1


async def server_sees_close(peer: Peer) -> None:
    while not peer.reader.at_eof():
        await asyncio.sleep(0.005)


async def test_an_idle_connection_that_the_server_closes_is_forgotten() -> None:
    async with serving(plain(OK), always()) as server, opened() as client:
        await ask(client, server)
        (route,) = client._routes.values()
        while route.idle:
            await asyncio.sleep(0.005)
        assert await ask(client, server) == (200, b"abc")
    assert [len(peer.heads) for peer in server.peers] == [1, 1]


async def test_connections_that_were_idle_for_long_are_closed() -> None:
    async with serving(always()) as server, opened() as client:
        await asyncio.gather(*(ask(client, server) for _ in range(3)))
        (route,) = client._routes.values()
        newest = list(route.idle)[-1]
        for connection in route.idle:
            connection.idle_since -= 0 if connection is newest else 60
        client._sweep()
        assert list(route.idle) == [newest]


# --- connections that die ----------------------------------------------------------------------


def dies_at(requests: int, parting: bytes = b"", reset: bool = False):
    """Answers some requests, reads the next one, says a last word and is gone."""

    async def play(peer: Peer) -> None:
        for _ in range(requests):
            await peer.request()
            await peer.send(OK)
        await peer.request()
        await peer.send(parting)
        if reset:
            peer.reset()

    return play


@pytest.mark.parametrize("reset", [False, True])
async def test_a_used_connection_that_dies_without_a_byte_is_replaced_once(reset: bool) -> None:
    async with serving(dies_at(1, reset=reset), always()) as server, opened() as client:
        assert [await ask(client, server) for _ in range(2)] == [(200, b"abc")] * 2
        assert server.requests == 3


@pytest.mark.parametrize("reset", [False, True])
async def test_a_new_connection_that_dies_is_an_error(reset: bool) -> None:
    async with serving(dies_at(0, reset=reset), always()) as server, opened() as client:
        with pytest.raises(ServerDisconnected, match="closed before it answered"):
            await ask(client, server)
        assert server.requests == 1


async def test_the_replacement_is_not_replaced() -> None:
    async with serving(dies_at(1), dies_at(0), always()) as server, opened() as client:
        await ask(client, server)
        with pytest.raises(ServerDisconnected):
            await ask(client, server)
        assert server.requests == 3


@pytest.mark.parametrize(
    ("parting", "error"),
    [
        (b"H", ServerDisconnected),
        (b"HTTP/1.1 100 Continue\r\n\r\n", ServerDisconnected),
        (b"HTTP/1.1 200 OK\r\ncontent-le", ServerDisconnected),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\na", AnswerCut),
        (b"nonsense\r\n\r\n", BadAnswer),
    ],
)
async def test_after_a_byte_of_an_answer_nothing_is_sent_again(
    parting: bytes, error: type[Exception]
) -> None:
    async with serving(dies_at(1, parting), always()) as server, opened() as client:
        await ask(client, server)
        with pytest.raises(error):
            await ask(client, server)
        assert server.requests == 2


async def test_a_request_that_is_given_up_takes_its_connection_with_it() -> None:
    async def never(peer: Peer) -> None:
        await peer.request()
        await peer.reader.read()

    async with serving(never, always()) as server, opened() as client:
        asking = asyncio.create_task(ask(client, server))
        while not server.requests:
            await asyncio.sleep(0.005)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.wait_for(server_sees_close(server.peers[0]), 5)
        assert await ask(client, server) == (200, b"abc")


async def test_a_request_that_is_given_up_as_its_answer_completes_harms_no_other() -> None:
    answered = asyncio.Event()

    async def answer(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        answered.set()
        await always()(peer)

    async with serving(answer) as server, opened() as client:
        asking = asyncio.create_task(ask(client, server))
        await answered.wait()
        (route,) = client._routes.values()
        while not route.idle:  # the answer is complete, and the task has not run since
            await asyncio.sleep(0)
            if route.idle:
                asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert await ask(client, server) == (200, b"abc")
        assert len(server.peers) == 1


async def test_closing_the_client_closes_idle_connections() -> None:
    async with serving(always()) as server:
        async with opened() as client:
            await ask(client, server)
        await asyncio.wait_for(server_sees_close(server.peers[0]), 5)
