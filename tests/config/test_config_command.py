"""`tidegate config` says whether the configuration is right, what is in force and who serves a name."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tidegate import __version__
from tidegate.cli.config import app
from tidegate.cli.main import app as main

Run = Callable[..., Result]
KEY = "sk-1234567890abcdefgh7a92"
FILE = f"""
[server]
port = 81
[auth]
keys = ["client-key-of-ours-1234", "short"]
[providers.main]
kind = "openai"
api_key = "{KEY}"
headers = {{ x-secret = "0123456789abcdefghij" }}
[providers.claude]
kind = "anthropic"
api_key = "env:CLAUDE_KEY"
[models.fast]
candidates = ["claude/claude-haiku-4-5", "main/gpt-4o-mini"]
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    for name in os.environ.keys() - {"PATH", "HOME"}:
        monkeypatch.delenv(name)
    (tmp_path / "tidegate.toml").write_text(FILE)

    def run(*arguments: str, **environ: str) -> Result:
        environ = {"COLUMNS": "200", "CLAUDE_KEY": "sk-ant-1234567890abcdef", **environ}
        return CliRunner().invoke(app, arguments, env=environ)

    return run


def test_check_reports_that_all_is_right(run: Run) -> None:
    result = run("check")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "The configuration is valid.",
        "configuration: tidegate.toml",
        "2 providers: main (key from tidegate.toml:8), claude (key from tidegate.toml:12)",
        "clients: 2 keys, from tidegate.toml:5",
    ]
    assert result.stderr == ""


def test_check_reports_what_is_odd(run: Run) -> None:
    result = run("check", TIDEGATE_PROT="1", PORT="5")
    assert result.exit_code == 0
    assert result.stderr.startswith("warning: TIDEGATE_PROT: unknown variable")


def test_check_reports_each_mistake_on_a_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[server]\nport = 'x'\n[routing]\nretries = -1\n")
    result = run("check", "--config", "bad.toml")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "bad.toml:2: server.port: expected an integer, got a string",
        "bad.toml:4: routing.retries: expected an integer >= 0",
    ]


@pytest.mark.parametrize("command", [["show"], ["show", "--json"], ["explain", "fast"]])
def test_every_command_ends_with_2_where_the_configuration_is_wrong(run: Run, command: list[str]) -> None:
    result = run(*command, CLAUDE_KEY="")
    assert result.exit_code == 2
    assert result.stderr == (
        "tidegate.toml:12: providers.claude.api_key: the variable CLAUDE_KEY is not set (or is empty) in "
        "the environment and in .env\n"
    )


def test_show_has_every_value_with_its_origin(run: Run) -> None:
    result = run("show", "--json", LOG_LEVEL="error", CACHE_TTL_SECONDS="300", TIDEGATE_X="1")
    shown = json.loads(result.stdout)
    values = {one["key"]: (one["value"], one["origin"]) for one in shown["settings"]}
    expected = {
        "server.port": (81, "tidegate.toml:3"),
        "server.host": ("127.0.0.1", "default"),
        "auth.mode": ("keys", "tidegate.toml:5"),
        "auth.keys": (["…1234", "…"], "tidegate.toml:5"),
        "logs.level": ("error", "LOG_LEVEL"),
        "providers.main.api_key": ("sk-…7a92", "tidegate.toml:8"),
        "providers.main.base_url": ("https://api.openai.com/v1", "the kind openai"),
        "providers.main.headers": ({"x-secret": "…ghij"}, "tidegate.toml:9"),
        "providers.claude.verify": (True, "default"),
        "models.fast.candidates": (["claude/claude-haiku-4-5", "main/gpt-4o-mini"], "tidegate.toml:14"),
    }
    assert {key: values[key] for key in expected} == expected
    assert shown["not_used_yet"] == ["CACHE_TTL_SECONDS"]
    assert [warning.split(":")[0] for warning in shown["warnings"]] == ["TIDEGATE_X"]


def test_show_prints_a_table_for_people(run: Run) -> None:
    result = run("show", CACHE_TTL_SECONDS="300")
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["server.port", "81", "tidegate.toml:3"] in lines
    assert ["providers.main.api_key", "sk-…7a92", "tidegate.toml:8"] in lines
    assert "without effect in this version: CACHE_TTL_SECONDS" in result.stderr


def test_show_cuts_nothing_and_wraps_nothing_off_a_terminal(run: Run) -> None:
    lines = [line.split() for line in run("show", COLUMNS="30").stdout.splitlines()]
    assert ["providers.main.base_url", "https://api.openai.com/v1", "the", "kind", "openai"] in lines


def test_the_version_is_printed(run: Run) -> None:
    result = CliRunner().invoke(main, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"tidegate {__version__}\n")


