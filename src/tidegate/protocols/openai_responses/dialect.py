"""What differs between services that speak OpenAI's Responses API."""

from msgspec import Struct

from tidegate.protocols.limits import NameRule

__all__ = ["PLAIN", "Dialect"]


class Dialect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The differences that providers of this format may have. The defaults are OpenAI's own API."""

    path: str = "/responses"
    """Behind the base URL, which ends in `/v1` at OpenAI, xAI and Azure (`/openai/v1`)."""
    count_path: str = "/responses/input_tokens"
    """Where tokens of a prompt are counted; "" where the service cannot (xAI, DeepSeek)."""
    least_output_tokens: int = 16
    """The smallest `max_output_tokens` that is taken: OpenAI refuses less than 16 ("integer below
    minimum value"). A smaller limit of a client of another dialect is raised to it, and named."""
    stores: bool = True
    """Whether the service keeps answers unless told not to. Clients of other dialects did not ask for
    that, so they get `store: false` (not to be sent to DeepSeek, which keeps nothing)."""
    readable_reasoning: bool = False
    """Whether thinking is in `content` (`reasoning_text`) rather than in summaries, and is wanted back
    there (DeepSeek)."""
    user_limit: int | None = 64
    """The most characters of `user` (OpenAI: "Expected a string with maximum length 64"). A longer id of a
    client of another dialect is sent as its hash."""
    call_id_limit: int | None = 64
    """The most characters of a `call_id` (OpenAI: 64); longer ones are replaced by their hash, the same in
    call and result."""
    tool_names: NameRule = NameRule()
    """Which names of tools are taken (OpenAI: `^[a-zA-Z0-9_-]{1,64}$`). Others of a client of another dialect
    are replaced, and put back in the answer."""
    drops: tuple[str, ...] = ()
    """Parameters that the service refuses although they only tune; they are left out and named."""


PLAIN = Dialect()
"""OpenAI itself."""
