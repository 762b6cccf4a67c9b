"""The command ``shouwang export``; the work is done by :mod:`shouwang.cli.actions.export_readings`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from shouwang.cli.session import Login, Url, acting


class Format(StrEnum):
    CSV = "csv"
    PARQUET = "parquet"


def export(
    url: Url,
    resident: Annotated[str, typer.Option(help="The resident's code.")],
    since: Annotated[str, typer.Option("--from", help="First moment: 2026-11-01 or 2026-11-01T08:00 (Shanghai).")],
    until: Annotated[str, typer.Option("--to", help="The moment it ends before.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    login: Login,
    reason: Annotated[str, typer.Option(help="Purpose, for the audit.")],
    format_: Annotated[
        Format, typer.Option("--format", help="csv, or parquet (needs the extra 'export').")
    ] = Format.CSV,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Write a resident's readings to a file, with times in UTC and Shanghai and with units. Every export is audited."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from care_network.access.permissions import Action
    from shouwang.cli.actions.export_readings import ExportRequest, run
    from vocabulary.times import local_time

    with acting(url, login, Action.EXPORT_VITALS) as session:
        request = ExportRequest(
            resident=resident,
            since=local_time(since),
            until=local_time(until),
            format=format_.value,
            out=out,
            reason=reason,
            force=force,
        )
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[rows]:,} readings"))
        with Progress(*columns, TimeRemainingColumn()) as progress:
            task = progress.add_task(resident, rows=0)
            show = lambda done, of, rows: progress.update(task, completed=done, total=of, rows=rows)  # noqa: E731
            rows = run(session, request, show)
        typer.echo(f"{rows:,} readings in {out}")
