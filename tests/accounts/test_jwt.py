"""Tokens of Supabase and of other issuers: who is served, and what is refused."""

import asyncio
import base64
import contextlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from hashlib import sha256
from pathlib import Path
from time import time
from typing import Any

import aiohttp.web
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from cases import each
from running import HELLO, Gateway, Reply, parse_config
from tidegate.accounts.caller import Caller
from tidegate.accounts.issuers import Issuer
from tidegate.accounts.jwks import AGE_S, PAUSE_S, KeySet, parse_keys
from tidegate.accounts.jwt import Tokens, Verifier
from tidegate.accounts.users import Users
from tidegate.config import ConfigError
from tidegate.protocols.errors import ProviderBroke, Unauthenticated
from tidegate.store.keys import find_user, put_team, put_user
from tidegate.upstream import fetch_json

SECRET = "a-secret-of-the-issuer-that-nobody-else-has"
PUBLISHED = "a-secret-that-is-among-the-published-keys"
RSA = rsa.generate_private_key(65537, 2048)
OTHER_RSA = rsa.generate_private_key(65537, 2048)
WEAK_RSA = rsa.generate_private_key(65537, 1024)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()


def claims(issuer: str = "https://issuer.example", **changes: Any) -> dict[str, Any]:
    now = int(time())
    given = {"iss": issuer, "aud": "authenticated", "sub": "alice", "iat": now, "exp": now + 3600, **changes}
    return {name: value for name, value in given.items() if value is not None}


def signed(key: Any, algorithm: str, kid: str | None = None, **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm, {"kid": kid} if kid else None)


def public(key: Any, kid: str | None = "k1", **more: Any) -> dict[str, Any]:
    algorithm: Any = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    if isinstance(key, ed25519.Ed25519PrivateKey):
        algorithm = OKPAlgorithm
    found = {**algorithm.to_jwk(key.public_key(), as_dict=True), "use": "sig", **more}
    found.pop("key_ops", None)
    return {**found, "kid": kid} if kid else found


