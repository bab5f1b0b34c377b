"""What Gemini is asked: every rule of its format, and everything that the recorded clients sent."""

import json
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import msgspec
import pytest
from google.genai import types
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from pydantic import BaseModel, ConfigDict

import tidegate
from cases import each
from protocols.gemini_answers import chats, read, sent
from recordings import Recording, needs_recordings, recordings
from tidegate.protocols.contract import Target
from tidegate.protocols.errors import InvalidRequest, Unsupported
from tidegate.protocols.events import (
    Event,
    ImageAdded,
    NativeBlock,
    ReasoningDelta,
    ReasoningSigned,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from tidegate.protocols.gemini import PROTOCOL, GeminiDialect
from tidegate.protocols.gemini.messages import FOREIGN_SIGNATURE
from tidegate.protocols.openai_chat.parse import parse_request as parse_openai
from tidegate.protocols.profile import PLAIN, Profile
from tidegate.protocols.turn import (
    Audio,
    CacheControl,
    Document,
    FileRef,
    Image,
    Inline,
    Link,
    Message,
    Native,
    OutputFormat,
    Part,
    Reasoning,
    ReasoningControl,
    RedactedReasoning,
    Refusal,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
    Video,
)

PAGE = "https://a.example/b"
FILE = "https://generativelanguage.googleapis.com/v1beta/files/x"
FILM = "https://www.youtube.com/watch?v=x"
PNG = Inline("image/png", "iVBORw0KGgo=")


def profile_of(model: str) -> Profile:
    """The profile that google.toml gives a model."""
    path = Path(tidegate.__file__).parent / "providers" / "profiles" / "google.toml"
    for family in tomllib.loads(path.read_text())["family"]:
        if any(fnmatchcase(model, pattern) for pattern in family.pop("match")):
            return msgspec.convert(family, Profile)
    return PLAIN


def to(model: str = "gemini-3-flash-preview", **dialect: Any) -> Target:
    return Target(model, GeminiDialect(**dialect), profile_of(model))


def turn(*messages: Message, **fields: Any) -> Turn:
    return Turn(
        **{
            "model": "m",
            "origin": "openai_chat",
            "extensions": {},
            "messages": messages or (ask(),),
            **fields,
        }
    )


def ask(*parts: Part) -> Message:
    return Message("user", parts or (Text("Hi"),))


def said(*parts: Part) -> Message:
    return Message("assistant", parts)


def result(call: str, text: str, name: str = "f", **more: Any) -> ToolResult:
    return ToolResult(call, name, (Text(text),) if text else (), **more)


def body(asked: Turn, target: Target | None = None) -> dict[str, Any]:
    return json.loads(PROTOCOL.render_request(asked, target or to()).body)


def body_or_refusal(asked: Turn, target: Target) -> dict[str, Any] | None:
    """The body, or nothing where the turn is refused; a refusal that names no parameter is a fault."""
    try:
        return body(asked, target)
    except InvalidRequest as refusal:
        if refusal.param is None:
            raise
        return None


def dropped(asked: Turn, target: Target | None = None) -> set[str]:
    return set(PROTOCOL.render_request(asked, target or to()).dropped)


def function(name: str = "f", parameters: Any = None, **more: Any) -> Tool:
    return Tool(name, parameters=None if parameters is None else Raw(json.dumps(parameters).encode()), **more)


# --- the official types ----------------------------------------------------------------------


class Request(BaseModel):
    """The body of generateContent; google-genai has types for its parts only."""

    model_config = ConfigDict(extra="forbid")

    contents: list[types.Content]
    systemInstruction: types.Content | None = None  # noqa: N815 the wire's name
    tools: list[types.Tool] | None = None
    toolConfig: types.ToolConfig | None = None  # noqa: N815
    generationConfig: types.GenerationConfig | None = None  # noqa: N815
    serviceTier: str | None = None  # noqa: N815


CLIENTS = ("openai", "azure", "xai", "groq", "together", "openrouter")


def openai_requests() -> list[Recording]:
    found = []
    for folder in CLIENTS:
        found += recordings(folder, "chat", "chat_stream", path="/chat/completions", status=200)
    return [one for one in found if isinstance(one.request_body, dict) and one.request_body.get("messages")]


@needs_recordings
@each("recording", openai_requests())
@pytest.mark.parametrize(
    "target", [to("gemini-2.5-flash"), to(), to(schemas="openapi")], ids=["2.5", "3", "openapi"]
)
def test_a_recorded_openai_request_arrives_whole(recording: Recording, target: Target):
    request = recording.request_body
    written = body_or_refusal(parse_openai(json.dumps({**request, "model": "m"}).encode()).turn(), target)
    if written is None:
        assert {"file", "response_format", "input_audio"} & set(_strings(request))
        return
    Request.model_validate(written)
    strings = set(_strings(written))
    for text in _texts(request["messages"]):
        assert any(text in string for string in strings) or json.loads(text) in list(_walk(written))
    if request.get("tool_choice") != "none":
        for tool in request.get("tools") or []:
            declared = tool.get("function") or {}
            assert {declared.get("name"), *_properties(declared.get("parameters"))} - {None} <= strings


def _texts(messages: list[dict[str, Any]]) -> list[str]:
    """The texts and base64 data of the messages."""
    found = []
    for message in messages:
        content = message.get("content") or []
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        for part in parts:
            url = (
                (part.get("image_url") or {}).get("url", "")
                if isinstance(part.get("image_url"), dict)
                else ""
            )
            found += [part.get("text") or "", url.partition(";base64,")[2] or url]
    return [text.strip() for text in found if text.strip()]


def _walk(value: Any) -> list[Any]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [value, *(found for _, one in inner for found in _walk(one))]


def _strings(value: Any) -> list[str]:
    keys = [key for one in _walk(value) if isinstance(one, dict) for key in one]
    return [one for one in [*keys, *_walk(value)] if isinstance(one, str)]


def _properties(schema: Any) -> list[str]:
    objects = [one["properties"] for one in _walk(schema) if isinstance(one, dict) and "properties" in one]
    return [name for one in objects if isinstance(one, dict) for name in one]


# --- the path --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "stream", "path"),
    [
        ("gemini-2.5-pro", False, "/v1beta/models/gemini-2.5-pro:generateContent"),
        ("models/gemini-2.5-pro", True, "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse"),
        ("a/../b?c#d e", False, "/v1beta/models/a%2F..%2Fb%3Fc%23d%20e:generateContent"),
    ],
)
def test_model_and_method_are_in_the_path(model: str, stream: bool, path: str):
    call = PROTOCOL.render_request(turn(stream=stream), to(model))
    assert (call.path, call.stream) == (path, stream)


