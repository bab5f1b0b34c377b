"""New settings without a restart."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from .file import FILE_NAME
from .problems import ConfigError
from .schema import Config

__all__ = ["Reloader"]

log = logging.getLogger("tidegate")


class Reloader:
    """Reads the configuration again when it changes, or when it is asked to.

    `read` gives the Config or raises ConfigError; `on_change` gets every Config that is valid, and
    has put it in force when it returns. A configuration that is wrong is logged and changes nothing.
    The environment of a running process does not change, but `.env` may.
    """

    def __init__(
        self,
        read: Callable[[], Config],
        path: Path | None,
        directory: Path,
        on_change: Callable[[Config], Awaitable[None]],
    ) -> None:
        self._read = read
        self._files = (directory / (path or FILE_NAME), directory / ".env")
        self._on_change = on_change
        self._requested = asyncio.Event()
        self._stopped = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Watch from now on; needs a running event loop."""
        self._tasks = [asyncio.create_task(self._watch()), asyncio.create_task(self._reload_on_request())]

    def request(self) -> None:
        """Read again soon, changed or not (for SIGHUP)."""
        self._requested.set()

    async def stop(self) -> None:
        """Watch no longer. A reload that is under way is finished."""
        self._stopped.set()
        self._requested.set()
        await asyncio.gather(*self._tasks)
        self._tasks = []

    async def _reload_on_request(self) -> None:
        await self._requested.wait()
        while not self._stopped.is_set():
            self._requested.clear()
            await self._reload()
            await self._requested.wait()

    async def _reload(self) -> None:
        try:
            config = await asyncio.to_thread(self._read)
        except ConfigError as error:
            for line in error.lines:
                log.error("%s", line)
            log.error("the configuration is wrong; the old one stays in force")
            return
        try:
            await self._on_change(config)
        except Exception:
            log.exception("the new configuration cannot be put in force; the old one stays")
            return
        for warning in config.warnings:
            log.warning("%s", warning)
        log.info("the configuration was read again")

    async def _watch(self) -> None:
        """Ask for a reload whenever the bytes of the files change."""
        seen = self._contents()
        try:
            async for _ in self._changes():
                now = self._contents()
                if now != seen:
                    seen = now
                    self.request()
        except (OSError, RuntimeError) as error:
            log.warning("the configuration is not watched (%s); SIGHUP reads it again", error)

    def _contents(self) -> list[bytes | None]:
        return [_content(file) for file in self._files]

    async def _changes(self) -> AsyncIterator[object]:
        from watchfiles import awatch  # not needed before the first request can be served

        # Editors and Kubernetes replace files instead of writing into them, so folders are watched.
        folders = {file.parent for file in self._files}
        names = {file.name for file in self._files} | {"..data"}
        async for change in awatch(
            *folders,
            watch_filter=lambda _, path: Path(path).name in names,
            recursive=False,
            debounce=200,
            stop_event=self._stopped,  # a cancelled watch waits for its thread, a stopped one does not
        ):
            yield change


def _content(file: Path) -> bytes | None:
    with contextlib.suppress(OSError):
        return file.read_bytes()
    return None
