"""A gateway on a real socket, in the test's own event loop.

async with Gateway(providers={"sim": ("openai_compatible", provider.url + "/v1")}) as gateway:
    answer = await gateway.post("/v1/chat/completions", {"model": "sim/m", …})
"""

import asyncio
import contextlib
import io
import json
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from tidegate.app import Tidegate
from tidegate.bus import ALONE, Bus
from tidegate.config import Config, load
from tidegate.http.server import Limits, Server
from tidegate.observe import RequestLog
from tidegate.observe.request_log import render_json
from tidegate.routing import Router
from tidegate.upstream import Fetcher

__all__ = ["HELLO", "Gateway", "Reply", "parse_config", "parse_environment"]

HELLO: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello"}]}


def parse_config(text: str, environ: Mapping[str, str] | None = None) -> Config:
    """A Config from the text of a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tidegate.toml")
        path.write_text(text)
        return load(path, environ or {}, Path(folder))


def parse_environment(environ: Mapping[str, str], dotenv: str = "") -> Config:
    """A Config from variables alone, and those of a `.env`."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, ".env").write_text(dotenv)
        return load(None, environ, Path(folder))


class NoNames(AbstractResolver):
    """Resolves nothing: no test depends on a network, or waits for one that is not there."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        raise OSError(f"{host} is outside of the tests")

    async def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True)
class Reply:
    """What the client got."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        return self.json["error"]

    @property
    def events(self) -> list[str]:
        """The data of a stream's events."""
        blocks = self.body.decode().split("\n\n")
        return [line[6:] for block in blocks for line in block.split("\n") if line.startswith("data: ")]

    @property
    def chunks(self) -> list[Any]:
        return [json.loads(data) for data in self.events if data != "[DONE]"]

    @property
    def text(self) -> str:
        """The joined text of an OpenAI stream."""
        deltas = [choice["delta"] for chunk in self.chunks for choice in chunk.get("choices", [])]
        return "".join(delta.get("content") or "" for delta in deltas)


class Gateway:
    """A gateway that serves on a free port of 127.0.0.1 while in context."""

    def __init__(
        self,
        providers: Mapping[str, tuple[str, str]] | None = None,
        *,
        more: str = "",
        routing: str = "retries = 0",
        server: str = "",
        fetcher: Fetcher | None = None,
        environ: Mapping[str, str] | None = None,
        dotenv: str = "",
        limits: Limits | None = None,
        tls: ssl.SSLContext | None = None,
        bus: Bus = ALONE,
    ) -> None:
        """With `environ` there is no file: the environment says everything. With `tls` clients speak TLS.

        Media of other hosts are not found, unless a `fetcher` knows them.
        """
        sections = [f"[server]\n{server}", f"[routing]\n{routing}", more]
        for name, (kind, base_url) in (providers or {}).items():
            lines = [f"[providers.{name}]", f'kind = "{kind}"', 'api_key = "sk-upstream-0123456789"']
            sections.append("\n".join([*lines, f'base_url = "{base_url}"'] if base_url else lines[:2]))
        if environ is not None:
            self.config = parse_environment(environ, dotenv)
        else:
            self.config = parse_config("\n".join(sections))
        self._out = io.BytesIO()
        self._records: list[Any] = []
        self._read = 0
        self._request_log = RequestLog(render_json, self._out)
        self.app = Tidegate(self.config, self._request_log, fetcher or Fetcher(resolver=NoNames()), bus)
        self._limits = limits
        self._tls = tls
        self._server: Server | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._session: aiohttp.ClientSession | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def session(self) -> aiohttp.ClientSession:
        assert self._session is not None
        return self._session

    @property
    def router(self) -> Router:
        """Decides among candidates; a test may tell it what it has seen of providers."""
        assert self.app._candidates is not None
        return self.app._candidates

    @property
    def records(self) -> list[Any]:
        """The records so far."""
        self._request_log.flush()
        self._out.seek(self._read)
        self._records += map(json.loads, self._out)
        self._read = self._out.tell()
        return [*self._records]

    async def record(self, count: int = 1) -> Any:
        """Await the record with this number, counted from 1."""
        while len(self.records) < count:
            await asyncio.sleep(0.01)
        return self.records[count - 1]

    async def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Reply:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.session.post(self.url + path, data=data, headers=headers or {}) as response:
            return Reply(response.status, response.headers, await response.read())

    async def get(self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Reply:
        async with self.session.request(method, self.url + path, headers=headers or {}) as response:
            return Reply(response.status, response.headers, await response.read())

    async def chat(self, model: str, **fields: Any) -> Reply:
        return await self.post("/v1/chat/completions", {"model": model, **HELLO, **fields})

    @contextlib.asynccontextmanager
    async def open(self, model: str, **fields: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        """A chat whose answer is read by the test."""
        body = json.dumps({"model": model, **HELLO, **fields}).encode()
        async with self.session.post(self.url + "/v1/chat/completions", data=body) as response:
            yield response

    def stop(self) -> None:
        """Begin to shut down, as a signal would."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._shut_down())

    async def stopped(self) -> None:
        assert self._stopping is not None
        await self._stopping

    async def _shut_down(self) -> None:
        assert self._server is not None
        await self._server.shutdown(self.config.server.grace_s)
        await self.app.shutdown()

    async def __aenter__(self) -> Self:
        listener = socket.socket(proto=socket.IPPROTO_TCP)  # asyncio then sets TCP_NODELAY
        listener.bind(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        await self.app.startup()
        self._server = Server(self.app.serve, self._limits)
        await self._server.listen(listener, self._tls)
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()
        self.stop()
        await self.stopped()
