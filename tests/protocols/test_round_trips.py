"""What a provider said comes back to it: through a client of another dialect, and in its own words.

A client asks, gets the answer in its dialect (streamed or whole), puts it into its history as its
SDK would, and asks again. The provider must then get its own blocks back: signatures byte for byte, in
the order in which they were given.
"""

import json
from typing import Any

import pytest

from tidegate.protocols.contract import Bridge, Call, Target
from tidegate.protocols.profile import Profile
from tidegate.providers import protocol_named

SEAL = "RXFvQg+/=" * 40
REDACTED = "RW1y+/==" * 30
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
ARGUMENTS = {"station": "St. Malo", "hours": [6, 18], "big": 12345678901234567890, "none": None}
SCHEMA = {"type": "object", "properties": {"station": {"type": "string"}}}

STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


# --- clients ---------------------------------------------------------------------------------------


class OpenAIClient:
    """Speaks OpenAI's chat completions, and returns messages as they came."""

    protocol = protocol_named("openai_chat")

    def __init__(self, custom: bool = False) -> None:
        function = {"type": "function", "function": {"name": "look", "parameters": SCHEMA}}
        self.tools = [function, *([{"type": "custom", "custom": {"name": "run"}}] if custom else [])]
        self.messages: list[Any] = [{"role": "user", "content": "How high is the tide?"}]

    def body(self, stream: bool) -> bytes:
        usual = {"model": "m", "max_completion_tokens": 4000, "reasoning_effort": "medium", "stream": stream}
        return json.dumps({**usual, "messages": self.messages, "tools": self.tools}).encode()

    def collect(self, answer: bytes, stream: bool) -> None:
        message = self._joined(answer) if stream else json.loads(answer)["choices"][0]["message"]
        self.messages.append(message)
        for call in message.get("tool_calls") or ():
            self.messages.append({"role": "tool", "tool_call_id": call["id"], "content": "ok"})
        self.messages.append({"role": "user", "content": "Go on."})

    def _joined(self, answer: bytes) -> dict[str, Any]:
        """The deltas of a stream as one message: texts joined, lists one behind the other."""
        message: dict[str, Any] = {}
        for line in answer.decode().splitlines():
            if not line.startswith("data: {"):
                continue
            for choice in json.loads(line[6:])["choices"]:
                for name, value in choice["delta"].items():
                    _grow(message, name, value)
        return message


def _grow(message: dict[str, Any], name: str, value: Any) -> None:
    if name == "tool_calls":
        calls = message.setdefault(name, [])
        for piece in value:
            if piece["index"] == len(calls):
                calls.append({})
            for key, one in piece.items():
                _grow(calls[piece["index"]], key, one)
    elif isinstance(value, dict):
        for key, one in value.items():
            _grow(message.setdefault(name, {}), key, one)
    elif isinstance(value, list):
        message[name] = message.get(name, []) + value
    elif isinstance(value, str) and name not in ("role", "id", "type", "name", "thought_signature"):
        message[name] = (message.get(name) or "") + value
    elif value is not None or name not in message:
        message[name] = value


class AnthropicClient:
    """Speaks Anthropic's Messages API, and returns contents as they came."""

    protocol = protocol_named("anthropic")

    def __init__(self, custom: bool = False) -> None:
        self.tools = [{"name": "look", "input_schema": SCHEMA}]
        self.messages: list[Any] = [{"role": "user", "content": "How high is the tide?"}]

    def body(self, stream: bool) -> bytes:
        thinking = {"type": "enabled", "budget_tokens": 2000}
        usual = {"model": "m", "max_tokens": 4000, "thinking": thinking, "stream": stream}
        return json.dumps({**usual, "messages": self.messages, "tools": self.tools}).encode()

    def collect(self, answer: bytes, stream: bool) -> None:
        content = self._joined(answer) if stream else json.loads(answer)["content"]
        self.messages.append({"role": "assistant", "content": content})
        said = [
            {"type": "tool_result", "tool_use_id": block["id"], "content": "ok"}
            for block in content
            if block["type"] == "tool_use"
        ]
        self.messages.append({"role": "user", "content": [*said, {"type": "text", "text": "Go on."}]})

    def _joined(self, answer: bytes) -> list[Any]:
        """The blocks of a stream."""
        blocks: list[Any] = []
        for line in answer.decode().splitlines():
            event = json.loads(line[6:]) if line.startswith("data: {") else {"type": ""}
            if event["type"] == "content_block_start":
                blocks.append(event["content_block"])
            elif event["type"] == "content_block_delta":
                _grow_block(blocks[event["index"]], event["delta"])
        for block in blocks:
            if "partial" in block:
                block["input"] = json.loads(block.pop("partial") or "{}")
        return blocks


