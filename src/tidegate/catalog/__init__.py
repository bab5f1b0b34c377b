"""What models there are: `models.toml`, read once."""

from .models import CatalogModel, models

__all__ = ["CatalogModel", "models"]
