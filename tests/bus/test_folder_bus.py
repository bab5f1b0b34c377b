"""Workers that nobody has connected find each other in a folder, as processes of their own."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate.bus import ALONE
from tidegate.bus import folder as folder_module
from tidegate.bus.folder import FolderBus, meet

PATIENCE_S = 60.0

WORKER = """
import asyncio, sys, tempfile
tempfile.tempdir = sys.argv[1]
from tidegate.bus.folder import meet

async def main():
    bus = meet("a gateway")
    memory = bus.memory.map(64)
    bus.subscribe("news", lambda data: bus.publish("echo", data + str(bus.place).encode()))
    bus.open()
    print(bus.place, bus.claim("lead"), memory[0], flush=True)
    memory[0] = 7
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    bus.close()
asyncio.run(main())
"""


@pytest.fixture
def base(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tg-") as name:  # short: sockets lie there
        monkeypatch.setattr(tempfile, "tempdir", name)
        yield Path(name)


def start(base: Path) -> tuple["subprocess.Popen[str]", list[str]]:
    """A worker, and what it says: its place, whether it leads, and what is in the memory."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(base)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, process.stdout.readline().split()


def stop(process: "subprocess.Popen[str]") -> None:
    process.communicate("end\n", timeout=PATIENCE_S)


async def test_workers_hear_each_other_and_share_claims_and_memory(base: Path) -> None:
    bus = meet("a gateway")
    assert isinstance(bus, FolderBus)
    assert bus.memory is not None
    memory = bus.memory.map(64)
    received: asyncio.Queue[bytes] = asyncio.Queue()
    bus.subscribe("echo", received.put_nowait)
    assert bus.claim("lead")
    bus.open()
    one, said_by_one = await asyncio.to_thread(start, base)
    two, said_by_two = await asyncio.to_thread(start, base)
    assert (bus.place, said_by_one, said_by_two) == (0, ["1", "False", "0"], ["2", "False", "7"])
    assert memory[0] == 7
    answers: set[bytes] = set()
    async with asyncio.timeout(PATIENCE_S):
        while answers != {b"?1", b"?2"}:
            bus.publish("news", b"?")
            await asyncio.sleep(0.1)
            while not received.empty():
                answers.add(received.get_nowait())

    one.send_signal(signal.SIGKILL)
    await asyncio.to_thread(one.communicate)
    three, said_by_three = await asyncio.to_thread(start, base)
    assert said_by_three == ["1", "False", "7"], "it takes the place of the one that was killed"
    answers.clear()
    async with asyncio.timeout(PATIENCE_S):
        while b"!1" not in answers:
            bus.publish("news", b"!")
            await asyncio.sleep(0.1)
            while not received.empty():
                answers.add(received.get_nowait())
    await asyncio.to_thread(stop, two)
    await asyncio.to_thread(stop, three)
    bus.close()


def test_whoever_comes_when_nobody_is_there_begins_anew(base: Path) -> None:
    first, said = start(base)
    assert said == ["0", "True", "0"]
    first.kill()
    first.communicate()
    second, said = start(base)
    assert said == ["0", "True", "0"]
    stop(second)


def test_old_folders_that_others_delete_meanwhile_keep_nobody_alone(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = base / f"tidegate-{os.getuid()}"
    private.mkdir(mode=0o700)
    old = private / "old"
    old.mkdir()
    os.utime(old, (1, 1))
    listed = [private / "gone", old]
    monkeypatch.setattr(Path, "iterdir", lambda self: iter(listed))
    bus = meet("a gateway")
    assert isinstance(bus, FolderBus)
    bus.close()
    assert not old.exists()


def test_a_folder_that_others_may_use_is_not_used(base: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = base / f"tidegate-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    assert meet("a gateway") is ALONE
    assert "others may use it" in caplog.text


def test_folders_of_gateways_that_have_ended_are_deleted_after_a_while(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, _ = start(base)
    ended, _ = start(base)
    stop(ended)
    (old,) = (base / f"tidegate-{os.getuid()}").iterdir()
    monkeypatch.setattr(folder_module, "OLD_S", -1.0)
    meet("another gateway").close()
    assert old.exists()
    stop(running)
    meet("a third gateway").close()
    assert not old.exists()
