"""The page behind the link of a reminder: how many there are, and after the digits of the telephone what they say.

Looking changes nothing. A notice that asks for an answer, and one thing with a page of its own, lead there at once:
that page has rules of its own, or a login before it.
"""

import datetime as dt
from collections import Counter
from typing import Annotated, Any

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from care_services.core import notice_lists
from care_services.core.notice_kinds import ALONE, KINDS
from care_services.core.notice_lists import Told
from care_services.core.notice_round import DIGEST_PAGE
from console.shell.errors import message_of
from console.shell.security import origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import page
from dispatch.core.links import Link, LinkError, load_link_keys

router = page_router()
GOOD_FOR = dt.timedelta(days=7)
"""Links from here to pages without a login, after the end of the digest's own link."""
OPENED = "care_digest_opened"
"""The purpose of the cookie of a browser that has said the digits."""


@router.get("/n/{token}")
def digest_page(request: Request, console: Shared, token: str) -> Response:
    """Say how many reminders wait; list them in a browser that has said the digits."""
    return _page(request, console, token)


@router.post("/n/{token}")
def open_digest(
    request: Request, console: Shared, token: str, digits: Annotated[str, Form(max_length=20)] = ""
) -> Response:
    """Check the last digits of the telephone, and remember the browser as long as the link holds."""
    now = dt.datetime.now(dt.UTC)
    try:
        link = _read(console, token, now)
    except LinkError:
        return _page(request, console, token)
    with console.links_database() as conn:
        good = notice_lists.try_digits(conn, int(link.subject), digits, now, f"link {origin_of(request)}")
    if not good:
        return _page(request, console, token, wrong=True)
    response = RedirectResponse(request.url.path, 303)
    keys = load_link_keys(console.settings.link_key_file)
    response.set_cookie(
        _cookie(link), keys.sign(OPENED, link.subject, link.person, link.expires_at), httponly=True, samesite="lax",
        secure=console.settings.secure_cookie, path="/n/", max_age=round((link.expires_at - now).total_seconds()),
    )  # fmt: skip
    return response


def _page(request: Request, console: Console, token: str, *, wrong: bool = False) -> Response:
    now = dt.datetime.now(dt.UTC)
    nothing: dict[str, Any] = {"found": None, "counts": {}, "kinds": KINDS, "state": "", "wrong": wrong}
    try:
        link = _read(console, token, now)
    except LinkError as error:
        return page(request, "care-digest.html", status=410, message=message_of(request, error), **nothing)
    number = int(link.subject)
    with console.links_database() as conn:
        state = notice_lists.standing(conn, number, now)
        found = [] if state == "gone" else notice_lists.of_digest(conn, number)
        opened = state != "gone" and _opened(request, console, link, now)
        if opened:
            notice_lists.note_look(conn, number, found, now, f"link {origin_of(request)}")
    waiting = [one for one in found if one.state != "withdrawn"]
    if len(found) == 1 and waiting and (found[0].page is not None or (found[0].link and found[0].kind in ALONE)):
        return RedirectResponse(_address(console, link, found[0]) or "/", 303)
    shown = nothing | {"counts": Counter(one.kind for one in waiting), "state": state, "message": ""}
    if opened:
        shown |= {"found": found, "links": {one.id: _address(console, link, one) for one in found}}
    return page(request, "care-digest.html", status=403 if wrong else 200, **shown)


def _read(console: Console, token: str, now: dt.datetime) -> Link:
    return load_link_keys(console.settings.link_key_file).read(token, DIGEST_PAGE[1], now)


def _opened(request: Request, console: Console, link: Link, now: dt.datetime) -> bool:
    try:
        kept = load_link_keys(console.settings.link_key_file).read(request.cookies.get(_cookie(link), ""), OPENED, now)
    except LinkError:
        return False
    return (kept.subject, kept.person) == (link.subject, link.person)


def _cookie(link: Link) -> str:
    return f"shouwang_n_{link.subject}"


def _address(console: Console, link: Link, one: Told) -> str | None:
    if one.page is None:
        return one.link
    keys = load_link_keys(console.settings.link_key_file)
    person, until = f"{one.to_kind}:{one.to_key}", link.expires_at + GOOD_FOR
    return f"/{one.page.path.strip('/')}/{keys.sign(one.page.purpose, one.page.subject, person, until)}"
