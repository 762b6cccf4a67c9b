"""The commands ``shouwang care quality …`` and ``shouwang care complaints …``."""

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import typer

from shouwang.cli.session import Login, Session, Url, acting

if TYPE_CHECKING:
    from care_services.core.acting import Acting

app = typer.Typer(help="Quality control: checks, draws, findings, providers.", no_args_is_help=True)
complaints = typer.Typer(help="Complaints: take in, answer, hand up.", no_args_is_help=True)
Number = Annotated[int, typer.Argument(help="Its number.")]
Words = Annotated[str, typer.Option(help="The words of the step.")]


def _by(session: Session) -> "Acting":
    from care_services.core.acting import Acting

    return Acting(session.account, session.now, session.origin)


@app.command("findings")
def list_findings(
    url: Url, login: Login, view: Annotated[str, typer.Option(help="open, overdue, mended or closed")] = "open"
) -> None:
    """List findings, the one due first."""
    from care_network.access.permissions import Action
    from care_services.quality import findings
    from care_services.quality.words import FINDING_STATES

    with acting(url, login, Action.VIEW_CARE) as session:
        by = _by(session)
        for f in findings.listing(session.conn, by, view, limit=500):
            late = "  逾期 overdue" if f.state != "closed" and f.due_on < by.today else ""
            typer.echo(f"{f.id}  {f.organisation}  {f.due_on}{late}  {' '.join(FINDING_STATES[f.state])}  {f.words}")


@app.command("finding")
def handle_finding(
    number: Number, step: Annotated[str, typer.Argument(help="mended, closed or not_mended")], words: Words, url: Url,
    login: Login,
) -> None:  # fmt: skip
    """Report a finding mended, or close it after a second look by another person."""
    from care_network.access.permissions import Action
    from care_services.quality import findings

    with acting(url, login, Action.INSPECT) as session:
        by = _by(session)
        found, _ = findings.load(session.conn, by, number)
        findings.act(session.conn, by, number, step, words, found.version)
    typer.echo("recorded")


@app.command("checks")
def list_checks(url: Url, login: Login, view: Annotated[str, typer.Option(help="planned or done")] = "planned") -> None:
    """List checks, planned ones that are overdue first."""
    from care_network.access.permissions import Action
    from care_services.quality import checks
    from care_services.quality.words import KINDS

    with acting(url, login, Action.VIEW_CARE) as session:
        for c in checks.listing(session.conn, _by(session), view, limit=500):
            score = f"  {c.passed} / {(c.passed or 0) + (c.failed or 0)}" if c.state == "done" else ""
            typer.echo(f"{c.id}  {' '.join(KINDS[c.kind])}  {c.list}  {c.organisation}  {c.due_on}{score}")


@app.command()
def draw(
    check_list: Annotated[str, typer.Argument(help="meals, home_services or stations")],
    share: Annotated[float, typer.Argument(help="Percent of each street's and provider's cases.")], url: Url,
    login: Login, kind: Annotated[str, typer.Option(help="station, street or district")] = "district",
    homes: Annotated[bool, typer.Option("--homes", help="Draw homes that are cared for.")] = False,
    seed: Annotated[str, typer.Option(help="Left out: one is drawn.")] = "",
    due: Annotated[int, typer.Option(help="Days until the checks are due.")] = 14,
) -> None:  # fmt: skip
    """Draw checks by lot; the plan keeps seed and frame, so that anybody can repeat the draw."""
    from care_network.access.permissions import Action
    from care_services.quality import checks

    with acting(url, login, Action.INSPECT) as session:
        by = _by(session)
        number = checks.draw_checks(
            session.conn, by, kind, check_list, share / 100, by.today + dt.timedelta(days=due), homes=homes, seed=seed
        )
        found, listed, _ = checks.plan(session.conn, by, number)
    typer.echo(f"plan {number}, seed {found.seed}: {len(listed)} checks")


@app.command("verify-draw")
def verify_draw(number: Number, url: Url, login: Login) -> None:
    """Repeat a draw from its kept frame and seed. Exit status 1: it gives other checks."""
    from care_network.access.permissions import Action
    from care_services.quality import checks

    with acting(url, login, Action.INSPECT) as session:
        found, listed, same = checks.plan(session.conn, _by(session), number)
    for stratum, n, k in found.strata:
        typer.echo(f"{stratum}: {k} / {n}")
    typer.echo(f"{len(listed)} checks: {'一致 the same' if same else '不一致 not the same'}")
    if not same:
        raise typer.Exit(1)


