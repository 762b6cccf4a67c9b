"""FHIR as another system reads it: who is given out, in a form that fhir.resources takes, page by page, audited."""

import datetime as dt
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fhir.resources.R4B import get_fhir_model_class

from ingest.batches import horizon
from tests.support.exchange_site import ExchangeSite, exchange_site, now
from tests.support.orders import raise_alert

pytestmark = pytest.mark.integration
AT = dt.datetime(2026, 11, 1, 2, tzinfo=dt.UTC)


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ExchangeSite]:
    with exchange_site(database_url, tmp_path) as site:
        yield site


def resources(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    """The resources of a bundle; all of it is checked against R4B's models."""
    valid(bundle)
    return [one["resource"] for one in bundle.get("entry", ())]


def valid(resource: dict[str, Any]) -> None:
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)


def test_only_residents_who_agreed_and_lie_in_the_area_are_given_out(site: ExchangeSite) -> None:
    with site.client() as client:
        found = resources(client.get("/fhir/Patient").json())
        assert [one["identifier"][0]["value"] for one in found] == ["R1"]
        other = site.resident_id("R2")
        assert client.get(f"/fhir/Patient/{other}").status_code == 404
        site.consent("R2", "hospital")
        assert client.get(f"/fhir/Patient/{other}").status_code == 200
        site.conn.execute("UPDATE exchange_consent SET withdrawn_at = now() WHERE resident_id = %s", (other,))
        refused = client.get(f"/fhir/Patient/{other}")
        assert refused.status_code == 404
        valid(refused.json())
    with site.client(site.new_token("clinic", area="sz.yt.ms")) as client:
        site.conn.execute(
            "INSERT INTO exchange_consent (resident_id, account_id, purpose, given_at)"
            " SELECT %s, id, 'care', now() FROM account WHERE login = 'clinic'", (site.resident_id("R1"),)
        )  # fmt: skip
        assert resources(client.get("/fhir/Patient").json()) == []  # agreed, and outside the token's area


def test_readings_come_with_codes_units_and_the_pressure_in_its_panel(site: ExchangeSite) -> None:
    pulse, high, low = (site.series(one) for one in ("heart_rate", "systolic_bp", "diastolic_bp"))
    for series, value in ((pulse, 72), (high, 131), (low, 78)):
        site.reading(series, AT, value)
    site.reading(high, AT + dt.timedelta(minutes=1), 140)
    site.reading(site.series("motion"), AT, 1)
    person = site.resident_id()
    with site.client() as client:
        found = resources(client.get(f"/fhir/Observation?patient={person}").json())
        assert len(found) == 3  # motion tells how a person lives, and stays
        by_code = {(one["code"]["coding"][0]["code"], one["effectiveDateTime"]): one for one in found}
        assert by_code["8867-4", "2026-11-01T02:00:00.000Z"]["valueQuantity"] == {
            "value": 72, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"
        }  # fmt: skip
        both = by_code["85354-9", "2026-11-01T02:00:00.000Z"]["component"]
        assert [one["valueQuantity"]["value"] for one in both] == [131, 78]
        half = by_code["85354-9", "2026-11-01T02:01:00.000Z"]["component"]
        assert half[1]["dataAbsentReason"]["coding"][0]["code"] == "unknown"
        one = client.get(f"/fhir/Observation/{found[0]['id']}")
        assert one.json() == found[0]
        only = resources(client.get("/fhir/Observation?code=http://loinc.org|8867-4").json())
        assert [reading["id"] for reading in only] == [f"{pulse}-{round(AT.timestamp() * 1e6)}"]
        assert resources(client.get("/fhir/Observation?date=lt2026-11-01T10:00:00%2B08:00").json()) == []


@pytest.mark.parametrize("query", ["", "patient={person}&"])
def test_what_came_late_is_told_to_who_asks_for_what_is_new(site: ExchangeSite, query: str) -> None:
    pulse, at = site.series("heart_rate"), now()
    ages = {71: dt.timedelta(minutes=2), 72: dt.timedelta(days=3), 73: dt.timedelta(days=9), 74: dt.timedelta(days=20)}
    for value, age in ages.items():
        site.reading(pulse, at - age, value)
    late = np.array([(at - age).timestamp() * 1e6 for age in (ages[71], ages[72], ages[73])], np.int64)
    with site.conn.transaction(), site.conn.cursor() as cursor:
        horizon.note_arrivals(cursor, late, np.full(3, pulse, np.int32), round(at.timestamp() * 1e6))
    hour = (at - dt.timedelta(hours=1)).isoformat().replace("+", "%2B")
    with site.client() as client:
        address = f"/fhir/Observation?{query.format(person=site.resident_id())}_since="
        found = resources(client.get(address + hour).json())
        assert {one["valueQuantity"]["value"] for one in found} == {71, 72, 73}, "stored within the hour"
        ahead = (at + dt.timedelta(hours=1)).isoformat().replace("+", "%2B")
        assert resources(client.get(address + ahead).json()) == []
        long_ago = (at - dt.timedelta(days=60)).isoformat().replace("+", "%2B")
        assert len(resources(client.get(address + long_ago).json())) == 4, "all that could have come since"


