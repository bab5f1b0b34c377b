"""What requests have cost: the sums of days, and those that are read from the records, in both databases."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations
from random import Random
from typing import Any

import pytest
from alembic import command
from alembic.config import Config

from tidegate.store import schema
from tidegate.store.costs import DAY_MS, DIMENSIONS, GROUPS, spent_by
from tidegate.store.database import Database
from tidegate.store.journal import Ended
from tidegate.store.moving import apply
from tidegate.store.retention import delete_old_records
from tidegate.store.schema import migrate

DAYS = 4
SEVERAL = ("user", "model")


def ends() -> list[Ended]:
    """Requests of a few days, some without a cost, a user, a team or a key; some ended a day later."""
    chance = Random(1)
    found = []
    for number in range(200):
        at = chance.choice([chance.randrange(1, DAYS * DAY_MS), chance.randrange(1, DAYS) * DAY_MS])
        later = chance.choice([0, 5, DAY_MS])
        found.append(
            Ended(
                id=f"req_{number:04}", at=at + later, begun_at=at, ended="complete", status=200,
                cost=chance.choice([None, 0, 3, 10**15]), user=chance.choice([None, "alice", "bob", "Ünal"]),
                team=chance.choice([None, "t"]), key=chance.choice([None, "k1", "k2"]),
                model=chance.choice(["m", "n"]), provider=chance.choice([None, "p", "q"]),
            )
        )  # fmt: skip
    return found


def summed_up(groups: Sequence[str], since: int, until: int, filters: dict[str, str]) -> list[Any]:
    """The right answer."""
    sums: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
    for one in ends():
        if since <= one.begun_at < until and all(
            getattr(one, key) == value for key, value in filters.items()
        ):
            day = one.begun_at - one.begun_at % DAY_MS
            counts = sums[tuple(day if name == "day" else getattr(one, name) for name in groups)]
            counts[0] += one.cost or 0
            counts[1] += 1
            counts[2] += one.cost is None
    return sorted(((dict(zip(groups, key, strict=True)), *counts) for key, counts in sums.items()), key=repr)


def questions() -> Iterator[tuple[Sequence[str], dict[str, str]]]:
    some: dict[str, str] = {"user": "alice", "team": "t", "key": "k1", "model": "n", "provider": "q"}
    for groups in (*combinations(GROUPS, 1), *combinations(GROUPS, 2), GROUPS[:3], GROUPS):
        yield groups, {}
        for name in DIMENSIONS:
            yield groups, {name: some[name]}
    yield ("day",), {"user": "alice", "model": "n"}
    yield ("user",), {"user": ""}


@pytest.fixture
def filled(database: Database) -> Database:
    with database.write() as connection:
        for start in range(0, 200, 30):
            apply(connection, ends()[start : start + 30])
    return database


WINDOWS = (
    (0, DAYS * DAY_MS), (DAY_MS, 2 * DAY_MS), (1, DAYS * DAY_MS - 1), (DAY_MS - 1, DAY_MS + 1),
    (DAY_MS // 2, 2 * DAY_MS), (5, 9), (2 * DAY_MS, DAY_MS), (-DAY_MS, 90 * DAY_MS),
)  # fmt: skip


def test_every_question_has_the_same_answer_as_the_requests(filled: Database) -> None:
    with filled.read() as connection:
        for groups, filters in questions():
            for since, until in WINDOWS:
                found = spent_by(connection, groups, since=since, until=until, filters=filters)
                right = summed_up(groups, since, until, filters)
                assert sorted(map(tuple, found), key=repr) == right, (groups, filters, since, until)


def test_pages_join(filled: Database) -> None:
    with filled.read() as connection:
        for groups in (("day", "user"), SEVERAL):
            window: dict[str, Any] = {"since": 7, "until": DAYS * DAY_MS - 7}
            whole = spent_by(connection, groups, **window, filters={})
            pages = [
                spent_by(connection, groups, **window, filters={}, limit=2, offset=offset)
                for offset in range(0, len(whole), 2)
            ]
            assert [one for page in pages for one in page] == whole
            assert whole[0].by["user"] is None


def test_the_sums_of_days_outlive_the_requests(filled: Database) -> None:
    with filled.write() as connection:
        while delete_old_records(connection, DAYS * DAY_MS):
            pass
    with filled.read() as connection:
        window: dict[str, Any] = {"since": 0, "until": DAYS * DAY_MS, "filters": {}}
        found = spent_by(connection, ["user"], **window)
        assert sorted(map(tuple, found), key=repr) == summed_up(["user"], 0, DAYS * DAY_MS, {})
        assert spent_by(connection, SEVERAL, **window) == []


def test_requests_from_before_are_in_the_sums(filled: Database) -> None:
    settings = Config()
    settings.set_main_option("script_location", str(schema.MIGRATIONS))
    with filled.write() as connection:
        settings.attributes["connection"] = connection
        command.downgrade(settings, "0013")
    migrate(filled)
    with filled.read() as connection:
        for groups, filters in questions():
            found = spent_by(connection, groups, since=0, until=DAYS * DAY_MS, filters=filters)
            right = summed_up(groups, 0, DAYS * DAY_MS, filters)
            assert sorted(map(tuple, found), key=repr) == right, (groups, filters)
