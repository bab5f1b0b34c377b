"""Unix sockets, certificates, and what happens when the descriptors run out."""

import asyncio
import logging
import os
import resource
import signal
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from byte_client import Client
from certificates import write_certificate
from process.serving import CHAT, Served, eventually, one
from running import HELLO
from simulator import Simulator
from tidegate.process.descriptors import FileLimit

READ_AGAIN = "configuration reloaded"
HEALTH = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"


# --- a unix socket ---------------------------------------------------------------------------------


def on_socket(folder: Path, provider: Simulator) -> tuple[Served, Path]:
    path = folder / "gateway.sock"
    args = ["--config", str(folder / "tidegate.toml"), "--uds", str(path)]
    return Served(folder, one(provider), port=0, args=args), path


async def test_a_unix_socket_is_served_and_removed_at_the_end(tmp_path: Path, provider: Simulator) -> None:
    served, path = on_socket(tmp_path, provider)
    async with served as gateway:
        assert f"serving on unix:{path}" in gateway.log
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session:
            for stream in (False, True):
                body = {"model": "sim/m", "stream": stream, **HELLO}
                async with session.post("http://localhost" + CHAT, json=body) as reply:
                    assert reply.status == 200
                    await reply.read()
        gateway.signal(signal.SIGTERM)
        assert await gateway.ended() == 0
        assert len(gateway.records) == 2
    assert not path.exists()


async def test_an_abandoned_unix_socket_is_replaced_and_a_used_one_is_not(
    tmp_path: Path, provider: Simulator
) -> None:
    served, path = on_socket(tmp_path, provider)
    with socket.socket(socket.AF_UNIX) as abandoned:
        abandoned.bind(str(path))
    async with served:
        second, _ = on_socket(tmp_path, provider)
        second.start()
        assert await second.ended() == 1
        assert f"cannot listen on unix:{path}: Address already in use" in second.log
        client = Client(*await asyncio.open_unix_connection(str(path)))
        client.send(HEALTH)
        assert (await client.response())[0] == 200
        client.close()


# --- certificates ----------------------------------------------------------------------------------


def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=certificate.read_text().partition("-----BEGIN PRIV")[0])


@pytest.fixture
async def secured(tmp_path: Path, unused_tcp_port: int, provider: Simulator) -> AsyncIterator[Served]:
    certificate = write_certificate(tmp_path)
    args = ["--config", str(tmp_path / "tidegate.toml"), "--port", str(unused_tcp_port)]
    args += ["--ssl-certfile", str(certificate)]
    async with Served(tmp_path, one(provider), port=unused_tcp_port, args=args) as gateway:
        assert f"serving on https://127.0.0.1:{unused_tcp_port}" in gateway.log
        yield gateway


async def test_a_certificate_is_read_again_on_sighup_and_open_connections_stay(
    secured: Served, tmp_path: Path
) -> None:
    first = trusting(tmp_path / "server.pem")
    old = await Client.connect(secured.port, first)
    old.send(HEALTH)
    assert (await old.response())[0] == 200
    second = trusting(write_certificate(tmp_path))
    secured.signal(signal.SIGHUP)
    await secured.logged(READ_AGAIN)
    with pytest.raises(ssl.SSLCertVerificationError):
        await Client.connect(secured.port, first)
    new = await Client.connect(secured.port, second)
    for client in (new, old):
        client.send(HEALTH)
        assert (await client.response())[0] == 200
        client.close()


@pytest.mark.parametrize("broken", ["garbage", "another key"])
async def test_a_broken_certificate_is_refused_and_the_old_one_stays(
    secured: Served, tmp_path: Path, broken: str
) -> None:
    certificate = tmp_path / "server.pem"
    trust = trusting(certificate)
    old = certificate.read_text()
    cut = old.index("-----BEGIN PRIV")
    if broken == "garbage":
        certificate.write_text("no certificate")
    else:  # half of a pair has been replaced
        new = write_certificate(tmp_path).read_text()
        certificate.write_text(new[: new.index("-----BEGIN PRIV")] + old[cut:])
    secured.signal(signal.SIGHUP)
    await secured.logged("cannot be applied")
    client = await Client.connect(secured.port, trust)
    client.send(HEALTH)
    assert (await client.response())[0] == 200
    client.close()


async def test_a_key_in_a_file_of_its_own(tmp_path: Path, unused_tcp_port: int, provider: Simulator) -> None:
    both = write_certificate(tmp_path).read_text()
    trust = trusting(tmp_path / "server.pem")
    cut = both.index("-----BEGIN PRIV")
    (tmp_path / "cert.pem").write_text(both[:cut])
    (tmp_path / "key.pem").write_text(both[cut:])
    files = f'ssl_certfile = "{tmp_path}/cert.pem"\nssl_keyfile = "{tmp_path}/key.pem"\nworkers = 2'
    async with Served(tmp_path, one(provider, server=files), port=unused_tcp_port):
        for _ in range(4):
            client = await Client.connect(unused_tcp_port, trust)
            client.send(HEALTH)
            assert (await client.response())[0] == 200
            client.close()


async def test_a_certificate_that_cannot_be_used_stops_the_start_in_one_line(
    tmp_path: Path, unused_tcp_port: int, provider: Simulator
) -> None:
    (tmp_path / "bad.pem").write_text("no certificate")
    files = f'ssl_certfile = "{tmp_path}/bad.pem"'
    gateway = Served(tmp_path, one(provider, server=files), port=unused_tcp_port)
    gateway.start()
    assert await gateway.ended() == 1
    assert gateway.log.splitlines()[-1].startswith(f"cannot use the certificate {tmp_path}/bad.pem: ")


# --- descriptors -----------------------------------------------------------------------------------


def test_the_limit_of_open_files_is_logged_once_until_files_can_be_opened(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "tidegate")
    watch = FileLimit()
    watch.look()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for expected in (1, 2):  # and again the next time
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            for _ in range(3):
                watch.look()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(3):
            watch.look()
        assert [message.split(":")[0] for message in caplog.messages] == [
            "the limit of 3 open files is reached",
            "files can be opened again",
        ] * expected


async def test_the_limit_of_open_files_is_logged_once_and_it_recovers(
    tmp_path: Path, unused_tcp_port: int, provider: Simulator
) -> None:
    async with Served(tmp_path, one(provider), port=unused_tcp_port) as gateway:
        assert (await gateway.chat("sim/m")).status == 200
        limit = len(os.listdir(f"/proc/{gateway.pid}/fd")) + 10
        resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (limit, limit))
        crowd = [await asyncio.open_connection("127.0.0.1", unused_tcp_port) for _ in range(40)]
        await gateway.logged(f"the limit of {limit} open files is reached")
        for _, writer in crowd:
            writer.close()
        await gateway.logged("files can be opened again")
        assert gateway.log.count("open files is reached") == 1
        await eventually(lambda: "Too many open files" not in gateway.log, "one line in all")
        assert (await gateway.chat("sim/m")).status == 200
        await gateway.record(2)
