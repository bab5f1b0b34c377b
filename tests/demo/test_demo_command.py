"""`tidegate demo`: what it prints can be pasted and works."""

import asyncio
import contextlib
import io
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from running import Gateway
from tidegate.cli.demo import EXAMPLES, make_source, render_examples
from tidegate.cli.main import app

WHO = "I am echo, a model of Tidegate's demo provider"


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with Gateway({"demo": ("demo", "")}) as running:
        yield running


@pytest.mark.parametrize("heading", [heading for heading in EXAMPLES if "Python" in heading])
async def test_a_python_example_streams_an_answer(gateway: Gateway, heading: str) -> None:
    code = render_examples(gateway.url)[heading]
    names: dict[str, Any] = {}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        await asyncio.to_thread(exec, code, names)
    names["client"].close()  # the example leaves that to the end of its process
    assert printed.getvalue().startswith(WHO)


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
async def test_the_curl_example_streams_an_answer(gateway: Gateway) -> None:
    code = render_examples(gateway.url)["curl, streaming"]
    shell = await asyncio.create_subprocess_shell(
        code, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    out, _ = await shell.communicate()
    assert out.startswith(b'data: {"id":"chatcmpl-demo-')
    assert out.endswith(b"data: [DONE]\n\n")


def test_only_the_demo_is_served_whatever_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789abcdef")
    monkeypatch.setenv("PORT", "1")
    config = make_source("127.0.0.1", 8765).read()
    assert list(config.providers) == ["demo"]
    assert (config.server.host, config.server.port) == ("127.0.0.1", 8765)


async def test_the_command_prints_its_address_serves_and_ends(tmp_path: Path, unused_tcp_port: int) -> None:
    command = "import typer; from tidegate.cli.demo import demo; typer.run(demo)"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", command, "--port", str(unused_tcp_port)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=tmp_path,
        env=dict(os.environ),
    )
    assert process.stderr is not None
    first = await process.stderr.readline()
    assert f"http://127.0.0.1:{unused_tcp_port}" in first.decode()
    await _until_open(unused_tcp_port)
    process.send_signal(signal.SIGTERM)
    _, received = await process.communicate()
    assert b"demo/cut-stream" in received
    assert process.returncode in (0, -signal.SIGTERM)


def test_a_port_in_use_is_reported_before_anything_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(app, ["demo", "--port", str(port)])
    expected = f"cannot listen on 127.0.0.1:{port}: Address already in use (choose another with --port)\n"
    assert (result.exit_code, result.output) == (1, expected)


async def _until_open(port: int) -> None:
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            await writer.wait_closed()
            return
        await asyncio.sleep(0.05)
