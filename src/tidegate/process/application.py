"""The application and its surroundings in a process: records and reloading."""

import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from tidegate.app import Tidegate
from tidegate.bus import ALONE, Bus
from tidegate.config import Config, Reloader
from tidegate.observe import DailyFiles, NonBlockingWriter, RequestLog
from tidegate.observe.log_files import open_log_files
from tidegate.observe.logs import RENDERERS, line_format

from .source import Source

__all__ = ["make_app"]

log = logging.getLogger("tidegate")


def make_app(
    config: Config,
    source: Source,
    *,
    exposed: bool,
    before_reload: Callable[[Config], Awaitable[None]] | None = None,
    bus: Bus = ALONE,
) -> tuple[Tidegate, Reloader]:
    """The application, and what reloads it when the configuration changes.

    `exposed` is whether it listens beyond loopback. `before_reload` receives a new configuration first; if
    it raises, the old one stays in force. `bus` connects it with the other workers of the gateway.
    """
    request_log = make_request_log(config, source.directory)
    files = open_log_files(config.logs, source.directory) if config.logs.directory else None
    app = Tidegate(config, request_log, bus=bus, interactions=files.write if files is not None else None)

    async def reload(changed: Config) -> None:
        if before_reload is not None:
            await before_reload(changed)
        await app.reload(changed)

    reloader = Reloader(source.read, source.path, source.directory, reload, config=config, exposed=exposed)

    async def start() -> None:
        reloader.start()

    app.on_startup.append(start)
    app.on_shutdown.append(reloader.stop)
    if files is not None:
        files.attach(logging.getLogger())
    return app, reloader


def make_request_log(config: Config, directory: Path) -> RequestLog:
    """Records to standard output, and to files if they are configured, relative to this directory."""
    logs = config.logs
    out = NonBlockingWriter(sys.stdout.fileno(), log.error)
    files = None
    if logs.directory:
        daily = DailyFiles(directory / logs.directory, logs.keep_days)
        files = NonBlockingWriter(daily.descriptor, log.error)
    return RequestLog(RENDERERS[line_format(logs)], out, files)
