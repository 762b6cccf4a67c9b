"""``shouwang setup``: prepare this machine."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shouwang.cli.session import refusals

if TYPE_CHECKING:
    from shouwang.setup.answers import Answers


def setup(
    answers: Annotated[
        Path | None, typer.Option(help="The answers (TOML); without it /etc/shouwang/setup.toml, or you are asked.")
    ] = None,
    root: Annotated[
        Path, typer.Option(help="Write below this folder instead, without users and owners: to look, or for an image.")
    ] = Path("/"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")] = False,
    templates: Annotated[
        Path | None, typer.Option(help="The folder deploy/, where it is not beside the program.")
    ] = None,
) -> None:
    """Write what this machine needs: identities, keys, settings, units, users, SQL, broker and proxy. Safe to repeat.

    Keys, passwords, channels.toml, channels.env, district.toml and the proxy's file are kept as they are; everything
    else follows the answers. deploy/README.md says what comes before and after.
    """
    from shouwang.setup import machine
    from shouwang.setup.database import SERVICES
    from shouwang.setup.files import put
    from shouwang.setup.plan import Plan, user_of

    with refusals():
        here = root.resolve() == Path("/")
        if here and not dry_run and os.geteuid() != 0:
            raise PermissionError("setup writes to /etc and makes users: run it as root, or name another --root")
        given = _answers(answers, root)
        plan = Plan(given, machine.look(root, templates or machine.templates()))
        if here and not dry_run and "services" in given.parts:
            for user in machine.make_users(map(user_of, SERVICES)):
                typer.echo(f"made     user {user}")
        counts: dict[str, int] = {}
        owed: dict[str, None] = {}  # each once, in the order of the files
        for item, done in put(plan.items(), root, dry_run=dry_run, owned=here):
            counts[done] = counts.get(done, 0) + 1
            if done != "same":
                owner = f"{item.owner}:{item.group}"
                typer.echo(f"{done:8} {item.path}  ({item.mode:04o} {owner})")
            if done == "changed" and item.then:
                owed[item.then] = None
        typer.echo(("would be: " if dry_run else "") + ", ".join(f"{number} {done}" for done, number in counts.items()))
        if owed:
            typer.echo("these files are in use once you have run:")
        for line in owed:
            typer.echo(f"  {line}")


def _answers(file: Path | None, root: Path) -> "Answers":
    import sys

    from shouwang.setup.answers import Question, ask, parse
    from shouwang.setup.plan import SETTINGS_FILE

    stored = root / SETTINGS_FILE.lstrip("/")
    source = file or (stored if stored.exists() else None)
    if source is not None:
        return parse(source.read_text("utf-8"))
    if not sys.stdin.isatty():
        raise ValueError(f"there are no answers: write {stored} (deploy/setup.example.toml), or run it in a terminal")

    def put(question: Question) -> str:
        return str(typer.prompt(question.text, default=question.default))

    return ask(put)
