"""Which configurations a running process may adopt without a restart.

A file may be read while it is half written, or after it was emptied, removed or replaced by a folder. Such a
file can be a valid configuration, often one that admits everyone. Therefore a reload may close the gateway
but never open it: opening it needs a restart, which an operator does deliberately.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import fields, replace

from .problems import Path, render_path
from .schema import Config

__all__ = ["Baseline", "baseline_of", "changes", "kept", "refusals", "restarts"]

RESTRICTIONS: tuple[Path, ...] = (("server", "cors_origins"), ("images", "fetch"))
"""Settings whose default is less restrictive than other values."""

AT_START: tuple[Path, ...] = (
    ("server", "host"),
    ("server", "port"),
    ("server", "uds"),
    ("server", "workers"),
    ("server", "grace_s"),
    ("store", "url"),
    ("store", "journal"),
    ("store", "durability"),
    ("store", "valkey"),
    ("limits", "across_hosts"),
    ("logs", "format"),
    ("logs", "level"),
    ("logs", "directory"),
    ("logs", "keep_days"),
    ("logs", "interactions"),
    ("logs", "file_mb"),
)
"""Settings that are only used when the process starts. A reload leaves them as they are."""

SWITCHES: tuple[Path, ...] = (("server", "ssl_certfile"), ("server", "ssl_keyfile"))
"""Settings that may change while the process runs, but neither appear nor disappear."""

_FILES = frozenset(["file", "dotenv"])
"""Kinds of origins that are files."""

_ABOUT: frozenset[str] = frozenset(["origins", "not_used_yet", "warnings"])
"""Fields of Config that are about its making."""


class Baseline(Struct, frozen=True):
    """The restrictions in effect, which a reload must keep. Contains no secrets."""

    exposed: bool
    """Whether the process is bound to an address beyond loopback, whatever the current `host` is."""
    keys: bool
    """Whether clients need a key."""
    files: Mapping[str, str]
    """The files that contain settings: kind of origin → name."""
    restrictions: tuple[Path, ...]
    """The restrictions that are set explicitly. They include base URLs: without one, a provider's key would
    be sent to the default address of its kind."""


def baseline_of(config: Config, *, exposed: bool) -> Baseline:
    """The restrictions of a configuration."""
    stated = [path for path in RESTRICTIONS if _is_stated(config, path)]
    for name, provider in config.providers.items():
        if provider.base_url is not None and _is_stated(config, ("providers", name, "base_url")):
            stated.append(("providers", name, "base_url"))
    files: dict[str, str] = {}
    for origin in config.origins.values():
        if origin.kind in _FILES:
            files[origin.kind] = origin.name
    return Baseline(exposed, config.auth.mode == "keys", files, tuple(stated))


def refusals(before: Baseline, config: Config) -> list[str]:
    """The reasons why this configuration needs a restart; empty if it may take effect."""
    return [*_lost_files(before, config), *_lost_keys(before, config), *_lost_restrictions(before, config)]


def _lost_files(before: Baseline, config: Config) -> Iterator[str]:
    present = {origin.kind for origin in config.origins.values()}
    for kind, name in before.files.items():
        if kind not in present:
            yield f"{name}: no longer has settings: it is missing, empty or not a file"


def _lost_keys(before: Baseline, config: Config) -> Iterator[str]:
    if config.auth.mode == "keys":
        return
    if before.keys:
        yield "auth.keys: clients need a key and would no longer need one"
    elif before.exposed and not config.auth.open_beyond_loopback:
        yield (
            "auth.open_beyond_loopback: the gateway listens beyond loopback, and clients would no longer "
            "need a key"
        )


def _lost_restrictions(before: Baseline, config: Config) -> Iterator[str]:
    for path in before.restrictions:
        if path[0] == "providers" and path[1] not in config.providers:
            continue
        if not _is_stated(config, path):
            yield f"{render_path(path)}: was set and is now missing: set it explicitly"


def _is_stated(config: Config, path: Path) -> bool:
    return config.origin(*path).kind != "default"


def restarts(started: Config, config: Config) -> list[str]:
    """One line for each changed setting that has no effect until the process is restarted."""
    return [
        f"{render_path(path)}: {_value(config, path)!r} needs a restart; "
        f"{_value(started, path)!r} stays in effect"
        for path in _staying(started, config)
    ]


def kept(started: Config, config: Config) -> Config:
    """A configuration with what stays in effect of the one that the process started with."""
    staying: dict[str, dict[str, Any]] = {}
    for section, name in _staying(started, config):
        staying.setdefault(str(section), {})[str(name)] = _value(started, (section, name))
    sections = {name: replace(getattr(config, name), **values) for name, values in staying.items()}
    return replace(config, **sections) if sections else config


def _staying(started: Config, config: Config) -> Iterator[Path]:
    """The changed settings that have no effect."""
    for path in AT_START:
        if _value(started, path) != _value(config, path):
            yield path
    for path in SWITCHES:
        if (_value(started, path) is None) != (_value(config, path) is None):
            yield path


def _value(config: Config, path: Path) -> Any:
    value: Any = config
    for step in path:
        value = getattr(value, str(step))
    return value


def changes(old: Config, new: Config) -> list[str]:
    """The names of the settings that differ, without their values: some are secrets."""
    return [
        name
        for field in fields(Config)
        if field.name not in _ABOUT
        for name in _differing(field.name, old, new)
    ]


def _differing(section: str, old: Config, new: Config) -> Iterator[str]:
    before, after = getattr(old, section), getattr(new, section)
    if isinstance(before, Struct):
        for field in fields(before):
            if getattr(before, field.name) != getattr(after, field.name):
                yield render_path((section, field.name))
        return
    for name in dict.fromkeys((*before, *after)):
        if before.get(name) != after.get(name):
            what = "" if name in before and name in after else " (new)" if name in after else " (gone)"
            yield render_path((section, name)) + what
