"""Requests that are nested about as deeply as can be decoded: carried, or refused with 400."""

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from tidegate.protocols.contract import ParsedRequest, Target
from tidegate.protocols.depth import within_depth
from tidegate.protocols.errors import InvalidRequest
from tidegate.providers import FORMATS, protocol_named

HI = [{"role": "user", "content": "Hi"}]
SAID = [{"parts": [{"text": "Hi"}]}]
DEEP = '"DEEP"'
"""Stands where the nesting goes."""
TOOL = {"name": "f", "description": "d"}
FORM = {"type": "json_schema", "name": "s", "schema": "DEEP"}
USE = {"type": "tool_use", "id": "a", "name": "f", "input": "DEEP"}
BODIES: dict[str, list[Any]] = {
    "openai_chat": [
        {"messages": HI, "tools": [{"type": "function", "function": {**TOOL, "parameters": "DEEP"}}]},
        {"messages": HI, "response_format": {"type": "json_schema", "json_schema": FORM}},
        {"messages": HI, "metadata": "DEEP"},
        {"messages": HI, "anything": "DEEP"},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "a", "x": "DEEP"}]}]},
    ],
    "openai_responses": [
        {"input": "Hi", "tools": [{"type": "function", **TOOL, "parameters": "DEEP"}]},
        {"input": "Hi", "text": {"format": FORM}},
        {"input": [{"type": "item_reference", "id": "x", "x": "DEEP"}]},
    ],
    "anthropic": [
        {"max_tokens": 9, "messages": HI, "tools": [{**TOOL, "input_schema": "DEEP"}]},
        {"max_tokens": 9, "messages": HI, "output_config": {"format": FORM}},
        {"max_tokens": 9, "messages": [*HI, {"role": "assistant", "content": [USE]}]},
    ],
    "gemini": [
        {"contents": SAID, "tools": [{"functionDeclarations": [{**TOOL, "parameters": "DEEP"}]}]},
        {"contents": SAID, "generation_config": {"response_schema": "DEEP"}},
        {"contents": [{"parts": [{"executableCode": "DEEP"}]}]},
        {"contents": [{"role": "model", "parts": [{"functionCall": {"name": "f", "args": "DEEP"}}]}]},
    ],
}
SHAPES = {
    "objects": ('{"a":', "1", "}"),
    "lists": ("[", "1", "]"),
    "schemas": ('{"type":"object","properties":{"a":', '{"type":"string"}', "}}"),
    "items": ('{"type":"array","items":', '{"type":"string"}', "}"),
    "anyOf": ('{"anyOf":[', '{"type":"string"}', "]}"),
}
CASES = [(door, place) for door, bodies in BODIES.items() for place in range(len(bodies))]


def deep(door: str, place: int, shape: str, depth: int) -> bytes:
    opening, core, closing = SHAPES[shape]
    whole = json.dumps({"model": "m", **BODIES[door][place]})
    return whole.replace(DEEP, opening * depth + core + closing * depth).encode()


def at_depth(frames: int, function: Callable[[], None]) -> None:
    """Call a function with so many frames below it."""
    if frames:
        at_depth(frames - 1, function)
    else:
        function()


def serve(door: str, body: bytes) -> None:
    """Everything that happens to a request before it is sent, for every format of a provider. Raises what
    is no refusal of the request.
    """
    asked: Any = protocol_named(door)
    words = ("m",) if door == "gemini" else ()
    with suppress(InvalidRequest):
        parsed: ParsedRequest = within_depth(asked.parse_request)(body, *words)
        own = Target("m", asked.dialect())
        with suppress(InvalidRequest):
            within_depth(asked.splice_request)(parsed, own)
        for name in FORMATS:
            serve_by(protocol_named(name), parsed)


def serve_by(protocol: Any, parsed: ParsedRequest) -> None:
    target = Target("m", protocol.dialect())
    with suppress(InvalidRequest):
        within_depth(lambda: protocol.render_request(parsed.turn(), target))()
    with suppress(InvalidRequest):
        within_depth(protocol.render_count)(parsed, target)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("door", "place"), CASES)
def test_no_depth_of_a_request_is_a_failure_of_the_gateway(door: str, place: int, shape: str) -> None:
    most = sys.getrecursionlimit()
    critical = (*range(most // 2 - 6, most // 2, 3), *range(most - 70, most + 1, 5))
    for depth in (4, 31, 58, most // 4, *critical):
        body = deep(door, place, shape, depth)
        for frames in (0, 37):
            at_depth(frames, partial(serve, door, body))


def test_a_request_that_is_too_deep_is_refused_by_name() -> None:
    def fall() -> None:
        fall()

    with pytest.raises(InvalidRequest, match="nested too deeply"):
        within_depth(fall)()
