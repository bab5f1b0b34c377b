"""The dashboard in Chromium, as people use it."""

import asyncio
import json as jsonlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Route

from administration import ADMIN, AS_ADMIN
from browsing import Visit, browsing, chromium, needs_chromium
from running import Gateway
from simulator import Simulator

pytestmark = [needs_chromium, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]

HOSTILE = '<img src=x onerror="alert(1)"><script>alert(2)</script>\x1b[31mred\u202egnp.exe\u2069\x9b</td>'
SHOWN = '<img src=x onerror="alert(1)"><script>alert(2)</script>␛[31mred⟨U+202E⟩gnp.exe⟨U+2069⟩⟨U+009B⟩</td>'


def configured(provider: Simulator, folder: Path, more: str = "") -> Gateway:
    """A gateway with the demo provider, one that a test writes, and wallets."""
    prices = "".join(
        f'[prices."{one}"]\ninput = 1\noutput = 4\n' for one in ("demo/chat", "demo/echo", "one/m")
    )
    settings = f"""
        [auth]
        admin_keys = ["ops:{ADMIN}"]
        [store]
        url = "sqlite:///{folder}/tidegate.db"
        [billing]
        enabled = true
        {more}
        {prices}
    """
    return Gateway({"demo": ("demo", ""), "one": ("openai_compatible", provider.url)}, more=settings)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as provider:
        yield provider


@pytest_asyncio.fixture(loop_scope="module")
async def gateway(provider: Simulator, tmp_path: Path) -> AsyncIterator[Gateway]:
    async with configured(provider, tmp_path) as gateway:
        yield gateway


async def make_key(gateway: Gateway, name: str, user: str | None = None) -> str:
    """A key that works, and money for its user."""
    made = await gateway.post("/admin/keys", {"name": name, "user": user}, AS_ADMIN)
    secret: str = made.json["secret"]
    if user is not None:
        headers = {**AS_ADMIN, "idempotency-key": f"credit-{user}"}
        assert (
            await gateway.post(f"/admin/wallets/{quote(user)}/credits", {"amount_usd": 5}, headers)
        ).status == 201
    accounts = gateway.app._accounts
    assert accounts is not None
    while accounts.directory.find(secret) is None:
        await asyncio.sleep(0.02)
    return secret


def chunk(**fields: Any) -> bytes:
    usage = fields.pop("usage", None)
    body = {
        "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "usage": usage,
        "choices": [{"index": 0, "finish_reason": None, **fields}] if fields else [],
    }  # fmt: skip
    return b"data: " + jsonlib.dumps(body).encode() + b"\n\n"


