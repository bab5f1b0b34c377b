"""Several issuers of tokens, and keys that are found by an issuer's own description."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from time import time
from typing import Any

import aiohttp.web
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from cases import each
from running import HELLO, Gateway, Reply
from tidegate.accounts.issuers import Issuer, find_discovered
from tidegate.accounts.jwks import AGE_S, PAUSE_S, KeySet
from tidegate.accounts.jwt import LEEWAY_S, Tokens, Verifier
from tidegate.accounts.users import Users
from tidegate.protocols.errors import ProviderBroke, Unauthenticated

DEMO = {"demo": ("demo", "")}
SECRET, OTHER_SECRET = "a-secret-of-one-issuer-only-0123456789", "a-secret-of-another-one-0123456789"
KEYS = [ec.generate_private_key(ec.SECP256R1()) for _ in range(4)]


def signed(key: Any, issuer: str | None, kid: str | None = "k1", **changes: Any) -> str:
    now = int(time())
    claims = {"iss": issuer, "aud": "gateway", "sub": "alice", "exp": now + 600, **changes}
    algorithm = "HS256" if isinstance(key, str) else "ES256"
    given = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(given, key, algorithm, {"kid": kid} if kid is not None else None)


def document(*keys: tuple[str, Any]) -> bytes:
    listed = [{**ECAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid} for kid, key in keys]
    return json.dumps({"keys": listed}).encode()


class FakeIssuer:
    """An issuer of OpenID Connect on a socket, and what was requested from it."""

    def __init__(self) -> None:
        self.url = ""
        self.described: dict[str, Any] = {}
        self.keys = document(("k1", KEYS[0]))
        self.asked: list[str] = []
        self.status = 200

    async def answer(self, request: aiohttp.web.Request) -> aiohttp.web.Response:
        self.asked.append(request.path)
        body = json.dumps(self.described).encode() if "openid" in request.path else self.keys
        return aiohttp.web.Response(body=body, status=self.status, content_type="application/json")


@pytest.fixture
async def issuer() -> AsyncIterator[FakeIssuer]:
    fake = FakeIssuer()
    app = aiohttp.web.Application()
    app.router.add_get("/{tail:.*}", fake.answer)
    runner = aiohttp.web.AppRunner(app)
    await runner.setup()
    await aiohttp.web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}/realm"
    fake.described = {"issuer": fake.url, "jwks_uri": f"{fake.url}/certs"}
    yield fake
    await runner.cleanup()


async def call(gateway: Gateway, token: str) -> Reply:
    body = {"model": "demo/chat", **HELLO}
    return await gateway.post("/v1/chat/completions", body, {"Authorization": f"Bearer {token}"})


# --- keys that are found ---------------------------------------------------------------------------


async def test_the_keys_of_an_issuer_are_where_it_says(issuer: FakeIssuer) -> None:
    more = f'[auth.jwt]\nissuer = "{issuer.url}"\naudience = ["gateway"]'
    async with Gateway(DEMO, more=more) as gateway:
        for _ in range(2):
            assert (await call(gateway, signed(KEYS[0], issuer.url))).status == 200
        assert (await call(gateway, signed(KEYS[1], issuer.url))).status == 401
        await gateway.app.reload(gateway.config)
        assert (await call(gateway, signed(KEYS[0], issuer.url, sub="bob"))).status == 200
    assert issuer.asked == ["/realm/.well-known/openid-configuration", "/realm/certs"]


async def test_a_description_that_is_another_issuers_admits_nobody(issuer: FakeIssuer) -> None:
    issuer.described["issuer"] = "https://evil.example"
    more = f'[auth.jwt]\nissuer = "{issuer.url}"\naudience = ["gateway"]'
    async with Gateway(DEMO, more=more) as gateway:
        reply = await call(gateway, signed(KEYS[0], issuer.url))
    assert (reply.status, reply.error["code"]) == (401, "token_not_verified")
    assert issuer.asked == ["/realm/.well-known/openid-configuration"]


HTTPS = "https://login.example"
DESCRIBED = {
    "keys without TLS": {"issuer": HTTPS, "jwks_uri": "http://login.example/keys"},
    "a file": {"issuer": HTTPS, "jwks_uri": "file:///etc/passwd"},
    "no host": {"issuer": HTTPS, "jwks_uri": "https:///keys"},
    "an address that is none": {"issuer": HTTPS, "jwks_uri": "https://[::1/keys"},
    "a line break": {"issuer": HTTPS, "jwks_uri": "https://login.example/\r\nX: y"},
    "no keys": {"issuer": HTTPS},
    "a number": {"issuer": HTTPS, "jwks_uri": 7},
    "another issuer": {"issuer": HTTPS + "/", "jwks_uri": f"{HTTPS}/keys"},
}


@each("described", [pytest.param(one, id=name) for name, one in DESCRIBED.items()])
def test_a_description_that_is_wrong_is_not_followed(described: dict[str, Any]) -> None:
    with pytest.raises(ProviderBroke):
        find_discovered(json.dumps(described).encode(), HTTPS)


def test_a_description_that_is_right_is_followed() -> None:
    described = {"issuer": HTTPS, "jwks_uri": "https://keys.example/certs", "more": 1}
    assert find_discovered(json.dumps(described).encode(), HTTPS) == "https://keys.example/certs"


# --- several issuers -------------------------------------------------------------------------------


def listed(folder: Path) -> str:
    return f"""
        [store]
        url = "sqlite:///{folder}/tidegate.db"
        [[auth.jwt]]
        issuer = "https://one.example"
        audience = ["gateway"]
        secret = "{SECRET}"
        [[auth.jwt]]
        name = "two"
        issuer = "https://two.example"
        audience = ["gateway", "tools"]
        secret = "{OTHER_SECRET}"
        admin_claim = "groups=admins"
    """


async def test_each_issuer_has_its_own_users_audiences_and_administrators(tmp_path: Path) -> None:
    one, two = "https://one.example", "https://two.example"
    async with Gateway(DEMO, more=listed(tmp_path)) as gateway:

        async def caller(token: str) -> str | None:
            reply = await gateway.get("/v1/me", {"X-API-Key": token})
            return reply.json["user"] if reply.status == 200 else None

        assert await caller(signed(SECRET, one)) == "alice"
        assert await caller(signed(OTHER_SECRET, two)) == "two:alice"
        assert await caller(signed(OTHER_SECRET, two, aud="tools")) == "two:alice"
        assert await caller(signed(SECRET, one, aud="tools")) is None
        for key, issuer in ((SECRET, two), (OTHER_SECRET, one), (SECRET, "https://three.example")):
            assert await caller(signed(key, issuer)) is None
        assert await caller(signed(SECRET, None)) is None
        assert await caller(signed(SECRET, one, sub="two:alice")) is None, "that is another's user"
        assert await caller(signed(SECRET, one, sub="two")) == "two"
        assert await caller(signed(OTHER_SECRET, two, sub="two:x")) == "two:two:x"

        async def administers(token: str) -> int:
            return (await gateway.get("/admin/users", {"X-API-Key": token})).status

        assert await administers(signed(OTHER_SECRET, two, groups=["admins"])) == 200
        assert await administers(signed(SECRET, one, groups=["admins"])) == 403


async def test_the_log_names_the_administrator_of_a_token(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "tidegate")
    async with Gateway(DEMO, more=listed(tmp_path)) as gateway:
        token = signed(OTHER_SECRET, "https://two.example", groups="admins")
        url = f"{gateway.url}/admin/users/bob"
        async with gateway.session.put(url, data=b"{}", headers={"X-API-Key": token}) as reply:
            assert reply.status == 200
    assert "admin API: PUT /admin/users/bob by the token of two:alice: 200" in caplog.messages


# --- rotation, clocks and odd headers --------------------------------------------------------------


class Script:
    """An issuer whose keys change, with a clock of its own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.time = time()
        self.published: bytes | None = document(("k0", KEYS[0]))
        self.asked = 0
        self.gate: asyncio.Event | None = None
        keys = KeySet("https://issuer.example/jwks", self.fetch, lambda: self.now)
        issuer = Issuer(issuer=HTTPS, audiences=("gateway",))
        self.tokens = Tokens([Verifier(issuer, keys)], Users(), lambda: self.time)

    async def fetch(self) -> bytes:
        self.asked += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.published is None:
            raise ProviderBroke("it is away")
        return self.published

    async def accepts(self, number: int, **changes: Any) -> bool:
        kid = changes.pop("kid", f"k{number}")
        try:
            await self.tokens.verify(signed(KEYS[number], HTTPS, kid, jti=str(self.asked), **changes))
        except Unauthenticated:
            return False
        return True


