"""The models of services whose models only they know: Ollama, vLLM, llama.cpp, LiteLLM.

They are queried when a client requests a list, never at startup; the result is cached for a minute. A
service that does not answer in time is left out, and is logged once.
"""

import asyncio
import logging
from time import monotonic

from tidegate.protocols.errors import ProviderError
from tidegate.providers import ModelRegistry
from tidegate.providers.service import Service
from tidegate.upstream import fetch_model_names

__all__ = ["ModelLists"]

log = logging.getLogger("tidegate")

FRESH_S = 60.0
"""How long a list is cached."""
FAILED_S = 10.0
"""How long a service is not queried again after a failure."""
FIRST_S = 2.0
"""How long a client waits for lists that are not cached yet; stale ones are returned at once."""
PATIENCE_S = 10.0
"""How long a service may take; a list that arrives late is used for the next client."""
MOST = 2000
"""Models of one service."""


class ModelLists:
    """The lists of one registry's services. Rebuilt for every Config."""

    def __init__(self, registry: ModelRegistry) -> None:
        self._registry = registry
        self._services = tuple(one for one in registry.services.values() if one.kind.lists_models)
        self._good_until = 0.0
        self._fetch: asyncio.Task[None] | None = None
        self._failing: set[str] = set()

    async def refresh(self) -> None:
        """Add the services' models to the registry, as far as they answer in time."""
        if not self._services:
            return
        if self._fetch is None and monotonic() >= self._good_until:
            self._fetch = asyncio.create_task(self._fetch_all())
        if self._fetch is not None and not self._registry.discovered:
            await asyncio.wait([self._fetch], timeout=FIRST_S)

    def close(self) -> None:
        """Stop querying services."""
        if self._fetch is not None:
            self._fetch.cancel()

    async def _fetch_all(self) -> None:
        try:
            await asyncio.gather(*map(self._fetch_one, self._services))
            self._good_until = monotonic() + (FAILED_S if self._failing else FRESH_S)
        finally:
            self._fetch = None

    async def _fetch_one(self, service: Service) -> None:
        try:
            address, headers = service.address_for("/models"), service.headers_for((), "")
            names = await fetch_model_names(address, headers, PATIENCE_S)
        except ProviderError as error:
            if service.name not in self._failing:
                reason = service.attribute(error).message
                log.warning("%s: its models are not listed: %s", service.name, reason)
            self._failing.add(service.name)
            found = dict(self._registry.discovered)
            found.pop(service.name, None)
        else:
            self._failing.discard(service.name)
            found = {**self._registry.discovered, service.name: names[:MOST]}
        self._registry.discovered = found
