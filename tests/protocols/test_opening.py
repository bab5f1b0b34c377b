"""What all requests of a conversation have in common, in every client dialect."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tidegate.protocols import anthropic, gemini, openai_chat, openai_responses
from tidegate.protocols.contract import ParsedRequest
from tidegate.protocols.opening import Session

FIRST, SECOND, OTHER = "Where is the harbour?", "And the station?", "Where is the market?"


def chat(texts: list[str], **more: Any) -> ParsedRequest:
    roles = ("user", "assistant")
    turns = [{"role": roles[at % 2], "content": text} for at, text in enumerate(texts)]
    body = {"model": "m", "messages": [{"role": "system", "content": "Be brief."}, *turns], **more}
    return openai_chat.PROTOCOL.parse_request(json.dumps(body).encode())


def responses(texts: list[str], **more: Any) -> ParsedRequest:
    roles = ("user", "assistant")
    items = [{"type": "message", "role": roles[at % 2], "content": text} for at, text in enumerate(texts)]
    body = {"model": "m", "instructions": "Be brief.", "input": items, **more}
    return openai_responses.PROTOCOL.parse_request(json.dumps(body).encode())


def messages(texts: list[str], **more: Any) -> ParsedRequest:
    """The marker for the cache is always at the last message, as Claude Code does it."""
    roles = ("user", "assistant")
    turns: list[Any] = [
        {"role": roles[at % 2], "content": [{"type": "text", "text": text}]} for at, text in enumerate(texts)
    ]
    turns[-1]["content"][0]["cache_control"] = {"type": "ephemeral"}
    body = {"model": "m", "max_tokens": 9, "system": "Be brief.", "messages": turns, **more}
    return anthropic.PROTOCOL.parse_request(json.dumps(body).encode())


def contents(texts: list[str], **more: Any) -> ParsedRequest:
    roles = ("user", "model")
    turns = [{"role": roles[at % 2], "parts": [{"text": text}]} for at, text in enumerate(texts)]
    system = {"parts": [{"text": "Be brief."}]}
    body = {"contents": turns, "systemInstruction": system, "model": "m", **more}
    return gemini.PROTOCOL.parse_request(json.dumps(body).encode())


Ask = Callable[..., ParsedRequest]
DIALECTS = pytest.mark.parametrize("ask", [chat, responses, messages, contents])


@DIALECTS
def test_it_is_the_same_in_every_turn_of_a_conversation(ask: Ask) -> None:
    later = ask([FIRST, "By the sea.", SECOND])
    assert [*ask([FIRST]).opening()] == [*later.opening()]


@DIALECTS
def test_it_differs_between_conversations(ask: Ask) -> None:
    assert [*ask([FIRST]).opening()] != [*ask([OTHER]).opening()]


@DIALECTS
def test_it_holds_the_instructions_and_the_first_message_of_the_user(ask: Ask) -> None:
    assert [*ask([FIRST]).opening()][-2:] == [b"Be brief.", FIRST.encode()]


def test_tools_are_a_part_of_it() -> None:
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
    assert b"look" in [*chat([FIRST], tools=tools).opening()]
    named = [{"name": "look", "input_schema": {"type": "object"}}]
    assert b"look" in [*messages([FIRST], tools=named).opening()]
    assert [*responses([FIRST]).opening()] != [
        *responses([FIRST], tools=[{"type": "function", "name": "look", "parameters": {}}]).opening()
    ]


@pytest.mark.parametrize("ask", [chat, responses])
def test_a_conversation_can_be_named(ask: Ask) -> None:
    named = ask([FIRST], session_id="s-1", prompt_cache_key="k-1")
    assert named.session() == Session("s-1", "k-1")
    assert ask([FIRST]).session() == Session()


def test_a_conversation_of_openai_names_itself() -> None:
    assert responses([SECOND], conversation="conv_1").session().id == "conv_1"
    assert responses([SECOND], conversation={"id": "conv_1"}).session().id == "conv_1"


@DIALECTS
def test_dialects_without_a_name_have_none(ask: Ask) -> None:
    assert ask([FIRST]).session() == Session()
