"""The commands ``shouwang care library …`` and ``shouwang care courses …``: documents, products, courses."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shouwang.cli.session import Login, Url, acting, connection

if TYPE_CHECKING:
    from care_services.core.connected import Connected
    from shouwang.cli.session import Session

app = typer.Typer(help="Documents with their readers, and products with how reliable they were.", no_args_is_help=True)
courses = typer.Typer(help="Courses, their tests and certificates.", no_args_is_help=True)
Course = Annotated[str, typer.Option("--course", help="Of this course only, by its code.")]


@app.command()
def documents(
    url: Url, login: Login, words: Annotated[str, typer.Argument(help="Words of the title or the text.")] = ""
) -> None:
    """List documents in force with how many have confirmed them."""
    from care_network.access.permissions import Action
    from care_services.library.documents import keeping, reading

    with acting(url, login, Action.VIEW_CARE) as session:
        found = keeping.listing(_of(session), words=words)
        tallies = reading.tallies(_of(session), found)
    for one in found:
        tally = tallies.get(one.id, reading.Tally(0, 0))
        typer.echo(
            f"{one.code:24} {one.title_zh} / {one.title_en}: version {one.number}, read by"
            f" {tally.confirmed} of {tally.readers}"
        )


@app.command()
def unread(url: Url, login: Login, document: Annotated[str, typer.Argument(help="Code of the document.")]) -> None:
    """List who has not confirmed the version in force."""
    from care_network.access.permissions import Action
    from care_services.library.documents import reading

    with acting(url, login, Action.MANAGE_LIBRARY) as session:
        for one in reading.readers(_of(session), document):
            typer.echo(f"{one.login:20} {one.name_zh} / {one.name_en}, {one.role}")


@app.command()
def products(url: Url, login: Login) -> None:
    """List device models in use with their reliability here in the last 12 months; '-' where it is unknown."""
    from care_network.access.permissions import Action
    from care_services.library.products.products import products as listed

    with acting(url, login, Action.VIEW_CARE) as session:
        found = listed(_of(session))
    for one in found:
        if one.in_use or one.device_months:
            false = "-" if one.false_rate is None else f"{one.false_rate:.2f}"
            silent = "-" if one.silent_share is None else f"{one.silent_share:.1%}"
            typer.echo(
                f"{one.model:28} {one.in_use:6} in use; {false} false alarms a device-month (n = {one.false_alerts},"
                f" {one.device_months:.1f} device-months); silent {silent}"
            )


@courses.command("list")
def listing(url: Url, login: Login) -> None:
    """List the courses that the account may take."""
    from care_network.access.permissions import Action
    from care_services.library.courses import keeping

    with acting(url, login, Action.TAKE_COURSE) as session:
        for kept in keeping.listing(_of(session), retired=True):
            out = " (out of use)" if kept.retired_at else ""
            typer.echo(f"{kept.course.code:24} {kept.course.zh} / {kept.course.en}: version {kept.number}{out}")


@courses.command()
def load(
    url: Url,
    login: Login,
    file: Annotated[Path | None, typer.Argument(help="TOML file of a course; left out: the platform's own.")] = None,
) -> None:
    """Put a course in use, or a new text of one.

    Example: shouwang care courses load bathing.toml --as admin
    """
    from care_network.access.permissions import Action
    from care_services.library.courses import keeping
    from care_services.library.courses.course import read_course

    with acting(url, login, Action.MANAGE_LIBRARY) as session:
        if file is None:
            done = keeping.add_platforms(_of(session))
            typer.echo(f"in use now: {', '.join(done)}" if done else "all of them are in use already")
            return
        course = read_course(file.read_text("utf-8-sig"))
        typer.echo(f"{course.code}: version {keeping.put(_of(session), course)}")


@courses.command()
def issued(url: Url, login: Login, course: Course = "") -> None:
    """List issued certificates, the newest 50."""
    from care_network.access.permissions import Action
    from care_services.library.courses import certificates

    with acting(url, login, Action.MANAGE_LIBRARY) as session:
        for one in certificates.issued(_of(session), course)[: certificates.PAGE]:
            until = f" until {one.expires_on}" if one.expires_on else ""
            typer.echo(
                f"{one.number}  {one.login:16} {one.title_en}: {one.state(_of(session).today)}, {one.issued_on}{until}"
            )


@courses.command()
def check(url: Url, code: Annotated[str, typer.Argument(help="The code on the paper.")]) -> None:
    """Say whether the certificate with this code holds; by whoever has the paper."""
    import datetime as dt

    from care_services.library.courses import certificates
    from vocabulary.times import SHANGHAI

    with connection(url) as conn:
        found = certificates.verify(conn, code)
    if found is None:
        typer.secho("there is no certificate with this code", err=True, fg="red")
        raise typer.Exit(1)
    state = "holds" if found.good(dt.datetime.now(SHANGHAI).date()) else "revoked" if found.revoked else "expired"
    typer.echo(f"{found.number}  {found.name}  {found.title_zh} / {found.title_en}, {found.issued_on}: {state}")


def _of(session: "Session") -> "Connected":
    from care_services.core.connected import Connected

    return Connected(session.conn, session.account, session.now, session.origin)
