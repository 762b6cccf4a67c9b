"""Rounds for company: the week with its visits, missed ones shown; making a week, and who is in a round."""

import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Form, Request
from fastapi.concurrency import run_in_threadpool
from psycopg import Connection
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit_each
from care_network.consents import register
from care_network.errors import ProvisioningError
from care_services.time_bank import people, rounds, store
from care_services.time_bank.requests import PURPOSE
from care_services.time_bank.rounds import Member, NewRound, Round
from care_services.time_bank.running import visits
from console.pages.timebank.common import BANK, areas, bank_page, day
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from vocabulary.times import SHANGHAI

router = page_router()
LOOK, MANAGE = needs(Action.VIEW_CARE), needs(Action.MANAGE_TIME_BANK)


@router.get(f"{BANK}/rounds", dependencies=[LOOK])
def week_page(request: Request, console: Shared, account: CurrentAccount, week: str = "") -> Response:
    """Show the visits of a week by round and day."""
    return _week(request, console, account, week)


def _week(
    request: Request, console: Console, account: Account, week: str, error: ProvisioningError | None = None
) -> Response:
    now = dt.datetime.now(dt.UTC)
    asked = day(week, now.astimezone(SHANGHAI).date())
    monday = asked - dt.timedelta(days=asked.weekday())
    begins = dt.datetime.combine(monday, dt.time(), SHANGHAI)
    with console.database() as conn:
        listed = rounds.listing(conn, account)
        found = store.of_rounds(conn, account, begins, begins + dt.timedelta(days=7))
    by_round = {one.id: [visit for visit in found if visit.round_id == one.id] for one in listed}
    return bank_page(
        request, "timebank-rounds.html", account, error, rounds=listed, visits=by_round, monday=monday, now=now,
        before=monday - dt.timedelta(days=7), after=monday + dt.timedelta(days=7), total=len(found),
        missed=sum(one.missed(now) for one in found), days=[monday + dt.timedelta(days=n) for n in range(7)],
    )  # fmt: skip


@router.post(f"{BANK}/rounds/week", dependencies=[MANAGE])
def make_week(
    request: Request, console: Shared, account: CurrentAccount, week: Annotated[str, Form(max_length=20)] = ""
) -> Response:
    """Make the visits of a week; safe to press twice."""
    now = dt.datetime.now(dt.UTC)
    monday = day(week, now.astimezone(SHANGHAI).date())
    with console.database() as conn:
        rounds.make_week(conn, account, monday, now, origin_of(request))
    return RedirectResponse(f"{BANK}/rounds?week={monday}", 303)


@router.get(f"{BANK}/rounds/new", dependencies=[MANAGE])
def new_page(request: Request, console: Shared, account: CurrentAccount, area: str = "") -> Response:
    """Show the form of a round, with residents whom nobody visits yet."""
    return _form(request, console, account, {"area": area[:120], "starts": "14:30", "minutes": "40", "weekday": "3"})


