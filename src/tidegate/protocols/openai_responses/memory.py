"""Items that clients send back by their ids: put in their places, where somebody remembers them."""

from collections.abc import Sequence
from typing import Protocol as Interface

from msgspec import Raw, Struct
from msgspec.json import Decoder

from tidegate.protocols.decode import MALFORMED

__all__ = ["REFERENCE", "ItemMemory", "put_items"]

REFERENCE = "item_reference"
"""The type of an item that only names another one."""


class ItemMemory(Interface):
    """Who remembers the items that were written for a client."""

    def recall(self, item_id: str) -> bytes | None:
        """The item of this id as it was written; None where it is not known (any more)."""
        ...

    def remember(self, item_id: str, item: bytes) -> None:
        """Keep an item under its id."""
        ...


class Reference(Struct, gc=False):
    """What says of an item that it is a reference."""

    type: str | None = None
    id: str | None = None


_REFERENCE = Decoder(Reference)


def put_items(raws: Sequence[Raw], memory: ItemMemory) -> list[Raw]:
    """The items of an input, with those in the place of references that the memory has."""
    return [_put(raw, memory) for raw in raws]


def _put(raw: Raw, memory: ItemMemory) -> Raw:
    try:
        told = _REFERENCE.decode(raw)
    except MALFORMED:
        return raw  # what is wrong with it is said where items are decoded
    if told.type != REFERENCE or told.id is None:
        return raw
    item = memory.recall(told.id)
    return raw if item is None else Raw(item)
