"""Fetching of what clients link to, for providers that take bytes only.

The address is the client's, so it must not lead where the client itself could not go: only http and
https, only public addresses, and what was checked is what is connected to. A name is resolved once
per hop and the connection is made to the addresses that passed; the socket is made under the same
check, so that nothing in between can change them. Redirects are followed by hand, each hop checked
anew. What comes back is judged by its content, not by what the server calls it.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .allowed import Address, Budget, NotFetched, is_public

if TYPE_CHECKING:
    from .download import Downloader

__all__ = ["Budget", "Fetched", "Fetcher", "NotFetched", "is_public", "type_of_content"]


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was fetched."""

    media_type: str
    """By its content."""
    data: bytes


SIGNATURES: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("image/png", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("image/jpeg", re.compile(rb"\xff\xd8\xff")),
    ("image/gif", re.compile(rb"GIF8[79]a")),
    ("image/webp", re.compile(rb"RIFF....WEBP", re.DOTALL)),
    ("application/pdf", re.compile(rb"%PDF-")),
)
"""How the files of a type begin."""


def type_of_content(data: bytes) -> str | None:
    """The media type of a file by its first bytes; None for what is none of those known here."""
    return next((name for name, begin in SIGNATURES if begin.match(data)), None)


class Fetcher:
    """Fetches for all requests of a worker."""

    def __init__(self, allowed: Callable[[Address], bool] = is_public, resolver: Any = None) -> None:
        self._allowed = allowed
        """Which addresses may be reached."""
        self._resolver = resolver
        """An aiohttp resolver in place of the system's."""
        self._downloader: Downloader | None = None

    async def fetch(self, address: str, types: frozenset[str], timeout_s: float, budget: Budget) -> Fetched:
        """What is at an address, if its content is of one of the types. Raises NotFetched."""
        downloader = self._downloader or await self._load()
        try:
            async with asyncio.timeout(timeout_s):
                data = await downloader.download(address, types, budget)
        except TimeoutError:
            raise NotFetched(f"it did not arrive within {timeout_s:g} seconds") from None
        media_type = type_of_content(data)
        if media_type not in types:
            raise NotFetched(f"it is none of {', '.join(sorted(types))}")
        return Fetched(media_type, data)

    async def _load(self) -> "Downloader":
        """The downloader, whose library is imported in a thread: it takes long."""
        make = await asyncio.to_thread(_import_downloader)
        if self._downloader is None:  # nobody else was first
            self._downloader = make(self._allowed, self._resolver)
        return self._downloader

    async def close(self) -> None:
        """Close what is open."""
        downloader, self._downloader = self._downloader, None
        if downloader is not None:
            await downloader.close()


def _import_downloader() -> "type[Downloader]":
    from .download import Downloader

    return Downloader
