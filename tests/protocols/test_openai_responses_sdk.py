"""The official SDK reads what the writer writes: whole answers, streams, and streams that fail."""

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai.types.responses import ParsedResponse
from pydantic import BaseModel

from protocols.responses_observed import ask, target_of, text_of, write
from recordings import Recording, needs_recordings, recordings
from simulator import Simulator, json, stream
from tidegate.protocols.contract import Call
from tidegate.protocols.errors import LimitExceeded, ProviderBroke
from tidegate.protocols.events import (
    Event,
    Failed,
    Finished,
    ReasoningDelta,
    ReasoningSigned,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from tidegate.protocols.openai_responses import PROTOCOL
from tidegate.protocols.usage import Usage
from tidegate.providers import protocol_named

HELLO: Any = {"model": "m", "input": "Hi"}
ANSWER: tuple[Event, ...] = (
    Started("msg_1", "claude-x"),
    ReasoningDelta("Let me "),
    ReasoningDelta("see."),
    ReasoningSigned("sig", "anthropic"),
    TextDelta("The tide is "),
    TextDelta("high at Zürich’s “harbour”."),
    ToolCallStarted(0, "toolu_1", "read_gauge"),
    ToolCallDelta(0, '{"station":'),
    ToolCallDelta(0, '"Brest"}'),
    Finished("tool_calls"),
    UsageReported(Usage(input=11, output=5, reasoning=2)),
)
OTHERS = [
    pytest.param(format_, recording, id=repr(recording))
    for format_, provider in (("openai_chat", "openai"), ("anthropic", "anthropic"), ("gemini", "gemini"))
    for recording in recordings(provider, "chat_stream", status=200)
    if recording.plain
]


class Tide(BaseModel):
    place: str
    metres: float


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
async def client(provider: Simulator) -> AsyncIterator[openai.AsyncOpenAI]:
    url = provider.url + "/v1"
    async with openai.AsyncOpenAI(api_key="k", base_url=url, max_retries=0, timeout=10) as made:
        yield made


async def test_a_whole_answer_is_a_response(provider: Simulator, client: openai.AsyncOpenAI) -> None:
    provider.answer(json(write(*ANSWER, stream=False)))
    response = await client.responses.create(**HELLO)
    thinking, message, call = response.output
    assert response.output_text == "The tide is high at Zürich’s “harbour”."
    assert (thinking.type, message.type, call.type) == ("reasoning", "message", "function_call")
    assert thinking.type == "reasoning"
    assert thinking.summary[0].text == "Let me see."
    assert call.type == "function_call"
    assert (call.call_id, call.name, call.arguments) == ("toolu_1", "read_gauge", '{"station":"Brest"}')
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.total_tokens) == (11, 18)


async def test_a_stream_adds_up_to_the_same_response(provider: Simulator, client: openai.AsyncOpenAI) -> None:
    provider.stream([write(*ANSWER)])
    async with client.responses.stream(**HELLO) as events:
        kinds = [event.type async for event in events]
        final = await events.get_final_response()
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
    assert final.output_text == "The tide is high at Zürich’s “harbour”."
    assert [item.type for item in final.output] == ["reasoning", "message", "function_call"]


async def test_a_structured_answer_is_parsed(provider: Simulator, client: openai.AsyncOpenAI) -> None:
    received = (
        Started("", "m"),
        TextDelta('{"place":"St. Malo",'),
        TextDelta('"metres":12.5}'),
        Finished("stop"),
    )
    provider.stream([write(*received)])
    async with client.responses.stream(**HELLO, text_format=Tide) as events:
        final: ParsedResponse[Tide] = await events.get_final_response()
    assert final.output_parsed == Tide(place="St. Malo", metres=12.5)


async def test_the_output_is_the_next_input(provider: Simulator, client: openai.AsyncOpenAI) -> None:
    provider.answer(json(write(*ANSWER, stream=False)))
    first = await client.responses.create(**HELLO)
    result: Any = {"type": "function_call_output", "call_id": "toolu_1", "output": "7 m"}
    sent: Any = [{"role": "user", "content": "Hi"}, *first.output, result]
    await client.responses.create(model="m", input=sent, store=False)
    turn = PROTOCOL.parse_request(provider.requests[1].body).turn()
    thinking = turn.messages[1].parts[0]
    assert (thinking.text, thinking.signature, thinking.format) == ("Let me see.", "sig", "anthropic")  # type: ignore[union-attr]
    assert turn.messages[2].parts[0].name == "read_gauge"  # type: ignore[union-attr]


async def test_a_stream_that_fails_raises(provider: Simulator, client: openai.AsyncOpenAI) -> None:
    writer = PROTOCOL.writer(ask(stream=True), "m")
    broken = writer.write(ANSWER[:6]) + writer.abort(ProviderBroke("the provider's stream was cut"))
    provider.stream([broken])
    text = ""
    with pytest.raises(openai.APIError, match="was cut"):
        async for event in await client.responses.create(**HELLO, stream=True):
            text += event.delta if event.type == "response.output_text.delta" else ""
    assert text == "The tide is high at Zürich’s “harbour”."


async def test_a_refusal_is_the_sdks_own_error(provider: Simulator, client: openai.AsyncOpenAI) -> None:
    reply = PROTOCOL.render_error(LimitExceeded("too fast", retry_after="7"), "req_1")
    headers = {name.decode(): value.decode() for name, value in reply.headers if name != b"content-type"}
    provider.answer(json(reply.body, reply.status, headers))
    with pytest.raises(openai.RateLimitError, match="too fast") as refused:
        await client.responses.create(**HELLO)
    assert (refused.value.code, refused.value.response.headers["retry-after"]) == ("rate_limit_exceeded", "7")


@needs_recordings
@pytest.mark.parametrize(("format_", "recording"), OTHERS)
async def test_a_recorded_stream_of_another_format_adds_up(
    provider: Simulator, client: openai.AsyncOpenAI, format_: str, recording: Recording
) -> None:
    protocol = protocol_named(format_)
    reader = protocol.reader(Call("/", b"", stream=True), target_of(protocol))
    received = [*reader.feed(recording.body), *reader.close()]
    writer = PROTOCOL.writer(ask(stream=True), "m")
    failure = received[-1].error if isinstance(received[-1], Failed) else None
    written = [writer.write([event]) for event in received if not isinstance(event, Failed)]
    provider.answer(stream([*written, writer.abort(failure) if failure else writer.close()]))
    text, raised = "", None
    try:
        async with client.responses.stream(**HELLO) as events:
            async for event in events:
                text += event.delta if event.type == "response.output_text.delta" else ""
                if event.type in ("response.completed", "response.incomplete"):
                    assert event.response.output_text == text
    except openai.APIError as error:
        raised = error.message
    assert raised == (failure.message if failure else None)
    assert text == text_of(received)
