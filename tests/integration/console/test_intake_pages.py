"""The pages of the quarantine and of gaps, and ingest that carries out what was asked there."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from care_network.upkeep.refused import REASONS
from database.upkeep import requests as upkeep_requests
from firmware_profiles import wire
from ingest import requests
from ingest.quarantine.refusals import Code
from ingest.settings import IngestSettings
from tests.support.console_site import ConsoleSite, console_site
from tests.support.databases import of_service

pytestmark = pytest.mark.integration
EVENT = wire.encode(wire.Event(1, "gw-1", 5, 6, 3, 1_700_000_000_000_000, "gateway", "device_fault", {"reason": "x"}))


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    with console_site(database_url, tmp_path) as found:
        yield found


def refuse(site: ConsoleSite, code: str, gateway: str | None, payload: bytes = b"\xc1") -> int:
    row = site.conn.execute(
        "INSERT INTO quarantine (topic, gateway, code, reason, size, sha256, payload)"
        " VALUES (%s, %s, %s, 'why', %s, %s, %s) RETURNING id",
        (wire.topic("gw-1", "events"), gateway, code, len(payload), hashlib.sha256(payload).digest(), payload),
    ).fetchone()
    assert row is not None
    return int(row[0])


def carry_out(database_url: str) -> bool:
    with psycopg.connect(of_service(database_url, "ingest"), autocommit=True) as conn:
        return requests.carry_out(conn, IngestSettings())


def test_every_reason_of_ingest_has_its_words() -> None:
    assert set(REASONS) == {code.value for code in Code}


def test_a_group_is_processed_again_and_the_page_says_what_became_of_it(site: ConsoleSite, database_url: str) -> None:
    bad = refuse(site, "undecodable", "gw-1")
    refuse(site, "undecodable", "gw-2", b"\xc1\xc1")
    refuse(site, "undecodable", None, b"\xc1\xc1\xc1")
    with site.client("admin") as client:
        shown = client.get("/quarantine").text
        assert "无法解码" in shown
        assert "gw-2" in shown
        assert "未注明" in shown
        group = client.get("/quarantine/of/undecodable|gw-1").text
        assert f"/quarantine/{bad}" in group
        assert "将删除 1 条消息的内容" in group
        one = client.get(f"/quarantine/{bad}").text
        assert "既不是 MessagePack，也不是 JSON" in one
        assert "|.|" in one
        assert client.post("/quarantine/reprocess", data={"key": "undecodable|gw-1"}).status_code == 303
        assert "排队中" in client.get("/quarantine").text
        assert carry_out(database_url)
        assert "处理 0 条，留下 1 条" in client.get("/quarantine").text
        assert client.get("/quarantine/of/nothing").status_code == 404


def test_a_discarding_waits_half_a_minute_and_can_be_taken_back(site: ConsoleSite, database_url: str) -> None:
    number = refuse(site, "unknown device", "gw-1", EVENT)
    with site.client("admin") as client:
        assert "请简要写明原因" in client.post("/quarantine/discard", data={"number": number}).text
        assert client.post("/quarantine/discard", data={"number": number, "reason": "坏的"}).status_code == 303
        assert not carry_out(database_url), "not yet"
        (request,) = upkeep_requests.latest(site.conn, ("discard",))
        assert client.post("/quarantine/withdraw", data={"number": request.id}).status_code == 303
        assert client.post("/quarantine/discard", data={"number": number, "reason": "坏的"}).status_code == 303
        site.conn.execute("UPDATE upkeep_request SET due_at = now() WHERE state = 'queued'")
        assert carry_out(database_url)
        assert client.post("/quarantine/withdraw", data={"number": request.id + 1}).status_code == 422
        row = site.conn.execute("SELECT settled_how, payload FROM quarantine").fetchone()
        assert row == ("discarded by admin: 坏的", b"")
        assert "内容不再保留" in client.get(f"/quarantine/{number}").text
    asked = site.conn.execute("SELECT detail FROM audit WHERE action = 'ask_discard_quarantine'").fetchall()
    assert [row[0]["because"] for row in asked] == ["坏的", "坏的"]


def test_an_event_whose_device_is_registered_by_now_is_stored(site: ConsoleSite, database_url: str) -> None:
    refuse(site, "unknown device", "gw-1", EVENT)
    with site.client("admin") as client:
        client.post("/quarantine/reprocess", data={"key": "unknown device|gw-1"})
    assert carry_out(database_url)
    assert site.conn.execute("SELECT kind FROM event").fetchall() == [("device_fault",)]


def test_another_streets_messages_are_not_shown_and_looking_settles_nothing(site: ConsoleSite) -> None:
    other = refuse(site, "undecodable", "gw-2")
    refuse(site, "undecodable", None, b"\xc1\xc1")
    site.conn.execute("UPDATE account SET role = 'manager' WHERE login = 'admin-hs'")
    with site.client("admin-hs") as client:
        assert "隔离区为空" in client.get("/quarantine").text
        assert client.get(f"/quarantine/{other}").status_code == 404
    with site.client("dispatcher") as client:
        assert client.get(f"/quarantine/{other}").status_code == 200
        assert client.post("/quarantine/reprocess", data={"number": other}).status_code == 403


def test_gaps_are_told_in_minutes_asked_for_and_accepted(site: ConsoleSite, database_url: str) -> None:
    row = site.conn.execute(
        "INSERT INTO stream_gap (gateway_id, epoch, stream, numbers) SELECT id, 1, 'live', '[100,220)' FROM gateway"
        " WHERE name = 'gw-1' RETURNING id"
    ).fetchone()
    assert row is not None
    site.conn.execute("INSERT INTO protection_gap VALUES (now() - interval '3 hours', now() - interval '1 hour')")
    with site.client("admin") as client:
        shown = client.get("/gaps").text
        assert "2.0" in shown
        assert "仍可补回" in shown
        assert "2 小时" in shown
        assert client.post("/gaps/ask", data={"number": row[0]}).status_code == 303
        assert carry_out(database_url)
        assert client.post("/gaps/accept", data={"number": row[0], "reason": ""}).status_code == 422
        assert client.post("/gaps/accept", data={"number": row[0], "reason": "网关换了"}).status_code == 303
        site.conn.execute("UPDATE upkeep_request SET due_at = now() WHERE state = 'queued'")
        assert carry_out(database_url)
        assert "没有这样的缺口" in client.get("/gaps").text
        assert "已丢失" in client.get("/gaps?settled=true&gateway=gw-1").text
    with site.client("carer") as client:
        assert client.get("/gaps").status_code == 403
    gap = site.conn.execute("SELECT state, settled_by, note FROM stream_gap").fetchone()
    assert gap == ("lost", "admin", "网关换了")
