"""Whatever is asked, the stream says what the whole answer says."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from tidegate.demo.answers import answer_to, count, cut
from tidegate.demo.wire import Logprobs, render_answer, render_chunks
from tidegate.protocols.turn import Message, OutputFormat, Text, Tool, ToolChoice, Turn

SCHEMA = Raw(
    b'{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"array","items":{"type":"integer"}}}}'
)
TOOLS = (Tool("weather", parameters=SCHEMA), Tool("clock"), Tool("shell", kind="custom"))
CHOICES = (None, ToolChoice("none"), ToolChoice("required"), ToolChoice("named", ("shell",)))
OUTPUTS = (None, OutputFormat("json_object"), OutputFormat("json_schema", SCHEMA, "place"))
WORDS = st.sampled_from(
    ["hello", "both", "clock", "weather", "Ålesund", "🎉👨‍👩‍👧", "ข้อความ", "\n", "incomprehensibilities"]
)

turns = st.builds(
    Turn,
    model=st.just("echo"),
    messages=st.lists(WORDS, max_size=6).map(lambda words: (Message("user", (Text(" ".join(words)),)),)),
    tools=st.sampled_from([(), TOOLS, TOOLS[:1]]),
    tool_choice=st.sampled_from(CHOICES),
    output=st.sampled_from(OUTPUTS),
    stop=st.sampled_from([(), (" no", "e"), ("\n",)]),
    n=st.sampled_from([None, 1, 3]),
    max_tokens=st.sampled_from([None, 1, 7, 40]),
    top_logprobs=st.sampled_from([None, 3]),
    origin=st.just("openai_chat"),
    extensions=st.just({}),
)


def put_together(chunks: list[Any]) -> dict[int, Any]:
    """The choices of a stream, by index, in the form of whole ones."""
    choices: dict[int, Any] = {}
    for chunk in chunks:
        for part in chunk["choices"]:
            whole = choices.setdefault(part["index"], {"text": "", "thought": "", "calls": [], "probs": []})
            delta = part["delta"]
            whole["text"] += delta.get("content") or ""
            whole["thought"] += delta.get("reasoning_content") or ""
            whole["probs"] += part["logprobs"]["content"] if part["logprobs"] else []
            whole["finish"] = part["finish_reason"]
            for piece in delta.get("tool_calls", ()):
                add_call(whole["calls"], piece)
    return choices


def add_call(calls: list[list[str]], piece: Any) -> None:
    said = piece.get("function") or piece["custom"]
    if "id" in piece:
        calls.append([piece["id"], said["name"], ""])
    calls[piece["index"]][2] += said.get("arguments", said.get("input"))


def taken_apart(choice: Any) -> dict[str, Any]:
    """A whole choice in the same form."""
    message = choice["message"]
    calls = []
    for call in message.get("tool_calls", ()):
        said = call.get("function") or call["custom"]
        calls.append([call["id"], said["name"], said.get("arguments", said.get("input"))])
    return {
        "text": message["content"] or "",
        "thought": message.get("reasoning_content", ""),
        "calls": calls,
        "probs": choice["logprobs"]["content"] if choice["logprobs"] else [],
        "finish": choice["finish_reason"],
    }


@given(turns, st.booleans())
def test_the_chunks_put_together_are_the_answer(turn: Turn, thinks: bool) -> None:
    answer = cut(answer_to(turn, thinks=thinks), turn.max_tokens)
    counts = count(turn, answer)
    logprobs = Logprobs(turn.top_logprobs) if turn.top_logprobs else None
    whole = msgspec.to_builtins(render_answer(answer, counts, logprobs))
    chunks = list(render_chunks(answer, counts, logprobs))
    assert chunks[-1]["usage"] == whole["usage"]
    assert put_together(chunks) == {choice["index"]: taken_apart(choice) for choice in whole["choices"]}
    assert len(whole["choices"]) == (turn.n or 1)
    if turn.max_tokens is not None:
        assert counts.completion <= turn.max_tokens * len(answer.choices)