async def test_a_streamed_request_is_seen_live_and_then_opened(
    browser: Browser, gateway: Gateway, provider: Simulator
) -> None:
    go_on = asyncio.Event()
    provider.stream([
        chunk(delta={"role": "assistant", "content": "Hello"}), go_on, chunk(delta={"content": " there"}),
        chunk(delta={}, finish_reason="stop"),
        chunk(usage={"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}),
        b"data: [DONE]\n\n",
    ])  # fmt: skip
    secret = await make_key(gateway, "app", "ada")
    body = {"model": "one/m", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    headers = {"authorization": f"Bearer {secret}", "x-session-id": "work-7"}
    async with browsing(browser, gateway.url) as visit:
        await visit.sign_in(ADMIN)
        await visit.page.get_by_role("link", name="Requests").click()
        await visit.page.get_by_text("No requests yet").wait_for()
        asked = asyncio.create_task(gateway.post("/v1/chat/completions", body, headers))
        live = visit.page.get_by_label("Requests in progress").get_by_role("row").filter(has_text="one/m")
        await live.filter(has_text="streaming").wait_for()
        go_on.set()
        reply = await asked
        await (
            visit.page.get_by_label("Requests", exact=True).get_by_role("row").filter(has_text="ada").click()
        )
        await visit.heading(f"Request {reply.headers['x-request-id']}")
        shown = await visit.text()
        for words in ("complete", "one/m", "work-7", "100 in · 50 out", "$0.0003", "attempt started"):
            assert words in shown, words
        await visit.page.get_by_role("link", name="work-7").click()
        await visit.heading("Session work-7")
        await visit.row("one/m").first.wait_for()
        assert await visit.row("one/m").count() == 1


async def test_a_key_is_made_rotated_and_revoked(browser: Browser, gateway: Gateway) -> None:
    async with browsing(browser, gateway.url) as visit:
        await visit.sign_in(ADMIN)
        await visit.page.get_by_role("link", name="Keys").click()
        await visit.button("Create key").click()
        await visit.page.get_by_label("Name").fill("laptop")
        await visit.page.get_by_label("User", exact=True).fill("ada")
        await visit.page.get_by_label("Requests per minute").fill("60")
        await visit.page.get_by_label("Budget in USD").fill("12.5")
        await visit.button("Create").click()
        secret = await visit.page.locator("[data-secret]").inner_text()
        assert re.fullmatch(r"sk-tide-[\w-]{43}", secret)
        await visit.page.keyboard.press("Escape")
        row = visit.row("laptop")
        assert "60 requests/min · $12.50/month" in await row.inner_text()
        key = (await gateway.get("/admin/keys", AS_ADMIN)).json["data"][0]
        assert (
            key["settings"]
            == {
                "limits": {"requests_per_minute": 60},
                "budgets": [{"amount": 12_500_000_000, "period": "month"}],
            }
            or key["settings"]["budgets"][0]["amount"] == 12_500_000_000
        )
        assert secret not in await visit.text()

        await visit.button("Rotate laptop").click()
        await visit.button("Rotate").click()
        new = await visit.page.locator("[data-secret]").inner_text()
        assert new != secret
        await visit.button("Done").click()
        await visit.row("rotated").wait_for()

        await row.filter(has_text="active").get_by_role("button", name="Revoke").click()
        await visit.page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
        await visit.row("revoked").wait_for()
        states = [one["state"] for one in (await gateway.get("/admin/keys", AS_ADMIN)).json["data"]]
        assert sorted(states) == ["revoked", "rotated"]


async def test_a_wallet_is_credited_once(browser: Browser, gateway: Gateway) -> None:
    async with browsing(browser, gateway.url, accept_downloads=True) as visit:
        await visit.sign_in(ADMIN)
        await visit.page.get_by_role("link", name="Wallets").click()
        await visit.button("Credit a wallet").click()
        await visit.page.get_by_label("User").fill("grace")
        await visit.page.get_by_label("Amount in USD").fill("a lot")
        await visit.button("Credit").click()
        await visit.page.get_by_role("dialog").get_by_role("alert").filter(has_text="amount").wait_for()
        await visit.page.get_by_label("Amount in USD").fill("25.5")
        await visit.page.get_by_label("Reference").fill("invoice-9")
        await visit.page.get_by_label("Note").fill(HOSTILE)
        await visit.button("Credit").click()
        await visit.heading("Wallet of grace")
        await visit.row("invoice-9").wait_for()
        assert "$25.50" in await visit.text()
        assert SHOWN in await visit.text()
        async with visit.page.expect_download() as download:
            await visit.button("Export CSV").click()
        path = await (await download.value).path()
        assert "invoice-9" in await asyncio.to_thread(Path(path).read_text)
        assert (await gateway.get("/admin/wallets/grace", AS_ADMIN)).json["balance_usd"] == 25.5


async def test_two_models_are_compared_in_the_playground(browser: Browser, gateway: Gateway) -> None:
    async with browsing(browser, gateway.url) as visit:
        await visit.sign_in(ADMIN)
        await visit.page.get_by_role("link", name="Playground").click()
        await visit.page.get_by_label("Prompt", exact=True).fill(f"Say it: {HOSTILE}")
        await visit.button("Run").click()
        for model in ("demo/echo", "demo/chat"):
            answer = visit.page.get_by_role("article", name=model)
            await answer.get_by_text("complete").wait_for()
            shown = await answer.inner_text()
            assert "<script>alert(2)</script>" in shown
            for name in ("First token", "Cost", "Output", "Speed"):
                assert name in shown
            assert re.search(r"\$0\.0\d+", shown), shown
        await visit.button("Export").click()
        assert "curl -N" in await visit.page.get_by_role("dialog").inner_text()
        await visit.page.get_by_role("tab", name="Python").click()
        code = await visit.page.get_by_role("dialog").locator("pre").inner_text()
        compile(code, "exported", "exec")
        assert '["demo/echo", "demo/chat"]' in code
        await visit.page.keyboard.press("Escape")
        assert await visit.page.get_by_role("dialog").count() == 0
    records = [one for one in gateway.records if one["path"] == "/v1/chat/completions"]
    assert {one["caller"] for one in records} == {"ops"}


async def test_the_overview_says_why_requests_were_refused(browser: Browser, gateway: Gateway) -> None:
    secret = await make_key(gateway, "app", "ada")
    body = {"model": "no/such-model", "messages": [{"role": "user", "content": "Hi"}]}
    for key in ("sk-somebody-else-0123456789", "sk-somebody-else-0123456789", secret):
        await gateway.post("/v1/chat/completions", body, {"authorization": f"Bearer {key}"})
    books = gateway.app._books
    assert books is not None
    await books.refusals.write()
    async with browsing(browser, gateway.url) as visit:
        await visit.sign_in(ADMIN)
        table = visit.page.get_by_label("Refused requests by reason")
        wrong = await table.get_by_role("row").filter(has_text="401").inner_text()
        assert wrong.split("\t")[0] == "2"
        assert "this API key is not valid" in wrong
        assert "sk-som…" in wrong
        assert "ada" in await table.get_by_role("row").filter(has_text="404").inner_text()
        await visit.page.get_by_role("link", name="All of them").click()
        await visit.row("sk-som…").filter(has_text="invalid_api_key").wait_for()
        unknown = visit.row("model_not_found")
        request = await unknown.locator("code").inner_text()
        await visit.page.get_by_role("link", name="ada").click()  # leads to what began
        await visit.page.get_by_text("No request that began matches").wait_for()
        search = visit.page.get_by_role("textbox", name="Search id, session or error")
        await search.fill(request)
        await search.press("Enter")
        await visit.page.get_by_role("link", name="Look among those that were refused").click()
        await unknown.wait_for()
        assert await visit.page.get_by_role("table").get_by_role("row").count() == 2
        await visit.button("Began").click()
        await visit.page.get_by_text("No requests yet").wait_for()
    async with browsing(browser, gateway.url) as visit:
        await visit.sign_in(secret)
        await visit.go("/refusals", "Requests")
        await visit.row("model_not_found").wait_for()
        assert "sk-som" not in await visit.text()
        assert all(one.startswith(("/ui", "/v1/me/")) for one in visit.requests if one != "/")


async def test_a_key_of_a_provider_is_set_replaced_disabled_and_removed(
    browser: Browser, provider: Simulator, tmp_path: Path
) -> None:
    more = f"""
        [auth]
        admin_keys = ["ops:{ADMIN}"]
        [store]
        url = "sqlite:///{tmp_path}/tidegate.db"
        secret_keys = ["{"s" * 32}"]
    """
    async with Gateway({"demo": ("demo", "")}, more=more) as gateway, browsing(browser, gateway.url) as visit:
        await visit.sign_in(ADMIN)
        await visit.go("/providers", "Providers")
        await visit.page.get_by_text("No key of a provider is in the store").wait_for()
        for secret, act in (
            ("sk-ant-first-0123456789", "Set a key"),
            ("sk-ant-second-987654321", "Replace the key of anthropic"),
        ):
            await visit.button(act).click()
            if act == "Set a key":
                await visit.page.get_by_label("Provider", exact=True).fill("anthropic")
            await visit.page.get_by_label("Key", exact=True).fill(secret)
            await visit.button("Set").click()
            row = visit.row("anthropic").filter(has_text=f"…{secret[-4:]}")
            await row.wait_for()
            assert secret not in await visit.text()
        (stored,) = (
            one for one in (await gateway.get("/admin/providers", AS_ADMIN)).json["data"] if one["key"]
        )
        assert (stored["name"], stored["key"]["last_four"], stored["key"]["set_by"]) == (
            "anthropic",
            "4321",
            "the browser of ops",
        )
        await visit.button("Disable the key of anthropic").click()
        await visit.button("Disable").click()
        await visit.row("anthropic").filter(has_text="disabled").wait_for()
        await visit.button("Enable the key of anthropic").click()
        await visit.row("anthropic").filter(has_text="in use").wait_for()
        await visit.button("Remove the key of anthropic").click()
        await visit.button("Remove").click()
        await visit.page.get_by_text("No key of a provider is in the store").wait_for()
        # what cannot be stored is said in the dialog
        await visit.button("Set a key").click()
        await visit.page.get_by_label("Provider", exact=True).fill("nobody")
        await visit.page.get_by_label("Key", exact=True).fill("sk-0123456789")
        await visit.button("Set").click()
        await visit.page.get_by_role("alert").filter(has_text="nobody").wait_for()


async def test_hostile_contents_stay_text(browser: Browser, gateway: Gateway) -> None:
    secret = await make_key(gateway, "<b>key</b>", "<i>ada")
    headers = {"authorization": f"Bearer {secret}", "x-session-id": "<u>session</u>"}
    body = {"model": f"demo/{HOSTILE[:60]}", "messages": [{"role": "user", "content": "Hi \ud83d"}]}
    assert (await gateway.post("/v1/chat/completions", body, headers)).status >= 400
    body["model"] = "demo/chat"
    assert (await gateway.post("/v1/chat/completions", body, headers)).status in (200, 400)
    async with browsing(browser, gateway.url) as visit:
        await visit.sign_in(ADMIN)
        for place in ("/requests", "/sessions", "/keys", "/users", "/wallets", "/models", "/providers"):
            await visit.go(place)
            await visit.page.get_by_label("Loading").wait_for(state="detached")
            assert await visit.page.locator("main :is(img, script, i, u):not(svg *)").count() == 0, place
        await visit.go("/keys")
        await visit.row("<b>key</b>").wait_for()
        await visit.go("/requests/%3Cscript%3Ealert(1)%3C%2Fscript%3E")
        await visit.page.get_by_role("alert").wait_for()
        await visit.go("/%E0%A4%A", "Nothing here")


async def test_hostile_bodies_stay_text(browser: Browser, gateway: Gateway) -> None:
    secret = await make_key(gateway, "app", "ada")
    body = {"model": "demo/chat", "messages": [{"role": "user", "content": "Hi"}]}
    reply = await gateway.post("/v1/chat/completions", body, {"authorization": f"Bearer {secret}"})

    async def add_bodies(route: Route) -> None:
        """The answer, as it is if bodies are kept."""
        answer = await route.fetch()
        details = await answer.json()
        hostile = {"truncated": True, "redacted": False, "bytes": 9000}
        details["request"] = {**hostile, "text": jsonlib.dumps({"content": HOSTILE + "\ud83d"})}
        details["response"] = {**hostile, "text": HOSTILE}
        details["error"] = HOSTILE
        await route.fulfill(response=answer, json=details)

    async with browsing(browser, gateway.url) as visit:
        await visit.sign_in(ADMIN)
        await visit.page.route("**/admin/requests/*", add_bodies)
        await visit.go(f"/requests/{reply.headers['x-request-id']}")
        content = visit.page.get_by_role("tabpanel").locator("pre")
        assert "<script>alert(2)</script>\\u001b[31mred⟨U+202E⟩gnp.exe" in await content.inner_text()
        assert "9.0 kB · cut off" in await visit.text()
        await visit.page.get_by_role("tab", name="Request").press("ArrowRight")
        assert await content.inner_text() == SHOWN
        assert SHOWN in await visit.page.get_by_role("main").inner_text()
        assert await visit.page.locator("main :is(img, script)").count() == 0


async def test_a_user_sees_what_is_theirs_and_nothing_else(browser: Browser, gateway: Gateway) -> None:
    mine, other = await make_key(gateway, "mine", "ada"), await make_key(gateway, "other", "grace")
    body = {"model": "demo/chat", "messages": [{"role": "user", "content": "Hi"}]}
    for secret in (mine, other):
        reply = await gateway.post("/v1/chat/completions", body, {"authorization": f"Bearer {secret}"})
        assert reply.status == 200
    async with browsing(browser, gateway.url) as visit:
        await visit.sign_in(mine)
        await visit.page.get_by_role("link", name="Requests").click()
        await visit.row("ada").wait_for()
        assert "grace" not in await visit.text()
        await visit.page.get_by_role("link", name="Account").click()
        await visit.page.get_by_text("Available").wait_for()
        navigation = await visit.page.get_by_role("navigation").inner_text()
        for name in ("Keys", "Users", "Teams", "Wallets", "Configuration"):
            assert name not in navigation
        await visit.go("/keys", "Nothing here")
        await visit.go(f"/requests/{reply.headers['x-request-id']}")
        await visit.page.get_by_role("alert").wait_for()
        statuses = await visit.page.evaluate(
            """async () => {
                const paths = ["keys", "requests", "wallets/grace", "configuration"];
                const answers = await Promise.all(paths.map((path) => fetch(`/admin/${path}`)));
                const change = await fetch("/admin/keys", {method: "POST", body: "{}"});
                return [...answers, change].map((answer) => answer.status);
            }"""
        )
        assert statuses == [403] * 5
        assert await visit.page.evaluate("document.cookie") == ""
        assert mine not in await visit.page.content()
        assert mine not in str(await visit.page.evaluate("({...localStorage, ...sessionStorage})"))


async def test_signing_out_ends_the_session_everywhere(browser: Browser, gateway: Gateway) -> None:
    async with browsing(browser, gateway.url) as visit:
        await visit.sign_in(ADMIN)
        cookies = await visit.page.context.cookies()
        second = await visit.page.context.new_page()
        await second.goto(f"{gateway.url}/ui/keys")
        await second.get_by_role("button", name="Create key").wait_for()
        await visit.button("Sign out").click()
        await visit.page.get_by_label("Key or token").wait_for()
        assert (await visit.page.context.cookies()) == []
        await visit.page.context.add_cookies(cookies)  # whoever has kept a copy
        await second.reload()
        await second.get_by_label("Key or token").wait_for()


async def test_a_wrong_key_is_refused_with_words(browser: Browser, gateway: Gateway) -> None:
    async with browsing(browser, gateway.url) as visit:
        await visit.page.goto(f"{gateway.url}/ui/requests?errors=true")
        await visit.page.get_by_label("Key or token").fill("not-a-key")
        await visit.page.keyboard.press("Enter")
        await visit.page.get_by_role("alert").filter(has_text="not valid").wait_for()
        await visit.page.get_by_label("Key or token").fill(ADMIN)
        await visit.page.keyboard.press("Enter")
        await visit.heading("Requests")
        assert await visit.page.get_by_label("errors only").is_checked()


async def test_no_table_is_wider_than_a_usual_screen(
    browser: Browser, gateway: Gateway, provider: Simulator
) -> None:
    usage = {"prompt_tokens": 123_456, "completion_tokens": 6_543, "total_tokens": 129_999}
    provider.stream(
        [chunk(delta={"content": "Hi"}, finish_reason="stop"), chunk(usage=usage), b"data: [DONE]\n\n"]
    )
    secret = await make_key(gateway, "app", "ada")
    headers = {"authorization": f"Bearer {secret}", "x-session-id": "work-7"}
    body = {"model": "one/m", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    for _ in range(3):
        assert (await gateway.post("/v1/chat/completions", body, headers)).status == 200
    async with browsing(browser, gateway.url, viewport={"width": 1440, "height": 900}) as visit:
        await visit.sign_in(ADMIN)
        for place in ("", "/requests", "/sessions", "/models", "/providers", "/keys", "/users", "/wallets"):
            await visit.go(place)
            await visit.page.get_by_label("Loading").wait_for(state="detached")
            await visit.page.get_by_role("table").first.wait_for()
            cut = await visit.page.evaluate(
                "[...document.querySelectorAll('.scroll')].filter((one) => one.scrollWidth > one.clientWidth)"
                ".map((one) => one.ariaLabel)"
            )
            assert cut == [], place


async def test_pages_work_with_keys_alone_and_on_narrow_screens(browser: Browser, gateway: Gateway) -> None:
    async with browsing(
        browser, gateway.url, viewport={"width": 375, "height": 720}, color_scheme="dark"
    ) as visit:
        await visit.sign_in(ADMIN)
        for place in ("", "/requests", "/models", "/playground", "/keys", "/wallets", "/configuration"):
            await visit.go(place)
            await visit.page.get_by_label("Loading").wait_for(state="detached")
            wide = await visit.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= 375, (place, wide)
        await visit.page.keyboard.press("/")
        assert await visit.page.evaluate("document.activeElement.matches('[data-search]')")
        await visit.page.keyboard.type("server.port")
        await visit.row("server.port").wait_for()
        await visit.button("Menu").click()
        await visit.page.get_by_role("link", name="Keys").click()
        await visit.heading("Keys")
        await visit.button("Create key").focus()
        await visit.page.keyboard.press("Enter")
        await visit.page.get_by_role("dialog").wait_for()
        await visit.page.keyboard.press("Escape")
        assert await visit.page.get_by_role("dialog").count() == 0
        assert await visit.page.evaluate("document.activeElement.textContent") == "Create key"
        ground = "getComputedStyle(document.body).backgroundColor"
        dark = await visit.page.evaluate(ground)
        await visit.button("Menu").click()
        await visit.page.get_by_label("Colours").select_option("light")
        assert await visit.page.evaluate(ground) != dark
        await visit.page.reload()
        await visit.heading("Keys")
        assert await visit.page.evaluate(ground) != dark


async def test_a_view_asks_once_and_a_hidden_page_not_at_all(browser: Browser, gateway: Gateway) -> None:
    async with browsing(browser, gateway.url) as visit:
        await visit.sign_in(ADMIN)
        for place, asked in (
            ("/keys", "/admin/keys"),
            ("/wallets", "/admin/wallets"),
            ("/users", "/admin/users"),
        ):
            visit.requests.clear()
            await visit.go(place)
            await visit.page.get_by_label("Loading").wait_for(state="detached")
            api = [one for one in visit.requests if not one.startswith("/ui")]
            assert [one.partition("?")[0] for one in api] == [asked]
        await visit.page.clock.install()
        await visit.go("/requests")
        await visit.page.get_by_text("looks every 2 s").wait_for()
        async with visit.page.expect_response("**/admin/live"):
            await visit.page.clock.run_for(2000)
        await see(visit, False)
        visit.requests.clear()
        await visit.page.clock.run_for(60_000)
        await visit.page.evaluate("() => fetch('/ui/session')")  # whatever came before it is known by now
        assert visit.requests == ["/ui/session"]
        async with visit.page.expect_response("**/admin/live"):
            await see(visit, True)
            await visit.page.clock.run_for(1)


async def see(visit: Visit, seen: bool) -> None:
    """Make the page believe that somebody sees it, or nobody."""
    await visit.page.evaluate(
        """(seen) => {
            Object.defineProperty(document, "hidden", {get: () => !seen, configurable: true});
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        seen,
    )


async def test_an_open_gateway_shows_figures_and_says_what_it_keeps_back(
    browser: Browser, tmp_path: Path
) -> None:
    more = f'[auth]\nmode = "open"\n[store]\nurl = "sqlite:///{tmp_path}/t.db"'
    async with Gateway({"demo": ("demo", "")}, more=more) as gateway:
        reply = await gateway.chat("demo/chat")
        async with browsing(browser, gateway.url) as visit:
            await visit.page.goto(gateway.url)
            await visit.page.get_by_text("has no administrator").wait_for()
            await visit.page.get_by_role("link", name="Requests").click()
            await visit.page.get_by_label("Requests", exact=True).get_by_role("row").nth(1).click()
            await visit.heading("Request")
            await (
                visit.page.get_by_text("TIDEGATE_ADMIN_KEYS) and reload")
                .or_(visit.page.get_by_text("set TIDEGATE_ADMIN_KEYS and reload"))
                .wait_for()
            )
            refused = await gateway.get(f"/admin/requests/{reply.headers['x-request-id']}")
            assert refused.status == 403
            assert "Keys" not in await visit.page.get_by_role("navigation").inner_text()


async def test_without_a_store_a_page_says_what_is_missing(browser: Browser) -> None:
    async with Gateway({"demo": ("demo", "")}) as gateway:
        assert (await gateway.chat("demo/chat")).status == 200
        async with browsing(browser, gateway.url) as visit:
            await visit.go("/requests", "Requests")
            await visit.page.get_by_text("TIDEGATE_STORE_URL").wait_for()
            assert "/admin/requests" not in " ".join(visit.requests)
            await visit.go("", "Overview")
            await visit.row("chat").wait_for()
            assert "1 without a price" in await visit.text()
