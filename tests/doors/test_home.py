"""What is at `/`, and HEAD wherever GET is."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from running import Gateway
from tidegate.doors import all_doors

PATHS = sorted({path for door in all_doors() for method, path in door.routes() if method == "GET"})
PAGES = [
    "/ui",
    "/docs",
    "/redoc",
    "/openapi.json",
    "/llm-gate/docs",
    "/llm-gate/redoc",
    "/llm-gate/openapi.json",
]


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    more = '[api]\ntitle = "Harbour <& Co>"\n[auth]\nkeys = ["k"]'
    async with Gateway({"demo": ("demo", "")}, more=more) as gateway:
        yield gateway


async def test_a_browser_is_led_to_the_dashboard(gateway: Gateway) -> None:
    headers = {"accept": "text/html,application/xhtml+xml"}
    async with gateway.session.get(gateway.url, headers=headers, allow_redirects=False) as response:
        assert (response.status, response.headers["location"]) == (302, "/ui")
    page = await gateway.get("/", headers)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert b"<title>Harbour &lt;&amp; Co&gt;</title>" in page.body


async def test_others_get_json(gateway: Gateway) -> None:
    reply = await gateway.get("/")
    assert (reply.status, reply.json["name"]) == (200, "Harbour <& Co>")
    for path in reply.json["see"]:
        assert (await gateway.get(path, {"x-api-key": "k"})).status == 200


@pytest.mark.parametrize("path", [*PATHS, *PAGES])
async def test_head_has_the_headers_of_get(gateway: Gateway, path: str) -> None:
    headers = {"x-api-key": "k"}
    where = gateway.url + path.replace("*", "demo/chat")
    async with aiohttp.ClientSession() as session:
        async with session.get(where, headers=headers) as response:
            result = (response.status, response.headers["content-type"])
        async with session.head(where, headers=headers) as response:
            assert (response.status, response.headers["content-type"]) == result
            assert await response.read() == b""


async def test_an_unknown_path_points_to_the_description(gateway: Gateway) -> None:
    reply = await gateway.post("/v1/nothing", {})
    assert (reply.status, reply.error["message"]) == (404, "unknown path POST /v1/nothing; see /docs")
