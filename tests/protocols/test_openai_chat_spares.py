"""What is not looked at because a request cannot need it would have changed nothing."""

import json
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from msgspec import structs

from tidegate.protocols.contract import Call, Target
from tidegate.protocols.errors import Unsupported
from tidegate.protocols.openai_chat import PROTOCOL, Dialect
from tidegate.protocols.openai_chat.build import USUAL, _build_any_turn, build_turn
from tidegate.protocols.openai_chat.splice import Splicer
from tidegate.protocols.profile import Profile

CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TWICE = {"role": "assistant", "tool_calls": [CALL, {**CALL, "function": {"name": "g", "arguments": "{}"}}]}
USER, SYSTEM = {"role": "user", "content": "Hi"}, {"role": "system", "content": "Be brief."}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": True}}
CONVERSATIONS: list[list[dict[str, Any]]] = [
    [USER],
    [SYSTEM, USER],
    [SYSTEM, SYSTEM, USER, USER],
    [{"role": "developer", "content": "Be brief."}, USER],
    [USER, {"role": "assistant", "content": "Well"}],
    [USER, {"role": "assistant", "content": "Well", "reasoning_content": "hm"}, USER],
    [USER, {"role": "assistant", "content": "Well", "reasoning": "hm"}, USER],
    [{**USER, "name": "me"}],
    [{**USER, "unknown": 1}],
    [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
    [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]}],
    [USER, TWICE, {"role": "tool", "tool_call_id": "call_1", "content": "1"}],
]
FIELDS: list[dict[str, Any]] = [
    {},
    *[{name: value} for name in ("temperature", "top_p") for value in (1, 0.5, None)],
    *[{"reasoning_effort": value} for value in ("low", "none", None)],
    *[{"tool_choice": value, "tools": [TOOL]} for value in ("auto", "required", None)],
    {"temperature": 0.5, "top_p": 0.5},
    {"top_k": 3},
    {"presence_penalty": 1},
    {"frequency_penalty": 0},
    {"logit_bias": {"1": 2}},
    {"logprobs": True, "top_logprobs": 3},
    {"seed": 7},
    {"stop": ["x"]},
    {"n": 2},
    {"max_tokens": 9},
    {"max_completion_tokens": 9},
    {"user": "me"},
    {"metadata": {"a": "b"}},
    {"reasoning": {"effort": "high"}},
    {"reasoning": {"enabled": False}},
    {"tools": [TOOL]},
    {"functions": [TOOL["function"]]},
    {"response_format": {"type": "json_object"}},
    {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}},
    {"system_message": "Be kind."},
    {"provider": {"order": ["a"]}},
    {"provider": "a"},
    {"models": ["b"]},
    {"session_id": "s"},
    {"stream": True},
    {"stream": True, "stream_options": {"include_usage": False}},
    {"stream_options": None},
    {"thinking": {"type": "disabled"}},
    {"unknown": 1},
]
BODIES = [{"model": "m", "messages": [USER], **fields} for fields in FIELDS] + [
    {"model": "m", "messages": messages, **fields}
    for messages in CONVERSATIONS
    for fields in ({}, {"reasoning_effort": "high"}, {"system_message": "Be kind."})
]
PARSED = [PROTOCOL.parse_request(json.dumps(body).encode()) for body in BODIES]


def others(kind: Any) -> Iterator[tuple[str, Any]]:
    """Each field of a struct with each value that its type allows, other than its default."""
    default = kind()
    for name, hint in get_type_hints(kind).items():
        for one in [hint, *get_args(hint)] if get_origin(hint) not in (tuple, dict) else [hint]:
            values: list[Any] = []
            if one is bool:
                values = [True, False]
            elif get_origin(one) is Literal:
                values = list(get_args(one))
            elif one == tuple[str, ...]:
                values = [("metadata",), ("stop",), ("reasoning", "provider"), ("low", "high")]
            elif one is str and name != "path":
                values = ["other"]
            yield from ((name, value) for value in values if value != getattr(default, name))