def test_vertex_has_another_path():
    path = "/v1/projects/p/locations/global/publishers/google/models/{model}"
    call = PROTOCOL.render_request(turn(stream=True), to(path=path))
    assert call.path == path.format(model="gemini-3-flash-preview") + ":streamGenerateContent?alt=sse"


# --- the conversation ------------------------------------------------------------------------


def test_instructions_stand_apart_and_neighbours_are_one():
    asked = turn(
        Message("system", (Text("Be brief."),)), ask(Text("a")), ask(Text(""), Text("b")),
        Message("developer", (Text("Be kind."),)), said(Text("c")), said(Refusal("d")), ask(Text("e")),
    )  # fmt: skip
    assert body(asked) == {
        "systemInstruction": {"parts": [{"text": "Be brief."}, {"text": "Be kind."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
            {"role": "model", "parts": [{"text": "c"}, {"text": "d"}]},
            {"role": "user", "parts": [{"text": "e"}]},
        ],
    }


def test_instructions_alone_become_the_user_content():
    assert body(turn(Message("system", (Text("Say hello."),)))) == {
        "contents": [{"role": "user", "parts": [{"text": "Say hello."}]}]
    }


def test_gemma_is_instructed_by_the_user():
    written = body(turn(Message("system", (Text("Be brief."),)), ask(Text("a"))), to("gemma-3-27b-it"))
    assert written == {"contents": [{"role": "user", "parts": [{"text": "Be brief."}, {"text": "a"}]}]}


def test_empty_messages_are_the_client_s_mistake():
    with pytest.raises(InvalidRequest) as refusal:
        body(turn(ask(Text(""))))
    assert refusal.value.param == "messages"


def test_results_of_one_step_are_in_one_content():
    asked = turn(
        ask(),
        said(ToolCall("1", "f", '{"x": 1}'), ToolCall("2", "g", "")),
        Message("tool", (result("1", '{"y": 2}'), result("2", "fine", "g"))),
        Message("tool", (result("3", "", "g"), result("4", "no", "g", is_error=True))),
        ask(Text("and?")),
    )
    _, calls, results, more = body(asked, to("gemini-2.5-flash"))["contents"]
    assert calls["parts"] == [
        {"functionCall": {"name": "f", "args": {"x": 1}}},
        {"functionCall": {"name": "g", "args": {}}},
    ]
    assert results["role"] == "user"
    assert results["parts"] == [
        {"functionResponse": {"name": "f", "response": {"y": 2}}},
        {"functionResponse": {"name": "g", "response": {"output": "fine"}}},
        {"functionResponse": {"name": "g", "response": {"output": ""}}},
        {"functionResponse": {"name": "g", "response": {"error": "no"}}},
    ]
    assert more == {"role": "user", "parts": [{"text": "and?"}]}, "nothing stands beside results"


@pytest.mark.parametrize(
    "text", ['{"id": 12345678901234567890}', '{"$ref": "#/a"}', "[1]", '"a"', "{broken", "17", "{'a': 1}"]
)
def test_a_result_that_google_would_change_stays_a_text(text: str):
    asked = turn(ask(), said(ToolCall("1", "f", "{}")), Message("tool", (result("1", text),)))
    assert body(asked)["contents"][2]["parts"][0]["functionResponse"]["response"] == {"output": text}


@pytest.mark.parametrize("arguments", ["[1]", '{"cut', "5"])
def test_arguments_that_are_no_object_become_one(arguments: str):
    asked = turn(ask(), said(ToolCall("1", "f", arguments)), Message("tool", (result("1", "x"),)))
    assert body(asked)["contents"][1]["parts"][0]["functionCall"]["args"] == {"input": arguments}


def test_a_result_that_answers_nothing_is_refused():
    with pytest.raises(InvalidRequest, match="no call in the conversation") as refusal:
        body(turn(ask(), Message("tool", (result("9", "x", name=""),))))
    assert refusal.value.param == "messages.1"


def test_media_of_results_go_inside_where_the_model_can():
    seen = ToolResult("1", "f", (Text("look"), Image(PNG)))
    asked = turn(ask(), said(ToolCall("1", "f", "{}")), Message("tool", (seen, result("2", "b"))))
    blob = {"inlineData": {"mimeType": "image/png", "data": PNG.data}}
    inside = body(asked, to("gemini-3-pro-preview"))["contents"][2]["parts"]
    assert inside[0]["functionResponse"]["parts"] == [blob]
    assert len(inside) == 2
    *_, results, beside = body(asked, to("gemini-2.5-flash"))["contents"]
    assert [next(iter(part)) for part in results["parts"]] == ["functionResponse", "functionResponse"]
    assert beside == {"role": "user", "parts": [blob]}


@pytest.mark.parametrize(
    ("part", "written"),
    [
        (Image(PNG), {"inlineData": {"mimeType": "image/png", "data": PNG.data}}),
        (Image(Link(PAGE + ".PNG?x")), {"fileData": {"mimeType": "image/png", "fileUri": PAGE + ".PNG?x"}}),
        (Image(Link(PAGE)), {"fileData": {"mimeType": "image/jpeg", "fileUri": PAGE}}),
        (Image(Link(PAGE, "image/webp")), {"fileData": {"mimeType": "image/webp", "fileUri": PAGE}}),
        (Document(Link("gs://a/b.pdf")), {"fileData": {"mimeType": "application/pdf", "fileUri": "gs://a/b.pdf"}}),
        (Document(FileRef(FILE)), {"fileData": {"fileUri": FILE}}),
        (Audio(Inline("audio/wav", "AA==")), {"inlineData": {"mimeType": "audio/wav", "data": "AA=="}}),
        (Video(Link(FILM)), {"fileData": {"fileUri": FILM}}),
        (Native("gemini", Raw(b'{"codeExecutionResult":{}}')), {"codeExecutionResult": {}}),
    ],
)  # fmt: skip
def test_media_are_written_by_where_they_come_from(part: Part, written: dict):
    assert body(turn(ask(part)))["contents"][0]["parts"] == [written]


def test_a_document_brings_its_context_along():
    document = Document(
        Inline("application/pdf", "JVBERg=="), name="a.pdf", context="From 1999.", citations=True
    )
    asked = turn(ask(document))
    assert [next(iter(part)) for part in body(asked)["contents"][0]["parts"]] == ["text", "inlineData"]
    assert dropped(asked) == {"document.name", "document.citations"}


@pytest.mark.parametrize(
    ("part", "model", "word"),
    [
        (Image(FileRef("file-abc")), "gemini-2.5-flash", "file-abc"),
        (Image(Link("https://a.example/b.png")), "gemini-2.0-flash", "image_url"),
        (Native("anthropic", Raw(b"{}"), "container_upload"), "gemini-2.5-flash", "container_upload"),
    ],
)
def test_what_gemini_does_not_support_is_refused_by_name(part: Part, model: str, word: str):
    with pytest.raises(Unsupported, match=word) as refusal:
        body(turn(ask(), ask(part)), to(model))
    assert refusal.value.param == "messages.1.content"


# --- signatures and thoughts ----------------------------------------------------------------------


def test_calls_of_other_models_get_the_documented_seal_and_no_id():
    calls = said(Text("a"), ToolCall("call_1", "f", "{}"), ToolCall("call_2", "f", "{}"))
    results = Message("tool", (result("call_1", "x"), result("call_2", "y")))
    asked = turn(ask(), calls, results, ask(Text("go on")))
    parts = body(asked)["contents"][1]["parts"]
    assert [part.get("thoughtSignature") for part in parts] == [None, FOREIGN_SIGNATURE, None]
    assert "call_1" not in json.dumps(body(asked))
    assert FOREIGN_SIGNATURE not in json.dumps(body(asked, to("gemini-2.5-flash")))


def test_calls_of_earlier_turns_need_no_seal():
    step = (said(ToolCall("1", "f", "{}")), Message("tool", (result("1", "x"),)))
    written = body(turn(ask(), *step, said(Text("done")), ask(), *step))["contents"]
    signatures = [
        part.get("thoughtSignature")
        for content in written
        for part in content["parts"]
        if "functionCall" in part
    ]
    assert signatures == [None, FOREIGN_SIGNATURE]


def test_gemini_s_own_calls_keep_seal_and_id():
    asked = turn(ask(), said(ToolCall("own", "f", "{}", signature="s"), ToolCall("own2", "f", "{}")),
                 Message("tool", (result("own", "x"), result("own2", "y"))))  # fmt: skip
    _, calls, results = body(asked)["contents"]
    assert [part.get("thoughtSignature") for part in calls["parts"]] == ["s", None]
    assert [part["functionCall"]["id"] for part in calls["parts"]] == ["own", "own2"]
    assert [part["functionResponse"]["id"] for part in results["parts"]] == ["own", "own2"]


def test_thoughts_come_back_and_foreign_seals_do_not():
    asked = turn(
        ask(),
        said(
            Reasoning("mine", "sig", "gemini"),
            Reasoning("theirs", "other", "anthropic"),
            Reasoning("", "other", "anthropic"),
            RedactedReasoning("data", "gemini"),
            RedactedReasoning("data", "anthropic"),
            Text("a", signature="t"),
        ),
    )
    assert body(asked)["contents"][1]["parts"] == [
        {"text": "mine", "thought": True, "thoughtSignature": "sig"},
        {"text": "theirs", "thought": True},
        {"text": "", "thoughtSignature": "data"},
        {"text": "a", "thoughtSignature": "t"},
    ]
    assert dropped(asked) == {"redacted_thinking"}


def test_another_format_s_machinery_in_the_history_is_dropped_by_name():
    asked = turn(ask(), said(Native("anthropic", Raw(b"{}"), "server_tool_use"), Text("a")), ask())
    assert dropped(asked) == {"messages.content.server_tool_use"}
    assert body(asked)["contents"][1]["parts"] == [{"text": "a"}]


def as_history(events: list[Event]) -> Message:
    """What a client sends back of an answer: deltas of a kind joined, as OpenAI's clients join them."""
    parts: list[Part] = []
    for event in events:
        last = parts[-1] if parts else None
        match event:
            case TextDelta() if isinstance(last, Text) and last.signature is None:
                parts[-1] = Text(last.text + event.text, signature=event.signature)
            case TextDelta():
                parts.append(Text(event.text, signature=event.signature))
            case ReasoningDelta() if isinstance(last, Reasoning):
                parts[-1] = Reasoning(last.text + event.text, None, "gemini")
            case ReasoningDelta():
                parts.append(Reasoning(event.text, None, "gemini"))
            case ReasoningSigned():
                parts.append(Reasoning("", event.signature, "gemini"))
            case ImageAdded():
                parts.append(Image(Inline(event.media_type, event.data), signature=event.signature))
            case NativeBlock():
                parts.append(Native("gemini", event.block))
            case ToolCallStarted():
                parts.append(ToolCall(event.id, event.name, "", signature=event.signature))
            case ToolCallDelta():
                assert isinstance(last, ToolCall)
                parts[-1] = msgspec.structs.replace(last, arguments=event.arguments)
    return said(*parts)


def _signatures(content: Any) -> list[tuple[str, str]]:
    """The signatures of an answer, each with the kind of part that it is on."""
    found = [one for one in _walk(content) if isinstance(one, dict) and "thoughtSignature" in one]
    return [
        (
            next((key for key in one if key not in ("thoughtSignature", "thought")), ""),
            one["thoughtSignature"],
        )
        for one in found
    ]


@needs_recordings
@each("recording", [one for one in chats() if "signature" in one.features])
def test_an_answer_s_seals_come_back_on_the_same_parts(recording: Recording):
    events = read([sent(recording)], stream=recording.kind == "chat_stream")
    asked = turn(ask(), as_history(events), ask())
    written = body(asked, to("gemini-2.5-flash"))["contents"][1]
    data = sent(recording).decode().replace("\r\n", "\n")
    chunks = [data] if recording.kind == "chat" else [one[5:] for one in data.split("\n\n") if one.strip()]
    recorded = [signature for chunk in chunks for signature in _signatures(json.loads(chunk))]
    assert _signatures(written) == recorded
    ids = [
        one["functionCall"].get("id")
        for one in _walk(json.loads(chunks[-1]))
        if isinstance(one, dict) and "functionCall" in one
    ]
    assert all(identifier in json.dumps(written) for identifier in ids if identifier)
    assert "call_tidegate_" not in json.dumps(written)


# --- tools -----------------------------------------------------------------------------------

SCHEMA = {
    "type": "object",
    "properties": {"a": {"$ref": "#/$defs/A"}, "b": {"type": ["string", "null"]}},
    "required": ["a"],
    "additionalProperties": False,
    "$defs": {"A": {"type": "object", "properties": {"c": {"const": "x"}}, "description": "An A."}},
}


def test_functions_are_declared_with_their_json_schema_as_it_is():
    tools = (
        function("f", SCHEMA, description="Does it."),
        function("g"),
        function("h", {"type": "object", "properties": {}}),
    )
    (declared,) = body(turn(tools=tools))["tools"]
    assert declared["functionDeclarations"] == [
        {"name": "f", "description": "Does it.", "parametersJsonSchema": SCHEMA},
        {"name": "g"},
        {"name": "h"},
    ]


def test_an_object_that_takes_anything_is_not_empty():
    schema = {"type": "object", "additionalProperties": True}
    assert (
        body(turn(tools=(function("f", schema),)))["tools"][0]["functionDeclarations"][0][
            "parametersJsonSchema"
        ]
        == schema
    )


@pytest.mark.parametrize("schemas", ["json_schema", "openapi"])
@pytest.mark.parametrize("depth", [60, 300, 450, 480, 5_000])
def test_a_bottomless_schema_is_written_or_refused(schemas: str, depth: int):
    deep = b'{"x":{"$ref":"#/y"},"items":' * depth + b"{}" + b"}" * depth
    asked = turn(tools=(Tool("f", parameters=Raw(deep)),), output=OutputFormat("json_schema", Raw(deep)))
    written = body_or_refusal(asked, to(schemas=schemas))
    assert written is not None or depth > 60


def test_a_schema_that_grows_is_refused_in_time():
    definitions = {
        f"d{i}": {"properties": {name: {"$ref": f"#/$defs/d{i + 1}"} for name in "abcdefgh"}}
        for i in range(20)
    }
    schema = {"$ref": "#/$defs/d0", "$defs": definitions}
    with pytest.raises(Unsupported, match="size"):
        body(turn(tools=(function("f", schema),)), to(schemas="openapi"))


def test_a_reference_has_no_siblings():
    schema = {
        "properties": {
            "a": {"$ref": "#/$defs/A", "description": "An A."},
            "b": {"type": "array", "items": {"$ref": "#/$defs/A"}},
            "$ref": {"enum": [{"$ref": 1, "x": 2}]},
        },
        "$defs": {"A": {"type": "string"}},
    }
    mended = json.loads(json.dumps(schema))
    mended["properties"]["a"] = {"anyOf": [{"$ref": "#/$defs/A"}], "description": "An A."}
    output = OutputFormat("json_schema", Raw(json.dumps(schema).encode()))
    written = body(turn(tools=(function("f", schema),), output=output))
    assert written["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"] == mended
    assert written["generationConfig"]["responseJsonSchema"] == mended


def test_old_servers_get_the_openapi_subset():
    asked = turn(
        tools=(function("f", SCHEMA),), output=OutputFormat("json_schema", Raw(json.dumps(SCHEMA).encode()))
    )
    written = body(asked, to(schemas="openapi"))
    expected = {
        "type": "OBJECT",
        "properties": {
            "a": {
                "type": "OBJECT",
                "description": "An A.",
                "properties": {"c": {"type": "STRING", "enum": ["x"]}},
            },
            "b": {"type": "STRING", "nullable": True},
        },
        "required": ["a"],
    }
    assert written["tools"][0]["functionDeclarations"][0]["parameters"] == expected
    assert written["generationConfig"]["responseSchema"] == expected


@pytest.mark.parametrize(
    ("schema", "converted"),
    [
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, {"type": "INTEGER", "nullable": True}),
        ({"oneOf": [{"type": "integer"}, {"title": "x"}]}, {"anyOf": [{"type": "INTEGER"}, {"title": "x"}]}),
        ({"type": ["integer", "string"]}, {"anyOf": [{"type": "INTEGER"}, {"type": "STRING"}]}),
        ({"enum": [1, 2], "type": "integer"}, {"enum": ["1", "2"], "type": "STRING"}),
        ({"type": "array", "items": True}, {"type": "ARRAY", "items": {}}),
        ({"allOf": [{"$ref": "#/definitions/x~1y"}, {"properties": {"b": {}}, "required": ["b"]}],
          "definitions": {"x/y": {"type": "object", "properties": {"a": {}}, "required": ["a"]}}},
         {"type": "OBJECT", "properties": {"b": {}, "a": {}}, "required": ["a", "b"]}),
        ({"$ref": "#/nowhere"}, {}),
        ({"type": 5, "properties": [1], "anyOf": 3, "allOf": {}, "title": "x"}, {"title": "x"}),
    ],
)  # fmt: skip
def test_each_word_of_a_schema_is_converted(schema: dict, converted: dict):
    output = OutputFormat("json_schema", Raw(json.dumps(schema).encode()))
    assert body(turn(output=output), to(schemas="openapi"))["generationConfig"]["responseSchema"] == converted


ENDLESS = {"type": "object", "properties": {"next": {"$ref": "#"}, "other": {"$ref": "#"}}}


def test_a_schema_without_end_is_refused_where_references_are_unknown():
    with pytest.raises(Unsupported, match="refers to itself") as refusal:
        body(turn(tools=(function("f", ENDLESS),)), to(schemas="openapi"))
    assert refusal.value.param == "tools.0"
    assert body(turn(tools=(function("f", ENDLESS),)))["tools"], "others take it as it is"


def test_a_custom_tool_is_a_function_with_one_text():
    block = {
        "type": "custom",
        "custom": {
            "name": "sh",
            "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: X"}},
        },
    }
    tool = Tool("sh", "Runs.", kind="custom", block=Raw(json.dumps(block).encode()))
    asked = turn(
        ask(),
        said(ToolCall("1", "sh", "ls\n", kind="custom")),
        Message("tool", (result("1", "a", "sh"),)),
        tools=(tool,),
    )
    written = body(asked)
    (declared,) = written["tools"][0]["functionDeclarations"]
    assert declared["parametersJsonSchema"]["properties"] == {"input": {"type": "string"}}
    assert "start: X" in declared["description"]
    assert written["contents"][1]["parts"][0]["functionCall"]["args"] == {"input": "ls\n"}
    assert PROTOCOL.render_request(asked, to()).custom_tools == {"sh"}


