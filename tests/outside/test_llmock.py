"""llmock, a provider simulator that grades how its clients behave, behind the gateway.

It sees every attempt and its timing. The official SDKs stand in front, with the retries that they
have by default: what they receive through the gateway must be enough for them to react correctly.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from time import sleep
from typing import Any
from urllib.request import Request, urlopen

import anthropic
import openai
import pytest

from running import Gateway
from tidegate.routing.retry_budget import LEAST_CONCURRENT

BASES = {"openai": "/v1", "anthropic": "/anthropic", "gemini": "/gemini", "cohere": "/cohere"}
KINDS = ("openai", "anthropic", "gemini")


def llmock(*words: str) -> list[str]:
    return [str(Path(sys.executable).with_name("llmock")), *words]


class Judge:
    """A running llmock."""

    def __init__(self, url: str) -> None:
        self.url = url

    def tell(self, *behaviours: dict[str, Any]) -> None:
        """Forget what was, and do this next."""
        self._post("reset", {})
        self._post("scenario", {"behaviors": list(behaviours)})

    def _post(self, path: str, body: Any) -> None:
        data = json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        with urlopen(Request(f"{self.url}/_llmock/{path}", data, headers)) as answer:
            assert answer.status < 300

    async def findings(self) -> list[str]:
        """What `llmock report --strict` objects to. It is the command itself that speaks."""
        report = await asyncio.to_thread(
            subprocess.run,
            llmock("report", "--strict", "--json", "--url", self.url),
            capture_output=True,
            check=False,
            timeout=60,
        )
        verdict = json.loads(report.stdout)
        assert (report.returncode == 0) == (verdict["findings"] == [])
        return [f"{finding['code']} at {finding['path']}" for finding in verdict["findings"]]


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory, unused_tcp_port_factory: Any) -> Iterator[Judge]:
    port = unused_tcp_port_factory()
    folder: Path = tmp_path_factory.mktemp("llmock")
    # Only of a stream that takes its time can be seen that nobody reads it any more. It is judged by what
    # can still be written, so a piece must take longer than a loaded machine needs to close a connection.
    command = llmock("serve", "--port", str(port), "--stream-chunk-delay-ms", "400")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        while "Uvicorn running" not in (folder / "log").read_text():
            assert process.poll() is None, (folder / "log").read_text()
            sleep(0.05)
        yield Judge(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(10)


# --- who asks ------------------------------------------------------------------------------------

SAID: Any = [{"role": "user", "content": "Describe the tide."}]


class OpenAI:
    """The official SDK, with its own retries or without."""

    def __init__(self, gateway: Gateway) -> None:
        self.sdk = openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="none")

    async def ask(self, model: str, stream: bool, retries: int = 2) -> str:
        chat = self.sdk.with_options(max_retries=retries).chat.completions
        if not stream:
            whole = await chat.create(model=model, messages=SAID)
            return whole.choices[0].message.content or ""
        chunks = [chunk async for chunk in await chat.create(model=model, messages=SAID, stream=True)]
        assert chunks[-1].choices[0].finish_reason == "stop"
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


class Anthropic:
    """The official SDK, with its own retries or without."""

    def __init__(self, gateway: Gateway) -> None:
        self.sdk = anthropic.AsyncAnthropic(base_url=gateway.url, api_key="none")

    async def ask(self, model: str, stream: bool, retries: int = 2) -> str:
        messages = self.sdk.with_options(max_retries=retries).messages
        if stream:
            async with messages.stream(model=model, max_tokens=500, messages=SAID) as events:
                answer = await events.get_final_message()
        else:
            answer = await messages.create(model=model, max_tokens=500, messages=SAID)
        assert answer.stop_reason == "end_turn"
        return "".join(block.text for block in answer.content if block.type == "text")


CLIENTS: dict[str, type[OpenAI | Anthropic]] = {"openai": OpenAI, "anthropic": Anthropic}
STATUS_ERRORS = (openai.APIStatusError, anthropic.APIStatusError)
ERRORS = (openai.APIError, anthropic.APIError, json.JSONDecodeError)
"""The last is what Anthropic's SDK makes of a broken event that passes from its own API."""
MODELS = {
    "openai": "gpt-4o",
    "anthropic": "claude-sonnet-4-5",
    "gemini": "gemini-2.5-flash",
    "cohere": "command-a-03-2025",
}

# --- what goes wrong -----------------------------------------------------------------------------

