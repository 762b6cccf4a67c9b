"""The pages behind the links of the time bank: a volunteer accepts and tells the minutes, the receiving side confirms.

No login. A link is good while the request is in the state that it is for; a step of somebody else in between refuses.
"""

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Annotated

import psycopg
from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.access import permissions
from care_network.errors import ProvisioningError
from care_services.time_bank import requests, store
from care_services.time_bank.kinds import KINDS, REQUEST_STATES
from care_services.time_bank.requests import Person
from care_services.time_bank.store import Request as HelpRequest
from console.access.help_links import CONFIRM, HELP
from console.shell.errors import message_of, status_of
from console.shell.security import origin_of
from console.shell.state import Console, Shared
from console.shell.views import page
from dispatch.core.links import LinkError, load_link_keys

router = APIRouter()
Minutes = Annotated[int, Form(ge=0, le=720)]


@router.get("/help/{token}")
def helper_page(request: Request, console: Shared, token: str) -> Response:
    """Show a volunteer what they are asked for."""
    return _page(request, console, token, HELP)


@router.post("/help/{token}")
def helper(
    request: Request, console: Shared, token: str, act: Annotated[str, Form(max_length=20)] = "", minutes: Minutes = 0
) -> Response:
    """Take the volunteer's yes or no, or their minutes afterwards."""
    now = dt.datetime.now(dt.UTC)

    def step(conn: psycopg.Connection, one: HelpRequest, person: Person) -> None:
        if act in ("yes", "no"):
            requests.answer(conn, one, person, now, yes=act == "yes")
        else:
            requests.tell(conn, one, minutes, person, now)

    return _step(request, console, token, HELP, step)


@router.get("/help-done/{token}")
def receiver_page(request: Request, console: Shared, token: str) -> Response:
    """Show the receiving side what the volunteer said."""
    return _page(request, console, token, CONFIRM)


@router.post("/help-done/{token}")
def receiver(request: Request, console: Shared, token: str, minutes: Minutes = 0) -> Response:
    """Take the receiving side's word: as many minutes, others, or none at all."""
    now = dt.datetime.now(dt.UTC)
    return _step(
        request, console, token, CONFIRM,
        lambda conn, one, person: requests.confirm(conn, one, minutes, person, now, said_as="resident"),
    )  # fmt: skip


def _read(
    conn: psycopg.Connection, console: Console, token: str, purpose: str, origin: str
) -> tuple[HelpRequest, Person]:
    link = load_link_keys(console.settings.link_key_file).read(token, purpose, dt.datetime.now(dt.UTC))
    one = store.by_id(conn, uuid.UUID(link.subject))
    kind, _, code = link.person.partition(":")
    if one is None or code != (one.volunteer if kind == "volunteer" else one.resident):
        raise LinkError(zh="该服务已改由他人处理，链接失效", en="somebody else has it by now; this link is over")
    name = one.volunteer_zh if kind == "volunteer" else one.resident_zh
    return one, Person(key=link.person, name=name or code, origin=f"link {origin}")


def _step(
    request: Request, console: Console, token: str, purpose: str,
    act: Callable[[psycopg.Connection, HelpRequest, Person], object],
) -> Response:  # fmt: skip
    try:
        with console.links_database() as conn:
            one, person = _read(conn, console, token, purpose, origin_of(request))
            act(conn, one, person)
    except (LinkError, ProvisioningError) as error:
        return _page(request, console, token, purpose, message_of(request, error), status_of(error))
    return RedirectResponse(request.url.path, 303)


def _page(
    request: Request, console: Console, token: str, purpose: str, message: str = "", status: int = 200
) -> Response:
    now = dt.datetime.now(dt.UTC)
    try:
        with console.links_database() as conn:
            one, person = _read(conn, console, token, purpose, origin_of(request))
            permissions.audit(
                conn, None, "view_help", at=now, resident_id=one.resident_id, origin=person.origin,
                detail={"number": one.number, "by": person.key},
            )  # fmt: skip
    except LinkError as error:
        return page(request, "help.html", status=410, one=None, message=message or message_of(request, error))
    return page(
        request, "help.html", status=status, one=one, message=message, for_helper=purpose == HELP, kinds=KINDS,
        request_states=REQUEST_STATES, over=one.wanted_from <= now,
    )  # fmt: skip
