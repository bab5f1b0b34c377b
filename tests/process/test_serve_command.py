"""`tidegate serve` without the libraries that it does not need."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tidegate.cli.main import app
from tidegate.cli.serving import OPTIONS, read_options

SCRIPT = """
import sys
import tidegate.process
tidegate.process.serve = lambda source: print(source.read().server.port, *sys.modules)
from tidegate.cli import main
sys.argv = ["tidegate", "serve", *sys.argv[1:]]
main()
"""


def test_the_options_are_those_of_the_command() -> None:
    command: Any = typer.main.get_command(app)
    declared = {option: one.name for one in command.commands["serve"].params for option in one.opts}
    declared.pop("--help", None)
    assert {option: name for option, (name, _) in OPTIONS.items()} == declared


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(["serve"], {}, id="none"),
        pytest.param(["serve", "--config", "a.toml"], {"config": Path("a.toml")}, id="a file"),
        pytest.param(["serve", "-c", "a.toml"], {"config": Path("a.toml")}, id="a short option"),
        pytest.param(["serve", "--port=80", "--workers", "2"], {"port": 80, "workers": 2}, id="a number"),
        pytest.param(["serve", "--port", "http"], None, id="no number"),
        pytest.param(["serve", "--port"], None, id="no value"),
        pytest.param(["serve", "--host", "--port"], None, id="an option in place of a value"),
        pytest.param(["serve", "--color", "red"], None, id="an unknown option"),
        pytest.param(["serve", "--help"], None, id="help"),
        pytest.param(["serve", "now"], None, id="a word"),
        pytest.param(["demo", "--port", "80"], None, id="another command"),
        pytest.param([], None, id="nothing"),
    ],
)
def test_what_is_read_here_and_what_is_left_to_the_library(words: list[str], expected: object) -> None:
    assert read_options(words) == expected


@pytest.mark.parametrize("port", ["--port=8123", "--port 8123"])
def test_an_open_gateway_imports_neither_a_database_nor_the_command_lines_library(
    tmp_path: Path, port: str
) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, *port.split()],
        capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    number, *modules = ran.stdout.split()
    assert number == "8123"
    assert "tidegate.app" in modules
    assert {"typer", "pydantic", "sqlalchemy", "alembic", "fastapi"}.isdisjoint(modules)


def test_a_wrong_configuration_ends_with_status_2(tmp_path: Path) -> None:
    (tmp_path / "tidegate.toml").write_text("[server]\nprot = 1\n")
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "prot" in ran.stderr
