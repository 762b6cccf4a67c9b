"""The list of residents, and one resident's page: what is known now, charts, devices, alerts. Each look is audited."""

import datetime as dt
from typing import Any
from urllib.parse import urlencode

import msgspec
import psycopg
from fastapi import Request
from starlette.responses import RedirectResponse, Response

from care_network.access import permissions
from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.access.visible import visible_residents
from care_network.catalogues.ability import GRADES
from care_network.records import residents, vitals
from care_network.search.index import Entry
from console.access.residents import load_resident
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import page
from vocabulary.times import local_day

router = page_router()
LINES = 100
"""Residents on a page of the list."""
ALERTS = 20
"""Alerts on a resident's page."""
ALONE = {"yes": True, "no": False, "unknown": None}


class Choice(msgspec.Struct, frozen=True):
    """Filter of the list; it stands in the address. Words that mean nothing are left out."""

    street: str = ""
    grade: str = ""
    """A code of ``GRADES``, or 'none': not assessed."""
    alone: str = ""

    def fits(self, one: Entry) -> bool:
        """Whether somebody is shown."""
        return (
            (not self.street or one.street == self.street)
            and (not self.grade or (one.ability_grade or "none") == self.grade)
            and (not self.alone or one.lives_alone is ALONE[self.alone])
        )

    def address(self, **more: str) -> str:
        """The list's address with this choice."""
        words = urlencode({name: word for name, word in (msgspec.structs.asdict(self) | more).items() if word})
        return f"/residents?{words}" if words else "/residents"


@router.get("/residents", dependencies=[needs(Action.VIEW_RESIDENT)])
def residents_page(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    q: str = "",
    street: str = "",
    grade: str = "",
    alone: str = "",
    after: str = "",
    before: str = "",
) -> Response:
    """The residents of the account's area, a page at a time: those ``after`` or ``before`` a code; ``q``: a search."""
    if q.strip():
        return RedirectResponse(f"/search?{urlencode({'q': q})}", 303)
    with console.database() as conn:
        everybody = _everybody(conn, console, account)
    streets = {one.street: (one.street_zh, one.street_en) for one in everybody if one.street}
    choice = Choice(
        street if street in streets else "",
        grade if grade in (*GRADES, "none") else "",
        alone if alone in ALONE else "",
    )
    shown = [one for one in everybody if choice.fits(one)]
    first = _first(shown, after, before)
    lines = shown[first : first + LINES]
    return page(
        request, "residents.html", account, lines=lines, first=first + 1, total=len(shown), everybody=len(everybody),
        choice=choice, streets=streets, today=local_day(dt.datetime.now(dt.UTC)),
        earlier=choice.address(before=lines[0].code) if lines and first > 0 else None,
        later=choice.address(after=lines[-1].code) if first + LINES < len(shown) else None,
    )  # fmt: skip


def _everybody(conn: psycopg.Connection[Any], console: Console, account: Account) -> list[Entry]:
    """Whom the account may see, by the places in which they live: staff by their area, families by consent."""
    index = console.everybody()
    if account.area_path is None:
        own = visible_residents(conn, account)
        return [one for one in index.entries if one.id in own]
    paths = {path for path in index.paths if permissions.in_area(account, path)}
    return [one for one in index.entries if one.path in paths]


def _first(shown: list[Entry], after: str, before: str) -> int:
    """The place of the page's first line; a code that is gone begins the list anew."""
    codes = {one.code: place for place, one in enumerate(shown)} if after or before else {}
    if after in codes:
        return min(codes[after] + 1, max(len(shown) - 1, 0))
    return max(codes[before] - LINES, 0) if before in codes else 0


@router.get("/residents/{code}", dependencies=[needs(Action.VIEW_RESIDENT)])
def resident_page(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    """One resident: what is known now, the course, who is to be called, alerts with their ends, devices."""
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        resident = load_resident(conn, account, code, "view_resident", origin_of(request))
        file = residents.file_of(conn, code, now, most_before=ALERTS)
        usual = console.usual.of(conn, resident["id"], now)
        devices = vitals.device_standings(conn, resident["id"], now)
        measured = {row["channel"] for row in vitals.series_of(conn, resident["id"])}
    return page(
        request, "resident.html", account, resident=resident, file=file, charts=vitals.CHARTED, pairs=vitals.PAIRS,
        usual=usual, devices=devices, measured=measured,
    )  # fmt: skip


@router.get("/residents/{code}/now", dependencies=[needs(Action.VIEW_VITALS)])
def resident_now(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    """Signs of now, for the open page to put in place every few seconds: one look in five minutes."""
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        resident = _looked_at_again(conn, request, console, account, code)
        signs = vitals.signs_now(conn, resident["id"], now)
        usual = console.usual.of(conn, resident["id"], now)
        measured = {row["channel"] for row in vitals.series_of(conn, resident["id"])}
    return page(request, "_now.html", account, signs=signs, usual=usual, measured=measured)


@router.get("/residents/{code}/file", dependencies=[needs(Action.VIEW_NETWORK)])
def resident_file(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    """The person's file alone, for a page that is open to put in place again and again: one look in five minutes."""
    with console.database() as conn:
        _looked_at_again(conn, request, console, account, code)
        file = residents.file_of(conn, code, dt.datetime.now(dt.UTC))
    return page(request, "_file.html", account, file=file)


def _looked_at_again(
    conn: psycopg.Connection[Any], request: Request, console: Console, account: Account, code: str
) -> dict[str, Any]:
    """Load a resident for a part of a page that asks again and again."""
    look = (account.id, request.url.path, "")
    new = console.looks.is_new(look, dt.datetime.now(dt.UTC))
    try:
        return load_resident(conn, account, code, "view_resident", origin_of(request), audited=new)
    except psycopg.Error:
        console.looks.forget(look)  # it could not be recorded
        raise
