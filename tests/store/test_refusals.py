"""Refused requests in the store, on both databases."""

from tidegate.store.database import Database
from tidegate.store.refusals import SPAN_MS, Counted, Reason, add_refusals, list_refusals


def test_what_is_told_of_an_example_is_of_one_request(database: Database) -> None:
    """That of the last one, also of several times: the parts of others are greater."""
    whose = ("openai", 429, "rate_limit_exceeded", "bob", "", "")
    first = Counted(5, SPAN_MS + 7, "req_z", "z", "9.9.9.9", "you are over a limit")
    second = Counted(2, 2 * SPAN_MS + 3, "req_a", "a", "1.1.1.1", "a limit")
    other = ("openai", 401, "invalid_api_key", "", "", "sk-pro")
    with database.write() as connection:
        add_refusals(connection, {Reason(SPAN_MS, *whose): first, Reason(SPAN_MS, *other): first})
        add_refusals(connection, {Reason(2 * SPAN_MS, *whose): second})
        add_refusals(connection, {Reason(2 * SPAN_MS, *whose): second})
        found = list_refusals(connection, since=SPAN_MS, until=3 * SPAN_MS, filters={})
        later = list_refusals(connection, since=2 * SPAN_MS, until=3 * SPAN_MS, filters={"user": "bob"})
        paged = list_refusals(connection, since=0, until=3 * SPAN_MS, filters={}, limit=1, offset=1)
    assert found == [
        (*whose, 9, 2 * SPAN_MS + 3, "req_a", "a", "1.1.1.1", "a limit"),
        (*other, 5, SPAN_MS + 7, "req_z", "z", "9.9.9.9", "you are over a limit"),
    ]
    assert [one.requests for one in later] == [4]
    assert paged == found[1:]
