"""Gemini's dialect as a door: what its clients ask, what they are answered, and bytes that pass."""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from google import genai
from google.genai import errors, types
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from cases import each
from protocols.gemini_answers import (
    chats,
    chunk,
    collected,
    events,
    failure,
    plainly,
    read,
    sent,
    target,
)
from recordings import Recording, needs_recordings, recordings, splits
from tidegate.protocols.anthropic import PROTOCOL as ANTHROPIC
from tidegate.protocols.contract import Call, Conduit, Target
from tidegate.protocols.errors import (
    InvalidRequest,
    LimitExceeded,
    ProviderBroke,
    ProviderRefused,
    TidegateError,
    Unauthenticated,
    Unsupported,
)
from tidegate.protocols.events import (
    AudioDelta,
    CitationAdded,
    Event,
    Finished,
    ImageAdded,
    LogprobsDelta,
    NativeBlock,
    ReasoningDelta,
    ReasoningEncrypted,
    ReasoningSigned,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from tidegate.protocols.gemini import PROTOCOL
from tidegate.protocols.openai_chat import PROTOCOL as OPENAI
from tidegate.protocols.turn import (
    Audio,
    Document,
    FileRef,
    Image,
    Inline,
    Link,
    Message,
    Native,
    Reasoning,
    ReasoningControl,
    RedactedReasoning,
    Text,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
    Video,
)
from tidegate.protocols.usage import Usage

PNG = "iVBORw0KGgo="


def parse(body: Any, model: str = "gemini-2.5-flash") -> Turn:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return PROTOCOL.parse_request(data, model).turn()


def contents(*parts: Any, role: str = "user") -> dict[str, Any]:
    return {"role": role, "parts": list(parts)}


def messages(*received: Any) -> tuple[Message, ...]:
    return parse({"contents": list(received)}).messages


ASK = contents({"text": "Hi"})


# --- requests --------------------------------------------------------------------------------


def asked() -> list[Recording]:
    """The recorded requests of clients that speak this dialect."""
    found = recordings("gemini", "chat", "chat_stream") + recordings("vertex", "chat", "chat_stream")
    return [one for one in found if one.path.endswith("enerateContent")]


@needs_recordings
@each("recording", asked())
def test_a_recorded_request_comes_out_again_as_it_went_in(recording: Recording):
    turn = parse(recording.request_body, recording.model)
    written = json.loads(PROTOCOL.render_request(turn, target(recording.model)).body)
    assert _essence(written) >= _essence(recording.request_body)


@needs_recordings
@each("recording", asked())
@pytest.mark.parametrize("protocol", [OPENAI, ANTHROPIC], ids=["openai", "anthropic"])
def test_a_recorded_request_can_be_sent_to_others(recording: Recording, protocol: Any):
    turn = parse(recording.request_body, recording.model)
    written = _body_or_refusal(protocol, turn)
    if written is None:
        assert NOT_EVERYWHERE & recording.features
        return
    for text in _texts(recording.request_body):
        assert text in json.dumps(written, ensure_ascii=False, separators=(",", ":"))


NOT_EVERYWHERE = frozenset(
    ["server_tools", "server_tool_call", "audio", "video", "modalities", "files", "n>1"]
)
"""What some requests have that other providers may refuse."""


def _body_or_refusal(protocol: Any, turn: Turn) -> Any:
    try:
        return json.loads(protocol.render_request(turn, Target("m", protocol.dialect())).body)
    except Unsupported:
        return None


def _texts(body: dict[str, Any]) -> list[str]:
    """The texts of the conversation, as they stand in JSON; thoughts are the thinker's affair."""
    parts = [part for content in body["contents"] for part in content["parts"]]
    texts = [part.get("text", "") for part in parts if not part.get("thought")]
    return [json.dumps(text, ensure_ascii=False)[1:-1] for text in texts]


PLAIN_FIELDS = """
text name thoughtSignature data fileUri temperature topP maxOutputTokens seed thinkingBudget
candidateCount cachedContent threshold
"""
TOLD = frozenset(PLAIN_FIELDS.split())


def _essence(value: Any, name: str = "") -> set[tuple[str, Any]]:
    """The texts, names, signatures, media and numbers of a request, in camelCase."""
    camel = re.sub("_([a-z])", lambda step: step[1].upper(), name)
    if isinstance(value, dict):
        return {found for key, one in value.items() for found in _essence(one, key)}
    if isinstance(value, list):
        return {found for one in value for found in _essence(one, name)}
    if camel == "data":
        value = value.replace("-", "+").replace("_", "/")
    return {(camel, value)} if camel in TOLD and value not in (None, "") else set()


def test_a_conversation_takes_the_normal_form():
    said = contents(
        {"text": "mull", "thought": True},
        {"text": "over", "thought": True, "thoughtSignature": "dHM="},
        {"text": "I "},
        {"text": "call", "thoughtSignature": "eA=="},
        {"functionCall": {"name": "f", "args": {"x": 1}}, "thoughtSignature": "Yw=="},
        {"functionCall": {"name": "g", "id": "own"}},
        role="model",
    )
    answered = contents(
        {"functionResponse": {"name": "g", "id": "own", "response": {"error": "no"}}},
        {"functionResponse": {"name": "f", "response": {"y": [2]}}},
        {"text": "so"},
    )
    made = "call_tidegate_1_4"
    assert messages(ASK, said, answered) == (
        Message("user", (Text("Hi"),)),
        Message(
            "assistant",
            (
                Reasoning("mullover", "dHM=", "gemini"),
                Text("I call", signature="eA=="),
                ToolCall(made, "f", '{"x":1}', signature="Yw=="),
                ToolCall("own", "g", "{}"),
            ),
        ),
        Message(
            "tool",
            (
                ToolResult("own", "g", (Text("no"),), is_error=True),
                ToolResult(made, "f", (Text('{"y":[2]}'),)),
            ),
        ),
        Message("user", (Text("so"),)),
    )


def test_results_of_calls_by_one_name_are_distinguished_by_their_order():
    call = {"functionCall": {"name": "f"}}
    result = {"functionResponse": {"name": "f", "response": {"output": "x"}}}
    _, asked, answered = messages(ASK, contents(call, call, role="model"), contents(result, result))
    assert [part.call_id for part in answered.parts] == [part.id for part in asked.parts]
    assert answered.parts[0].content == (Text("x"),)


@pytest.mark.parametrize(
    ("media_type", "part"),
    [
        ("audio/wav; rate=1", Audio(Inline("audio/wav", "AA+/"))),
        ("video/mp4", Video(Inline("video/mp4", "AA+/"))),
        ("application/pdf", Document(Inline("application/pdf", "AA+/"))),
    ],
)
def test_media_are_distinguished_by_their_type(media_type: str, part: Any):
    assert messages(contents({"inlineData": {"mimeType": media_type, "data": "AA-_"}}))[0].parts == (part,)


UPLOADED = "https://g.example/v1beta/files/x"
PAGE = "https://a.example/x"


@pytest.mark.parametrize(
    ("file", "part"),
    [
        ({"fileUri": PAGE + ".png"}, Image(Link(PAGE + ".png"))),
        ({"fileUri": PAGE, "mimeType": "audio/mpeg"}, Audio(Link(PAGE, "audio/mpeg"))),
        ({"fileUri": "https://youtu.be/x"}, Video(Link("https://youtu.be/x"))),
        ({"fileUri": UPLOADED, "mimeType": "application/pdf"}, Document(FileRef(UPLOADED))),
        ({"fileUri": "gs://a/x.pdf"}, Document(FileRef("gs://a/x.pdf"))),
    ],
)  # fmt: skip
def test_files_are_links_or_uploads(file: dict, part: Any):
    assert messages(contents({"fileData": file}))[0].parts == (part,)


def test_what_only_gemini_has_is_carried_for_gemini():
    code = {"executableCode": {"code": "1", "language": "PYTHON"}, "thoughtSignature": "eA=="}
    native = messages(ASK, contents(code, role="model"))[1].parts[0]
    assert isinstance(native, Native)
    assert (native.format, native.kind, json.loads(bytes(native.block))) == ("gemini", "executableCode", code)
    config = {"speechConfig": {"a": 1}, "topK": 3}
    body = {"contents": [ASK], "safetySettings": [{"category": "X"}], "generationConfig": config}
    turn = parse({**body, "tools": [{"googleSearch": {}}, {"functionDeclarations": [{"name": "f"}]}]})
    assert json.loads(PROTOCOL.render_request(turn, target()).body) == {
        **body, "tools": [{"functionDeclarations": [{"name": "f"}]}, {"googleSearch": {}}],
    }  # fmt: skip
    received = OPENAI.render_request(parse(body), Target("m", OPENAI.dialect())).dropped
    assert {"safetySettings", "generationConfig.speechConfig"} <= set(received)


def test_google_s_other_spellings_are_understood():
    config = {"max_output_tokens": 5, "stop_sequences": "x", "thinking_config": {"thinking_budget": 0}}
    declared = {"name": "f", "parameters_json_schema": {"properties": {"my_name": {}}}}
    turn = parse(
        {
            "system_instruction": {"parts": {"text": "Be brief."}},
            "contents": {"parts": {"inline_data": {"mime_type": "image/png", "data": PNG}}},
            "generation_config": config,
            "tools": {"function_declarations": declared},
        }
    )
    assert [message.role for message in turn.messages] == ["system", "user"]
    assert (turn.max_tokens, turn.stop, turn.reasoning.budget) == (5, ("x",), 0)
    assert json.loads(bytes(turn.tools[0].parameters)) == {"properties": {"my_name": {}}}


OPENAPI = {
    "type": "OBJECT",
    "properties": {
        "a": {"type": "STRING", "nullable": True, "maxLength": "5"},
        "b": {"type": "ARRAY", "items": {"anyOf": [{"type": "INTEGER"}], "nullable": True}},
        "c": {"type": "STRING", "enum": ["x"], "nullable": True, "example": "x"},
    },
    "propertyOrdering": ["a", "b", "c"],
    "required": ["a"],
}
JSON_SCHEMA = {
    "type": "object",
    "properties": {
        "a": {"type": ["string", "null"], "maxLength": 5},
        "b": {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "null"}]}},
        "c": {"type": ["string", "null"], "enum": ["x", None]},
    },
    "required": ["a"],
}


