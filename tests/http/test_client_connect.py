"""Names, addresses, proxies and certificates: how connections are made, and what is said when not."""

import asyncio
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from byte_server import BODY, HEADERS, Peer, always, ask, opened, serving
from certificates import DAY, LOOPBACK, server_side, write_certificate
from simulator import nowhere
from tidegate.http.address import Origin, parse_address, render_headers
from tidegate.http.errors import ConnectFailed, ConnectTimeout, ResolveFailed, TLSFailed
from tidegate.http.proxy import Proxies

# --- certificates ------------------------------------------------------------------------------


async def test_a_certificate_of_the_operators_authority_is_trusted(tmp_path: Path) -> None:
    certificate = write_certificate(tmp_path, [LOOPBACK], DAY)
    environ = {"SSL_CERT_FILE": str(certificate)}
    async with serving(always(), tls=server_side(certificate)) as server, opened(environ) as client:
        assert [await ask(client, server) for _ in range(3)] == [(200, b"abc")] * 3
        assert len(server.peers) == 1
        large = b"x" * 5_000_000
        assert await ask(client, server, large) == (200, b"abc")
        assert server.peers[0].bodies[-1] == large


@pytest.mark.parametrize(
    ("trusted", "names", "ends_in", "words"),
    [
        (False, [LOOPBACK], DAY, "self-signed certificate"),
        (True, [LOOPBACK], -DAY, "certificate has expired"),
        (True, [x509.DNSName("elsewhere.example")], DAY, "certificate is not valid for '127.0.0.1'"),
    ],
)
async def test_a_certificate_that_is_not_trusted_is_explained(
    tmp_path: Path, trusted: bool, names: list[Any], ends_in: timedelta, words: str
) -> None:
    certificate = write_certificate(tmp_path, names, ends_in)
    environ = {"SSL_CERT_FILE": str(certificate)} if trusted else {}
    async with serving(always(), tls=server_side(certificate)) as server, opened(environ) as client:
        with pytest.raises(TLSFailed) as failure:
            await ask(client, server)
        assert str(failure.value).startswith(f"127.0.0.1:{server.port}: the TLS certificate is not trusted (")
        assert words in str(failure.value)
        assert await ask(client, server, address=server.address(verify=False)) == (200, b"abc")


async def test_an_authority_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    certificate = write_certificate(tmp_path, [LOOPBACK], DAY)
    environ = {"SSL_CERT_FILE": str(tmp_path / "missing.pem")}
    async with serving(always(), tls=server_side(certificate)) as server, opened(environ) as client:
        with pytest.raises(TLSFailed, match="SSL_CERT_FILE cannot be read"):
            await ask(client, server)


async def test_a_server_without_tls_is_explained() -> None:
    async def plain_http(peer: Peer) -> None:
        await peer.reader.read(1)
        await peer.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    async with serving(plain_http) as server, opened() as client:
        with pytest.raises(TLSFailed, match="does not speak TLS"):
            await ask(client, server, address=parse_address(f"https://127.0.0.1:{server.port}/"))


async def test_an_answer_until_the_end_needs_tls_to_end_too(tmp_path: Path) -> None:
    async def until_end(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\nabc")

    certificate = write_certificate(tmp_path, [LOOPBACK], DAY)
    environ = {"SSL_CERT_FILE": str(certificate)}
    async with serving(until_end, tls=server_side(certificate)) as server, opened(environ) as client:
        assert await ask(client, server) == (200, b"abc")


# --- names and addresses -----------------------------------------------------------------------


def resolving(monkeypatch: pytest.MonkeyPatch, **hosts: Any) -> list[str]:
    """Let the loop's resolver know some names; the look-ups so far. (No name server runs in tests.)"""
    loop = asyncio.get_running_loop()
    asked: list[str] = []

    async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        await asyncio.sleep(0)
        if host.partition(".")[0] not in hosts:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        found = hosts[host.partition(".")[0]]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    if "uvloop" in type(loop).__module__:
        pytest.skip("uvloop's resolver cannot be replaced")
    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
    return asked


async def test_a_name_without_an_address_is_named() -> None:
    async with opened() as client:
        with pytest.raises(ResolveFailed) as failure:
            await client.post(parse_address("https://api.example.invalid/v1"), HEADERS, BODY, 20)
    assert str(failure.value) == "the host api.example.invalid cannot be resolved (DNS)"


async def test_a_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = resolving(monkeypatch, api=["127.0.0.1"])
    async with serving(always()) as server, opened() as client:
        address = server.address(host="api.test")
        await asyncio.gather(*(ask(client, server, address=address) for _ in range(5)))
    assert asked == ["api.test"]


async def test_an_address_that_is_dead_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, api=["127.0.0.2", "127.0.0.1"])
    async with serving(always()) as server, opened() as client:
        assert await ask(client, server, address=server.address(host="api.test")) == (200, b"abc")


async def test_what_could_not_be_reached_is_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = resolving(monkeypatch, api=["127.0.0.2"])
    address = parse_address(nowhere().replace("127.0.0.1", "api.test"))
    async with opened() as client:
        for _ in range(2):
            with pytest.raises(ConnectFailed, match="the connection was refused"):
                await client.post(address, HEADERS, BODY, 5)
    assert asked == ["api.test"] * 2


async def test_a_port_where_nobody_listens_is_named() -> None:
    url = nowhere()
    async with opened() as client:
        with pytest.raises(ConnectFailed) as failure:
            await client.post(parse_address(url), HEADERS, BODY, 5)
    assert str(failure.value) == f"{url.removeprefix('http://')}: the connection was refused"


