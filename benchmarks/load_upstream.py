"""The provider of `load.py`: it answers at once, and fails in the way that the model's name asks for."""

import asyncio
import socket
import struct
import sys
from time import monotonic
from typing import Any

import uvloop

__all__ = ["ANSWER", "END", "ERROR", "EVENT", "FIRST", "JSON", "STREAM", "WAIT"]

CHUNK = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[%b]%b}\n\n'
USAGE = b'"usage":{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14}'
FIRST = CHUNK % (b'{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}', b"")
EVENT = CHUNK % (b'{"index":0,"delta":{"content":"tide "},"finish_reason":null}', b"")
LAST = CHUNK % (b'{"index":0,"delta":{},"finish_reason":"stop"}', b"")
END = LAST + CHUNK % (b"", b"," + USAGE) + b"data: [DONE]\n\n"
ANSWER = (
    b'{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"The tide is high."},"finish_reason":"stop"}],%b}' % USAGE
)
ERROR = b'{"error":{"message":"simulated","type":"server_error","param":null,"code":null}}'
JSON = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
WAIT = "m-wait"
"""The model that sends nothing after its beginning, and reports on standard output when the peer leaves."""
FAULT_AFTER = 4
"""Events of a stream before its fault."""


class Upstream(asyncio.Protocol):
    """One connection: streams of `events` events, `rate` of them a second, and plain answers."""

    def __init__(self, rate: float, events: int) -> None:
        self._pause, self._events = 1 / rate, events
        self._received = b""
        self._model = ""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._model == WAIT:
            print(monotonic(), flush=True)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        size = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
        if end and len(body) >= size:
            self._received = body[size:]
            self._answer(body[:size])

    def _answer(self, body: bytes) -> None:
        self._model = body.partition(b'"model":"')[2].partition(b'"')[0].decode()
        if self._model == "m-500":
            self._transport.write(JSON % (b"500 Internal Server Error", len(ERROR), ERROR))
        elif b'"stream":true' in body:
            self._transport.write(STREAM)
            self._send(FIRST)
            self._next(self._events)
        elif self._model != WAIT:
            self._transport.write(JSON % (b"200 OK", len(ANSWER), ANSWER))

    def _next(self, left: int) -> None:
        if self._events - left == FAULT_AFTER and self._model in ("m-cut", "m-reset", "m-hang"):
            self._fail()
        elif left == 0:
            self._send(END)
            self._transport.write(b"0\r\n\r\n")
        else:
            if self._model != WAIT:
                self._send(EVENT)
            self._timer = asyncio.get_running_loop().call_later(self._pause, self._next, left - 1)

    def _fail(self) -> None:
        if self._model == "m-cut":
            self._transport.close()
        elif self._model == "m-reset":
            linger = struct.pack("ii", 1, 0)
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self._transport.abort()

    def _send(self, data: bytes) -> None:
        self._transport.write(b"%x\r\n%b\r\n" % (len(data), data))


async def serve(port: int, rate: float, events: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Upstream(rate, events), "127.0.0.1", port, backlog=4096)
    print("listening", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])))
