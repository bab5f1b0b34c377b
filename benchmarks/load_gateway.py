"""The gateway of `load.py`: a process, what it holds, and the clients' side of its wire."""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from load_upstream import ANSWER

__all__ = ["Client", "Gateway", "free_port", "gateway", "rise", "serving"]

CONFIG = """
[server]
workers = {workers}
[routing]
retries = 0
idle_s = {idle_s}
[logs]
format = "json"
[providers.up]
kind = "openai_compatible"
base_url = "http://127.0.0.1:{upstream}/v1"
"""
IDLE_S = 10
"""Seconds of silence after which the gateway gives a provider up."""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


# --- the process ---------------------------------------------------------------------------------


@dataclass
class Gateway:
    """A running gateway. What it holds is that of its one worker."""

    port: int
    pid: int
    folder: Path
    first_answer_s: float
    """From the command to the first answer."""

    @property
    def resident(self) -> float:
        """Megabytes of memory."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024

    @property
    def busy(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def descriptors(self) -> int:
        """Open files and sockets."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    @property
    def workers(self) -> list[int]:
        """The process ids of the workers."""
        listed = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [
            int(pid) for pid in listed if b"tidegate.process" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]

    @staticmethod
    def exists(pid: int) -> bool:
        """Whether there is such a process."""
        return Path(f"/proc/{pid}").exists()

    def peers_of(self, worker: int) -> set[int]:
        """The ports of the clients whose connections a worker has."""
        links = [os.readlink(link) for link in Path(f"/proc/{worker}/fd").iterdir()]
        inodes = {link[8:-1] for link in links if link.startswith("socket:[")}
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        mine = f":{self.port:04X}"
        ports = {int(row[2][-4:], 16) for row in rows if row[1].endswith(mine) and row[9] in inodes}
        return ports - {0}  # that of the listening socket

    def endings(self) -> Counter[tuple[str, str]]:
        """How many records there are of each model and ending."""
        records = [json.loads(line) for line in (self.folder / "records").read_bytes().splitlines()]
        return Counter((record["model"].removeprefix("up/"), record["ended"]) for record in records)


@contextlib.contextmanager
def gateway(upstream: int, workers: int = 1) -> Iterator[Gateway]:
    began = monotonic()
    with serving(CONFIG.format(workers=workers, idle_s=IDLE_S, upstream=upstream)) as served:
        request_once(served.port)
        served.first_answer_s = monotonic() - began
        yield served


@contextlib.contextmanager
def serving(config: str) -> Iterator[Gateway]:
    """A gateway with this configuration, once it is ready."""
    port = free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tidegate.toml").write_text(config)
        with (folder / "records").open("wb") as out, (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tidegate", "serve", "--port", str(port)],
                cwd=folder, stdout=out, stderr=log,
            )  # fmt: skip
            try:
                while b"serving on" not in (folder / "log").read_bytes():
                    assert process.poll() is None, (folder / "log").read_text()
                    sleep(0.005)
                yield Gateway(port, process.pid, folder, 0.0)
            finally:
                process.terminate()
                process.wait()


def request_once(port: int) -> None:
    """One plain answer, awaited before there is a loop."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(Client(port).request("m", stream=False))
        assert b" 200 " in connection.recv(65536)


# --- clients -------------------------------------------------------------------------------------


class Client:
    """Raw HTTP, so that clients cost little."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 22)

    def request(self, model: str, stream: bool) -> bytes:
        fields: dict[str, Any] = {"model": f"up/{model}", "stream": stream}
        fields["messages"] = [{"role": "user", "content": "Tide?"}]
        body = json.dumps(fields, separators=(",", ":")).encode()
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n"
        return head % len(body) + body

    async def stream(self, model: str, leaves_after_s: float | None = None) -> "Outcome":
        """One stream, read to its end or left."""
        try:
            reader, writer = await self.connect()
        except OSError:
            return Outcome("lost", 0)
        outcome = Outcome("lost", writer.get_extra_info("sockname")[1])
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            outcome.ended = await self._read(reader, writer, model, leaves_after_s, outcome)
        writer.close()
        return outcome

    async def _read(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        model: str,
        leaves_after_s: float | None,
        outcome: "Outcome",
    ) -> str:
        began = monotonic()
        writer.write(self.request(model, stream=True))
        if b" 200 " not in await reader.readuntil(b"\r\n\r\n"):
            return "failed"
        await reader.readuntil(b"data: ")
        outcome.first_s = monotonic() - began
        if leaves_after_s is not None:
            await asyncio.sleep(leaves_after_s)
            return "client_left"
        rest = await reader.readuntil(b"\r\n0\r\n\r\n")
        return "complete" if b"[DONE]" in rest else "provider_broke" if b'"error"' in rest else "lost"

    async def plain(self, count: int, *, kept: bool = True) -> int:
        """Plain requests, over one connection or each over its own; how many failed."""
        failed, connection = 0, None
        for _ in range(count):
            try:
                reader, writer = connection = connection or await self.connect()
                writer.write(self.request("m", stream=False))
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                size = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
                body = await reader.readexactly(int(size))
                failed += b" 200 " not in head or body != ANSWER
            except (OSError, asyncio.IncompleteReadError):
                failed += 1
                connection = None
                continue
            if not kept:
                writer.close()
                connection = None
        if connection is not None:
            connection[1].close()
        return failed

    async def leave(self, model: str, stream: bool, after_s: float, reports: asyncio.StreamReader) -> float:
        """Send a request, leave, and await that the provider sees it; the seconds in between."""
        reader, writer = await self.connect()
        writer.write(self.request(model, stream))
        if stream:
            await reader.readuntil(b"data: ")
        await asyncio.sleep(after_s)
        left = monotonic()
        writer.close()
        return float(await reports.readline()) - left


@dataclass
class Outcome:
    """How a stream ended, as its client sees it: an ending of the records, or `lost`."""

    ended: str
    client_port: int
    first_s: float | None = None
    """From the request to the first event."""


async def rise(start: Any, count: int, ramp_s: float) -> list[Outcome]:
    """Streams that begin one after another: `start(number)` for each. Returns when all have ended."""

    async def begin(number: int) -> Outcome:
        await asyncio.sleep(number * ramp_s / count)
        return await start(number)

    return await asyncio.gather(*map(begin, range(count)))
