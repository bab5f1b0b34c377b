"""What requests for figures ask for in their query."""

import math
from collections.abc import Mapping, Sequence
from typing import get_args

from tidegate.protocols.errors import InvalidRequest
from tidegate.protocols.sought import search_value

from .history import History
from .views import EVERYTHING, MOST_HOURS, Group, Overview, Scope, Window, read_overview, why_not, window_of

__all__ = ["overview_asked", "own_overview", "parse_group", "parse_window"]

LEAST_HOURS = 0.1
GROUPS: tuple[Group, ...] = get_args(Group)

Parameters = Mapping[str, str]


def parse_window(query: Parameters, now: int) -> Window:
    """The window that `hours` and `bucket` (in seconds) ask for; the last day by default. `now` is in
    milliseconds since 1970. Raises InvalidRequest.
    """
    hours = _number(query.get("hours", "24"))
    if hours is None or not LEAST_HOURS <= hours <= MOST_HOURS:
        raise InvalidRequest(f"hours is a number between {LEAST_HOURS} and {MOST_HOURS}", param="hours")
    bucket = query.get("bucket")
    if bucket is None:
        return window_of(hours, now)
    seconds = int(bucket) if bucket.isascii() and bucket.isdigit() and len(bucket) < 10 else 0
    reason = why_not(hours, seconds)
    if reason is not None:
        raise InvalidRequest(reason, param="bucket")
    return window_of(hours, now, seconds)


def parse_group(query: Parameters) -> Group:
    """What `by` asks for; `model` by default. Raises InvalidRequest."""
    named = query.get("by", "model")
    for group in GROUPS:
        if group == named:
            return group
    raise InvalidRequest(f"by is one of {', '.join(GROUPS)}", param="by")


async def overview_asked(
    history: History, query: Parameters, now: int, keys: Sequence[str] | None = None
) -> Overview:
    """The overview that `hours`, `bucket`, `by`, `model`, `provider` and `user` ask for; `keys` are those of
    the user. Figures are kept by model and provider, by user, and by key; so only models can be limited to a
    model or provider, and only users and keys to a user. Raises InvalidRequest and Unavailable.
    """
    window, by = parse_window(query, now), parse_group(query)
    model, provider, user = (
        search_value(query, name) if name in query else None for name in ("model", "provider", "user")
    )
    for name, value in (("model", model), ("provider", provider)):
        if value is not None and by in ("user", "key"):
            raise InvalidRequest(f"figures by {by} cannot be limited to a {name}", param=name)
    if user is not None and by in ("model", "provider"):
        raise InvalidRequest(
            f"figures by {by} cannot be limited to a user: use by=user or by=key", param="user"
        )
    if by in ("model", "provider"):
        parts = Scope("model", None if model is None else [model], provider)
        of = EVERYTHING if model is None and provider is None else parts
    else:
        of = EVERYTHING if user is None else Scope("user", [user])
        parts = Scope("user", None if user is None else [user]) if by == "user" else Scope("key", keys)
    return await read_overview(history, window, now, by=by, of=of, parts=parts)


async def own_overview(
    history: History, query: Parameters, now: int, user: str | None, keys: Sequence[str]
) -> Overview:
    """The overview of a caller: of the user, else of the key, divided by their keys. Raises InvalidRequest
    and Unavailable.
    """
    window = parse_window(query, now)
    if query.get("by", "key") != "key":
        raise InvalidRequest("the figures of a caller are kept by key", param="by")
    parts = Scope("key", keys)
    of = parts if user is None else Scope("user", [user])
    return await read_overview(history, window, now, by="key", of=of, parts=parts)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
