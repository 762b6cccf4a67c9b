"""The commands ``shouwang care privacy …``: consents, copies and erasures; with the others beside."""

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from shouwang.cli.care.privacy import holds, keeping, research
from shouwang.cli.session import ORIGIN, Login, Url, acting

app = typer.Typer(help="Personal data: consents, copies, erasure, research, periods, duties.", no_args_is_help=True)
consents_app = typer.Typer(help="The register of consents.", no_args_is_help=True)
copies_app = typer.Typer(help="Copies of a person's data.", no_args_is_help=True)
erasures_app = typer.Typer(help="Erasures, which two people approve.", no_args_is_help=True)
app.add_typer(consents_app, name="consents")
app.add_typer(copies_app, name="copies")
app.add_typer(erasures_app, name="erasures")
app.add_typer(holds.app, name="holds")
app.add_typer(research.app, name="research")
app.add_typer(keeping.retention, name="retention")
app.add_typer(keeping.breaches, name="breaches")
app.command("duties")(keeping.duties)
app.command("doors")(keeping.doors)
Resident = Annotated[str, typer.Argument(help="Code of the resident.")]
Purpose = Annotated[str, typer.Argument(help="Code of a purpose; 'purposes' lists them.")]
To = Annotated[str, typer.Option("--to", help="Number of a contact, login of a family account or of another system.")]
By = Annotated[str, typer.Option("--by", help="Who decides: self or guardian.")]
How = Annotated[str, typer.Option("--how", help="paper, page, telephone or spoken.")]
Evidence = Annotated[str, typer.Option(help="Where it can be looked up: number of the form, of the recording.")]


@consents_app.command()
def purposes(url: Url, login: Login) -> None:
    """List the purposes with their legal basis, and how many residents of the area said what."""
    from care_network.access.permissions import Action
    from care_network.consents import overview
    from care_network.consents.purposes import PURPOSES

    with acting(url, login, Action.GIVE_CONSENTS) as session:
        counted = {one.purpose.code: one for one in overview.counts(session.conn, session.account)}
    for purpose in PURPOSES.values():
        one = counted.get(purpose.code)
        said = f"同意 yes {one.yes}, 不同意 no {one.no}, 未询问 never asked {one.unknown}" if one else purpose.basis
        typer.echo(f"{purpose.code:20} {purpose.zh} / {purpose.en}: {said}")


@consents_app.command()
def show(url: Url, login: Login, resident: Resident) -> None:
    """Show where each consent of a resident stands."""
    from care_network.access.permissions import Action
    from care_network.consents import register, standing
    from vocabulary.times import local

    with acting(url, login, Action.GIVE_CONSENTS) as session:
        number = register.resident_of(session.conn, session.account, resident)
        session.audit("view_consents", resident_id=number)
        for one in standing.standings(session.conn, number, standing.steps(session.conn, number)):
            state = {"yes": "同意 yes", "no": "不同意 no", "unknown": "未询问 never asked"}[one.state]
            since = local(one.last.at) if one.last else ""
            typer.echo(f"{one.purpose.code:18} {one.recipient:14} {one.name_zh} / {one.name_en}: {state} {since}")


@consents_app.command()
def give(
    url: Url, login: Login, resident: Resident, purpose: Purpose, how: How, to: To = "", by: By = "self",
    evidence: Evidence = "",
    relation: Annotated[str, typer.Option(help="Of a family account: what they are to the resident.")] = "",
    use: Annotated[str, typer.Option(help="Of another system: what it gets the data for.")] = "",
) -> None:  # fmt: skip
    """Write down that a resident agrees.

    Example: shouwang care privacy consents give YT0001A research --how paper --evidence "表 2026-12" --as station
    """
    from care_network.access.permissions import Action
    from care_network.consents import register

    said = register.Said(by=by, how=how, evidence=evidence, relation=relation, purpose=use)
    with acting(url, login, Action.GIVE_CONSENTS) as session:
        done = register.give(session.conn, session.account, resident, purpose, to, said, at=session.now, origin=ORIGIN)
    typer.echo("已登记 written down" if done else "原本已同意 agreed before")


