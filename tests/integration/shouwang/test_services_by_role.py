"""The whole platform with a role for each service: readings are stored, an alert is told, and no right is missing."""

from pathlib import Path

import msgspec
import psycopg
import pytest

from database.rights.roles import role_of
from device_simulators.homes import demo_home
from shouwang.gateways.commands import ask
from shouwang.platform.platform import SERVICES
from tests.support.live_platform import live_platform
from tests.support.services import wait_for

pytestmark = pytest.mark.integration


def test_every_service_works_with_its_own_role(tmp_path: Path) -> None:
    with (
        live_platform(tmp_path / "data", 2) as (platform, _),
        psycopg.connect(platform.postgres.url, autocommit=True) as conn,
    ):

        def connected() -> set[str]:
            return {name for (name,) in conn.execute("SELECT usename FROM pg_stat_activity WHERE usename IS NOT NULL")}

        def stored() -> bool:
            row = conn.execute("SELECT EXISTS (SELECT FROM reading), EXISTS (SELECT FROM ingest_stream)").fetchone()
            return row == (True, True)

        wait_for(lambda: {role_of(service) for service in SERVICES} <= connected(), 90, lambda: str(connected()))
        wait_for(stored, 90, lambda: "no reading is stored")
        supers = conn.execute("SELECT usename FROM pg_stat_activity JOIN pg_roles ON rolname = usename WHERE rolsuper"
                              " AND application_name LIKE 'shouwang-%'").fetchall()  # fmt: skip
        assert supers == [], "no service is a superuser"

        def guarded() -> bool:
            told = "SELECT count(*), min((status->>'signed_commands')::int) FROM gateway WHERE name = ANY(%s)"
            return conn.execute(told, ([demo_home(number).gateway for number in (1, 2)],)).fetchone() == (2, 3)

        wait_for(guarded, 30, lambda: "the homes take unsigned commands")
        first = demo_home(1).gateway
        broker = platform.service_broker("svc-console")
        assert ask(broker, first, "ping", {}, b"", 30).ok
        assert not ask(msgspec.structs.replace(broker, command_key=None), first, "ping", {}, b"", 30).ok
