"""Moving journal lines into the database: in batches, in order, and each exactly once.

A batch and the position behind it are written in one transaction. So a batch that failed is moved again, one
that was committed is not, and a journal whose worker died is moved to its end by whoever finds it.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import repeat
from operator import add
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, delete, select, update
from sqlalchemy.exc import DataError

from tidegate.figures import Answered, Sample
from tidegate.figures.history import Common, roll_up_alike
from tidegate.money.ledger import charges, wallet_of

from .alike import DAY_MS, Alike, added_by, alike, by_columns
from .books import Booking, Charged, balance_of, book, book_charges, lock_accounts
from .columns import Columns, write
from .costs import count_costs
from .database import Database, describe
from .driver import is_sqlite
from .fitting import fit, fit_end
from .journal import Batch, Begun, Ended, Line, read, read_all
from .leases import consume, release, release_all
from .rollups import add_rollups, keep_gathered
from .sessions import count_sessions
from .tables import holds, journals, leases, records, spending
from .upsert import add_up, among, insert_new, known, replace
from .wallets import spend_grants

__all__ = ["LOST", "apply", "bury", "hand_over", "move", "move_all", "move_batch", "position_of"]

log = logging.getLogger("tidegate")

JOURNAL = ("id", "position", "at")
HOLD = ("request", "account", "amount", "at")
SPENDING = ("subject", "period", "amount", "requests", "tokens")
RECORD = (
    "id", "at", "user", "team", "key", "model", "provider", "provider_model", "ended", "status", "cost",
    "estimated", "door", "session", "error", "detail",
)  # fmt: skip
LOST = "gateway_lost"
"""How a request ended whose worker was killed: the provider may have answered, and nothing is charged."""


def move(
    database: Database, journal: str, path: Path, position: int, now: int, end: int | None = None
) -> tuple[int, int]:
    """Move the next lines of a journal, of which there may be a thousand, from its file; none behind `end`.
    Returns the position behind them, and how many there were. Raises DatabaseError, in which case nothing has
    changed.
    """
    lines, behind = read(path, position, end)
    if behind == position:
        return position, 0
    move_batch(database, journal, Batch(lines), behind, now)
    return behind, len(lines)


def move_batch(
    database: Database, journal: str, batch: Batch, behind: int, now: int, *, keep: bool = False
) -> None:
    """Move lines of a journal, up to the position behind them; `keep` says to keep what they add to the
    rollups for `add_gathered`. Raises DatabaseError, in which case nothing has changed.
    """
    try:
        _write(database, journal, batch, behind, now, keep=keep)
    except DataError as error:
        log.error("the store refuses a record, which is cut: %s", describe(error))
        _write(database, journal, fit(batch), behind, now, keep=keep)


def _write(database: Database, journal: str, batch: Batch, behind: int, now: int, *, keep: bool) -> None:
    with database.write() as connection:
        found = _apply(connection, batch)
        if keep:
            keep_gathered(connection, journal, behind, _samples(found))
        else:
            add_rollups(connection, roll_up_alike(_samples(found)))
        replace(connection, journals, JOURNAL, [(journal, behind, now)], ("position", "at"))


def position_of(database: Database, journal: str) -> int:
    """How far a journal has been moved."""
    with database.read() as connection:
        found = connection.execute(select(journals.c.position).where(journals.c.id == journal)).scalar()
    return found or 0


def move_all(database: Database, journal: str, path: Path, now: int) -> int:
    """Move a journal to its end. Returns the position there. Raises DatabaseError."""
    position, behind = -1, position_of(database, journal)
    while position != behind:
        position = behind
        behind, _ = move(database, journal, path, position, now)
    return position


def bury(database: Database, journal: str, path: Path, now: int) -> int:
    """End the requests that a dead worker left open in a journal that has been moved whole, and give its
    leases back. Returns how many there were. Raises DatabaseError.
    """
    with database.write() as connection:
        lost = [fit_end(_lost(line, now)) for line in _open(path)]
        _lock(connection, lost, leases.c.journal == journal)
        ended = apply(connection, lost)
        release_all(connection, journal)
        connection.execute(delete(journals).where(journals.c.id == journal))
    return ended


def hand_over(database: Database, old: str, new: str) -> None:
    """Let a worker's new journal take the place of one that has been moved whole. Raises DatabaseError."""
    with database.write() as connection:
        connection.execute(update(leases).where(leases.c.journal == old).values(journal=new))
        connection.execute(delete(journals).where(journals.c.id == old))