def by_hand(header: Mapping[str, Any], body: Any, signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(body).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


class FakeIssuer:
    """An issuer on a socket. `body` is what it answers; `gate` holds its answers back."""

    def __init__(self) -> None:
        self.body: bytes = b'{"keys":[]}'
        self.status = 200
        self.type = "application/json"
        self.asked = 0
        self.gate: asyncio.Event | None = None
        self.url = ""

    def publish(self, *keys: dict[str, Any]) -> None:
        self.body = json.dumps({"keys": keys}).encode()

    async def answer(self, _: aiohttp.web.Request) -> aiohttp.web.Response:
        self.asked += 1
        if self.gate is not None:
            await self.gate.wait()
        return aiohttp.web.Response(body=self.body, status=self.status, content_type=self.type)


@pytest.fixture
async def issuer() -> AsyncIterator[FakeIssuer]:
    fake = FakeIssuer()
    app = aiohttp.web.Application()
    app.router.add_get("/auth/v1/.well-known/jwks.json", fake.answer)
    runner = aiohttp.web.AppRunner(app)
    await runner.setup()
    site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    if fake.gate is not None:
        fake.gate.set()
    await runner.cleanup()


def settings(issuer: FakeIssuer, more: str = "") -> str:
    return f'[auth]\nsupabase_url = "{issuer.url}"\njwt_issuer = "https://issuer.example"\n{more}'


async def call(gateway: Gateway, token: str, header: str = "Authorization") -> Reply:
    value = f"Bearer {token}" if header == "Authorization" else token
    body = {"model": "demo/chat", **HELLO}
    return await gateway.post("/v1/chat/completions", body, {header: value})


DEMO = {"demo": ("demo", "")}

# --- with a secret ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def with_secret() -> Tokens:
    given = Issuer(issuer="https://issuer.example", audiences=("authenticated",), secret=SECRET.encode())
    return Tokens([Verifier(given, None)], Users())


async def test_supabases_variables_alone_admit_its_users() -> None:
    url = "https://project.supabase.co"
    environ = {"SUPABASE_URL": url, "SUPABASE_JWT_SECRET": SECRET, "HOST": "0.0.0.0"}
    async with Gateway(environ=environ) as gateway:
        assert gateway.config.auth.mode == "keys"
        assert gateway.config.server.host == "0.0.0.0", "a gateway that checks its users may be reached"
        assert gateway.config.warnings == ()
        token = signed(SECRET, "HS256", issuer=f"{url}/auth/v1")
        for header in ("Authorization", "X-API-Key", "x-goog-api-key", "api-key"):
            value = f"Bearer {token}" if header == "Authorization" else token
            assert (await gateway.get("/v1/models", {header: value})).status == 200
        nobody = await gateway.get("/v1/models")
        assert (nobody.status, nobody.headers["www-authenticate"]) == (401, "Bearer")
        assert (await gateway.get("/v1/models", {"X-API-Key": "sk-1"})).status == 401
        record = await gateway.record()
    assert record["caller"] == "alice"


async def test_the_secret_alone_is_enough() -> None:
    async with Gateway(environ={"SUPABASE_JWT_SECRET": SECRET}) as gateway:
        token = signed(SECRET, "HS256")
        assert (await gateway.get("/v1/models", {"X-API-Key": token})).status == 200
        assert (await gateway.get("/v1/models", {"X-API-Key": signed("x" * 32, "HS256")})).status == 401


async def test_keys_work_beside_tokens_even_if_they_look_like_one() -> None:
    key = "eyJ.looks.alike"
    environ = {"SUPABASE_JWT_SECRET": SECRET, "TIDEGATE_API_KEYS": f"ci:{key}"}
    async with Gateway(environ=environ) as gateway:
        assert (await gateway.get("/v1/models", {"X-API-Key": key})).status == 200
        assert (await gateway.record())["caller"] == "ci"


def signed_with_secret(body: bytes) -> str:
    head, text = (base64.urlsafe_b64encode(one).rstrip(b"=") for one in (b'{"alg":"HS256"}', body))
    signature = hmac.digest(SECRET.encode(), head + b"." + text, "sha256")
    return b".".join([head, text, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


NOW = int(time())
REFUSED: dict[str, str] = {
    "another secret": signed("another-secret-that-is-long-enough-for-it", "HS256"),
    "another size of the digest": signed(SECRET + SECRET, "HS512"),
    "no signature": by_hand({"alg": "none"}, claims()),
    "no signature, in capitals": by_hand({"alg": "NONE"}, claims()),
    "an empty signature": by_hand({"alg": "HS256"}, claims()),
    "no algorithm": by_hand({"typ": "JWT"}, claims()),
    "an algorithm that is a list": by_hand({"alg": ["HS256"]}, claims()),
    "a header that is a list": by_hand([], claims()),  # type: ignore[arg-type]
    "claims that are a list": by_hand({"alg": "HS256"}, []),
    "critical extensions": jwt.encode(claims(), SECRET, "HS256", {"crit": ["x"], "x": 1}),
    "another audience": signed(SECRET, "HS256", aud="anon"),
    "an audience that is a number": signed(SECRET, "HS256", aud=1),
    "no audience": signed(SECRET, "HS256", aud=None),
    "another issuer": signed(SECRET, "HS256", issuer="https://evil.example"),
    "no issuer": signed(SECRET, "HS256", iss=None),
    "no user": signed(SECRET, "HS256", sub=None),
    "an empty user": signed(SECRET, "HS256", sub=""),
    "a user with a line break": signed(SECRET, "HS256", sub="a\nb"),
    "a user of blanks": signed(SECRET, "HS256", sub="  "),
    "a user with a blank at the end": signed(SECRET, "HS256", sub="alice "),
    "a user that is too long": signed(SECRET, "HS256", sub="a" * 201),
    "expired": signed(SECRET, "HS256", exp=NOW - 60),
    "no expiry": signed(SECRET, "HS256", exp=None),
    "an expiry that is a word": signed(SECRET, "HS256", exp="soon"),
    "an expiry that is a text": signed(SECRET, "HS256", exp=str(NOW + 600)),
    "deep claims": signed_with_secret(b"[" * 4000),
    "claims that are not UTF-8": signed_with_secret(b'{"sub":"\xff"}'),
    "an infinite expiry": signed_with_secret(json.dumps(claims(exp=float("inf"))).encode()),
    "not valid yet": signed(SECRET, "HS256", nbf=NOW + 600),
    "issued in the future": signed(SECRET, "HS256", iat=NOW + 600),
    "Supabase's anon key": jwt.encode(
        {"iss": "supabase", "ref": "p", "role": "anon", "iat": NOW, "exp": NOW + 99999}, SECRET, "HS256"
    ),
    "too long": signed(SECRET, "HS256", more="x" * 8192),
    "no parts": "eyJ..",
    "not base64": "eyJ!.e30.x",
    "not UTF-8": "eyJ\xff.e30.x",
}  # fmt: skip
"""Each with one thing wrong."""


@each("token", [pytest.param(token, id=name) for name, token in REFUSED.items()])
async def test_a_token_with_one_thing_wrong_is_refused(with_secret: Tokens, token: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        await with_secret.verify(token)
    assert token[4:20] not in str(refused.value)
    assert with_secret.known(token) is None


async def test_refusals_say_what_helps(with_secret: Tokens) -> None:
    tokens = with_secret
    with pytest.raises(Unauthenticated, match="expired") as expired:
        await tokens.verify(REFUSED["expired"])
    assert expired.value.code == "token_expired"
    with pytest.raises(Unauthenticated, match="audience"):
        await tokens.verify(REFUSED["another audience"])
    with pytest.raises(Unauthenticated, match="longer than 8192"):
        await tokens.verify(REFUSED["too long"])


async def test_an_expiry_far_away_is_no_reason_to_refuse(with_secret: Tokens) -> None:
    assert (await with_secret.verify(signed(SECRET, "HS256", exp=10**400))).user == "alice"


async def test_a_verified_token_is_remembered_until_it_expires_or_for_a_minute() -> None:
    now = int(time())
    clock = [float(now)]
    given = Issuer(issuer=None, audiences=("authenticated",), secret=SECRET.encode())
    tokens = Tokens([Verifier(given, None)], Users(), now=lambda: clock[0])
    long, short = signed(SECRET, "HS256"), signed(SECRET, "HS256", exp=now + 20)
    assert tokens.known(long) is None
    assert (await tokens.verify(long)).user == "alice"
    assert (await tokens.verify(short)).user == "alice"
    clock[0] += 29
    assert tokens.known(long) is not None
    assert tokens.known(short) is not None
    clock[0] += 2
    assert tokens.known(short) is None
    clock[0] += 30
    assert tokens.known(long) is None


# --- with public keys ------------------------------------------------------------------------------

SIGNED = {
    "RS256": (RSA, "RS256"), "PS256": (RSA, "PS256"), "ES256": (EC, "ES256"), "EdDSA": (ED, "EdDSA"),
}  # fmt: skip


@pytest.mark.parametrize("name", SIGNED)
async def test_a_token_is_verified_with_the_issuers_key(issuer: FakeIssuer, name: str) -> None:
    key, algorithm = SIGNED[name]
    issuer.publish(public(OTHER_RSA, "k0"), public(key))
    async with Gateway(DEMO, more=settings(issuer)) as gateway:
        for _ in range(3):
            reply = await call(gateway, signed(key, algorithm, "k1"))
            assert reply.status == 200, reply.body
        assert (await call(gateway, signed(key, algorithm, "k1")[:-8] + "AAAAAAAA")).status == 401
    assert issuer.asked == 1


def pem(key: Any) -> bytes:
    found: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return found


def confused(secret: bytes, kid: str = "k1") -> str:
    """A token signed with a public key as if it were a secret."""
    token = by_hand({"alg": "HS256", "kid": kid}, claims())
    signature = hmac.digest(secret, token.rpartition(".")[0].encode(), "sha256")
    return by_hand({"alg": "HS256", "kid": kid}, claims(), signature)


def signed_by_hand(key: rsa.RSAPrivateKey, kid: str) -> str:
    header = {"alg": "RS256", "kid": kid}
    token = by_hand(header, claims()).rpartition(".")[0]
    return by_hand(header, claims(), key.sign(token.encode(), PKCS1v15(), SHA256()))


ATTACKS = {
    "HS256 with the RSA key as a secret": confused(pem(RSA)),
    "HS256 with its JSON as a secret": confused(json.dumps(public(RSA)).encode()),
    "HS256 with no secret": confused(b""),
    "none with a kid": by_hand({"alg": "none", "kid": "k1"}, claims()),
    "the key of another": signed(OTHER_RSA, "RS256", "k1"),
    "the kid of another type of key": signed(EC, "ES256", "k1"),
    "an algorithm that its key is not for": signed(RSA, "RS512", "pinned"),
    "its own key in the header": jwt.encode(
        claims(), OTHER_RSA, "RS256", {"kid": "k1", "jwk": public(OTHER_RSA), "jku": "http://127.0.0.1:1/"}
    ),
    "a key for encryption": signed(OTHER_RSA, "RS256", "enc"),
    "a published secret": signed(PUBLISHED, "HS256", "oct"),
    "a weak key": signed_by_hand(WEAK_RSA, "weak"),
    "no kid where two keys fit": signed(RSA, "RS256"),
    "an unknown kid": signed(RSA, "RS256", "k9"),
}


@pytest.fixture(scope="module")
def parsed() -> KeySet:
    encoded = base64.urlsafe_b64encode(PUBLISHED.encode()).rstrip(b"=").decode()
    body = json.dumps({"keys": [
        public(RSA), public(RSA, "pinned", alg="RS256"), public(OTHER_RSA, "enc", use="enc"),
        public(WEAK_RSA, "weak"), {"kty": "oct", "kid": "oct", "alg": "HS256", "k": encoded},
        {"kty": "RSA", "kid": "broken", "n": "AQAB"}, {"kty": "RSA", "kid": 7}, "a word", None, [],
        {"kty": "EC", "crv": "P-256", "kid": "off", "x": "AAAA", "y": "AAAA"},
    ]}).encode()  # fmt: skip

    async def fetch() -> bytes:
        return body

    return KeySet("https://issuer.example/jwks", fetch)


@each("token", [pytest.param(token, id=name) for name, token in ATTACKS.items()])
async def test_an_attack_with_public_keys_is_refused(parsed: KeySet, token: str) -> None:
    given = Issuer(issuer="https://issuer.example", audiences=("authenticated",))
    tokens = Tokens([Verifier(given, parsed)], Users())
    assert (await tokens.verify(signed(RSA, "RS256", "k1"))).user == "alice"
    with pytest.raises(Unauthenticated):
        await tokens.verify(token)


async def test_only_the_configured_algorithms_are_accepted(parsed: KeySet) -> None:
    given = Issuer(issuer=None, audiences=("authenticated",), algorithms=("ES256",))
    with pytest.raises(Unauthenticated):
        await Tokens([Verifier(given, parsed)], Users()).verify(signed(RSA, "RS256", "k1"))


POISON = {
    "garbage": b"\x00\xff" * 100,
    "HTML": b"<html><body>Sign in</body></html>",
    "a list": b"[]",
    "no keys": b"{}",
    "keys that are a word": b'{"keys":"all"}',
    "deep": b'{"keys":' + b"[" * 100_000,
    "huge": b'{"keys":[' + b" " * (1024 * 1024) + b"]}",
    "not UTF-8": b'{"keys":[{"kty":"\xff"}]}',
}


@pytest.mark.parametrize("name", POISON)
async def test_a_poisoned_key_set_admits_nobody_and_harms_nothing(issuer: FakeIssuer, name: str) -> None:
    issuer.body = POISON[name]
    async with Gateway(DEMO, more=settings(issuer, 'keys = ["sk-own"]')) as gateway:
        assert (await call(gateway, signed(RSA, "RS256", "k1"))).status == 401
        assert (await call(gateway, "sk-own")).status == 200
    assert issuer.asked == 1


async def test_an_issuer_that_is_away_or_answers_with_an_error_admits_nobody(issuer: FakeIssuer) -> None:
    issuer.status = 500
    async with Gateway(DEMO, more=settings(issuer)) as gateway:
        reply = await call(gateway, signed(RSA, "RS256", "k1"))
    assert (reply.status, reply.error["code"]) == (401, "token_not_verified")
    issuer.url = "http://127.0.0.1:1"
    async with Gateway(DEMO, more=settings(issuer)) as gateway:
        assert (await call(gateway, signed(RSA, "RS256", "k1"))).status == 401


async def test_an_issuer_that_does_not_answer_is_not_waited_for_for_long(issuer: FakeIssuer) -> None:
    issuer.gate = asyncio.Event()
    url = f"{issuer.url}/auth/v1/.well-known/jwks.json"
    keys = KeySet(url, lambda: fetch_json(url, 0.1, 1000, "key set"))
    tokens = Tokens([Verifier(Issuer(issuer=None, audiences=("authenticated",)), keys)], Users())
    with pytest.raises(Unauthenticated, match="not available"):
        await tokens.verify(signed(RSA, "RS256", "k1"))


async def test_who_guesses_tokens_is_slowed_down_but_nobody_with_a_token(issuer: FakeIssuer) -> None:
    more = f'trusted_proxies = ["127.0.0.1"]\n[auth]\njwt_secret = "{SECRET}"'
    async with Gateway(DEMO, server=more) as gateway:

        async def status(token: str) -> int:
            headers = {"X-API-Key": token, "X-Forwarded-For": "203.0.113.7"}
            return (await gateway.get("/v1/models", headers)).status

        assert {await status(REFUSED["expired"]) for _ in range(25)} == {401}, "these were no guesses"
        assert {await status(REFUSED["another secret"]) for _ in range(20)} == {401}
        assert await status(REFUSED["another secret"]) == 429
        assert await status(signed(SECRET, "HS256")) == 200


async def test_unknown_kids_ask_the_issuer_once(issuer: FakeIssuer) -> None:
    issuer.publish(public(RSA))
    issuer.gate = asyncio.Event()
    async with Gateway(DEMO, more=settings(issuer)) as gateway:
        tokens = [signed(RSA, "RS256", f"k{number}") for number in range(100)]
        calls = [asyncio.create_task(call(gateway, token)) for token in tokens]
        while not issuer.asked:
            await asyncio.sleep(0.01)
        issuer.gate.set()
        statuses = [(await one).status for one in calls]
        assert (await call(gateway, signed(RSA, "RS256", "another"))).status == 401
    assert sorted(statuses) == [200] + [401] * 99, "k1 is known"
    assert issuer.asked == 1


class Script:
    """Key sets one after another; None is an issuer that is away."""

    def __init__(self, *answers: bytes | None) -> None:
        self.answers = list(answers)
        self.asked = 0
        self.now = 0.0
        self.keys = KeySet("https://issuer.example/jwks", self.fetch, lambda: self.now)

    async def fetch(self) -> bytes:
        self.asked += 1
        answer = self.answers.pop(0)
        if answer is None:
            raise ProviderBroke("it is away")
        return answer

    async def knows(self, kid: str, algorithm: str = "RS256") -> bool:
        return await self.keys.find(kid, algorithm) is not None


def document(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


async def test_a_new_key_is_found_and_an_old_one_ends() -> None:
    script = Script(document(public(RSA, "old")), document(public(RSA, "old"), public(OTHER_RSA, "new")),
                    document(public(OTHER_RSA, "new")))  # fmt: skip
    assert await script.knows("old")
    assert not await script.knows("new"), "it was asked just now"
    script.now += PAUSE_S
    assert await script.knows("new")
    assert await script.knows("old")
    assert script.asked == 2
    script.now += AGE_S + 1
    assert not await script.knows("old")
    assert await script.knows("new")
    assert script.asked == 3


async def test_known_keys_work_while_the_issuer_is_away(caplog: pytest.LogCaptureFixture) -> None:
    script = Script(document(public(RSA)), None, document(), b"<html>", document(public(RSA)))
    assert await script.knows("k1")
    for _ in range(4):
        script.now += AGE_S + 1
        assert await script.knows("k1")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert script.asked == 5
    assert [one.getMessage() for one in caplog.records if "cannot be read" in one.getMessage()] == [
        "the keys for tokens at https://issuer.example/jwks cannot be read: it is away"
    ]


def test_a_key_that_takes_long_to_verify_with_is_not_used() -> None:
    number = base64.urlsafe_b64encode(b"\xff" * 2048).rstrip(b"=").decode()
    slow = public(RSA, "e")
    slow["e"] = base64.urlsafe_b64encode(b"\x01" * 32).rstrip(b"=").decode()
    assert parse_keys(document({**public(RSA, "n"), "n": number}, slow)) == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
CLAIMS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("iss", "aud", "sub", "exp", "nbf", "iat", "jti", "crit"), JSON)
)


@given(st.one_of(JSON, CLAIMS, CLAIMS.map(lambda some: {**claims(), **some})))
async def test_no_signed_claims_fail_in_any_other_way(with_secret: Tokens, body: Any) -> None:
    with contextlib.suppress(Unauthenticated):
        assert (await with_secret.verify(signed_with_secret(json.dumps(body).encode()))).user


@given(st.text(max_size=60), st.text(max_size=60), JSON)
async def test_no_text_fails_in_any_other_way(with_secret: Tokens, one: str, two: str, header: Any) -> None:
    for token in (f"eyJ{one}.{two}.", f"{one}.{two}", by_hand(header, two), by_hand({"alg": header}, {})):
        with pytest.raises(Unauthenticated):
            await with_secret.verify(token)


FIELDS = ("kty", "kid", "alg", "use", "crv", "n", "e", "x", "y", "key_ops")


@given(st.lists(JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, JSON)), max_size=4))
def test_no_key_set_fails_in_any_other_way(keys: list[Any]) -> None:
    whole = [{**public(key), **one} for one in keys if isinstance(one, dict) for key in (RSA, EC, ED)]
    with contextlib.suppress(ProviderBroke):
        parse_keys(json.dumps({"keys": [*keys, *whole]}).encode())


# --- users -----------------------------------------------------------------------------------------


def stored(folder: Path, more: str = "") -> str:
    return f"""
        [store]
        url = "sqlite:///{folder}/tidegate.db"
        [auth]
        jwt_secret = "{SECRET}"
        {more}
    """


async def test_a_user_is_added_on_the_first_call_and_follows_the_store(tmp_path: Path) -> None:
    async with Gateway(DEMO, more=stored(tmp_path)) as gateway:
        store = gateway.app._store
        assert store is not None
        token = signed(SECRET, "HS256")
        assert (await call(gateway, token)).status == 200
        assert (await store.ask(find_user, "alice")) is not None

        await store.change(put_team, "red", 1, {"settings": {"models": ["gpt-*"]}})
        await store.change(put_user, "alice", 1, {"team": "red"})
        while (reply := await call(gateway, token)).status == 200:
            await asyncio.sleep(0.05)
        assert reply.status == 404, "the team may not use this model"

        await store.change(put_user, "alice", 1, {"team": None, "disabled_at": 1})
        while (reply := await call(gateway, token)).status != 403:
            await asyncio.sleep(0.05)
        assert "disabled" in reply.error["message"]

        await store.change(put_user, "alice", 1, {"disabled_at": None})
        while (await call(gateway, token)).status != 200:
            await asyncio.sleep(0.05)


async def test_a_claim_admits_administrators_to_the_admin_api(tmp_path: Path) -> None:
    claim = 'jwt_admin_claim = "app_metadata.roles=admin"'
    async with Gateway(DEMO, more=stored(tmp_path, claim)) as gateway:

        async def status(**changes: Any) -> int:
            headers = {"X-API-Key": signed(SECRET, "HS256", **changes)}
            return (await gateway.get("/admin/users", headers)).status

        assert await status(app_metadata={"roles": "admin"}) == 200
        assert await status(app_metadata={"roles": ["user", "admin"]}) == 200
        assert await status(**{"app_metadata.roles": "admin"}) == 200
        for others in ("administrator", "user", ["admins"], {"admin": 1}, True, None):
            assert await status(app_metadata={"roles": others}) == 403
        assert await status(app_metadata="admin") == 403
        assert await status(user_metadata={"roles": "admin"}) == 403
        assert await status(app_metadata={"roles": "admin"}, exp=NOW - 600) == 401
        assert (await gateway.get("/admin/users")).status == 401
        forged = signed("x" * 32, "HS256", app_metadata={"roles": "admin"})
        assert (await gateway.get("/admin/users", {"X-API-Key": forged})).status == 401


async def test_no_token_is_an_administrators_unless_a_claim_is_configured(tmp_path: Path) -> None:
    token = signed(SECRET, "HS256", app_metadata={"role": "admin"}, role="admin")
    async with Gateway(DEMO, more=stored(tmp_path)) as gateway:
        assert (await gateway.get("/admin/users", {"X-API-Key": token})).status == 403
    more = stored(tmp_path, 'admin_keys = ["an-admin-key-of-the-gateway"]')
    async with Gateway(DEMO, more=more) as gateway:
        assert (await gateway.get("/admin/users", {"X-API-Key": token})).status == 401


async def test_a_wallet_pays_for_a_users_tokens(tmp_path: Path) -> None:
    more = '[billing]\nenabled = true\n[prices."demo/chat"]\ninput = 1\noutput = 1'
    async with Gateway(DEMO, more=stored(tmp_path, more)) as gateway:
        reply = await call(gateway, signed(SECRET, "HS256"))
        assert reply.status == 402, reply.body


async def test_limits_are_those_of_each_user() -> None:
    more = f'[auth]\njwt_secret = "{SECRET}"\n[limits]\nrequests_per_minute = 2'
    async with Gateway(DEMO, more=more) as gateway:
        tokens = [signed(SECRET, "HS256", jti=str(number)) for number in range(3)]
        assert [(await call(gateway, one)).status for one in tokens] == [200, 200, 429]
        assert (await call(gateway, signed(SECRET, "HS256", sub="bob"))).status == 200


async def test_users_who_call_no_more_are_forgotten_first() -> None:
    users = Users()
    first: Caller = await users.load("u0")
    for number in range(1, 10_001):
        await users.load(f"u{number}")
    assert users.find("u0") is None
    assert users.find("u1") is not None
    assert (await users.load("u0")) == first


# --- nothing leaks, and what is configured ----------------------------------------------------------


async def test_tokens_and_secrets_are_in_no_log_record_or_error(
    issuer: FakeIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.body = b"canary-in-the-key-set"
    caplog.set_level(0)
    async with Gateway(DEMO, more=settings(issuer, f'jwt_secret = "{SECRET}"')) as gateway:
        tokens = [*REFUSED.values(), *ATTACKS.values(), signed(SECRET, "HS256")]
        replies = [await call(gateway, token, "X-API-Key") for token in tokens if token.isascii()]
        said = json.dumps(gateway.records) + caplog.text
        said += "".join(reply.body.decode() for reply in replies)
    assert replies[-1].status == 200
    assert {reply.status for reply in replies[:-1]} == {401}
    for token in tokens:
        signature = token.rpartition(".")[2]
        assert len(signature) < 8 or signature not in said
        assert sha256(token.encode("latin-1")).hexdigest() not in said
    assert SECRET not in said
    assert "canary" not in said


async def test_a_reload_keeps_the_issuers_keys(issuer: FakeIssuer) -> None:
    issuer.publish(public(RSA))
    async with Gateway(DEMO, more=settings(issuer)) as gateway:
        assert (await call(gateway, signed(RSA, "RS256", "k1"))).status == 200
        issuer.status = 500
        await gateway.app.reload(gateway.config)
        assert (await call(gateway, signed(RSA, "RS256", "k1", sub="bob"))).status == 200
    assert issuer.asked == 1


async def test_an_own_section_configures_any_issuer(issuer: FakeIssuer) -> None:
    issuer.publish(public(EC))
    more = f"""
        [auth.jwt]
        issuer = "https://login.example/"
        audience = ["gateway", "other"]
        jwks_url = "{issuer.url}/auth/v1/.well-known/jwks.json"
        algorithms = ["ES256"]
    """
    async with Gateway(DEMO, more=more) as gateway:
        good = signed(EC, "ES256", "k1", issuer="https://login.example/", aud=["x", "gateway"])
        assert (await call(gateway, good)).status == 200
        assert (await call(gateway, signed(EC, "ES256", "k1", issuer="https://login.example/"))).status == 401


LISTED = '[[auth.jwt]]\nissuer = "https://a.example"\naudience = ["a"]\n'
MISTAKES = {
    "an issuer without an audience": (
        '[auth.jwt]\nissuer = "https://a.example"\njwks_url = "https://a.example/jwks"',
        "2: auth.jwt_issuer: needs auth.jwt_issuer and auth.jwt_audience",
    ),
    "an issuer whose keys cannot be found": (
        '[auth.jwt]\nissuer = "a.example"\naudience = ["a"]',
        "2: auth.jwt_issuer: is not a URL that has an OpenID configuration",
    ),
    "an audience without an issuer": (
        '[auth.jwt]\naudience = ["a"]',
        "2: auth.jwt_audience: has no effect without an issuer",
    ),
    "two issuers without a name": (
        LISTED + LISTED.replace("a.example", "b.example"),
        "4: auth.jwt_issuers[1]: needs a name, because another issuer has none",
    ),
    "an issuer without a name beside Supabase": (
        '[auth]\nsupabase_url = "https://x.supabase.co"\n' + LISTED,
        "3: auth.jwt_issuers[0]: needs a name",
    ),
    "an issuer twice": (
        LISTED + LISTED + 'name = "b"\n',
        '4: auth.jwt_issuers[1]: the issuer "https://a.example" is listed twice',
    ),
    "a name twice": (
        LISTED + 'name = "b"\n' + LISTED.replace("a.example", "b.example") + 'name = "b"\n',
        '5: auth.jwt_issuers[1]: another issuer is also named "b"',
    ),
    "a name with a colon": (LISTED + 'name = "a:b"', "1: auth.jwt_issuers[0]: name: expected a short name"),
    "no audience": (
        '[[auth.jwt]]\nissuer = "https://a.example"\naudience = []',
        "1: auth.jwt_issuers[0]: audience: is empty",
    ),
    "a short secret in a list": (LISTED + 'secret = "short"', "1: auth.jwt_issuers[0]: secret: expected"),
    "an unknown key in a list": (LISTED + 'isuer = "x"', "1: auth.jwt_issuers[0]: "),
    "a claim that users can change, in a list": (
        LISTED + 'admin_claim = "user_metadata.role=admin"',
        "1: auth.jwt_issuers[0]: admin_claim: users can change",
    ),
    "a short secret": ('[auth]\njwt_secret = "short"', "2: auth.jwt_secret: is too short"),
    "open all the same": (
        f'[auth]\nmode = "open"\njwt_secret = "{SECRET}"',
        '2: auth.mode: mode is "open", but tidegate.toml:3 sets an issuer of tokens: remove one of them',
    ),
    "an unknown key": (
        '[auth.jwt]\nisuer = "x"',
        '2: auth.jwt_isuer: unknown key (did you mean "jwt_issuer"?)',
    ),
    "a claim that users can change": (
        f'[auth]\njwt_secret = "{SECRET}"\n[auth.jwt]\nadmin_claim = "user_metadata.role=admin"',
        "4: auth.jwt_admin_claim: users can change their user_metadata themselves",
    ),
    "no algorithm": (
        f'[auth]\njwt_secret = "{SECRET}"\n[auth.jwt]\nalgorithms = ["none"]',
        "4: auth.jwt_algorithms[0]: ",
    ),
}


@each("text, expected", [pytest.param(*one, id=name) for name, one in MISTAKES.items()])
def test_a_mistake_in_the_configuration_is_reported(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_config(text)
    assert any(line.startswith(f"tidegate.toml:{expected}") for line in error.value.lines), error.value.lines
