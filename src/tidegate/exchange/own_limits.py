"""Headers about the caller's own limits, which stand in place of the provider's of the same name."""

from functools import cache
from time import time
from typing import Any

from tidegate.protocols.errors import LimitExceeded, TidegateError
from tidegate.protocols.limit_headers import Standings, limit_lines, render_limits

from .attempt import Attempt
from .request import Header
from .sending import limit_headers
from .state import Exchange

__all__ = ["limits_beside", "own_limits"]

NO_LIMITS: Standings = {}


def own_limits(this: Exchange, error: TidegateError | None = None) -> list[Header]:
    """What is left of the caller's limits, in the client's dialect; nothing for a caller without any."""
    if isinstance(error, LimitExceeded):
        standings = error.standings
    else:
        limited = this.ticket.limited if this.ticket is not None else None
        standings = limited.standings() if limited is not None else NO_LIMITS
    if not standings:
        return []
    protocol: Any = this.door.protocol
    headers: list[Header] = _renderer_of(protocol)(standings, time())
    return headers


@cache
def _renderer_of(protocol: Any) -> Any:
    return getattr(protocol, "render_limits", render_limits)


def limits_beside(this: Exchange, attempt: Attempt) -> tuple[bytes, list[Header]]:
    """The headers about limits for an answer: the caller's own, rendered or not, and those of the provider
    beside them.
    """
    passed = limit_headers(attempt.candidate.service, attempt.headers)
    limited = this.ticket.limited if this.ticket is not None else None
    standings = limited.standings() if limited is not None else NO_LIMITS
    if not standings:
        return b"", passed
    protocol: Any = this.door.protocol
    render = _renderer_of(protocol)
    if not passed and render is render_limits:
        return limit_lines(standings), passed
    own = render(standings, time())
    names = {name for name, _ in own}
    return b"", [*own, *(header for header in passed if header[0] not in names)]
