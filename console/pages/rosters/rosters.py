"""Rosters: a week of an organisation as a grid, one person's day, what a change would do, and the change itself."""

import datetime as dt
import io
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Form, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action, may_do
from care_network.catalogues.workforce import CERTIFICATES, ROLES
from care_network.duty.roster import KIND_WORDS, describe
from care_network.errors import NotFoundError, ProvisioningError
from care_network.rosters import wanted as wishes
from care_network.rosters.book import DAY, WEEK, Turn, monday_of
from care_network.rosters.desk import Look, Rosters
from care_network.rosters.plans import WEEKDAYS
from care_network.rosters.workbook import write_week
from console.pages.admin.frame import admin_page
from console.pages.rosters.reading import clock_of, day_of, wanted_of
from console.shell.errors import message_of, status_of
from console.shell.i18n import pick
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Shared
from console.shell.text import page_router
from console.shell.views import language_of
from vocabulary.times import SHANGHAI

router = page_router()
LOOK, MANAGE = needs(Action.VIEW_NETWORK), needs(Action.MANAGE_STAFF)
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
WORDS: dict[str, Any] = {"weekdays": WEEKDAYS, "roles": ROLES, "certificates": CERTIFICATES, "kinds": KIND_WORDS,
                         "describe": describe}  # fmt: skip


