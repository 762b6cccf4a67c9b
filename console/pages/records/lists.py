"""Lists of records of every kind, page by page by key, the tree of areas, and their export."""

import datetime as dt
from typing import Any

import msgspec
from fastapi import Request
from starlette.responses import Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action, in_area
from care_network.duty.roster import KIND_WORDS as ORGANISATIONS
from care_network.errors import NotFoundError, NotPermittedError, ProvisioningError
from care_network.importing import exporting
from care_network.records.history import changes, past
from care_network.records.kinds import CERTIFICATE, STAFF, Kind, kind_named
from care_network.records.listing import related
from care_network.records.listing.fields import FIELDS, LEVELS
from care_network.records.listing.paging import FILTERS, Page, Wanted
from care_network.records.network import Network
from care_network.records.store import key_of as key_of_record
from care_network.search.query import read_query
from console.pages.admin.frame import admin_page
from console.pages.lists import LIMIT, pager_of
from console.pages.records import words
from console.shell.errors import message_of, status_of
from console.shell.i18n import pick
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import language_of
from vocabulary.times import SHANGHAI

router = page_router()
LOOK = needs(Action.VIEW_NETWORK)
SUGGESTED, HEARD = 8, 200
"""Lines below a field; residents who are looked for by their sound, at most."""
TREES = ("area", "organisation")
"""Kinds that are shown as a tree while nobody searches."""


def wanted_of(request: Request, kind: Kind, now: dt.datetime) -> Wanted:
    """Read what of a kind the address asks for. Raises ProvisioningError for a day that is none."""
    asked = request.query_params
    try:
        moment = past.moment_of(asked.get("as_of", ""), now)
    except ValueError:
        raise ProvisioningError(en="write the day as 2026-11-29", zh="日期写法如 2026-11-29", field="as_of") from None
    chosen = {name: asked[name] for name in FILTERS.get(kind.name, {}) if asked.get(name)}
    return Wanted(
        under=asked.get("area", ""), words=asked.get("q", "").strip()[:80], filters=chosen,
        after=asked.get("after", ""), limit=LIMIT, as_of=moment, today=now.astimezone(SHANGHAI).date(),
    )  # fmt: skip


@router.get("/records/{kind}", dependencies=[LOOK])
def records_page(request: Request, console: Shared, account: CurrentAccount, kind: str) -> Response:
    """A list of a kind, or the tree of areas with the organisations in it."""
    known, now = kind_named(kind), dt.datetime.now(dt.UTC)
    heard = _heard(console, account, request.query_params.get("q", ""))
    speaker = words.Speaker(language_of(request, account), account, now.astimezone(SHANGHAI).date())
    empty = Wanted(under="", today=speaker.today)
    error: ProvisioningError | None = None
    with console.database() as conn:
        network = Network(conn, account, at=now, origin=origin_of(request))
        try:
            wanted = msgspec.structs.replace(wanted_of(request, known, now), heard=heard)
            if kind in TREES and not request.query_params:
                return _tree(request, conn, account, network, known, speaker)
            found = network.page(kind, wanted)
        except ProvisioningError as refused:
            if isinstance(refused, NotPermittedError) and refused.field is None and not wanted_area(request):
                raise
            error, wanted, found = refused, empty, Page((), None)
        places = related.names(conn, {one.path for one in found.rows})
        if wanted.as_of is None:
            speaker.named = related.named(conn, known, [one.record for one in found.rows])
        ends = related.first_ends(conn, [one.id for one in found.rows]) if known is STAFF else {}
        streets = _areas(conn, account)
        undo = _undoable(conn, account, request)
    language = language_of(request, account)
    choices = [
        (name, pick(language, one.zh, one.en), request.query_params.get(name, ""), _options(kind, one, language))
        for name, one in FILTERS.get(kind, {}).items()
    ]
    return admin_page(
        request, "record_list.html", account, status_of(error) if error else 200, kind=known, say=speaker,
        columns=words.COLUMNS[kind], rows=found.rows, places=places, ends=ends, is_certificate=known is CERTIFICATE,
        address_of=words.address_of, pager=pager_of(request, found.next), wanted=wanted, choices=choices,
        streets=streets, as_of=request.query_params.get("as_of", ""), sheet=exporting.sheet_of(known), undo=undo,
        until=undo.at + dt.timedelta(seconds=changes.UNDO_S) if undo else None,
        message=message_of(request, error, account) if error else "", query=str(request.url.query),
    )  # fmt: skip


@router.get("/records/{kind}/suggest", dependencies=[LOOK])
def suggest(request: Request, console: Shared, account: CurrentAccount, kind: str, q: str = "") -> Response:
    """The first records that fit what somebody types into a field, as lines of the list below it."""
    known, now = kind_named(kind), dt.datetime.now(dt.UTC)
    typed = q.strip()[:80]
    speaker = words.Speaker(language_of(request, account), account, now.astimezone(SHANGHAI).date())
    wanted = Wanted(
        under="", words=typed, heard=_heard(console, account, typed), limit=SUGGESTED, today=speaker.today
    )  # fmt: skip
    with console.database() as conn:
        network = Network(conn, account, at=now, origin=origin_of(request))
        found = network.page(kind, wanted) if typed else Page((), None)
        places = related.names(conn, {one.path for one in found.rows})
    return admin_page(
        request, "_record_suggest.html", account, kind=known, say=speaker, found=found, places=places,
        key_of=lambda stored: key_of_record(known, stored),
    )  # fmt: skip


