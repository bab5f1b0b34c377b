"""A client of bytes on a real socket: it sends what the test tells it, and reads responses."""

import asyncio
import contextlib
import ssl
from dataclasses import dataclass

__all__ = ["Client"]


@dataclass
class Client:
    """A connection, byte by byte."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def connect(cls, port: int, tls: ssl.SSLContext | None = None) -> "Client":
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 24, ssl=tls))

    def send(self, *data: bytes) -> None:
        self.writer.write(b"".join(data))

    async def response(self, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        """The next response: status, headers, body."""
        first, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(first.split()[1])
        if method == "HEAD" or status in (100, 204):
            return status, headers, b""
        if "content-length" in headers:
            return status, headers, await self.reader.readexactly(int(headers["content-length"]))
        body = b""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            body += (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readexactly(2)
        return status, headers, body

    async def rest(self) -> bytes:
        """Everything up to the end of the connection, however it ends."""
        data = b""
        with contextlib.suppress(ConnectionError):
            while piece := await self.reader.read(65536):
                data += piece
        return data

    def close(self) -> None:
        self.writer.close()
