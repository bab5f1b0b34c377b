"""Requests that are open, as operators see them."""

from typing import Literal

from msgspec import Struct

__all__ = ["LiveRequest", "State"]

State = Literal["receiving", "fetching", "waiting", "streaming", "client_reading"]
"""What an open request waits for: its client's body; linked media; a provider's first byte or whole answer;
the next part of a stream; a client that reads slowly."""


class LiveRequest(Struct, frozen=True, kw_only=True):
    """An open request."""

    id: str
    time: int
    """When it arrived, in milliseconds since 1970."""
    door: str
    model: str | None
    """Null while the request arrives."""
    provider: str | None
    """Of the latest attempt."""
    user: str | None
    key: str | None
    session: str | None
    stream: bool | None
    state: State
    elapsed_ms: float
    response_bytes: int
    """Bytes of the answer so far."""
