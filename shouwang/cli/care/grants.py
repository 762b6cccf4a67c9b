"""The commands ``shouwang care grants …``: applications settled at once or by a person, and what a month pays."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shouwang.cli.session import Login, Session, Url, acting

if TYPE_CHECKING:
    from care_services.grants.desk import Grants

app = typer.Typer(
    help="Grants: rules settle an application at once, a person decides the rest.\n\n"
    "shouwang care grants apply old_age_allowance YT0001A 本人 --as station\n\n"
    "shouwang care grants list --as manager\n\nshouwang care grants settle 2026-11 --as manager",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
Number = Annotated[int, typer.Argument(help="The application's number, as 'list' shows it.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stays with the decision.")]
Month = Annotated[str, typer.Argument(help="2026-11.")]


def _grants(session: Session) -> "Grants":
    from care_services.grants.desk import Grants

    return Grants(session.conn, session.account, at=session.now, origin=session.origin)


@app.command("list")
def listing(
    url: Url,
    login: Login,
    state: Annotated[str, typer.Option(help="waiting, approved, refused or withdrawn.")] = "waiting",
    kind: Annotated[str, typer.Option(help="One kind alone.")] = "",
) -> None:
    """List applications: those that wait, the oldest first; else the newest 50."""
    from care_network.access.permissions import Action
    from care_services.core.money import in_yuan
    from care_services.grants.kinds import KINDS

    with acting(url, login, Action.VIEW_CARE) as session:
        found = _grants(session).listing(state, kind)
        session.audit("view_page", detail={"page": "/care/grants"})
        for one in found:
            amount = f"{in_yuan(one.amount_fen)} {one.per}" if one.amount_fen else ""
            typer.echo(f"{one.id}  {one.name_zh} {one.resident}  {KINDS[one.kind].zh}  {amount}  {one.reason_zh}")


@app.command()
def show(number: Number, url: Url, login: Login) -> None:
    """Show an application: what was decided, why, and each step."""
    from care_network.access.permissions import Action
    from care_services.grants.desk import STATE_WORDS, STEP_WORDS

    with acting(url, login, Action.VIEW_CARE) as session:
        file = _grants(session).application(number)
        one = file.application
        typer.echo(f"{one.id}  {one.name_zh} {one.resident}  {STATE_WORDS[one.state][0]} {one.state}")
        typer.echo(f"{one.reason_zh}\n{one.reason_en}")
        for name, then, now in file.changed:
            typer.echo(f"  此后有变 changed since: {name} {then} → {now}")
        for step in file.steps:
            typer.echo(f"  {step.at:%Y-%m-%d %H:%M}  {STEP_WORDS[step.step][0]}  {step.actor}  {step.reason}".rstrip())


@app.command()
def apply(
    kind: Annotated[
        str,
        typer.Argument(help="old_age_allowance, service_subsidy, bed_construction, bed_operation or age_friendly."),
    ],
    resident: Annotated[str, typer.Argument(help="Code of the resident.")],
    applicant: Annotated[str, typer.Argument(help="Who applies.")],
    url: Url,
    login: Login,
    fact: Annotated[list[str], typer.Option("--fact", help="NAME=VALUE of the form, such as cost=3000.")] = [],  # noqa: B006 - typer's own way
) -> None:
    """Enter an application; the rules settle it at once where they can. Prints its number and the answer."""
    from care_network.access.permissions import Action

    with acting(url, login, Action.MANAGE_BEDS) as session:
        grants = _grants(session)
        form = {name: value for name, _, value in (one.partition("=") for one in fact)}
        number = grants.apply(kind, resident, applicant, form)
        one = grants.application(number).application
        typer.echo(f"{number}  {one.state}  {one.reason_zh} / {one.reason_en}")


@app.command()
def again(
    number: Number,
    url: Url,
    login: Login,
    fact: Annotated[list[str], typer.Option("--fact", help="NAME=VALUE of the form, such as cost=3000.")] = [],  # noqa: B006 - typer's own way
) -> None:
    """Look at an application that waits once more, with what is known by now."""
    from care_network.access.permissions import Action

    with acting(url, login, Action.MANAGE_BEDS) as session:
        grants = _grants(session)
        form = {name: value for name, _, value in (one.partition("=") for one in fact)}
        typer.echo(grants.again(number, grants.application(number).application.version, form))


@app.command()
def withdraw(number: Number, url: Url, login: Login, reason: Reason) -> None:
    """Take an application back, as the applicant asked."""
    from care_network.access.permissions import Action

    with acting(url, login, Action.MANAGE_BEDS) as session:
        grants = _grants(session)
        grants.withdraw(number, grants.application(number).application.version, reason)


@app.command()
def decide(
    number: Number,
    url: Url,
    login: Login,
    reason: Reason,
    approve: Annotated[bool, typer.Option("--approve/--refuse", help="The decision.")],
    amount: Annotated[str, typer.Option(help="In yuan, of an approval.")] = "",
    per: Annotated[str, typer.Option(help="once or month.")] = "once",
) -> None:
    """Decide on an application that waits, as a person."""
    from care_network.access.permissions import Action

    with acting(url, login, Action.APPROVE_BEDS) as session:
        grants = _grants(session)
        version = grants.application(number).application.version
        grants.decide(number, version, approve=approve, reason=reason, amount=amount, per=per)


@app.command()
def stop(number: Number, url: Url, login: Login, reason: Reason) -> None:
    """Stop a grant that is paid each month, from the next month on."""
    from care_network.access.permissions import Action

    with acting(url, login, Action.APPROVE_BEDS) as session:
        grants = _grants(session)
        typer.echo(grants.stop(number, grants.application(number).application.version, reason))


@app.command()
def settle(month: Month, url: Url, login: Login) -> None:
    """Settle a month for the account's area; prints the lines that were added."""
    from care_network.access.permissions import Action
    from care_services.grants import paid
    from vocabulary.times import local_day

    with acting(url, login, Action.APPROVE_BEDS) as session:
        chosen = paid.read_month(month, local_day(session.now))
        typer.echo(paid.settle(session.conn, session.account, chosen, at=session.now, origin=session.origin))


@app.command("paid")
def paid_list(
    month: Month,
    url: Url,
    login: Login,
    out: Annotated[Path | None, typer.Option("--out", help="File for the table; left out: the screen.")] = None,
) -> None:
    """Give the settled lines of a month as CSV."""
    from care_network.access.permissions import Action
    from care_services.grants import paid
    from vocabulary.times import local_day

    with acting(url, login, Action.VIEW_CARE) as session:
        chosen = paid.read_month(month, local_day(session.now))
        text = paid.table(session.conn, session.account, chosen, at=session.now, origin=session.origin)
        if out is None:
            typer.echo(text, nl=False)
        else:
            out.write_text(text, "utf-8", newline="")
