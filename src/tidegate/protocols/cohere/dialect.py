"""How services that speak Cohere's format differ."""

from typing import Any

from msgspec import Struct

__all__ = ["CohereDialect"]


class CohereDialect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The differences of one service from Cohere's own API."""

    path: str = "/v2/chat"
    """Where to send requests, behind the base URL. `{model}` stands for the model's name."""
    body: dict[str, Any] = {}
    """Fields that every request has, such as `safety_mode` or `citation_options`."""
    tool_choice: bool = True
    """Whether `tool_choice` is known; where not, a forced choice is dropped and named, and of `none` the
    tools are left out."""
