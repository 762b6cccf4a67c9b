"""The commands ``shouwang care privacy research …``."""

from pathlib import Path
from typing import Annotated

import typer

from shouwang.cli.session import ORIGIN, Login, Url, acting

app = typer.Typer(help="Research without names: projects, their approval, exports.", no_args_is_help=True)
Number = Annotated[int, typer.Argument(help="As 'list' shows it.")]


@app.command("list")
def list_projects(url: Url, login: Login) -> None:
    """List projects with their exports: how many agreed, were given out, left out, and why."""
    from care_network.access.permissions import Action
    from care_services.privacy import research
    from vocabulary.times import local

    with acting(url, login, Action.VIEW_PRIVACY) as session:
        for one in research.listing(session.conn, session.account):
            typer.echo(f"{one.id:6} {' '.join(research.STATES[one.state])} k={one.k} l={one.l} {one.title}"
                       f" -> {one.recipient} 至 until {one.expires_on}")  # fmt: skip
            for each in research.exports(session.conn, one.id):
                share = f" ({each.share:.0f} %)" if each.share is not None else ""
                numbers = f" 同意 agreed {each.agreed} 给出 given out {each.released} 未给出 left out {each.suppressed}"
                typer.echo(
                    f"       {each.id:6} {local(each.asked_at)} {' '.join(research.EXPORT_STATES[each.state])}"
                    f"{numbers}{share} 防相减 withheld {each.withheld} 最小组 smallest {each.smallest}"
                )


@app.command()
def plan(
    url: Url, login: Login, title: Annotated[str, typer.Argument(help="Of the project.")],
    purpose: Annotated[str, typer.Option(help="The question of the research.")],
    recipient: Annotated[str, typer.Option(help="Who receives it.")],
    columns: Annotated[str, typer.Option(help="Columns with commas between them; 'columns' lists them.")],
    until: Annotated[str, typer.Option(help="Last day, 2027-06-30.")],
    k: Annotated[int, typer.Option(help="Smallest group, 5 at least.")] = 5,
    least: Annotated[int, typer.Option("--l", help="Different sensitive values in a group.")] = 2,
) -> None:  # fmt: skip
    """Write a project down, which waits for another person.

    Example: shouwang care privacy research plan 跌倒 --purpose 独居与跌倒 --recipient 深圳大学
    --columns age_band,sex,falls --until 2027-06-30 --l 2 --as admin
    """
    import datetime as dt

    from care_network.access.permissions import Action
    from care_services.privacy import research

    try:
        day = dt.date.fromisoformat(until)
    except ValueError:
        raise typer.BadParameter("请写 2027-06-30 这样的日期 a day such as 2027-06-30") from None
    new = research.NewProject(
        title=title, purpose=purpose, recipient=recipient, columns=columns.split(","), k=k, l=least, expires_on=day
    )
    with acting(url, login, Action.MANAGE_PRIVACY) as session:
        number = research.plan(session.conn, session.account, new, at=session.now, origin=ORIGIN)
    typer.echo(f"已提交，须另一人批准 submitted, another person approves: {number}")


@app.command()
def columns() -> None:
    """List the columns that a project may choose: quasi (could tell who it is), sensitive, other."""
    from care_services.privacy.research import COLUMNS

    for name, one in COLUMNS.items():
        typer.echo(f"{name:16} {one.kind:10} {one.zh} / {one.en}")


@app.command()
def decide(
    url: Url, login: Login, number: Number, yes: Annotated[bool, typer.Option("--yes/--no", help="Approve it or not.")]
) -> None:
    """Approve a project that somebody else planned, or refuse it."""
    from care_network.access.permissions import Action
    from care_services.privacy import research

    with acting(url, login, Action.APPROVE_ERASURE) as session:
        research.decide(session.conn, session.account, number, yes, at=session.now, origin=ORIGIN)
    typer.echo("已批准 approved" if yes else "未批准 refused")


@app.command()
def export(url: Url, login: Login, number: Number) -> None:
    """Ask for an export of an approved project; the maintenance service makes it of those who agree then."""
    from care_network.access.permissions import Action
    from care_services.privacy import research

    with acting(url, login, Action.MANAGE_PRIVACY) as session:
        made = research.ask(session.conn, session.account, number, at=session.now, origin=ORIGIN)
    typer.echo(f"导出 export {made}")


@app.command()
def save(
    url: Url, login: Login, number: Annotated[int, typer.Argument(help="Of the export.")],
    out: Annotated[Path, typer.Argument(help="A file to make.")],
) -> None:  # fmt: skip
    """Save an export as a CSV file that only you read; refused once somebody took the consent back since."""
    import os

    from care_network.access.permissions import Action
    from care_services.privacy import research

    with acting(url, login, Action.MANAGE_PRIVACY) as session:
        body = research.fetch(session.conn, session.account, number, at=session.now, origin=ORIGIN)
        with open(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(body)
    typer.echo(str(out))