def _open(path: Path) -> list[Begun]:
    """The requests of a journal that have no end in it."""
    begun: dict[str, Begun] = {}
    for line in read_all(path):
        if isinstance(line, Begun):
            begun[line.id] = line
        elif isinstance(line, Ended):
            begun.pop(line.id, None)
    return list(begun.values())


def _lost(line: Begun, now: int) -> Ended:
    return Ended(
        id=line.id, at=now, ended=LOST, status=499, begun_at=line.at, user=line.user, key=line.key,
        model=line.model, lease=line.lease, held=line.held,
        error="the worker ended before the request did",
    )  # fmt: skip


# --- what lines do ------------------------------------------------------------------------------


def apply(connection: Connection, lines: Iterable[Line]) -> int:
    """Write lines into the books, but no second end of a request. Returns how many requests ended."""
    found = _apply(connection, Batch(lines))
    add_rollups(connection, roll_up_alike(_samples(found)))
    return sum([len(one.ended) for one in found])


def _apply(connection: Connection, batch: Batch) -> Sequence[Alike]:
    """The same of lines that are sorted, except for rollups. Returns the requests that ended."""
    _lock(connection, batch.ended, leases.c.id.in_(batch.released) if batch.released else None)
    ended = _new(batch.ended, connection)
    _hold(connection, batch.begun)
    _resolve(connection, batch.earlier)
    found: Sequence[Alike] = ()
    if ended:
        columns = by_columns(ended)
        found = alike(ended, columns)
        _charge(connection, ended, columns)
        _record(connection, columns)
        _count(connection, found)
        count_sessions(connection, found)
    for lease in batch.released:
        release(connection, lease)
    count_costs(connection, found)
    return found


def _lock(connection: Connection, ended: Iterable[Ended], released: ColumnElement[bool] | None) -> None:
    """Lock the wallets that lines concern, and those of the leases that are given back."""
    if is_sqlite(connection):
        return
    names = {wallet_of(line.user or "") for line in ended if line.lease is not None}
    if released is not None:
        names.update(name for (name,) in connection.execute(select(leases.c.account).where(released)))
    lock_accounts(connection, names)


def _new(ended: Sequence[Ended], connection: Connection) -> Sequence[Ended]:
    """The ends of requests that have none in the books; of several ends of one request, the first."""
    unique = {line.id: line for line in reversed(ended)}
    booked = known(connection, records.c.id, unique)
    if not booked and len(unique) == len(ended):
        return ended
    for name in booked:
        del unique[name]
    return list(reversed(unique.values()))


def _hold(connection: Connection, begun: Mapping[str, Begun]) -> None:
    """Write down what is held for requests that are open."""
    paid = {name: line for name, line in begun.items() if line.lease is not None}
    for name in known(connection, records.c.id, paid):  # it has ended in another journal
        del paid[name]
    rows = [(name, wallet_of(line.user or ""), line.held, line.at) for name, line in paid.items()]
    insert_new(connection, holds, HOLD, rows)


def _resolve(connection: Connection, ended: Sequence[str]) -> None:
    """Nothing is held any more for requests that had begun before."""
    if ended:
        connection.execute(delete(holds).where(among(connection, holds.c.request, ended)))


