"""The commands ``shouwang care time-bank …``: volunteers, requests, statements, the books and their proof."""

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from shouwang.cli.session import Login, Url, acting

app = typer.Typer(
    help="The time bank: volunteers, requests for help, and hours in a ledger that nobody edits.", no_args_is_help=True
)
Holder = Annotated[str, typer.Argument(help="Whose account: R0001, V00001, gift_pool.")]
Minutes = Annotated[int, typer.Argument(help="How many minutes.", min=1)]
Key = Annotated[str, typer.Option("--key", help="A name of this booking: the same name books once.")]


@app.command()
def volunteers(
    url: Url, login: Login, state: Annotated[str, typer.Option(help="applied, checked, trained, active …")] = ""
) -> None:
    """Volunteers with state, balance and what is lacking today."""
    from care_network.access.permissions import Action
    from care_services.time_bank import people
    from care_services.time_bank.kinds import STATES, hours
    from vocabulary.times import SHANGHAI

    with acting(url, login, Action.VIEW_CARE) as session:
        today, after = session.now.astimezone(SHANGHAI).date(), ""
        while found := people.listing(session.conn, session.account, state=state, after=after, limit=200):
            for one in found:
                lack = "; ".join(en for _, en in one.lacking(today)) if one.state == "active" else ""
                words = (
                    f"{one.code}  {one.name_zh}  {STATES[one.state][1]:8}  {hours(one.balance):>8}  {one.area}  {lack}"
                )
                typer.echo(words.rstrip())
            after = found[-1].code


@app.command()
def requests(
    url: Url,
    login: Login,
    which: Annotated[str, typer.Option(help="open, planned, confirm, disputed, closed.")] = "open",
) -> None:
    """Requests for help: number, kind, whose, when, state, volunteer. At most 200."""
    from care_network.access.permissions import Action
    from care_services.time_bank import store
    from vocabulary.times import local

    with acting(url, login, Action.VIEW_CARE) as session:
        session.audit("view_help", detail={"list": which})
        found, _ = store.listing(session.conn, session.account, which, limit=200)
        for one in found:
            missed = "  missed" if one.missed(session.now) else ""
            typer.echo(
                f"{one.number}  {one.kind:9} {one.resident}  {local(one.wanted_from)[:16]}  {one.minutes} min"
                f"  {one.state}  {one.volunteer or '-'}{missed}"
            )


@app.command()
def matches(url: Url, login: Login, number: Annotated[int, typer.Argument(help="Number of a request.")]) -> None:
    """Whom to ask for a request, the best first, with reasons; and why not the others."""
    from care_network.access.permissions import Action
    from care_services.time_bank import requests as desk
    from care_services.time_bank import store

    with acting(url, login, Action.VIEW_CARE) as session:
        one = store.find(session.conn, session.account, number)
        session.audit("view_help", resident_id=one.resident_id, detail={"number": number})
        for each in desk.matches(session.conn, session.account, one):
            why = each.against or each.reasons
            points = "  - " if each.against else f"{each.points:4}"
            typer.echo(f"{points}  {each.candidate.code}  {each.candidate.name_zh}  {'; '.join(en for _, en in why)}")


@app.command()
def statement(
    url: Url,
    login: Login,
    holder: Holder,
    first: Annotated[str, typer.Option("--from", help="First day; left out: a year ago.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last day; left out: today.")] = "",
    out: Annotated[Path | None, typer.Option(help="Write a CSV file.")] = None,
) -> None:
    """The statement of a person's account. The look is in the audit."""
    from care_network.access.permissions import Action
    from care_services.time_bank import holders
    from care_services.time_bank import statement as statements
    from care_services.time_bank.kinds import TRANSACTIONS, hours
    from vocabulary.times import SHANGHAI, local

    with acting(url, login, Action.VIEW_CARE) as session:
        today = session.now.astimezone(SHANGHAI).date()
        ends = dt.date.fromisoformat(last) if last else today
        begins = dt.date.fromisoformat(first) if first else ends - dt.timedelta(days=365)
        found = holders.find(session.conn, session.account, *holders.read_address(holder))
        one = statements.statement(
            session.conn, session.account, found, begins, ends, session.now, session.origin
        )  # fmt: skip
        if out is not None:
            out.write_bytes(statements.as_csv(one))
            return
        typer.echo(f"{found.name_zh} {found.code}: {hours(one.before)} before {begins}")
        for line in one.lines:
            words = TRANSACTIONS[line.kind][1]
            typer.echo(f"{local(line.at)}  {line.number:6}  {words:18} {line.minutes:+5}  {hours(line.balance):>8}")


@app.command()
def transfer(
    url: Url, login: Login, giver: Holder, taker: Annotated[str, typer.Argument(help="To whom.")], minutes: Minutes,
    key: Key, reason: Annotated[str, typer.Option(help="Why.")] = "",
) -> None:  # fmt: skip
    """Move minutes between people, or into the gift pool (taker gift_pool), or from it. The oldest go first."""
    from care_network.access.permissions import Action
    from care_services.time_bank import books, holders

    with acting(url, login, Action.MANAGE_TIME_BANK) as session:
        pair = [
            holders.find(session.conn, session.account, *holders.read_address(one)) for one in (giver, taker)
        ]  # fmt: skip
        books.transfer(
            session.conn, session.account, pair[0], pair[1], minutes, f"cli/{key}", session.now, reason=reason,
            origin=session.origin,
        )  # fmt: skip
    typer.echo(f"{giver} -> {taker}: {minutes} min")


@app.command("expire")
def expire_old(url: Url, login: Login) -> None:
    """Let expire what is older than the rules allow. Safe to repeat; for a daily timer."""
    from care_network.access.permissions import Action
    from care_services.time_bank import books
    from care_services.time_bank.kinds import hours

    with acting(url, login, Action.SET_CARE_RULES) as session:
        minutes = books.expire(session.conn, session.account, session.now, session.origin)
    typer.echo(f"expired: {hours(minutes)} h")


@app.command("make-week")
def make_week(
    url: Url, login: Login, week: Annotated[str, typer.Option(help="A day of the week; left out: this week.")] = ""
) -> None:
    """Make the visits of a week for all rounds of the area. Safe to repeat; for a weekly timer."""
    from care_network.access.permissions import Action
    from care_services.time_bank import rounds
    from vocabulary.times import SHANGHAI

    with acting(url, login, Action.MANAGE_TIME_BANK) as session:
        day = dt.date.fromisoformat(week) if week else session.now.astimezone(SHANGHAI).date()
        made, without = rounds.make_week(session.conn, session.account, day, session.now, session.origin)
    typer.echo(f"visits made: {made}, without a pair: {without}")


@app.command()
def verify(url: Url, login: Login) -> None:
    """Prove the books: sums, references, confirmations, ages, kept balances, the chain of seals. Status 1: a fault."""
    from care_network.access.permissions import Action
    from care_services.time_bank import verify as proof
    from care_services.time_bank.kinds import hours

    with acting(url, login, Action.VIEW_CARE) as session:
        found = proof.verify(session.conn)
        session.audit("verify_time_bank", detail={"faults": len(found.faults)})
    typer.echo(
        f"{found.transactions} transactions, {found.entries} entries, {found.accounts} accounts,"
        f" {hours(found.outstanding)} h outstanding"
    )
    for fault in found.faults:
        typer.secho(fault, fg="red")
    if found.faults:
        raise typer.Exit(1)
    typer.echo("the books are right")
