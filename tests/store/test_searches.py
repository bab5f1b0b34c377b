"""Searches for the words of an error: the same requests, however they are found."""

from itertools import product

import pytest

from tidegate.store import requests
from tidegate.store.database import Database
from tidegate.store.history import Position
from tidegate.store.journal import Ended
from tidegate.store.moving import apply
from tidegate.store.requests import Search, list_requests

ERRORS = (None, "503 Overloaded", "429 rate limit", None, "100%_of\\it", "the stream ended early")


def fill(database: Database) -> None:
    """60 requests of 3 users, 3 of each millisecond; one of them has no user."""
    lines = [
        Ended(
            id=f"req_{number:03}", at=1000 + number // 3, ended="complete", status=200,
            user=f"user-{number % 3}" if number else None, model=f"model-{number % 2}",
            error=ERRORS[number % 6],
        )
        for number in range(60)
    ]  # fmt: skip
    with database.write() as connection:
        apply(connection, lines)


def ids(database: Database, text: str, filters: dict[str, str], page: int = 100) -> list[str]:
    found: list[str] = []
    before = None
    with database.read() as connection:
        while rows := list_requests(connection, Search(filters, text=text), before=before, limit=page):
            found += [one.id for one in rows]
            before = Position(rows[-1].at, rows[-1].id)
    return found


FILTERS: tuple[dict[str, str], ...] = (
    {}, {"user": "user-1"}, {"user": "user-2", "model": "model-1"}, {"door": "x"},
)  # fmt: skip


def test_errors_are_found_whichever_way_is_taken(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(database)
    for few, filters, text in product(
        (0, 7, 1000), FILTERS, ("overloaded", "STREAM ended", "%_of\\", "no such words", "4")
    ):
        monkeypatch.setattr(requests, "FEW", few)
        expected = matching(text, filters)
        assert ids(database, text, filters) == expected, (few, filters, text)
        assert ids(database, text, filters, page=2) == expected, (few, filters, text)


def matching(text: str, filters: dict[str, str]) -> list[str]:
    found = []
    for number in reversed(range(60)):
        has = {"user": f"user-{number % 3}" if number else None, "model": f"model-{number % 2}"}
        passes = all(has.get(name) == value for name, value in filters.items())
        if passes and text.lower() in (ERRORS[number % 6] or "").lower():
            found.append(f"req_{number:03}")
    return found


def test_only_the_latest_errors_are_read_without_a_narrow_filter(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "MOST_SEARCHED", 6)
    fill(database)
    assert ids(database, "overloaded", {}) == ["req_055"]
    assert len(ids(database, "overloaded", {"user": "user-1"})) == 10
    monkeypatch.setattr(requests, "FEW", 19)
    assert ids(database, "overloaded", {"user": "user-1"}) == ["req_055"]
