"""OpenAI's format on both sides: what passes, what is taken out, what is mended."""

import json
from typing import Any

import pytest

from openai_answers import COMPLETION, bodies_of, chunks_of, stream_faults, text_of, type_faults
from recordings import splits
from tidegate.protocols.contract import Call, Conduit, Target
from tidegate.protocols.errors import ProviderBroke, ProviderRefused, Unsupported
from tidegate.protocols.openai_chat import PROTOCOL, Dialect
from tidegate.protocols.profile import Profile
from tidegate.protocols.usage import Usage

HEAD = {"id": "id-1", "object": "chat.completion.chunk", "created": 7, "model": "gpt"}
USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
ODDLY_WRITTEN = (
    b'{"messages" : [ {"role":"user","content":"h\\u00e9"} ],  "model":"x/gpt",\n'
    b'"temperature":1.0,"metadata":{"a":  1e3}, "vendor_field":[1 ,2]}'
)


def asked(**fields: Any) -> Any:
    result = {"model": "x/gpt", "messages": [{"role": "user", "content": "hi"}], **fields}
    return PROTOCOL.parse_request(json.dumps(result).encode())


def sent(request: Any, profile: Profile | None = None, **facts: Any) -> Call:
    return PROTOCOL.splice_request(request, Target("up", Dialect(**facts), profile or Profile()))


def body(request: Any, profile: Profile | None = None, **facts: Any) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(sent(request, profile, **facts).body)
    return result


# --- the request -----------------------------------------------------------------------------


def test_everything_but_the_model_keeps_its_bytes():
    request = PROTOCOL.parse_request(ODDLY_WRITTEN)
    assert sent(request).body == (
        b'{"messages":[ {"role":"user","content":"h\\u00e9"} ],"model":"up",'
        b'"temperature":1.0,"metadata":{"a":  1e3},"vendor_field":[1 ,2]}'
    )


def test_gateway_fields_stay_here():
    result = body(asked(provider="groq", models=["b"], system_message="Be kind."))
    assert result["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "hi"},
    ]
    assert result.keys() == {"model", "messages"}


def test_a_service_that_knows_them_too_gets_them():
    own = ("provider", "models", "reasoning")
    request = asked(provider={"order": ["a"]}, models=["b"], reasoning={"effort": "low"})
    assert body(request, gateway_fields=own).keys() == {"model", "messages", *own}
    assert "provider" not in body(asked(provider="openrouter"), gateway_fields=own)


def test_preferences_that_limit_the_service_itself_are_shared_with_it():
    """Where Tidegate has applied the rest: its names mean nothing to the service."""
    shared = {"shared_preferences": ("max_price", "require_parameters")}
    provider = {"order": ["a"], "max_price": {"prompt": 1}, "sort": "price"}
    assert body(asked(provider=provider), **shared)["provider"] == {"max_price": {"prompt": 1}}
    assert "provider" not in body(asked(provider={"order": ["a"]}), **shared)
    assert "provider" not in body(asked(provider="a"), **shared)
    whole = body(asked(provider=provider), gateway_fields=("provider",), **shared)
    assert whole["provider"] == provider


def test_usage_of_a_stream_is_requested_in_any_case():
    assert body(asked(stream=True))["stream_options"] == {"include_usage": True}
    options = {"include_usage": False, "include_obfuscation": False}
    assert body(asked(stream=True, stream_options=options))["stream_options"] == {
        **options,
        "include_usage": True,
    }
    assert "stream_options" not in body(asked())
    assert "stream_options" not in body(
        asked(stream=True, stream_options={"include_usage": True}), stream_usage=False
    )


def test_a_model_that_cannot_stream_gets_a_request_without_stream():
    call = sent(asked(stream=True, stream_options={"include_usage": True}), Profile(streams=False))
    assert not call.stream
    assert json.loads(call.body).keys() == {"model", "messages"}


@pytest.mark.parametrize(
    ("field", "facts", "profile"),
    [
        ("max_completion_tokens", {}, Profile(limit_field="max_completion_tokens")),
        ("max_tokens", {"limit_field": "max_tokens"}, Profile()),
    ],
)
def test_the_limit_has_the_name_that_is_known(field, facts, profile):
    for name in ("max_tokens", "max_completion_tokens"):
        result = body(asked(**{name: 9}), profile, **facts)
        assert (result[field], "max_tokens" in result and "max_completion_tokens" in result) == (9, False)


