"""`tidegate logs`."""

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from .config import load_or_exit
from .explain import NOT_KEPT
from .opening import fail
from .serve import ConfigOption

if TYPE_CHECKING:
    from tidegate.config import Config
    from tidegate.store.database import Connection
    from tidegate.store.requests import StoredRequest

__all__ = ["logs"]

EVERY_S = 1.0
"""Seconds between two looks for new requests."""
BEHIND_MS = 3_600_000
"""How far back a look goes, in milliseconds: requests are listed by when they began, and known when they
end.
"""
MOST_LOOKED = 10_000
"""Requests that a look goes through, the latest first."""

REFUSED = " (a request that was refused before it began is in the log, and counted in `GET /admin/refusals`)"

Fields = Mapping[str, Any]
T = TypeVar("T")


def logs(
    request_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Show everything about this request.")
    ] = None,
    config: ConfigOption = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with those that end from now on.")
    ] = False,
    model: Annotated[str | None, typer.Option(help="Only requests for this model.")] = None,
    user: Annotated[str | None, typer.Option(help="Only those of this user.")] = None,
    session: Annotated[str | None, typer.Option(help="Only those of this session.")] = None,
    errors: Annotated[bool, typer.Option("--errors", help="Only those that failed.")] = False,
    limit: Annotated[int, typer.Option("-n", min=1, max=1000, help="How many of the latest.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one line for each.")] = False,
) -> None:
    """Show requests that have ended, the latest last: from the store, else from files in [logs] directory."""
    loaded = load_or_exit(config)
    wanted = {
        name: value for name, value in (("model", model), ("user", user), ("session", session)) if value
    }
    source = _open(loaded)
    if request_id is not None:
        _show_one(source, request_id, as_json=as_json)
        return
    show = _show_json if as_json else _show_line
    for record in source.latest(wanted, errors=errors, limit=limit):
        show(record)
    while follow:
        Event().wait(EVERY_S)
        for record in source.new(wanted, errors=errors):
            show(record)


class _Files:
    """Records in the files of a directory."""

    hint = ""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._read_to: dict[Path, int] = {}
        """How many bytes of each file have been read."""

    def latest(self, wanted: Mapping[str, str], *, errors: bool, limit: int) -> list[dict[str, Any]]:
        """The latest records, the latest last."""
        from tidegate.observe.files import record_files

        found: list[dict[str, Any]] = []
        for path in record_files(self._directory):
            if len(found) >= limit:
                self._read_to[path] = path.stat().st_size
            else:
                found = [*deque(self._read_on(path, wanted, errors), maxlen=limit), *found]
        return found[-limit:]

    def new(self, wanted: Mapping[str, str], *, errors: bool) -> Iterator[dict[str, Any]]:
        """The records that were written since the last look."""
        from tidegate.observe.files import record_files

        for path in reversed(record_files(self._directory)):
            yield from self._read_on(path, wanted, errors)

    def _read_on(self, path: Path, wanted: Mapping[str, str], errors: bool) -> Iterator[dict[str, Any]]:
        """The records of a file behind those that have been read. A line whose end is missing is being
        written.
        """
        import msgspec

        try:
            file = path.open("rb")
        except FileNotFoundError:  # it was too old, and has been deleted
            self._read_to.pop(path, None)
            return
        with file:
            size, place = path.stat().st_size, self._read_to.get(path, 0)
            file.seek(place if place <= size else 0)  # it may be another file of this name
            self._read_to[path] = file.tell()
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._read_to[path] += len(line)
                try:
                    record = msgspec.json.decode(line)
                except msgspec.DecodeError:
                    continue
                if isinstance(record, dict) and _matches(record, wanted, errors):
                    yield record

    def one(self, request: str) -> tuple[Fields | None, Mapping[str, Any]]:
        """A record; its bodies are in the files of interactions."""
        from tidegate.observe.files import record_files
        from tidegate.observe.lookup import find_in_file

        for path in record_files(self._directory):
            if found := find_in_file(path, request).get(request):
                return found, {}
        return None, {}


