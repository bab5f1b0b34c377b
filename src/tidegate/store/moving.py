"""Moving journal lines into the database: in batches, in order, and each exactly once.

A batch and the position behind it are written in one transaction. So a batch that failed is moved again, one
that was committed is not, and a journal whose worker died is moved to its end by whoever finds it.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from operator import add
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, delete, select, update

from tidegate.figures import Sample
from tidegate.figures.history import Entry
from tidegate.money.ledger import charges, wallet_of

from .books import Booking, Charged, balance_of, book, book_charges, lock_accounts
from .costs import DAY_MS, count_costs
from .database import Database
from .journal import Begun, Ended, Line, Released, read, read_all
from .leases import consume, release, release_all
from .rollups import add_rollups
from .sessions import count_sessions
from .tables import holds, journals, leases, records, spending
from .upsert import add_up, insert, insert_new, known, replace
from .wallets import spend_grants

__all__ = ["LOST", "apply", "bury", "hand_over", "move", "move_all", "position_of"]

JOURNAL = ("id", "position", "at")
HOLD = ("request", "account", "amount", "state", "at", "resolved_at")
SPENDING = ("subject", "period", "amount", "requests", "tokens")
RECORD = (
    "id", "at", "user", "team", "key", "model", "provider", "provider_model", "ended", "status", "cost",
    "estimated", "door", "session", "error", "detail",
)  # fmt: skip

LOST = "gateway_lost"
"""How a request ended whose worker was killed: the provider may have answered, and nothing is charged."""


def move(database: Database, journal: str, path: Path, position: int, now: int) -> tuple[int, int]:
    """Move the next lines of a journal, of which there may be a thousand. Returns the position behind them,
    and how many there were. Raises DatabaseError, in which case nothing has changed.
    """
    lines, behind = read(path, position)
    if behind == position:
        return position, 0
    with database.write() as connection:
        apply(connection, lines)
        replace(connection, journals, JOURNAL, [(journal, behind, now)], ("position", "at"))
    return behind, len(lines)


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
        lost = [_lost(line, now) for line in _open(path)]
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


def apply(connection: Connection, lines: Sequence[Line]) -> int:
    """Write lines into the books, but no second end of a request. Returns how many requests ended."""
    begun: dict[str, Begun] = {}
    ends: list[Ended] = []
    released: list[str] = []
    for line in lines:
        if type(line) is Begun:
            if line.lease is not None:
                begun[line.id] = line
        elif type(line) is Ended:
            ends.append(line)
        elif type(line) is Released:
            released.append(line.lease)
    _lock(connection, lines, leases.c.id.in_(released))
    ended = _new(ends, connection)
    for one in ended:
        begun.pop(one.id, None)
    _hold(connection, list(begun.values()))
    if ended:
        _charge(connection, ended)
        _resolve(connection, ended)
        flag = int if connection.dialect.name == "sqlite" else bool  # what its driver need not adapt
        insert(connection, records, RECORD, [_record(line, flag) for line in ended])
        _count(connection, ended)
        count_sessions(connection, ended)
    for lease in released:
        release(connection, lease)
    add_rollups(connection, [_entry(line) for line in ended])
    count_costs(connection, ended)  # under the lock of the rollups: other workers add to the same rows
    return len(ended)


def _lock(connection: Connection, lines: Sequence[Line], released: ColumnElement[bool]) -> None:
    """Lock the wallets that lines concern, and those of the leases that are given back."""
    if connection.dialect.name == "sqlite":
        return
    paying = [line for line in lines if not isinstance(line, Released) and line.lease is not None]
    names = {wallet_of(line.user or "") for line in paying}
    names.update(name for (name,) in connection.execute(select(leases.c.account).where(released)))
    lock_accounts(connection, names)


def _new(ended: Sequence[Ended], connection: Connection) -> list[Ended]:
    """The ends of requests that have none in the books; of several ends of one request, the first."""
    unique = {line.id: line for line in reversed(ended)}
    for name in known(connection, records.c.id, unique):
        del unique[name]
    return list(reversed(unique.values()))


def _hold(connection: Connection, begun: Sequence[Begun]) -> None:
    rows = [(line.id, wallet_of(line.user or ""), line.held, "held", line.at, None) for line in begun]
    insert_new(connection, holds, HOLD, rows)


def _charge(connection: Connection, ended: Sequence[Ended]) -> None:
    """Book what the requests cost, and take it from their leases and credits."""
    charged: list[Charged] = []
    bookings: list[Booking] = []
    leased: dict[str, int] = {}
    spent: Counter[str] = Counter()
    rooms: dict[str, int] = {}
    for line in ended:
        user, lease, left, parts = line.user, line.lease, line.held, line.charges
        if lease is None or user is None:
            continue
        if len(parts) == 1 and 0 < parts[0].cost <= left:
            attempt, cost, name = parts[0].attempt, parts[0].cost, line.id
            charged.append(Charged(f"{name}.{attempt}.charge", name, attempt, user, cost, line.at))
            leased[lease] = leased.get(lease, 0) + cost
            continue
        for charge in parts:
            cost = charge.cost
            part, room = cost, 0
            if cost > left:
                part, room = left, _room(connection, rooms, user)
            for one in charges(user, line.id, charge.attempt, cost, left, room):
                bookings.append(Booking(one, line.at))
                if one.kind == "overrun":
                    rooms[user] -= one.amount
            left -= part
            leased[lease] = leased.get(lease, 0) + part
    for _, _, _, user, cost, _ in book_charges(connection, charged):
        spent[user] += cost
    for one, _ in book(connection, bookings):
        if one.kind != "write_off":
            spent[one.user] += one.amount
    consume(connection, leased)
    spend_grants(connection, spent)


def _room(connection: Connection, rooms: dict[str, int], user: str) -> int:
    """What a wallet has beyond its holds: what is held for other requests is theirs."""
    if user not in rooms:
        balance = balance_of(connection, wallet_of(user), lock=True)
        rooms[user] = balance.available + balance.overdraft
    return rooms[user]


def _resolve(connection: Connection, ended: Sequence[Ended]) -> None:
    rows = [
        (line.id, wallet_of(line.user or ""), line.held, _state_of(line), line.begun_at, line.at)
        for line in ended
        if line.lease is not None
    ]
    replace(connection, holds, HOLD, rows, ("state", "resolved_at"))


def _state_of(line: Ended) -> str:
    """What became of the hold of a request."""
    if line.ended == LOST:
        return "expired"
    return "posted" if line.charges else "voided"


def _record(line: Ended, flag: type[int]) -> tuple[object, ...]:
    return (
        line.id, line.begun_at or line.at, line.user, line.team, line.key, line.model, line.provider,
        line.provider_model, line.ended, line.status, line.cost, flag(line.estimated), line.door,
        line.session, line.error, bytes(line.detail).decode(),
    )  # fmt: skip


def _count(connection: Connection, ended: Sequence[Ended]) -> None:
    """Add what the requests cost to the spending of their keys, users, teams and models."""
    alike: dict[tuple[object, ...], list[int]] = {}
    for line in ended:
        total = alike.setdefault((line.at // DAY_MS, line.key, line.user, line.team, line.model), [0, 0, 0])
        total[0] += line.cost or 0
        total[1] += 1
        total[2] += line.tokens
    sums: dict[tuple[str, str], list[int]] = {}
    for (number, *names), total in alike.items():
        day = _day(number)
        for what, name in zip(("key", "user", "team", "model"), names, strict=True):
            if name is not None:
                for period in (day, day[:7]):
                    known = sums.setdefault((f"{what}:{name}", period), [0, 0, 0])
                    known[:] = map(add, known, total)
    rows = [(*named, *total) for named, total in sorted(sums.items())]
    add_up(connection, spending, SPENDING, rows, SPENDING[2:])


def _entry(line: Ended) -> Entry:
    """What the figures take of a request. One that was lost with its worker counts as failed."""
    lost = line.ended == LOST
    sample = line.figures or Sample(line.status, 0.0, error=lost, rated=lost)
    return Entry(sample, line.at, line.user, line.key)


@lru_cache(maxsize=64)
def _day(number: int) -> str:
    """The date of a day since 1970."""
    return datetime.fromtimestamp(number * DAY_MS / 1000, UTC).strftime("%Y-%m-%d")
