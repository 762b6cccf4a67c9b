"""The command ``shouwang path``: whether an emergency would arrive, by the last proof of each link."""

from typing import TYPE_CHECKING, Annotated

import typer

from shouwang.cli.session import Url, connection

if TYPE_CHECKING:
    from shouwang.path.report import PathReport


def path(
    url: Url,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show the last proof of each link and synthetic resident, and what is broken. Exit status 1: the path of an
    emergency is not known to be whole."""
    import msgspec

    from shouwang.path.report import load

    with connection(url) as conn:
        found = load(conn)
    zh, en = found.fault
    if as_json:
        rest = {"whole": not en, "fault_zh": zh, "fault_en": en}
        typer.echo(msgspec.json.encode({**msgspec.to_builtins(found), **rest}).decode())
    else:
        _print(found)
        typer.echo(f"{zh}\n{en}" if en else f"链路畅通 the path was proved {found.proved_s:.0f} s ago")
    raise typer.Exit(1 if en else 0)


def _print(found: "PathReport") -> None:
    from rich.console import Console
    from rich.table import Table

    links = Table("链路 link", "", "最近 last", "状态 state")
    for one in found.links:
        links.add_row(one.link, f"{one.zh} {one.en}", _age(one.age_s), "中断 BROKEN" if one.broken else "")
    residents = Table("合成老人 resident", "动作 does", "最近送达 last receipt")
    for each in found.residents:
        residents.add_row(each.device, each.kind, _age(each.age_s))
    console = Console()
    if found.links:
        console.print(links)
        console.print(residents)


def _age(age_s: float | None) -> str:
    return "—" if age_s is None else f"{age_s:.0f} s"
