"""The bus of workers that no supervisor of ours has started, such as those of uvicorn and gunicorn: they meet
in a folder of the host, which only their own user can read.

Each takes a *place*, a number, which is a lock that ends with its process. Its inbox is a socket with that
name; all look for new ones once a second. Claims and memory are files beside them. Whoever comes when nobody
is there begins with empty memory.
"""

import asyncio
import fcntl
import logging
import os
import shutil
import socket
import tempfile
from hashlib import blake2b
from pathlib import Path
from stat import S_ISDIR
from time import time

from .contract import ALONE, Bus
from .links import BUFFER, Seat
from .memory import Memory
from .sockets import Peer, SocketBus

__all__ = ["FolderBus", "meet"]

log = logging.getLogger("tidegate")

PLACES = 32
"""How many workers may meet."""
GATE = PLACES
"""The lock under which a place is taken."""
LOOK_S = 1.0
"""Seconds between two looks for other workers."""
OLD_S = 3600.0
"""Seconds after which a folder that nobody is in is deleted."""


def meet(purpose: str) -> Bus:
    """The bus of the workers of this host with this purpose: those who run the same gateway. Where there is
    no room, or no such folder can be made, a worker is alone.
    """
    base = Path(tempfile.gettempdir(), f"tidegate-{os.getuid()}")
    try:
        _make_private(base)
        _delete_old(base)
        folder = base / blake2b(purpose.encode(), digest_size=8).hexdigest()
        _make_private(folder)
        return FolderBus(folder)
    except OSError as error:
        log.warning("the workers share nothing, because they cannot meet in %s: %s", base, error)
        return ALONE


class FolderBus(SocketBus):
    """See Bus."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError."""
        self._folder = folder
        self._places = os.open(folder / "places", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.lockf(self._places, fcntl.LOCK_EX, 1, GATE)
        try:
            free = [place for place in range(PLACES) if _lock(self._places, place)]
            if not free:
                raise OSError(f"{PLACES} workers are there already")
            claims, memory, figures = (
                os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                for name in ("claims", "memory", "figures")
            )
            if len(free) == PLACES:
                os.ftruncate(memory, 0)
                os.ftruncate(figures, 0)
            for place in free[1:]:
                fcntl.lockf(self._places, fcntl.LOCK_UN, 1, place)
            self._socket = self._bind(free[0])
        finally:
            fcntl.lockf(self._places, fcntl.LOCK_UN, 1, GATE)
        super().__init__(Seat(free[0], self._socket.fileno(), [], claims, memory, figures, folder.name))
        self._memory, self._figures = Memory(memory, free[0], PLACES), Memory(figures, free[0], PLACES)
        self._known: dict[Path, tuple[int, socket.socket, Peer]] = {}
        """The inboxes of the others: when they were made, in nanoseconds, and what sends to them."""
        self._timer: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """See Bus."""
        super().open()
        self._look()

    def close(self) -> None:
        """See Bus."""
        if self._timer is not None:
            self._timer.cancel()
        self._path(self.place).unlink(missing_ok=True)
        super().close()
        for path in list(self._known):
            self._forget(path)
        self._socket.close()

    def _path(self, place: int) -> Path:
        return self._folder / f"{place}.inbox"

    def _bind(self, place: int) -> socket.socket:
        self._path(place).unlink(missing_ok=True)
        inbox = _new_socket()
        inbox.bind(str(self._path(place)))
        return inbox

    def _look(self) -> None:
        """Look who is there."""
        self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look)
        for place in range(PLACES):
            path = self._path(place)
            known = self._known.get(path)
            try:
                made = path.stat().st_ctime_ns
            except OSError:
                made = 0
            if place == self.place or (known is not None and known[0] == made):
                continue
            if known is not None:
                self._forget(path)
            if made:
                self._greet(path, made)

    def _greet(self, path: Path, made: int) -> None:
        outbox = _new_socket()
        try:
            outbox.connect(str(path))
        except OSError:  # its worker has died
            outbox.close()
            return
        peer = Peer(outbox.fileno())
        self._known[path] = (made, outbox, peer)
        self._peers.append(peer)

    def _forget(self, path: Path) -> None:
        _, outbox, peer = self._known.pop(path)
        if self._loop is not None:
            peer.stop(self._loop)
        self._peers.remove(peer)
        outbox.close()


def _new_socket() -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    made.setblocking(False)
    for buffer in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        made.setsockopt(socket.SOL_SOCKET, buffer, BUFFER)
    return made


def _lock(file: int, place: int) -> bool:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
    except OSError:
        return False
    return True


def _make_private(folder: Path) -> None:
    """Make a folder that nobody else can read or change. Raises OSError."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} belongs to somebody else, or others may use it")
    os.utime(folder)


def _delete_old(base: Path) -> None:
    """Delete folders that nobody is in. Others do so at the same time, and a folder may be gone by now."""
    for folder in base.iterdir():
        try:
            if time() - folder.lstat().st_mtime < OLD_S:
                continue
            file = os.open(folder / "places", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            continue
        empty = all(_lock(file, place) for place in range(PLACES))
        os.close(file)
        if empty:
            shutil.rmtree(folder, ignore_errors=True)
