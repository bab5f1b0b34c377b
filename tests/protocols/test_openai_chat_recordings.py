"""All recorded chats in OpenAI's format: bridged, spliced or mended, nothing of them is lost."""

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from cases import each
from openai_answers import COMPLETION, bodies_of, chunks_of, fold, stream_faults, type_faults, usage_of
from recordings import Recording, needs_recordings, recordings, splits
from tidegate.protocols.contract import Bridge, Call, Conduit, Target
from tidegate.protocols.openai_chat import PROTOCOL, Dialect
from tidegate.providers.families import profile_of
from tidegate.providers.rows import kinds

SERVICES = (
    *("azure", "baseten", "cerebras", "deepseek", "doubleword", "groq", "huggingface", "llamacpp", "mistral"),
    *("moonshot", "ollama", "openai", "openrouter", "perplexity", "qwen", "together", "vllm", "xai", "zai"),
)


def dialect_of(service: str) -> Dialect:
    """In what a recorded service differs, by its row; those without one are compatible ones.

    Thinking in the text is left there, as it is for clients of this format.
    """
    rows = kinds()
    row = rows.get(service) or rows["openai_compatible"]
    return msgspec.convert({**row.dialect, "inline_thinking": False}, Dialect)


MADE_UP = re.compile(rb'"created":\d+|call_[0-9a-f]{20}|chatcmpl-[0-9a-f]{20}')


def chats(*kinds: str) -> list[Any]:
    found = [
        one for name in SERVICES for one in recordings(name, *kinds, path="/chat/completions", status=200)
    ]
    return [pytest.param(one, id=one.id) for one in found if one.plain]


def target_of(recording: Recording) -> Target:
    return Target(recording.model, dialect_of(recording.provider), profile_of(recording.model))


def ask(recording: Recording, usage: bool) -> Any:
    """A request to which the recorded answer could be one."""
    streamed = recording.kind == "chat_stream"
    body: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": streamed}
    if usage:
        body["stream_options"] = {"include_usage": True}
    return PROTOCOL.parse_request(json.dumps(body).encode())


def ways(recording: Recording, usage: bool) -> Iterator[Conduit]:
    """The conduits of this format for an answer: through events, and past them."""
    target, request = target_of(recording), ask(recording, usage)
    call = Call("/", b"", request.stream)
    yield Bridge(PROTOCOL.reader(call, target), PROTOCOL.writer(request, "m"))
    yield PROTOCOL.splice(request, call, target)


def cuts(data: bytes) -> Iterator[list[bytes]]:
    """The data whole and in pieces; byte by byte where it is small."""
    if len(data) < 4_000:
        yield from splits(data)
        return
    for size in (len(data), 4096, 997):
        yield [data[i : i + size] for i in range(0, len(data), size)]


def play(recording: Recording, usage: bool) -> Iterator[tuple[bytes, Conduit]]:
    """What comes out of each way, after it came out the same for every cut."""
    for number in (0, 1):
        played = []
        for pieces in cuts(recording.body):
            way = list(ways(recording, usage))[number]
            played.append((b"".join(way.feed(piece) for piece in pieces) + way.close(), way))
        assert len({(MADE_UP.sub(b"", out), str(way.failure), str(way.tally)) for out, way in played}) == 1
        yield played[0]


def fails(recording: Recording) -> bool:
    """Whether the recorded answer is an error in a good answer."""
    holders = [one for body in bodies_of(recording.body) for one in (body, *(body.get("choices") or ()))]
    return any(holder.get("error") for holder in holders)


def check_content(recording: Recording, out: bytes) -> None:
    wanted, got = fold(recording.body), fold(out)
    assert got.keys() == wanted.keys()
    for index, choice in wanted.items():
        if choice["finish"] is None:  # a model that tells none (gpt-audio), an answer that forgot it
            choice["finish"] = got[index]["finish"]
        assert got[index] == choice


def check_usage(recording: Recording, out: bytes, conduit: Conduit) -> None:
    body, got, usage = usage_of(recording.body), usage_of(out), conduit.tally.usage
    assert (body is None) == (usage is None)
    if body is None or got is None or usage is None:
        return
    reasoning = (body.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
    prompt, completion = body["prompt_tokens"], body["completion_tokens"]
    if reasoning and body["total_tokens"] == prompt + completion + reasoning:
        completion += reasoning
    assert (got["prompt_tokens"], got["completion_tokens"]) == (prompt, completion)
    assert (usage.prompt_tokens, usage.completion_tokens) == (prompt, completion)


@needs_recordings
@each("recording", chats("chat"))
def test_a_whole_answer_arrives_whole(recording):
    for out, conduit in play(recording, usage=False):
        assert (conduit.failure is not None) == fails(recording)
        if conduit.failure is None:
            assert type_faults(COMPLETION, json.loads(out)) == []
            check_content(recording, out)
            check_usage(recording, out, conduit)


@needs_recordings
@each("recording", chats("chat_stream"))
def test_a_stream_arrives_whole_and_by_the_rules(recording):
    for usage in (True, False):
        for out, conduit in play(recording, usage):
            assert (conduit.failure is not None) == fails(recording)
            if conduit.failure is not None:
                assert b'"error"' not in out
                continue
            if recording.provider != "openai":  # what OpenAI sends is right by definition
                assert stream_faults([one for one in chunks_of(out) if one["id"]], usage) == []
            check_content(recording, out)
            assert usage or not usage_of(out)
            if usage and usage_of(recording.body):
                check_usage(recording, out, conduit)
                assert usage_of(out)
            assert conduit.tally.usage is not None or not usage_of(recording.body)


@needs_recordings
@each("recording", chats("chat", "chat_stream"))
def test_a_request_that_was_accepted_passes_as_it_is(recording):
    asked = {**recording.request_body, "model": recording.model}
    call = PROTOCOL.splice_request(PROTOCOL.parse_request(json.dumps(asked).encode()), target_of(recording))
    sent = json.loads(call.body)
    assert call.dropped == ()
    assert {name: value for name, value in sent.items() if name != "stream_options"} == {
        name: value for name, value in asked.items() if name != "stream_options"
    }


@needs_recordings
@each("recording", chats("chat_stream"))
def test_what_accounting_needs_is_known(recording):
    for conduit in ways(recording, usage=False):
        conduit.feed(recording.body)
        conduit.close()
        if conduit.failure is None:
            assert conduit.tally.id
            assert conduit.tally.model
