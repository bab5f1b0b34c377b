"""Settings from the environment.

Each variable has one meaning, but some settings have several variables: Tidegate's own, and those of the
gateways that it replaces. If several are set, the first in the tables below takes precedence. An empty
variable counts as not set.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path as FilePath

from msgspec import Struct
from msgspec.structs import fields

from . import schema
from .dotenv import Entry, parse_dotenv
from .draft import Draft, Setting, Table
from .kinds import Kind, kinds
from .problems import Origin

__all__ = [
    "DEBUG",
    "DEFAULT_HOST",
    "FOREIGN_HOSTS",
    "NO_EFFECT",
    "OTHER_NAMES",
    "OWN_SECTIONS",
    "SUPABASE",
    "VERIFY",
    "Environment",
    "Variable",
    "draft_environment",
    "names_of",
    "own_names",
    "read_environment",
    "region_patterns",
]

OWN_SECTIONS: Mapping[str, type[Struct]] = {
    "server": schema.Server,
    "auth": schema.Auth,
    "store": schema.Store,
    "billing": schema.Billing,
    "limits": schema.Limits,
    "routing": schema.Routing,
    "images": schema.Images,
    "logs": schema.Logs,
    "alerts": schema.Alerts,
    "metrics": schema.Metrics,
    "traces": schema.Traces,
    "api": schema.Api,
}
"""Sections whose keys all have a variable `TIDEGATE_<SECTION>_<KEY>`."""

FOREIGN_HOSTS = ("HEIMDALL_SERVER_HOST", "HOST")
"""Variables of replaced gateways for the address to listen on. All of those gateways listened on every
address and required no key."""
DEFAULT_HOST = "TIDEGATE_DEFAULT_HOST"
"""Replaces the default address; set by the image, as a container's loopback is unreachable from outside."""

OTHER_NAMES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("server", "host"): ("TIDEGATE_HOST", *FOREIGN_HOSTS, DEFAULT_HOST),
    ("server", "port"): ("TIDEGATE_PORT", "HEIMDALL_SERVER_PORT", "PORT"),
    ("server", "workers"): ("TIDEGATE_WORKERS",),
    ("auth", "keys"): ("TIDEGATE_API_KEYS",),
    ("auth", "admin_keys"): ("TIDEGATE_ADMIN_KEYS",),
    ("auth", "supabase_url"): ("SUPABASE_URL",),
    ("auth", "jwt_secret"): ("SUPABASE_JWT_SECRET",),
    ("billing", "minimum_funds_usd"): ("MINIMAL_FUND",),
    ("store", "secret_keys"): ("TIDEGATE_SECRET_KEY",),
    ("billing", "stripe_secrets"): ("STRIPE_WEBHOOK_SECRET",),
    ("limits", "requests_per_minute"): ("RATE_LIMIT_REQUESTS_PER_MINUTE",),
    ("logs", "level"): ("TIDEGATE_LOG_LEVEL", "LOG_LEVEL"),
    ("alerts", "urls"): ("NTFY_ERROR_URL",),
    ("traces", "endpoint"): ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    ("traces", "service"): ("OTEL_SERVICE_NAME",),
    ("api", "title"): ("HEIMDALL_API_TITLE",),
    ("api", "description"): ("HEIMDALL_API_DESCRIPTION",),
    ("api", "llm_gate"): ("HEIMDALL_API_PATH",),
}
"""Additional variables of a setting, after its own, in order of precedence."""

DEBUG = "DEBUG"
"""Sets `logs.level` to `debug` if nothing else sets it."""
INTERACTIONS = "LITELLM_BASE_URL"
"""A variable of a replaced gateway that kept all interactions in files under `logs`: where nothing else is
configured by a file, so does Tidegate.
"""
VERIFY = ("TIDEGATE_VERIFY", "HTTPX_CLIENT_VERIFY")
"""`verify` of every provider that does not set its own."""

SUPABASE = ("SUPABASE_ANON_KEY", "SUPABASE_SERVICE_ROLE_KEY")
"""Variables of a replaced gateway that restricted it to known users. Tidegate checks tokens without them."""

