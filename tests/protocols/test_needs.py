"""What routing and accounting need of a request agrees with its `Turn`, without there being one."""

import json
from functools import partial
from typing import Any

import pytest

from recordings import needs_recordings, recordings
from tidegate.protocols import anthropic, gemini, openai_chat, openai_responses
from tidegate.protocols.contract import ParsedRequest
from tidegate.protocols.errors import TidegateError
from tidegate.protocols.needs import needs_of_turn

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF = "JVBERi0xLjQKJSVFT0YK"
SCHEMA = {"type": "object", "properties": {}}


def chat(*parts: Any, **fields: Any) -> ParsedRequest:
    message = {"role": "user", "content": list(parts) or "x"}
    return openai_chat.PROTOCOL.parse_request(
        json.dumps({"model": "m", "messages": [message], **fields}).encode()
    )


def response(*parts: Any, **fields: Any) -> ParsedRequest:
    items = [{"type": "message", "role": "user", "content": list(parts)}] if parts else "x"
    body = {"model": "m", "input": items, **fields}
    return openai_responses.PROTOCOL.parse_request(json.dumps(body).encode())


def message(*parts: Any, **fields: Any) -> ParsedRequest:
    body = {"model": "m", "max_tokens": 4096, "messages": [{"role": "user", "content": list(parts) or "x"}]}
    return anthropic.PROTOCOL.parse_request(json.dumps({**body, **fields}).encode())


def generate(*parts: Any, **fields: Any) -> ParsedRequest:
    body = {"contents": [{"role": "user", "parts": list(parts) or [{"text": "x"}]}], **fields}
    return gemini.parse_request(json.dumps(body).encode(), "m")