@consents_app.command()
def withdraw(
    url: Url, login: Login, resident: Resident, purpose: Purpose, how: How, to: To = "", by: By = "self",
    evidence: Evidence = "", reason: Annotated[str, typer.Option(help="If one is given.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without it only what would end is named.")] = False,
) -> None:  # fmt: skip
    """Name what a withdrawal ends, and with --yes withdraw: it holds from that moment, everywhere."""
    from care_network.access.permissions import Action
    from care_network.consents import register, standing

    with acting(url, login, Action.GIVE_CONSENTS) as session:
        number = register.resident_of(session.conn, session.account, resident)
        register.purpose_of(purpose)
        for one in standing.standings(session.conn, number, standing.steps(session.conn, number)):
            if (one.purpose.code, one.recipient) == (purpose, to):
                for zh, en in standing.consequences(session.conn, number, one):
                    typer.echo(f"- {zh} / {en}")
        if not yes:
            typer.echo("未撤回；加 --yes 执行 nothing was withdrawn; add --yes")
            raise typer.Exit(1)
        said = register.Said(by=by, how=how, evidence=evidence, reason=reason)
        done = register.withdraw(
            session.conn, session.account, resident, purpose, to, said, at=session.now, origin=ORIGIN
        )
    typer.echo("已撤回 withdrawn" if done else "原本就不同意 was so before")


AskedBy = Annotated[str, typer.Option("--asked-by", help="self, guardian, family or heir.")]
Identity = Annotated[str, typer.Option(help="How it was made sure who asks: the document that was seen.")]
Number = Annotated[int, typer.Argument(help="As 'list' shows it.")]


@copies_app.command("ask")
def ask_copy(
    url: Url, login: Login, resident: Resident, asked_by: AskedBy, identity: Identity,
    since: Annotated[
        dt.datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="Readings from this day.")
    ] = None,
    until: Annotated[dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Readings to this day.")] = None,
) -> None:  # fmt: skip
    """Ask for a copy of all that is held on a resident; the maintenance service makes it."""
    from care_network.access.permissions import Action
    from care_services.privacy import copies

    with acting(url, login, Action.MANAGE_PRIVACY) as session:
        number = copies.ask(
            session.conn, session.account, resident, asked_by, identity, at=session.now, origin=ORIGIN,
            since=since.date() if since else None, until=until.date() if until else None,
        )  # fmt: skip
    typer.echo(f"副本 copy {number}")


@copies_app.command("list")
def list_copies(url: Url, login: Login) -> None:
    """List the copies that were asked for, the newest first."""
    from care_network.access.permissions import Action
    from care_services.privacy import copies
    from vocabulary.times import local

    with acting(url, login, Action.MANAGE_PRIVACY) as session:
        for one in copies.listing(session.conn, session.account, limit=1000):
            zh, en = copies.STATES[one.state]
            typer.echo(
                f"{one.id:6} {local(one.asked_at)} {one.code:12} {zh} {en} {one.done}/{one.total} {one.bytes} bytes"
            )
        session.audit("list_person_copies")


