"""What routing needs to know about a chat request, read from what its parser has decoded."""

from typing import Any

from tidegate.protocols.contract import ParsedRequest
from tidegate.routing import RequestFacts

__all__ = ["MEDIA", "chat_facts", "task_facts"]

BYTES_PER_TOKEN = 4
"""Of a body in JSON: the usual rule of thumb for text in English."""
MOST_WITH_MEDIA = 10_000
"""The most tokens that a body with media is taken for: its bytes say nothing about them."""
MEDIA = frozenset(["vision", "documents", "audio"])
"""Needs of requests whose length says little about their tokens."""


def chat_facts(parsed: ParsedRequest) -> RequestFacts:
    """The facts of a chat request. The prompt's tokens are an estimate, for choices and not for bills."""
    needs = parsed.needs()
    tokens = len(parsed.body) // BYTES_PER_TOKEN
    return RequestFacts(
        input_tokens=tokens if needs.isdisjoint(MEDIA) else min(tokens, MOST_WITH_MEDIA),
        max_output=parsed.max_output,
        choices=parsed.n,
        stream=parsed.stream,
        needs=needs,
    )


def task_facts(parsed: Any, *, writes: bool) -> RequestFacts:
    """The facts of a request for something other than a chat. `writes`: whether its answer is text."""
    tokens = len(getattr(parsed, "body", b"")) // BYTES_PER_TOKEN
    return RequestFacts(input_tokens=tokens, max_output=None if writes else 0, stream=parsed.stream)