NO_EFFECT: tuple[str, ...] = (
    "ENABLE_RELOAD",
    *SUPABASE,
    "CACHE_TTL_SECONDS",
    "BALANCE_CACHE_TTL_SECONDS",
)
"""Variables of replaced gateways that have no effect in this version: accepted, and reported at start."""

_PREFIX = "TIDEGATE_"
_KUBERNETES = re.compile(r"\w+_PORT=(?:tcp|udp|sctp)://.*|TIDEGATE_(?:SERVICE_(?:HOST|PORT)|PORT_\d+_)\w*=.*")
"""Variables that Kubernetes sets in every pod for a service named `tidegate` (`TIDEGATE_PORT` is then
`tcp://10.0.0.7:8000`). They are ignored."""
_TRUE = frozenset(["1", "true", "yes", "on"])


class Variable(Struct, frozen=True):
    """A variable that is set."""

    value: str
    origin: Origin


class Environment(Struct, frozen=True):
    """The variables that are set and not empty: those of the process over those of `.env`."""

    variables: Mapping[str, Variable]
    warnings: tuple[str, ...] = ()

    def first(self, names: tuple[str, ...]) -> str | None:
        """The first of these variables that is set."""
        return next((name for name in names if name in self.variables), None)


def read_environment(environ: Mapping[str, str], directory: FilePath) -> Environment:
    """Read the environment and, with lower precedence, the `.env` of a directory."""
    variables: dict[str, Variable] = {}
    warnings: list[str] = []
    for entry in _read_dotenv(directory / ".env", warnings):
        origin = Origin("dotenv", ".env", entry.line, entry.name)
        variables[entry.name] = Variable(entry.value.strip(), origin)
    # An empty variable of the process hides the one of the file: this is how to unset it.
    for name, value in environ.items():
        variables[name] = Variable(value.strip(), Origin("environment", name))
    found = {
        name: variable
        for name, variable in variables.items()
        if variable.value and not _KUBERNETES.fullmatch(f"{name}={variable.value}")
    }
    return Environment(found, tuple(warnings))


def _read_dotenv(path: FilePath, warnings: list[str]) -> Iterator[Entry]:
    if not path.is_file():
        return
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        warnings.append(f".env: cannot be read: {(error.strerror or str(error)).lower()}")
        return
    for entry in parse_dotenv(text):
        if entry.name:
            yield entry
        else:
            warnings.append(f".env:{entry.line}: expected NAME=value; the line is ignored")


def names_of(section: str, key: str) -> tuple[str, ...]:
    """The variables of a setting, in order of precedence."""
    return (f"{_PREFIX}{section}_{key}".upper(), *OTHER_NAMES.get((section, key), ()))


def own_names() -> Iterator[str]:
    """Every known variable that starts with TIDEGATE_."""
    for section, struct in OWN_SECTIONS.items():
        for field in fields(struct):
            yield from (name for name in names_of(section, field.name) if name.startswith(_PREFIX))
    yield VERIFY[0]


def draft_environment(environment: Environment, draft: Draft) -> tuple[str, ...]:
    """Add the environment's settings to the draft. Returns warnings."""
    warnings = list(environment.warnings)
    for section, struct in OWN_SECTIONS.items():
        for field in fields(struct):
            names = names_of(section, field.name)
            _draft_setting(environment, draft, (section,), field.name, names, warnings)
    debug = environment.variables.get(DEBUG)
    if debug is not None and debug.value.lower() in _TRUE and draft.value(("logs",), "level") is None:
        draft.put(("logs",), "level", Setting("debug", debug.origin))
    _draft_interactions(environment, draft)
    for kind in kinds().values():
        _draft_provider(environment, draft, kind, warnings)
        _draft_regions(environment, draft, kind, warnings)
    return tuple(warnings)


def _draft_interactions(environment: Environment, draft: Draft) -> None:
    """Keep files of interactions as the gateway did whose variables are set, unless there is a file."""
    variable = environment.variables.get(INTERACTIONS)
    if variable is None or any(
        setting.origin.kind == "file" for table in draft.tables.values() for setting in table.values()
    ):
        return
    if draft.value(("logs",), "directory") is None:
        draft.put(("logs",), "directory", Setting("logs", variable.origin))
        if draft.value(("logs",), "bodies") is None:
            draft.put(("logs",), "bodies", Setting("full", variable.origin))