@pytest.mark.parametrize("away", [False, True])
async def test_keys_that_overlap_work_and_those_withdrawn_end(away: bool) -> None:
    script = Script()
    assert await script.accepts(0)
    script.published = document(("k0", KEYS[0]), ("k1", KEYS[1]))
    assert not await script.accepts(1), "the issuer was asked a moment ago"
    script.now += PAUSE_S
    assert [await script.accepts(0), await script.accepts(1)] == [True, True]
    script.published = document(("k1", KEYS[1]), ("k2", KEYS[2]))
    script.now += PAUSE_S
    assert [await script.accepts(2), await script.accepts(1), await script.accepts(0)] == [True, True, False]
    if away:
        script.published = None
        script.now += AGE_S + PAUSE_S
        assert [await script.accepts(1), await script.accepts(2)] == [True, True]


async def test_a_flood_of_unknown_kids_asks_once_in_half_a_minute() -> None:
    script = Script()
    for second in range(0, 300, 10):
        script.now = float(second)
        results = await asyncio.gather(*(script.accepts(3, kid=f"x{second}-{n}") for n in range(20)))
        assert not any(results)
    assert script.asked == 300 / PAUSE_S


async def test_one_request_at_a_time_also_if_those_who_wait_leave() -> None:
    script = Script()
    script.gate = asyncio.Event()
    waiting = [asyncio.create_task(script.accepts(0)) for _ in range(5)]
    while not script.asked:
        await asyncio.sleep(0)
    waiting[0].cancel()
    script.gate.set()
    assert [await one for one in waiting[1:]] == [True] * 4
    assert script.asked == 1


