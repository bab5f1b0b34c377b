"""Figures over time in memory, for gateways without a store: the last two days.

Buckets that are over are kept encoded, which takes a tenth of the memory. How many series a bucket has is
limited, and what comes later is left out of all but the sum of everything.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from .answers import Answers, by_series
from .history import ALL, FIVE_MINUTES_S, HOUR_S, Entry, Query, Range, Series, roll_up, widen
from .sums import Row, Sums

__all__ = ["Recent"]

KEPT_MS = {FIVE_MINUTES_S: 12 * 3_600_000, HOUR_S: 49 * 3_600_000}
"""Length of buckets in seconds → how long they are kept, in milliseconds."""
MOST_SERIES = 200
"""The most series of a bucket."""
AT_ONCE = 64
"""How many requests are collected before they are added up."""
MOST_BYTES = 32_000
"""About the most bytes of a message to other workers."""

News = tuple[int, Series, Sums]
"""The beginning of a bucket of five minutes, and what has been added to one of its series."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Sums).decode
_decode_news = msgspec.msgpack.Decoder(list[News]).decode


class Recent:
    """See History. `merge_news` adds what other workers have counted, which they tell by `take_news`."""

    source = "memory"

    def __init__(self, since: int, *, shared: bool = False) -> None:
        """`since` is now, in milliseconds since 1970. `shared`: whether other workers want to know."""
        self.since: int | None = since
        self._buckets: dict[int, dict[int, dict[Series, Sums | bytes]]] = {span: {} for span in KEPT_MS}
        """By length and beginning."""
        self.before_read: Callable[[], None] = self.count
        """Called before figures are read: it adds what is collected elsewhere."""
        self._waiting: list[Entry] = []
        self._news: list[News] = []
        self._shared = shared

    def add(self, entry: Entry) -> None:
        """Add a request."""
        self._waiting.append(entry)
        if len(self._waiting) >= AT_ONCE:
            self.count()

    def add_answers(self, answers: Answers) -> None:
        """Add whole answers."""
        self._take(by_series(answers))

    def count(self) -> None:
        """Add up what was collected."""
        if not self._waiting:
            return
        fine = roll_up(self._waiting)
        self._waiting.clear()
        self._take(fine)

    def _take(self, fine: Mapping[int, Mapping[Series, Sums]]) -> None:
        if self._shared:
            self._news += [(at, series, sums) for at, found in fine.items() for series, sums in found.items()]
        self._merge(fine)

    def take_news(self) -> Iterable[bytes]:
        """What was counted here since the last time, in messages."""
        self.count()
        news, self._news = self._news, []
        total: dict[tuple[int, Series], Sums] = {}
        for at, series, sums in news:
            known = total.setdefault((at, series), Sums())
            known.add(sums)
        message: list[bytes] = []
        for (at, series), sums in total.items():
            message.append(_encode((at, series, sums)))
            if sum(map(len, message)) > MOST_BYTES:
                yield _as_list(message)
                message = []
        if message:
            yield _as_list(message)

    def merge_news(self, message: bytes) -> None:
        """Add what another worker has counted. Raises msgspec.MsgspecError."""
        fine: dict[int, dict[Series, Sums]] = {}
        for at, series, sums in _decode_news(message):
            fine.setdefault(at, {})[series] = sums
        self._merge(fine)

    async def read(self, queries: Sequence[Query]) -> Sequence[Sequence[Row]]:
        """See History."""
        self.before_read()
        self.count()
        return [self._read(query) for query in queries]

    # --- buckets --------------------------------------------------------------------------------

    def _merge(self, fine: Mapping[int, Mapping[Series, Sums]]) -> None:
        for span, buckets in self._buckets.items():
            for at, found in (fine if span == FIVE_MINUTES_S else widen(fine, span)).items():
                bucket = buckets.get(at)
                if bucket is None:
                    bucket = self._begin(span, at)
                for series, sums in found.items():
                    self._add(bucket, series, sums)

    def _begin(self, span: int, at: int) -> dict[Series, Sums | bytes]:
        """Begin a bucket: those before it are encoded, and the oldest forgotten."""
        buckets = self._buckets[span]
        for begun, found in list(buckets.items()):
            if begun < at - KEPT_MS[span]:
                del buckets[begun]
            else:
                for series, sums in found.items():
                    found[series] = sums if isinstance(sums, bytes) else _encode(sums)
        return buckets.setdefault(at, {})

    def _add(self, bucket: dict[Series, Sums | bytes], series: Series, sums: Sums) -> None:
        known = bucket.get(series)
        if known is None:
            if len(bucket) >= MOST_SERIES and series.name != ALL:
                return
            known = Sums()
        elif isinstance(known, bytes):
            known = _decode(known)
        known.add(sums)
        bucket[series] = known

    def _read(self, query: Query) -> list[Row]:
        rows: list[Row] = []
        for one in query.ranges:
            rows += self._read_range(query, one)
        if query.most is None:
            return rows
        requests: dict[str, int] = {}
        for row in rows:
            requests[row.name] = requests.get(row.name, 0) + row.sums.requests
        names = set(sorted(requests, key=lambda name: (-requests[name], name))[: query.most])
        return [row for row in rows if row.name in names]

    def _read_range(self, query: Query, one: Range) -> list[Row]:
        span = one.span if one.span in self._buckets else HOUR_S
        width = one.span * 1000
        return [
            Row(
                at - at % width,
                series.provider,
                series.name,
                _decode(sums) if isinstance(sums, bytes) else sums,
            )
            for at, found in sorted(self._buckets[span].items())
            if one.since <= at < one.until
            for series, sums in found.items()
            if series.by == query.by
            and (query.names is None or series.name in query.names)
            and (query.provider is None or series.provider == query.provider)
        ]


def _as_list(items: Sequence[bytes]) -> bytes:
    """Encoded values as an encoded list of them."""
    return b"\xdd" + len(items).to_bytes(4, "big") + b"".join(items)
