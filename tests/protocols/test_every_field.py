"""Every field of a Turn, and every kind of value in it, in every wire format: the declared outcome.

The tables below say what becomes of what: `carried`, `refused`, or `dropped:` and the name under
which the client hears of it. `nothing` stands where there is nothing to say: a default that
is spelled out, the signature of thinking whose text is carried. The tests try it, and hold the tables to be
total. What vanishes without a word stands as `silent`; `SILENT` says where, and may only shrink.
"""

import base64
import json
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from msgspec import Raw

from tidegate.protocols.contract import Call, Outcome, Target
from tidegate.protocols.errors import Unsupported
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
    Role,
    Source,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
    Video,
)
from tidegate.providers import FORMATS, protocol_named

NAMES = ("openai_chat", "anthropic", "gemini", "cohere", "bedrock")
MARK = "Zm9v"
"""In every sample that has a text of its own; base64 for those who look inside."""
SCHEMA = Raw(b'{"type":"object","properties":{"Zm9v":{"type":"string"}},"required":["Zm9v"]}')
PNG = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
        "1f15c4890000000d49444154789c6364f8cf500f000386018000a5e5a3d10000000049454e44ae426082"
    )
).decode()
PDF = base64.b64encode(b"%PDF-1.4\n%%EOF\n").decode()
HI = Message("user", (Text("Hello"),))
LOOK = Tool("look", "Look.", Raw(b'{"type":"object","properties":{"a":{"type":"string"}}}'))
CALL = ToolCall("call_12345", "look", '{"a": "b"}')


def ask(**fields: Any) -> Turn:
    """A turn of a client whose dialect is none of the formats'."""
    usual: dict[str, Any] = {"model": "m", "messages": (HI,), "tools": (LOOK,), "max_tokens": 3000}
    return Turn(**{**usual, "origin": "another", "extensions": {}, **fields})


def render(name: str, turn: Turn) -> Call:
    protocol = protocol_named(name)
    return protocol.render_request(turn, Target("m", protocol.dialect()))


def outcome_of(name: str, turn: Turn, without: Turn, marks: tuple[str, ...]) -> str:
    """What becomes of the difference between two turns."""
    try:
        call = render(name, turn)
    except Unsupported as error:
        return "refused" if error.param else "refused without a name"
    plain = render(name, without)
    json.loads(call.body)
    arrived = any(mark in call.body.decode() for mark in marks) if marks else call.body != plain.body
    dropped_here = [one for one in call.dropped if one not in plain.dropped]
    if dropped_here:
        return f"dropped:{','.join(dropped_here)}"
    return "carried" if arrived else "nothing"


def rows(table: str) -> Iterator[tuple[str, str, str]]:
    """(what, format, outcome) of a table's cells."""
    head, *lines = (line for line in table.splitlines() if line)
    columns = head.split()[1:]
    for line in lines:
        what, cells = line[:44].strip(), line[44:].split()
        assert len(cells) == len(columns), line
        yield from ((what, name, cell) for name, cell in zip(columns, cells, strict=True))


# --- the fields of a turn ------------------------------------------------------------------------

REQUIRED = {"model", "messages", "stream", "origin", "extensions"}
OPTIONAL = [name for name in Turn.__struct_fields__ if name not in REQUIRED]

VALUES: dict[str, tuple[Any, ...]] = {
    "tools": ((LOOK, Tool("feel", MARK)), MARK),
    "tool_choice": (ToolChoice("required"),),
    "parallel_tool_calls": (False,),
    "output": (OutputFormat("json_schema", SCHEMA, "said"), MARK),
    "reasoning": (ReasoningControl(effort="high"),),
    "max_tokens": (4321, "4321"),
    "temperature": (0.625, "0.625"),
    "top_p": (0.375, "0.375"),
    "top_k": (41, "41"),
    "presence_penalty": (0.875, "0.875"),
    "frequency_penalty": (0.125, "0.125"),
    "seed": (424242, "424242"),
    "stop": ((MARK,), MARK),
    "n": (3, ":3"),
    "logprobs": (True,),
    "top_logprobs": (7, ":7"),
    "logit_bias": (Raw(b'{"424242":1}'), "424242"),
    "continues": (True,),
    "modalities": (("text", "image"),),
    "verbosity": ("low", "low"),
    "user": (MARK, MARK),
    "service_tier": ("priority", "priority"),
}
"""A value of each field, and what of it the provider must get to see."""

