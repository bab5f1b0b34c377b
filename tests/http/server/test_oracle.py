"""h11 reads the same requests: the same are refused, and the bodies are the same."""

import asyncio

import h11
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .serving import Client, native

TOKENS = st.text("abcXYZ-019", min_size=1, max_size=8).map(lambda text: b"x-" + text.encode())
VALUES = st.binary(max_size=12).filter(lambda value: not set(value) & {*range(32), 127})
HEADERS = st.lists(st.tuples(TOKENS, VALUES), max_size=4)
CHUNKS = st.lists(st.binary(min_size=1, max_size=40), max_size=5)


def render(headers: list[tuple[bytes, bytes]], chunks: list[bytes], chunked: bool, flaw: bytes) -> bytes:
    lines = [b"POST /a HTTP/1.1", b"host: x", *(b"%b: %b" % header for header in headers)]
    if flaw:
        lines.append(flaw)
    body = b"".join(chunks)
    lines.append(b"transfer-encoding: chunked" if chunked else b"content-length: %d" % len(body))
    framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    return b"\r\n".join([*lines, b"", framed if chunked else body])


def read_with_h11(data: bytes) -> bytes | None:
    """The body; None where it is refused."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    body = b""
    try:
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                return None
            if isinstance(event, h11.Data):
                body += event.data
    except h11.RemoteProtocolError:
        return None
    return body


FLAWS = [b"", b"", b"", b"bad name: x", b"host: y", b"x: a\x00b", b"nocolon", b"x : y", b"content-length: 99"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(HEADERS, CHUNKS, st.booleans(), st.sampled_from(FLAWS), st.integers(0, 400), st.integers(0, 400))
def test_the_verdict_and_the_body_are_those_of_h11(
    headers: list[tuple[bytes, bytes]],
    chunks: list[bytes],
    chunked: bool,
    flaw: bytes,
    first: int,
    second: int,
) -> None:
    data = render(headers, chunks, chunked, flaw)
    expected = read_with_h11(data)
    if flaw == b"content-length: 99" and chunked:
        expected = None  # h11 lets the coding win, we refuse

    async def ask() -> tuple[int, bytes]:
        async with native() as port:
            client = await Client.connect(port)
            low, high = sorted((first, second))
            for piece in (data[:low], data[low:high], data[high:]):
                client.send(piece)
                await client.writer.drain()
                await asyncio.sleep(0.001)
            status, _, body = await client.response()
            client.close()
            return status, body

    status, body = asyncio.run(ask())
    assert (status, body) == (200, expected) if expected is not None else status == 400
