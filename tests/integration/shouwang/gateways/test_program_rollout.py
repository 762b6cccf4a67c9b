"""A program goes to gateways ring by ring, waits for an open alert, and a bad one stops at the first gateway."""

import json
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from shouwang.cli.main import app
from tests.support.brokers import TestBroker
from tests.support.district import add_homes
from tests.support.gateway_desk import Gateway, changed_bundle
from tests.support.services import Service, wait_for

pytestmark = pytest.mark.integration
NAMES = ["gw-one", "gw-two"]


@pytest.mark.parametrize("broker", ["mosquitto"], indirect=True)
def test_rings(broker: TestBroker, database_url: str, tmp_path: Path) -> None:
    add_homes(database_url, NAMES)
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(
            "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path)"
            " VALUES ('root', 'x', '管理员', 'Admin', 'admin', 'd')"
        )
        conn.execute("INSERT INTO device (gateway_id, name, model) SELECT id, 'gateway', 'gateway' FROM gateway")

    settings = broker.settings("svc-console")
    environment = {"SHOUWANG_DATABASE_URL": database_url} | {
        f"SHOUWANG_BROKER_{name.upper()}": str(getattr(settings, name)) for name in settings.__struct_fields__
    }

    def shouwang(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["gateways", *arguments], env=environment)
        return done.output

    def stands() -> dict[str, tuple[str, str]]:
        found = json.loads(shouwang("programs", "--as", "root", "--json"))["gateways"]
        return {one["gateway"]: (one["state"], one["text"]) for one in found}

    gateways = []
    for name in NAMES:
        (tmp_path / name).mkdir()
        gateways.append(Gateway(broker, tmp_path / name, presses=False, name=name))
    ingest = Service("ingest", broker.settings("svc-ingest"), tmp_path, SHOUWANG_DATABASE_URL=database_url)
    ingest.start()
    for gateway in gateways:
        gateway.start()
    try:
        with psycopg.connect(database_url, autocommit=True) as conn:

            def online(count: int) -> bool:
                return conn.execute("SELECT count(*) FROM gateway WHERE state = 'online'").fetchone() == (count,)

            wait_for(lambda: online(2), 60, ingest.log)
            conn.execute(
                """
                INSERT INTO alert (id, rule, rule_version, severity, subject, household_id, onset, sensed_at,
                                   received_at, raised_at, reason_zh, reason_en, evidence)
                SELECT gen_random_uuid(), 'sos', 1, 'emergency', 'x', household_id, now(), now(), now(), now(),
                       '', '', '{}'
                FROM gateway WHERE name = 'gw-two'
                """
            )
            good = tmp_path / "good.bundle"
            good.write_bytes(changed_bundle(5))
            update = ("update", str(good), "--as", "root", "--ring", "50", "--ring", "100", "--healthy-hours", "0")
            said = shouwang(*update, "--once")
            assert stands()["gw-two"] == ("waiting", "an alert of this home is open"), said
            conn.execute("UPDATE alert SET state = 'resolved'")
            said = shouwang(*update)
            assert "all 2 gateways run 9.9" in said
            assert {state for state, _ in stands().values()} == {"running"}

            bad = tmp_path / "bad.bundle"
            bad.write_bytes(changed_bundle(6, {"edge_agent/agent.py": "raise RuntimeError('not today')\n"}))
            said = shouwang("update", str(bad), "--as", "root", "--ring", "50", "--ring", "100")
            assert "went back to its old program: taken back: RuntimeError: not today" in said
            assert sorted(state for state, _ in stands().values()) == ["returned", "waiting"]
            wait_for(lambda: online(2), 60, ingest.log)
            running = conn.execute("SELECT DISTINCT status ->> 'software' FROM gateway").fetchall()
            assert running == [("shouwang-edge 9.9+5",)]
    finally:
        for gateway in gateways:
            gateway.agent.stop()
        ingest.stop()
