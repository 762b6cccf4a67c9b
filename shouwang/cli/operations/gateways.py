"""The commands ``shouwang gateways …``: enrol new gateways, revoke lost ones."""

import datetime as dt
import hashlib
from pathlib import Path
from typing import Annotated

import typer

from shouwang.cli.session import Login, Url, acting

app = typer.Typer(help="Gateways: enrol new ones, revoke lost ones.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The gateway's name.")]


@app.command()
def enrol(
    gateway: Name,
    url: Url,
    login: Login,
    authority: Annotated[
        Path,
        typer.Option("--ca", envvar="SHOUWANG_BROKER_CA", exists=True, help="The authority's certificate, ca.crt."),
    ],
    hours: Annotated[float, typer.Option(min=0.1, max=168, help="How long the code is good.")] = 24,
) -> None:
    """Make a code with which this gateway gets its first certificate, once: python -m edge_agent --enrol CODE …"""
    from care_network.access.permissions import Action
    from care_network.records.certificates import make_code

    with acting(url, login, Action.PROVISION) as session:
        code = make_code(session.conn, gateway, session.now, dt.timedelta(hours=hours))
        session.audit(Action.PROVISION, detail={"enrolment_code": gateway, "hours": hours})
    typer.echo(f"{gateway}.{code}.{hashlib.sha256(authority.read_bytes()).hexdigest()[:32]}")


@app.command()
def revoke(
    gateway: Name, url: Url, login: Login, reason: Annotated[str, typer.Option(help="Lost, stolen, replaced …")]
) -> None:
    """Take every right from a lost or stolen gateway, for ever; the brokers know within a minute.

    Its replacement gets a new name.
    """
    from care_network.access.permissions import Action
    from care_network.records.certificates import revoke as revoke_identity

    with acting(url, login, Action.PROVISION) as session:
        fresh = revoke_identity(session.conn, gateway, session.now, session.account.login, reason)
        session.audit(Action.PROVISION, detail={"revoked": gateway, "reason": reason})
    typer.echo(f"{gateway}: {'revoked' if fresh else 'was revoked before'}")


@app.command()
def certificates(url: Url, login: Login) -> None:
    """List when the certificates of gateways, services and brokers expire, the soonest first."""
    from care_network.access.permissions import Action
    from care_network.records.certificates import expiries

    with acting(url, login, Action.VIEW_OPERATIONS) as session:
        for one in sorted(expiries(session.conn), key=lambda one: one.expires_at):
            days = (one.expires_at - session.now).days
            typer.echo(f"{one.expires_at:%Y-%m-%d}  {days:5d} days  {one.holder}")
