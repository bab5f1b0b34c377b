r"""The journal of a worker: what must not be lost, appended to a file of its own before anything else.

One line of JSON for each hold and each end of a request, written with a single system call: what the kernel
has survives the end of the process. `Mover` moves the lines into the database later. The file is locked while
its worker lives, by a lock that ends with the process, so that others see when it has been left behind.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterable, Iterator
from errno import EEXIST
from glob import escape
from pathlib import Path
from time import time_ns
from typing import NamedTuple, TypeAlias

import msgspec
from msgspec import Raw, Struct

from tidegate.figures import Answered, Sample

from .errors import JournalFailed

__all__ = [
    "Batch",
    "Begun",
    "Charge",
    "Ended",
    "Journal",
    "Line",
    "Place",
    "Released",
    "abandoned",
    "milliseconds",
    "read",
    "read_all",
]

SUFFIX = ".journal"
NEW = ".new"
"""The suffix of a file that is not locked yet."""
PIECE = 512 * 1024
"""Bytes that are read at once: some 500 requests."""


def milliseconds() -> int:
    """Now, in milliseconds since 1970."""
    return time_ns() // 1_000_000


class Place(NamedTuple):
    """Where the journals of a store are."""

    folder: Path
    prefix: str = ""
    """What the names of its files begin with: several stores may share a folder."""


class Begun(Struct, frozen=True, tag="begun", tag_field="t", omit_defaults=True, gc=False):
    """A request is about to be sent: so much is held for it."""

    id: str
    at: int
    """In milliseconds since 1970."""
    user: str | None = None
    key: str | None = None
    lease: str | None = None
    """The lease that the hold is a part of; None where no wallet pays."""
    held: int = 0
    """In nano."""
    model: str | None = None


class Charge(Struct, frozen=True, omit_defaults=True, gc=False):
    """What one attempt costs."""

    attempt: int
    cost: int
    """In nano."""


class Ended(Struct, tag="ended", tag_field="t", omit_defaults=True, gc=False):
    """A request has ended: what it costs, and its record."""

    id: str
    at: int
    ended: str
    """How, in the words of `observe.record.Ending`."""
    status: int
    begun_at: int = 0
    user: str | None = None
    team: str | None = None
    key: str | None = None
    model: str | None = None
    provider: str | None = None
    provider_model: str | None = None
    lease: str | None = None
    held: int = 0
    charges: tuple[Charge, ...] = ()
    cost: int | None = None
    """The sum of the charges, or what they would be where nobody pays; None where it is not known."""
    tokens: int = 0
    estimated: bool = False
    """Whether the usage was counted here, because the provider reported none."""
    door: str | None = None
    session: str | None = None
    """The client's name for the conversation or task that the request belongs to."""
    error: str | None = None
    """Why it failed, in short; None if it did not."""
    answered: Answered | None = None
    """What it adds to the figures, if it was answered at the first attempt."""
    figures: Sample | None = None
    """The same of any other; None if it is in none of them."""
    detail: Raw = Raw(b"{}")
    """The rest of the record, in JSON."""


class Released(Struct, frozen=True, tag="released", tag_field="t", gc=False):
    """The worker gives a lease back."""

    lease: str


Line: TypeAlias = Begun | Ended | Released


class Batch:
    """Lines that are moved together, sorted by what they do."""

    __slots__ = ("begun", "earlier", "ended", "released")

    def __init__(self, lines: Iterable[Line] = ()) -> None:
        self.begun: dict[str, Begun] = {}
        """Requests that have begun and not ended, by their id."""
        self.ended: list[Ended] = []
        self.earlier: list[str] = []
        """Those of them that began before the batch."""
        self.released: list[str] = []
        """Leases."""
        for line in lines:
            self.add(line)

    def add(self, line: Line) -> None:
        """Add the next line."""
        if isinstance(line, Begun):
            self.begun[line.id] = line
        elif isinstance(line, Ended):
            self.add_end(line)
        else:
            self.released.append(line.lease)

    def add_end(self, line: Ended) -> None:
        """Add the end of a request."""
        if self.begun.pop(line.id, None) is None:
            self.earlier.append(line.id)
        self.ended.append(line)


