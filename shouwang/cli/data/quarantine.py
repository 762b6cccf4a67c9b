"""The commands ``shouwang quarantine …``; the work is done by :mod:`shouwang.cli.actions.quarantine`."""

import sys
from typing import Annotated

import typer

from ingest.quarantine.refusals import Code
from shouwang.cli.session import Gateway, Login, Url, acting

app = typer.Typer(
    help="Messages that ingest refused: look at them, process them again, discard them.", no_args_is_help=True
)

EntryIds = Annotated[list[int] | None, typer.Argument(help="Entries by number; none: all that the filters leave.")]
RefusalReason = Annotated[Code | None, typer.Option("--reason", help="Refused for this reason only.")]
RefusedSince = Annotated[str | None, typer.Option("--since", help="Refused since: 30m, 12h, 7d, or 2026-11-01T08:00.")]


@app.command("list")
def list_(
    url: Url,
    login: Login,
    gateway: Gateway = None,
    reason: RefusalReason = None,
    since: RefusedSince = None,
    settled: Annotated[bool, typer.Option("--all", help="Those settled, too.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many lines.")] = 100,
) -> None:
    """List quarantined messages, oldest first; 'times' counts the same bytes, 'folded' further ones not kept."""
    from care_network.access.permissions import Action
    from shouwang.cli.actions import quarantine

    with acting(url, login, Action.VIEW_OPERATIONS) as session:
        quarantine.list_entries(session.conn, quarantine.choice(None, gateway, reason, since), settled, limit)


@app.command()
def show(
    entry: Annotated[int, typer.Argument(help="Its number.")],
    url: Url,
    login: Login,
    most: Annotated[int, typer.Option("--bytes", min=0, help="Bytes in the hex dump at most.")] = 512,
) -> None:
    """One entry: why it was refused, what of it can be decoded, its bytes."""
    from care_network.access.permissions import Action
    from shouwang.cli.actions import quarantine

    with acting(url, login, Action.VIEW_OPERATIONS) as session:
        quarantine.show_entry(session, entry, most)


@app.command()
def reprocess(
    url: Url,
    login: Login,
    ids: EntryIds = None,
    gateway: Gateway = None,
    reason: RefusalReason = None,
    since: RefusedSince = None,
) -> None:
    """Process entries again, after the cause is mended; says what became of each. Ingest may run meanwhile."""
    from care_network.access.permissions import Action
    from shouwang.cli.actions import quarantine

    with acting(url, login, Action.SETTLE_QUARANTINE) as session:
        quarantine.process_again(session, quarantine.choice(ids, gateway, reason, since))


@app.command()
def discard(
    url: Url,
    login: Login,
    because: Annotated[str, typer.Option("--because", help="Why, for the audit.")],
    ids: EntryIds = None,
    gateway: Gateway = None,
    reason: RefusalReason = None,
    since: RefusedSince = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Give entries up for good: their bytes are deleted, an audit line for each names account and reason."""
    from care_network.access.permissions import Action
    from shouwang.cli.actions import quarantine

    def agreed(number: int) -> bool:
        if not sys.stdin.isatty():
            raise ValueError(f"{number} entries would be discarded; repeat with --yes")
        return typer.confirm(f"Discard {number} entries for good?")

    with acting(url, login, Action.SETTLE_QUARANTINE) as session:
        chosen = quarantine.choice(ids, gateway, reason, since)
        done = quarantine.discard(session, chosen, because, (lambda _: True) if yes else agreed)
        typer.echo(f"{done} discarded")


@app.command()
def pairing(url: Url, login: Login) -> None:
    """Gateways and devices that were heard and are not registered: register them, then reprocess."""
    from care_network.access.permissions import Action
    from shouwang.cli.actions import quarantine

    with acting(url, login, Action.VIEW_OPERATIONS) as session:
        quarantine.show_pairing(session.conn)
