"""Pictures of the dashboard, with generated data: `scripts/screenshots` says how to call it.

A gateway is started on a store that was filled as a gateway would have filled it, and Chromium visits its
pages. Nobody is called but the demo provider. The same seed gives the same data.
"""

import contextlib
import json
import math
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import Raw
from msgspec.json import encode
from playwright.sync_api import Browser, Page, sync_playwright

from tidegate.figures import Part, Sample
from tidegate.money import Line
from tidegate.observe.record import FailedAttempt, Record
from tidegate.protocols.usage import Usage
from tidegate.store.database import Database
from tidegate.store.journal import Ended
from tidegate.store.moving import apply
from tidegate.store.schema import migrate

IMAGES = Path(__file__).parents[1] / "docs" / "images"
ADMIN = "an-admin-key-for-pictures"
HOURS = 30
COUNT = 9000
USERS = ("ada", "grace", "linus", "margaret", "edsger", "barbara")
CLIENTS = ("claude-cli/2.1", "codex_cli_rs/0.98", "OpenAI/Python 3.52", "AsyncAnthropic/Python 2.11")

TOO_WIDE = """[...document.querySelectorAll(".scroll")]
    .filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.getAttribute("aria-label"))"""


class Served(NamedTuple):
    """A model at a provider; prices in USD per million tokens, times in milliseconds."""

    model: str
    provider: str
    input: float
    cached: float
    output: float
    first_ms: float
    speed: float
    share: int


MODELS = (
    Served("claude-sonnet-4-5", "anthropic", 3, 0.3, 15, 950, 70, 34),
    Served("gpt-5-mini", "openai", 0.25, 0.025, 2, 620, 110, 24),
    Served("gemini-2.5-flash", "gemini", 0.3, 0.075, 2.5, 430, 190, 20),
    Served("deepseek-chat", "deepseek", 0.28, 0.028, 0.42, 1300, 42, 12),
    Served("openai/gpt-oss-120b", "groq", 0.15, 0.075, 0.6, 210, 460, 10),
)

CONFIGURATION = f"""
[server]
port = {{port}}
[auth]
admin_keys = ["ops:{ADMIN}"]
[store]
url = "sqlite:///{{folder}}/tidegate.db"
secret_keys = ["a-secret-of-the-pictures-0123456789"]
[billing]
enabled = true
[providers.demo]
kind = "demo"
[prices."demo/chat"]
input = 0.25
output = 2
[prices."demo/thinking"]
input = 1.25
output = 10
[prices."demo/slow-9"]
input = 0.25
output = 2
"""


# --- data ------------------------------------------------------------------------------------


def lines(now: int) -> Iterator[Ended]:
    """The ends of requests until `now` (milliseconds since 1970): more of them by day, and an outage."""
    chance = random.Random(8)  # noqa: S311 - pictures, not secrets
    shares = [one.share for one in MODELS]
    for number in range(COUNT):
        back_h = HOURS * (1 - number / COUNT)
        hour = (time.gmtime(now / 1000).tm_hour - back_h) % 24
        if chance.random() > 0.35 + 0.65 * math.exp(-(((hour - 14) / 4.5) ** 2)):
            continue
        at = int(now - back_h * 3_600_000) - chance.randrange(2000)
        yield line(number, at, chance.choices(MODELS, shares)[0], back_h, chance)


