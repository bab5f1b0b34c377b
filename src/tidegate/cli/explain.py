"""`tidegate explain`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .config import load_or_exit
from .serve import ConfigOption

if TYPE_CHECKING:
    from tidegate.config import Config
    from tidegate.observe.lookup import Found

__all__ = ["explain"]

NOT_KEPT = """\
records are not kept here: set [logs] directory or [store] url, or name a file of JSON records with --log
(- is standard input: journalctl -u tidegate -o cat | tidegate explain ID --log -)"""
MOST_SHOWN = 5


def explain(
    request_id: Annotated[
        str, typer.Argument(metavar="REQUEST_ID", help="The response's x-request-id, or how it begins.")
    ],
    config: ConfigOption = None,
    log: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="A file of JSON records; - is standard input. Repeatable. Default: the files in [logs] "
            "directory, and the store.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
) -> None:
    """Explain a past request: its candidates and their order, who was skipped, who was tried, how it ended.

    The exit status is 0 if its record is found, 1 if it is not, 2 if there are no records to search.
    """
    import msgspec

    from tidegate.observe.explanation import explain as render
    from tidegate.protocols.excerpt import escape_json

    found, places = _search(log, request_id) if log else _search_kept(load_or_exit(config), request_id)
    if len(found) != 1:
        typer.echo(_not_one(found, request_id, places), err=True)
        raise typer.Exit(1)
    (record,) = found.values()
    if as_json:
        typer.echo(escape_json(msgspec.json.format(msgspec.json.encode(record), indent=2).decode()))
        return
    for line in render(record):
        typer.echo(line)


def _search_kept(config: "Config", request_id: str) -> tuple["Found", list[str]]:
    """The records that the configuration keeps whose id begins so, and where they were looked for. Exits with
    2 if it keeps none.
    """
    from tidegate.observe.files import record_files
    from tidegate.observe.lookup import full_id

    directory, url = config.logs.directory, config.store.url.reveal() if config.store.url else ""
    if not directory and not url:
        raise _fail(NOT_KEPT)
    found: Found = {}
    places: list[str] = []
    if url:
        found, places = _search_store(url, request_id), ["the store"]
    if directory and full_id(request_id) not in found:
        files = record_files(Path(directory))
        if not files and not url:
            raise _fail(f"there are no records in {directory} ([logs] directory)")
        in_files, names = _search(files, request_id)
        found, places = {**found, **in_files}, [*places, *names]
    return found, places


def _search_store(url: str, request_id: str) -> "Found":
    """The records in the store whose id begins so. Exits with 2 if it cannot be read."""
    import msgspec

    from tidegate.observe.lookup import full_id
    from tidegate.store.database import Database, DatabaseError
    from tidegate.store.lookup import find_records

    try:
        database = Database(url)
    except ValueError as error:
        raise _fail(str(error)) from None
    try:
        name = database.engine.url.database
        if database.is_sqlite and name and not Path(name).exists():
            raise _fail(f"there is no store at {name}")
        with database.read() as connection:
            details = find_records(connection, full_id(request_id))
    except DatabaseError as error:
        raise _fail(f"the store cannot be read: {type(error).__name__}") from None
    finally:
        database.close()
    return {record: msgspec.json.decode(detail) for record, detail in details.items()}


def _search(files: Sequence[Path], request_id: str) -> tuple["Found", list[str]]:
    """The records in files whose id begins so, and the names of the files. Exits with 2 if one cannot be
    read.
    """
    from tidegate.observe.lookup import find_in_file, find_in_lines, full_id

    found: Found = {}
    for path in files:
        if full_id(request_id) in found:
            break
        try:
            if str(path) == "-":
                found |= find_in_lines(sys.stdin.buffer, request_id)
            else:
                found |= find_in_file(path, request_id)
        except OSError as error:
            raise _fail(f"{path}: {error.strerror}") from None
    return found, ["standard input" if str(path) == "-" else str(path) for path in files]


def _not_one(found: "Found", request_id: str, places: Sequence[str]) -> str:
    """Why there is no single record to explain."""
    if found:
        shown = ", ".join(sorted(found)[:MOST_SHOWN])
        more = f" and {len(found) - MOST_SHOWN} more" if len(found) > MOST_SHOWN else ""
        return f"{len(found)} requests have an id that begins with {request_id}: {shown}{more}"
    more = f" and {len(places) - MOST_SHOWN} more files" if len(places) > MOST_SHOWN else ""
    return f"no record of {request_id} in {', '.join(places[:MOST_SHOWN])}{more}"


def _fail(message: str) -> typer.Exit:
    """Print why there is nothing to search, and return what ends the command."""
    typer.echo(message, err=True)
    return typer.Exit(2)
