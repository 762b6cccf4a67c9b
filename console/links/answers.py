"""The link of a message: take an alert on without a login, and go on from there; and the receipts of gateways."""

import datetime as dt
import uuid
from typing import Annotated, Any, cast
from urllib.parse import parse_qs

import msgspec
import psycopg
from fastapi import Form, HTTPException, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, RedirectResponse, Response

from care_network.catalogues.services import service_for
from care_network.duty.centers import telephone_of_desk
from console.links.order_view import show_order
from console.links.presses import Sent, SentPress, answered, wants_json
from console.shell.errors import message_of
from console.shell.i18n import pick
from console.shell.security import origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import language_of, page
from dispatch.alerts import answers, lookup
from dispatch.alerts.outcomes import INJURIES
from dispatch.alerts.states import LifecycleError
from dispatch.channels.render import ACKNOWLEDGE
from dispatch.core.history import Actor
from dispatch.core.links import Link, LinkError, LinkKeys, load_link_keys
from dispatch.desk.progress import progress
from dispatch.orders import field, results, taking
from dispatch.orders import messages as work_orders
from dispatch.orders.field import FieldAction, Person, family_says, press_on_alert
from dispatch.orders.presses import Answer
from dispatch.orders.states import OrderError
from vocabulary.alert_state import OPEN
from vocabulary.rule_words import rule_words

router = page_router()
MAX_BODY = 16 * 1024


@router.get("/a/{token}")
def answer_page(request: Request, console: Shared, token: str) -> Response:
    """Show the message's alerts and one button, and after it the steps at the door; a work order's message leads to the
    order's own page.

    Nothing changes by looking: messengers fetch previews.
    """
    with console.links_database() as conn:
        return _show(conn, request, console, token)


@router.post("/a/{token}")
def answer(request: Request, console: Shared, token: str) -> Response:
    """Take the message's alerts on, or record that the family knows: the tap on the button. Then the same address
    shows what comes next."""
    now = dt.datetime.now(dt.UTC)
    keys = load_link_keys(console.settings.link_key_file)
    with console.links_database() as conn:
        try:
            with conn.transaction():
                _acknowledge(conn, keys, token, origin_of(request), now)
        except LinkError as error:
            return _refused(request, token, error)
    return RedirectResponse(f"/a/{token}", 303)


@router.post("/a/{token}/step")
def step(
    request: Request, console: Shared, token: str, sent: SentPress, alert: Annotated[uuid.UUID | None, Form()] = None
) -> Response:
    """Take a step of somebody who has the alert without an order, or write down what a contact tells."""
    now = dt.datetime.now(dt.UTC)
    keys = load_link_keys(console.settings.link_key_file)
    with console.links_database() as conn:
        try:
            with conn.transaction():
                result = _press(conn, keys, token, origin_of(request), sent, alert, now)
        except (LinkError, LifecycleError) as error:
            if wants_json(request):
                texts = {"message_zh": error.message_zh, "message_en": error.message_en}
                return JSONResponse({"result": "refused", **texts}, 410 if isinstance(error, LinkError) else 409)
            if isinstance(error, LinkError):
                return _refused(request, token, error)
            return _show(conn, request, console, token, message_of(request, error), 409)
        if wants_json(request):
            return answered(result)
        if result.message_zh:
            message = pick(language_of(request, None), result.message_zh, result.message_en)
            return _show(conn, request, console, token, message, 409 if result.result == "refused" else 200)
    return RedirectResponse(f"/a/{token}", 303)


@router.post("/receipts/{token}")
async def receipt(request: Request, console: Shared, token: str) -> Response:
    """Take a gateway's report: ``status`` is ``delivered`` or ``undelivered``, as JSON or a form. Repetitions
    change nothing."""
    status = await _status(request)
    return await run_in_threadpool(_take_receipt, console, token, status)


def _acknowledge(
    conn: psycopg.Connection[Any], keys: LinkKeys, token: str, origin: str, now: dt.datetime
) -> answers.TapResult:
    """Use the link; whoever took alerts by it has their orders, the gravest few."""
    result, alerts = answers.acknowledge(conn, keys, token, origin, now)
    if result == "taken":
        loaded = answers.load(conn, keys, token, now, origin)
        kind, key = loaded.recipient
        actor = Actor(loaded.account_id, loaded.name_zh, f"link {origin}".strip(), loaded.name_en)
        for alert_id in alerts[: taking.MOST] if kind == "staff" else ():
            taking.take(conn, alert_id, key, actor, now)
    return result