WITHIN: dict[tuple[str, str], str] = {
    ("modalities", "anthropic"): "refused",  # text is carried, by saying nothing; anything else is not
    ("modalities", "cohere"): "refused",
    ("modalities", "bedrock"): "refused",
    ("continues", "bedrock"): "refused",  # carried for families that are known to do it
    ("reasoning", "bedrock"): "dropped:reasoning_effort",  # only for families that are known to think
    ("top_k", "bedrock"): "dropped:top_k",  # a field of some families
    ("service_tier", "anthropic"): "dropped:service_tier",  # only the tiers that both know are carried
}
"""Where a value has another outcome than its field."""


def test_every_optional_field_has_a_value_here() -> None:
    assert sorted(VALUES) == sorted(OPTIONAL)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_declares_an_outcome_for_every_optional_field(name: str) -> None:
    carries = protocol_named(name).carries
    assert sorted(carries) == sorted(OPTIONAL)
    assert set(carries.values()) <= set(get_args(Outcome))


@pytest.mark.parametrize("field", OPTIONAL)
@pytest.mark.parametrize("name", NAMES)
def test_a_field_has_the_declared_outcome(name: str, field: str) -> None:
    value, *marks = VALUES[field]
    declared = protocol_named(name).carries[field]
    expected = WITHIN.get((field, name), f"dropped:{field}" if declared == "dropped" else declared)
    assert outcome_of(name, ask(**{field: value}), ask(max_tokens=None), tuple(marks)) == expected


@pytest.mark.parametrize("field", OPTIONAL)
@pytest.mark.parametrize("name", NAMES)
def test_a_dropped_or_refused_field_is_not_in_the_body(name: str, field: str) -> None:
    if protocol_named(name).carries[field] != "dropped":
        return
    value, *_ = VALUES[field]
    assert render(name, ask(**{field: value})).body == render(name, ask()).body


@pytest.mark.parametrize("name", NAMES)
def test_a_refused_field_is_named(name: str) -> None:
    for field, outcome in protocol_named(name).carries.items():
        if outcome == "refused":
            with pytest.raises(Unsupported) as refusal:
                render(name, ask(**{field: VALUES[field][0]}))
            assert refusal.value.param == field
            assert field in str(refusal.value)


@pytest.mark.parametrize("name", NAMES)
def test_a_field_of_another_dialect_is_named(name: str) -> None:
    call = render(name, ask(extensions={"x_new": Raw(b'{"Zm9v":1}')}))
    assert "x_new" in call.dropped
    assert MARK not in call.body.decode()


# --- parts ---------------------------------------------------------------------------------------


def said(*parts: Part, name: str | None = None) -> tuple[Message, ...]:
    return (HI, Message("assistant", parts, name), HI)


def given(*parts: Part, role: Role = "user", name: str | None = None) -> tuple[Message, ...]:
    return (HI, Message("assistant", (Text("Yes?"),)), Message(role, parts, name), HI)


def resulted(*content: Any, **fields: Any) -> tuple[Message, ...]:
    result = ToolResult(CALL.id, CALL.name, content, **fields)
    return (HI, Message("assistant", (CALL,)), Message("tool", (result,)), HI)


def native(name: str) -> Native:
    return Native(name, Raw(f'{{"type":"special","is":"{MARK}"}}'.encode()), "special")


def inline(data: str, media_type: str) -> Inline:
    return Inline(media_type, data)


