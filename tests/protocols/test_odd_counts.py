"""A count that is none (negative, absurd, of another type) is not reported but named, and ends no answer."""

import json
from typing import Any

import pytest

from protocols.test_splices import ANTHROPIC, CHAT, GEMINI, RESPONSES, splice_of
from tidegate.protocols.contract import Conduit, Target
from tidegate.protocols.embeddings import TASK as EMBEDDINGS
from tidegate.protocols.images import TASK as IMAGES
from tidegate.protocols.usage import MOST_TOKENS

ODD = [
    "-1", "-5", "-9e99", "1e30", "1.5", "99999999999999999999", f"{MOST_TOKENS + 1}",
    '"x"', '"-3"', "true", "[]", "{}", '["7"]',
]  # fmt: skip
BEYOND_FLOATS = "1e400"
PLAIN = {"7": 7, '"7"': 7, "7.0": 7, "0": 0, "-0": 0, f"{MOST_TOKENS}": MOST_TOKENS}
HERE = b'"@"'
"""Where the number stands in an answer."""

COMPLETION = {
    "id": "c1", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": "@", "completion_tokens": 1},
}  # fmt: skip
CHUNK = {**COMPLETION, "object": "chat.completion.chunk", "choices": []}
MESSAGE = {
    "type": "message", "id": "m1", "model": "m", "role": "assistant", "stop_reason": "end_turn",
    "content": [{"type": "text", "text": "a"}], "usage": {"input_tokens": "@", "output_tokens": 1},
}  # fmt: skip
RESPONSE = {
    "id": "r1", "model": "m", "object": "response", "output": [], "status": "completed",
    "usage": {"input_tokens": "@", "output_tokens": 1},
}  # fmt: skip
GENERATED = {
    "candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP", "index": 0}],
    "usageMetadata": {"promptTokenCount": "@", "candidatesTokenCount": 1},
}  # fmt: skip


def written(value: Any) -> bytes:
    return json.dumps(value).encode()


def event(value: Any) -> bytes:
    return b"data: " + written(value) + b"\n\n"


CASES: dict[tuple[str, bool], tuple[bytes, str]] = {
    ("openai_chat", False): (written(COMPLETION), "usage.prompt_tokens"),
    ("openai_chat", True): (b"".join(CHAT[:-1]) + event(CHUNK) + CHAT[-1], "usage.prompt_tokens"),
    ("mended", False): (written(COMPLETION), "usage.prompt_tokens"),
    ("mended", True): (b"".join(CHAT[:-1]) + event(CHUNK) + CHAT[-1], "usage.prompt_tokens"),
    ("anthropic", False): (written(MESSAGE), "usage.input_tokens"),
    ("anthropic", True): (
        b"".join(ANTHROPIC).replace(b'"input_tokens": 1', b'"input_tokens": "@"'),
        "message.usage.input_tokens",
    ),
    ("openai_responses", False): (written(RESPONSE), "usage.input_tokens"),
    ("openai_responses", True): (
        RESPONSES[0] + event({"type": "response.completed", "response": RESPONSE}),
        "usage.input_tokens",
    ),
    ("gemini", False): (written(GENERATED), "usageMetadata.promptTokenCount"),
    ("gemini", True): (
        b"".join(GEMINI).replace(
            b'"promptTokenCount": 1', b'"promptTokenCount": "@", "candidatesTokenCount": 1'
        ),
        "usageMetadata.promptTokenCount",
    ),
}


def read(name: str, answer: bytes, number: str, *, stream: bool, size: int) -> tuple[Conduit, bytes]:
    answer = answer.replace(HERE, number.encode())
    splice = splice_of(name, stream=stream)
    pieces = [answer[at : at + size] for at in range(0, len(answer), size)]
    return splice, b"".join(map(splice.feed, pieces)) + splice.close()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("number", [*ODD, BEYOND_FLOATS])
def test_what_is_no_count_is_not_reported_and_named(case: tuple[str, bool], number: str) -> None:
    name, stream = case
    answer, field = CASES[case]
    for size in (7, len(answer) * 2):
        splice, passed = read(name, answer, number, stream=stream, size=size)
        assert splice.failure is None
        assert passed
        usage = splice.tally.usage
        assert usage is None or (usage.input is None and usage.output in (None, 1)), number
        assert field in splice.tally.left_out


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("number", PLAIN)
def test_a_count_in_another_form_is_one(case: tuple[str, bool], number: str) -> None:
    answer, _ = CASES[case]
    splice, _ = read(case[0], answer, number, stream=case[1], size=len(answer))
    usage = splice.tally.usage
    assert splice.failure is None
    assert usage is not None
    assert (usage.input, splice.tally.left_out) == (PLAIN[number], [])


TASKS = {
    "embeddings": (EMBEDDINGS, {"model": "m", "input": "Hi"}),
    "images": (IMAGES, {"model": "m", "prompt": "Hi"}),
}
TASK_ANSWERS = {
    ("embeddings", "openai"): {"data": [{"embedding": [0.5]}], "usage": {"prompt_tokens": "@"}},
    ("embeddings", "cohere"): {
        "embeddings": {"float": [[0.5]]},
        "meta": {"billed_units": {"input_tokens": "@"}},
    },
    ("images", "openai"): {
        "data": [{"b64_json": "aGk="}],
        "usage": {"input_tokens": "@", "output_tokens": 1},
    },
}


@pytest.mark.parametrize("case", TASK_ANSWERS)
@pytest.mark.parametrize("number", [one for one in ODD if one != "1.5"])
def test_the_counts_of_tasks_are_held_to_the_same(case: tuple[str, str], number: str) -> None:
    task, request = TASKS[case[0]]
    offer: Any = task.formats[case[1]]
    conduit = offer.plan(task.parse(written(request)), Target("m", offer.dialect()))[1]
    conduit.feed(written(TASK_ANSWERS[case]).replace(HERE, number.encode()))
    assert conduit.close()
    assert conduit.failure is None
    assert conduit.tally.usage is None or conduit.tally.usage.input is None
    assert any(name.endswith("tokens") for name in conduit.tally.left_out)
