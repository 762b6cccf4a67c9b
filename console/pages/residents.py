"""The pages people use. Every look at a resident's data is audited; scope is enforced here, on the server."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Annotated, Any

import psycopg
import structlog
from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from psycopg.rows import dict_row
from starlette.responses import RedirectResponse, Response

from care_network.access import accounts, permissions
from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.catalogues.ability import GRADES
from care_network.catalogues.services import SERVICES
from care_network.errors import LoginRefusedError
from care_network.records import vitals
from console.board.board import notice_of
from console.pages import queue as live_queue
from console.pages.alerts import act
from console.shell.i18n import pick
from console.shell.security import COOKIE, CurrentAccount, LoginNeeded, current_account, origin_of, require
from console.shell.state import Console, console_of
from console.shell.views import LANGUAGE_COOKIE, language_of, page
from console.shell.watching import CurrentWatching, Watching, watching_of
from dispatch.alerts import lifecycle
from dispatch.orders import ratings
from dispatch.orders import store as work_orders
from vocabulary.alert_state import OPEN

log = structlog.get_logger(__name__)
router = APIRouter()
Shared = Annotated[Console, Depends(console_of)]


@router.get("/login")
def login_page(request: Request) -> Response:
    return page(request, "login.html")


@router.post("/login")
def log_in(
    request: Request, console: Shared, login: Annotated[str, Form()], password: Annotated[str, Form()]
) -> Response:
    try:
        token = authenticate(console, login, password, origin_of(request))
    except LoginRefusedError as error:
        message = pick(language_of(request, None), error.message_zh, error.message_en)
        return page(request, "login.html", status=429 if error.retry_after_s else 401, message=message, login=login)
    response = RedirectResponse("/", 303)
    set_cookie(response, console, token)
    return response


def authenticate(console: Console, login: str, password: str, origin: str) -> str:
    """A new session's token. Raises LoginRefusedError with a text for the person."""
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        conn.autocommit = True
        try:
            account = accounts.authenticate(conn, login, password, origin, now)
            return accounts.open_session(conn, account, origin, now)
        finally:
            conn.autocommit = False


def set_cookie(response: Response, console: Console, token: str) -> None:
    response.set_cookie(
        COOKIE, token, httponly=True, samesite="lax", secure=console.settings.secure_cookie, max_age=12 * 3600
    )


@router.post("/logout")
def log_out(request: Request, console: Shared) -> Response:
    token = request.cookies.get(COOKIE)
    if token:
        request.app.state.memory.forget(token)
        try:
            with console.database() as conn:
                accounts.revoke_session(conn, token, dt.datetime.now(dt.UTC))
        except psycopg.OperationalError as error:  # this browser is logged out all the same: its cookie goes
            log.warning("a session could not be revoked: the database is away", error=str(error).strip())
    response = RedirectResponse("/login", 303)
    response.delete_cookie(COOKIE)
    return response


@router.post("/language/{language}")
def switch_language(request: Request, language: str) -> Response:
    response = RedirectResponse(_back(request), 303)
    response.set_cookie(LANGUAGE_COOKIE, "en" if language == "en" else "zh", samesite="lax", max_age=31_536_000)
    return response


@router.get("/")
def board_page(request: Request, console: Shared, watching: CurrentWatching) -> Response:
    if watching.account.role == "family":
        return RedirectResponse("/family", 303)
    return page(request, "queue.html", watching.account, **queue_of(console, watching))


@router.get("/queue")
def queue(
    request: Request,
    console: Shared,
    watching: CurrentWatching,
    opened: Annotated[tuple[str, ...], Query()] = (),
    closed: Annotated[tuple[str, ...], Query()] = (),
) -> Response:
    """The queue alone, for the live page to put in place; ``opened``, ``closed``: keys of its groups as they are."""
    require(watching.account, Action.VIEW_ALERTS)
    return page(request, "_queue.html", watching.account, **queue_of(console, watching, opened, closed))


@router.post("/queue/acknowledge")
def acknowledge_group(
    request: Request, console: Shared, account: CurrentAccount, alerts: Annotated[list[str], Form(max_length=1000)]
) -> Response:
    """Take a whole group on: each alert at the version that was seen, those that others changed meanwhile are left."""
    taken = left = 0
    for each in alerts:
        alert_id, _, version = each.partition(" ")
        try:
            act(console, account, uuid.UUID(alert_id), "acknowledge", int(version), origin=origin_of(request))
            taken += 1
        except lifecycle.LifecycleError:
            left += 1
        except ValueError as error:
            raise HTTPException(422) from error
    if not left:
        return RedirectResponse("/", 303)
    zh = f"已确认 {taken} 条;{left} 条已被他人更新,请查看"
    message = pick(language_of(request, account), zh, f"{taken} taken; {left} were changed by others: look at them")
    return page(
        request, "queue.html", account, status=409, message=message, **queue_of(console, watching_of(console, account))
    )


