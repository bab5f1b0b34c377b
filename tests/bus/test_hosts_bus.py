"""Messages, claims and leaders among the workers of several hosts, over a real Valkey."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from buses import buses
from tidegate.bus import ALONE, Bus, HostsBus
from tidegate.bus import hosts as hosts_module
from tidegate.bus.hosts import CHANNEL, Message
from tidegate.bus.sockets import STALE_S
from tidegate.protocols.ids import new_id
from tidegate.recent import SharedItems
from tidegate.store.valkey import Valkey
from tidegate.store.valkey_leads import ValkeyCarrier
from valkeys import ValkeyProcess

PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def server() -> Iterator[ValkeyProcess]:
    with ValkeyProcess() as process:
        yield process


class Worker:
    def __init__(self, url: str, here: Bus) -> None:
        self.valkey = Valkey(url)
        self.name = new_id("")
        self.carrier = ValkeyCarrier(self.valkey, self.name)
        self.bus = HostsBus(here, self.carrier, self.name)
        self.received: asyncio.Queue[bytes] = asyncio.Queue()
        self.bus.subscribe("news", self.received.put_nowait)

    async def open(self) -> None:
        await self.valkey.open()
        self.carrier.open()

    async def close(self) -> None:
        await self.carrier.close()
        await self.valkey.close()

    async def take(self, count: int = 1) -> list[bytes]:
        return [await asyncio.wait_for(self.received.get(), PATIENCE_S) for _ in range(count)]


async def listeners(worker: Worker, count: int) -> None:
    """Wait until so many workers listen."""
    async with asyncio.timeout(PATIENCE_S):
        while (await worker.valkey.run("PUBSUB", "NUMSUB", CHANNEL))[1] < count:
            await asyncio.sleep(0.01)


@pytest.fixture
async def workers(server: ValkeyProcess) -> AsyncIterator[list[Worker]]:
    """Two of one host, and one of another."""
    async with AsyncExitStack() as stack:
        here = stack.enter_context(buses(2))
        workers = [Worker(server.url, bus) for bus in (*here, ALONE)]
        for one in workers:
            await one.open()
            stack.push_async_callback(one.close)
        await listeners(workers[0], 3)
        yield workers


async def test_all_workers_of_all_hosts_hear_a_message_once_and_its_sender_does_not(
    workers: list[Worker],
) -> None:
    workers[0].bus.publish("news", b"one")
    workers[0].bus.publish("gossip", b"not for them")
    workers[2].bus.publish("news", b"two")
    assert await workers[2].take() == [b"one"]
    assert sorted(await workers[1].take(2)) == [b"one", b"two"]
    assert await workers[0].take() == [b"two"]
    workers[0].bus.publish("news", b"three")
    assert (await workers[1].take(), await workers[2].take()) == ([b"three"], [b"three"])
    assert workers[0].received.empty()


async def test_workers_whose_messages_came_lately_count_as_others(
    workers: list[Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [one.bus.others for one in workers] == [1, 1, 0]
    workers[2].bus.publish("news", b"one")
    workers[0].bus.publish("news", b"two")
    await workers[0].take()
    await workers[1].take(2)
    await workers[2].take()
    assert [one.bus.others for one in workers] == [2, 2, 1]
    monkeypatch.setattr(hosts_module, "PRESENT_S", 0.0)
    assert [one.bus.others for one in workers] == [1, 1, 0]


async def test_responses_are_found_on_other_hosts(workers: list[Worker]) -> None:
    items = [SharedItems(one.bus) for one in workers]
    items[0].own.of("alice").remember("first", b"x" * 200_000)
    items[0].own.of("alice").remember("second", b"y", "first")
    workers[0].bus.publish("news", b"here")
    await workers[2].take()
    await items[2].find("alice", ["second"])
    assert items[2].own.of("alice").recall("first") == b"x" * 200_000
    await items[2].find("bob", ["second"])
    assert items[2].own.of("bob").recall("second") is None


async def test_what_cannot_be_read_is_counted_and_followed_by_what_can(workers: list[Worker]) -> None:
    workers[0].valkey.publish(CHANNEL, b"\xc1 no message")
    workers[0].bus.publish("news", b"one")
    assert await workers[2].take() == [b"one"]
    assert workers[2].bus.malformed == 1


async def test_a_message_that_took_much_longer_than_others_is_dropped_whatever_the_clocks_say(
    workers: list[Worker],
) -> None:
    def send(at: float, data: bytes) -> None:
        whole = Message("elsewhere", "a worker", at, "news", data)
        workers[0].valkey.publish(CHANNEL, hosts_module._ENCODE(whole))

    ahead = asyncio.get_running_loop().time() + 10**6
    send(ahead, b"in time")
    send(ahead - STALE_S - 60, b"late")
    send(ahead + 1, b"in time again")
    assert await workers[2].take(2) == [b"in time", b"in time again"]
    assert workers[2].bus.stale == 1


async def leader(workers: list[Worker]) -> Worker:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            leading = [one for one in workers if one.bus.lead("alerts")]
            if leading:
                (found,) = leading
                return found
            await asyncio.sleep(0.02)


async def test_one_worker_of_all_hosts_leads_until_it_ends(workers: list[Worker]) -> None:
    first = await leader(workers)
    assert await leader(workers) is first
    await first.carrier.close()
    here = first.bus._here
    here.release("alerts")
    others = [one for one in workers if one is not first]
    assert await leader(others) in others


async def test_each_host_has_a_leader_while_valkey_is_away(tmp_path: object) -> None:
    with ValkeyProcess() as valkey:
        one, two = Worker(valkey.url, ALONE), Worker(valkey.url, ALONE)
        for worker in (one, two):
            await worker.open()
        valkey.kill()
        async with asyncio.timeout(PATIENCE_S):
            while not (one.bus.lead("alerts") and two.bus.lead("alerts")):
                one.bus.publish("news", b"nobody hears this")
                two.bus.publish("news", b"nor this")
                await asyncio.sleep(0.01)
        valkey.start()
        async with asyncio.timeout(PATIENCE_S):
            while one.valkey.failure or two.valkey.failure:
                await asyncio.sleep(0.01)
        await leader([one, two])
        await listeners(one, 2)
        one.bus.publish("news", b"here again")
        assert await two.take() == [b"here again"]
        for worker in (one, two):
            await worker.close()