def test_google_s_own_tools_pass_and_others_are_refused():
    search = Tool("googleSearch", kind="native", format="gemini", block=Raw(b'{"googleSearch":{}}'))
    assert body(turn(tools=(search, function("f"))))["tools"] == [
        {"functionDeclarations": [{"name": "f"}]},
        {"googleSearch": {}},
    ]
    foreign = Tool("web_search", kind="native", format="anthropic", block=Raw(b"{}"))
    with pytest.raises(Unsupported, match="web_search") as refusal:
        body(turn(tools=(search, foreign)))
    assert refusal.value.param == "tools.1"


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        (ToolChoice("auto"), {"mode": "AUTO"}),
        (ToolChoice("none"), {"mode": "NONE"}),
        (ToolChoice("required"), {"mode": "ANY"}),
        (ToolChoice("named", ("f",)), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        (ToolChoice("required", ("f", "g")), {"mode": "ANY", "allowedFunctionNames": ["f", "g"]}),
        (ToolChoice("auto", ("f",)), {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}),
    ],
)
def test_tool_choice_is_a_mode(choice: ToolChoice, config: dict):
    assert body(turn(tools=(function("f"), function("g")), tool_choice=choice))["toolConfig"] == {
        "functionCallingConfig": config
    }
    assert "toolConfig" not in body(turn(tool_choice=choice)), "Google refuses it without functions"


