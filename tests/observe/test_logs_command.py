"""`tidegate logs`: requests from the store and from files, on a terminal and elsewhere."""

import json
from pathlib import Path

import pytest
from msgspec import Raw
from typer.testing import CliRunner

from tidegate.cli.main import app
from tidegate.store.bodies import Body, insert_bodies, pack_bodies
from tidegate.store.database import Database
from tidegate.store.journal import Ended
from tidegate.store.moving import apply
from tidegate.store.schema import migrate

RECORD = {
    "time": "2026-11-29T12:00:00.000Z", "id": "req_1", "door": "openai", "path": "/v1/chat/completions",
    "status": 200, "ended": "complete", "model": "m", "provider": "one", "provider_model": "m",
    "user": "alice", "session": "s-1", "usage": {"input": 10, "output": 5}, "cost": 2_000_000,
    "total_ms": 12.0,
}  # fmt: skip
FAILED = {
    **RECORD, "id": "req_2", "status": 503, "ended": "failed", "user": "bob", "session": None,
    "model": "\x1b[31mred\n", "error": "503 overloaded",
}  # fmt: skip


def config_with_store(folder: Path) -> Path:
    database = Database(f"sqlite:///{folder}/tidegate.db")
    migrate(database)
    with database.write() as connection:
        for number, one in enumerate((RECORD, FAILED)):
            line = Ended(
                id=str(one["id"]), at=number, begun_at=number, ended=str(one["ended"]), status=200,
                user=str(one["user"]), model=str(one["model"]), session=one["session"],  # type: ignore[arg-type]
                error=one.get("error"), detail=Raw(json.dumps(one).encode()),  # type: ignore[arg-type]
            )  # fmt: skip
            apply(connection, [line])
        insert_bodies(connection, [pack_bodies("req_1", 1, {"request": Body("Hi \x1b[2J\u2028", bytes=9)})])
    database.close()
    file = folder / "tidegate.toml"
    file.write_text(f'[store]\nurl = "sqlite:///{folder}/tidegate.db"\n')
    return file


def config_with_files(folder: Path) -> Path:
    logs = folder / "logs"
    logs.mkdir()
    lines = "".join(json.dumps(one, separators=(",", ":")) + "\n" for one in (RECORD, FAILED))
    (logs / "records-2026-11-29.jsonl").write_text(lines)
    file = folder / "tidegate.toml"
    file.write_text(f'[logs]\ndirectory = "{logs}"\n')
    return file


@pytest.fixture(params=[config_with_store, config_with_files], ids=["store", "files"])
def config(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    made: Path = request.param(tmp_path)
    return made


def run(config: Path, *arguments: str) -> str:
    result = CliRunner().invoke(app, ["logs", "--config", str(config), *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_latest_requests_are_shown_the_latest_last(config: Path) -> None:
    first, second = run(config).splitlines()
    assert "req_1  200 complete  m → one  10+5 tokens  $0.002000  12 ms  user=alice  session=s-1" in first
    assert r"503 failed  \x1b[31mred\n → one" in second
    assert second.endswith("503 overloaded")


def test_filters_restrict_them(config: Path) -> None:
    for arguments, found in (
        (("--errors",), "req_2"),
        (("--user", "alice"), "req_1"),
        (("--session", "s-1"), "req_1"),
        (("--model", "m"), "req_1"),
        (("-n", "1"), "req_2"),
    ):
        [line] = run(config, *arguments).splitlines()
        assert found in line


def test_json_has_the_records(config: Path) -> None:
    assert [json.loads(line)["id"] for line in run(config, "--json").splitlines()] == ["req_1", "req_2"]


def test_a_request_is_shown_in_full(config: Path) -> None:
    shown = run(config, "req_1")
    assert "ended: complete (status 200)" in shown
    assert "\x1b" not in shown
    result = CliRunner().invoke(app, ["logs", "--config", str(config), "req_9"])
    assert result.exit_code == 1


def test_its_bodies_are_shown_without_control_characters(tmp_path: Path) -> None:
    assert r"Hi \x1b[2J\u2028" in run(config_with_store(tmp_path), "1")
