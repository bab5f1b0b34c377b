"""Every list of a request or an answer, grown: twice as many elements are twice the work.

One example of each format has one of everything. Each list in it is grown by copies of its last element, each
event of a stream is repeated, and each object whose keys are the client's own gets more of them: whatever an
example gains is grown too. `test_growth.py` has what takes more than copies, and how work is counted.
"""

# ruff: noqa: E501 a case is a line

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cases import each
from protocols import test_side_fields as answers
from protocols.test_growth import assert_linear, serve
from protocols.test_side_fields import CASES, REQUESTS, TEXT, bridge
from protocols.test_wide_numbers import FAULTS, passing
from tidegate.protocols.completions import TASK as COMPLETIONS
from tidegate.protocols.contract import Conduit, Target
from tidegate.protocols.embeddings import TASK as EMBEDDINGS
from tidegate.protocols.errors import TidegateError
from tidegate.protocols.images import TASK as IMAGES
from tidegate.protocols.moderations import TASK as MODERATIONS
from tidegate.providers import FORMATS

Path = tuple[Any, ...]

LONG = 0
"""There are thousands of cases: the memory is looked at after each 8th line in all of them."""

OPEN_OBJECTS = frozenset(
    {"metadata", "logit_bias", "properties", "args", "input", "response", "arguments", "vendor"}
)
"""Objects whose keys are anybody's."""


def grown(tree: Any, path: Path, count: int) -> Any:
    """The same with `count` elements or keys more at a path; `#` in a text becomes the number of the copy."""
    changed = copy.deepcopy(tree)
    inside = changed
    for step in path:
        inside = inside[step]
    if isinstance(inside, list):
        inside += [numbered(inside[-1], number) for number in range(count)]
    else:
        name, value = next(iter(inside.items()))
        inside |= {f"{name}{number}": numbered(value, number) for number in range(count)}
    return changed


def numbered(value: Any, number: int) -> Any:
    if isinstance(value, dict):
        copies = {name: numbered(one, number) for name, one in value.items()}
        return copies | {name: number for name in ("index", "output_index") if name in copies}
    if isinstance(value, list):
        return [numbered(one, number) for one in value]
    return value.replace("#", f"-{number}") if isinstance(value, str) else value


