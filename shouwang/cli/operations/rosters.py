"""The commands ``shouwang network rosters …``: copy a week, swap two shifts, as the pages do."""

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from shouwang.cli.session import Login, Url, acting

if TYPE_CHECKING:
    from care_network.rosters.wanted import Wanted

app = typer.Typer(no_args_is_help=True, help="Rosters: copy a week, swap two shifts.")
Organisation = Annotated[str, typer.Argument(help="The organisation's code.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what it would do, store nothing.")]
Turn = Annotated[str, typer.Argument(help="STAFF/SHIFT/DAY: S0001/night/2026-12-02")]


@app.command("copy-week")
def copy_week(
    organisation: Organisation,
    day: Annotated[str, typer.Argument(help="A day of the week to copy: 2026-11-30")],
    url: Url,
    login: Login,
    weeks: Annotated[int, typer.Option(min=1, max=26, help="To so many weeks after it.")] = 1,
    replace: Annotated[bool, typer.Option("--replace", help="Shifts there that clash give way.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Copy a week's shifts to the next weeks. Clashes are left as they are, and listed."""
    from care_network.rosters.wanted import Copy

    _do(url, login, organisation, lambda: Copy(dt.date.fromisoformat(day), weeks, replace), dry_run)


@app.command()
def swap(
    organisation: Organisation, one: Turn, other: Turn, url: Url, login: Login, dry_run: DryRun = False
) -> None:  # fmt: skip
    """Let two people exchange shifts; each needs the certificates for the other's. Exit status 1: it cannot be done."""
    from care_network.rosters.wanted import Swap

    _do(url, login, organisation, lambda: Swap(*_turn(one), *_turn(other)), dry_run)


def _turn(text: str) -> tuple[str, str, dt.date]:
    parts = text.split("/")
    if len(parts) != 3:
        raise ValueError(f"{text!r}: write STAFF/SHIFT/DAY, e.g. S0001/night/2026-12-02")
    return parts[0], parts[1], dt.date.fromisoformat(parts[2])


def _do(url: str, login: str, organisation: str, wanted: "Callable[[], Wanted]", dry_run: bool) -> None:
    from care_network.access.permissions import Action
    from care_network.rosters.desk import Rosters

    with acting(url, login, Action.MANAGE_STAFF) as session:
        rosters = Rosters(session.conn, session.account, at=session.now, origin=session.origin)
        look = rosters.look(organisation, wanted())
        for heading, lines in (
            ("不能执行 cannot be done", look.plan.problems), ("保持原样 left as it is", look.plan.clashes),
            ("请注意 worth knowing", look.plan.warnings), ("将出现空班 opens a hole", look.effect.opened),
            ("修改 changes", look.plan.lines),
        ):  # fmt: skip
            for zh, en in lines:
                typer.echo(f"{heading}: {zh} | {en}")
        if look.plan.problems:
            raise typer.Exit(1)
        if dry_run or not look.plan.steps:
            typer.echo("没有存储 nothing is stored")
            return
        number = rosters.apply(organisation, wanted(), look.seen)
        typer.echo(f"完成 done: {number}")
