"""Bulk export: begun, awaited, fetched, deleted; it goes on after a restart, and ends clearly where it is too large."""

import datetime as dt
from pathlib import Path

import msgspec
import psycopg
import pytest
from fhir.resources.R4B import get_fhir_model_class

from database.settings import DatabaseSettings
from exchange.bulk.making import Maker
from observability.liveness import Liveness
from tests.support.databases import of_service
from tests.support.exchange_site import ExchangeSite, exchange_site, now
from tests.support.orders import raise_alert
from tests.support.services import wait_for

pytestmark = pytest.mark.integration
AT = dt.datetime(2026, 11, 1, 2, tzinfo=dt.UTC)
ASYNC = {"Prefer": "respond-async"}


def fill(site: ExchangeSite) -> None:
    """Readings of R1, and of R2, who agrees, too."""
    site.consent("R2", "hospital")
    for resident in ("R1", "R2"):
        for channel, value in (
            ("heart_rate", 72),
            ("body_temperature", 36.64),
            ("systolic_bp", 131),
            ("diastolic_bp", 78),
        ):
            series = site.series(channel, resident)
            for minute in range(3):
                site.reading(series, AT + dt.timedelta(minutes=minute), value)
    raise_alert(site.conn, now())


def test_an_export_is_made_beside_the_requests_and_holds_what_the_search_gives(
    database_url: str, tmp_path: Path
) -> None:
    with exchange_site(database_url, tmp_path) as site, site.client(**ASYNC) as client:
        fill(site)
        begun = client.get("/fhir/$export")
        assert begun.status_code == 202
        place = begun.headers["content-location"].removeprefix(site.address)
        wait_for(lambda: client.get(place).status_code == 200, 20, lambda: client.get(place).text)
        manifest = client.get(place).json()
        counts = {one["type"]: one["count"] for one in manifest["output"]}
        assert counts == {
            "Patient": 2,
            "Device": 4,
            "DeviceMetric": 8,
            "Observation": 18,
            "DetectedIssue": 1,
            "Flag": 1,
        }
        found = {}
        for one in manifest["output"]:
            file = client.get(one["url"].removeprefix(site.address))
            assert file.headers["content-type"].startswith("application/fhir+ndjson")
            rows = [msgspec.json.decode(line) for line in file.content.splitlines()]
            assert len(rows) == one["count"]
            for row in rows:
                get_fhir_model_class(one["type"]).model_validate(row)
            found |= {row["id"]: row for row in rows if one["type"] == "Observation"}
        searched = client.get("/fhir/Observation?_count=100").json()["entry"]
        assert {one["resource"]["id"]: one["resource"] for one in searched} == found
        site.conn.execute(
            "UPDATE exchange_consent SET withdrawn_at = now() WHERE resident_id = %s", (site.resident_id(),)
        )
        assert client.get(manifest["output"][0]["url"].removeprefix(site.address)).status_code == 410
        assert client.delete(place).status_code == 202
        assert client.get(place).status_code == 404
        assert client.get("/fhir/$export", headers={"Prefer": "x"}).status_code == 400
        assert client.get("/fhir/Patient/$export?_type=Nothing").status_code == 400
        some = client.get("/fhir/Patient/$export?_type=Patient&_since=2026-01-01").headers["content-location"]
        assert client.get(some.removeprefix(site.address)).status_code in (200, 202)


def test_it_goes_on_after_a_restart_and_fails_in_words_where_it_is_too_large(database_url: str, tmp_path: Path) -> None:
    own = of_service(database_url, "exchange")
    with psycopg.connect(database_url, autocommit=True) as conn, psycopg.connect(own, autocommit=True) as mine:
        from tests.support.network import build_city

        build_city(conn)
        site = ExchangeSite("", conn)
        fill(site)

        def begin() -> str:
            row = conn.execute(
                """
                INSERT INTO exchange_export (id, account_id, token_id, request, types, until, residents, created_at,
                                             expires_at)
                SELECT gen_random_uuid(), account_id, id, '', '{Observation}', now(), %s, now(),
                       now() + interval '1 day' FROM machine_token RETURNING id::text
                """,
                ([site.resident_id("R1"), site.resident_id("R2")],),
            ).fetchone()
            assert row is not None
            return str(row[0])

        number, looks = begin(), iter((False, True))
        first = Maker(DatabaseSettings(url=own), tmp_path, 10, Liveness())
        assert first.turn(mine, lambda: next(looks))  # ends after one resident
        (done,) = conn.execute("SELECT done FROM exchange_export").fetchone() or (0,)
        assert done == 1
        file = tmp_path / number / "1.ndjson"
        with file.open("ab") as half:
            half.write(b'{"resourceType": "Obs')  # and died amid the second
        Maker(DatabaseSettings(url=own), tmp_path, 10, Liveness()).turn(mine, lambda: False)
        assert [msgspec.json.decode(line)["resourceType"] for line in file.read_bytes().splitlines()] == [
            "Observation"
        ] * 18
        assert conn.execute("SELECT state FROM exchange_export").fetchone() == ("done",)
        begin()
        Maker(DatabaseSettings(url=own), tmp_path, 0, Liveness()).turn(mine, lambda: False)
        assert conn.execute("SELECT state FROM exchange_export WHERE problem_en LIKE '%_since%'").fetchone() == (
            "failed",
        )
