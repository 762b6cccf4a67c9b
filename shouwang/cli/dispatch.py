"""The commands ``shouwang dispatch …``; without one of them: the service that climbs the ladders of open alerts."""

import datetime as dt
import uuid
from pathlib import Path
from typing import Annotated

import typer

from shouwang.cli.session import Login, Url, acting

app = typer.Typer(help="Call people out until somebody answers; policies, hand-over, statistics.")

HolesSince = Annotated[str | None, typer.Option("--from", help="2026-11-01T20:00 (Shanghai); default: now.")]


@app.callback(invoke_without_command=True)
def service(context: typer.Context) -> None:
    """Run the service that calls people out, until it is stopped. Settings: SHOUWANG_… in the environment."""
    if context.invoked_subcommand is None:
        from dispatch.escalation.__main__ import main

        main()


@app.command()
def status(url: Url, login: Login) -> None:
    """Show overdue steps, running services and waiting hand-overs. Exit status 1: a step is late or no service runs."""
    from care_network.access.permissions import Action
    from shouwang.cli.tables import dispatch

    with acting(url, login, Action.VIEW_OPERATIONS) as session:
        good = dispatch.print_status(session.conn)
    raise typer.Exit(0 if good else 1)


@app.command()
def holes(
    url: Url,
    login: Login,
    hours: Annotated[int, typer.Option(min=1, max=24 * 31, help="How far to look ahead.")] = 24,
    since: HolesSince = None,
) -> None:
    """Hours in which a ladder would reach nobody on duty, in words. Exit status 1 where there are some."""
    from care_network.access.permissions import Action
    from shouwang.cli.tables import dispatch
    from vocabulary.times import local_time

    with acting(url, login, Action.VIEW_NETWORK) as session:
        begin = session.now if since is None else local_time(since)
        found = dispatch.print_holes(session.conn, begin, dt.timedelta(hours=hours))
    raise typer.Exit(1 if found else 0)


@app.command()
def policies(url: Url, login: Login) -> None:
    """The escalation policies that apply: every step, its delay and whom it tells."""
    from care_network.access.permissions import Action
    from shouwang.cli.tables import dispatch

    with acting(url, login, Action.VIEW_NETWORK) as session:
        dispatch.print_policies(session.conn)


@app.command("set-policies")
def set_policies(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="Policies (TOML), as in docs/escalation.md.")
    ],
    url: Url,
    login: Login,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check them against each other, store nothing.")] = False,
) -> None:
    """Store policies as new versions, all or none. Alerts that are open keep theirs."""
    from care_network.access.permissions import Action
    from dispatch.ladders import desk, policy

    with acting(url, login, Action.SET_POLICIES) as session:
        wanted = policy.parse(file.read_text("utf-8"))
        with session.conn.transaction(force_rollback=dry_run):
            changed = desk.put_in_force(session.conn, session.account, wanted, session.now, session.origin)
            typer.echo(("would change" if dry_run else "changed") + f": {', '.join(changed) or 'nothing'}")


@app.command("dry-run-policy")
def dry_run_policy(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="One policy (TOML), as for set-policies.")],
    url: Url,
    login: Login,
    days: Annotated[int, typer.Option(min=1, max=92, help="How many days of alerts, up to now.")] = 30,
) -> None:
    """Show whom a policy would have called about past alerts, beside the policies in force. Nothing is stored.

    The roster, contacts and certificates of today are read for that time; what people did is taken as it happened.
    """
    from care_network.access.permissions import Action
    from dispatch.escalation.dry_run.loading import dry_run
    from dispatch.ladders import policy
    from shouwang.cli.tables import dispatch

    with acting(url, login, Action.SET_POLICIES) as session:
        for one in policy.parse(file.read_text("utf-8")):
            since = session.now - dt.timedelta(days=days)
            dispatch.print_dry_run(dry_run(session.conn, session.account, one, since, session.now, session.origin))