class _Store:
    """Records in the store."""

    def __init__(self, url: str, files: _Files | None) -> None:
        """Requests that were refused before they began are only in the files, if there are any."""
        from tidegate.store.database import Database

        try:
            self._database = Database(url)
        except ValueError as error:
            raise fail(str(error), 2) from None
        name = self._database.engine.url.database
        if self._database.is_sqlite and name and not Path(name).exists():
            raise fail(f"there is no store at {name}", 2)
        self._files = files
        self.hint = REFUSED if files is None else ""
        self._seen: set[str] = set()
        """What the last look found."""

    def latest(self, wanted: Mapping[str, str], *, errors: bool, limit: int) -> list[dict[str, Any]]:
        """The latest records, the latest last."""
        from tidegate.store.requests import Search, list_requests

        def read(connection: "Connection") -> "Sequence[StoredRequest]":
            self._look(connection, wanted, errors)
            return list_requests(connection, Search(wanted, errors), limit=limit)

        return self._read(read)

    def new(self, wanted: Mapping[str, str], *, errors: bool) -> list[dict[str, Any]]:
        """The records since the last look, by when they began."""
        from tidegate.store.requests import find_requests

        return self._read(lambda each: find_requests(each, self._look(each, wanted, errors)))

    def _look(self, connection: "Connection", wanted: Mapping[str, str], errors: bool) -> list[str]:
        """The ids of requests that the last look did not find."""
        from tidegate.store.journal import milliseconds
        from tidegate.store.requests import Search, list_ids

        search = Search(wanted, errors, milliseconds() - BEHIND_MS)
        found, before = list_ids(connection, search, limit=MOST_LOOKED), self._seen
        self._seen = set(found)
        return [one for one in found if one not in before]

    def _read(self, read: "Callable[[Connection], Sequence[StoredRequest]]") -> list[dict[str, Any]]:
        import msgspec

        rows = self._within(read)
        return [{"id": row.id, **msgspec.json.decode(row.detail)} for row in reversed(rows)]

    def _within(self, read: "Callable[[Connection], T]") -> T:
        """What a function reads. Exits with 1 if the store cannot be read."""
        from tidegate.store.database import DatabaseError

        try:
            with self._database.read() as connection:
                return read(connection)
        except DatabaseError as error:
            raise fail(f"the store cannot be read: {type(error).__name__}") from None

    def one(self, request: str) -> tuple[Fields | None, Mapping[str, Any]]:
        """A record, and its bodies."""
        import msgspec

        from tidegate.store.bodies import find_bodies
        from tidegate.store.requests import find_request

        def read(connection: "Connection") -> tuple[Fields | None, Mapping[str, Any]]:
            row = find_request(connection, request)
            if row is None:
                return None, {}
            return msgspec.json.decode(row.detail), find_bodies(connection, request)

        record, bodies = self._within(read)
        if record is None and self._files is not None:
            return self._files.one(request)
        return record, bodies


def _open(config: "Config") -> _Store | _Files:
    """Where records are kept. Exits with 2 if they are not."""
    files = _Files(Path(config.logs.directory)) if config.logs.directory else None
    if config.store.url:
        return _Store(config.store.url.reveal(), files)
    if files is not None:
        return files
    raise fail(NOT_KEPT, 2)


def _matches(record: Fields, wanted: Mapping[str, str], errors: bool) -> bool:
    if errors and not record.get("error"):
        return False
    return all(record.get(name) == value for name, value in wanted.items())


# --- what is shown ---------------------------------------------------------------------------------


def _show_json(record: Fields) -> None:
    import msgspec

    from tidegate.protocols.excerpt import escape_json

    typer.echo(escape_json(msgspec.json.encode(record).decode()))


def _show_line(record: Fields) -> None:
    """A request in one line, with colour on a terminal."""
    from tidegate.protocols.excerpt import escape_controls

    usage = record.get("usage") or {}
    tokens = f"{_sum(usage, PROMPT)}+{_sum(usage, COMPLETION)}" if usage else "-"
    cost = record.get("cost")
    price = f"${cost / 1e9:.6f}" if cost is not None else "-"
    words = [
        str(record.get("time", ""))[:23].replace("T", " "),
        str(record.get("id")),
        f"{record.get('status')} {record.get('ended')}",
        f"{record.get('model') or '-'} → {record.get('provider') or '-'}",
        f"{tokens} tokens",
        price,
        f"{record.get('total_ms', 0):.0f} ms",
    ]
    words += [f"user={record['user']}"] if record.get("user") else []
    words += [f"session={record['session']}"] if record.get("session") else []
    words += [str(record["error"])] if record.get("error") else []
    line = escape_controls("  ".join(words))
    typer.echo(typer.style(line, fg=_colour(record)) if _has_colours() else line)


PROMPT = ("input", "cache_read", "cache_write", "cache_write_1h", "input_audio", "input_image")
COMPLETION = ("output", "reasoning", "output_audio", "output_image")


def _sum(usage: Fields, names: Iterable[str]) -> int:
    return sum(usage.get(name) or 0 for name in names)


def _has_colours() -> bool:
    """Whether this is a terminal whose user has not asked for no colours (no-color.org)."""
    from rich.console import Console

    return sys.stdout.isatty() and not Console().no_color


def _colour(record: Fields) -> str | None:
    if record.get("error"):
        return "red" if int(record.get("status") or 0) >= 500 else "yellow"
    return None if str(record.get("ended", "")).startswith("complete") else "yellow"


def _show_one(source: _Store | _Files, given: str, *, as_json: bool) -> None:
    """Everything about one request."""
    import msgspec

    from tidegate.observe.explanation import explain
    from tidegate.observe.lookup import full_id
    from tidegate.protocols.excerpt import escape_controls, escape_json

    record, bodies = source.one(full_id(given))
    if record is None:
        raise fail(f"there is no record of {given}{source.hint}")
    if as_json:
        typer.echo(escape_json(msgspec.json.encode({"record": record, "bodies": bodies}).decode()))
        return
    for line in explain(record):
        typer.echo(line)
    for name, body in bodies.items():
        cut = f", of {body.bytes} bytes" if body.truncated else ""
        heading = f"{name}{cut}:"
        typer.echo()
        typer.echo(typer.style(heading, bold=True) if _has_colours() else heading)
        for line in body.text.split("\n"):
            typer.echo(escape_controls(line))
