"""Numbers that no float or int holds (`1e400`, thousands of digits) end no answer, wherever they stand."""

# ruff: noqa: E501 an answer reads as it is sent

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from cases import each
from protocols import test_side_fields as answers
from protocols.bedrock_frames import frame
from protocols.test_side_fields import CASES, REQUESTS, TEXT, Answer, bridge, carries, places, replaced
from tidegate.protocols.completions import conduit as completions
from tidegate.protocols.contract import Conduit, Target
from tidegate.protocols.embeddings import TASK as EMBEDDINGS
from tidegate.protocols.images import TASK as IMAGES
from tidegate.protocols.moderations import TASK as MODERATIONS
from tidegate.protocols.wide_numbers import decode_any
from tidegate.providers import protocol_named

WIDE = ["1e400", "-1e400", "1" + "0" * 400, "-1" + "0" * 400, "9" * 5_000, "0.1e99999999"]
HERE = "@wide@"
UNKNOWN = "x_unknown"

NUMBERS = pytest.mark.parametrize("number", WIDE, ids=lambda number: number[:8] + f" of {len(number)}")


def put(answer: bytes, number: str) -> bytes:
    return answer.replace(json.dumps(HERE).encode(), number.encode())


def frames(events: Answer, number: str) -> bytes:
    return b"".join(
        frame({":event-type": kind, ":message-type": "event"}, put(json.dumps(inside).encode(), number))
        for one in events
        for kind, inside in one.items()
    )


def written(name: str, stream: bool, events: Answer, number: str) -> bytes:
    case = CASES[name, stream]
    return frames(events, number) if case.write is answers.frames else put(case.write(events), number)


def with_number(name: str, stream: bool) -> Iterator[tuple[tuple[Any, ...], Answer]]:
    """An answer with the number in each place that does not carry the text, and beside the fields of each
    object; the path is where it stands.
    """
    case = CASES[name, stream]
    events = case.make()
    if (name, stream) == ("bedrock", True):
        at = [path for path in places(events) if len(path) > 2]
    else:
        at = [path for path in places(events) if len(path) > 1]
    for path in at:
        value: Any = events
        for step in path:
            value = value[step]
        if isinstance(value, dict):
            yield (*path, UNKNOWN), replaced(events, (*path, UNKNOWN), HERE)
        within = isinstance(path[-1], int) and carries(case, path[:-1])
        if not (carries(case, path) or within or path[-1] in answers.FINISHES):
            yield path, replaced(events, path, HERE)


def fed(conduit: Conduit, answer: bytes) -> bytes:
    return conduit.feed(answer) + conduit.close()


def check(where: tuple[Any, ...], conduit: Conduit, answer: bytes) -> bytes:
    out = fed(conduit, answer)
    assert conduit.failure is None, f"{where}: {conduit.failure}"
    assert TEXT.encode() in out, where
    return out


@NUMBERS
@pytest.mark.parametrize(("name", "stream"), CASES)
def test_a_translated_answer_goes_on(name: str, stream: bool, number: str) -> None:
    for where, events in with_number(name, stream):
        for door in REQUESTS:
            check((door, *where), bridge(name, door, stream), written(name, stream, events, number))


SPLICES = ["openai_chat", "anthropic", "gemini", "openai_responses"]
FAULTS = ("ragged_heads", "ragged_calls", "foreign_finishes", "repeats_role", "excludes_reasoning")


def passing(name: str, stream: bool, *faults: str) -> Conduit:
    """The conduit of an answer to a client of the same format, which wants the usage too."""
    protocol: Any = protocol_named(name)
    target = Target("m", protocol.dialect(**dict.fromkeys(faults, True)))
    options = {"stream_options": {"include_usage": True}} if name == "openai_chat" and stream else {}
    body = json.dumps({"model": "m", "stream": stream, **REQUESTS[name], **options}).encode()
    parsed = (
        protocol.parse_request(body, "m", stream=stream) if name == "gemini" else protocol.parse_request(body)
    )
    conduit: Conduit = protocol.splice(parsed, protocol.splice_request(parsed, target), target)
    return conduit


@NUMBERS
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("name", SPLICES)
def test_bytes_that_pass_keep_the_number(name: str, stream: bool, number: str) -> None:
    for where, events in with_number(name, stream):
        answer = written(name, stream, events, number)
        assert check(where, passing(name, stream), answer).replace(b"\r", b"") == answer.replace(b"\r", b"")


@NUMBERS
@pytest.mark.parametrize("stream", [True, False])
def test_a_mended_answer_keeps_the_number(stream: bool, number: str) -> None:
    at = [(0, "choices", 0, "index"), (0, "id"), (0, "model")]
    more = [(path, replaced(CASES["openai_chat", stream].make(), path, HERE)) for path in at]
    for where, events in (*with_number("openai_chat", stream), *more):
        answer = written("openai_chat", stream, events, number)
        out = check(where, passing("openai_chat", stream, *FAULTS), answer)
        if UNKNOWN in where:
            assert number.encode() in out, where
    conduit = passing("openai_chat", stream, *FAULTS)
    fed(
        conduit,
        written(
            "openai_chat", stream, replaced(CASES["openai_chat", stream].make(), (0, "id"), HERE), number
        ),
    )
    assert conduit.tally.id == number


# --- tool calls ----------------------------------------------------------------------------------


