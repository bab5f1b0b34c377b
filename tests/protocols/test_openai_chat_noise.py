"""Whatever a provider sends in OpenAI's format, an answer comes of it or a failure, never an exception."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tidegate.protocols.contract import Bridge, Call, Conduit, Target
from tidegate.protocols.errors import ProviderError
from tidegate.protocols.openai_chat import PROTOCOL, Dialect
from tidegate.protocols.openai_chat.dialect import FAULTS

WORST = Dialect(**dict.fromkeys(FAULTS, True))

CHUNK = {
    "id": "id-1",
    "object": "chat.completion.chunk",
    "created": 7,
    "model": "gpt",
    "citations": ["u"],
    "search_results": [{"url": "u", "title": "t"}],
    "x_groq": {"usage": {"prompt_tokens": 1}},
    "usage": {
        "prompt_tokens": 3,
        "completion_tokens": 4,
        "total_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 2},
    },
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "logprobs": {"content": [{"token": "x"}]},
            "delta": {
                "role": "assistant",
                "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}],
                "reasoning": "hm",
                "reasoning_details": [{"type": "reasoning.text", "text": "hm", "signature": "s"}],
                "annotations": [{"type": "url_citation", "url_citation": {"url": "u"}}],
                "images": [{"image_url": {"url": "data:image/png;base64,AA=="}}],
                "native_blocks": [{"format": "f", "block": {}}],
                "extra_content": {"google": {"thought_signature": "s"}},
                "tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}],
            },
        }
    ],
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values in JSON."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] * bool(path) + [place for key, one in inner for place in places(one, (*path, key))]


def changed(place: tuple[Any, ...], value: Any) -> Any:
    """The chunk with another value in one place."""
    chunk = json.loads(json.dumps(CHUNK))
    holder = chunk
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = value
    return chunk


def conduits(streamed: bool) -> list[Conduit]:
    """All ways of an answer in this format."""
    result = {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": streamed}
    request, call = PROTOCOL.parse_request(json.dumps(result).encode()), Call("/", b"", streamed)
    plain, worst = Target("m", Dialect()), Target("m", WORST)
    return [
        Bridge(PROTOCOL.reader(call, plain), PROTOCOL.writer(request, "m")),
        PROTOCOL.splice(request, call, plain),
        PROTOCOL.splice(request, call, worst),
    ]


def play(data: bytes, streamed: bool) -> None:
    for conduit in conduits(streamed):
        out = conduit.feed(data) + conduit.close()
        assert isinstance(conduit.failure, ProviderError) or out or not data.strip()
        if conduit.failure is not None:
            assert conduit.failure.message


@given(st.sampled_from(places(CHUNK)), JSON)
def test_any_value_in_any_place_of_a_chunk(place, value):
    chunk = changed(place, value)
    play(b"data: " + json.dumps(chunk).encode() + b"\n\ndata: [DONE]\n\n", streamed=True)
    for choice in chunk["choices"] if isinstance(chunk["choices"], list) else ():
        if isinstance(choice, dict):
            choice["message"] = choice.pop("delta", None)
    play(json.dumps(chunk).encode(), streamed=False)


@given(st.binary(max_size=80), st.integers(0, 300), st.booleans())
def test_any_bytes_anywhere(noise, position, streamed):
    whole = json.dumps(CHUNK).encode()
    if streamed:
        whole = b"data: " + whole + b"\n\ndata: [DONE]\n\n"
    play(whole[:position] + noise + whole[position:], streamed)


@given(st.binary(max_size=400), st.integers(400, 599))
def test_any_bytes_as_an_error(body, status):
    error = PROTOCOL.parse_error(status, {}, body)
    assert error.message
    assert error.status == status


@given(JSON, st.integers(400, 599))
def test_any_json_as_an_error(body, status):
    for result in (body, {"error": body}, {"detail": body}, {"message": body, "code": body, "type": body}):
        assert PROTOCOL.parse_error(status, {}, json.dumps(result).encode()).message
