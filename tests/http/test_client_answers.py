"""What the client makes of answers: at every split, and beside two other parsers.

Each answer of the table has its outcome, and that of aiohttp's parser and of h11 stands beside it, so
that a difference is a decision and not an accident:

- bare line feeds and folded lines are refused: RFC 9112 allows a client to refuse the one and has
  deprecated the other, and both are what request smuggling is made of;
- control characters in a header's value are refused, of which RFC 9110 has but the tab;
- framing that contradicts itself (two lengths, a length and chunks) is refused, even where the two agree;
- a status has three digits, and nothing but HTTP/1.0 and HTTP/1.1 is spoken;
- bytes that follow an answer are nobody's: the answer is good, its connection is not used again.
"""

import asyncio
from typing import Any

import aiohttp
import h11
import pytest
from aiohttp._http_parser import HttpResponseParser
from hypothesis import given, settings
from hypothesis import strategies as st

from byte_server import BODY, HEADERS, Peer, opened, serving, whole
from tidegate.http.errors import HTTPError

H = b"HTTP/1.1 200 OK\r\n"
CHUNKED = H + b"Transfer-Encoding: chunked\r\n\r\n"

REFUSED = "refused"
"""An error, whichever."""
WAITS = "waits"
"""Not complete until the connection ends."""

