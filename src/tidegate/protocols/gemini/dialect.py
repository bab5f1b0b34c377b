"""How services that offer Gemini's format differ."""

from typing import Literal

from msgspec import Struct

from tidegate.protocols.limits import NameRule

__all__ = ["GeminiDialect"]


class GeminiDialect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The differences of one service from Google's Gemini API."""

    path: str = "/v1beta/models/{model}"
    """The path of a model, relative to the base URL; the method (`:generateContent`) follows. On Vertex
    `/v1/projects/P/locations/L/publishers/google/models/{model}`."""
    tool_names: NameRule = NameRule(longest=128, letters="A-Za-z0-9_.:-", first="A-Za-z_")
    """The function names that are accepted (google-genai, FunctionDeclaration.name). Other names from a
    client of another dialect are replaced, and restored in the answer."""
    schemas: Literal["json_schema", "openapi"] = "json_schema"
    """How schemas are sent: as JSON Schema in `parametersJsonSchema` and `responseJsonSchema`, or reduced to
    the OpenAPI 3.0 subset in `parameters` and `responseSchema`, for older servers."""
    any_root: bool = True
    """Whether the schema of an answer may be any: where only an object is accepted, others become the
    property of one, and the client gets the value of that property."""
    count: Literal["wrapped", "plain"] = "wrapped"
    """How a token count request is sent: in `generateContentRequest` (Gemini API, which accepts only
    `contents` outside of it), or at the top level (Vertex)."""
    excludes_domains: bool = False
    """Whether a web search may exclude domains (Vertex AI)."""
    service_tiers: tuple[str, ...] = ("standard", "flex", "priority")
    """The supported values of `serviceTier` (google-genai ServiceTier); empty if there is no such field."""
