"""How services that speak Gemini's format differ."""

from typing import Literal

from msgspec import Struct

from tidegate.protocols.limits import NameRule

__all__ = ["GeminiDialect"]


class GeminiDialect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The differences of one service from Google's Gemini API."""

    path: str = "/v1beta/models/{model}"
    """Where the models are; the method (`:generateContent`) follows. On Vertex
    `/v1/projects/P/locations/L/publishers/google/models/{model}`."""
    tool_names: NameRule = NameRule(longest=128, letters="A-Za-z0-9_.:-", first="A-Za-z_")
    """Which names of functions are taken (google-genai, FunctionDeclaration.name). Others of a client of
    another dialect are replaced, and put back in the answer."""
    schemas: Literal["json_schema", "openapi"] = "json_schema"
    """How schemas are sent: as JSON Schema in `parametersJsonSchema` and `responseJsonSchema`, or
    cut down to the OpenAPI 3.0 subset in `parameters` and `responseSchema`, which is all that older
    servers know."""
    count: Literal["wrapped", "plain"] = "wrapped"
    """How a prompt to be counted is sent: in `generateContentRequest` (Gemini API, which takes
    nothing but `contents` outside of it), or at the top level (Vertex)."""
    service_tiers: tuple[str, ...] = ("standard", "flex", "priority")
    """The values that `serviceTier` takes (google-genai ServiceTier); empty where there is no such
    field."""
