"""The page of a visit for whoever goes without an account, behind a signed link: the same proofs, the same presses."""

import datetime as dt
import secrets
from typing import Annotated

import psycopg
from fastapi import Form, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from care_network.access import permissions
from care_network.errors import ProvisioningError
from care_services.core import doors, presses
from care_services.core.presses import Answer
from care_services.home_services.orders import store
from care_services.home_services.orders.states import WORDS, steps_from
from care_services.home_services.orders.store import Doer, Order
from care_services.home_services.visits import door_links, evidence, field
from care_services.home_services.visits.checking import HOW, Place
from console.shell.errors import message_of, status_of
from console.shell.security import PLACE_ALLOWED, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import page
from dispatch.core.links import LinkError, load_link_keys

router = page_router()
ACTIONS = {"check_in": "check_in_visit", "check_out": "check_out_visit", "shut": "shut_door",
           "refuse": "refuse_service_order"}  # fmt: skip


@router.get("/door/{token}")
def door_link(request: Request, console: Shared, token: str) -> Response:
    """Show the visit to whoever it was given to."""
    return _page(request, console, token)


def _read(conn: psycopg.Connection, console: Console, token: str) -> tuple[Order, Doer]:
    now = dt.datetime.now(dt.UTC)
    link = load_link_keys(console.settings.link_key_file).read(token, door_links.PURPOSE, now)
    return door_links.holder(conn, link.subject, now)


def _page(request: Request, console: Console, token: str, message: str = "", status: int = 200) -> Response:
    now = dt.datetime.now(dt.UTC)
    try:
        with console.links_database() as conn:
            order, who = _read(conn, console, token)
            note = conn.execute("SELECT note FROM service_plan WHERE id = %s", (order.plan_id,)).fetchone()
            seen = evidence.of_arrival(conn, order.household_id, now)
            permissions.audit(
                conn, None, "view_service_order", at=now, resident_id=order.resident_id,
                origin=f"link {origin_of(request)}", detail={"service_order": order.id, "staff": order.staff_code},
            )  # fmt: skip
    except (LinkError, ProvisioningError) as error:
        code = 410 if isinstance(error, LinkError) else status_of(error)
        return page(request, "services-door.html", status=code, order=None, message=message_of(request, error))
    response = page(
        request, "services-door.html", status=status, order=order, words=WORDS, how_words=HOW, path=f"/door/{token}",
        steps=steps_from(order.state), message=message, note=note[0] if note else "", seen=seen, own=False, who=who,
        kinds=evidence.KINDS, tried_words=doors.TRIED, needed=doors.NEEDED, key=secrets.token_hex(12),
    )  # fmt: skip
    response.headers.update(PLACE_ALLOWED)
    return response


@router.post("/door/{token}")
def door_press(
    request: Request, console: Shared, token: str,
    action: Annotated[str, Form(max_length=20)],
    key: Annotated[str, Form(min_length=8, max_length=80)],
    how: Annotated[str, Form(max_length=20)] = "",
    code: Annotated[str, Form(max_length=20)] = "",
    longitude: Annotated[float | None, Form(ge=-180, le=180)] = None,
    latitude: Annotated[float | None, Form(ge=-90, le=90)] = None,
    accuracy_m: Annotated[float, Form(ge=0, le=100_000)] = 1000,
    tasks: Annotated[list[int] | None, Form()] = None,
    tasks_text: Annotated[str, Form(max_length=100)] = "",
    minutes: Annotated[str, Form(max_length=10)] = "",
    tried: Annotated[list[str] | None, Form()] = None,
    tried_text: Annotated[str, Form(max_length=100)] = "",
    note: Annotated[str, Form(max_length=400)] = "",
    pressed_at: Annotated[int | None, Form()] = None,
    sent_at: Annotated[int | None, Form()] = None,
) -> Response:  # fmt: skip
    """Take a press once, as of its own time: a telephone without a signal sends it later."""
    now = dt.datetime.now(dt.UTC)
    at = presses.time_of_press(pressed_at, sent_at, now)
    place = None if longitude is None or latitude is None else Place(longitude, latitude, accuracy_m)
    done = list(tasks or []) or [int(one) for one in tasks_text.split(",") if one.isascii() and one.isdecimal()][:20]
    try:
        with console.links_database() as conn:
            order, who = _read(conn, console, token)

            def effect() -> None:
                match action:
                    case "check_in" if how in ("place", "code", "device"):
                        field.begin(conn, order, who, how, at, place=place, code=code)
                    case "check_out":
                        spent = int(minutes) if minutes.strip().isdecimal() and len(minutes) < 6 else None
                        field.finish(conn, order, who, done, at, note=note, minutes=spent)
                    case "shut":
                        steps = list(tried or []) or [one for one in tried_text.split(",") if one]
                        field.nobody_opens(conn, order, who, steps, note, at)
                    case "refuse" if note.strip():
                        store.change(conn, order, "refuse", who, at, note=note.strip()[:400])
                    case _:
                        raise ProvisioningError(en="choose what is to be done, and say why", zh="请选择操作并填写原因")
                permissions.audit(
                    conn, None, ACTIONS[action], at=now, resident_id=order.resident_id,
                    origin=f"link {origin_of(request)}", detail={"service_order": order.id, "staff": order.staff_code},
                )  # fmt: skip

            answer = presses.once_by(conn, None, now, key, order.id, action, at, effect)
    except (LinkError, ProvisioningError) as error:
        zh, en = error.message_zh, error.message_en
        code_ = 410 if isinstance(error, LinkError) else status_of(error)
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse({"result": "refused", "message_zh": zh, "message_en": en}, code_)
        return _page(request, console, token, message_of(request, error), code_)
    return _answer(request, console, token, answer)


def _answer(request: Request, console: Console, token: str, answer: Answer) -> Response:
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({
            "result": answer.result, "message_zh": answer.message_zh, "message_en": answer.message_en
        })  # fmt: skip
    if answer.result == "refused":
        error = ProvisioningError(en=answer.message_en, zh=answer.message_zh)
        return _page(request, console, token, message_of(request, error), status_of(error))
    return RedirectResponse(f"/door/{token}", 303)
