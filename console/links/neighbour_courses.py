"""Courses behind a volunteer's own link: the chapters, the test, what was right. No login: the link says who it is."""

import datetime as dt

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from care_network.errors import ProvisioningError
from care_services.library.courses import attempts, keeping
from care_services.library.courses.course import picture_sources
from care_services.library.documents.markdown import to_html
from care_services.time_bank.running import learning
from console.links.neighbour import read_volunteer
from console.shell.errors import message_of, status_of
from console.shell.i18n import pick
from console.shell.security import origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import language_of, page
from dispatch.core.links import LinkError
from vocabulary.times import SHANGHAI

router = page_router()


@router.get("/neighbour/{token}/courses/{course}")
def course_page(request: Request, console: Shared, token: str, course: str) -> Response:
    """Show the chapters of a course, and the way to its test."""
    return _course(request, console, token, course)


@router.post("/neighbour/{token}/courses/{course}")
def begin(request: Request, console: Shared, token: str, course: str) -> Response:
    """Begin a test, or go on with the one that is open."""
    now = dt.datetime.now(dt.UTC)
    try:
        with console.links_database() as conn:
            one = read_volunteer(conn, console, token, now)
            number = learning.begin(conn, one, course, now, f"link {origin_of(request)}")
    except LinkError as error:
        return _over(request, error)
    except ProvisioningError as error:
        return _course(request, console, token, course, error)
    return RedirectResponse(f"/neighbour/{token}/tests/{number}", 303)


@router.get("/neighbour/{token}/tests/{number}")
def test_page(request: Request, console: Shared, token: str, number: int) -> Response:
    """Show the questions of a test; after it was handed in, what was right and why."""
    return _test(request, console, token, number)


@router.post("/neighbour/{token}/tests/{number}")
async def hand_in(request: Request, console: Shared, token: str, number: int) -> Response:
    """Hand a test in."""
    answers: dict[int, list[int]] = {}
    for name, value in (await request.form()).multi_items():
        place = name.removeprefix("q")
        if isinstance(value, str) and place.isdigit() and value.isdigit() and len(place) < 5 and len(value) < 5:
            answers.setdefault(int(place), []).append(int(value))
    return await run_in_threadpool(_hand_in, request, console, token, number, answers)


def _hand_in(request: Request, console: Console, token: str, number: int, answers: dict[int, list[int]]) -> Response:
    now = dt.datetime.now(dt.UTC)
    try:
        with console.links_database() as conn:
            one = read_volunteer(conn, console, token, now)
            learning.hand_in(conn, one, number, answers, now, f"link {origin_of(request)}")
    except LinkError as error:
        return _over(request, error)
    except ProvisioningError as error:
        return _test(request, console, token, number, error, answers)
    return RedirectResponse(f"/neighbour/{token}/tests/{number}", 303)


def _course(
    request: Request, console: Console, token: str, code: str, error: ProvisioningError | None = None
) -> Response:
    now = dt.datetime.now(dt.UTC)
    try:
        with console.links_database() as conn:
            one = read_volunteer(conn, console, token, now)
            found = learning.find(conn, one, code, now)
            whole = keeping.version(conn, found.kept.version_id)
    except LinkError as refused:
        return _over(request, refused)
    except ProvisioningError as refused:
        return page(request, "neighbour.html", status=404, found=None, message=message_of(request, refused))
    language = language_of(request, None)
    sources = picture_sources(whole, language)
    chapters = [
        (pick(language, each.zh, each.en),
         Markup(to_html(pick(language, each.text_zh, each.text_en), pictures=sources)))  # noqa: S704 - theirs is escaped
        for each in whole.chapter
    ]  # fmt: skip
    return page(
        request, "neighbour-course.html", status=status_of(error) if error else 200, token=token, found=found,
        chapters=chapters, today=now.astimezone(SHANGHAI).date(),
        message=message_of(request, error) if error else "",
    )  # fmt: skip


def _test(
    request: Request, console: Console, token: str, number: int, error: ProvisioningError | None = None,
    named: dict[int, list[int]] | None = None,
) -> Response:  # fmt: skip
    now = dt.datetime.now(dt.UTC)
    try:
        with console.links_database() as conn:
            one = read_volunteer(conn, console, token, now)
            attempt, course = learning.load(conn, one, number)
    except LinkError as refused:
        return _over(request, refused)
    except ProvisioningError as refused:
        return page(request, "neighbour.html", status=404, found=None, message=message_of(request, refused))
    answer = page(
        request, "neighbour-test.html", status=status_of(error) if error else 200, token=token, attempt=attempt,
        course=course, questions=attempts.shown(attempt, course), named=named or {},
        wrong={error.field or "": message_of(request, error)} if error else {},
    )  # fmt: skip
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _over(request: Request, error: LinkError) -> Response:
    return page(request, "neighbour.html", status=410, found=None, message=message_of(request, error))
