"""Certificates of courses: on the page and on paper, looked up by whoever holds one, issued, revoked, approved."""

import datetime as dt
import io
from typing import Annotated, Any

import segno
from fastapi import Form, Query, Request
from fastapi.concurrency import run_in_threadpool
from markupsafe import Markup
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action, may_do
from care_network.catalogues.workforce import CERTIFICATES
from care_network.errors import ProvisioningError
from care_services.library.courses import certificates, keeping, paper
from care_services.library.courses.course import MOST_BYTES, read_course
from console.pages.care.frame import care_page
from console.pages.library.documents import acting_of
from console.pages.lists import pager_of
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import language_of, page
from figures.export import fonts
from vocabulary.times import SHANGHAI

router = page_router()
TAKE, MANAGE = needs(Action.TAKE_COURSE), needs(Action.MANAGE_LIBRARY)
STAFF = needs(Action.MANAGE_STAFF)
OPEN = "/verify-certificate"


@router.get("/care/courses/certificates/{number}", dependencies=[TAKE])
def certificate_page(request: Request, console: Shared, account: CurrentAccount, number: str) -> Response:
    """A certificate as it is printed, and whether it holds."""
    return _certificate(request, console, account, number)


@router.get("/care/courses/certificates/{number}/file", dependencies=[TAKE])
def certificate_file(request: Request, console: Shared, account: CurrentAccount, number: str) -> Response:
    """The certificate as a PDF, A4."""
    with console.database() as conn:
        found = certificates.find(acting_of(request, conn, account), number)
    body = paper.paper(
        found, _address(request, found), language_of(request, account), fonts.chinese(), fonts.searched()
    )  # fmt: skip
    headers = {"Content-Disposition": f'attachment; filename="{found.number}.pdf"'}
    return Response(body, media_type="application/pdf", headers=headers)


@router.post("/care/courses/certificates/{number}/revoke", dependencies=[MANAGE])
def revoke(
    request: Request, console: Shared, account: CurrentAccount, number: str,
    why: Annotated[str, Form(max_length=500)] = "",
) -> Response:  # fmt: skip
    """Take a certificate back, for good."""
    try:
        with console.database() as conn:
            certificates.revoke(acting_of(request, conn, account), number, why)
    except ProvisioningError as error:
        if error.field != "why":
            raise
        return _certificate(request, console, account, number, error)
    return RedirectResponse(f"/care/courses/certificates/{number}", 303)


@router.get("/care/courses-issued", dependencies=[MANAGE])
def issued(
    request: Request, console: Shared, account: CurrentAccount, course: Annotated[str, Query(max_length=40)] = "",
    after: Annotated[str, Query(max_length=12)] = "",
) -> Response:  # fmt: skip
    """Certificates of the area, the newest first, and what waits to be entered in the staff records."""
    return _issued(request, console, account, course, after)


