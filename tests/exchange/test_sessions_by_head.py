"""What a repeated head calls the conversation is remembered, and found as if it were looked for each time."""

from itertools import permutations
from types import SimpleNamespace
from typing import Any

import pytest

from tidegate.exchange.client_fields import session_of
from tidegate.protocols.opening import Session

HEADS: list[dict[bytes, bytes]] = [
    {},
    {b"user-agent": b"me"},
    {b"x-session-id": b"one"},
    {b"x-session-id": b"any text at all"},
    {b"x-claude-code-session-id": b"claude"},
    {b"session_id": b"codex", b"session-id": b"other"},
    {b"x-session-id": b""},
]
BODIES = [None, Session(None, None), Session("of the body", None), Session(None, "cache"), Session("", "")]


def ask(headers: dict[bytes, bytes], body: Session | None, memory: dict[object, Any] | None) -> str | None:
    request: Any = SimpleNamespace(named=headers, memory=memory)
    parsed = SimpleNamespace() if body is None else SimpleNamespace(session=lambda: body)
    return session_of(request, parsed)


@pytest.mark.parametrize("headers", HEADS)
def test_sessions_do_not_depend_on_the_requests_before(headers: dict[bytes, bytes]) -> None:
    for bodies in permutations(BODIES, 3):
        memory: dict[object, Any] = {}
        for body in bodies:
            assert ask(headers, body, memory) == ask(headers, body, None)
