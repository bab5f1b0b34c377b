"""Items of recent responses, for clients that refer to them by id.

OpenAI stores responses, and its clients rely on it: the AI SDK sends earlier answers as `item_reference`.
Tidegate keeps items in the worker's memory for a while, unless the client sends `store: false`.
"""

from collections import OrderedDict
from time import monotonic
from typing import NamedTuple

__all__ = ["ItemsOfCaller", "RecentItems"]

KEPT_S = 3600.0
"""How long an item is kept after it was written or last used, in seconds."""
MOST_BYTES = 16 * 1024 * 1024
"""Maximum size of all items; the least recently used are removed first."""
LARGEST = 1024 * 1024
"""Maximum size of one item; larger ones (images) are not kept."""
BESIDE = 300
"""Memory that an item takes in addition to its content."""


class Kept(NamedTuple):
    """An item and its expiry time, by `monotonic`."""

    item: bytes
    until: float


class RecentItems:
    """The items of all callers of a worker. Each caller finds only its own."""

    __slots__ = ("_items", "_size")

    def __init__(self) -> None:
        self._items: OrderedDict[tuple[str, str], Kept] = OrderedDict()
        """By caller and id, the least recently used first."""
        self._size = 0

    def of(self, caller: str | None) -> "ItemsOfCaller":
        """The items of one caller; None stands for all callers of an open gateway."""
        return ItemsOfCaller(self, caller or "")

    def remember(self, key: tuple[str, str], item: bytes) -> None:
        """Keep an item."""
        if len(item) > LARGEST:
            return
        self._forget(key)
        self._items[key] = Kept(item, monotonic() + KEPT_S)
        self._size += len(item) + BESIDE
        self._make_room()

    def recall(self, key: tuple[str, str]) -> bytes | None:
        """Return an item if it is still there, and renew its expiry time."""
        kept = self._items.get(key)
        if kept is None or kept.until < monotonic():
            return None
        self.remember(key, kept.item)
        return kept.item

    def _make_room(self) -> None:
        now = monotonic()
        while self._items:
            key, oldest = next(iter(self._items.items()))
            if self._size <= MOST_BYTES and oldest.until >= now:
                return
            self._forget(key)

    def _forget(self, key: tuple[str, str]) -> None:
        kept = self._items.pop(key, None)
        if kept is not None:
            self._size -= len(kept.item) + BESIDE


class ItemsOfCaller:
    """See openai_responses.memory.ItemMemory."""

    __slots__ = ("_caller", "_items")

    def __init__(self, items: RecentItems, caller: str) -> None:
        self._items = items
        self._caller = caller

    def recall(self, item_id: str) -> bytes | None:
        """The item of this id."""
        return self._items.recall((self._caller, item_id))

    def remember(self, item_id: str, item: bytes) -> None:
        """Keep an item under its id."""
        self._items.remember((self._caller, item_id), item)
