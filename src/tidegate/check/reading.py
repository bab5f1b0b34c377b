"""Reading and checking the responses to the probes."""

from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Any

import msgspec
from msgspec import Struct

from tidegate.protocols.sse import Splitter

from .findings import Probe
from .inside import Response

__all__ = ["READERS", "TOOL_NAME", "Fault", "since"]

TOOL_NAME = "get_weather"


class Fault(Exception):
    """Why a probe failed."""

    def __init__(self, message: str, code: str | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


# --- the fields that are read ----------------------------------------------------------------


class Usage(Struct):
    """The tokens."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Function(Struct):
    """The function of a tool call."""

    name: str = ""
    arguments: str = ""


class ToolCall(Struct):
    """A tool call."""

    function: Function = msgspec.field(default_factory=Function)


class Message(Struct):
    """A message, or a piece of one."""

    content: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[ToolCall] | None = None


class Choice(Struct):
    """A choice, whole or a piece."""

    message: Message = msgspec.field(default_factory=Message)
    delta: Message = msgspec.field(default_factory=Message)
    finish_reason: str | None = None


class Problem(Struct):
    """An error."""

    message: str = ""
    code: str | int | None = None


class Completion(Struct):
    """An answer, a chunk of one, or an error."""

    choices: list[Choice] = []
    usage: Usage | None = None
    error: Problem | None = None


decode = msgspec.json.Decoder(Completion).decode
decode_arguments = msgspec.json.Decoder(dict[str, Any]).decode


# --- the readers -----------------------------------------------------------------------------


async def _read_answer(response: Response, began: float) -> Probe:
    body = await response.read()
    completion = _parse(response.status, body)
    if not any(choice.message.content for choice in completion.choices):
        raise Fault(f"the response has no text{_ending(completion)}")
    return _good(began, completion.usage)


async def _read_tools(response: Response, began: float) -> Probe:
    body = await response.read()
    completion = _parse(response.status, body)
    calls = [call for choice in completion.choices for call in choice.message.tool_calls or ()]
    if not calls:
        raise Fault(f"the model did not call the tool{_ending(completion)}")
    for call in calls:
        _require_arguments(call)
    return _good(began, completion.usage)


def _require_arguments(call: ToolCall) -> None:
    if call.function.name != TOOL_NAME:
        raise Fault(f"the model called {call.function.name!r}, but only {TOOL_NAME!r} was offered")
    try:
        arguments = decode_arguments(call.function.arguments)
    except msgspec.MsgspecError:
        raise Fault(f"the arguments of the call are not a JSON object: {call.function.arguments!r}") from None
    if "city" not in arguments:
        raise Fault(f"the call lacks the required argument city: {call.function.arguments!r}")


async def _read_stream(response: Response, began: float) -> Probe:
    stream = StreamCheck(began)
    splitter = Splitter()
    whole = b""
    async for piece in response.pieces():
        if response.status != 200:
            whole += piece
            continue
        for event in splitter.feed(piece):
            stream.take(event.data)
    if response.status != 200:
        _parse(response.status, whole)
    for event in splitter.close():
        stream.take(event.data)
    return stream.end()


class StreamCheck:
    """The events of a stream so far."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._first_token_ms: float | None = None
        self._usage: Usage | None = None
        self._finish: str | None = None
        self._over = False

    def take(self, data: bytes) -> None:
        """Read one event."""
        if data == b"[DONE]":
            self._over = True
            return
        chunk = _parse(200, data)
        self._usage = chunk.usage or self._usage
        for choice in chunk.choices:
            self._finish = choice.finish_reason or self._finish
            text = choice.delta.content or choice.delta.reasoning_content
            if text and self._first_token_ms is None:
                self._first_token_ms = since(self._began)

    def end(self) -> Probe:
        """The result at the end of the stream. Raises Fault if something is missing."""
        if self._first_token_ms is None:
            raise Fault("the stream has no text")
        if self._finish is None or not self._over:
            raise Fault("the stream ended without a finish reason or [DONE]")
        return _good(self._began, self._usage, self._first_token_ms)


def _parse(status: int, body: bytes) -> Completion:
    """A response. Raises Fault if it is an error or malformed."""
    try:
        completion = decode(body)
    except msgspec.MsgspecError as error:
        raise Fault(f"the gateway's response cannot be parsed: {error}", status=status) from None
    if completion.error is not None:
        code = completion.error.code
        raise Fault(completion.error.message, str(code) if code is not None else None, _unless_good(status))
    if status != 200:
        raise Fault(f"status {status} without an error message", status=status)
    return completion


def since(moment: float) -> float:
    """Milliseconds from a moment of `perf_counter` until now."""
    return round((perf_counter() - moment) * 1e3, 1)


def _unless_good(status: int) -> int | None:
    return status if status != 200 else None


def _ending(completion: Completion) -> str:
    reasons = {choice.finish_reason for choice in completion.choices if choice.finish_reason}
    return f" (finish reason: {', '.join(sorted(reasons))})" if reasons else ""


def _good(began: float, usage: Usage | None, first_token_ms: float | None = None) -> Probe:
    counted = usage or Usage()
    return Probe(
        verdict="good",
        ms=since(began),
        first_token_ms=first_token_ms,
        input_tokens=counted.prompt_tokens,
        output_tokens=counted.completion_tokens,
    )


READERS: Mapping[str, Callable[[Response, float], Awaitable[Probe]]] = {
    "answer": _read_answer,
    "stream": _read_stream,
    "tools": _read_tools,
}
"""By the name of the probe. They raise Fault for every problem, never msgspec's errors."""