def test_a_seed_has_the_name_that_is_known():
    assert body(asked(seed=4), seed_field="random_seed")["random_seed"] == 4


def test_what_a_thinking_model_refuses_is_left_out_and_named():
    call = sent(asked(temperature=0.2, top_p=1, stop=["x"], n=1), Profile(sampling="refused", stop=False))
    assert set(call.dropped) == {"temperature", "stop"}
    assert json.loads(call.body).keys() == {"model", "messages", "top_p", "n"}


def test_what_a_service_does_not_support_is_dropped_or_refused():
    assert sent(asked(seed=4, logit_bias=None), drops=("seed", "logit_bias")).dropped == ("seed",)
    assert body(asked(n=1), refuses=("n",))["n"] == 1
    with pytest.raises(Unsupported, match="n"):
        sent(asked(n=2), refuses=("n",))
    tools = [{"type": "function", "function": {"name": "f", "strict": True}}]
    with pytest.raises(Unsupported, match="tool_choice"):
        sent(asked(tools=tools, tool_choice="required"), forced_tools=False)
    assert "strict" not in body(asked(tools=tools), strict_tools=False)["tools"][0]["function"]


@pytest.mark.parametrize(
    ("result", "profile", "facts", "wanted"),
    [
        ({"reasoning_effort": "xhigh"}, Profile(efforts=("low", "high")), {}, {"reasoning_effort": "high"}),
        ({"reasoning_effort": "low"}, Profile(), {}, {"reasoning_effort": "low"}),
        ({"reasoning_effort": "default"}, Profile(), {}, {"reasoning_effort": "default"}),
        ({"reasoning_effort": "low"}, Profile(thinking="none"), {}, {}),
        ({"reasoning_effort": "none"}, Profile(thinking="none"), {}, {}),
        ({"reasoning": {"effort": "none"}}, Profile(thinking="none"), {}, {}),
        ({"reasoning_effort": "none"}, Profile(thinking="none"), {"effort": "reasoning"}, {}),
        ({"reasoning_effort": "none"}, Profile(), {}, {"reasoning_effort": "none"}),
        ({"reasoning": {"effort": "low"}}, Profile(), {}, {"reasoning_effort": "low"}),
        (
            {"reasoning": {"enabled": False}},
            Profile(),
            {"effort": "thinking"},
            {"thinking": {"type": "disabled"}},
        ),
        ({"reasoning_effort": "none"}, Profile(), {"effort": "enable_thinking"}, {"enable_thinking": False}),
        (
            {"thinking": {"type": "enabled"}},
            Profile(),
            {"effort": "thinking"},
            {"thinking": {"type": "enabled"}},
        ),
    ],
)
def test_thinking_is_requested_in_the_words_of_service_and_model(result, profile, facts, wanted):
    made = body(asked(**result), profile, **facts)
    assert {name: value for name, value in made.items() if name not in ("model", "messages")} == wanted


def test_a_schema_is_put_into_the_prompt_where_there_is_no_other_way():
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object", "$defs": {}}}}
    result = body(asked(response_format=form), schemas="prompt")
    assert result["response_format"] == {"type": "json_object"}
    assert '{"type": "object", "$defs": {}}' in result["messages"][-1]["content"]
    with pytest.raises(Unsupported, match="response_format"):
        sent(asked(response_format=form), schemas="refused")


