"""What reading Converse costs. Worth defending, on the machine that measured the rest:

- one text delta of a stream read into an event (frame, checksums, headers, decode, text): 4 µs
- a request of three messages rendered: 20 µs
"""

import json
import struct
from binascii import crc32
from typing import Any

from tidegate.protocols.bedrock import PROTOCOL, BedrockDialect
from tidegate.protocols.contract import Call, Target
from tidegate.protocols.turn import Message, Text, Turn

TARGET = Target("us.amazon.nova-2-lite-v1:0", BedrockDialect())


def frame(kind: str, payload: Any) -> bytes:
    named = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    headers = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for name, value in named.items()
    )
    said = json.dumps(payload).encode()
    lengths = struct.pack(">II", len(headers) + len(said) + 16, len(headers))
    body = lengths + struct.pack(">I", crc32(lengths)) + headers + said
    return body + struct.pack(">I", crc32(body))


START = frame("messageStart", {"role": "assistant"})
DELTA = frame(
    "contentBlockDelta",
    {
        "contentBlockIndex": 0,
        "delta": {"text": " also the largest city in France. It is"},
        "p": "abcdefghijklmno",
    },
)

TURN = Turn(
    model="m",
    origin="openai_chat",
    extensions={},
    messages=(
        Message("system", (Text("Answer briefly. " * 20),)),
        Message("user", (Text("What is the weather in Paris? " * 5),)),
        Message("assistant", (Text("Grey."),)),
    ),
    temperature=0.5,
    max_tokens=1000,
)


def test_reading_a_text_delta(benchmark: Any):
    reader = PROTOCOL.reader(Call("/", b"", stream=True), TARGET)
    reader.feed(START)
    assert len(benchmark(reader.feed, DELTA)) == 1


def test_rendering_a_request(benchmark: Any):
    assert benchmark(PROTOCOL.render_request, TURN, TARGET).body