RETRIED: dict[str, dict[str, Any]] = {
    "rate-limit": {"type": "fail", "status": 429, "retry_after": 0.7, "times": 2},
    "overload": {"type": "fail", "status": 503, "retry_after": 0.3, "times": 2},
    "fault": {"type": "fail", "status": 500},
    "timeout": {"type": "fail", "status": 504},
    "slow": {"type": "slow_first_token", "seconds": 0.3},
    "delayed": {"type": "delay", "seconds": 0.3},
    "nothing": {"type": "delay", "seconds": 0},
}
"""Failures that an SDK handles by itself if they are reported correctly."""

TOLD: dict[str, dict[str, Any]] = {
    f"refusal-{status}": {"type": "fail", "status": status} for status in (400, 401, 403, 404, 422)
}
"""Failures that a retry does not change: they are only reported."""

BROKEN: dict[str, dict[str, Any]] = {
    "disconnect": {"type": "stream_fault", "kind": "disconnect", "after_chunks": 3},
    "truncate": {"type": "stream_fault", "kind": "truncate", "after_chunks": 3},
    "corrupt": {"type": "stream_fault", "kind": "malformed", "after_chunks": 3},
    "stall": {"type": "stream_fault", "kind": "stall", "after_chunks": 3, "stall_seconds": 12},
    "never-begun": {"type": "stream_fault", "kind": "truncate", "after_chunks": 0},
}
"""What the gateway cannot repeat, because the client has seen the beginning: the client is informed,
and may ask again."""

LONG: list[dict[str, Any]] = [
    {"type": "reply", "text": "High and low. " * 400, "match": {"model": f"*{model}-corrupt-*"}}
    for model in MODELS.values()
]
"""The first answers that are corrupt: long enough to see that nobody reads them any more, also where all
requests of this test together take a loaded machine half a minute."""


def faults(kind: str, stream: bool, table: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """By the model that they happen to."""
    manner = "streamed" if stream else "plain"
    return {
        f"{MODELS[kind]}-{name}-{manner}": {
            **behaviour,
            "match": {"model": f"*{MODELS[kind]}-{name}-{manner}"},
        }
        for name, behaviour in table.items()
    }


@pytest.fixture
async def gateway(judge: Judge) -> AsyncIterator[Gateway]:
    providers = {kind: (kind, judge.url + base) for kind, base in BASES.items()}
    async with Gateway(providers, routing="retries = 0\nidle_s = 3") as running:
        yield running


@pytest.mark.parametrize("door", CLIENTS)
async def test_clients_behind_the_gateway_do_right(gateway: Gateway, judge: Judge, door: str) -> None:
    client = CLIENTS[door](gateway)

    async def ask_in_vain(model: str, stream: bool) -> str:
        with pytest.raises(STATUS_ERRORS) as raised:
            await client.ask(model, stream)
        assert str(raised.value.status_code) in model  # type: ignore[attr-defined]
        return "reported"

    async def ask_again(model: str, stream: bool) -> str:
        with pytest.raises(ERRORS):
            await client.ask(model, stream, retries=0)
        return await client.ask(model, stream, retries=0)

    asked = [
        (way, f"{kind}/{model}", stream, behaviour)
        for way, table, manners in (
            (client.ask, RETRIED, (False, True)),
            (ask_in_vain, TOLD, (False, True)),
            (ask_again, BROKEN, (True,)),
        )
        for stream in manners
        for kind in MODELS
        for model, behaviour in faults(kind, stream, table).items()
    ]
    judge.tell(*LONG, *(behaviour for *_, behaviour in asked))
    async with client.sdk:
        assert all(await asyncio.gather(*(way(model, stream) for way, model, stream, _ in asked)))
    assert await judge.findings() == []


async def test_the_gateways_own_retries_are_as_they_should_be(judge: Judge) -> None:
    failing = {"fault": {"type": "fail", "status": 500, "times": 3}}
    refusing = {"refusal": {"type": "fail", "status": 400}}
    behaviours = [
        behaviour
        for kind in MODELS
        for table in (failing, refusing)
        for behaviour in faults(kind, False, table).values()
    ]
    judge.tell(*behaviours)
    providers = {kind: (kind, judge.url + base) for kind, base in BASES.items()}

    retrying = asyncio.Semaphore(LEAST_CONCURRENT)  # more at once may be denied their retries

    async def ask_both(client: OpenAI, kind: str) -> None:
        [failed], [refused] = faults(kind, False, failing), faults(kind, False, refusing)
        async with retrying:
            assert await client.ask(f"{kind}/{failed}", False, retries=0)
        with pytest.raises(openai.BadRequestError):
            await client.ask(f"{kind}/{refused}", False, retries=0)

    async with Gateway(providers, routing="retries = 3") as gateway:
        client = OpenAI(gateway)
        async with client.sdk:
            await asyncio.gather(*(ask_both(client, kind) for kind in MODELS))
    assert await judge.findings() == []
