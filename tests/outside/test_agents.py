"""Claude Code, Codex and the AI SDK at their defaults, with an MCP server, before every family of providers.

They are large (700 MB), so they are not installed by themselves: `TIDEGATE_TEST_AGENTS` is a folder with
their `node_modules`, or "install" to have them installed once and kept with pytest's cache.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from outside.agent_answers import FAMILIES, Family
from running import Gateway
from simulator import Script, Seen, Simulator
from simulator import stream as events

HERE = Path(__file__).parent
PACKAGES = (
    "@anthropic-ai/claude-code@2.1.332",
    "@openai/codex@0.171.0",
    "ai@7.0.173",
    "@ai-sdk/openai@4.0.118",
)
TOOL = "mcp__tide__read_gauge"
PROMPT = "Read the gauge now"
TEXT = "The tide is at 12.5 metres."


@pytest.fixture(scope="module")
def node(request: pytest.FixtureRequest) -> Path:
    """The folder with the clients' `node_modules`."""
    wanted = os.environ.get("TIDEGATE_TEST_AGENTS")
    if not wanted:
        pytest.skip("TIDEGATE_TEST_AGENTS is not set: see CONTRIBUTING.md")
    if wanted != "install":
        return Path(wanted)
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    folder = request.config.cache.mkdir("agents")
    if not (folder / "installed").exists():
        command = ["npm", "install", "--no-audit", "--no-fund", "--silent", *PACKAGES]
        subprocess.run(command, cwd=folder, check=True, timeout=300)
        # What npm does not run by itself any more.
        package = folder / "node_modules/@anthropic-ai/claude-code"
        subprocess.run(["node", "install.cjs"], cwd=package, check=True, timeout=100)
        (folder / "installed").touch()
    return folder


@pytest.fixture(params=FAMILIES, ids=repr)
def family(request: pytest.FixtureRequest) -> Family:
    found: Family = request.param
    return found


def player(family: Family) -> Callable[[Seen], Script]:
    """A provider that wants a reading for each time that it is asked for one, and then says what it was."""

    def play(seen: Seen) -> Script:
        body = seen.body.decode()
        results = body.count("reads 12.5 metres")
        if TOOL in body and results < body.count(PROMPT):
            return events(family.call(TOOL, {"station": "Brest"}, f"call_{results + 1}"))
        return events(family.text(TEXT))

    return play


@dataclass(frozen=True)
class Stage:
    """A gateway with one provider behind it."""

    provider: Simulator
    gateway: Gateway


@pytest.fixture
async def stage(family: Family) -> AsyncIterator[Stage]:
    async with Simulator() as provider:
        provider.answer(player(family))
        lines = [
            "[providers.sim]",
            f'kind = "{family.kind}"',
            'api_key = "sk-upstream-0123456789"',
            f'base_url = "{provider.url}{family.base}"',
            family.more,
        ]
        async with Gateway(more="\n".join(lines)) as gateway:
            yield Stage(provider, gateway)


async def run(*command: str | Path, cwd: Path, environ: dict[str, str]) -> str:
    """What a command prints; it must succeed."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "TERM": "dumb", **environ},
    )
    out, log = await process.communicate()
    assert process.returncode == 0, out.decode() + log.decode()
    return out.decode()


def readings(provider: Simulator) -> int:
    """The most results of the tool in one request."""
    return max(seen.body.decode().count("reads 12.5 metres") for seen in provider.requests)


async def test_claude_code_calls_a_tool_in_two_turns(stage: Stage, node: Path, tmp_path: Path) -> None:
    server = {"command": sys.executable, "args": [str(HERE / "mcp_server.py")]}
    config = tmp_path / "mcp.json"
    config.write_text(json.dumps({"mcpServers": {"tide": server}}))
    environ = {
        "HOME": str(tmp_path),
        "ANTHROPIC_BASE_URL": stage.gateway.url,
        "ANTHROPIC_API_KEY": "none",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }
    command: list[str | Path] = [
        node / "node_modules/.bin/claude",
        "--model",
        "sim/m",
        "--mcp-config",
        config,
    ]
    command += ["--allowedTools", TOOL, "--output-format", "json"]
    for turn, more in enumerate(([], ["--continue"]), 1):
        answer = json.loads(await run(*command, *more, "-p", PROMPT, cwd=tmp_path, environ=environ))
        assert (answer["is_error"], answer["result"]) == (False, TEXT)
        assert readings(stage.provider) == turn


def codex_home(tmp_path: Path, gateway: Gateway, name: str = "Tidegate", more: str = "") -> Path:
    home = tmp_path / "codex"
    home.mkdir()
    server = json.dumps([str(HERE / "mcp_server.py")])
    home.joinpath("config.toml").write_text(f"""
model = "sim/m"
model_provider = "tidegate"
{more}
[model_providers.tidegate]
name = "{name}"
base_url = "{gateway.url}/v1"
env_key = "TIDEGATE_KEY"
wire_api = "responses"
[mcp_servers.tide]
command = {json.dumps(sys.executable)}
args = {server}
""")
    return home


async def test_codex_calls_a_tool_in_two_turns(stage: Stage, node: Path, tmp_path: Path) -> None:
    home = codex_home(tmp_path, stage.gateway)
    environ = {"HOME": str(tmp_path), "CODEX_HOME": str(home), "TIDEGATE_KEY": "none"}
    codex = node / "node_modules/.bin/codex"
    for turn, more in enumerate(([], ["resume", "--last"]), 1):
        command = [codex, "exec", *more, "--skip-git-repo-check", PROMPT]
        assert TEXT in await run(*command, cwd=tmp_path, environ=environ)
        assert readings(stage.provider) == turn


async def test_codex_has_a_conversation_compacted(stage: Stage, node: Path, tmp_path: Path) -> None:
    """It asks for that, with a `compaction_trigger`, where it takes its provider for OpenAI."""
    more = "model_auto_compact_token_limit = 1\n[features]\nremote_compaction_v2 = true"
    home = codex_home(tmp_path, stage.gateway, "OpenAI", more)
    environ = {"HOME": str(tmp_path), "CODEX_HOME": str(home), "TIDEGATE_KEY": "none"}
    codex = node / "node_modules/.bin/codex"
    for more_words in ([], ["resume", "--last"]):
        command = [codex, "exec", *more_words, "--skip-git-repo-check", "Hello"]
        assert TEXT in await run(*command, cwd=tmp_path, environ=environ)
    sent = [seen.body.decode() for seen in stage.provider.requests]
    asked = next(place for place, body in enumerate(sent) if "Write a summary of this conversation" in body)
    assert "A summary of the conversation so far" in sent[-1]
    assert 0 < asked < len(sent) - 1


async def test_the_ai_sdks_default_provider_does_a_second_turn(
    stage: Stage, node: Path, tmp_path: Path
) -> None:
    script = shutil.copy(HERE / "ai_sdk.mjs", node)
    out = await run("node", script, stage.gateway.url, "sim/m", cwd=tmp_path, environ={})
    assert json.loads(out) == {"texts": [TEXT, TEXT], "called": ["Brest", "Brest"]}
