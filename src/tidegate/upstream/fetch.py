"""Fetching of linked media, for providers that accept only bytes.

The client chooses the address, so it must not reach anything that the client could not reach itself: only
http and https, only public addresses, and the connection goes to the addresses that were checked. A name is
resolved once per hop and the connection is made to the addresses that passed; the socket is created under
the same check, so nothing in between can change them. Redirects are followed manually, each hop checked
anew. The media type is determined from the content, not from the server's headers.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tidegate.wording import counted

from .allowed import Address, Budget, NotFetched, is_public

if TYPE_CHECKING:
    from .download import Downloader

__all__ = ["Budget", "Fetched", "Fetcher", "NotFetched", "is_public", "type_of_content"]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A fetched file."""

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
"""The magic bytes of each type."""


def type_of_content(data: bytes) -> str | None:
    """The media type of a file, from its first bytes; None if it is not one of the known types."""
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
        """The file at an address, if its content has one of the types. Raises NotFetched."""
        downloader = self._downloader or await self._load()
        try:
            async with asyncio.timeout(timeout_s):
                data = await downloader.download(address, types, budget)
        except TimeoutError:
            raise NotFetched(f"it did not arrive within {counted(timeout_s, 'second')}") from None
        media_type = type_of_content(data)
        if media_type not in types:
            raise NotFetched(f"it is none of {', '.join(sorted(types))}")
        return Fetched(media_type, data)

    async def _load(self) -> "Downloader":
        """The downloader; its library is slow to import, so that happens in a thread."""
        make = await asyncio.to_thread(_import_downloader)
        if self._downloader is None:  # no other task was first
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
