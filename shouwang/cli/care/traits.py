"""The commands ``shouwang care traits …``: what rules ask about a resident beyond the record."""

import datetime as dt
from typing import Annotated

import typer

from shouwang.cli.session import Login, Url, acting

app = typer.Typer(help="Traits of residents, such as low income or living alone, with evidence.", no_args_is_help=True)


@app.command("list")
def listing(url: Url, login: Login, resident: Annotated[str, typer.Argument(help="Code of the resident.")]) -> None:
    """List what is recorded of a resident; what is not there is unknown, not a no."""
    from care_network.access.permissions import Action
    from care_network.records.residents import resident_id
    from care_services.core import traits
    from care_services.core.facts import TRAITS

    with acting(url, login, Action.VIEW_CARE) as session:
        for one in traits.of_resident(session.conn, session.account, resident):
            zh, en = TRAITS.get(one.trait, (one.trait, one.trait))
            span = f"{one.valid_from} – {one.valid_until or ''}"
            typer.echo(f"{zh} / {en}: {'是 yes' if one.holds else '否 no'}  {span}  {one.evidence}  {one.set_by}")
        session.audit("view_resident", resident_id=resident_id(session.conn, resident), detail={"what": "traits"})


@app.command()
def record(
    url: Url,
    login: Login,
    resident: Annotated[str, typer.Argument(help="Code of the resident.")],
    trait: Annotated[str, typer.Argument(help="Such as low_income, lives_alone, disabled.")],
    evidence: Annotated[str, typer.Option(help="The document, list or person that it is known from.")],
    holds: Annotated[bool, typer.Option("--yes/--no", help="Whether it is so.")] = True,
    since: Annotated[
        dt.datetime | None, typer.Option("--from", help="Day; left out: today.", formats=["%Y-%m-%d"])
    ] = None,
) -> None:
    """Record a trait. An earlier record of it ends on that day, and stays in the list.

    Example: shouwang care traits record YT0001A low_income --evidence "低保证 2026-031" --as station
    """
    from care_network.access.permissions import Action
    from care_services.core import traits
    from vocabulary.times import SHANGHAI

    with acting(url, login, Action.RECORD_TRAITS) as session:
        day = since.date() if since else session.now.astimezone(SHANGHAI).date()
        traits.record(
            session.conn, session.account, resident, trait, holds=holds, evidence=evidence, valid_from=day,
            now=session.now, origin=session.origin,
        )  # fmt: skip
    typer.echo("recorded")
