"""Frames of AWS's event streams, recorded and made."""

import base64
import json
import struct
from binascii import crc32
from typing import Any

from recordings import Recording, recordings


def recorded_streams(*paths: str) -> list[Recording]:
    return [one for path in paths for one in recordings("bedrock", "chat_stream", path=path, status=200)]


def stream_bytes(recording: Recording) -> bytes:
    """A recorded stream as it came: the recording holds it in base64, beside the frames decoded."""
    return base64.b64decode(recording.response["body_b64"])


def frame(headers: bytes | dict[str, str], payload: bytes) -> bytes:
    """One frame; headers as bytes, or as texts by name."""
    if isinstance(headers, dict):
        named = [(name.encode(), value.encode()) for name, value in headers.items()]
        headers = b"".join(
            bytes([len(name)]) + name + b"\x07" + struct.pack(">H", len(value)) + value
            for name, value in named
        )
    lengths = struct.pack(">II", len(headers) + len(payload) + 16, len(headers))
    body = lengths + struct.pack(">I", crc32(lengths)) + headers + payload
    return body + struct.pack(">I", crc32(body))


def event(kind: str, **payload: Any) -> bytes:
    """An event as Bedrock frames it, with its padding."""
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return frame(headers, json.dumps({**payload, "p": "abcdefgh"}).encode())


def exception(kind: str, **payload: Any) -> bytes:
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return frame(headers, json.dumps(payload).encode())
