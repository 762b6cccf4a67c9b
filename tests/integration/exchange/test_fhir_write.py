"""What other systems bring: each reading once and on its way by the broker, what cannot be taken in the quarantine."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from care_network.access import machine_tokens
from database.settings import DatabaseSettings
from exchange.intake.reading import Measured, Refused
from exchange.intake.storing import Intake
from firmware_profiles import wire
from ingest.service import Ingest
from ingest.settings import IngestSettings
from tests.support.brokers import TestBroker
from tests.support.exchange_site import ExchangeSite, exchange_site, now
from tests.support.services import in_thread, wait_for

pytestmark = pytest.mark.integration


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ExchangeSite]:
    with exchange_site(database_url, tmp_path) as site:
        yield site


def pulse(site: ExchangeSite, value: float = 72, minutes: float = 5, **other: Any) -> dict[str, Any]:
    """An Observation as a hospital sends it."""
    at = (now() - dt.timedelta(minutes=minutes)).isoformat(timespec="milliseconds")
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "subject": {"reference": f"Patient/{site.resident_id()}"},
        "effectiveDateTime": at,
        "valueQuantity": {"value": value, "system": "http://unitsofmeasure.org", "code": "/min"},
    } | other


def frames(conn: psycopg.Connection[Any]) -> list[wire.Frame]:
    rows = conn.execute("SELECT payload FROM exchange_frame ORDER BY id").fetchall()
    return [wire.decode(wire.Frame, bytes(payload)) for (payload,) in rows]


def quarantined(conn: psycopg.Connection[Any]) -> list[str]:
    return [code for (code,) in conn.execute("SELECT code FROM quarantine ORDER BY id")]


def test_an_observation_is_taken_once_and_goes_as_a_frame_of_the_home(site: ExchangeSite) -> None:
    sent = pulse(site)
    with site.client() as client:
        first, again = (client.post("/fhir/Observation", json=sent) for _ in range(2))
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.headers["location"] == again.headers["location"]
        assert again.json()["issue"][0]["code"] == "duplicate"
        other = client.post("/fhir/Observation", json=sent | {"valueQuantity": {"value": 80, "code": "/min"}})
        assert (other.status_code, other.json()["issue"][0]["code"]) == (422, "conflict")
    (frame,) = frames(site.conn)
    assert (frame.gateway, frame.epoch, frame.seq, frame.series[0].channel) == (
        "gw-1",
        wire.EXCHANGE_EPOCH,
        1,
        "heart_rate",
    )
    assert frame.series[0].floats().tolist() == [72.0]
    assert quarantined(site.conn) == ["contradiction"]
    (device,) = site.conn.execute("SELECT name, model FROM device WHERE model = 'external-system'").fetchall()
    assert device[0] == frame.series[0].device


def test_a_batch_answers_each_entry_and_refuses_in_words(site: ExchangeSite) -> None:
    site.resident_id("R2")
    foreign = {"reference": f"Patient/{site.resident_id('R2')}"}
    wrong = [
        pulse(site, subject=foreign),
        pulse(site, code={"coding": [{"system": "http://loinc.org", "code": "1-8"}]}),
        pulse(site, valueQuantity={"value": 1, "code": "kPa"}),
        pulse(site, 900),
        pulse(site, minutes=-60),
        pulse(site, minutes=60 * 24 * 100),
        pulse(site, effectiveDateTime="2026-11-01"),
        pulse(site, status="entered-in-error"),
    ]
    pressure = pulse(site, identifier=[{"system": "s", "value": "1"}])
    del pressure["valueQuantity"]
    pressure["code"] = {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]}
    pressure["component"] = [
        {
            "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
            "valueQuantity": {"value": value, "code": "kPa"},
        }
        for code, value in (("8480-6", 16), ("8462-4", 10.4))
    ]
    entries = [
        {"resource": one, "request": {"method": "POST", "url": "Observation"}}
        for one in (pulse(site), pressure, *wrong)
    ]
    with site.client() as client:
        entries.append({"request": {"method": "DELETE", "url": "Patient/1"}})
        answer = client.post("/fhir", json={"resourceType": "Bundle", "type": "batch", "entry": entries}).json()
    statuses = [one["response"]["status"][:3] for one in answer["entry"]]
    assert statuses == ["201", "201", *["422"] * len(wrong), "405"]
    assert quarantined(site.conn) == [
        "unknown patient", "unknown channel", "wrong unit", "impossible value", "time ahead", "time too old",
        "not a reading", "not a reading",
    ]  # fmt: skip
    (frame,) = frames(site.conn)
    assert sorted(one.channel for one in frame.series) == ["diastolic_bp", "heart_rate", "systolic_bp"]


def test_of_a_transaction_all_or_nothing_is_taken(site: ExchangeSite) -> None:
    entries = [
        {"resource": one, "request": {"method": "POST", "url": "Observation"}}
        for one in (pulse(site), pulse(site, 900))
    ]
    body = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    with site.client() as client:
        answer = client.post("/fhir", json=body)
        assert answer.status_code == 422
        assert answer.json()["issue"][0]["expression"] == ["Bundle.entry[1]"]
        assert (frames(site.conn), quarantined(site.conn)) == ([], ["impossible value"])
        body["entry"] = entries[:1]
        assert client.post("/fhir", json=body).json()["type"] == "transaction-response"
    assert len(frames(site.conn)) == 1


def test_nightscout_sends_and_reads_by_its_secret(site: ExchangeSite) -> None:
    secret = {"api-secret": machine_tokens.nightscout_secret(site.token)}
    ms = int(now().timestamp() * 1000) - 600_000
    sent = [{"type": "sgv", "sgv": 120, "date": ms, "device": "xDrip"}, {"type": "mbg", "mbg": 100, "date": ms}]
    with site.client("", **secret) as client:
        assert client.get("/api/v1/status.json").json()["status"] == "ok"
        for _ in range(2):
            answer = client.post("/api/v1/entries.json", json=sent)
            assert (answer.status_code, len(answer.json())) == (200, 1)
        (frame,) = frames(site.conn)
        assert frame.series[0].floats()[0] == pytest.approx(120 / 18.0182)
        series = site.conn.execute("SELECT id FROM series WHERE channel = 'glucose'").fetchone()
        assert series is not None
        site.reading(series[0], dt.datetime.fromtimestamp(ms / 1000, dt.UTC), float(frame.series[0].floats()[0]))
        (entry,) = client.get("/api/v1/entries.json", params={"count": 5, "find[date][$gte]": ms}).json()
        assert (entry["sgv"], entry["date"], entry["_id"]) == (120, ms, answer.json()[0]["_id"])
        assert client.get("/api/v1/entries/sgv.json", params={"find[date][$gt]": ms}).json() == []
        assert client.post("/api/v1/entries", json={"sgv": "high", "date": ms}).status_code == 422
        site.consent("R2", "hospital")
        assert client.get("/api/v1/entries").status_code == 422  # several residents: name one
        assert client.get("/api/v1/entries?patient=R1").status_code == 200
    with site.client("", **{"api-secret": "0" * 40}) as client:
        assert client.get("/api/v1/entries").status_code == 401


VALUES = st.lists(
    st.tuples(st.integers(0, 3), st.integers(60, 62), st.one_of(st.none(), st.integers(0, 2))), max_size=12
)


def test_whatever_is_sent_again_is_stored_once(site: ExchangeSite) -> None:
    (token, account) = site.conn.execute("SELECT id, account_id FROM machine_token").fetchone() or (0, 0)
    begin = int(now().timestamp()) * 1_000_000 - 3_600_000_000

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(VALUES)
    def check(sent: list[tuple[int, int, int | None]]) -> None:
        stored: dict[int, float] = {}
        named: dict[bytes, tuple[int, float]] = {}
        with site.conn.transaction(force_rollback=True):
            intake = Intake(site.conn, token, account, "hospital", now())
            for minute, value, name in sent:
                identifier = None if name is None else bytes([name]) * 32
                good = stored.get(minute, value) == value and (
                    identifier is None or named.get(identifier, (minute, value)) == (minute, value)
                )
                one = Measured(
                    patient="R1",
                    channel="heart_rate",
                    time_us=begin + minute * 60_000_000,
                    value=value,
                    identifier=identifier,
                )
                try:
                    outcome = intake.take([one]).outcome
                except Refused:
                    assert not good
                else:
                    assert good
                    assert outcome == ("repeated" if minute in stored else "new")
                    if minute not in stored and identifier is not None:
                        named[identifier] = (minute, value)
                    stored[minute] = value
            rows = site.conn.execute("SELECT count(*) FROM exchange_observation").fetchone()
            assert rows == (len(stored),)

    check()


@pytest.mark.parametrize("broker", ["nats"], indirect=True)
def test_ingest_stores_what_was_brought_once_whatever_is_sent_again(
    database_url: str, tmp_path: Path, broker: TestBroker
) -> None:
    broker.allow(["gw-1", "gw-2"])
    ingest = Ingest(IngestSettings(), DatabaseSettings(url=database_url), broker.settings("svc-ingest"))
    with (
        exchange_site(database_url, tmp_path, broker.settings("svc-exchange")) as site,
        in_thread(ingest.run),
        site.client() as client,
    ):
        wait_for(lambda: ingest.connected, 20, lambda: "ingest does not connect")
        sent = pulse(site)
        location = client.post("/fhir/Observation", json=sent).headers["location"]
        wait_for(lambda: client.get(location.removeprefix(site.address)).status_code == 200, 20, lambda: "not stored")
        found = client.get(location.removeprefix(site.address)).json()
        assert found["valueQuantity"]["value"] == 72
        # a crash after the broker took it: the same frame once more
        (payload,) = site.conn.execute(
            "SELECT count(*) FROM ingest_stream WHERE epoch = 0 AND stream = 'live'"
        ).fetchone() or (0,)
        assert payload == 1
        assert client.post("/fhir/Observation", json=sent).status_code == 200
        assert client.post("/fhir/Observation", json=pulse(site, 75, 3)).status_code == 201
        wait_for(
            lambda: site.conn.execute("SELECT count(*) FROM reading").fetchone() == (2,), 20, lambda: "not two readings"
        )
        wait_for(lambda: not frames(site.conn), 10, lambda: "frames stay")
