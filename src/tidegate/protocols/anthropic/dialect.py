"""How services that offer Anthropic's Messages API differ."""

from typing import Any

from msgspec import Struct

from tidegate.protocols.limits import CLAUDES_PROPERTIES, NameRule

__all__ = ["Dialect"]


class Dialect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The differences that providers of this format may have. The defaults are Anthropic's own API.

    Vertex AI: `path = "/publishers/anthropic/models/{model}:rawPredict"`, `stream_path` the same with
    `:streamRawPredict`, `count_path = ""`, `model_in_body = false`, `body = {anthropic_version =
    "vertex-2023-10-16"}`.

    Bedrock (invoke): `path = "/model/{model}/invoke"`, `stream_path` the same with
    `/invoke-with-response-stream`, `count_path = ""`, `model_in_body = false`, `stream_in_body = false`,
    `body = {anthropic_version = "bedrock-2023-05-31"}`; its streams use a binary framing.

    Azure: `path = "/anthropic/v1/messages"`, `count_path = "/anthropic/v1/messages/count_tokens"`.
    """

    path: str = "/v1/messages"
    """The path for requests, relative to the base URL; `{model}` is replaced by the model name, quoted for a
    URL."""
    stream_path: str | None = None
    """The path for streams; None means `path`."""
    count_path: str = "/v1/messages/count_tokens"
    """The path for counting tokens; "" if the service does not support it."""
    model_in_body: bool = True
    """Whether the body names the model (at Vertex and Bedrock, the path does)."""
    stream_in_body: bool = True
    """Whether the body requests streaming (at Bedrock, the path does)."""
    tool_names: NameRule = NameRule(longest=128)
    """The tool names that are accepted (`^[a-zA-Z0-9_-]{1,128}$`). Other names from a client of another
    dialect are replaced, and restored in the answer."""
    links: bool = True
    """Whether images and documents may be given by URL (not at Vertex AI)."""
    billing_block: bool = False
    """Whether the service supports the block with which Claude Code begins its system prompt
    (`x-anthropic-billing-header: …`). Anthropic does; Bedrock rejects it, and for all others it is text that
    defeats prefix caching: there it is dropped and reported."""
    body: dict[str, Any] = {}
    """Fields that every body contains, such as Vertex's `anthropic_version`."""

    def property_names_of(self, model: str) -> NameRule:
        """Return the names of properties that are accepted in the schema of a tool."""
        return CLAUDES_PROPERTIES
