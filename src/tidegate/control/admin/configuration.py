"""`/admin/configuration`: the settings in effect."""

from collections.abc import Sequence
from typing import Any

from fastapi import Response
from msgspec import Struct

from tidegate.config import Config, list_warnings, shown_settings

from .answers import respond
from .routes import Routes

__all__ = ["add_configuration"]


class Setting(Struct, frozen=True, kw_only=True):
    """A setting."""

    key: str
    """Its name in the file, as `server.port`."""
    value: Any
    """Keys and passwords are masked."""
    origin: str
    """Where it was set."""
    default: bool


class Configuration(Struct, frozen=True, kw_only=True):
    """The settings in effect."""

    settings: Sequence[Setting]
    warnings: Sequence[str]


def add_configuration(routes: Routes, config: Config) -> None:
    """Add the path."""

    @routes.add("GET", "/configuration", Configuration)
    async def show_configuration() -> Response:
        """Show the settings in effect, where each comes from, and what the gateway warns of."""
        settings = [
            Setting(key=one.key, value=one.value, origin=one.origin, default=one.is_default)
            for one in shown_settings(config)
        ]
        return respond(Configuration(settings=settings, warnings=list(list_warnings(config))))
