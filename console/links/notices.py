"""The page behind the link of a reminder: what the digest holds, and where each leads. Looking changes nothing."""

import datetime as dt

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from care_services.core import notice_lists
from care_services.core.notice_kinds import KINDS
from care_services.core.notice_lists import Told
from care_services.core.notice_round import DIGEST_PAGE
from console.shell.errors import message_of
from console.shell.state import Console, Shared
from console.shell.views import page
from dispatch.core.links import LinkError, load_link_keys

router = APIRouter()
GOOD_FOR = dt.timedelta(days=14)
"""Links from here to pages without a login."""


@router.get("/n/{token}")
def digest_page(request: Request, console: Shared, token: str) -> Response:
    """List what somebody is reminded of; one thing with a page of its own leads there at once."""
    now = dt.datetime.now(dt.UTC)
    try:
        link = load_link_keys(console.settings.link_key_file).read(token, DIGEST_PAGE[1], now)
    except LinkError as error:
        return page(request, "care-digest.html", status=410, found=[], links={}, message=message_of(request, error))
    with console.links_database() as conn:
        found = notice_lists.of_digest(conn, int(link.subject))
    links = {one.id: _address(console, one, now) for one in found}
    if len(found) == 1 and found[0].page is not None and found[0].state != "withdrawn":
        return RedirectResponse(links[found[0].id] or "/", 303)
    return page(request, "care-digest.html", found=found, links=links, kinds=KINDS, message="")


def _address(console: Console, one: Told, now: dt.datetime) -> str | None:
    if one.page is None:
        return one.link
    keys = load_link_keys(console.settings.link_key_file)
    token = keys.sign(one.page.purpose, one.page.subject, f"{one.to_kind}:{one.to_key}", now + GOOD_FOR)
    return f"/{one.page.path.strip('/')}/{token}"
