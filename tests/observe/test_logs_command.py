"""`tidegate logs`: requests from the store and from files, on a terminal and elsewhere."""

import json
import os
import pty
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec import Raw
from typer.testing import CliRunner

from tidegate.cli.main import app
from tidegate.store.bodies import Body, insert_bodies, pack_bodies
from tidegate.store.database import Database
from tidegate.store.journal import Ended, milliseconds
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


def test_a_request_that_only_the_files_have_is_found_there(tmp_path: Path) -> None:
    """Those that were refused before they began are not in the store."""
    file = config_with_store(tmp_path)
    said = CliRunner().invoke(app, ["logs", "--config", str(file), "req_3"])
    assert (said.exit_code, "refused before it began" in said.output) == (1, True)
    logs = tmp_path / "logs"
    logs.mkdir()
    refused = {**FAILED, "id": "req_3", "ended": "refused", "status": 401}
    (logs / "records-2026-11-29.jsonl").write_text(json.dumps(refused, separators=(",", ":")) + "\n")
    file.write_text(f'{file.read_text()}[logs]\ndirectory = "{logs}"\n')
    assert "ended: Tidegate rejected" in run(file, "req_3")
    assert "ended: complete (status 200)" in run(file, "req_1")


def test_json_has_nothing_that_acts_on_a_terminal(tmp_path: Path) -> None:
    file = config_with_store(tmp_path)
    shown = run(file, "req_1", "--json")
    assert json.loads(shown)["bodies"]["request"]["text"] == "Hi \x1b[2J\u2028"
    assert shown.removesuffix("\n").isprintable()


def test_a_store_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "tidegate.db").write_bytes(b"no database at all, but long enough to look like one" * 99)
    file = tmp_path / "tidegate.toml"
    file.write_text(f'[store]\nurl = "sqlite:///{tmp_path}/tidegate.db"\n')
    for arguments in ((), ("req_1",)):
        said = CliRunner().invoke(app, ["logs", "--config", str(file), *arguments])
        assert (said.exit_code, "cannot be read" in said.output) == (1, True)


COMMAND = (sys.executable, "-m", "tidegate", "logs", "--config")


def on_terminal(config: Path, **environ: str) -> str:
    """What it writes to a terminal."""
    leader, terminal = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    subprocess.run([*COMMAND, str(config)], stdout=terminal, env=kept | environ, check=True)
    os.close(terminal)
    written = b""
    try:
        while part := os.read(leader, 65536):
            written += part
    except OSError:  # the end of a terminal that nobody has open
        pass
    os.close(leader)
    return written.decode()


def test_failures_have_a_colour_on_a_terminal_only(config: Path) -> None:
    first, second = on_terminal(config).splitlines()
    assert "\x1b" not in first.removesuffix("\x1b[0m")
    assert second.startswith("\x1b[31m2026")
    assert "\x1b" not in on_terminal(config, NO_COLOR="1")
    assert "\x1b" not in subprocess.check_output([*COMMAND, str(config)], text=True)


@contextmanager
def followed(config: Path, *arguments: str) -> Iterator["queue.Queue[str]"]:
    """The ids of what `tidegate logs --follow` shows, one by one."""
    shown: queue.Queue[str] = queue.Queue()
    command = [*COMMAND, str(config), "--follow", "--json", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                shown.put(json.loads(line)["id"])

        thread = threading.Thread(target=read)
        thread.start()
        try:
            yield shown
        finally:
            process.kill()
            thread.join()
    assert shown.empty(), list(shown.queue)


def test_files_are_followed_to_the_next_day_and_no_line_is_torn(tmp_path: Path) -> None:
    config = config_with_files(tmp_path)
    today, tomorrow = (tmp_path / "logs" / f"records-2026-11-{day}.jsonl" for day in (29, 30))

    def line(name: str, **more: object) -> bytes:
        return json.dumps({**RECORD, "id": name, **more}).encode() + b"\n"

    with followed(config, "-n", "1", "--user", "alice") as shown:
        assert shown.get(timeout=60) == "req_1"
        with today.open("ab", buffering=0) as file:
            whole = line("req_3")
            file.write(whole[:40])
            file.write(whole[40:] + line("req_4", user="bob") + b"nonsense\n" + line("req_5"))
            assert [shown.get(timeout=60) for _ in range(2)] == ["req_3", "req_5"]
            half = line("req_6")
            file.write(half[:30])
            tomorrow.write_bytes(line("req_7"))
            assert shown.get(timeout=60) == "req_7"
            file.write(half[30:])
            assert shown.get(timeout=60) == "req_6"
        tomorrow.write_bytes(b"")
        tomorrow.write_bytes(line("8"))
        assert shown.get(timeout=60) == "8"


def test_a_store_is_followed_by_what_ends(tmp_path: Path) -> None:
    config = config_with_store(tmp_path)
    database = Database(f"sqlite:///{tmp_path}/tidegate.db")
    now = milliseconds()

    def end(name: str, begun_at: int) -> None:
        detail = Raw(json.dumps({**RECORD, "id": name}).encode())
        line = Ended(id=name, at=now, begun_at=begun_at, ended="complete", status=200, detail=detail)
        with database.write() as connection:
            apply(connection, [line])

    for number in range(40):
        end(f"old_{number}", now - 60_000 + number)
    with followed(config, "-n", "2") as shown:
        assert [shown.get(timeout=60) for _ in range(2)] == ["old_38", "old_39"]
        end("new_1", now)
        assert shown.get(timeout=60) == "new_1"
        end("long", now - 1_800_000)  # it began before all others
        assert shown.get(timeout=60) == "long"
    database.close()
