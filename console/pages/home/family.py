"""The family's page: a card for each parent: the sentence, the way of help, today and the week. Looks are audited."""

import datetime as dt
import uuid
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal

import psycopg
from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit
from care_network.access.visible import visible_residents
from care_network.catalogues.services import SERVICES
from care_network.duty.centers import desk_of
from care_network.errors import NotFoundError
from care_network.protection.family import family_sentence
from care_network.records import residents, vitals
from care_services.assessment.family import told as told_of_assessment
from care_services.home_beds.family import told as told_of_beds
from care_services.home_beds.family import way as way_of_bed
from console.access.alerts import load_alert
from console.access.residents import load_resident
from console.board.board import notice_of
from console.shell.errors import message_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import page
from dispatch.alerts import lookup
from dispatch.alerts.states import LifecycleError
from dispatch.core.history import Actor
from dispatch.family import circle, days, facts, history, telling
from dispatch.family.sentence import moment, sentence
from dispatch.orders import ratings
from dispatch.orders import store as work_orders
from vocabulary.times import SHANGHAI

router = page_router()
TYPE_COOKIE = "shouwang_type"
"""Size of type that a browser has chosen: 1 (20 px), 2 (24) or 3 (30)."""
A_YEAR_S = 31_536_000
_PARENTS = {"female": ("妈妈", "Mum"), "male": ("爸爸", "Dad")}
_CHILDREN = frozenset({"女儿", "儿子", "长女", "长子", "次女", "次子", "小女儿", "小儿子", "大女儿", "大儿子", "子女"})


def type_of(request: Request) -> str:
    """The size of type that this browser has chosen."""
    chosen = request.cookies.get(TYPE_COOKIE, "1")
    return chosen if chosen in ("1", "2", "3") else "1"


@router.get("/family", dependencies=[needs(Action.VIEW_RESIDENT)])
def family_page(request: Request, console: Shared, account: CurrentAccount, told: str = "") -> Response:
    """Every parent of a family account; staff are led to the board."""
    if account.role != "family":
        return RedirectResponse("/", 303)
    return _page(request, console, account, told=told if told in ("told", "reminded", "raised") else "")


