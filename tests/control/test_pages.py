"""The documentation pages of a running gateway: complete, and from this machine alone."""

import asyncio
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator

import pytest

from running import Gateway

PAGES = ["/docs", "/redoc"]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    more = '[api]\ntitle = "Harbour & Co"\ndescription = "For our people."'
    async with Gateway({"demo": ("demo", "")}, more=more) as gateway:
        yield gateway


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_is_served(gateway: Gateway, page: str) -> None:
    reply = await gateway.get(page)
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/html")
    assert b"Harbour &" in reply.body


@pytest.mark.parametrize("page", PAGES)
async def test_what_a_page_loads_comes_from_here(gateway: Gateway, page: str) -> None:
    html = (await gateway.get(page)).body.decode()
    loaded = [
        address for address in re.findall(r'(?:src|href)="([^"]+)"', html) if not address.startswith("data:")
    ]
    assert loaded
    for address in loaded:
        assert address.startswith("/")
        assert (await gateway.get(address)).status == 200


@pytest.mark.parametrize("page", PAGES)
async def test_browsers_may_load_nothing_from_elsewhere(gateway: Gateway, page: str) -> None:
    policy = (await gateway.get(page)).headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "http" not in policy
    assert "*" not in policy


async def test_the_api_is_described_with_the_operators_title(gateway: Gateway) -> None:
    reply = await gateway.get("/openapi.json")
    assert reply.json["info"]["title"] == "Harbour & Co"
    assert reply.json["info"]["description"].startswith("For our people.\n\n**Models** are named")
    assert "](/llm-gate/docs)" in reply.json["info"]["description"]
    assert reply.json["openapi"] == "3.1.0"


async def test_the_examples_of_the_description_work(gateway: Gateway) -> None:
    paths = (await gateway.get("/openapi.json")).json["paths"]
    bodies = [
        (path, example["value"])
        for path, operations in paths.items()
        for operation in operations.values()
        for example in operation.get("requestBody", {})
        .get("content", {})
        .get("application/json", {})
        .get("examples", {})
        .values()
    ]
    assert len(bodies) > 5
    for path, body in bodies:
        assert (await gateway.post(path, body)).status == 200


async def test_a_path_below_the_pages_that_is_nothing_is_refused_in_openais_shape(gateway: Gateway) -> None:
    reply = await gateway.get("/docs/nothing")
    assert reply.status == 404
    assert reply.error["code"] == "not_found"
    assert "/docs/nothing" in reply.error["message"]


async def test_a_page_takes_no_post(gateway: Gateway) -> None:
    reply = await gateway.post("/docs", {})
    assert reply.status == 405
    assert reply.error["code"] == "method_not_allowed"


def test_the_data_plane_is_imported_without_the_control_planes_libraries() -> None:
    script = "import sys, tidegate.app, tidegate.process; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "tidegate.app" in ran.stdout.split()
    assert {"fastapi", "starlette", "pydantic"} & {*ran.stdout.split()} == set()


async def rendered(address: str) -> str:
    """The page as a browser has it that reaches no other host than this one."""
    assert CHROMIUM is not None
    with tempfile.TemporaryDirectory() as profile:
        browser = await asyncio.create_subprocess_exec(
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            f"--user-data-dir={profile}",
            "--virtual-time-budget=20000",
            "--dump-dom",
            address,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        out, _ = await browser.communicate()
    return out.decode()


@needs_chromium
@pytest.mark.parametrize("page", PAGES)
async def test_a_browser_without_internet_shows_every_operation(gateway: Gateway, page: str) -> None:
    shown = await rendered(gateway.url + page)
    description = (await gateway.get("/openapi.json")).json
    summaries = {
        operation["summary"] for path in description["paths"].values() for operation in path.values()
    }
    assert [summary for summary in summaries if summary not in shown] == []