def _grow_block(block: dict[str, Any], delta: dict[str, Any]) -> None:
    kind = delta["type"]
    if kind == "citations_delta":
        block["citations"] = [*(block.get("citations") or []), delta["citation"]]
    elif kind == "signature_delta":
        block["signature"] = delta["signature"]
    else:
        name = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}[kind]
        block_name = "partial" if name == "partial_json" else name
        block[block_name] = block.get(block_name, "") + delta[name]


CLIENTS = {"openai_chat": OpenAIClient, "anthropic": AnthropicClient}


def round_trip(client: Any, provider: str, answer: Any, stream: bool, profile: Profile = Profile()) -> Any:  # noqa: B008
    """Ask, hear the answer, ask again; the provider's second request."""
    protocol = protocol_named(provider)
    target = Target("m", protocol.dialect(), profile)
    request = client.protocol.parse_request(client.body(stream))
    call = protocol.render_request(request.turn(), target)
    bridge = Bridge(protocol.reader(call, target), client.protocol.writer(request, "m"))
    collected = bridge.feed(answer(stream)) + bridge.close()
    assert bridge.failure is None
    client.collect(collected, stream)
    again: Call = protocol.render_request(client.protocol.parse_request(client.body(stream)).turn(), target)
    return json.loads(again.body)


# --- Anthropic's answers -----------------------------------------------------------------------------

SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "tide"}}
FOUND = {
    "type": "web_search_tool_result",
    "tool_use_id": "srvtoolu_1",
    "content": [
        {
            "type": "web_search_result",
            "url": "https://example.com",
            "title": "Tides",
            "encrypted_content": SEAL,
            "page_age": None,
        }
    ],
}
CITED = {
    "type": "web_search_result_location",
    "url": "https://example.com",
    "title": "Tides",
    "cited_text": "High at six.",
    "encrypted_index": REDACTED,
}
THOUGHT = {"type": "thinking", "thinking": "Hm, the “moon”.\n", "signature": SEAL}
HIDDEN = {"type": "redacted_thinking", "data": REDACTED}
TEXT = {"type": "text", "text": "The tide is high at Zürich."}
USE = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": ARGUMENTS}


def anthropic(*blocks: dict[str, Any]) -> Any:
    """An answer of these blocks."""
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_sequence": None}
    usage = {"input_tokens": 5, "output_tokens": 5}

    def render(stream: bool) -> bytes:
        if not stream:
            return json.dumps({**head, "content": blocks, "stop_reason": "tool_use", "usage": usage}).encode()
        opened = {**head, "content": [], "stop_reason": None, "usage": usage}
        events: list[Any] = [{"type": "message_start", "message": opened}]
        for index, block in enumerate(blocks):
            events += _block_events(index, block)
        ended = {"stop_reason": "tool_use", "stop_sequence": None}
        events += [{"type": "message_delta", "delta": ended, "usage": usage}, {"type": "message_stop"}]
        return "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events).encode()

    return render