def test_deprecated_functions_are_sent_as_tools_where_only_those_are_supported():
    request = asked(functions=[{"name": "f"}], function_call={"name": "f"}, metadata={"a": 1})
    target = Target("up", Dialect(old_functions=False, drops=("metadata",)))
    call = PROTOCOL.splice_request(request, target)
    sent_body = json.loads(call.body)
    assert [tool["function"]["name"] for tool in sent_body["tools"]] == ["f"]
    assert sent_body["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert call.dropped == ("metadata",)
    one = PROTOCOL.splice(request, call, target)
    one.feed(whole({"role": "assistant", "content": None, "tool_calls": [CALL]}, "tool_calls"))
    choice = json.loads(one.close())["choices"][0]
    assert choice["message"]["function_call"] == {"name": "f", "arguments": "{}"}
    assert choice["finish_reason"] == "function_call"


def test_custom_tools_are_sent_as_functions_where_only_those_are_supported():
    tool = {"type": "custom", "custom": {"name": "grep"}}
    request = asked(tools=[tool], stream=True)
    target = Target("up", Dialect(custom_tools=False))
    call = PROTOCOL.splice_request(request, target)
    assert json.loads(call.body)["tools"][0]["function"]["name"] == "grep"
    one = PROTOCOL.splice(request, call, target)
    function = {"name": "grep", "arguments": '{"input": "x"}'}
    piece = chunk({"tool_calls": [{"index": 0, "id": "c", "function": function}]}, "tool_calls")
    result = [body["choices"][0]["delta"] for body in bodies_of(one.feed(stream(piece)) + one.close())]
    calls = [call for delta in result for call in delta.get("tool_calls") or ()]
    assert [call["custom"] for call in calls] == [{"name": "grep", "input": ""}, {"input": "x"}]
    assert PROTOCOL.splice_request(request, Target("up", Dialect())).body.count(b'"custom"') == 2


CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
LONG = [
    {"role": "developer", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
    {"role": "user", "content": "x", "name": "ann", "unknown": 1},
    {"role": "user", "content": "y"},
    {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "3"}]},
]


@pytest.mark.parametrize(
    ("facts", "index", "wanted"),
    [
        ({"developer_role": False}, 0, {"role": "system"}),
        ({"string_contents": True}, 0, {"content": "a\n\nb"}),
        ({"string_results": True}, 4, {"content": "3"}),
        ({"participant_names": False}, 1, {"role": "user", "content": "x", "unknown": 1}),
        ({}, 3, {"role": "assistant", "content": None, "tool_calls": [CALL]}),
        ({"reasoning_back": "reasoning_content"}, 3, LONG[3]),
    ],
)
def test_messages_are_edited_only_where_a_service_needs_it(facts, index, wanted):
    made = body(asked(messages=LONG), **facts)["messages"][index]
    kept = {name: made[name] for name in wanted}
    assert made == wanted if "role" in wanted and "content" in wanted else kept == wanted


def test_neighbours_are_joined_where_roles_must_alternate():
    made = body(asked(messages=LONG), alternation=True)["messages"]
    assert [one["role"] for one in made] == ["developer", "user", "assistant", "tool"]
    assert made[1]["content"] == "x\n\ny"


def test_short_ids_are_the_same_in_call_and_result():
    made = body(asked(messages=LONG), short_call_ids=True)["messages"]
    assert made[3]["tool_calls"][0]["id"] == made[4]["tool_call_id"]
    assert len(made[4]["tool_call_id"]) == 9


def test_thinking_that_the_service_does_not_take_back_is_named():
    assert sent(asked(messages=LONG)).dropped == ("thinking",)


def test_messages_that_need_no_edit_keep_their_bytes():
    facts = {"developer_role": False, "alternation": True, "short_call_ids": True, "string_contents": True}
    assert (
        b'[ {"role":"user","content":"h\\u00e9"} ]'
        in sent(PROTOCOL.parse_request(ODDLY_WRITTEN), **facts).body
    )


# --- the answer ------------------------------------------------------------------------------


