"""The commands ``shouwang notify …``: the delivery service, its keys, and how people want to be told."""

import datetime as dt
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shouwang.cli.session import Login, Url, acting, refusals

if TYPE_CHECKING:
    from dispatch.channels.policy import QuietHours

app = typer.Typer(help="Tell people: the delivery service, its keys, how somebody wants to be told.")


class Kind(StrEnum):
    STAFF = "staff"
    CONTACT = "contact"
    ORGANISATION = "organisation"
    SERVICE = "service"


class Language(StrEnum):
    ZH = "zh"
    EN = "en"


@app.callback(invoke_without_command=True)
def notify(context: typer.Context) -> None:
    """Run the delivery service. Settings: SHOUWANG_… in the environment."""
    if context.invoked_subcommand is None:
        from dispatch.channels.__main__ import main

        main()


@app.command("link-key")
def link_key(file: Annotated[Path, typer.Argument(help="Where to put it.")]) -> None:
    """Make the key that signs the links in messages; one that is there stays."""
    from dispatch.core.links import create_link_key_file

    with refusals():
        create_link_key_file(file)
    typer.echo(f"{file}: set SHOUWANG_LINK_KEY_FILE to it for notify and console")


@app.command("push-key")
def push_key(file: Annotated[Path, typer.Argument(help="Where to put it; the public key beside it (.pub).")]) -> None:
    """Make the VAPID key pair for Web Push. A pair that is there stays: browsers are registered with it."""
    from dispatch.channels.adapters.webpush import create_key

    with refusals():
        typer.echo(f"{file}: public key {create_key(file)}")


@app.command()
def check(file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The channels file (TOML).")]) -> None:
    """Are the channels right, and their secrets there? Nothing is sent. Exit status 1 where one cannot be used."""
    from dispatch.channels import config

    with refusals():
        channels = config.check(config.load(file))
    for kind, names in channels.order.items():
        typer.echo(f"{kind}: {' → '.join(names)}")
    for reason in channels.left_out.values():
        typer.secho(f"left out: {reason}", fg="red")
    raise typer.Exit(1 if channels.left_out else 0)


@app.command()
def prefer(
    kind: Annotated[Kind, typer.Argument(help="Kind of the recipient.")],
    key: Annotated[str, typer.Argument(help="Staff or organisation code; of a contact RESIDENT/PHONE.")],
    url: Url,
    login: Login,
    channels: Annotated[str, typer.Option(help="In order, with commas: 'voice,sms'. Empty: the usual ones.")] = "",
    language: Annotated[Language | None, typer.Option(help="Instead of the login's or contact's.")] = None,
    quiet: Annotated[str, typer.Option(help="'22:00-07:00', Shanghai's clock; never holds an emergency.")] = "",
    address: Annotated[
        list[str] | None, typer.Option(help="CHANNEL=ADDRESS where the registry has none: email=x@example.org")
    ] = None,
) -> None:
    """How somebody wants to be told; replaces what they preferred before."""
    from care_network.access.permissions import Action
    from dispatch.channels.notifications import Recipient
    from dispatch.channels.preferences import Preference, set_preference

    hours = _hours(quiet)
    addresses = dict(entry.split("=", 1) for entry in address or [] if "=" in entry)
    if len(addresses) != len(address or []):
        raise typer.BadParameter("write CHANNEL=ADDRESS", param_hint="--address")
    wanted = Preference(
        tuple(name.strip() for name in channels.split(",") if name.strip()),
        None if language is None else language.value,
        hours,
        addresses,
    )
    with acting(url, login, Action.SET_PREFERENCES) as session:
        recipient = Recipient(kind.value, key)
        set_preference(session.conn, session.account, recipient, wanted, session.now, session.origin)
    typer.echo(f"{kind.value} {key}: stored")


def _hours(text: str) -> "QuietHours | None":
    from dispatch.channels.policy import QuietHours

    if not text:
        return None
    try:
        start, end = (dt.time.fromisoformat(part.strip()) for part in text.split("-"))
    except ValueError as error:
        raise typer.BadParameter(f"{text!r}: write 22:00-07:00", param_hint="--quiet") from error
    return QuietHours(start, end)
