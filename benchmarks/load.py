"""What one worker bears: open streams, many requests, clients that leave.

    uv run python benchmarks/load.py [--streams 1000] [--rate 5] [--requests 10000] [--leaves 20]

Three processes: the gateway (`tidegate serve`, one worker), an upstream that answers at once, and
this one, the client. Nothing here is a test: the numbers depend on what else the machine does.
`tests/process/test_process_load.py` holds the same at small scale.
"""

import argparse
import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles
from time import monotonic, sleep
from typing import Any

import uvloop
from rich.console import Console
from rich.table import Table

CHUNK = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[{"index":0,"delta":{%b},"finish_reason":%b}]}\n\n'
)
USAGE = b'"usage":{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14}'
EVENT = CHUNK % (b'"content":"tide "', b"null")
FIRST = CHUNK % (b'"role":"assistant","content":""', b"null")
LAST = CHUNK % (b"", b'"stop"') + b"data: [DONE]\n\n"
ANSWER = (
    b'{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"The tide is high."},"finish_reason":"stop"}],%b}' % USAGE
)
WAIT = b"m-wait"
"""The model that says no more after its beginning."""


def length(head: bytes) -> int:
    """The content-length in a head."""
    lines = head.lower().split(b"\r\n")
    return next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))


# --- the upstream --------------------------------------------------------------------------------


class Upstream(asyncio.Protocol):
    """Answers at once: `rate` events a second, `events` in all. Prints when a peer closes on `m-wait`."""

    def __init__(self, rate: float, events: int) -> None:
        self._pause, self._events = 1 / rate, events
        self._read = b""
        self._waiting = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._waiting:
            print(monotonic(), flush=True)

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, end, body = self._read.partition(b"\r\n\r\n")
        size = next(
            int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        )
        if not end or len(body) < size:
            return
        self._read = body[size:]
        self._answer(body[:size])

    def _answer(self, body: bytes) -> None:
        self._waiting = WAIT in body
        if b'"stream":true' in body:
            self._transport.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            )
            self._send(FIRST)
            self._next(self._events)
        elif not self._waiting:
            self._transport.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
                % (len(ANSWER), ANSWER)
            )

    def _next(self, left: int) -> None:
        if left == 0:
            self._send(LAST)
            self._transport.write(b"0\r\n\r\n")
        else:
            if not self._waiting:
                self._send(EVENT)
            self._timer = asyncio.get_running_loop().call_later(self._pause, self._next, left - 1)

    def _send(self, data: bytes) -> None:
        self._transport.write(b"%x\r\n%b\r\n" % (len(data), data))


async def serve_upstream(port: int, rate: float, events: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Upstream(rate, events), "127.0.0.1", port, backlog=4096)
    print("listening", flush=True)
    await server.serve_forever()


# --- the client ----------------------------------------------------------------------------------


class Client:
    """Raw HTTP, so that the client costs little."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._port)

    def ask(self, model: str, stream: bool) -> bytes:
        asked = {"model": f"up/{model}", "stream": stream, "messages": [{"role": "user", "content": "Tide?"}]}
        body = json.dumps(asked, separators=(",", ":")).encode()
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
        return head % len(body) + body

    async def stream(self) -> float | None:
        """One stream; the seconds to its first event, or None if it failed."""
        try:
            reader, writer = await self.connect()
            began = monotonic()
            writer.write(self.ask("m", stream=True))
            await reader.readuntil(b"\r\n\r\n")
            await reader.readuntil(b"data: ")
            first = monotonic() - began
            said = await reader.readuntil(b"0\r\n\r\n")
            writer.close()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return None
        return first if b"[DONE]" in said else None

    async def requests(self, count: int) -> int:
        """Plain requests over one connection; how many failed."""
        reader, writer = await self.connect()
        failed = 0
        for _ in range(count):
            writer.write(self.ask("m", stream=False))
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(length(head))
            failed += b" 200 " not in head or body != ANSWER
        writer.close()
        return failed

    async def leave(self, stream: bool, after_s: float, told: asyncio.StreamReader) -> float:
        """Ask, leave, and await what the upstream says; the seconds in between."""
        reader, writer = await self.connect()
        writer.write(self.ask("m-wait", stream))
        if stream:
            await reader.readuntil(b"data: ")
        await asyncio.sleep(after_s)
        left = monotonic()
        writer.close()
        return float(await told.readline()) - left


# --- the run -------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextlib.contextmanager
def gateway(upstream: int) -> Iterator[tuple[int, int]]:
    """The port and the process id of a gateway with one worker."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "tidegate.toml").write_text(
            f'[providers.up]\nkind = "openai_compatible"\nbase_url = "http://127.0.0.1:{upstream}/v1"\n'
        )
        command = [sys.executable, "-m", "tidegate", "serve", "--port", str(port)]
        with (
            Path(folder, "out").open("wb") as out,
            subprocess.Popen(command, cwd=folder, stdout=out, stderr=out) as process,
        ):
            try:
                while b"startup complete" not in Path(folder, "out").read_bytes():
                    assert process.poll() is None, Path(folder, "out").read_text()
                    sleep(0.05)
                yield port, process.pid
            finally:
                process.terminate()


