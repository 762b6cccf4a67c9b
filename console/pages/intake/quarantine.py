"""The quarantine: refused messages by reason and gateway, one message decoded, processed again or discarded."""

import datetime as dt
from typing import Annotated, Any

import msgspec
from fastapi import Form, Query, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import NotFoundError, ProvisioningError
from care_network.upkeep import quarantine
from care_network.upkeep.refused import why
from care_network.upkeep.scope import Acting
from console.pages.admin.frame import admin_page
from console.pages.lists import pager_of
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from database.upkeep.requests import Request as Asked
from firmware_profiles.decoding.payload_words import describe, hexdump

router = page_router()
LOOK = needs(Action.VIEW_OPERATIONS)
SETTLE = needs(Action.SETTLE_QUARANTINE)
DUMPED = 2048
"""Bytes of a message that are shown."""


class Outcome(msgspec.Struct, frozen=True):
    """The result of a request as ingest tells it; see ``ingest.requests``."""

    settled: int = 0
    stays: int = 0
    readings: int = 0
    events: int = 0
    lines: list[tuple[int, bool, str]] = []


def outcome_of(asked: Asked) -> Outcome | None:
    """The result of a request; None where there is none yet, or none that can be read."""
    try:
        return msgspec.json.decode(asked.answer, type=Outcome) if asked.state == "done" else None
    except msgspec.DecodeError:
        return None


@router.get("/quarantine", dependencies=[LOOK])
def quarantine_page(
    request: Request, console: Shared, account: CurrentAccount, after: Annotated[str, Query(max_length=200)] = "",
    q: Annotated[str, Query(max_length=80)] = "",
) -> Response:  # fmt: skip
    """Groups of refused messages, and what became of the last requests."""
    with console.database() as conn:
        found = quarantine.groups(conn, account, words=q.strip(), after=after)
        asked = quarantine.requests(conn, account)
    shown = found[: quarantine.LIMIT]
    pager = pager_of(request, shown[-1].key if len(found) > quarantine.LIMIT else None, quarantine.LIMIT)
    return admin_page(
        request, "quarantine.html", account, groups_shown=shown, pager=pager, why=why,
        q=q.strip(), asked=[(one, outcome_of(one)) for one in asked], busy=any(one.open for one in asked),
    )  # fmt: skip


@router.get("/quarantine/of/{key}", dependencies=[LOOK])
def group_page(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    key: str,
    after: Annotated[int, Query(ge=0, le=2**53)] = 0,
) -> Response:
    """The messages of one group."""
    return _group(request, console, account, key, after)


@router.get("/quarantine/{number}", dependencies=[LOOK])
def entry_page(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    """One message: its bytes, what was understood of it, what to do."""
    return _entry(request, console, account, number)


@router.get("/quarantine/{number}/bytes", dependencies=[LOOK])
def entry_bytes(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    """The bytes of one message as a file, for whoever mends the device."""
    with console.database() as conn:
        found = quarantine.entry(_acting(conn, account, request), number)
    name = f"quarantine-{found.id}.bin"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(found.payload, media_type="application/octet-stream", headers=headers)


@router.post("/quarantine/reprocess", dependencies=[SETTLE])
def reprocess(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    key: Annotated[str, Form(max_length=200)] = "",
    number: Annotated[int | None, Form(le=2**53)] = None,
) -> Response:
    with console.database() as conn:
        quarantine.ask(_acting(conn, account, request), "reprocess", key, number)
    return RedirectResponse("/quarantine#asked", 303)


@router.post("/quarantine/discard", dependencies=[SETTLE])
def discard(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    key: Annotated[str, Form(max_length=200)] = "",
    number: Annotated[int | None, Form(le=2**53)] = None,
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Queue a discarding; it can be withdrawn for half a minute."""
    try:
        with console.database() as conn:
            quarantine.ask(_acting(conn, account, request), "discard", key, number, reason)
    except NotFoundError:
        raise
    except ProvisioningError as error:
        if number is not None:
            return _entry(request, console, account, number, error)
        return _group(request, console, account, key, 0, error)
    return RedirectResponse("/quarantine#asked", 303)


@router.post("/quarantine/withdraw", dependencies=[SETTLE])
def withdraw(
    request: Request, console: Shared, account: CurrentAccount, number: Annotated[int, Form(le=2**53)]
) -> Response:
    with console.database() as conn:
        quarantine.withdraw(_acting(conn, account, request), number)
    return RedirectResponse("/quarantine#asked", 303)


def _acting(conn: Any, account: Account, request: Request) -> Acting:
    return Acting(conn, account, dt.datetime.now(dt.UTC), origin_of(request))


def _group(
    request: Request, console: Console, account: Account, key: str, after: int, error: ProvisioningError | None = None
) -> Response:
    with console.database() as conn:
        group = quarantine.group_of(conn, account, key)
        found = quarantine.entries(conn, account, group.code, group.gateway, after=after)
    shown = found[: quarantine.LIMIT]
    pager = pager_of(request, str(shown[-1].id) if len(found) > quarantine.LIMIT else None, quarantine.LIMIT)
    return admin_page(
        request, "quarantine_group.html", account, status_of(error) if error else 200, group=group, entries=shown,
        pager=pager, why=why(group.code), message=message_of(request, error, account) if error else "",
    )  # fmt: skip


def _entry(
    request: Request, console: Console, account: Account, number: int, error: ProvisioningError | None = None
) -> Response:
    with console.database() as conn:
        found = quarantine.entry(_acting(conn, account, request), number)
    arrived_us = round(found.first_at.timestamp() * 1e6)
    kept = found.settled_at is None
    return admin_page(
        request, "quarantine_entry.html", account, status_of(error) if error else 200, entry=found,
        why=why(found.code), told=describe(found.topic, found.payload, arrived_us) if kept else [],
        dump=hexdump(found.payload, DUMPED) if kept else [],
        message=message_of(request, error, account) if error else "",
    )  # fmt: skip