CACHE = CacheControl("1h")
FOREIGN = "openai_responses"
"""A format whose signatures and blocks no other can use."""


def parts(own: str) -> dict[str, tuple[tuple[Message, ...], tuple[Message, ...], tuple[str, ...]]]:
    """Conversations with a part, without it, and what of it is to arrive. `own`: the format asked."""
    image = Image(inline(PNG, "image/png"))
    pdf = Document(inline(PDF, "application/pdf"))
    yes = Text("Yes.")
    plain_call, plain_result = said(CALL), resulted(Text("ok"))
    samples: dict[str, Any] = {
        "user: Text": (given(Text(MARK)), given(yes), MARK),
        "user: Text.cache": (given(Text("Yes.", CACHE)), given(yes), "1h"),
        "user: Image(Inline)": (given(image), given(yes), PNG),
        "user: Image(Link)": (given(Image(Link(f"https://example.com/{MARK}.png"))), given(yes), MARK),
        "user: Image(FileRef)": (given(Image(FileRef(MARK))), given(yes), MARK),
        "user: Image.detail": (given(Image(image.source, "low")), given(image), "low"),
        "user: Image.cache": (given(Image(image.source, cache=CACHE)), given(image), "1h"),
        "user: Document(Inline PDF)": (given(pdf), given(yes), PDF),
        "user: Document(Inline text)": (
            given(Document(inline(MARK, "text/plain"))),
            given(yes),
            MARK,
            "foo",
        ),
        "user: Document(Inline sheet)": (
            given(Document(inline(MARK, "application/msword"))),
            given(yes),
            MARK,
        ),
        "user: Document(Link)": (given(Document(Link(f"https://example.com/{MARK}.pdf"))), given(yes), MARK),
        "user: Document(FileRef)": (given(Document(FileRef(MARK))), given(yes), MARK),
        "user: Document.name": (given(Document(pdf.source, name="Zm9v.pdf")), given(pdf), "Zm9v"),
        "user: Document.context": (given(Document(pdf.source, context=MARK)), given(pdf), MARK),
        "user: Document.citations": (given(Document(pdf.source, citations=True)), given(pdf), "citations"),
        "user: Document.cache": (given(Document(pdf.source, cache=CACHE)), given(pdf), "1h"),
        "user: Audio(Inline)": (given(Audio(inline(MARK, "audio/wav"))), given(yes), MARK),
        "user: Audio(Link)": (given(Audio(Link(f"https://example.com/{MARK}.wav"))), given(yes), MARK),
        "user: Audio(FileRef)": (given(Audio(FileRef(MARK))), given(yes), MARK),
        "user: Video(Inline)": (given(Video(inline(MARK, "video/mp4"))), given(yes), MARK),
        "user: Video(Link)": (given(Video(Link(f"https://example.com/{MARK}.mp4"))), given(yes), MARK),
        "user: Video(FileRef)": (given(Video(FileRef(MARK))), given(yes), MARK),
        "user: Native, own": (given(native(own)), given(yes), MARK),
        "user: Native, foreign": (given(native(FOREIGN), yes), given(yes), MARK),
        "user: name": (given(yes, name="Zm9v"), given(yes), MARK),
        "system: Text": (given(Text(MARK), role="system"), given(yes, role="system"), MARK),
        "system: Text.cache": (given(Text("Yes.", CACHE), role="system"), given(yes, role="system"), "1h"),
        "system: Image": (given(image, role="system"), given(yes, role="system"), PNG),
        "developer: Text": (given(Text(MARK), role="developer"), given(yes, role="developer"), MARK),
        "assistant: Text": (said(Text(MARK)), said(yes), MARK),
        "assistant: Text.signature": (said(Text("Yes.", signature=MARK)), said(yes), MARK),
        "assistant: Text.cache": (said(Text("Yes.", CACHE)), said(yes), "1h"),
        "assistant: Refusal": (said(Refusal(MARK)), said(yes), MARK),
        "assistant: Image": (said(image), said(yes), PNG),
        "assistant: Image.signature": (said(Image(image.source, signature=MARK)), said(image), MARK),
        "assistant: Reasoning, own": (said(Reasoning("Hm.", MARK, own), yes), said(yes), MARK),
        "assistant: Reasoning, foreign": (said(Reasoning(MARK, "c2ln", FOREIGN), yes), said(yes), MARK),
        "assistant: Reasoning, unsigned": (said(Reasoning(MARK), yes), said(yes), MARK),
        "assistant: RedactedReasoning, own": (said(RedactedReasoning(MARK, own), yes), said(yes), MARK),
        "assistant: RedactedReasoning, foreign": (
            said(RedactedReasoning(MARK, FOREIGN), yes),
            said(yes),
            MARK,
        ),
        "assistant: Native, own": (said(native(own), yes), said(yes), MARK),
        "assistant: Native, foreign": (said(native(FOREIGN), yes), said(yes), MARK),
        "assistant: name": (said(yes, name="Zm9v"), said(yes), MARK),
        "assistant: ToolCall": (said(ToolCall("call_1", "look", '{"a": "Zm9v"}')), said(CALL), MARK),
        "assistant: ToolCall, custom": (said(ToolCall("call_1", "run", MARK, "custom")), said(CALL), MARK),
        "assistant: ToolCall, cut": (said(ToolCall("call_1", "look", '{"a": "Zm9v')), said(CALL), MARK),
        "assistant: ToolCall.signature": (
            said(ToolCall(CALL.id, CALL.name, CALL.arguments, signature=MARK)),
            plain_call,
            MARK,
        ),
        "assistant: ToolCall.cache": (
            said(ToolCall(CALL.id, CALL.name, CALL.arguments, cache=CACHE)),
            plain_call,
            "1h",
        ),
        "tool: ToolResult(Text)": (resulted(Text(MARK)), plain_result, MARK),
        "tool: ToolResult(Image)": (resulted(image), plain_result, PNG),
        "tool: ToolResult(Document)": (resulted(pdf), plain_result, PDF),
        "tool: ToolResult(Native, own)": (resulted(native(own), Text("ok")), plain_result, MARK),
        "tool: ToolResult(Native, foreign)": (resulted(native(FOREIGN), Text("ok")), plain_result, MARK),
        "tool: ToolResult.is_error": (resulted(Text("ok"), is_error=True), plain_result, "error"),
        "tool: ToolResult.cache": (resulted(Text("ok"), cache=CACHE), plain_result, "1h"),
    }
    return {what: (with_it, without, tuple(marks)) for what, (with_it, without, *marks) in samples.items()}