@router.get("/rosters", dependencies=[LOOK])
def places(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """The organisations of the account's area, with their holes of the next seven days."""
    with console.database() as conn:
        found = _rosters(conn, account, request).places()
    return admin_page(request, "rosters.html", account, places=found, **WORDS)


@router.get("/rosters/{organisation}", dependencies=[LOOK])
def week_page(request: Request, console: Shared, account: CurrentAccount, organisation: str) -> Response:
    return _week(request, console, account, organisation)


@router.get("/rosters/{organisation}/week.xlsx", dependencies=[LOOK])
def week_file(request: Request, console: Shared, account: CurrentAccount, organisation: str) -> Response:
    """The week as a workbook."""
    day = _week_asked(request)
    with console.database() as conn:
        place, _, week = _rosters(conn, account, request).week(organisation, day)
    file = io.BytesIO()
    write_week(file, place, week, language_of(request, account))
    name = f"roster-{organisation}-{week.monday}.xlsx"
    return Response(file.getvalue(), media_type=XLSX, headers={"Content-Disposition": f'attachment; filename="{name}"'})


@router.get("/rosters/{organisation}/cell", dependencies=[MANAGE])
def cell_page(request: Request, console: Shared, account: CurrentAccount, organisation: str) -> Response:
    """One person's day, with all that can be changed there."""
    query = dict(request.query_params)
    try:
        day = day_of(query, "day")
        with console.database() as conn:
            rosters = _rosters(conn, account, request)
            place, book, week = rosters.week(organisation, day)
            staff = query.get("staff", "")
            if staff not in book.workers:
                place, book, week = rosters.week(organisation, day, staff)
    except ProvisioningError as error:
        return _week(request, console, account, organisation, error)
    row = next((one for one in week.rows if one.worker.code == staff), None)
    if row is None:
        nobody = NotFoundError(
            en=f"no active {staff!r} in your area", zh=f"您的管辖区域内没有在岗的 {staff}", field="staff"
        )
        return _week(request, console, account, organisation, nobody)
    cell = row.cells[(day - week.monday).days]
    return admin_page(
        request, "roster_cell.html", account, place=place, book=book, row=row, cell=cell, week=week,
        organisation=organisation, here=f"/rosters/{organisation}", **WORDS,
    )  # fmt: skip


@router.get("/rosters/{organisation}/check", dependencies=[MANAGE])
def check_page(request: Request, console: Shared, account: CurrentAccount, organisation: str) -> Response:
    """Show the result of a change; nothing is stored."""
    return _check(request, console, account, organisation, dict(request.query_params))


@router.post("/rosters/{organisation}/apply", dependencies=[MANAGE])
async def apply(request: Request, console: Shared, account: CurrentAccount, organisation: str) -> Response:
    """Do it. A change that opens a hole or clashes is shown before it is done."""
    sent = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    return await run_in_threadpool(_apply, request, console, account, organisation, sent)


@router.post("/rosters/{organisation}/undo/{number}", dependencies=[MANAGE])
def undo(
    request: Request, console: Shared, account: CurrentAccount, organisation: str, number: int,
    week: Annotated[str, Form(max_length=10)] = "",
) -> Response:  # fmt: skip
    """Take a change back, all of it, within 30 s."""
    try:
        with console.database() as conn:
            _rosters(conn, account, request).undo(organisation, number)
    except ProvisioningError as error:
        return _week(request, console, account, organisation, error)
    return RedirectResponse(_address(organisation, week), 303)


@router.get("/rosters/{organisation}/shifts", dependencies=[LOOK])
def shifts_page(request: Request, console: Shared, account: CurrentAccount, organisation: str) -> Response:
    return _shifts(request, console, account, organisation)


@router.post("/rosters/{organisation}/shifts", dependencies=[MANAGE])
def change_shift(
    request: Request, console: Shared, account: CurrentAccount, organisation: str,
    code: Annotated[str, Form(max_length=40)], version: Annotated[int, Form(ge=0)] = 0,
    name_zh: Annotated[str, Form(max_length=120)] = "", name_en: Annotated[str, Form(max_length=120)] = "",
    starts: Annotated[str, Form(max_length=8)] = "", ends: Annotated[str, Form(max_length=8)] = "",
    remove: Annotated[str, Form(max_length=1)] = "",
) -> Response:  # fmt: skip
    """Add a shift, change its names and hours, or remove one that nobody works."""
    clocks = {"starts": clock_of(starts), "ends": clock_of(ends)}
    fields = {"name_zh": name_zh.strip(), "name_en": name_en.strip() or name_zh.strip(), **clocks}
    try:
        with console.database() as conn:
            _rosters(conn, account, request).change_shift(
                organisation, code.strip(), version or None, None if remove else fields
            )
    except ProvisioningError as error:
        return _shifts(request, console, account, organisation, error, {"code": code, **fields})
    return RedirectResponse(f"/rosters/{organisation}/shifts", 303)


def _rosters(conn: Any, account: Account, request: Request) -> Rosters:
    return Rosters(conn, account, at=dt.datetime.now(dt.UTC), origin=origin_of(request))


def _apply(request: Request, console: Any, account: Account, organisation: str, sent: dict[str, str]) -> Response:
    seen = sent.pop("seen", "")
    try:
        wanted = wanted_of(sent)
        with console.database() as conn:
            rosters = _rosters(conn, account, request)
            if not seen and not rosters.look(organisation, wanted).quiet:
                return RedirectResponse(f"/rosters/{organisation}/check?{urlencode(sent)}", 303)
            rosters.apply(organisation, wanted, seen or None)
    except ProvisioningError as error:
        return _check(request, console, account, organisation, sent, error)
    return RedirectResponse(_address(organisation, str(monday_of(_first_day(wanted)))), 303)


def _first_day(wanted: wishes.Wanted) -> dt.date:
    match wanted:
        case wishes.Copy():
            return wanted.monday + WEEK
        case wishes.Except() | wishes.End():
            return wanted.starts_at.astimezone(SHANGHAI).date()
        case _:
            return wanted.day


def _check(
    request: Request, console: Any, account: Account, organisation: str, form: dict[str, str],
    error: ProvisioningError | None = None,
) -> Response:  # fmt: skip
    look: Look | None = None
    with console.database() as conn:
        rosters = _rosters(conn, account, request)
        place = rosters.place(organisation)
        try:
            wanted = wanted_of(form)
            look = rosters.look(organisation, wanted)
            day = _first_day(wanted)
        except ProvisioningError as wrong:
            error, day = error or wrong, _today()
        _, book, _ = rosters.week(organisation, day)
    return admin_page(
        request, "roster_check.html", account, status_of(error) if error else 200, place=place, form=form, look=look,
        message=message_of(request, error, account) if error else "", field=getattr(error, "field", None),
        organisation=organisation, here=f"/rosters/{organisation}", day=day, monday=monday_of(day),
        turns=_choices(request, account, book, day), **WORDS,
    )  # fmt: skip


def _week(
    request: Request, console: Any, account: Account, organisation: str, error: ProvisioningError | None = None
) -> Response:
    day = _week_asked(request)
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        rosters = _rosters(conn, account, request)
        place, book, week = rosters.week(organisation, day)
        history = rosters.history(organisation)
    undoable = next((one for one in history if one.may_undo(account, now)), None)
    return admin_page(
        request, "roster.html", account, status_of(error) if error else 200, place=place, book=book, week=week,
        organisation=organisation, before=week.monday - WEEK, after=week.monday + WEEK, today=_today(),
        history=history, undoable=undoable, number=week.monday.isocalendar().week,
        message=message_of(request, error, account) if error else "", form={}, field=None, monday=week.monday,
        turns=_choices(request, account, book, week.monday) if may_do(account, Action.MANAGE_STAFF) else [],
        here=f"/rosters/{organisation}", **WORDS,
    )  # fmt: skip


def _shifts(
    request: Request, console: Any, account: Account, organisation: str, error: ProvisioningError | None = None,
    filled: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    with console.database() as conn:
        place, book, week = _rosters(conn, account, request).week(organisation, _today())
    used = {entry.shift for entry in book.entries if entry.organisation == organisation}
    return admin_page(
        request, "roster_shifts.html", account, status_of(error) if error else 200, place=place,
        shifts=book.own_shifts(), used=used, organisation=organisation, week=week, filled=filled or {},
        message=message_of(request, error, account) if error else "", field=getattr(error, "field", None),
        here=f"/rosters/{organisation}", **WORDS,
    )  # fmt: skip


def _choices(request: Request, account: Account, book: Any, day: dt.date) -> list[tuple[str, str]]:
    """(value, words) of the turns of two weeks, to choose two for a swap."""
    language = language_of(request, account)
    monday = monday_of(day)
    found: list[tuple[str, str]] = []
    turns: list[Turn] = book.turns(monday, monday + 13 * DAY)
    for turn in sorted(turns, key=lambda one: (one.day, one.span, one.staff)):
        if turn.entry.organisation != book.organisation:
            continue
        shift = book.shifts[book.organisation, turn.entry.shift]
        who, weekday = book.workers[turn.staff], WEEKDAYS[turn.day.isoweekday() - 1]
        found.append(
            (
                f"{turn.staff}/{turn.entry.shift}/{turn.day}",
                f"{turn.day:%m-%d} {pick(language, *weekday)} {pick(language, shift.name_zh, shift.name_en)} "
                f"{pick(language, who.name_zh, who.name_en)}",
            )
        )
    return found


def _week_asked(request: Request) -> dt.date:
    """The day that the address names; today where it names none that can be read."""
    try:
        return day_of(request.query_params, "week")
    except ProvisioningError:
        return _today()


def _today() -> dt.date:
    return dt.datetime.now(SHANGHAI).date()


def _address(organisation: str, week: str) -> str:
    return f"/rosters/{organisation}" + (f"?{urlencode({'week': week})}" if week else "")
