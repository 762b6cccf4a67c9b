"""Courses: read the chapters, take the test, see what was right. Open to every account, families' too."""

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action, covers_every_home
from care_network.errors import ChangedMeanwhileError, ProvisioningError
from care_services.library.courses import attempts, keeping
from care_services.library.topics import TOPICS
from console.pages.care.frame import care_page
from console.pages.library.documents import acting_of
from console.pages.library.editing import chapters_of
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import language_of

router = page_router()
TAKE = needs(Action.TAKE_COURSE)


@router.get("/care/courses", dependencies=[TAKE])
def listing(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """The courses that the account may take, and how it stands with each."""
    with console.database() as conn:
        acting = acting_of(request, conn, account)
        found = keeping.listing(acting, retired=True)
        standings = keeping.standings(acting)
        edits = covers_every_home(conn, account)  # courses hold for the whole district
    return care_page(
        request, "library-courses.html", account, found=[one for one in found if one.retired_at is None],
        retired=[one for one in found if one.retired_at is not None], standings=standings, today=acting.today,
        topics=TOPICS, edits=edits,
    )  # fmt: skip


@router.get("/care/courses/{course}", dependencies=[TAKE])
def course_page(request: Request, console: Shared, account: CurrentAccount, course: str) -> Response:
    """One course: its chapters, one's own tests, and the way to the next."""
    return _course(request, console, account, course)


@router.post("/care/courses/{course}/test", dependencies=[TAKE])
def begin(request: Request, console: Shared, account: CurrentAccount, course: str) -> Response:
    """Begin a test, or go on with the one that is open."""
    try:
        with console.database() as conn:
            number = attempts.begin(acting_of(request, conn, account), course)
    except ProvisioningError as error:
        return _course(request, console, account, course, error)
    return RedirectResponse(f"/care/courses/tests/{number}", 303)


@router.get("/care/courses/tests/{number}", dependencies=[TAKE])
def test_page(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    """The questions of a test; after it was handed in, what was right and why."""
    return _test(request, console, account, number)


@router.post("/care/courses/tests/{number}", dependencies=[TAKE])
async def hand_in(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    """Hand a test in."""
    answers: dict[int, list[int]] = {}
    for name, value in (await request.form()).multi_items():
        place = name.removeprefix("q")
        if isinstance(value, str) and place.isdigit() and value.isdigit() and len(place) < 5 and len(value) < 5:
            answers.setdefault(int(place), []).append(int(value))
    return await run_in_threadpool(_hand_in, request, console, account, number, answers)


def _hand_in(
    request: Request, console: Console, account: Account, number: int, answers: dict[int, list[int]]
) -> Response:
    try:
        with console.database() as conn:
            attempts.submit(acting_of(request, conn, account), number, answers)
    except ChangedMeanwhileError:
        pass  # handed in before: its result is what there is to see
    except ProvisioningError as error:
        if error.field == "number":
            raise
        return _test(request, console, account, number, error, answers)
    return RedirectResponse(f"/care/courses/tests/{number}", 303)


def _course(
    request: Request, console: Console, account: Account, code: str, error: ProvisioningError | None = None
) -> Response:
    with console.database() as conn:
        acting = acting_of(request, conn, account)
        kept = keeping.one(acting, code)
        standing = keeping.standings(acting).get(kept.course_id, keeping.Standing())
        left = attempts.left_of(acting, kept)
        tests = attempts.history(acting, kept.course_id)
        whole = keeping.version(conn, kept.version_id)
        edits = covers_every_home(conn, account)
    chapters = chapters_of(whole, language_of(request, account))
    return care_page(
        request, "library-course.html", account, status_of(error) if error else 200, kept=kept, course=kept.course,
        chapters=chapters, standing=standing, left=left, tests=tests, today=acting.today, here="/care/courses",
        message=message_of(request, error, account) if error else "", edits=edits,
    )  # fmt: skip


def _test(
    request: Request, console: Console, account: Account, number: int, error: ProvisioningError | None = None,
    named: dict[int, list[int]] | None = None,
) -> Response:  # fmt: skip
    with console.database() as conn:
        acting = acting_of(request, conn, account)
        attempt, course = attempts.load(acting, number)
    answer = care_page(
        request, "library-test.html", account, status_of(error) if error else 200, attempt=attempt, course=course,
        questions=attempts.shown(attempt, course), named=named or {}, here="/care/courses",
        wrong={error.field or "": message_of(request, error, account)} if error else {},
    )  # fmt: skip
    answer.headers["Cache-Control"] = "no-store"
    return answer