def chunk(delta: dict[str, Any] | None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice: dict[str, Any] = {"index": 0, "finish_reason": finish}
    if delta is not None:
        choice["delta"] = delta
    return {**HEAD, "choices": [choice], **more}


def stream(*chunks: Any, done: bool = True) -> bytes:
    events = [b"data: " + json.dumps(one).encode() + b"\n\n" for one in chunks]
    return b"".join(events) + b"data: [DONE]\n\n" * done


def conduit(
    streamed: bool = True, usage: bool = False, profile: Profile | None = None, **facts: Any
) -> Conduit:
    options = {"stream_options": {"include_usage": True}} if usage else {}
    request = asked(stream=streamed, **options)
    return PROTOCOL.splice(
        request, Call("/", b"", streamed), Target("up", Dialect(**facts), profile or Profile())
    )


def passed(data: bytes, **how: Any) -> tuple[bytes, Conduit]:
    """What comes out, the same however it goes in."""
    found: list[tuple[bytes, Conduit]] = []
    for pieces in splits(data):
        one = conduit(**how)
        found.append((b"".join(one.feed(piece) for piece in pieces) + one.close(), one))
    assert len({(out, str(one.failure), str(one.tally)) for out, one in found}) == 1
    return found[0]


ROLE = chunk({"role": "assistant", "content": ""})
TOLD = {**HEAD, "choices": [], "usage": USAGE}
PLAIN = stream(ROLE, chunk({"content": "Hi"}), chunk({}, "stop"))


def test_a_stream_passes_byte_for_byte():
    data = b": comment\n\nevent: x\n" + stream(
        ROLE, chunk({"content": "Hi"}, vendor=[1]), chunk({}, "length"), TOLD
    )
    out, one = passed(data, usage=True)
    assert out == data
    assert one.failure is None
    assert (one.tally.id, one.tally.model, one.tally.finish) == ("id-1", "gpt", "length")
    assert one.tally.usage == Usage(input=3, output=4)


def test_usage_that_nobody_requested_is_counted_and_taken_out():
    out, one = passed(stream(ROLE, chunk({"content": "Hi"}), chunk({}, "stop"), TOLD))
    assert out == PLAIN
    assert one.tally.usage == Usage(input=3, output=4)
    out, one = passed(stream(ROLE, chunk({"content": "Hi"}), chunk({}, "stop", usage=USAGE)))
    assert [body.get("usage") for body in bodies_of(out)] == [None, None, None]
    assert text_of(chunks_of(out)) == "Hi"
    assert one.tally.usage == Usage(input=3, output=4)


def test_each_event_leaves_when_it_is_whole():
    one = conduit()
    data = stream(ROLE, done=False)
    assert one.feed(data[:20]) == b""
    assert one.feed(data[20:]) == data


def test_crlf_becomes_lf():
    out, one = passed(PLAIN.replace(b"\n", b"\r\n"))
    assert out == PLAIN
    assert one.failure is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "before it was finished"),
        (stream(ROLE, done=False), "before it was finished"),
        (stream(ROLE), "finish reason"),
        (stream(ROLE, done=False) + b"data: {nonsense\n\n", "cannot be read"),
        (b"<html>Bad Gateway</html>", "before it was finished"),
    ],
)
def test_a_stream_that_is_not_whole_has_failed(data, words):
    _, one = passed(data)
    assert isinstance(one.failure, ProviderBroke)
    assert words in one.failure.message


def test_a_model_that_sends_no_finish_ends_with_done():
    out, one = passed(stream(ROLE, chunk({"content": "x"})), profile=Profile(reports_finish=False))
    assert one.failure is None
    assert out.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    "event",
    [
        {"error": {"message": "no more", "code": 429}},
        {**HEAD, "choices": [{"index": 0, "delta": {}, "error": {"message": "no more", "code": 429}}]},
    ],
)
@pytest.mark.parametrize("facts", [{}, {"repeats_role": True}])
def test_an_error_in_a_stream_ends_it(event, facts):
    out, one = passed(stream(ROLE, chunk({"content": "Hi"}), event, ROLE), **facts)
    assert isinstance(one.failure, ProviderRefused)
    assert (one.failure.message, one.failure.status) == ("no more", 429)
    assert text_of(bodies_of(out)) == "Hi"
    assert b"no more" not in out
    assert one.abort(one.failure).startswith(b'data: {"error":{"message":"no more"')


def test_an_event_named_error_is_one():
    _, one = passed(PLAIN[:-14] + b'event: error\ndata: {"message": "gone"}\n\n')
    assert one.failure is not None
    assert "gone" in one.failure.message


def test_a_value_of_a_strange_type_passes():
    data = stream(ROLE, chunk({"content": "Hi"}), chunk({}, "stop", usage="soon"))
    out, one = passed(data)
    assert out == data
    assert (one.failure, one.tally.finish, one.tally.usage) == (None, "stop", None)
    assert passed(data, repeats_role=True)[1].failure is None
    assert passed(whole({"content": "x"}, usage=[1]), streamed=False)[1].failure is None


def whole(message: dict[str, Any], finish: str | None = "stop", **more: Any) -> bytes:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    result = {**HEAD, "object": "chat.completion", "choices": [choice], **more}
    return json.dumps(result, indent=1).encode()


@pytest.mark.parametrize("facts", [{}, {"repeats_role": True}])
def test_a_whole_answer_passes(facts):
    data = whole({"role": "assistant", "content": "x"}, usage=USAGE, vendor={"a": 1})
    out, one = passed(data, streamed=False, **facts)
    assert out == data if not facts else json.loads(out) == json.loads(data)
    assert (one.tally.id, one.tally.model, one.tally.finish) == ("id-1", "gpt", "stop")
    assert one.tally.usage == Usage(input=3, output=4)


