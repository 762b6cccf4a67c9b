"""The page behind the link in a work order's message: the order on the telephone of the person who goes.

No login: the link is signed, expires and names a person and an order. Each step is a button with a signed key of its
own that works once. Chinese first; every look and step is in the audit.
"""

import datetime as dt
import uuid
from typing import Annotated, Any

import psycopg
from fastapi import APIRouter, File, Form, Request, UploadFile
from starlette.responses import RedirectResponse, Response

from care_network.access import permissions
from care_network.access.accounts import Account, account_by_login
from care_network.catalogues.services import SERVICES
from care_network.errors import NotPermittedError, ProvisioningError
from care_network.matching import locations
from care_network.medical.notes import ShownNote
from console.access.medical_notes import show_medical_note
from console.shell.errors import message_of, status_of
from console.shell.i18n import pick
from console.shell.security import PLACE_ALLOWED, origin_of
from console.shell.state import Console, Shared
from console.shell.views import language_of, page
from dispatch.alerts.lifecycle import LifecycleError
from dispatch.core import links
from dispatch.core.history import Actor
from dispatch.core.links import Link, LinkError, LinkKeys, load_link_keys
from dispatch.orders import assigning, messages, photos, store
from dispatch.orders.people import active_staff
from dispatch.orders.states import BY_PERSON, LIVE, offered_actions
from dispatch.orders.store import Order, OrderFilter

router = APIRouter()
STEP = "work_order_step"
"""Purpose of a button's key; its subject is order:version:step."""
MEDICAL = "medical"
AT_WORK = ("accepted", "en_route", "arrived")


class _Visitor:
    """The person and the order that a link names, and the person's account, if there is one."""

    def __init__(self, conn: psycopg.Connection[Any], link: Link, origin: str) -> None:
        """Raises LinkError for a person who is no longer active."""
        self.link = link
        self.order_id = uuid.UUID(link.subject)
        self.origin = f"link {origin}"
        _, _, self.code = link.person.partition(":")
        staff = active_staff(conn, self.code)
        if staff is None:
            raise LinkError(
                zh="该链接的人员已停用，请联系调度", en="this link's person is not active; call the dispatch"
            )
        self.staff_id, self.name, login = staff
        self.account: Account | None = account_by_login(conn, login) if login else None

    def audit(self, conn: psycopg.Connection[Any], action: str, resident_id: int | None) -> None:
        permissions.audit(
            conn, None, action, at=dt.datetime.now(dt.UTC), resident_id=resident_id, origin=self.origin,
            detail={"order": str(self.order_id), "staff": self.code},
        )  # fmt: skip


@router.get("/w/{token}")
def order_page(request: Request, console: Shared, token: str) -> Response:
    with console.database() as conn:
        return _show(conn, request, console, token)


@router.post("/w/{token}")
def step(
    request: Request,
    console: Shared,
    token: str,
    key: Annotated[str, Form(max_length=links.MAX_TOKEN)],
    note: Annotated[str, Form(max_length=2000)] = "",
    photo: Annotated[UploadFile | None, File()] = None,
) -> Response:
    """Take the step that the pressed button's key names; a key works once."""
    now = dt.datetime.now(dt.UTC)
    keys = load_link_keys(console.settings.link_key_file)
    with console.database() as conn:
        try:
            with conn.transaction():
                pressed = keys.read(key, STEP, now)
                subject, version, action = pressed.subject.split(":")
                visitor = _Visitor(conn, keys.read(token, messages.PAGE, now), origin_of(request))
                if subject != str(visitor.order_id) or pressed.person != visitor.link.person:
                    raise LinkError(zh="该按钮不属于此链接", en="this button belongs to another link")
                links.spend(conn, key, pressed, now)
                if action in BY_PERSON:
                    assigning.act_as_person(
                        conn, console.crews, visitor.order_id, action, visitor.staff_id,
                        Actor(None, visitor.name, visitor.origin), now,
                        expected_version=int(version), note=note.strip(), photo=_picture(photo),
                    )  # fmt: skip
                    visitor.audit(conn, f"order_{action}", None)
                elif action != MEDICAL:
                    raise LinkError(zh="不支持的操作", en="no such step")
        except (LinkError, LifecycleError) as error:
            return _show(conn, request, console, token, message=message_of(request, error), status=409)
        if action == MEDICAL:
            return _show(conn, request, console, token, medical=True)
    return RedirectResponse(f"/w/{token}", 303)


@router.post("/w/{token}/place")
def share_place(
    request: Request,
    console: Shared,
    token: str,
    longitude: Annotated[float, Form()],
    latitude: Annotated[float, Form()],
    accuracy_m: Annotated[float, Form()],
) -> Response:
    """Store where the person is now; the first press is their consent, which they can withdraw."""
    now = dt.datetime.now(dt.UTC)
    keys = load_link_keys(console.settings.link_key_file)
    with console.database() as conn:
        try:
            with conn.transaction():
                visitor = _Visitor(conn, keys.read(token, messages.PAGE, now), origin_of(request))
                account, sharing = _sharer(conn, visitor)
                order = store.load(conn, visitor.order_id)
                if order.staff_id != visitor.staff_id:  # a link of before it went to somebody else
                    raise LinkError(zh="这张工单已不在您手上", en="this order is no longer yours")
                if sharing.consented_at is None:
                    locations.consent(conn, account, True, at=now, origin=visitor.origin)
                locations.share(conn, account, longitude, latitude, accuracy_m, at=now)
        except (LinkError, ProvisioningError) as error:
            return _show(conn, request, console, token, message=message_of(request, error), status=status_of(error))
    return RedirectResponse(f"/w/{token}#place", 303)


