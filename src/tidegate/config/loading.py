"""Loads all sources into one Config.

In ascending precedence: defaults, `.env`, the environment, the file (for what it sets), the command line.
"""

from collections.abc import Mapping
from pathlib import Path as FilePath
from types import MappingProxyType
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from .broken import leave_out_broken
from .building import build, check_sections, resolve_variables
from .cross import check_whole, complete_auth, complete_providers, stay_inside
from .draft import Draft, Setting
from .environment import OWN_SECTIONS, draft_environment, read_environment, unused_names
from .file import NAMED_SECTIONS, draft_file, find_file
from .hints import missing_protection, used_variables, useless_variables
from .problems import Origin, Path, Problems
from .schema import Config, ModelConfig, PriceConfig, ProviderConfig

__all__ = ["load"]

_NO_OVERRIDES: Mapping[str, Any] = MappingProxyType({})
_NAMED: Mapping[str, type[Struct]] = {
    "providers": ProviderConfig,
    "models": ModelConfig,
    "prices": PriceConfig,
}


def load(
    path: FilePath | None,
    environ: Mapping[str, str],
    directory: FilePath,
    overrides: Mapping[str, Any] = _NO_OVERRIDES,
) -> Config:
    """Load the configuration from a file, the environment and the `.env` of a directory.

    If `path` is None, `tidegate.toml` in the directory is used if it exists. `overrides` are the command
    line's settings, `section.key` → value. Raises ConfigError with all problems.
    """
    problems = Problems()
    environment = read_environment(environ, directory)
    draft = Draft()
    warnings = [*draft_environment(environment, draft)]
    found = find_file(path, directory)
    if found is not None:
        draft_file(found, draft, problems)
    _draft_overrides(overrides, draft)
    check_sections(draft, {**OWN_SECTIONS, **_NAMED}, problems)
    warnings += useless_variables(environment, used_variables(draft))
    resolve_variables(draft, environment, problems)
    warnings += leave_out_broken(draft)
    complete_providers(draft, environment)
    complete_auth(draft)
    config, moved = stay_inside(_build_all(draft, problems), draft, environment)
    warnings += (*moved, *missing_protection(config, environment))
    check_whole(config, draft, problems)
    problems.raise_if_any()
    return _describe(config, draft, unused_names(environment), tuple(warnings))


def _draft_overrides(overrides: Mapping[str, Any], draft: Draft) -> None:
    for name, value in overrides.items():
        *table, key = name.split(".")
        draft.put(tuple(table), key, Setting(value, Origin("option", f"--{key.replace('_', '-')}")))


def _build_all(draft: Draft, problems: Problems) -> Config:
    sections = {name: build(struct, (name,), draft, problems) for name, struct in OWN_SECTIONS.items()}
    named: dict[str, dict[str, Any]] = {section: {} for section in NAMED_SECTIONS}
    for table in draft.tables:
        if table[0] in named and len(table) == 2:
            named[table[0]][table[1]] = build(_NAMED[table[0]], table, draft, problems)
    whole = {section: {name: one for name, one in found.items() if one} for section, found in named.items()}
    return Config(
        **{name: section for name, section in sections.items() if section},  # type: ignore[arg-type]
        providers=MappingProxyType(whole["providers"]),
        models=MappingProxyType(whole["models"]),
        prices=MappingProxyType(whole["prices"]),
    )


def _describe(config: Config, draft: Draft, unused: tuple[str, ...], warnings: tuple[str, ...]) -> Config:
    """Add the origins of the values, unused variables and warnings to the Config."""
    origins: dict[Path, Origin] = {}
    origins.update(draft.heads.items())
    for table, settings in draft.tables.items():
        origins.update({(*table, key): setting.origin for key, setting in settings.items()})
    return replace(config, origins=MappingProxyType(origins), not_used_yet=unused, warnings=warnings)
