"""Routes of FHIR about how residents are: Observation, DetectedIssue, Flag, and everything of one resident."""

import datetime as dt
import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from care_network.access.machine_tokens import MachineScope
from exchange.fhir import alerts, observations, people
from exchange.fhir.answers import base_of, example, found, missing, search_of
from exchange.fhir.answers import fhir as answer
from exchange.fhir.arrivals import spans_of
from exchange.fhir.codes import DIASTOLIC, GIVEN, SYSTOLIC, category_code, channels_of
from exchange.fhir.read_people import PATIENT, Count, Ids, Page, bundle_of
from exchange.fhir.search import FIRST, Search, Span, bundle, entry, number_of, page_of, us_of
from exchange.shell.access import Asking, scoped
from exchange.shell.errors import ExchangeError, language_of
from exchange.shell.state import Shared

router = APIRouter(prefix="/fhir", tags=["FHIR"])
Patient = Annotated[str | None, Query(description="Patient/7, or 7; several with commas")]
Date = Annotated[
    list[str] | None, Query(description="ge2026-11-01, lt2026-11-02T08:00:00+08:00; without a zone: Shanghai's")
]
OBSERVATION = {
    "resourceType": "Observation",
    "id": "112-1793440800000000",
    "status": "final",
    "meta": {"profile": ["http://hl7.org/fhir/StructureDefinition/heartrate"]},
    "category": [
        {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}
    ],
    "code": {
        "coding": [{"system": "http://loinc.org", "code": "8867-4", "display": "heart rate"}],
        "text": "heart rate",
    },
    "subject": {"reference": "Patient/7"},
    "effectiveDateTime": "2026-10-31T02:00:00.000Z",
    "valueQuantity": {"value": 72, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"},
    "device": {"reference": "Device/31"},
}
ISSUE = {
    "resourceType": "DetectedIssue",
    "id": "0b0e8a0c-5a53-5f0e-9f3b-1f2d3c4b5a69",
    "status": "preliminary",
    "code": {"coding": [{"system": "urn:shouwang:rule", "code": "spo2_low"}]},
    "severity": "high",
    "patient": {"reference": "Patient/7"},
    "identifiedDateTime": "2026-10-31T02:00:00.000Z",
    "detail": "oxygen saturation 84 %",
}
FLAG = {
    "resourceType": "Flag",
    "id": "0b0e8a0c-5a53-5f0e-9f3b-1f2d3c4b5a69",
    "status": "active",
    "code": {"text": "oxygen saturation 84 %"},
    "subject": {"reference": "Patient/7"},
}


@router.get("/Observation", responses=example(bundle_of(OBSERVATION)))
def search_observations(
    request: Request, exchange: Shared, asking: Annotated[Asking, scoped(MachineScope.OBSERVATION_READ)],
    _id: Ids = None, patient: Patient = None, subject: Patient = None,
    code: Annotated[str | None, Query(description="8867-4, or http://loinc.org|8867-4; several with commas")] = None,
    category: Annotated[str | None, Query(description="vital-signs, laboratory or activity")] = None,
    date: Date = None, _lastUpdated: Date = None, _since: Date = None,  # noqa: N803 - FHIR's names
    _sort: Annotated[str | None, Query(description="with a patient: -date (the default) or date")] = None,
    _count: Count = None, _page: Page = None,
) -> Response:  # fmt: skip
    """Readings of the body, the newest first where patients are named, else by device and time.

    In their place the times in which nobody measured, on the first page of a resident.
    """
    names = ("_id", "patient", "subject", "code", "category", "date", "_lastUpdated", "_since", "_sort")
    search = search_of(request, *names)
    span, known, now = search.span("date"), search.span("_lastUpdated").within(since(search)), dt.datetime.now(dt.UTC)
    who = _patients(search)
    sort = (search.words("_sort") or ["-date"])[-1]
    if sort not in ("date", "-date"):
        raise ExchangeError(400, en="_sort is date or -date", zh="_sort 只能是 date 或 -date", code="value")
    ids, token, channels = search.words("_id"), asking.machine.token_id, _channels(search)
    with exchange.database(asking.shown) as conn:
        blind: list[dict[str, Any]] = []
        page = ""
        if ids is not None:
            numbers = [number for word in ids[:1000] if (number := number_of(word.partition("-")[0])) is not None]
            series = _with_halves(conn, token, numbers, who, channels)
            readings = [one for word in ids[:1000] for one in _one(conn, series, word)]
        elif who is not None:
            series = {row["id"]: row for row in people.series(conn, token, patients=who, channels=channels)}
            spans, key = spans_of(conn, series, span, known, now), page_of(search.page, 2)
            if sort == "-date":
                readings = observations.newest(conn, series, spans, key, search.count + 1)
                if key is None and _whole(search):
                    mine = [row["id"] for row in people.patients(conn, token, ids=who)]
                    blind = observations.blind_times(conn, mine, span.within(known))
            else:
                readings = observations.in_order(conn, series, spans, key, search.count + 1)
            if len(readings) > search.count:
                readings = readings[: search.count]
                number, us = readings[-1][0], us_of(readings[-1][1])
                page = f"{us}.{number}" if sort == "-date" else f"{number}.{us}"
        else:
            part = observations.of_all(conn, token, channels, span, known, page_of(search.page, 3), search.count, now)
            series, readings = part.series, part.readings
            page = "" if part.key is None else ".".join(map(str, part.key))
        shown = observations.resources(conn, series, readings) + blind
        asking.seen(conn, {int(one["subject"]["reference"].partition("/")[2]) for one in shown}, len(shown))
    return found(exchange, request, search, shown, page)


@router.get("/Observation/{name}", responses=example(OBSERVATION))
def observation(
    name: str, exchange: Shared, asking: Annotated[Asking, scoped(MachineScope.OBSERVATION_READ)]
) -> Response:
    """One reading, or one time in which nobody measured."""
    number, _, us = name.partition("-")
    with exchange.database(asking.shown) as conn:
        if number == "blind" and (row := number_of(us)) is not None:
            who = [one["id"] for one in people.patients(conn, asking.machine.token_id, limit=2**31 - 1)]
            shown = observations.blind_times(conn, who, Span(), limit=2**31 - 1, number=row)
        else:
            wanted = number_of(number)
            series = _with_halves(conn, asking.machine.token_id, [wanted] if wanted else [], None, None)
            shown = observations.resources(conn, series, _one(conn, series, name))
        seen = [int(one["subject"]["reference"].partition("/")[2]) for one in shown]
        asking.seen(conn, seen, len(shown))
    if not shown:
        raise missing()
    return answer(shown[0])


@router.get("/DetectedIssue", responses=example(bundle_of(ISSUE)))
def issues(
    request: Request, exchange: Shared, asking: Annotated[Asking, scoped(MachineScope.ALERT_READ)],
    _id: Annotated[str | None, Query()] = None, patient: Patient = None,
    identified: Date = None, _lastUpdated: Date = None, _since: Date = None,  # noqa: N803 - FHIR's names
    _count: Count = None, _page: Page = None,
) -> Response:  # fmt: skip
    """Alerts of these residents, the newest first."""
    search = search_of(request, "_id", "patient", "subject", "identified", "_lastUpdated", "_since")
    return _alerts(request, exchange, asking, search, search.span("identified"), None)


@router.get("/Flag", responses=example(bundle_of(FLAG)))
def flags(
    request: Request, exchange: Shared, asking: Annotated[Asking, scoped(MachineScope.ALERT_READ)],
    _id: Annotated[str | None, Query()] = None, patient: Patient = None, subject: Patient = None, date: Date = None,
    status: Annotated[str | None, Query(description="active or inactive")] = None,
    _lastUpdated: Date = None, _since: Date = None, _count: Count = None, _page: Page = None,  # noqa: N803 - FHIR's names
) -> Response:  # fmt: skip
    """The same alerts as Flag: active while somebody still has to act."""
    search = search_of(request, "_id", "patient", "subject", "date", "status", "_lastUpdated", "_since")
    word = (search.words("status") or [""])[-1].rpartition("|")[2]
    is_open = {"": None, "active": True, "inactive": False}.get(word, "?")
    if is_open == "?":
        raise ExchangeError(400, en="status is active or inactive", zh="status 只能是 active 或 inactive", code="value")
    return _alerts(request, exchange, asking, search, search.span("date"), is_open)  # type: ignore[arg-type]


@router.get("/DetectedIssue/{name}", responses=example(ISSUE))
def issue(
    name: str, request: Request, exchange: Shared, asking: Annotated[Asking, scoped(MachineScope.ALERT_READ)]
) -> Response:
    """One alert."""
    return _alert(name, request, exchange, asking)


@router.get("/Flag/{name}", responses=example(FLAG))
def flag(
    name: str, request: Request, exchange: Shared, asking: Annotated[Asking, scoped(MachineScope.ALERT_READ)]
) -> Response:
    """One alert as Flag."""
    return _alert(name, request, exchange, asking)


@router.get("/Patient/{number}/$everything", responses=example(bundle_of(PATIENT)))
def everything(
    number: str, request: Request, exchange: Shared, asking: Annotated[Asking, scoped(MachineScope.PATIENT_READ)],
    start: Annotated[str | None, Query(description="from this day on")] = None,
    end: Annotated[str | None, Query(description="up to this day")] = None,
    _since: Date = None, _count: Count = None, _page: Page = None,
) -> Response:  # fmt: skip
    """A resident with all that the token may see: devices, alerts, and page by page the readings."""
    search = search_of(request, "start", "end", "_since")
    span, known, now = Span(), since(search), dt.datetime.now(dt.UTC)
    for text in search.words("start") or ():
        span = span.within(Search({"date": [f"ge{text}"]}, 1, "").span("date"))
    for text in search.words("end") or ():
        span = span.within(Search({"date": [f"le{text}"]}, 1, "").span("date"))
    wanted, token, may = number_of(number), asking.machine.token_id, asking.machine.scopes
    key = page_of(search.page, 2)
    with exchange.database(asking.shown) as conn:
        who = people.patients(conn, token, ids=[wanted], limit=1) if wanted else []
        if not who:
            asking.seen(conn, [], 0)
            raise missing()
        shown: list[dict[str, Any]] = []
        rows = people.series(conn, token, patients=[who[0]["id"]])
        if key is None:
            shown.append(people.patient(who[0]))
            if MachineScope.DEVICE_READ in may:
                shown += [people.device(row) for row in people.devices(conn, token, patients=[who[0]["id"]])]
                shown += [people.metric(row) for row in rows]
            if MachineScope.ALERT_READ in may:
                found_ = alerts.find(conn, token, patients=[who[0]["id"]], span=span.within(known), limit=1000)
                shown += [alerts.detected_issue(row, language_of(request)) for row in found_]
        page = ""
        if MachineScope.OBSERVATION_READ in may:
            if key is None:
                shown += observations.blind_times(conn, [who[0]["id"]], span.within(known))
            series = {row["id"]: row for row in rows}
            readings = observations.newest(
                conn, series, spans_of(conn, series, span, known, now), key, search.count + 1
            )
            if len(readings) > search.count:
                readings = readings[: search.count]
                page = f"{us_of(readings[-1][1])}.{readings[-1][0]}"
            shown += observations.resources(conn, series, readings)
        asking.seen(conn, [who[0]["id"]], len(shown))
    base = base_of(exchange, request)
    address = f"{base}/Patient/{who[0]['id']}/$everything"
    return answer(bundle(search, address, [entry(base, one) for one in shown], page))


def since(search: Search) -> Span:
    """The moments after ``_since``."""
    span = Span()
    for text in search.words("_since") or ():
        span = span.within(Search({"_since": [text if text[:2].isalpha() else f"ge{text}"]}, 1, "").span("_since"))
    return span


def _patients(search: Search) -> list[int] | None:
    first, second = search.ids("patient", "Patient"), search.ids("subject", "Patient")
    if first is None or second is None:
        return second if first is None else first
    return sorted(set(first) & set(second))


def _channels(search: Search) -> list[str]:
    words = search.words("code")
    wanted = GIVEN if words is None else channels_of(words)
    categories = search.words("category")
    if categories is not None:
        names = {word.rpartition("|")[2] for word in categories}
        wanted = frozenset(one for one in wanted if category_code(one) in names)
    return sorted(wanted)


def _whole(search: Search) -> bool:
    """Whether vital signs in general are asked for, not a single one."""
    return search.words("code") is None and {"vital-signs"} >= {
        word.rpartition("|")[2] for word in search.words("category") or ()
    }


def _with_halves(
    conn: Any, token: int, ids: list[int], who: list[int] | None, channels: list[str] | None
) -> dict[int, dict[str, Any]]:
    """These series, and the other halves of blood pressures."""
    rows = people.series(conn, token, ids=ids, patients=who, channels=channels) if ids else []
    halves = [row["device_id"] for row in rows if row["channel"] in (SYSTOLIC, DIASTOLIC)]
    if halves:
        rows += people.series(conn, token, devices=halves, channels=[SYSTOLIC, DIASTOLIC])
    return {row["id"]: row for row in rows}


def _one(conn: Any, series: observations.Series, name: str) -> list[observations.Reading]:
    number, _, us = name.partition("-")
    row = number_of(number)
    if row is None or row not in series or not (us.isascii() and us.isdecimal() and len(us) <= 17):
        return []
    return observations.one(conn, row, int(us))


def _uuids(words: list[str] | None) -> list[uuid.UUID] | None:
    if words is None:
        return None
    found_ = []
    for word in words:
        try:
            found_.append(uuid.UUID(word))
        except ValueError:
            continue
    return found_


def _key(page: str) -> tuple[int, uuid.UUID] | None:
    if not page:
        return None
    us, _, name = page.partition(".")
    (at,) = page_of(us, 1) or (0,)
    key = _uuids([name])
    if not key:
        page_of("?", 1)  # raises
        return None
    return at, key[0]


def _alerts(
    request: Request, exchange: Shared, asking: Asking, search: Search, span: Span, is_open: bool | None
) -> Response:
    updated = search.span("_lastUpdated").within(since(search))
    with exchange.database(asking.shown) as conn:
        rows = alerts.find(
            conn, asking.machine.token_id, ids=_uuids(search.words("_id")), patients=_patients(search), span=span,
            changed=None if updated.since == FIRST else updated.since, is_open=is_open, key=_key(search.page),
            limit=search.count + 1,
        )  # fmt: skip
        shown = rows[: search.count]
        asking.seen(conn, {row["resident_id"] for row in shown}, len(shown))
    page = f"{us_of(shown[-1]['raised_at'])}.{shown[-1]['id']}" if len(rows) > len(shown) else ""
    make = alerts.flag if request.url.path.endswith("/Flag") else alerts.detected_issue
    return found(exchange, request, search, [make(row, language_of(request)) for row in shown], page)


def _alert(name: str, request: Request, exchange: Shared, asking: Asking) -> Response:
    ids = _uuids([name])
    with exchange.database(asking.shown) as conn:
        rows = alerts.find(conn, asking.machine.token_id, ids=ids, limit=1) if ids else []
        asking.seen(conn, [row["resident_id"] for row in rows], len(rows))
    if not rows:
        raise missing()
    make = alerts.flag if "/Flag/" in request.url.path else alerts.detected_issue
    return answer(make(rows[0], language_of(request)))