@router.post("/w/{token}/place/withdraw")
def withdraw_place(request: Request, console: Shared, token: str) -> Response:
    """Take the consent back; the stored place is deleted at once."""
    now = dt.datetime.now(dt.UTC)
    keys = load_link_keys(console.settings.link_key_file)
    with console.database() as conn:
        try:
            with conn.transaction():
                visitor = _Visitor(conn, keys.read(token, messages.PAGE, now), origin_of(request))
                account, _ = _sharer(conn, visitor)
                locations.consent(conn, account, False, at=now, origin=visitor.origin)
        except (LinkError, ProvisioningError) as error:
            return _show(conn, request, console, token, message=message_of(request, error), status=status_of(error))
    return RedirectResponse(f"/w/{token}#place", 303)


def _sharer(conn: psycopg.Connection[Any], visitor: _Visitor) -> tuple[Account, locations.Sharing]:
    """The account by which the person shares their place. Raises NotPermittedError where there is none."""
    sharing = locations.sharing(conn, visitor.account) if visitor.account else None
    if visitor.account is None or sharing is None:
        raise NotPermittedError(zh="您没有可共享位置的平台账号", en="you have no account here that may share its place")
    return visitor.account, sharing


def _show(
    conn: psycopg.Connection[Any],
    request: Request,
    console: Console,
    token: str,
    *,
    message: str = "",
    status: int = 200,
    medical: bool = False,
) -> Response:
    now = dt.datetime.now(dt.UTC)
    keys = load_link_keys(console.settings.link_key_file)
    try:
        link = keys.read(token, messages.PAGE, now)
        visitor = _Visitor(conn, link, origin_of(request))
        order = store.load(conn, visitor.order_id)
    except (LinkError, LifecycleError) as error:
        return page(request, "phone.html", status=410, order=None, message=message or message_of(request, error))
    if order.staff_id != visitor.staff_id:
        visitor.audit(conn, "refused_view_order", order.resident_id)
        text = pick(
            language_of(request, None),
            "这张工单已转给他人或已取消，您无需前往。感谢您！",
            "This order has gone to somebody else or is off; you need not go. Thank you!",
        )
        return page(request, "phone.html", status=status, order=None, message=message or text)
    visitor.audit(conn, "view_order", order.resident_id)
    mine = store.list_orders(conn, OrderFilter(states=list(LIVE), staff_id=visitor.staff_id))
    sharing = locations.sharing(conn, visitor.account) if visitor.account else None
    conn.commit()  # the look is in the audit; a medical note wants a connection that is not in a transaction
    note, why_not = _medical(conn, request, console, visitor, order, now) if medical else (None, "")
    steps = {action: _key(keys, order, link, action) for action in offered_actions(order.state)}

    def path_of(other: Order) -> str:
        return messages.page_path(keys, other.id, visitor.code, now, link.expires_at)

    response = page(
        request, "phone.html", status=status, order=order, token=token, message=message, steps=steps,
        note_key=_key(keys, order, link, "note") if order.state in AT_WORK else "",
        medical_key=_key(keys, order, link, MEDICAL) if order.state in AT_WORK and order.resident_code else "",
        note=note, why_not=why_not, services=SERVICES,
        others=[(one, path_of(one)) for one in mine if one.id != order.id],
        sharing=sharing, place_minutes=round(locations.FRESH.total_seconds() / 60),
    )  # fmt: skip
    if sharing is not None:
        response.headers.update(PLACE_ALLOWED)
    return response


def _medical(
    conn: psycopg.Connection[Any],
    request: Request,
    console: Console,
    visitor: _Visitor,
    order: Order,
    now: dt.datetime,
) -> tuple[ShownNote | None, str]:
    """The note by :mod:`care_network.medical.notes`'s own rules, as the person's account; else why not. Audited."""
    language = language_of(request, None)
    if order.state not in AT_WORK or order.resident_code is None:
        return None, pick(language, "接单后方可查看", "accept the order first")
    if visitor.account is None:
        return None, pick(
            language,
            "您没有平台账号，请致电调度了解医疗信息",
            "you have no account here: ask the dispatch by telephone",
        )
    return show_medical_note(
        conn, console.settings.medical_key_file, visitor.account, order.resident_code, now, visitor.origin, language
    )


def _key(keys: LinkKeys, order: Order, link: Link, action: str) -> str:
    return keys.sign(STEP, f"{order.id}:{order.version}:{action}", link.person, link.expires_at)


def _picture(photo: UploadFile | None) -> photos.Photo | None:
    if photo is None or not photo.filename:
        return None
    return photos.read_photo(photo.file.read(photos.MAX_BYTES + 1))
