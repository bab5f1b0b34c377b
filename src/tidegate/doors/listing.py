"""The list of models, in the dialects that have one at the same path."""

from collections.abc import Sequence
from typing import Any

from tidegate.providers import ListedModel

__all__ = ["ANTHROPIC_VERSION", "list_in_anthropic", "list_in_openai", "one_in_anthropic", "one_in_openai"]

ANTHROPIC_VERSION = b"anthropic-version"
"""Anthropic's SDKs send this header; both APIs list their models at `/v1/models`."""

UNKNOWN_DATE = "1970-01-01T00:00:00Z"
"""Anthropic's dialect wants a date of release, and allows the epoch where none is known."""


def one_in_openai(model: ListedModel) -> dict[str, Any]:
    """A model as OpenAI's API describes it. `created` is 0: the date of release is not known."""
    return {"id": model.id, "object": "model", "created": 0, "owned_by": model.owner}


def list_in_openai(models: Sequence[ListedModel]) -> dict[str, Any]:
    """OpenAI's list."""
    return {"object": "list", "data": [one_in_openai(model) for model in models]}


def one_in_anthropic(model: ListedModel) -> dict[str, Any]:
    """A model as Anthropic's API describes it."""
    return {"type": "model", "id": model.id, "display_name": model.label, "created_at": UNKNOWN_DATE}


def list_in_anthropic(models: Sequence[ListedModel]) -> dict[str, Any]:
    """Anthropic's list: all models on one page."""
    data = [one_in_anthropic(model) for model in models]
    first, last = (models[0].id, models[-1].id) if models else (None, None)
    return {"data": data, "has_more": False, "first_id": first, "last_id": last}