async def test_a_handshake_that_does_not_end_is_given_up() -> None:
    async def silent(peer: Peer) -> None:
        await peer.reader.read()

    async with serving(silent) as server, opened() as client:
        with pytest.raises(ConnectTimeout) as failure:
            await client.post(parse_address(f"https://127.0.0.1:{server.port}/"), HEADERS, BODY, 0.2)
    assert str(failure.value) == f"no connection to 127.0.0.1:{server.port} within 0.2 seconds"


# --- proxies -----------------------------------------------------------------------------------


def tunnel(port: int):
    """A proxy that connects whoever asks to this port."""

    async def play(peer: Peer) -> None:
        await peer.head()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                sink.write(data)
            sink.close()

        try:
            await asyncio.gather(pump(peer.reader, writer), pump(reader, peer.writer))
        finally:
            writer.transport.abort()

    return play


async def test_https_goes_through_a_tunnel(tmp_path: Path) -> None:
    certificate = write_certificate(tmp_path, [x509.DNSName("api.test")], DAY)
    async with (
        serving(always(), tls=server_side(certificate)) as server,
        serving(tunnel(server.port)) as proxy,
        opened(
            {
                "SSL_CERT_FILE": str(certificate),
                "HTTPS_PROXY": f"http://user:p%40ss@127.0.0.1:{proxy.port}",
            }
        ) as client,
    ):
        answers = [await ask(client, server, address=server.address(host="api.test")) for _ in range(2)]
        assert answers == [(200, b"abc")] * 2
        (head,) = proxy.peers[0].heads
    assert head.startswith(b"CONNECT api.test:%d HTTP/1.1\r\n" % server.port)
    assert b"\r\nproxy-authorization: Basic dXNlcjpwQHNz\r\n" in head
    assert all(b"proxy-authorization" not in head for head in server.peers[0].heads)


async def test_http_names_its_whole_address_to_a_proxy() -> None:
    async with (
        serving(always()) as proxy,
        opened({"http_proxy": f"http://127.0.0.1:{proxy.port}"}) as client,
    ):
        response = await client.post(parse_address("http://api.test/v1/x?y=1"), HEADERS, BODY, 5)
        assert response.take() == b"abc"
    head = proxy.peers[0].heads[0]
    assert head.startswith(b"POST http://api.test:80/v1/x?y=1 HTTP/1.1\r\nhost: api.test\r\n")


@pytest.mark.parametrize("answer", [b"HTTP/1.1 407 No\r\n\r\n", b"nonsense\r\n\r\n", b""])
async def test_a_proxy_that_refuses_is_named(answer: bytes) -> None:
    async def refuse(peer: Peer) -> None:
        await peer.head()
        await peer.send(answer)

    async with serving(refuse) as proxy, opened({"ALL_PROXY": f"127.0.0.1:{proxy.port}"}) as client:
        with pytest.raises(ConnectFailed, match=rf"^api\.test: the proxy 127\.0\.0\.1:{proxy.port} "):
            await client.post(parse_address("https://api.test/"), HEADERS, BODY, 5)


@pytest.mark.parametrize(
    ("exempt", "host", "direct"),
    [
        ("", "api.test", False),
        ("*", "api.test", True),
        ("api.test", "api.test", True),
        ("test", "api.test", True),
        (".test", "api.test", True),
        ("*.test", "api.test", True),
        ("est", "api.test", False),
        ("other.test, api.test", "api.test", True),
        ("api.test:443", "api.test", True),
        ("api.test:8443", "api.test", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("::1", "fe80::1", False),
        ("", "localhost", True),
        ("", "127.0.0.5", True),
        ("", "::1", True),
    ],
)
def test_some_hosts_are_reached_without_the_proxy(exempt: str, host: str, direct: bool) -> None:
    proxies = Proxies({"https_proxy": "http://proxy.test:3128", "NO_PROXY": exempt})
    assert (proxies.proxy_for(Origin(True, host, 443, True)) is None) == direct


@pytest.mark.parametrize("text", ["socks5://proxy.test", "https://proxy.test", "http://", "http://a:b"])
def test_a_proxy_that_cannot_be_used_is_an_error(text: str) -> None:
    with pytest.raises(ConnectFailed, match="proxy"):
        Proxies({"https_proxy": text}).proxy_for(Origin(True, "api.test", 443, True))


# --- addresses and headers ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "head"),
    [
        ("https://api.test", b"POST / HTTP/1.1\r\nhost: api.test\r\n"),
        ("https://api.test:443/a", b"POST /a HTTP/1.1\r\nhost: api.test\r\n"),
        ("http://api.test:8080/a?b#c", b"POST /a?b HTTP/1.1\r\nhost: api.test:8080\r\n"),
        ("http://[::1]:8080/a", b"POST /a HTTP/1.1\r\nhost: [::1]:8080\r\n"),
        ("https://bücher.test/ä b/%2F", b"POST /%C3%A4%20b/%2F HTTP/1.1\r\nhost: xn--bcher-kva.test\r\n"),
    ],
)
def test_an_address_is_rendered_once(url: str, head: bytes) -> None:
    assert parse_address(url).head == head


@pytest.mark.parametrize("url", ["", "/v1", "ftp://a.test", "https://", "http://a.test:x/"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 the words are Python's in part
        parse_address(url)


def test_a_value_cannot_begin_another_header() -> None:
    assert render_headers([(b"a", b"1\r\nb: 2\x00")]) == b"a: 1  b: 2\r\n"
    with pytest.raises(ValueError, match="not the name of a header"):
        render_headers([(b"a\r\nb", b"1")])
