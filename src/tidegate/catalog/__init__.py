"""The model catalog: names, capabilities and prices. The data is loaded on first use.

There are three sources. `models/<kind>.toml` is maintained here: current models with their limits and
capabilities, and which of them are the same (`identities.py`); `retired.toml` has names that are no longer
served. `prices.json` is generated from the package genai-prices and covers many more models.
`adjustments.toml` has what prices depend on beside the model, as far as that package does not say so.
`docs/models.md` says where each field comes from.
"""

from .adjustments import adjusted, adjustments
from .identities import identity_of, serving_row
from .models import CAPABILITIES, CatalogModel, ImagePrice, model_named, models
from .prices import Price, PricedModel, Rate, Tier, Tiered, priced_model, source
from .retired import Retired, retired, retired_name

__all__ = [
    "CAPABILITIES",
    "CatalogModel",
    "ImagePrice",
    "Price",
    "PricedModel",
    "Rate",
    "Retired",
    "Tier",
    "Tiered",
    "adjusted",
    "adjustments",
    "identity_of",
    "load",
    "model_named",
    "models",
    "priced_model",
    "retired",
    "retired_name",
    "serving_row",
    "source",
]


def load() -> None:
    """Read all tables: a gateway does so at its start, so that no request waits for it (40 ms)."""
    serving_row("", "")
    identity_of("")
    retired_name("")
    source()
    adjustments()
