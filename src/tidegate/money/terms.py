"""How an answer was served, as far as its price depends on it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

__all__ = ["STANDARD", "Fields", "Terms"]

Fields = tuple[str | None, str | None, str | None, str | None]
"""Those of Terms, which as a key equal them."""


class Terms(NamedTuple):
    """How an answer was served, in its provider's words; None: not reported."""

    service_tier: str | None = None
    speed: str | None = None
    inference_geo: str | None = None
    search_context_size: str | None = None

    def context(self) -> Mapping[str, str]:
        """The same as conditions of prices. A tier named `batch` (Anthropic) is genai-prices'
        `processing`.
        """
        if self == STANDARD:
            return NO_CONTEXT
        found = {name: value for name, value in zip(self._fields, self, strict=True) if value is not None}
        if found.get("service_tier") == "batch":
            found["processing"] = "batch"
        return found


NO_CONTEXT: Mapping[str, str] = MappingProxyType({})
STANDARD = Terms()
"""Nothing was reported, and nothing special is assumed."""
