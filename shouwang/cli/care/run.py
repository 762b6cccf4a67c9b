"""The commands ``shouwang care run`` and ``shouwang care rounds``: the jobs of care that need no person."""

from typing import Annotated

import typer

from shouwang.cli.session import Login, Url, acting, connection


def run(
    url: Url, once: Annotated[bool, typer.Option("--once", help="One turn of what is due, then end.")] = False
) -> None:
    """Make the rounds: visits to which nobody came, orders of plans, requests that wait, packages. The services do it,
    too: 'orders run', 'care report run'."""
    import datetime as dt

    from care_services.rounds.running import run as go_on
    from care_services.rounds.running import turn
    from database.settings import DatabaseSettings
    from observability.process import serve
    from shouwang.sweeping.alerts import Alerts

    if not once:
        database = DatabaseSettings(url=url)
        serve("orders", lambda stop, liveness: go_on(database, stop, liveness.part("rounds of care"), Alerts()))
        return
    with connection(url) as conn:
        found = turn(conn, Alerts(), dt.datetime.now(dt.UTC))
        for name, done in found.done.items():
            typer.echo(f"{name}: {done}")
        for name, fault in found.faults.items():
            typer.secho(f"{name}: {fault}", err=True, fg="red")
        if found.faults:
            raise typer.Exit(1)


def rounds(url: Url, login: Login) -> None:
    """Show how each job of the rounds stands, those that stand still first."""
    from care_network.access.permissions import Action
    from care_services.rounds.running import standings

    with acting(url, login, Action.VIEW_CARE) as session:
        for one in standings(session.conn, session.now):
            age = "never" if one.age is None else f"{one.age.total_seconds():.0f} s ago"
            typer.echo(f"{one.job.name:20} {one.standing:8} {age:12} {one.job.zh} / {one.job.en} {one.fault}")
