"""Records are found by their id, or by how it begins."""

import pytest

from tidegate.store.database import Database
from tidegate.store.lookup import find_records
from tidegate.store.tables import records

IDS = ("req_0a01", "req_0a02", "req_0a021", "req_0%", "reqx0a01")


@pytest.mark.parametrize(
    ("beginning", "found"),
    [
        ("req_0a01", ["req_0a01"]),
        ("req_0a02", ["req_0a02"]),  # it is one itself
        ("req_0a", ["req_0a01", "req_0a02", "req_0a021"]),
        ("req_0%", ["req_0%"]),
        ("req_1", []),
    ],
)
def test_a_record_is_found_by_its_id_or_its_beginning(
    database: Database, beginning: str, found: list[str]
) -> None:
    rows = [
        {"id": one, "at": 1, "ended": "complete", "status": 200, "detail": f'{{"id":"{one}"}}'} for one in IDS
    ]
    with database.write() as connection:
        connection.execute(records.insert(), rows)
    with database.read() as connection:
        assert find_records(connection, beginning) == {one: f'{{"id":"{one}"}}'.encode() for one in found}