URL = f"data:image/png;base64,{PIXEL}"
FILE = {"file_data": f"data:application/pdf;base64,{PDF}", "filename": "a.pdf"}
WAV = {"data": "AAAA", "format": "wav"}
FUNCTION = {"name": "f", "parameters": SCHEMA}
ANTHROPIC_IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
ANTHROPIC_PDF = {
    "type": "document",
    "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
}
RESULT = {"type": "tool_result", "tool_use_id": "t", "content": [ANTHROPIC_IMAGE]}
CALLED = [
    {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
    {"role": "user", "content": [RESULT]},
]
OUTPUT = {
    "type": "function_call_output",
    "call_id": "c",
    "output": [{"type": "input_image", "image_url": URL}],
}
CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
NAMED = {"name": "f", "schema": SCHEMA}
FORMAT = {"type": "json_schema", **NAMED}

CASES: dict[str, tuple[ParsedRequest, set[str]]] = {
    "chat: text": (chat(), set()),
    "chat: parts of text": (chat({"type": "text", "text": "x"}), set()),
    "chat: image": (chat({"type": "image_url", "image_url": {"url": URL}}), {"vision"}),
    "chat: file": (chat({"type": "file", "file": FILE}), {"documents"}),
    "chat: audio": (
        chat({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}),
        {"audio"},
    ),
    "chat: speech": (chat(modalities=["text", "audio"]), {"audio"}),
    "chat: tools": (chat(tools=[{"type": "function", "function": FUNCTION}]), {"tools"}),
    "chat: functions": (chat(functions=[FUNCTION]), {"tools"}),
    "chat: no tools": (chat(tools=[]), set()),
    "chat: schema": (chat(response_format={"type": "json_schema", "json_schema": NAMED}), {"schema"}),
    "chat: JSON": (chat(response_format={"type": "json_object"}), set()),
    "chat: older schema": (chat(response_format={"type": "json_object", "schema": SCHEMA}), {"schema"}),
    "chat: effort": (chat(reasoning_effort="low"), {"reasoning"}),
    "chat: no effort": (chat(reasoning_effort="none"), set()),
    "chat: no reasoning": (chat(reasoning={"enabled": False}), set()),
    "responses: text": (response(), set()),
    "responses: image": (response({"type": "input_image", "image_url": URL}), {"vision"}),
    "responses: file": (response({"type": "input_file", **FILE}), {"documents"}),
    "responses: tools": (response(tools=[{"type": "function", **FUNCTION}]), {"tools"}),
    "responses: schema": (response(text={"format": FORMAT}), {"schema"}),
    "responses: effort": (response(reasoning={"effort": "high"}), {"reasoning"}),
    "responses: summary alone": (response(reasoning={"summary": "auto"}), set()),
    "responses: result": (response(input=[CALL, OUTPUT]), {"vision"}),
    "anthropic: text": (message(), set()),
    "anthropic: image": (message(ANTHROPIC_IMAGE), {"vision"}),
    "anthropic: document": (message(ANTHROPIC_PDF), {"documents"}),
    "anthropic: image as a text": (message({"type": "text", "text": f"![image]({URL})"}), {"vision"}),
    "anthropic: result": (message(messages=[{"role": "user", "content": "x"}, *CALLED]), {"vision"}),
    "anthropic: tools": (message(tools=[{"name": "f", "input_schema": SCHEMA}]), {"tools"}),
    "anthropic: schema": (
        message(output_config={"format": {"type": "json_schema", "schema": SCHEMA}}),
        {"schema"},
    ),
    "anthropic: thinking": (message(thinking={"type": "enabled", "budget_tokens": 1024}), {"reasoning"}),
    "anthropic: no thinking": (message(thinking={"type": "disabled"}), set()),
    "anthropic: effort": (message(output_config={"effort": "low"}), {"reasoning"}),
    "gemini: text": (generate(), set()),
    "gemini: image": (generate({"inlineData": {"mimeType": "image/png", "data": PIXEL}}), {"vision"}),
    "gemini: PDF": (generate({"inlineData": {"mimeType": "application/pdf", "data": PDF}}), {"documents"}),
    "gemini: audio": (generate({"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}}), {"audio"}),
    "gemini: video": (generate({"fileData": {"fileUri": "https://youtu.be/abcdefghijk"}}), {"vision"}),
    "gemini: link": (generate({"fileData": {"fileUri": "https://example.com/a.pdf"}}), {"documents"}),
    "gemini: tools": (generate(tools=[{"functionDeclarations": [FUNCTION]}]), {"tools"}),
    "gemini: schema": (generate(generationConfig={"responseJsonSchema": SCHEMA}), {"schema"}),
    "gemini: speech": (generate(generationConfig={"responseModalities": ["AUDIO"]}), {"audio"}),
    "gemini: thinking": (generate(generationConfig={"thinkingConfig": {"thinkingBudget": 9}}), {"reasoning"}),
    "gemini: no thinking": (generate(generationConfig={"thinkingConfig": {"thinkingBudget": 0}}), set()),
}


@pytest.mark.parametrize(("parsed", "needs"), CASES.values(), ids=CASES.keys())
def test_the_needs_are_those_of_the_turn(parsed: ParsedRequest, needs: set[str]) -> None:
    assert parsed.needs() == needs
    assert needs_of_turn(parsed.turn()) == needs


@pytest.mark.parametrize(
    ("parsed", "limit", "n"),
    [
        (chat(), None, 1),
        (chat(max_tokens=7, n=3), 7, 3),
        (chat(max_tokens=7, max_completion_tokens=9), 9, 1),
        (response(max_output_tokens=20), 20, 1),
        (message(), 4096, 1),
        (generate(), None, 1),
        (generate(generationConfig={"maxOutputTokens": 5, "candidateCount": 2}), 5, 2),
    ],
)
def test_limit_and_choices_are_those_of_the_turn(parsed: ParsedRequest, limit: int | None, n: int) -> None:
    assert (parsed.max_output, parsed.n) == (limit, n)
    turn = parsed.turn()
    assert (turn.max_tokens, turn.n or 1) == (limit, n)


SOURCES: list[tuple[Any, str, str]] = [
    *(
        (openai_chat, provider, "/chat/completions")
        for provider in ("openai", "openrouter", "groq", "mistral")
    ),
    (openai_responses, "openai", "/responses"),
    (anthropic, "anthropic", "/messages"),
    (gemini, "gemini", ""),
]


@needs_recordings
@pytest.mark.parametrize(("module", "provider", "path"), SOURCES, ids=lambda value: str(value)[-30:])
def test_the_needs_of_recorded_requests_are_those_of_their_turns(
    module: Any, provider: str, path: str
) -> None:
    kinds = ("chat", "chat_stream", "responses", "responses_stream")
    agreed = 0
    parse = partial(gemini.parse_request, model="m") if module is gemini else module.PROTOCOL.parse_request
    for recording in recordings(provider, *kinds, path=path):
        body = json.dumps(recording.request_body).encode()
        try:
            parsed = parse(body)
            turn = parsed.turn()
        except TidegateError:
            continue  # not every recorded request is one that a client of ours may send
        assert parsed.needs() == needs_of_turn(turn), recording
        assert (parsed.max_output, parsed.n) == (turn.max_tokens, turn.n or 1), recording
        agreed += 1
    if not agreed:
        pytest.skip(f"no recorded request of {provider} can be read")
