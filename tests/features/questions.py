"""What a client of OpenAI's API asks: one request for each feature that a provider may have."""

import json
from typing import Any

from sdk.dialects import ARGUMENTS, PNG, TOOL

__all__ = [
    "ANSWER",
    "CHOICES",
    "FEATURES",
    "FORCED",
    "IMAGE",
    "REASONING",
    "RESULT",
    "SCHEMA",
    "SPECIAL",
    "STREAM",
    "THOUGHT",
    "TOOLS",
    "UNIT",
    "VISION",
    "given_back",
    "with_result",
]

FEATURES = ("answer", "stream", "tools", "forced", "vision", "schema", "reasoning", "error")

SPECIAL = "Say «Grüße» to 日本, and \"both\" \\ 'quotes'."
THOUGHT = "The moon pulls. "
RESULT = "12.5 metres"
UNIT = "In metres."
IMAGE = f"data:image/png;base64,{PNG}"

_USER = {"role": "user", "content": "How high is the tide?"}

ANSWER: dict[str, Any] = {
    "messages": [
        {"role": "developer", "content": SPECIAL},
        _USER,
        {"role": "user", "content": [{"type": "text", "text": UNIT}]},
    ],
    "max_completion_tokens": 4000,
    "temperature": 0.5,
    "seed": 7,
    "stop": ["END"],
    "verbosity": "low",
}
STREAM: dict[str, Any] = {
    "messages": [_USER],
    "stream": True,
    "stream_options": {"include_usage": True},
}
TOOLS: dict[str, Any] = {
    "messages": [_USER],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": TOOL,
                "description": "Read a tide gauge.",
                "strict": True,
                "parameters": {
                    "type": "object",
                    "properties": {
                        "station": {"type": "string"},
                        "hours": {"type": "array", "items": {"type": "integer"}},
                    },
                    "required": ["station", "hours"],
                    "additionalProperties": False,
                },
            },
        }
    ],
    "tool_choice": "auto",
}
FORCED: dict[str, Any] = {**TOOLS, "tool_choice": "required"}
CHOICES: dict[str, Any] = {"messages": [_USER], "n": 2}
VISION: dict[str, Any] = {
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": IMAGE}},
            ],
        }
    ]
}
SCHEMA: dict[str, Any] = {
    "messages": [_USER],
    "response_format": {
        "type": "json_schema",
        "json_schema": {
            "name": "tide",
            "strict": True,
            "schema": {
                "type": "object",
                "properties": {"place": {"type": "string"}, "metres": {"type": "number"}},
                "required": ["place", "metres"],
                "additionalProperties": False,
            },
        },
    },
}
REASONING: dict[str, Any] = {"messages": [_USER], "reasoning_effort": "high", "max_completion_tokens": 40_000}


def with_result(message: dict[str, Any]) -> dict[str, Any]:
    """The request that gives back a message with a call, and what came out of it."""
    [call] = message["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == ARGUMENTS
    result = {"role": "tool", "tool_call_id": call["id"], "content": [{"type": "text", "text": RESULT}]}
    return {**TOOLS, "messages": [_USER, message, result]}


def given_back(message: dict[str, Any]) -> dict[str, Any]:
    """The request that goes on after an answer."""
    return {**REASONING, "messages": [_USER, message, {"role": "user", "content": "And tomorrow?"}]}
