"""A request whose head repeats that of the one before is seen by the application as the parser shows it."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.http.contract import ServerRequest
from tidegate.http.server import Server

HEAD = b"POST /a%%20b?c=d HTTP/1.1\r\nHost: x\r\nX-A: 1 \r\nContent-Length: %b\r\nUser-Agent: me\r\n\r\n"


def post(body: bytes, length: bytes | None = None, head: bytes = HEAD) -> bytes:
    return head % (b"%d" % len(body) if length is None else length) + body


class Wire(asyncio.Transport):
    """A connection without a socket: what was written, and whether it ended."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.ended = False

    def write(self, data: Any) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.ended

    def get_write_buffer_size(self) -> int:
        return 0

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.ended = True

    def abort(self) -> None:
        self.ended = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Seen:
    """What the application has seen of the requests on one connection."""

    def __init__(self) -> None:
        self.requests: list[tuple[Any, ...]] = []
        self.heads: list[list[tuple[bytes, bytes]]] = []

    async def __call__(self, request: ServerRequest) -> None:
        body = request.take_body()
        whole = body is not None
        if body is None:
            body = b""
            while piece := await request.read():
                body += piece
        self.heads.append(request.headers)
        shown = request.method, request.path, request.query, list(request.headers), dict(request.named)
        self.requests.append((*shown, whole, body))
        request.respond(200, [], body)


async def receive(packets: Sequence[bytes], wire: Wire, seen: Seen) -> None:
    connection = Server(seen).connect()
    connection.connection_made(wire)
    loop = asyncio.get_running_loop()
    for packet in packets:
        if not wire.ended:
            loop.call_soon(connection.data_received, packet)  # as from a socket: in no task
        for _ in range(5):
            await asyncio.sleep(0)
    connection.connection_lost(None)
    await asyncio.sleep(0)


async def outcome(
    before: Sequence[bytes], packets: Sequence[bytes]
) -> tuple[list[tuple[Any, ...]], bytes, bool]:
    """What is seen of packets that follow others on their connection, what is answered, whether it ends."""
    wire, seen = Wire(), Seen()
    await receive([*before, *packets], wire, seen)
    known, others = Wire(), Seen()
    await receive(before, known, others)
    return seen.requests[len(others.requests) :], wire.written[len(known.written) :], wire.ended


WARM = [post(b"one"), post(b"two")]
"""After the second of them, the head is remembered."""

VARIANTS = {
    "the same": [post(b"two")],
    "another body": [post(b"x" * 3)],
    "a longer body": [post(b"x" * 12)],
    "a much longer body": [post(b"x" * 123_456)],
    "no body": [post(b"")],
    "leading zeros": [post(b"two", b"003")],
    "many leading zeros": [post(b"two", b"0000000003")],
    "more than one": [post(b"two") + post(b"three")],
    "one and a half": [post(b"two") + post(b"three")[:20], post(b"three")[20:]],
    "one and a blank line": [post(b"two") + b"\r\n", post(b"three")],
    "less of the body": [post(b"three")[:-2], post(b"three")[-2:]],
    "less of the head": [post(b"three")[:40], post(b"three")[40:]],
    "cut in the length": [post(b"x" * 12)[:66], post(b"x" * 12)[66:]],
    "too little": [post(b"two", b"5")],
    "too much": [post(b"twoPOST / HTTP/1.1", b"3")],
    "no length": [post(b"two", b"")],
    "a wrong length": [post(b"two", b"+3")],
    "a length with a space": [post(b"two", b" 3 ")],
    "another length first": [post(b"two", b"3\r\nContent-Length: 4")],
    "a coding beside it": [post(b"3\r\ntwo\r\n0\r\n\r\n", b"3\r\nTransfer-Encoding: chunked")],
    "another header": [post(b"two", head=HEAD.replace(b"me", b"you"))],
    "one header more": [post(b"two", head=HEAD.replace(b"Host", b"X-B: 2\r\nHost"))],
    "a header twice": [post(b"two", head=HEAD.replace(b"Host", b"X-A: 2\r\nHost"))],
    "another path": [post(b"two", head=HEAD.replace(b"/a", b"/b"))],
    "another method": [post(b"two", head=HEAD.replace(b"POST", b"PUT"))],
    "another version": [post(b"two", head=HEAD.replace(b"1.1", b"1.0"))],
    "the last": [post(b"two", head=HEAD.replace(b"X-A: 1 ", b"Connection: close"))],
    "one that waits": [post(b"two", head=HEAD.replace(b"X-A: 1 ", b"Expect: 100-continue"))],
    "nonsense": [b"\x00" + post(b"two")],
    "a line of another length": [post(b"two").replace(b"\r\n\r\n", b"\n\n")],
}


