"""How services that speak Converse differ, and how the models behind it do."""

from typing import Any, Literal

from msgspec import Struct, field

from tidegate.protocols.limits import NameRule

__all__ = ["FORMAT", "UNKNOWN", "BedrockDialect", "Vendor"]

FORMAT = "bedrock"
"""The name of this wire format, and of the signatures and blocks that are its own."""


class Vendor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the models of one maker have of their own behind Converse's common form."""

    signature_format: str = FORMAT
    """The format of the signatures on their thinking. Claude's are Anthropic's wherever Claude runs
    (platform.claude.com/docs/en/build-with-claude/extended-thinking), so that a conversation may move."""
    thinking: Literal["thinking", "reasoning_effort", "reasoningConfig"] | None = None
    """The field of `additionalModelRequestFields` that asks for thinking: Anthropic's object, OpenAI's
    word, Nova's object; None where there is none."""
    top_k: tuple[str, ...] = ()
    """The way to `top_k` in `additionalModelRequestFields`; () where it is not known."""
    caches: frozenset[Literal["system", "messages", "tools"]] = frozenset()
    """Where cache points may stand; elsewhere they are refused."""
    strict_tools: bool = False
    """Whether a tool may be `strict`."""


UNKNOWN = Vendor()
"""The maker of a model whose name does not tell, such as an inference profile's ARN."""


VENDORS = {
    "anthropic.": Vendor(
        signature_format="anthropic",
        thinking="thinking",
        top_k=("top_k",),
        caches=frozenset({"system", "messages", "tools"}),
        strict_tools=True,
    ),
    "amazon.": Vendor(
        thinking="reasoningConfig",
        top_k=("inferenceConfig", "topK"),
        caches=frozenset({"system", "messages"}),
    ),
    "openai.": Vendor(thinking="reasoning_effort"),
    "mistral.": Vendor(top_k=("top_k",)),
    "cohere.": Vendor(top_k=("k",)),
}
"""By the maker's part of a model's id (`us.anthropic.claude-…` has a region before it)."""


class BedrockDialect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The differences of one service from Bedrock's runtime."""

    path: str = "/model/{model}/converse"
    """Where to send requests, behind the base URL."""
    stream_path: str = "/model/{model}/converse-stream"
    """Where streams are asked for."""
    body: dict[str, Any] = {}
    """Fields that every request has, such as `guardrailConfig` or `performanceConfig`."""
    tool_names: NameRule = NameRule()
    """Which names of tools are taken (docs.aws.amazon.com, ToolSpecification: `[a-zA-Z0-9_-]+`, at most 64).
    Others are replaced, and put back in the answer."""
    vendors: dict[str, Vendor] = field(default_factory=VENDORS.copy)
    """What the makers' models have of their own; see `VENDORS`."""

    def vendor_of(self, model: str) -> Vendor:
        """Who made this model."""
        name = model.rsplit("/", 1)[-1]
        return next((one for key, one in self.vendors.items() if key in name), UNKNOWN)
