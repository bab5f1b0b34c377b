"""Chromium, driven by tests: a page that notices whatever must not happen in it.

async with chromium() as browser, browsing(browser, gateway.url) as page:
    await page.sign_in(ADMIN)
    await page.go("/requests")
"""

import contextlib
import shutil
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, ConsoleMessage, Locator, Page, Request, async_playwright

__all__ = ["CHROMIUM", "Visit", "browsing", "chromium", "needs_chromium"]

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
PATIENCE_MS = 60_000
"""How long a page may take on a machine that others use too."""


class Visit:
    """A page of the dashboard."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.problems: list[str] = []
        """Violations of the content security policy, errors of scripts, and requests to other hosts."""
        self.requests: list[str] = []
        """Paths that were asked for."""
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.problems.append(f"script: {error}"))
        page.on("request", self._on_request)
        page.on("dialog", lambda dialog: self.problems.append(f"dialog: {dialog.message}"))

    def _on_console(self, message: ConsoleMessage) -> None:
        # A refused request is said by the page itself; whether it may be refused is the test's matter.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.problems.append(f"console: {message.text}")

    def _on_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("data", "blob"):
            return
        self.requests.append(f"{parts.path}?{parts.query}" if parts.query else parts.path)
        if f"{parts.scheme}://{parts.netloc}" != self.url:
            self.problems.append(f"request to another host: {request.url}")

    async def sign_in(self, key: str) -> None:
        """Sign in at the page that comes first."""
        await self.page.goto(f"{self.url}/")
        await self.page.get_by_label("Key or token").fill(key)
        await self.page.get_by_role("button", name="Sign in").click()
        await self.page.get_by_role("navigation").wait_for()

    async def go(self, place: str, heading: str | None = None) -> None:
        """Open a place of the dashboard."""
        await self.page.goto(f"{self.url}/ui{place}")
        await self.heading(heading)

    async def heading(self, words: str | None = None) -> None:
        """Wait for the heading of a page."""
        named: Mapping[str, Any] = {} if words is None else {"name": words}
        await self.page.get_by_role("heading", level=1, **named).wait_for()

    def row(self, words: str) -> Locator:
        """The rows of tables that have these words."""
        return self.page.get_by_role("row").filter(has_text=words)

    def button(self, name: str) -> Locator:
        """The button of this name."""
        return self.page.get_by_role("button", name=name, exact=True)

    async def text(self) -> str:
        """All the text of the page."""
        return await self.page.locator("body").inner_text()


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser, for several visits on the same event loop."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def browsing(browser: Browser, url: str, **context: Any) -> AsyncIterator[Visit]:
    """A visit with a profile of its own. At the end, nothing has happened in it that must not."""
    profile = await browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **context})
    try:
        page = await profile.new_page()
        page.set_default_timeout(PATIENCE_MS)
        visit = Visit(page, url)
        yield visit
        assert visit.problems == []
    finally:
        await profile.close()
