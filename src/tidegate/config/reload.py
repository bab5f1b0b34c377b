"""Reloading the settings without a restart."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path

from .file import FILE_NAME
from .problems import ConfigError
from .schema import Config
from .transition import baseline_of, changes, refusals, restarts

__all__ = ["Reloader"]

log = logging.getLogger("tidegate")

SET_UP_S = 2.0
"""How long the system may take to start watching, in seconds."""
SETTLE_S = 0.2
"""How long the files must remain unchanged before they are read, because writing may not be finished."""
MOST_NAMES = 20
"""Maximum number of changed settings named in a log line."""


class Reloader:
    """Reloads the configuration when it changes or on request.

    `read` returns the Config or raises ConfigError. `on_change` receives every Config that may take effect
    and applies it before it returns. `config` is the one that the process was started with; `exposed` says
    whether the process listens beyond loopback. A configuration that is invalid, or that would open the
    gateway (see `transition`), is logged and has no effect. The environment of a running process cannot
    change, but `.env` can.
    """

    def __init__(
        self,
        read: Callable[[], Config],
        path: Path | None,
        directory: Path,
        on_change: Callable[[Config], Awaitable[None]],
        *,
        config: Config,
        exposed: bool,
    ) -> None:
        self._read = read
        self._started_with = self._in_force = config
        self._exposed = exposed
        self._files = (directory / (path or FILE_NAME), directory / ".env")
        self._on_change = on_change
        self._requested = asyncio.Event()
        self._stopped = asyncio.Event()
        self._seen: list[bytes | None] = []
        """The contents of the files at the last comparison."""
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start watching. Requires a running event loop."""
        self._seen = self._contents()
        self._tasks = [asyncio.create_task(self._watch()), asyncio.create_task(self._reload_on_request())]
        # Changes while the watch is being set up cause no event.
        self._timer = asyncio.get_running_loop().call_later(SET_UP_S, self._compare)

    def request(self) -> None:
        """Reload soon, whether the files changed or not (for SIGHUP)."""
        self._requested.set()

    async def stop(self) -> None:
        """Stop watching. A reload in progress is finished."""
        if self._timer is not None:
            self._timer.cancel()
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
        await self._settle()
        try:
            config = await asyncio.to_thread(self._read)
        except ConfigError as error:
            _log_errors(error.lines, "the configuration is invalid; the old one stays in effect")
            return
        changed = _listed(changes(self._in_force, config))
        reasons = refusals(baseline_of(self._in_force, exposed=self._exposed), config)
        if reasons:
            end = "this needs a restart; the old configuration stays in effect"
            _log_errors(reasons, f"{end} (it would change: {changed})")
            return
        try:
            await self._on_change(config)
        except Exception:
            log.exception("the new configuration cannot be applied; the old one stays in effect")
            return
        self._in_force = config
        for warning in (*config.warnings, *restarts(self._started_with, config)):
            log.warning("%s", warning)
        log.info("configuration reloaded (changed: %s)", changed)

    async def _settle(self) -> None:
        """Wait until the files remain unchanged, or time is up."""
        seen = None
        while seen != (now := self._contents()):
            seen = now
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), SETTLE_S)
                return

    async def _watch(self) -> None:
        """Request a reload whenever the contents of the files change."""
        try:
            async for _ in self._changes():
                self._compare()
        except (OSError, RuntimeError) as error:
            log.warning("cannot watch the configuration for changes (%s); send SIGHUP to reload it", error)

    def _compare(self) -> None:
        """Request a reload if the contents of the files have changed."""
        now = self._contents()
        if now != self._seen:
            self._seen = now
            self.request()

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


def _log_errors(lines: Iterable[str], end: str) -> None:
    for line in (*lines, end):
        log.error("%s", line)


def _listed(names: list[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join([*names[:MOST_NAMES], *([f"{more} more"] if more > 0 else [])]) or "nothing"


def _content(file: Path) -> bytes | None:
    with contextlib.suppress(OSError):
        return file.read_bytes()
    return None
