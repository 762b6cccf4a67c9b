"""The pages behind the links of the time bank: a volunteer accepts and tells the minutes, the receiving side confirms.

No login. A link is good while the request is in the state that it is for; a step of somebody else in between refuses.
"""

import datetime as dt
from collections.abc import Callable
from typing import Annotated

import psycopg
from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.access import permissions
from care_network.consents import register
from care_network.errors import ProvisioningError
from care_services.time_bank import requests, store
from care_services.time_bank.kinds import KINDS, REQUEST_STATES
from care_services.time_bank.requests import PURPOSE, Person
from care_services.time_bank.running import ending, missed
from care_services.time_bank.running.telling import CONFIRM, HELP
from care_services.time_bank.store import Request as HelpRequest
from console.access.help_links import check, read_link, request_id
from console.shell.errors import message_of, status_of
from console.shell.security import origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import page
from dispatch.core.links import LinkError

router = page_router()
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
        take_step(conn, one, person, act, minutes, now)

    return _step(request, console, token, HELP, step)


def take_step(
    conn: psycopg.Connection, one: HelpRequest, person: Person, act: str, minutes: int, now: dt.datetime
) -> None:
    """Take what a volunteer says by a link: yes, no, cannot come after all, nobody opened, or their minutes."""
    if act in ("yes", "no"):
        requests.answer(conn, one, person, now, yes=act == "yes")
    elif act == "cannot":
        number = one.partner_id if person.key == f"volunteer:{one.partner}" else one.volunteer_id
        requests.cannot_come(conn, one, person, number or 0, now)
    elif act == "not-opened":
        ending.not_opened(conn, one, person, now)
    else:
        requests.tell(conn, one, minutes, person, now)


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
        lambda conn, one, person: requests.confirm(
            conn, one, minutes, person, now, said_as="family" if person.key.startswith("contact:") else "resident"
        ),
    )  # fmt: skip


def _read(
    conn: psycopg.Connection, console: Console, token: str, purpose: str, origin: str
) -> tuple[HelpRequest, Person]:
    now = dt.datetime.now(dt.UTC)
    link, about, serial = read_link(console, token, purpose, now)
    one = check(store.by_id(conn, request_id(about)), serial, now)
    kind, _, key = link.person.partition(":")
    if kind == "staff":  # a volunteer who is on the staff, too, is sent messages as such
        kind, key = "volunteer", store.volunteer_of_staff(conn, key)
    whose = key.partition("/")[0]  # of a contact: 'resident/telephone'
    if whose != (one.volunteer if kind == "volunteer" else one.resident) or (kind == "volunteer") != (purpose == HELP):
        raise LinkError(
            zh="这次求助已不再由您处理：未及时答复、已收回，或已由他人承接",
            en="this is not asked of you any more: no answer came in time, it was taken back, or somebody else has it",
        )
    name = one.volunteer_zh if kind == "volunteer" else one.resident_zh
    return one, Person(key=f"{kind}:{key}", name=name or whose, origin=f"link {origin}")


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
            agreed = one.kind == "alarm" or register.agrees(conn, one.resident_id, PURPOSE) is True
    except LinkError as error:
        return page(request, "help.html", status=410, one=None, message=message or message_of(request, error))
    return page(
        request, "help.html", status=status, one=one, message=message, for_helper=purpose == HELP, kinds=KINDS,
        request_states=REQUEST_STATES, over=one.wanted_from <= now, agreed=agreed, ended_as=ending.ENDED_AS,
        at_door=one.wanted_from - ending.EARLY <= now, late=one.wanted_from - missed.LATE < now,
    )  # fmt: skip
