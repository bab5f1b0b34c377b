"""An answer whose head is like that of the one before is read as the parser reads it."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.http.address import parse_address
from tidegate.http.answer_heads import know
from tidegate.http.client_protocol import Connection
from tidegate.http.errors import HTTPError

ORIGIN = parse_address("http://provider/").origin
HEAD = (
    b"HTTP/1.1 200 OK\r\nDate: Mon, 01\r\nContent-Type: application/json\r\nX-Request-Id: a\r\n"
    b"Set-Cookie: a\r\nset-cookie:\tb \r\nContent-Length: %b\r\nConnection: keep-alive\r\n\r\n"
)
WARM = HEAD % b"4" + b"warm"


class Wire(asyncio.Transport):
    """A connection without a socket: whether it was dropped."""

    def __init__(self) -> None:
        super().__init__()
        self.dropped = False

    def write(self, data: Any) -> None: ...

    def is_closing(self) -> bool:
        return self.dropped

    def get_write_buffer_size(self) -> int:
        return 0

    def abort(self) -> None:
        self.dropped = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


Read = tuple[Any, ...]


async def read(packets: Sequence[bytes], connection: Connection) -> Read:
    """What is read of an answer that arrives in these packets: status, headers, body or failure."""
    arrival = connection.send(b"POST / HTTP/1.1\r\n\r\n", b"")
    for packet in packets:
        connection.data_received(packet)
    response = await arrival if arrival.done else None
    if response is None:
        return connection.failure, connection.silent
    body: bytes | str
    try:
        body = await response.read_any() if response.pieces or response.complete else "nothing yet"
    except HTTPError as error:
        body = str(error)
    return response.status, response.headers, body, response.complete


async def outcome(before: Sequence[bytes], packets: Sequence[bytes]) -> tuple[Read, bool, bool]:
    """What is read after other answers; whether the connection was dropped, and whether it is idle."""
    idle: dict[Connection, None] = {}
    connection, wire = Connection(asyncio.get_running_loop(), ORIGIN, idle), Wire()
    connection.connection_made(wire)
    for answer in before:
        await read([answer], connection)
        assert idle.popitem() == (connection, None)
    return await read(packets, connection), wire.dropped, bool(idle)


OTHERS = {
    "the same": WARM,
    "another body": HEAD % b"2" + b"{}",
    "no body": HEAD % b"0",
    "other values": WARM.replace(b"Mon, 01", b"Tue, 02").replace(b"Id: a", b"Id:  \tb\xff \t"),
    "no value": WARM.replace(b"Id: a", b"Id:"),
    "a control character": WARM.replace(b"Id: a", b"Id: a\x01"),
    "NUL": WARM.replace(b"Id: a", b"Id: \x00"),
    "DEL": WARM.replace(b"Id: a", b"Id: \x7f"),
    "a bare line feed": WARM.replace(b"Id: a", b"Id: a\nb: c"),
    "a bare carriage return": WARM.replace(b"Id: a", b"Id: a\rb"),
    "another name": WARM.replace(b"X-Request-Id", b"X-Request-ID"),
    "a space before the colon": WARM.replace(b"X-Request-Id:", b"X-Request-Id :"),
    "a folded value": WARM.replace(b"Id: a", b"Id: a\r\n b"),
    "a header more": WARM.replace(b"X-Request-Id", b"X-Other: 1\r\nX-Request-Id"),
    "a header less": WARM.replace(b"X-Request-Id: a\r\n", b""),
    "another order": WARM.replace(b"Content-Type: application/json\r\nX-Request-Id: a\r\n",
                                  b"X-Request-Id: a\r\nContent-Type: application/json\r\n"),
    "another status": WARM.replace(b"200 OK", b"429 Slow"),
    "no content": WARM.replace(b"200 OK", b"204 OK"),
    "another version": WARM.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "the last answer": WARM.replace(b"keep-alive", b"close"),
    "chunks": WARM.replace(b"Connection: keep-alive", b"Transfer-Encoding: chunked"),
    "two lengths": WARM.replace(b"Set-Cookie: a", b"Content-Length: 4"),
    "a length with a sign": WARM.replace(b"Length: 4", b"Length: +4"),
    "a length with a space behind": WARM.replace(b"Length: 4", b"Length: 4 "),
    "a length with zeros": WARM.replace(b"Length: 4", b"Length: 004"),
    "no length": WARM.replace(b"Length: 4", b"Length: "),
    "a length of many digits": WARM.replace(b"Length: 4", b"Length: 99999999999999999999999999"),
    "too short": WARM[:-1],
    "too long": WARM + b"x",
    "two answers": WARM + WARM,
    "half a head": WARM[: len(WARM) // 2],
    "a head without its last byte": WARM.replace(b"4", b"%d" % (len(WARM) - 8))[:-5],
    "nothing but its first byte": WARM[:1],
    "informational": b"HTTP/1.1 100 Continue\r\n\r\n" + WARM,
    "no HTTP": b"\x00" * 20,
}  # fmt: skip


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
async def test_what_follows_a_known_head_is_read_as_if_it_were_the_first(other: bytes) -> None:
    expected = await outcome([], [other])
    assert await outcome([WARM], [other]) == expected
    assert await outcome([WARM, WARM, HEAD % b"1" + b"x"], [other]) == expected


@pytest.mark.parametrize("name", ["the same", "another body", "no body", "other values", "no value"])
async def test_usual_differences_need_no_parser(name: str) -> None:
    idle: dict[Connection, None] = {}
    connection = Connection(asyncio.get_running_loop(), ORIGIN, idle)
    connection.connection_made(Wire())
    await read([WARM], connection)
    connection._feed = None  # the parser is gone
    assert (await read([OTHERS[name]], connection))[0] == 200


async def test_answers_keep_their_own_headers() -> None:
    connection = Connection(asyncio.get_running_loop(), ORIGIN, {})
    connection.connection_made(Wire())
    first, second, third = [
        await read([WARM.replace(b"Id: a", b"Id: %d" % number)], connection) for number in range(3)
    ]
    assert [dict(one[1])[b"x-request-id"] for one in (first, second, third)] == [b"0", b"1", b"2"]


@pytest.mark.parametrize("cut", range(1, len(WARM), 7))
async def test_a_known_head_may_arrive_in_pieces(cut: int) -> None:
    whole = await outcome([WARM], [WARM])
    assert await outcome([WARM], [WARM[:cut], WARM[cut:]]) == whole
    assert await outcome([WARM, WARM], [WARM[:cut], WARM[cut:]]) == whole


@settings(max_examples=300)
@given(st.data())
async def test_any_change_of_bytes_is_read_as_the_parser_reads_it(data: st.DataObject) -> None:
    answer = bytearray(WARM)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(answer) - 1))
        length = data.draw(st.integers(0, 3))
        answer[at : at + length] = data.draw(
            st.sampled_from(
                [b"", b" ", b"\t", b"\r", b"\n", b"\r\n", b":", b"x", b"\x00", b"\xff", b"0", b"9", b","]
            )
        )
    other = bytes(answer)
    assert await outcome([WARM], [other]) == await outcome([], [other])


def test_other_answers_are_not_remembered() -> None:
    def known(answer: bytes, headers: list[tuple[bytes, bytes]]) -> bool:
        return know(answer, headers) is not None

    length = (b"content-length", b"1")
    assert known(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx", [length])
    assert not known(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nxy", [length])
    assert not known(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx", [])
    assert not known(b"HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx", [length])
    long = b"x" * 9000
    head = b"HTTP/1.1 200 OK\r\na: %b\r\ncontent-length: 1\r\n\r\nx" % long
    assert not known(head, [(b"a", long), length])