def lists_in(value: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of the lists that are not empty, and of the open objects."""
    if isinstance(value, dict):
        if value and path and path[-1] in OPEN_OBJECTS:
            yield path
        for name, one in value.items():
            yield from lists_in(one, (*path, name))
    elif isinstance(value, list):
        if value:
            yield path
        for place, one in enumerate(value):
            yield from lists_in(one, (*path, place))


def quiet(function: Callable[[], object]) -> Callable[[], object]:
    """What fails has to cost its size too."""

    def run() -> object:
        try:
            return function()
        except TidegateError as error:
            return error

    return run


# --- requests ------------------------------------------------------------------------------------

SCHEMA = {
    "type": "object",
    "properties": {
        "a": {"type": "string", "enum": ["x"]},
        "b": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
    "required": ["a"],
    "additionalProperties": False,
}
PNG = "data:image/png;base64,iVBORw0KGgo="
TEXT_PART = {"type": "text", "text": "A text of some length."}
PDF = {
    "type": "file",
    "file": {"filename": "a#.pdf", "file_data": "data:application/pdf;base64,JVBERi0xLjQK"},
}
CALL = {"id": "c1#", "type": "function", "function": {"name": "f", "arguments": '{"a":"x"}'}}
ORDERED = [
    {"role": "system", "content": [TEXT_PART]},
    {"role": "user", "content": [TEXT_PART, {"type": "image_url", "image_url": {"url": PNG}}]},
    {"role": "assistant", "content": [TEXT_PART], "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1#", "content": [TEXT_PART]},
    {"role": "user", "content": "And now?"},
]
FUNCTION = {"type": "function", "function": {"name": "f#", "description": "d", "parameters": SCHEMA}}
CHAT: dict[str, Any] = {
    "messages": ORDERED, "tools": [FUNCTION], "stop": ["stop#"], "metadata": {"k": "v"}, "models": ["n#"],
}  # fmt: skip
OWN_CHAT: dict[str, Any] = {
    "messages": [
        {"role": "user", "content": [PDF, {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}]},
        {
            "role": "assistant", "content": None, "refusal": None, "images": [{"type": "image_url", "image_url": {"url": PNG}}],
            "reasoning_details": [{"type": "reasoning.text", "text": "Hm.", "signature": "c2ln", "format": "anthropic-claude-v1"}],
            "native_blocks": [{"format": "anthropic", "block": {"type": "server_tool_use", "id": "s#", "name": "web_search", "input": {}}}],
            "tool_calls": [{"id": "c#", "type": "custom", "custom": {"name": "grep", "input": "x"}}],
        },
        {"role": "tool", "tool_call_id": "c#", "content": "ok"},
        {"role": "user", "content": "And now?"},
    ],
    "tools": [FUNCTION, {"type": "custom", "custom": {"name": "grep#", "description": "d"}}],
    "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f#"}}]}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}},
    "logit_bias": {"1": 5}, "modalities": ["text"], "metadata": {"k": "v"}, "vendor": {"x": [1]},
}  # fmt: skip
OLD_CHAT: dict[str, Any] = {"messages": ORDERED[:2], "functions": [{"name": "f#", "parameters": SCHEMA}], "function_call": {"name": "f#"}}  # fmt: skip
CACHED = {"type": "text", "text": "A text.", "cache_control": {"type": "ephemeral"}}
CLAUDE: dict[str, Any] = {
    "max_tokens": 99, "system": [CACHED], "stop_sequences": ["stop#"], "metadata": {"user_id": "u"},
    "messages": [
        {"role": "user", "content": [CACHED, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}]},
        {"role": "assistant", "content": [{"type": "text", "text": "A text."}, {"type": "tool_use", "id": "c#", "name": "f", "input": {"a": "x"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c#", "content": [{"type": "text", "text": "ok"}]}]},
    ],
    "tools": [{"name": "f#", "description": "d", "input_schema": SCHEMA}],
}  # fmt: skip
OWN_CLAUDE: dict[str, Any] = {
    "max_tokens": 99, "models": ["n#"], "container": {"skills": [{"type": "anthropic", "skill_id": "x#"}]},
    "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]},
    "mcp_servers": [{"type": "url", "url": "https://example.com/#", "name": "m#"}],
    "messages": [
        {"role": "user", "content": [{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a"}, "citations": {"enabled": True}}, {"type": "search_result", "source": "s#", "title": "t", "content": [{"type": "text", "text": "a"}]}]},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "c2ln#"}, {"type": "redacted_thinking", "data": "eA==#"},
            {"type": "server_tool_use", "id": "s#", "name": "web_search", "input": {"query": "q"}},
            {"type": "web_search_tool_result", "tool_use_id": "s#", "content": [{"type": "web_search_result", "url": "https://example.com/#", "title": "t", "encrypted_content": "e"}]},
            {"type": "text", "text": "A text.", "citations": [{"type": "char_location", "cited_text": "a", "document_index": 0, "document_title": None, "start_char_index": 0, "end_char_index": 1}]},
        ]},
        {"role": "user", "content": [TEXT_PART]},
    ],
    "tools": [{"type": "web_search_20250305", "name": "web_search", "allowed_domains": ["example.com#"]}],
}  # fmt: skip
RESPONSE: dict[str, Any] = {
    "include": ["reasoning.encrypted_content"], "metadata": {"k": "v"}, "models": ["n#"],
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": PNG, "detail": "auto"}]},
        {"type": "reasoning", "id": "rs_#", "summary": [{"type": "summary_text", "text": "Hm."}], "content": [{"type": "reasoning_text", "text": "Hm."}], "encrypted_content": "e#"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a", "annotations": [{"type": "url_citation", "url": "https://example.com/#", "title": "t", "start_index": 0, "end_index": 1}]}]},
        {"type": "function_call", "call_id": "c#", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c#", "output": [{"type": "input_text", "text": "ok"}]},
        {"role": "user", "content": "And now?"},
    ],
    "tools": [
        {"type": "function", "name": "f#", "parameters": SCHEMA},
        {"type": "namespace", "name": "ns#", "description": "d", "tools": [{"type": "function", "name": "g#", "parameters": SCHEMA}]},
    ],
}  # fmt: skip
OWN_RESPONSE: dict[str, Any] = {
    "input": [
        {"type": "web_search_call", "id": "ws_#", "status": "completed", "action": {"type": "search", "queries": ["q#"]}},
        {"type": "custom_tool_call", "call_id": "cc#", "name": "grep", "input": "x"},
        {"type": "custom_tool_call_output", "call_id": "cc#", "output": "ok"},
        {"type": "additional_tools", "tools": [{"type": "function", "name": "h#", "parameters": SCHEMA}]},
        {"role": "user", "content": [{"type": "input_file", "filename": "a#.pdf", "file_data": "data:application/pdf;base64,JVBERi0xLjQK"}]},
    ],
    "tools": [{"type": "custom", "name": "grep#"}, {"type": "file_search", "vector_store_ids": ["v#"]}, {"type": "web_search", "filters": {"allowed_domains": ["example.com#"]}}],
}  # fmt: skip
GOOGLE: dict[str, Any] = {
    "systemInstruction": {"parts": [{"text": "a"}]},
    "contents": [
        {"role": "user", "parts": [{"text": "a"}, {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}]},
        {"role": "model", "parts": [{"text": "Hm.", "thought": True, "thoughtSignature": "c2ln"}, {"text": "a"}, {"functionCall": {"name": "f", "args": {"a": "x"}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"a": "x"}}}]},
    ],
    "tools": [{"functionDeclarations": [{"name": "f#", "description": "d", "parametersJsonSchema": SCHEMA}]}],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f#"]}},
    "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
    "generationConfig": {"stopSequences": ["stop#"], "responseModalities": ["TEXT"]},
}  # fmt: skip
OWN_GOOGLE: dict[str, Any] = {
    "contents": [{"role": "user", "parts": [{"text": "a"}]}],
    "tools": [{"googleSearch": {}}], "labels": {"vendor": {"k": "v"}},
    "generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA},
}  # fmt: skip

EVERY = tuple(FORMATS)
ASKED: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "chat": ("openai_chat", CHAT, EVERY),
    "a chat's own": ("openai_chat", OWN_CHAT, ("openai_chat", "anthropic")),
    "an old chat": ("openai_chat", OLD_CHAT, ("openai_chat", "anthropic")),
    "messages": ("anthropic", CLAUDE, EVERY),
    "messages' own": ("anthropic", OWN_CLAUDE, ("anthropic", "openai_chat")),
    "a response": ("openai_responses", RESPONSE, ("openai_responses", "openai_chat", "anthropic")),
    "a response's own": ("openai_responses", OWN_RESPONSE, ("openai_responses",)),
    "Google's": ("gemini", GOOGLE, ("gemini", "openai_chat", "anthropic")),
    "Google's own": ("gemini", OWN_GOOGLE, ("gemini",)),
}


@pytest.mark.parametrize("asked", ASKED)
def test_every_list_of_a_request_costs_its_size(asked: str) -> None:
    door, request, formats = ASKED[asked]

    @each("path, name", [(path, name) for path in lists_in(request) for name in formats])
    def check(path: Path, name: str) -> None:
        def make(count: int) -> Callable[[], object]:
            body = json.dumps({"model": "m", **grown(request, path, count)}).replace("#", "").encode()
            return lambda: serve(door, body, name)

        assert_linear(make, LONG)

    check()


@pytest.mark.parametrize("asked", ASKED)
def test_the_example_is_accepted_by_its_own_format(asked: str) -> None:
    door, request, (name, *_) = ASKED[asked]
    body = json.dumps({"model": "m", **request}).replace("#", "").encode()
    assert name == "openai_chat" or name == door
    assert not isinstance(serve(door, body, door), TidegateError)


# --- answers -------------------------------------------------------------------------------------

ARGUMENTS = {"a": ["x"], "b": {"c": 1}}
GIVEN = json.dumps(ARGUMENTS)


def chat_calls(key: str) -> answers.Answer:
    call = {"index": 0, "id": "c#", "type": "function", "function": {"name": "f", "arguments": GIVEN}}
    said = {
        "role": "assistant",
        "content": [
            {"type": "text", "text": TEXT},
            {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
        ],
        "tool_calls": [call],
    }
    said |= {"reasoning_details": [{"type": "reasoning.text", "text": "Hm.", "format": "x", "index": 0}]}
    said |= {
        "images": [{"type": "image_url", "image_url": {"url": PNG}}],
        "citations": ["https://example.com/#"],
    }
    more: dict[str, Any] = {"finish_reason": "tool_calls"}
    head = {"id": "c1", "object": "x", "created": 1, "model": "m"}
    if key == "message":
        return [{**head, "choices": [{"index": 0, key: said, **more}]}]
    begun = {**head, "choices": [{"index": 0, "delta": said, "finish_reason": None}]}
    return [begun, {**head, "choices": [{"index": 0, "delta": {}, **more}]}]


def claude_calls() -> answers.Answer:
    start, _, *_, stop, end = answers.claude()
    head = {"type": "tool_use", "id": "c#", "name": "f", "input": {}}
    delta = {"type": "input_json_delta", "partial_json": "{}"}
    thought = {"type": "thinking_delta", "thinking": "Hm. "}
    return [
        start,
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "content_block_delta", "index": 0, "delta": thought},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": TEXT}},
        {"type": "content_block_stop", "index": 1},
        {"type": "content_block_start", "index": 2, "content_block": head},
        {"type": "content_block_delta", "index": 2, "delta": delta},
        {"type": "content_block_stop", "index": 2},
        stop,
        end,
    ]


def claude_whole_calls() -> answers.Answer:
    results = [
        {"type": "web_search_result", "url": "https://example.com/#", "title": "t", "encrypted_content": "e"}
    ]
    blocks = [
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        {"type": "web_search_tool_result", "tool_use_id": "s", "content": results},
        {
            "type": "text",
            "text": TEXT,
            "citations": [
                {
                    "type": "web_search_result_location",
                    "url": "https://example.com/#",
                    "title": "t",
                    "cited_text": "c",
                    "encrypted_index": "e",
                }
            ],
        },
        {"type": "tool_use", "id": "c#", "name": "f", "input": ARGUMENTS},
    ]
    return [{**answers.claude_whole()[0], "content": blocks, "stop_reason": "tool_use"}]


def google_calls() -> answers.Answer:
    whole = answers.google()[0]
    parts = [
        {"text": "Hm.", "thought": True}, {"executableCode": {"language": "PYTHON", "code": "1"}},
        {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}, {"text": TEXT},
        {"functionCall": {"name": "f", "args": ARGUMENTS}},
    ]  # fmt: skip
    return [
        {**whole, "candidates": [{**whole["candidates"][0], "content": {"role": "model", "parts": parts}}]}
    ]


def response_calls() -> dict[str, Any]:
    whole = answers.responses_whole()
    output = [
        {"type": "reasoning", "id": "rs_#", "summary": [{"type": "summary_text", "text": "Hm."}], "content": [{"type": "reasoning_text", "text": "Hm."}]},
        {"type": "web_search_call", "id": "ws_#", "status": "completed", "action": {"type": "search", "queries": ["q"], "sources": [{"type": "url", "url": "https://example.com/#"}]}},
        *whole["output"],
        {"type": "function_call", "id": "fc_#", "call_id": "c#", "name": "f", "arguments": GIVEN, "status": "completed"},
    ]  # fmt: skip
    return {**whole, "output": output}


def response_stream() -> answers.Answer:
    events = answers.responses()
    call = {
        "type": "function_call",
        "id": "fc_#",
        "call_id": "c#",
        "name": "f",
        "arguments": "",
        "status": "in_progress",
    }
    place = {"item_id": "fc_#", "output_index": 1}
    thought = {"type": "reasoning", "id": "rs_1", "summary": []}
    more = [
        {"type": "response.output_item.added", "output_index": 2, "item": thought},
        {"type": "response.reasoning_summary_text.delta", "item_id": "rs_1", "output_index": 2, "summary_index": 0, "delta": "Hm. "},
        {"type": "response.output_item.done", "output_index": 2, "item": {**thought, "summary": [{"type": "summary_text", "text": "Hm."}]}},
        {"type": "response.output_item.added", "output_index": 1, "item": call},
        {"type": "response.function_call_arguments.delta", **place, "delta": GIVEN},
        {"type": "response.output_item.done", "output_index": 1, "item": {**call, "arguments": GIVEN, "status": "completed"}},
    ]  # fmt: skip
    return [*events[:-1], *more, {**events[-1], "response": response_calls()}]


def cohere_calls() -> answers.Answer:
    start, *said, end = answers.cohere()
    call = {"id": "c#", "type": "function", "function": {"name": "f", "arguments": ""}}
    return [
        start, *said,
        {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "Hm. "}}},
        {"type": "tool-call-start", "index": 0, "delta": {"message": {"tool_calls": call}}},
        {"type": "tool-call-delta", "index": 0, "delta": {"message": {"tool_calls": {"function": {"arguments": "{}"}}}}},
        {"type": "tool-call-end", "index": 0}, end,
    ]  # fmt: skip


def cohere_whole_calls() -> answers.Answer:
    whole = answers.cohere_whole()[0]
    call = {"id": "c#", "type": "function", "function": {"name": "f", "arguments": GIVEN}}
    return [
        {
            **whole,
            "message": {**whole["message"], "tool_plan": "Hm.", "tool_calls": [call]},
            "finish_reason": "TOOL_CALL",
        }
    ]


def bedrock_calls() -> answers.Answer:
    start, *said, _, end = answers.bedrock()
    return [
        start, *said,
        {"contentBlockDelta": {"contentBlockIndex": 1, "delta": {"reasoningContent": {"text": "Hm. "}}}},
        {"contentBlockStop": {"contentBlockIndex": 1}},
        {"contentBlockStart": {"contentBlockIndex": 2, "start": {"toolUse": {"toolUseId": "c#", "name": "f"}}}},
        {"contentBlockDelta": {"contentBlockIndex": 2, "delta": {"toolUse": {"input": "{}"}}}},
        {"contentBlockStop": {"contentBlockIndex": 2}},
        {"messageStop": {"stopReason": "tool_use"}}, end,
    ]  # fmt: skip


def bedrock_whole_calls() -> answers.Answer:
    whole = answers.bedrock_whole()[0]
    more = [
        {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}},
        {"toolUse": {"toolUseId": "c#", "name": "f", "input": ARGUMENTS}},
    ]
    content = [*whole["output"]["message"]["content"], *more]
    return [
        {**whole, "output": {"message": {"role": "assistant", "content": content}}, "stopReason": "tool_use"}
    ]


SAID: dict[tuple[str, bool], tuple[Callable[[], answers.Answer], ...]] = {
    ("openai_chat", True): (CASES["openai_chat", True].make, lambda: chat_calls("delta")),
    ("openai_chat", False): (CASES["openai_chat", False].make, lambda: chat_calls("message")),
    ("anthropic", True): (answers.claude, claude_calls),
    ("anthropic", False): (answers.claude_whole, claude_whole_calls),
    ("gemini", True): (answers.google, google_calls),
    ("gemini", False): (answers.google, google_calls),
    ("openai_responses", True): (response_stream,),
    ("openai_responses", False): (lambda: [response_calls()],),
    ("cohere", True): (cohere_calls,),
    ("cohere", False): (cohere_whole_calls,),
    ("bedrock", True): (bedrock_calls,),
    ("bedrock", False): (bedrock_whole_calls,),
}
"""Answers with one of everything."""


def repeated(events: answers.Answer, place: int, count: int) -> answers.Answer:
    copies = [numbered(events[place], number) for number in range(count)]
    return [*events[: place + 1], *copies, *events[place + 1 :]]


Grow = Callable[[int], answers.Answer]


def ways_to_grow(events: answers.Answer, stream: bool) -> Iterator[tuple[str, Grow]]:
    for path in lists_in(events):
        if path:
            yield f"list {path}", lambda count, path=path: grown(events, path, count)
    for place in range(len(events) if stream else 0):
        yield f"event {place}", lambda count, place=place: repeated(events, place, count)


def conduits(name: str, stream: bool) -> Iterator[tuple[str, Callable[[], Conduit]]]:
    for door in REQUESTS:
        yield f"to {door}", lambda door=door: bridge(name, door, stream)
    if name in REQUESTS:
        yield "spliced", lambda: passing(name, stream)
    if name == "openai_chat":
        yield "mended", lambda: passing(name, stream, *FAULTS)


def fed(conduit: Conduit, answer: bytes) -> bytes:
    """The answer in one read."""
    return conduit.feed(answer) + conduit.close()


@pytest.mark.parametrize(("name", "stream"), SAID)
def test_every_list_and_event_of_an_answer_costs_its_size(name: str, stream: bool) -> None:
    write = CASES[name, stream].write
    cases = [
        (f"{way}, {what}", make_conduit, grow)
        for make in SAID[name, stream]
        for number, (what, grow) in enumerate(ways_to_grow(make(), stream))
        for place, (way, make_conduit) in enumerate(conduits(name, stream))
        if place >= len(REQUESTS) or place % 2 == number % 2  # the doors take turns
    ]

    @each("case, conduit, grow", cases)
    def check(case: str, conduit: Callable[[], Conduit], grow: Grow) -> None:
        def make(count: int) -> Callable[[], object]:
            answer, opened = write(grow(count)), conduit()
            return lambda: fed(opened, answer)

        assert_linear(make, LONG)

    check()


def lengthened(value: Any, more: str) -> Any:
    """The same with a longer text."""
    if isinstance(value, dict):
        return {name: lengthened(one, more) for name, one in value.items()}
    if isinstance(value, list):
        return [lengthened(one, more) for one in value]
    return value + more if value == TEXT else value


PIECE = 500


@pytest.mark.parametrize(("name", "stream"), SAID)
def test_a_huge_event_in_small_pieces_costs_its_size(name: str, stream: bool) -> None:
    events = SAID[name, stream][0]()

    @each("way, conduit", list(conduits(name, stream)))
    def check(way: str, conduit: Callable[[], Conduit]) -> None:
        def make(count: int) -> Callable[[], object]:
            answer, opened = CASES[name, stream].write(lengthened(events, "x" * PIECE * count)), conduit()
            pieces = [answer[begin : begin + PIECE] for begin in range(0, len(answer), PIECE)]
            return lambda: b"".join(map(opened.feed, pieces)) + opened.close()

        assert_linear(make, LONG)

    check()


def test_every_event_of_a_completion_costs_its_size() -> None:
    choice = {"index": 0, "text": "a", "finish_reason": None, "logprobs": {"tokens": ["a"]}}
    chunk = json.dumps({"id": "c", "model": "m", "choices": [choice], "usage": {"prompt_tokens": 1}}).encode()

    def make(count: int) -> Callable[[], object]:
        body = json.dumps({"model": "m", "prompt": "a", "stream": True}).encode()
        offer = COMPLETIONS.formats["openai"]
        _, conduit = offer.plan(COMPLETIONS.parse(body), Target("m", offer.dialect()))
        return lambda: fed(conduit, (b"data: " + chunk + b"\n\n") * count)

    assert_linear(make)


@pytest.mark.parametrize(("name", "stream"), SAID)
def test_the_answer_that_is_grown_is_read(name: str, stream: bool) -> None:
    for make in SAID[name, stream]:
        for way, conduit in conduits(name, stream):
            opened = conduit()
            assert TEXT.encode() in fed(opened, CASES[name, stream].write(make())), way
            assert opened.failure is None, way


def test_every_format_is_grown() -> None:
    assert {name for name, _ in SAID} == set(FORMATS)
    assert {"openai_chat", "anthropic", "openai_responses", "gemini"} == {
        door for door, _, _ in ASKED.values()
    }


# --- tasks ---------------------------------------------------------------------------------------

TASKS: list[tuple[str, Any, str, dict[str, Any], dict[str, Any]]] = [
    ("embeddings", EMBEDDINGS, "openai", {"input": ["a"]}, {"data": [{"embedding": [0.5], "index": 0}], "usage": {"prompt_tokens": 1}}),
    ("embeddings in base64", EMBEDDINGS, "openai", {"input": ["a"], "encoding_format": "base64"}, {"data": [{"embedding": [0.5], "index": 0}]}),
    ("tokens", EMBEDDINGS, "openai", {"input": [[1]]}, {"data": [{"embedding": "AAAA", "index": 0}]}),
    ("Cohere's embeddings", EMBEDDINGS, "cohere", {"input": ["a"]}, {"embeddings": {"float": [[0.5]]}}),
    ("images", IMAGES, "openai", {"prompt": "a", "response_format": "url"}, {"created": 1, "data": [{"b64_json": "aGk="}]}),
    ("moderations", MODERATIONS, "openai", {"input": ["a"]}, {"id": "m", "model": "m", "results": [{"flagged": False, "categories": ["x"]}]}),
    ("completions", COMPLETIONS, "openai", {"prompt": ["a"], "stop": ["x"], "logit_bias": {"1": 1}}, {"id": "c", "model": "m", "choices": [{"index": 0, "text": "a", "finish_reason": "stop", "logprobs": {"tokens": ["a"]}}]}),
]  # fmt: skip


@each("name, task, form, asked, answer", TASKS)
def test_every_list_of_a_task_costs_its_size(
    name: str, task: Any, form: str, asked: dict[str, Any], answer: dict[str, Any]
) -> None:
    offer = task.formats[form]
    target = Target("m", offer.dialect())

    def plan(body: bytes) -> Any:
        return offer.plan(task.parse(body), target)

    for path in lists_in(asked):

        def ask(count: int, path: Path = path) -> Callable[[], object]:
            body = json.dumps({"model": "m", **grown(asked, path, count)}).encode()
            return lambda: plan(body)

        assert_linear(ask, LONG)
    for path in lists_in(answer):

        def tell(count: int, path: Path = path) -> Callable[[], object]:
            grow = {**asked, "input": ["a"] * (count + 1)} if name.endswith("embeddings") else asked
            _, conduit = plan(json.dumps({"model": "m", **grow}).encode())
            body = json.dumps(grown(answer, path, count)).encode()
            return lambda: fed(conduit, body)

        assert_linear(tell, LONG)
