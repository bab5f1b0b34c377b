"""What a model of the catalog can do: its row, and what its family's profile says about thinking."""

from tidegate.catalog import CatalogModel

from .families import profile_of

__all__ = ["abilities_of", "efforts_of"]


def abilities_of(model: CatalogModel) -> tuple[str, ...]:
    """Its capabilities; what is not among them is not known."""
    return (*model.abilities(), "reasoning") if _reasons(model) else model.abilities()


def efforts_of(model: CatalogModel) -> tuple[str, ...]:
    """The reasoning efforts that can be asked for; empty where they are not known."""
    profile = profile_of(model.id)
    return profile.efforts or tuple(profile.budgets)


def _reasons(model: CatalogModel) -> bool:
    profile = profile_of(model.id)
    asked_for = profile.thinking not in (None, "none") or any(effort != "none" for effort in profile.efforts)
    return model.type == "chat" and (model.reasoning or asked_for)
