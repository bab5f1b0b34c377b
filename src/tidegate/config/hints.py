"""Warnings about settings that have no effect, or a surprising one."""

import difflib
from collections.abc import Iterator
from typing import Any

from .draft import Draft
from .environment import (
    DEBUG,
    NO_EFFECT,
    OTHER_NAMES,
    SUPABASE,
    VERIFY,
    Environment,
    own_names,
    region_patterns,
)
from .kinds import kinds
from .normal import is_loopback
from .schema import Config

__all__ = ["missing_protection", "used_variables", "useless_variables"]

PREFIX = "TIDEGATE_"
INTERNAL = frozenset(["TIDEGATE_WORKER"])
"""Names that Tidegate sets for its own processes."""
SHORTEST = 8
"""Minimum length of a name to compare: PORT and HOST resemble too many names."""
ALIKE = 0.9
"""How similar a foreign name must be to one of ours to be treated as a misspelling."""
MOST_NAMES = 8
"""Maximum number of names in one warning."""


def used_variables(draft: Draft) -> frozenset[str]:
    """The variables that the file refers to (`env:NAME`)."""
    values = (setting.value for settings in draft.tables.values() for setting in settings.values())
    return frozenset(name for value in values for name in _references(value))


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if value.startswith("env:"):
            yield value.removeprefix("env:").strip()
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, dict):
        yield from _references(list(value.values()))


def useless_variables(environment: Environment, used: frozenset[str]) -> Iterator[str]:
    """Warnings about unknown names: misspelt ones, and unused ones in `.env`."""
    known = _known_names()
    unused: list[str] = []
    for name, variable in environment.variables.items():
        if name in known or name in used or name in INTERNAL or _names_a_region(name):
            continue
        own = name.startswith(PREFIX)
        meant = _meant(name, known, 0.6 if own else ALIKE)
        if own or (meant is not None and meant not in environment.variables):
            hint = f' (did you mean "{meant}"?)' if meant is not None else ""
            yield f"{variable.origin}: unknown variable {name}; it has no effect{hint}"
        elif variable.origin.kind == "dotenv":
            unused.append(name)
    if unused:
        more = f" and {len(unused) - MOST_NAMES} more" if len(unused) > MOST_NAMES else ""
        yield f".env: Tidegate does not use {', '.join(sorted(unused)[:MOST_NAMES])}{more}"


def missing_protection(config: Config, environment: Environment) -> Iterator[str]:
    """Warn if the environment comes from a gateway that only admitted known users, or if every web page
    may call.
    """
    if config.auth.mode == "open" and "*" in config.server.cors_origins:
        yield (
            f'{config.origin("server", "cors_origins")}: cors_origins has "*", and no client key is needed: '
            "every web page opened on this machine can spend your money. List the origins that may "
            "call, or set TIDEGATE_API_KEYS"
        )
    name = environment.first(SUPABASE)
    if name is not None and config.auth.mode == "open":
        where = "this machine" if is_loopback(config.server.host) else config.server.host
        yield (
            f"{environment.variables[name].origin} is set, but neither SUPABASE_URL nor "
            f"SUPABASE_JWT_SECRET: everyone who can reach {where} on port {config.server.port} has access. "
            "Set one of them to admit Supabase's users, or TIDEGATE_API_KEYS"
        )


def _known_names() -> frozenset[str]:
    others = (name for names in OTHER_NAMES.values() for name in names)
    found = {*own_names(), *others, *VERIFY, DEBUG, *NO_EFFECT}
    for kind in kinds().values():
        found |= {*kind.key_env, *kind.base_env}
        found |= {name for names in kind.option_env.values() for name in names}
    return frozenset(found)


def _names_a_region(name: str) -> bool:
    return any(pattern.fullmatch(name) for _, _, pattern in region_patterns())


def _meant(name: str, known: frozenset[str], cutoff: float) -> str | None:
    if len(name) < SHORTEST:
        return None
    return next(iter(difflib.get_close_matches(name, sorted(known), n=1, cutoff=cutoff)), None)
