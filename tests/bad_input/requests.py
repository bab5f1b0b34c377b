"""Asking a gateway for nonsense, and what it must not do then.

One `Room` per test module: a gateway with a provider of each wire format behind it, all of them
played by one simulator that answers well whatever it is asked, but takes note of every body that
is no JSON. `Room.ask` sends one body; `faults_of` says what is wrong about the reply.
"""

import contextlib
import io
import json
import logging
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from running import Gateway, Reply
from sdk.dialects import ANTHROPIC, GEMINI, OPENAI
from simulator import Script, Seen, Simulator
from simulator import json as answer

__all__ = ["CHAT", "COUNT", "FORMATS", "MESSAGES", "Door", "Room", "faults_of", "names", "open_room", "write"]

FORMATS = ("openai", "anthropic", "gemini")
"""Kinds of provider; in a `Room` also their names."""

HERE = "@@here@@"
"""What stands in a request where raw JSON is to be put."""


@dataclass(frozen=True)
class Door:
    """An endpoint that takes prompts."""

    path: str
    dialect: str

    def __repr__(self) -> str:
        return self.path.removeprefix("/v1/").replace("/", "-")


CHAT = Door("/v1/chat/completions", "openai")
MESSAGES = Door("/v1/messages", "anthropic")
COUNT = Door("/v1/messages/count_tokens", "anthropic")


# --- requests ----------------------------------------------------------------------------------


def write(request: Any, path: str, raw: str) -> bytes:
    """The request as JSON, with raw JSON at a path (made where it is not there)."""
    copy = json.loads(json.dumps(request))
    *before, last = path.split(".")
    inside = copy
    for step in before:
        inside = inside[int(step)] if isinstance(inside, list) else inside.setdefault(step, {})
    inside[int(last) if isinstance(inside, list) else last] = HERE
    return json.dumps(copy).replace(f'"{HERE}"', raw).encode(errors="surrogatepass")


# --- the room ----------------------------------------------------------------------------------


class Notes(logging.Handler):
    """What is logged as a fault."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.faults: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.faults.append(self.format(record))


class Room:
    """A gateway and the providers behind it."""

    def __init__(self, gateway: Gateway, simulator: Simulator, notes: Notes) -> None:
        self.gateway = gateway
        self.simulator = simulator
        self.notes = notes
        self.unreadable: list[bytes] = []
        """Bodies that a provider was asked with and that are no JSON."""

    async def ask(self, door: Door, body: bytes, headers: dict[str, str] | None = None) -> Reply:
        self.simulator.requests.clear()
        session, url = self.gateway.session, self.gateway.url + door.path
        async with session.post(url, data=io.BytesIO(body), headers=headers or {}) as response:
            return Reply(response.status, response.headers, await response.read())

    @property
    def asked(self) -> Any:
        """The body with which the provider was asked last."""
        return self.simulator.requests[-1].json

    def answer(self, seen: Seen) -> Script:
        """A good answer in the dialect of the path."""
        try:
            body = strictly(seen.body)
        except RecursionError:
            body = {}
        except ValueError:
            self.unreadable.append(seen.body)
            return answer({"error": {"message": "no JSON"}}, 400)
        stream = "streamGenerateContent" in seen.path or body.get("stream") is True
        if "ount" in seen.path:
            return answer({"input_tokens": 7, "totalTokens": 7})
        reply_body = ANTHROPIC if "/messages" in seen.path else OPENAI if "/chat/" in seen.path else GEMINI
        return reply_body.stream if stream else reply_body.text

    async def check(self) -> None:
        """Whether all is well: nothing unreadable was sent on, nothing logged, good requests answered."""
        assert self.unreadable == []
        assert self.notes.faults == []
        body = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 9}
        for door in (CHAT, MESSAGES, COUNT):
            for name in FORMATS:
                reply = await self.gateway.post(door.path, {**body, "model": f"{name}/m"})
                assert reply.status == 200, (door, name, reply.body)


def strictly(body: bytes) -> Any:
    """JSON that every parser takes."""
    return json.loads(body.decode(), parse_constant=_no_constant)


def _no_constant(word: str) -> Any:
    raise ValueError(word)


@contextlib.asynccontextmanager
async def open_room(server: str = "") -> AsyncIterator[Room]:
    notes = Notes()
    logging.getLogger().addHandler(notes)
    async with Simulator() as simulator:
        providers = {name: (name, simulator.url + ("/v1" if name == "openai" else "")) for name in FORMATS}
        async with Gateway(providers, server=server) as gateway:
            room = Room(gateway, simulator, notes)
            simulator.answer(room.answer)
            yield room
    logging.getLogger().removeHandler(notes)


# --- replies -----------------------------------------------------------------------------------


def faults_of(reply: Reply, door: Door) -> str | None:
    """What is wrong about a reply to whatever was asked; None for an answer or a good refusal."""
    if reply.status == 200:
        return None
    if not 400 <= reply.status < 500:
        return f"status {reply.status}: {reply.body[:200]!r}"
    try:
        reply_body = reply.json
    except ValueError:
        return f"no JSON: {reply.body[:200]!r}"
    error = reply_body.get("error", {})
    if not error.get("message") or not error.get("type"):
        return f"no words: {reply_body}"
    if door.dialect == "openai" and error.keys() != {"message", "type", "param", "code"}:
        return f"not OpenAI's dialect: {reply_body}"
    if door.dialect == "anthropic" and (reply_body.get("type") != "error" or "request_id" not in reply_body):
        return f"not Anthropic's dialect: {reply_body}"
    return None


def names(reply: Reply, door: Door, path: str) -> bool:
    """Whether a refusal names the parameter at fault: OpenAI's in `param`, Anthropic's in the message."""
    error = reply.error
    words = [error["param"] or ""] if door.dialect == "openai" else re.findall(r"[\w.]+", error["message"])
    return any(_related(word.strip("."), path) for word in words)


def _related(named: str, path: str) -> bool:
    """Whether a name is that of the parameter, of something in it, or of what it stands in (but no
    further out than two steps into the request).
    """
    one, other = named.split("."), path.split(".")
    common = min(len(one), len(other))
    return one[:common] == other[:common] and len(one) >= min(2, len(other))
