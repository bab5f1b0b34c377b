"""How services that offer Converse differ, and how the models behind it do."""

from typing import Any, Literal

from msgspec import Struct, field

from tidegate.protocols.limits import ANY_NAME, CLAUDES_PROPERTIES, NameRule

__all__ = ["FORMAT", "UNKNOWN", "BedrockDialect", "Vendor"]

FORMAT = "bedrock"
"""The name of this wire format, and of its signatures and native blocks."""


class Vendor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The features that the models of one vendor have in addition to Converse's common format."""

    signature_format: str = FORMAT
    """The format of the signatures on thinking. Claude's are Anthropic's wherever Claude runs
    (platform.claude.com/docs/en/build-with-claude/extended-thinking), so that a conversation may move."""
    thinking: Literal["thinking", "reasoning_effort", "reasoningConfig"] | None = None
    """The field of `additionalModelRequestFields` that configures thinking: Anthropic's object, OpenAI's
    string, Nova's object; None if there is none."""
    top_k: tuple[str, ...] = ()
    """The path of `top_k` in `additionalModelRequestFields`; () if unknown."""
    caches: frozenset[Literal["system", "messages", "tools"]] = frozenset()
    """Where cache points are accepted; they are rejected anywhere else."""
    strict_tools: bool = False
    """Whether tools may have `strict`."""
    tool_choice: bool = False
    """Whether newer models (`Profile.native_schema`) take Anthropic's own `tool_choice` in
    `additionalModelRequestFields`, which unlike Converse's can forbid calls: Bedrock hands it to the model
    (observed in github.com/BerriAI/litellm/pull/34347), which reads it as one of `auto`, `any`, `tool` and
    `none` (platform.claude.com/docs/en/agents-and-tools/tool-use)."""
    property_names: NameRule = ANY_NAME
    """The names of properties that are accepted at the root of a tool's schema. Other names are replaced, and
    restored in the answer."""
    continues: bool = False
    """Whether a final assistant message is known to be continued (Claude: as at Anthropic, except for the
    newest, see Profile.prefill)."""


UNKNOWN = Vendor()
"""The vendor of a model whose name does not show it, such as an inference profile's ARN."""


VENDORS = {
    "anthropic.": Vendor(
        signature_format="anthropic",
        thinking="thinking",
        top_k=("top_k",),
        caches=frozenset({"system", "messages", "tools"}),
        strict_tools=True,
        tool_choice=True,
        property_names=CLAUDES_PROPERTIES,
        continues=True,
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
"""By the vendor's part of a model id (`us.anthropic.claude-…` has a region before it)."""


class BedrockDialect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The differences of one service from Bedrock's runtime."""

    path: str = "/model/{model}/converse"
    """The path for requests, relative to the base URL."""
    stream_path: str = "/model/{model}/converse-stream"
    """The path for streams."""
    body: dict[str, Any] = {}
    """Fields that every request contains, such as `guardrailConfig` or `performanceConfig`."""
    tool_names: NameRule = NameRule()
    """The tool names that are accepted (docs.aws.amazon.com, ToolSpecification: `[a-zA-Z0-9_-]+`, at most
    64). Other names are replaced, and restored in the answer."""
    vendors: dict[str, Vendor] = field(default_factory=VENDORS.copy)
    """The features of the vendors' models; see `VENDORS`."""

    def vendor_of(self, model: str) -> Vendor:
        """Return the vendor of this model."""
        name = model.rsplit("/", 1)[-1]
        return next((one for key, one in self.vendors.items() if key in name), UNKNOWN)

    def property_names_of(self, model: str) -> NameRule:
        """Return the names of properties that this model accepts in the schema of a tool."""
        return self.vendor_of(model).property_names