def chat_calls(stream: bool, arguments: Any) -> bytes:
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    said = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "delta" if stream else "message": said, "finish_reason": "tool_calls"}
    body = json.dumps({"id": "c", "object": "x", "created": 1, "model": "m", "choices": [choice]})
    return f"data: {body}\n\ndata: [DONE]\n\n".encode() if stream else body.encode()


ARGUMENTS = {"a": HERE, "b": [HERE, 1.5]}
CALLED: dict[tuple[str, bool], Callable[[], bytes]] = {
    ("openai_chat", True): lambda: chat_calls(True, ARGUMENTS),
    ("openai_chat", False): lambda: chat_calls(False, ARGUMENTS),
    ("anthropic", False): lambda: json.dumps(
        {
            **answers.claude_whole()[0],
            "content": [{"type": "tool_use", "id": "c1", "name": "f", "input": ARGUMENTS}],
            "stop_reason": "tool_use",
        }
    ).encode(),
    ("gemini", False): lambda: json.dumps(
        {
            "candidates": [
                {
                    "content": {"parts": [{"functionCall": {"name": "f", "args": ARGUMENTS}}]},
                    "finishReason": "STOP",
                }
            ]
        }
    ).encode(),
    ("gemini", True): lambda: b"".join(
        b"data: " + json.dumps({"candidates": [one]}).encode() + b"\r\n\r\n"
        for one in (
            {
                "content": {
                    "parts": [{"functionCall": {"name": "f", "args": {"a": HERE}, "willContinue": True}}]
                }
            },
            {
                "content": {
                    "parts": [
                        {
                            "functionCall": {
                                "partialArgs": [
                                    {"jsonPath": "$.b[0]", "numberValue": HERE},
                                    {"jsonPath": "$.b[1]", "numberValue": 1.5},
                                ]
                            }
                        }
                    ]
                },
                "finishReason": "STOP",
            },
        )
    ),
    ("bedrock", False): lambda: json.dumps(
        {
            "output": {
                "message": {
                    "role": "assistant",
                    "content": [{"toolUse": {"toolUseId": "c1", "name": "f", "input": ARGUMENTS}}],
                }
            },
            "stopReason": "tool_use",
        }
    ).encode(),
}


@NUMBERS
@pytest.mark.parametrize("door", REQUESTS)
@pytest.mark.parametrize(("name", "stream"), CALLED)
def test_the_arguments_of_a_call_keep_the_number(name: str, stream: bool, door: str, number: str) -> None:
    conduit = bridge(name, door, stream)
    out = fed(conduit, put(CALLED[name, stream](), number)).replace(b"\\", b"")
    assert conduit.failure is None
    assert b'"a":' + number.encode() in out.replace(b" ", b"")
    assert b'"b":[' + number.encode() + b",1.5]" in out.replace(b" ", b"")


# --- tasks ---------------------------------------------------------------------------------------

COMPLETION = {
    "id": "c1", "object": "text_completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "text": TEXT, "finish_reason": "stop", "logprobs": {"token_logprobs": [HERE]}}],
    "usage": {"prompt_tokens": HERE, "completion_tokens": 1}, UNKNOWN: HERE,
}  # fmt: skip


@NUMBERS
def test_completions_keep_the_number(number: str) -> None:
    whole = put(json.dumps(COMPLETION).encode(), number)
    stream = b"data: " + whole + b"\n\ndata: [DONE]\n\n"
    assert check((), completions.BodySplice(), whole) == whole
    assert check((), completions.StreamSplice(include_usage=True), stream) == stream


TASKS: list[tuple[Any, dict[str, Any], str, dict[str, Any]]] = [
    (EMBEDDINGS, {"input": "Hi"}, "openai", {"data": [{"embedding": [0.5], "index": 0, UNKNOWN: HERE}], "usage": {"prompt_tokens": HERE}, UNKNOWN: HERE}),
    (EMBEDDINGS, {"input": "Hi"}, "cohere", {"embeddings": {"float": [[0.5]]}, "meta": {"billed_units": {"input_tokens": HERE}}, UNKNOWN: HERE}),
    (EMBEDDINGS, {"input": "Hi"}, "gemini", {"embedding": {"values": [0.5], "statistics": {"tokenCount": HERE}}, UNKNOWN: HERE}),
    (IMAGES, {"prompt": "Hi"}, "openai", {"created": HERE, "data": [{"b64_json": "aGk=", UNKNOWN: HERE}], "usage": {"input_tokens": HERE}}),
    (MODERATIONS, {"input": "Hi"}, "openai", {"id": "m", "model": "m", "results": [{"flagged": False, "category_scores": {"violence": HERE}}]}),
]  # fmt: skip


@NUMBERS
@each("task, asked, form, answer", TASKS)
def test_the_answer_of_a_task_goes_on(
    task: Any, asked: dict[str, Any], form: str, answer: dict[str, Any], number: str
) -> None:
    offer = task.formats[form]
    parsed = task.parse(json.dumps({"model": "m", **asked}).encode())
    conduit = offer.plan(parsed, Target("m", offer.dialect()))[1]
    assert fed(conduit, put(json.dumps(answer).encode(), number))
    assert conduit.failure is None


# --- reading them --------------------------------------------------------------------------------


@NUMBERS
def test_a_number_is_written_as_it_was_read(number: str) -> None:
    text = f'{{"a":[{number},1.5,{number}],"b":"\\"{number}","c":{{"d":{number}}}}}'.encode()
    assert msgspec.json.encode(decode_any(text)) == text
