"""Plans of services: the list, one resident's plans and visits, the form of a plan, the code of a home."""

import datetime as dt
from typing import Annotated, Any

from fastapi import Form, Request
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action, may_do
from care_network.errors import ProvisioningError
from care_services.core.acting import Acting
from care_services.home_services.catalogue.catalogue import offers, serves, services
from care_services.home_services.orders import desk as orders
from care_services.home_services.orders import listing
from care_services.home_services.orders.people import people_for
from care_services.home_services.plans import desk
from care_services.home_services.plans.desk import Plan, PlanData, times_of
from care_services.home_services.visits import codes
from console.access.residents import load_resident
from console.pages.lists import pager_of
from console.pages.services.frame import acting_of, date_of, moment_of, number_of, services_page
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router

router = page_router()
LOOK, SET = needs(Action.VIEW_CARE), needs(Action.PLAN_SERVICES)


@router.get("/care/plans", dependencies=[LOOK])
def plans_page(request: Request, console: Shared, account: CurrentAccount, after: int = 0) -> Response:
    """List the plans that run in the account's area."""
    acting = acting_of(request, account)
    with console.database() as conn:
        found = desk.listed(conn, acting, after=max(0, min(after, 2**31 - 1)), limit=51)
    more = len(found) > 50
    found = found[:50]
    return services_page(
        request, "services-plans.html", account, plans=found, states=desk.STATES,
        pager=pager_of(request, str(found[-1].id) if more else None),
    )  # fmt: skip


@router.get("/care/residents/{code}/services", dependencies=[LOOK])
def resident_services(
    request: Request, console: Shared, account: CurrentAccount, code: str, after: str = ""
) -> Response:  # fmt: skip
    """Show the plans and the visits of one resident."""
    return _resident(request, console, account, code, after)


def _resident(
    request: Request, console: Console, account: Account, code: str, after: str = "",
    error: ProvisioningError | None = None, filled: dict[str, str] | None = None, paper: str = "",
) -> Response:  # fmt: skip
    acting = acting_of(request, account)
    with console.database() as conn:
        resident = load_resident(conn, account, code, "view_care", origin_of(request))
        plans = desk.of_resident(conn, acting, code)
        visits, next_key = listing.of_resident(conn, acting, code, after)
        offered = _offered(conn, resident, acting.today) if may_do(account, Action.PLAN_SERVICES) else []
    return services_page(
        request, "services-resident.html", account, error, resident=resident, plans=plans, visits=visits,
        states=desk.STATES, offered=offered, pager=pager_of(request, next_key), filled=filled or {}, paper=paper,
    )  # fmt: skip


def _offered(conn: Any, resident: dict[str, Any], on: dt.date) -> list[tuple[str, tuple[str, str]]]:
    """Services that some provider offers at this home, as options of a select: 'service/provider'."""
    path = conn.execute(
        "SELECT a.path::text FROM household h JOIN area a ON a.id = h.area_id WHERE h.id = %s AND NOT h.synthetic",
        (resident["household_id"],),
    ).fetchone()
    named = {one.code: one for one in services(conn, active=True)}
    return [
        (f"{one.service}/{one.organisation}",
         (f"{named[one.service].name_zh} · {one.provider_zh}", f"{named[one.service].name_en} · {one.provider_en}"))
        for one in offers(conn, on)
        if one.service in named and path is not None and serves(one, path[0])
    ]  # fmt: skip


@router.post("/care/residents/{code}/services", dependencies=[SET])
def once(
    request: Request, console: Shared, account: CurrentAccount, code: str,
    act: Annotated[str, Form(max_length=20)],
    offer: Annotated[str, Form(max_length=120)] = "",
    start: Annotated[str, Form(max_length=40)] = "",
) -> Response:  # fmt: skip
    """Order a service once, or make the code of the home: shown on this one answer, for printing."""
    acting, paper, made = acting_of(request, account), "", 0
    try:
        with console.database() as conn:
            if act in ("code", "renew_code"):
                paper = codes.paper(conn, acting, code, renew=act == "renew_code").paper
            else:
                made = _once(conn, acting, code, offer, start)
    except ProvisioningError as error:
        return _resident(request, console, account, code, error=error, filled={"offer": offer, "start": start})
    if paper:
        return _resident(request, console, account, code, paper=paper)
    return RedirectResponse(f"/care/visits/{made}", 303)


def _once(conn: Any, acting: Acting, code: str, offer: str, start: str) -> int:
    service, _, organisation = offer.partition("/")
    if not service:
        raise ProvisioningError(en="choose a service", zh="请选择服务项目", field="offer")
    return orders.add_single(conn, acting, code, service, organisation, moment_of(start, "start"))


