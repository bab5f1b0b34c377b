"""What is accepted as a request and what is refused.

The parser (llhttp, strict) and `examine` decide together. A refusal is answered and ends the connection;
where an earlier request of the connection is still to be answered, that response is the last one, and the
refused bytes get none.

=============================================  ==========================================================
Content-Length and Transfer-Encoding           400
two Content-Lengths, also equal ones           400
Content-Length that is no plain number         400
Transfer-Encoding other than `chunked`         501
Transfer-Encoding twice, or not ending so      400
Transfer-Encoding in HTTP/1.0                  400
chunk size with sign, 0x, blank or overflow    400
chunk extension                                accepted and ignored, up to `Limits.framing_bytes`
trailers                                       accepted and dropped, up to `Limits.framing_bytes`
bare LF or bare CR, in a head or a chunk       400
a header folded over two lines                 400
blank before a header's colon, no name         400
NUL or another control character in a value    400
no Host, or two, in HTTP/1.1                   400
HTTP/0.9, HTTP/1.2, an unknown method          400
HTTP/2.0 without its preface                   505
HTTP/2's preface                               400
CONNECT                                        501
Upgrade: websocket                             426
any other Upgrade (h2c)                        ignored: served as HTTP/1.1, with its body
head larger than `Limits.head_bytes`           431
empty lines before a request                   ignored
bytes behind a request with Connection: close  ignored
target as an absolute URL                      served, by its path
=============================================  ==========================================================
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from tidegate.http.contract import Header

from .head import STATUS_LINES

__all__ = ["HEAD_TOO_LARGE", "Refusal", "examine", "malformed"]

NO_MORE = b"connection: close\r\n"
HTTP_ONLY = b"upgrade: HTTP/1.1\r\nconnection: close, upgrade\r\n"


@dataclass(frozen=True)
class Refusal:
    """A response to an invalid request."""

    status: int
    code: str
    message: str
    headers: bytes = NO_MORE

    def render(self) -> bytes:
        """Return the complete response, with the error in OpenAI's form."""
        error = {
            "message": self.message,
            "type": "invalid_request_error",
            "param": None,
            "code": self.code,
        }
        body = msgspec.json.encode({"error": error})
        head = b"%bcontent-type: application/json\r\ncontent-length: %d\r\n%b\r\n"
        return head % (STATUS_LINES[self.status], len(body), self.headers) + body


HEAD_TOO_LARGE = Refusal(431, "headers_too_large", "the request line and headers are too large")
HOST = Refusal(400, "invalid_http", "a request needs exactly one Host header")
VERSION = Refusal(505, "http_version_not_supported", "this server speaks HTTP/1.1 and HTTP/1.0")
OLD_VERSION = Refusal(400, "invalid_http", "this server speaks HTTP/1.1 and HTTP/1.0")
CODING = Refusal(501, "transfer_coding_not_supported", "the only supported Transfer-Encoding is chunked")
CODING_IN_1_0 = Refusal(400, "invalid_http", "HTTP/1.0 has no Transfer-Encoding")
TUNNEL = Refusal(501, "method_not_supported", "CONNECT is not supported: this server is not a proxy")
WEBSOCKET = Refusal(426, "upgrade_required", "WebSocket is not supported: use plain HTTP", HTTP_ONLY)


def malformed(reason: str) -> Refusal:
    """Create the response to a request that the parser rejects."""
    return Refusal(400, "invalid_http", f"the request is not valid HTTP: {reason}")


def examine(version: str, method: bytes, headers: Sequence[Header], upgrades: bool) -> Refusal | None:
    """Return the refusal of a head that the parser accepts; None if it is served."""
    values: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        values.setdefault(name, []).append(value.lower())
    codings = values.get(b"transfer-encoding", [])
    refusals = (
        (OLD_VERSION, version == "0.9"),
        (VERSION, version not in ("1.1", "1.0", "0.9")),
        (TUNNEL, method == b"CONNECT"),
        (HOST, version == "1.1" and len(values.get(b"host", [])) != 1),
        (HOST, len(values.get(b"host", [])) > 1),
        (CODING_IN_1_0, version == "1.0" and bool(codings)),
        (CODING, codings not in ([], [b"chunked"])),
        (WEBSOCKET, upgrades and any(b"websocket" in value for value in values.get(b"upgrade", []))),
    )
    return next((refusal for refusal, applies in refusals if applies), None)