# --- tuning and form -------------------------------------------------------------------------


def test_tuning_has_gemini_s_names():
    asked = turn(
        temperature=0.5, top_p=0.9, top_k=3, n=2, max_tokens=10, stop=("a", "b"), seed=7,
        presence_penalty=0.1, frequency_penalty=0.2, logprobs=True, top_logprobs=4,
        modalities=("text", "image"),
    )  # fmt: skip
    assert body(asked)["generationConfig"] == {
        "temperature": 0.5, "topP": 0.9, "topK": 3, "candidateCount": 2, "maxOutputTokens": 10,
        "stopSequences": ["a", "b"], "seed": 7, "presencePenalty": 0.1, "frequencyPenalty": 0.2,
        "responseLogprobs": True, "logprobs": 4, "responseModalities": ["TEXT", "IMAGE"],
    }  # fmt: skip
    assert dropped(asked) == set()


def test_zeros_and_falses_are_sent():
    written = body(turn(temperature=0, seed=0, top_logprobs=0, logprobs=False))["generationConfig"]
    assert written == {"temperature": 0, "seed": 0, "logprobs": 0, "responseLogprobs": False}


def test_what_gemini_does_not_support_is_dropped_by_name():
    asked = turn(
        ask(Text("a", cache=CacheControl()), Image(PNG, detail="high")),
        Message("user", (Text("b"),), name="Ann"),
        logit_bias=Raw(b"{}"), verbosity="low", user="u", parallel_tool_calls=False, service_tier="scale",
        stop=tuple("abcdefg"), extensions={"store": Raw(b"true")}, tools=(function("f", strict=True),),
    )  # fmt: skip
    assert dropped(asked) == {
        "logit_bias", "verbosity", "user", "parallel_tool_calls", "service_tier", "stop.5", "stop.6", "store",
        "tools.strict", "cache_control", "image_url.detail", "messages.name",
    }  # fmt: skip
    assert body(asked)["generationConfig"]["stopSequences"] == list("abcde")


