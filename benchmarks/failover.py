"""How long the second candidate's first byte takes after the first candidate has failed.

    uv run python benchmarks/failover.py [--requests 500] [--failures 429,500,refused]

Two processes: the gateway (`tidegate serve`, default settings), and this one: a client, a provider that fails
at once and one that answers at once. Every request names a model of its own, so that no breaker and no rate
limit spares it the failure. What is measured is the time from the moment in which the first provider has
sent its failure until the client has the first byte of the second's answer: it has the gateway's work, that
of the second provider and three transfers. A refused connection has no such moment, so the time from the
client's request counts; compare it with that of a request whose first candidate answers.

The promise is 50 ms on an idle machine. Nothing fails here if it is missed.
"""

import argparse
import asyncio
import json
from collections.abc import Callable
from statistics import quantiles
from time import perf_counter

import uvloop
from rich.console import Console
from rich.table import Table

from load_gateway import free_port, serving
from load_upstream import ANSWER, END, ERROR, EVENT, FIRST, JSON, STREAM

WARM_UP = 20
"""Requests that are not counted."""


class Provider(asyncio.Protocol):
    """Answers each request at once, and notes when."""

    def __init__(self, answer: Callable[[bytes], bytes], sent_at: list[float]) -> None:
        self._answer, self._sent_at = answer, sent_at
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if end and len(body) >= size:
            self._received = body[size:]
            self._transport.write(self._answer(body))  # type: ignore[attr-defined]
            self._sent_at.append(perf_counter())


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def answer(body: bytes) -> bytes:
    if b'"stream":true' in body:
        return STREAM + chunk(FIRST) + chunk(EVENT) + chunk(END) + b"0\r\n\r\n"
    return JSON % (b"200 OK", len(ANSWER), ANSWER)


def failing(status: bytes) -> Callable[[bytes], bytes]:
    return lambda _: JSON % (status, len(ERROR), ERROR)


FAILURES = {
    "none": answer,
    "429": failing(b"429 Too Many Requests"),
    "500": failing(b"500 Internal Server Error"),
    "refused": None,
}
"""What the first candidate does; None: nobody listens there."""


class Run:
    """The requests with one kind of failure."""

    def __init__(self, requests: int) -> None:
        self._requests = requests
        self.failed_at: list[float] = []
        self.after_failure: list[float] = []
        """Seconds from the failure to the client's first byte."""
        self.after_request: list[float] = []
        """Seconds from the client's request to its first byte."""

    async def measure(self, port: int, *, stream: bool) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
        for number in range(self._requests + WARM_UP):
            self.failed_at.clear()
            began = perf_counter()
            writer.write(request(f"m{number}", stream))
            first = await reader.read(1)
            at = perf_counter()
            head = first + await reader.readuntil(b"\r\n\r\n")
            assert b" 200 " in head, head
            await self._read_body(reader, head, stream)
            if number >= WARM_UP:
                self.after_request.append(at - began)
                if self.failed_at:
                    self.after_failure.append(at - self.failed_at[0])
        writer.close()

    async def _read_body(self, reader: asyncio.StreamReader, head: bytes, stream: bool) -> None:
        if stream:
            await reader.readuntil(b"\r\n0\r\n\r\n")
        else:
            size = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(size))


def request(model: str, stream: bool) -> bytes:
    fields = {"model": model, "stream": stream, "messages": [{"role": "user", "content": "Tide?"}]}
    body = json.dumps(fields, separators=(",", ":")).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


def config(first: int, second: int, count: int) -> str:
    lines = []
    for name, port in (("first", first), ("second", second)):
        lines.append(f'[providers.{name}]\nkind = "openai_compatible"')
        lines.append(f'base_url = "http://127.0.0.1:{port}/v1"')
    models = (f'[models.m{one}]\ncandidates = ["first/m{one}", "second/m{one}"]' for one in range(count))
    return "\n".join((*lines, *models))


async def measure(kind: str, requests: int, *, stream: bool) -> Run:
    run, loop = Run(requests), asyncio.get_running_loop()
    ports = free_port(), free_port()
    servers = [await loop.create_server(lambda: Provider(answer, []), "127.0.0.1", ports[1])]
    does = FAILURES[kind]
    if does is not None:
        sent_at = run.failed_at if kind != "none" else []
        servers.append(await loop.create_server(lambda: Provider(does, sent_at), "127.0.0.1", ports[0]))
    with serving(config(*ports, requests + WARM_UP)) as served:
        await run.measure(served.port, stream=stream)
    for server in servers:
        server.close()
    return run


def shown(seconds: list[float]) -> tuple[str, str]:
    if not seconds:
        return "–", "–"
    cuts = quantiles(seconds, n=100)
    return f"{cuts[49] * 1e3:.2f}", f"{cuts[98] * 1e3:.2f}"


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--failures", default=",".join(FAILURES))
    options = parser.parse_args()
    names = ("after the failure: p50 ms", "p99", "after the request: p50 ms", "p99")
    table = Table("the first candidate", "request", *names)
    for kind in options.failures.split(","):
        for stream in (False, True):
            run = await measure(kind, options.requests, stream=stream)
            label = {"none": "answers", "refused": "refuses connections"}.get(kind, f"answers {kind}")
            figures = *shown(run.after_failure), *shown(run.after_request)
            table.add_row(label, "streamed" if stream else "plain", *figures)
    Console(width=120).print(table)


if __name__ == "__main__":
    uvloop.run(main())