@app.command("providers")
def list_providers(url: Url, login: Login) -> None:
    """List providers with the share of items that passed in a year, and how many were looked at."""
    from care_network.access.permissions import Action
    from care_services.quality import providers

    with acting(url, login, Action.VIEW_CARE) as session:
        for p in providers.providers(session.conn, _by(session)):
            share = "—" if p.rate is None else f"{100 * p.rate:.0f} %"
            typer.echo(f"{p.code}  {p.name_zh}  {share} (n = {p.n})  {p.open} open, {p.overdue} overdue")


@complaints.command("list")
def list_complaints(
    url: Url, login: Login, view: Annotated[str, typer.Option(help="open, overdue, answered or all")] = "open"
) -> None:
    """List complaints, the one due first."""
    from care_network.access.permissions import Action
    from care_services.complaints import desk
    from care_services.complaints.words import LEVELS, STATES
    from vocabulary.times import local

    with acting(url, login, Action.VIEW_CARE) as session:
        by = _by(session)
        for c in desk.listing(session.conn, by, view, limit=500):
            late = "  逾期 overdue" if c.state == "open" and c.due_at < by.at else ""
            typer.echo(f"{c.code}  {' '.join(LEVELS[c.level])}  {' '.join(STATES[c.state])}  {local(c.due_at)}{late}")


@complaints.command("show")
def show_complaint(code: Annotated[str, typer.Argument(help="Its code.")], url: Url, login: Login) -> None:
    """Show a complaint and its history; who complained, to whom that may be told."""
    from care_network.access.permissions import Action
    from care_services.complaints import desk
    from care_services.complaints.words import AUTHORS, EVENTS
    from vocabulary.times import local

    with acting(url, login, Action.VIEW_CARE) as session:
        case = desk.load(session.conn, _by(session), code)
        typer.echo(case.complaint.words)
        author = case.author
        typer.echo("—" if author is None else f"{' '.join(AUTHORS[author.kind])} {author.name} {author.phone}".strip())
        for e in case.events:
            typer.echo(f"{local(e.at)}  {' '.join(EVENTS.get(e.kind, (e.kind, '')))}  {e.who or '—'}  {e.words}")


@complaints.command("take-in")
def take_in(
    words: Annotated[str, typer.Argument(help="What happened.")], url: Url, login: Login,
    about: Annotated[str, typer.Option(help="visit, meal, provider, device or other")] = "other",
    category: Annotated[
        str, typer.Option(help="absent, manner, quality, safety, money, food, device, privacy, other")
    ] = "other",
    severity: Annotated[str, typer.Option(help="minor, major or grave")] = "minor",
    author: Annotated[str, typer.Option(help="resident, family, staff, public or anonymous")] = "resident",
    name: Annotated[str, typer.Option(help="The complainant's name.")] = "",
    resident: Annotated[str, typer.Option(help="Code of the resident whose care it is.")] = "",
    organisation: Annotated[str, typer.Option(help="Code of the organisation complained about.")] = "",
    staff: Annotated[str, typer.Option(help="Code of the person complained about.")] = "",
) -> None:  # fmt: skip
    """Take in a complaint that came by telephone; prints its code."""
    from care_network.access.permissions import Action
    from care_services.complaints import desk
    from care_services.complaints.desk import NewComplaint

    with acting(url, login, Action.VIEW_CARE) as session:
        new = NewComplaint(
            about=about, category=category, severity=severity, words=words, channel="telephone", author=author,
            name=name, resident=resident, organisation=organisation, staff=staff,
        )  # fmt: skip
        typer.echo(desk.receive(session.conn, _by(session), new))


@complaints.command("step")
def take_step(
    code: Annotated[str, typer.Argument(help="Its code.")],
    step: Annotated[str, typer.Argument(help="answer, raise, note, satisfied, unsatisfied, close or reopen")],
    url: Url, login: Login, words: Words = "",
) -> None:  # fmt: skip
    """Answer a complaint, hand it up, close it, open it again."""
    from care_network.access.permissions import Action
    from care_services.complaints import desk

    with acting(url, login, Action.ANSWER_COMPLAINTS) as session:
        by = _by(session)
        case = desk.load(session.conn, by, code)
        desk.act(session.conn, by, code, step, words, case.complaint.version)
    typer.echo("recorded")
