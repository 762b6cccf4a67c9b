"""Acceptance in the flat: a carer tests a bed's devices room by room on the telephone, by what they really send."""

import datetime as dt
from typing import Annotated, Any

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import NotFoundError, ProvisioningError
from care_services.home_beds.catalogue import DEVICE_ROOMS, hint_of, room_words
from care_services.home_beds.installing import TESTED_IN
from console.pages.beds.board import beds_of
from console.pages.beds.paper import said
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import page

router = page_router()
ACCEPT = needs(Action.ACCEPT_DEVICES)
WORDS: dict[str, Any] = {"room_words": room_words, "said": said, "hint_of": hint_of}


@router.get("/mine/beds", dependencies=[ACCEPT])
def list_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """The homes in which devices wait for their acceptance."""
    with console.database() as conn:
        visits = beds_of(conn, request, account).to_install()
    return page(request, "beds-onsite-list.html", account, visits=visits)


@router.get("/mine/beds/{bed_id}", dependencies=[ACCEPT])
def onsite_page(
    request: Request, console: Shared, account: CurrentAccount, bed_id: int, room: str = ""
) -> Response:  # fmt: skip
    """The devices of one room, with their tests; the first room with something open where none is asked for."""
    return _page(request, console, account, bed_id, room, "beds-onsite.html")


@router.get("/mine/beds/{bed_id}/now", dependencies=[ACCEPT])
def onsite_now(
    request: Request, console: Shared, account: CurrentAccount, bed_id: int, room: str = ""
) -> Response:  # fmt: skip
    """The same part of the page as it stands now, for the page that asks again and again."""
    return _page(request, console, account, bed_id, room, "_beds_onsite.html", audited=False)


@router.post("/mine/beds/{bed_id}", dependencies=[ACCEPT])
def act(
    request: Request, console: Shared, account: CurrentAccount, bed_id: int, act: Annotated[str, Form(max_length=10)],
    version: Annotated[int, Form()], number: Annotated[int, Form()], room: Annotated[str, Form(max_length=40)] = "",
    device: Annotated[str, Form(max_length=80)] = "", words: Annotated[str, Form(max_length=500)] = "",
) -> Response:  # fmt: skip
    """Begin a test, accept what was heard, or report what is wrong."""
    acts: dict[str, Any] = {
        "test": lambda beds: beds.begin_test(bed_id, version, number, device),
        "accept": lambda beds: beds.accept(bed_id, version, number),
        "trouble": lambda beds: beds.report(bed_id, version, number, words),
    }
    if act not in acts:
        raise NotFoundError(en="there is no such step", zh="没有这种操作")
    try:
        with console.database() as conn:
            acts[act](beds_of(conn, request, account))
    except NotFoundError:
        raise
    except ProvisioningError as error:
        return _page(request, console, account, bed_id, room, "beds-onsite.html", error)
    return RedirectResponse(f"/mine/beds/{bed_id}?room={room if room in DEVICE_ROOMS else ''}", 303)


def _page(
    request: Request, console: Console, account: Account, bed_id: int, room: str, template: str,
    error: ProvisioningError | None = None, *, audited: bool = True,
) -> Response:  # fmt: skip
    with console.database() as conn:
        beds = beds_of(conn, request, account)
        file = beds.bed(bed_id, audited=audited)
        tests = beds.tests(file.bed, file.devices)
    order = [one for one in DEVICE_ROOMS if any(test.planned.room == one for test in tests)]
    open_rooms = [one for one in order if any(t.planned.accepted_at is None for t in tests if t.planned.room == one)]
    chosen = room if room in order else next(iter(open_rooms or order), "")
    rooms = [
        {
            "code": one, "n": sum(t.planned.room == one for t in tests),
            "done": sum(t.planned.room == one and t.planned.accepted_at is not None for t in tests),
        }
        for one in order
    ]  # fmt: skip
    following = next((one for one in open_rooms if one != chosen), "")
    return page(
        request, template, account, status=status_of(error) if error else 200, bed=file.bed, room=chosen, rooms=rooms,
        tests=[one for one in tests if one.planned.room == chosen], following=following, asked=dt.datetime.now(dt.UTC),
        testable=file.bed.state in TESTED_IN, done=bool(tests) and not open_rooms,
        message=message_of(request, error, account) if error else "", **WORDS,
    )  # fmt: skip