def queue_of(
    console: Console, watching: Watching, opened: Sequence[str] = (), closed: Sequence[str] = ()
) -> dict[str, Any]:
    """What the board shows: groups of many alike, and every other alert by itself; of those that can wait, more than
    live_queue.MANY are one line, too."""
    alerts = console.board.open_alerts(watching.scope.sees)
    warnings, deadlines = live_queue.outlook(console, watching.account)
    groups = live_queue.groups(alerts, opened, closed)
    together = {id for group in groups for id in group["ids"]}
    return {
        "alerts": alerts,
        "groups": groups,
        "single": live_queue.by_gravity([alert for alert in alerts if alert.id not in together]),
        "opened": frozenset(opened),
        "many": live_queue.MANY,
        "warnings": warnings,
        "deadlines": deadlines,
        "feed": console.feed,
    }


@router.get("/residents")
def residents_page(request: Request, console: Shared, account: CurrentAccount, q: str = "") -> Response:
    require(account, Action.VIEW_RESIDENT)
    with console.database() as conn, conn.cursor(row_factory=dict_row) as cursor:
        visible = list(permissions.visible_residents(conn, account))
        rows = cursor.execute(
            """
            SELECT r.code, r.name_zh, r.name_en, r.birth_date, r.home_care_bed, h.address_zh, h.address_en,
                   a.name_zh AS area_zh, a.name_en AS area_en, street.name_zh AS street_zh, street.name_en AS street_en
            FROM resident r JOIN household h ON h.id = r.household_id JOIN area a ON a.id = h.area_id
            LEFT JOIN area street ON street.level = 'street' AND a.path <@ street.path
            WHERE r.id = ANY(%s) AND (%s = '' OR r.name_zh ILIKE %s OR r.name_en ILIKE %s OR r.code ILIKE %s
                                      OR h.address_zh ILIKE %s OR a.name_zh ILIKE %s)
            ORDER BY a.path, r.code LIMIT 500
            """,
            (visible, q, *[f"%{q}%"] * 5),
        ).fetchall()
    return page(request, "residents.html", account, residents=rows, q=q, total=len(visible))


@router.get("/residents/{code}")
def resident_page(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    with console.database() as conn:
        resident = load_resident(conn, account, code, "view_resident", origin_of(request))
        context: dict[str, Any] = {
            "newest": vitals.newest(conn, resident["id"]),
            "devices": vitals.devices(conn, resident["id"]),
            "presence": vitals.presence(conn, resident["id"]),
            "alerts": [notice_of(row) for row in lifecycle.of_resident(conn, resident["id"], 20)],
        }
    charts = vitals.CHARTED
    return page(request, "resident.html", account, resident=resident, charts=charts, grades=GRADES, **context)


def load_resident(
    conn: psycopg.Connection[Any], account: Account, code: str, action: str, origin: str
) -> dict[str, Any]:
    """A resident by code, audited. Raises 404 for one that does not exist or is not theirs to see; the attempt is
    audited too."""
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(
            """
            SELECT r.*, h.code AS household_code, h.address_zh, h.address_en, h.phone,
                   a.name_zh AS area_zh, a.name_en AS area_en,
                   date_part('year', age(r.birth_date))::int AS age
            FROM resident r JOIN household h ON h.id = r.household_id JOIN area a ON a.id = h.area_id
            WHERE r.code = %s
            """,
            (code,),
        ).fetchone()
    if row is None:
        raise HTTPException(404)
    allowed = permissions.may_see(conn, account, row["id"])
    permissions.audit(
        conn, account, action if allowed else f"refused_{action}", at=dt.datetime.now(dt.UTC), resident_id=row["id"],
        origin=origin,
    )  # fmt: skip
    if not allowed:
        conn.commit()
        raise HTTPException(404)
    return row


@router.get("/family")
def family_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    if account.role != "family":
        return RedirectResponse("/", 303)
    parents = []
    with console.database() as conn:
        for resident_id in sorted(permissions.visible_residents(conn, account)):
            row = conn.execute("SELECT code FROM resident WHERE id = %s", (resident_id,)).fetchone()
            if row is None:
                continue
            resident = load_resident(conn, account, row[0], "view_resident", origin_of(request))
            alerts = [
                notice_of(a) for a in lifecycle.of_resident(conn, resident_id, 10) if a["severity"] != "technical"
            ]
            parents.append(
                {
                    "resident": resident,
                    "newest": vitals.newest(conn, resident_id),
                    "presence": vitals.presence(conn, resident_id),
                    "alerts": alerts,
                    "open": [a for a in alerts if a.state in OPEN],
                    "visits": work_orders.visits_to_rate(conn, resident_id),
                }
            )
    return page(request, "family.html", account, parents=parents, services=SERVICES, rating_words=ratings.WORDS)


@router.get("/operations")
def operations_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    require(account, Action.VIEW_OPERATIONS)
    with console.database() as conn:
        found: dict[str, Any] = dict(vitals.operations(conn))
    return page(request, "operations.html", account, feed=console.feed, **found)


def _back(request: Request) -> str:
    """The page of ours that the form was on."""
    referer = request.headers.get("referer", "")
    host = request.headers.get("host", "")
    _, found, path = referer.partition(f"//{host}/")
    return f"/{path}" if found and not path.startswith("/") else "/"


__all__ = ["LoginNeeded", "current_account", "router"]
