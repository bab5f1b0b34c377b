"""`tidegate check`."""

import asyncio
import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .serve import ConfigOption
from .tables import Row, print_table

if TYPE_CHECKING:
    from rich.progress import Progress

    from tidegate.check import Check, Finding, Probe
    from tidegate.config import Config

__all__ = ["check"]

STYLES = {"good": "green", "failed": "bold red", "not_offered": "dim", "not_tried": "dim"}


def check(
    providers: Annotated[
        list[str] | None,
        typer.Argument(metavar="PROVIDER", help="Names of configured providers. Default: all."),
    ] = None,
    config: ConfigOption = None,
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="PROVIDER/MODEL", help="The model to check a provider with. Repeatable."),
    ] = None,
    deadline: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="Timeout for one request.")
    ] = 60.0,
    json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.md", help="Also write the results to a Markdown file.")
    ] = None,
) -> None:
    """Test every configured provider: reachability, a response, a stream and a tool call.

    Sends each provider three short requests through the gateway. The exit status is 0 if
    every check passes, 1 if a provider fails, 2 if the configuration is invalid.
    """
    from tidegate.check import plan_checks, render_json, render_markdown
    from tidegate.config import ConfigError
    from tidegate.process import Source

    if report is not None and not report.parent.is_dir():
        raise typer.BadParameter(f"there is no directory {report.parent}", param_hint="--report")
    try:
        settings = Source(config, Path.cwd(), {}).read()
        checks = plan_checks(settings, providers or [], model or [])
    except ConfigError as error:
        for line in error.lines:
            typer.echo(line, err=True)
        raise typer.Exit(2) from None
    findings = asyncio.run(_run(settings, checks, deadline))
    if json:
        typer.echo(render_json(findings).decode())
    else:
        _print_table(findings)
    if report is not None:
        report.write_text(render_markdown(findings), encoding="utf-8")
    if not all(finding.good for finding in findings):
        raise typer.Exit(1)


async def _run(config: "Config", checks: Sequence["Check"], deadline_s: float) -> list["Finding"]:
    """Run the checks on a gateway in this process, and show the progress."""
    from msgspec.structs import replace

    from tidegate.app import Tidegate
    from tidegate.check import run_check
    from tidegate.check.findings import secrets_of
    from tidegate.config import Auth
    from tidegate.observe import RequestLog
    from tidegate.observe.request_log import render_json

    # No client can reach this gateway, so it needs no keys. Retries would hide intermittent failures.
    routing = replace(config.routing, retries=0)
    unread = RequestLog(render_json, io.BytesIO())
    app = Tidegate(replace(config, auth=Auth(), routing=routing), unread)
    with _display() as display:
        await app.startup()
        try:
            secrets = secrets_of(config)
            runs = (run_check(one, app, deadline_s, secrets, _follow(display, one)) for one in checks)
            return await asyncio.gather(*runs)
        finally:
            await app.shutdown()


# --- output ----------------------------------------------------------------------------------


def _display() -> "Progress":
    """A line per provider while the checks run, on a terminal only."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    return Progress(
        SpinnerColumn(finished_text=" "),
        TextColumn("{task.description}"),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[results]}"),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )


def _follow(display: "Progress", check: "Check") -> Callable[[str, "Probe"], None]:
    """A callback that shows each result of one provider."""
    from tidegate.check import PROBES
    from tidegate.check.report import MARKS

    line = display.add_task(check.provider, total=len(PROBES), results="")
    results: list[str] = []

    def show(name: str, probe: "Probe") -> None:
        results.append(f"[{STYLES[probe.verdict]}]{MARKS[probe.verdict]} {name}[/]")
        display.update(line, advance=1, results=" ".join(results))

    return show


def _print_table(findings: Sequence["Finding"]) -> None:
    from tidegate.check.report import HEADINGS, list_failures, table_row

    rows = [Row(tuple(table_row(finding)), style=None if finding.good else "red") for finding in findings]
    print_table(HEADINGS, rows, fold="Model")
    for finding in findings:
        for name, message in list_failures(finding):
            typer.secho(f"{finding.provider}, {name}: ", bold=True, nl=False)
            typer.echo(message)
