"""The page of storage: unknown before anything was measured, growth with its uncertainty, another retention."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from database import maintenance
from database.grade import schema_grade
from database.retention import Retention, load_retention
from database.upkeep import samples as storage_samples
from tests.support.console_site import ConsoleSite, console_site
from tests.support.databases import of_service

pytestmark = pytest.mark.integration
NOW = dt.datetime.now(dt.UTC)


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    with console_site(database_url, tmp_path) as found:
        yield found


def test_sizes_are_unknown_until_the_maintenance_service_has_measured(
    site: ConsoleSite, database_url: str, tmp_path: Path
) -> None:
    with site.client("dispatcher") as client:
        assert "尚未测量" in client.get("/storage").text
        with psycopg.connect(of_service(database_url, "maintain"), autocommit=True) as conn:
            grade = schema_grade(conn)
            assert grade is not None
            assert storage_samples.is_due(conn, NOW)
            storage_samples.take(conn, grade, NOW, tmp_path)
            assert not storage_samples.is_due(conn, NOW)
        shown = client.get("/storage").text
        assert "尚未测量" not in shown
        assert "按目前增长" not in shown, "one sample tells no growth"
        site.conn.execute(
            "INSERT INTO storage_sample (at, sizes, free_bytes) SELECT now() - n * interval '1 day',"
            " jsonb_build_object('all', (100 - n) * 1048576::bigint), NULL FROM generate_series(1, 9) n"
        )
        site.conn.execute(
            "UPDATE storage_sample SET sizes = jsonb_set(sizes, '{all}', '104857600') WHERE at > %s",
            (NOW - dt.timedelta(hours=1),),
        )
        site.conn.execute("UPDATE storage_sample SET free_bytes = 31457280 WHERE free_bytes IS NOT NULL")
        shown = client.get("/storage").text
        assert "1.0 MB" in shown
        assert "约 30 天后" in shown
        assert "没有备份报告" in shown


def test_another_retention_says_what_it_deletes_and_is_set_by_the_maintenance_service(
    site: ConsoleSite, database_url: str
) -> None:
    wanted = {"raw_days": 30, "minute_days": 730, "hour_days": 3650, "seen": "90/730/3650"}
    with site.client("admin") as client:
        for fields, word in (({"raw_days": 2}, "请填 4 至 3650 天"), ({"minute_days": 10}, "不能短于原始读数")):
            answer = client.post("/storage/retention", data={**wanted, **fields})
            assert answer.status_code == 422
            assert word in answer.text
        assert "将在一小时内删除" in client.post("/storage/retention", data=wanted).text
        assert load_retention(site.conn) == Retention(), "only asked"
        stale = client.post("/storage/retention", data={**wanted, "seen": "91/730/3650", "agreed": "true"})
        assert stale.status_code == 409
        assert client.post("/storage/retention", data={**wanted, "agreed": "true"}).status_code == 303
        assert "admin 申请" in client.get("/storage").text
        with psycopg.connect(of_service(database_url, "maintain"), autocommit=True) as conn:
            assert not maintenance.carry_out(conn), "it can be withdrawn"
            site.conn.execute("UPDATE upkeep_request SET due_at = now()")
            assert maintenance.carry_out(conn)
        assert load_retention(site.conn).raw_days == 30
    site.conn.execute("UPDATE account SET area_path = 'sz.yt.hs' WHERE login = 'admin'")
    with site.client("admin") as client:
        answer = client.post(
            "/storage/retention", data={**wanted, "raw_days": 20, "seen": "30/730/3650", "agreed": "true"}
        )
        assert answer.status_code == 403