def with_fixed_dates(found: tuple[list[tuple[Any, ...]], bytes, bool]) -> tuple[Any, ...]:
    requests, answer, ended = found
    return requests, [line for line in answer.split(b"\r\n") if not line.startswith(b"date:")], ended


@pytest.mark.parametrize("variant", VARIANTS)
async def test_whatever_follows_a_remembered_head_is_seen_as_on_a_new_connection(variant: str) -> None:
    packets = VARIANTS[variant]
    warm, new = await outcome(WARM, packets), await outcome([], packets)
    assert with_fixed_dates(warm) == with_fixed_dates(new)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 110), st.integers(0, 3), st.binary(max_size=3), st.integers(0, 120))
def test_no_change_of_a_byte_is_overlooked(place: int, gone: int, new: bytes, cut: int) -> None:
    whole = post(b"two")
    changed = whole[:place] + new + whole[place + gone :]
    packets = [piece for piece in (changed[:cut], changed[cut:]) if piece]

    async def both() -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return with_fixed_dates(await outcome(WARM, packets)), with_fixed_dates(await outcome([], packets))

    warm, fresh = asyncio.run(both())
    assert warm == fresh


@pytest.mark.parametrize("bodies", [[b"two", b"two"], [b"two", b"ten"], [b"x" * 9, b"y" * 10, b"z" * 9]])
async def test_heads_are_remembered_from_the_second_request_on(bodies: list[bytes]) -> None:
    wire, seen = Wire(), Seen()
    await receive([post(b"one"), *map(post, bodies)], wire, seen)
    remembered, *repeated = seen.heads[1:]
    assert seen.heads[0] is not remembered
    for body, before, head in zip(bodies[1:], [remembered, *repeated], repeated, strict=False):
        assert head == [
            (name, b"%d" % len(body) if name == b"content-length" else v) for name, v in remembered
        ]
        assert (head is before) is (len(body) == len(bodies[0]) and head == before)


async def test_a_connection_remembers_few_heads_one_after_another() -> None:
    wire, seen = Wire(), Seen()
    heads = [HEAD.replace(b"/a", b"/%d" % number) for number in range(6)]
    await receive([post(b"two", head=head) for head in heads for _ in range(3)], wire, seen)
    assert [one[1] for one in seen.requests] == [
        f"/{number}%20b".replace("%20", " ") for number in range(6) for _ in range(3)
    ]
    shared = [seen.heads[3 * number + 1] is seen.heads[3 * number + 2] for number in range(6)]
    assert shared == [True, True, True, False, False, False]


@pytest.mark.parametrize("before", [[], WARM], ids=["first", "later"])
async def test_a_head_that_begins_behind_a_large_request_is_not_too_large(before: list[bytes]) -> None:
    """The request before it is answered while its packet is being read."""
    large, small = post(b"x" * 100_000), post(b"y")
    wire, seen = Wire(), Seen()
    await receive([*before, large + small[:20], small[20:]], wire, seen)
    assert [request[-1] for request in seen.requests[-2:]] == [b"x" * 100_000, b"y"]
    assert wire.written.count(b"200 OK") == len(before) + 2