PARTS = """
what                                        openai_chat           anthropic             gemini                cohere                bedrock
user: Text                                  carried               carried               carried               carried               carried
user: Text.cache                            dropped:cache_control  carried               dropped:cache_control  dropped:cache_control  dropped:cache_control
user: Image(Inline)                         carried               carried               carried               carried               carried
user: Image(Link)                           carried               carried               carried               carried               refused
user: Image(FileRef)                        refused               carried               refused               refused               refused
user: Image.detail                          carried               dropped:image_url.detail  dropped:image_url.detail  carried               dropped:image_url.detail
user: Image.cache                           dropped:cache_control  carried               dropped:cache_control  dropped:cache_control  dropped:cache_control
user: Document(Inline PDF)                  carried               carried               carried               refused               carried
user: Document(Inline text)                 carried               carried               carried               carried               carried
user: Document(Inline sheet)                carried               refused               carried               refused               carried
user: Document(Link)                        carried               carried               carried               refused               refused
user: Document(FileRef)                     carried               carried               refused               refused               refused
user: Document.name                         carried               carried               dropped:document.name  refused               carried
user: Document.context                      carried               carried               carried               refused               carried
user: Document.citations                    dropped:document.citations  carried               dropped:document.citations  refused               carried
user: Document.cache                        dropped:cache_control  carried               dropped:cache_control  refused               dropped:cache_control
user: Audio(Inline)                         carried               refused               carried               refused               carried
user: Audio(Link)                           refused               refused               carried               refused               refused
user: Audio(FileRef)                        refused               refused               refused               refused               refused
user: Video(Inline)                         refused               refused               carried               refused               carried
user: Video(Link)                           refused               refused               carried               refused               refused
user: Video(FileRef)                        refused               refused               refused               refused               refused
user: Native, own                           refused               carried               carried               refused               carried
user: Native, foreign                       refused               dropped:messages.content.special  refused               refused               refused
user: name                                  carried               dropped:messages.name  dropped:messages.name  dropped:messages.name  dropped:messages.name
system: Text                                carried               carried               carried               carried               carried
system: Text.cache                          dropped:cache_control  carried               dropped:cache_control  dropped:cache_control  dropped:cache_control
system: Image                               carried               carried               carried               refused               refused
developer: Text                             carried               carried               carried               carried               carried
assistant: Text                             carried               carried               carried               carried               carried
assistant: Text.signature                   dropped:thought_signature  dropped:thought_signature  carried               silent              silent
assistant: Text.cache                       dropped:cache_control  carried               dropped:cache_control  dropped:cache_control  dropped:cache_control
assistant: Refusal                          carried               carried               carried               carried               carried
assistant: Image                            carried               carried               carried               refused               carried
assistant: Image.signature                  dropped:thought_signature  dropped:thought_signature  carried               refused               silent
assistant: Reasoning, own                   dropped:thinking      carried               carried               nothing              carried
assistant: Reasoning, foreign               dropped:thinking      dropped:thinking      carried               carried               dropped:messages.reasoning
assistant: Reasoning, unsigned              dropped:thinking      dropped:thinking      carried               carried               dropped:messages.reasoning
assistant: RedactedReasoning, own           dropped:thinking      carried               carried               dropped:redacted_thinking  carried
assistant: RedactedReasoning, foreign       dropped:thinking      dropped:redacted_thinking  dropped:redacted_thinking  dropped:redacted_thinking  dropped:redacted_thinking
assistant: Native, own                      dropped:special       carried               carried               dropped:messages.content.special  carried
assistant: Native, foreign                  dropped:special       dropped:messages.content.special  dropped:messages.content.special  dropped:messages.content.special  dropped:messages.content.special
assistant: name                             carried               dropped:messages.name  dropped:messages.name  dropped:messages.name  dropped:messages.name
assistant: ToolCall                         carried               carried               carried               carried               carried
assistant: ToolCall, custom                 carried               carried               carried               carried               carried
assistant: ToolCall, cut                    carried               carried               carried               carried               carried
assistant: ToolCall.signature               dropped:thought_signature  dropped:thought_signature  carried               silent              silent
assistant: ToolCall.cache                   dropped:cache_control  carried               dropped:cache_control  dropped:cache_control  dropped:cache_control
tool: ToolResult(Text)                      carried               carried               carried               carried               carried
tool: ToolResult(Image)                     carried               carried               carried               carried               carried
tool: ToolResult(Document)                  carried               carried               carried               refused               carried
tool: ToolResult(Native, own)               carried               carried               carried               refused               carried
tool: ToolResult(Native, foreign)           carried               dropped:messages.content.special  refused               refused               refused
tool: ToolResult.is_error                   dropped:is_error      carried               carried               carried               carried
tool: ToolResult.cache                      dropped:cache_control  carried               dropped:cache_control  dropped:cache_control  dropped:cache_control
"""  # noqa: E501 a table is read line by line


