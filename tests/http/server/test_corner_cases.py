"""Every corner case of the table in `refusals.py`, and the same requests cut at every byte."""

import asyncio

import pytest

from .serving import Client, native

POST = b"POST / HTTP/1.1\r\nhost: x\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"
H2C = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n"
NEXT = b"GET /next HTTP/1.1\r\nhost: x\r\n\r\n"

REFUSED = {
    "length and coding": (POST + b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n", 400),
    "coding and length": (POST + b"transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n3\r\nabc\r\n", 400),
    "two lengths": (POST + b"content-length: 3\r\ncontent-length: 4\r\n\r\nabcd", 400),
    "two equal lengths": (POST + b"content-length: 3\r\ncontent-length: 3\r\n\r\nabc", 400),
    "a list of lengths": (POST + b"content-length: 3, 3\r\n\r\nabc", 400),
    "a signed length": (POST + b"content-length: +3\r\n\r\nabc", 400),
    "a length of 2 to the 64": (POST + b"content-length: 18446744073709551616\r\n\r\n", 400),
    "identity, chunked": (POST + b"transfer-encoding: identity, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 501),
    "gzip, chunked": (POST + b"transfer-encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 501),
    "chunked, identity": (POST + b"transfer-encoding: chunked, identity\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 400),
    "xchunked": (POST + b"transfer-encoding: xchunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 501),
    "two codings": (
        POST + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "a coding in 1.0": (CHUNKED.replace(b"1.1", b"1.0") + b"3\r\nabc\r\n0\r\n\r\n", 400),
    "bare line feeds": (b"POST / HTTP/1.1\nhost: x\ncontent-length: 3\n\nabc", 400),
    "one bare line feed": (POST + b"x: y\ncontent-length: 3\r\n\r\nabc", 400),
    "a folded header": (POST + b"x: a\r\n b\r\ncontent-length: 3\r\n\r\nabc", 400),
    "a blank before the colon": (POST + b"content-length : 3\r\n\r\nabc", 400),
    "no name": (POST + b": 3\r\n\r\n", 400),
    "NUL in a value": (POST + b"x: a\x00b\r\n\r\n", 400),
    "a control character": (POST + b"x: a\x01b\r\n\r\n", 400),
    "a bare carriage return": (POST + b"x: a\rb\r\n\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nhost: x\r\nhost: x\r\n\r\n", 400),
    "two hosts in 1.0": (b"GET / HTTP/1.0\r\nhost: x\r\nhost: x\r\n\r\n", 400),
    "HTTP/0.9": (b"GET /\r\n\r\n", 400),
    "HTTP/1.2": (b"GET / HTTP/1.2\r\nhost: x\r\n\r\n", 400),
    "HTTP/2.0": (b"GET / HTTP/2.0\r\nhost: x\r\n\r\n", 505),
    "HTTP/2's preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "an unknown method": (b"FOO / HTTP/1.1\r\nhost: x\r\n\r\n", 400),
    "CONNECT": (b"CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n", 501),
    "a blank in the path": (b"GET /a b HTTP/1.1\r\nhost: x\r\n\r\n", 400),
    "chunk line feeds": (CHUNKED + b"3\nabc\n0\n\n", 400),
    "chunk size 0x3": (CHUNKED + b"0x3\r\nabc\r\n0\r\n\r\n", 400),
    "chunk size +3": (CHUNKED + b"+3\r\nabc\r\n0\r\n\r\n", 400),
    "chunk size with a blank": (CHUNKED + b"3 \r\nabc\r\n0\r\n\r\n", 400),
    "chunk size overflow": (CHUNKED + b"fffffffffffffffff\r\nabc", 400),
    "a chunk longer than its size": (CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n", 400),
    "a length among the trailers": (CHUNKED + b"3\r\nabc\r\n0\r\ncontent-length: 9\r\n\r\n", 400),
    "websocket": (b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n", 426),
}
SERVED = {
    "a chunk extension": (CHUNKED + b'3;a=b;c="d"\r\nabc\r\n0\r\n\r\n', b"abc"),
    "trailers": (CHUNKED + b"3\r\nabc\r\n0\r\nx-api-key: y\r\n\r\n", b"abc"),
    "empty lines before": (b"\r\n\r\n" + POST + b"content-length: 3\r\n\r\nabc", b"abc"),
    "an absolute target": (POST.replace(b" / ", b" http://y/a?b ") + b"content-length: 3\r\n\r\nabc", b"abc"),
    "h2c": (POST + H2C + b"content-length: %d\r\n\r\n%b" % (len(NEXT), NEXT), NEXT),
    "h2c in chunks": (
        POST + H2C + b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx: y\r\n\r\n",
        b"abc",
    ),
    "h2c without a body": (b"GET / HTTP/1.1\r\nhost: x\r\n" + H2C + b"\r\n", b""),
    "an upgrade without its option": (POST + b"upgrade: websocket\r\ncontent-length: 3\r\n\r\nabc", b"abc"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_malformed_request_is_refused_and_the_connection_ends(case: str) -> None:
    data, status = REFUSED[case]
    async with native() as port:
        client = await Client.connect(port)
        client.send(data, NEXT * 3)
        answer = await client.rest()
        client.close()
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"\r\ncontent-length: ") == 1


@pytest.mark.parametrize("case", SERVED)
async def test_an_unusual_request_is_served_and_so_is_the_next(case: str) -> None:
    data, body = SERVED[case]
    async with native() as port:
        client = await Client.connect(port)
        client.send(data, NEXT)
        assert (await client.response())[::2] == (200, body)
        assert (await client.response())[0] == 200
        client.close()


@pytest.mark.parametrize("case", SERVED)
async def test_a_request_cut_anywhere_is_the_same_request(case: str) -> None:
    data, body = SERVED[case]
    async with native() as port:

        async def ask(cut: int) -> None:
            client = await Client.connect(port)
            client.send(data[:cut])
            await client.writer.drain()
            await asyncio.sleep(0.02)  # so that the pieces arrive apart; the result is the same if not
            client.send(data[cut:], NEXT)
            assert (await client.response())[::2] == (200, body), cut
            assert (await client.response())[0] == 200, cut
            client.close()

        await asyncio.gather(*(ask(cut) for cut in range(1, len(data))))


@pytest.mark.parametrize("case", REFUSED)
async def test_a_malformed_request_byte_by_byte_is_refused_as_well(case: str) -> None:
    data, status = REFUSED[case]
    async with native() as port:
        client = await Client.connect(port)
        for byte in data:
            client.send(bytes([byte]))
            await asyncio.sleep(0)
        client.send(NEXT)
        assert (await client.rest()).startswith(b"HTTP/1.1 %d " % status)
        client.close()
