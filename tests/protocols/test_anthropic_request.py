"""Anthropic's door: what is accepted, what is rejected by name, and the resulting Turn."""

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from cases import each
from protocols.anthropic_answers import HOSTS, PATHS, target
from recordings import Recording, needs_recordings, recordings
from tidegate.protocols.anthropic import PROTOCOL
from tidegate.protocols.contract import ParsedRequest
from tidegate.protocols.errors import InvalidRequest, Unsupported
from tidegate.protocols.noise import KEEPS_ALL
from tidegate.protocols.profile import Profile
from tidegate.protocols.turn import (
    CacheControl,
    Document,
    FileRef,
    Image,
    Inline,
    Link,
    Message,
    Native,
    OutputFormat,
    Reasoning,
    ReasoningControl,
    RedactedReasoning,
    Text,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(8)).decode()
HI = {"role": "user", "content": "Hi"}
TOOL = {"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {}}}
USE = {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}
CALL = {"role": "assistant", "content": [USE]}


def body(**fields: Any) -> dict[str, Any]:
    return {"model": "claude-test", "max_tokens": 100, "messages": [HI], **fields}


def user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def parse(fields: Any) -> ParsedRequest:
    return PROTOCOL.parse_request(json.dumps(fields).encode())


def turn(**fields: Any) -> Turn:
    return parse(body(**fields)).turn()


def refusal(data: bytes) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        PROTOCOL.parse_request(data)
    return caught.value


# --- what was recorded -----------------------------------------------------------------------

RECORDED = [
    pytest.param(r, id=r.id)
    for host in HOSTS
    for path in PATHS
    for r in recordings(host, "chat", "chat_stream", path=path, status=200)
]


def sent(recording: Recording) -> dict[str, Any]:
    """The recorded request; Vertex has the model in the path."""
    return {"model": recording.model, **recording.request_body}


@needs_recordings
@each("recording", RECORDED)
def test_a_recorded_request_is_let_in_and_passes_with_another_model_only(recording: Recording) -> None:
    asked = parse(sent(recording))
    assert asked.model == sent(recording)["model"]
    assert asked.stream is bool(sent(recording).get("stream"))
    spliced = PROTOCOL.splice_request(asked, target())
    assert json.loads(spliced.body) == {**sent(recording), "model": "claude-test"}
    assert (spliced.path, spliced.stream, spliced.dropped) == ("/v1/messages", asked.stream, ())


@needs_recordings
@each("recording", RECORDED)
def test_a_recorded_request_keeps_its_content_through_the_turn(recording: Recording) -> None:
    before = sent(recording)
    either = Profile(thinking="budget_or_adaptive", system_messages=True)
    after = json.loads(PROTOCOL.render_request(parse(before).turn(), target(either)).body)
    assert contents(after) == contents(before)
    assert after.get("thinking", {}).get("type") == before.get("thinking", {}).get("type")
    for field in (
        "temperature",
        "top_p",
        "stop_sequences",
        "service_tier",
        "context_management",
        "max_tokens",
    ):
        assert after.get(field) == before.get(field)


def contents(request: dict[str, Any]) -> list[Any]:
    """Whatever a model would read, in order, in one form."""
    read: list[Any] = []
    system = request.get("system") or []
    read += [
        ("system", text) for text in ([system] if isinstance(system, str) else [b["text"] for b in system])
    ]
    for message in request["messages"]:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        read += [(message["role"], _plain(block)) for block in blocks if block.get("text") != " "]
    read += [
        ("tool", {k: v for k, v in tool.items() if k != "defer_loading"}) for tool in request.get("tools", [])
    ]
    return read


def _plain(block: dict[str, Any]) -> Any:
    """A block without what says nothing: citations of an old answer, a list for one text."""
    plain = {key: value for key, value in block.items() if key not in ("citations", "caller")}
    content = plain.get("content")
    if (
        block["type"] == "tool_result"
        and isinstance(content, list)
        and [b.get("type") for b in content] == ["text"]
    ):
        plain["content"] = content[0]["text"]
    return plain


# --- the turn --------------------------------------------------------------------------------


def test_a_plain_question() -> None:
    asked = parse(body(stream=True, system="Be brief.", models=["b"], provider={"only": ["x"]}))
    assert (asked.model, asked.stream, asked.include_usage) == ("claude-test", True, True)
    assert (asked.provider, list(asked.fallbacks)) == ({"only": ["x"]}, ["b"])
    made = asked.turn()
    assert made.messages == (Message("system", (Text("Be brief."),)), Message("user", (Text("Hi"),)))
    assert (made.stream, made.max_tokens, made.origin, made.extensions) == (True, 100, "anthropic", {})


def test_results_and_words_of_one_message_become_two() -> None:
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "42", "is_error": False}
    made = turn(messages=[HI, CALL, user(result, {"type": "text", "text": "And?"})], tools=[TOOL])
    assert made.messages[1:] == (
        Message("assistant", (ToolCall("t1", "f", '{"a": 1}'),)),
        Message("tool", (ToolResult("t1", "f", (Text("42"),), is_error=False),)),
        Message("user", (Text("And?"),)),
    )


