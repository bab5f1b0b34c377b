"""Signing in to the dashboard: who may, with what, from which pages, and for how long."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from administration import ADMIN, Admin, administered
from running import HELLO, Gateway, Reply
from simulator import Simulator, json
from tidegate.store.sign_ins import MOST_OF_ONE

SECRET = "a-secret-of-thirty-two-bytes-or-more"
KEY = "a-client-key-0123456789"
OWN = {"sec-fetch-site": "same-origin"}


class Browser:
    """A browser with the cookies of one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.cookies: dict[str, str] = {}
        self.csrf = ""

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        sent = {**OWN, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if method != "GET":
            sent.setdefault("x-tidegate-csrf", self.csrf)
        url = self.gateway.url + path
        async with self.gateway.session.request(method, url, json=body, headers=sent) as answer:
            return Reply(answer.status, answer.headers, await answer.read())

    async def sign_in(self, key: str, status: int = 200) -> Reply:
        reply = await self.ask("POST", "/ui/session", authorization=f"Bearer {key}")
        assert reply.status == status, reply.body
        if status == 200:
            name, _, value = reply.headers["set-cookie"].partition(";")[0].partition("=")
            self.cookies[name], self.csrf = value, reply.json["csrf"]
        return reply


@pytest.fixture
async def admin(tmp_path: Path) -> AsyncIterator[Admin]:
    async with Simulator() as provider, administered(provider, tmp_path) as admin:
        yield admin


def configured(more: str, **rest: Any) -> Gateway:
    return Gateway({"demo": ("demo", "")}, more=more, **rest)


async def test_a_browser_with_an_admin_key_may_use_the_admin_api(admin: Admin) -> None:
    browser = Browser(admin.gateway)
    assert (await browser.ask("GET", "/admin/keys")).status == 401
    reply = await browser.sign_in(ADMIN)
    assert (reply.json["admin"], reply.json["name"]) == (True, "ops")
    assert ADMIN not in reply.headers["set-cookie"] + reply.body.decode()
    assert (await browser.ask("GET", "/admin/keys")).json["data"] == []
    made = await browser.ask("POST", "/admin/keys", {"name": "app"})
    assert (made.status, made.json["name"]) == (201, "app")


async def test_the_cookie_is_kept_from_scripts_and_other_sites(admin: Admin) -> None:
    browser = Browser(admin.gateway)
    cookie = (await browser.sign_in(ADMIN)).headers["set-cookie"]
    for part in ("; Path=/", "; HttpOnly", "; SameSite=Strict", "; Max-Age=43"):
        assert part in cookie
    assert "Secure" not in cookie
    behind_tls = await browser.ask(
        "POST", "/ui/session", authorization=f"Bearer {ADMIN}", x_forwarded_proto="https"
    )
    assert behind_tls.headers["set-cookie"].endswith("; Secure")


async def test_a_change_needs_the_token_of_the_page(admin: Admin) -> None:
    browser = Browser(admin.gateway)
    await browser.sign_in(ADMIN)
    for wrong in ("", "0" * 64):
        reply = await browser.ask("POST", "/admin/keys", {"name": "app"}, x_tidegate_csrf=wrong)
        assert (reply.status, reply.error["code"]) == (403, "origin_not_allowed")
    assert (await browser.ask("GET", "/admin/keys")).json["data"] == []


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "cross-site"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
    ],
)
async def test_pages_of_other_origins_may_not_use_it(admin: Admin, headers: dict[str, str]) -> None:
    browser = Browser(admin.gateway)
    await browser.sign_in(ADMIN)
    for method, path in (("GET", "/admin/keys"), ("POST", "/v1/chat/completions"), ("GET", "/v1/me")):
        reply = await browser.ask(method, path, **headers)
        assert reply.status == 403, (method, path)
    assert (await browser.ask("GET", "/ui/session", **headers)).status == 403
    refused = await browser.ask("POST", "/ui/session", authorization=f"Bearer {ADMIN}", **headers)
    assert refused.status == 403
    assert "set-cookie" not in refused.headers


async def test_signing_out_ends_it_on_the_server(admin: Admin) -> None:
    browser, same = Browser(admin.gateway), Browser(admin.gateway)
    await browser.sign_in(ADMIN)
    same.cookies, same.csrf = dict(browser.cookies), browser.csrf
    reply = await browser.ask("DELETE", "/ui/session")
    assert (reply.status, reply.json) == (200, {"signed_in": False})
    assert "Max-Age=0" in reply.headers["set-cookie"]
    assert (await same.ask("GET", "/admin/keys")).status == 401
    assert (await same.ask("GET", "/ui/session")).json["signed_in"] is False


