"""What the command line does to a store, on both databases."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tidegate.cli.main import app
from tidegate.store.database import Database
from tidegate.store.keys import changed_keys, find_key, version_of_keys
from tidegate.store.spending import spent_in
from tidegate.store.tables import spending
from tidegate.store.wallets import add_credit, wallet_balances

Run = Callable[[str], str]
USD = 1_000_000_000


@pytest.fixture
def run(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)

    def run(line: str) -> str:
        result = CliRunner().invoke(app, [*line.split(), "--store", url])
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


def test_keys_are_made_rotated_and_revoked(run: Run, url: str) -> None:
    run("keys create ci --user alice --budget 5")
    database = Database(url)
    with database.write() as connection:
        old = find_key(connection, "ci")
        assert old is not None
        spent = {"subject": f"key:{old['id']}", "period": "2026-11", "amount": 7, "requests": 1, "tokens": 1}
        connection.execute(spending.insert(), [spent])
        before = version_of_keys(connection)
    run("users set alice --team research --rpm 5")
    run("keys rotate ci")
    run(f"keys revoke {old['id']}")
    with database.read() as connection:
        new = find_key(connection, "ci")
        assert new is not None
        assert (new["replaces"], spent_in(connection, f"key:{new['id']}", "2026-11")) == (old["id"], 7)
        changed = {row["id"]: row for row in changed_keys(connection, before)}
    assert changed.keys() == {old["id"], new["id"]}
    assert changed[new["id"]]["team"] == "research"
    assert [key["id"] for key in json.loads(run("keys list --json"))] == [new["id"]]
    database.close()


def test_money_moves_and_the_audit_finds_it_right(run: Run) -> None:
    run("wallets credit alice 2.5 --expires 1d")
    run("wallets credit alice 1 --priority -1")
    run("wallets debit alice 1.5")
    lines = json.loads(run("wallets statement alice --json"))
    assert [line["balance_usd"] for line in lines] == [2.5, 3.5, 2]
    later = json.loads(run("wallets statement alice --json --since 2020-01-01"))
    assert later == lines
    (credit,) = json.loads(run("wallets show alice --json"))["credits"]
    assert (credit["remaining_usd"], credit["priority"]) == (2, 0)
    assert "3 transactions, 1 wallets" in run("ledger check")


def test_a_reader_sees_one_moment(database: Database) -> None:
    with database.read() as reading:
        assert wallet_balances(reading) == {}
        with database.write() as writing:
            add_credit(writing, "alice", USD, 1, reference="a")
        assert wallet_balances(reading) == {}
    with database.read() as reading:
        assert wallet_balances(reading)["alice"].posted == USD