def test_google_s_schemas_become_json_schemas():
    config = {"responseMimeType": "application/json", "responseSchema": OPENAPI}
    declared = {"functionDeclarations": [{"name": "f", "description": "d", "parameters": OPENAPI}]}
    turn = parse({"contents": [ASK], "tools": [declared], "generationConfig": config})
    assert json.loads(bytes(turn.tools[0].parameters)) == JSON_SCHEMA
    assert json.loads(bytes(turn.output.schema)) == JSON_SCHEMA


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ({"responseMimeType": "application/json"}, "json_object"),
        ({"responseJsonSchema": {"type": "object"}}, "json_schema"),
        ({"responseMimeType": "text/plain"}, None),
        ({"responseMimeType": "text/x.enum"}, None),
    ],
)
def test_the_form_of_the_answer(config: dict, kind: str | None):
    turn = parse({"contents": [ASK], "generationConfig": config})
    assert (turn.output and turn.output.kind) == kind
    assert bool(turn.extensions) == ("enum" in str(config))


@pytest.mark.parametrize(
    ("config", "choice"),
    [
        ({"mode": "AUTO"}, ToolChoice("auto")),
        ({"mode": "any"}, ToolChoice("required")),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoice("named", ("f",))),
        ({"mode": "ANY", "allowedFunctionNames": ["f", "g"]}, ToolChoice("required", ("f", "g"))),
        ({"mode": "VALIDATED", "allowedFunctionNames": ["f"]}, ToolChoice("auto", ("f",))),
        ({"mode": "NONE"}, ToolChoice("none")),
        ({"mode": "MODE_UNSPECIFIED"}, None),
        ({}, None),
    ],
)
def test_modes_are_tool_choices(config: dict, choice: ToolChoice | None):
    assert parse({"contents": [ASK], "toolConfig": {"functionCallingConfig": config}}).tool_choice == choice


