"""Alerts as an operator's service receives them, by Apprise over a socket."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web

from buses import OneOfSeveral, buses
from running import Gateway
from simulator import Simulator, refusal
from tidegate.alerts import Alerts, notice_of
from tidegate.alerts import alerts as alerts_module
from tidegate.alerts import digest as digests
from tidegate.alerts.sender import service_url
from tidegate.routing import Transition

OPENED = Transition(kind="breaker_opened", service="openai", model="gpt-4o", wait_s=5.0)


class Topic:
    """A server of ntfy's API, with what was published to it."""

    def __init__(self) -> None:
        self.published: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        self.port = 0
        self.status = 200

    async def publish(self, request: web.Request) -> web.Response:
        self.published.put_nowait(await request.json())
        return web.json_response({}, status=self.status)


@pytest_asyncio.fixture
async def topic() -> AsyncIterator[Topic]:
    topic = Topic()
    app = web.Application()
    app.router.add_route("POST", "/{tail:.*}", topic.publish)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    topic.port = runner.addresses[0][1]
    yield topic
    await runner.cleanup()


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "GROUP_S", 0.01)


async def test_a_plain_address_is_a_topic_of_ntfy(topic: Topic) -> None:
    alerts = Alerts()
    alerts.configure([f"http://127.0.0.1:{topic.port}/errors"], 900)
    alerts.on_transition(OPENED)
    published = await asyncio.wait_for(topic.published.get(), 20)
    assert published["topic"] == "errors"
    assert published["title"] == "Tidegate: attention"
    assert published["message"] == "openai/gpt-4o keeps failing, and is not called for 5 s"
    await alerts.close()
    assert topic.published.empty()


async def test_what_does_not_work_is_reported_when_it_begins_and_when_it_ends(
    topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "SETTLED_S", 0.01)
    alerts = Alerts()
    alerts.configure([f"http://127.0.0.1:{topic.port}/errors"], 900)
    alerts.on_outage("store", "the store", None)
    for _ in range(3):
        alerts.on_outage("store", "the store", "fails; it waits")
    assert (await asyncio.wait_for(topic.published.get(), 20))["message"] == "the store fails; it waits"
    for _ in range(3):
        alerts.on_outage("store", "the store", None)
    assert (await asyncio.wait_for(topic.published.get(), 20))["message"] == "the store works again"
    await alerts.close()
    assert topic.published.empty()


async def test_a_provider_that_keeps_failing_is_reported_once(topic: Topic) -> None:
    alerts = f'[alerts]\nurls = ["http://127.0.0.1:{topic.port}/errors"]'
    async with Simulator() as provider, Gateway({"sim": ("openai", provider.url)}, more=alerts) as gateway:
        for _ in range(8):
            provider.answer(refusal(500, "the prompt was: my secret"))
            assert (await gateway.chat("sim/m")).status == 500
        published = await asyncio.wait_for(topic.published.get(), 30)
    text = str(published["message"])
    assert text.startswith("sim/m keeps failing, and is not called for")
    assert "secret" not in text
    assert topic.published.empty()


async def test_what_waits_at_the_stop_is_still_sent(topic: Topic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "GROUP_S", 3600.0)
    alerts = Alerts()
    alerts.configure([f"ntfy://127.0.0.1:{topic.port}/errors"], 900)
    alerts.on_transition(OPENED)
    await alerts.close()
    assert topic.published.qsize() == 1


async def test_a_service_that_fails_is_logged_without_its_address(
    topic: Topic, caplog: pytest.LogCaptureFixture
) -> None:
    topic.status = 500
    alerts = Alerts()
    alerts.configure([f"ntfy://127.0.0.1:{topic.port}/secret-topic", "nonsense://secret-token"], 900)
    alerts.on_transition(OPENED)
    await alerts.close()
    ours = [record.getMessage() for record in caplog.records if record.name == "tidegate"]
    assert ours == [
        "alerts: a message could not be sent by ntfy",
        "alerts: Apprise does not support the nonsense URL in [alerts]",
    ]


