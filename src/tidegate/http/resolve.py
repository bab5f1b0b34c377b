"""Addresses of hosts, by the system's resolver, remembered for a minute."""

import asyncio
import socket
from typing import NamedTuple

from .errors import ResolveFailed

__all__ = ["AddressInfo", "Resolver"]

TTL_S = 60.0
"""How long addresses are used without another look. The system's resolver does not say how long they
are good for."""

AddressInfo = tuple[int, int, int, str, tuple[object, ...]]
"""As `getaddrinfo` returns it."""


class _Known(NamedTuple):
    addresses: list[AddressInfo]
    until: float


class Resolver:
    """The addresses of hosts. Requests that want the same name at the same time share one look-up."""

    __slots__ = ("_known", "_loop", "_pending")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._known: dict[tuple[str, int], _Known] = {}
        self._pending: dict[tuple[str, int], asyncio.Task[list[AddressInfo] | None]] = {}

    async def resolve(self, host: str, port: int) -> list[AddressInfo]:
        """All addresses of a host. Where the resolver fails, those that it knew before are still used.

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
        """Look the host up anew next time: none of its addresses could be reached."""
        self._known.pop((host, port), None)

    def _look_up(self, key: tuple[str, int]) -> "asyncio.Task[list[AddressInfo] | None]":
        task = self._loop.create_task(self._ask(key))
        self._pending[key] = task
        return task

    async def _ask(self, key: tuple[str, int]) -> "list[AddressInfo] | None":
        """None where there is no address. Errors do not leave this task: several would await them, and
        each would leave its frames in the traceback.
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
