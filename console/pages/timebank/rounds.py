"""Rounds for company: the week with its visits, missed ones shown; making a week, and who is in a round."""

import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import ProvisioningError
from care_services.time_bank import people, rounds, store
from care_services.time_bank.rounds import NewRound
from console.pages.timebank.common import BANK, areas, bank_page, day
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from vocabulary.times import SHANGHAI

router = APIRouter()
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
        visits = store.of_rounds(conn, account, begins, begins + dt.timedelta(days=7))
    by_round = {one.id: [visit for visit in visits if visit.round_id == one.id] for one in listed}
    return bank_page(
        request, "timebank-rounds.html", account, error, rounds=listed, visits=by_round, monday=monday, now=now,
        before=monday - dt.timedelta(days=7), after=monday + dt.timedelta(days=7), total=len(visits),
        missed=sum(one.missed(now) for one in visits), days=[monday + dt.timedelta(days=n) for n in range(7)],
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
    form = await request.form()
    sent: dict[str, Any] = {
        name: str(form.get(name, ""))[:120] for name in ("name_zh", "name_en", "area", "weekday", "starts", "minutes")
    }
    for name in ("members", "crew"):
        chosen = [str(value)[:40] for value in form.getlist(name)]
        typed = str(form.get(f"{name}_more", "")).replace("，", ",").replace("、", ",").split(",")
        sent[name] = tuple(part.strip()[:40] for part in (*chosen, *typed) if part.strip())
    return await run_in_threadpool(_add, request, console, account, sent)


def _add(request: Request, console: Console, account: Account, sent: dict[str, Any]) -> Response:
    try:
        with console.database() as conn:
            rounds.add(conn, account, NewRound(**sent), dt.datetime.now(dt.UTC), origin_of(request))
    except ProvisioningError as error:
        return _form(request, console, account, sent, error)
    return RedirectResponse(f"{BANK}/rounds", 303)


def _form(
    request: Request, console: Console, account: Account, sent: dict[str, Any], error: ProvisioningError | None = None
) -> Response:
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        places = areas(conn, account)
        area = str(sent.get("area") or (places[0][0] if places else ""))
        return bank_page(
            request, "timebank-round-form.html", account, error, sent=sent, places=places, area=area,
            proposed=rounds.proposed(conn, account, area, now) if places else [],
            helpers=[one for one in people.listing(conn, account, state="active", limit=100)
                     if one.helping(now.astimezone(SHANGHAI).date())],
        )  # fmt: skip
