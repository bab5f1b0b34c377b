"""The purpose of vectors: `input_type` in Cohere's format, and common synonyms."""

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["purpose_of"]

SYNONYMS = {"document": "search_document", "passage": "search_document", "query": "search_query"}
"""Names used by other services (Voyage, NVIDIA) → Cohere's."""


def purpose_of(purpose: str, words: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return a format's name for the purpose; a value that is in no table is returned unchanged."""
    named = SYNONYMS.get(purpose, purpose)
    return words.get(named, named)