@app.command("duty-tests")
def duty_tests(
    url: Url,
    login: Login,
    hours: Annotated[int, typer.Option(min=1, max=24 * 30, help="How far to look back and ahead.")] = 12,
) -> None:
    """List who was asked before a shift, and who has answered. Exit status 1: somebody has not, 30 min before."""
    from care_network.access.permissions import Action
    from shouwang.cli.tables import dispatch

    with acting(url, login, Action.VIEW_OPERATIONS) as session:
        span = dt.timedelta(hours=hours)
        missing = dispatch.print_duty_tests(session, session.now - span, session.now + span)
    raise typer.Exit(1 if missing else 0)


@app.command()
def present(staff: Annotated[str, typer.Argument(help="The person's code.")], url: Url, login: Login) -> None:
    """Record that somebody on the next shift was spoken to and will be there, in place of the tap on the link."""
    from care_network.access.permissions import Action
    from care_network.errors import NotFoundError
    from dispatch.escalation import duty_tests as tests

    with acting(url, login, Action.MANAGE_STAFF) as session:
        with session.conn.transaction():
            if not tests.answered_for(session.conn, staff, str(session.account.area_path), session.now):
                raise NotFoundError(
                    en=f"{staff} has no test to answer; see: shouwang dispatch duty-tests",
                    zh=f"{staff} 没有待应答的班前测试",
                )
            session.audit("answer_duty_test", detail={"staff": staff})
        typer.echo(f"{staff} 将到岗 will be there")


@app.command("drop-policy")
def drop_policy(code: Annotated[str, typer.Argument(help="Its code.")], url: Url, login: Login) -> None:
    """From now on this policy applies to no new alert."""
    from care_network.access.permissions import Action
    from dispatch.ladders import desk

    with acting(url, login, Action.SET_POLICIES) as session:
        desk.retire(session.conn, session.account, code, session.now, session.origin)
        typer.echo(f"dropped {code}")


@app.command("hand-over")
def hand_over(
    url: Url,
    login: Login,
    note: Annotated[str, typer.Option(help="A message to the next shift.")] = "",
) -> None:
    """Hand every open alert of one's area to the next shift; they are listed."""
    from care_network.access.permissions import Action
    from dispatch.desk import handover
    from shouwang.cli.tables import dispatch

    with acting(url, login, Action.HAND_OVER) as session:
        area = str(session.account.area_path)
        offered = handover.offer(session.conn, area, session.account, session.now, session.origin, note)
        dispatch.print_handover(offered)


@app.command()
def accept(number: Annotated[int, typer.Argument(help="The hand-over's number.")], url: Url, login: Login) -> None:
    """Take a hand-over: its open alerts are yours from now on."""
    from care_network.access.permissions import Action
    from dispatch.desk import handover
    from shouwang.cli.tables import dispatch

    with acting(url, login, Action.HAND_OVER) as session:
        dispatch.print_handover(handover.accept(session.conn, number, session.account, session.now, session.origin))


@app.command()
def withdraw(number: Annotated[int, typer.Argument(help="The hand-over's number.")], url: Url, login: Login) -> None:
    """Take back a hand-over that you have offered and nobody has accepted; its alerts stay yours."""
    from care_network.access.permissions import Action
    from dispatch.desk import handover
    from shouwang.cli.tables import dispatch

    with acting(url, login, Action.HAND_OVER) as session:
        dispatch.print_handover(handover.withdraw(session.conn, number, session.account, session.now, session.origin))


@app.command()
def report(alert: Annotated[uuid.UUID, typer.Argument(help="Its id.")], url: Url, login: Login) -> None:
    """Print the report of an alert: received, answered, called, by whom, end."""
    from care_network.access.permissions import Action
    from shouwang.cli.tables import dispatch

    with acting(url, login, Action.VIEW_OPERATIONS) as session:
        dispatch.print_report(session, alert)


