"""Tidegate's fields of a request choose the provider, and never reach one."""

from typing import Any

import pytest

from running import HELLO, Gateway
from sdk.dialects import GEMINI
from simulator import Simulator, refusal

CONTENTS = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
DOORS: dict[str, tuple[str, dict[str, Any]]] = {
    "/v1/chat/completions": ("openai", {**HELLO, "model": "m"}),
    "/v1/messages": ("anthropic", {**HELLO, "model": "m", "max_tokens": 9}),
    "/v1beta/models/m:generateContent": ("gemini", CONTENTS),
    "/v1beta/models/m:streamGenerateContent?alt=sse": ("gemini", CONTENTS),
    "/v1beta/models/m:countTokens": ("gemini", CONTENTS),
    "/v1/responses": ("openai", {"input": "Hello", "model": "m"}),
    "/v1/embeddings": ("openai", {"input": "Hello", "model": "m"}),
    "/v1/completions": ("openai", {"prompt": "Hello", "model": "davinci-002"}),
    "/v1/moderations": ("openai", {"input": "Hello"}),
    "/v1/images/generations": ("openai", {"prompt": "Hello", "model": "m"}),
}


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("wish", ["one", {"order": ["one"]}, {"only": ["one"]}])
async def test_no_provider_sees_them(path: str, wish: Any) -> None:
    kind, body = DOORS[path]
    async with Simulator() as provider, Simulator() as other:
        provider.answer(refusal(400))
        end = "/v1" if kind == "openai" else ""
        services = {"two": (kind, other.url + end), "one": (kind, provider.url + end)}
        async with Gateway(services) as gateway:
            await gateway.post(path, {**body, "provider": wish, "models": ["one/n"]})
        assert not other.requests
        [asked, *_] = provider.requests
        assert asked.json.keys().isdisjoint(["provider", "models"])


async def test_a_fallback_is_tried_in_googles_dialect_too() -> None:
    async with Simulator() as provider:
        provider.answer(refusal(503), GEMINI.text)
        async with Gateway({"one": ("gemini", provider.url)}) as gateway:
            reply = await gateway.post(
                "/v1beta/models/m:generateContent", {**CONTENTS, "models": ["one/n"], "provider": "one"}
            )
        assert reply.status == 200
        assert [seen.path.partition("/models/")[2] for seen in provider.requests] == [
            "m:generateContent",
            "n:generateContent",
        ]
        assert provider.requests[0].json == CONTENTS