def test_media_come_from_where_they_are() -> None:
    cached = {"type": "ephemeral", "ttl": "1h"}
    blocks = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        {"type": "image", "source": {"type": "url", "url": "https://a.b/c.png"}, "cache_control": cached},
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Äh"},
         "title": "T", "context": "C", "citations": {"enabled": True}},
    ]  # fmt: skip
    assert turn(messages=[user(*blocks)]).messages[0].parts == (
        Image(Inline("image/png", PNG)),
        Image(Link("https://a.b/c.png"), cache=CacheControl("1h")),
        Image(FileRef("file_1")),
        Document(Inline("text/plain", base64.b64encode("Äh".encode()).decode()), "T", "C", citations=True),
    )


def test_thinking_comes_back_with_the_format_that_signed_it() -> None:
    blocks = [
        {"type": "thinking", "thinking": "a", "signature": "s"},
        {"type": "thinking", "thinking": "b", "signature": "tidegate:gemini:s:2"},
        {"type": "thinking", "thinking": "c", "signature": ""},
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "redacted_thinking", "data": "d"},
        {"type": "redacted_thinking", "data": "tidegate:openai_chat:e"},
        {"type": "tool_use", "id": "t", "name": "f", "input": {},
         "extra_content": {"google": {"thought_signature": "g"}}},
    ]  # fmt: skip
    assert turn(messages=[HI, {"role": "assistant", "content": blocks}]).messages[1].parts == (
        Reasoning("a", "s", "anthropic"),
        Reasoning("b", "s:2", "gemini"),
        Reasoning("c"),
        RedactedReasoning("d", "anthropic"),
        RedactedReasoning("e", "openai_chat"),
        ToolCall("t", "f", "{}", signature="g"),
    )


def test_blocks_without_counterpart_are_carried_whole() -> None:
    search = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "tides"}}
    other = {"type": "tidegate_native", "format": "gemini", "block": {"code": 1}}
    made = turn(messages=[HI, {"role": "assistant", "content": [search, other]}])
    assert made.messages[1].parts == (
        Native("anthropic", Raw(json.dumps(search).encode()), "server_tool_use"),
        Native("gemini", Raw(b'{"code": 1}')),
    )


def test_an_image_that_a_model_made_comes_back_as_one() -> None:
    text = {"type": "text", "text": f"![image](data:image/png;base64,{PNG})"}
    made = turn(messages=[HI, {"role": "assistant", "content": [text]}])
    assert made.messages[1].parts == (Image(Inline("image/png", PNG)),)


def test_tools_and_the_choice_among_them() -> None:
    native = {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}
    cached = {**TOOL, "cache_control": {"type": "ephemeral"}, "strict": True}
    choice = {"type": "tool", "name": "f", "disable_parallel_tool_use": True}
    made = turn(tools=[cached, native], tool_choice=choice)
    function, own = made.tools
    assert (function.name, function.description, function.strict, function.cache) == (
        "f",
        "d",
        True,
        CacheControl(),
    )
    assert json.loads(bytes(function.parameters or b"")) == TOOL["input_schema"]
    assert (own.kind, own.format, json.loads(bytes(own.block or b""))) == ("native", "anthropic", native)
    assert (made.tool_choice, made.parallel_tool_calls) == (ToolChoice("named", ("f",)), False)
    assert turn(tools=[TOOL], tool_choice={"type": "any"}).tool_choice == ToolChoice("required")


