"""The documentation, held against the code: its commands and examples run, its tables are fresh."""

import ast
import asyncio
import importlib
import re
import shlex
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from running import Gateway, parse_config
from tidegate.catalog import model_named
from tidegate.control.description.replies import HEADERS
from tidegate.doors import all_doors
from tidegate.providers import FORMATS, kinds, protocol_named

ROOT = Path(__file__).parents[1]
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [*sorted(ROOT.glob("*.md")), *DOCS]
README = (ROOT / "README.md").read_text()

sys.path.append(str(ROOT / "scripts"))
tables = importlib.import_module("render_docs")


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with Gateway({"demo": ("demo", "")}) as gateway:
        yield gateway


# --- the readme's commands ---------------------------------------------------------------------


def test_the_first_command_of_the_readme_starts_the_demo() -> None:
    assert blocks("sh")[0].splitlines()[1] == "uv run --no-dev tidegate demo"


def test_the_fallback_of_the_readme_is_one() -> None:
    environ = {"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"}
    config = parse_config(blocks("toml")[0], environ)
    assert config.models["smart"].candidates == ("anthropic/claude-sonnet-5", "openai/gpt-5.4")


COPIED = ("README.md", "tidegate.example.toml", "docs/gemini.md", "docs/responses.md")
"""Where newcomers copy from."""


def test_no_example_names_a_model_that_its_provider_takes_away() -> None:
    text = "".join((ROOT / name).read_text() for name in COPIED)
    named = {*re.findall(r"\b(openai|anthropic|gemini)/([\w.-]+)", text)}
    rows = [row for kind, name in named if (row := model_named(kind, name)) is not None]
    assert len(rows) >= 3
    assert {row.id: row.retires for row in rows if row.retires is not None} == {}


async def test_the_curl_line_of_the_readme_streams_an_answer(gateway: Gateway) -> None:
    words = shlex.split(blocks("sh")[1])
    assert words[:2] == ["curl", "-N"]
    headers = [words[place + 1] for place, word in enumerate(words) if word == "-H"]
    path = words[2].removeprefix("http://127.0.0.1:8000")
    reply = await gateway.post(
        path, words[words.index("-d") + 1].encode(), dict(header.split(": ") for header in headers)
    )
    assert reply.status == 200
    assert reply.events[-1] == "[DONE]"
    assert reply.text


