"""The commands ``shouwang exchange …``: other systems' tokens and residents' consents, and the service itself."""

import datetime as dt
from typing import Annotated

import typer

from shouwang.cli.session import ORIGIN, Login, Url, acting

app = typer.Typer(help="Other systems: tokens, consents, and the service for them.", rich_markup_mode="rich")
tokens_app = typer.Typer(help="Tokens with which other systems ask.", no_args_is_help=True)
consent_app = typer.Typer(help="Residents' consents to be known to another system.", no_args_is_help=True)
webhooks_app = typer.Typer(help="Addresses of other systems to which changes of alerts are told.", no_args_is_help=True)
app.add_typer(webhooks_app, name="webhooks")
app.add_typer(tokens_app, name="tokens")
app.add_typer(consent_app, name="consent")

System = Annotated[str, typer.Argument(metavar="SYSTEM", help="Login of the other system's account.")]
Residents = Annotated[list[str], typer.Argument(metavar="RESIDENT...", help="Codes of residents.")]


@tokens_app.command("list")
def list_tokens(
    url: Url, login: Login, live: Annotated[bool, typer.Option("--live", help="Only those in force.")] = False
) -> None:
    """The tokens of systems below your area: scopes, expiry, last use."""
    from care_network.access import machine_tokens
    from care_network.access.permissions import Action
    from vocabulary.times import local

    with acting(url, login, Action.MANAGE_MACHINES) as session:
        for one in machine_tokens.listing(session.conn, session.account, live=live, limit=10_000):
            used = local(one.last_used_at) if one.last_used_at else "-"
            typer.echo(
                f"{one.id:>5}  {one.login:<20} {one.name:<24} {one.standing(session.now):<8} until"
                f" {local(one.expires_at)}  used {used}  {one.area_path}  {' '.join(one.scopes)}"
            )


@tokens_app.command("add")
def add_token(
    system: System,
    url: Url,
    login: Login,
    name: Annotated[str, typer.Option(help="What the token is for.")],
    scope: Annotated[list[str], typer.Option(help="A scope, repeated: patient.read, observation.write …")],
    area: Annotated[str, typer.Option(help="Path of the area whose residents it may ask about.")],
    days: Annotated[int, typer.Option(min=1, max=365, help="How long it is good.")] = 180,
    name_zh: Annotated[str, typer.Option(help="The system's name in Chinese, where it is new.")] = "",
    name_en: Annotated[str, typer.Option(help="The system's name in Latin letters, where it is new.")] = "",
) -> None:
    """Make a token, and the system's account where there is none; prints the token, once."""
    from care_network.access import machine_tokens
    from care_network.access.machine_tokens import NewToken
    from care_network.access.permissions import Action

    with acting(url, login, Action.MANAGE_MACHINES) as session:
        new = NewToken(
            name=name, login=system, scopes=scope, area=area, expires_at=session.now + dt.timedelta(days=days),
            name_zh=name_zh, name_en=name_en,
        )  # fmt: skip
        number, token = machine_tokens.add(session.conn, session.account, new, at=session.now, origin=ORIGIN)
    typer.echo(f"令牌 {number} 只显示这一次 token {number}, shown this once:", err=True)
    typer.echo(token)


@tokens_app.command("revoke")
def revoke_token(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="Of the token, as 'list' shows it.")],
    url: Url,
    login: Login,
) -> None:
    """End a token: its next request is refused."""
    from care_network.access import machine_tokens
    from care_network.access.permissions import Action

    with acting(url, login, Action.MANAGE_MACHINES) as session:
        kept = machine_tokens.revoke(session.conn, session.account, number, at=session.now, origin=ORIGIN)
    typer.echo(f"已撤销 revoked: {kept.id} {kept.name} ({kept.login})")


@consent_app.command("list")
def list_consents(
    url: Url, login: Login, system: Annotated[str | None, typer.Option(help="Only towards this system.")] = None
) -> None:
    """The consents in force."""
    from care_network.access import exchange_consents
    from care_network.access.permissions import Action
    from vocabulary.times import local

    with acting(url, login, Action.MANAGE_MACHINES) as session:
        found = exchange_consents.listing(session.conn, session.account, login=system, limit=100_000)
        for one in found:
            typer.echo(f"{one.resident:<12} {one.login:<20} {local(one.given_at)}  {one.purpose}")
        session.audit("list_exchange_consents", detail={"n": len(found)})