def _heard(console: Console, account: Account, typed: str) -> tuple[int, ...]:
    """Rows of the residents who are found by what was typed: names by their sound, telephones, addresses."""
    query = read_query(typed)
    if not query.joined:
        return ()
    index = console.everybody()
    hits, _ = index.find(query, {path for path in index.paths if in_area(account, path)}, HEARD)
    return tuple(hit.entry.id for hit in hits)


def wanted_area(request: Request) -> bool:
    """Whether the address itself names an area."""
    return bool(request.query_params.get("area"))


def _options(kind: str, one: Any, language: str) -> list[tuple[str, str]]:
    if not one.field:
        return [(value, pick(language, zh, en)) for value, (zh, en) in one.values.items()]  # type: ignore[arg-type]
    found = [(code, pick(language, zh, en)) for code, (zh, en) in FIELDS[kind][one.field].options.items()]  # type: ignore[arg-type]
    return [*found, ("none", pick(language, "未知", "unknown"))] if kind == "resident" else found  # type: ignore[arg-type]


def _areas(conn: Any, account: Account) -> list[tuple[str, str, str, str]]:
    """(path, level, name_zh, name_en) of the streets and communities of the account's area."""
    rows = conn.execute(
        "SELECT path::text, level, name_zh, name_en FROM area WHERE path <@ %s::ltree"
        " AND level IN ('street', 'community') ORDER BY path",
        (account.area_path,),
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def _undoable(conn: Any, account: Account, request: Request) -> changes.Change | None:
    """The removal that this page follows, while it can be taken back."""
    number = request.query_params.get("removed", "")
    change = changes.one(conn, int(number)) if number.isdecimal() and len(number) < 19 else None
    if change is None or change.account_id != account.id or changes.is_over(conn, change):
        return None
    return change


def _tree(
    request: Request, conn: Any, account: Account, network: Network, kind: Kind, speaker: words.Speaker
) -> Response:
    top = account.area_path or ""
    network.page(kind.name, Wanted(under=top, today=speaker.today, limit=1))  # the permission, and the look
    itself = related.branches(conn, top, itself=True)
    below = related.branches(conn, top, itself=False)
    return admin_page(
        request, "record_tree.html", account, kind=kind, say=speaker, top=itself[0] if itself else None, below=below,
        levels=LEVELS, organisations=ORGANISATIONS, address=words.address, part=False,
    )  # fmt: skip


@router.get("/records/{kind}/below/{place}", dependencies=[LOOK])
def branch_page(request: Request, console: Shared, account: CurrentAccount, kind: str, place: str) -> Response:
    """The areas below one: a part of the tree, or without a script a page of its own."""
    now = dt.datetime.now(dt.UTC)
    if kind not in TREES:
        raise NotFoundError(en=f"{kind[:40]} has no tree", zh=f"{kind[:40]} 没有树形结构")
    speaker = words.Speaker(language_of(request, account), account, now.astimezone(SHANGHAI).date())
    with console.database() as conn:
        network = Network(conn, account, at=now, origin=origin_of(request))
        network.get("area", (place,))
        itself = related.branches(conn, place, itself=True)
        below = related.branches(conn, place, itself=False)
    part = "HX-Request" in request.headers
    return admin_page(
        request, "_record_branches.html" if part else "record_tree.html", account, kind=kind_named(kind), say=speaker,
        top=itself[0] if itself else None, below=below, levels=LEVELS, organisations=ORGANISATIONS,
        address=words.address, part=part,
    )  # fmt: skip


@router.get("/records/{kind}/export", dependencies=[LOOK])
def export(request: Request, console: Shared, account: CurrentAccount, kind: str, form: str = "csv") -> Response:
    """The list as a file with the columns of the import: all of it, by the same search, filters and moment."""
    now = dt.datetime.now(dt.UTC)
    known = kind_named(kind)
    sheet = exporting.sheet_of(known)
    main = sheet.kinds[-1]
    heard = _heard(console, account, request.query_params.get("q", ""))
    with console.database() as conn:
        network = Network(conn, account, at=now, origin=origin_of(request))
        wanted = msgspec.structs.replace(wanted_of(request, main, now), heard=heard)
        data = exporting.write(sheet, exporting.rows(network, sheet, wanted), form)
    media = "text/csv; charset=utf-8" if form == "csv" else (
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    )  # fmt: skip
    name = f"{sheet.name}-{now.astimezone(SHANGHAI):%Y%m%d}.{form}"
    return Response(data, media_type=media, headers={"Content-Disposition": f'attachment; filename="{name}"'})
