"""`tidegate explain` finds a past request and tells how it was decided."""

import json as jsonlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tidegate.cli.main import app
from tidegate.store.database import Database
from tidegate.store.schema import migrate
from tidegate.store.tables import records

Run = Callable[..., Result]
LOGS = '[logs]\ndirectory = "logs"\n'
IDS = ("req_00ab0001", "req_00ab0002", "req_00cd0003")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    for name in os.environ.keys() - {"PATH", "HOME"}:
        monkeypatch.delenv(name)
    (tmp_path / "tidegate.toml").write_text(LOGS)
    (tmp_path / "logs").mkdir()
    lines = [f'{{"time":"t","id":"{one}","model":"m-{one[-1]}"}}\n' for one in IDS]
    (tmp_path / "logs" / "records-2026-11-28.jsonl").write_text(lines[0])
    (tmp_path / "logs" / "records-2026-11-29.jsonl").write_text("".join(lines[1:]))
    return lambda *arguments, **more: CliRunner().invoke(app, ["explain", *arguments], **more)


@pytest.mark.parametrize("given", ["req_00ab0001", "00ab0001", "req_00c", "00c"])
def test_an_id_or_its_unique_beginning_is_enough(run: Run, given: str) -> None:
    result = run(given)
    assert result.exit_code == 0
    assert f"requested: m-{1 if 'ab' in given else 3}" in result.stdout


def test_the_record_itself_is_printed_on_request(run: Run) -> None:
    assert jsonlib.loads(run("00cd", "--json").stdout) == {"time": "t", "id": IDS[2], "model": "m-3"}


def test_an_ambiguous_beginning_names_what_it_could_be(run: Run) -> None:
    result = run("00ab")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"2 requests have an id that begins with 00ab: {IDS[0]}, {IDS[1]}\n"


def test_what_is_not_found_names_what_was_searched(run: Run) -> None:
    result = run("req_ff")
    assert (result.exit_code, result.stdout) == (1, "")
    files = "logs/records-2026-11-29.jsonl, logs/records-2026-11-28.jsonl"
    assert result.stderr == f"no record of req_ff in {files}\n"


def test_records_come_from_other_files_and_from_standard_input(run: Run, tmp_path: Path) -> None:
    (tmp_path / "tidegate.toml").write_text("")
    line = '{"id":"req_0e","model":"elsewhere"}\n'
    (tmp_path / "other.log").write_text(line)
    assert "requested: elsewhere" in run("0e", "--log", "other.log").stdout
    assert "requested: elsewhere" in run("0e", "--log", "-", input=line).stdout
    assert run("0f", "--log", "-", input=line).stderr == "no record of 0f in standard input\n"


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ("", ["0e"], "records are not kept here: set [logs] directory or [store] url"),
        ('[logs]\ndirectory = "empty"\n', ["0e"], "there are no records in empty"),
        (LOGS, ["0e", "--log", "missing.log"], "missing.log: No such file or directory"),
        ('[store]\nurl = "sqlite:///none.db"\n', ["0e"], "there is no store at none.db"),
        ("[logs]\ndirectory = 1\n", ["0e"], "tidegate.toml:2: logs.directory: expected a string"),
    ],
)
def test_without_records_the_exit_status_is_2(
    run: Run, tmp_path: Path, text: str, arguments: list[str], message: str
) -> None:
    (tmp_path / "tidegate.toml").write_text(text)
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(message)


@pytest.mark.parametrize("logs", ["", LOGS])
def test_records_in_the_store_are_found_too(run: Run, tmp_path: Path, logs: str) -> None:
    (tmp_path / "tidegate.toml").write_text(f'[store]\nurl = "sqlite:///tidegate.db"\n{logs}')
    database = Database("sqlite:///tidegate.db")
    migrate(database)
    rows = [
        {
            "id": one,
            "at": 1,
            "ended": "complete",
            "status": 200,
            "detail": jsonlib.dumps({"id": one, "model": name}),
        }
        for one, name in {"req_00ef0004": "kept", "req_00ef_005": "odd", "req_00cd0003": "twice"}.items()
    ]
    with database.write() as connection:
        connection.execute(records.insert(), rows)
    database.close()
    assert "requested: kept" in run("req_00ef0004").stdout
    assert "requested: odd" in run("00ef_").stdout
    assert run("00ef").stderr.startswith("2 requests have an id that begins with 00ef: ")
    assert run("00cd").exit_code == 0
    assert run("ff").stderr.startswith("no record of ff in the store")
