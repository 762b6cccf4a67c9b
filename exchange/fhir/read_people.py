"""Routes of FHIR about who and what: Patient, Device, DeviceMetric."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from care_network.access.machine_tokens import MachineScope
from exchange.fhir import people
from exchange.fhir.answers import example, found, missing, search_of
from exchange.fhir.answers import fhir as answer
from exchange.fhir.codes import channels_of
from exchange.fhir.search import key_of, number_of, page_of
from exchange.shell.access import Asking, scoped
from exchange.shell.state import Shared

router = APIRouter(prefix="/fhir", tags=["FHIR"])
Count = Annotated[int | None, Query(alias="_count", description="resources on a page; 50 by default, 1,000 at most")]
Page = Annotated[str | None, Query(alias="_page", description="of a link 'next', as it is")]
Ids = Annotated[str | None, Query(alias="_id", description="numbers, with commas")]
PATIENT = {
    "resourceType": "Patient",
    "id": "7",
    "identifier": [{"system": "urn:shouwang:resident", "value": "R0007"}],
    "active": True,
    "name": [{"use": "official", "text": "陈桂兰"}, {"text": "Chen Guilan"}],
    "gender": "female",
    "birthDate": "1941-03-02",
}
DEVICE = {
    "resourceType": "Device",
    "id": "31",
    "identifier": [{"system": "urn:shouwang:device", "value": "gw-0007/oximeter"}],
    "manufacturer": "Nonin",
    "patient": {"reference": "Patient/7"},
}
METRIC = {
    "resourceType": "DeviceMetric",
    "id": "112",
    "category": "measurement",
    "source": {"reference": "Device/31"},
    "type": {"coding": [{"system": "http://loinc.org", "code": "59408-5"}], "text": "oxygen saturation"},
}


def bundle_of(resource: dict[str, Any]) -> dict[str, Any]:
    """An example of a page with this resource."""
    kind, base = resource["resourceType"], "https://exchange.example.org/fhir"
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": [{"relation": "self", "url": f"{base}/{kind}?_count=50"}],
        "entry": [{"fullUrl": f"{base}/{kind}/{resource['id']}", "resource": resource, "search": {"mode": "match"}}],
    }


@router.get("/Patient", responses=example(bundle_of(PATIENT)))
def patients(
    request: Request, exchange: Shared, asking: Annotated[Asking, scoped(MachineScope.PATIENT_READ)],
    _id: Ids = None, identifier: Annotated[str | None, Query(description="the resident's code: R0007")] = None,
    _count: Count = None, _page: Page = None,
) -> Response:  # fmt: skip
    """Residents who agreed to be known to this system, by their number."""
    search = search_of(request, "_id", "identifier")
    after = page_of(search.page, 1) or (0,)
    words = search.words("identifier")
    codes = None if words is None else [word.removeprefix("urn:shouwang:resident|") for word in words]
    with exchange.database(asking.shown) as conn:
        rows = people.patients(
            conn, asking.machine.token_id, ids=search.ids("_id", "Patient"), codes=codes,
            after=min(after[0], 2**31 - 1), limit=search.count + 1,
        )  # fmt: skip
        shown = rows[: search.count]
        asking.seen(conn, [row["id"] for row in shown], len(shown))
    page = str(shown[-1]["id"]) if len(rows) > len(shown) else ""
    return found(exchange, request, search, [people.patient(row) for row in shown], page)


@router.get("/Patient/{number}", responses=example(PATIENT))
def patient(number: str, exchange: Shared, asking: Annotated[Asking, scoped(MachineScope.PATIENT_READ)]) -> Response:
    """One resident."""
    wanted = number_of(number)
    with exchange.database(asking.shown) as conn:
        rows = people.patients(conn, asking.machine.token_id, ids=[wanted], limit=1) if wanted else []
        asking.seen(conn, [row["id"] for row in rows], len(rows))
    if not rows:
        raise missing()
    return answer(people.patient(rows[0]))


@router.get("/Device", responses=example(bundle_of(DEVICE)))
def devices(
    request: Request, exchange: Shared, asking: Annotated[Asking, scoped(MachineScope.DEVICE_READ)],
    _id: Ids = None, patient: Annotated[str | None, Query(description="Patient/7, or 7")] = None,
    identifier: Annotated[str | None, Query(description="gateway/device")] = None,
    _count: Count = None, _page: Page = None,
) -> Response:  # fmt: skip
    """Devices that measure these residents."""
    search = search_of(request, "_id", "patient", "identifier")
    key = key_of(search.page)
    words = search.words("identifier")
    names = None if words is None else [word.removeprefix("urn:shouwang:device|") for word in words]
    with exchange.database(asking.shown) as conn:
        rows = people.devices(
            conn, asking.machine.token_id, ids=search.ids("_id", "Device"), patients=search.ids("patient", "Patient"),
            names=names, key=key, limit=search.count + 1,
        )  # fmt: skip
        shown = rows[: search.count]
        asking.seen(conn, {row["resident_id"] for row in shown}, len(shown))
    page = f"{shown[-1]['resident_id']}.{shown[-1]['id']}" if len(rows) > len(shown) else ""
    return found(exchange, request, search, [people.device(row) for row in shown], page)


@router.get("/Device/{number}", responses=example(DEVICE))
def device(number: str, exchange: Shared, asking: Annotated[Asking, scoped(MachineScope.DEVICE_READ)]) -> Response:
    """One device."""
    wanted = number_of(number)
    with exchange.database(asking.shown) as conn:
        rows = people.devices(conn, asking.machine.token_id, ids=[wanted], limit=1) if wanted else []
        asking.seen(conn, [row["resident_id"] for row in rows], len(rows))
    if not rows:
        raise missing()
    return answer(people.device(rows[0]))


@router.get("/DeviceMetric", responses=example(bundle_of(METRIC)))
def metrics(
    request: Request, exchange: Shared, asking: Annotated[Asking, scoped(MachineScope.DEVICE_READ)],
    _id: Ids = None, source: Annotated[str | None, Query(description="Device/31, or 31")] = None,
    type: Annotated[str | None, Query(description="LOINC, or urn:shouwang:channel|…")] = None,
    _count: Count = None, _page: Page = None,
) -> Response:  # fmt: skip
    """Quantities that these devices measure."""
    search = search_of(request, "_id", "source", "type")
    key = key_of(search.page)
    words = search.words("type")
    channels = None if words is None else sorted(channels_of(words))
    with exchange.database(asking.shown) as conn:
        rows = people.series(
            conn, asking.machine.token_id, ids=search.ids("_id", "DeviceMetric"),
            devices=search.ids("source", "Device"), channels=channels, key=key, limit=search.count + 1,
        )  # fmt: skip
        shown = rows[: search.count]
        asking.seen(conn, {row["resident_id"] for row in shown}, len(shown))
    page = f"{shown[-1]['resident_id']}.{shown[-1]['id']}" if len(rows) > len(shown) else ""
    return found(exchange, request, search, [people.metric(row) for row in shown], page)


@router.get("/DeviceMetric/{number}", responses=example(METRIC))
def metric(number: str, exchange: Shared, asking: Annotated[Asking, scoped(MachineScope.DEVICE_READ)]) -> Response:
    """One of them."""
    wanted = number_of(number)
    with exchange.database(asking.shown) as conn:
        rows = people.series(conn, asking.machine.token_id, ids=[wanted], limit=1) if wanted else []
        asking.seen(conn, [row["resident_id"] for row in rows], len(rows))
    if not rows:
        raise missing()
    return answer(people.metric(rows[0]))
