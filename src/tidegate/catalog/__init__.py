"""What models there are, what they can do and what they cost: data, read when it is first wanted.

Two sources. `models/<kind>.toml` is ours: the models worth naming, with their limits and capabilities.
`prices.json` is written from the package genai-prices and has prices of many more. `docs/models.md`
says where each field comes from.
"""

from .models import CAPABILITIES, CatalogModel, ImagePrice, model_named, models
from .prices import Price, PricedModel, Rate, Tier, Tiered, priced_model, source

__all__ = [
    "CAPABILITIES",
    "CatalogModel",
    "ImagePrice",
    "Price",
    "PricedModel",
    "Rate",
    "Tier",
    "Tiered",
    "model_named",
    "models",
    "priced_model",
    "source",
]
