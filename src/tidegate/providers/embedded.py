"""Providers that run inside Tidegate, on a loopback socket of their own.

A row's `embedded` names the module that serves it. They are started when a configuration contains them and
then called like any other provider.
"""

import importlib
from typing import Any

import msgspec

from tidegate.config import Config

from .rows import kinds

__all__ = ["Embedded"]


class Embedded:
    """The embedded providers of one worker."""

    def __init__(self) -> None:
        self._running: dict[str, Any] = {}

    async def attach(self, config: Config) -> Config:
        """Start the embedded providers of this Config, and write their addresses into it."""
        providers = dict(config.providers)
        for name, provider in config.providers.items():
            module = kinds()[provider.kind].embedded
            if module is not None and provider.base_url is None:
                providers[name] = msgspec.structs.replace(provider, base_url=await self._start(module))
        return msgspec.structs.replace(config, providers=providers)

    async def _start(self, module: str) -> str:
        if module not in self._running:
            server = importlib.import_module(module).Server()
            await server.start()
            self._running[module] = server
        base_url: str = self._running[module].base_url
        return base_url

    async def close(self) -> None:
        """Stop all of them."""
        for server in self._running.values():
            await server.stop()
        self._running.clear()
