"""What the family reads about their parent is true in every state, and never calmer than what is known."""

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatch.alerts import lifecycle
from dispatch.core import history
from tests.support.console_site import ConsoleSite, console_site, now
from tests.support.families import furnish, speak

pytestmark = pytest.mark.integration
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    with console_site(database_url, tmp_path) as site:
        furnish(site.conn)
        yield site


def said(site: ConsoleSite) -> tuple[str, str]:
    """(colour, sentence) of the only parent."""
    with site.client("daughter") as client:
        text = client.get("/family").text
    found = re.search(r'data-colour="(\w+)".*?class="kin-words">([^<]*)<', text, re.DOTALL)
    assert found, text
    return found[1], found[2]


def test_an_alarm_that_nobody_has_answered_is_not_said_to_be_known(site: ConsoleSite) -> None:
    speak(site.conn, now())
    site.alert()
    colour, words = said(site)
    assert colour == "red"
    assert "还没有人接警" in words
    assert "知悉" not in words


def test_all_is_not_well_while_the_home_is_silent(site: ConsoleSite) -> None:
    assert said(site) == ("grey", "家中设备还没有传来数据。")
    speak(site.conn, now() - 9 * MINUTE)
    assert said(site)[0] == "grey"
    speak(site.conn, now())
    colour, words = said(site)
    assert colour == "green"
    assert re.fullmatch(r"目前没有异常。\d+ 秒前在客厅活动。", words)
    # readings are stored, and nobody looks at them: no alert means nothing
    site.conn.execute("UPDATE alerting_worker SET handled_at = handled_at - INTERVAL '2 minutes'")
    assert said(site) == ("grey", "平台此刻没有分析家中数据，看不到情况。您可以先打电话问问。")
    site.conn.execute("DELETE FROM alerting_worker")
    assert said(site)[0] == "grey"
    speak(site.conn, now())
    site.conn.execute("UPDATE gateway SET state = 'offline'")
    colour, words = said(site)
    assert colour == "grey"
    assert words.startswith("与家中设备失去联系")


def test_the_family_reads_who_did_what_without_codes_and_numbers(site: ConsoleSite) -> None:
    alert = site.alert()
    history.record(site.conn, [alert], now(), "notify", "已通知许晴（S1/0755-00001）", "told")
    note = history.Actor(None, "许晴", "test")
    history.append(site.conn, alert, now(), "note", "raised", "raised", note, note="家门钥匙在 0755-99999")
    history.append(site.conn, alert, now(), "acknowledge", "raised", "acknowledged", note)
    with site.client("daughter") as client:
        moved = client.get(f"/alerts/{alert}")
        assert moved.headers["location"] == f"/family/R1/alerts/{alert}"
        text = client.get(moved.headers["location"]).text
        assert "许晴 接警" in text
        assert 'href="/family"' in text
        assert not re.search(r"S1/|0755-[09]|钥匙|待处置预警", text)
        part = client.get(f"{moved.headers['location']}/now")  # what the open page asks for
        assert "许晴 接警" in part.text
        assert part.headers["X-Now"].isdigit()
        assert client.get(f"/alerts/{alert}/progress").status_code == 404
        assert client.get(f"/family/R2/alerts/{alert}").status_code == 404


def test_what_the_family_tells_is_in_the_history_or_raises_an_alert(site: ConsoleSite) -> None:
    with site.client("daughter") as client:
        going = {"kind": "on_my_way", "choice": "twenty", "words": "带着钥匙"}
        refused = client.post("/family/R1/tell", data=going)
        assert refused.status_code == 409
        assert "没有未办结的预警" in refused.text
        assert client.post("/family/R1/tell", data=going | {"choice": "soon"}).status_code == 409
        assert client.post("/family/R2/tell", data=going).status_code == 404
        away = {"kind": "no_contact", "choice": "door"}
        for _ in range(2):  # a second tap is no second alert
            assert client.post("/family/R1/tell", data=away).status_code == 303
        assert client.post("/family/R1/tell", data=going).status_code == 303
        page = client.get("/family?told=raised").text
    rows = site.conn.execute("SELECT severity, reason_zh, next_step_at IS NOT NULL FROM alert").fetchall()
    assert rows == [("urgent", "女儿联系不上：敲门没有人应", True)]
    notes = site.conn.execute(
        "SELECT note FROM alert_event WHERE action IN ('family_told', 'family_no_contact') ORDER BY id"
    ).fetchall()
    assert [note for (note,) in notes][1:] == ["女儿联系不上：敲门没有人应", "女儿正赶过去：约 20 分钟到。“带着钥匙”"]
    assert "家属联系不上长者" in page
    assert "已告诉值班台" in page


def test_an_end_is_told_and_the_way_to_a_hospital_is_never_green(site: ConsoleSite) -> None:
    speak(site.conn, now())
    alert = site.alert()
    desk = history.Actor(None, "许晴", "test")
    lifecycle.act(site.conn, alert, "resolve", desk, now(), expected_version=1, outcome="false_resident")
    with site.client("daughter") as client:
        assert re.search(r"跌倒，\d\d:\d\d 已办结：误报，长者误触", client.get("/family").text)
        assert 'data-colour="grey"' in client.get(f"/family/R1/alerts/{alert}").text  # of an end nothing is green
    assert said(site)[0] == "green"
    site.conn.execute("UPDATE alert SET outcome = 'hospital'")
    colour, words = said(site)
    assert colour == "amber"
    assert "登记已送医" in words


def test_who_reaches_nobody_while_only_a_mild_alert_is_open_calls_people(site: ConsoleSite) -> None:
    site.alert(rule="inactivity", severity="attention")
    with site.client("daughter") as client:
        assert client.post("/family/R1/tell", data={"kind": "no_contact", "choice": "off"}).status_code == 303
    assert site.conn.execute("SELECT severity FROM alert ORDER BY raised_at DESC").fetchone() == ("urgent",)


def test_the_circle_is_left_by_oneself_after_its_consequence_is_named(site: ConsoleSite) -> None:
    site.conn.execute(
        "INSERT INTO contact (resident_id, phone, name_zh, name_en, relation_zh, relation_en, call_order, consent_at,"
        " account_id) SELECT r.id, '13955501234', '某', 'Somebody', '女儿', 'daughter', 1, now(), a.id"
        " FROM resident r, account a WHERE r.code = 'R1' AND a.login = 'daughter'"
    )
    with site.client("daughter") as client:
        circle = client.get("/family/R1/circle").text
        assert "有报警时会接到电话" in circle
        assert "13955501234" not in circle
        assert "不会再打您的电话" in client.get("/family/R1/stop-calls").text
        assert client.post("/family/R1/stop-calls").status_code == 303
        assert site.conn.execute("SELECT count(*) FROM contact WHERE consent_at IS NULL").fetchone() == (1,)
        assert "看不到陈的任何情况" in client.get("/family/R1/leave").text
        assert client.post("/family/R1/leave").status_code == 303
        assert "目前没有长者同意您查看" in client.get("/family").text
        assert client.get("/family/R1/circle").status_code == 404
    actions = [row[0] for row in site.conn.execute("SELECT action FROM audit ORDER BY id")]
    assert {"withdraw_calls", "leave_circle", "refused_view_circle"} <= set(actions)
