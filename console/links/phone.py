"""The pages behind the links in messages: a work order on the telephone of who goes, and the rating of a visit.

No login: the link is signed, expires and names a person and an order. Each step is a button with a signed key of its
own that works once. Chinese first; every look and step is in the audit.
"""

import datetime as dt
import uuid
from typing import Annotated, Any

import psycopg
from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from starlette.responses import RedirectResponse, Response

from care_network.access import permissions
from care_network.access.accounts import account_by_login
from care_network.catalogues.services import SERVICES
from care_network.medical.notes import ShownNote
from console.access import medical_notes as medical_note
from console.shell.i18n import pick
from console.shell.security import origin_of
from console.shell.state import Console, console_of
from console.shell.views import language_of, page
from dispatch.alerts.lifecycle import LifecycleError
from dispatch.core import links
from dispatch.core.history import Actor
from dispatch.core.links import Link, LinkError, LinkKeys, load_link_keys
from dispatch.orders import dispatch, messages, photos, ratings, store
from dispatch.orders.states import BY_PERSON, LIVE, OrderError, offered_actions
from dispatch.orders.store import Order, OrderFilter

router = APIRouter()
Shared = Annotated[Console, Depends(console_of)]
STEP = "work_order_step"
"""Purpose of a button's key; its subject is order:version:step."""
MEDICAL = "medical"
AT_WORK = ("accepted", "en_route", "arrived")
RATE_AT_THE_DOOR = dt.timedelta(hours=24)


class _Visitor:
    """Who holds the link."""

    def __init__(self, conn: psycopg.Connection[Any], link: Link) -> None:
        self.link = link
        self.order_id = uuid.UUID(link.subject)
        _, _, self.code = link.person.partition(":")
        row = conn.execute(
            "SELECT s.id, s.name_zh, c.login FROM staff s LEFT JOIN account c ON c.id = s.account_id AND c.active"
            " WHERE s.code = %s AND s.active",
            (self.code,),
        ).fetchone()
        if row is None:
            raise LinkError(
                zh="该链接的人员已停用,请联系调度", en="this link's person is not active; call the dispatch"
            )
        self.staff_id, self.name, self.login = row


@router.get("/w/{token}")
def order_page(request: Request, console: Shared, token: str) -> Response:
    return _show(request, console, token)


@router.post("/w/{token}")
def step(
    request: Request,
    console: Shared,
    token: str,
    key: Annotated[str, Form(max_length=links.MAX_TOKEN)],
    note: Annotated[str, Form(max_length=2000)] = "",
    photo: Annotated[UploadFile | None, File()] = None,
) -> Response:
    """A button was pressed: the step that its key names, once."""
    now = dt.datetime.now(dt.UTC)
    try:
        keys = load_link_keys(console.settings.link_key_file)
        pressed = keys.read(key, STEP, now)
        subject, version, action = pressed.subject.split(":")
        with console.database() as conn:
            visitor = _Visitor(conn, keys.read(token, messages.PAGE, now))
            if subject != str(visitor.order_id) or pressed.person != visitor.link.person:
                raise LinkError(zh="该按钮不属于此链接", en="this button belongs to another link")
            if action == MEDICAL:
                links.spend(conn, key, pressed, now)
                conn.commit()
                return _show(request, console, token, medical=True)
            if action not in BY_PERSON:
                raise LinkError(zh="不支持的操作", en="no such step")
            picture = _picture(photo)
            with conn.transaction():
                links.spend(conn, key, pressed, now)
                dispatch.act_as_person(
                    conn, console.crews, visitor.order_id, action, visitor.staff_id,
                    Actor(None, visitor.name, f"link {origin_of(request)}"), now,
                    expected_version=int(version), note=note.strip(), photo=picture,
                )  # fmt: skip
                _audit(conn, request, visitor, f"order_{action}", None)
    except (LinkError, LifecycleError) as error:
        return _show(request, console, token, message=_said(request, error), status=409)
    return RedirectResponse(f"/w/{token}", 303)


@router.get("/rate/{token}")
def rating_page(request: Request, console: Shared, token: str) -> Response:
    return _rating(request, console, token)


