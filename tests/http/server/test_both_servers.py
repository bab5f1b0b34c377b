"""What the application may rely on, under our server and under an ASGI server."""

from collections.abc import AsyncIterator

import pytest

from .serving import Client, native, under_uvicorn


@pytest.fixture(params=[native, under_uvicorn])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    async with request.param() as port:
        connected = await Client.connect(port)
        yield connected
        connected.close()


def post(path: bytes, body: bytes, more: bytes = b"") -> bytes:
    head = b"POST %b HTTP/1.1\r\nhost: x\r\n%bcontent-length: %d\r\n\r\n"
    return head % (path, more, len(body)) + body


async def test_a_kept_connection_echoes_bodies_of_all_sizes(client: Client) -> None:
    for size in (0, 1, 1000, 300_000, 5_000_000, 3):
        client.send(post(b"/", b"a" * size))
        status, _, body = await client.response()
        assert (status, len(body)) == (200, size)


async def test_streams_of_all_sizes(client: Client) -> None:
    for size in (0, 1, 300_000, 5_000_000, 3):
        client.send(post(b"/stream", b"a" * size))
        status, headers, body = await client.response()
        assert (status, len(body), headers["transfer-encoding"]) == (200, size, "chunked")


async def test_a_chunked_body_in_small_pieces(client: Client) -> None:
    client.send(b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
    for _ in range(100):
        client.send(b"3\r\nabc\r\n")
        await client.writer.drain()
    client.send(b"0\r\n\r\n", post(b"/", b"next"))
    assert (await client.response())[2] == b"abc" * 100
    assert (await client.response())[2] == b"next"


async def test_head_has_the_length_and_no_body(client: Client) -> None:
    client.send(b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n", post(b"/", b"next"))
    status, headers, _ = await client.response("HEAD")
    assert (status, headers["content-length"]) == (200, "0")
    assert (await client.response())[2] == b"next"


async def test_no_content_is_sent_without_a_body(client: Client) -> None:
    client.send(post(b"/nothing", b""), post(b"/", b"next"))
    status, headers, _ = await client.response()
    assert status == 204
    assert "content-length" not in headers
    assert (await client.response())[2] == b"next"


async def test_a_value_that_would_end_its_line_is_made_harmless(client: Client) -> None:
    client.send(post(b"/odd", b""))
    _, headers, body = await client.response()
    assert headers["retry-after"] == "1??x-injected: 1?"
    assert "x-injected" not in headers
    assert body == b"odd"
