"""Nothing that is said stands in a record or in the log, wherever in a request or an answer it stands."""

import contextlib
import copy
import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from bad_input.fields import PLAIN, RICH
from bad_input.requests import CHAT, MESSAGES, Door
from running import HELLO, Gateway
from sdk.dialects import ANTHROPIC, GEMINI, OPENAI
from simulator import Script, Seen, Simulator
from simulator import json as answer
from simulator import stream as streamed
from tidegate.observe.logs import JsonFormatter, TextFormatter

CANARY = "the tide turns at seven"
PROVIDERS = ("openai", "anthropic", "gemini", "cohere", "bedrock")
NAMED = ("model", "models", "provider")
"""Fields whose values are names, which records hold."""


@dataclass
class Scene:
    """A gateway whose providers are one simulator, and all that it wrote down."""

    gateway: Gateway
    provider: Simulator
    log: io.StringIO

    @property
    def written(self) -> str:
        return json.dumps(self.gateway.records, ensure_ascii=False) + self.log.getvalue()


@contextlib.asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    log = io.StringIO()
    handlers = [logging.StreamHandler(log), logging.StreamHandler(log)]
    handlers[0].setFormatter(TextFormatter())
    handlers[1].setFormatter(JsonFormatter())
    root, level = logging.getLogger(), logging.getLogger().level
    root.setLevel(logging.DEBUG)
    for handler in handlers:
        root.addHandler(handler)
    async with Simulator() as provider:
        urls = {name: provider.url + ("/v1" if name == "openai" else "") for name in PROVIDERS}
        services = {name: (name, url) for name, url in urls.items() if name != "bedrock"}
        more = (
            f'[providers.eu]\nkind = "openai_compatible"\nbase_url = "{provider.url}/v1"\n'
            f'[providers.bedrock]\nkind = "bedrock"\nregion = "us-east-1"\nbase_url = "{provider.url}"\n'
            'api_key = "sk-upstream-0123456789"\n'
        )
        async with Gateway(services, more=more) as gateway:
            yield Scene(gateway, provider, log)
    for handler in handlers:
        root.removeHandler(handler)
    root.setLevel(level)


