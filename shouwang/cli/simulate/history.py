"""``shouwang simulate history``."""

from typing import Annotated

import typer

from shouwang.cli.session import Url, connection, refusals


def history(
    url: Url,
    residents: Annotated[int, typer.Option(min=1, max=20_000, help="How many, each in a home of its own.")] = 200,
    days: Annotated[
        int | None, typer.Option(min=3, max=400, help="How far back: 365, with --demo 30, unless you say otherwise.")
    ] = None,
    rate: Annotated[float, typer.Option(min=5, max=300, help="Seconds between two readings of a vital sign.")] = 60.0,
    seed: Annotated[int, typer.Option(help="Which people and which days.")] = 4,
    demo: Annotated[bool, typer.Option("--demo", help="The past of the demonstration's homes, instead.")] = False,
) -> None:
    """Fill a database with residents who have a past: a year of 200 in minutes.

    For trying the charts, the roll-ups and the room they take; into a database of its own, not the district's. Hearts,
    nights, outings and sensors are those of 'simulate month', without episodes. Readings are written where they would
    still be kept (see 'storage retention'); of older times minutes and hours alone, which is all that would be left.
    Everything ends with the last full hour.

    Each resident is one transaction. Stop it whenever you like: a second call goes on, and writes nobody twice.

    With --demo: the past of the homes that a database of 'shouwang demo' has, as the demonstration writes it at its
    first start: charts, closed alerts with their outcomes, visits with ratings, hand-overs, missed targets; in seconds,
    and marked as simulated. A home that was heard already keeps the past that it has. 30 days unless --days says
    otherwise. Live data begin a quarter of an hour before a home starts, so write it before that.

    Example: shouwang simulate history --demo --url postgresql://… --days 30
    Example: shouwang simulate history --url postgresql://… --residents 200 --days 365
    """
    import datetime as dt
    import time

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from device_simulators.month.month import MonthOptions
    from shouwang.cli.actions import write_history as past

    out = Console()
    if not demo and days is not None and days < 8:
        raise typer.BadParameter("a past without --demo has 8 days at least", param_hint="--days")
    if demo:
        from shouwang.cli.actions.write_demo_past import write_demo_past

        with refusals(), connection(url) as conn:
            write_demo_past(conn, days or 30, seed, out)
        return
    began = time.monotonic()
    simulated = kept = there = 0
    with connection(url) as conn:
        conn.execute("SET application_name = 'shouwang-history'")
        conn.execute("SET statement_timeout = 0")
        with out.status("rolling up what is stored already …"):
            plan = past.plan(
                conn, MonthOptions(seed=seed, days=days or 365, rate_s=rate, ordinary=True), dt.datetime.now(dt.UTC)
            )
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with past.retention_waits(conn), Progress(*columns, console=out) as progress:
            task = progress.add_task("residents", total=residents)
            for written in past.write(conn, plan, residents):
                simulated, kept = simulated + written.simulated, kept + written.kept
                there += not written.simulated
                per_s = simulated / (time.monotonic() - began)
                progress.update(task, advance=1, description=f"residents, {per_s:,.0f} readings/s")
            if plan.grade == "community":  # also what an interrupted run has left to do
                rolling = progress.add_task("rolling up, %", total=100)
                for share in past.refresh(conn, plan):
                    progress.update(rolling, completed=round(100 * share))
    if there:
        out.print(f"{there} of {residents} residents were there already and stayed as they are.")
    took = time.monotonic() - began
    out.print(
        f"{simulated:,} readings simulated in {took:,.0f} s ({simulated / took:,.0f}/s);"
        f" {kept:,} are kept as such, the others as minutes and hours."
    )