ANSWERS: dict[str, tuple[bytes, Any, Any, Any]] = {
    # bytes, this client's outcome, aiohttp's, h11's; an outcome is (status, body)
    "length": (H + b"Content-Length: 3\r\n\r\nabc", (200, b"abc"), (200, b"abc"), (200, b"abc")),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\na", (200, b"a"), (200, b"a"), (200, b"a")),
    "empty reason": (b"HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\na", (200, b"a"), (200, b"a"), (200, b"a")),
    "chunks": (
        CHUNKED + b"3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n",
        (200, b"abcd"),
        (200, b"abcd"),
        (200, b"abcd"),
    ),
    "extension, trailer": (
        CHUNKED + b"3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\n",
        (200, b"abc"),
        (200, b"abc"),
        (200, b"abc"),
    ),
    "100 first": (
        b"HTTP/1.1 100 Continue\r\n\r\n" + H + b"Content-Length: 1\r\n\r\na",
        (200, b"a"),
        (100, b""),  # leaves it to its client
        (200, b"a"),
    ),
    "103 first": (
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + H + b"Content-Length: 1\r\n\r\na",
        (200, b"a"),
        (103, b""),
        (200, b"a"),
    ),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b""), (204, b""), (204, b"")),
    "205": (b"HTTP/1.1 205 Reset Content\r\n\r\n", (205, b""), WAITS, WAITS),
    "304 with a length": (
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
        (304, b""),
        (304, b""),
        (304, b""),
    ),
    "until the end": (H + b"\r\nabc", (200, b"abc"), WAITS, WAITS),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", (200, b"a"), (200, b"a"), (200, b"a")),
    "HTTP/1.0 until the end": (b"HTTP/1.0 200 OK\r\n\r\na", (200, b"a"), WAITS, WAITS),
    "HTTP/1.0 with chunks": (
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        (200, b"a"),
        (200, b"a"),
        (200, b"a"),
    ),
    "bytes behind": (H + b"Content-Length: 1\r\n\r\naXYZ", (200, b"a"), REFUSED, (200, b"a")),
    "UTF-8 in a header": (
        H + "X: ä\r\nContent-Length: 1\r\n\r\na".encode(),
        (200, b"a"),
        (200, b"a"),
        (200, b"a"),
    ),
    "upgrade offered": (
        H + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 1\r\n\r\na",
        (200, b"a"),
        (200, b"a"),
        (200, b"a"),
    ),
    "two lengths alike": (
        H + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
        REFUSED,
        REFUSED,
        (200, b"a"),
    ),
    "two lengths": (H + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", REFUSED, REFUSED, REFUSED),
    "length list": (H + b"Content-Length: 1, 1\r\n\r\na", REFUSED, REFUSED, (200, b"a")),
    "negative length": (H + b"Content-Length: -1\r\n\r\na", REFUSED, REFUSED, REFUSED),
    "signed length": (H + b"Content-Length: +1\r\n\r\na", REFUSED, REFUSED, REFUSED),
    "hexadecimal length": (H + b"Content-Length: 0x1\r\n\r\na", REFUSED, REFUSED, REFUSED),
    "huge length": (H + b"Content-Length: 99999999999999999999\r\n\r\na", REFUSED, REFUSED, WAITS),
    "length and chunks": (
        H + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        REFUSED,
        REFUSED,
        (200, b"a"),
    ),
    "gzip as transfer encoding": (H + b"Transfer-Encoding: gzip\r\n\r\nabc", REFUSED, WAITS, REFUSED),
    "gzip, chunked": (
        H + b"Transfer-Encoding: gzip, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        REFUSED,
        (200, b"a"),
        REFUSED,
    ),
    "chunked twice": (
        H + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        REFUSED,
        (200, b"a"),
        REFUSED,
    ),
    "bare line feeds": (b"HTTP/1.1 200 OK\nContent-Length: 1\n\na", REFUSED, (200, b"a"), (200, b"a")),
    "bare line feeds in chunks": (CHUNKED + b"1\na\n0\n\n", REFUSED, REFUSED, WAITS),
    "a folded line": (H + b"X: a\r\n b\r\nContent-Length: 1\r\n\r\na", REFUSED, (200, b"a"), (200, b"a")),
    "space in a name": (H + b"X y: a\r\nContent-Length: 1\r\n\r\na", REFUSED, REFUSED, REFUSED),
    "space before the colon": (H + b"Content-Length : 1\r\n\r\na", REFUSED, (200, b"a"), REFUSED),
    "NUL in a value": (H + b"X: a\x00b\r\nContent-Length: 1\r\n\r\na", REFUSED, REFUSED, REFUSED),
    "CR in a value": (H + b"X: a\rb\r\nContent-Length: 1\r\n\r\na", REFUSED, REFUSED, REFUSED),
    "chunk size 0x1": (CHUNKED + b"0x1\r\na\r\n0\r\n\r\n", REFUSED, REFUSED, REFUSED),
    "chunk size -1": (CHUNKED + b"-1\r\na\r\n0\r\n\r\n", REFUSED, REFUSED, REFUSED),
    "chunk too long": (CHUNKED + b"1\r\nab\r\n0\r\n\r\n", REFUSED, REFUSED, REFUSED),
    "chunk size overflow": (CHUNKED + b"fffffffffffffffff\r\na\r\n0\r\n\r\n", REFUSED, REFUSED, WAITS),
    "101": (
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        REFUSED,
        (101, b""),
        REFUSED,
    ),
    "status 99": (b"HTTP/1.1 99 X\r\nContent-Length: 1\r\n\r\na", REFUSED, REFUSED, REFUSED),
    "status 099": (b"HTTP/1.1 099 X\r\nContent-Length: 1\r\n\r\na", REFUSED, (99, b"a"), REFUSED),
    "status 999": (b"HTTP/1.1 999 X\r\nContent-Length: 1\r\n\r\na", (999, b"a"), (999, b"a"), (999, b"a")),
    "HTTP/2.0": (b"HTTP/2.0 200 OK\r\nContent-Length: 1\r\n\r\na", REFUSED, (200, b"a"), (200, b"a")),
    "HTTP/0.9": (b"<html>hello</html>", REFUSED, REFUSED, WAITS),
    "a TLS alert": (b"\x15\x03\x01\x00\x02\x02\x46", REFUSED, REFUSED, REFUSED),
    "cut": (H + b"Content-Length: 9\r\n\r\nabc", REFUSED, WAITS, WAITS),
    "cut in a chunk": (CHUNKED + b"9\r\nabc", REFUSED, WAITS, WAITS),
    "cut before the last chunk": (CHUNKED + b"1\r\na\r\n", REFUSED, WAITS, WAITS),
    "cut in the head": (H + b"Content-Len", REFUSED, WAITS, WAITS),
}


async def outcome(pieces: list[bytes]) -> Any:
    """What becomes of an answer that arrives in pieces before the connection ends."""

    async def play(peer: Peer) -> None:
        await peer.request()
        for piece in pieces:
            await peer.send(piece)
            for _ in range(3 if len(pieces) > 1 else 0):
                await asyncio.sleep(0)  # the client, in the same loop, reads each by itself

    async with serving(play) as server, opened() as client:
        try:
            response = await client.post(server.address(), HEADERS, BODY, 5)
            return response.status, await whole(response)
        except HTTPError:
            return REFUSED


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_has_its_outcome(name: str) -> None:
    data, expected, _, _ = ANSWERS[name]
    assert await outcome([data]) == expected


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_has_the_same_outcome_at_every_split(name: str) -> None:
    data, expected, _, _ = ANSWERS[name]
    for at in range(1, len(data)):
        assert await outcome([data[:at], data[at:]]) == expected, data[:at]
    assert await outcome([data[at : at + 1] for at in range(len(data))]) == expected


