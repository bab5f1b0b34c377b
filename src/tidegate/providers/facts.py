"""The facts about a model: its row in the catalog, and its family's profile for reasoning."""

from typing import Any

from tidegate.catalog import CatalogModel

from .families import profile_of

__all__ = ["abilities_of", "facts_of"]


def abilities_of(model: CatalogModel) -> tuple[str, ...]:
    """Return its capabilities; a capability that is missing is unknown."""
    return (*model.abilities(), "reasoning") if _reasons(model) else model.abilities()


def facts_of(model: CatalogModel) -> dict[str, Any]:
    """Return everything except names and prices, as clients see it; unknown fields are omitted."""
    facts = {
        "identity": model.identity_name,
        "quantization": model.quantization,
        "description": model.description,
        "type": model.type,
        "context_window": model.context,
        "max_output_tokens": model.output,
        "input_modalities": model.inputs,
        "output_modalities": model.outputs,
        "capabilities": abilities_of(model),
        "reasoning_efforts": _efforts_of(model) or None,
        "dimensions": model.dimensions,
        "training_cutoff": model.cutoff,
        "released": model.released,
        "retires": model.retires,
    }
    return {key: value for key, value in facts.items() if value is not None}


def _efforts_of(model: CatalogModel) -> tuple[str, ...]:
    profile = profile_of(model.id)
    return profile.efforts or tuple(profile.budgets)


def _reasons(model: CatalogModel) -> bool:
    profile = profile_of(model.id)
    asked_for = profile.thinking not in (None, "none") or any(effort != "none" for effort in profile.efforts)
    return model.type == "chat" and (model.reasoning or asked_for)
