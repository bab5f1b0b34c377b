"""Where requests come from: networks that keys may be used from, proxies, and clients that guess."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import to_builtins

from cases import each
from running import HELLO, Gateway, Reply
from tidegate.accounts import FailedAttempts
from tidegate.accounts.api_keys import new_key
from tidegate.accounts.failed_attempts import MOST_ADDRESSES
from tidegate.accounts.settings import KeySettings
from tidegate.exchange.client_address import make_address_reader, network_of
from tidegate.store.database import Database
from tidegate.store.keys import add_key
from tidegate.store.schema import migrate


class Asked(NamedTuple):
    """A request, as far as addresses are concerned."""

    peer: str
    headers: list[tuple[bytes, bytes]]


def forwarded(*values: str) -> list[tuple[bytes, bytes]]:
    return [(b"host", b"x"), *((b"x-forwarded-for", value.encode()) for value in values)]


ONE_PROXY = ("10.0.0.0/8",)
ADDRESSES: list[tuple[tuple[str, ...], str, list[str], str]] = [
    ((), "10.0.0.1", ["1.2.3.4"], "10.0.0.1"),  # nobody is trusted
    (ONE_PROXY, "9.9.9.9", ["1.2.3.4"], "9.9.9.9"),  # this one is not
    (ONE_PROXY, "10.0.0.1", [], "10.0.0.1"),
    (ONE_PROXY, "10.0.0.1", ["1.2.3.4"], "1.2.3.4"),
    (ONE_PROXY, "10.0.0.1", ["6.6.6.6, 1.2.3.4"], "1.2.3.4"),  # the client has sent the first
    (ONE_PROXY, "10.0.0.1", ["6.6.6.6", "1.2.3.4"], "1.2.3.4"),  # the same, as two headers
    (ONE_PROXY, "10.0.0.1", ["6.6.6.6, 1.2.3.4, 10.0.0.2"], "1.2.3.4"),  # a chain of two proxies
    (ONE_PROXY, "10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),  # a client within the network
    (ONE_PROXY, "10.0.0.1", ["6.6.6.6, nonsense"], "10.0.0.1"),
    (ONE_PROXY, "10.0.0.1", ["6.6.6.6, "], "10.0.0.1"),
    (ONE_PROXY, "10.0.0.1", ["1.2.3.4:5678"], "1.2.3.4"),
    (ONE_PROXY, "10.0.0.1", ["[2001:db8::1]:443"], "2001:db8::1"),
    (ONE_PROXY, "10.0.0.1", ["2001:db8::1"], "2001:db8::1"),
    (ONE_PROXY, "::ffff:10.0.0.1", ["::ffff:1.2.3.4"], "1.2.3.4"),
    (("unix",), "", ["1.2.3.4"], "1.2.3.4"),
    (ONE_PROXY, "", ["1.2.3.4"], ""),
    (("unix",), "10.0.0.1", ["1.2.3.4"], "10.0.0.1"),
]


@each("proxies, peer, values, expected", ADDRESSES)
def test_only_trusted_proxies_are_believed(
    proxies: tuple[str, ...], peer: str, values: list[str], expected: str
) -> None:
    request: Any = Asked(peer, forwarded(*values))
    assert make_address_reader(proxies)(request) == expected


def test_a_household_of_ipv6_is_one_client() -> None:
    assert network_of("2001:db8:1:2:3::4") == network_of("2001:db8:1:2:ffff::1") == "2001:db8:1:2::/64"
    assert network_of("::ffff:1.2.3.4") == network_of("1.2.3.4") == "1.2.3.4"
    assert network_of("") == ""


def test_no_more_addresses_are_kept_than_there_is_room_for() -> None:
    failed = FailedAttempts()
    for number in range(MOST_ADDRESSES + 100):
        failed.count(f"{number}.example", 0.0)
    assert len(failed) == MOST_ADDRESSES


def test_the_twenty_first_failure_within_a_minute_has_to_wait() -> None:
    failed = FailedAttempts()
    for _ in range(20):
        assert failed.wait("1.2.3.4", 100.0) == 0
        failed.count("1.2.3.4", 100.0)
    assert 0 < failed.wait("1.2.3.4", 100.0) <= 3
    assert failed.wait("1.2.3.5", 100.0) == 0
    assert failed.wait("1.2.3.4", 103.1) == 0


# --- at a gateway ------------------------------------------------------------------------------


class Door:
    """A gateway behind a proxy, and a key of its store."""

    def __init__(self, gateway: Gateway, stored: str) -> None:
        self.gateway = gateway
        self.stored = stored

    async def call(self, key: str, address: str) -> Reply:
        headers = {"authorization": f"Bearer {key}", "x-forwarded-for": address}
        return await self.gateway.post("/v1/chat/completions", {"model": "demo/echo", **HELLO}, headers)


@asynccontextmanager
async def door(tmp_path: Path, *, trusted: bool = True, **settings: Any) -> AsyncIterator[Door]:
    url = f"sqlite:///{tmp_path}/tidegate.db"
    database = Database(url)
    migrate(database)
    made = new_key()
    row = {
        "id": made.id, "digest": made.digest, "prefix": made.prefix, "name": "stored", "created_at": 1,
        "settings": to_builtins(KeySettings(**settings)),
    }  # fmt: skip
    with database.write() as connection:
        add_key(connection, row)
    database.close()
    server = 'trusted_proxies = ["127.0.0.1"]' if trusted else ""
    more = f'[auth]\nkeys = ["alice:sk-of-the-file"]\n[store]\nurl = "{url}"'
    async with Gateway({"demo": ("demo", "")}, server=server, more=more) as gateway:
        yield Door(gateway, made.secret)


async def test_a_key_works_from_its_networks_only(tmp_path: Path) -> None:
    async with door(tmp_path, addresses=("192.0.2.0/24", "2001:db8::/32")) as there:
        statuses = [
            (await there.call(there.stored, address)).status
            for address in ("192.0.2.7", "2001:db8::1", "198.51.100.1", "192.0.2.7, 198.51.100.1")
        ]
        refused = await there.call(there.stored, "198.51.100.1")
    assert statuses == [200, 200, 403, 403]
    assert refused.error["message"] == "this API key may not be used from 198.51.100.1"
    assert refused.error["code"] == "permission_denied"


async def test_a_forwarded_address_of_anybody_is_not_believed(tmp_path: Path) -> None:
    async with door(tmp_path, trusted=False, addresses=("192.0.2.0/24",)) as there:
        reply = await there.call(there.stored, "192.0.2.7")
    assert reply.status == 403
    assert "127.0.0.1" in reply.error["message"]


async def test_who_guesses_is_slowed_down_and_nobody_else(tmp_path: Path) -> None:
    async with door(tmp_path) as there:
        statuses = [(await there.call(f"sk-guess-{number}", "192.0.2.7")).status for number in range(21)]
        refused = await there.call("sk-guess", "192.0.2.7")
        right = await there.call("sk-of-the-file", "192.0.2.7")
        made = await there.call(there.stored, "192.0.2.7")
        elsewhere = await there.call("sk-of-the-file", "192.0.2.8")
    assert statuses[:20] == [401] * 20
    assert refused.status == 429
    assert int(refused.headers["retry-after"]) in (1, 2, 3)
    assert "failed attempts" in refused.error["message"]
    assert right.status == 429, "otherwise one could go on guessing"
    assert made.status == 200
    assert elsewhere.status == 200


async def test_the_local_machine_is_not_slowed_down(tmp_path: Path) -> None:
    async with door(tmp_path, trusted=False) as there:
        statuses = {(await there.call("sk-guess", "192.0.2.7")).status for _ in range(30)}
    assert statuses == {401}


# --- names of the file's keys ------------------------------------------------------------------


async def test_a_key_of_the_environment_may_have_a_name() -> None:
    environ = {
        "TIDEGATE_API_KEYS": "alice:sk-0123456789abcdef,sk-fedcba9876543210",
        "OPENAI_API_KEY": "sk-upstream",
    }
    async with Gateway(environ=environ) as gateway:

        async def status(key: str) -> int:
            return (await gateway.get("/v1/models", {"x-api-key": key})).status

        assert await status("sk-0123456789abcdef") == 200
        assert await status("sk-fedcba9876543210") == 200
        assert await status("alice:sk-0123456789abcdef") == 401
        assert await status("alice") == 401
        named, unnamed = await gateway.record(1), await gateway.record(2)
    assert (named["caller"], named["user"]) == ("alice", "alice")
    assert unnamed["caller"].startswith("key-")
    assert unnamed.get("user") is None
    assert "sk-0123" not in str(named)