def line(number: int, at: int, served: Served, back_h: float, chance: random.Random) -> Ended:
    """One request. Four to five hours ago, the provider of deepseek-chat was overloaded."""
    outage = served.provider == "deepseek" and 4 < back_h < 5.5
    failed = chance.random() < (0.45 if outage else 0.006)
    slow = 2.4 if outage else 1 + 0.25 * math.sin(back_h)
    first_ms = served.first_ms * slow * chance.lognormvariate(0, 0.35)
    output = int(chance.lognormvariate(5.6, 0.8))
    total_ms = 40.0 if failed else first_ms + output / served.speed * 1000
    prompt = int(chance.lognormvariate(8.3, 1.1))
    cached = int(prompt * chance.uniform(0.5, 0.95)) if chance.random() < 0.62 else 0
    usage = None if failed else Usage(input=prompt - cached, cache_read=cached, output=output)
    bill = [] if failed else [
        Line("input", prompt - cached, f"{served.input:g}", round((prompt - cached) * served.input * 1000)),
        Line("cache_read", cached, f"{served.cached:g}", round(cached * served.cached * 1000)),
        Line("output", output, f"{served.output:g}", round(output * served.output * 1000)),
    ]  # fmt: skip
    cost = sum(one.amount for one in bill)
    user = USERS[min(int(chance.expovariate(0.7)), len(USERS) - 1)]
    error = "overloaded_error: the model is overloaded" if failed else None
    part = Part(
        served.provider, served.model, "overloaded" if failed else None,
        input=0 if failed else prompt - cached, cache_read=0 if failed else cached,
        output=0 if failed else output, cost=cost, generated=0 if failed else output,
        generated_ms=0.0 if failed else total_ms - first_ms,
        discount=0 if failed else round(cached * (served.input - served.cached) * 1000),
    )  # fmt: skip
    record = Record(
        time="", id=f"req_{number:020x}", door="openai", path="/v1/chat/completions",
        status=503 if failed else 200, ended="failed" if failed else "complete", model=served.model,
        provider=served.provider, provider_model=served.model, session=f"{user}-{number // 160}",
        client=chance.choice(CLIENTS), stream=True, finish=None if failed else "stop", usage=usage,
        attempts=[FailedAttempt(served.provider, served.model, 503, error or "", 38.0)] if failed else [],
        user=user, cost=cost, bill=bill, error=error, total_ms=round(total_ms, 1),
        first_byte_ms=None if failed else round(first_ms, 1), began_ms=1.1,
        answered_ms=None if failed else round(first_ms, 1), overhead_ms=0.6,
    )  # fmt: skip
    sample = Sample(record.status, total_ms, None if failed else first_ms, error=failed, parts=(part,))
    return Ended(
        id=record.id, at=at, begun_at=at - int(total_ms), ended=record.ended, status=record.status, user=user,
        key=f"key-{user}", model=served.model, provider=served.provider, provider_model=served.model,
        cost=cost, tokens=0 if failed else prompt + output, door="openai", session=record.session,
        error=error, figures=sample, detail=Raw(encode(record)),
    )  # fmt: skip


def fill(folder: Path) -> None:
    """Write the records, in batches as a gateway does."""
    database = Database(f"sqlite:///{folder}/tidegate.db")
    migrate(database)
    waiting = list(lines(int(time.time() * 1000)))
    while waiting:
        batch, waiting = waiting[:1000], waiting[1000:]
        with database.write() as connection:
            apply(connection, batch)
    database.close()


