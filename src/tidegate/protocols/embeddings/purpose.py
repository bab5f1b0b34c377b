"""What vectors are for: `input_type`, Cohere's word for it, in the words that people use."""

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["purpose_of"]

SYNONYMS = {"document": "search_document", "passage": "search_document", "query": "search_query"}
"""Words of other services (Voyage, NVIDIA) → Cohere's."""


def purpose_of(said: str, words: Mapping[str, str] = MappingProxyType({})) -> str:
    """The purpose in a format's own words; what is in no table is such a word already."""
    named = SYNONYMS.get(said, said)
    return words.get(named, named)
