"""The page behind a volunteer's own link: what they are asked for, promised and did, their minutes and statement.

No login. Each look and step asks whether the link holds, and whether the resident agrees.
"""

import datetime as dt
from typing import Annotated, Any

import psycopg
from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.access import permissions
from care_network.errors import ProvisioningError
from care_services.time_bank import holders, kinds, statement
from care_services.time_bank.people import Volunteer
from care_services.time_bank.requests import Person
from care_services.time_bank.running import ending, missed, own_link
from care_services.time_bank.running.telling import NEIGHBOUR
from console.access.help_links import read_link
from console.links.help import take_step
from console.shell.errors import message_of, status_of
from console.shell.security import origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import page
from dispatch.core.links import LinkError
from vocabulary.times import SHANGHAI

router = page_router()
YEAR = dt.timedelta(days=365)


@router.get("/neighbour/{token}")
def own_page(request: Request, console: Shared, token: str) -> Response:
    """Show a volunteer their own page."""
    return _page(request, console, token)


@router.post("/neighbour/{token}")
def own_step(
    request: Request, console: Shared, token: str, number: Annotated[int, Form(ge=1, lt=2**63)],
    act: Annotated[str, Form(max_length=20)] = "", minutes: Annotated[int, Form(ge=0, le=720)] = 0,
) -> Response:  # fmt: skip
    """Take the volunteer's answer, their minutes, or that nobody opened."""
    now = dt.datetime.now(dt.UTC)
    try:
        with console.links_database() as conn:
            one = read_volunteer(conn, console, token, now)
            found = own_link.own_page(conn, one, now)
            asked = next((each for each in (*found.offered, *found.ahead) if each.number == number), None)
            if asked is None:
                raise ProvisioningError(
                    zh="这项服务已改由他人处理或已结束", en="somebody else has it by now, or it is over"
                )
            person = Person(key=f"volunteer:{one.code}", name=one.name_zh, origin=f"link {origin_of(request)}")
            take_step(conn, asked, person, act, minutes, now)
    except (LinkError, ProvisioningError) as error:
        return _page(request, console, token, message_of(request, error), status_of(error))
    return RedirectResponse(request.url.path, 303)


@router.get("/neighbour/{token}/statement")
def own_statement(request: Request, console: Shared, token: str) -> Response:
    """Show a volunteer the statement of their last twelve months; the browser prints it."""
    now = dt.datetime.now(dt.UTC)
    today = now.astimezone(SHANGHAI).date()
    try:
        with console.links_database() as conn:
            one = read_volunteer(conn, console, token, now)
            holder = holders.of_volunteer(conn, one.id)
            found = statement.of_holder(conn, holder, today - YEAR, today, now)
            permissions.audit(
                conn, None, "view_statement", at=now, origin=f"link {origin_of(request)}",
                detail={"account": f"volunteer/{one.code}"},
            )  # fmt: skip
    except LinkError as error:
        return page(request, "neighbour.html", status=410, found=None, message=message_of(request, error))
    return page(request, "neighbour-statement.html", one=found, now=now, token=token, **_words())


@router.post("/neighbour/{token}/missed")
def speak_against(
    request: Request, console: Shared, token: str, line: Annotated[int, Form(ge=1, lt=2**63)],
    appeal: Annotated[str, Form(max_length=400)] = "",
) -> Response:  # fmt: skip
    """Take the volunteer's words against a promise that is said not to have been kept."""
    now = dt.datetime.now(dt.UTC)
    try:
        with console.links_database() as conn:
            one = read_volunteer(conn, console, token, now)
            missed.speak_against(conn, one.id, line, appeal, now)
            permissions.audit(
                conn, None, "speak_against", at=now, origin=f"link {origin_of(request)}",
                detail={"by": f"volunteer:{one.code}", "line": line},
            )  # fmt: skip
    except (LinkError, ProvisioningError) as error:
        return _page(request, console, token, message_of(request, error), status_of(error))
    return RedirectResponse(f"/neighbour/{token}#missed", 303)


def read_volunteer(conn: psycopg.Connection, console: Console, token: str, now: dt.datetime) -> Volunteer:
    """The volunteer whose own link it is. Raises LinkError where it holds no more."""
    _, code, serial = read_link(console, token, NEIGHBOUR, now)
    one = own_link.holding(conn, code, serial, now)
    if one is None:
        raise LinkError(
            zh="链接已更换、撤回或过期，请联系社区站",
            en="this link was renewed, taken back or has expired: call the station",
        )
    return one


def _page(request: Request, console: Console, token: str, message: str = "", status: int = 200) -> Response:
    now = dt.datetime.now(dt.UTC)
    try:
        with console.links_database() as conn:
            one = read_volunteer(conn, console, token, now)
            found = own_link.own_page(conn, one, now)
            for resident in sorted({each.resident_id for each in (*found.offered, *found.ahead)} & found.agreed):
                permissions.audit(
                    conn, None, "view_help", at=now, resident_id=resident, origin=f"link {origin_of(request)}",
                    detail={"by": f"volunteer:{one.code}"},
                )  # fmt: skip
    except LinkError as error:
        return page(request, "neighbour.html", status=410, found=None, message=message or message_of(request, error))
    return page(
        request, "neighbour.html", status=status, found=found, message=message, now=now, token=token,
        today=now.astimezone(SHANGHAI).date(), early=ending.EARLY, late=missed.LATE, missed_kinds=missed.KINDS,
        basic_course=kinds.BASIC_COURSE, **_words(),
    )  # fmt: skip


def _words() -> dict[str, Any]:
    return {
        "kinds": kinds.KINDS, "request_states": kinds.REQUEST_STATES, "bookings": kinds.TRANSACTIONS,
        "hours": kinds.hours, "relations": kinds.RELATIONS, "ended_as": ending.ENDED_AS,
    }  # fmt: skip
