"""Files that rotate by day and size, for all workers on one directory: `tidegate_system_2026-11-29.log`, then
`tidegate_system_2026-11-29.2.log`; those that are finished are compressed, and deleted after some days.

Nothing is renamed while somebody may write to it: each worker appends to the file with the highest number of
the day that is not full yet, and goes on to the next when it is. A finished file is compressed by whoever
gets the lock of the directory, once nobody has written to it for a while.
"""

import fcntl
import gzip
import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from time import time

__all__ = ["RotatingFile", "files_of"]

DAY_S = 86_400
MODE = 0o640
QUIET_S = 60.0
"""Seconds without a write after which a finished file is compressed."""
LOOK_S = 60.0
"""Seconds between two looks for finished and old files."""
LOCK = ".tidegate-logs.lock"


class RotatingFile:
    """Opens the present file of a stream (see `NonBlockingWriter`)."""

    def __init__(
        self,
        directory: Path,
        stream: str,
        keep_days: int,
        most_bytes: int,
        wall_clock: Callable[[], float] = time,
    ) -> None:
        """`stream` is the beginning of the names; `wall_clock` gives the time in seconds since the epoch."""
        self._directory = directory
        self._stream = stream
        self._keep_days = keep_days
        self._most = most_bytes
        self._clock = wall_clock
        self._descriptor = -1
        self._path = directory
        self._looked_at = 0.0

    def descriptor(self) -> int:
        """The descriptor of the present file. Several processes may append to it. Raises OSError."""
        now = self._clock()
        day = _day(now)
        if not self._path.name.startswith(f"{self._stream}_{day}.") or not self._fits():
            self._open(day)
        if now - self._looked_at >= LOOK_S:
            self._looked_at = now
            self._tidy(now)
        return self._descriptor

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor, self._path = -1, self._directory

    def _fits(self) -> bool:
        """Whether the open file is still there, and not full."""
        with suppress(OSError):
            status = os.fstat(self._descriptor)
            return os.path.samestat(self._path.stat(), status) and status.st_size < self._most
        return False

    def _open(self, day: str) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        number = max((_number(path) for path in files_of(self._directory, self._stream, day)), default=1)
        path = self._named(day, number)
        with suppress(FileNotFoundError):
            if path.stat().st_size >= self._most:
                number += 1
        while (self._directory / f"{self._named(day, number).name}.gz").exists():
            number += 1
        path = self._named(day, number)
        opened = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, MODE)
        self.close()
        self._descriptor, self._path = opened, path

    def _named(self, day: str, number: int) -> Path:
        suffix = "" if number == 1 else f".{number}"
        return self._directory / f"{self._stream}_{day}{suffix}.log"

    def _tidy(self, now: float) -> None:
        """Compress what is finished and delete what is old, unless another worker is at it."""
        with suppress(OSError):
            lock = os.open(self._directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, MODE)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                oldest = _day(now - (self._keep_days - 1) * DAY_S)
                for path in files_of(self._directory, self._stream):
                    self._tidy_one(path, oldest, now)
            finally:
                os.close(lock)

    def _tidy_one(self, path: Path, oldest: str, now: float) -> None:
        if _day_of(path) < oldest:
            path.unlink(missing_ok=True)
            return
        present = _day_of(path) == _day(now) and path.stat().st_size < self._most
        if path.suffix == ".gz" or path == self._path or present or now - path.stat().st_mtime < QUIET_S:
            return
        part = path.with_name(f".{path.name}.gz.part")
        with path.open("rb") as source, gzip.open(part, "wb", compresslevel=6) as target:
            shutil.copyfileobj(source, target)
        part.chmod(MODE)
        part.rename(path.with_name(f"{path.name}.gz"))
        path.unlink()


def files_of(directory: Path, stream: str, day: str = "????-??-??") -> list[Path]:
    """The files of a stream, compressed ones included, the latest first."""
    found = [
        path for path in directory.glob(f"{stream}_{day}*.log*") if path.name.endswith((".log", ".log.gz"))
    ]
    return sorted(found, key=lambda path: (_day_of(path), _number(path)), reverse=True)


_NAME = re.compile(r"_(\d{4}-\d{2}-\d{2})(?:\.(\d+))?\.log(?:\.gz)?\Z")


def _day_of(path: Path) -> str:
    found = _NAME.search(path.name)
    return found[1] if found is not None else ""


def _number(path: Path) -> int:
    found = _NAME.search(path.name)
    return int(found[2]) if found is not None and found[2] else 1


def _day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"
