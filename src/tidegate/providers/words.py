"""Messages about how a model name resolves. They never contain keys."""

import difflib
from collections.abc import Iterable

from .rows import kinds

__all__ = ["not_configured", "not_found", "not_there", "shown"]

LONGEST = 100
"""Characters of a client's string that a message repeats."""
SHORTEST = 4
"""Minimum length of a string that is searched inside other names."""
MOST = 3
"""Number of suggested names."""
UNCLAIMED = "it is not in [models], and its prefix matches no provider (use provider/model)"


def shown(name: str) -> str:
    """A client's string in quotes, shortened for a message."""
    return f'"{name}"' if len(name) <= LONGEST else f'"{name[:LONGEST]}…"'


def not_configured(provider: str, configured: Iterable[str]) -> str:
    """The message for an unknown provider."""
    known = ", ".join(configured) or "none"
    near = difflib.get_close_matches(provider[:LONGEST], list(configured), n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"no provider {shown(provider)} is configured (configured: {known}){hint}"


def not_there(model: str, provider: str, owner: str | None) -> str:
    """The message for a model that the provider in the request does not serve."""
    return (
        f"the provider {shown(provider)} has no model {shown(model)}: such names belong to {owner} "
        f"(leave out provider, or choose another model)"
    )


def not_found(model: str, configured: Iterable[str], listed: Iterable[str]) -> str:
    """Why no provider serves a model, and similar names."""
    provider, slash, rest = model.partition("/")
    if slash and not rest.strip("/"):
        return f"the model's name is missing after {shown(model)}: use {provider or 'provider'}/model"
    reason = _claimed(model) or (not_configured(provider, configured) if slash else UNCLAIMED)
    near = _near(model, listed)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return f"no provider serves {shown(model)}: {reason}{hint}"


def _claimed(model: str) -> str | None:
    for kind in kinds().values():
        if model not in kind.strip_prefixes and model.startswith((*kind.prefixes, *kind.strip_prefixes)):
            return f"such names belong to {kind.label}, and no provider of the kind {kind.name} is configured"
    return None


def _near(model: str, listed: Iterable[str]) -> list[str]:
    """Similar names in the list, with or without the provider prefix."""
    full: dict[str, str] = {}
    for name in listed:
        full.setdefault(name, name)
        full.setdefault(name.rpartition("/")[2], name)
    holding = [name for name in full if len(model) >= SHORTEST and model in name]
    alike = difflib.get_close_matches(model[:LONGEST], list(full), n=MOST, cutoff=0.7)
    return list(dict.fromkeys(full[name] for name in (*holding, *alike)))[:MOST]