async def test_without_urls_nothing_is_kept() -> None:
    alerts = Alerts()
    alerts.configure([], 900)
    alerts.on_transition(OPENED)
    alerts.on_internal_error("req_1")
    assert alerts._digest.next_at() is None
    await alerts.close()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://ntfy.sh/topic", "ntfys://ntfy.sh/topic"),
        ("HTTP://user:password@host:8080/topic", "ntfy://user:password@host:8080/topic"),
        ("slack://token/channel", "slack://token/channel"),
    ],
)
def test_addresses_of_web_servers_are_those_of_ntfy(url: str, expected: str) -> None:
    assert service_url(url) == expected


def workers_of(pair: list[OneOfSeveral], topic: Topic) -> list[Alerts]:
    workers = [Alerts(bus=bus) for bus in pair]
    for one in workers:
        one.configure([f"ntfy://127.0.0.1:{topic.port}/errors"], 900)
    return workers


async def test_what_several_workers_see_is_one_message(topic: Topic) -> None:
    with buses(3) as pair:
        workers = workers_of(pair, topic)
        for one in workers:
            one.on_transition(OPENED)
        workers[2].on_transition(Transition(kind="model_missing", service="openai", model="o1"))
        published = [str((await asyncio.wait_for(topic.published.get(), 20))["message"])]
        while "o1" not in published[-1]:  # it may have missed the first message by milliseconds
            published.append(str((await asyncio.wait_for(topic.published.get(), 20))["message"]))
        for one in workers:
            await one.close()
        assert topic.published.empty()
        assert "".join(published).count("keeps failing") == 1


async def test_another_worker_sends_what_a_killed_one_has_not(
    topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts_module, "TAKE_OVER_S", 0.01)
    with buses(2) as pair:
        killed, left = workers_of(pair, topic)
        assert pair[0].claim(alerts_module.CLAIM)
        killed._closed = True  # it never gets to send
        killed.on_transition(OPENED)
        await asyncio.sleep(0.1)
        assert topic.published.empty()
        pair[0].die()
        published = await asyncio.wait_for(topic.published.get(), 20)
        assert "keeps failing" in str(published["message"])
        left.on_transition(OPENED)
        await left.close()
        assert topic.published.empty(), "it knows that this was sent"


async def test_the_worker_that_takes_over_knows_what_was_sent(topic: Topic) -> None:
    with buses(2) as pair:
        first, second = workers_of(pair, topic)
        assert pair[0].claim(alerts_module.CLAIM)
        second.on_transition(OPENED)
        await asyncio.wait_for(topic.published.get(), 20)
        await asyncio.sleep(0.05)
        pair[0].die()
        second.on_transition(OPENED)
        await second.close()
        assert topic.published.empty()
        await first.close()


def test_a_credential_that_works_again_ends_its_trouble_whatever_the_model() -> None:
    digest = digests.Digest(900)
    closed = Transition(kind="funds_exhausted", service="openai", model="gpt-4o", credential="k1")
    again = Transition(kind="credential_restored", service="openai", model="o1", credential="k1")
    for now, transition in ((0, closed), (10, again)):
        notice = notice_of(transition)
        assert notice is not None
        digest.add(notice, now)
        digest.take(now + 5)
    message = digest.take(100)
    assert message is not None
    assert message.body == "openai accepts the gateway's key k1 again"


async def test_a_wallet_with_little_left_is_reported_by_message(topic: Topic) -> None:
    alerts = Alerts()
    alerts.configure([f"http://127.0.0.1:{topic.port}/errors"], 900)
    alerts.on_low_balance("alice", "the wallet of alice has 0.50 USD left", ended=False)
    alerts.on_low_balance("bob", "the wallet of bob has 0.10 USD left", ended=False)
    published = await asyncio.wait_for(topic.published.get(), 20)
    assert published["message"] == (
        "- the wallet of alice has 0.50 USD left\n- the wallet of bob has 0.10 USD left"
    )
