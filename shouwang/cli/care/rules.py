"""The commands ``shouwang care rules …``: rules that are data, such as who gets which subsidy."""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shouwang.cli.session import Login, Url, acting

if TYPE_CHECKING:
    from care_services.core.rules import Subject

app = typer.Typer(help="Rules that are data: subsidies, grants, caps. The district sets its own.", no_args_is_help=True)
Code = Annotated[str, typer.Argument(help="Code of a subject; 'list' shows them.")]


def _subject(code: str) -> "Subject":
    from care_network.errors import NotFoundError
    from care_services.subjects import SUBJECTS

    if code not in SUBJECTS:
        known = ", ".join(SUBJECTS)
        raise NotFoundError(en=f"no subject {code!r}; there are: {known}", zh=f"没有“{code}”；可用：{known}")
    return SUBJECTS[code]


@app.command("list")
def listing(url: Url, login: Login) -> None:
    """List the subjects, and since when their rules hold."""
    from care_network.access.permissions import Action
    from care_services.core.rule_book import versions
    from care_services.subjects import SUBJECTS

    with acting(url, login, Action.VIEW_CARE) as session:
        for subject in SUBJECTS.values():
            known = versions(session.conn, subject)
            since = f"version {known[0].version}, from {known[0].valid_from}" if known else "as delivered"
            typer.echo(f"{subject.code:32} {subject.zh} / {subject.en}: {since}")


@app.command()
def show(
    url: Url,
    login: Login,
    code: Code,
    on: Annotated[dt.datetime | None, typer.Option(help="Day; left out: today.", formats=["%Y-%m-%d"])] = None,
) -> None:
    """Print the rules that hold on a day, as TOML: the file that 'set' takes."""
    from care_network.access.permissions import Action
    from care_services.core.rule_book import text_of
    from vocabulary.times import SHANGHAI

    with acting(url, login, Action.VIEW_CARE) as session:
        day = on.date() if on else session.now.astimezone(SHANGHAI).date()
        typer.echo(text_of(session.conn, _subject(code), day))


@app.command()
def history(url: Url, login: Login, code: Code) -> None:
    """List the versions of a subject: since when, by whom, why."""
    from care_network.access.permissions import Action
    from care_services.core.rule_book import versions
    from vocabulary.times import SHANGHAI

    with acting(url, login, Action.VIEW_CARE) as session:
        for one in versions(session.conn, _subject(code)):
            set_at = one.set_at.astimezone(SHANGHAI)
            typer.echo(f"{one.version:3}  from {one.valid_from}  set {set_at:%Y-%m-%d %H:%M} {one.set_by}  {one.note}")


@app.command("set")
def put(
    url: Url,
    login: Login,
    code: Code,
    file: Annotated[Path, typer.Argument(help="TOML with the rules; begin with what 'show' prints.")],
    on: Annotated[dt.datetime | None, typer.Option("--from", help="First day.", formats=["%Y-%m-%d"])] = None,
    note: Annotated[str, typer.Option(help="Why: the document of the district, for example.")] = "",
) -> None:
    """Set rules from a day on, today or later. Wrong rules are refused with what is wrong.

    Example: shouwang care rules set meal_subsidy meals.toml --from 2027-01-01 --note "深民发〔2026〕12号" --as admin
    """
    from care_network.access.permissions import Action
    from care_services.core import rule_book
    from vocabulary.times import SHANGHAI

    with acting(url, login, Action.SET_CARE_RULES) as session:
        subject = _subject(code)
        known = rule_book.versions(session.conn, subject)
        version = rule_book.put(
            session.conn, session.account, subject, file.read_text("utf-8"),
            valid_from=on.date() if on else session.now.astimezone(SHANGHAI).date(), note=note,
            based_on=known[0].version if known else 0, now=session.now, origin=session.origin,
        )  # fmt: skip
    typer.echo(f"{code}: version {version}")
