"""The demo's server: paced answers and simulated failures."""

import asyncio
from itertools import cycle
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from tidegate.protocols.errors import ModelNotFound, TidegateError
from tidegate.protocols.openai_chat import PROTOCOL

from .answers import answer_to, count, cut
from .models import Model, Refusal, find_model, model_names
from .wire import Logprobs, render_answer, render_chunks, render_error, render_models

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["Server"]

PACE_S = (0.018, 0.024, 0.016, 0.029, 0.021, 0.015, 0.027)
"""Pauses between the events of a stream in seconds, repeated as necessary."""
MAX_BODY = 256 * 1024 * 1024
"""Maximum size of a request in bytes; the gateway in front has its own, lower limit."""
STOP_S = 0.5
"""How long open answers may continue when the demo stops, in seconds."""

PAGE = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"

BROKEN = render_error("The demo failed in the middle of its response.", "server_error", "stream_error")

encode = msgspec.json.Encoder().encode


class Server:
    """The demo on 127.0.0.1, at a free port."""

    def __init__(self) -> None:
        self.base_url = ""
        """Set once it has started; ends in /v1, as OpenAI's does."""
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        """Start listening. Returns the base URL."""
        from aiohttp import web  # a server is only loaded where one is wanted

        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_get("/v1/models", _list_models)
        app.router.add_post("/v1/chat/completions", _complete)
        app.router.add_route("*", "/{path:.*}", _find_nothing)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=STOP_S, handle_signals=False
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self.base_url

    async def stop(self) -> None:
        """Close the socket and all connections."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None


# --- one request -----------------------------------------------------------------------------


class Job(Struct, frozen=True):
    """A valid request, and its answer."""

    model: Model
    stream: bool
    body: bytes
    """The whole answer; empty for a stream."""
    events: list[bytes]
    """The events of the stream that the model sends."""


async def _list_models(_request: "web.Request") -> "web.Response":
    return _respond(200, render_models())


async def _find_nothing(request: "web.Request") -> "web.Response":
    message = f"Unknown path: {request.method} {request.path}."
    return _respond(404, render_error(message, "invalid_request_error", "unknown_url"))


async def _complete(request: "web.Request") -> "web.StreamResponse":
    body = await request.read()
    try:
        job = await asyncio.to_thread(_plan, body)  # a large request takes a while
    except TidegateError as error:
        return _respond(error.status, render_error(error.message, error.type, error.code, error.param))
    if not job.model.answers:
        await asyncio.Event().wait()
    await asyncio.sleep(job.model.silent_s)
    if job.model.refusal is not None:
        return _refuse(job.model.refusal)
    return await (_stream(request, job) if job.stream else _answer(request, job))


def _plan(body: bytes) -> Job:
    """Parse a request and create its answer. Raises TidegateError."""
    asked = PROTOCOL.parse_request(body)
    model = find_model(asked.model)
    if model is None:
        raise ModelNotFound(f"The demo has no model “{asked.model}”. It has: {model_names()}.")
    turn = asked.turn()
    answer = cut(answer_to(turn, thinks=model.thinks), turn.max_tokens)
    counts = count(turn, answer)
    logprobs = Logprobs(turn.top_logprobs or 0) if turn.logprobs else None
    if not turn.stream:
        return Job(model, False, encode(_unfinished(model, render_answer(answer, counts, logprobs))), [])
    chunks = render_chunks(answer, counts if asked.include_usage else None, logprobs)
    return Job(model, True, b"", _break_off(model, [_event(chunk) for chunk in chunks]))


# --- whole answers ---------------------------------------------------------------------------


async def _answer(request: "web.Request", job: Job) -> "web.StreamResponse":
    if job.model.breaks == "error":
        return _respond(500, BROKEN)
    if job.model.breaks != "cut":
        return _respond(200, job.body)
    from aiohttp import web

    length = {"content-type": "application/json", "content-length": str(len(job.body))}
    response = web.StreamResponse(headers=length)
    await response.prepare(request)
    await response.write(job.body[: len(job.body) // 2])
    _cut_connection(request)
    return response


def _unfinished(model: Model, body: dict[str, Any]) -> dict[str, Any]:
    """The answer, without finish reasons if the model omits them."""
    if model.breaks == "no_finish":
        for choice in body["choices"]:
            choice["finish_reason"] = None
    return body


def _refuse(refusal: Refusal) -> "web.Response":
    headers = {} if refusal.retry_after is None else {"retry-after": refusal.retry_after}
    if refusal.html:
        return _respond(refusal.status, PAGE, {"content-type": "text/html", **headers})
    return _respond(refusal.status, render_error(refusal.message, refusal.type, refusal.code), headers)


def _respond(status: int, body: Any, headers: dict[str, str] | None = None) -> "web.Response":
    from aiohttp import web

    data = body if isinstance(body, bytes) else encode(body)
    return web.Response(
        status=status, body=data, headers={"content-type": "application/json", **(headers or {})}
    )


# --- streams ---------------------------------------------------------------------------------


async def _stream(request: "web.Request", job: Job) -> "web.StreamResponse":
    from aiohttp import web

    response = web.StreamResponse(headers={"content-type": "text/event-stream", "cache-control": "no-cache"})
    await response.prepare(request)
    for event, pause_s in zip(job.events, cycle(PACE_S), strict=False):
        await response.write(event)
        await asyncio.sleep(pause_s)
    if job.model.breaks == "cut":
        _cut_connection(request)
    return response


def _break_off(model: Model, events: list[bytes]) -> list[bytes]:
    """The events of a stream up to the point where the model breaks off, or all."""
    if model.breaks is None:
        return [*events, b"data: [DONE]\n\n"]
    half = events[: len(events) // 2]
    return [*half, _event(BROKEN)] if model.breaks == "error" else half


def _event(data: dict[str, Any]) -> bytes:
    return b"data: " + encode(data) + b"\n\n"


def _cut_connection(request: "web.Request") -> None:
    if request.transport is not None:
        request.transport.abort()
