"""The commands ``shouwang care notices …``: reminders, what waits, why one was not sent, and to send it again."""

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import typer

from shouwang.cli.session import Login, Url, acting

if TYPE_CHECKING:
    from care_services.core.notice_lists import Told

app = typer.Typer(
    help="Reminders of care: list them, see what waits and why one was not sent, send it again. 'list' first: each line"
    " begins with the number that 'why' and 'again' take.",
    no_args_is_help=True,
)
Number = Annotated[int, typer.Argument(min=1, help="Number of a reminder, as 'list' shows it.")]


@app.command("list")
def listing(
    url: Url,
    login: Login,
    only: Annotated[str, typer.Option(help="trouble (not sent, not known), waiting, sent or withdrawn.")] = "",
    before: Annotated[int | None, typer.Option(min=1, help="Only numbers below this one: the next page.")] = None,
) -> None:
    """List reminders to people of the area, the newest first, 50 at a time.

    Example: shouwang care notices list --only trouble --as admin
    """
    from care_network.access.permissions import Action
    from care_network.errors import ProvisioningError
    from care_services.core import notice_lists

    with acting(url, login, Action.VIEW_NOTICES) as session:
        if only and only not in notice_lists.FILTERS:
            known = ", ".join(notice_lists.FILTERS)
            raise ProvisioningError(en=f"--only is one of {known}", zh=f"--only 可为 {known}")
        found = notice_lists.listing(session.conn, session.account, only, before)
    _say(found[: notice_lists.LIMIT], session.now)
    if len(found) > notice_lists.LIMIT:
        typer.echo(f"more: --before {found[notice_lists.LIMIT - 1].id}")


@app.command()
def waiting(url: Url, login: Login) -> None:
    """Count reminders of 30 days by how they stand, and list those that wait, with the reason."""
    from care_network.access.permissions import Action
    from care_services.core import notice_lists
    from care_services.rounds.running import blind

    with acting(url, login, Action.VIEW_NOTICES) as session:
        counts = notice_lists.counts(session.conn, session.account, session.now - dt.timedelta(days=30))
        found = notice_lists.listing(session.conn, session.account, "waiting")
        still = blind(session.conn, session.now, "notices")
    typer.echo("  ".join(f"{name}: {n}" for name, n in counts.items()))
    if still:
        typer.echo("the round that sends stands still: nothing is sent now (shouwang care rounds)")
    _say(found[: notice_lists.LIMIT], session.now)


@app.command()
def why(url: Url, login: Login, number: Number) -> None:
    """Say why a reminder was not sent, with every attempt of the channels for its last message.

    Example: shouwang care notices why 812 --as admin
    """
    from care_network.access.permissions import Action
    from care_services.core import notice_lists
    from vocabulary.times import SHANGHAI

    with acting(url, login, Action.VIEW_NOTICES) as session:
        found = notice_lists.one(session.conn, session.account, number)
        attempts = notice_lists.tries(session.conn, session.account, number)
    _say([found], session.now)
    for each in attempts:
        outcome = each.receipt or each.outcome or "not known"
        typer.echo(
            f"  {each.started_at.astimezone(SHANGHAI):%m-%d %H:%M} {each.channel}: {outcome} {each.error}".rstrip()
        )
    if not attempts:
        typer.echo("  no channel has tried: it was not handed over, or the recipient has neither telephone nor browser")


@app.command()
def again(
    url: Url,
    login: Login,
    numbers: Annotated[list[int] | None, typer.Argument(help="Numbers of reminders.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All that could not be sent, up to 50.")] = False,
) -> None:
    """Send reminders again that could not be sent, or of which nothing is known (these may come twice).

    At night they wait for the morning, as all that is not urgent. Example: shouwang care notices again 812 --as admin
    """
    from care_network.access.permissions import Action
    from care_services.core import notice_lists

    with acting(url, login, Action.VIEW_NOTICES) as session:
        chosen = list(numbers or [])
        if failed:
            shown = notice_lists.listing(session.conn, session.account, "trouble")[: notice_lists.LIMIT]
            chosen += [one.id for one in shown if one.state == "failed"]
        done = notice_lists.send_again(session.conn, session.account, chosen, at=session.now, origin=session.origin)
    typer.echo(f"{done} queued again")


def _say(found: "list[Told]", now: dt.datetime) -> None:
    from care_services.core.notice_kinds import STATES
    from care_services.core.notice_lists import reason_of

    for one in found:
        reason = reason_of(one, now)[1]
        typer.echo(f"{one.id:>8}  {STATES[one.state][1]:10} {one.name_zh} ({one.to_kind}): {one.zh} / {one.en}")
        typer.echo(f"          {reason}")
    if not found:
        typer.echo("none")
