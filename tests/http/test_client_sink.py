"""Answers that are passed on as they arrive (`Response.read_into`)."""

import gzip

import pytest

from byte_server import BODY, HEADERS, Peer, opened, serving
from tidegate.http.errors import AnswerCut

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def passed(*pieces: bytes, room: int = 1000) -> tuple[list[bytes], list[bool]]:
    """What a sink got of an answer, and what `read_into` returned, as often as it takes to see the end.

    Each piece is sent when the one before it has arrived; after `room` pieces the sink takes no more.
    """
    got: list[bytes] = []
    ended: list[bool] = []

    def sink(data: bytes) -> bool:
        got.append(data)
        return len(got) % room != 0

    async def play(peer: Peer) -> None:
        await peer.request()
        for piece in pieces:
            await peer.send(piece)

    async with serving(play) as server, opened() as client:
        response = await client.post(server.address(), HEADERS, BODY, 5)
        try:
            while not ended or not ended[-1]:
                ended.append(await response.read_into(sink))
        finally:
            response.close()
    return got, ended


async def test_a_sink_gets_all_and_learns_of_the_end() -> None:
    got, ended = await passed(CHUNKED, b"1\r\na\r\n", b"2\r\nbc\r\n", b"0\r\n\r\n")
    assert (b"".join(got), ended) == (b"abc", [True])


async def test_chunks_that_arrive_together_are_passed_together() -> None:
    got, _ = await passed(CHUNKED + b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n")
    assert got == [b"abc"]


async def test_a_sink_that_is_full_stops_the_reading() -> None:
    got, ended = await passed(CHUNKED, b"1\r\na\r\n", b"2\r\nbc\r\n", b"0\r\n\r\n", room=1)
    assert b"".join(got) == b"abc"
    assert ended == [*[False] * len(got), True]


async def test_what_is_compressed_arrives_decoded() -> None:
    body = gzip.compress(b"abc" * 100)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    got, ended = await passed(head + body[:10], body[10:])
    assert (b"".join(got), ended) == (b"abc" * 100, [True])


async def test_a_cut_answer_is_passed_as_far_as_it_came() -> None:
    got: list[bytes] = []

    async def play(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + b"1\r\na\r\n")

    def sink(data: bytes) -> bool:
        got.append(data)
        return True

    async with serving(play) as server, opened() as client:
        response = await client.post(server.address(), HEADERS, BODY, 5)
        with pytest.raises(AnswerCut):
            await response.read_into(sink)
    assert got == [b"a"]


async def test_an_error_of_the_sink_reaches_the_reader() -> None:
    def sink(data: bytes) -> bool:
        raise LookupError(data)

    async def play(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED)
        await peer.send(b"1\r\na\r\n")
        await peer.request()

    async with serving(play) as server, opened() as client:
        response = await client.post(server.address(), HEADERS, BODY, 5)
        with pytest.raises(LookupError):
            await response.read_into(sink)
        response.close()
