"""The commands ``shouwang gaps …``: numbers that a gateway's streams miss."""

from typing import Annotated

import typer

from shouwang.cli.session import Gateway, Login, Url, acting

app = typer.Typer(
    help="Messages lost between gateway and database: list them, ask for them at once, accept that they are gone.",
    no_args_is_help=True,
)

GapIds = Annotated[list[int], typer.Argument(help="Gaps by number, as 'gaps list' shows them.")]


@app.command("list")
def list_(
    url: Url,
    login: Login,
    gateway: Gateway = None,
    settled: Annotated[bool, typer.Option("--all", help="Those repaired or lost, too.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many lines.")] = 100,
) -> None:
    """Gaps, oldest first. Ingest asks the gateways by itself, after a minute and then ever more rarely."""
    from rich.console import Console
    from rich.table import Table

    from care_network.access.permissions import Action
    from ingest import gaps
    from vocabulary.times import local

    with acting(url, login, Action.VIEW_OPERATIONS) as session:
        found = gaps.listing(session.conn, gateway=gateway, settled=settled, limit=limit + 1)
    table = Table("gap", "gateway", "stream", "numbers", "seen", "state", "asked", "note")
    for gap in found[:limit]:
        span = str(gap.first) if gap.first == gap.last else f"{gap.first}–{gap.last}"
        note = f"{gap.note} ({gap.settled_by})" if gap.settled_by else gap.note
        table.add_row(
            str(gap.id), gap.gateway, gap.stream, span, local(gap.seen_at), gap.state, str(gap.asks), note
        )  # fmt: skip
    out = Console()
    out.print(table if found else "No gaps like that: everything that was sent is stored.")
    if len(found) > limit:
        out.print(f"There are more; --limit {2 * limit} shows them.")


@app.command()
def ask(url: Url, login: Login, ids: GapIds) -> None:
    """Ask for these gaps again at ingest's next look (within seconds), though their turn has not come."""
    from care_network.access.permissions import Action
    from ingest import gaps

    with acting(url, login, Action.SETTLE_QUARANTINE) as session:
        with session.conn.transaction():
            done = gaps.ask_again(session.conn, ids)
            if done:
                session.audit("ask_gap", detail={"gaps": done})
        _report(ids, done, "will be asked for again")


@app.command()
def accept(
    url: Url,
    login: Login,
    ids: GapIds,
    because: Annotated[str, typer.Option("--because", help="Why the data cannot come any more.")],
) -> None:
    """Accept that the data of these gaps is lost: nobody is asked again. If it comes after all, it is stored."""
    from care_network.access.permissions import Action
    from ingest import gaps

    with acting(url, login, Action.SETTLE_QUARANTINE) as session:
        if not because.strip():
            raise ValueError("--because must say why")
        with session.conn.transaction():
            done = gaps.accept(session.conn, ids, by=login, because=because.strip())
            if done:
                session.audit("accept_gap", detail={"gaps": done, "because": because.strip()})
        _report(ids, done, "accepted as lost")


def _report(wanted: list[int], done: list[int], what: str) -> None:
    typer.echo(f"{len(done)} {what}")
    others = sorted(set(wanted) - set(done))
    if others:
        raise LookupError(f"not among the gaps that wait: {', '.join(map(str, others))}; see 'shouwang gaps list'")
