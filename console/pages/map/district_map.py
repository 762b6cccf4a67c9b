"""The map of the district: a page with a list of everything that it shows, and the data that its script draws."""

import datetime as dt
import json
from collections import Counter, defaultdict
from typing import Annotated, Any

import msgspec
from fastapi import HTTPException, Query, Request
from starlette.responses import Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.matching.locations import shared_places
from care_network.records.places.district_map import (
    CompoundCount,
    counts_below,
    homes_below,
    organisations_below,
    places_of,
)
from care_network.records.places.ground import ground_of
from care_network.records.places.outlines import AreaOutline, areas_with_outlines
from care_network.search.pinyin import by_name
from console.pages.map.ground import drawn
from console.shell.i18n import Language, pick
from console.shell.scope import scope_of
from console.shell.security import CurrentAccount, needs
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import language_of, page
from vocabulary.area_path import within
from vocabulary.severity import SEVERITIES

router = page_router()
Place = Annotated[str, Query(max_length=400)]
LISTED = 300
"""Homes that the list of a compound shows; a larger one says how many there are more."""


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of an area. ``alerts``: open ones by severity; ``dark``: homes whose gateway is offline; ``unheard``:
    homes without a gateway that was ever heard, of which nothing is known."""

    homes: int = 0
    dark: int = 0
    unheard: int = 0
    alerts: dict[str, int] = {}


NOTHING = Tally()


@router.get("/map", dependencies=[needs(Action.VIEW_NETWORK)])
def map_page(request: Request, console: Shared, account: CurrentAccount, at: Place = "") -> Response:
    """The map at an area of the account, its own without one; 404 for another."""
    return page(request, "map.html", account, **_content(request, console, account, at))


@router.get("/map/list", dependencies=[needs(Action.VIEW_NETWORK)])
def map_list(request: Request, console: Shared, account: CurrentAccount, at: Place = "") -> Response:
    """The list beside the map, anew."""
    return page(request, "_map_list.html", account, **_content(request, console, account, at))


@router.get("/map/data", dependencies=[needs(Action.VIEW_NETWORK)])
def map_data(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """The data that change seldom, of all of the account's area: outlines, homes in columns, centers and stations."""
    mine = account.area_path or ""
    language = language_of(request, account)
    with console.database() as conn:
        areas, homes, places = areas_with_outlines(conn, mine), homes_below(conn, mine), organisations_below(conn, mine)
    number = {area.path: at for at, area in enumerate(areas)}
    known = [home for home in homes if home.longitude is not None and home.latitude is not None]
    body = {
        "areas": [
            {
                "path": area.path, "level": area.level, "name": pick(language, area.name_zh, area.name_en),
                "lon": area.longitude, "lat": area.latitude, "mine": within(area.path, mine),
                "shape": None if area.geometry is None else area.geometry["coordinates"],
            }
            for area in areas
        ],
        # columns: 7,000 homes are 200 kB
        "homes": {
            "area": [number[home.path] for home in known],
            "code": [home.resident or "" for home in known],
            "heard": [int(home.gateway in ("online", "offline")) for home in known],
            "lon": [round(home.longitude or 0, 5) for home in known],
            "lat": [round(home.latitude or 0, 5) for home in known],
        },
        "places": [
            {"name": pick(language, one.name_zh, one.name_en), "lon": one.longitude, "lat": one.latitude}
            for one in places
            if one.longitude is not None
        ],
    }  # fmt: skip
    return Response(msgspec.json.encode(body), media_type="application/json")