@copies_app.command("save")
def save_copy(
    url: Url, login: Login, number: Number, out: Annotated[Path, typer.Argument(help="A file to make.")]
) -> None:
    """Save the archive of a copy as a file that only you read; begun before, it goes on where it broke off.

    Example: shouwang care privacy copies save 3 copy.zip --as admin
    """
    import os

    from care_network.access.permissions import Action
    from care_services.privacy import copies

    with (
        acting(url, login, Action.MANAGE_PRIVACY) as session,
        open(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file,
    ):
        first = file.tell()
        copies.fetch(session.conn, session.account, number, at=session.now, origin=ORIGIN, first=first)
        file.writelines(copies.pieces(session.conn, number, first))
    typer.echo(str(out))


@erasures_app.command("plan")
def plan_erasure(
    url: Url, login: Login, resident: Resident,
    reason: Annotated[str, typer.Option(help="asked, ended, withdrawn or unlawful: submits the plan.")] = "",
    asked_by: AskedBy = "self", identity: Identity = "",
) -> None:  # fmt: skip
    """Show what an erasure would do, table by table; with --reason submit it for the approval of two people."""
    from care_network.access.permissions import Action
    from care_services.privacy import erasures
    from vocabulary.times import local_day

    with acting(url, login, Action.MANAGE_PRIVACY) as session:
        for line in erasures.plan_of(session.conn, session.account, resident, local_day(session.now)):
            until = f" 至 until {line.until}" if line.until else ""
            typer.echo(f"{line.relation:24} {line.rows:8} {' '.join(erasures.ACTS[line.act])}{until}  {line.law_en}")
        if reason:
            number = erasures.ask(
                session.conn, session.account, resident, reason, asked_by, identity, at=session.now, origin=ORIGIN
            )
            typer.echo(f"已提交 submitted: {number}")


@erasures_app.command("list")
def list_erasures(url: Url, login: Login) -> None:
    """List erasures, the newest first."""
    from care_network.access.permissions import Action
    from care_services.privacy import erasures
    from vocabulary.times import local

    with acting(url, login, Action.APPROVE_ERASURE) as session:
        for one in erasures.listing(session.conn, session.account, limit=1000):
            typer.echo(f"{one.id:6} {local(one.planned_at)} {one.code:12} {' '.join(erasures.STATES[one.state])}")
        session.audit("list_erasures")


@erasures_app.command("vote")
def vote_erasure(
    url: Url, login: Login, number: Number,
    yes: Annotated[bool, typer.Option("--yes/--no", help="Approve it or not.")],
    note: Annotated[str, typer.Option(help="Why; needed for a no.")] = "",
) -> None:  # fmt: skip
    """Approve an erasure or refuse it: two different people have to approve, one no ends it."""
    from care_network.access.permissions import Action
    from care_services.privacy import erasures

    with acting(url, login, Action.APPROVE_ERASURE) as session:
        state = erasures.vote(session.conn, session.account, number, yes, note, at=session.now, origin=ORIGIN)
    typer.echo(" ".join(erasures.STATES[state]))


@erasures_app.command("show")
def show_erasure(url: Url, login: Login, number: Number) -> None:
    """Show an erasure: its plan, who approved, and once it is done the certificate with what went and what stays.

    Example: shouwang care privacy erasures show 2 --as admin
    """
    from care_network.access.permissions import Action
    from care_services.privacy import erasures
    from vocabulary.times import local

    with acting(url, login, Action.APPROVE_ERASURE) as session:
        one = erasures.load(session.conn, session.account, number)
        typer.echo(f"{one.id} {one.code} {' '.join(erasures.STATES[one.state])} {local(one.planned_at)}")
        for vote in erasures.votes(session.conn, number):
            typer.echo(f"  {'yes' if vote.yes else 'no'} {vote.login} {local(vote.at)} {vote.note}")
        for line in one.certificate or one.plan:
            until = f" 至 until {line.until}" if line.until else ""
            gone = f" {one.ended[line.relation]}" if line.relation in one.ended else ""
            typer.echo(
                f"{line.relation:24} {line.rows:8} {' '.join(erasures.ACTS[line.act])}{until}{gone}  {line.law_en}"
            )
        for given in one.given_to or []:
            typer.echo(
                f"已提供给 given to: {' '.join(erasures.GIVEN[given.kind])} {given.zh} / {given.en} {given.last}"
            )
        session.audit("view_erasure", resident_id=one.resident_id)


@erasures_app.command("run")
def run_erasures(url: Url, login: Login) -> None:
    """Carry out now what two people approved; the maintenance service does it by itself within seconds.

    An erasure of somebody whose alert is open waits for its end. With the rights of the database's owner.
    """
    from care_network.access.permissions import Action
    from care_services.privacy import erasures, job

    with acting(url, login, Action.APPROVE_ERASURE) as session:
        for one in erasures.listing(session.conn, session.account, limit=1000):
            if one.state == "approved":
                done = job.erase(session.conn, one.id)
                word = "已删除 erased" if done else "等待：有未办结的预警 waits: an alert is open"
                typer.echo(f"{one.id} {one.code} {word}")