def test_check_reports_what_is_missing_and_who_is_let_in(run: Run, tmp_path: Path) -> None:
    (tmp_path / "tidegate.toml").unlink()
    result = run("check", CLAUDE_KEY="", CACHE_TTL_SECONDS="3")
    assert "no provider is configured: set a key such as OPENAI_API_KEY" in result.stderr
    assert "without effect in this version: CACHE_TTL_SECONDS" in result.stderr
    assert "clients: open to this machine, no key needed" in result.stdout


@pytest.mark.parametrize("command", [["check"], ["show"], ["show", "--json"], ["explain", "fast"]])
def test_no_command_shows_a_key(run: Run, command: list[str]) -> None:
    output = run(*command).output
    for secret in (KEY, "client-key-of-ours-1234", "0123456789abcdefghij", "sk-ant-1234567890abcdef"):
        assert not any(secret[start : start + 5] in output.replace("sk-", "") for start in range(3, 16))


def test_explain_shows_the_candidates_and_the_way_from_each_door(run: Run) -> None:
    result = run("explain", "fast")
    assert result.exit_code == 0
    lines = [line.strip() for line in result.stdout.splitlines()]
    assert lines[:4] == [
        "fast: a name in [models]",
        "1. claude, model claude-haiku-4-5",
        "kind anthropic, at https://api.anthropic.com",
        "wire format anthropic",
    ]
    assert "a client that uses openai_chat: translated to anthropic and back" in lines
    assert "a client that uses anthropic: passed through, only the model name is replaced" in lines
    assert "2. main, model gpt-4o-mini" in lines


ORDERED = """
[routing]
order = "balanced"
[providers.a]
kind = "openai"
api_keys = ["sk-1234567890abcdefgh7a92", "sk-1234567890abcdefgh7a93"]
[providers.b]
kind = "openai"
api_key = "sk-1234567890abcdefgh7a9b"
[providers.c]
kind = "openai"
api_key = "sk-1234567890abcdefgh7a9c"
[models.m]
candidates = ["a/x", "b/x", "c/x"]
[models.w]
candidates = ["a/x", "b/x"]
order = "weighted"
weights = [3, 1]
[models.p]
candidates = ["b/x", "a/x"]
order = "priority"
[models.old]
candidates = ["a/gpt-4", "b/x"]
order = "cost"
[prices."a/x"]
input = 1
output = 2
[prices."b/x"]
input = 2
output = 4
"""
AT_REST: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "drawn by what is known": (
        ("m",),
        [
            "order: balanced (tidegate.toml:3)",
            "at rest, a request of 1,000 prompt tokens and 300 completion tokens:",
            "1. a/x: $0.0016, first in 59% of requests",
            "2. c/x: price unknown, first in 26% of requests",
            "3. b/x: $0.0032, first in 15% of requests",
            "a running gateway ranks by what it measures, too: send x-tidegate-explain: 1 to see it",
        ],
    ),
    "drawn by weights": (
        ("w",),
        [
            "order: weighted (tidegate.toml:17)",
            "at rest, a request of 1,000 prompt tokens and 300 completion tokens:",
            "1. a/x: $0.0016, first in 75% of requests",
            "2. b/x: $0.0032, first in 25% of requests",
        ],
    ),
    "as listed, of another length": (
        ("p", "--prompt-tokens", "100000", "--completion-tokens", "10"),
        [
            "order: priority (tidegate.toml:21)",
            "at rest, a request of 100,000 prompt tokens and 10 completion tokens:",
            "1. b/x: $0.2",
            "2. a/x: $0.1",
        ],
    ),
    "too long for one": (
        ("old", "--prompt-tokens", "100000"),
        [
            "order: cost (tidegate.toml:24)",
            "at rest, a request of 100,000 prompt tokens and 300 completion tokens:",
            "1. b/x: $0.201",
            "skipped: a/gpt-4 has a context of 8192 tokens, and the prompt about 100000",
        ],
    ),
}


@pytest.mark.parametrize(("arguments", "expected"), AT_REST.values(), ids=AT_REST)
def test_explain_shows_the_order_at_rest(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], expected: list[str]
) -> None:
    (tmp_path / "tidegate.toml").write_text(ORDERED)
    lines = [line.strip() for line in run("explain", *arguments).stdout.splitlines()]
    assert lines[lines.index(expected[0]) :] == expected


def test_explain_shows_what_a_model_supports_and_lacks(run: Run, tmp_path: Path) -> None:
    (tmp_path / "tidegate.toml").write_text(ORDERED)
    lines = [line.strip() for line in run("explain", "a/gpt-4").stdout.splitlines()]
    assert "2 keys, the least loaded first" in lines
    assert any(line.startswith("supports stream, tools") for line in lines)
    (tmp_path / "tidegate.toml").write_text(
        '[providers.p]\nkind = "perplexity"\napi_key = "pplx-0123456789"\n'
    )
    assert "does not support tools, audio" in run("explain", "sonar-pro").stdout


def test_explain_of_an_unknown_name_suggests_similar_ones(run: Run) -> None:
    result = run("explain", "fsat")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.endswith("did you mean fast?\n")
