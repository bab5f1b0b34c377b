"""The table of kinds: what a provider can be.

The table itself is `providers/rows.toml`, which belongs to the providers. It is read here because
the configuration cannot be checked without it; `tidegate.providers` gives it on.
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

__all__ = ["Form", "Kind", "form_of", "kinds"]

Auth = Literal["bearer", "x-api-key", "x-goog-api-key", "api-key", "none"]


class Form(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is different about a service for some of its models, or at some of its addresses.

    What is None here stays as the row has it.
    """

    models: tuple[str, ...] = ()
    """Patterns of the models' names, in lower case (`claude-*`)."""
    address: str | None = None
    """A pattern of the base URL (`*/openai/v1`)."""
    protocol: str | None = None
    """See Kind, as all that follow."""
    auth: Auth | None = None
    drop_suffix: str | None = None
    client_headers: Mapping[str, str] | None = None
    defaults: Mapping[str, str] | None = None
    dialect: Mapping[str, Any] | None = None
    also: Mapping[str, Mapping[str, Any]] | None = None
    embeddings: Mapping[str, Any] | None = None
    images: Mapping[str, Any] | None = None
    completions: Mapping[str, Any] | None = None
    moderations: Mapping[str, Any] | None = None
    compactions: Mapping[str, Any] | None = None


class Kind(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A service, as data. The name of its table in `rows.toml` is the kind's name."""

    name: str = ""
    """The kind, as `[providers.<name>] kind` names it; filled in from the table's name."""
    package: str | None = None
    """The installed package that brings the row, filled in; None: Tidegate itself."""
    label: str
    """The display name."""
    docs: str
    """Where its API is documented."""
    protocol: str
    """The wire format that it speaks: a name of `tidegate.providers.protocol_named`."""
    base_url: str | None = None
    """Its official address, in the prefix form that its own SDK has as default. None: the operator
    gives one. The name of an option in braces is replaced by its value."""
    base_urls: Mapping[str, str] = MappingProxyType({})
    """Addresses of places (by region or location) that `base_url` does not fit."""
    drop_suffix: str | None = None
    """An end of `base_url` that people write and that the wire format's paths begin with (`/v1` at
    Anthropic): it is taken off."""
    auth: Auth = "bearer"
    """The header that carries the key: `Authorization: Bearer`, or one of this name; `none`: no key."""
    key_optional: bool = False
    """Whether it can be used without a key (servers that people run themselves)."""
    instead_of_key: tuple[str, ...] = ()
    """Options that, all together, do what a key does (AWS's own credentials)."""
    key_env: tuple[str, ...] = ()
    """Environment variables that hold the key; the first that is set counts."""
    base_env: tuple[str, ...] = ()
    """Environment variables that hold the base URL; the first that is set counts."""
    region_env: Mapping[str, str] = MappingProxyType({})
    """Variables that configure one provider for each region: setting → name, in which `<REGION>` stands
    for the region. With `WEST_US` the provider is called `<kind>-west-us`."""
    env_name: str | None = None
    """The name of the provider that its variables configure; None: the kind's own."""
    env_catch_all: bool = False
    """Whether the provider that its variables configure is a catch-all (`[providers.<name>] catch_all`)."""
    lists_models: bool = False
    """Whether it alone knows its models, and lists them at `/models` as OpenAI does."""
    aliases: tuple[str, ...] = ()
    """Other names of the service, understood where no provider has that name."""
    prefixes: tuple[str, ...] = ()
    """How the names of its models begin: such a name reaches it without the provider's name."""
    strip_prefixes: tuple[str, ...] = ()
    """Prefixes that name the service and are not part of the model's name."""
    headers: Mapping[str, str] = MappingProxyType({})
    """Headers of every request."""
    client_headers: Mapping[str, str] = MappingProxyType({})
    """Headers that the client's own take the place of, where it speaks the same wire format."""
    options: Mapping[str, str] = MappingProxyType({})
    """Settings of `[providers.<name>]` beyond the common ones, with the header that carries each
    (empty: it stands in braces in an address or path, or the signer reads it)."""
    option_env: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    """Environment variables that hold an option; the first that is set counts, for every provider of
    the kind that does not set its own."""
    defaults: Mapping[str, str] = MappingProxyType({})
    """Default values of options."""
    credentials: tuple[str, ...] = ()
    """Options that authorize: those of the environment count only where a provider has neither a key
    nor any of these of its own."""
    required: tuple[str, ...] = ()
    """Options that must be set."""
    signer: str | None = None
    """Who authorizes each request where no key is configured: a name of `providers/signers.py`."""
    dialect: Mapping[str, Any] = MappingProxyType({})
    """Its differences from the wire format: fields of that format's own `Dialect`. The name of an option
    in braces is replaced by its value, `{model}` by the model's name."""
    also: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
    """Further wire formats that it speaks at the same address, each with its differences from it: a client
    of such a format has its bytes passed on, and nothing is translated."""
    embeddings: Mapping[str, Any] = MappingProxyType({})
    """How embeddings are requested: `format` names one of `protocols/embeddings`, the rest are fields
    of that format's own `Dialect`, filled in as `dialect` is. Empty: it has none."""
    images: Mapping[str, Any] = MappingProxyType({})
    """How images are requested, in the same way, with the formats of `protocols/images`."""
    completions: Mapping[str, Any] = MappingProxyType({})
    """How text completions are requested, in the same way, with the formats of `protocols/completions`.
    Empty: it is called as a chat."""
    moderations: Mapping[str, Any] = MappingProxyType({})
    """How moderations are requested, in the same way, with the formats of `protocols/moderations`."""
    compactions: Mapping[str, Any] = MappingProxyType({})
    """How conversations of the Responses API are compacted, in the same way, with the formats of
    `protocols/openai_responses/compact`. Empty: a chat is asked for a summary."""
    forms: tuple[Form, ...] = ()
    """What is different for some models or addresses; the first that fits counts."""
    cache_life_s: float = 600
    """How long its prompt cache keeps what is not used again, in seconds, unless a request asks for longer.
    10 minutes at OpenAI (5 to 10, platform.openai.com/docs/guides/prompt-caching), 5 at Anthropic."""
    check_model: str | None = None
    """A cheap current model for `tidegate check`; None: the operator names one, or the service's
    own list is asked."""
    embedded: str | None = None
    """The module that serves it inside Tidegate, on a loopback socket; None: it is elsewhere."""


def form_of(kind: Kind, base_url: str | None) -> Form | None:
    """What is different about a service at an address, if anything is."""
    address = base_url or kind.base_url or ""
    return next((form for form in kind.forms if form.address and fnmatchcase(address, form.address)), None)


class Kinds(dict[str, Kind]):
    """The table of kinds, by name."""

    def __init__(self, own: Mapping[str, Kind]) -> None:
        super().__init__(own)
        self.broken: dict[str, str] = {}
        """What installed packages bring and cannot be used: the kind's name, or the entry point's where
        it is not known → what is wrong."""


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
    """Put a package's row into the table. Raises ConfigError for one that cannot be used."""
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
