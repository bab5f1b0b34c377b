"""`tidegate explain`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .config import load_or_exit
from .serve import ConfigOption

if TYPE_CHECKING:
    from tidegate.observe.lookup import Found

__all__ = ["explain"]

NO_FILES = """\
records are not kept in files here: set [logs] directory, or name a file of JSON records with --log
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
            help="A file of JSON records; - is standard input. Repeatable. Default: [logs] directory.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
) -> None:
    """Explain a past request: its candidates and their order, who was skipped, who was tried, how it ended.

    The exit status is 0 if its record is found, 1 if it is not, 2 if there are no records to search.
    """
    import msgspec

    from tidegate.observe.explanation import explain as render

    files = log or _configured_files(config)
    found = _search(files, request_id)
    if len(found) != 1:
        typer.echo(_not_one(found, request_id, files), err=True)
        raise typer.Exit(1)
    (record,) = found.values()
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(record), indent=2).decode())
        return
    for line in render(record):
        typer.echo(line)


def _configured_files(config: Path | None) -> list[Path]:
    """The files in the configured directory, the newest first. Exits with 2 if there are none."""
    from tidegate.observe.files import record_files

    directory = load_or_exit(config).logs.directory
    if not directory:
        typer.echo(NO_FILES, err=True)
        raise typer.Exit(2)
    files = record_files(Path(directory))
    if not files:
        typer.echo(f"there are no records in {directory} ([logs] directory)", err=True)
        raise typer.Exit(2)
    return files


def _search(files: list[Path], request_id: str) -> "Found":
    """The records whose id begins so. Exits with 2 if a file cannot be read."""
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
            typer.echo(f"{path}: {error.strerror}", err=True)
            raise typer.Exit(2) from None
    return found


def _not_one(found: "Found", request_id: str, files: list[Path]) -> str:
    """Why there is no single record to explain."""
    if found:
        shown = ", ".join(sorted(found)[:MOST_SHOWN])
        more = f" and {len(found) - MOST_SHOWN} more" if len(found) > MOST_SHOWN else ""
        return f"{len(found)} requests have an id that begins with {request_id}: {shown}{more}"
    names = ["standard input" if str(path) == "-" else str(path) for path in files]
    more = f" and {len(names) - MOST_SHOWN} more files" if len(names) > MOST_SHOWN else ""
    return f"no record of {request_id} in {', '.join(names[:MOST_SHOWN])}{more}"