@pytest.mark.parametrize(
    ("config", "control"),
    [
        ({"thinkingBudget": 100, "includeThoughts": True}, ReasoningControl(budget=100, show=True)),
        ({"thinkingBudget": -1}, ReasoningControl(mode="adaptive", show=False)),
        ({"thinkingLevel": "HIGH"}, ReasoningControl(effort="high", show=False)),
        ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, ReasoningControl(show=False)),
    ],
)
def test_thinking_is_parsed_into_the_neutral_form(config: dict, control: ReasoningControl):
    assert parse({"contents": [ASK], "generationConfig": {"thinkingConfig": config}}).reasoning == control


def one(part: Any, role: str = "user") -> dict[str, Any]:
    """A request with one part."""
    return {"contents": [contents(part, role=role)]}


def also(**fields: Any) -> dict[str, Any]:
    return {"contents": [ASK], **fields}


FIRST = "contents.0.parts.0"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"{", None),
        (b"[]", None),
        (b"\xff{}", None),
        (b"[" * 100_000, None),
        ({}, "contents"),
        ({"contents": []}, "contents"),
        ({"contents": 5}, "contents"),
        ({"contents": [5]}, "contents.0"),
        ({"contents": [{"parts": "x"}]}, "contents.0.parts"),
        ({"contents": [{"role": 5, "parts": []}]}, "contents.0.role"),
        (also(generationConfig={"temperature": "hot"}), "generationConfig.temperature"),
        (also(generation_config={"top_k": []}), "generationConfig.topK"),
        (also(tools=[{"functionDeclarations": [{}]}]), "tools.0.functionDeclarations.0.name"),
        (also(tools=[{"functionDeclarations": 5}]), "tools.0.functionDeclarations"),
        (one({"text": 5}), f"{FIRST}.text"),
        (one({"functionCall": {}}, "model"), f"{FIRST}.functionCall.name"),
        (one({"functionResponse": {"name": "f", "response": {}}}), f"{FIRST}.functionResponse"),
        (one({"inlineData": {"mimeType": "image/png", "data": "eA=="}}), f"{FIRST}.inlineData.data"),
        (one({"inlineData": {"mimeType": "image/png"}}), f"{FIRST}.inlineData.data"),
        (one({"fileData": {}}), f"{FIRST}.fileData.fileUri"),
    ],
)
def test_a_wrong_request_names_its_parameter(body: Any, param: str | None):
    with pytest.raises(InvalidRequest) as refusal:
        parse(body)
    assert refusal.value.param == param


