"""The commands ``shouwang care workforce …``: search professionals, who may be sent, certificates that end."""

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import typer

from shouwang.cli.session import Login, Url, acting, connection

if TYPE_CHECKING:
    from care_services.core.connected import Connected
    from shouwang.cli.session import Session

app = typer.Typer(help="Professionals: search, who may be sent where, certificates that end.", no_args_is_help=True)
At = Annotated[str, typer.Option("--at", help="Time in Shanghai, such as 2026-11-30T08:00; left out: now.")]


@app.command("list")
def listing(
    url: Url,
    login: Login,
    words: Annotated[str, typer.Argument(help="Name, pinyin, skill, certificate, language, employer, place.")] = "",
    skill: Annotated[str, typer.Option(help="A skill that counts today, by its code.")] = "",
    language: Annotated[str, typer.Option(help="ISO 639-3, such as yue.")] = "",
    day: Annotated[dt.datetime | None, typer.Option(help="On duty on this day.", formats=["%Y-%m-%d"])] = None,
    after: Annotated[str, typer.Option(help="Go on after this code.")] = "",
) -> None:
    """List professionals, 50 at a time.

    Example: shouwang care workforce list 助浴 --language yue --as manager
    """
    from care_network.access.permissions import Action
    from care_network.catalogues.workforce import ROLES, SKILLS
    from care_services.workforce import people

    with acting(url, login, Action.VIEW_CARE) as session:
        wanted = people.Wanted(
            words=words, skill=skill, language=language, day=day.date() if day else None, after=after
        )
        found = people.search(_of(session), wanted)
        session.audit("view_page", detail={"page": "workforce", "words": words})
        today = _of(session).today
    for one in found[: people.LIMIT]:
        good, lapsed = one.counting(today)
        skills = ", ".join(SKILLS[code].en for code in good if code in SKILLS)
        late = f"; not counting: {', '.join(lapsed)}" if lapsed else ""
        role = ROLES[one.kind].en if one.kind in ROLES else one.kind
        typer.echo(f"{one.code}  {one.name_zh} / {one.name_en}  {role}, {one.organisation_en}: {skills}{late}")
    if len(found) > people.LIMIT:
        typer.echo(f"more: --after {found[people.LIMIT - 1].code}")


@app.command()
def show(
    url: Url, login: Login, staff: Annotated[str, typer.Argument(help="Code of the person.")], at: At = ""
) -> None:
    """Show one professional: certificates, and each service they may do or not, with the reason."""
    from care_network.access.permissions import Action
    from care_network.catalogues.workforce import CERTIFICATES
    from care_services.workforce import profile, reach
    from care_services.workforce.terms import words_of

    with acting(url, login, Action.VIEW_CARE) as session:
        connected = _of(session)
        file = profile.load(connected, staff)
        services = reach.services_of(connected, file.person.id, file.person.path, _moment(at, session.now))
    typer.echo(f"{file.person.code}  {file.person.name_zh} / {file.person.name_en}, {file.person.organisation_en}")
    for paper in file.person.papers:
        term = CERTIFICATES[paper.kind].en if paper.kind in CERTIFICATES else paper.kind
        typer.echo(f"  {term}: {words_of(paper.kind, paper.expires_on, connected.today)[1]}")
    for one in services:
        why = "; ".join(en for _, en in one.standing.why)
        typer.echo(f"  {one.service.en:30} {one.standing.verdict:5} {why}")


@app.command()
def who(
    url: Url,
    login: Login,
    service: Annotated[str, typer.Argument(help="Code of the service, such as bathing.")],
    home: Annotated[str, typer.Argument(help="Code of the home, or of a resident.")],
    at: At = "",
) -> None:
    """Say who may be sent for a service to a home, best first, and why each other may not.

    Example: shouwang care workforce who bathing H0001 --as station
    """
    from care_network.access.permissions import Action
    from care_services.workforce import reach

    with acting(url, login, Action.VIEW_CARE) as session:
        connected = _of(session)
        found = reach.sendable(connected, service, reach.home_of(connected, home), _moment(at, session.now))
    for candidate in found.candidates:
        typer.echo(f"+ {candidate.code}  {candidate.name_en}: {'; '.join(candidate.reasons_en)}")
    for sign, others in (("~", found.able), ("-", found.unable)):
        for other in others:
            why = "; ".join(en for _, en in other.standing.why)
            typer.echo(f"{sign} {other.person.code}  {other.person.name_en}: {why}")


@app.command()
def ending(
    url: Url,
    login: Login,
    only: Annotated[str, typer.Option(help="expired, 7, 30, 90 (days), unknown or missing.")] = "90",
) -> None:
    """List certificates that ended, end soon, have no last day, or are missing for the role."""
    from care_network.access.permissions import Action
    from care_services.workforce import reminders

    if only not in reminders.FILTERS:
        raise typer.BadParameter(f"one of {', '.join(reminders.FILTERS)}", param_hint="--only")
    with acting(url, login, Action.VIEW_CARE) as session:
        found = reminders.listing(_of(session), only)
    for one in found:
        taken = f", {one.taken_name} sees to it" if one.taken_name else ""
        typer.echo(f"{one.expires_on or '-':<12} {one.staff}  {one.name_en}, {one.organisation_en}: {one.kind}{taken}")


@app.command()
def remind(url: Url) -> None:
    """Write the reminders that are due today; safe to repeat. The rounds of the platform do it each day."""
    from care_services.workforce.reminders import tell_due
    from vocabulary.times import SHANGHAI

    with connection(url) as conn:
        now = dt.datetime.now(dt.UTC)
        typer.echo(f"{tell_due(conn, now.astimezone(SHANGHAI).date(), now)} new notices")


def _of(session: "Session") -> "Connected":
    from care_services.core.connected import Connected

    return Connected(session.conn, session.account, session.now, session.origin)


def _moment(text: str, now: dt.datetime) -> dt.datetime:
    from vocabulary.times import SHANGHAI

    if not text:
        return now
    moment = dt.datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)
