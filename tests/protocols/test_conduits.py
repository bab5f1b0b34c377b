"""What all conduits that pass the provider's bytes on have in common, whatever the format."""

import gc
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tidegate.protocols.adapted import AdaptedConduit
from tidegate.protocols.completions import conduit as completions
from tidegate.protocols.contract import Conduit, Target
from tidegate.protocols.errors import ProviderBroke
from tidegate.protocols.sse import MAX_EVENT
from tidegate.protocols.task import Whole
from tidegate.providers import protocol_named

TEXTS: dict[str, dict[str, Any]] = {
    "openai_chat": {"messages": [{"role": "user", "content": "Hi"}]},
    "anthropic": {"max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]},
    "openai_responses": {"input": "Hi"},
    "gemini": {"contents": [{"parts": [{"text": "Hi"}]}]},
}


def spliced(name: str, stream: bool, **facts: Any) -> Conduit:
    protocol: Any = protocol_named(name)
    target = Target("m", protocol.dialect(**facts))
    body = json.dumps({"model": "m", "stream": stream, **TEXTS[name]}).encode()
    google = {"stream": stream} if name == "gemini" else {}
    parsed = protocol.parse_request(body, *(["m"] if google else []), **google)
    _, conduit = protocol.route(target).plan(parsed)
    return conduit


def convert(body: bytes, tally: object) -> bytes:
    if b"broken" in body:
        raise ProviderBroke("broken")
    return json.loads(body)["text"].encode()


WHOLE: dict[str, Callable[[], Any]] = {
    "openai_chat": lambda: spliced("openai_chat", False),
    "openai_chat, mended": lambda: spliced("openai_chat", False, ragged_heads=True),
    "anthropic": lambda: spliced("anthropic", False),
    "gemini": lambda: spliced("gemini", False),
    "openai_responses": lambda: spliced("openai_responses", False),
    "completions": completions.BodySplice,
    "a task": lambda: Whole(convert),
    "adapted": lambda: AdaptedConduit(spliced("openai_chat", False), convert),
}
STREAMS: dict[str, Callable[[], Any]] = {
    "openai_chat": lambda: spliced("openai_chat", True),
    "openai_chat, mended": lambda: spliced("openai_chat", True, ragged_heads=True),
    "anthropic": lambda: spliced("anthropic", True),
    "gemini": lambda: spliced("gemini", True),
    "openai_responses": lambda: spliced("openai_responses", True),
    "completions": lambda: completions.StreamSplice(include_usage=True),
}
EVENTS = {
    "openai_chat": b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n',  # noqa: E501
    "completions": b'data: {"id":"c","choices":[{"index":0,"text":"a","finish_reason":null}]}\n\n',
    "anthropic": b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}\n\n',  # noqa: E501
    "gemini": b'data: {"candidates":[{"content":{"parts":[{"text":"a"}]}}]}\r\n\r\n',
    "openai_responses": b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"a"}\n\n',  # noqa: E501
}
CORRUPT = b"data: {corrupt\n\n"
BROKEN = b'{"type":"error","error":{"message":"broken"}}'


def event_of(name: str) -> bytes:
    return EVENTS[name.partition(",")[0]]


@contextmanager
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", BROKEN, b'{"candidates":7,"text":7}', b"\xff"])
def test_what_is_no_answer_fails_and_yields_nothing(name: str, body: bytes) -> None:
    conduit = WHOLE[name]()
    assert conduit.feed(body) == b""
    assert conduit.close() == b""
    assert conduit.failure is not None
    assert not conduit.done


@pytest.mark.parametrize("name", STREAMS)
def test_what_precedes_a_corrupt_event_is_passed_and_nothing_behind_it(name: str) -> None:
    conduit, event = STREAMS[name](), event_of(name)
    assert conduit.feed(event + event + CORRUPT + event) == event + event
    assert "cannot be read" in str(conduit.failure)
    assert (conduit.feed(event), conduit.close()) == (b"", b"")


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_ends_early_fails_behind_its_last_event(name: str) -> None:
    conduit, event = STREAMS[name](), event_of(name)
    assert conduit.feed(event + event.rstrip()) == event
    assert conduit.close().strip() == event.strip()
    assert isinstance(conduit.failure, ProviderBroke)
    assert conduit.close() == b""


@pytest.mark.parametrize("name", STREAMS)
def test_an_endless_event_fails(name: str) -> None:
    conduit = STREAMS[name]()
    piece = b"x" * (MAX_EVENT // 2)
    assert b"".join(conduit.feed(piece) for _ in range(3)) == b""
    assert "more than" in str(conduit.failure)


@pytest.mark.parametrize("make", [*WHOLE.values(), *STREAMS.values()], ids=[*WHOLE, *STREAMS])
def test_a_failed_answer_leaves_its_bytes_to_nobody(make: Callable[[], Conduit]) -> None:
    for failing in (CORRUPT, BROKEN, b"data: " + BROKEN + b"\n\n"):
        with without_collector():  # what only the collector frees stays
            conduit = make()
            conduit.feed(failing)
            conduit.close()
            kind, failure = type(conduit), conduit.failure
            del conduit
            assert failure is not None
            assert not any(type(left) is kind for left in gc.get_objects())


# --- a provider that fails when the answer is whole ----------------------------------------------------


def chunk_of(index: int, finish: str | None) -> bytes:
    choice = {"index": index, "delta": {"content": "a"}, "finish_reason": finish}
    head = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return b"data: " + json.dumps({**head, "choices": [choice]}).encode() + b"\n\n"


def candidate_of(index: int, finish: str | None) -> bytes:
    candidate: dict[str, Any] = {"index": index, "content": {"parts": [{"text": "a"}], "role": "model"}}
    if finish is not None:
        candidate["finishReason"] = finish
    return b"data: " + json.dumps({"candidates": [candidate]}).encode() + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("name", "facts", "event", "finish"),
    [
        ("openai_chat", {"no_done": True}, chunk_of, "stop"),
        ("gemini", {}, candidate_of, "STOP"),
    ],
)
def test_an_answer_is_finished_when_every_choice_is(
    name: str, facts: dict[str, Any], event: Callable[[int, str | None], bytes], finish: str
) -> None:
    conduit = spliced(name, True, **facts)
    conduit.feed(event(0, None))
    assert not conduit.finished
    conduit.feed(event(0, finish))
    assert conduit.finished
    conduit = spliced(name, True, **facts)
    conduit.feed(event(0, None) + event(1, None))
    conduit.feed(event(0, finish))
    assert not conduit.finished


def test_openais_own_answers_are_finished_by_the_end_mark_alone() -> None:
    conduit = spliced("openai_chat", True)
    conduit.feed(chunk_of(0, "stop"))
    assert not conduit.finished
