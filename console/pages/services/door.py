"""A carer's visit on the telephone: check in with a proof, check out with what was done. Presses wait for a signal."""

import secrets
from typing import Annotated

from fastapi import Form, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import NotPermittedError, ProvisioningError
from care_services.core import doors, presses
from care_services.core.acting import Acting
from care_services.core.presses import Answer
from care_services.home_services.orders import desk, store
from care_services.home_services.orders.states import WORDS, steps_from
from care_services.home_services.visits import evidence, field
from care_services.home_services.visits.checking import HOW, Place
from console.pages.services.frame import acting_of, number_of
from console.shell.errors import message_of, status_of
from console.shell.security import PLACE_ALLOWED, CurrentAccount, needs
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import page

router = page_router()
SERVE = needs(Action.SERVE)


@router.get("/mine/visits/{order_id}", dependencies=[SERVE])
def door_page(request: Request, console: Shared, account: CurrentAccount, order_id: int) -> Response:
    """Show the visit to who has it."""
    return _page(request, console, account, order_id)


def _page(
    request: Request, console: Console, account: Account, order_id: int, message: str = "", status: int = 200
) -> Response:  # fmt: skip
    acting = acting_of(request, account)
    with console.database() as conn:
        order = desk.order(conn, acting, order_id)
        if order.staff_account_id != account.id and account.role == "carer":
            raise NotPermittedError(
                en=f"this visit is now {order.staff_en or 'nobody'}'s: you need not go",
                zh=f"该服务已改由{order.staff_zh}上门，您无需上门" if order.staff_zh else "该服务不再由您上门",
            )
        plan_note = conn.execute("SELECT note FROM service_plan WHERE id = %s", (order.plan_id,)).fetchone()
        seen = evidence.of_arrival(conn, order.household_id, acting.at)
    response = page(
        request, "services-door.html", account, status=status, order=order, words=WORDS, how_words=HOW,
        steps=steps_from(order.state), message=message, note=plan_note[0] if plan_note else "", seen=seen,
        kinds=evidence.KINDS, path=f"/mine/visits/{order_id}", own=True,
        tried_words=doors.TRIED, needed=doors.NEEDED, key=secrets.token_hex(12),
    )  # fmt: skip
    response.headers.update(PLACE_ALLOWED)
    return response


@router.post("/mine/visits/{order_id}", dependencies=[SERVE])
def press(
    request: Request, console: Shared, account: CurrentAccount, order_id: int,
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
    acting = acting_of(request, account)
    at = presses.time_of_press(pressed_at, sent_at, acting.at)
    place = None if longitude is None or latitude is None else Place(longitude, latitude, accuracy_m)
    done = list(tasks or []) or [int(one) for one in tasks_text.split(",") if one.isascii() and one.isdecimal()][:20]

    def effect() -> None:
        match action:
            case "check_in":
                field.check_in(used, acting, order_id, how, at, place=place, code=code)
            case "check_out":
                field.check_out(
                    used, acting, order_id, done, at, note=note,
                    minutes=number_of(minutes, "minutes") if minutes.strip() else None,
                )  # fmt: skip
            case "shut":
                steps = list(tried or []) or [one for one in tried_text.split(",") if one]
                field.shut(used, acting, order_id, steps, note, at)
            case "refuse":
                desk.close(used, acting, order_id, "refuse", store.load(used, order_id).version, note)
            case _:
                raise ProvisioningError(en="this is nothing that can be done", zh="没有这种操作")

    with console.database() as used:
        desk.order(used, acting, order_id, audited=False)
        answer = presses.once(used, acting, key, order_id, action, at, effect)
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({
            "result": answer.result, "message_zh": answer.message_zh, "message_en": answer.message_en
        })  # fmt: skip
    if answer.result == "refused":
        return _refused(request, console, acting, order_id, answer)
    return RedirectResponse(f"/mine/visits/{order_id}", 303)


def _refused(request: Request, console: Console, acting: Acting, order_id: int, answer: Answer) -> Response:
    error = ProvisioningError(en=answer.message_en, zh=answer.message_zh)
    return _page(
        request, console, acting.account, order_id, message_of(request, error, acting.account), status_of(error)
    )  # fmt: skip
