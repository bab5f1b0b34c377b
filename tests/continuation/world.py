"""Providers in a row behind a gateway that carries streams on, and the doors through which they are asked."""

import contextlib
import json as jsonlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from continuation.models import FORMATS
from running import Gateway, Reply
from simulator import Simulator

__all__ = ["DOORS", "PROVIDERS", "Door", "World", "world"]

PROVIDERS = {
    "openai": ("openai", "gpt-4.1", "openai"),
    "responses": ("openai", "gpt-5-codex", "responses"),
    "anthropic": ("anthropic", "claude-haiku-4-5", "anthropic"),
    "gemini": ("gemini", "gemini-2.5-flash", "gemini"),
    "mistral": ("mistral", "mistral-large-2", "openai"),
    "deepseek": ("deepseek", "deepseek-chat", "openai"),
    "qwen": ("qwen", "qwen-max", "openai"),
    "groq": ("groq", "llama-3.3-70b-versatile", "openai"),
    "vllm": ("vllm", "llama-3.3", "openai"),
    "llamacpp": ("llamacpp", "llama-3.3", "openai"),
}
"""Kind, model and wire format."""


@dataclass
class World:
    gateway: Gateway
    providers: list[Simulator]

    async def ask(self, door: str, *, key: str = "none", **fields: Any) -> Reply:
        path, body = DOORS[door].request
        return await self.gateway.post(path, {**body, **fields}, {"x-api-key": key})


@contextlib.asynccontextmanager
async def world(
    *chain: tuple[str, Any], routing: str = "resume = true\nretries = 0", more: str = ""
) -> AsyncIterator[World]:
    """A gateway whose model `m` is served by these providers, in this order."""
    async with contextlib.AsyncExitStack() as stack:
        simulators: list[Simulator] = []
        services: dict[str, tuple[str, str]] = {}
        candidates = []
        for name, (provider, script) in zip("abcdef", chain, strict=False):
            simulator = await stack.enter_async_context(Simulator())
            scripts = [script] if callable(script) or not isinstance(script, Sequence) else script
            simulator.answer(*scripts)
            simulators.append(simulator)
            kind, model, form = PROVIDERS[provider]
            services[name] = (kind, simulator.url + FORMATS[form].base)
            candidates.append(f"{name}/{model}")
        models = f'[models."m"]\ncandidates = {jsonlib.dumps(candidates)}\n{more}'
        gateway = await stack.enter_async_context(Gateway(services, more=models, routing=routing))
        yield World(gateway, simulators)


# --- doors -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Door:
    request: tuple[str, Any]
    """Path and body."""
    text: Callable[[list[Any]], str]
    """The text of a stream's events."""
    finishes: Callable[[list[Any]], list[str]]
    ids: Callable[[list[Any]], set[str]]
    error: Callable[[list[Any]], Any]
    """The error in the last event, if it is one."""
    usage: Callable[[list[Any]], tuple[int, int]]
    """Tokens of the prompt and of the completion, as the stream reports them."""

    def events(self, reply: Reply) -> list[Any]:
        if reply.body.startswith(b"["):
            return list(jsonlib.loads(reply.body))
        blocks = reply.body.decode().replace("\r\n", "\n").split("\n\n")
        lines = [line for block in blocks for line in block.split("\n")]
        data = [line.removeprefix("data: ") for line in lines if line.startswith(("data: ", "{"))]
        return [jsonlib.loads(one) for one in data if one != "[DONE]"]


def chat_text(events: list[Any]) -> str:
    return "".join(one["delta"].get("content") or "" for event in events for one in event.get("choices", ()))


def messages_text(events: list[Any]) -> str:
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    return "".join(delta["text"] for delta in deltas)


def responses_text(events: list[Any]) -> str:
    """By its deltas, which the finished items must repeat."""
    text = "".join(one["delta"] for one in events if one["type"] == "response.output_text.delta")
    if events[-1]["type"] == "response.completed":
        items = [part for item in events[-1]["response"]["output"] for part in item["content"]]
        assert "".join(part["text"] for part in items) == text
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    return text


def gemini_text(events: list[Any]) -> str:
    parts = [
        part for event in events for one in event.get("candidates", ()) for part in one["content"]["parts"]
    ]
    return "".join(part["text"] for part in parts)


HELLO = [{"role": "user", "content": "Write."}]
CONTENTS = {"contents": [{"role": "user", "parts": [{"text": "Write."}]}]}


def _gemini(path: str) -> Door:
    return Door(
        (path, CONTENTS),
        gemini_text,
        lambda events: [
            one["finishReason"]
            for event in events
            for one in event.get("candidates", ())
            if "finishReason" in one
        ],
        lambda events: {event["responseId"] for event in events if "responseId" in event},
        lambda events: events[-1].get("error"),
        lambda events: (
            events[-1]["usageMetadata"]["promptTokenCount"],
            events[-1]["usageMetadata"]["candidatesTokenCount"],
        ),
    )


DOORS = {
    "chat": Door(
        (
            "/v1/chat/completions",
            {"model": "m", "messages": HELLO, "stream": True, "stream_options": {"include_usage": True}},
        ),
        chat_text,
        lambda events: [
            one["finish_reason"]
            for event in events
            for one in event.get("choices", ())
            if one["finish_reason"]
        ],
        lambda events: {event["id"] for event in events if "id" in event},
        lambda events: events[-1].get("error"),
        lambda events: (events[-1]["usage"]["prompt_tokens"], events[-1]["usage"]["completion_tokens"]),
    ),
    "messages": Door(
        ("/v1/messages", {"model": "m", "messages": HELLO, "max_tokens": 4000, "stream": True}),
        messages_text,
        lambda events: [
            event["delta"]["stop_reason"] for event in events if event["type"] == "message_delta"
        ],
        lambda events: {event["message"]["id"] for event in events if event["type"] == "message_start"},
        lambda events: events[-1].get("error"),
        lambda events: (events[-2]["usage"]["input_tokens"], events[-2]["usage"]["output_tokens"]),
    ),
    "responses": Door(
        ("/v1/responses", {"model": "m", "input": "Write.", "stream": True}),
        responses_text,
        lambda events: [event["type"] for event in events if event["type"] == "response.completed"],
        lambda events: {event["response"]["id"] for event in events if "response" in event},
        lambda events: events[-1].get("response", {}).get("error"),
        lambda events: (
            events[-1]["response"]["usage"]["input_tokens"],
            events[-1]["response"]["usage"]["output_tokens"],
        ),
    ),
    "gemini": _gemini("/v1beta/models/m:streamGenerateContent?alt=sse"),
    "gemini array": _gemini("/v1beta/models/m:streamGenerateContent"),
}