@router.post("/rate/{token}")
def rate(
    request: Request,
    console: Shared,
    token: str,
    stars: Annotated[int, Form()] = 0,
    words: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    now = dt.datetime.now(dt.UTC)
    try:
        link = load_link_keys(console.settings.link_key_file).read(token, messages.RATING, now)
        with console.database() as conn, conn.transaction():
            links.spend(conn, token, link, now)
            who: ratings.RatedBy = "resident" if link.person == "resident" else "family"
            ratings.rate(conn, uuid.UUID(link.subject), who, stars, words, now)
    except (LinkError, OrderError) as error:
        return _rating(request, console, token, _said(request, error), 409)
    return _rating(request, console, token, done=True)


def _show(
    request: Request, console: Console, token: str, *, message: str = "", status: int = 200, medical: bool = False
) -> Response:
    now = dt.datetime.now(dt.UTC)
    try:
        keys = load_link_keys(console.settings.link_key_file)
        link = keys.read(token, messages.PAGE, now)
        with console.database() as conn:
            visitor = _Visitor(conn, link)
            order = store.load(conn, visitor.order_id)
            if order.staff_id != visitor.staff_id:
                _audit(conn, request, visitor, "refused_view_order", order.resident_id)
                text = pick(
                    language_of(request, None),
                    "这张工单已转给他人或已取消,您无需前往。感谢您!",
                    "This order has gone to somebody else or is off; you need not go. Thank you!",
                )
                return page(request, "phone.html", status=status, order=None, message=message or text)
            _audit(conn, request, visitor, "view_order", order.resident_id)
            mine = store.list_orders(conn, OrderFilter(states=list(LIVE), staff_id=visitor.staff_id))
        note, why_not = _medical(request, console, visitor, order, now) if medical else (None, "")
    except (LinkError, LifecycleError) as error:
        return page(request, "phone.html", status=410, order=None, message=message or _said(request, error))
    steps = {action: _key(keys, order, link, action) for action in offered_actions(order.state)}
    rating = ""
    if order.state == "done":
        rating = messages.rating_path(keys, order.id, "resident", now - messages.RATING_FOR + RATE_AT_THE_DOOR)
    return page(
        request, "phone.html", status=status, order=order, token=token, message=message, steps=steps,
        note_key=_key(keys, order, link, "note") if order.state in AT_WORK else "",
        medical_key=_key(keys, order, link, MEDICAL) if order.state in AT_WORK and order.resident_code else "",
        note=note, why_not=why_not, services=SERVICES, rating=rating,
        others=[(one, messages.page_path(keys, one.id, visitor.code, now)) for one in mine if one.id != order.id],
    )  # fmt: skip


def _medical(
    request: Request, console: Console, visitor: _Visitor, order: Order, now: dt.datetime
) -> tuple[ShownNote | None, str]:
    """The note by :mod:`care_network.medical.notes`'s own rules: as the person's account, audited; else why not."""
    language = language_of(request, None)
    if order.state not in AT_WORK or order.resident_code is None:
        return None, pick(language, "接单后方可查看", "accept the order first")
    if visitor.login is None:
        return None, pick(
            language, "您没有平台账号,请致电调度了解医疗信息", "you have no account here: ask the dispatch by telephone"
        )
    with console.database() as conn:
        account = account_by_login(conn, visitor.login)
    if account is None:
        return None, pick(language, "账号已停用", "the account is not active")
    return medical_note.look(console, account, order.resident_code, now, f"link {origin_of(request)}", language)


def _rating(
    request: Request, console: Console, token: str, message: str = "", status: int = 200, *, done: bool = False
) -> Response:
    now = dt.datetime.now(dt.UTC)
    try:
        link = load_link_keys(console.settings.link_key_file).read(token, messages.RATING, now)
        with console.database() as conn:
            order = store.load(conn, uuid.UUID(link.subject))
            spent = links.spent_at(conn, token) is not None
    except (LinkError, OrderError) as error:
        return page(request, "rating.html", status=410, order=None, message=message or _said(request, error))
    return page(
        request, "rating.html", status=status, order=order, message=message, done=done or spent, services=SERVICES,
        rating_words=ratings.WORDS,
    )  # fmt: skip


def _key(keys: LinkKeys, order: Order, link: Link, action: str) -> str:
    return keys.sign(STEP, f"{order.id}:{order.version}:{action}", link.person, link.expires_at)


def _picture(photo: UploadFile | None) -> photos.Photo | None:
    if photo is None or not photo.filename:
        return None
    return photos.read_photo(photo.file.read(photos.MAX_BYTES + 1))


def _said(request: Request, error: LinkError | LifecycleError) -> str:
    return pick(language_of(request, None), error.message_zh, error.message_en)


def _audit(
    conn: psycopg.Connection[Any], request: Request, visitor: _Visitor, action: str, resident_id: int | None
) -> None:
    permissions.audit(
        conn, None, action, at=dt.datetime.now(dt.UTC), resident_id=resident_id, origin=f"link {origin_of(request)}",
        detail={"order": str(visitor.order_id), "staff": visitor.code},
    )  # fmt: skip
