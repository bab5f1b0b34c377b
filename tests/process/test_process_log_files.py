"""Log files of several workers: they share each file, go on to the next, and tear no line."""

import asyncio
import gzip
import json
from pathlib import Path

import pytest

from process.serving import CHAT, Served, eventually, one
from sdk.dialects import OPENAI
from simulator import Simulator
from tidegate.observe.log_files import INTERACTIONS, SYSTEM
from tidegate.observe.rotating import files_of

LOGS = 'directory = "logs"\nbodies = "full"\ninteractions = "json"\nfile_mb = 1\nbody_kb = 64'
REQUESTS = 90
TEXT = "长 \x1b[31m\n" * 2500
"""Some 30 KB, so that each line is long."""


def lines_of(folder: Path) -> list[bytes]:
    """The lines of all files, compressed ones included; each has its end."""
    found: list[bytes] = []
    for path in reversed(files_of(folder, INTERACTIONS)):
        data = path.read_bytes()
        data = gzip.decompress(data) if path.suffix == ".gz" else data
        assert data.endswith(b"\n"), path
        found += data.splitlines()
    return found


async def test_workers_share_files_that_rotate_and_tear_no_line(tmp_path: Path, unused_tcp_port: int) -> None:
    async with Simulator() as provider:
        provider.answer(OPENAI.text)
        file = one(provider, "workers = 3", LOGS)
        async with Served(tmp_path, file, port=unused_tcp_port) as gateway:
            body = {"model": "sim/m", "messages": [{"role": "user", "content": TEXT}]}
            replies = []
            for _ in range(REQUESTS // 30):
                replies += await asyncio.gather(*(gateway.post(CHAT, body) for _ in range(30)))
            assert {reply.status for reply in replies} == {200}
            logs = tmp_path / "logs"
            await eventually(lambda: len(lines_of(logs)) >= REQUESTS, "all interactions")
        read = [json.loads(line) for line in lines_of(logs)]
    assert sorted(one["request_id"] for one in read) == sorted(
        reply.headers["x-request-id"] for reply in replies
    )
    assert all(one["downstream"][0]["request"]["messages"][0]["content"] == TEXT for one in read)
    sizes = [path.stat().st_size for path in files_of(logs, INTERACTIONS)]
    assert len(sizes) >= 3
    assert max(sizes) < 2 * 1024 * 1024


@pytest.mark.parametrize("workers", [1, 2])
async def test_the_systems_log_has_what_is_said_at_start(
    tmp_path: Path, unused_tcp_port: int, workers: int
) -> None:
    logs = 'directory = "logs"'
    async with Simulator() as provider:
        file = one(provider, f"workers = {workers}", logs)
        async with Served(tmp_path, file, port=unused_tcp_port):

            def said() -> str:
                return "".join(path.read_text() for path in (tmp_path / "logs").glob(f"{SYSTEM}_*"))

            await eventually(lambda: "serving on" in said(), "the last line of the start")
            for words in (
                "info    configuration: ",
                "info    1 provider: sim",
                "serving on http://127.0.0.1",
            ):
                assert said().count(words) == 1, words
