"""Tool calls as servers of OpenAI's chat format really stream them."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from field.calling import DONE, DOORS, answer, call, chunk, received
from tidegate.protocols.calls import Assembly, CallPiece, CallUpdate

END = chunk({}, "tool_calls") + DONE
SERVERS = ("openai_compatible", "together", "vllm", "ollama", "mistral")

SITUATIONS: dict[str, tuple[bytes, list[tuple[str, Any]]]] = {
    "as OpenAI does": (
        call("look", "", index=0, id="c0") + call(None, '{"a"', index=0) + call(None, ":1}", index=0),
        [("look", {"a": 1})],
    ),
    "two calls at one index without ids": (
        call("find", '{"q":"x"}', index=0) + call("find", '{"q":"y"}', index=0),
        [("find", {"q": "x"}), ("find", {"q": "y"})],
    ),
    "two calls at one index without ids, in pieces": (
        call("find", '{"q":', index=0)
        + call(None, '"}"}', index=0)
        + call("find", "", index=0)
        + call(None, '{"q":"y"}', index=0),
        [("find", {"q": "}"}), ("find", {"q": "y"})],
    ),
    "without indexes, each with an id": (
        call("find", '{"q":1}', id="a") + call("see", '{"q":2}', id="b"),
        [("find", {"q": 1}), ("see", {"q": 2})],
    ),
    "another id with every piece": (
        call("fetch", "", index=0, id="r1")
        + call(None, '{"u":', index=0, id="r2")
        + call(None, "2}", index=0, id="r3"),
        [("fetch", {"u": 2})],
    ),
    "another id with every piece, and the name again": (
        call("fetch", "", index=0, id="r1")
        + call("fetch", '{"u":', index=0, id="r2")
        + call("fetch", "2}", index=0, id="r3"),
        [("fetch", {"u": 2})],
    ),
    "an id that comes late": (
        call("fetch", "", index=0) + call(None, '{"u":', index=0, id="late") + call(None, "2}", index=0),
        [("fetch", {"u": 2})],
    ),
    "a name that comes late": (
        call(None, "", index=0, id="A") + call("sh", None, index=0) + call(None, '{"c":1}', index=0),
        [("sh", {"c": 1})],
    ),
    "a name behind the first arguments": (
        call("", '{"c":', index=0, id="A") + call("sh", "1}", index=0),
        [("sh", {"c": 1})],
    ),
    "a name in pieces": (
        call("write_", "", index=0, id="A") + call("file", "", index=0) + call(None, "{}", index=0),
        [("write_file", {})],
    ),
    "a name that grows": (
        call("write", "", index=0, id="A") + call("write_file", "", index=0) + call(None, "{}", index=0),
        [("write_file", {})],
    ),
    "a name in pieces and nothing else": (
        call("write_", "", index=0, id="A") + call("file", "", index=0),
        [("write_file", {})],
    ),
    "an index that grows with every piece of one call": (
        call("look", "", index=0, id="A") + call(None, '{"a":', index=1) + call(None, "1}", index=2),
        [("look", {"a": 1})],
    ),
    "interleaved by id at one index": (
        call("one", "", index=0, id="A")
        + call("two", "", index=0, id="B")
        + call(None, '{"n":1}', index=0, id="A")
        + call(None, '{"n":2}', index=0, id="B"),
        [("one", {"n": 1}), ("two", {"n": 2})],
    ),
    "one id for two calls": (
        call("find", '{"q":1}', index=0, id="f:3") + call("find", '{"q":2}', index=1, id="f:3"),
        [("find", {"q": 1}), ("find", {"q": 2})],
    ),
    "the call again at the end": (
        call("find", '{"q":1}', index=0, id="A") + call("find", "", index=0, id="A"),
        [("find", {"q": 1})],
    ),
    "calls in one delta": (
        chunk(
            {
                "tool_calls": [
                    {"id": "", "function": {"name": "a", "arguments": "{}"}},
                    {"id": "", "function": {"name": "b", "arguments": {"x": 1}}},
                ]
            }
        ),
        [("a", {}), ("b", {"x": 1})],
    ),
    "not in a list (older servers of Hugging Face)": (
        chunk({"tool_calls": {"index": 0, "id": "a", "function": {"name": "find", "arguments": '{"q"'}}})
        + chunk({"tool_calls": {"index": 0, "id": "a", "function": {"arguments": ":1}"}}}),
        [("find", {"q": 1})],
    ),
    "a null among them": (
        chunk({"tool_calls": [None, {"id": "a", "function": {"name": "find", "arguments": "{}"}}]}),
        [("find", {})],
    ),
    "without a function around the name": (
        chunk({"tool_calls": [{"index": 0, "id": "a", "name": "find", "arguments": {"q": 1}}]}),
        [("find", {"q": 1})],
    ),
    "indexes as texts": (
        call("find", '{"q":1}', index="0", id="a") + call("see", '{"q":2}', index="1", id="b"),
        [("find", {"q": 1}), ("see", {"q": 2})],
    ),
    "empty ids and types": (
        call("find", "", index=0, id="", type="") + call("", '{"q":1}', index=0, id="", type=""),
        [("find", {"q": 1})],
    ),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_calls_come_whole(situation: str, kind: str, door: str) -> None:
    stream, wanted = SITUATIONS[situation]
    result = received(door, f"{kind}/m", chunk({"role": "assistant", "content": None}) + stream + END)
    assert result.failure is None
    assert [(name, json.loads(text or "{}")) for _, name, text in result.calls] == wanted
    assert result.finish == {"chat": "tool_calls", "messages": "tool_use", "responses": "completed"}[door]


STUBS = [
    {"function_call": {"name": "", "arguments": ""}},
    {"function_call": {"name": None, "arguments": None}},
    {"function_call": {}},
    {"tool_calls": [{"index": 0, "id": "", "type": "function", "function": {"name": "", "arguments": ""}}]},
    {"tool_calls": [{"index": 0, "function": {"name": "", "arguments": "{}"}}]},
    {"tool_calls": [{"index": 0}]},
    {"tool_calls": []},
    {"tool_calls": None},
]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", ["openai_compatible", "ollama"])
@pytest.mark.parametrize("stub", STUBS)
def test_a_stub_is_no_call(stub: dict[str, Any], kind: str, door: str) -> None:
    stream = chunk({"role": "assistant", "content": "hey"}) + chunk(stub, "stop") + DONE
    ends = {"chat": "stop", "messages": "end_turn", "responses": "completed"}
    for result in (
        received(door, f"{kind}/m", stream),
        received(door, f"{kind}/m", answer({"content": "hey", **stub}), stream=False),
    ):
        assert (result.text, result.calls, result.finish) == ("hey", (), ends[door])


@pytest.mark.parametrize("door", ["messages", "responses"])
def test_a_function_call_of_old_beside_tool_calls_is_the_same_call(door: str) -> None:
    old, new = (
        {"name": "f", "arguments": "{}"},
        {"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}},
    )
    stream = chunk({"tool_calls": [new], "function_call": old}) + END
    assert [name for _, name, _ in received(door, "openai/m", stream).calls] == ["f"]
    stream = chunk({"function_call": {"name": "f", "arguments": ""}}) + chunk(
        {"function_call": {"arguments": "{}"}}
    )
    result = received(door, "openai/m", stream + chunk({}, "function_call") + DONE)
    assert [(name, text) for _, name, text in result.calls] == [("f", "{}")]


@pytest.mark.parametrize("door", DOORS)
def test_whole_answers_whose_calls_share_an_id(door: str) -> None:
    calls = [
        {"id": "f:3", "type": "function", "function": {"name": "f", "arguments": json.dumps({"n": number})}}
        for number in (1, 2)
    ]
    result = received(door, "openai_compatible/m", answer({"tool_calls": calls}, "tool_calls"), stream=False)
    assert [json.loads(text) for _, _, text in result.calls] == [{"n": 1}, {"n": 2}]


def test_a_call_whose_name_never_comes_is_a_failure() -> None:
    result = received("messages", "vllm/m", call(None, '{"a":1}', index=0, id="A") + END)
    assert result.failure is not None
    assert "without a name" in result.failure


CALLS = st.lists(
    st.tuples(
        st.sampled_from(["look", "find_it", "write-file"]),
        st.dictionaries(st.text(max_size=3), st.text(max_size=4) | st.integers() | st.none(), max_size=3),
    ),
    min_size=1,
    max_size=4,
)


@given(CALLS, st.data())
@settings(max_examples=150, deadline=None)
def test_calls_one_after_another_come_whole_however_they_are_identified(
    calls: list[tuple[str, dict[str, Any]]], data: st.DataObject
) -> None:
    indexes = data.draw(st.sampled_from(["counted", "zero", "none"]))
    ids = data.draw(st.sampled_from(["own", "none", "one for all"]))
    again = data.draw(st.booleans())
    assembly, result = Assembly(), {}
    calls = [(name, {**arguments, "number": number}) for number, (name, arguments) in enumerate(calls)]
    for number, (name, arguments) in enumerate(calls):
        text = json.dumps(arguments)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=3)))
        parts = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        parts = [part for part in parts if part]
        place = {"counted": number, "zero": 0, "none": None}[indexes]
        own = {"own": f"id{number}", "none": "", "one for all": "same"}[ids]
        for first, part in zip([True] + [False] * len(parts), parts, strict=False):
            piece = CallPiece(place, own if first or again else "", name if first else "", part)
            for update in assembly.add(piece):
                _note(update, result)
    for update in assembly.flush():
        _note(update, result)
    assert [(name, json.loads(text)) for _, name, text in result.values()] == calls
    assert len({id_ for id_, _, _ in result.values()}) == len(calls)


def _note(update: CallUpdate, result: dict[int, tuple[str, str, str]]) -> None:
    call = update.call
    before = "" if update.begins else result[call.index][2]
    result[call.index] = (call.id, call.name, before + update.arguments)


PIECES = st.builds(
    CallPiece,
    st.none() | st.integers(0, 2),
    st.sampled_from(["", "a", "b"]),
    st.sampled_from(["", "f", "fg", "h"]),
    st.sampled_from(["", "{", "}", "{}", '"', "\\", '{"a":', "1}"]),
)


@given(st.lists(PIECES, max_size=8))
@settings(max_examples=300, deadline=None)
def test_no_part_of_the_arguments_is_lost_and_no_call_lacks_a_name(pieces: list[CallPiece]) -> None:
    assembly, result = Assembly(), {}
    updates = [update for piece in pieces for update in assembly.add(piece)] + assembly.flush()
    for update in updates:
        _note(update, result)
    assert list(result) == list(range(len(result)))
    assert all(id_ and name for id_, name, _ in result.values())
    for one in assembly.calls:
        assert not one.begun or result[one.index][2] == "".join(one.arguments)
