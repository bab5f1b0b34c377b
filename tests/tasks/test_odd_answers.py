"""Answers to tasks in forms that nobody expects: the provider's failure, never the gateway's."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tidegate.protocols import llm_gate
from tidegate.protocols.adapted import AdaptedConduit
from tidegate.protocols.completions import TASK as COMPLETIONS
from tidegate.protocols.contract import Conduit, Target
from tidegate.protocols.embeddings import TASK as EMBEDDINGS
from tidegate.protocols.images import TASK as IMAGES
from tidegate.protocols.moderations import TASK as MODERATIONS
from tidegate.protocols.task import Task, Whole

USAGE = {"prompt_tokens": 4, "total_tokens": 4}
GOOGLE = {"promptTokenCount": 4, "candidatesTokenCount": 1}
PNG = "iVBORw0KGgo="
ANSWERS: dict[tuple[str, str, str], Any] = {
    ("embeddings", "openai", "m"): {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
        "model": "m",
        "usage": USAGE,
    },
    ("embeddings", "gemini", "m"): {"embeddings": [{"values": [0.5]}], "usageMetadata": GOOGLE},
    ("embeddings", "cohere", "m"): {
        "id": "e",
        "embeddings": {"float": [[0.5]]},
        "meta": {"billed_units": {"input_tokens": 4}},
    },
    ("embeddings", "bedrock", "amazon.titan-embed-text-v2:0"): {"embedding": [0.5], "inputTextTokenCount": 4},
    ("images", "openai", "m"): {
        "created": 1,
        "data": [{"b64_json": PNG}],
        "usage": {"input_tokens": 4, "output_tokens": 5, "input_tokens_details": {"image_tokens": 0}},
    },
    ("completions", "openai", "m"): {
        "id": "cmpl-1",
        "model": "m",
        "choices": [{"index": 0, "text": "Hi", "finish_reason": "stop", "logprobs": None}],
        "usage": {"prompt_tokens": 4, "completion_tokens": 1},
    },
    ("moderations", "openai", "m"): {
        "id": "modr-1",
        "model": "m",
        "results": [{"flagged": True, "categories": {"violence": True}}],
        "usage": USAGE,
    },
    ("images", "gemini", "gemini-image"): {
        "candidates": [{"content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": PNG}}]}}],
        "usageMetadata": GOOGLE,
    },
}
TASKS: dict[str, Task] = {
    "completions": COMPLETIONS,
    "embeddings": EMBEDDINGS,
    "images": IMAGES,
    "moderations": MODERATIONS,
}
REQUESTS = {
    "completions": {"model": "m", "prompt": "Hi"},
    "embeddings": {"model": "m", "input": "Hi"},
    "images": {"model": "m", "prompt": "Hi"},
    "moderations": {"model": "m", "input": "Hi"},
}
OTHERS: list[Any] = [None, True, 5, -1, 1.5, 10**30, "x", "", [], [5], {}, {"x": 5}, [[]], [{}]]
CARRIERS = frozenset(
    {
        "b64_json",
        "candidates",
        "choices",
        "finish_reason",
        "results",
        "content",
        "data",
        "embedding",
        "embeddings",
        "float",
        "index",
        "inlineData",
    }
    | {"parts", "predictions", "values"}
)
"""What holds the vectors and images, or says which they are."""


def conduit_of(case: tuple[str, str, str]) -> Conduit:
    task, format_, model = case
    offer = TASKS[task].formats[format_]
    parsed = TASKS[task].parse(json.dumps(REQUESTS[task]).encode())
    return offer.plan(parsed, Target(model, offer.dialect()))[1]


def answered(case: tuple[str, str, str], body: bytes) -> tuple[Conduit, bytes]:
    conduit = conduit_of(case)
    return conduit, conduit.feed(body) + conduit.close()


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, one in inside:
        yield from places(one, (*path, step))


CASES = [(case, path) for case, answer in ANSWERS.items() for path in places(answer)]


def test_every_format_of_every_task_has_an_answer_here() -> None:
    wanted = {(name, one) for name, task in TASKS.items() for one in task.formats}
    assert {(task, one) for task, one, _ in ANSWERS} == wanted


@pytest.mark.parametrize(("case", "path"), CASES)
def test_a_value_of_another_type_costs_only_itself(case: tuple[str, str, str], path: tuple[Any, ...]) -> None:
    named = [step for step in path if isinstance(step, str)]
    for value in OTHERS:
        answer = copy.deepcopy(ANSWERS[case])
        inside = answer
        for step in path[:-1]:
            inside = inside[step]
        inside[path[-1]] = value
        conduit, out = answered(case, json.dumps(answer).encode())
        if named[-1] not in CARRIERS:
            assert conduit.failure is None, (value, conduit.failure)
            json.loads(out)
        elif conduit.failure is not None:
            assert conduit.failure.status < 500 or conduit.failure.status in (502, 504)


@pytest.mark.parametrize("case", ANSWERS)
def test_bad_utf8_is_the_providers_failure(case: tuple[str, str, str]) -> None:
    for body in (b'{"x":"\xff"}', json.dumps(ANSWERS[case]).encode()[:-1] + b',"x":"\xff"}', b"\xff"):
        conduit, out = answered(case, body)
        assert conduit.failure is not None
        assert (conduit.failure.status, out) == (502, b"")
        assert "UTF-8" in conduit.failure.message


@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_that_is_nested_too_deeply_is_the_providers_failure(case: tuple[str, str, str]) -> None:
    for depth in (200, 900, 990, 5_000):
        for opening, closing in (("[", "]"), ('{"a":', "}")):
            nested = opening * depth + "1" + closing * depth
            whole = json.dumps(ANSWERS[case])[:-1]
            for name in ("error", "usage", "data", "embeddings", "x"):
                conduit, _ = answered(case, f'{whole},"{name}":{nested}}}'.encode())
                assert conduit.failure is None or conduit.failure.status < 600


def test_what_a_format_raises_is_the_providers_failure() -> None:
    def convert(body: bytes, tally: object) -> bytes:
        raise KeyError("x")

    conduit = Whole(convert)
    assert (conduit.feed(b"{}"), conduit.close()) == (b"", b"")
    assert conduit.failure is not None
    assert conduit.failure.status == 502


# --- LLM Gate: the same in other words ---------------------------------------------------------

CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CHAT = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi", "tool_calls": [CALL]}}],
    "usage": {"prompt_tokens": 4, "completion_tokens": 1, "total_tokens": 5},
}
GATE: dict[str, Any] = {
    "chat": CHAT,
    "images": ANSWERS["images", "openai", "m"],
    "embeddings": ANSWERS["embeddings", "openai", "m"],
}


def adapted(task: str, body: bytes) -> tuple[AdaptedConduit, bytes]:
    inner = Whole(lambda body, tally: body)
    conduit = AdaptedConduit(inner, llm_gate.ADAPTED.tasks[task].answer)
    return conduit, conduit.feed(body) + conduit.close()


@pytest.mark.parametrize("task", GATE)
def test_llm_gate_answers_whatever_its_usage_looks_like(task: str) -> None:
    for usage in ("x", 5, [], {"prompt_tokens": "x"}, {"completion_tokens": {}}, {"total_tokens": None}):
        conduit, out = adapted(task, json.dumps({**GATE[task], "usage": usage}).encode())
        assert conduit.failure is None, usage
        assert json.loads(out)
    conduit, _ = adapted(task, json.dumps({**GATE[task], "usage": "x"}).encode())
    assert conduit.tally.left_out == ["usage"]


def test_llm_gate_passes_calls_on() -> None:
    conduit, out = adapted("chat", json.dumps(CHAT).encode())
    assert conduit.failure is None
    assert json.loads(out)["messages"] == [{"role": "assistant", "content": "Hi", "toolCalls": [CALL]}]


@pytest.mark.parametrize("task", GATE)
@pytest.mark.parametrize("body", [b"\xff", b"[]", b"{}", b"5", b'{"data":5}', b'{"choices":{}}', b"[" * 5000])
def test_llm_gate_answers_with_502_for_what_is_no_answer(task: str, body: bytes) -> None:
    conduit, out = adapted(task, body)
    assert conduit.failure is not None
    assert (conduit.failure.status, out) == (502, b"")