@pytest.mark.parametrize(
    ("fields", "control"),
    [
        (
            {"thinking": {"type": "enabled", "budget_tokens": 2000}},
            ReasoningControl(None, 2000, "enabled", show=True),
        ),
        ({"thinking": {"type": "disabled"}}, ReasoningControl(mode="disabled")),
        (
            {"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "max"}},
            ReasoningControl("max", None, "adaptive", show=False),
        ),
        ({"output_config": {"effort": "low"}}, ReasoningControl("low")),
        ({}, None),
    ],
)
def test_how_much_to_think(fields: dict[str, Any], control: ReasoningControl | None) -> None:
    assert turn(**fields).reasoning == control


def test_the_form_of_the_answer_in_both_its_places() -> None:
    form = {"type": "json_schema", "schema": {"type": "object"}}
    wanted = OutputFormat("json_schema", Raw(b'{"type": "object"}'), strict=True)
    assert turn(output_config={"format": form}).output == turn(output_format=form).output == wanted


def test_the_rest_and_what_only_this_dialect_has() -> None:
    made = turn(
        temperature=0.5,
        top_p=1,
        top_k=0,
        stop_sequences=["END"],
        metadata={"user_id": "u"},
        service_tier="auto",
        output_config={"effort": "low", "task_budget": {"total": 1}},
        context_management={"edits": [{"type": "clear_tool_uses_20250919"}]},
    )
    assert (made.temperature, made.top_p, made.top_k, made.stop) == (0.5, 1.0, 0, ("END",))
    assert (made.user, made.service_tier) == ("u", "auto")
    assert made.extensions.keys() == {"context_management", "output_config"}


def test_context_management_that_keeps_everything_returns_under_its_name() -> None:
    kept = {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}
    made = turn(context_management=kept)
    assert made.extensions.keys() == {KEEPS_ALL}
    body = json.loads(PROTOCOL.render_request(made, target()).body)
    assert body["context_management"] == kept
    assert KEEPS_ALL not in body


# --- refusals --------------------------------------------------------------------------------

IMAGE: dict[str, Any] = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/png", "data": "bm8="},
}
RESULT = {"type": "tool_result", "tool_use_id": "nobody", "content": "x"}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": 3}, "model"),
        ({"model": ""}, "model"),
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": "9"}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"messages": "Hi"}, "messages"),
        ({"messages": ["Hi"]}, "messages.0"),
        ({"messages": [{"content": "Hi"}]}, "messages.0.role"),
        ({"messages": [HI, {"role": "", "content": "Hi"}]}, "messages.1.role"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": None}]}, "messages.0.content"),
        ({"messages": [user({"text": "Hi"})]}, "messages.0.content.0.type"),
        ({"messages": [user({"type": "text"})]}, "messages.0.content.0.text"),
        ({"messages": [user({"type": "text", "text": ["x"]})]}, "messages.0.content.0.text"),
        ({"messages": [user(IMAGE)]}, "messages.0.content.0.source.data"),
        ({"messages": [user({"type": "image", "source": {"type": "url", "url": "file:///etc"}})]},
         "messages.0.content.0.source.url"),
        ({"messages": [user({"type": "image", "source": {"type": "nowhere"}})]},
         "messages.0.content.0.source.type"),
        ({"messages": [HI, CALL, user(RESULT)]}, "messages.2.content.0.tool_use_id"),
        ({"messages": [HI, CALL, user({**RESULT, "tool_use_id": "t1", "content": [{"type": "text"}]})]},
         "messages.2.content.0.content.0.text"),
        ({"messages": [HI, CALL, user({**RESULT, "tool_use_id": "t1", "content": [IMAGE]})]},
         "messages.2.content.0.content.0.source.data"),
        ({"messages": [user(USE)]}, "messages.0.content.0"),
        ({"messages": [HI, {"role": "assistant", "content": [{**USE, "input": "{}"}]}]},
         "messages.1.content.0.input"),
        ({"system": 7}, "system"),
        ({"system": [{"type": "text"}]}, "system.0.text"),
        ({"temperature": 1.1}, "temperature"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"top_p": 2}, "top_p"),
        ({"top_k": -1}, "top_k"),
        ({"top_k": 0.5}, "top_k"),
        ({"stream": "yes"}, "stream"),
        ({"stop_sequences": "END"}, "stop_sequences"),
        ({"stop_sequences": [1]}, "stop_sequences.0"),
        ({"metadata": {"user_id": 1}}, "metadata.user_id"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"input_schema": {}}]}, "tools.0.name"),
        ({"tools": [{"name": "f"}]}, "tools.0.input_schema"),
        ({"tools": [{"name": "f", "input_schema": "{}"}]}, "tools.0.input_schema"),
        ({"tools": [TOOL, TOOL]}, "tools.1.name"),
        ({"tools": [{**TOOL, "cache_control": {"type": "eternal"}}]}, "tools.0.cache_control.type"),
        ({"tool_choice": {"type": "any"}}, "tool_choice"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "some"}}, "tool_choice.type"),
        ({"tools": [TOOL], "tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "g"}}, "tool_choice.name"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"thinking": {"type": "enabled", "budget_tokens": 10}}, "thinking.budget_tokens"),
        ({"thinking": {}}, "thinking.type"),
        ({"output_config": {"effort": 3}}, "output_config.effort"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema"),
        ({"output_format": {"type": "json_schema", "schema": []}}, "output_format.schema"),
        ({"models": ["", "b"]}, "models.0"),
        ({"provider": 3}, "provider"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_by_its_path(fields: dict[str, Any], param: str) -> None:
    error = refusal(json.dumps(body(**fields)).encode())
    assert error.param == param
    reply = PROTOCOL.render_error(error, "req_1")
    assert reply.status == 400
    rendered = json.loads(reply.body)
    assert (rendered["error"]["type"], rendered["request_id"]) == ("invalid_request_error", "req_1")
    assert param in rendered["error"]["message"]


@pytest.mark.parametrize("field", ["model", "max_tokens", "messages"])
def test_what_is_missing_is_named(field: str) -> None:
    fields = body()
    del fields[field]
    assert refusal(json.dumps(fields).encode()).param == field


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nothing",
        b"[]",
        b"null",
        b'"x"',
        b'{"model":',
        json.dumps(body()).encode()[:-1],
        json.dumps(body()).encode() + b"}",
        b'{"model":"\xff"}',
        json.dumps(body()).encode().replace(b'"Hi"', b'"\xff"'),
        json.dumps(body(x=1)).encode().replace(b'"x": 1', b'"x": "\xff"'),
        b'{"messages":' + b"[" * 100_000,
        json.dumps(body(x=1)).encode().replace(b"1}", b'{"a":' * 100_000 + b"1" + b"}" * 100_001),
    ],
)
def test_what_is_no_request_is_refused(data: bytes) -> None:
    assert refusal(data).status == 400


@pytest.mark.parametrize(
    ("config", "param"),
    [
        ({"effort": "utmost"}, "output_config.effort"),
        ({"format": {"type": "poem", "meter": "iambic"}}, "output_config.format"),
    ],
)
def test_what_only_anthropic_knows_passes_to_anthropic_alone(config: dict[str, Any], param: str) -> None:
    asked = parse(body(output_config=config))
    assert json.loads(PROTOCOL.splice_request(asked, target()).body)["output_config"] == config
    with pytest.raises(Unsupported) as caught:
        asked.turn()
    assert caught.value.param == param


def test_tools_that_only_the_provider_knows_may_be_chosen() -> None:
    choice = {"type": "tool", "name": "of_the_server"}
    toolset = {"type": "mcp_toolset", "mcp_server_name": "s"}
    server = {"type": "url", "url": "https://a.b", "name": "s"}
    assert parse(body(tools=[toolset], tool_choice=choice)).model
    assert parse(body(mcp_servers=[server], tool_choice=choice)).model


# --- the splice ------------------------------------------------------------------------------


def test_what_another_format_signed_does_not_reach_anthropic() -> None:
    google = {"extra_content": {"google": {"thought_signature": "g"}}}
    own = {"type": "thinking", "thinking": "a", "signature": "s"}
    kept = {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": [1, 2]}}
    cited = {
        "type": "text",
        "text": "T",
        "citations": [{"type": "web_search_result_location", "encrypted_index": ""}],
    }
    foreign = [
        {"type": "thinking", "thinking": "b", "signature": "tidegate:gemini:s"},
        {"type": "thinking", "thinking": "c", "signature": ""},
        {"type": "redacted_thinking", "data": "tidegate:gemini:s"},
        {"type": "text", "text": "", **google},
        {"type": "tidegate_native", "format": "gemini", "block": {}},
    ]
    only_foreign = {"role": "assistant", "content": foreign[:2]}
    said = {"role": "assistant", "content": [*foreign, own, {**kept, **google}, cited]}
    result = user({"type": "tool_result", "tool_use_id": "t1", "content": "x"})
    asked = parse(body(messages=[HI, only_foreign, said, result], provider="x", models=["y"]))
    spliced = json.loads(PROTOCOL.splice_request(asked, target()).body)
    clean = {"role": "assistant", "content": [own, kept, {"type": "text", "text": "T"}]}
    assert spliced == body(messages=[HI, clean, result])


def test_a_service_with_the_model_in_the_path() -> None:
    vertex = target(
        path="/publishers/anthropic/models/{model}:rawPredict",
        stream_path="/publishers/anthropic/models/{model}:streamRawPredict",
        model_in_body=False,
        count_path="",
        body={"anthropic_version": "vertex-2023-10-16"},
    )
    asked = parse(body(stream=True))
    for call in (PROTOCOL.splice_request(asked, vertex), PROTOCOL.render_request(asked.turn(), vertex)):
        assert call.path == "/publishers/anthropic/models/claude-test:streamRawPredict"
        fields = json.loads(call.body)
        assert "model" not in fields
        assert (fields["anthropic_version"], fields["stream"]) == ("vertex-2023-10-16", True)
    assert PROTOCOL.render_count(asked, vertex) is None
    bedrock = target(path="/model/{model}/invoke", model_in_body=False, stream_in_body=False)
    for call in (PROTOCOL.splice_request(asked, bedrock), PROTOCOL.render_request(asked.turn(), bedrock)):
        assert "stream" not in json.loads(call.body)
        assert call.stream


# --- counting --------------------------------------------------------------------------------


def test_a_prompt_is_counted_without_a_limit_and_without_what_the_counter_refuses() -> None:
    fields = body(system="S", tools=[TOOL], thinking={"type": "adaptive"}, temperature=0.5, provider="x")
    del fields["max_tokens"]
    asked = PROTOCOL.parse_count_request(json.dumps(fields).encode())
    call = PROTOCOL.render_count(asked, target())
    assert call is not None
    assert (call.path, call.stream) == ("/v1/messages/count_tokens", False)
    assert json.loads(call.body) == {
        key: fields[key] for key in ("model", "messages", "system", "tools", "thinking")
    }
    assert PROTOCOL.parse_count(b'{"input_tokens": 12}') == 12


@needs_recordings
def test_recorded_counting_requests_pass_as_they_are() -> None:
    counted = recordings("anthropic", "count_tokens", status=200)
    assert counted
    for recording in counted:
        asked = PROTOCOL.parse_count_request(json.dumps(recording.request_body).encode())
        call = PROTOCOL.render_count(asked, target())
        assert call is not None
        assert json.loads(call.body) == {**recording.request_body, "model": "claude-test"}
        assert PROTOCOL.parse_count(recording.body) > 0


# --- any request -----------------------------------------------------------------------------

WHOLE = body(
    system=[{"type": "text", "text": "S", "cache_control": {"type": "ephemeral"}}],
    messages=[
        user({"type": "text", "text": "Look"}, {**IMAGE, "source": {**IMAGE["source"], "data": PNG}}),
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "a", "signature": "s"}, USE]},
        user({"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "r"}]}),
        {"role": "assistant", "content": [{"type": "server_tool_use", "id": "s", "name": "w", "input": {}}]},
        HI,
    ],
    tools=[TOOL, {"type": "web_search_20250305", "name": "w"}],
    tool_choice={"type": "auto"},
    thinking={"type": "adaptive"},
    output_config={"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}},
    metadata={"user_id": "u"},
    stop_sequences=["END"],
    x_new={"a": [1]},
)  # fmt: skip
"""A request with something of everything."""

JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.floats(allow_nan=False), st.text(max_size=3),
    st.just([]), st.just({}), st.just(["x"]), st.just({"type": "text"}), st.just("\ud800"),
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    found = [path]
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, member in members:
        found += places(member, (*path, key))
    return found


def changed(value: Any, path: tuple[Any, ...], junk: Any) -> Any:
    if not path:
        return junk
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(copy[path[0]], path[1:], junk)
    return copy


@given(st.lists(st.tuples(st.sampled_from(places(WHOLE)[1:]), JUNK), min_size=1, max_size=2), st.booleans())
def test_whatever_a_request_holds_it_is_understood_or_refused(changes: list[Any], counting: bool) -> None:
    mutated: Any = WHOLE
    for path, junk in changes:
        try:
            mutated = changed(mutated, path, junk)
        except (KeyError, IndexError, TypeError):  # the place was in what is junk now
            continue
    data = json.dumps(mutated).encode()
    with suppress(InvalidRequest):
        asked = (PROTOCOL.parse_count_request if counting else PROTOCOL.parse_request)(data)
        PROTOCOL.splice_request(asked, target())
        PROTOCOL.render_request(asked.turn(), target())


@given(st.integers(0, 3000), st.binary(max_size=3))
def test_broken_bytes_are_refused_and_nothing_worse(place: int, junk: bytes) -> None:
    data = json.dumps(WHOLE).encode()
    with suppress(InvalidRequest):
        PROTOCOL.parse_request(data[:place] + junk + data[place + 1 :]).turn()
