"""`tidegate models`."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tidegate.catalog import CAPABILITIES, models
from tidegate.cli.main import app

FILE = """
[providers.openai-eu]
kind = "openai"
api_key = "x"
[providers.openai-us]
kind = "openai"
api_key = "x"
[prices."openai-eu/gpt-4o"]
input = 1.5
output = 6
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    Path("tidegate.toml").write_text(FILE)
    return lambda *words: CliRunner().invoke(app, ["models", *words])


def rows(result: Any) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    return {row["id"]: row for row in json.loads(result.stdout)}


def test_every_model_is_listed_with_its_price(run: Any) -> None:
    result = run()
    assert result.exit_code == 0
    assert all(model.id in result.stdout for model in models())
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("openai-eu/gpt-4o ")]
    assert line.split()[1:7] == ["chat", "128,000", "16,384", "1.5", "/", "6"]


def test_a_provider_is_requested_by_its_name_or_its_kind(run: Any) -> None:
    assert {name.split("/")[0] for name in rows(run("--provider", "openai-eu", "--json"))} == {"openai-eu"}
    assert {name.split("/")[0] for name in rows(run("--provider", "openai", "--json"))} == {
        "openai-eu",
        "openai-us",
    }
    assert {name.split("/")[0] for name in rows(run("--provider", "mistral", "--json"))} == {"mistral"}


def test_capabilities_are_required_together(run: Any) -> None:
    found = rows(run("--capability", "vision", "--capability", "reasoning", "--json"))
    assert found
    assert all({"vision", "reasoning"} <= set(row["capabilities"]) for row in found.values())
    assert "mistral/mistral-large-latest" not in found


def test_only_what_can_be_requested_now_is_listed_on_request(run: Any) -> None:
    found = rows(run("--configured", "--json"))
    assert {row["provider"] for row in found.values()} == {"openai-eu", "openai-us"}
    assert all(row["configured"] for row in found.values())


def test_the_json_has_all_that_is_known_and_prices_to_the_last_digit(run: Any) -> None:
    result = run("--provider", "openai", "--json")
    found = rows(result)
    assert found["openai-eu/gpt-4o"]["prices"]["per_million_tokens"] == {"input": 1.5, "output": 6}
    assert found["openai-us/gpt-4o"]["prices"]["per_million_tokens"]["input"] == 2.5
    assert found["openai-us/gpt-4o"]["training_cutoff"] == "2023-10"
    assert found["openai-us/dall-e-2"]["prices"]["per_image"][0] == {"size": "1024x1024", "price": 0.02}
    assert '"input": 2.5' in result.stdout


def test_an_unknown_capability_is_reported_with_the_known_ones(run: Any) -> None:
    result = run("--capability", "flying")
    assert result.exit_code == 2
    assert all(name in result.stderr for name in CAPABILITIES)


def test_no_match_is_reported(run: Any) -> None:
    result = run("--provider", "openai-eu", "--capability", "video")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no model" in result.stderr


def test_a_provider_that_there_is_not_is_named(run: Any) -> None:
    result = run("--provider", "openai-uk")
    assert (result.exit_code, result.stdout) == (1, "")
    assert 'there is no provider or kind "openai-uk" (did you mean' in result.stderr


def test_off_a_terminal_nothing_is_cut_or_wrapped(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    result = run()
    lines = [line.rstrip() for line in result.stdout.splitlines()]
    assert len(lines) == len(rows(run("--json"))) + 2
    (line,) = [line for line in lines if line.startswith("openai-eu/gpt-4o ")]
    assert line.split()[1:7] == ["chat", "128,000", "16,384", "1.5", "/", "6"]
    assert line.endswith("documents")