@pytest.mark.parametrize("name", ["generation_config", "generationConfig"])
@pytest.mark.parametrize("depth", [100, 300, 450, 480, 5_000])
def test_a_bottomless_body_is_a_turn_or_is_refused(name: str, depth: int):
    schema = b'{"items":' * depth + b"{}" + b"}" * depth
    config = b'{"responseSchema":' + schema + b"}"
    body = b'{"contents":[{"parts":[{"text":"a"}]}],"' + name.encode() + b'":' + config + b"}"
    try:
        assert parse(body).output.schema
    except InvalidRequest as refusal:
        if "nested too deeply" not in str(refusal):
            raise


def test_a_response_that_is_no_object_names_its_place():
    call = {"functionCall": {"name": "f"}}
    result = {"functionResponse": {"name": "f", "response": "x"}}
    with pytest.raises(InvalidRequest) as refusal:
        messages(ASK, contents(call, role="model"), contents(result))
    assert refusal.value.param == "contents.2.parts.0.functionResponse.response"


def test_a_request_without_a_model_names_it():
    with pytest.raises(InvalidRequest) as refusal:
        PROTOCOL.parse_request(json.dumps({"contents": [ASK]}).encode())
    assert refusal.value.param == "model"
    assert parse({"contents": [ASK], "model": "models/a"}, "").model == "a"


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_request_to_count_may_be_wrapped(wrapped: bool):
    whole = {"contents": [ASK], "systemInstruction": contents({"text": "s"})}
    body = {"generateContentRequest": {**whole, "model": "models/m"}} if wrapped else whole
    counted = PROTOCOL.parse_count_request(json.dumps(body).encode(), "m").turn()
    assert [message.role for message in counted.messages] == ["system", "user"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
SOME = st.sampled_from(["f", "image/png", "user", "model", PNG, "https://a.example/x.pdf"])


def anything(**fields: st.SearchStrategy) -> st.SearchStrategy:
    return st.fixed_dictionaries({}, optional={name: one | JSON for name, one in fields.items()}) | JSON


PART = anything(
    text=st.text(),
    thought=st.booleans(),
    thoughtSignature=st.text(),
    inline_data=anything(mime_type=SOME, data=SOME),
    fileData=anything(fileUri=SOME),
    functionCall=anything(name=SOME, args=JSON),
    functionResponse=anything(name=SOME, response=anything(output=st.text())),
    new=JSON,
)
BODY = anything(
    contents=st.lists(anything(role=SOME, parts=st.lists(PART, max_size=3)), max_size=3),
    systemInstruction=anything(parts=PART),
    tools=st.lists(anything(functionDeclarations=st.lists(anything(name=SOME, parameters=JSON))), max_size=2),
    toolConfig=JSON,
    generation_config=anything(temperature=st.floats(0, 2), responseSchema=JSON, thinkingConfig=JSON),
    other=JSON,
)


@given(BODY)
def test_any_request_is_a_turn_or_is_refused(body: Any):
    try:
        turn = parse(body)
    except InvalidRequest:
        return
    assert turn.messages


# --- answers ---------------------------------------------------------------------------------


def write(received: list[Event], how: str = "stream", pieces: int = 1) -> bytes:
    writer = PROTOCOL.writer(_asked(how), "m")
    written = b"".join(writer.write(received[at : at + pieces]) for at in range(0, len(received), pieces))
    return written + writer.close()


def _asked(how: str) -> Any:
    body = json.dumps({"contents": [ASK]}).encode()
    return PROTOCOL.parse_request(body, "m", stream=how != "body", sse=how != "array")


EVERYTHING: list[Event] = [
    Started("resp", "model-1"),
    ReasoningDelta("hm"),
    ReasoningSigned("sig", "anthropic"),
    ReasoningEncrypted("dark", "anthropic"),
    TextDelta("Zürich "),
    TextDelta("is", signature="c2ln"),
    RefusalDelta(" no"),
    ToolCallStarted(0, "call_1", "f", signature="Yw=="),
    ToolCallDelta(0, '{"x":'),
    ToolCallDelta(0, "[1.0]}"),
    ToolCallStarted(1, "call_2", "sh", kind="custom"),
    ToolCallDelta(1, "ls"),
    ImageAdded("image/png", PNG),
    AudioDelta(Raw(b'{"id":"a","data":"AAA=","transcript":"la"}')),
    NativeBlock("gemini", Raw(b'{"executableCode":{"code":"1"}}')),
    NativeBlock("anthropic", Raw(b'{"type":"server_tool_use"}')),
    LogprobsDelta(Raw(b'[{"token":"a","logprob":-1.5,"bytes":null,"top_logprobs":[{"token":"b","logprob":-2}]}]')),
    CitationAdded(url="https://a.example", title="A", start=0, end=6),
    Finished("tool_calls"),
    UsageReported(Usage(input=3, cache_read=2, output=5, reasoning=4)),
]  # fmt: skip


@pytest.mark.parametrize("how", ["stream", "array", "body"])
@pytest.mark.parametrize("pieces", [1, 3, 99])
def test_everything_in_an_answer_is_written(how: str, pieces: int):
    written = write(EVERYTHING, how, pieces)
    answers = _answers(written, how)
    for answer in answers:
        types.GenerateContentResponse.model_validate(answer)
        assert (answer["modelVersion"], answer["responseId"]) == ("model-1", "resp")
    parts = _parts(answers)
    assert "".join(part.get("text", "") for part in parts if not part.get("thought")) == "Zürich is nola"
    assert [part["functionCall"] for part in parts if "functionCall" in part] == [
        {"id": "call_1", "name": "f", "args": {"x": [1.0]}},
        {"id": "call_2", "name": "sh", "args": {"input": "ls"}},
    ]
    assert {"executableCode": {"code": "1"}} in parts
    assert "server_tool_use" not in written.decode()
    (last,) = answers[-1]["candidates"]
    assert last["finishReason"] == "STOP"
    assert last["groundingMetadata"]["groundingSupports"][0]["segment"]["endIndex"] == 7
    assert last["logprobsResult"]["chosenCandidates"] == [{"token": "a", "logProbability": -1.5}]
    assert answers[-1]["usageMetadata"] == {
        "promptTokenCount": 5,
        "cachedContentTokenCount": 2,
        "candidatesTokenCount": 5,
        "thoughtsTokenCount": 4,
        "totalTokenCount": 14,
    }


def _parts(answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [part for answer in answers for part in answer["candidates"][0]["content"]["parts"]]


def _answers(written: bytes, how: str) -> list[dict[str, Any]]:
    if how == "stream":
        assert written.endswith(b"}\r\n\r\n")
        return [json.loads(one.removeprefix(b"data: ")) for one in written.split(b"\r\n\r\n") if one]
    received = json.loads(written)
    return received if how == "array" else [received]


def test_foreign_seals_come_back_to_who_set_them():
    thoughts = [part for part in _parts(_answers(write(EVERYTHING), "stream")) if part.get("thought")]
    types.Content.model_validate_json(json.dumps({"parts": thoughts}))
    back = messages(ASK, contents(*thoughts, role="model"))[1].parts
    assert back == (Reasoning("hm", "sig", "anthropic"), RedactedReasoning("dark", "anthropic"))


@needs_recordings
@each("recording", [one for one in chats() if one.plain])
@pytest.mark.parametrize("how", ["stream", "array", "body"])
def test_a_recorded_answer_that_is_written_again_is_the_same(recording: Recording, how: str):
    received = read([sent(recording)], stream=recording.kind == "chat_stream")
    again = read([write(received, how)], stream=how != "body")
    assert collected(again) == collected(received)
    assert again[0].created == received[0].created
    assert again[0].model == (received[0].model or "m")
    for kind in (ImageAdded, NativeBlock, CitationAdded):
        kept = [one for one in received if isinstance(one, kind)]
        assert plainly([one for one in again if isinstance(one, kind)]) == plainly(kept)
    assert [one.usage for one in again if isinstance(one, UsageReported)][-1:] == [
        one.usage for one in received if isinstance(one, UsageReported)
    ][-1:]
    assert _signatures(again) == _signatures(received)


def _signatures(received: list[Event]) -> list[str]:
    return sorted(one.signature for one in received if getattr(one, "signature", None))


OPENAI_STREAMS = recordings("openai", "chat_stream", status=200, path="/chat/completions")


@needs_recordings
@each("recording", OPENAI_STREAMS)
def test_a_recorded_openai_stream_is_written_for_gemini_s_clients(recording: Recording):
    reader = OPENAI.reader(Call("/", b"", stream=True), Target("m", OPENAI.dialect()))
    received = reader.feed(recording.body) + reader.close()
    if failure(received):
        return
    again = read([write(received)])
    assert {index: (said.text, said.calls) for index, said in collected(again).items()} == {
        index: (said.text, said.calls) for index, said in collected(received).items()
    }


def test_an_answer_that_is_cut_by_its_limit_keeps_its_arguments():
    events = [
        Started("", ""),
        ToolCallStarted(0, "1", "f"),
        ToolCallDelta(0, '{"a": "b'),
        Finished("length"),
    ]
    (answer,) = _answers(write(events, "body"), "body")
    assert answer["candidates"][0]["content"]["parts"][0]["functionCall"]["args"] == {"input": '{"a": "b'}
    assert answer["candidates"][0]["finishReason"] == "MAX_TOKENS"


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        (Finished("content_filter"), "SAFETY"),
        (Finished("content_filter", native="RECITATION"), "RECITATION"),
        (Finished("stop", native="pause_turn"), "STOP"),
        (Finished("stop", native="MALFORMED_FUNCTION_CALL", detail="x"), "MALFORMED_FUNCTION_CALL"),
    ],
)
def test_reasons_are_gemini_s(finish: Finished, reason: str):
    (answer,) = _answers(write([Started("", ""), finish], "body"), "body")
    assert answer["candidates"][0]["finishReason"] == reason
    assert answer["candidates"][0].get("finishMessage") == finish.detail