def _block_events(index: int, block: dict[str, Any]) -> list[Any]:
    start, deltas = dict(block), []
    if block["type"] == "thinking":
        start |= {"thinking": "", "signature": ""}
        deltas = [
            {"type": "thinking_delta", "thinking": block["thinking"]},
            {"type": "signature_delta", "signature": block["signature"]},
        ]
    elif block["type"] == "text":
        start = {"type": "text", "text": ""}
        deltas = [{"type": "text_delta", "text": block["text"]}]
        deltas += [{"type": "citations_delta", "citation": one} for one in block.get("citations", ())]
    elif block["type"] in ("tool_use", "server_tool_use"):
        start["input"] = {}
        deltas = [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def assistant_of(body: Any) -> list[Any]:
    """The blocks of the assistant's message in a request of Anthropic's."""
    [message] = [one for one in body["messages"] if one["role"] == "assistant"]
    content: list[Any] = message["content"]
    return content


@STREAMED
@pytest.mark.parametrize(
    "blocks",
    [
        (TEXT,),
        (THOUGHT, TEXT),
        (THOUGHT, HIDDEN, TEXT, USE),
        (HIDDEN, THOUGHT, USE),
        (THOUGHT, USE, {**USE, "id": "toolu_2", "input": {}}),
        (THOUGHT, SEARCH, FOUND, TEXT),
    ],
    ids=["text", "thought", "both-thoughts", "hidden-first", "two-calls", "search"],
)
def test_claude_gets_its_blocks_back_from_a_client_of_openais(stream: bool, blocks: Any) -> None:
    body = round_trip(OpenAIClient(), "anthropic", anthropic(*blocks), stream)
    assert assistant_of(body) == list(blocks)


@STREAMED
def test_what_claude_cited_stays_in_the_text(stream: bool) -> None:
    client = OpenAIClient()
    body = round_trip(client, "anthropic", anthropic(THOUGHT, {**TEXT, "citations": [CITED]}), stream)
    message = client.messages[1]
    cited = [one["url_citation"]["url"] for one in message["annotations"]]
    assert cited == ["https://example.com"]
    assert assistant_of(body)[-1]["text"] == TEXT["text"]


@STREAMED
def test_claude_gets_a_custom_tools_call_back_as_it_made_it(stream: bool) -> None:
    use = {"type": "tool_use", "id": "toolu_9", "name": "run", "input": {"input": "ls -l “x”\n"}}
    client = OpenAIClient(custom=True)
    body = round_trip(client, "anthropic", anthropic(THOUGHT, use), stream)
    assert client.messages[1]["tool_calls"][0]["custom"] == {"name": "run", "input": "ls -l “x”\n"}
    assert assistant_of(body) == [THOUGHT, use]


# --- Gemini's answers --------------------------------------------------------------------------------


def gemini(*parts: dict[str, Any]) -> Any:
    """An answer of these parts; streamed, each is an event of its own."""

    def render(stream: bool) -> bytes:
        usage = {"promptTokenCount": 5, "candidatesTokenCount": 5, "totalTokenCount": 10}
        head = {"modelVersion": "m", "responseId": "r1", "usageMetadata": usage}
        pieces = [[part] for part in parts] if stream else [list(parts)]
        answers = []
        for place, piece in enumerate(pieces):
            candidate: dict[str, Any] = {"content": {"role": "model", "parts": piece}, "index": 0}
            if place == len(pieces) - 1:
                candidate["finishReason"] = "STOP"
            answers.append({**head, "candidates": [candidate]})
        if stream:
            return "".join(f"data: {json.dumps(one)}\r\n\r\n" for one in answers).encode()
        return json.dumps(answers[0]).encode()

    return render


def model_of(body: Any) -> list[Any]:
    """The parts that the model said in a request of Gemini's."""
    [content] = [one for one in body["contents"] if one["role"] == "model"]
    parts: list[Any] = content["parts"]
    return parts


THINKS = {"text": "Hm, the “moon”.", "thought": True}
SAYS = {"text": "The tide is high.", "thoughtSignature": SEAL}
CALLS = {"functionCall": {"id": "fc1", "name": "look", "args": ARGUMENTS}, "thoughtSignature": SEAL}
CALLS_TOO = {"functionCall": {"id": "fc2", "name": "look", "args": {"station": "Brest"}}}
RUNS = {"executableCode": {"language": "PYTHON", "code": "print(1)"}}
RESULT = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n"}}
DRAWS = {"inlineData": {"mimeType": "image/png", "data": PNG}, "thoughtSignature": SEAL}


@STREAMED
@pytest.mark.parametrize(
    "parts",
    [
        (SAYS,),
        (THINKS, SAYS),
        (THINKS, CALLS),
        (CALLS, CALLS_TOO),
        (THINKS, SAYS, CALLS, CALLS_TOO),
        (THINKS, RUNS, RESULT, SAYS),
        (DRAWS,),
    ],
    ids=["text", "thought", "call", "two-calls", "all", "code", "image"],
)
@pytest.mark.parametrize("door", CLIENTS)
def test_gemini_gets_its_parts_back(door: str, stream: bool, parts: Any) -> None:
    body = round_trip(CLIENTS[door](), "gemini", gemini(*parts), stream, Profile(signed_calls=True))
    assert model_of(body) == list(parts)


@STREAMED
def test_gemini_gets_a_custom_tools_call_back_as_it_made_it(stream: bool) -> None:
    call = {"functionCall": {"id": "fc1", "name": "run", "args": {"input": "ls\n"}}, "thoughtSignature": SEAL}
    client = OpenAIClient(custom=True)
    body = round_trip(client, "gemini", gemini(call), stream)
    assert client.messages[1]["tool_calls"][0]["custom"] == {"name": "run", "input": "ls\n"}
    assert model_of(body) == [call]


@STREAMED
@pytest.mark.parametrize("door", CLIENTS)
def test_a_result_finds_geminis_call(door: str, stream: bool) -> None:
    body = round_trip(CLIENTS[door](), "gemini", gemini(CALLS, CALLS_TOO), stream)
    results = [
        part["functionResponse"]
        for one in body["contents"]
        for part in one["parts"]
        if "functionResponse" in part
    ]
    assert [(one["id"], one["name"]) for one in results] == [("fc1", "look"), ("fc2", "look")]


# --- OpenAI's answers --------------------------------------------------------------------------------


def openai(**message: Any) -> Any:
    """An answer of this message; streamed, its call in small pieces."""
    usage = {"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10}
    head = {"id": "chatcmpl-1", "created": 1, "model": "m"}

    def render(stream: bool) -> bytes:
        finish = "tool_calls" if "tool_calls" in message else "stop"
        if not stream:
            choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
            return json.dumps(
                {**head, "object": "chat.completion", "choices": [choice], "usage": usage}
            ).encode()
        deltas: list[Any] = [{"role": "assistant", "content": ""}]
        deltas += [{name: value} for name, value in message.items() if name != "tool_calls" and value]
        for index, call in enumerate(message.get("tool_calls", ())):
            deltas.append(
                {"tool_calls": [{**call, "index": index, "function": {**call["function"], "arguments": ""}}]}
            )
            text = call["function"]["arguments"]
            deltas += [
                {"tool_calls": [{"index": index, "function": {"arguments": text[at : at + 9]}}]}
                for at in range(0, len(text), 9)
            ]
        choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
        choices.append({"index": 0, "delta": {}, "finish_reason": finish})
        chunks = [{**head, "object": "chat.completion.chunk", "choices": [one]} for one in choices]
        chunks.append({**head, "object": "chat.completion.chunk", "choices": [], "usage": usage})
        return "".join(f"data: {json.dumps(one)}\n\n" for one in chunks).encode() + b"data: [DONE]\n\n"

    return render


CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": json.dumps(ARGUMENTS)}}


@STREAMED
def test_gpt_gets_its_calls_back_from_a_client_of_anthropics(stream: bool) -> None:
    answer = openai(content="The tide is high.", tool_calls=[CALL, {**CALL, "id": "call_2"}])
    body = round_trip(AnthropicClient(), "openai_chat", answer, stream)
    [message] = [one for one in body["messages"] if one["role"] == "assistant"]
    assert message["content"] == "The tide is high."
    assert [call["id"] for call in message["tool_calls"]] == ["call_1", "call_2"]
    for call in message["tool_calls"]:
        assert json.loads(call["function"]["arguments"]) == ARGUMENTS
    results = [one["tool_call_id"] for one in body["messages"] if one["role"] == "tool"]
    assert results == ["call_1", "call_2"]


@STREAMED
def test_a_refusal_of_gpts_comes_back_as_text(stream: bool) -> None:
    body = round_trip(AnthropicClient(), "openai_chat", openai(content=None, refusal="I cannot."), stream)
    [message] = [one for one in body["messages"] if one["role"] == "assistant"]
    assert "I cannot." in json.dumps(message)


# --- another provider after all ----------------------------------------------------------------------


@STREAMED
@pytest.mark.parametrize("door", CLIENTS)
def test_what_gemini_sealed_is_not_sent_to_another(door: str, stream: bool) -> None:
    client = CLIENTS[door]()
    round_trip(client, "gemini", gemini(THINKS, SAYS, CALLS), stream)
    turn = client.protocol.parse_request(client.body(stream)).turn()
    for other in ("anthropic", "openai_chat"):
        protocol = protocol_named(other)
        call = protocol.render_request(turn, Target("m", protocol.dialect()))
        assert SEAL not in call.body.decode()
        assert "The tide is high." in call.body.decode()
        assert "thought_signature" in call.dropped


@STREAMED
def test_what_claude_sealed_is_not_sent_to_another(stream: bool) -> None:
    client = OpenAIClient()
    round_trip(client, "anthropic", anthropic(THOUGHT, HIDDEN, TEXT, USE), stream)
    turn = client.protocol.parse_request(client.body(stream)).turn()
    protocol = protocol_named("gemini")
    call = protocol.render_request(turn, Target("m", protocol.dialect()))
    assert SEAL not in call.body.decode()
    assert REDACTED not in call.body.decode()
    assert "redacted_thinking" in call.dropped


# --- ids that begin anew -----------------------------------------------------------------------------


def test_calls_of_one_id_in_several_steps_are_distinguished() -> None:
    client = OpenAIClient()
    for _ in range(3):
        client.collect(openai(content=None, tool_calls=[{**CALL, "id": "look:0"}])(False), False)
    turn = client.protocol.parse_request(client.body(False)).turn()
    protocol = protocol_named("anthropic")
    body = json.loads(protocol.render_request(turn, Target("m", protocol.dialect())).body)
    blocks = [block for message in body["messages"] for block in message["content"]]
    calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
    results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
    assert len(set(calls)) == 3
    assert results == calls
    assert body == json.loads(protocol.render_request(turn, Target("m", protocol.dialect())).body)