def test_every_kind_of_part_and_source_has_a_row() -> None:
    words = " ".join(parts("anthropic"))
    for kind in (*get_args(Part), *get_args(Source)):
        assert kind.__name__ in words
    assert {what.split(":")[0] for what in parts("anthropic")} == set(get_args(Role))


@pytest.mark.parametrize(("what", "name", "outcome"), list(rows(PARTS)))
def test_a_part_has_the_declared_outcome(what: str, name: str, outcome: str) -> None:
    messages, without, marks = parts(name)[what]
    found = outcome_of(name, ask(messages=messages), ask(messages=without), marks)
    assert found == ("nothing" if outcome == "silent" else outcome)


SILENT = {("cohere", "signature"), ("bedrock", "signature")}


def test_nothing_vanishes_without_a_word() -> None:
    found = {(name, what.partition(".")[2]) for what, name, outcome in rows(PARTS) if outcome == "silent"}
    assert found == SILENT


# --- tools, forms and thinking -------------------------------------------------------------------

CUSTOM = Tool(
    "run",
    MARK,
    kind="custom",
    format="openai_chat",
    block=Raw(b'{"type":"custom","custom":{"name":"run","description":"Zm9v"}}'),
)


def settings(own: str) -> dict[str, tuple[dict[str, Any], dict[str, Any], tuple[str, ...]]]:
    """Fields with a value of some kind, without it, and what of it is to arrive."""
    block = Raw(f'{{"type":"special","name":"{MARK}"}}'.encode())
    feel = Tool("feel", "Feel.", LOOK.parameters)
    samples: dict[str, Any] = {
        "Tool, function": ({"tools": (Tool("look", MARK, LOOK.parameters),)}, {}, MARK),
        "Tool, without parameters": ({"tools": (LOOK, Tool(MARK))}, {}, MARK),
        "Tool.strict": ({"tools": (Tool("look", "Look.", SCHEMA, strict=True),)}, {}, "strict"),
        "Tool.cache": ({"tools": (Tool("look", "Look.", LOOK.parameters, cache=CACHE),)}, {}, "1h"),
        "Tool, custom": ({"tools": (LOOK, CUSTOM)}, {}, MARK),
        "Tool, native, own": (
            {"tools": (LOOK, Tool(MARK, kind="native", format=own, block=block))},
            {},
            MARK,
        ),
        "Tool, native, foreign": (
            {"tools": (LOOK, Tool(MARK, kind="native", format=FOREIGN, block=block))},
            {},
            MARK,
        ),
        "ToolChoice, none": ({"tool_choice": ToolChoice("none")}, {}),
        "ToolChoice, required": ({"tool_choice": ToolChoice("required")}, {}),
        "ToolChoice, named": ({"tool_choice": ToolChoice("named", ("look",))}, {}),
        "ToolChoice, auto of some": (
            {"tools": (LOOK, feel), "tool_choice": ToolChoice("auto", ("look",))},
            {"tools": (LOOK, feel)},
        ),
        "ToolChoice, required of some": (
            {"tools": (LOOK, feel), "tool_choice": ToolChoice("required", ("look",))},
            {"tools": (LOOK, feel), "tool_choice": ToolChoice("required")},
        ),
        "OutputFormat, json_object": ({"output": OutputFormat("json_object")}, {}),
        "OutputFormat, json_schema": ({"output": OutputFormat("json_schema", SCHEMA)}, {}, MARK),
        "ReasoningControl.effort, none": ({"reasoning": ReasoningControl(effort="none")}, {}),
        "ReasoningControl.effort, minimal": ({"reasoning": ReasoningControl(effort="minimal")}, {}),
        "ReasoningControl.effort, max": ({"reasoning": ReasoningControl(effort="max")}, {}),
        "ReasoningControl.budget": ({"reasoning": ReasoningControl(budget=2345)}, {}),
        "ReasoningControl.budget, 0": ({"reasoning": ReasoningControl(budget=0)}, {}),
        "ReasoningControl.mode, enabled": ({"reasoning": ReasoningControl(mode="enabled")}, {}),
        "ReasoningControl.mode, adaptive": ({"reasoning": ReasoningControl(mode="adaptive")}, {}),
        "ReasoningControl.mode, disabled": ({"reasoning": ReasoningControl(mode="disabled")}, {}),
        "ReasoningControl.show": (
            {"reasoning": ReasoningControl(effort="high", show=False)},
            {"reasoning": ReasoningControl(effort="high", show=True)},
        ),
        "modalities, text": ({"modalities": ("text",)}, {}),
        "modalities, audio": ({"modalities": ("text", "audio")}, {}),
        "logprobs with alternatives": ({"logprobs": True, "top_logprobs": 3}, {}, ":3"),
    }
    return {what: (with_it, without, tuple(marks)) for what, (with_it, without, *marks) in samples.items()}