def variants(request: Any) -> Iterator[Any]:
    """The request with the canary in each of its texts, one at a time, and as a key of each object."""
    for path, value in leaves(request):
        if path[0] in NAMED:
            continue
        for changed in (f"{value} {CANARY}", CANARY) if isinstance(value, str) else ({CANARY: 1},):
            varied = copy.deepcopy(request)
            inside = varied
            for step in path[:-1]:
                inside = inside[step]
            if isinstance(value, str):
                inside[path[-1]] = changed
            else:
                inside[path[-1]][CANARY] = CANARY
            yield varied


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every text and every object, by its path."""
    if isinstance(value, dict):
        if path:
            yield path, value
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))
    elif isinstance(value, str):
        yield path, value


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("door", [CHAT, MESSAGES], ids=repr)
async def test_no_field_of_a_request_is_written_down(door: Door, provider: str) -> None:
    async with scene() as found:
        found.provider.answer(answer_well)
        count = 0
        for request in (PLAIN[door], RICH[door]):
            for varied in variants({"model": f"{provider}/m", **request}):
                await found.gateway.post(door.path, varied)
                count += 1
        records = found.gateway.records
        assert len(records) == count
        assert {record["ended"] for record in records} >= {"refused"}
        assert CANARY not in found.written


def answer_well(seen: Seen) -> Script:
    """A good answer in the dialect of the path."""
    return (
        ANTHROPIC.text if "/messages" in seen.path else OPENAI.text if "/chat/" in seen.path else GEMINI.text
    )


ERRORS: dict[str, Any] = {
    "OpenAI's": {"error": {"message": CANARY, "type": CANARY, "code": CANARY, "param": CANARY}},
    "Anthropic's": {"type": "error", "error": {"type": CANARY, "message": CANARY}},
    "Google's": {
        "error": {"code": 400, "message": CANARY, "status": CANARY, "details": [{"reason": CANARY}]}
    },
    "a text": CANARY,
    "a list": [CANARY],
    "another": {"message": CANARY, "detail": CANARY, "__type": CANARY},
}
ANSWERS: dict[str, Script] = {
    **{
        f"{name} error {status}": answer(body, status)
        for name, body in ERRORS.items()
        for status in (400, 503)
    },
    **{f"{name} error as an answer": answer(body) for name, body in ERRORS.items()},
    "what is no JSON": answer(CANARY.encode()),
    "a stream of nothing": streamed([f"data: {CANARY}\n\n".encode()]),
    "a stream with an error": streamed([b"data: " + json.dumps(ERRORS["OpenAI's"]).encode() + b"\n\n"]),
    "an odd finish": answer(
        {"choices": [{"index": 0, "finish_reason": CANARY, "message": {"role": CANARY, "content": CANARY}}]}
    ),
}


@pytest.mark.parametrize("case", ANSWERS)
@pytest.mark.parametrize("provider", [*PROVIDERS, "eu"])
async def test_no_word_of_a_provider_is_written_down(provider: str, case: str) -> None:
    async with scene() as found:
        found.provider.answer(lambda _: ANSWERS[case])
        for stream in (False, True):
            body = {"model": f"{provider}/m", "max_tokens": 9, "stream": stream, **HELLO}
            for path in (CHAT.path, MESSAGES.path, "/v1/responses"):
                await found.gateway.post(path, {**body, "input": "Hello"})
        assert len(found.gateway.records) == 6
        assert CANARY not in found.written


OTHER_DOORS: dict[str, dict[str, Any]] = {
    "/v1/responses": {
        "input": [{"role": "user", "content": "Hi"}],
        "instructions": "a",
        "metadata": {"a": "b"},
    },
    "/v1beta/models/openai/m:generateContent": {
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
        "generationConfig": {"stopSequences": ["x"]},
    },
    "/v1/embeddings": {"input": ["Hi"], "user": "u", "encoding_format": "float"},
    "/v1/images/generations": {"prompt": "Hi", "size": "1024x1024", "user": "u"},
    "/llm-gate/v1/chat": {"prompt": {"messages": [{"role": "user", "content": "Hi"}]}},
}


@pytest.mark.parametrize("path", OTHER_DOORS)
async def test_no_field_of_a_request_at_another_door_is_written_down(path: str) -> None:
    async with scene() as found:
        found.provider.answer(answer_well)
        varied = list(variants({"model": "openai/m", **OTHER_DOORS[path]}))
        for one in varied:
            await found.gateway.post(path, one)
        assert len(found.gateway.records) == len(varied)
        assert CANARY not in found.written


@pytest.mark.parametrize("path", OTHER_DOORS)
@pytest.mark.parametrize("case", ANSWERS)
async def test_no_word_of_a_provider_is_written_down_at_another_door(path: str, case: str) -> None:
    async with scene() as found:
        result = tuple((name, CANARY) for name in ("x-ratelimit-note", "retry-after", "x-request-id"))
        script = replace(ANSWERS[case], headers=(*ANSWERS[case].headers, *result))
        found.provider.answer(lambda _: script)
        await found.gateway.post(path, {"model": "openai/m", **OTHER_DOORS[path]})
        await found.gateway.post(path, {"model": "openai/m", "stream": True, **OTHER_DOORS[path]})
        assert len(found.gateway.records) == 2
        assert CANARY not in found.written


async def test_a_record_reports_what_went_wrong_and_where() -> None:
    async with scene() as found:
        found.provider.answer(answer({"error": {"message": CANARY, "type": "too_long", "code": "c7"}}, 400))
        body = {"model": "openai/m", **HELLO}
        await found.gateway.post(CHAT.path, body)
        await found.gateway.post(CHAT.path, {**body, "messages": [{"role": "", "content": CANARY}]})
        foreign = {**body, "model": "anthropic/m", "messages": [{"role": CANARY, "content": "x"}]}
        await found.gateway.post(CHAT.path, foreign)
        await found.gateway.post(CHAT.path, {**body, "model": "nobody/m"})
        assert [record["error"] for record in found.gateway.records] == [
            "400 c7 too_long",
            "invalid_request_error: messages.0.role",
            "unsupported_feature: messages.0.role",
            "model_not_found: model",
        ]


async def test_what_a_client_reads_quotes_it_briefly_and_without_control_characters() -> None:
    async with scene() as found:
        long = "\x1b[2J" + "q" * 1_000_000
        body = {"model": "openai/m", **HELLO}
        for wrong in (
            {"model": "anthropic/m", "messages": [{"role": long, "content": "x"}]},
            {"tool_choice": {"type": "function", "function": {"name": long}}, "tools": TOOLS},
            {"provider": {long: 1}},
            {"response_format": {"type": long}},
        ):
            reply = await found.gateway.post(CHAT.path, {**body, **wrong})
            assert reply.status == 400
            assert len(reply.body) < 2000
            assert "\x1b" not in reply.error["message"]


TOOLS = [{"type": "function", "function": {"name": "look"}}]
