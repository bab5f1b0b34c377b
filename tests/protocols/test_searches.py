"""How many web searches a request lets its provider run, in every dialect of clients."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.json import encode

from tidegate.protocols.anthropic.parse import parse_request as parse_anthropic
from tidegate.protocols.completions.request import parse_request as parse_completion
from tidegate.protocols.gemini.parse import parse_request as parse_gemini
from tidegate.protocols.openai_chat.parse import parse_request as parse_chat
from tidegate.protocols.openai_responses.compact import parse_compact
from tidegate.protocols.openai_responses.parse import parse_request as parse_response

MESSAGES = [{"role": "user", "content": '"web_search" and googleSearch'}]
CHAT = {"model": "m", "messages": MESSAGES}
MESSAGE = {**CHAT, "max_tokens": 5}
GEMINI = {"model": "m", "contents": [{"role": "user", "parts": [{"text": "web_search"}]}]}
RESPONSE = {"model": "m", "input": "web_search"}
FUNCTION = {"name": "web_search", "parameters": {"type": "object"}}
SEARCH = {"type": "web_search_20250305", "name": "web_search"}
FETCH = {"type": "web_fetch_20250910", "name": "web_fetch", "max_uses": 9}

Case = tuple[Callable[..., Any], dict[str, Any], dict[str, Any], int | None]

CASES: dict[str, Case] = {
    "chat: none": (parse_chat, CHAT, {}, 0),
    "chat: a function": (parse_chat, CHAT, {"tools": [{"type": "function", "function": FUNCTION}]}, 0),
    "chat: the field": (parse_chat, CHAT, {"web_search_options": {}}, None),
    "chat: the field is null": (parse_chat, CHAT, {"web_search_options": None}, 0),
    "chat: a tool": (parse_chat, CHAT, {"tools": [{"type": "web_search"}]}, None),
    "anthropic: none": (parse_anthropic, MESSAGE, {}, 0),
    "anthropic: another tool": (parse_anthropic, MESSAGE, {"tools": [FETCH]}, 0),
    "anthropic: a bound": (parse_anthropic, MESSAGE, {"tools": [{**SEARCH, "max_uses": 3}, FETCH]}, 3),
    "anthropic: no bound": (parse_anthropic, MESSAGE, {"tools": [FETCH, SEARCH]}, None),
    "anthropic: one of two": (
        parse_anthropic,
        MESSAGE,
        {"tools": [{**SEARCH, "max_uses": 3}, {**SEARCH, "name": "more"}]},
        None,
    ),
    "anthropic: no number": (parse_anthropic, MESSAGE, {"tools": [{**SEARCH, "max_uses": "x"}]}, None),
    "anthropic: below zero": (parse_anthropic, MESSAGE, {"tools": [{**SEARCH, "max_uses": -9}]}, None),
    "anthropic: true": (parse_anthropic, MESSAGE, {"tools": [{**SEARCH, "max_uses": True}]}, None),
    "gemini: none": (parse_gemini, GEMINI, {}, 0),
    "gemini: a function": (parse_gemini, GEMINI, {"tools": [{"functionDeclarations": [FUNCTION]}]}, 0),
    "gemini: a search": (parse_gemini, GEMINI, {"tools": [{"googleSearch": {}}]}, None),
    "gemini: in other letters": (parse_gemini, GEMINI, {"tools": [{"google_search": {}}]}, None),
    "gemini: an older one": (parse_gemini, GEMINI, {"tools": [{"googleSearchRetrieval": {}}]}, None),
    "responses: none": (parse_response, RESPONSE, {}, 0),
    "responses: a function": (parse_response, RESPONSE, {"tools": [{"type": "function", **FUNCTION}]}, 0),
    "responses: a search": (parse_response, RESPONSE, {"tools": [{"type": "web_search"}]}, None),
    "responses: a preview": (parse_response, RESPONSE, {"tools": [{"type": "web_search_preview"}]}, None),
    "compact: a search": (parse_compact, RESPONSE, {"tools": [{"type": "web_search"}]}, None),
    "completions": (parse_completion, {"model": "m", "prompt": "web_search"}, {}, 0),
}


@pytest.mark.parametrize("name", CASES)
def test_searches_are_counted_where_they_are_asked_for(name: str) -> None:
    parse, base, more, searches = CASES[name]
    assert parse(encode({**base, **more})).searches() == searches
