"""Volunteers: the list, an application, one volunteer with checks, training, steps and what they did."""

import datetime as dt
from typing import Annotated, Any

import msgspec
from fastapi import Form, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import ProvisioningError
from care_services.time_bank import people, steps, store
from care_services.time_bank.kinds import STATES
from care_services.time_bank.people import NewVolunteer, Volunteer
from care_services.time_bank.running import alarms, lapsing, learning, missed, own_link
from care_services.time_bank.volunteers import write_times
from console.access.help_links import own_link as own_link_address
from console.pages.lists import LIMIT, pager_of
from console.pages.timebank.common import BANK, areas, bank_page, date_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from vocabulary.times import local_day

router = page_router()
LOOK, MANAGE = needs(Action.VIEW_CARE), needs(Action.MANAGE_TIME_BANK)
SEVERAL = frozenset({"skills", "languages"})
Text = Annotated[str, Form(max_length=400)]


@router.get(f"{BANK}/volunteers", dependencies=[LOOK])
def list_page(
    request: Request, console: Shared, account: CurrentAccount, state: str = "", q: str = "", after: str = ""
) -> Response:
    """List volunteers of the account's area by code."""
    state = state if state in STATES else ""
    with console.database() as conn:
        found = people.listing(conn, account, state=state, words=q[:80], after=after[:20], limit=LIMIT + 1)
        counts = people.counts(conn, account)
    more = found[LIMIT - 1].code if len(found) > LIMIT else None
    return bank_page(
        request, "timebank-volunteers.html", account, volunteers=found[:LIMIT], counts=counts, state=state, q=q[:80],
        pager=pager_of(request, more),
    )  # fmt: skip


@router.get(f"{BANK}/volunteers/new", dependencies=[MANAGE])
def new_page(request: Request, console: Shared, account: CurrentAccount, resident: str = "") -> Response:
    """Show the form of an application; ``resident``: of a younger senior."""
    return _form(request, console, account, {"resident": resident[:40], "week_minutes": "240", "languages": ["cmn"]})


