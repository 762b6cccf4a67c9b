"""Print docs/commands.md from the program's own tree of commands: python tools/commands_page.py > docs/commands.md"""

import inspect
from typing import Any

import typer.main

from shouwang.cli import identities
from shouwang.cli.main import app

HEAD = """\
# Commands

Each command says more with `--help`; `tools/commands_page.py` makes this page from the program. `--url` or the
environment variable `SHOUWANG_DATABASE_URL` names the district's database (`postgresql://…`). `--as LOGIN` names the
account that acts: its role has to allow the command, its area bounds what is seen, and the audit keeps its name. No
password is asked for: a person who has the database's password could read everything without us."""


def page() -> str:
    """The whole page: the commands without a group first, then group by group."""
    program = typer.main.get_command(app)
    alone, groups = [], []
    for name, command in sorted(program.commands.items()):  # type: ignore[attr-defined]
        (groups if hasattr(command, "commands") else alone).append((f"shouwang {name}", command))
    parts = [HEAD, "## The platform", table(alone)]
    for name, group in groups:
        parts += [f"## {name}", first_paragraph(group.help), table(list(inside(name, group)))]
    group = typer.main.get_command(identities.app)
    name = "python -m shouwang.identities"
    parts += [f"## {name}", first_paragraph(group.help), table(list(inside(name, group)))]
    return "\n\n".join(parts) + "\n"


def inside(name: str, group: Any) -> list[tuple[str, Any]]:
    """(full name, command) of a group and the groups in it; itself first where it does something alone."""
    found = [(name, group)] if group.invoke_without_command else []
    for inner, command in sorted(group.commands.items()):
        path = f"{name} {inner}"
        found += inside(path, command) if hasattr(command, "commands") else [(path, command)]
    return found


def table(commands: list[tuple[str, Any]]) -> str:
    rows = ["| command | what it does |", "| --- | --- |"]
    for name, command in commands:
        # of a group, the callback's own words: what it does without one of its commands
        words = inspect.getdoc(command.callback) if hasattr(command, "commands") else command.help
        options = ", ".join(f"`{max(one.opts, key=len)}`" for one in command.params if is_optional(one))
        more = f" Options: {options}." if options else ""
        rows.append(f"| `{usage(name, command)}` | {first_paragraph(words)}{more} |")
    return "\n".join(rows)


def usage(name: str, command: Any) -> str:
    """The command with its arguments and the options it requires."""
    words = [name]
    for one in command.params:
        if one.param_type_name == "argument":
            word = one.name.upper().strip("_") + ("…" if one.nargs == -1 else "")
            words.append(word if one.required else f"[{word}]")
    words += [f"{max(one.opts, key=len)} {one.name.upper()}" for one in command.params if is_required_option(one)]
    return " ".join(words)


def is_required_option(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "option" and parameter.required and parameter.name != "url")


def is_optional(parameter: Any) -> bool:
    return bool(
        parameter.param_type_name == "option"
        and not parameter.required
        and parameter.name != "url"
        and not parameter.hidden
    )


def first_paragraph(text: str | None) -> str:
    """On one line, and harmless in a table."""
    return " ".join((text or "").strip().split("\n\n")[0].split()).replace("|", "\\|")


if __name__ == "__main__":
    print(page(), end="")
