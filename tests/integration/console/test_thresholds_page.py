"""One threshold: where its value comes from, whom another concerns, its preview by replay, undo; presets as a whole."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.pages.rules.thresholds import previews_of
from tests.support.console_site import ConsoleSite, console_site, now
from tests.support.services import wait_for

pytestmark = pytest.mark.integration
FLOOR = "inactivity.floor"


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    with console_site(database_url, tmp_path) as found:
        yield found


def rows(site: ConsoleSite) -> list[tuple[str, float | None, str]]:
    return site.conn.execute("SELECT name, new_value, reason FROM parameter_change ORDER BY id").fetchall()


def test_a_change_says_whom_it_concerns_before_and_can_be_taken_back(site: ConsoleSite) -> None:
    with site.client("admin") as client:
        text = client.get(f"/parameter/{FLOOR}", params={"value": "200", "reason": "试"}).text
        assert "2 位老人中有 2 位的数值将改变" in text
        assert "看家中有多久没有任何活动" in text
        wrong = client.get(f"/parameter/{FLOOR}", params={"value": "5"})
        assert wrong.status_code == 422
        assert 'id="wrong-value"' in wrong.text
        assert client.get(f"/parameter/{FLOOR}", params={"value": "x"}).status_code == 422
        assert client.get("/parameter/no.such").status_code == 404
    with site.client("carer") as client:
        own = {"scope": "resident", "key": "R1"}
        data = {"name": FLOOR, "value": "120", "reason": "午睡", "seen": "0"}
        assert client.post("/parameters/resident/R1", data=data).status_code == 303
        page = client.get("/parameters/resident/R1").text
        number = page.split('name="number" value="')[1].split('"')[0]
        assert "老人本人" in client.get(f"/parameter/{FLOOR}", params=own).text
        undo = {"scope": "resident", "key": "R1", "number": number}
        assert client.post("/parameters/undo", data=undo).status_code == 303
        assert rows(site) == [(FLOOR, 120.0, "午睡"), (FLOOR, None, "撤销：午睡")]
        assert client.post("/parameters/undo", data=undo).status_code == 422, "once"
        asked = client.get("/parameters/resident/R1?q=心率").text
        assert "limit.heart_rate.high" in asked
        assert "limit.spo2.low" not in asked
        past = client.get("/parameters/resident/R1?as_of=2026-01-01").text
        assert "不是现在的" in past
        assert 'name="reason"' not in past, "nothing is changed in the past"
        table = client.get("/parameter-export?scope=resident&key=R1").text
        assert table.count("\n") > 30
        assert "limit.spo2.low,血氧饱和度下限" in table
        assert client.get("/parameters/resident/R1?as_of=x").status_code == 422
        assert client.get(f"/parameter/{FLOOR}", params={**own, "key": "R2"}).status_code == 404
    site.conn.execute(
        "INSERT INTO parameter_change (scope, resident_id, name, new_value, actor, reason) SELECT 'resident', id, %s,"
        " 90, '某', '试' FROM resident WHERE code = 'R1'",
        (FLOOR,),
    )
    with site.client("admin") as client:
        text = client.get(f"/parameter/{FLOOR}", params={"value": "200"}).text
        assert "2 位老人中有 1 位的数值将改变" in text, "R1 has a value of its own"


def test_a_preset_shows_all_that_it_changes(site: ConsoleSite) -> None:
    with site.client("carer") as client:
        shown = client.get("/parameter-presets/condition.beta_blocker?resident=R1").text
        assert "脉搏下限" in shown or "心率下限" in shown
        assert "病情预设" in shown
        assert "医护人员" in shown
        data = {"name": "condition.beta_blocker", "value": "1", "reason": "李医生 11 月 3 日", "seen": "0"}
        assert client.post("/parameters/resident/R1", data=data).status_code == 303
        assert "全部撤销" in client.get("/parameter-presets/condition.beta_blocker?resident=R1").text
        assert len(rows(site)) == 1, "one change"
        assert client.get("/parameter-presets/condition.none?resident=R1").status_code == 404


def test_a_preview_replays_the_last_days_in_a_process_of_its_own(site: ConsoleSite) -> None:
    site.conn.execute(
        "INSERT INTO device (gateway_id, name, model, room, resident_id) SELECT g.id, 'ring', 'polar-h10', '',"
        " r.id FROM gateway g, resident r WHERE g.name = 'gw-1' AND r.code = 'R1'"
    )
    site.conn.execute("INSERT INTO series (device_id, channel) SELECT id, 'heart_rate' FROM device WHERE name = 'ring'")
    site.conn.execute(
        "INSERT INTO reading (series_id, time, value) SELECT s.id, %s::timestamptz + n * interval '20 s',"
        " CASE WHEN n > 400 THEN 118 ELSE 75 END FROM series s, generate_series(0, 600) n",
        (now() - dt.timedelta(hours=6),),
    )
    data = {"scope": "resident", "key": "R1", "name": "limit.heart_rate.high", "value": "110"}
    with site.client("carer") as client:
        answer = client.post("/parameters/preview", data=data)
        assert answer.status_code == 303
        address = answer.headers["location"]
        previews = previews_of(site.console)
        kept = next(iter(previews._kept.values()))
        wait_for(lambda: kept.state in ("done", "failed"), 60, lambda: f"the preview {kept}")
        assert kept.state == "done"
        text = client.get(address).text
        assert f"会有 {kept.then} 条预警，而不是 {kept.before} 条" in text
        assert kept.then == kept.before + 1, "the pulse of 118 is beyond 110"
        assert "会新增的预警" in text
        previews._kept.clear()  # as after a restart of the console
        assert "会新增的预警" in client.get(address).text
        assert address in client.get("/parameter/limit.heart_rate.high?scope=resident&key=R1").text
        site.conn.execute('UPDATE threshold_preview SET detail = detail || \'{"state": "runs"}\'')
        assert "因平台重启而中断" in client.get(address).text, "not shown as if it ran"
    with site.client("dispatcher") as client:
        assert client.get(address).status_code == 404, "another's"
    audited = site.conn.execute(
        "SELECT r.code FROM audit a JOIN resident r ON r.id = a.resident_id WHERE a.action = 'preview_parameter'"
    ).fetchall()
    assert audited == [("R1",)]