@router.get("/map/now", dependencies=[needs(Action.VIEW_NETWORK)])
def map_now(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """The data that change: open alerts, dark homes, and the staff who share their place, all of the account's area."""
    mine, now = account.area_path or "", dt.datetime.now(dt.UTC)
    language = language_of(request, account)
    with console.database() as conn:
        counts = counts_below(conn, mine)
        sharing = shared_places(conn, mine, now)
        alerts = console.board.open_alerts(scope_of(conn, account).sees)
        places = places_of(conn, {alert.household_code for alert in alerts})
    body = {
        "alerts": [
            {
                "id": alert.id, "severity": alert.severity, "state": alert.state, "path": alert.area_path,
                "who": who(alert, language), "what": what(alert, language), "raised": alert.raised_us // 1000,
                "lon": place[0] if place else None, "lat": place[1] if place else None,
            }
            for alert in alerts
            for place in [places.get(alert.household_code)]
        ],
        "dark": [code for count in counts for code in count.dark_residents if code],
        "counts": {path: found for path, found in tallies(counts, alerts).items() if within(path, mine)},
        "staff": [
            {"name": pick(language, one.name_zh, one.name_en), "lon": one.longitude, "lat": one.latitude,
             "accuracy": one.accuracy_m, "age": round((now - one.at).total_seconds())}
            for one in sharing
        ],
    }  # fmt: skip
    return Response(msgspec.json.encode(body), media_type="application/json")


def _content(request: Request, console: Console, account: Account, at: str) -> dict[str, Any]:
    mine, now = account.area_path or "", dt.datetime.now(dt.UTC)
    here = at or mine
    if not within(here, mine):
        raise HTTPException(404)
    with console.database() as conn:
        areas = areas_with_outlines(conn, here)
        counts = counts_below(conn, here)
        places = organisations_below(conn, here)
        sharing = sorted(shared_places(conn, here, now), key=lambda one: by_name(one.name_zh))
        alerts = [a for a in console.board.open_alerts(scope_of(conn, account).sees) if within(a.area_path, here)]
        centre = next((area for area in areas if area.path == here), None)
        homes = homes_below(conn, here) if centre is not None and centre.level == "compound" else []
        ground = ground_of(conn)
    if centre is None:
        raise HTTPException(404)
    children = [area for area in areas if _parent(area.path) == here]
    counted = tallies(counts, alerts)
    names = {area.path: area for area in areas}
    language = language_of(request, account)
    return {
        "who": lambda alert: who(alert, language),
        "what": lambda alert: what(alert, language),
        "centre": centre,
        "above": [area for area in areas if within(here, area.path) and within(area.path, mine)],
        "children": [(area, counted.get(area.path, NOTHING)) for area in children],
        "total": counted.get(here, NOTHING),
        "compounds": _by_compound(alerts, names),
        "homes": homes[:LISTED],
        "more": max(0, len(homes) - LISTED),
        "places": places,
        "sharing": sharing,
        "ground": ground,
        "drawn": json.dumps(drawn(ground)),
    }


def tallies(counts: list[CompoundCount], alerts: list[Any]) -> dict[str, Tally]:
    """Count homes and alerts for each area that has any, and for those above it. Pure."""
    counted: dict[str, Counter[str]] = defaultdict(Counter)

    def count(path: str, **numbers: int) -> None:
        while path:
            counted[path].update(numbers)
            path = _parent(path)

    for one in counts:
        count(one.path, homes=one.homes, dark=one.dark, unheard=one.unheard)
    for alert in alerts:
        count(alert.area_path, **{alert.severity: 1})
    return {
        path: Tally(
            homes=found["homes"],
            dark=found["dark"],
            unheard=found["unheard"],
            alerts={severity: found[severity] for severity in SEVERITIES if found[severity]},
        )
        for path, found in counted.items()
    }


def _parent(path: str) -> str:
    return path.rpartition(".")[0]


def _by_compound(alerts: list[Any], names: dict[str, AreaOutline]) -> list[tuple[AreaOutline | None, list[Any]]]:
    """Open alerts by compound, the compound of the gravest first."""
    found: dict[str, list[Any]] = {}
    for alert in alerts:
        found.setdefault(alert.area_path, []).append(alert)
    return [(names.get(path), several) for path, several in found.items()]


def who(alert: Any, language: Language) -> str:
    """Name whom an alert is about, or its home."""
    name = pick(language, alert.resident_zh or "", alert.resident_en or "")
    return name or pick(language, alert.address_zh, alert.address_en) or alert.household_code


def what(alert: Any, language: Language) -> str:
    """Say in short what an alert is."""
    short = pick(language, alert.headline_zh, alert.headline_en)
    return short or pick(language, alert.reason_zh, alert.reason_en)