async def test_a_users_browser_has_what_the_user_has(admin: Admin) -> None:
    made = await admin.ask("POST", "/keys", {"name": "app", "user": "ada"}, status=201)
    await admin.credit("ada", 1)
    await admin.known(made["secret"])
    browser = Browser(admin.gateway)
    reply = await browser.sign_in(made["secret"])
    assert (reply.json["admin"], reply.json["user"]) == (False, "ada")
    assert (await browser.ask("GET", "/v1/me")).json["user"] == "ada"
    refused = await browser.ask("GET", "/admin/keys")
    assert (refused.status, refused.error["code"]) == (403, "permission_denied")
    admin.provider.answer(json({"id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}}))  # fmt: skip
    answer = await browser.ask("POST", "/v1/chat/completions", {**HELLO, "model": "one/m"})
    assert answer.status == 200, answer.body
    assert (await admin.ask("GET", "/wallets/ada"))["balance_usd"] == 0.998


async def test_a_revoked_key_ends_its_sign_ins(admin: Admin) -> None:
    made = await admin.ask("POST", "/keys", {"name": "app"}, status=201)
    await admin.known(made["secret"])
    browser = Browser(admin.gateway)
    await browser.sign_in(made["secret"])
    await admin.ask("DELETE", f"/keys/{made['id']}")
    await admin.known(made["secret"], works=False)
    assert (await browser.ask("GET", "/v1/me")).status == 401


async def test_wrong_keys_are_refused(admin: Admin) -> None:
    reply = await Browser(admin.gateway).sign_in("not-a-key", status=401)
    assert "set-cookie" not in reply.headers
    invented = Browser(admin.gateway)
    invented.cookies = {f"tidegate-{admin.gateway.port}": "made-up"}
    assert (await invented.ask("GET", "/admin/keys")).status == 401


async def test_no_key_enters_the_store_or_the_records(admin: Admin) -> None:
    browser = Browser(admin.gateway)
    await browser.sign_in(ADMIN)
    record = await admin.gateway.record()
    assert (record["path"], record["caller"]) == ("/ui/session", "ops")
    assert ADMIN not in str(admin.gateway.records)
    store = admin.gateway.app._store
    assert store is not None
    rows = await store.ask(lambda connection: str(connection.exec_driver_sql("select * from sign_ins").all()))
    assert "admin" in rows
    assert ADMIN not in rows
    assert next(iter(browser.cookies.values())) not in rows


async def test_one_key_has_a_bounded_number_of_sign_ins(admin: Admin) -> None:
    first, browser = Browser(admin.gateway), Browser(admin.gateway)
    await first.sign_in(ADMIN)
    for _ in range(MOST_OF_ONE):
        await browser.sign_in(ADMIN)
    assert (await first.ask("GET", "/ui/session")).json["signed_in"] is False
    assert (await browser.ask("GET", "/ui/session")).json["signed_in"] is True
    store = admin.gateway.app._store
    assert store is not None
    rows = await store.ask(lambda connection: connection.exec_driver_sql("select id from sign_ins").all())
    assert len(rows) == MOST_OF_ONE


async def test_sign_ins_of_a_store_survive_a_restart(tmp_path: Path) -> None:
    more = f'[auth]\nadmin_keys = ["{ADMIN}"]\n[store]\nurl = "sqlite:///{tmp_path}/tidegate.db"'
    async with configured(more) as gateway:
        browser = Browser(gateway)
        await browser.sign_in(ADMIN)
        old = gateway.port
    async with configured(more) as gateway:
        browser.cookies = {f"tidegate-{gateway.port}": browser.cookies[f"tidegate-{old}"]}
        browser.gateway = gateway
        assert (await browser.ask("GET", "/ui/session")).json["admin"] is True


async def test_without_a_store_the_statement_is_signed_with_what_no_client_knows() -> None:
    more = f'[auth]\nadmin_keys = ["{ADMIN}"]\nkeys = ["{KEY}"]'
    async with configured(more) as gateway:
        browser = Browser(gateway)
        await browser.sign_in(KEY)
        ((name, value),) = browser.cookies.items()
    async with configured(more) as gateway:  # another worker, or the next start
        browser.gateway, browser.cookies = gateway, {f"tidegate-{gateway.port}": value}
        assert (await browser.ask("GET", "/v1/models")).status == 200
        assert name != f"tidegate-{gateway.port}"
        payload, _, signature = value.partition(".")
        for forged in (f"{payload}.{'0' * 64}", f"{payload[:-2]}AA.{signature}", "x.y", "é.é", f"{payload}."):
            browser.cookies = {f"tidegate-{gateway.port}": forged}
            assert (await browser.ask("GET", "/v1/models")).status == 401, forged
        browser.cookies = {f"tidegate-{gateway.port}": value}
        assert (await browser.ask("DELETE", "/ui/session")).status == 200
        assert (await browser.ask("GET", "/v1/models")).status == 401
    async with configured(more.replace(ADMIN, "another-admin-key-0123")) as gateway:
        browser.gateway, browser.cookies = gateway, {f"tidegate-{gateway.port}": value}
        assert (await browser.ask("GET", "/v1/models")).status == 401


async def test_a_token_signs_in_no_longer_than_it_lasts() -> None:
    import time

    more = f'[auth]\njwt_secret = "{SECRET}"\njwt_admin_claim = "role=admin"'
    claims = {"sub": "ada", "aud": "authenticated", "exp": int(time.time()) + 600}
    async with configured(more) as gateway:
        browser = Browser(gateway)
        reply = await browser.sign_in(jwt.encode(claims, SECRET))
        assert (reply.json["user"], reply.json["admin"]) == ("ada", False)
        assert int(reply.headers["set-cookie"].partition("Max-Age=")[2].partition(";")[0]) <= 600
        assert (await browser.ask("GET", "/v1/models")).status == 200
        assert (await browser.ask("GET", "/admin/keys")).status == 403
        reply = await browser.sign_in(jwt.encode({**claims, "role": "admin"}, SECRET))
        assert reply.json["admin"] is True
        assert (await browser.ask("GET", "/admin/keys")).error["code"] == "no_store"


async def test_guessing_is_slowed_down() -> None:
    more = f'[auth]\nadmin_keys = ["{ADMIN}"]\nkeys = ["{KEY}"]'
    async with configured(more, server='trusted_proxies = ["127.0.0.1"]') as gateway:
        browser = Browser(gateway)
        for _ in range(20):
            reply = await browser.ask(
                "POST", "/ui/session", authorization="Bearer wrong", x_forwarded_for="203.0.113.9"
            )
            assert reply.status == 401
        reply = await browser.ask(
            "POST", "/ui/session", authorization=f"Bearer {ADMIN}", x_forwarded_for="203.0.113.9"
        )
        assert reply.status == 429


async def test_an_open_gateway_takes_no_invented_key(tmp_path: Path) -> None:
    more = f'[auth]\nmode = "open"\nadmin_keys = ["{ADMIN}"]\n[store]\nurl = "sqlite:///{tmp_path}/t.db"'
    async with configured(more) as gateway:
        await Browser(gateway).sign_in("anything", status=401)
        assert (await Browser(gateway).ask("GET", "/admin/keys")).status == 401


async def test_an_open_gateway_without_administrators_shows_itself_to_its_own_machine(
    tmp_path: Path,
) -> None:
    more = f'[auth]\nmode = "open"\n[store]\nurl = "sqlite:///{tmp_path}/t.db"'
    async with configured(more) as gateway:
        browser = Browser(gateway)
        assert (await browser.ask("GET", "/ui/session")).json["viewer"] is True
        assert b"app.js" in (await browser.ask("GET", "/ui")).body
        assert (await browser.ask("GET", "/admin/keys")).error["code"] == "no_admin_key"
        for headers in (
            {"host": "gateway.example"},
            {"host": "192.168.1.5:8000"},
            {"x_forwarded_for": "203.0.113.9"},
            {"sec_fetch_site": "cross-site"},
        ):
            reply = await browser.ask("GET", "/ui/session", **headers)
            assert reply.status == 403 or reply.json["viewer"] is False, headers


async def test_before_signing_in_there_is_only_the_page_for_it(admin: Admin) -> None:
    browser = Browser(admin.gateway)
    for path in ("/ui", "/ui/", "/ui/requests/req_1"):
        page = await browser.ask("GET", path)
        assert page.status == 200
        assert b"sign_in.js" in page.body
        assert b"app.js" not in page.body
    files = page.body.decode().partition('href="')[2].partition("/icon.svg")[0]
    assert (await browser.ask("GET", f"{files}/sign_in.js")).status == 200
    assert (await browser.ask("GET", f"{files}/app.js")).status == 404
    await browser.sign_in(ADMIN)
    assert b"app.js" in (await browser.ask("GET", "/ui")).body
    assert (await browser.ask("GET", f"{files}/app.js")).status == 200


async def test_files_are_kept_by_browsers_until_they_change(admin: Admin) -> None:
    browser = Browser(admin.gateway)
    await browser.sign_in(ADMIN)
    page = await browser.ask("GET", "/ui")
    assert page.headers["cache-control"] == "no-cache"
    assert (await browser.ask("GET", "/ui", if_none_match=page.headers["etag"])).status == 304
    files = page.body.decode().partition('href="')[2].partition("/icon.svg")[0]
    script = await browser.ask("GET", f"{files}/app.js")
    assert "immutable" in script.headers["cache-control"]
    assert (await browser.ask("GET", f"{files}/app.js", if_none_match=script.headers["etag"])).status == 304
    for wrong in ("/ui/static/0123456789abcdef/app.js", f"{files}/../files.py", f"{files}/%2e%2e/files.py"):
        assert (await browser.ask("GET", wrong)).status in (404, 200)
        assert b"Dashboard" not in (await browser.ask("GET", wrong)).body


async def test_browsers_may_load_nothing_from_elsewhere(admin: Admin) -> None:
    page = await Browser(admin.gateway).ask("GET", "/ui")
    assert page.headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    )
    assert page.headers["x-content-type-options"] == "nosniff"
