"""What the command line does to a store, on both databases."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tidegate.cli.main import app
from tidegate.store.database import Database
from tidegate.store.keys import changed_keys, find_key, version_of_keys
from tidegate.store.prices import prices_in_order, version_of_prices
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


def test_a_name_revokes_what_was_rotated_and_an_id_only_itself(run: Run, url: str) -> None:
    run("keys create ci")
    run("keys create other")
    database = Database(url)
    ids = []
    for _ in range(3):
        with database.read() as connection:
            found = find_key(connection, "ci")
            assert found is not None
            ids.append(found["id"])
        run("keys rotate ci")
    said = run(f"keys revoke {ids[1]}")
    assert said == f"revoked {ids[1]}, named ci\n"
    with database.read() as connection:
        newest = find_key(connection, "ci")
    assert newest is not None
    assert run("keys revoke ci") == f"revoked {newest['id']}, {ids[2]}, {ids[0]}, named ci\n"
    assert [key["name"] for key in json.loads(run("keys list --json"))] == ["other"]
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
    assert "3 transactions, 1 wallet" in run("ledger check")


def test_a_reader_sees_one_moment(database: Database) -> None:
    with database.read() as reading:
        assert wallet_balances(reading) == {}
        with database.write() as writing:
            add_credit(writing, "alice", USD, 1, reference="a")
        assert wallet_balances(reading) == {}
    with database.read() as reading:
        assert wallet_balances(reading)["alice"].posted == USD


def test_prices_are_set_listed_and_removed(run: Run, url: str, tmp_path: Path) -> None:
    (tmp_path / "tidegate.toml").write_text('[providers.demo]\nkind = "demo"')
    said = run("prices set demo/m input=1.50 output=6 image[1024x1024:hd]=0.08 --note cheaper")
    assert "input 1.50, output 6, an image 0.08 (USD" in said
    run("prices set demo/m input=2 output=7 --from 2100-01-01")
    later, first = json.loads(run("prices list --json"))
    assert (first["rates"], first["images"]) == (
        {"input": "1.50", "output": "6"}, [{"price": "0.08", "size": "1024x1024", "quality": "hd"}],
    )  # fmt: skip
    assert "waits" in run("prices list demo/m")
    assert run(f"prices remove demo/m --id {later['id']}") == f"cancelled {later['id']}\n"
    assert "costs again" in run("prices remove demo/m")
    database = Database(url)
    with database.read() as connection:
        rows = prices_in_order(connection)
        assert [row["rates"] for row in rows] == [first["rates"], None]
        assert version_of_prices(connection) == 4
    database.close()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("prices set demo/m input=cheap", "is not a number"),
        ("prices set demo/m inputs=1", "is not CLASS=USD"),
        ("prices set demo/m input=-1", "a price is from 0"),
        ("prices set nobody/m input=1", "does not begin with a configured provider"),
        ("prices set demo/m input=1 --from 2020-01-01", "the time is past"),
        ("prices remove demo/m", "nothing was set for demo/m"),
    ],
)
def test_a_wrong_price_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    file = '[store]\nurl = "sqlite:///t.db"\n[providers.demo]\nkind = "demo"'
    (tmp_path / "tidegate.toml").write_text(file)
    CliRunner().invoke(app, ["prices", "set", "demo/other", "input=1"])
    result = CliRunner().invoke(app, line.split(), env={"COLUMNS": "200"})
    assert result.exit_code in (1, 2)
    assert said in result.output
