"""Messages and claims between workers, over the sockets that a supervisor makes."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import msgspec
import pytest

from tidegate.bus import ALONE, Links, SocketBus
from tidegate.bus.sockets import MAX_MESSAGE, MAX_QUEUE, STALE_S, Message


@pytest.fixture
def links() -> Iterator[Links]:
    links = Links(3)
    yield links
    links.close()


@pytest.fixture
async def workers(links: Links) -> AsyncIterator[list[SocketBus]]:
    workers = [SocketBus(links.seat(place)) for place in range(3)]
    for one in workers:
        one.open()
    yield workers
    for one in workers:
        one.close()


class Inbox:
    """What a worker hears on one topic."""

    def __init__(self, bus: SocketBus, topic: str = "news") -> None:
        self._heard: asyncio.Queue[bytes] = asyncio.Queue()
        bus.subscribe(topic, self._heard.put_nowait)

    async def take(self, count: int = 1) -> list[bytes]:
        return [await asyncio.wait_for(self._heard.get(), 20) for _ in range(count)]

    @property
    def empty(self) -> bool:
        return self._heard.empty()


async def test_all_others_hear_a_message_and_its_sender_does_not(workers: list[SocketBus]) -> None:
    inboxes = [Inbox(one) for one in workers]
    workers[0].publish("news", b"one")
    workers[0].publish("gossip", b"not for them")
    workers[0].publish("news", b"two")
    assert await inboxes[1].take(2) == [b"one", b"two"]
    assert await inboxes[2].take(2) == [b"one", b"two"]
    assert inboxes[0].empty


async def test_a_worker_that_does_not_read_holds_nobody_up_and_misses_the_oldest(
    links: Links, workers: list[SocketBus]
) -> None:
    asyncio.get_running_loop().remove_reader(links.seat(2).inbox)
    inbox = Inbox(workers[1])
    piece = bytes(MAX_MESSAGE)
    count = 40
    for number in range(count):
        workers[0].publish("news", number.to_bytes() + piece[1:])
        assert (await inbox.take())[0][0] == number
    assert MAX_QUEUE // MAX_MESSAGE < count - workers[0].dropped < count
    late = Inbox(workers[2])
    asyncio.get_running_loop().add_reader(links.seat(2).inbox, workers[2]._read)
    published = [one[0] for one in await late.take(count - workers[0].dropped)]
    assert published == sorted(published)
    assert published[-1] == count - 1, "the latest arrive"


async def test_what_cannot_be_read_is_counted_and_followed_by_what_can(
    links: Links, workers: list[SocketBus]
) -> None:
    def refuse(data: bytes) -> None:
        msgspec.msgpack.decode(data, type=int)

    inbox = Inbox(workers[1])
    workers[1].subscribe("news", refuse)
    os.write(links.seat(0).outboxes[0], b"\xc1 no message")
    workers[0].publish("news", b"\xa3abc")
    workers[0].publish("news", bytes(MAX_MESSAGE + 1))
    workers[0].publish("news", b"\x01")
    assert await inbox.take(2) == [b"\xa3abc", b"\x01"]
    assert (workers[1].malformed, workers[0].too_long) == (2, 1)


async def test_a_defect_of_one_listener_is_logged_and_does_not_concern_the_others(
    workers: list[SocketBus], caplog: pytest.LogCaptureFixture
) -> None:
    workers[1].subscribe("news", lambda _: 1 // 0)
    inbox = Inbox(workers[1])
    workers[0].publish("news", b"one")
    assert await inbox.take() == [b"one"]
    assert "a message of another worker (news) could not be followed" in caplog.text


async def test_old_news_is_dropped(links: Links, workers: list[SocketBus]) -> None:
    inbox = Inbox(workers[1])
    now = asyncio.get_running_loop().time()
    old, new = Message("news", b"old", now - STALE_S - 1), Message("news", b"new", now)
    os.write(links.seat(0).outboxes[0], msgspec.msgpack.encode([old, new]))
    assert await inbox.take() == [b"new"]
    assert workers[1].stale == 1


async def test_a_worker_that_takes_a_place_hears_nothing_from_before_and_all_from_then_on(
    links: Links, workers: list[SocketBus]
) -> None:
    workers[1].close()
    workers[0].publish("news", b"for the predecessor")
    await asyncio.sleep(0)
    replacement = SocketBus(links.seat(1))
    inbox = Inbox(replacement)
    replacement.open()
    workers[2].publish("news", b"for the replacement")
    assert await inbox.take() == [b"for the replacement"]
    replacement.close()


HOLDER = """
import sys
from tidegate.bus import Claims
print(Claims(int(sys.argv[1])).claim("lead"), flush=True)
sys.stdin.read()
"""


def test_a_claim_has_one_holder_until_it_is_killed(links: Links) -> None:
    seat = links.seat(0)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(seat.claims)],
        pass_fds=[seat.claims],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"True\n"
        bus = SocketBus(seat)
        assert not bus.claim("lead")
        assert bus.claim("another")
        assert bus.claim("another"), "its own claim is granted again"
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert bus.claim("lead")


def test_a_claim_that_is_released_is_free(links: Links) -> None:
    bus = SocketBus(links.seat(0))
    command = [sys.executable, "-c", HOLDER, str(links.seat(1).claims)]

    def other_gets_it() -> bool:
        answer = subprocess.run(
            command, pass_fds=[links.seat(1).claims], input=b"", capture_output=True, check=True
        )
        return answer.stdout == b"True\n"

    assert bus.claim("lead")
    assert not other_gets_it()
    bus.release("lead")
    assert other_gets_it()


def test_a_worker_that_is_alone_has_every_claim_and_talks_to_nobody() -> None:
    ALONE.open()
    ALONE.subscribe("news", lambda _: 1 // 0)
    ALONE.publish("news", b"one")
    assert ALONE.alone
    assert ALONE.claim("lead")
    ALONE.release("lead")
    ALONE.close()