@router.post(f"{BANK}/volunteers/new", dependencies=[MANAGE])
async def add(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """Enter an application."""
    return await run_in_threadpool(_save, request, console, account, _sent(await request.form()), "")


@router.get(f"{BANK}/volunteers/{{volunteer}}/edit", dependencies=[MANAGE])
def edit_page(request: Request, console: Shared, account: CurrentAccount, volunteer: str) -> Response:
    """Show the form of a volunteer's fields."""
    with console.database() as conn:
        one = people.find(conn, account, volunteer)
    return _form(request, console, account, _fields(one), one=one)


@router.post(f"{BANK}/volunteers/{{volunteer}}/edit", dependencies=[MANAGE])
async def edit(request: Request, console: Shared, account: CurrentAccount, volunteer: str) -> Response:
    """Change a volunteer's fields, on the version that the form was made of."""
    return await run_in_threadpool(_save, request, console, account, _sent(await request.form()), volunteer)


@router.get(f"{BANK}/volunteers/{{volunteer}}", dependencies=[LOOK])
def volunteer_page(request: Request, console: Shared, account: CurrentAccount, volunteer: str) -> Response:
    """Show a volunteer: what is lacking, history, the newest help."""
    return _one(request, console, account, volunteer)


@router.post(f"{BANK}/volunteers/{{volunteer}}/check", dependencies=[MANAGE])
def check(
    request: Request, console: Shared, account: CurrentAccount, volunteer: str, kind: Text = "", passed: Text = "true",
    checked_on: Text = "", expires_on: Text = "", note: Text = "",
) -> Response:  # fmt: skip
    """Record a check of identity or background."""

    def record(conn: Any, now: dt.datetime) -> None:
        steps.record_check(
            conn, account, volunteer, kind, passed=passed == "true",
            checked_on=date_of(checked_on, "checked_on") or local_day(now),
            expires_on=date_of(expires_on, "expires_on", empty=True), note=note, now=now, origin=origin_of(request),
        )  # fmt: skip

    return _done(request, console, account, volunteer, record)


@router.post(f"{BANK}/volunteers/{{volunteer}}/training", dependencies=[MANAGE])
def training(
    request: Request, console: Shared, account: CurrentAccount, volunteer: str, course: Text = "",
    passed: Text = "true", passed_on: Text = "", expires_on: Text = "", place: Text = "", taught_by: Text = "",
) -> Response:  # fmt: skip
    """Record a course that was taken elsewhere, with its evidence."""

    def record(conn: Any, now: dt.datetime) -> None:
        steps.record_training(
            conn, account, volunteer, course, passed=passed == "true",
            passed_on=date_of(passed_on, "passed_on") or local_day(now),
            expires_on=date_of(expires_on, "expires_on", empty=True), now=now, origin=origin_of(request), place=place,
            taught_by=taught_by,
        )  # fmt: skip

    return _done(request, console, account, volunteer, record)


@router.post(f"{BANK}/volunteers/{{volunteer}}/missed/{{line}}", dependencies=[MANAGE])
def decide_missed(
    request: Request, console: Shared, account: CurrentAccount, volunteer: str, line: int, excused: Text = "",
    reason: Text = "",
) -> Response:  # fmt: skip
    """Excuse a promise that was not kept, or let it stand; it counts so in the matching at once."""
    return _done(
        request, console, account, volunteer,
        lambda conn, now: missed.decide(
            conn, account, volunteer, line, reason, now, excused=excused == "true", origin=origin_of(request)
        ),
        "#missed",
    )  # fmt: skip


@router.post(f"{BANK}/volunteers/{{volunteer}}/step", dependencies=[MANAGE])
def step(
    request: Request, console: Shared, account: CurrentAccount, volunteer: str, action: Text = "", note: Text = "",
    version: Annotated[int, Form()] = 0,
) -> Response:  # fmt: skip
    """Take a step of a volunteer's life."""
    return _done(
        request, console, account, volunteer,
        lambda conn, now: steps.take_step(
            conn, account, volunteer, action, version, note, now, origin_of(request)
        ),
    )  # fmt: skip


@router.post(f"{BANK}/volunteers/{{volunteer}}/staff", dependencies=[MANAGE])
def staff(
    request: Request, console: Shared, account: CurrentAccount, volunteer: str, staff: Text = "",
    version: Annotated[int, Form()] = 0,
) -> Response:  # fmt: skip
    """Say as which member of staff dispatch knows the volunteer."""
    return _done(
        request, console, account, volunteer,
        lambda conn, now: steps.link_staff(conn, account, volunteer, staff, version, now, origin_of(request)),
    )  # fmt: skip


@router.post(f"{BANK}/volunteers/{{volunteer}}/link", dependencies=[MANAGE])
def link(
    request: Request, console: Shared, account: CurrentAccount, volunteer: str, act: Text = "",
    reason: Text = "", version: Annotated[int, Form()] = 0,
) -> Response:  # fmt: skip
    """Make and send a volunteer's own link, show a new one once, or take it back."""
    if act == "show":
        return _show(request, console, account, volunteer, version, reason)

    def step_(conn: Any, now: dt.datetime) -> None:
        if act == "take-back":
            own_link.take_back(conn, account, volunteer, version, now, origin_of(request))
        else:
            own_link.renew(conn, account, volunteer, version, now, origin_of(request))

    return _done(request, console, account, volunteer, step_, "#link")


def _done(request: Request, console: Console, account: Account, volunteer: str, act: Any, place: str = "") -> Response:
    try:
        with console.database() as conn:
            act(conn, dt.datetime.now(dt.UTC))
    except ProvisioningError as error:
        return _one(request, console, account, volunteer, error)
    return RedirectResponse(f"{BANK}/volunteers/{volunteer}{place}", 303)


def _show(request: Request, console: Console, account: Account, volunteer: str, version: int, reason: str) -> Response:
    """Show a new link in the answer to the press, and on no page that can be opened again."""
    try:
        with console.database() as conn:
            now = dt.datetime.now(dt.UTC)
            one = own_link.show(conn, account, volunteer, version, reason, now, origin_of(request))
    except ProvisioningError as error:
        return _one(request, console, account, volunteer, error)
    until = one.link_until or now
    own = own_link_address(request, console, one.code, one.link_serial, until)
    response = _one(request, console, account, volunteer, own=own)
    response.headers["Cache-Control"] = "no-store"
    return response


def _one(
    request: Request, console: Console, account: Account, volunteer: str, error: ProvisioningError | None = None,
    own: str = "",
) -> Response:  # fmt: skip
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        one = people.find(conn, account, volunteer)
        return bank_page(
            request, "timebank-volunteer.html", account, error, one=one, history=people.history(conn, one.id),
            helped=store.of_volunteer(conn, account, one.id, 15), now=now, missed=missed.of_volunteer(conn, one.id),
            missed_kinds=missed.KINDS, kept=store.kept(conn, one.id, now),
            alarms=alarms.of_volunteer(conn, account, one.id),
            promised=lapsing.promised(conn, one.id, now), trainings=learning.trainings(conn, one.id),
            courses_of_library=people.courses_of_library(conn), own=own, seen=own_link.shown(conn, one.id),
            staff_choices=people.staff_to_link(conn, account, one),
        )  # fmt: skip


def _sent(form: Any) -> dict[str, Any]:
    sent: dict[str, Any] = {name: [] for name in SEVERAL}
    for name, value in form.multi_items():
        if isinstance(value, str):
            if name in SEVERAL:
                sent[name].append(value[:40])
            else:
                sent[name] = value[:400]
    return sent


def _save(request: Request, console: Console, account: Account, sent: dict[str, Any], volunteer: str) -> Response:
    names = {field.name for field in msgspec.structs.fields(NewVolunteer)}
    fields = {name: tuple(value) if name in SEVERAL else value for name, value in sent.items() if name in names}
    now, one = dt.datetime.now(dt.UTC), None
    try:
        least: dict[str, Any] = {"name_zh": "", "sex": "", "born_on": "", "belongs_to": "", "area": ""}
        new = NewVolunteer(**(least | fields))
        with console.database() as conn:
            if not volunteer:
                code = people.add(conn, account, new, now, origin_of(request))
            else:
                one, code = people.find(conn, account, volunteer), volunteer
                seen = int(sent["version"]) if str(sent.get("version", "")).isdecimal() else 0
                people.change(conn, account, volunteer, new, seen, now, origin_of(request))
    except ProvisioningError as error:
        return _form(request, console, account, sent, error, one)
    return RedirectResponse(f"{BANK}/volunteers/{code}", 303)


def _form(
    request: Request, console: Console, account: Account, sent: dict[str, Any],
    error: ProvisioningError | None = None, one: Volunteer | None = None,
) -> Response:  # fmt: skip
    with console.database() as conn:
        return bank_page(
            request, "timebank-volunteer-form.html", account, error, sent=sent, one=one, places=areas(conn, account)
        )


def _fields(one: Volunteer) -> dict[str, Any]:
    fields = msgspec.structs.asdict(one)
    return fields | {
        "born_on": str(one.born_on), "resident": one.resident or "", "times": write_times(one.times),
        "week_minutes": str(one.week_minutes), "version": one.version,
    }  # fmt: skip
