"""A request is answered before its body has come: the answer arrives, and the next request is not lost."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from byte_client import Client
from certificates import server_side, write_certificate
from running import HELLO, Gateway

KEY = b"authorization: Bearer sk-client-0123456789\r\n"
AUTH = '[auth]\nkeys = ["sk-client-0123456789"]'
CHAT = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"
LARGE = b" " * 1_200_000
"""More than the gateway's limit, and more than fits into the sockets' buffers at once."""
SMALL = b'{"messages":[]}'
BODY = json.dumps({"model": "demo/chat", **HELLO}).encode()

EARLY = {
    401: CHAT,
    404: b"POST /v1/nowhere HTTP/1.1\r\nhost: x\r\n" + KEY,
    413: CHAT + KEY,
}
TRIES = 100


@pytest.fixture(params=["plain", "TLS"])
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator["Door"]:
    certificate = write_certificate(tmp_path) if request.param == "TLS" else None
    tls = server_side(certificate) if certificate is not None else None
    trust = ssl.create_default_context(cafile=certificate) if certificate is not None else None
    async with Gateway({"demo": ("demo", "")}, more=AUTH, server="max_body_mb = 1", tls=tls) as gateway:
        yield Door(gateway, trust)


class Door:
    """Where clients connect."""

    def __init__(self, gateway: Gateway, tls: ssl.SSLContext | None) -> None:
        self.gateway = gateway
        self.tls = tls

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        client = await Client.connect(self.gateway.port, self.tls)
        try:
            yield client
        finally:
            client.close()


def framed(head: bytes, body: bytes) -> bytes:
    return head + b"content-length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize("option", [b"", b"connection: close\r\n"], ids=["kept", "close"])
@pytest.mark.parametrize("status", EARLY)
async def test_the_answer_arrives_while_the_body_is_sent(server: Door, status: int, option: bytes) -> None:
    request = framed(EARLY[status] + option, LARGE)
    for _ in range(TRIES):
        async with server.client() as client:
            client.send(request)
            found, headers, body = await client.response()
            assert (found, headers["connection"]) == (status, "close")
            assert json.loads(body)["error"]["message"]
            if not server.tls:  # TLS cannot be shut on one side: the client that got its answer closes
                assert await client.rest() == b"", "one answer, and an orderly end"
    assert len({record["id"] for record in server.gateway.records}) == TRIES
    assert {record["status"] for record in server.gateway.records} == {status}


@pytest.mark.parametrize("status", [401, 404])
async def test_the_next_request_on_a_kept_connection_is_answered(server: Door, status: int) -> None:
    early, good = framed(EARLY[status], SMALL), framed(CHAT + KEY, BODY)
    left, apart = TRIES, False
    while left:
        async with server.client() as client:
            kept = True
            while kept and left:
                left, apart = left - 1, not apart
                cut = len(early) - len(SMALL) if apart else 0
                client.send(early[:cut])  # the answer may overtake the body: then this connection is over
                await client.writer.drain()
                await asyncio.sleep(0)
                client.send(early[cut:], good)
                found, headers, _ = await client.response()
                assert found == status
                kept = "connection" not in headers
                if kept:
                    assert (await client.response())[0] == 200
                elif not server.tls:
                    assert await client.rest() == b"", "what is not answered is not half answered"
