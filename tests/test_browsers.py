"""Web pages that call the gateway: who may, and that nobody else costs anything."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from running import HELLO, Gateway, Reply
from sdk.dialects import OPENAI
from simulator import Simulator
from tidegate.config.summary import list_warnings

CHAT = "/v1/chat/completions"
KEYS = '[auth]\nkeys = ["sk-client-0123456789"]'
WITH_KEY = {"x-api-key": "sk-client-0123456789"}
FOREIGN = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
ALLOW = "access-control-allow-origin"

DOORS = [
    ("/v1/chat/completions", {"model": "sim/m", **HELLO}),
    ("/v1/responses", {"model": "sim/m", "input": "Hello"}),
    ("/v1/messages", {"model": "sim/m", "max_tokens": 5, **HELLO}),
    ("/v1beta/models/sim/m:generateContent", {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}),
    ("/v1/embeddings", {"model": "sim/m", "input": "Hello"}),
    ("/v1/images/generations", {"model": "sim/m", "prompt": "Hello"}),
    ("/llm-gate/v1/chat", {"model": "sim/m", "prompt": "Hello"}),
]


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        simulator.answer(OPENAI.text)
        yield simulator


@pytest.fixture
async def gateway(provider: Simulator) -> AsyncIterator[Gateway]:
    async with serving(provider) as running:
        yield running


def serving(provider: Simulator, server: str = "", *, more: str = "") -> Gateway:
    return Gateway({"sim": ("openai_compatible", f"{provider.url}/v1")}, server=server, more=more)


async def chat(gateway: Gateway, headers: dict[str, str]) -> Reply:
    return await gateway.post(CHAT, {"model": "sim/m", **HELLO}, headers)


# --- a page that may not call ------------------------------------------------------------------


@pytest.mark.parametrize(("path", "body"), DOORS, ids=[path for path, _ in DOORS])
async def test_a_simple_post_of_a_foreign_page_reaches_no_provider(
    gateway: Gateway, provider: Simulator, path: str, body: dict[str, Any]
) -> None:
    reply = await gateway.post(path, body, {**FOREIGN, "content-type": "text/plain"})
    assert (reply.status, provider.requests) == (403, [])
    assert "cors_origins" in reply.body.decode()
    assert "TIDEGATE_SERVER_CORS_ORIGINS" in reply.body.decode()
    assert ALLOW not in reply.headers
    assert (await gateway.record())["error"].startswith("origin_not_allowed")


async def test_the_refusal_has_the_shape_of_the_door(gateway: Gateway) -> None:
    openai = await chat(gateway, FOREIGN)
    anthropic = await gateway.post("/v1/messages", {}, FOREIGN)
    gemini = await gateway.post("/v1beta/models/sim/m:generateContent", {}, FOREIGN)
    assert (openai.error["type"], openai.error["code"]) == ("permission_error", "origin_not_allowed")
    assert anthropic.json["type"] == "error"
    assert anthropic.error["type"] == "permission_error"
    assert (gemini.error["code"], gemini.error["status"]) == (403, "PERMISSION_DENIED")


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "null", "sec-fetch-site": "cross-site"},
        {"origin": "null"},
        {"origin": "https://evil.example", "content-type": "application/x-www-form-urlencoded"},
        {"origin": "https://evil.example", "content-type": "multipart/form-data; boundary=x"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},
        {"origin": "http://localhost.evil.example"},
        {"origin": "http://127.0.0.1.evil.example"},
        {"origin": "http://evil.example/@localhost"},
        {"origin": "http://localhost@evil.example"},
        {"origin": "http://user@localhost"},
        {"origin": "ftp://localhost"},
        {"origin": "http://192.168.1.5"},
        {"origin": "http://[::ffff:10.0.0.1]"},
        {"origin": "http://["},
        {"origin": "localhost"},
    ],
)
async def test_whatever_else_a_foreign_page_sends_is_refused(
    gateway: Gateway, provider: Simulator, headers: dict[str, str]
) -> None:
    assert ((await chat(gateway, headers)).status, provider.requests) == (403, [])


async def test_a_preflight_of_a_foreign_page_is_refused(gateway: Gateway) -> None:
    asked = {**FOREIGN, "access-control-request-method": "POST"}
    reply = await gateway.get(CHAT, asked, method="OPTIONS")
    assert reply.status == 403
    assert not [name for name in reply.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("path", ["/v1/models", "/llm-gate/v1/providers", "/openapi.json", "/health", "/no"])
async def test_a_foreign_page_reads_no_list_either(gateway: Gateway, path: str) -> None:
    assert (await gateway.get(path, FOREIGN)).status == 403
    assert (await gateway.get(path, {"sec-fetch-site": "cross-site"})).status == 403


async def test_a_link_on_a_foreign_page_can_be_followed(gateway: Gateway) -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "accept": "text/html"}
    assert (await gateway.get("/docs", headers)).status == 200
    assert (await gateway.get("/", headers)).status == 200


# --- a page that may ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost",
        "http://localhost:3000",
        "https://localhost:3000",
        "http://app.localhost:5173",
        "http://127.0.0.1:8080",
        "http://127.8.9.1",
        "http://[::1]:3000",
    ],
)
async def test_a_page_of_this_machine_may_call(gateway: Gateway, origin: str) -> None:
    asked = {
        "origin": origin,
        "access-control-request-headers": "authorization",
        "sec-fetch-site": "cross-site",
    }
    preflight = await gateway.get(CHAT, asked, method="OPTIONS")
    assert (preflight.status, preflight.headers[ALLOW]) == (204, origin)
    assert preflight.headers["access-control-allow-headers"] == "authorization"
    reply = await chat(gateway, {"origin": origin, "sec-fetch-site": "cross-site"})
    assert (reply.status, reply.headers[ALLOW], reply.headers["vary"]) == (200, origin, "origin")
    assert "x-tidegate-provider" in reply.headers["access-control-expose-headers"]


async def test_a_page_can_read_what_the_gateway_says_of_limits_and_costs(provider: Simulator) -> None:
    limits = "[limits]\nrequests_per_minute = 60\ntokens_per_minute = 100000"
    prices = '[prices."sim/m"]\ninput = 1\noutput = 1'
    origin = {"origin": "http://localhost:3000", "x-tidegate-explain": "1"}
    async with serving(provider, more=f"{limits}\n{prices}") as gateway:
        plain = await chat(gateway, origin)
        body = {"model": "sim/m", "max_tokens": 5, **HELLO}
        anthropic = await gateway.post("/v1/messages", body, origin)
    exposed = {name.strip() for name in plain.headers["access-control-expose-headers"].split(",")}
    said = {name.lower() for reply in (plain, anthropic) for name in reply.headers}
    ours = {name for name in said if name.startswith(("x-tidegate-", "x-request-id")) or "ratelimit" in name}
    assert ours <= exposed
    assert {"x-tidegate-explained", "x-ratelimit-remaining-requests"} <= ours
    assert {name for name in exposed if name.startswith("anthropic-")} <= ours


async def test_a_gateway_whose_keys_are_in_its_store_is_known_by_any_name(
    provider: Simulator, tmp_path: Path
) -> None:
    more = f'[store]\nurl = "sqlite:///{tmp_path}/tidegate.db"'
    async with serving(provider, more=more) as gateway:
        assert (await chat(gateway, {"host": "gateway.example"})).status == 401


async def test_a_page_of_the_gateway_itself_may_call(provider: Simulator) -> None:
    async with serving(provider, 'hosts = ["gateway.example"]\ncors_origins = []') as gateway:
        headers = {"host": "gateway.example:8000", "origin": "http://gateway.example:8000"}
        assert (await chat(gateway, headers)).status == 200
        assert (await chat(gateway, {**headers, "origin": "http://gateway.example"})).status == 403
        assert (await chat(gateway, {"origin": gateway.url, "sec-fetch-site": "same-origin"})).status == 200


async def test_with_keys_a_page_of_any_origin_may_call_if_it_has_one(provider: Simulator) -> None:
    async with serving(provider, more=KEYS) as gateway:
        preflight = await gateway.get(CHAT, {"origin": "https://app.example"}, method="OPTIONS")
        assert (preflight.status, preflight.headers[ALLOW]) == (204, "*")
        allowed = await chat(gateway, {**FOREIGN, **WITH_KEY})
        assert (allowed.status, allowed.headers[ALLOW]) == (200, "*")
        assert (await chat(gateway, {**WITH_KEY, "sec-fetch-site": "cross-site"})).status == 200
        assert (await chat(gateway, FOREIGN)).status == 401
        assert len(provider.requests) == 2


@pytest.mark.parametrize("more", ["", KEYS])
async def test_a_list_lets_in_whom_it_names_and_nobody_else(provider: Simulator, more: str) -> None:
    listed = 'cors_origins = ["https://a.example", "app://notes"]'
    async with serving(provider, listed, more=more) as gateway:
        for origin in ("https://a.example", "app://notes"):
            reply = await chat(gateway, {"origin": origin, **WITH_KEY})
            assert (reply.status, reply.headers[ALLOW]) == (200, origin)
        for origin in (
            "https://b.example",
            "http://a.example",
            "https://a.example:444",
            "http://localhost:3000",
        ):
            assert (await chat(gateway, {"origin": origin, **WITH_KEY})).status == 403
        assert (await chat(gateway, {"sec-fetch-site": "cross-site", **WITH_KEY})).status == 403
        assert (await chat(gateway, WITH_KEY)).headers["vary"] == "origin"
        assert len(provider.requests) == 3


async def test_an_empty_list_refuses_every_page_and_no_program(provider: Simulator) -> None:
    async with serving(provider, "cors_origins = []", more=KEYS) as gateway:
        assert (await chat(gateway, {**FOREIGN, **WITH_KEY})).status == 403
        assert (await chat(gateway, {"origin": "http://localhost:3000", **WITH_KEY})).status == 403
        assert provider.requests == []
        assert (await chat(gateway, WITH_KEY)).status == 200


async def test_without_keys_a_star_is_followed_and_warned_about(provider: Simulator) -> None:
    async with serving(provider, 'cors_origins = ["*"]') as gateway:
        assert (await chat(gateway, FOREIGN)).headers[ALLOW] == "*"
        assert (await chat(gateway, {"host": "rebound.example"})).status == 403
        [warning] = [line for line in list_warnings(gateway.config) if "cors_origins" in line]
    assert "every web page" in warning
    async with serving(provider, 'cors_origins = ["*"]', more=KEYS) as gateway:
        assert not [line for line in list_warnings(gateway.config) if "cors_origins" in line]


async def test_a_page_of_the_internet_that_may_call_is_let_into_the_private_network(gateway: Gateway) -> None:
    asked = {"origin": "http://localhost", "access-control-request-private-network": "true"}
    reply = await gateway.get(CHAT, asked, method="OPTIONS")
    assert reply.headers["access-control-allow-private-network"] == "true"


async def test_a_preflight_leaves_a_record(gateway: Gateway) -> None:
    asked = {"origin": "http://localhost:5173", "access-control-request-method": "POST"}
    reply = await gateway.get(CHAT, asked, method="OPTIONS")
    record = await gateway.record()
    assert reply.status == 204
    assert {name: record[name] for name in ("path", "status", "ended", "door")} == {
        "path": CHAT,
        "status": 204,
        "ended": "complete",
        "door": "openai",
    }


async def test_a_preflight_reflects_no_control_characters(gateway: Gateway) -> None:
    asked = {"origin": "http://localhost", "access-control-request-headers": "x-a\x80é"}
    reply = await gateway.get(CHAT, asked, method="OPTIONS")
    assert (reply.status, reply.headers["access-control-allow-headers"].isascii()) == (204, True)


# --- the name by which it is called ------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/models", "/docs", "/", "/health"])
async def test_a_rebound_name_reads_nothing(gateway: Gateway, path: str) -> None:
    reply = await gateway.get(path, {"host": f"rebound.evil.example:{gateway.port}"})
    assert (reply.status, reply.error["code"]) == (403, "host_not_allowed")
    assert '"rebound.evil.example"' in reply.error["message"]
    assert "TIDEGATE_SERVER_HOSTS" in reply.error["message"]


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "a@localhost",
        "[evil]",
        "::1",
        "2130706433",
    ],
)
async def test_a_rebound_name_reaches_no_provider(gateway: Gateway, provider: Simulator, host: str) -> None:
    headers = {"host": host, "origin": f"http://{host}", "sec-fetch-site": "same-origin"}
    assert ((await chat(gateway, headers)).status, provider.requests) == (403, [])


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LocalHost:8000",
        "localhost.",
        "tidegate.localhost:81",
        "127.0.0.1",
        "192.168.1.5:8000",
        "[::1]:8000",
        "[fe80::1]",
        socket.gethostname(),
        f"{socket.gethostname().partition('.')[0]}.local",
        "Gateway.Example:9",
        "deep.gateway.example",
    ],
)
async def test_a_name_of_this_gateway_is_accepted(provider: Simulator, host: str) -> None:
    async with serving(provider, 'hosts = ["gateway.EXAMPLE", "deep.gateway.example."]') as gateway:
        assert (await chat(gateway, {"host": host})).status == 200


async def test_with_keys_or_a_star_any_name_is_accepted(provider: Simulator) -> None:
    async with serving(provider, more=KEYS) as gateway:
        assert (await chat(gateway, {"host": "gateway.example", **WITH_KEY})).status == 200
    async with serving(provider, 'hosts = ["*"]') as gateway:
        assert (await chat(gateway, {"host": "gateway.example"})).status == 200


async def test_a_reload_changes_who_may_call(gateway: Gateway, provider: Simulator) -> None:
    assert (await chat(gateway, {"host": "gateway.example"})).status == 403
    await gateway.app.reload(serving(provider, 'hosts = ["gateway.example"]').config)
    assert (await chat(gateway, {"host": "gateway.example"})).status == 200


async def test_names_in_any_number_are_refused_or_accepted_alike(gateway: Gateway) -> None:
    for number in range(300):
        assert (await gateway.get("/health", {"host": f"10.0.0.1:{number}"})).status == 200
    assert (await gateway.get("/health", {"host": "evil.example"})).status == 403
