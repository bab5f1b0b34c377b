"""How services that offer Cohere's format differ."""

from typing import Any

from msgspec import Struct

__all__ = ["CohereDialect"]


class CohereDialect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The differences of one service from Cohere's own API."""

    path: str = "/v2/chat"
    """The path for requests, relative to the base URL. `{model}` is replaced by the model name."""
    body: dict[str, Any] = {}
    """Fields that every request contains, such as `safety_mode` or `citation_options`."""
    caps_output: bool = True
    """Whether the service accepts a limit above the model's maximum output and caps it itself, as Cohere
    documents for `max_tokens`; otherwise the limit is capped here and reported."""
    tool_choice: bool = True
    """Whether `tool_choice` is supported; if not, a forced choice is dropped and reported, and for `none` the
    tools are omitted."""
