"""Courses edited on a page: chapters, questions, pictures, pass mark; seen as a learner; saved as a version."""

from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.concurrency import run_in_threadpool
from markupsafe import Markup
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import ROLES_ZH, Action
from care_network.catalogues.workforce import CERTIFICATES
from care_network.errors import ChangedMeanwhileError
from care_services.library.courses import forming, keeping
from care_services.library.courses.course import MOST_PICTURES, Course, picture_sources
from care_services.library.courses.forming import Filled
from care_services.library.courses.pictures import MOST_UPLOAD, picture
from care_services.library.courses.writing import to_toml
from care_services.library.documents.markdown import to_html
from care_services.library.topics import TOPICS
from console.pages.care.frame import care_page
from console.pages.library.documents import acting_of
from console.shell.errors import message_of, status_of
from console.shell.i18n import Language, pick
from console.shell.security import CurrentAccount, needs
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import language_of
from vocabulary.errors import BilingualError

router = page_router()
MANAGE = needs(Action.MANAGE_LIBRARY)
Version = Annotated[int, Query(ge=0, le=100_000)]
LEARNERS = ("manager", "station", "carer", "dispatcher", "lead", "family", "auditor", "admin")
MOST_FIELDS = 2000
MOST_PART = 1024 * 1024


def chapters_of(course: Course, language: Language) -> list[tuple[str, Any]]:
    """The chapters as they are shown: title and HTML."""
    sources = picture_sources(course, language)
    return [
        (pick(language, one.zh, one.en),
         Markup(to_html(pick(language, one.text_zh, one.text_en), pictures=sources)))  # noqa: S704 - theirs is escaped
        for one in course.chapter
    ]  # fmt: skip


@router.get("/care/courses-edit", dependencies=[MANAGE])
def new_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """A form for a new course."""
    with console.database() as conn:
        keeping.require_district(acting_of(request, conn, account))
    return _form(request, console, account, "", forming.empty(), 0, fresh=True)


@router.get("/care/courses-edit/{course}", dependencies=[MANAGE])
def edit_page(
    request: Request, console: Shared, account: CurrentAccount, course: str, version: Version = 0
) -> Response:
    """A form with a course as it is taught, or with an earlier version of it."""
    with console.database() as conn:
        acting = acting_of(request, conn, account)
        keeping.require_district(acting)
        seen, text = keeping.text_of(acting, course, version)
    return _form(request, console, account, course, forming.of_course(text), seen, fresh=not version)


@router.get("/care/courses-edit/{course}/file", dependencies=[MANAGE])
def export(request: Request, console: Shared, account: CurrentAccount, course: str, version: Version = 0) -> Response:
    """A version as a file that can be put in use elsewhere."""
    with console.database() as conn:
        acting = acting_of(request, conn, account)
        _, text = keeping.text_of(acting, course, version)
    headers = {"Content-Disposition": f'attachment; filename="{text.code}.toml"', "X-Content-Type-Options": "nosniff"}
    return Response(to_toml(text), media_type="application/toml", headers=headers)


@router.post("/care/courses-edit", dependencies=[MANAGE])
async def new(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """Add a course, or show what the form would make."""
    return await run_in_threadpool(_take, request, console, account, "", *await _sent(request))


@router.post("/care/courses-edit/{course}", dependencies=[MANAGE])
async def edit(request: Request, console: Shared, account: CurrentAccount, course: str) -> Response:
    """Save a version, or show what the form would make."""
    return await run_in_threadpool(_take, request, console, account, course, *await _sent(request))


async def _sent(request: Request) -> tuple[list[tuple[str, str]], bytes]:
    async with request.form(max_fields=MOST_FIELDS, max_part_size=MOST_PART) as sent:
        upload = sent.get("picture")
        taken = isinstance(upload, UploadFile) and upload.filename
        body = await upload.read(MOST_UPLOAD + 1) if taken and isinstance(upload, UploadFile) else b""
        return [(name, value) for name, value in sent.multi_items() if isinstance(value, str)], body


def _take(
    request: Request, console: Console, account: Account, code: str, fields: list[tuple[str, str]], upload: bytes
) -> Response:
    filled, asked = forming.of_fields(fields), dict(fields)
    step, seen = asked.get("do", "save"), asked.get("seen", "0")
    number = int(seen) if seen.isdigit() and len(seen) < 9 else 0
    if code:
        filled.plain["code"] = code
    try:
        if step == "picture":
            taken = {row.get("name", "") for row in filled.pictures}
            name = next(f"p{place}" for place in range(1, 99) if f"p{place}" not in taken)
            made = picture(upload, name, asked.get("picture_zh", ""), asked.get("picture_en", ""))
            filled.pictures.append({"name": made.name, "zh": made.zh, "en": made.en, "data": made.data})
        elif step == "preview":
            made_course = forming.course_of(filled)
            return _form(request, console, account, code, filled, number, preview=made_course)
        elif step == "save":
            made_course = forming.course_of(filled)
            with console.database() as conn:
                keeping.put(acting_of(request, conn, account), made_course, seen=number)
            return RedirectResponse(f"/care/courses/{made_course.code}", 303)
        elif step != "resume":  # a draft that the browser kept is shown as it was
            forming.turn(filled, step)
    except BilingualError as error:
        return _form(request, console, account, code, filled, number, error=error)
    return _form(request, console, account, code, filled, number, step=step)


def _form(
    request: Request, console: Console, account: Account, code: str, filled: Filled, seen: int,
    *, error: BilingualError | None = None, preview: Course | None = None, step: str = "", fresh: bool = False,
) -> Response:  # fmt: skip
    with console.database() as conn:
        acting = acting_of(request, conn, account)
        versions = keeping.versions(acting, code) if code else []
    language = language_of(request, account)
    field = (getattr(error, "field", None) or "zh") if error else ""
    return care_page(
        request, "library-course-edit.html", account, status_of(error) if error else 200, code=code, filled=filled,
        seen=seen, versions=versions, fresh=fresh, draft=f"{account.id} {code or 'new'}",
        wrong={field: message_of(request, error, account)} if error else {},
        conflict=isinstance(error, ChangedMeanwhileError), preview=preview, step=step,
        chapters=chapters_of(preview, language) if preview else [], role_names=ROLES_ZH, learners=LEARNERS,
        topics=TOPICS, certificates=CERTIFICATES, most_pictures=MOST_PICTURES, here="/care/courses",
    )  # fmt: skip