_encode_into = msgspec.json.Encoder().encode_into
_decoder = msgspec.json.Decoder(Line)
_decode, _decode_lines = _decoder.decode, _decoder.decode_lines


class Journal:
    """The journal that this process writes."""

    def __init__(self, place: Place, name: str) -> None:
        """Create the file. Raises JournalFailed."""
        self.id = name
        """A name that no other journal has had."""
        self.path = place.folder / f"{place.prefix}{name}{SUFFIX}"
        try:
            place.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.path.exists():
                raise FileExistsError(EEXIST, os.strerror(EEXIST))
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            unlocked = self.path.with_suffix(NEW)  # under its own name, others would take it for abandoned
            self._file = os.open(unlocked, flags, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX)
            unlocked.rename(self.path)
        except OSError as error:
            raise JournalFailed(f"cannot write the journal {self.path}: {error.strerror}") from error
        self.size = 0
        """Bytes written."""
        self._memory = {kind: bytearray() for kind in (Begun, Ended, Released)}
        """For the next line of each kind: lines of one kind are about as long, so that it keeps its size."""

    def append(self, line: Line) -> int:
        """Write a line. Returns the size after it. Raises JournalFailed."""
        data = self._memory[type(line)]
        _encode_into(line, data)
        data += b"\n"
        try:
            written = os.write(self._file, data)
        except OSError as error:
            raise JournalFailed(f"cannot write the journal: {error.strerror}") from error
        size = self.size = self.size + written
        if written < len(data):
            self._mend(written)
        return size

    def sync(self) -> None:
        """Wait until the disk has everything that was written so far."""
        os.fdatasync(self._file)

    def close(self) -> None:
        """Close the file, which ends its lock; whoever starts next finds what has not been moved."""
        os.close(self._file)

    def remove(self) -> None:
        """Close the file and delete it: all of it has been moved."""
        self.path.unlink(missing_ok=True)
        self.close()

    def _mend(self, written: int) -> None:
        """A disk became full within a line: take its beginning back."""
        os.ftruncate(self._file, self.size - written)
        self.size -= written
        raise JournalFailed("cannot write the journal: no space left on device")


def read(path: Path, position: int, end: int | None = None) -> tuple[list[Line], int]:
    """The next lines of a journal from a position on, and the position behind them: none behind `end`, where
    a line ends. An incomplete last line is left for later; a line that cannot be read is skipped.
    """
    with path.open("rb") as file:
        file.seek(position)
        data = file.read(PIECE)
        while b"\n" not in data and (more := file.read(PIECE)):
            data += more
    if end is not None:
        data = data[: end - position]
    data = data[: data.rfind(b"\n") + 1]
    try:
        lines = _decode_lines(data)
    except msgspec.MsgspecError:
        lines = list(_readable(data))
    return lines, position + len(data)


def read_all(path: Path) -> Iterator[Line]:
    """All lines of a journal."""
    position, behind = -1, 0
    while position != behind:
        position = behind
        lines, behind = read(path, position)
        yield from lines


def _readable(data: bytes) -> Iterator[Line]:
    for line in data.split(b"\n"):
        with contextlib.suppress(msgspec.MsgspecError):
            yield _decode(line)


def abandoned(place: Place) -> Iterator[tuple[str, Path, int]]:
    """The journals whose worker has ended: id, path, and a descriptor that locks it for us."""
    for path in sorted(place.folder.glob(f"{escape(place.prefix)}*{SUFFIX}")):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)  # its worker lives
            continue
        if not os.fstat(descriptor).st_nlink:
            os.close(descriptor)  # another worker has just taken it over
            continue
        yield path.name.removeprefix(place.prefix).removesuffix(SUFFIX), path, descriptor
