"""Recorded requests of OpenAI's clients, and what of each has to arrive at whoever is asked instead."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from recordings import Recording, recordings
from tidegate.protocols.openai_chat import PROTOCOL
from tidegate.protocols.turn import Turn

PROVIDERS = ("openai", "azure", "xai", "groq", "together", "openrouter")
"""Those whose clients speak plain OpenAI."""

STANDARD = frozenset(
    [
        "messages",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "functions",
        "function_call",
        "response_format",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "top_p",
        "presence_penalty",
        "frequency_penalty",
        "seed",
        "stop",
        "n",
        "logprobs",
        "top_logprobs",
        "logit_bias",
        "modalities",
        "audio",
        "verbosity",
        "user",
        "service_tier",
        "reasoning_effort",
        "store",
        "metadata",
    ]
)
STANDARD_OF_MESSAGES = frozenset(
    ["role", "content", "name", "tool_calls", "tool_call_id", "function_call", "refusal", "audio"]
)


def client_requests() -> list[Recording]:
    """The recorded chat requests that a provider accepted."""
    found = [
        recording
        for provider in PROVIDERS
        for recording in recordings(provider, "chat", "chat_stream", path="/chat/completions", status=200)
    ]
    return [one for one in found if isinstance(one.request_body, dict) and one.request_body.get("messages")]


def client_request(recording: Recording) -> dict[str, Any]:
    """The request without what only that provider understands."""
    request = {key: value for key, value in recording.request_body.items() if key in STANDARD}
    request["messages"] = [
        {key: value for key, value in message.items() if key in STANDARD_OF_MESSAGES}
        for message in request["messages"]
    ]
    return request


def turn_of(request: dict[str, Any]) -> Turn:
    """Through OpenAI's own door. Raises InvalidRequest."""
    return PROTOCOL.parse_request(json.dumps({"model": "m", **request}).encode()).turn()


@dataclass
class Wanted:
    """What has to be somewhere in the body that is sent."""

    texts: list[str]
    results: list[str]
    called: list[str]
    media: list[str]
    links: list[str]
    schema: list[str]
    stops: list[str]
    tools: dict[str, list[str]]
    """Each with the names of its parameters at any depth."""


def wanted_of(request: dict[str, Any]) -> Wanted:
    messages = request["messages"]
    spoken = [part for one in messages if one["role"] != "tool" for part in contents(one)]
    answered = [part for one in messages if one["role"] == "tool" for part in contents(one)]
    calls = [
        call.get("function") or call["custom"] for one in messages for call in one.get("tool_calls") or ()
    ]
    declared = [tool.get("function") or tool.get("custom") for tool in request.get("tools") or ()]
    addresses = [address for part in spoken + answered for address in addresses_of(part)]
    stop = request.get("stop") or []
    form = (request.get("response_format") or {}).get("json_schema") or {}
    return Wanted(
        texts=[part["text"] for part in spoken if part["type"] == "text"],
        results=[part["text"] for part in answered if part["type"] == "text"],
        called=[call["name"] for call in calls],
        media=[one.partition(",")[2] for one in addresses if one.startswith("data:")],
        links=[one for one in addresses if one.startswith("http")],
        schema=property_names(form.get("schema")),
        stops=[stop] if isinstance(stop, str) else stop,
        tools={tool["name"]: property_names(tool.get("parameters")) for tool in declared if tool},
    )


def contents(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message.get("content") or []
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def addresses_of(part: dict[str, Any]) -> Iterator[str]:
    if part["type"] == "image_url":
        image = part["image_url"]
        yield image if isinstance(image, str) else image["url"]
    elif part["type"] == "file":
        yield part["file"].get("file_data") or ""
    elif part["type"] == "input_audio":
        yield "data:audio," + part["input_audio"]["data"]


def property_names(schema: Any) -> list[str]:
    """All property names of a schema, at any depth."""
    if isinstance(schema, list):
        return [name for member in schema for name in property_names(member)]
    if not isinstance(schema, dict):
        return []
    own = schema.get("properties")
    inner = [name for member in schema.values() for name in property_names(member)]
    return [*(own if isinstance(own, dict) else ()), *inner]


def lost(wanted: Wanted, body: Any) -> list[str]:
    """What is not in the body. A text may also be there as the JSON value that it stands for."""
    nodes = list(nodes_of(body))
    strings = [node for node in nodes if isinstance(node, str)]

    def is_sent(text: str) -> bool:
        if not text.strip() or any(text.strip() in string for string in strings):
            return True
        try:
            return json.loads(text) in nodes
        except ValueError:
            return False

    inside = [*wanted.called, *wanted.media, *wanted.links, *wanted.schema]
    return [
        *(text for text in [*wanted.texts, *wanted.results] if not is_sent(text)),
        *(one for one in inside if not any(one in string for string in strings)),
        *(stop for stop in wanted.stops if stop not in strings),
    ]


def nodes_of(value: Any) -> Iterator[Any]:
    """All values and keys."""
    yield value
    members = (
        [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    )
    for member in members:
        yield from nodes_of(member)


def limit_of(request: dict[str, Any]) -> int | None:
    return request.get("max_completion_tokens") or request.get("max_tokens")


def choice_of(request: dict[str, Any]) -> str | None:
    """`auto`, `none`, `required`, or the name of the tool that must be called."""
    choice = request.get("tool_choice")
    if isinstance(choice, dict):
        function = choice.get("function") or choice.get("custom") or {}
        return function.get("name") or choice.get("name")  # some clients speak half Anthropic
    return choice