# --- a gateway -------------------------------------------------------------------------------


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A gateway with generated data. Yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "tidegate.toml").write_text(CONFIGURATION.format(port=port, folder=folder))
    fill(folder)
    environ = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    command = [sys.executable, "-m", "tidegate", "serve", "--config", str(folder / "tidegate.toml")]
    with subprocess.Popen(
        command, cwd=folder, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as gateway:
        try:
            url = f"http://127.0.0.1:{port}"
            while not is_ready(url):
                time.sleep(0.2)
            yield url
        finally:
            gateway.terminate()


def is_ready(url: str) -> bool:
    """Whether the gateway serves."""
    try:
        with urllib.request.urlopen(f"{url}/health/ready", timeout=5) as answer:  # noqa: S310 - our own
            return bool(answer.status == 200)
    except OSError:
        return False


def call(url: str, path: str, body: Any = None, method: str | None = None, **headers: str) -> Any:
    """Call the gateway, as an administrator unless a key is given; POST with a body, GET without."""
    data = None if body is None else json.dumps(body).encode()
    named = {"x-api-key": ADMIN, **{name.replace("_", "-"): value for name, value in headers.items()}}
    request = urllib.request.Request(url + path, data, named, method=method)  # noqa: S310 - our own
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own
        return json.load(answer)


def add_accounts(url: str) -> str:
    """Keys and wallets. Returns a key."""
    secret = ""
    for number, user in enumerate(USERS):
        settings = {"limits": {"requests_per_minute": 60 * (number + 1)}}
        secret = call(url, "/admin/keys", {"name": f"{user}-laptop", "user": user, "settings": settings})[
            "secret"
        ]
        amount = {"amount_usd": 25 * (number + 1), "note": "Invoice 2026-118"}
        call(url, f"/admin/wallets/{user}/credits", amount, idempotency_key=f"invoice-{user}")
    call(url, "/admin/providers/anthropic/key", {"key": "sk-ant-of-the-pictures-0Zq4"}, "PUT")
    time.sleep(1.5)  # the gateway looks for new keys twice a second
    be_refused(url, secret)
    return secret


def be_refused(url: str, secret: str) -> None:
    """Requests that are refused before they begin."""
    body = {"model": "gpt-5-nano-2", "messages": [{"role": "user", "content": "Hello"}]}
    for key in ("sk-proj-of-somebody-else", "sk-tide-4zTqA-revoked-key", "sk-tide-4zTqA-revoked-key", secret):
        with contextlib.suppress(OSError):
            call(url, "/v1/chat/completions", body, x_api_key=key)
    time.sleep(6)  # they are written every five seconds


def keep_busy(url: str, secret: str) -> threading.Thread:
    """A request that is in progress for some seconds."""
    body = {"model": "demo/slow-9", "messages": [{"role": "user", "content": "When is high tide?"}]}

    def ask() -> None:
        with contextlib.suppress(OSError):
            call(url, "/v1/chat/completions", body, x_api_key=secret, x_session_id="barbara-42")

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    return thread


# --- pictures --------------------------------------------------------------------------------


def sign_in(browser: Browser, url: str, width: int, height: int, scheme: str) -> Page:
    """A page of somebody who has signed in."""
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{url}/ui")
    page.get_by_label("Key or token").fill(ADMIN)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("navigation").wait_for()
    return page


def open_place(page: Page, url: str, place: str) -> None:
    """Open a page and wait for what it shows."""
    page.goto(f"{url}/ui{place}")
    page.get_by_role("heading", level=1).wait_for()
    page.get_by_label("Loading").wait_for(state="detached")
    page.wait_for_timeout(700)


def play(page: Page, url: str) -> None:
    """Compare two models."""
    open_place(page, url, "/playground")
    while page.get_by_role("button", name="Without").count():
        page.get_by_role("button", name="Without").first.click()
    for model in ("demo/chat", "demo/thinking"):
        page.get_by_label("Add a model").fill(model)
        page.get_by_label("Add a model").press("Enter")
    page.get_by_label("System prompt").fill("You are a harbour pilot. Answer in two sentences.")
    page.get_by_label("Prompt", exact=True).fill("Why are spring tides higher than neap tides?")
    page.get_by_role("button", name="Run").click()
    page.get_by_text("complete", exact=True).nth(1).wait_for()
    page.wait_for_timeout(300)


def draw(url: str, folder: Path | None) -> None:
    """Take the pictures: of the README, or of everything."""
    secret = add_accounts(url)
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        raise SystemExit("there is no Chromium here: install Debian's package chromium")
    (latest,) = call(url, "/admin/requests?limit=1&model=claude-sonnet-4-5")["data"]
    places = {
        "overview": "", "overview-users": "?by=user", "requests": "/requests", "refusals": "/refusals",
        "sessions": "/sessions",
        "models": "/models?compare=anthropic/claude-sonnet-4-5&compare=openai/gpt-5-mini",
        "providers": "/providers",
        "keys": "/keys", "users": "/users", "wallets": "/wallets", "wallet": "/wallets/ada",
        "configuration": "/configuration", "request": f"/requests/{latest['id']}",
    }  # fmt: skip
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        if folder is None:
            IMAGES.mkdir(exist_ok=True)
            page = sign_in(browser, url, 1280, 800, "light")
            open_place(page, url, "")
            page.screenshot(path=IMAGES / "overview.png")
            page = sign_in(browser, url, 1280, 800, "dark")
            play(page, url)
            page.screenshot(path=IMAGES / "playground.png")
        else:
            folder.mkdir(parents=True, exist_ok=True)
            for kind, width, height in (("light", 1440, 900), ("dark", 1440, 900), ("narrow", 375, 812)):
                page = sign_in(browser, url, width, height, "dark" if kind == "dark" else "light")
                for name, place in places.items():
                    busy = keep_busy(url, secret) if name == "requests" else None
                    open_place(page, url, place)
                    page.screenshot(path=folder / f"{name}-{kind}.png", full_page=True)
                    for caption in page.evaluate(TOO_WIDE) if kind == "light" else ():
                        print(f"{name}: the table \u201c{caption}\u201d is wider than its place")
                    if busy is not None:
                        busy.join()
                play(page, url)
                page.screenshot(path=folder / f"playground-{kind}.png", full_page=True)
        browser.close()


def main() -> None:
    """Fill a store, start a gateway on it, and take pictures."""
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as url:
        draw(url, Path(sys.argv[1]) if len(sys.argv) > 1 else None)


if __name__ == "__main__":
    main()