@pytest.mark.parametrize("how", ["stream", "array", "body"])
def test_a_broken_answer_ends_in_google_s_error(how: str):
    writer = PROTOCOL.writer(_asked(how), "m")
    written = writer.write([Started("a", "b"), TextDelta("Hel")]) + writer.abort(ProviderBroke("It broke."))
    received = failure(read([written]))
    assert (received.error.message, received.error.status, received.error.code) == (
        "It broke.",
        502,
        "UNAVAILABLE",
    )
    if how == "array":
        assert json.loads(written)[-1]["error"]["message"] == "It broke."


# --- errors ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status", "name"),
    [
        (InvalidRequest("Bad.", param="contents.0"), 400, "INVALID_ARGUMENT"),
        (Unauthenticated("Who?"), 401, "UNAUTHENTICATED"),
        (LimitExceeded("Slow.", retry_after="7"), 429, "RESOURCE_EXHAUSTED"),
        (ProviderRefused("Theirs.", status=400, code="FAILED_PRECONDITION"), 400, "FAILED_PRECONDITION"),
        (ProviderRefused("Odd.", status=529), 529, "INTERNAL"),
        (ProviderRefused("Odd.", status=422), 422, "INVALID_ARGUMENT"),
    ],
)
def test_errors_have_google_s_shape(error: TidegateError, status: int, name: str):
    reply = PROTOCOL.render_error(error, "req-1")
    received = json.loads(reply.body)["error"]
    assert (reply.status, received["code"], received["status"], received["message"]) == (
        status,
        status,
        name,
        error.named_message,
    )
    again = PROTOCOL.parse_error(reply.status, {}, reply.body)
    assert (again.message, again.param, again.retry_after) == (
        error.named_message,
        error.param,
        error.retry_after,
    )
    assert (b"retry-after", b"7") in reply.headers or error.retry_after is None


