"""Behind haproxy and nginx: what the proxy forwards is what the gateway serves, whatever a client sends."""

import asyncio
import contextlib
import itertools
import json
import re
import shutil
import socket
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

from running import HELLO, Gateway
from simulator import Seen, Simulator
from simulator import json as answer

from .smuggling import shapes

HAPROXY = """
global
    log stdout format raw local0
defaults
    mode http
    log global
    log-format "seen %HPO %s %Tr"
    timeout connect 5s
    timeout client 1s
    timeout server 20s
    timeout http-request 1s
    http-reuse always
frontend clients
    bind 127.0.0.1:{port}
    {more}
    default_backend tidegate
backend tidegate
    server tidegate 127.0.0.1:{gateway}
"""
NGINX = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/errors;
events {{ }}
http {{
    log_format seen "seen $request_uri $upstream_addr $upstream_status";
    access_log {folder}/log seen;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/proxied;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_header_timeout 1s;
    client_body_timeout 1s;
    keepalive_timeout 1s;
    ignore_invalid_headers off;
    underscores_in_headers on;
    upstream tidegate {{ server 127.0.0.1:{gateway}; keepalive 8; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://tidegate;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_read_timeout 20s;
            {more}
        }}
    }}
}}
"""
KINDS = {
    "haproxy": ("haproxy", HAPROXY, ""),
    "haproxy, lenient": ("haproxy", HAPROXY, "option accept-invalid-http-request"),
    "nginx": ("nginx", NGINX, ""),
    "nginx, unbuffered": ("nginx", NGINX, "proxy_request_buffering off;"),
}
COMMANDS = {
    "haproxy": ["haproxy", "-db", "-f", "{folder}/config"],
    "nginx": ["nginx", "-p", "{folder}", "-c", "{folder}/config", "-e", "{folder}/errors"],
}


@dataclass
class Proxy:
    """A running proxy, and what it has forwarded."""

    port: int
    log: Path

    @property
    def forwarded(self) -> Counter[str]:
        """The paths of the requests that it sent on to the gateway, wholly or in part."""
        lines = re.findall(r"^seen (\S+) (\S+) (\S+)", self.log.read_text(errors="replace"), re.MULTILINE)
        targets = [target for target, server, _ in lines if server not in ("<NOSRV>", "-")]
        return Counter(re.sub(r"^http://[^/]+", "", target) for target in targets)


@contextlib.asynccontextmanager
async def proxying(kind: str, folder: Path, gateway: int) -> AsyncIterator[Proxy]:
    program, template, more = KINDS[kind]
    path = shutil.which(program, path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if path is None:
        pytest.skip(f"{program} is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "config").write_text(template.format(folder=folder, port=port, gateway=gateway, more=more))
    arguments = [part.format(folder=folder) for part in COMMANDS[program][1:]]
    with (folder / ("log" if program == "haproxy" else "output")).open("wb") as output:
        process = await asyncio.to_thread(start, [path, *arguments], output)
    try:
        await listens(port, process)
        yield Proxy(port, folder / "log")
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 10)


def start(command: list[str], output: IO[bytes]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)


async def listens(port: int, process: "subprocess.Popen[bytes]") -> None:
    while True:
        assert process.poll() is None, "the proxy did not start"
        with contextlib.suppress(OSError):
            (await asyncio.open_connection("127.0.0.1", port))[1].close()
            return
        await asyncio.sleep(0.02)


async def exchange(port: int, data: bytes) -> bytes:
    """Send bytes, and read until the proxy closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    with contextlib.suppress(ConnectionError):
        writer.write(data)
        while piece := await reader.read(65536):
            received += piece
    writer.close()
    return received


def echo(seen: Seen) -> Any:
    """A completion whose text is the model that was requested."""
    if seen.method == "GET":
        return answer({"object": "list", "data": []})
    message = {"role": "assistant", "content": f"<{seen.json['model']}>"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    head = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
    return answer({**head, "choices": [choice]})


def plain(model: str, more: bytes = b"") -> bytes:
    body = json.dumps({"model": f"sim/{model}", **HELLO}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n%bcontent-length: %d\r\n\r\n"
    return head % (more, len(body)) + body


def models_in(received: bytes) -> list[str]:
    """Whose answers these are, in their order."""
    return [name.decode() for name in re.findall(rb'"content": ?"<([\w-]+)>"', received)]


async def canary(port: int, name: str) -> None:
    """An honest request gets its own answer, and nothing else."""
    received = await exchange(port, plain(name, b"connection: close\r\n"))
    assert received.startswith(b"HTTP/1.1 200 "), received
    assert (received.count(b"HTTP/1.1 "), models_in(received)) == (1, [name])


@pytest.mark.parametrize("kind", KINDS)
async def test_the_gateway_serves_the_requests_that_the_proxy_forwards_and_no_others(
    kind: str, tmp_path: Path
) -> None:
    async with Simulator() as provider:
        provider.answer(echo)
        async with (
            Gateway({"sim": ("openai_compatible", f"{provider.url}/v1")}) as gateway,
            proxying(kind, tmp_path, gateway.port) as proxy,
        ):
            refused = await play_all(proxy)
            await agree(gateway, proxy, refused)
            answered = Counter(record["provider_model"] for record in gateway.records if "provider" in record)
            assert sum(model.startswith("s") for model in answered) > 20, "few shapes pass the proxy at all"
            posted = [seen for seen in provider.requests if seen.method == "POST"]
            assert Counter(seen.json["model"] for seen in posted) == answered


async def play_all(proxy: Proxy) -> int:
    """Send all shapes at once, honest requests among them; how often the gateway refused to parse one."""
    ended, numbers = asyncio.Event(), itertools.count()

    async def play(name: str, data: bytes, model: str) -> int:
        received = await exchange(proxy.port, data + plain(f"after-{model}", b"connection: close\r\n"))
        answers = models_in(received)
        in_order = [model, f"after-{model}"]
        if name == "three in a row":
            assert answers == [model, model, model, f"after-{model}"]
        else:
            assert answers in ([], *([one] for one in in_order), in_order), (name, received)
        return received.count(b'"code":"invalid_http"') + received.count(b'"upgrade_required"')

    async def interleave() -> None:
        while not ended.is_set():
            await canary(proxy.port, f"canary-{next(numbers)}")

    honest = [asyncio.create_task(interleave()) for _ in range(3)]
    playing = [play(name, data, f"s{n}") for n, (name, data) in enumerate(shapes("s").items())]
    refused = await asyncio.gather(*playing)
    ended.set()
    await asyncio.gather(*honest)
    for last in range(20):
        await canary(proxy.port, f"last-{last}")
    return sum(refused)


async def agree(gateway: Gateway, proxy: Proxy, refused: int) -> None:
    """Await that what the proxy forwarded is what the gateway has recorded or refused to parse."""
    for _ in range(250):
        forwarded, recorded = proxy.forwarded, Counter(record["path"] for record in gateway.records)
        if recorded <= forwarded and (forwarded - recorded).total() == refused:
            break
        await asyncio.sleep(0.02)
    assert recorded - forwarded == Counter(), f"{recorded - forwarded}: served, and never forwarded"
    assert (forwarded - recorded).total() == refused, f"{forwarded - recorded}: neither served nor refused"
