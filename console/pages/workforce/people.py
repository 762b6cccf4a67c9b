"""Professionals: the list with its search, one person's page, and what only the profile says."""

import datetime as dt
from typing import Annotated, Any

from fastapi import Form, Query, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.catalogues.services import SERVICES
from care_network.catalogues.workforce import CERTIFICATES, LANGUAGES, ROLES, SKILLS
from care_network.duty.roster import KIND_WORDS
from care_network.errors import ChangedMeanwhileError, ProvisioningError
from care_services.core.connected import Connected
from care_services.workforce import editing, people, profile, reach, reminders
from care_services.workforce.hours import WEEK_H
from care_services.workforce.terms import EDUCATION, LEVELS, SOON, STATES, state_of, words_of
from console.pages.care.frame import care_page
from console.pages.lists import pager_of
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from vocabulary.times import SHANGHAI

router = page_router()
LOOK, MANAGE = needs(Action.VIEW_CARE), needs(Action.MANAGE_STAFF)
Short = Annotated[str, Query(max_length=80)]
Words = Annotated[str, Form(max_length=300)]
WORDS: dict[str, Any] = {
    "roles": ROLES, "skills": SKILLS, "certificates": CERTIFICATES, "tongues": LANGUAGES, "kinds": KIND_WORDS,
    "levels": LEVELS, "education": EDUCATION, "states": STATES, "state_of": state_of, "words_of": words_of,
    "week_h": WEEK_H,
}  # fmt: skip
SKILL_STATES = {"valid": "good", "soon": "late", "expired": "bad", "unknown": "unknown"}


def acting_of(request: Request, conn: Any, account: Account) -> Connected:
    """The account that asks, now."""
    return Connected(conn, account, dt.datetime.now(dt.UTC), origin_of(request))


@router.get("/care/workforce", dependencies=[LOOK])
def listing(
    request: Request, console: Shared, account: CurrentAccount, q: Short = "", kind: Short = "", skill: Short = "",
    certificate: Short = "", state: Short = "", language: Short = "", employer: Short = "", day: Short = "",
    after: Short = "", service: Short = "", home: Short = "", at: Short = "",
) -> Response:  # fmt: skip
    """Professionals of the account's area and of what serves it, searched by anything that is known of them.

    With a service, and a home if wanted, each line says whether they may be sent, and why not.
    """
    refused: ProvisioningError | None = None
    error, asked, place = "", None, None
    verdicts: dict[int, reach.Standing] = {}
    now = dt.datetime.now(dt.UTC)
    moment = now
    if day:
        try:
            asked = dt.date.fromisoformat(day)
        except ValueError:
            error = "day"
    known = state in (*STATES, "missing", "") and not (state == "missing" and not certificate)
    wanted = people.Wanted(
        words=q, kind=kind, skill=skill, certificate=certificate, state=state if known else "", language=language,
        organisation=employer, day=asked, after=after,
    )  # fmt: skip
    with console.database() as conn:
        acting = acting_of(request, conn, account)
        found = people.search(acting, wanted)
        counts = reminders.counts(acting)
        mine = reminders.own(acting)
        shown = found[: people.LIMIT]
        if service:
            try:
                moment = moment_of(at, now)
                place = reach.home_of(acting, home) if home else None
                verdicts = reach.verdicts(acting, {one.id: one.path for one in shown}, service, moment, place)
            except ProvisioningError as wrong:
                refused = wrong
    pager = pager_of(request, shown[-1].code if len(found) > people.LIMIT else None, people.LIMIT)
    return care_page(
        request, "workforce-people.html", account, status_of(refused) if refused else 200, found=shown, pager=pager,
        wanted=wanted, day=day, wrong=error, service=service, home=home, verdicts=verdicts, services=SERVICES,
        moment=moment.astimezone(SHANGHAI), message=message_of(request, refused, account) if refused else "",
        counts=counts, mine=mine, today=acting.today, marks=SKILL_STATES,
        asked=bool(q or kind or skill or certificate or state or language or employer or day), **WORDS,
    )  # fmt: skip


@router.get("/care/workforce/of/{staff}", dependencies=[LOOK])
def person_page(
    request: Request, console: Shared, account: CurrentAccount, staff: str, home: Short = "", at: Short = ""
) -> Response:
    """One professional: certificates, what they may do where and why not, hours, ratings, courses, employers."""
    return _person(request, console, account, staff, home, at)


@router.get("/care/workforce/of/{staff}/edit", dependencies=[MANAGE])
def edit_page(
    request: Request, console: Shared, account: CurrentAccount, staff: str,
    removed: Annotated[int, Query(ge=0, le=2**62)] = 0,
) -> Response:  # fmt: skip
    """The profile as a form, and earlier employers; after one was taken out, the way back."""
    return _edit(request, console, account, staff, removed=removed)


