"""Every feature of every provider, on a socket: what the provider is asked, in its own words, and what
the client of OpenAI's API gets.
"""

import json as jsonlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from features.answers import FAILURE
from features.questions import (
    ANSWER,
    CHOICES,
    FEATURES,
    FORCED,
    REASONING,
    SCHEMA,
    STREAM,
    THOUGHT,
    TOOLS,
    VISION,
    given_back,
    with_result,
)
from features.table import ENTRIES, KEY, Entry, openai_error
from openai_answers import COMPLETION, chunks_of, stream_faults, text_of, type_faults
from running import Gateway, Reply
from sdk.dialects import ARGUMENTS, PIECES, PNG, SCHEMA_ANSWER, TEXT, TOOL
from simulator import Script, Seen, Simulator
from tidegate.providers import kinds

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUESTIONS: dict[str, dict[str, Any]] = {
    "answer": ANSWER,
    "stream": STREAM,
    "tools": TOOLS,
    "forced": FORCED,
    "choices": CHOICES,
    "vision": VISION,
    "schema": SCHEMA,
    "reasoning": REASONING,
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(provider: Simulator) -> AsyncIterator[Gateway]:
    """One gateway with all providers, each of which is the simulator under a path of its own."""
    async with Gateway(more="\n".join(entry.settings(provider.url) for entry in ENTRIES)) as serving:
        yield serving


class Bench:
    """One provider, asked through the gateway."""

    def __init__(self, gateway: Gateway, provider: Simulator, entry: Entry) -> None:
        self.entry = entry
        self._gateway = gateway
        self._provider = provider

    async def ask(self, feature: str, question: dict[str, Any], *scripts: Script) -> tuple[Reply, Seen]:
        """Ask once. What the provider is asked is right in every respect that the table names."""
        before = len(self._provider.requests)
        self._provider.answer(*scripts)
        reply = await self.post(question)
        [seen] = self._provider.requests[before:]
        stream = bool(question.get("stream"))
        assert seen.path == self.entry.path_of(stream)
        assert {name: value for name, value in seen.headers.items() if KEY in value} == dict([self.entry.key])
        wanted = self.entry.wants(feature)
        assert {path: at(seen.json, path) for path in wanted} == wanted
        assert self.entry.faults(seen.json) == []
        assert reply.headers.get("x-tidegate-dropped") == self.entry.dropped.get(feature)
        return reply, seen

    async def post(self, question: dict[str, Any]) -> Reply:
        asked = {"model": f"{self.entry.name}/{self.entry.model}", **question}
        return await self._gateway.post("/v1/chat/completions", asked)

    async def refused(self, question: dict[str, Any]) -> Reply:
        """Ask for what the provider has not; nothing reaches it."""
        before = len(self._provider.requests)
        reply = await self.post(question)
        assert self._provider.requests[before:] == []
        return reply


def cases(*features: str) -> list[Any]:
    """The entries that have these features."""
    return [pytest.param(entry, id=entry.name) for entry in ENTRIES if not entry.without & {*features}]


@pytest.fixture
def bench(gateway: Gateway, provider: Simulator, entry: Entry) -> Bench:
    return Bench(gateway, provider, entry)


def at(body: Any, path: str) -> Any:
    """What stands in a body at a path; None where there is nothing."""
    for step in path.split("."):
        if isinstance(body, list):
            body = body[int(step)] if int(step) < len(body) else None
        else:
            body = body.get(step) if isinstance(body, dict) else None
    return body


def completion(reply: Reply) -> dict[str, Any]:
    """The one choice of a right answer, read strictly by the official SDK's types."""
    assert reply.status == 200, reply.body
    assert type_faults(COMPLETION, reply.json) == []
    usage = reply.json["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (11, 7, 18)
    [choice] = reply.json["choices"]
    assert choice["message"]["role"] == "assistant"
    found: dict[str, Any] = choice
    return found


def chunks(reply: Reply) -> list[dict[str, Any]]:
    """The chunks of a right stream, read strictly by the official SDK's types, with the usage at its end."""
    assert reply.status == 200, reply.body
    found = chunks_of(reply.body)
    assert stream_faults(found, usage_asked=True) == []
    assert (found[-1]["usage"]["prompt_tokens"], found[-1]["usage"]["completion_tokens"]) == (11, 7)
    return found


def finish(found: list[dict[str, Any]]) -> str | None:
    reasons = [piece["finish_reason"] for chunk in found for piece in chunk["choices"]]
    return next(reason for reason in reasons if reason)


def calls(found: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Name and arguments of the calls of a stream."""
    pieces = [
        call
        for chunk in found
        for piece in chunk["choices"]
        for call in piece["delta"].get("tool_calls") or []
    ]
    for index in dict.fromkeys(piece["index"] for piece in pieces):
        ids = [piece.get("id") for piece in pieces if piece["index"] == index]
        assert ids[0]
        assert set(ids[1:]) <= {None}
        functions = [piece["function"] for piece in pieces if piece["index"] == index]
        arguments = "".join(function.get("arguments") or "" for function in functions)
        yield functions[0]["name"], jsonlib.loads(arguments)


# --- what they have ------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", cases("answer"))
async def test_an_answer(bench: Bench, entry: Entry) -> None:
    reply, _ = await bench.ask("answer", ANSWER, entry.answers.whole(TEXT))
    choice = completion(reply)
    assert (choice["message"]["content"], choice["finish_reason"]) == (TEXT, "stop")


@pytest.mark.parametrize("entry", cases("stream"))
async def test_a_stream(bench: Bench, entry: Entry) -> None:
    reply, _ = await bench.ask("stream", STREAM, entry.answers.streamed(PIECES))
    found = chunks(reply)
    assert (text_of(found), finish(found)) == (TEXT, "stop")


@pytest.mark.parametrize("entry", cases("tools"))
async def test_a_tool_with_its_result(bench: Bench, entry: Entry) -> None:
    reply, _ = await bench.ask("tools", TOOLS, entry.answers.whole(call=True))
    choice = completion(reply)
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"][0]["function"]["name"] == TOOL
    question = with_result(choice["message"])
    reply, _ = await bench.ask("result", question, entry.answers.whole(TEXT))
    assert completion(reply)["message"]["content"] == TEXT


@pytest.mark.parametrize("entry", cases("tools"))
async def test_a_tool_in_a_stream(bench: Bench, entry: Entry) -> None:
    question = {**TOOLS, "stream": True, "stream_options": {"include_usage": True}}
    reply, _ = await bench.ask("tools", question, entry.answers.streamed(call=True))
    found = chunks(reply)
    assert (list(calls(found)), finish(found)) == ([(TOOL, ARGUMENTS)], "tool_calls")


@pytest.mark.parametrize("entry", cases("tools", "forced"))
async def test_a_tool_that_must_be_called(bench: Bench, entry: Entry) -> None:
    reply, _ = await bench.ask("forced", FORCED, entry.answers.whole(call=True))
    assert completion(reply)["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("entry", cases("vision"))
async def test_an_image(bench: Bench, entry: Entry) -> None:
    reply, _ = await bench.ask("vision", VISION, entry.answers.whole(TEXT))
    assert completion(reply)["message"]["content"] == TEXT


@pytest.mark.parametrize("entry", cases("schema"))
async def test_structured_output(bench: Bench, entry: Entry) -> None:
    script = entry.answers.whole(jsonlib.dumps(SCHEMA_ANSWER))
    reply, seen = await bench.ask("schema", SCHEMA, script)
    assert jsonlib.loads(completion(reply)["message"]["content"]) == SCHEMA_ANSWER
    assert b"additionalProperties" in seen.body


@pytest.mark.parametrize("entry", cases("reasoning"))
async def test_thinking(bench: Bench, entry: Entry) -> None:
    reply, _ = await bench.ask("reasoning", REASONING, entry.answers.whole(TEXT, thought=THOUGHT))
    message = completion(reply)["message"]
    result = entry.thinking(message.get("reasoning_content"), message["content"])
    assert result == (THOUGHT, TEXT)
    if entry.counts_thinking:
        assert reply.json["usage"]["completion_tokens_details"]["reasoning_tokens"] == 3
    reply, _ = await bench.ask("back", given_back(message), entry.answers.whole(TEXT))
    assert completion(reply)["message"]["content"] == TEXT


@pytest.mark.parametrize("entry", cases("reasoning"))
async def test_thinking_in_a_stream(bench: Bench, entry: Entry) -> None:
    question = {**REASONING, "stream": True, "stream_options": {"include_usage": True}}
    reply, _ = await bench.ask("reasoning", question, entry.answers.streamed(PIECES, thought=THOUGHT))
    found = chunks(reply)
    result = entry.thinking(text_of(found, field="reasoning_content"), text_of(found))
    assert result == (THOUGHT, TEXT)


@pytest.mark.parametrize("entry", cases("error"))
async def test_an_error(provider: Simulator, entry: Entry) -> None:
    for stream in (False, True):
        # A gateway of its own: what follows a rate limit waits until it is lifted.
        async with Gateway(more=entry.settings(provider.url)) as fresh:
            bench = Bench(fresh, provider, entry)
            reply, _ = await bench.ask("error", {**STREAM, "stream": stream}, entry.refusal.script)
        assert reply.status == entry.refusal.status
        # Before a refused key stands whose key it is.
        assert reply.error["message"].endswith(entry.refusal.message)
        assert reply.error["code"] == entry.refusal.code
        assert reply.headers.get("retry-after") == entry.refusal.retry_after
        assert reply.error.keys() == {"message", "type", "param", "code"}


@pytest.mark.parametrize("entry", cases("error"))
async def test_an_error_in_mid_stream_comes_after_the_content_so_far(bench: Bench, entry: Entry) -> None:
    reply, _ = await bench.ask("stream", STREAM, entry.answers.broken(PIECES[0]))
    *said, failed = reply.chunks
    assert (
        "".join(piece["delta"].get("content") or "" for chunk in said for piece in chunk["choices"])
        == PIECES[0]
    )
    assert FAILURE in failed["error"]["message"]
    assert "[DONE]" not in reply.events


# --- what they have not --------------------------------------------------------------------------

LACKING = [(entry, feature) for entry in ENTRIES for feature in entry.lacks]


@pytest.mark.parametrize(("entry", "feature"), LACKING, ids=[f"{e.name}-{f}" for e, f in LACKING])
async def test_what_a_provider_has_not_is_refused_by_name(bench: Bench, entry: Entry, feature: str) -> None:
    reply = await bench.refused(QUESTIONS[feature])
    assert (reply.status, reply.error["code"]) == (400, "unsupported_feature")
    assert entry.lacks[feature] in reply.error["message"]


IMAGELESS = [entry for entry in ENTRIES if "vision" in entry.passes_over]


@pytest.mark.parametrize("entry", IMAGELESS, ids=lambda entry: entry.name)
async def test_an_image_for_a_provider_of_texts_is_refused_by_name(
    gateway: Gateway, provider: Simulator, entry: Entry
) -> None:
    before = len(provider.requests)
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    question = {"max_tokens": 9, "messages": [{"role": "user", "content": [image]}]}
    reply = await gateway.post("/v1/messages", {"model": f"{entry.name}/{entry.model}", **question})
    assert (reply.status, reply.error["type"]) == (400, "invalid_request_error")
    assert entry.passes_over["vision"] in reply.error["message"]
    assert provider.requests[before:] == []


@pytest.mark.parametrize("entry", IMAGELESS, ids=lambda entry: entry.name)
async def test_a_client_of_the_same_format_gets_it_from_the_provider(bench: Bench, entry: Entry) -> None:
    result = openai_error(400, "unknown variant `image_url`, expected `text`", "invalid_request_error")
    reply, seen = await bench.ask("vision", VISION, result.script)
    assert (reply.status, reply.error["message"]) == (400, result.message)
    assert PNG.encode() in seen.body


# --- the table is whole --------------------------------------------------------------------------


async def test_every_row_has_an_entry() -> None:
    assert {entry.row for entry in ENTRIES} == {kind.name for kind in kinds().values() if not kind.embedded}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
async def test_every_entry_defines_how_every_feature_is_requested(entry: Entry) -> None:
    silent = [one for one in FEATURES if one not in entry.without and one != "error" and not entry.wants(one)]
    assert silent == []
