"""Packages at their times, registers fetched by themselves, an alarm where a receiver takes nothing: as the rounds."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from care_network.errors import ChangedMeanwhileError, KeyFileError
from care_network.identity import keys
from care_network.medical.keyring import KeyRing
from care_services.registers import leaving, pulling, sources
from care_services.registers.sources import SourceFields
from care_services.reporting import making, receivers, schedules
from care_services.reporting.receivers import ReceiverFields
from care_services.rounds import exchange
from care_services.rounds.jobs import jobs_of
from care_services.rounds.outside import Nobody
from care_services.rounds.running import turn
from shouwang.sweeping.alerts import Alerts
from tests.support.databases import of_service, url_of
from tests.support.local_pages import pages_beside
from tests.support.network import NOW, account, build_city

pytestmark = pytest.mark.integration
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
DAY = dt.timedelta(days=1)


@pytest.fixture
def city(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_city(conn)
        yield conn


def no_key() -> tuple[KeyRing | None, Ed25519PrivateKey]:
    raise KeyFileError(en="no key", zh="没有密钥")


def test_packages_are_made_at_their_times_and_a_silent_receiver_is_told_of(city: psycopg.Connection) -> None:
    admin = account(city, "admin")
    fields = ReceiverFields(code="city", name_zh="市级平台", name_en="City", url="https://127.0.0.1:9/x")
    receivers.save(city, admin, fields, 0, at=NOW, origin="test")
    number = schedules.add(city, admin, "city", "places", "day", 6, at=NOW)
    with (
        psycopg.connect(of_service(url_of(city), "reports"), autocommit=True) as rounds,
        psycopg.connect(of_service(url_of(city), "orders"), autocommit=True) as orders,
    ):
        assert schedules.make_due(rounds, NOW, no_key) == 0, "not before six o'clock"
        first = NOW + 0.8 * DAY
        assert schedules.make_due(rounds, first, no_key) == 0
        (one,) = schedules.listing(city, admin)
        assert (one.failures, one.fault) == (1, "没有密钥 no key")
        assert schedules.make_due(rounds, first + dt.timedelta(minutes=11), lambda: (None, KEY)) == 1
        (one,) = schedules.listing(city, admin)
        assert (one.failures, one.made_until) == (0, dt.date(2026, 11, 2))
        # after an outage of three days each missing day has its package
        assert schedules.make_due(rounds, first + 3 * DAY, lambda: (None, KEY)) == 3
        days = [one.starts_on.day for one in making.log(city, admin)]
        assert days == [5, 4, 3, 2]
        assert making.log(city, admin)[0].by_zh == "某", "in the name of whoever set it up"

        alarms = Alerts()
        assert exchange.tell_silent(orders, first + 2 * DAY, alarms) == 0
        late = first + 4.1 * DAY
        assert exchange.tell_silent(orders, late, alarms) == 1
        assert exchange.tell_silent(orders, late, alarms) == 0, "once"
        told = city.execute("SELECT severity, reason_zh, alert_is_open(state) FROM alert").fetchone()
        assert told is not None
        assert told[0] == "technical"
        assert "市级平台已 4 天未接收数据包，4 个待发送" in told[1]
        for one_package in reversed(making.log(city, admin)):
            making.handed_over(city, admin, one_package.id, "当面递交", at=late)
        assert exchange.tell_silent(orders, late + dt.timedelta(minutes=1), alarms) == 1
        assert city.execute("SELECT alert_is_open(state) FROM alert").fetchone() == (False,)

        city.execute("UPDATE account SET active = false WHERE login = 'admin'")
        assert schedules.make_due(rounds, first + 9 * DAY, lambda: (None, KEY)) == 0
        found = city.execute("SELECT fault FROM report_schedule").fetchone()
        assert found is not None
        assert "设置人的账号已停用" in found[0]
        city.execute("UPDATE account SET active = true WHERE login = 'admin'")
    (one,) = schedules.listing(city, admin)
    with pytest.raises(ChangedMeanwhileError):
        schedules.switch(city, admin, number, one.version + 1, active=False, at=NOW)
    schedules.switch(city, admin, number, one.version, active=False, at=NOW)
    assert not schedules.listing(city, admin)[0].active


def test_registers_are_fetched_at_their_times(city: psycopg.Connection, tmp_path: Path) -> None:
    ring, admin = keys.create(tmp_path / "identity.keys"), account(city, "admin")
    with pages_beside() as beside, psycopg.connect(of_service(url_of(city), "reports"), autocommit=True) as rounds:
        pulling.add(city, admin, "h", "other_platform", "医院", "Hospital", beside.url, "sz.yt", {}, at=NOW)
        assert pulling.pull_due(rounds, NOW, lambda: ring) == 0, "by hand until somebody sets it up"
        kept = sources.one(city, admin, "h")
        fields = SourceFields(
            code="h", register="other_platform", name_zh="医院", name_en="Hospital", url=beside.url,
            mapping={"name": "姓名", "phone": "电话"}, every_hours=24,
        )  # fmt: skip
        sources.save(city, admin, fields, kept.version, at=NOW)
        body = "姓名,电话\n陈,0755-12345678\n".encode()
        digest = pulling.digest_of(body)
        beside.answers += [(503, {}, b""), (200, {"Content-Digest": digest}, body)]
        assert pulling.pull_due(rounds, NOW, lambda: ring) == 0
        kept = sources.one(city, admin, "h")
        assert (kept.failures, kept.next_at) == (1, NOW + dt.timedelta(minutes=1))
        assert pulling.pull_due(rounds, NOW, lambda: ring) == 0, "not before its time"
        again = NOW + dt.timedelta(minutes=2)
        assert pulling.pull_due(rounds, again, lambda: ring) == 1
        kept = sources.one(city, admin, "h")
        assert (kept.failures, kept.good_at, kept.next_at) == (0, again, again + DAY)
        assert city.execute("SELECT lines FROM register_import").fetchone() == (1,)


def test_the_rounds_may_do_each_job_of_the_exchange(city: psycopg.Connection) -> None:
    leaving.record(city, account(city, "admin"), "R1", dt.date(2026, 11, 2), "died", "死亡证明", at=NOW)
    own = {"reports": {one.name for one in jobs_of("reports")}, "orders": {"silent_receivers", "leavings"}}
    assert own["reports"] == {"packages", "withdrawals", "register_pulls", "reports"}
    for service, names in own.items():
        with psycopg.connect(of_service(url_of(city), service), autocommit=True) as rounds:
            found = turn(rounds, Nobody(), NOW + 400 * DAY, [job for job in jobs_of(service) if job.name in names])
        assert found.faults == {}
        assert found.done.keys() == names