# --- other parsers -----------------------------------------------------------------------------


class Unpaused:
    """What aiohttp's parser wants of a connection."""

    _reading_paused = False

    def pause_reading(self, **_: Any) -> None: ...

    def resume_reading(self, **_: Any) -> None: ...


async def aiohttps(data: bytes) -> Any:
    """The outcome of aiohttp's parser, as its client sets it up."""
    parser = HttpResponseParser(
        Unpaused(),
        asyncio.get_running_loop(),
        65536,
        max_line_size=65536,
        max_field_size=65536,
        payload_exception=aiohttp.ClientPayloadError,
        response_with_body=True,
        read_until_eof=True,
        auto_decompress=False,
    )
    try:
        messages, _, _ = parser.feed_data(data)
    except aiohttp.http_exceptions.HttpProcessingError:
        return REFUSED
    if not messages:
        return WAITS
    head, payload = messages[0]
    if payload.exception() is not None:
        return REFUSED
    return (head.code, b"".join(getattr(payload, "_buffer", ()))) if payload.is_eof() else WAITS


def h11s(data: bytes) -> Any:
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="POST", target="/", headers=[("host", "x"), ("content-length", "0")]))
    connection.send(h11.EndOfMessage())
    status, body = 0, b""
    try:
        connection.receive_data(data)
        while (event := connection.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return status, body
    except h11.ProtocolError:
        return REFUSED
    return WAITS if connection.their_state is not h11.SWITCHED_PROTOCOL else REFUSED


@pytest.mark.parametrize("name", ANSWERS)
async def test_other_parsers_differ_only_where_documented(name: str) -> None:
    data, _, aiohttps_outcome, h11s_outcome = ANSWERS[name]
    assert (await aiohttps(data), h11s(data)) == (aiohttps_outcome, h11s_outcome)


# --- generated ---------------------------------------------------------------------------------

values = st.binary(max_size=12).map(lambda raw: bytes(byte for byte in raw if 32 < byte < 127))
names = st.text("abcXYZ-09", min_size=1, max_size=8).map(str.encode)


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """Answers, right or nearly."""
    lines = [b"HTTP/1.1 %d X" % draw(st.sampled_from([200, 201, 204, 304, 400, 429, 500, 599]))]
    lines += [b"%b: %b" % header for header in draw(st.lists(st.tuples(names, values), max_size=4))]
    body = draw(st.binary(max_size=40))
    if draw(st.booleans()):
        pieces = draw(st.lists(st.binary(min_size=1, max_size=9), max_size=4))
        lines.append(b"Transfer-Encoding: chunked")
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    else:
        lines.append(b"Content-Length: %d" % len(body))
    data = b"\r\n".join([*lines, b"", body])
    if draw(st.booleans()):
        return data
    at = draw(st.integers(0, len(data) - 1))
    return data[:at] + draw(st.binary(max_size=2)) + data[at + draw(st.integers(0, 2)) :]


@settings(max_examples=300, deadline=None)
@given(answers(), st.integers(1, 60))
def test_what_two_parsers_agree_on_the_client_does_too(data: bytes, at: int) -> None:
    async def compare() -> None:
        ours, theirs, h11_outcome = await outcome([data[:at], data[at:]]), await aiohttps(data), h11s(data)
        if ours != REFUSED:
            # What is passed on is what both of them read; where they wait, the end of the connection
            # must have been the end of the answer.
            assert ours == theirs or theirs in (WAITS, REFUSED)
            assert ours == h11_outcome or h11_outcome in (WAITS, REFUSED)
            assert {ours} & {theirs, h11_outcome} or (WAITS in (theirs, h11_outcome) and is_endless(data))
        elif theirs == h11_outcome and theirs not in (REFUSED, WAITS):
            assert b"\n" in data.replace(b"\r\n", b"") or is_folded(data) or holds_controls(data), data

    asyncio.run(compare())


def is_endless(data: bytes) -> bool:
    """Whether the head says nothing of the body's length."""
    head = data.partition(b"\r\n\r\n")[0].lower()
    return b"\r\ncontent-length:" not in head and b"\r\ntransfer-encoding:" not in head


def holds_controls(data: bytes) -> bool:
    head = data.partition(b"\r\n\r\n")[0].replace(b"\r\n", b"")
    return any(byte < 32 or byte == 127 for byte in head)


def is_folded(data: bytes) -> bool:
    return b"\r\n " in data or b"\r\n\t" in data
