"""Configuration: one file, the environment and `.env`, loaded into one frozen `Config`.

A setting is *written* somewhere (`file`, `environment`, the command line), kept in a `Draft` with its
origin, *built* into the structs of `schema` according to their types and normal variants, and *checked*
against other settings (`cross`). All problems are reported at once, each with its location.
"""

from .formats import FORMATS, protocol_named
from .kinds import Kind, Variant, kinds, variant_of
from .loading import load
from .normal import is_loopback
from .problems import DEFAULT, ConfigError, Origin, render_path
from .reload import Reloader
from .schema import (
    MAX_CANDIDATES,
    Api,
    Auth,
    Billing,
    Config,
    ImagePriceConfig,
    Images,
    IssuerConfig,
    Limits,
    Logs,
    ModelConfig,
    Order,
    PriceConfig,
    ProviderConfig,
    Routing,
    Server,
    Store,
    Traces,
    secrets_of,
)
from .secret import Secret
from .shown import ShownSetting, shown_settings
from .summary import list_warnings, summarize
from .transition import Baseline, baseline_of, refusals

__all__ = [
    "DEFAULT",
    "FORMATS",
    "MAX_CANDIDATES",
    "Api",
    "Auth",
    "Baseline",
    "Billing",
    "Config",
    "ConfigError",
    "ImagePriceConfig",
    "Images",
    "IssuerConfig",
    "Kind",
    "Limits",
    "Logs",
    "ModelConfig",
    "Order",
    "Origin",
    "PriceConfig",
    "ProviderConfig",
    "Reloader",
    "Routing",
    "Secret",
    "Server",
    "ShownSetting",
    "Store",
    "Traces",
    "Variant",
    "baseline_of",
    "is_loopback",
    "kinds",
    "list_warnings",
    "load",
    "protocol_named",
    "refusals",
    "render_path",
    "secrets_of",
    "shown_settings",
    "summarize",
    "variant_of",
]