DIALECTS = [Dialect(), *[Dialect(**{name: value}) for name, value in others(Dialect)]]
PROFILES = [Profile(), *[Profile(**{name: value}) for name, value in others(Profile)]]
BOTH = Dialect(reasoning_back="reasoning_content", reasoning_required=True, drops=("seed",))
TARGETS = [
    *[Target("m", dialect) for dialect in DIALECTS],
    *[Target("m", Dialect(), profile) for profile in PROFILES],
    *[Target("m", BOTH, profile) for profile in PROFILES],
    *[Target("m", dialect, Profile(thinking="budget", efforts=("low", "high"))) for dialect in DIALECTS[::5]],
]


def rendered(splicer: Splicer, parsed: Any) -> Call | str:
    try:
        return splicer.render(parsed)
    except Unsupported as error:
        return error.message


def in_full(target: Target) -> Splicer:
    """A splicer that looks at everything in every request."""
    splicer = Splicer(target)
    splicer._touched = frozenset(["model"])
    splicer._messages.spares_bare = False
    return splicer


@pytest.mark.parametrize("place", range(8))
def test_a_request_is_sent_as_if_all_of_it_had_been_looked_at(place: int) -> None:
    for target in TARGETS[place::8]:
        spared, full = Splicer(target), in_full(target)
        for body, parsed in zip(BODIES, PARSED, strict=True):
            assert rendered(spared, parsed) == rendered(full, parsed), (target, body)


def test_a_turn_of_the_usual_fields_is_that_of_any_fields() -> None:
    usual = [parsed for parsed in PARSED if USUAL.issuperset(parsed.fields)]
    assert len(usual) > 10
    for parsed in usual:
        assert build_turn(parsed.wire, parsed.fields, parsed.stream) == _build_any_turn(
            parsed.wire, parsed.fields, parsed.stream
        )
    every = {"stream": True, "stream_options": {"include_usage": True}, "temperature": 0.5, "top_p": 0.25}
    for limit in ("max_tokens", "max_completion_tokens"):
        body = {"model": "m", "messages": [USER], **every, limit: 7}
        parsed = PROTOCOL.parse_request(json.dumps(body).encode())
        turn = parsed.turn()
        assert (turn.max_tokens, turn.temperature, turn.top_p, turn.stream) == (7, 0.5, 0.25, True)
        assert turn == _build_any_turn(parsed.wire, parsed.fields, parsed.stream)


def test_most_requests_are_spared_the_edits() -> None:
    splicer = Splicer(Target("m", Dialect()))
    for fields in ({}, {"temperature": 0.5}, {"max_tokens": 9}, {"stream": True}):
        parsed = PROTOCOL.parse_request(
            json.dumps({"model": "m", "messages": [SYSTEM, USER], **fields}).encode()
        )
        assert parsed.bare
        assert splicer._touched.isdisjoint(parsed.fields), fields
        assert splicer._messages.spares_bare


@pytest.mark.parametrize("messages", CONVERSATIONS)
def test_messages_are_bare_if_they_have_nothing_but_texts(messages: list[dict[str, Any]]) -> None:
    parsed = PROTOCOL.parse_request(json.dumps({"model": "m", "messages": messages}).encode())
    for one in messages:
        known = set(one) <= {"role", "content", "unknown"} and one["role"] != "developer"
        if not known or not isinstance(one["content"], str):
            assert not parsed.bare
            break
    else:
        assert parsed.bare
    assert parsed.needs() == frozenset() or not parsed.bare


def test_every_field_of_a_message_is_looked_at() -> None:
    """Each but the first two has None as its default, by which it is known not to be there."""
    fields = structs.fields(type(PARSED[0].wire.messages[0]))
    assert [field.name for field in fields[:2]] == ["role", "content"]
    for field in fields:
        assert field.name == "role" or field.default is None, field.name