def resident(pid: int) -> float:
    """Megabytes of memory that a process holds."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


def busy(pid: int) -> float:
    """Seconds of processor time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def open_streams(client: Client, count: int, ramp_s: float) -> list[float | None]:
    """Streams that begin one after another, all open together in the end."""

    async def begin(number: int) -> float | None:
        await asyncio.sleep(number * ramp_s / count)
        return await client.stream()

    return await asyncio.gather(*map(begin, range(count)))


class Bench:
    """The measurements, one after another on the same process."""

    def __init__(self, options: argparse.Namespace, port: int, pid: int) -> None:
        self.options = options
        self.client = Client(port)
        self.pid = pid
        self.table = Table("what", "figure", title="one worker")
        self.table.columns[1].justify = "right"
        self.peak = 0.0

    def note(self, what: str, figure: str) -> None:
        self.table.add_row(what, figure)

    async def requests(self) -> None:
        await self.client.requests(200)
        before, cpu, began = resident(self.pid), busy(self.pid), monotonic()
        shares = [self.options.requests // 8] * 8
        failed = sum(await asyncio.gather(*map(self.client.requests, shares)))
        took, cpu, count = monotonic() - began, busy(self.pid) - cpu, sum(shares)
        self.note(f"{count:,} requests: failed", f"{failed}")
        self.note("  per second", f"{count / took:,.0f}")
        self.note("  processor time of each", f"{cpu / count * 1e6:.0f} µs")
        self.note("  memory before → after", f"{before:.1f} → {resident(self.pid):.1f} MB")

    async def streams(self) -> None:
        watching, cpu, options = asyncio.create_task(self.watch()), busy(self.pid), self.options
        firsts = await open_streams(self.client, options.streams, options.ramp)
        cpu = busy(self.pid) - cpu
        watching.cancel()
        good = [first * 1e3 for first in firsts if first is not None]
        self.note(f"{options.streams:,} streams, {options.rate:g} events/s each: failed",
                  f"{len(firsts) - len(good)}")  # fmt: skip
        cuts = quantiles(good, n=100)
        self.note("  first event after: p50 · p95 · p99 · max",
                  f"{cuts[49]:.1f} · {cuts[94]:.1f} · {cuts[98]:.1f} · {max(good):.1f} ms")  # fmt: skip
        self.note("  processor time of an event", f"{cpu / (len(good) * (options.events + 2)) * 1e6:.0f} µs")
        self.note("  memory: most · after", f"{self.peak:.0f} · {resident(self.pid):.0f} MB")

    async def watch(self) -> None:
        while True:
            self.peak = max(self.peak, resident(self.pid))
            await asyncio.sleep(0.1)

    async def leaves(self, told: asyncio.StreamReader) -> None:
        count = self.options.leaves
        for stream, name in ((True, "stream"), (False, "plain call")):
            # From at once to after half a second: those who leave early are noticed later.
            pauses = [0.01 + 0.5 * number / count for number in range(count)]
            times = sorted([await self.client.leave(stream, pause, told) for pause in pauses])
            self.note(f"a client leaves a {name}; seen upstream after: p50 · max",
                      f"{times[count // 2] * 1e3:.0f} · {times[-1] * 1e3:.0f} ms")  # fmt: skip


async def run(options: argparse.Namespace) -> None:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, "--upstream", str(port)),
        *("--rate", str(options.rate), "--events", str(options.events)),
        stdout=asyncio.subprocess.PIPE,
    )
    told = process.stdout
    assert told is not None
    try:
        await told.readline()  # it listens
        with gateway(port) as (served, pid):
            bench = Bench(options, served, pid)
            bench.note("memory at rest", f"{resident(pid):.0f} MB")
            await bench.requests()
            await bench.streams()
            await bench.streams()
            await bench.leaves(told)
        Console(width=110).print(bench.table)
    finally:
        process.terminate()
        await process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=1000, help="open at once")
    parser.add_argument("--rate", type=float, default=5, help="events a second of each stream")
    parser.add_argument("--ramp", type=float, default=10, help="seconds over which the streams begin")
    parser.add_argument("--events", type=int, default=0, help="of each stream; 0: enough to overlap")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--leaves", type=int, default=20, help="clients that leave, of each sort")
    parser.add_argument("--upstream", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.events = options.events or int((options.ramp + 5) * options.rate)
    if options.upstream:
        uvloop.run(serve_upstream(options.upstream, options.rate, options.events))
    else:
        uvloop.run(run(options))


if __name__ == "__main__":
    main()
