"""The commands ``shouwang quarantine …``; what they do is in :mod:`shouwang.cli.actions.quarantine`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from ingest.quarantine.refusals import Code

app = typer.Typer(help="What ingest refused: look at it, process it again, discard it.", no_args_is_help=True)

Url = Annotated[str, typer.Option("--url", envvar="SHOUWANG_DATABASE_URL", help="postgresql://…")]
Ids = Annotated[list[int] | None, typer.Argument(help="Entries by number; none: all that the filters leave.")]
Gateway = Annotated[str | None, typer.Option("--gateway", help="Of this gateway only.")]
Reason = Annotated[Code | None, typer.Option("--reason", help="Refused for this reason only.")]
Since = Annotated[str | None, typer.Option("--since", help="Refused since: 30m, 12h, 7d, or 2026-11-01T08:00.")]


@app.command("list")
def list_(
    url: Url,
    gateway: Gateway = None,
    reason: Reason = None,
    since: Since = None,
    settled: Annotated[bool, typer.Option("--all", help="Those settled, too.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many lines.")] = 100,
) -> None:
    """What is in quarantine, oldest first; 'times' counts the same bytes, 'folded' further ones that were not kept."""
    from shouwang.cli.actions import quarantine

    with _errors():
        quarantine.list_entries(url, quarantine.choice(None, gateway, reason, since), settled, limit)


@app.command()
def show(
    entry: Annotated[int, typer.Argument(help="Its number.")],
    url: Url,
    most: Annotated[int, typer.Option("--bytes", min=0, help="Bytes in the hex dump at most.")] = 512,
) -> None:
    """One entry: why it was refused, what of it can be decoded, its bytes."""
    from shouwang.cli.actions import quarantine

    with _errors():
        quarantine.show_entry(url, entry, most)


@app.command()
def reprocess(
    url: Url,
    ids: Ids = None,
    gateway: Gateway = None,
    reason: Reason = None,
    since: Since = None,
    login: Annotated[str | None, typer.Option("--as", help="Login of the account that does it, for the audit.")] = None,
) -> None:
    """Process entries again, after the cause is mended; says what became of each. Ingest may run meanwhile."""
    from shouwang.cli.actions import quarantine

    with _errors():
        quarantine.process_again(url, quarantine.choice(ids, gateway, reason, since), login)


@app.command()
def discard(
    url: Url,
    login: Annotated[str, typer.Option("--as", help="Login of the account that does it, for the audit.")],
    because: Annotated[str, typer.Option("--because", help="Why, for the audit.")],
    ids: Ids = None,
    gateway: Gateway = None,
    reason: Reason = None,
    since: Since = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Give entries up for good: their bytes are deleted, an audit line for each says who and why."""
    from shouwang.cli.actions import quarantine

    def agreed(number: int) -> bool:
        if not sys.stdin.isatty():
            raise ValueError(f"{number} entries would be discarded; repeat with --yes")
        return typer.confirm(f"Discard {number} entries for good?")

    with _errors():
        chosen = quarantine.choice(ids, gateway, reason, since)
        typer.echo(f"{quarantine.discard(url, chosen, login, because, (lambda _: True) if yes else agreed)} discarded")


@app.command()
def pairing(url: Url) -> None:
    """Gateways and devices that were heard and are not registered: register them, then reprocess."""
    from shouwang.cli.actions import quarantine

    with _errors():
        quarantine.show_pairing(url)


@contextmanager
def _errors() -> Iterator[None]:
    import psycopg

    try:
        yield
    except (ValueError, LookupError, PermissionError, psycopg.OperationalError) as error:
        typer.secho(str(error.args[0] if error.args else error), err=True, fg="red")
        raise typer.Exit(1) from error
