"""The walk through the README (docs/walkthrough.md): its commands that need no network print what it says."""

import os
import re
import shlex
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from running import Gateway
from tidegate.cli.main import app

PAGE = (Path(__file__).parents[1] / "docs" / "walkthrough.md").read_text()
COMMANDS = [
    (command, output)
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    for command, output in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
]
TIDEGATE = "uv run --no-dev tidegate "
OURS = [one for one in COMMANDS if one[0].startswith(TIDEGATE) and not one[0].endswith(" demo")]
CURLS = [one for one in COMMANDS if one[0].startswith("curl ")]
DOTENV = re.findall(r"```sh\n(OPENAI_API_KEY=.*?)```", PAGE, re.DOTALL)[0]


def matches(shown: str, printed: str) -> bool:
    """Whether output is what the page shows: `…` stands for anything, and columns may have any width."""
    pattern = ".*?".join(re.escape(squeeze(piece)) for piece in shown.strip().split("…"))
    return re.fullmatch(pattern, squeeze(printed.strip()), re.DOTALL) is not None


def squeeze(text: str) -> str:
    return re.sub(r" +", " ", re.sub(r" +$", "", text, flags=re.MULTILINE))


def test_the_page_has_commands() -> None:
    assert (len(OURS), len(CURLS)) == (5, 5)


@pytest.mark.parametrize(("command", "shown"), OURS, ids=[command for command, _ in OURS])
def test_a_command_prints_what_the_page_shows(
    command: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("TIDEGATE_")]:
        monkeypatch.delenv(name)
    (tmp_path / ".env").write_text(DOTENV)
    monkeypatch.chdir(tmp_path)
    arguments = shlex.split(command.removeprefix(TIDEGATE))
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "120"})
    assert result.exit_code == 0
    assert matches(shown, result.stdout), result.stdout
    if arguments == ["config", "check"]:
        for line in result.stderr.splitlines():
            assert line in PAGE


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with Gateway({"demo": ("demo", "")}) as gateway:
        yield gateway


@pytest.mark.parametrize(("command", "shown"), CURLS, ids=[command[:90] for command, _ in CURLS])
async def test_a_request_is_answered_as_the_page_shows(gateway: Gateway, command: str, shown: str) -> None:
    words = shlex.split(command)
    path = words[2].removeprefix("http://127.0.0.1:8000")
    if "-d" in words:
        reply = await gateway.post(path, words[words.index("-d") + 1].encode())
    else:
        reply = await gateway.get(path)
    assert matches(shown, reply.body.decode()), reply.body