def _charge(connection: Connection, ended: Sequence[Ended], columns: Columns) -> None:
    """Book what the requests cost, and take it from their leases and credits."""
    within = [
        line
        for line in ended
        if len(line.charges) == 1 and line.lease is not None and 0 < line.charges[0].cost <= line.held
    ]
    alone = len(within) == len(ended)
    leased, spent = defaultdict[str, int](int), defaultdict[str, int](int)
    if within:
        if not alone:
            columns = by_columns(within)
        attempts, costs = zip(*[(one.attempt, one.cost) for (one,) in columns["charges"]], strict=True)
        leased |= added_by(columns["lease"], costs)
        charged = Charged(columns["id"], attempts, columns["user"], costs, columns["at"])
        spent |= book_charges(connection, charged)
    if not alone:
        booked = {line.id for line in within}
        beyond = [line for line in ended if line.charges and line.lease is not None and line.id not in booked]
        _charge_beyond(connection, beyond, leased, spent)
    consume(connection, leased)
    spend_grants(connection, spent)


def _charge_beyond(
    connection: Connection, ended: Sequence[Ended], leased: dict[str, int], spent: dict[str, int]
) -> None:
    """Book what requests cost that have several charges, or cost more than was held for them; and add what
    that takes of leases and of users' credits.
    """
    bookings: list[Booking] = []
    rooms: dict[str, int] = {}
    for line in ended:
        user, lease, left = line.user, line.lease, line.held
        assert user is not None and lease is not None, "a wallet pays"  # noqa: PT018 one state
        for charge in line.charges:
            cost = charge.cost
            part, room = cost, 0
            if cost > left:
                part, room = left, _room(connection, rooms, user)
            for one in charges(user, line.id, charge.attempt, cost, left, room):
                bookings.append(Booking(one, line.at))
                if one.kind == "overrun":
                    rooms[user] += one.amount
            left -= part
            leased[lease] += part
    for one, _ in book(connection, bookings):
        if one.amount:
            spent[one.user] -= one.amount


def _room(connection: Connection, rooms: dict[str, int], user: str) -> int:
    """What a wallet has beyond its holds: what is held for other requests is theirs."""
    if user not in rooms:
        balance = balance_of(connection, wallet_of(user), lock=True)
        rooms[user] = balance.available + balance.overdraft
    return rooms[user]


def _record(connection: Connection, columns: Columns) -> None:
    """Write the records of requests."""
    changed = {
        "at": columns["began"],
        "estimated": list(map(int, columns["estimated"])),  # what sqlite3 need not adapt
        "detail": list(map(str, columns["detail"], repeat("utf-8"))),
    }
    write(connection, records, {name: changed.get(name) or columns[name] for name in RECORD})


def _count(connection: Connection, found: Iterable[Alike]) -> None:
    """Add what the requests cost to the spending of their keys, users, teams and models."""
    sums: dict[tuple[str, str], list[int]] = {}
    for one in found:
        day, added = _day(one.at // DAY_MS), (one.cost, len(one.ended), one.tokens)
        names = (("key", one.key), ("user", one.user), ("team", one.team), ("model", one.model))
        for what, name in names:
            if name is not None:
                for period in (day, day[:7]):
                    known = sums.setdefault((f"{what}:{name}", period), [0, 0, 0])
                    known[:] = map(add, known, added)
    rows = [(*named, *total) for named, total in sorted(sums.items())]
    add_up(connection, spending, SPENDING, rows, SPENDING[2:])


def _samples(found: Iterable[Alike]) -> dict[Common, list[Answered | Sample]]:
    """What requests add to the figures. Those that were lost with their worker count as failed."""
    samples: defaultdict[Common, list[Answered | Sample]] = defaultdict(list)
    for one in found:
        samples[one.at, one.user, one.key] += [
            line.answered or line.figures or _sample(line) for line in one.ended
        ]
    return samples


def _sample(line: Ended) -> Sample:
    lost = line.ended == LOST
    return Sample(line.status, 0.0, error=lost, rated=lost)


@lru_cache(maxsize=64)
def _day(number: int) -> str:
    """The date of a day since 1970."""
    return datetime.fromtimestamp(number * DAY_MS / 1000, UTC).strftime("%Y-%m-%d")
