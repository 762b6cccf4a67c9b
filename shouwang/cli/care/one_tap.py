"""The commands ``shouwang care one-tap …``: ask for a service, see who is asked, answer."""

import datetime as dt
from typing import Annotated

import typer

from shouwang.cli.care.services import acting_of
from shouwang.cli.session import Login, Url, acting

app = typer.Typer(help="One tap: a service is asked for, and the best provider is matched.", no_args_is_help=True)
Number = Annotated[int, typer.Argument(help="The request's number, as 'list' shows it.")]


@app.command()
def ask(
    resident: Annotated[str, typer.Argument(help="The resident's code.")],
    service: Annotated[str, typer.Argument(help="Code of the service; see 'care services list'.")],
    url: Url,
    login: Login,
    at: Annotated[
        dt.datetime | None, typer.Option(help="When, in Shanghai; left out: now.", formats=["%Y-%m-%dT%H:%M"])
    ] = None,
    words: Annotated[str, typer.Option(help="In their words.")] = "",
) -> None:
    """Ask for a resident who is on the telephone: the best provider is asked at once."""
    from care_network.access.permissions import Action
    from care_services.one_tap import requests
    from vocabulary.times import SHANGHAI

    with acting(url, login, Action.REQUEST_SERVICE) as session:
        wanted = at.replace(tzinfo=SHANGHAI) if at else session.now
        who = acting_of(session)
        number = requests.ask(session.conn, who, resident, service, wanted, words, "telephone")
        found = requests.one(session.conn, who, number, audited=False)
        typer.echo(f"申请 request {number}: {requests.STATES[found.state][0]} {found.provider_zh or ''}")


@app.command("list")
def list_(url: Url, login: Login) -> None:
    """The requests of the account's area, those that wait first."""
    from care_network.access.permissions import Action
    from care_services.one_tap import requests
    from vocabulary.times import local

    with acting(url, login, Action.VIEW_CARE) as session:
        for one in requests.listed(session.conn, acting_of(session)):
            typer.echo(f"{one.id:6} {one.state:9} {one.resident_code} {one.service_zh} / {one.service_en},"
                       f" {local(one.wanted_at)}, {one.provider_en or '-'}")  # fmt: skip


@app.command()
def show(number: Number, url: Url, login: Login) -> None:
    """Show who was asked, why, and what they said; and who else could come."""
    from care_network.access.permissions import Action
    from care_services.one_tap import requests
    from care_services.one_tap.options import ranked
    from vocabulary.times import local

    with acting(url, login, Action.VIEW_CARE) as session:
        found = requests.one(session.conn, acting_of(session), number)
        for event in requests.history(session.conn, number):
            why = ", ".join(event["detail"].get("en", ()))
            typer.echo(f"{local(event['at'])} {requests.EVENTS[event['action']][1]} {event['provider_en'] or ''}"
                       f" {event['note']} {why}")  # fmt: skip
        for one in ranked(session.conn, found.resident_id, found.service, max(found.wanted_at, session.now))[:5]:
            typer.echo(f"  {one.score:.3f} {one.option.organisation}: {', '.join(one.reasons_en)}")


@app.command()
def accept(
    number: Number,
    url: Url,
    login: Login,
    at: Annotated[
        dt.datetime | None, typer.Option(help="When somebody comes; left out: as wanted.", formats=["%Y-%m-%dT%H:%M"])
    ] = None,
) -> None:
    """Say yes for the provider that is asked: a visit is made."""
    from care_network.access.permissions import Action
    from care_services.one_tap import requests
    from vocabulary.times import SHANGHAI

    with acting(url, login, Action.PLAN_SERVICES) as session:
        who = acting_of(session)
        found = requests.one(session.conn, who, number)
        start = at.replace(tzinfo=SHANGHAI) if at else None
        typer.echo(f"服务单 visit {requests.accept(session.conn, who, number, found.version, start)}")


@app.command()
def decline(number: Number, url: Url, login: Login, note: Annotated[str, typer.Option(help="Why.")]) -> None:
    """Say no for the provider that is asked: the next one is asked."""
    from care_network.access.permissions import Action
    from care_services.one_tap import requests

    with acting(url, login, Action.PLAN_SERVICES) as session:
        who = acting_of(session)
        requests.decline(session.conn, who, number, requests.one(session.conn, who, number).version, note)
        typer.echo("将询问下一家 the next one is asked")