@router.get("/care/residents/{code}/plans/new", dependencies=[SET])
def new_plan_page(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    """Show the form of a new plan."""
    return _form(request, console, account, code, None)


@router.post("/care/residents/{code}/plans/new", dependencies=[SET])
async def add_plan(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    """Add a plan; its visits of the next fortnight are made at once."""
    return await run_in_threadpool(_save, request, console, account, code, None, await request.form())


@router.get("/care/plans/{plan_id}", dependencies=[LOOK])
def plan_page(request: Request, console: Shared, account: CurrentAccount, plan_id: int) -> Response:
    """Show a plan: what it says, its history, and the form to change it."""
    with console.database() as conn:
        found = desk.plan(conn, acting_of(request, account), plan_id)
    return _form(request, console, account, found.resident_code, found)


@router.post("/care/plans/{plan_id}", dependencies=[SET])
async def change_plan(request: Request, console: Shared, account: CurrentAccount, plan_id: int) -> Response:
    """Change a plan, pause it, let it run again, or end it; the visits ahead follow."""
    form = await request.form()
    return await run_in_threadpool(_change, request, console, account, plan_id, form)


def _change(request: Request, console: Console, account: Account, plan_id: int, form: FormData) -> Response:
    acting = acting_of(request, account)
    with console.database() as conn:
        found = desk.plan(conn, acting, plan_id)
    act = str(form.get("act", "save"))
    if act not in ("pause", "resume", "end"):
        return _save(request, console, account, found.resident_code, found, form)
    try:
        with console.database() as conn:
            state: desk.PlanState = {"pause": "paused", "resume": "active", "end": "ended"}[act]  # type: ignore[assignment]
            desk.set_state(
                conn,
                acting,
                plan_id,
                state,
                number_of(str(form.get("version", "")), "version"),
                str(form.get("note", "")),
            )
    except ProvisioningError as error:
        return _form(request, console, account, found.resident_code, found, error)
    return RedirectResponse(f"/care/plans/{plan_id}", 303)


def _save(
    request: Request, console: Console, account: Account, code: str, before: Plan | None, form: FormData
) -> Response:  # fmt: skip
    acting = acting_of(request, account)
    raw: dict[str, Any] = {name: str(value) for name, value in form.items()}
    raw["weekdays"] = [str(one) for one in form.getlist("weekdays")]
    try:
        service, _, organisation = raw.get("offer", "").partition("/")
        if not service:
            raise ProvisioningError(en="choose a service", zh="请选择服务项目", field="service")
        last = raw.get("last_day", "")
        new = PlanData(
            service=service, organisation=organisation,
            weekdays=tuple(int(one) for one in raw["weekdays"] if one.isascii() and one.isdecimal() and len(one) == 1),
            times=times_of(raw.get("times", "")), first_day=date_of(raw.get("first_day", ""), "first_day"),
            last_day=date_of(last, "last_day") if last else None,
            every_weeks=number_of(raw.get("every_weeks", "1"), "every_weeks"),
            minutes=number_of(raw.get("minutes", ""), "minutes"), staff=raw.get("staff") or None,
            note=raw.get("note", ""),
        )  # fmt: skip
        with console.database() as conn:
            if before is None:
                desk.add(conn, acting, code, new)
            else:
                desk.change(conn, acting, before.id, new, number_of(raw.get("version", ""), "version"))
    except ProvisioningError as error:
        return _form(request, console, account, code, before, error, raw)
    return RedirectResponse(f"/care/residents/{code}/services", 303)


def _form(
    request: Request, console: Console, account: Account, code: str, plan: Plan | None,
    error: ProvisioningError | None = None, raw: dict[str, Any] | None = None,
) -> Response:  # fmt: skip
    acting = acting_of(request, account)
    with console.database() as conn:
        resident = load_resident(conn, account, code, "view_care", origin_of(request))
        if plan is not None:
            plan = desk.plan(conn, acting, plan.id)
        offered = _offered(conn, resident, acting.today)
        known = {one.code: one for one in services(conn)}
        keys, works = {key for key, _ in offered}, dict[int, set[str]]()
        for offer in offers(conn, acting.today):
            if f"{offer.service}/{offer.organisation}" in keys:
                works.setdefault(offer.organisation_id, set()).add(known[offer.service].work)
        able = people_for(conn, works, acting.at, 1)
        events = desk.history(conn, plan.id) if plan else []
    shown: dict[str, Any] = raw or (
        {
            "offer": f"{plan.service}/{plan.organisation}", "weekdays": [str(one) for one in plan.weekdays],
            "times": "、".join(f"{one:%H:%M}" for one in plan.times), "every_weeks": plan.every_weeks,
            "first_day": plan.first_day, "last_day": plan.last_day or "", "minutes": plan.minutes,
            "staff": plan.staff or "", "note": plan.note,
        }
        if plan
        else {"first_day": acting.today + dt.timedelta(days=1), "every_weeks": 1, "minutes": 60, "weekdays": []}
    )  # fmt: skip
    return services_page(
        request, "services-plan.html", account, error, resident=resident, plan=plan, offered=offered,
        people=sorted(able, key=lambda one: one.code), shown=shown, events=events, states=desk.STATES,
    )  # fmt: skip
