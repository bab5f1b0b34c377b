"""Thinking on the way to services of OpenAI's format: asked for, switched off, given back."""

from json import dumps, loads
from typing import Any

import pytest

from tidegate.protocols.contract import Target
from tidegate.protocols.openai_chat import PROTOCOL, Dialect
from tidegate.protocols.profile import Profile

CALLS = [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
DETAILS = [{"type": "reasoning.text", "text": "Hm.", "signature": "c2ln", "format": "anthropic"}]
FIELDS = ("reasoning_content", "reasoning", "reasoning_details", "content")


def ask(
    *,
    said: dict[str, Any] | None = None,
    dialect: dict[str, Any],
    profile: Profile | None = None,
    **more: Any,
) -> tuple[dict[str, Any], tuple[str, ...], dict[str, Any]]:
    """The spliced request, the names of what it lost, and its assistant's message."""
    messages = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Yes?", **(said or {})},
        *(
            [{"role": "tool", "tool_call_id": "call_1", "content": "1"}]
            if "tool_calls" in (said or {})
            else []
        ),
        {"role": "user", "content": "Go on"},
    ]
    asked = PROTOCOL.parse_request(dumps({"model": "m", "messages": messages, **more}).encode())
    call = PROTOCOL.splice_request(asked, Target("m", Dialect(**dialect), profile or Profile()))
    body = loads(call.body)
    return body, call.dropped, body["messages"][1]


# --- given back ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "said", "sent"),
    [
        ("none", {"reasoning_content": "Hm."}, {}),
        ("as_given", {"reasoning_content": "Hm."}, {"reasoning_content": "Hm."}),
        ("as_given", {"reasoning": "Hm."}, {"reasoning": "Hm."}),
        ("reasoning_content", {"reasoning_content": "Hm."}, {"reasoning_content": "Hm."}),
        ("reasoning_content", {"reasoning": "Hm."}, {"reasoning_content": "Hm."}),
        ("reasoning", {"reasoning_content": "Hm."}, {"reasoning": "Hm."}),
        ("reasoning", {"reasoning_content": "Hm.", "reasoning": "Hm."}, {"reasoning": "Hm."}),
        ("either", {"reasoning": "Hm."}, {"reasoning": "Hm."}),
        ("either", {"reasoning_content": "Hm."}, {"reasoning": "Hm.", "reasoning_content": "Hm."}),
        (
            "reasoning_details",
            {"reasoning_content": "Hm.", "reasoning_details": DETAILS},
            {"reasoning_details": DETAILS},
        ),
        ("reasoning_details", {"reasoning_content": "Hm."}, {"reasoning": "Hm."}),
    ],
)
def test_thinking_goes_back_under_the_name_that_the_service_knows(
    form: str, said: dict[str, Any], sent: dict[str, Any]
) -> None:
    _, dropped, message = ask(said=said, dialect={"reasoning_back": form})
    assert {name: message[name] for name in FIELDS if name in message} == {"content": "Yes?", **sent}
    assert dropped == (() if sent else ("thinking",))


def test_thinking_goes_back_as_a_part_where_it_is_one() -> None:
    _, dropped, message = ask(said={"reasoning_content": "Hm."}, dialect={"reasoning_back": "thinking"})
    assert message["content"] == [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
        {"type": "text", "text": "Yes?"},
    ]
    assert "reasoning_content" not in message
    assert dropped == ()


@pytest.mark.parametrize("form", ["none", "reasoning_content", "reasoning", "thinking", "reasoning_details"])
def test_what_no_service_knows_is_taken_out_of_messages(form: str) -> None:
    said = {"extra_content": {"google": {"thought_signature": "c2ln"}}, "native_blocks": []}
    _, dropped, message = ask(said=said, dialect={"reasoning_back": form})
    assert message.keys() == {"role", "content"}
    assert dropped == ("thinking",)


# --- demanded --------------------------------------------------------------------------------

DEMANDS = {"reasoning_back": "reasoning_content", "reasoning_required": True}


@pytest.mark.parametrize(
    ("said", "more", "profile", "thought"),
    [
        ({"tool_calls": CALLS}, {}, Profile(), " "),
        ({"tool_calls": CALLS, "reasoning_content": None}, {}, Profile(), " "),
        ({"tool_calls": CALLS, "reasoning_content": "Hm."}, {}, Profile(), "Hm."),
        ({"tool_calls": CALLS, "reasoning_content": ""}, {}, Profile(), ""),
        ({"tool_calls": CALLS}, {"thinking": {"type": "disabled"}}, Profile(), None),
        ({"tool_calls": CALLS}, {}, Profile(thinking="none"), None),
        ({}, {}, Profile(), None),
    ],
)
def test_calls_have_a_thought_where_the_service_demands_one(
    said: dict[str, Any], more: dict[str, Any], profile: Profile, thought: str | None
) -> None:
    _, dropped, message = ask(said=said, dialect=DEMANDS, profile=profile, **more)
    assert message.get("reasoning_content") == thought
    assert dropped == ()


# --- in the way of a forced tool -------------------------------------------------------------

NAMED = {"type": "function", "function": {"name": "f"}}
OFF = {"thinking": {"thinking": {"type": "disabled"}}, "enable_thinking": {"enable_thinking": False}}
SHY = Profile(forced_tools_while_thinking=False)


@pytest.mark.parametrize("form", OFF)
@pytest.mark.parametrize(
    ("profile", "choice", "effort", "off", "lost"),
    [
        (SHY, "required", None, True, ()),
        (SHY, NAMED, "high", True, ("reasoning_effort",)),
        (SHY, "auto", "high", False, ()),
        (Profile(), "required", "high", False, ()),
        (Profile(forced_tools_while_thinking=False, reasons_by_default=False), NAMED, None, False, ()),
        (Profile(forced_tools_while_thinking=False, thinking_off=False), NAMED, None, False, ()),
    ],
    ids=["by itself", "asked for", "not forced", "no matter", "does not think", "cannot but think"],
)
def test_thinking_is_switched_off_for_a_tool_that_must_be_called(
    form: str, profile: Profile, choice: Any, effort: str | None, off: bool, lost: tuple[str, ...]
) -> None:
    more = {} if effort is None else {"reasoning_effort": effort}
    body, dropped, _ = ask(
        dialect={"effort": form}, profile=profile, tools=[TOOL], tool_choice=choice, **more
    )
    assert (OFF[form].items() <= body.items()) == off
    assert dropped == lost
    assert body["tool_choice"] == choice


def test_a_client_that_switches_thinking_itself_is_not_corrected() -> None:
    said = {"type": "enabled"}
    body, _, _ = ask(
        dialect={"effort": "thinking"}, profile=SHY, tools=[TOOL], tool_choice="required", thinking=said
    )
    assert body["thinking"] == said


# --- a schema in the prompt ------------------------------------------------------------------


@pytest.mark.parametrize(("alternation", "place", "roles"), [(False, -1, 4), (True, 0, 4)])
def test_a_schema_in_words_is_where_the_service_accepts_instructions(
    alternation: bool, place: int, roles: int
) -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    body, _, _ = ask(dialect={"schemas": "prompt", "alternation": alternation}, response_format=schema)
    sent = body["messages"][place]
    assert (sent["role"], len(body["messages"])) == ("system", roles)
    assert '{"type":"object"}' in sent["content"].replace(" ", "")
    assert body["response_format"] == {"type": "json_object"}
