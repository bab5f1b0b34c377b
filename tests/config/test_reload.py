"""A changed configuration comes into force by itself; a wrong one changes nothing."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tidegate.config import Config, Reloader, load

PATIENCE_S = 20


class Watched:
    """A reloader over a folder, and the Configs that it put in force."""

    def __init__(self, folder: Path, path: Path | None = None) -> None:
        self.folder = folder
        self.configs: asyncio.Queue[Config] = asyncio.Queue()
        self.reloader = Reloader(lambda: load(path, {}, folder), path, folder, self.configs.put)

    async def port(self) -> int:
        """That of the next Config."""
        return (await asyncio.wait_for(self.configs.get(), PATIENCE_S)).server.port

    def write(self, port: object, name: str = "tidegate.toml") -> None:
        (self.folder / name).write_text(f"[server]\nport = {port}\n")


@asynccontextmanager
async def watching(folder: Path, path: Path | None = None) -> AsyncIterator[Watched]:
    watched = Watched(folder, path)
    watched.reloader.start()
    await asyncio.sleep(0.3)  # the watch must stand before anything changes
    yield watched
    await watched.reloader.stop()


async def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "tidegate.toml").write_text("[server]\nport = 1\n")
    async with watching(tmp_path) as watched:
        watched.write(2)
        assert await watched.port() == 2
        watched.write(3)
        assert await watched.port() == 3


async def test_a_replaced_file_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "tidegate.toml").write_text("[server]\nport = 1\n")
    async with watching(tmp_path) as watched:
        watched.write(2, "tidegate.toml.new")
        (tmp_path / "tidegate.toml.new").rename(tmp_path / "tidegate.toml")
        assert await watched.port() == 2


async def test_a_file_that_comes_and_goes_is_noticed(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        watched.write(2)
        assert await watched.port() == 2
        (tmp_path / "tidegate.toml").unlink()
        assert await watched.port() == Config().server.port


async def test_a_changed_dotenv_is_read_again(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        (tmp_path / ".env").write_text("PORT=4")
        assert await watched.port() == 4


async def test_a_named_file_in_another_folder_is_watched(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    path = tmp_path / "etc" / "ours.toml"
    path.write_text("")
    async with watching(tmp_path, path) as watched:
        path.write_text("[server]\nport = 5")
        assert await watched.port() == 5


async def test_a_swapped_folder_of_links_is_noticed(tmp_path: Path) -> None:
    """Kubernetes mounts files as links into a folder `..data`, which it swaps."""
    for number in (1, 2):
        (tmp_path / f"v{number}").mkdir()
        (tmp_path / f"v{number}" / "tidegate.toml").write_text(f"[server]\nport = {number}\n")
    (tmp_path / "..data").symlink_to("v1")
    (tmp_path / "tidegate.toml").symlink_to("..data/tidegate.toml")
    async with watching(tmp_path) as watched:
        (tmp_path / "..new").symlink_to("v2")
        (tmp_path / "..new").rename(tmp_path / "..data")
        assert await watched.port() == 2


async def test_a_request_reads_again_what_has_not_changed(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        watched.write(2)
        assert await watched.port() == 2
        watched.reloader.request()
        assert await watched.port() == 2


async def test_other_files_and_the_same_bytes_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "tidegate.toml").write_text("[server]\nport = 1\n")
    async with watching(tmp_path) as watched:
        (tmp_path / "tidegate.db").write_text("x")
        watched.write(1)
        await asyncio.sleep(0.5)
        assert watched.configs.empty()
        watched.write(2)
        assert await watched.port() == 2


async def test_a_wrong_file_is_told_and_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tidegate")
    async with watching(tmp_path) as watched:
        watched.write("'x'")
        while len(caplog.messages) < 2:
            await asyncio.sleep(0.05)
        assert caplog.messages == [
            "tidegate.toml:2: server.port: expected a whole number, got a text",
            "the configuration is wrong; the old one stays in force",
        ]
        assert watched.configs.empty()
        watched.write(2)
        assert await watched.port() == 2


async def test_a_config_that_cannot_be_put_in_force_does_not_end_the_watch(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asked: asyncio.Queue[int] = asyncio.Queue()

    async def refuse(config: Config) -> None:
        await asked.put(config.server.port)
        raise RuntimeError("no")

    reloader = Reloader(lambda: load(None, {}, tmp_path), None, tmp_path, refuse)
    reloader.start()
    for _ in range(2):
        reloader.request()
        await asyncio.wait_for(asked.get(), PATIENCE_S)
    await reloader.stop()
    assert caplog.messages == ["the new configuration cannot be put in force; the old one stays"] * 2


async def test_without_a_watch_a_request_still_works(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "gone"
    configs: asyncio.Queue[Config] = asyncio.Queue()
    reloader = Reloader(lambda: load(None, {}, folder), None, folder, configs.put)
    reloader.start()
    reloader.request()
    await asyncio.wait_for(configs.get(), PATIENCE_S)
    await reloader.stop()
    assert any("SIGHUP" in message for message in caplog.messages)


def test_watchfiles_is_not_imported_before_it_is_used() -> None:
    code = "import sys, tidegate.config; print([name for name in sys.modules if 'watchfiles' in name])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
