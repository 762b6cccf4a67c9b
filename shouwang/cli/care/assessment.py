"""The commands ``shouwang care assessment …``: ability assessments, signatures, and what a grade proposes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from shouwang.cli.session import Login, Url, acting

if TYPE_CHECKING:
    from care_services.assessment.lists import View
    from care_services.assessment.reasons import Reason
    from care_services.assessment.store import Assessment

app = typer.Typer(
    help="""Ability assessments (GB/T 42195-2022): who is due, one assessment, signatures, proposals of a grade.

    An assessment is filled in on its page; here it is looked at, signed and checked. 'show' prints the version that a
    signature is made on.

      shouwang care assessment list --as station-haishan

      shouwang care assessment confirm 12 --version 5 --as station-haishan
    """,
    no_args_is_help=True,
)
Number = Annotated[int, typer.Argument(help="Number of the assessment.")]
Proposed = Annotated[int, typer.Argument(help="Number of the proposal.")]
Version = Annotated[int, typer.Option(help="The version that you looked at; 'show' and 'proposals' print it.")]
Resident = Annotated[str, typer.Argument(help="Code of the resident.")]


@app.command("list")
def listing(
    url: Url,
    login: Login,
    view: Annotated[str, typer.Option(help="due, waiting, never or all.")] = "due",
    area: Annotated[str, typer.Option(help="Path of an area below your own.")] = "",
    after: Annotated[str, typer.Option(help="Key of the last line, to go on.")] = "",
) -> None:
    """List assessments: by due date (the longest overdue first), under way, residents never assessed, or all."""
    from care_network.access.permissions import Action
    from care_network.errors import NotFoundError
    from care_services.assessment import lists
    from care_services.assessment.reasons import STATES
    from care_services.assessment.scoring import grade_words

    with acting(url, login, Action.VIEW_CARE) as session:
        if view not in lists.VIEWS:
            known = ", ".join(lists.VIEWS)
            raise NotFoundError(en=f"no list {view!r}; there are: {known}", zh=f"没有“{view}”；可用：{known}")
        chosen: View = view
        rows = lists.page(session.conn, session.account, chosen, session.now, session.origin, under=area, after=after)
        for row in rows:
            state = STATES[row.state][0] if row.state else "从未评估 never assessed"
            grade = "/".join(grade_words(row.grade)) if row.grade else "—"
            typer.echo(
                f"{row.id or '—':>6}  {row.code:10} {row.name_zh}  {state}  {grade} {row.total or ''}"
                f"  {row.due_on or ''}  [{row.key(chosen)}]"
            )


@app.command()
def show(url: Url, login: Login, number: Number) -> None:
    """Print an assessment: answers, sums, grade with its reasons, signatures, version."""
    from care_network.access.permissions import Action
    from care_services.assessment import reach

    with acting(url, login, Action.VIEW_CARE) as session:
        _print(reach.assessment(session.conn, session.account, number, session.now, session.origin))


@app.command()
def evidence(url: Url, login: Login, resident: Resident) -> None:
    """Print what the platform knows of a resident's last 30 days; what it does not know is unknown, not zero."""
    from care_network.access.permissions import Action
    from care_services.assessment import evidence as known
    from care_services.assessment import reach

    with acting(url, login, Action.VIEW_CARE) as session:
        person = reach.resident(session.conn, session.account, resident, session.now, session.origin)
        for line in known.of(session.conn, person["id"], session.now):
            typer.echo(f"{' / '.join(known.LABELS[line.kind])}: {' / '.join(known.words(line))}")


@app.command()
def begin(
    url: Url,
    login: Login,
    resident: Resident,
    reason: Annotated[str, typer.Option(help="first, routine, immediate or doubt.")],
    doubts: Annotated[int | None, typer.Option(help="On doubt: the assessment that is doubted.")] = None,
) -> None:
    """Begin an assessment; it is filled in on its page. Prints its number."""
    from care_network.access.permissions import Action
    from care_services.assessment import life

    with acting(url, login, Action.ASSESS) as session:
        number = life.begin(
            session.conn, session.account, resident, cast("Reason", reason), session.now, session.origin, doubts
        )
    typer.echo(f"{number}: /care/assessments/{number}")


@app.command()
def sign(url: Url, login: Login, number: Number, version: Version) -> None:
    """Sign a draft as its first assessor. Nothing of it can be changed afterwards."""
    from care_network.access.permissions import Action
    from care_services.assessment import life

    with acting(url, login, Action.ASSESS) as session:
        _print(life.sign(session.conn, session.account, number, version, session.now, session.origin))


