"""The table of services: `rows.toml`, one row each.

The configuration reads it too (it cannot check a provider without it), so it is read there.
"""

from tidegate.config import Kind, kinds

__all__ = ["Kind", "kinds"]
