"""The command ``shouwang export``; what it does is in :mod:`shouwang.cli.actions.export_readings`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    CSV = "csv"
    PARQUET = "parquet"


def export(
    url: Annotated[str, typer.Option("--url", envvar="SHOUWANG_DATABASE_URL", help="postgresql://…")],
    resident: Annotated[str, typer.Option(help="The resident's code.")],
    since: Annotated[str, typer.Option("--from", help="First moment: 2026-11-01 or 2026-11-01T08:00 (Shanghai).")],
    until: Annotated[str, typer.Option("--to", help="The moment it ends before.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    login: Annotated[str, typer.Option("--as", help="Login of the account that asks for it, for the audit.")],
    reason: Annotated[str, typer.Option(help="What it is for, for the audit.")],
    format_: Annotated[
        Format, typer.Option("--format", help="csv, or parquet (needs the extra 'export').")
    ] = Format.CSV,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Write a resident's readings to a file, with times in UTC and Shanghai and with units. Every export is audited."""
    import psycopg
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from shouwang.cli.actions.export_readings import Request, run
    from vocabulary.times import local_time

    try:
        request = Request(resident, local_time(since), local_time(until), format_.value, out, login, reason, force)
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[rows]:,} readings"))
        with Progress(*columns, TimeRemainingColumn()) as progress:
            task = progress.add_task(resident, rows=0)
            rows = run(url, request, lambda done, of, rows: progress.update(task, completed=done, total=of, rows=rows))
    except (ValueError, LookupError, PermissionError, OSError, ImportError, psycopg.OperationalError) as error:
        typer.secho(f"export: {error}", err=True, fg="red")
        raise typer.Exit(1) from error
    typer.echo(f"{rows:,} readings in {out}")
