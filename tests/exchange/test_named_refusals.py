"""What a provider does not support is said in a sentence that has its name."""

from typing import Any

import pytest

from running import HELLO, Gateway, Reply

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
SOUND = [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}]


def said(*parts: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [*parts]}]}


CASES: list[tuple[str, dict[str, Any], str]] = [
    ("anthropic", {"n": 2}, 'mine does not support the parameter "n"'),
    ("groq", {"n": 2}, 'mine does not support the parameter "n"'),
    ("cohere", {"n": 2}, "mine returns only one choice (n)"),
    ("anthropic", said(*SOUND), "mine does not support audio input"),
    ("deepinfra", {"tools": [TOOL], "tool_choice": "required"}, "mine cannot be forced to call a tool"),
    ("perplexity", {"tools": [TOOL]}, 'mine does not support the parameter "tools"'),
]


async def refused(kind: str, path: str, body: dict[str, Any]) -> Reply:
    async with Gateway({"mine": (kind, "http://127.0.0.1:9")}) as gateway:
        return await gateway.post(path, body)


@pytest.mark.parametrize(("kind", "fields", "message"), CASES)
async def test_the_providers_name_is_the_subject(kind: str, fields: dict[str, Any], message: str) -> None:
    reply = await refused(kind, "/v1/chat/completions", {**HELLO, "model": "mine/m", **fields})
    assert reply.status == 400
    assert reply.error["message"].startswith(message)
    assert reply.error["code"] == "unsupported_feature"


async def test_a_message_about_something_else_has_the_name_in_front() -> None:
    body = {"model": "mine/m", "max_tokens": 9, **HELLO, "output_config": {"effort": "huge"}}
    reply = await refused("groq", "/v1/messages", body)
    assert reply.status == 400
    assert reply.error["message"].endswith("mine: only Anthropic supports the effort 'huge'")


async def test_a_missing_task_is_a_sentence_too() -> None:
    reply = await refused("anthropic", "/v1/embeddings", {"model": "mine/m", "input": "Hello"})
    assert (reply.status, reply.error["message"]) == (400, "mine has no embeddings")
