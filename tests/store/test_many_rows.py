"""Many rows in one statement, with columns that have no value in any of them."""

import pytest
from sqlalchemy import select

from tidegate.store.database import Database
from tidegate.store.tables import records
from tidegate.store.upsert import insert, known, replace

COLUMNS = ("id", "at", "user", "team", "ended", "status", "cost", "estimated", "error", "detail")


@pytest.mark.parametrize("number", [1, 31, 32, 33, 500])
@pytest.mark.parametrize("named", [(), (0,), (400,), (3, 17)])
def test_what_is_null_arrives_as_null(database: Database, number: int, named: tuple[int, ...]) -> None:
    rows = [
        (f"r{place:03}", place, "alice" if place in named else None, None, "complete", 200,
         None if place % 2 else place, False, None, "{}")
        for place in range(number)
    ]  # fmt: skip
    with database.write() as connection:
        insert(connection, records, COLUMNS, rows)
        found = connection.execute(select(*(records.c[name] for name in COLUMNS)).order_by(records.c.id))
        assert [tuple(row) for row in found] == rows


def test_a_value_can_be_replaced_by_nothing(database: Database) -> None:
    rows = [(f"r{place:03}", 1, "complete", 200, False, "{}", "wrong") for place in range(40)]
    columns = ("id", "at", "ended", "status", "estimated", "detail", "error")
    with database.write() as connection:
        insert(connection, records, columns, rows)
        replace(connection, records, columns, [(*row[:6], None) for row in rows], ["error"])
        assert set(connection.execute(select(records.c.error)).scalars()) == {None}


@pytest.mark.parametrize("prefix", ["req_0123456789abcdef", "", "x"])
def test_ids_are_known_wherever_they_lie(database: Database, prefix: str) -> None:
    rows = [(f"{prefix}{place:03}", 1, "complete", 200, False, "{}") for place in range(0, 100, 3)]
    with database.write() as connection:
        insert(connection, records, ("id", "at", "ended", "status", "estimated", "detail"), rows)
        asked = {f"{prefix}{place:03}" for place in range(1, 50, 2)} | {f"{prefix}zzz"}
        found = set(known(connection, records.c.id, asked))
        assert found == {f"{prefix}{place:03}" for place in range(3, 50, 6)}
        assert list(known(connection, records.c.id, ())) == []