@consent_app.command("give")
def give_consent(
    system: System,
    residents: Residents,
    url: Url,
    login: Login,
    purpose: Annotated[str, typer.Option(help="What for, as the residents were told.")],
) -> None:
    """Write down that residents agreed to be known to a system."""
    from care_network.access import exchange_consents
    from care_network.access.permissions import Action

    with acting(url, login, Action.MANAGE_MACHINES) as session:
        new = exchange_consents.give(
            session.conn, session.account, residents, system, purpose, at=session.now, origin=ORIGIN
        )
    typer.echo(f"新增授权 new consents: {new}")


@consent_app.command("withdraw")
def withdraw_consent(system: System, residents: Residents, url: Url, login: Login) -> None:
    """End residents' consents: from the next request on the system learns nothing of them."""
    from care_network.access import exchange_consents
    from care_network.access.permissions import Action

    with acting(url, login, Action.MANAGE_MACHINES) as session:
        ended = exchange_consents.withdraw(
            session.conn, session.account, residents, system, at=session.now, origin=ORIGIN
        )
    typer.echo(f"已撤回授权 consents withdrawn: {ended}")


Hook = Annotated[int, typer.Argument(metavar="NUMBER", help="Of the webhook, as 'list' shows it.")]


@webhooks_app.command("list")
def list_webhooks(url: Url, login: Login) -> None:
    """The webhooks below your area: where they lead, what waits, what was given up."""
    from care_network.access import webhooks
    from care_network.access.permissions import Action

    with acting(url, login, Action.MANAGE_MACHINES) as session:
        for one in webhooks.listing(session.conn, session.account, limit=10_000):
            typer.echo(
                f"{one.id:>5}  {one.login:<20} {one.name:<20} {'paused' if one.paused_at else 'on':<6} waiting"
                f" {one.waiting}  given up {one.parked}  {one.url}  {' '.join(one.events)}"
            )


@webhooks_app.command("add")
def add_webhook(
    system: System,
    url: Url,
    login: Login,
    name: Annotated[str, typer.Option(help="What it is for.")],
    address: Annotated[str, typer.Option(help="https://…, a public name.")],
    event: Annotated[list[str], typer.Option(help="alert.raised, alert.changed, alert.closed; repeated.")],
    area: Annotated[str, typer.Option(help="Path of the area whose alerts are told.")],
) -> None:
    """Add a webhook; prints the secret that signs its messages, once."""
    from care_network.access import webhooks
    from care_network.access.permissions import Action

    with acting(url, login, Action.MANAGE_MACHINES) as session:
        number, secret = webhooks.add(
            session.conn, session.account, system, name, address, event, area, at=session.now, origin=ORIGIN
        )
    typer.echo(f"推送 {number} 的密钥只显示这一次 secret of webhook {number}, shown this once:", err=True)
    typer.echo(secret)


@webhooks_app.command("log")
def log_of_webhook(number: Hook, url: Url, login: Login) -> None:
    """The newest deliveries of a webhook."""
    from care_network.access import webhooks
    from care_network.access.permissions import Action
    from vocabulary.times import local

    with acting(url, login, Action.MANAGE_MACHINES) as session:
        for one in webhooks.deliveries(session.conn, session.account, number, limit=200):
            typer.echo(
                f"{local(one.created_at)}  {one.kind:<14} {one.state:<10} attempt {one.attempts}  {one.status or '-'}"
                f"  {'-' if one.ms is None else one.ms} ms  {one.error or ''}"
            )


@webhooks_app.command("pause")
def pause_webhook(
    number: Hook, url: Url, login: Login, resume: Annotated[bool, typer.Option("--resume", help="Go on.")] = False
) -> None:
    """Let a webhook rest, or go on: what happened meanwhile is told then."""
    from care_network.access import webhooks
    from care_network.access.permissions import Action

    with acting(url, login, Action.MANAGE_MACHINES) as session:
        webhooks.set_paused(session.conn, session.account, number, paused=not resume, at=session.now, origin=ORIGIN)


@webhooks_app.command("resend")
def resend_webhook(number: Hook, url: Url, login: Login) -> None:
    """Send what was given up once more."""
    from care_network.access import webhooks
    from care_network.access.permissions import Action

    with acting(url, login, Action.MANAGE_MACHINES) as session:
        again = webhooks.resend(session.conn, session.account, number, at=session.now, origin=ORIGIN)
    typer.echo(f"重新发送 sent again: {again}")


@webhooks_app.command("remove")
def remove_webhook(number: Hook, url: Url, login: Login) -> None:
    """End a webhook: what still waits is told no more."""
    from care_network.access import webhooks
    from care_network.access.permissions import Action

    with acting(url, login, Action.MANAGE_MACHINES) as session:
        webhooks.remove(session.conn, session.account, number, at=session.now, origin=ORIGIN)
