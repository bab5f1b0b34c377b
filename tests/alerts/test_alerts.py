"""Alerts as an operator's service receives them, by Apprise over a socket."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web

from running import Gateway
from simulator import Simulator, refusal
from tidegate.alerts import Alerts
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
        "alerts: the nonsense URL in [alerts] is not one that Apprise understands",
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