@router.post("/care/workforce/of/{staff}/edit", dependencies=[MANAGE])
def edit(
    request: Request, console: Shared, account: CurrentAccount, staff: str, version: Annotated[int, Form(ge=0)] = 0,
    education: Annotated[str, Form(max_length=20)] = "", level: Annotated[str, Form(max_length=2)] = "",
    title: Annotated[str, Form(max_length=200)] = "", first_registered_on: Annotated[str, Form(max_length=12)] = "",
) -> Response:  # fmt: skip
    """Change the profile as it was seen."""
    form = {"education": education, "level": level, "title": title, "first_registered_on": first_registered_on}
    try:
        with console.database() as conn:
            acting = acting_of(request, conn, account)
            editing.change(acting, staff, version, editing.read_facts(form, acting.today))
    except ProvisioningError as error:
        return _edit(request, console, account, staff, error, form)
    return RedirectResponse(f"/care/workforce/of/{staff}", 303)


@router.post("/care/workforce/of/{staff}/employers", dependencies=[MANAGE])
async def add_employer(request: Request, console: Shared, account: CurrentAccount, staff: str) -> Response:
    """Record an earlier employer."""
    form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    return await run_in_threadpool(_employer, request, console, account, staff, form)


@router.post("/care/workforce/of/{staff}/employers/{number}/remove", dependencies=[MANAGE])
def remove_employer(
    request: Request, console: Shared, account: CurrentAccount, staff: str, number: int
) -> Response:  # fmt: skip
    """Take an earlier employer out; the record of changes keeps it."""
    with console.database() as conn:
        change = editing.remove_employer(acting_of(request, conn, account), staff, number)
    return RedirectResponse(f"/care/workforce/of/{staff}/edit?removed={change}", 303)


@router.post("/care/workforce/of/{staff}/employers/back", dependencies=[MANAGE])
def put_back(
    request: Request, console: Shared, account: CurrentAccount, staff: str, number: Annotated[int, Form(ge=0)]
) -> Response:
    """Undo that an earlier employer was taken out."""
    with console.database() as conn:
        editing.put_back(acting_of(request, conn, account), staff, number)
    return RedirectResponse(f"/care/workforce/of/{staff}/edit", 303)


def _employer(request: Request, console: Console, account: Account, staff: str, form: dict[str, str]) -> Response:
    try:
        with console.database() as conn:
            editing.add_employer(acting_of(request, conn, account), staff, form)
    except ProvisioningError as error:
        return _edit(request, console, account, staff, error, form)
    return RedirectResponse(f"/care/workforce/of/{staff}/edit", 303)


def _person(request: Request, console: Console, account: Account, staff: str, home: str, at: str) -> Response:
    error: ProvisioningError | None = None
    now = dt.datetime.now(dt.UTC)
    try:
        moment = moment_of(at, now)
    except ProvisioningError as refused:
        error, moment = refused, now
    with console.database() as conn:
        acting = Connected(conn, account, now, origin_of(request))
        file = profile.load(acting, staff)
        place = None
        if home:
            try:
                place = reach.home_of(acting, home)
            except ProvisioningError as refused:
                error = refused
        services = reach.services_of(acting, file.person.id, file.person.path, moment, place)
    return care_page(
        request, "workforce-person.html", account, status_of(error) if error else 200, file=file, services=services,
        place=place, home=home, moment=moment.astimezone(SHANGHAI), today=acting.today, marks=SKILL_STATES,
        message=message_of(request, error, account) if error else "", wrong=error.field if error else "",
        soon=SOON, **WORDS,
    )  # fmt: skip


def _edit(
    request: Request, console: Console, account: Account, staff: str, error: ProvisioningError | None = None,
    filled: dict[str, str] | None = None, removed: int = 0,
) -> Response:  # fmt: skip
    with console.database() as conn:
        acting = acting_of(request, conn, account)
        file = profile.load(acting, staff)
        gone = editing.removed(acting, staff, removed) if removed else None
    return care_page(
        request, "workforce-edit.html", account, status_of(error) if error else 200, file=file, filled=filled or {},
        wrong={error.field or "version": message_of(request, error, account)} if error else {},
        conflict=isinstance(error, ChangedMeanwhileError), gone=gone, removed=removed, **WORDS,
    )  # fmt: skip


def moment_of(text: str, now: dt.datetime) -> dt.datetime:
    """A time that a form sent, by Shanghai's clock; empty: now. Raises ProvisioningError."""
    if not text.strip():
        return now
    try:
        moment = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        moment = dt.datetime.min
    if not 2000 <= moment.year < 2100:
        raise ProvisioningError(en="write a time as 2026-11-30 08:00", zh="时间请写成 2026-11-30 08:00", field="at")
    return moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)