@pytest.mark.parametrize(("shift", "accepted"), [(-LEEWAY_S - 5, False), (-LEEWAY_S + 5, True), (5, True)])
async def test_clocks_may_differ_by_ten_seconds(shift: int, accepted: bool) -> None:
    script, now = Script(), int(time())
    assert await script.accepts(0, exp=now + shift) is accepted
    assert await script.accepts(0, nbf=now - shift) is accepted
    assert await script.accepts(0, iat=now - shift) is accepted


ODD_KIDS = ["../../etc/passwd", "k0/../k0", "k0\x00", "http://evil.example/key", "", "k0 ", "K0", "k" * 4000]


@pytest.mark.parametrize("kid", ODD_KIDS)
async def test_a_kid_is_only_compared(kid: str) -> None:
    script = Script()
    assert not await script.accepts(0, kid=kid)
    assert await script.accepts(0, kid="k0")


@pytest.mark.parametrize("critical", [["exp"], ["b64"], [], "exp", [1], None])
async def test_critical_extensions_are_not_understood(critical: Any) -> None:
    script, now = Script(), int(time())
    claims = {"iss": HTTPS, "aud": "gateway", "sub": "alice", "exp": now + 60}
    header = {"kid": "k0", "crit": critical, "b64": True}
    token = jwt.encode(claims, KEYS[0], "ES256", header)
    with pytest.raises(Unauthenticated):
        await script.tokens.verify(token)
