"""What differs between services that speak Anthropic's Messages API."""

from typing import Any

from msgspec import Struct

from tidegate.protocols.limits import NameRule

__all__ = ["Dialect"]


class Dialect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The differences that providers of this format may have. The defaults are Anthropic's own API.

    Vertex AI: `path = "/publishers/anthropic/models/{model}:rawPredict"`, `stream_path` the same with
    `:streamRawPredict`, `count_path = ""`, `model_in_body = false`,
    `body = {anthropic_version = "vertex-2023-10-16"}`.
    Bedrock (invoke): `path = "/model/{model}/invoke"`, `stream_path` the same with
    `/invoke-with-response-stream`, `count_path = ""`, `model_in_body = false`, `stream_in_body = false`,
    `body = {anthropic_version = "bedrock-2023-05-31"}`; its stream comes in a binary framing.
    Azure: `path = "/anthropic/v1/messages"`, `count_path = "/anthropic/v1/messages/count_tokens"`.
    """

    path: str = "/v1/messages"
    """Behind the base URL; `{model}` stands for the model's name, quoted for a URL."""
    stream_path: str | None = None
    """Where streams are asked for; None is `path`."""
    count_path: str = "/v1/messages/count_tokens"
    """Where tokens are counted; "" where the service cannot."""
    model_in_body: bool = True
    """Whether the body names the model (not at Vertex and Bedrock, where the path does)."""
    stream_in_body: bool = True
    """Whether the body says that the answer is to be a stream (not at Bedrock, where the path does)."""
    tool_names: NameRule = NameRule(longest=128)
    """Which names of tools are taken (`^[a-zA-Z0-9_-]{1,128}$`). Others of a client of another dialect are
    replaced, and put back in the answer."""
    links: bool = True
    """Whether images and documents may be given by address (not at Vertex AI)."""
    billing_block: bool = False
    """Whether the service reads the block with which Claude Code begins its system prompt
    (`x-anthropic-billing-header: …`). Anthropic does; Bedrock refuses it, and for all others it is text that
    spoils their prefix caches: there it is left out and named."""
    body: dict[str, Any] = {}
    """Fields that every body has, such as Vertex's `anthropic_version`."""