SETTINGS = """
what                                        openai_chat           anthropic             gemini                cohere                bedrock
Tool, function                              carried               carried               carried               carried               carried
Tool, without parameters                    carried               carried               carried               carried               carried
Tool.strict                                 carried               carried               dropped:tools.strict  carried               dropped:tools.strict
Tool.cache                                  dropped:cache_control  carried               dropped:cache_control  dropped:cache_control  dropped:cache_control
Tool, custom                                carried               carried               carried               carried               carried
Tool, native, own                           carried               carried               carried               refused               carried
Tool, native, foreign                       refused               refused               refused               refused               refused
ToolChoice, none                            carried               carried               carried               carried               carried
ToolChoice, required                        carried               carried               carried               carried               carried
ToolChoice, named                           carried               carried               carried               carried               carried
ToolChoice, auto of some                    carried               carried               carried               carried               carried
ToolChoice, required of some                carried               carried               carried               carried               carried
OutputFormat, json_object                   carried               carried               carried               carried               carried
OutputFormat, json_schema                   carried               carried               carried               carried               carried
ReasoningControl.effort, none               carried               carried               carried               carried               nothing
ReasoningControl.effort, minimal            carried               carried               carried               carried               dropped:reasoning_effort
ReasoningControl.effort, max                carried               carried               carried               carried               dropped:reasoning_effort
ReasoningControl.budget                     carried               carried               carried               carried               dropped:reasoning_effort
ReasoningControl.budget, 0                  carried               carried               carried               carried               nothing
ReasoningControl.mode, enabled              nothing              carried               carried               carried               dropped:reasoning_effort
ReasoningControl.mode, adaptive             nothing              carried               carried               carried               dropped:reasoning_effort
ReasoningControl.mode, disabled             carried               carried               carried               carried               nothing
ReasoningControl.show                       nothing              carried               carried               dropped:reasoning.show  nothing
modalities, text                            carried               nothing              carried               nothing              nothing
modalities, audio                           carried               refused               carried               refused               refused
logprobs with alternatives                  carried               dropped:logprobs,top_logprobs  carried               dropped:top_logprobs  dropped:logprobs,top_logprobs
"""  # noqa: E501 a table is read line by line


def test_every_kind_of_setting_has_a_row() -> None:
    words = " ".join(settings("anthropic"))
    for field in ("effort", "budget", "mode", "show"):
        assert f"ReasoningControl.{field}" in words
    assert [
        name for name in ReasoningControl.__struct_fields__ if f"ReasoningControl.{name}" not in words
    ] == []
    kinds = [*get_args(Tool.__annotations__["kind"]), *get_args(OutputFormat.__annotations__["kind"])]
    assert [kind for kind in kinds if kind not in words] == []


@pytest.mark.parametrize(("what", "name", "outcome"), list(rows(SETTINGS)))
def test_a_setting_has_the_declared_outcome(what: str, name: str, outcome: str) -> None:
    fields, without, marks = settings(name)[what]
    assert outcome_of(name, ask(**fields), ask(**without), marks) == outcome
