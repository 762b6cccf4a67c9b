"""The commands ``shouwang storage …`` and ``shouwang maintain``: roll-ups and retention."""

import datetime as dt
from typing import Annotated

import typer

from shouwang.cli.session import ORIGIN, Url, acting_account, connection, refusals

app = typer.Typer(
    help="Retention of readings, minutes and hours; progress of the roll-ups; space on disk.",
    no_args_is_help=True,
)

Days = Annotated[int | None, typer.Option(min=1, help="Days; left out: as it is.")]


@app.command()
def status(url: Url) -> None:
    """Grade, retention, lag of the roll-ups, and bytes of each table."""
    from rich.console import Console
    from rich.table import Table

    from database.retention import load_retention
    from database.storage import examine_storage, sizes

    with connection(url) as conn:
        keep, state = load_retention(conn), examine_storage(conn, dt.datetime.now(dt.UTC))
        out = Console()
        out.print(f"grade: {state.grade}")
        out.print(f"kept: readings {keep.raw_days} days, minutes {keep.minute_days} days, hours {keep.hour_days} days")
        out.print(f"roll-ups: {state.text}")
        for finding in state.findings:
            out.print(finding, style="red", markup=False)
        table = Table("what", "bytes", "MiB")
        for name, size in sizes(conn, state.grade).items():
            table.add_row(name, f"{size:,}", f"{size / 2**20:,.1f}")
        out.print(table)


@app.command()
def retention(
    url: Url,
    raw_days: Days = None,
    minute_days: Days = None,
    hour_days: Days = None,
    login: Annotated[
        str | None, typer.Option("--as", help="To change it: login of an account that may set the platform up.")
    ] = None,
) -> None:
    """Show or change how long readings, minutes and hours are kept; a change needs --as, and is in the audit.

    It holds at once, at every grade: TimescaleDB's policies are set anew, or our maintenance follows within the hour.
    Ingest's limits follow, too. Removed readings cannot be restored.

    Example: shouwang storage retention --raw-days 60 --minute-days 365 --as admin
    """
    import msgspec

    from care_network.access.permissions import Action, audit
    from database.retention import Retention, load_retention, set_retention

    with connection(url) as conn:
        now = load_retention(conn)
        wanted = Retention(raw_days or now.raw_days, minute_days or now.minute_days, hour_days or now.hour_days)
        if wanted != now:
            if login is None:
                raise ValueError("name with --as who changes it: what is removed does not come back")
            account = acting_account(conn, login, Action.PROVISION)
            with conn.transaction():
                set_retention(conn, wanted)
                detail = {"before": msgspec.structs.asdict(now), "after": msgspec.structs.asdict(wanted)}
                audit(conn, account, "set_retention", at=dt.datetime.now(dt.UTC), origin=ORIGIN, detail=detail)
        typer.echo(f"readings {wanted.raw_days} days, minutes {wanted.minute_days} days, hours {wanted.hour_days} days")


@app.command()
def refresh(
    url: Url,
    since: Annotated[dt.datetime, typer.Option("--from", help="From this time on (UTC).")],
    until: Annotated[dt.datetime, typer.Option("--to", help="Up to this time (UTC).")],
) -> None:
    """Roll a time up anew from its readings: after somebody wrote into the table 'reading' past ingest.

    Times whose readings are gone keep the roll-ups they have.
    """
    from database.grade import Grade, schema_grade
    from database.rollup import mark_due

    with connection(url) as conn:
        if schema_grade(conn) is Grade.COMMUNITY:
            typer.echo("TimescaleDB sees every change by itself and refreshes it within minutes: nothing to do")
            return
        hours = mark_due(conn, since.replace(tzinfo=dt.UTC), until.replace(tzinfo=dt.UTC))
        typer.echo(f"{hours} hours will be rolled up again by 'shouwang maintain'; the charts are right already")


def maintain(
    once: Annotated[bool, typer.Option("--once", help="Do what is due by the clock here, then stop.")] = False,
) -> None:
    """Keep roll-ups, retention and figures going, in small steps that hold nothing up. Settings: SHOUWANG_DATABASE_…

    Without a reading of the last day it waits, for then the clock may be wrong; --once believes the clock.
    One per database works; a second one waits to take over. With TimescaleDB's Community edition its own policies
    work; they only have to follow a retention that was made longer.
    """
    import psycopg

    from database.maintenance import run_once
    from database.settings import DatabaseSettings
    from figures.counting.refresh import refresh as count
    from shouwang.maintenance.__main__ import main

    if not once:
        return main()
    with refusals():
        done = run_once(DatabaseSettings(), dt.datetime.now(dt.UTC))
        typer.echo(f"rolled up {done.rolled_up} hours of series; retired {done.retired} rows or chunks")
        with psycopg.connect(DatabaseSettings().url, autocommit=True) as conn:
            typer.echo(f"counted {len(list(count(conn, dt.datetime.now(dt.UTC))))} months of figures")
    return None
