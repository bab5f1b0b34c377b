"""Fetches a request's linked media, for providers that accept no links."""

import asyncio
import base64
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeGuard

import msgspec

from tidegate.config import Images
from tidegate.protocols.errors import Unsupported
from tidegate.protocols.turn import Document, Image, Inline, Link, Message, Part, Source, ToolResult, Turn
from tidegate.upstream import Budget, Fetcher, NotFetched

__all__ = ["with_bytes"]

TYPES: dict[type, frozenset[str]] = {
    Image: frozenset(["image/png", "image/jpeg", "image/gif", "image/webp"]),
    Document: frozenset(["application/pdf"]),
}
"""What is fetched, and the accepted media types: those that every provider with images supports."""

MAX_LINKS = 50
"""Different links of one request."""
AT_ONCE = 4
"""Links of one request that are fetched at the same time."""


async def with_bytes(turn: Turn, body: bytes, fetcher: Fetcher, limits: Images) -> Turn:
    """The turn with its images and documents fetched; `body` is the client's, used to locate the link that
    an error names. Raises Unsupported.
    """
    links = {url: types for message in turn.messages for url, types in _links_in(message.parts)}
    if len(links) > MAX_LINKS:
        raise Unsupported(f"the request links to more than {MAX_LINKS} images")
    budget = Budget(limits.max_mb * 1024 * 1024)
    gate = asyncio.Semaphore(AT_ONCE)

    async def fetch(url: str, types: frozenset[str]) -> Inline:
        async with gate:
            try:
                found = await fetcher.fetch(url, types, limits.timeout_s, budget)
            except NotFetched as error:
                place = path_of(url, body)
                message = f"{place or 'a linked image'} cannot be fetched: {error}"
                raise Unsupported(message, code="invalid_image_url", param=place) from None
        return Inline(found.media_type, base64.b64encode(found.data).decode())

    try:
        async with asyncio.TaskGroup() as tasks:
            fetching = {url: tasks.create_task(fetch(url, types)) for url, types in links.items()}
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None
    inline = {url: task.result() for url, task in fetching.items()}
    return msgspec.structs.replace(turn, messages=tuple(_filled(one, inline) for one in turn.messages))


def _links_in(parts: Iterable[Part]) -> Iterator[tuple[str, frozenset[str]]]:
    for part in parts:
        if isinstance(part, ToolResult):
            yield from _links_in(part.content)
        elif isinstance(part, Image | Document) and _is_web(part.source):
            yield part.source.url, TYPES[type(part)]


def _is_web(source: Source) -> TypeGuard[Link]:
    return isinstance(source, Link) and source.url.lower().startswith(("http://", "https://"))


def _filled(message: Message, inline: Mapping[str, Inline]) -> Message:
    return msgspec.structs.replace(message, parts=tuple(_fill(part, inline) for part in message.parts))


def _fill(part: Any, inline: Mapping[str, Inline]) -> Any:
    """A part with its link replaced by the fetched bytes."""
    if isinstance(part, ToolResult):
        return msgspec.structs.replace(part, content=tuple(_fill(one, inline) for one in part.content))
    if isinstance(part, Image | Document) and _is_web(part.source):
        return msgspec.structs.replace(part, source=inline[part.source.url])
    return part


class _Place(NamedTuple):
    """A step of a path. Only the path that is found is rendered: with a long key above a long list, the
    paths of all elements would be far larger than the body.
    """

    parent: "_Place | None"
    key: Any

    def __str__(self) -> str:
        keys = []
        place: _Place | None = self
        while place is not None and place.parent is not None:
            keys.append(str(place.key))
            place = place.parent
        return ".".join(reversed(keys))


def path_of(url: str, body: bytes) -> str | None:
    """The path of a link in the client's body (`messages.0.content.1.image_url.url`)."""
    try:
        waiting: list[tuple[_Place, Any]] = [(_Place(None, ""), msgspec.json.decode(body))]
    except (msgspec.DecodeError, RecursionError):  # it is nested more deeply than the parsed part
        return None
    while waiting:
        place, value = waiting.pop()
        if value == url:
            return str(place)
        waiting += reversed([(_Place(place, key), one) for key, one in _inside(value)])
    return None


def _inside(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()
