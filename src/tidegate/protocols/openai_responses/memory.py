"""Resolution of items that clients send back by id, if they are remembered."""

from collections.abc import Sequence
from typing import Protocol as Interface

from msgspec import Raw, Struct
from msgspec.json import Decoder

from tidegate.protocols.decode import MALFORMED

__all__ = ["REFERENCE", "ItemMemory", "put_items"]

REFERENCE = "item_reference"
"""The type of an item that only references another one."""


class ItemMemory(Interface):
    """A store of the items that were written for a client."""

    def recall(self, item_id: str) -> bytes | None:
        """Return the item with this id as it was written; None if it is not known (any more)."""
        ...

    def remember(self, item_id: str, item: bytes, after: str | None = None) -> None:
        """Store an item under its id. It is of use only with the item `after`, if there is one."""
        ...


class Reference(Struct, gc=False):
    """The fields that identify a reference."""

    type: str | None = None
    id: str | None = None


_REFERENCE = Decoder(Reference)


def put_items(raws: Sequence[Raw], memory: ItemMemory) -> list[Raw]:
    """Return the items of an input, with references replaced by the items in the store."""
    return [_put(raw, memory) for raw in raws]


def _put(raw: Raw, memory: ItemMemory) -> Raw:
    try:
        reference = _REFERENCE.decode(raw)
    except MALFORMED:
        return raw  # decoding the items reports the error
    if reference.type != REFERENCE or reference.id is None:
        return raw
    item = memory.recall(reference.id)
    return raw if item is None else Raw(item)