def verify_of(environment: Environment) -> Setting | None:
    """The environment's default for `verify`, for all providers."""
    name = environment.first(VERIFY)
    if name is None:
        return None
    variable = environment.variables[name]
    return Setting(variable.value, variable.origin, lenient=True)


def options_of(kind: Kind, environment: Environment) -> Iterator[tuple[str, Setting]]:
    """The environment's options for every provider of a kind."""
    for option, names in kind.option_env.items():
        name = environment.first(names)
        if name is not None:
            variable = environment.variables[name]
            yield option, Setting(variable.value, variable.origin, lenient=True)


def unused_names(environment: Environment) -> tuple[str, ...]:
    """The variables that are set but have no effect in this version."""
    return tuple(sorted(name for name in environment.variables if name in NO_EFFECT))


@cache
def region_patterns() -> tuple[tuple[str, str, re.Pattern[str]], ...]:
    """Kind, setting and pattern of each variable that configures a provider for one region."""
    return tuple(
        (kind.name, setting, re.compile(re.escape(form).replace("<REGION>", "([A-Z0-9_]+)")))
        for kind in kinds().values()
        for setting, form in kind.region_env.items()
    )


def _draft_setting(
    environment: Environment,
    draft: Draft,
    table: Table,
    key: str,
    names: tuple[str, ...],
    warnings: list[str],
) -> None:
    name = environment.first(names)
    if name is None:
        return
    variable = environment.variables[name]
    draft.put(table, key, Setting(variable.value, variable.origin, lenient=True))
    for other in names:
        ignored = environment.variables.get(other)
        if ignored is not None and ignored.value != variable.value and other != DEFAULT_HOST:
            warnings.append(f"{ignored.origin}: not used, because {name} takes precedence and differs")


def _draft_provider(environment: Environment, draft: Draft, kind: Kind, warnings: list[str]) -> None:
    """Add a provider for a kind if its key is set, or, if it needs no key, its address."""
    key, base = environment.first(kind.key_env), environment.first(kind.base_env)
    name = kind.env_name or kind.name
    if key is None and (base is None or not kind.key_optional):
        return
    if base is None and kind.base_url is None:
        warnings.append(f"{key} is set, but none of {', '.join(kind.base_env)}: there is no provider {name}")
        return
    for option in kind.required:
        names = kind.option_env.get(option, ())
        if environment.first(names) is None:
            warning = f"{key or base} is set, but none of {', '.join(names)}: there is no provider {name}"
            warnings.append(warning)
            return
    table = ("providers", name)
    origin = environment.variables[key or base or ""].origin
    draft.open(table, origin)
    draft.put(table, "kind", Setting(kind.name, origin))
    if kind.env_catch_all:
        draft.put(table, "catch_all", Setting(True, origin))
    _draft_setting(environment, draft, table, "api_key", kind.key_env, warnings)
    _draft_setting(environment, draft, table, "base_url", kind.base_env, warnings)


def _draft_regions(environment: Environment, draft: Draft, kind: Kind, warnings: list[str]) -> None:
    """Add a provider for each region whose key and address are set."""
    found: dict[str, dict[str, Variable]] = {}
    for owner, setting, pattern in region_patterns():
        if owner != kind.name:
            continue
        for name, variable in environment.variables.items():
            named = pattern.fullmatch(name)
            if named is not None:
                found.setdefault(named[1], {})[setting] = variable
    for region, settings in found.items():
        provider = f"{kind.name}-{region.lower().replace('_', '-')}"
        missing = [kind.region_env[name] for name in ("api_key", "base_url") if name not in settings]
        if missing:
            names = " and ".join(name.replace("<REGION>", region) for name in missing)
            origin = next(iter(settings.values())).origin
            warnings.append(f"{origin} is set, but not {names}: there is no provider {provider}")
            continue
        table = ("providers", provider)
        draft.open(table, settings["api_key"].origin)
        draft.put(table, "kind", Setting(kind.name, settings["api_key"].origin))
        for setting, variable in settings.items():
            draft.put(table, setting, Setting(variable.value, variable.origin, lenient=True))
