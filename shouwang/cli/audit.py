"""The commands ``shouwang audit …``: who has looked at what and changed it, whether it is whole, signed checkpoints."""

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from shouwang.cli.session import Login, Url, acting, connection, refusals

app = typer.Typer(
    help="Who has looked at what, and changed it; whether the chain is whole.\n\n"
    "shouwang audit verify --checkpoint FILE --public-key FILE.pub\n\nproves that the chain has what was signed then.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
before = typer.Typer(help="Now: shouwang audit.", no_args_is_help=True)
"""The commands by the name that they had below 'accounts'."""
Since = Annotated[str | None, typer.Option(help="From then on (Asia/Shanghai); a day before --until by default.")]
Until = Annotated[str | None, typer.Option(help="Until then (Asia/Shanghai); now by default.")]


@app.command()
@before.command()
def show(
    url: Url,
    login: Login,
    by: Annotated[str | None, typer.Option("--by", help="Of this login only.")] = None,
    resident: Annotated[str | None, typer.Option(help="About this resident (code) only.")] = None,
    since: Since = None,
    until: Until = None,
    what: Annotated[
        str | None, typer.Option(help="An action, 'step:arrive', or a kind: kind:looks, changes, steps, exports, …")
    ] = None,
    most: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest first.")] = 200,
) -> None:
    """Logins, looks, changes, and steps on alerts, the newest first. This look is an entry, too."""
    from care_network.access.auditing.search import entries
    from care_network.access.permissions import Action
    from shouwang.cli.tables import accounts as tables
    from vocabulary.times import local_time

    with acting(url, login, Action.VIEW_AUDIT) as session:
        end = local_time(until) if until else session.now
        begin = local_time(since) if since else end - dt.timedelta(days=1)
        found = entries(session.conn, session.account, begin, end, login=by, resident=resident, action=what, most=most)
        session.audit(Action.VIEW_AUDIT, detail={"by": by, "resident": resident, "action": what, "entries": len(found)})
        tables.print_audit(found)


@app.command()
@before.command()
def verify(
    url: Url,
    head: Annotated[
        str | None, typer.Option(help="POSITION:HASH from the log of 'maintain': what lies before it must be the same.")
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A signed checkpoint that was kept elsewhere.")
    ] = None,
    public_key: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="The public key (….key.pub), as it was kept elsewhere, too."),
    ] = None,
) -> None:
    """Compute the chain over the audit and all histories of alerts anew. Exit status 1 where anything was changed.

    Both logs are sealed in one chain: a line or a step that was changed, removed, or written around it is named.

    With a checkpoint: that its signature is right, and that the chain has what it signed. Without --public-key the key
    is the one that the checkpoint names, and whoever could sign anew could have made both.
    """
    from care_network.access.auditing.chain import check
    from database.rights import checking, checkpoints
    from database.rights.sealed import head_of

    faults: list[str] = []
    with connection(url) as conn:
        known = head_of(head) if head else None
        if checkpoint is not None:
            signed = checkpoints.read(checkpoint.read_text("utf-8"))
            known = signed.head
            trusted = public_key.read_text("utf-8").strip() if public_key else signed.key
            if not signed.is_signed() or signed.key != trusted:
                faults.append(f"{checkpoint}: the signature is not right, or of another key")
            elif public_key is None:
                typer.secho(
                    "note: compare the key yourself, or give --public-key: " + signed.key, fg="yellow", err=True
                )
        found = check(conn, known)
        faults += found.faults
        checking.keep(conn, checking.ChainCheck(
            at=dt.datetime.now(dt.UTC), entries=found.entries, head=str(found.head or ""), faults=faults, by="cli",
        ))  # fmt: skip
    for fault in faults:
        typer.secho(f"BAD {fault}", fg="red", err=True)
    steps = f"其中预警处置 of them steps on alerts {found.steps}"
    typer.echo(f"{found.entries} 条记录 entries，{steps}; 链头 head {found.head or '-'}")
    raise typer.Exit(1 if faults else 0)


@app.command("checkpoints")
def checkpoints_(
    url: Url,
    export: Annotated[Path | None, typer.Option(help="Folder that gets a file of each.")] = None,
    most: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest first.")] = 400,
) -> None:
    """List the signed checkpoints, or put them into a folder to be kept elsewhere."""
    from database.rights import checkpoints
    from vocabulary.times import local

    with connection(url) as conn:
        found = checkpoints.listing(conn, most)
    for one in found:
        if export is not None:
            checkpoints.write(export, one)
        state = "" if one.is_signed() else "  BAD signature"
        typer.echo(f"{local(one.at)}  {one.head}  {one.key[:16]}…{state}")
    typer.echo(f"{len(found)} 个检查点 checkpoints" + (f" → {export}" if export else ""))


@app.command("checkpoint")
def checkpoint_(
    url: Url,
    key: Annotated[
        Path, typer.Option("--key", envvar="SHOUWANG_AUDIT_KEY_FILE", exists=True, dir_okay=False, help="Signs it.")
    ],
    folder: Annotated[
        Path | None, typer.Option(envvar="SHOUWANG_AUDIT_CHECKPOINT_FOLDER", help="Folder that gets its file.")
    ] = None,
) -> None:
    """Sign the head of the chain now; 'shouwang maintain' does it once a day."""
    from database.rights import checkpoints

    with connection(url) as conn:
        made = checkpoints.make(conn, dt.datetime.now(dt.UTC), checkpoints.load_key(key))
    if made is None:
        typer.echo("审计为空 nothing is sealed yet")
        return
    typer.echo(made.text() if folder is None else f"{checkpoints.write(folder, made)}")


@app.command("make-key")
def make_key(file: Annotated[Path, typer.Argument(help="File of the key; FILE.pub gets the public key.")]) -> None:
    """Make the key that signs checkpoints; one that is there is kept. Keep FILE.pub elsewhere, too."""
    from database.rights import checkpoints

    with refusals():
        typer.echo(f"{file}.pub: {checkpoints.make_key(file)}")
