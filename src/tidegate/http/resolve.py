"""Host addresses from the system's resolver, cached for a minute."""

import asyncio
import socket
from typing import NamedTuple

from .errors import ResolveFailed

__all__ = ["AddressInfo", "Resolver"]

TTL_S = 60.0
"""How long addresses are cached. The system's resolver does not report their lifetime."""

AddressInfo = tuple[int, int, int, str, tuple[object, ...]]
"""As `getaddrinfo` returns it."""


class _Known(NamedTuple):
    addresses: list[AddressInfo]
    until: float


class Resolver:
    """The addresses of hosts. Concurrent requests for the same name share one lookup."""

    __slots__ = ("_known", "_loop", "_pending")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._known: dict[tuple[str, int], _Known] = {}
        self._pending: dict[tuple[str, int], asyncio.Task[list[AddressInfo] | None]] = {}

    async def resolve(self, host: str, port: int) -> list[AddressInfo]:
        """Return all addresses of a host. If the resolver fails, cached addresses are still used.

        Raises ResolveFailed.
        """
        key = (host, port)
        known = self._known.get(key)
        if known is not None and known.until > self._loop.time():
            return known.addresses
        found = await asyncio.shield(self._pending.get(key) or self._look_up(key))
        if found:
            return found
        if known is not None:
            return known.addresses
        raise ResolveFailed(f"the host {host} cannot be resolved (DNS)")

    def forget(self, host: str, port: int) -> None:
        """Look the host up again next time, because none of its addresses could be reached."""
        self._known.pop((host, port), None)

    def _look_up(self, key: tuple[str, int]) -> "asyncio.Task[list[AddressInfo] | None]":
        task = self._loop.create_task(self._ask(key))
        self._pending[key] = task
        return task

    async def _ask(self, key: tuple[str, int]) -> "list[AddressInfo] | None":
        """Return None if there is no address. Exceptions are not propagated from this task: several tasks
        would await them, and each would add its frames to the traceback.
        """
        try:
            found = await self._loop.getaddrinfo(*key, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return None
        else:
            self._known[key] = _Known(list(found), self._loop.time() + TTL_S)
            return list(found)
        finally:
            self._pending.pop(key, None)
