"""A changed configuration comes into force by itself; a wrong one changes nothing."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tidegate.config import Config, Reloader, load

PATIENCE_S = 20


def reloader(path: Path | None, folder: Path, on_change: Callable[[Config], Awaitable[None]]) -> Reloader:
    """A reloader of a process that was started with what the folder holds now, on loopback."""

    def read() -> Config:
        return load(path, {}, folder)

    return Reloader(read, path, folder, on_change, config=read(), exposed=False)


class Watched:
    """A reloader over a folder, and the Configs that it put in force."""

    def __init__(self, folder: Path, path: Path | None = None) -> None:
        self.folder = folder
        self.configs: asyncio.Queue[Config] = asyncio.Queue()
        self.reloader = reloader(path, folder, self.configs.put)

    async def write_s(self) -> float:
        """That of the next Config."""
        return (await asyncio.wait_for(self.configs.get(), PATIENCE_S)).server.write_s

    def write(self, write_s: object, name: str = "tidegate.toml") -> None:
        (self.folder / name).write_text(f"[server]\nwrite_s = {write_s}\n")


@asynccontextmanager
async def watching(folder: Path, path: Path | None = None) -> AsyncIterator[Watched]:
    watched = Watched(folder, path)
    watched.reloader.start()
    yield watched
    await watched.reloader.stop()


async def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "tidegate.toml").write_text("[server]\nwrite_s = 1\n")
    async with watching(tmp_path) as watched:
        watched.write(2)
        assert await watched.write_s() == 2
        watched.write(3)
        assert await watched.write_s() == 3


async def test_a_replaced_file_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "tidegate.toml").write_text("[server]\nwrite_s = 1\n")
    async with watching(tmp_path) as watched:
        watched.write(2, "tidegate.toml.new")
        (tmp_path / "tidegate.toml.new").rename(tmp_path / "tidegate.toml")
        assert await watched.write_s() == 2


async def test_a_file_that_comes_is_read_and_one_that_goes_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with watching(tmp_path) as watched:
        watched.write(2)
        assert await watched.write_s() == 2
        (tmp_path / "tidegate.toml").unlink()
        await logged(caplog, "this needs a restart")
        assert caplog.messages[-2:] == [
            "tidegate.toml: no longer has settings: it is missing, empty or not a file",
            "this needs a restart; the old configuration stays in effect (it would change: server.write_s)",
        ]
        assert watched.configs.empty()
        watched.write(3)
        assert await watched.write_s() == 3


async def test_a_file_that_is_being_written_is_read_once_it_is_complete(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.write(2)
    stop, began = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        number = 100
        while not stop.is_set():
            number += 1
            watched.write(number)
            began.set()
            await asyncio.sleep(0.02)
        watched.write(3)

    writing = asyncio.create_task(write())
    await began.wait()
    watched.reloader.start()
    watched.reloader.request()
    await asyncio.sleep(1)
    assert watched.configs.empty()
    stop.set()
    await writing
    assert await watched.write_s() == 3
    await watched.reloader.stop()


async def test_settings_that_take_a_restart_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "tidegate.toml").write_text("[server]\nport = 1\n")
    async with watching(tmp_path) as watched:
        (tmp_path / "tidegate.toml").write_text('[server]\nport = 2\nbody_s = 3\n[logs]\nlevel = "error"\n')
        assert (await watched.configs.get()).server.body_s == 3
        await logged(caplog, "server.port: 2 needs a restart; 1 stays in effect")
        await logged(caplog, "logs.level: 'error' needs a restart; 'info' stays in effect")
        assert not any("body_s" in message for message in caplog.messages if "restart" in message)


async def test_a_store_stays_the_one_of_the_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def text(store: str, body_s: int) -> str:
        keys = '[auth]\nkeys = ["sk-0123456789abcdef"]'
        return f'[server]\nbody_s = {body_s}\n{keys}\n[store]\nurl = "{store}"\n'

    (tmp_path / "tidegate.toml").write_text(text("sqlite:///one.db", 2))
    async with watching(tmp_path) as watched:
        (tmp_path / "tidegate.toml").write_text(text("sqlite:///two.db", 3))
        config = await watched.configs.get()
        assert config.server.body_s == 3
        assert config.store.url is not None
        assert config.store.url.reveal() == "sqlite:///one.db"
        await logged(caplog, "needs a restart")
        assert [one for one in caplog.messages if one.startswith("store.url: ")]


async def logged(caplog: pytest.LogCaptureFixture, words: str) -> None:
    """Await that the log says something."""
    async with asyncio.timeout(PATIENCE_S):
        while not any(words in message for message in caplog.messages):
            await asyncio.sleep(0.02)


async def test_a_changed_dotenv_is_read_again(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        (tmp_path / ".env").write_text("TIDEGATE_SERVER_WRITE_S=4")
        assert await watched.write_s() == 4


async def test_a_named_file_in_another_folder_is_watched(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    path = tmp_path / "etc" / "ours.toml"
    path.write_text("")
    async with watching(tmp_path, path) as watched:
        path.write_text("[server]\nwrite_s = 5")
        assert await watched.write_s() == 5


async def test_a_swapped_folder_of_links_is_noticed(tmp_path: Path) -> None:
    """Kubernetes mounts files as links into a folder `..data`, which it swaps."""
    for number in (1, 2):
        (tmp_path / f"v{number}").mkdir()
        (tmp_path / f"v{number}" / "tidegate.toml").write_text(f"[server]\nwrite_s = {number}\n")
    (tmp_path / "..data").symlink_to("v1")
    (tmp_path / "tidegate.toml").symlink_to("..data/tidegate.toml")
    async with watching(tmp_path) as watched:
        (tmp_path / "..new").symlink_to("v2")
        (tmp_path / "..new").rename(tmp_path / "..data")
        assert await watched.write_s() == 2


async def test_a_request_reads_again_what_has_not_changed(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        watched.write(2)
        assert await watched.write_s() == 2
        watched.reloader.request()
        assert await watched.write_s() == 2


async def test_other_files_and_the_same_bytes_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "tidegate.toml").write_text("[server]\nwrite_s = 1\n")
    async with watching(tmp_path) as watched:
        (tmp_path / "tidegate.db").write_text("x")
        watched.write(1)
        await asyncio.sleep(0.5)
        assert watched.configs.empty()
        watched.write(2)
        assert await watched.write_s() == 2


async def test_a_wrong_file_is_reported_and_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tidegate")
    async with watching(tmp_path) as watched:
        watched.write("'x'")
        while len(caplog.messages) < 2:
            await asyncio.sleep(0.05)
        assert caplog.messages == [
            "tidegate.toml:2: server.write_s: expected a number, got a string",
            "the configuration is invalid; the old one stays in effect",
        ]
        assert watched.configs.empty()
        watched.write(2)
        assert await watched.write_s() == 2


async def test_a_config_that_cannot_be_put_in_force_does_not_end_the_watch(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asked: asyncio.Queue[int] = asyncio.Queue()

    async def refuse(config: Config) -> None:
        await asked.put(config.server.write_s)
        raise RuntimeError("no")

    watching = reloader(None, tmp_path, refuse)
    watching.start()
    for _ in range(2):
        watching.request()
        await asyncio.wait_for(asked.get(), PATIENCE_S)
    await watching.stop()
    assert caplog.messages == ["the new configuration cannot be applied; the old one stays in effect"] * 2


async def test_a_folder_that_comes_later_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    async with watching(folder) as watched:
        folder.mkdir()
        watched.write(2)
        assert await watched.write_s() == 2


async def test_the_target_of_a_link_is_watched(tmp_path: Path) -> None:
    target, folder = tmp_path / "target.toml", tmp_path / "etc"
    folder.mkdir()
    target.write_text("[server]\nwrite_s = 1\n")
    (folder / "tidegate.toml").symlink_to(target)
    async with watching(folder) as watched:
        target.write_text("[server]\nwrite_s = 2\n")
        assert await watched.write_s() == 2
