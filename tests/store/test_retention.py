"""What is deleted after some days, and what stays."""

from msgspec import Raw
from sqlalchemy import func, select

from tidegate.store.bodies import Body, find_bodies, insert_bodies, pack_bodies
from tidegate.store.database import Database
from tidegate.store.journal import Ended
from tidegate.store.moving import apply
from tidegate.store.requests import Search, find_request, list_requests
from tidegate.store.retention import BATCH, delete_old_bodies, delete_old_records
from tidegate.store.sessions import SessionPosition, find_session, list_sessions
from tidegate.store.tables import records, sessions, spending

DETAIL = Raw(b'{"usage":{"input":10,"cache_read":5,"output":3,"reasoning":1}}')


def ended(number: int, at: int, **more: object) -> Ended:
    return Ended(
        id=f"req_{number:06x}", at=at, begun_at=at, ended="complete", status=200, user="alice", cost=7,
        detail=DETAIL, **more,
    )  # type: ignore[arg-type]  # fmt: skip


def test_old_records_are_deleted_in_batches_and_the_rest_stays(database: Database) -> None:
    with database.write() as connection:
        apply(connection, [ended(number, number, session="old") for number in range(1, BATCH + 51)])
        apply(connection, [ended(9999, 10_000, session="new")])
    deleted = []
    while True:
        with database.write() as connection:
            deleted.append(delete_old_records(connection, 5000))
        if not deleted[-1]:
            break
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(records)).scalar() == 1
        assert connection.execute(select(sessions.c.session)).scalars().all() == ["new"]
        assert connection.execute(select(func.sum(spending.c.requests))).scalar() == 2 * (BATCH + 51)
    assert deleted == [BATCH, 50, 1, 0]


def test_old_bodies_are_deleted(database: Database) -> None:
    bodies = {
        "request": Body("你好", bytes=6),
        "0.response": Body("x", truncated=True, redacted=True, bytes=9),
    }
    with database.write() as connection:
        insert_bodies(connection, [pack_bodies("req_1", 100, bodies), pack_bodies("req_2", 300, bodies)])
    with database.read() as connection:
        assert find_bodies(connection, "req_1") == bodies
    with database.write() as connection:
        assert delete_old_bodies(connection, 200) == 1
    with database.read() as connection:
        assert find_bodies(connection, "req_1") == {}
        assert find_bodies(connection, "req_2") == bodies


def test_sessions_are_summed_up_and_paged(database: Database) -> None:
    with database.write() as connection:
        for number in range(1, 8):
            apply(connection, [ended(number, number * 100, session=f"s-{number % 3}", model=f"m-{number}")])
    with database.read() as connection:
        first = list_sessions(connection, filters={}, limit=2)
        assert [(one.session, one.last, one.requests) for one in first] == [("s-1", 700, 3), ("s-0", 600, 2)]
        assert (first[0].tokens.input, first[0].tokens.reasoning, first[0].cost) == (30, 3, 21)
        assert first[0].models == ["m-1", "m-4", "m-7"]
        before = SessionPosition(first[1].last, first[1].session)
        rest = list_sessions(connection, filters={}, before=before, limit=2)
        assert [one.session for one in rest] == ["s-2"]
        assert find_session(connection, "s-1", {"model": "m-4"}).requests == 1  # type: ignore[union-attr]


def test_words_of_errors_are_found_whatever_they_are_made_of(database: Database) -> None:
    with database.write() as connection:
        apply(
            connection, [ended(1, 100, error="100% of _it_"), ended(2, 200, error="Nothing"), ended(3, 300)]
        )
    with database.read() as connection:

        def found(text: str) -> list[str]:
            return [one.id for one in list_requests(connection, Search(text=text))]

        assert found("0% OF _") == ["req_000001"]
        assert found("%") == ["req_000001"]
        assert found("nothing") == ["req_000002"]
        assert found("req_00000") == ["req_000003", "req_000002", "req_000001"]
        assert found("req_000003") == ["req_000003"]
        assert found("' OR 1=1 --") == []
        assert find_request(connection, "req_000001", {"user": "bob"}) is None