@app.command()
def closed(
    url: Url,
    login: Login,
    words: Annotated[str, typer.Argument(help="Resident's name or code, home, address; nothing: every alert.")] = "",
    kind: Annotated[str, typer.Option(help="Code of a procedure card, as 'fall' or 'sos'.")] = "",
    severity: Annotated[str, typer.Option(help="emergency, urgent, attention, technical.")] = "",
    outcome: Annotated[str, typer.Option(help="How it ended, as 'hospital'.")] = "",
    under: Annotated[str, typer.Option("--under", help="Homes below this area only.")] = "",
    after: Annotated[str, typer.Option(help="The key below the page before.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=200, help="Lines of a page.")] = 50,
) -> None:
    """List closed alerts of one's area, the newest end first, page by page."""
    from care_network.access.permissions import Action
    from shouwang.cli.tables import alerts

    with acting(url, login, Action.VIEW_ALERTS) as session:
        wanted = alerts.closed_filter(words, kind, severity, outcome, under)
        alerts.print_closed(session, wanted, after, limit)


@app.command()
def reopen(
    alert: Annotated[uuid.UUID, typer.Argument(help="Its id.")],
    reason: Annotated[str, typer.Option(help="Why; it stands in the history.")],
    url: Url,
    login: Login,
) -> None:
    """Open an alert again that was closed within 24 hours; it calls people by its ladder."""
    from care_network.access.permissions import Action
    from shouwang.cli.tables import alerts

    with acting(url, login, Action.REOPEN) as session:
        alerts.take(session, alert, "reopen", note=reason)


@app.command()
def merge(
    alert: Annotated[uuid.UUID, typer.Argument(help="An open alert.")],
    other: Annotated[uuid.UUID, typer.Argument(help="Another one of the same home, within 15 minutes of it.")],
    url: Url,
    login: Login,
) -> None:
    """Make one incident of two alerts; the graver leads."""
    from care_network.access.permissions import Action
    from shouwang.cli.tables import alerts

    with acting(url, login, Action.MERGE) as session:
        alerts.take(session, alert, "merge", other=str(other))


@app.command()
def unmerge(alert: Annotated[uuid.UUID, typer.Argument(help="The one that follows.")], url: Url, login: Login) -> None:
    """Make a merged alert one of its own again."""
    from care_network.access.permissions import Action
    from shouwang.cli.tables import alerts

    with acting(url, login, Action.MERGE) as session:
        alerts.take(session, alert, "unmerge")


@app.command("check-procedures")
def check_procedures(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="Procedure cards (TOML), as in docs/procedures.md.")
    ],
) -> None:
    """Check the procedure cards of a district. Exit status 1: they cannot be used, and why."""
    from dispatch.desk.procedures import ProcedureError, parse

    try:
        cards = parse(file.read_text("utf-8"))
    except (ProcedureError, OSError, UnicodeDecodeError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{len(cards)} 张处置卡，版本 {cards[0].version} · {len(cards)} cards, version {cards[0].version}")


@app.command()
def statistics(
    url: Url,
    login: Login,
    days: Annotated[int, typer.Option(min=1, max=3660, help="How many days back.")] = 30,
    under: Annotated[str | None, typer.Option("--under", help="Homes below this area only.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """How alerts were answered and how they ended: percentiles, false alarms, causes, injuries, hospital, actions."""
    from care_network.access.permissions import Action
    from care_network.errors import NotFoundError
    from shouwang.cli.tables import dispatch
    from vocabulary.area_path import within

    with acting(url, login, Action.VIEW_OPERATIONS) as session:
        area = under or session.account.area_path
        if area is None or session.account.area_path is None or not within(area, session.account.area_path):
            raise NotFoundError(en=f"there is no area {area!r} in yours", zh=f"您的管辖区域内没有 {area}")
        since = session.now - dt.timedelta(days=days)
        dispatch.print_statistics(session.conn, since, session.now, area, as_json)
