"""Records in files: one file a day for all workers, and the days that are kept."""

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from time import time

__all__ = ["DailyFiles", "record_files"]

PREFIX, SUFFIX = "records-", ".jsonl"
DAY_S = 86_400
MODE = 0o640


class DailyFiles:
    """Opens the file of the day: `records-2026-11-29.jsonl`, by UTC. Deletes files that are too old."""

    def __init__(self, directory: Path, keep_days: int, wall_clock: Callable[[], float] = time) -> None:
        """`wall_clock` gives the time in seconds since the epoch."""
        self._directory = directory
        self._keep_days = keep_days
        self._wall_clock = wall_clock
        self._path = directory
        self._descriptor = -1

    def descriptor(self) -> int:
        """The descriptor of today's file. Several processes may append to it. Raises OSError."""
        day = int(self._wall_clock()) // DAY_S
        path = self._directory / _name_of(day)
        if path != self._path or not self._is_there():
            self._directory.mkdir(parents=True, exist_ok=True)
            opened = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, MODE)
            if self._descriptor >= 0:
                os.close(self._descriptor)
            self._descriptor, self._path = opened, path
            self._delete_before(day - self._keep_days + 1)
        return self._descriptor

    def _is_there(self) -> bool:
        """Whether the open file has been neither deleted nor moved away."""
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._descriptor))
        except FileNotFoundError:
            return False

    def _delete_before(self, day: int) -> None:
        oldest = _name_of(day)
        for path in record_files(self._directory):
            if path.name < oldest:
                with suppress(OSError):  # another worker was faster
                    path.unlink()


def record_files(directory: Path) -> list[Path]:
    """The files with records in a directory, the newest first."""
    return sorted(directory.glob(f"{PREFIX}????-??-??{SUFFIX}"), reverse=True)


def _name_of(day: int) -> str:
    return f"{PREFIX}{datetime.fromtimestamp(day * DAY_S, UTC):%Y-%m-%d}{SUFFIX}"