@router.post(f"{BANK}/rounds/new", dependencies=[MANAGE])
async def add(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """Make a round."""
    return await run_in_threadpool(_add, request, console, account, _sent(await request.form()))


@router.get(f"{BANK}/rounds/{{code}}", dependencies=[LOOK])
def round_page(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    """Show a round: when, who is visited and who goes, its visits to come, and what was changed by whom."""
    return _round(request, console, account, code)


def _round(
    request: Request, console: Console, account: Account, code: str, error: ProvisioningError | None = None
) -> Response:
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        one = rounds.find(conn, account, code)
        visited = rounds.members(conn, account, one.id, now)
        _look(conn, account, code, visited, now, origin_of(request))
        return bank_page(
            request, "timebank-round.html", account, error, one=one, members=visited,
            crew=rounds.crew(conn, one.id), ahead=visits.ahead_of(conn, one.id, now), now=now,
            history=rounds.history(conn, one.id), agreed=register.agreed(conn, PURPOSE),
        )  # fmt: skip


@router.post(f"{BANK}/rounds/{{code}}/pause", dependencies=[MANAGE])
def pause(
    request: Request, console: Shared, account: CurrentAccount, code: str, active: Annotated[str, Form()] = "",
    version: Annotated[int, Form()] = 0,
) -> Response:  # fmt: skip
    """Pause a round, or let it go on."""
    try:
        with console.database() as conn:
            now = dt.datetime.now(dt.UTC)
            rounds.pause(conn, account, code, version, now, active=active == "true", origin=origin_of(request))
    except ProvisioningError as error:
        return _round(request, console, account, code, error)
    return RedirectResponse(f"{BANK}/rounds/{code}", 303)


@router.get(f"{BANK}/rounds/{{code}}/edit", dependencies=[MANAGE])
def edit_page(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    """Show the form of a round with its people."""
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        one = rounds.find(conn, account, code)
        sent: dict[str, Any] = {
            "area": one.area, "name_zh": one.name_zh, "name_en": one.name_en, "weekday": str(one.weekday),
            "starts": f"{one.starts // 60:02d}:{one.starts % 60:02d}", "minutes": str(one.minutes),
            "members": tuple(each.code for each in rounds.members(conn, account, one.id, now)),
            "crew": tuple(each[2] for each in rounds.crew(conn, one.id)), "version": one.version,
        }  # fmt: skip
    return _form(request, console, account, sent, one=one)


@router.post(f"{BANK}/rounds/{{code}}/edit", dependencies=[MANAGE])
async def edit(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    """Change a round; what that does to visits that are made already is named first, and done when it is agreed to."""
    form = await request.form()
    sent = _sent(form)
    version = str(form.get("version", ""))
    seen = int(version) if version.isdecimal() else 0
    return await run_in_threadpool(_change, request, console, account, code, sent, seen, form.get("agreed") == "true")


def _change(
    request: Request, console: Console, account: Account, code: str, sent: dict[str, Any], seen: int, agreed: bool
) -> Response:
    now, one = dt.datetime.now(dt.UTC), None
    try:
        with console.database() as conn:
            one = rounds.find(conn, account, code)
            new = NewRound(**sent)
            if not agreed and (found := rounds.consequences(conn, account, code, new, now)):
                return _form(request, console, account, sent | {"version": seen}, one=one, consequences=found)
            rounds.change(conn, account, code, new, seen, now, origin_of(request))
    except ProvisioningError as error:
        return _form(request, console, account, sent | {"version": seen}, error, one)
    return RedirectResponse(f"{BANK}/rounds/{code}", 303)


def _sent(form: Any) -> dict[str, Any]:
    sent: dict[str, Any] = {
        name: str(form.get(name, ""))[:120] for name in ("name_zh", "name_en", "area", "weekday", "starts", "minutes")
    }
    for name in ("members", "crew"):
        chosen = [str(value)[:40] for value in form.getlist(name)]
        typed = str(form.get(f"{name}_more", "")).replace("，", ",").replace("、", ",").split(",")
        sent[name] = tuple(part.strip()[:40] for part in (*chosen, *typed) if part.strip())
    return sent


def _add(request: Request, console: Console, account: Account, sent: dict[str, Any]) -> Response:
    try:
        with console.database() as conn:
            code = rounds.add(conn, account, NewRound(**sent), dt.datetime.now(dt.UTC), origin_of(request))
    except ProvisioningError as error:
        return _form(request, console, account, sent, error)
    return RedirectResponse(f"{BANK}/rounds/{code}", 303)


def _form(
    request: Request, console: Console, account: Account, sent: dict[str, Any], error: ProvisioningError | None = None,
    one: Round | None = None, consequences: list[tuple[str, str]] | None = None,
) -> Response:  # fmt: skip
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        places = areas(conn, account)
        area = str(sent.get("area") or (places[0][0] if places else ""))
        proposed = rounds.proposed(conn, account, area, now) if places else []
        kept = rounds.members(conn, account, one.id, now) if one else []
        _look(conn, account, one.code if one else "", [*kept, *proposed], now, origin_of(request))
        going = {code: (zh, en) for _, _, code, zh, en in rounds.crew(conn, one.id)} if one else {}
        active = people.listing(conn, account, state="active", limit=200)
        today = now.astimezone(SHANGHAI).date()
        able = {each.code: (each.name_zh, each.name_en) for each in active if each.helping(today)}
        return bank_page(
            request, "timebank-round-form.html", account, error, sent=sent, places=places, area=area, one=one,
            proposed=[*kept, *proposed], helpers={**going, **able}, unable=[c for c in going if c not in able],
            consequences=consequences or [],
        )  # fmt: skip


def _look(
    conn: Connection[Any], account: Account, code: str, shown: Sequence[Member], now: dt.datetime, origin: str
) -> None:
    ids = [each.id for each in shown]
    audit_each(conn, account, "view_help", ids, at=now, origin=origin, detail={"round": code})
