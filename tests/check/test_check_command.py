"""`tidegate check`: what it prints, writes and exits with."""

import asyncio
import json as jsonlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from simulator import Simulator, refusal
from tidegate.cli.check import check

KEY = "sk-live-0123456789abcdef"
APP = typer.Typer()
APP.command()(check)


class Shell:
    """A directory with a configuration, and the command run in it."""

    def __init__(self, directory: Path, url: str) -> None:
        self.directory = directory
        self.url = url

    def configure(self, *providers: str) -> None:
        lines = [
            f'[providers.{name}]\nkind = "openai_compatible"\nbase_url = "{self.url}/v1"\napi_key = "{KEY}"'
            if name != "demo"
            else '[providers.demo]\nkind = "demo"'
            for name in providers
        ]
        (self.directory / "tidegate.toml").write_text("\n".join(lines))

    async def check(self, *arguments: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, APP, arguments)


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        simulator.answer(refusal(401, f"Wrong key: {KEY}"))
        yield simulator


@pytest.fixture
def shell(provider: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    for name in os.environ:
        if "API_KEY" in name or "BASE" in name or name.startswith("TIDEGATE"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, provider.url)


async def test_a_good_provider_is_reported_in_a_table(shell: Shell) -> None:
    shell.configure("demo")
    result = await shell.check()
    assert result.exit_code == 0, result.output
    assert "First token" in result.stdout
    [row] = [line for line in result.stdout.splitlines() if "demo" in line]
    assert row.count("✓") == 5
    assert result.stderr == ""


async def test_a_bad_provider_is_reported_in_its_own_words_without_the_key(shell: Shell) -> None:
    shell.configure("sim", "demo")
    result = await shell.check("--model", "sim/m")
    assert result.exit_code == 1
    assert (
        "sim, answer, stream, tools: (401) sim refused this gateway's own key: Wrong key: [concealed]"
        in result.stdout
    )
    assert KEY not in result.output


async def test_only_the_named_providers_are_checked(shell: Shell, provider: Simulator) -> None:
    shell.configure("sim", "demo")
    result = await shell.check("demo")
    assert result.exit_code == 0
    assert "sim" not in result.stdout
    assert provider.requests == []


async def test_machines_get_json(shell: Shell) -> None:
    shell.configure("demo", "sim")
    result = await shell.check("--json", "--model", "sim/m", "--model", "demo/thinking")
    received: dict[str, Any] = jsonlib.loads(result.stdout)
    demo, sim = received["providers"]
    assert (received["good"], demo["good"], sim["good"]) == (False, True, False)
    assert (demo["provider"], demo["kind"], demo["model"]) == ("demo", "demo", "thinking")
    assert demo["tokens"] > 0
    assert demo["probes"]["reachable"] == {"verdict": "good"}
    assert demo["probes"]["stream"]["first_token_ms"] <= demo["probes"]["stream"]["ms"]
    assert sim["probes"]["tools"]["status"] == 401
    assert KEY not in result.output


async def test_a_report_is_written_for_people(shell: Shell) -> None:
    shell.configure("demo", "sim")
    result = await shell.check("--report", "report.md", "--model", "sim/m")
    assert result.exit_code == 1
    report = (shell.directory / "report.md").read_text()
    assert "1 of 2 passed." in report
    assert "| ✓ | demo | echo | ✓ |" in report
    assert (
        "- **sim**, answer, stream, tools: (401) sim refused this gateway's own key: Wrong key: [concealed]"
        in report
    )
    widths = {line.count("|") for line in report.splitlines() if line.startswith("|")}
    assert len(widths) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nobody"], "no provider named 'nobody' (configured: demo)"),
        (["--model", "nobody/m"], "no provider named 'nobody'"),
        (["--model", "demo"], "expected PROVIDER/MODEL"),
        (["--config", "missing.toml"], "missing.toml"),
        (["--report", "nowhere/report.md"], "there is no directory nowhere"),
    ],
)
async def test_what_is_not_configured_is_reported(shell: Shell, arguments: list[str], words: str) -> None:
    shell.configure("demo")
    result = await shell.check(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stdout == ""


async def test_a_provider_that_is_named_twice_is_checked_once(shell: Shell) -> None:
    shell.configure("demo")
    result = await shell.check("--json", "demo", "demo")
    assert len(jsonlib.loads(result.stdout)["providers"]) == 1


async def test_a_wrong_file_is_reported_with_its_line(shell: Shell) -> None:
    (shell.directory / "tidegate.toml").write_text("[server]\nport = 'x'\n")
    result = await shell.check()
    assert result.exit_code == 2
    assert "tidegate.toml:2" in result.stderr


async def test_nothing_to_check_is_an_error(shell: Shell) -> None:
    (shell.directory / "tidegate.toml").write_text("")
    result = await shell.check()
    assert result.exit_code == 2
    assert "no provider is configured" in result.stderr