# --- the same dialect on both sides ----------------------------------------------------------


def splice(how: str = "stream") -> Conduit:
    request = _asked(how)
    return PROTOCOL.splice(request, PROTOCOL.splice_request(request, target()), target())


def test_a_body_passes_as_it_is():
    body = b'{ "contents":[{"parts":[{"text":"a"}]}],\n"new_field":1.0}'
    call = PROTOCOL.splice_request(PROTOCOL.parse_request(body, "x", stream=True), target("gemini-3-pro"))
    assert (call.body, call.stream) == (body, True)
    assert call.path == "/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse"


def test_a_model_in_the_body_becomes_the_provider_s():
    body = json.dumps({"contents": [ASK], "model": "models/alias"}).encode()
    call = PROTOCOL.splice_request(PROTOCOL.parse_request(body, "alias"), target("gemini-3-pro"))
    assert json.loads(call.body) == {"contents": [ASK], "model": "models/gemini-3-pro"}


@needs_recordings
@each("recording", [one for one in chats() if one.kind == "chat_stream"])
def test_a_recorded_stream_passes_byte_by_byte(recording: Recording):
    data = sent(recording)
    received = read([data])
    for pieces in (
        splits(data) if len(data) < 4000 else [[data], [data[at : at + 61] for at in range(0, len(data), 61)]]
    ):
        conduit = splice()
        passed = b"".join(map(conduit.feed, pieces)) + conduit.close()
        assert bool(conduit.failure) == bool(failure(received))
        assert data.startswith(passed) if conduit.failure else passed == data
        reports = [one.usage for one in received if isinstance(one, UsageReported)]
        assert conduit.tally.usage == (reports[-1] if reports else None)
        assert conduit.tally.model == received[0].model


