"""The official Node SDKs as clients, with each wire format behind the gateway.

One process of Node runs all cases of an SDK; the two SDKs' answers are compared in the same form.
"""

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from running import Gateway
from sdk.dialects import ARGUMENTS, DIALECTS, PIECES, TEXT, TOOL, Dialect
from simulator import Script, Seen, Simulator

HERE = Path(__file__).parent
PACKAGES = {"openai": "openai@6.49.0", "anthropic": "@anthropic-ai/sdk@1.12.0"}

EXPECTED: dict[str, Any] = {
    "text": [TEXT, "stop", 18],
    "stream": [TEXT, "stop", 18],
    "tool": ["tool_calls", TOOL, ARGUMENTS, TEXT],
    "streamed_tool": ["assistant", "tool_calls", TOOL, ARGUMENTS],
    "errors": [
        [400, "BadRequestError", True],
        [401, "AuthenticationError", True],
        [404, "NotFoundError", True],
        [429, "RateLimitError", True],
        [500, "InternalServerError", True],
    ],
    "broken_stream": [PIECES[0], True, True],
}


@pytest.fixture(scope="module", params=PACKAGES)
def script(request: pytest.FixtureRequest) -> Path:
    """A script beside its SDK, which is installed once and kept with pytest's cache."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("Node is not here")
    package = PACKAGES[request.param]
    folder = request.config.cache.mkdir(f"node-{package.replace('/', '-')}")
    if not (folder / "installed").exists():
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent", package]
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=100)
        except (subprocess.SubprocessError, OSError) as error:
            pytest.skip(f"{package} cannot be installed: {error}")
        (folder / "installed").touch()
    return Path(shutil.copy(HERE / f"{request.param}_sdk.mjs", folder))


def player(dialect: Dialect) -> Callable[[Seen], Script]:
    """The provider's answer, by the name of the model that it is asked for."""
    scripts = {
        "m-text": dialect.text,
        "m-streamed-call": dialect.call_stream,
        "m-stream": dialect.stream,
        "m-broken": dialect.broken_stream,
        **{f"m-error-{status}": dialect.error(status) for status in (400, 401, 404, 429, 500)},
    }

    def play(seen: Seen) -> Script:
        said = seen.path + seen.body.decode()
        if "m-tool" in said:
            return dialect.text if "12.5 metres" in said else dialect.call
        return next(script for name, script in scripts.items() if name in said)

    return play


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with AsyncExitStack() as stack:
        providers = {}
        for dialect in DIALECTS:
            simulator = await stack.enter_async_context(Simulator())
            simulator.answer(player(dialect))
            base = f"{simulator.url}/v1" if dialect.kind == "openai" else simulator.url
            providers[dialect.kind] = (dialect.kind, base)
        yield await stack.enter_async_context(Gateway(providers))


async def test_the_sdk_gets_every_answer_from_every_wire_format(gateway: Gateway, script: Path) -> None:
    node = await asyncio.create_subprocess_exec(
        *("node", str(script), gateway.url, *(dialect.kind for dialect in DIALECTS)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, log = await node.communicate()
    assert node.returncode == 0, log.decode()
    assert json.loads(out) == {dialect.kind: EXPECTED for dialect in DIALECTS}