@router.post("/care/courses-issued/load", dependencies=[MANAGE])
async def load(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """Put a course of a file in use, or add those that come with the platform."""
    async with request.form() as sent:
        upload, platform = sent.get("file"), bool(sent.get("platform"))
        body = await upload.read(MOST_BYTES + 1) if isinstance(upload, UploadFile) and upload.filename else b""
    return await run_in_threadpool(_load, request, console, account, body, platform)


@router.post("/care/courses/{course}/retire", dependencies=[MANAGE])
def retire(
    request: Request, console: Shared, account: CurrentAccount, course: str,
    back: Annotated[str, Form(max_length=1)] = "", sure: Annotated[str, Form(max_length=1)] = "",
) -> Response:  # fmt: skip
    """Take a course out of use, after its consequence was named, or bring it back."""
    with console.database() as conn:
        acting = acting_of(request, conn, account)
        if not (back or sure):
            keeping.require_district(acting)
            kept = keeping.one(acting, course)
            return care_page(
                request, "library-course-retire.html", account, kept=kept, here="/care/courses",
                under_way=keeping.under_way(acting, kept.course_id),
            )  # fmt: skip
        keeping.retire(acting, course, back=bool(back))
    return RedirectResponse("/care/courses", 303)


@router.get("/care/courses-approvals", dependencies=[STAFF])
def approvals(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """Certificates of courses that wait to be entered in the staff records."""
    return _approvals(request, console, account)


@router.post("/care/courses-approvals/{number}", dependencies=[STAFF])
def decide(
    request: Request, console: Shared, account: CurrentAccount, number: int,
    good: Annotated[str, Form(max_length=1)] = "", reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:  # fmt: skip
    """Enter a certificate in the staff records, or refuse it with a reason."""
    try:
        with console.database() as conn:
            certificates.decide(acting_of(request, conn, account), number, good=bool(good), reason=reason)
    except ProvisioningError as error:
        return _approvals(request, console, account, error, number)
    return RedirectResponse("/care/courses-approvals", 303)


@router.get(OPEN)
def verify(request: Request, console: Shared, code: Annotated[str, Query(max_length=60)] = "") -> Response:
    """Say to whoever holds a certificate whether it is good. Nobody logs in for it."""
    found = None
    if code:
        with console.database() as conn:
            found = certificates.verify(conn, code)
    today = dt.datetime.now(SHANGHAI).date()
    return page(
        request, "library-verify.html", None, 404 if code and found is None else 200, code=code, found=found,
        today=today,
    )  # fmt: skip


def _address(request: Request, found: certificates.Certificate) -> str:
    return f"{request.base_url}{OPEN.removeprefix('/')}?code={certificates.grouped(found.check_code)}"


def _certificate(
    request: Request, console: Console, account: Account, number: str, error: ProvisioningError | None = None
) -> Response:
    with console.database() as conn:
        acting = acting_of(request, conn, account)
        found = certificates.find(acting, number)
    drawn = io.BytesIO()
    segno.make(_address(request, found), error="m", micro=False).save(
        drawn, kind="svg", light="white", xmldecl=False, svgns=True, omitsize=True, border=2
    )
    return care_page(
        request, "library-certificate.html", account, status_of(error) if error else 200, one=found,
        state=found.state(acting.today), grouped=certificates.grouped(found.check_code),
        address=_address(request, found),
        picture=Markup(drawn.getvalue().decode()),  # noqa: S704 - made by us
        manages=may_do(account, Action.MANAGE_LIBRARY), here="/care/courses",
        message=message_of(request, error, account) if error else "",
    )  # fmt: skip


def _issued(
    request: Request, console: Console, account: Account, course: str, after: str,
    error: ProvisioningError | None = None, done: list[str] | None = None,
) -> Response:  # fmt: skip
    with console.database() as conn:
        acting = acting_of(request, conn, account)
        found = certificates.issued(acting, course, int(after) if after.isdigit() and len(after) < 10 else None)
        courses = keeping.listing(acting, retired=True)
    shown = found[: certificates.PAGE]
    pager = pager_of(request, str(shown[-1].id) if len(found) > certificates.PAGE else None, certificates.PAGE)
    return care_page(
        request, "library-issued.html", account, status_of(error) if error else 200, found=shown, pager=pager,
        course=course, courses=courses, today=acting.today, done=done, here="/care/courses",
        wrong=message_of(request, error, account) if error else "",
    )  # fmt: skip


def _load(request: Request, console: Console, account: Account, body: bytes, platform: bool) -> Response:
    try:
        with console.database() as conn:
            acting = acting_of(request, conn, account)
            if platform:
                done = keeping.add_platforms(acting)
            else:
                course = read_course(_text(body))
                keeping.put(acting, course)
                done = [course.code]
    except ProvisioningError as error:
        return _issued(request, console, account, "", "", error)
    return _issued(request, console, account, "", "", done=done)


def _text(body: bytes) -> str:
    wrong = ProvisioningError(
        en="choose a file of a course, UTF-8, 256 kB at most", zh="请选择课程文件（UTF-8，不超过 256 kB）", field="file"
    )
    if not body or len(body) > MOST_BYTES:
        raise wrong
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise wrong from error


def _approvals(
    request: Request, console: Console, account: Account, error: ProvisioningError | None = None, number: int = 0
) -> Response:
    with console.database() as conn:
        acting = acting_of(request, conn, account)
        waiting = certificates.waiting(acting)
    context: dict[str, Any] = {"wrong": {number: message_of(request, error, account)} if error else {}}
    return care_page(
        request, "library-approvals.html", account, status_of(error) if error else 200, waiting=waiting,
        certificates=CERTIFICATES, today=acting.today, here="/care/courses", **context,
    )  # fmt: skip
