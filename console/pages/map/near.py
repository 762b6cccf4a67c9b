"""People and places near an alert's home: a fragment for the alert's tab."""

import datetime as dt
import json
import uuid
from typing import Any

import msgspec
from fastapi import Request
from starlette.responses import Response

from care_network.access.permissions import Action
from care_network.matching.geography import walk
from care_network.matching.locations import shared_places
from care_network.records.places.district_map import homes_below, organisations_near
from care_network.records.places.ground import ground_of
from console.access.alerts import load_alert
from console.pages.map.ground import drawn
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Shared
from console.shell.text import page_router
from console.shell.views import page

router = page_router()
NEAREST = 5


class Near(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody or something, with the way from there; ``walk``: (metres, minutes), None where a place is unknown."""

    name_zh: str
    name_en: str
    more_zh: str = ""
    more_en: str = ""
    phone: str
    longitude: float | None
    latitude: float | None
    walk: tuple[int, int] | None
    at: dt.datetime | None = None


@router.get("/map/near/{alert_id}", dependencies=[needs(Action.VIEW_NETWORK)])
def near(request: Request, console: Shared, account: CurrentAccount, alert_id: uuid.UUID) -> Response:
    """The home, the nearest staff who share their place, and the centers that serve it; 404 for another's alert."""
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        alert, _ = load_alert(conn, console.board, account, alert_id, origin_of(request))
        home = next((one for one in homes_below(conn, alert.area_path) if one.code == alert.household_code), None)
        sharing = shared_places(conn, account.area_path or "", now)
        serving = organisations_near(conn, alert.area_path)
        ground = drawn(ground_of(conn))
    longitude, latitude = (home.longitude, home.latitude) if home is not None else (None, None)
    staff = [
        Near(
            name_zh=one.name_zh, name_en=one.name_en, more_zh=one.organisation_zh, more_en=one.organisation_en,
            phone=one.phone, longitude=one.longitude, latitude=one.latitude, at=one.at,
            walk=walk(one.longitude, one.latitude, longitude, latitude),
        )
        for one in sharing
    ]  # fmt: skip
    centers = [
        Near(
            name_zh=one.name_zh, name_en=one.name_en, phone=one.phone, longitude=one.longitude, latitude=one.latitude,
            walk=walk(one.longitude, one.latitude, longitude, latitude),
        )
        for one in serving
    ]  # fmt: skip
    staff.sort(key=_way)
    return page(
        request, "_near.html", account, alert=alert, home=home, staff=staff[:NEAREST], centers=centers,
        ground=json.dumps(ground), points=json.dumps(_points(alert, longitude, latitude, staff[:NEAREST], centers)),
    )  # fmt: skip


def _way(one: Near) -> float:
    return float("inf") if one.walk is None else one.walk[0]


def _points(
    alert: Any, longitude: float | None, latitude: float | None, staff: list[Near], centers: list[Near]
) -> list[dict[str, Any]]:
    """The places for the small map, as its script reads them."""
    if longitude is None:
        return []
    found: list[dict[str, Any]] = [{"kind": alert.severity, "lon": longitude, "lat": latitude, "zh": "", "en": ""}]
    for kind, several in (("staff", staff), ("center", centers)):
        for one in several:
            if one.longitude is not None:
                place = {"lon": one.longitude, "lat": one.latitude}
                found.append({"kind": kind, **place, "zh": one.name_zh, "en": one.name_en})
    return found
