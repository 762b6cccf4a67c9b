"""The commands ``shouwang care privacy holds``."""

import datetime as dt
from typing import Annotated

import typer

from shouwang.cli.session import ORIGIN, Login, Url, acting

app = typer.Typer(help="Legal holds: what may be evidence is neither removed nor erased.", no_args_is_help=True)


@app.command("list")
def list_holds(url: Url, login: Login) -> None:
    """List legal holds, the newest first, with who placed and who lifted them."""
    from care_network.access.permissions import Action
    from care_services.privacy import holds
    from vocabulary.times import local, local_day

    with acting(url, login, Action.VIEW_PRIVACY) as session:
        for one in holds.listing(session.conn, session.account, limit=1000):
            state = " ".join(holds.STATES[one.state(local_day(session.now))])
            until = f" 至 until {one.until}" if one.until else ""
            lifted = f" 解除 lifted: {one.lifted_for}" if one.lifted_at else ""
            typer.echo(
                f"{one.id:6} {local(one.placed_at)} {one.code or one.class_:12} {state}{until} {one.reference}:"
                f" {one.reason}{lifted}"
            )
        session.audit("list_holds")


@app.command()
def place(
    url: Url, login: Login, on: Annotated[str, typer.Argument(help="Code of a resident; with --kind: of a class.")],
    reference: Annotated[str, typer.Option(help="Number of the case or letter.")],
    reason: Annotated[str, typer.Option(help="Why; no names of residents.")],
    until: Annotated[
        dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day; without: until it is lifted.")
    ] = None,
    kind: Annotated[bool, typer.Option("--kind", help="A class of the data map, not a resident.")] = False,
) -> None:  # fmt: skip
    """Place a legal hold on a resident, or on a class of data of the whole district.

    Example: shouwang care privacy holds place YT0001A --reference "（2026）粤03民初1号" --reason 诉讼 --as admin
    """
    from care_network.access.permissions import Action
    from care_services.privacy import holds
    from care_services.registers.data.classes import groups

    target: str | holds.Tables = on
    if kind:
        group = next((one for one in groups() if one.code == on), None)
        if group is None:
            raise typer.BadParameter(f"请选择 choose one of: {', '.join(one.code for one in groups())}")
        target = holds.Tables(code=group.code, names=group.tables.split())
    with acting(url, login, Action.APPROVE_ERASURE) as session:
        number = holds.place(
            session.conn, session.account, target, reference, reason, until.date() if until else None,
            at=session.now, origin=ORIGIN,
        )  # fmt: skip
    typer.echo(f"保全 hold {number}")


@app.command()
def lift(
    url: Url, login: Login, number: Annotated[int, typer.Argument(help="As 'list' shows it.")],
    why: Annotated[str, typer.Option(help="Why it is lifted.")],
) -> None:  # fmt: skip
    """Lift a legal hold: what waited for it goes on by itself."""
    from care_network.access.permissions import Action
    from care_services.privacy import holds

    with acting(url, login, Action.APPROVE_ERASURE) as session:
        holds.lift(session.conn, session.account, number, why, at=session.now, origin=ORIGIN)
    typer.echo("已解除 lifted")