@pytest.mark.parametrize("query", ["", "patient={person}&", "patient={person}&_sort=date&"])
def test_pages_follow_each_other_by_key_and_lose_nothing(site: ExchangeSite, query: str) -> None:
    pulse, oxygen = site.series("heart_rate"), site.series("spo2")
    for minute in range(7):
        site.reading(pulse, AT + dt.timedelta(minutes=minute), 70 + minute)
        site.reading(oxygen, AT + dt.timedelta(minutes=minute), 95)
    seen: list[str] = []
    with site.client() as client:
        address = f"/fhir/Observation?{query.format(person=site.resident_id())}_count=4"
        while address:
            bundle = client.get(address).json()
            seen += [one["id"] for one in resources(bundle)]
            address = next((one["url"] for one in bundle["link"] if one["relation"] == "next"), "")
    assert len(seen) == len(set(seen)) == 14


def test_alerts_are_issues_and_flags(site: ExchangeSite) -> None:
    alert = raise_alert(site.conn, now())
    raise_alert(site.conn, now(), resident="R2")
    with site.client() as client:
        (issue,) = resources(client.get("/fhir/DetectedIssue").json())
        assert (issue["id"], issue["severity"], issue["detail"]) == (str(alert), "high", "fall")
        (flag,) = resources(client.get("/fhir/Flag?status=active").json())
        assert flag["subject"] == {"reference": f"Patient/{site.resident_id()}"}
        assert resources(client.get("/fhir/Flag?status=inactive").json()) == []
        assert client.get(f"/fhir/Flag/{uuid.uuid4()}").status_code == 404
        valid(client.get(f"/fhir/DetectedIssue/{alert}").json())
        assert resources(client.get("/fhir/DetectedIssue?_lastUpdated=gt2200-01-01").json()) == []


def test_everything_of_a_resident_goes_on_page_by_page(site: ExchangeSite) -> None:
    pulse = site.series("heart_rate")
    for minute in range(5):
        site.reading(pulse, AT + dt.timedelta(minutes=minute), 70)
    raise_alert(site.conn, now())
    with site.client() as client:
        first = client.get(f"/fhir/Patient/{site.resident_id()}/$everything?_count=3").json()
        kinds = [one["resourceType"] for one in resources(first)]
        devices = ["Device"] * 2  # the gateway speaks of its own health
        assert kinds == ["Patient", *devices, "DeviceMetric", "DetectedIssue", *["Observation"] * 3]
        second = client.get(first["link"][1]["url"]).json()
        assert [one["resourceType"] for one in resources(second)] == ["Observation"] * 2


def test_a_time_without_any_device_is_told_in_place_of_readings(site: ExchangeSite) -> None:
    person = site.resident_id()
    for minute, level in ((0, 0), (10, 3), (40, 0)):
        site.conn.execute(
            "INSERT INTO protection_change (at, resident_id, function, level, reason) VALUES (%s, %s, 5, %s, '{}')",
            (AT + dt.timedelta(minutes=minute), person, level),
        )
    with site.client() as client:
        (blind,) = resources(client.get(f"/fhir/Observation?patient={person}").json())
        assert blind["dataAbsentReason"]["coding"][0]["code"] == "error"
        assert blind["effectivePeriod"] == {"start": "2026-11-01T02:10:00.000Z", "end": "2026-11-01T02:40:00.000Z"}
        assert client.get(f"/fhir/Observation/{blind['id']}").json() == blind


def test_every_look_is_in_the_audit_of_the_resident(site: ExchangeSite) -> None:
    with site.client() as client:
        client.get("/fhir/Patient")
    (line,) = site.conn.execute(
        "SELECT r.code, a.login, e.detail ->> 'scope', e.detail ->> 'path' FROM audit e"
        " JOIN account a ON a.id = e.account_id JOIN resident r ON r.id = e.resident_id"
        " WHERE e.action = 'exchange_read'"
    ).fetchall()
    assert line == ("R1", "hospital", "patient.read", "/fhir/Patient")


def test_errors_are_outcomes_in_the_clients_language(site: ExchangeSite) -> None:
    with site.client(language="zh-CN,zh;q=0.9") as client:
        for address, status, word in (
            ("/fhir/Patient/999999", 404, "没有此资源"),
            ("/fhir/Patient?name=Chen", 400, "不支持检索参数"),
            ("/fhir/Observation?date=yesterday", 400, "不是日期"),
            ("/fhir/Nothing", 404, "没有这个地址"),
        ):
            answer = client.get(address)
            assert (answer.status_code, answer.headers["content-type"]) == (status, "application/fhir+json"), address
            assert word in answer.json()["issue"][0]["diagnostics"]
            valid(answer.json())
        valid(client.get("/fhir/metadata").json())
