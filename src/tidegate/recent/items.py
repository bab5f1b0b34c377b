"""The memory of one worker: bounded in size and time, and separate for each caller."""

from collections import OrderedDict
from collections.abc import Sequence
from time import monotonic
from typing import NamedTuple

__all__ = ["Entry", "ItemsOfCaller", "RecentItems"]

KEPT_S = 3600.0
"""How long an item is kept after it was written or last used, in seconds."""
MOST_BYTES = 16 * 1024 * 1024
"""Maximum size of all items; the least recently used are removed first."""
MOST_OF_CALLER = 4 * 1024 * 1024
"""Maximum size of one caller's items, where callers have keys; its least recently used are removed first."""
LARGEST = 1024 * 1024
"""Maximum size of one item, or of one response with its input; larger ones (images) are not kept."""
BESIDE = 300
"""Memory that an item takes in addition to its content."""
LONGEST_CHAIN = 1000
"""Items that may follow from one another. Ids come from providers, so a chain may be a circle."""


class Entry(NamedTuple):
    """An item, as it is passed on to other workers."""

    id: str
    item: bytes
    after: str | None
    """The id of another item of the caller, without which this one is of no use."""


class Kept(NamedTuple):
    """An item and its expiry time, by `monotonic`."""

    item: bytes
    after: str | None
    until: float


class Share:
    """What one caller has."""

    __slots__ = ("ids", "size")

    def __init__(self) -> None:
        self.ids: OrderedDict[str, None] = OrderedDict()
        """The least recently used first."""
        self.size = 0


class RecentItems:
    """The items of all callers of a worker. Each caller finds only its own."""

    __slots__ = ("_callers", "_items", "_size")

    def __init__(self) -> None:
        self._items: OrderedDict[tuple[str, str], Kept] = OrderedDict()
        """By caller and id, the least recently used first."""
        self._callers: dict[str, Share] = {}
        self._size = 0

    def of(self, caller: str | None) -> "ItemsOfCaller":
        """The items of one caller; None stands for all callers of an open gateway."""
        return ItemsOfCaller(self, caller or "")

    def remember(self, key: tuple[str, str], item: bytes, after: str | None = None) -> None:
        """Keep an item."""
        if len(item) > LARGEST:
            return
        self._forget(key)
        self._items[key] = Kept(item, after, monotonic() + KEPT_S)
        share = self._callers.setdefault(key[0], Share())
        share.ids[key[1]] = None
        self._count(share, len(item) + BESIDE)
        self._make_room(key[0], share)

    def recall(self, key: tuple[str, str]) -> bytes | None:
        """Return an item if it is still there, and renew its expiry time."""
        kept = self._items.get(key)
        if kept is None or kept.until < monotonic():
            return None
        self.remember(key, kept.item, kept.after)
        return kept.item

    def entries(self, caller: str, ids: Sequence[str]) -> list[Entry]:
        """The items of these ids that are there, and what they need."""
        found: dict[str, Entry] = {}
        for item_id in ids:
            wanted: str | None = item_id
            while wanted is not None and wanted not in found and len(found) < LONGEST_CHAIN:
                kept = self._items.get((caller, wanted))
                if kept is None or kept.until < monotonic():
                    break
                found[wanted] = Entry(wanted, kept.item, kept.after)
                wanted = kept.after
        return list(found.values())

    def _make_room(self, caller: str, share: Share) -> None:
        while caller and share.size > MOST_OF_CALLER:
            self._forget((caller, next(iter(share.ids))))
        now = monotonic()
        while self._items:
            key, oldest = next(iter(self._items.items()))
            if self._size <= MOST_BYTES and oldest.until >= now:
                return
            self._forget(key)

    def _forget(self, key: tuple[str, str]) -> None:
        kept = self._items.pop(key, None)
        if kept is None:
            return
        share = self._callers[key[0]]
        del share.ids[key[1]]
        self._count(share, -len(kept.item) - BESIDE)
        if not share.ids:
            del self._callers[key[0]]

    def _count(self, share: Share, size: int) -> None:
        share.size += size
        self._size += size


class ItemsOfCaller:
    """See openai_responses.memory.ItemMemory."""

    __slots__ = ("_caller", "_items", "missing")

    def __init__(self, items: RecentItems, caller: str) -> None:
        self._items = items
        self._caller = caller
        self.missing: list[str] = []
        """The ids that were asked for and are not there."""

    def recall(self, item_id: str) -> bytes | None:
        """The item of this id."""
        item = self._items.recall((self._caller, item_id))
        if item is None:
            self.missing.append(item_id)
        return item

    def remember(self, item_id: str, item: bytes, after: str | None = None) -> None:
        """Keep an item under its id."""
        self._items.remember((self._caller, item_id), item, after)
