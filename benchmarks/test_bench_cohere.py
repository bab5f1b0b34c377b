"""What translation to and from Cohere costs. Worth defending, on the machine that measured the rest:

- one text delta of a stream read into an event (cut, decode, text): 4 µs
- a request of four messages and a tool rendered: 20 µs
"""

import json
from typing import Any

from msgspec import Raw

from tidegate.protocols.cohere import PROTOCOL, CohereDialect
from tidegate.protocols.contract import Call, Target
from tidegate.protocols.turn import Message, Text, Tool, ToolCall, ToolResult, Turn

TARGET = Target("command-a-03-2025", CohereDialect())

START = b'event: message-start\ndata: {"id":"m1","type":"message-start","delta":{}}\n\n'
DELTA = (
    b'event: content-delta\ndata: {"type":"content-delta","index":0,'
    b'"delta":{"message":{"content":{"text":" also the largest city in France. It is"}}}}\n\n'
)

TURN = Turn(
    model="m",
    origin="openai_chat",
    extensions={},
    messages=(
        Message("system", (Text("Answer briefly. " * 20),)),
        Message("user", (Text("What is the weather in Paris? " * 5),)),
        Message("assistant", (ToolCall("call_1", "weather", '{"city": "Paris"}'),)),
        Message("tool", (ToolResult("call_1", "weather", (Text('{"sky": "grey"}'),)),)),
    ),
    tools=(
        Tool(
            "weather",
            "Tells the weather.",
            Raw(json.dumps({"type": "object", "properties": {"city": {"type": "string"}}}).encode()),
        ),
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
