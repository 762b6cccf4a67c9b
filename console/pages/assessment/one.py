"""One assessment: the form of a draft, saved as it is filled in; signatures; the sheet on paper and as PDF."""

import datetime as dt
from typing import Annotated, Any

from fastapi import Form, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action, may_do
from care_network.errors import ChangedMeanwhileError, NotFoundError, ProvisioningError
from care_services.assessment import evidence, life, proposals, reach, store
from care_services.assessment.store import Assessment, Fields
from console.pages.assessment import form, frame, paper
from console.pages.care.frame import care_page
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import language_of, page
from vocabulary.times import SHANGHAI

router = page_router()
LOOK, ASSESS = needs(Action.VIEW_CARE), needs(Action.ASSESS)
Seen = Annotated[int, Form(ge=1)]
MOST_FIELDS = 100


@router.get("/care/assessments/{assessment_id}", dependencies=[LOOK])
def assessment_page(request: Request, console: Shared, account: CurrentAccount, assessment_id: int) -> Response:
    """A draft's form to whoever assesses; else the assessment as it was signed."""
    return _show(request, console, account, assessment_id)


@router.post("/care/assessments/{assessment_id}/draft", dependencies=[ASSESS])
async def save(request: Request, console: Shared, account: CurrentAccount, assessment_id: int) -> Response:
    """Keep the draft as it was sent: by the page's script again and again, or by its buttons."""
    sent = await request.form(max_fields=MOST_FIELDS, max_files=0)
    items = {name: value for name, value in sent.items() if isinstance(value, str)}
    return await run_in_threadpool(_save, request, console, account, assessment_id, items)


def _save(
    request: Request, console: Console, account: Account, number: int, sent: dict[str, str]
) -> Response:  # fmt: skip
    by_script = request.headers.get("accept") == "application/json"
    seen = int(sent["seen"]) if sent.get("seen", "").isascii() and sent.get("seen", "").isdecimal() else 0
    fields = Fields()
    try:
        fields = form.read(sent)
        with console.database() as conn:
            kept = life.save(conn, account, number, seen, fields, dt.datetime.now(dt.UTC), origin_of(request))
    except NotFoundError:
        raise
    except ChangedMeanwhileError as error:
        return _conflict(request, console, account, number, fields, error, by_script=by_script)
    except ProvisioningError as error:
        if by_script:
            return JSONResponse(
                {"message": message_of(request, error, account), "field": error.field}, status_of(error)
            )
        return _show(request, console, account, number, error, mine=fields, sent=sent)
    if by_script:
        summary = page(request, "_assessment_summary.html", account, x=kept, score=kept.score, **frame.words())
        return JSONResponse({"version": kept.version, "summary": bytes(summary.body).decode()})
    onward = f"/sign?seen={kept.version}" if sent.get("act") == "sign" else f"#{sent.get('act', '')[:20]}"
    return RedirectResponse(f"/care/assessments/{number}{onward}", 303)


def _conflict(
    request: Request, console: Console, account: Account, number: int, mine: Fields, error: ProvisioningError, *,
    by_script: bool,
) -> Response:  # fmt: skip
    """Both versions: what was sent, and what somebody else stored meanwhile."""
    if not by_script:
        return _show(request, console, account, number, error, mine=mine)
    with console.database() as conn:
        theirs = reach.assessment(conn, account, number, dt.datetime.now(dt.UTC), origin_of(request), "")
    found = form.differences(mine, theirs.fields, frame.speaker(request, account))
    draft = theirs.state == "draft"
    shown = page(
        request, "_assessment_conflict.html", account, x=theirs, differences=found, draft=draft, **frame.words()
    )
    return JSONResponse(
        {"message": message_of(request, error, account), "version": theirs.version, "draft": draft,
         "panel": bytes(shown.body).decode()}, 409,
    )  # fmt: skip


@router.get("/care/assessments/{assessment_id}/sign", dependencies=[ASSESS])
def sign_page(
    request: Request, console: Shared, account: CurrentAccount, assessment_id: int, seen: int = 0
) -> Response:
    """Name what follows from signing a draft, or from confirming what a colleague signed."""
    return _sign(request, console, account, assessment_id)


@router.post("/care/assessments/{assessment_id}/sign", dependencies=[ASSESS])
def sign(
    request: Request, console: Shared, account: CurrentAccount, assessment_id: int, seen: Seen,
    act: Annotated[str, Form(max_length=20)] = "", why: Annotated[str, Form(max_length=2000)] = "",
) -> Response:  # fmt: skip
    """Sign as the first assessor; confirm or object as the second."""
    now, origin = dt.datetime.now(dt.UTC), origin_of(request)
    try:
        with console.database() as conn:
            match act:
                case "sign":
                    life.sign(conn, account, assessment_id, seen, now, origin)
                case "confirm":
                    life.confirm(conn, account, assessment_id, seen, now, origin)
                case "object":
                    life.object_to(conn, account, assessment_id, seen, why, now, origin)
                case _:
                    raise ProvisioningError(en="this is nothing that can be done", zh="没有这种操作")
    except NotFoundError:
        raise
    except ProvisioningError as error:
        return _sign(request, console, account, assessment_id, error, why)
    return RedirectResponse(f"/care/assessments/{assessment_id}", 303)