@pytest.mark.parametrize("example", blocks("python"), ids=["openai", "anthropic"])
async def test_an_sdk_example_of_the_readme_prints_an_answer(
    gateway: Gateway, example: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = example.replace("http://127.0.0.1:8000", gateway.url)
    assert code != example
    scope: dict[str, Any] = {}
    await asyncio.to_thread(exec, code, scope)
    scope["client"].close()
    assert capsys.readouterr().out.strip()


def test_the_test_command_of_the_readme_is_what_ci_runs() -> None:
    command = blocks("sh")[-1].strip()
    assert command == "uv run pytest -n 2"
    assert re.search(rf'^step "tests" {command}', (ROOT / ".ci" / "run").read_text(), re.MULTILINE)


@pytest.mark.parametrize("page", ["README.md", "README.zh.md"])
def test_the_judged_cases_of_a_readme_add_up(page: str) -> None:
    """Those that fail are those that are excused."""
    failures = (ROOT / "tests/known_failures.txt").read_text().splitlines()
    excused = sum(1 for line in failures if line and not line.startswith("#"))
    judged = next(line for line in (ROOT / page).read_text().splitlines() if "known_failures.txt" in line)
    numbers = [int(found.replace(",", "")) for found in re.findall(r"\b\d[\d,]*\b", judged)]
    assert excused in numbers
    total, passed = (number for number in numbers if number > 1000)
    assert total - passed == excused


def test_the_readme_in_chinese_has_the_same_commands_and_parts() -> None:
    """Its commands and examples are those of the README, which are tested above."""
    chinese = (ROOT / "README.zh.md").read_text()
    for pattern in (r"^```.*?^```$", r"^#+ "):
        ours, theirs = (re.findall(pattern, text, re.MULTILINE | re.DOTALL) for text in (README, chinese))
        assert theirs == ours
    for pattern in (r"`([^`\n]+)`", r"\]\(([^)]+)\)"):
        assert set(re.findall(pattern, chinese)) <= {*re.findall(pattern, README), "README.md"}


# --- tables and mentions -----------------------------------------------------------------------


@pytest.mark.parametrize("page", DOCS, ids=name_of)
def test_the_tables_that_code_decides_are_fresh(page: Path) -> None:
    text = page.read_text()
    assert tables.refresh(text) == text, "uv run python scripts/render_docs.py"


def test_every_table_is_somewhere() -> None:
    standing = {name for page in DOCS for _, name, _ in tables.PLACE.findall(page.read_text())}
    assert standing == tables.TABLES.keys()


SILENT: set[tuple[str, str]] = set()
"""Parts that a wire format leaves out without a word. The list may only shrink."""


def test_no_part_of_a_conversation_is_left_out_without_a_word() -> None:
    found = {
        (name, part)
        for name in FORMATS
        for part, outcome in tables.outcomes(
            protocol_named(name), "gemini" if name != "gemini" else "anthropic"
        )
        if outcome == "left out"
    }
    assert found == SILENT


def test_every_path_is_in_the_api_page() -> None:
    api = (ROOT / "docs" / "api.md").read_text()
    paths = {
        path.replace("*", "{id}" if door.name == "me" else "{model}")
        for door in all_doors()
        for _, path in door.routes()
    }
    assert sorted(path for path in paths if f"{path}`" not in api) == []


def test_every_header_of_ours_is_in_the_api_page() -> None:
    api = (ROOT / "docs" / "api.md").read_text()
    assert [name for name in HEADERS if f"`{name}`" not in api] == []


def test_every_extension_field_of_the_description_is_in_the_docs(gateway: Gateway) -> None:
    text = (ROOT / "docs" / "translation.md").read_text()
    chat = importlib.import_module("tidegate.control.description.chat")
    fields = {*chat.REASONING, *chat.ANSWERED, "native_finish_reason", "cache_write_tokens"}
    assert sorted(field for field in fields if field not in text) == []


def test_the_readme_names_a_key_of_every_provider_that_it_promises() -> None:
    keys = {name for kind in kinds().values() for name in kind.key_env}
    named = set(re.findall(r"\b[A-Z_]+_API_KEY\b", README))
    assert named
    assert named <= keys


def texts_of_the_code() -> str:
    """All string literals, one per line: what messages are made of."""
    trees = [ast.parse(path.read_text()) for path in (ROOT / "src").rglob("*.py")]
    found = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return "\n".join(node.value for node in found if isinstance(node.value, str))


def test_the_messages_that_the_page_of_errors_explains_are_those_of_the_code() -> None:
    page = (ROOT / "docs" / "errors.md").read_text().partition("## When you see")[2].partition("\n## ")[0]
    messages = re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)
    texts = texts_of_the_code()
    pieces = [piece.strip() for message in messages for piece in message.split("…")]
    assert len(messages) > 20
    assert [piece for piece in pieces if piece not in texts] == []


def test_every_test_that_a_page_names_exists() -> None:
    named = [name for page in PAGES for name in re.findall(r"`([\w/]+\.py)::(\w+)`", page.read_text())]
    assert len(named) > 50
    for file, test in named:
        path = ROOT / "tests" / file
        assert path.is_file(), file
        assert re.search(rf"^(async )?def {test}\(", path.read_text(), re.MULTILINE), f"{file}::{test}"


# --- links -------------------------------------------------------------------------------------


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        linked = (page.parent / file).resolve() if file else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text()
    assert [page.name for page in DOCS if page.name != "index.md" and f"({page.name})" not in index] == []


def test_the_version_is_defined_once() -> None:
    import tidegate

    project = msgspec.toml.decode((ROOT / "pyproject.toml").read_bytes())["project"]
    assert project["version"] == tidegate.__version__