def test_what_gemini_does_anyway_is_not_reported_as_dropped():
    assert dropped(turn(parallel_tool_calls=True, service_tier="auto")) == set()


def test_a_service_tier_that_both_know_is_carried():
    assert body(turn(service_tier="flex"))["serviceTier"] == "flex"


def test_a_model_that_refuses_sampling_is_not_sent_any():
    target = Target("m", GeminiDialect(), Profile(sampling="refused", stop=False))
    asked = turn(temperature=1.0, top_p=0.5, stop=("a",))
    assert body(asked, target) == {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
    assert dropped(asked, target) == {"temperature", "top_p", "stop"}


def test_structured_output_is_a_mime_type_and_a_schema():
    schema = OutputFormat("json_schema", Raw(json.dumps(SCHEMA).encode()), name="a")
    assert body(turn(output=schema))["generationConfig"] == {
        "responseMimeType": "application/json",
        "responseJsonSchema": SCHEMA,
    }
    assert body(turn(output=OutputFormat("json_object")))["generationConfig"] == {
        "responseMimeType": "application/json"
    }
    with pytest.raises(Unsupported, match="response_format"):
        body(turn(output=schema), to("gemma-3-27b-it"))


SHOWN = {"includeThoughts": True}


@pytest.mark.parametrize(
    ("model", "control", "config"),
    [
        ("gemini-3-flash-preview", ReasoningControl(effort="minimal"), {"thinkingLevel": "MINIMAL", **SHOWN}),
        ("gemini-3-flash-preview", ReasoningControl(effort="max"), {"thinkingLevel": "HIGH", **SHOWN}),
        ("gemini-3-flash-preview", ReasoningControl(effort="none"), {"thinkingLevel": "MINIMAL"}),
        ("gemini-3-flash-preview", ReasoningControl(budget=512), {"thinkingBudget": 512, **SHOWN}),
        ("gemini-3-flash-preview", ReasoningControl(mode="adaptive"), SHOWN),
        ("gemini-3-pro-preview", ReasoningControl(effort="medium"), {"thinkingLevel": "HIGH", **SHOWN}),
        ("gemini-3-pro-preview", ReasoningControl(effort="minimal", show=False), {"thinkingLevel": "LOW"}),
        ("gemini-3.1-pro-preview", ReasoningControl(mode="disabled"), {"thinkingLevel": "LOW"}),
        ("gemini-9-nova", ReasoningControl(effort="low"), {"thinkingLevel": "LOW", **SHOWN}),
        ("gemini-2.5-flash", ReasoningControl(effort="low"), {"thinkingBudget": 1024, **SHOWN}),
        ("gemini-2.5-flash", ReasoningControl(effort="none"), {"thinkingBudget": 0}),
        ("gemini-2.5-flash", ReasoningControl(show=True), SHOWN),
        ("gemini-2.5-flash", ReasoningControl(mode="enabled"), {"thinkingBudget": -1, **SHOWN}),
        ("gemini-2.5-pro", ReasoningControl(effort="xhigh"), {"thinkingBudget": 32768, **SHOWN}),
        ("gemini-2.5-pro", ReasoningControl(budget=0), {"thinkingBudget": 128}),
        ("gemini-2.5-pro", ReasoningControl(budget=1), {"thinkingBudget": 128, **SHOWN}),
        ("gemini-2.5-flash", ReasoningControl(budget=31_999), {"thinkingBudget": 24_576, **SHOWN}),
        ("gemini-2.0-flash", ReasoningControl(effort="high"), None),
    ],
)
def test_thinking_is_requested_in_the_model_s_own_way(
    model: str, control: ReasoningControl, config: dict | None
):
    written = body(turn(reasoning=control), to(model))
    assert written.get("generationConfig", {}).get("thinkingConfig") == config
    assert ("reasoning" in dropped(turn(reasoning=control), to(model))) == (config is None)


def test_every_optional_field_of_a_turn_has_an_outcome():
    always = {"model", "messages", "stream", "origin", "extensions"}
    assert set(PROTOCOL.carries) == set(Turn.__struct_fields__) - always


# --- counting --------------------------------------------------------------------------------


class Asked:
    """A request to count, as some door parsed it."""

    model, stream, include_usage, provider, fallbacks, body = "m", False, False, None, (), b""

    def turn(self) -> Turn:
        return turn(Message("system", (Text("s"),)), ask(), tools=(function("f"),))


def test_a_prompt_is_counted_with_its_instructions_and_tools():
    call = PROTOCOL.render_count(Asked(), to())
    assert call.path == "/v1beta/models/gemini-3-flash-preview:countTokens"
    inner = json.loads(call.body)["generateContentRequest"]
    assert inner["model"] == "models/gemini-3-flash-preview"
    assert {"contents", "systemInstruction", "tools"} < set(inner)


def test_vertex_counts_the_plain_body():
    assert json.loads(PROTOCOL.render_count(Asked(), to(count="plain")).body) == body(Asked().turn())


# --- anything --------------------------------------------------------------------------------

TEXTS = st.text(max_size=20)
JSON_TEXT = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
).map(json.dumps)
RAW = JSON_TEXT.map(lambda text: Raw(text.encode()))
FORMATS = st.sampled_from(["gemini", "anthropic"])
LINKS = st.builds(Link, st.sampled_from(["https://a.example/x.pdf", "gs://b"]))
SOURCES = st.one_of(st.builds(Inline, st.just("image/png"), TEXTS), LINKS, st.builds(FileRef, TEXTS))
SEALS = st.none() | TEXTS
CONTENT = [
    st.builds(Text, TEXTS, signature=SEALS),
    st.builds(Image, SOURCES, detail=st.none() | TEXTS, signature=SEALS),
    st.builds(Document, SOURCES, name=SEALS, context=SEALS),
    st.builds(Native, FORMATS, RAW.filter(lambda raw: bytes(raw)[:1] == b"{"), TEXTS),
]
RESULT = st.lists(st.one_of(*CONTENT), max_size=3).map(tuple)
PARTS = st.one_of(
    *CONTENT,
    st.builds(Audio, SOURCES),
    st.builds(Video, SOURCES),
    st.builds(Refusal, TEXTS),
    st.builds(Reasoning, TEXTS, SEALS, FORMATS),
    st.builds(RedactedReasoning, TEXTS, FORMATS),
    st.builds(ToolCall, TEXTS, TEXTS, TEXTS | JSON_TEXT, signature=SEALS),
    st.builds(ToolResult, TEXTS, TEXTS, RESULT, is_error=st.none() | st.booleans()),
)
MESSAGES = st.builds(
    Message,
    st.sampled_from(["system", "developer", "user", "assistant", "tool"]),
    st.lists(PARTS, max_size=4).map(tuple),
)
TOOLS = st.one_of(
    st.builds(Tool, TEXTS, SEALS, st.none() | RAW, kind=st.just("function")),
    st.builds(Tool, TEXTS, SEALS, kind=st.just("custom"), block=st.none() | RAW),
    st.builds(
        Tool, TEXTS, kind=st.just("native"), format=FORMATS, block=st.just(Raw(b'{"googleSearch":{}}'))
    ),
)
EFFORT = st.none() | st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh", "max"])
TURNS = st.builds(
    Turn,
    model=TEXTS,
    messages=st.lists(MESSAGES, max_size=4).map(tuple),
    stream=st.booleans(),
    tools=st.lists(TOOLS, max_size=3).map(tuple),
    origin=st.sampled_from(["openai_chat", "anthropic", "gemini"]),
    extensions=st.dictionaries(TEXTS, RAW, max_size=1),
    stop=st.lists(TEXTS, max_size=7).map(tuple),
    reasoning=st.none() | st.builds(ReasoningControl, EFFORT, st.none() | st.integers(0, 99)),
    output=st.none()
    | st.builds(OutputFormat, st.sampled_from(["json_object", "json_schema"]), st.none() | RAW),
    tool_choice=st.none() | st.builds(ToolChoice, st.sampled_from(["auto", "none", "required", "named"])),
    temperature=st.none() | st.floats(0, 2),
)
TARGETS = st.builds(
    to, st.sampled_from(["gemini-2.0-flash", "gemini-2.5-pro", "gemini-3-pro", "gemma-3-1b", "x"]),
    schemas=st.sampled_from(["json_schema", "openapi"]),
)  # fmt: skip


@given(TURNS, TARGETS)
def test_any_turn_is_json_or_is_refused(asked: Turn, target: Target):
    written = body_or_refusal(asked, target)
    assert written is None or written["contents"]