@pytest.mark.parametrize("facts", [{}, {"repeats_role": True}])
@pytest.mark.parametrize("data", [b"", b"<html>", b"[]", b"{}", b'{"choices": []}', b'{"choices": [{"index"'])
def test_json_that_is_no_completion_has_failed(data, facts):
    out, one = passed(data, streamed=False, **facts)
    assert out == b""
    assert isinstance(one.failure, ProviderBroke)


@pytest.mark.parametrize("facts", [{}, {"repeats_role": True}])
def test_an_error_in_a_good_answer_has_failed(facts):
    _, one = passed(b'{"error": {"message": "no", "type": "invalid_request_error"}}', streamed=False, **facts)
    assert one.failure is not None
    assert (one.failure.status, one.failure.message) == (400, "no")


# --- mending ---------------------------------------------------------------------------------


def mended(*chunks: Any, usage: bool = False, done: bool = True, **facts: Any) -> list[dict[str, Any]]:
    """The chunks that come out of a stream with faults; they follow the rules."""
    out, one = passed(stream(*chunks, done=done), usage=usage, **facts)
    assert one.failure is None
    result = chunks_of(out)
    assert stream_faults(result, usage) == []
    return result


def test_the_role_is_sent_once():
    result = mended(
        chunk({"role": "assistant", "content": "a"}),
        chunk({"role": "assistant", "content": "b", "vendor": 1}),
        chunk({"role": "assistant"}, "stop"),
        repeats_role=True,
    )
    assert [one["choices"][0]["delta"] for one in result] == [
        {"role": "assistant", "content": "a"},
        {"content": "b", "vendor": 1},
        {},
    ]
    assert (
        mended(chunk({"content": "a"}, "stop"), repeats_role=True)[0]["choices"][0]["delta"]["role"]
        == "assistant"
    )


def test_the_finish_is_sent_once():
    result = mended(ROLE, chunk({}, "stop"), chunk({}, "stop", usage=USAGE), usage=True, repeats_finish=True)
    assert [one["choices"][0]["finish_reason"] for one in result] == [None, "stop", None]


def test_a_finish_that_openai_does_not_know_is_kept_aside():
    result = mended(ROLE, chunk({}, "eos"), foreign_finishes=True)[-1]["choices"][0]
    assert (result["finish_reason"], result["native_finish_reason"]) == ("stop", "eos")
    out, _ = passed(whole({"role": "assistant", "content": "x"}, None), streamed=False, foreign_finishes=True)
    assert type_faults(COMPLETION, json.loads(out)) == []


def test_usage_is_sent_once_at_the_end():
    chunks = (
        chunk({"role": "assistant"}, usage={**USAGE, "completion_tokens": 1}),
        chunk({}, "stop", usage=USAGE),
        TOLD,
    )
    result = mended(*chunks, usage=True, repeats_usage=True)
    assert (result[-1]["choices"], result[-1]["usage"]) == ([], USAGE)
    assert not any(one.get("usage") for one in mended(*chunks, repeats_usage=True))


def test_reasoning_outside_the_completion_is_added():
    beside = {**USAGE, "total_tokens": 12, "completion_tokens_details": {"reasoning_tokens": 5}}
    result = mended(ROLE, chunk({}, "stop"), {**TOLD, "usage": beside}, usage=True, excludes_reasoning=True)
    assert result[-1]["usage"] == {**beside, "completion_tokens": 9}
    out, one = passed(
        whole({"role": "assistant", "content": "x"}, usage=beside), streamed=False, excludes_reasoning=True
    )
    assert json.loads(out)["usage"]["completion_tokens"] == 9
    assert one.tally.usage == Usage(input=3, output=4, reasoning=5)


def test_a_chunk_without_an_id_waits_for_it():
    filters = {"choices": [], "created": 0, "id": "", "model": "", "object": "", "prompt_filter_results": [1]}
    other = {**chunk({"content": "x"}, "stop"), "id": "another"}
    result = mended(filters, ROLE, other, ragged_heads=True)
    assert result[0]["prompt_filter_results"] == [1]
    assert {one["id"] for one in result} == {"id-1"}
    assert {one["object"] for one in result} == {"chat.completion.chunk"}


