"""How services that offer OpenAI's Responses API differ."""

from msgspec import Struct

from tidegate.protocols.limits import NameRule

__all__ = ["PLAIN", "Dialect"]


class Dialect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The differences that providers of this format may have. The defaults are OpenAI's own API."""

    path: str = "/responses"
    """The path for requests, relative to the base URL, which ends in `/v1` at OpenAI, xAI and Azure
    (`/openai/v1`)."""
    count_path: str = "/responses/input_tokens"
    """The path for counting tokens; "" if the service does not support it (xAI, DeepSeek)."""
    least_output_tokens: int = 16
    """The smallest accepted `max_output_tokens`: OpenAI rejects less than 16 ("integer below minimum value").
    A smaller limit from a client of another dialect is raised to it and reported."""
    stores: bool = True
    """Whether the service stores answers by default. Clients of other dialects did not request that, so they
    get `store: false` (not sent to DeepSeek, which stores nothing)."""
    readable_reasoning: bool = False
    """Whether thinking is in `content` (`reasoning_text`) rather than in summaries, and must be sent back
    there (DeepSeek)."""
    user_limit: int | None = 64
    """The maximum length of `user` in characters (OpenAI: "Expected a string with maximum length 64"). A
    longer id from a client of another dialect is sent as its hash."""
    call_id_limit: int | None = 64
    """The maximum length of a `call_id` (OpenAI: 64); longer ids are replaced by their hash, consistently in
    call and result."""
    tool_names: NameRule = NameRule()
    """The tool names that are accepted (OpenAI: `^[a-zA-Z0-9_-]{1,64}$`). Other names from a client of
    another dialect are replaced, and restored in the answer."""
    searches: bool = True
    """Whether the service searches the web as OpenAI does (`web_search`)."""
    drops: tuple[str, ...] = ()
    """Parameters that the service rejects although they only tune; they are dropped and reported."""


PLAIN = Dialect()
"""OpenAI itself."""
