"""The list of gateways and one gateway's page: pairing, replacing, retiring, self test, configuration."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from database.upkeep import requests as upkeep_requests
from edge_agent.updates.signed_config import HomeUpdate, seal
from tests.support.console_site import ConsoleSite, console_site

pytestmark = pytest.mark.integration


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    with console_site(database_url, tmp_path) as found:
        found.conn.execute(
            "INSERT INTO pairing (gateway, device, channels) VALUES ('gw-1', 'radar-9', '{motion}'),"
            " ('gw-2', 'of-meisha', '{}'), ('gw-lost', '', '{}')"
        )
        yield found


def test_a_device_is_paired_replaced_retired_and_brought_back(site: ConsoleSite) -> None:
    with site.client("admin") as client:
        shown = client.get("/devices/gw-1").text
        assert "radar-9" in shown
        assert "of-meisha" not in shown
        wrong = client.post("/devices/gw-1/pair", data={"device": "radar-9", "model": "", "room": "bathroom"})
        assert wrong.status_code == 422
        assert "请选择型号" in wrong.text
        odd = client.post("/devices/gw-1/pair", data={"device": "雷达 9", "model": "seeed-mr60fda2"})
        assert (odd.status_code, "填写网关内的设备名，如 pendant" in odd.text) == (422, True)
        fields = {"device": "radar-9", "model": "seeed-mr60fda2", "room": "bathroom"}
        paired = client.post("/devices/gw-1/pair", data=fields)
        assert paired.status_code == 303
        told = client.get(paired.headers["location"]).text
        assert "/records/device/at/gw-1~radar-9/undo" in told, "30 s to take it back"
        assert "（admin）" in client.get("/records/device/at/gw-1~radar-9").text, "who did it is in the history"
        asked = client.get("/devices/gw-1/retire", params={"device": "radar-9"}).text
        assert "陈将不再有“跌倒（卫生间）”守护" in asked
        version = 1
        replaced = {"device": "radar-9", "version": version, "new": "radar-10", "model": "seeed-mr60fda2"}
        assert client.post("/devices/gw-1/replace", data=replaced).status_code == 303
        assert device(site, "radar-10") == ("bathroom", False)
        assert device(site, "radar-9") == ("bathroom", True)
        stale = client.post("/devices/gw-1/retire", data={"device": "radar-10", "version": 7, "reason": "坏了"})
        assert stale.status_code == 409
        assert "刚被他人修改" in stale.text
        nothing = client.post("/devices/gw-1/retire", data={"device": "radar-10", "version": 1, "reason": " "})
        assert nothing.status_code == 422
        assert "请简要写明原因" in nothing.text
        assert client.post("/devices/gw-1/bring-back", data={"device": "radar-9"}).status_code == 303
        assert device(site, "radar-9") == ("bathroom", False)
        assert device(site, "radar-10") == ("bathroom", True)
    lines = site.conn.execute("SELECT action FROM audit WHERE action LIKE '%device%' ORDER BY id").fetchall()
    assert [row[0] for row in lines] == ["pair_device", "replace_device", "bring_device_back"]


def device(site: ConsoleSite, name: str) -> tuple[str, bool]:
    row = site.conn.execute("SELECT room, retired_at IS NOT NULL FROM device WHERE name = %s", (name,)).fetchone()
    assert row is not None
    return row[0], row[1]


def test_what_is_refused_is_shown_no_more_until_that_is_taken_back(site: ConsoleSite) -> None:
    with site.client("admin") as client:
        assert client.post("/devices/gw-1/refuse", data={"device": "radar-9"}).status_code == 303
        assert "等待配对" not in client.get("/devices/gw-1").text
        assert client.post("/devices/gw-1/unrefuse", data={"device": "radar-9"}).status_code == 303
        assert "radar-9" in client.get("/devices/gw-1").text
        assert "gw-lost" in client.get("/devices").text
        assert client.post("/devices/register", data={"gateway": "gw-lost", "household": "H9"}).status_code == 404
        assert client.post("/devices/register", data={"gateway": "gw-lost", "household": "H2"}).status_code == 303
        assert "gw-lost" in client.get("/devices?q=gw-lost").text
        code = client.post("/devices/gw-lost/enrol")
        assert code.headers["cache-control"] == "no-store"
        assert "gw-lost." in code.text


def test_another_streets_gateways_are_not_there(site: ConsoleSite) -> None:
    site.conn.execute("UPDATE account SET role = 'manager' WHERE login = 'admin-hs'")
    with site.client("admin-hs") as client:
        shown = client.get("/devices").text
        assert "gw-1" in shown
        assert "gw-2" not in shown
        assert "gw-lost" not in shown
        assert client.get("/devices/gw-2").status_code == 404
        assert client.post("/devices/gw-2/self-test").status_code == 404
        assert client.post("/devices/refuse", data={"gateway": "gw-lost"}).status_code == 404
    with site.client("dispatcher") as client:
        assert client.get("/devices/gw-1").status_code == 200
        assert client.post("/devices/gw-1/self-test").status_code == 403


def test_a_list_pages_by_name_filters_and_finds_by_model_and_resident(site: ConsoleSite) -> None:
    site.conn.execute(
        "UPDATE gateway SET state = 'online', state_at = now(), status = jsonb_build_object('software', '9.9',"
        " 'clock_synced', false, 'time_us', (extract(epoch FROM now()) * 1e6)::bigint) WHERE name = 'gw-1'"
    )
    site.conn.execute(
        "INSERT INTO device (gateway_id, name, model, room) SELECT id, 'pendant', 'shouwang-pendant', 'waist'"
        " FROM gateway WHERE name = 'gw-1'"
    )
    site.conn.execute("INSERT INTO device_now SELECT id, now(), 12 FROM device WHERE name = 'pendant'")
    with site.client("dispatcher") as client:
        found = client.get("/devices?only=low").text
        assert "12%" in found
        assert "gw-2" not in found
        assert "gw-2" in client.get("/devices?only=never").text
        assert "gw-1" not in client.get("/devices?after=gw-1").text.partition("<h1>")[2]
        assert "9.9" in (shown := client.get("/devices?q=pendant").text)
        assert "无校时服务器，上线时误差不到 2 秒" in shown, "no fault, and not right either"
        assert "没有符合条件的网关" in client.get("/devices?q=100%25").text
        assert client.get("/devices?only=odd").status_code == 422


def test_a_configuration_is_taken_signed_for_this_gateway_and_newer_alone(site: ConsoleSite) -> None:
    def signed(gateway: str, version: int) -> bytes:
        return seal(HomeUpdate(1, gateway, version, 0, ""), Ed25519PrivateKey.generate().sign)

    with site.client("admin") as client:
        for body, word in ((b"x", "这不是签名配置文件"), (signed("gw-2", 5), "是为网关 gw-2 签的")):
            refused = client.post("/devices/gw-1/config", files={"file": ("a", body)})
            assert refused.status_code == 422
            assert word in refused.text
        assert client.post("/devices/gw-1/config", files={"file": ("a", signed("gw-1", 5))}).status_code == 303
        assert "不比已下发的 5 新" in client.post("/devices/gw-1/config", files={"file": ("a", signed("gw-1", 5))}).text
        (request,) = upkeep_requests.latest(site.conn, ("update_config",), "gw-1")
        assert request.due_at - request.asked_at >= dt.timedelta(seconds=29), "it can be withdrawn"
        assert client.post("/devices/gw-1/withdraw", data={"number": request.id}).status_code == 303
        assert client.post("/devices/gw-1/withdraw", data={"number": request.id}).status_code == 422
        assert client.post("/devices/gw-1/config", files={"file": ("a", bytes(300_000))}).status_code == 413


def test_the_answer_of_a_self_test_is_shown_by_part_and_none_is_unknown(site: ConsoleSite) -> None:
    answer = msgspec.json.encode(
        {
            "ok": True, "buffer": {"fault": "", "waiting": 2}, "clock": None, "drivers": {"ble": "no adapter"},
            "stuck": [], "broker_round_trip_ms": 21.3, "sensors": {"pendant": 60.0, "door": None},
        }
    ).decode()  # fmt: skip
    with site.client("admin") as client:
        assert client.post("/devices/gw-1/self-test").status_code == 303
        (request,) = upkeep_requests.latest(site.conn, ("self_test",), "gw-1")
        assert client.post("/devices/gw-1/self-test").status_code == 303
        assert len(upkeep_requests.latest(site.conn, ("self_test",), "gw-1")) == 1, "two presses are one"
        site.conn.execute("UPDATE upkeep_request SET state = 'unknown' WHERE id = %s", (request.id,))
        assert "是否正常不明" in client.get("/devices/gw-1").text
        site.conn.execute("UPDATE upkeep_request SET state = 'done', answer = %s", (answer,))
        shown = client.get("/devices/gw-1").text
        assert "往返 21 毫秒" in shown
        assert "no adapter" in shown
        assert "启动以来没有听到" in shown
        assert "2.0.22" not in shown
        site.conn.execute(
            "WITH one AS (INSERT INTO device (gateway_id, name, model) SELECT id, 'gas-2', 'heiman-hs1cg' FROM gateway"
            " WHERE name = 'gw-1' RETURNING id) INSERT INTO device_firmware SELECT id, '2.0.22' FROM one"
        )
        assert "2.0.22" in client.get("/devices/gw-1").text