def test_answers_without_a_head_get_one():
    bare = {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}]
    }
    out, _ = passed(json.dumps({"id": "i", **bare}).encode(), streamed=False, ragged_heads=True)
    assert type_faults(COMPLETION, json.loads(out)) == []
    assert json.loads(out)["model"] == "up"
    headless = [{"choices": one["choices"]} for one in (ROLE, chunk({}, "stop"))]
    one = conduit(ragged_heads=True)
    result = chunks_of(one.feed(stream(*headless)) + one.close())
    assert stream_faults(result, False) == []


def test_a_choice_without_delta_gets_one():
    result = mended(ROLE, {**HEAD, "choices": [{"finish_reason": "stop"}]}, ragged_choices=True)
    assert result[-1]["choices"] == [{"index": 0, "finish_reason": "stop", "delta": {}}]
    both = chunk({"content": "b"}, "stop")
    both["choices"][0]["message"] = {"content": "ab"}
    result = mended(chunk({"role": "assistant", "content": "a"}), both, ragged_choices=True)
    assert text_of(result) == "ab"
    assert "message" not in result[-1]["choices"][0]


def piece(**result: Any) -> dict[str, Any]:
    return chunk({"tool_calls": [result]})


def test_calls_have_index_id_and_name_once():
    result = mended(
        ROLE,
        piece(index=0, id="a", type="function", function={"name": "f", "arguments": ""}),
        piece(index=0, id="", function={"name": None, "arguments": '{"x":'}),
        piece(index=0, id="a", function={"name": "f", "arguments": "1}"}),
        piece(index=0, id="b", function={"name": "g", "arguments": {"y": 2}}),
        piece(index=7, id="c", function={"name": "h", "arguments": "{}"}),
        chunk({}, "tool_calls"),
        ragged_calls=True,
    )
    calls = [call for one in result for call in one["choices"][0]["delta"].get("tool_calls") or ()]
    assert [call["index"] for call in calls] == [0, 0, 1, 2]
    assert [call["function"]["arguments"] for call in calls] == ['{"x":', "1}", '{"y":2}', "{}"]


def test_an_empty_custom_tool_beside_a_function_is_left_out():
    result = mended(
        ROLE,
        piece(index=0, id="a", function={"name": "f", "arguments": '{"x":'}, custom={}),
        piece(index=0, function={"arguments": "1}"}, custom={}),
        chunk({}, "tool_calls"),
        ragged_calls=True,
    )
    calls = [call for one in result for call in one["choices"][0]["delta"].get("tool_calls") or ()]
    assert [call.get("type") for call in calls] == ["function", None]
    assert [call["function"]["arguments"] for call in calls] == ['{"x":', "1}"]
    assert not any("custom" in call for call in calls)


def test_calls_of_a_whole_answer_have_ids_types_and_text():
    message = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1}}}],
    }
    one = conduit(streamed=False, ragged_calls=True)
    one.feed(whole(message, "tool_calls"))
    result = json.loads(one.close())
    assert type_faults(COMPLETION, result) == []
    assert result["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == '{"x":1}'


def test_lists_become_text_and_thinking():
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    parts = [thinking, {"type": "text", "text": "x"}]
    result = mended(ROLE, chunk({"content": parts}), chunk({"content": "y"}, "stop"), list_contents=True)
    assert (text_of(result), text_of(result, field="reasoning_content")) == ("xy", "hm")
    out, _ = passed(whole({"role": "assistant", "content": parts}), streamed=False, list_contents=True)
    assert json.loads(out)["choices"][0]["message"]["content"] == "x"


def test_reasoning_is_reported_under_the_common_name_too():
    result = mended(ROLE, chunk({"reasoning": "hm"}), chunk({}, "stop"), other_reasoning=True)
    assert result[1]["choices"][0]["delta"] == {"reasoning": "hm", "reasoning_content": "hm"}


def test_done_is_added_where_a_service_forgets_it():
    assert mended(ROLE, chunk({}, "stop"), done=False, no_done=True)
    _, one = passed(stream(ROLE, done=False), no_done=True)
    assert isinstance(one.failure, ProviderBroke)


@pytest.mark.parametrize(
    "data", [b"data: []\n\n", b'data: {"choices": [5]}\n\n', b'data: {"usage": 5}\n\n', b"data: x\n\n"]
)
def test_nonsense_is_no_crash(data):
    _, one = passed(data, repeats_role=True, ragged_calls=True)
    assert isinstance(one.failure, ProviderBroke)