@app.command()
def confirm(url: Url, login: Login, number: Number, version: Version) -> None:
    """Check a signed one as its second assessor: the grade goes into the record, proposals are made."""
    from care_network.access.permissions import Action
    from care_services.assessment import life

    with acting(url, login, Action.ASSESS) as session:
        _print(life.confirm(session.conn, session.account, number, version, session.now, session.origin))


@app.command("object")
def object_to(
    url: Url, login: Login, number: Number, version: Version, why: Annotated[str, typer.Option(help="To what.")]
) -> None:
    """Object to a signed one as its second assessor: it does not come in force."""
    from care_network.access.permissions import Action
    from care_services.assessment import life

    with acting(url, login, Action.ASSESS) as session:
        life.object_to(session.conn, session.account, number, version, why, session.now, session.origin)
    typer.echo("objected")


@app.command()
def pdf(
    url: Url,
    login: Login,
    number: Number,
    out: Annotated[Path, typer.Option(help="File to write.")],
    english: Annotated[bool, typer.Option("--english", help="In English.")] = False,
) -> None:
    """Write an assessment as PDF, A4; that it was taken out is in the audit."""
    from care_network.access.permissions import Action
    from care_services.assessment import reach
    from console.pages.assessment import paper

    with acting(url, login, Action.VIEW_CARE) as session:
        found = reach.assessment(
            session.conn, session.account, number, session.now, session.origin, "export_assessment"
        )
        person = reach.resident(session.conn, session.account, found.resident, session.now, session.origin)
    out.write_bytes(paper.pdf(found, person, "en" if english else "zh"))
    typer.echo(str(out))


@app.command("proposals")
def waiting(url: Url, login: Login) -> None:
    """List proposals of grades that wait for a decision, the oldest first."""
    from care_network.access.permissions import Action
    from care_services.assessment import proposals

    with acting(url, login, Action.VIEW_CARE) as session:
        for one in proposals.waiting(session.conn, session.account):
            words = f"{one.draft.zh} / {one.draft.en}" if one.draft else one.code
            typer.echo(f"{one.id:>6}  version {one.version}  {one.resident:10} {one.name_zh}  {one.kind}: {words}")
        session.audit("list_proposals")


@app.command()
def approve(
    url: Url, login: Login, number: Proposed, version: Version, note: Annotated[str, typer.Option(help="Note.")] = ""
) -> None:
    """Approve a proposal and carry it out: thresholds are set, the resident's ladder holds at once, a plan is kept."""
    from care_network.access.permissions import Action
    from console.pages.assessment import carrying

    with acting(url, login, Action.APPROVE_PROPOSALS) as session:
        carrying.approve(session.conn, session.account, number, version, note, session.now, session.origin)
    typer.echo("approved")


@app.command()
def decline(
    url: Url, login: Login, number: Proposed, version: Version, note: Annotated[str, typer.Option(help="Why.")]
) -> None:
    """Decline a proposal, with the reason."""
    from care_network.access.permissions import Action
    from care_services.assessment import proposals

    with acting(url, login, Action.APPROVE_PROPOSALS) as session:
        proposals.decline(session.conn, session.account, number, version, note, session.now, session.origin)
    typer.echo("declined")


def _print(one: "Assessment") -> None:
    from care_services.assessment.reasons import REASONS, STATES
    from care_services.assessment.scoring import grade_words
    from care_services.assessment.standard import standard

    found = one.score
    typer.echo(f"{one.id}  {one.resident} {one.name_zh}  {' / '.join(REASONS[one.reason])}")
    typer.echo(f"{' / '.join(STATES[one.state])}  version {one.version}")
    for domain in standard().domains:
        typer.echo(f"{domain.zh} / {domain.en}: {found.sums[domain.code]} / {domain.maximum}")
        for item in domain.items:
            points = one.fields.answers.get(item.code)
            words = "未填 not filled in" if points is None else f"{points}  {item.level(points).zh}"
            typer.echo(f"  {item.zh} / {item.en}: {words}")
    typer.echo(f"总分 / total: {'—' if found.total is None else found.total}")
    for reason in one.adjustments or found.adjustments:
        typer.echo(f"  {reason.zh} / {reason.en}")
    typer.echo(f"能力等级 / grade: {' / '.join(grade_words(one.grade or found.grade))}")
    for label, by in (("第一评估员 first", one.first), ("第二评估员 second", one.second)):
        if by is not None:
            typer.echo(f"{label}: {by.zh} {by.at:%Y-%m-%d %H:%M} UTC")
    if one.due_on:
        typer.echo(f"下次评估 / next: {one.due_on}")
