"""The commands ``shouwang figures …``: the roll-ups of the decision page, its sections, and the printed report."""

import datetime as dt
from pathlib import Path
from typing import Annotated, Any

import typer

from shouwang.cli.session import Login, Url, acting, connection

app = typer.Typer(
    help="Figures of an area by month, as on the page /decisions: count them anew, show them, print the report.",
    no_args_is_help=True,
)
Area = Annotated[str, typer.Option(help="Path of an area; left out: the account's own.")]
Language = Annotated[str, typer.Option(help="zh or en.")]
Grave = Annotated[str, typer.Option("--severity", help="Alerts whose times are drawn: emergency, urgent, …")]


@app.command()
def refresh(
    url: Url,
    every: Annotated[
        bool, typer.Option("--all", help="All months anew, not only those in which something changed.")
    ] = False,
) -> None:
    """Count the months in which something has changed; 'shouwang maintain' does it every five minutes."""
    from figures.counting.refresh import refresh as count

    with connection(url) as conn:
        done = 0
        for month in count(conn, dt.datetime.now(dt.UTC), every=every):
            typer.echo(f"{month.month:%Y-%m}: {month.alerts} alerts; {month.left} months left")
            done += 1
        typer.echo("another refresh is at work" if not done else f"{done} months counted")


@app.command()
def show(
    url: Url,
    login: Login,
    area: Area = "",
    first: Annotated[str, typer.Option("--from", help="First month, such as 2026-01; left out: 12 months.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last month; left out: this one.")] = "",
    severity: Grave = "emergency",
    language: Language = "zh",
) -> None:
    """Show all sections: the sentence and the tables of each.

    Example: shouwang figures show --as manager --from 2026-01 --language en
    """
    from rich.console import Console
    from rich.table import Table

    out = Console()
    with acting(url, login, None) as session:
        _, sections = _sections(session, area, first, last, severity, language)
        session.audit("view_figures", detail={"area": area, "from": first, "to": last})
    for section in sections:
        out.print(f"\n[bold]{section.title}[/bold]", highlight=False)
        out.print(section.sentence, markup=False, highlight=False)
        for table in section.tables:
            shown = Table(*(column.title for column in table.columns), title=table.caption)
            for row in table.rows:
                shown.add_row(*(cell.text for cell in row))
            out.print(shown)


@app.command()
def report(
    url: Url,
    login: Login,
    month: Annotated[str, typer.Option(help="The month, such as 2026-10; charts show the twelve up to it.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The file to write.")],
    area: Area = "",
    severity: Grave = "emergency",
    language: Language = "zh",
) -> None:
    """Write the monthly report of an area as PDF: sums, and nobody's name.

    Example: shouwang figures report --month 2026-10 --area shenzhen.yantian --output report.pdf --as manager
    """
    from figures.export.report import report as make

    with acting(url, login, None) as session:
        window, sections = _sections(session, area, month, month, severity, language)
        made = make(window, sections)
        detail = {"form": "pdf", "area": window.area.path, "from": month, "to": month}
        session.audit("export_figures", detail=detail)
    output.write_bytes(made)
    typer.echo(f"{output}: {len(made) // 1024} kB")


def _sections(session: Any, area: str, first: str, last: str, severity: str, language: str) -> tuple[Any, Any]:
    from figures.reading import page, scope
    from vocabulary.severity import SEVERITIES

    if language not in ("zh", "en"):
        raise ValueError("a report is in zh or en")
    if severity not in SEVERITIES:
        raise ValueError(f"a severity is one of {', '.join(SEVERITIES)}")
    window = scope.window(
        session.conn, session.account, language, session.now, area=area, first=first, last=last  # type: ignore[arg-type]
    )  # fmt: skip
    return window, page.sections(session.conn, window, severity)
