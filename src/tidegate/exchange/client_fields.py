"""What a client says of itself beside its request: its program, and the session, agent and kind of request
that coding agents name in headers.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from tidegate.routing import conversation_name

from .request import Request

__all__ = ["client_of", "fields_of", "said_of_client", "session_of"]

_NAME = re.compile(rb"[A-Za-z0-9_$@~][A-Za-z0-9_$@:./+=~-]{0,127}")
"""The pattern of ids, programs and kinds: records have nothing else of what clients send."""

AGENTS: Mapping[bytes, Mapping[bytes, str]] = {
    b"x-claude-code-session-id": {
        b"x-claude-code-agent-id": "agent",
        b"x-claude-code-parent-agent-id": "parent_agent",
        b"x-claude-code-request-class": "request_class",
        b"x-claude-code-context-compacted": "context_compacted",
        b"x-claude-code-prompt-id": "prompt",
    },
    b"originator": {
        b"originator": "originator",
        b"thread-id": "agent",
        b"x-codex-parent-thread-id": "parent_agent",
        b"x-openai-subagent": "request_class",
    },
    b"x-correlation-id": {b"x-user-id": "user", b"client_id": "client"},
}
"""A header that shows the kind of client (Claude Code, Codex, LLM Gate's) → its headers, and their names in
records."""
SIGNS = frozenset(AGENTS)
"""Headers without which there are no such fields."""
LONGEST_KEPT = 128
"""Maximum bytes of a `User-Agent` whose program is cached: clients choose it."""


def session_of(request: Request, parsed: Any) -> str | None:
    """What the client calls the session that a request belongs to; None if it gives no name. A name that may
    hold any text is replaced by a hash of it.
    """
    find = getattr(parsed, "session", None)
    given = find() if find is not None else None
    if given is None or (given.id is None and given.cache_key is None):
        name = _name_in_head(request)
    else:
        name = conversation_name(request.named, given.id, given.cache_key)
    if not name:
        return None
    return _name(name) or f"~{blake2b(name, digest_size=12).hexdigest()}"


def _name_in_head(request: Request) -> bytes | None:
    """What the headers call the conversation."""
    memory = request.memory
    if memory is None:
        return conversation_name(request.named)
    if conversation_name not in memory:
        memory[conversation_name] = conversation_name(request.named)
    name: bytes | None = memory[conversation_name]
    return name


def said_of_client(request: Request) -> tuple[str | None, dict[str, str] | None]:
    """What `client_of` and `fields_of` return for a request; None where there are no such fields."""
    memory = request.memory
    known: tuple[str | None, dict[str, str] | None] | None = None if memory is None else memory.get(SIGNS)
    if known is None:
        headers = request.named
        fields = None if headers.keys().isdisjoint(SIGNS) else fields_of(headers)
        known = client_of(headers), fields
        if memory is not None:
            memory[SIGNS] = known
    return known


def client_of(headers: Mapping[bytes, bytes]) -> str | None:
    """The client's program: the first word of its `User-Agent`, usually with a version."""
    agent = headers.get(b"user-agent")
    if not agent:
        return None
    return _known_program(agent) if len(agent) <= LONGEST_KEPT else _program_of(agent)


def fields_of(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    """The values of the headers of AGENTS, by their names in records."""
    fields: dict[str, str] = {}
    for sign, names in AGENTS.items():
        if sign not in headers:
            continue
        for header, name in names.items():
            value = headers.get(header)
            if value:
                fields[name] = _name(value) or "*"
    return fields


def _program_of(agent: bytes) -> str | None:
    return _name(agent.partition(b" ")[0])


_known_program = lru_cache(maxsize=256)(_program_of)


def _name(value: bytes) -> str | None:
    """A value that looks like a name."""
    return value.decode("ascii") if _NAME.fullmatch(value) is not None else None
