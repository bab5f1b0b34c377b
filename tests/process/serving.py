"""`tidegate serve` as a process of its own, in a folder of its own.

    async with Served(tmp_path, one(provider)) as gateway:
        reply = await gateway.chat("sim/m")
        gateway.signal(signal.SIGTERM)
        assert await gateway.ended() == 0

Standard output and standard error are files in the folder. When the context ends, neither of them
may hold a key: no test needs to ask for that.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import IO, Any, Self

import aiohttp

from processes import begun_by, signal_each
from running import HELLO, Reply
from sdk.dialects import OPENAI
from simulator import Script, Simulator, stream

__all__ = [
    "CHAT",
    "CLIENT_KEY",
    "PATIENCE_S",
    "READY",
    "UPSTREAM_KEY",
    "Served",
    "alive",
    "children",
    "environ",
    "eventually",
    "halting",
    "one",
]

CHAT = "/v1/chat/completions"

UPSTREAM_KEY = "sk-upstream-0123456789abcdef"
CLIENT_KEY = "sk-client-fedcba9876543210"
READY = "serving on "
PATIENCE_S = 60.0
"""How long anything may take before a test gives up: not a measure of speed."""


def one(provider: Simulator | str, server: str = "", more: str = "") -> str:
    """A file with one provider, called `sim`."""
    url = provider if isinstance(provider, str) else provider.url
    return (
        f'[server]\n{server}\n[routing]\nretries = 0\n[logs]\nformat = "json"\n{more}\n'
        f'[providers.sim]\nkind = "openai_compatible"\nbase_url = "{url}/v1"\napi_key = "{UPSTREAM_KEY}"\n'
    )


def halting(gate: asyncio.Event) -> Script:
    """A stream that waits for the test after its first text."""
    pieces = list(OPENAI.stream.pieces)
    return stream([*pieces[:2], gate, *pieces[2:]])


def environ(**more: str) -> dict[str, str]:
    """This process's environment without anything that Tidegate would read."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
    return {name: os.environ[name] for name in kept if name in os.environ} | more


async def eventually(condition: Any, what: str) -> Any:
    """Await that a condition gives something true; what it gave."""
    end = monotonic() + PATIENCE_S
    while not (found := condition()):
        assert monotonic() < end, f"{what}: not within {PATIENCE_S:g} s"
        await asyncio.sleep(0.02)
    return found


def children(pid: int) -> list[int]:
    """The processes that serve on behalf of a supervisor."""
    return [child for child in begun_by(pid) if b"tidegate.process" in command_line(child)]


def command_line(pid: int) -> bytes:
    """How a process was started; empty if there is no such process any more."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def alive(pid: int) -> bool:
    """Whether there is such a process."""
    return Path(f"/proc/{pid}").exists()


class Served:
    """A gateway in a process; `config` is the text of its file, None leaves it without one."""

    def __init__(
        self,
        folder: Path,
        config: str | None,
        *,
        port: int,
        args: Sequence[str] | None = None,
        env: Mapping[str, str] | None = None,
        stdout: int | IO[bytes] | None = None,
        secrets: Iterable[str] = (UPSTREAM_KEY, CLIENT_KEY),
    ) -> None:
        self.port = port
        self.file = folder / "tidegate.toml"
        if config is not None:
            self.file.write_text(config)
        self._folder = folder
        self._args = ["--config", str(self.file), "--port", str(port)] if args is None else args
        self._env = environ() if env is None else env
        self._stdout = stdout
        self._secrets = list(secrets)
        self._out = folder / "stdout"
        self._log = folder / "stderr"
        self._process: subprocess.Popen[bytes] | None = None
        self._session: aiohttp.ClientSession | None = None

    # --- the process -------------------------------------------------------------------------

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> str:
        """Standard error so far."""
        return self._log.read_text()

    @property
    def out(self) -> bytes:
        """Standard output so far."""
        return self._out.read_bytes()

    @property
    def records(self) -> list[Any]:
        """The records so far; every line is a whole one."""
        return [json.loads(line) for line in self.out.splitlines()]

    async def record(self, count: int = 1) -> Any:
        """Await the record with this number, counted from 1."""
        return (await eventually(lambda: self.records[count - 1 :], f"record {count}"))[0]

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self) -> int:
        """Await the end; the exit status."""
        await eventually(lambda: self.process.poll() is not None, "the end of the process")
        return self.process.returncode

    async def logged(self, words: str, times: int = 1) -> None:
        """Await that the log says something so many times."""
        await eventually(lambda: self.log.count(words) >= times, f"{words!r} in the log:\n{self.log}")

    async def refuses(self) -> None:
        """Await that nobody takes new connections."""
        end = monotonic() + PATIENCE_S
        while monotonic() < end:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except (ConnectionRefusedError, ConnectionResetError):  # reset: it closed while we came
                return
            writer.close()
            await asyncio.sleep(0.02)
        raise AssertionError("new connections are still taken")

    async def command(self, *words: str) -> "subprocess.CompletedProcess[bytes]":
        """Another command, in the same folder and environment."""
        return await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "tidegate", *words],
            cwd=self._folder,
            env=self._env,
            capture_output=True,
        )

    # --- requests ----------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Reply:
        async with self._connect().post(self.url + path, json=body, headers=headers or {}) as response:
            return Reply(response.status, response.headers, await response.read())

    async def get(self, path: str) -> Reply:
        async with self._connect().get(self.url + path) as response:
            return Reply(response.status, response.headers, await response.read())

    async def chat(self, model: str, **fields: Any) -> Reply:
        """A plain answer, over a connection of its own."""
        return await self.post("/v1/chat/completions", {"model": model, **HELLO, **fields})

    @contextlib.asynccontextmanager
    async def open(self, path: str, **body: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        """A stream that the test reads."""
        async with self._connect().post(self.url + path, json={**HELLO, "stream": True, **body}) as response:
            yield response

    def _connect(self) -> aiohttp.ClientSession:
        assert self._session is not None
        return self._session

    # --- life --------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the process, and nothing more."""
        with contextlib.ExitStack() as files:
            log = files.enter_context(self._log.open("ab"))
            out: Any = self._stdout
            if out is None:
                out = files.enter_context(self._out.open("ab"))
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tidegate", "serve", *self._args],
                cwd=self._folder,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
            )

    async def __aenter__(self) -> Self:
        # A connection for each request: which worker answers is decided anew every time.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True, limit=0),
            timeout=aiohttp.ClientTimeout(total=PATIENCE_S),
        )
        self.start()
        # To try the port until it answers would be to meet oneself there, once in some thousand tries.
        await eventually(lambda: self.process.poll() is not None or READY in self.log, "the start")
        assert self.process.poll() is None, self.log
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connect().close()
        workers = children(self.pid) if self.process.poll() is None else []
        if self.process.poll() is None:
            self.process.terminate()
            try:
                await asyncio.to_thread(self.process.wait, 10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                signal_each(workers, signal.SIGKILL)
        if self.process.stdout is not None:
            self.process.stdout.close()
        said = self.log + (self.out.decode() if self._out.exists() else "")
        assert [secret for secret in self._secrets if secret in said] == []
