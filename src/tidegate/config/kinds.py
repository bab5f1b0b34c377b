"""The table of kinds: what a provider can be.

The table itself is `providers/rows.toml`, which belongs to the providers. It is read here because
validating the configuration requires it; `tidegate.providers` re-exports it.
"""

import tomllib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import fields

from .packages import ROWS_GROUP, Brought, brought
from .problems import ConfigError, quoted
from .schema import ProviderConfig

__all__ = ["Kind", "Variant", "kinds", "variant_of"]

Auth = Literal["bearer", "x-api-key", "x-goog-api-key", "api-key", "none"]


class Variant(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The differences of a service for some of its models or base URLs. None keeps the row's value."""

    models: tuple[str, ...] = ()
    """Patterns of the models' names, in lower case (`claude-*`)."""
    address: str | None = None
    """A pattern of the base URL (`*/openai/v1`)."""
    protocol: str | None = None
    """For this field and those below, see Kind."""
    auth: Auth | None = None
    drop_suffix: str | None = None
    client_headers: Mapping[str, str] | None = None
    defaults: Mapping[str, str] | None = None
    dialect: Mapping[str, Any] | None = None
    also: Mapping[str, Mapping[str, Any]] | None = None
    embeddings: Mapping[str, Any] | None = None
    images: Mapping[str, Any] | None = None
    image_edits: Mapping[str, Any] | None = None
    completions: Mapping[str, Any] | None = None
    moderations: Mapping[str, Any] | None = None
    compactions: Mapping[str, Any] | None = None


class Kind(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A service, as data. The name of its table in `rows.toml` is the kind's name."""

    name: str = ""
    """The kind's name in `[providers.<name>] kind`, taken from the table's name."""
    package: str | None = None
    """The installed package that the row comes from, filled in automatically; None: Tidegate itself."""
    label: str
    """The display name."""
    docs: str
    """Where its API is documented."""
    protocol: str
    """The service's wire format, by its name in `tidegate.providers.protocol_named`."""
    base_url: str | None = None
    """The official base URL, as its own SDK has it by default. None: the operator has to set one. An option's
    name in braces is replaced by its value."""
    base_urls: Mapping[str, str] = MappingProxyType({})
    """Base URLs of regions or locations for which `base_url` is wrong."""
    drop_suffix: str | None = None
    """A suffix of `base_url` that is removed, because the wire format's paths already start with it (`/v1`
    at Anthropic)."""
    auth: Auth = "bearer"
    """How the key is sent: `bearer` (`Authorization: Bearer`), a header of this name, or `none`."""
    key_optional: bool = False
    """Whether the service works without a key (self-hosted servers)."""
    instead_of_key: tuple[str, ...] = ()
    """Options that together replace a key (AWS's own credentials)."""
    key_env: tuple[str, ...] = ()
    """Environment variables with the key; the first that is set is used."""
    base_env: tuple[str, ...] = ()
    """Environment variables with the base URL; the first that is set is used."""
    region_env: Mapping[str, str] = MappingProxyType({})
    """Variables that configure one provider per region: setting → name, with `<REGION>` for the region.
    For `WEST_US` the provider is named `<kind>-west-us`."""
    env_name: str | None = None
    """The name of the provider that these variables configure; None: the kind's name."""
    env_catch_all: bool = False
    """Whether the provider that these variables configure is a catch-all (`[providers.<name>] catch_all`)."""
    exclusive: bool = False
    """Whether the service serves no models of others: at its official address, names with another kind's
    prefix are refused."""
    lists_models: bool = False
    """Whether only the service itself knows its models, and lists them at `/models` as OpenAI does."""
    aliases: tuple[str, ...] = ()
    """Other names of the service, used if no provider has that name."""
    prefixes: tuple[str, ...] = ()
    """Prefixes of its model names. Such a name needs no provider in front."""
    strip_prefixes: tuple[str, ...] = ()
    """Prefixes that select the service and are removed from the model's name."""
    headers: Mapping[str, str] = MappingProxyType({})
    """Headers sent with every request."""
    client_headers: Mapping[str, str] = MappingProxyType({})
    """Headers that a client of the same wire format may override with its own."""
    options: Mapping[str, str] = MappingProxyType({})
    """Additional settings of `[providers.<name>]`, each with the header that carries it (empty: it appears
    in braces in a URL or path, or the signer reads it)."""
    option_env: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    """Environment variables with an option; the first that is set is used by every provider of the kind
    that does not set its own."""
    defaults: Mapping[str, str] = MappingProxyType({})
    """Default values of options."""
    credentials: tuple[str, ...] = ()
    """Options that authorize requests. Those of the environment are used only by a provider that has neither
    a key nor any of these options."""
    required: tuple[str, ...] = ()
    """Required options."""
    signer: str | None = None
    """Who authorizes requests if no key is configured: a name in `providers/signers.py`."""
    dialect: Mapping[str, Any] = MappingProxyType({})
    """The service's differences from the wire format: fields of that format's `Dialect`. An option's name in
    braces is replaced by its value, `{model}` by the model's name."""
    also: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
    """Other wire formats that it supports at the same base URL, each with its dialect: requests of clients of
    such a format are passed through instead of translated."""
    exact_cost: bool = False
    """Whether the cost that it reports with an answer is exactly what it charges, so that bills follow it
    (`billing.provider_cost`): it knows who served the answer, or which of its tools were used."""
    telemetry_name: str = ""
    """Its name in traces: `gen_ai.provider.name` of OpenTelemetry's conventions. Empty: the kind's name."""
    stops_billing: bool = False
    """Whether a request that is cancelled costs no more than what was generated by then. If not, the service
    generates the rest unheard, and charges for it."""
    embeddings: Mapping[str, Any] = MappingProxyType({})
    """How to request embeddings: `format` is a name in `protocols/embeddings`, the other keys are fields of
    that format's `Dialect`, filled in as `dialect` is. Empty: not supported."""
    images: Mapping[str, Any] = MappingProxyType({})
    """How to request images, likewise, with the formats of `protocols/images`."""
    image_edits: Mapping[str, Any] = MappingProxyType({})
    """How to request edits of images, likewise, with the formats of `protocols/images/edits`."""
    completions: Mapping[str, Any] = MappingProxyType({})
    """How to request text completions, likewise, with the formats of `protocols/completions`. Empty: they are
    requested as a chat."""
    moderations: Mapping[str, Any] = MappingProxyType({})
    """How to request moderations, likewise, with the formats of `protocols/moderations`."""
    compactions: Mapping[str, Any] = MappingProxyType({})
    """How to compact conversations of the Responses API, likewise, with the formats of
    `protocols/openai_responses/compact`. Empty: a summary is requested as a chat."""
    variants: tuple[Variant, ...] = ()
    """Differences for some models or base URLs; the first match is used."""
    cache_life_s: float = 600
    """The lifetime of unused entries of its prompt cache, in seconds, unless a request asks for longer.
    10 minutes at OpenAI (5 to 10, platform.openai.com/docs/guides/prompt-caching), 5 at Anthropic."""
    check_model: str | None = None
    """A cheap current model for `tidegate check`; None: given by the operator, or taken from the service's
    own list."""
    embedded: str | None = None
    """The module that serves it inside Tidegate, on a loopback socket; None: it is an external service."""


def variant_of(kind: Kind, base_url: str | None) -> Variant | None:
    """The differences of a service at a base URL, if any."""
    address = base_url or kind.base_url or ""
    return next(
        (variant for variant in kind.variants if variant.address and fnmatchcase(address, variant.address)),
        None,
    )


class Kinds(dict[str, Kind]):
    """The table of kinds, by name."""

    def __init__(self, own: Mapping[str, Kind]) -> None:
        super().__init__(own)
        self.broken: dict[str, str] = {}
        """Rows of installed packages that cannot be used: the kind's name (or the entry point's, if the kind
        is not known) → the problem."""


@cache
def kinds() -> Kinds:
    """All kinds by name: Tidegate's own in the order of the table, then those of installed packages."""
    text = (resources.files("tidegate") / "providers" / "rows.toml").read_text(encoding="utf-8")
    rows = tomllib.loads(text)
    table = Kinds({name: msgspec.convert({**row, "name": name}, Kind) for name, row in rows.items()})
    for source in brought(ROWS_GROUP):
        try:
            found = source.rows()
        except ConfigError as error:
            table.broken[source.name] = str(error)
            continue
        for name, row in found.items():
            try:
                _add_row(table, name, row, source)
            except ConfigError as error:
                table.broken[name if name not in table else f"{name} of {source.package}"] = str(error)
    return table


def _add_row(table: Kinds, name: str, row: Any, source: Brought) -> None:
    """Add a package's row to the table. Raises ConfigError if it cannot be used."""
    known = table.get(name)
    if known is not None:
        raise source.broken(f"the row {quoted(name)} already exists, from {known.package or 'Tidegate'}")
    try:
        kind = msgspec.convert({**row, "name": name, "package": source.package}, Kind)
    except (msgspec.ValidationError, TypeError) as error:
        raise source.broken(f"the row {quoted(name)}: {error}") from error
    unknown = sorted(kind.options.keys() - {field.name for field in fields(ProviderConfig)})
    if unknown:
        raise source.broken(f"the row {quoted(name)}: providers have no setting {', '.join(unknown)}")
    table[name] = kind