def _press(
    conn: psycopg.Connection[Any],
    keys: LinkKeys,
    token: str,
    origin: str,
    sent: Sent,
    alert: uuid.UUID | None,
    now: dt.datetime,
) -> Answer:
    loaded = answers.load(conn, keys, token, now, origin)
    kind, key = loaded.recipient
    person = Person(
        key=f"{kind}:{key}", name_zh=loaded.name_zh, name_en=loaded.name_en, staff_id=None,
        account_id=loaded.account_id, origin=f"link {origin}".strip(),
    )  # fmt: skip
    if not loaded.acts:
        if loaded.used_at is None:
            answers.acknowledge(conn, keys, token, origin, now)
        earliest = min((one["onset"] for one in loaded.alerts), default=now)
        return family_says(conn, [one["id"] for one in loaded.alerts], person, sent.press(person.key, now, earliest))
    if loaded.used_at is None or alert not in answers.taken(conn, loaded) or sent.action not in field.WORDS:
        raise OrderError(zh="请先点“我来处理”", en="take the alert on first")
    assert alert is not None  # noqa: S101 - it is among those taken
    press = sent.press(person.key, now, loaded.used_at)
    action = cast("FieldAction", sent.action)
    return press_on_alert(conn, alert, _service(conn, alert), person, action, press, sent.what)


def _show(
    conn: psycopg.Connection[Any],
    request: Request,
    console: Console,
    token: str,
    message: str = "",
    status: int = 200,
) -> Response:
    now = dt.datetime.now(dt.UTC)
    keys = load_link_keys(console.settings.link_key_file)
    try:
        link = keys.read(token, ACKNOWLEDGE, now)
        order = work_orders.path_of_message(conn, keys, int(link.subject), link.person, now, link.expires_at)
        if order is not None:
            return RedirectResponse(order, 303)
        loaded = answers.load(conn, keys, token, now, origin_of(request))
    except LinkError as error:
        return _refused(request, token, error)
    mine = _order_of(conn, keys, link, loaded, now)
    if mine is not None:
        return show_order(conn, request, console, mine, message=message, status=status)
    taken = answers.taken(conn, loaded) if loaded.acts and loaded.used_at is not None else frozenset()
    first = next((one for one in loaded.alerts if one["id"] in taken), None)
    service = "" if first is None else _service(conn, first["id"])
    result = None if first is None else results.newest_result(conn, first["id"])
    if result is not None and result.person != ":".join(loaded.recipient):
        result = None
    area = loaded.alerts[0]["area_path"] if loaded.alerts else ""
    return page(
        request, "answers.html" if loaded.acts or loaded.duty else "family_answer.html", status=status, answer=loaded,
        token=token, message=message, taken=taken, first=first, open_states=OPEN, new_key=uuid.uuid4,
        result=result, card_of=results.CARDS.get, cards=results.cards_of(service),
        injuries={code: INJURIES[code] for code in results.INJURED},
        ladder=None if first is None else progress(conn, first["id"]), field_words=field.WORDS, family=field.FAMILY,
        standings={one["id"]: answers.standing(conn, one["id"]) for one in loaded.alerts[:3]},
        desk_phone=telephone_of_desk(conn, area) if area else "",
    )  # fmt: skip


def _order_of(
    conn: psycopg.Connection[Any], keys: LinkKeys, link: Link, loaded: answers.Answer, now: dt.datetime
) -> str | None:
    """The token of the page of the order that this person has by this message; None where there is none."""
    kind, code = loaded.recipient
    if kind != "staff" or loaded.used_at is None:
        return None
    orders = taking.taken_by(conn, loaded.message_id, code)
    if not orders:
        return None
    return work_orders.page_path(keys, orders[0], code, now, link.expires_at).rpartition("/")[2]


def _service(conn: psycopg.Connection[Any], alert_id: uuid.UUID) -> str:
    row = lookup.load(conn, alert_id)
    return "" if row is None else service_for(rule_words(row["evidence"]).service, row["severity"])


def _take_receipt(console: Console, token: str, status: str) -> Response:
    keys = load_link_keys(console.settings.link_key_file)
    try:
        with console.links_database() as conn:
            known = answers.receipt(conn, keys, token, status, dt.datetime.now(dt.UTC))
    except LinkError as error:
        return JSONResponse({"error": str(error)}, 403)
    except ValueError as error:
        return JSONResponse({"error": str(error)}, 422)
    return JSONResponse({"ok": known}, 200 if known else 404)


async def _status(request: Request) -> str:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY:
            raise HTTPException(413)
    try:
        return str(msgspec.json.decode(body, type=dict[str, Any]).get("status", ""))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return parse_qs(body.decode(errors="replace")).get("status", [""])[0]


def _refused(request: Request, token: str, error: LinkError) -> Response:
    return page(
        request, "answers.html", status=410, answer=None, token=token, message=message_of(request, error),
        field_words=field.WORDS,
    )  # fmt: skip