@needs_recordings
@each("recording", [one for one in chats() if one.kind == "chat_stream" and one.plain])
def test_a_recorded_stream_becomes_an_array_for_clients_that_request_one(recording: Recording):
    data = sent(recording)
    conduit = splice("array")
    passed = b"".join(conduit.feed(data[at : at + 100]) for at in range(0, len(data), 100)) + conduit.close()
    chunks = data.decode().replace("\r\n", "\n").split("\n\n")
    assert json.loads(passed) == [json.loads(one.removeprefix("data:")) for one in chunks if one.strip()]


@needs_recordings
@each("recording", [one for one in chats() if one.kind == "chat"])
def test_a_recorded_answer_passes_whole(recording: Recording):
    conduit = splice("body")
    passed = conduit.feed(recording.body[:50]) + conduit.feed(recording.body[50:]) + conduit.close()
    received = read([recording.body], stream=False)
    if "invalid-response" in recording.id:
        assert (passed, type(conduit.failure)) == (b"", ProviderBroke), "another candidate may answer"
        return
    assert passed == recording.body
    reports = [one.usage for one in received if isinstance(one, UsageReported)]
    assert conduit.tally.usage == (reports[-1] if reports else None)


ERROR = {"error": {"code": 503, "message": "Overloaded.", "status": "UNAVAILABLE"}}


