"""Reloading the settings without a restart."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from .file import FILE_NAME
from .problems import ConfigError
from .schema import Config
from .transition import baseline_of, changes, kept, refusals, restarts

__all__ = ["Reloader"]

log = logging.getLogger("tidegate")

LOOK_S = 0.5
"""Seconds between two looks at the files. Notifications of the system come for whole folders, and so for each
line that is written to a database or a journal beside the file."""
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
        self._stamps: list[object] = []
        """What the file system said of the files then."""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start watching. Requires a running event loop."""
        self._seen = self._contents()
        self._task = asyncio.create_task(self._reload_on_request())
        self._look()

    def request(self) -> None:
        """Reload soon, whether the files changed or not (for SIGHUP)."""
        self._requested.set()

    async def stop(self) -> None:
        """Stop watching. A reload in progress is finished."""
        if self._timer is not None:
            self._timer.cancel()
        self._stopped.set()
        self._requested.set()
        if self._task is not None:
            await self._task
            self._task = None

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
            await self._on_change(kept(self._started_with, config))
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

    def _look(self) -> None:
        """Request a reload if the files have changed, and look again later."""
        now = [_stamp(file) for file in self._files]
        if now != self._stamps:
            self._stamps = now
            self._compare()
        self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look)

    def _compare(self) -> None:
        """Request a reload if the contents of the files have changed."""
        now = self._contents()
        if now != self._seen:
            self._seen = now
            self.request()

    def _contents(self) -> list[bytes | None]:
        return [_content(file) for file in self._files]


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


def _stamp(file: Path) -> object:
    """Differs whenever a file was written or replaced; None where there is none."""
    with contextlib.suppress(OSError):
        found = file.stat()
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
    return None
