"""Bodies: what was sent and received in a request, compressed, beside its record."""

import asyncio
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, select

from .journal import milliseconds
from .store import Store
from .tables import bodies
from .upsert import insert_new

__all__ = ["Body", "PackedBodies", "find_bodies", "insert_bodies", "keep_bodies", "pack_bodies"]

LEVEL = 1
"""Of the compression: the fastest."""


class Body(Struct, frozen=True, omit_defaults=True):
    """A body, or its beginning."""

    text: str
    truncated: bool = False
    """Whether the rest of it was left out."""
    redacted: bool = False
    """Whether something in it was replaced."""
    bytes: int = 0
    """The size of the whole body as it was sent."""


class PackedBodies(Struct, frozen=True):
    """The bodies of one request, ready to be stored."""

    id: str
    at: int
    """When they were written, in milliseconds since 1970."""
    content: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, Body]).decode


def pack_bodies(request: str, at: int, parts: Mapping[str, Body]) -> PackedBodies:
    """Compress the bodies of a request, by name."""
    return PackedBodies(request, at, zlib.compress(_encode(parts), LEVEL))


async def keep_bodies(store: Store, found: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Write the bodies of requests: pairs of an id and what has the fields of `Body`, by name. Raises
    StoreUnavailable.
    """
    packed = await asyncio.to_thread(_pack, found, milliseconds())
    await store.change(insert_bodies, packed)


def _pack(found: Sequence[tuple[str, Mapping[str, Any]]], now: int) -> list[PackedBodies]:
    return [
        pack_bodies(
            request,
            now,
            {name: Body(one.text, one.truncated, one.redacted, one.bytes) for name, one in bodies.items()},
        )
        for request, bodies in found
    ]


def insert_bodies(connection: Connection, packed: Sequence[PackedBodies]) -> None:
    """Write bodies beside the records of their requests."""
    rows = [(one.id, one.at, one.content) for one in packed]
    insert_new(connection, bodies, ("id", "at", "content"), rows)


def find_bodies(connection: Connection, request: str) -> Mapping[str, Body]:
    """The bodies of a request, by name: `request`, `response`, and `0.request`, `0.response` … of its
    attempts. Empty where none were recorded.
    """
    query = select(bodies.c.content).where(bodies.c.id == request)
    content = connection.execute(query).scalar()
    return _decode(zlib.decompress(content)) if content is not None else {}