@pytest.mark.parametrize("how", ["stream", "array"])
@pytest.mark.parametrize("size", [1, 7, 999])
def test_no_part_of_an_error_in_mid_stream_passes(how: str, size: int):
    good = events(chunk({"text": "a"}))
    data = good + json.dumps(ERROR, indent=2).encode()
    conduit = splice(how)
    passed = (
        b"".join(conduit.feed(data[at : at + size]) for at in range(0, len(data), size)) + conduit.close()
    )
    assert (conduit.failure.status, str(conduit.failure)) == (503, "Overloaded.")
    assert b"error" not in passed
    received = read([passed + conduit.abort(conduit.failure)])
    assert collected(received)[0].text == "a"
    assert failure(received).error.message == "Overloaded."


def test_a_cut_stream_fails_when_it_ends():
    conduit = splice()
    data = events(chunk({"text": "a"}), chunk({"text": "b"}))
    assert conduit.feed(data) + conduit.close() == data
    assert isinstance(conduit.failure, ProviderBroke)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1", json.dumps(ERROR).encode()])
def test_what_is_no_answer_does_not_pass(body: bytes):
    conduit = splice("body")
    assert conduit.feed(body) + conduit.close() == b""
    assert conduit.failure is not None


# --- the official SDK ------------------------------------------------------------------------


class Door(BaseHTTPRequestHandler):
    """As much of a door as the SDK needs: it answers with EVERYTHING, or fails as the model is named."""

    seen: ClassVar[list[Turn]] = []

    def do_POST(self) -> None:
        model, _, method = self.path.rpartition("/")[2].partition(":")
        body = self.rfile.read(int(self.headers["content-length"]))
        stream = method.startswith("stream")
        request = PROTOCOL.parse_request(body, model, stream=stream, sse="alt=sse" in method)
        self.seen.append(request.turn())
        if model == "bad":
            error = PROTOCOL.render_error(LimitExceeded("Slow down.", retry_after="7"), "r")
            self._answer(error.status, "application/json", error.body)
            return
        writer = PROTOCOL.writer(request, model)
        answer = writer.write(EVERYTHING)
        answer += writer.abort(ProviderBroke("It broke.")) if model == "broken" else writer.close()
        self._answer(200, "text/event-stream" if stream else "application/json", answer)

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def client() -> Iterator[genai.Client]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        options = types.HttpOptions(base_url=f"http://127.0.0.1:{server.server_port}")
        with genai.Client(api_key="k", http_options=options) as sdk:
            yield sdk
        server.shutdown()
        thread.join()


def weather(city: str) -> str:
    """Tells the weather."""
    return city


def test_google_s_sdk_reads_an_answer_and_is_understood(client: genai.Client):
    answer = client.models.generate_content(
        model="m",
        contents=["Hi", types.Part.from_bytes(data=b"\x89PNG\r\n", mime_type="image/png")],
        config=types.GenerateContentConfig(
            system_instruction="Be brief.",
            tools=[weather],
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
            temperature=0.5,
            response_schema={"type": "OBJECT", "properties": {"a": {"type": "STRING"}}},
            response_mime_type="application/json",
        ),
    )
    turn = Door.seen[-1]
    assert [message.role for message in turn.messages] == ["system", "user"]
    assert turn.messages[0].parts == (Text("Be brief."),)
    assert isinstance(turn.messages[1].parts[1], Image)
    assert (turn.tools[0].name, turn.temperature, turn.output.kind) == ("weather", 0.5, "json_schema")
    assert [call.name for call in answer.function_calls] == ["f", "sh"]
    assert answer.usage_metadata.total_token_count == 14
    assert answer.candidates[0].finish_reason is types.FinishReason.STOP


def test_google_s_sdk_reads_a_stream(client: genai.Client):
    chunks = list(client.models.generate_content_stream(model="m", contents="Hi"))
    parts = [part for one in chunks for part in one.candidates[0].content.parts]
    assert "".join(part.text for part in parts if part.text and not part.thought) == "Zürich is nola"
    assert [part.function_call.args for part in parts if part.function_call] == [
        {"x": [1.0]},
        {"input": "ls"},
    ]
    assert chunks[-1].usage_metadata.prompt_token_count == 5


@pytest.mark.parametrize(
    ("model", "code", "message"), [("bad", 429, "Slow down."), ("broken", 502, "It broke.")]
)
def test_google_s_sdk_raises_its_own_errors(client: genai.Client, model: str, code: int, message: str):
    with pytest.raises(errors.APIError) as raised:
        list(client.models.generate_content_stream(model=model, contents="Hi"))
    assert (raised.value.code, raised.value.message) == (code, message)
