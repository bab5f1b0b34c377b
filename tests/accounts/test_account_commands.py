"""`tidegate keys`, `users`, `teams`, `wallets` and `ledger`, as an operator's scripts call them."""

import asyncio
import csv
import io
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import update
from typer.testing import CliRunner, Result

from running import Gateway
from tidegate.accounts.api_keys import digest_of
from tidegate.cli.main import app
from tidegate.store.database import Database
from tidegate.store.journal import Charge, Ended
from tidegate.store.keys import change_key, find_key
from tidegate.store.leases import take_lease
from tidegate.store.moving import apply
from tidegate.store.spending import spent_in
from tidegate.store.tables import accounts, grants, spending

Run = Callable[..., Result]
USD = 1_000_000_000
FILE = """
[store]
url = "sqlite:///{folder}/tidegate.db"
[billing]
enabled = true
overdraft_usd = 0.25
[providers.demo]
kind = "demo"
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    for name in os.environ.keys() - {"PATH", "HOME"}:
        monkeypatch.delenv(name)
    (tmp_path / "tidegate.toml").write_text(FILE.format(folder=tmp_path))

    def run(line: str) -> Result:
        return CliRunner().invoke(app, line.split(), env={"COLUMNS": "200"})

    return run


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(f"sqlite:///{tmp_path}/tidegate.db")


def succeed(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout


def secret_of(result: Result) -> str:
    return succeed(result).splitlines()[-1]


# --- keys --------------------------------------------------------------------------------------


def test_standard_output_of_create_is_the_key_alone(run: Run) -> None:
    result = run("keys create ci --user alice --rpm 60 --budget 5 --per day")
    lines = succeed(result).splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("sk-tide-")
    assert "created key_" in result.stderr
    assert lines[0] not in result.stderr


def test_a_key_is_stored_as_a_digest_and_shown_never_again(run: Run, tmp_path: Path) -> None:
    secret = secret_of(run("keys create ci --user alice"))
    for line in ("keys list", "keys list --json", "keys show ci", "keys show ci --json"):
        shown = succeed(run(line))
        assert secret[:12] in shown
        assert secret not in shown
        assert digest_of(secret).hex() not in shown
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("tidegate.db*"))
    assert digest_of(secret).hex().encode() in stored
    assert secret.encode() not in stored


def test_every_option_of_create_is_in_the_settings(run: Run) -> None:
    line = (
        "keys create ci --user alice --rpm 60 --tpm 1000 --concurrent 3 --budget 5.5 --per day "
        "--models gpt-*,claude-* --models o3 --providers demo --addresses 10.0.0.0/8,::1 --tags a,b "
        "--expires 2999-01-31"
    )
    succeed(run(line))
    (key,) = json.loads(succeed(run("keys list --json")))
    assert key["settings"] == {
        "limits": {"requests_per_minute": 60, "tokens_per_minute": 1000, "concurrent": 3},
        "budgets": [{"amount": 5_500_000_000, "period": "day"}],
        "models": ["gpt-*", "claude-*", "o3"],
        "providers": ["demo"],
        "addresses": ["10.0.0.0/8", "::1"],
        "tags": ["a", "b"],
    }
    assert (key["user"], key["state"], key["expires_at"]) == ("alice", "active", 32_474_736_000_000)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--expires soon", "is not a time"),
        ("--budget 0", "above zero"),
        ("--budget 1 --per week", "no period"),
        ("--addresses 10.0.0.0/99", "does not appear"),
        ("--rpm 0", "--rpm"),
    ],
)
def test_a_wrong_option_makes_no_key(run: Run, options: str, said: str) -> None:
    result = run(f"keys create ci {options}")
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""
    assert run("keys list").exit_code == 1  # nothing has made a store


def test_a_rotated_key_works_on_for_the_overlap_and_its_spending_counts_on(
    run: Run, database: Database
) -> None:
    old = secret_of(run("keys create ci --user alice --budget 5 --expires 30d"))
    with database.write() as connection:
        row = find_key(connection, "ci")
        assert row is not None
        subject = f"key:{row['id']}"
        connection.execute(
            spending.insert(),
            [{"subject": subject, "period": "2026-11", "amount": 7, "requests": 1, "tokens": 2}],
        )
    new = secret_of(run("keys rotate ci --overlap 2h"))
    keys = json.loads(succeed(run("keys list --json")))
    assert [(key["prefix"], key["state"]) for key in keys] == [(old[:12], "rotated"), (new[:12], "active")]
    before, after = keys
    assert after["replaces"] == before["id"]
    assert before["revoked_at"] - after["created_at"] == 2 * 3600 * 1000
    assert [after[name] for name in ("name", "user", "settings", "expires_at")] == [
        before[name] for name in ("name", "user", "settings", "expires_at")
    ]
    with database.read() as connection:
        assert spent_in(connection, f"key:{after['id']}", "2026-11") == 7
    again = run(f"keys rotate {before['id']}")
    assert (again.exit_code, again.stdout) == (1, "")


def expire(database: Database, name: str) -> str:
    """Let a key expire; its id."""
    with database.write() as connection:
        row = find_key(connection, name)
        assert row is not None
        change_key(connection, row["id"], {"expires_at": 1})
        return str(row["id"])


@pytest.mark.parametrize(("expires", "state"), [("30d", "active"), ("never", "active")])
def test_an_expired_key_is_rotated_only_to_one_with_an_expiry_of_its_own(
    run: Run, database: Database, expires: str, state: str
) -> None:
    succeed(run("keys create ci --user alice --expires 30d"))
    old = expire(database, "ci")
    refused = run("keys rotate ci")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert f"{old} expired at 1970-01-01 00:00:00 UTC" in refused.stderr
    assert "--expires" in refused.stderr
    assert len(json.loads(succeed(run("keys list --all --json")))) == 1
    result = run(f"keys rotate ci --expires {expires}")
    secret_of(result)
    assert "which works no longer" in result.stderr
    keys = json.loads(succeed(run("keys list --all --json")))
    assert {key["state"] for key in keys if key["id"] != old} == {state}
    assert {key["state"] for key in keys if key["id"] == old} == {"expired"}


@pytest.mark.parametrize("command", ["keys create cd", "keys rotate ci"])
def test_no_key_is_made_that_has_expired_already(run: Run, command: str) -> None:
    succeed(run("keys create ci"))
    result = run(f"{command} --expires 2020-01-01")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "the key would have expired already" in result.stderr
    (key,) = json.loads(succeed(run("keys list --all --json")))
    assert key["state"] == "active"


def test_an_overlap_ends_when_the_old_key_expires(run: Run) -> None:
    succeed(run("keys create ci --expires 2h"))
    said = run("keys rotate ci --overlap 30d").stderr
    (old, _) = json.loads(succeed(run("keys list --json")))
    ends = datetime.fromtimestamp(old["expires_at"] / 1000, UTC)
    assert f"which works until {ends:%Y-%m-%d %H:%M:%S} UTC" in said


def test_a_key_in_its_overlap_can_be_revoked_at_once(run: Run) -> None:
    succeed(run("keys create ci"))
    (old,) = json.loads(succeed(run("keys list --json")))
    succeed(run("keys rotate ci"))
    assert succeed(run(f"keys revoke {old['id']}")).startswith("revoked ")
    assert succeed(run(f"keys revoke {old['id']}")).startswith("was revoked already")
    assert json.loads(succeed(run(f"keys show {old['id']} --json")))["state"] == "revoked"
    (left,) = json.loads(succeed(run("keys list --json")))
    assert left["replaces"] == old["id"]


def test_a_name_that_several_keys_have_is_not_enough(run: Run) -> None:
    succeed(run("keys create ci"))
    succeed(run("keys create ci"))
    result = run("keys revoke ci")
    assert result.exit_code == 1
    ids = [key["id"] for key in json.loads(succeed(run("keys list --json")))]
    assert all(name in result.stderr for name in ids)
    assert run("keys revoke nobody").exit_code == 1


async def test_a_running_gateway_follows_the_commands(run: Run, tmp_path: Path) -> None:
    store = f'[store]\nurl = "sqlite:///{tmp_path}/tidegate.db"'
    async with Gateway({"demo": ("demo", "")}, more=store) as gateway:

        async def status(secret: str) -> int:
            body = {"model": "demo/echo", "messages": [{"role": "user", "content": "Hello"}]}
            headers = {"authorization": f"Bearer {secret}"}
            return (await gateway.post("/v1/chat/completions", body, headers)).status

        async def follow(secret: str, wanted: int) -> None:
            for _ in range(200):
                if await status(secret) == wanted:
                    return
            raise AssertionError(f"the status never became {wanted}")

        old = secret_of(await asyncio.to_thread(run, "keys create ci --user alice"))
        await asyncio.sleep(0.5)
        await follow(old, 200)
        new = secret_of(await asyncio.to_thread(run, "keys rotate ci"))
        await asyncio.sleep(0.5)
        await follow(new, 200)
        assert await status(old) == 200
        succeed(await asyncio.to_thread(run, "users set alice --disable"))
        await asyncio.sleep(0.5)
        await follow(new, 401)
        assert await status(old) == 401
        succeed(await asyncio.to_thread(run, "users set alice --enable"))
        await asyncio.sleep(0.5)
        await follow(new, 200)
        succeed(await asyncio.to_thread(run, "keys revoke ci"))
        await asyncio.sleep(0.5)
        await follow(new, 401)
        await follow(old, 401)


# --- users and teams ---------------------------------------------------------------------------


def test_what_is_not_given_stays_as_it_was(run: Run) -> None:
    succeed(run("users set alice --name Alice --team research --rpm 60 --budget 5 --no-wallet"))
    succeed(run("users set alice --tpm 100 --budget 1 --per day"))
    (user,) = json.loads(succeed(run("users list --json")))
    assert (user["id"], user["name"], user["team"]) == ("alice", "Alice", "research")
    assert user["settings"] == {
        "limits": {"requests_per_minute": 60, "tokens_per_minute": 100},
        "budgets": [{"amount": 5_000_000_000}, {"amount": 1_000_000_000, "period": "day"}],
        "wallet": False,
    }
    succeed(run("users set alice --clear --concurrent 2 --enable"))
    (user,) = json.loads(succeed(run("users list --json")))
    assert user["settings"] == {"limits": {"concurrent": 2}}
    assert user["team"] == "research"
    assert "2 at a time" in succeed(run("users list"))


def test_a_team_has_a_margin_and_budgets(run: Run) -> None:
    succeed(run("teams set research --margin -0.10 --budget 100"))
    (team,) = json.loads(succeed(run("teams list --json")))
    assert team["settings"] == {"budgets": [{"amount": 100_000_000_000}], "margin": "-0.10"}
    assert "margin -0.10" in succeed(run("teams list"))
    assert run("teams set research --margin much").exit_code == 2


# --- wallets -----------------------------------------------------------------------------------


def test_credits_and_debits_are_in_the_statement(run: Run) -> None:
    assert "balance: 12.50 USD" in succeed(
        run("wallets credit alice 12.50 --note gift --reference invoice-7")
    )
    repeated = run("wallets credit alice 12.50 --reference invoice-7")
    assert succeed(repeated) == "balance: 12.50 USD, available: 12.50 USD\n"
    assert "booked already" in repeated.stderr
    assert "balance: 12.00 USD" in succeed(run("wallets debit alice 0.5"))
    lines = json.loads(succeed(run("wallets statement alice --json")))
    assert [(line["kind"], line["amount_usd"], line["balance_usd"]) for line in lines] == [
        ("credit", 12.5, 12.5),
        ("debit", -0.5, 12),
    ]
    assert (lines[0]["note"], lines[0]["reference"]) == ("gift", "invoice-7")
    rows = list(csv.DictReader(io.StringIO(succeed(run("wallets statement alice --csv")))))
    assert [(row["amount_usd"], row["balance_usd"]) for row in rows] == [
        ("12.50", "12.50"),
        ("-0.50", "12.00"),
    ]
    assert "invoice-7" in succeed(run("wallets statement alice"))
    assert json.loads(succeed(run("wallets statement alice --json --until 2020-01-01"))) == []
    assert len(json.loads(succeed(run("wallets statement alice --json --since 2020-01-01")))) == 2


def test_a_wallet_shows_its_credits_in_the_order_of_spending(run: Run) -> None:
    succeed(run("wallets credit alice 1"))
    succeed(run("wallets credit alice 2 --expires 30d"))
    succeed(run("wallets credit alice 3 --priority -1"))
    wallet = json.loads(succeed(run("wallets show alice --json")))
    assert [credit["remaining_usd"] for credit in wallet.pop("credits")] == [3, 2, 1]
    assert wallet == {
        "user": "alice", "balance_usd": 6, "held_usd": 0, "available_usd": 6, "overdraft_usd": 0.25,
    }  # fmt: skip
    assert "credits, in the order" in succeed(run("wallets show alice"))
    assert json.loads(succeed(run("wallets list --json"))) == [wallet]


def test_a_credit_that_has_expired_is_in_no_balance(run: Run, database: Database) -> None:
    succeed(run("wallets credit alice 2 --expires 30d"))
    succeed(run("wallets credit alice 1"))
    with database.write() as connection:
        connection.execute(update(grants).where(grants.c.expires_at.is_not(None)).values(expires_at=1))
    assert json.loads(succeed(run("wallets show alice --json")))["available_usd"] == 1
    lines = json.loads(succeed(run("wallets statement alice --json")))
    assert [(line["kind"], line["balance_usd"]) for line in lines][-1] == ("expiry", 1)
    succeed(run("ledger check"))


def test_what_a_request_cost_is_given_back_once(run: Run, database: Database) -> None:
    succeed(run("wallets credit alice 2"))
    with database.write() as connection:
        lease = take_lease(connection, "alice", USD, 0, 0, "journal", 1)
        ended = Ended(
            id="req_1", at=2, ended="complete", status=200, user="alice", lease=lease.id, held=USD,
            charges=(Charge(0, USD),), cost=USD,
        )  # fmt: skip
        apply(connection, [ended])
    assert json.loads(succeed(run("wallets show alice --json")))["balance_usd"] == 1
    assert "refunded 1.00 USD" in succeed(run("wallets refund req_1 --note sorry"))
    assert json.loads(succeed(run("wallets show alice --json")))["balance_usd"] == 2
    assert run("wallets refund req_1").exit_code == 1
    assert run("wallets refund req_2").exit_code == 1
    succeed(run("ledger check"))


def test_no_more_is_taken_out_than_is_there(run: Run) -> None:
    succeed(run("wallets credit alice 1"))
    result = run("wallets debit alice 1.000000001")
    assert result.exit_code == 1
    assert "1.00 USD available" in result.stderr
    assert run("wallets debit nobody 1").exit_code == 1
    assert run("wallets show nobody").exit_code == 1


@pytest.mark.parametrize("amount", ["0", "-1", "x", "nan", "1e30", "0.0000000001"])
def test_a_wrong_amount_is_refused(run: Run, amount: str) -> None:
    assert run(f"wallets credit alice -- {amount}").exit_code == 2


# --- the audit ---------------------------------------------------------------------------------


def test_the_audit_finds_a_difference(run: Run, database: Database) -> None:
    succeed(run("wallets credit alice 1"))
    assert "1 transaction, 1 wallet" in succeed(run("ledger check"))
    with database.write() as connection:
        connection.execute(update(accounts).where(accounts.c.id == "wallet:alice").values(posted=2))
    result = run("ledger check")
    assert result.exit_code == 1
    assert "account wallet:alice" in result.stdout
    assert "differences in" in result.stderr


# --- the store ---------------------------------------------------------------------------------

COMMANDS = ("keys list", "wallets list", "ledger check", "users list", "teams list", "keys create x")


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_store_a_command_says_what_to_configure(run: Run, tmp_path: Path, command: str) -> None:
    (tmp_path / "tidegate.toml").write_text('[providers.demo]\nkind = "demo"\n')
    result = run(command)
    assert result.exit_code == 2
    assert "[store]" in result.stderr
    assert "--store" in result.stderr


def test_the_store_may_be_named_on_the_command_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "tidegate.toml").write_text('[providers.demo]\nkind = "demo"\n')
    succeed(run(f"wallets credit alice 5 --store sqlite:///{tmp_path}/other.db"))
    assert "5.00" in succeed(run(f"wallets list --store sqlite:///{tmp_path}/other.db"))


def test_a_command_that_only_reads_makes_no_store(run: Run, tmp_path: Path) -> None:
    result = run("wallets list")
    assert result.exit_code == 1
    assert "there is no store at" in result.stderr
    assert not (tmp_path / "tidegate.db").exists()


@pytest.mark.parametrize(("url", "status"), [("mysql://x/y", 2), ("sqlite:////nowhere/x/y.db", 1)])
def test_a_store_that_cannot_be_used_is_reported(run: Run, url: str, status: int) -> None:
    result = run(f"wallets credit alice 5 --store {url}")
    assert result.exit_code == status
    assert "store" in result.stderr
    assert result.exception is None or isinstance(result.exception, SystemExit)