@router.get("/family/now", dependencies=[needs(Action.FAMILY_CIRCLE)])
def family_now(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """The parts that change, for the open page to put in place again and again: one look in five minutes."""
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        codes = residents.codes(conn, visible_residents(conn, account))
        parents = [_sentence(conn, _looked_at(conn, request, console, account, code, now), now) for code in codes]
    return _dated(page(request, "family_now.html", account, parents=parents), now)


@router.get("/family/rest", dependencies=[needs(Action.FAMILY_CIRCLE)])
def family_rest(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """The whole page, of which the open one takes what changes seldom: the day, the devices, the newest alerts."""
    return _page(request, console, account, again=True)


@router.post("/family/{code}/tell", dependencies=[needs(Action.FAMILY_CIRCLE)])
def tell(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    code: str,
    kind: Annotated[str, Form()] = "",
    choice: Annotated[str, Form()] = "",
    words: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Tell the desk what one does; it is in the alert's history, or raises one."""
    now = dt.datetime.now(dt.UTC)
    try:
        with console.database() as conn:
            resident = load_resident(conn, account, code, "view_resident", origin_of(request))
            mine = circle.mine(conn, account, resident["id"])
            teller = telling.Teller(
                Actor(account.id, account.name_zh, origin_of(request)), account.name_en, mine.relation_zh,
                mine.relation_en,
            )  # fmt: skip
            with conn.transaction():
                done = telling.tell(conn, teller, resident, kind, choice, words, now)
                audit(
                    conn, account, "tell_desk", at=now, resident_id=resident["id"], origin=origin_of(request),
                    detail={"alert": str(done.alert_id), "kind": kind},
                )  # fmt: skip
    except LifecycleError as error:
        return _page(request, console, account, message=message_of(request, error, account), status=409)
    heard = "raised" if done.raised else "reminded" if kind == "no_contact" else "told"
    return RedirectResponse(f"/family?told={heard}", 303)


@router.get("/family/{code}/alerts/{alert_id}", dependencies=[needs(Action.FAMILY_CIRCLE)])
def family_alert(
    request: Request, console: Shared, account: CurrentAccount, code: str, alert_id: uuid.UUID
) -> Response:
    """One alert as the family reads it: no codes, no telephone numbers of others."""
    return _alert_page(request, console, account, code, alert_id, "family_alert.html")


@router.get("/family/{code}/alerts/{alert_id}/now", dependencies=[needs(Action.FAMILY_CIRCLE)])
def family_alert_now(
    request: Request, console: Shared, account: CurrentAccount, code: str, alert_id: uuid.UUID
) -> Response:
    """The part of it that changes, for the open page to put in place again and again."""
    return _alert_page(request, console, account, code, alert_id, "_alert_now.html")


def _alert_page(
    request: Request, console: Console, account: Account, code: str, alert_id: uuid.UUID, template: str
) -> Response:
    now = dt.datetime.now(dt.UTC)
    again = template == "_alert_now.html"
    audited = not again or console.looks.is_new((account.id, request.url.path, ""), now)
    with console.database() as conn:
        alert, events = load_alert(conn, console.board, account, alert_id, origin_of(request), audited=audited)
        if alert.resident_code != code:
            raise NotFoundError(en="there is no such alert", zh="没有这条预警")
        one = facts.one_alert(conn, alert_id, now)
        resident = residents.profile(conn, code)
        assert resident is not None  # noqa: S101 - load_alert has asked for them
        desk_phone = "" if again else _desk_phone(conn, resident["household_id"])
    answer = page(
        request, template, account, alert=alert, type=type_of(request), said=one, known_at=now, code=code,
        lines=history.lines(events, alert.reason_zh, alert.reason_en), p={"moment": partial(moment, now=now)},
        phone=resident["phone"], desk_phone=desk_phone,
    )  # fmt: skip
    return _dated(answer, now)


@router.post("/type-size/{size}")
def type_size(
    request: Request, console: Shared, size: Literal["1", "2", "3"], back: Annotated[str, Form()] = ""
) -> Response:
    """Keep the size of type in this browser."""
    response = RedirectResponse(back if back in ("/family",) else "/family", 303)
    response.set_cookie(
        TYPE_COOKIE, size, max_age=A_YEAR_S, httponly=True, samesite="lax", secure=console.settings.secure_cookie
    )
    return response


def _dated(response: Response, now: dt.datetime) -> Response:
    """Tell the open page the server's clock, by which it counts ages."""
    response.headers["X-Now"] = str(round(now.timestamp() * 1000))
    return response


def _page(
    request: Request,
    console: Console,
    account: Account,
    *,
    told: str = "",
    message: str = "",
    status: int = 200,
    again: bool = False,
) -> Response:
    """``again``: the open page asks by itself, which is audited once in a while."""
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        codes = residents.codes(conn, visible_residents(conn, account))
        seen = [
            _looked_at(conn, request, console, account, code, now)
            if again
            else load_resident(conn, account, code, "view_resident", origin_of(request))
            for code in codes
        ]
        parents = [_parent(conn, account, resident, now) for resident in seen]
    return page(
        request, "family.html", account, status=status, parents=parents, services=SERVICES, told=told, message=message,
        rating_words=ratings.WORDS, reasons=telling.reasons(), type=type_of(request), against=days.AGAINST,
        for_family=facts.for_family,
    )  # fmt: skip


def _parent(
    conn: psycopg.Connection[Any], account: Account, resident: dict[str, Any], now: dt.datetime
) -> dict[str, Any]:
    """All of a parent's card, as of ``now``."""
    rows = lookup.of_resident(conn, resident["id"], 10)
    series = vitals.series_of(conn, resident["id"])
    newest = vitals.newest(conn, series)
    today, strips = days.load(conn, resident["id"], resident["household_id"], series, newest, now)
    mine = circle.mine(conn, account, resident["id"])
    return {
        **_sentence(conn, resident, now, series),
        "parent": _PARENTS[resident["sex"]]
        if mine.relation_zh in _CHILDREN
        else (resident["name_zh"], resident["name_en"]),
        "desk_phone": _desk_phone(conn, resident["household_id"]),
        "newest": newest,
        "alerts": [notice_of(row) for row in rows if row["severity"] != "technical"],
        "visits": work_orders.visits_to_rate(conn, resident["id"]),
        "today": days.words(today),
        "watched": family_sentence(conn, resident["id"], now, (resident["name_zh"], resident["name_en"])),
        "strips": strips,
        "applied": [
            *told_of_beds(conn, resident["id"], now),
            *told_of_assessment(conn, resident["id"], now.astimezone(SHANGHAI).date()),
        ],
        "way": way_of_bed(conn, resident["id"], now),
    }


def _looked_at(
    conn: psycopg.Connection[Any],
    request: Request,
    console: Console,
    account: Account,
    code: str,
    now: dt.datetime,
) -> dict[str, Any]:
    """A parent whom the open page looks at again and again; audited once in a while."""
    resident = residents.profile(conn, code)
    assert resident is not None  # noqa: S101 - of those that the account may see
    look = (account.id, f"/family/{code}", "")
    if console.looks.is_new(look, now):
        try:
            audit(conn, account, "view_resident", at=now, resident_id=resident["id"], origin=origin_of(request))
        except psycopg.Error:
            console.looks.forget(look)
            raise
    return resident


def _sentence(
    conn: psycopg.Connection[Any], resident: dict[str, Any], now: dt.datetime,
    series: Sequence[dict[str, Any]] | None = None,
) -> dict[str, Any]:  # fmt: skip
    known = facts.load(conn, resident["id"], resident["household_id"], now, series)
    said = sentence(known.facts)
    since = None if said.age_s is None else now - dt.timedelta(seconds=said.age_s)
    return {
        "resident": resident,
        "sentence": said,
        "known_at": since,
        "open": known.alerts,
        "ended": known.ended,
        "moment": partial(moment, now=now),
    }


def _desk_phone(conn: psycopg.Connection[Any], household_id: int) -> str:
    """The telephone of the dispatch desk for a home; empty where none is known."""
    area = conn.execute(
        "SELECT a.path::text FROM household h JOIN area a ON a.id = h.area_id WHERE h.id = %s", (household_id,)
    ).fetchone()
    desk = desk_of(conn, area[0]) if area else None
    row = conn.execute("SELECT phone FROM organisation WHERE id = %s", (desk[0],)).fetchone() if desk else None
    return str(row[0]) if row else ""
