"""The commands ``shouwang gaps …``: numbers that a gateway's streams miss."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

app = typer.Typer(
    help="What got lost between gateway and database: list it, ask for it at once, accept that it is gone.",
    no_args_is_help=True,
)

Url = Annotated[str, typer.Option("--url", envvar="SHOUWANG_DATABASE_URL", help="postgresql://…")]
Gateway = Annotated[str | None, typer.Option("--gateway", help="Of this gateway only.")]
Ids = Annotated[list[int], typer.Argument(help="Gaps by number, as 'gaps list' shows them.")]


@app.command("list")
def list_(
    url: Url,
    gateway: Gateway = None,
    settled: Annotated[bool, typer.Option("--all", help="Those repaired or lost, too.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many lines.")] = 100,
) -> None:
    """Gaps, oldest first. Ingest asks the gateways by itself, after a minute and then ever more rarely."""
    import psycopg
    from rich.console import Console
    from rich.table import Table

    from vocabulary.times import local

    with _errors(), psycopg.connect(url) as conn:
        found = conn.execute(
            """
            SELECT gap.id, name, stream, lower(numbers), upper(numbers) - 1, seen_at, gap.state, asks, note, settled_by
            FROM stream_gap AS gap JOIN gateway ON gateway.id = gateway_id
            WHERE (%s OR gap.state IN ('open', 'asked')) AND name = coalesce(%s, name)
            ORDER BY gap.id LIMIT %s
            """,
            (settled, gateway, limit + 1),
        ).fetchall()
        table = Table("gap", "gateway", "stream", "numbers", "seen", "state", "asked", "note")
        for number, name, stream, first, last, seen_at, state, asks, note, by in found[:limit]:
            span = str(first) if first == last else f"{first}–{last}"
            words = f"{note} ({by})" if by else note
            table.add_row(str(number), name, stream, span, local(seen_at), state, str(asks), words)
        out = Console()
        out.print(table if found else "No gaps like that: everything that was sent is stored.")
        if len(found) > limit:
            out.print(f"There are more; --limit {2 * limit} shows them.")


@app.command()
def ask(url: Url, ids: Ids) -> None:
    """Ask for these gaps again at ingest's next look (within seconds), though their turn has not come."""
    import psycopg

    with _errors(), psycopg.connect(url) as conn:
        found = conn.execute(
            """
            UPDATE stream_gap SET ask_after = now(), state = CASE state WHEN 'lost' THEN 'open' ELSE state END,
                settled_at = NULL, settled_by = '', note = '' WHERE id = ANY(%s) AND state <> 'repaired' RETURNING id
            """,
            (ids,),
        ).fetchall()
        _report(ids, [number for (number,) in found], "will be asked for again")


@app.command()
def accept(
    url: Url,
    ids: Ids,
    login: Annotated[str, typer.Option("--as", help="Login of the account that does it, for the audit.")],
    because: Annotated[str, typer.Option("--because", help="Why the data can not come any more.")],
) -> None:
    """Accept that the data of these gaps is lost: nobody is asked again. If it comes after all, it is stored."""
    import psycopg

    from care_network.access.permissions import Action, audit
    from shouwang.cli.session import actor

    with _errors(), psycopg.connect(url) as conn:
        if not because.strip():
            raise ValueError("--because must say why")
        account = actor(conn, login, Action.SETTLE_QUARANTINE)
        found = conn.execute(
            """
            UPDATE stream_gap SET state = 'lost', settled_at = now(), settled_by = %s, note = %s
            WHERE id = ANY(%s) AND state IN ('open', 'asked') RETURNING id
            """,
            (login, because.strip(), ids),
        ).fetchall()
        done = [number for (number,) in found]
        if done:
            detail = {"gaps": done, "because": because.strip()}
            audit(conn, account, "accept_gap", at=dt.datetime.now(dt.UTC), origin="command line", detail=detail)
        _report(ids, done, "accepted as lost")


def _report(wanted: list[int], done: list[int], what: str) -> None:
    typer.echo(f"{len(done)} {what}")
    others = sorted(set(wanted) - set(done))
    if others:
        raise LookupError(f"not among the gaps that wait: {', '.join(map(str, others))}; see 'shouwang gaps list'")


@contextmanager
def _errors() -> Iterator[None]:
    import psycopg

    try:
        yield
    except (ValueError, LookupError, PermissionError, psycopg.OperationalError) as error:
        typer.secho(str(error.args[0] if error.args else error), err=True, fg="red")
        raise typer.Exit(1) from error