def _sign(
    request: Request, console: Console, account: Account, number: int, error: ProvisioningError | None = None,
    why: str = "",
) -> Response:  # fmt: skip
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        x = reach.assessment(conn, account, number, now, origin_of(request))
        may_check = x.state == "signed" and life.may_check(conn, account, x)
        known = _known(conn, x, now)
    grade = x.grade or x.score.grade
    return care_page(
        request, "assessment-sign.html", account, status_of(error) if error else 200, x=x, score=x.score, known=known,
        may_check=may_check, grade=grade, why=why, proposed=proposals.for_grade(grade) if grade else [],
        message=message_of(request, error, account) if error else "",
        wrong=error.field if error else None, here="/care/assessments", **frame.words(),
    )  # fmt: skip


@router.post("/care/assessments/{assessment_id}/discard", dependencies=[ASSESS])
def discard(
    request: Request, console: Shared, account: CurrentAccount, assessment_id: int, seen: Seen,
    sure: Annotated[str, Form(max_length=5)] = "",
) -> Response:  # fmt: skip
    """Put a draft aside for good, after the question whether one is sure."""
    now, origin = dt.datetime.now(dt.UTC), origin_of(request)
    with console.database() as conn:
        x = reach.assessment(conn, account, assessment_id, now, origin, "")
    if not sure:
        return care_page(request, "assessment-discard.html", account, x=x, here="/care/assessments", **frame.words())
    try:
        with console.database() as conn:
            life.discard(conn, account, assessment_id, seen, now, origin)
    except ChangedMeanwhileError as error:
        return _show(request, console, account, assessment_id, error)
    return RedirectResponse(f"/care/residents/{x.resident}/assessments", 303)


@router.post("/care/assessments/{assessment_id}/correct", dependencies=[ASSESS])
def correct(request: Request, console: Shared, account: CurrentAccount, assessment_id: int) -> Response:
    """Begin a new assessment with the answers of one that was objected to."""
    try:
        with console.database() as conn:
            number = life.correct(conn, account, assessment_id, dt.datetime.now(dt.UTC), origin_of(request))
    except NotFoundError:
        raise
    except ProvisioningError as error:
        return _show(request, console, account, assessment_id, error)
    return RedirectResponse(f"/care/assessments/{number}", 303)


@router.get("/care/assessments/{assessment_id}/sheet", dependencies=[LOOK])
def sheet(request: Request, console: Shared, account: CurrentAccount, assessment_id: int) -> Response:
    """The assessment on one sheet of paper, A4."""
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        x = reach.assessment(conn, account, assessment_id, now, origin_of(request), "export_assessment")
        person = reach.resident(conn, account, x.resident, now, origin_of(request))
    return page(request, "assessment-sheet.html", account, x=x, score=x.score, person=person, bare=True,
                **frame.words())  # fmt: skip


@router.get("/care/assessments/{assessment_id}/pdf", dependencies=[LOOK])
def pdf(request: Request, console: Shared, account: CurrentAccount, assessment_id: int) -> Response:
    """The same as PDF; taking it out of the platform is in the audit."""
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        x = reach.assessment(conn, account, assessment_id, now, origin_of(request), "export_assessment")
        person = reach.resident(conn, account, x.resident, now, origin_of(request))
    name = f"assessment-{x.resident}-{x.id}.pdf"
    return Response(
        paper.pdf(x, person, language_of(request, account)), media_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{name}"'},
    )  # fmt: skip


def _show(
    request: Request, console: Console, account: Account, number: int, error: ProvisioningError | None = None, *,
    mine: Fields | None = None, sent: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    """The page of an assessment. ``mine``: what was sent and not stored; it stands in the form all the same."""
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        x = reach.assessment(conn, account, number, now, origin_of(request))
        context = _context(conn, account, x, now)
    status = status_of(error) if error else 200
    conflict = isinstance(error, ChangedMeanwhileError)
    differences = form.differences(mine, x.fields, frame.speaker(request, account)) if conflict and mine else []
    filling = x.state == "draft" and may_do(account, Action.ASSESS)
    fields = mine if mine is not None else x.fields
    return care_page(
        request, "assessment-form.html" if filling else "assessment.html", account, status, x=x,
        fields=form.values(fields) | (sent or {}), score=x.score, differences=differences,
        message=message_of(request, error, account) if error else "", wrong=error.field if error else None,
        today=now.astimezone(SHANGHAI).date(), here="/care/assessments", **context, **frame.words(),
    )  # fmt: skip


def _context(conn: Any, account: Account, x: Assessment, now: dt.datetime) -> dict[str, Any]:
    beside = store.of_resident(conn, x.resident_id)
    before = next((one for one in beside if one.id < x.id and one.state == "in_force"), None)
    return {
        "events": store.events_of(conn, x.id), "before": before, "known": _known(conn, x, now),
        "may_check": x.state == "signed" and may_do(account, Action.ASSESS) and life.may_check(conn, account, x),
        "corrected": next((one for one in beside if one.corrects_id == x.id), None),
    }  # fmt: skip


def _known(conn: Any, x: Assessment, now: dt.datetime) -> list[evidence.Line]:
    """The knowledge of the platform: of now beside a draft, of then beside what was signed."""
    return evidence.of(conn, x.resident_id, now) if x.state == "draft" else [*map(evidence.kept, x.evidence)]
