"""The main job in a real browser: a real fall, its alert on the screen, a person who deals with it.

The platform runs as in the demo: the recorded 200 Hz signal of a pendant goes through edge agent, fall detector,
broker, alerting and console.
"""

import json
import re
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from care_network.demo.district import DemoDistrict
from shouwang.platform.platform import SERVICES, Platform
from tests.support.live_platform import live_platform
from tests.support.services import wait_for

pytestmark = pytest.mark.browser
IMAGES = Path(__file__).parents[2] / "docs" / "images"
Live = tuple[Platform, DemoDistrict]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOUWANG_LOG_FORMAT", "json")
        patch.setenv("SHOUWANG_PROBE_PORT", "0")
        with live_platform(tmp_path_factory.mktemp("platform"), 6) as running:
            yield running


def _log_in(page: Page, live: Live, login: str) -> None:
    platform, district = live
    password = next(known.password for known in district.logins if known.login == login)
    page.goto(f"{platform.address}/login")
    page.fill("input[name=login]", login)
    page.fill("input[name=password]", password)
    page.click("main button")


def test_a_real_fall_is_seen_acknowledged_and_resolved(live: Live, page: Page) -> None:
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    _log_in(page, live, "dispatcher")
    row = page.locator(".q-row", has_text="跌倒").first
    row.wait_for(timeout=60_000)  # no reload: the socket brought it
    seen = time.time()
    with psycopg.connect(live[0].postgres.url) as conn:
        _wait_for_fall(conn)
        (sensed,) = conn.execute("SELECT extract(epoch FROM sensed_at) FROM alert WHERE rule = 'fall'").fetchone() or (
            0,
        )
    assert seen - float(sensed) < 30, "the alert on the screen is an old one"
    expect(page.locator(".q-row.emergency", has_text="跌倒").first).to_be_attached(timeout=15_000)  # the same one grew

    row.get_by_role("link").click()
    expect(page.locator("#detail h1")).to_contain_text("跌倒")
    expect(page.locator("svg.plot polyline")).to_be_attached()
    page.get_by_role("tab", name="逐级呼叫").click()
    expect(page.locator(".ladder li.told").first).to_contain_text("短信")  # nobody has answered: it climbs
    expect(page.locator("#p-ladder [data-until]").first).to_be_attached()
    state = page.locator("#p-title .state")
    page.locator("#p-actions").get_by_role("button", name="接警").click()
    expect(state).to_have_text("已接警")
    page.locator(".d-more summary").click()
    page.get_by_role("button", name="前往").click()
    expect(state).to_have_text("前往中")
    page.get_by_role("button", name="到达").click()
    expect(state).to_have_text("已到达")
    page.locator("#p-actions").get_by_role("button", name="办结").click()
    page.get_by_label("属实，已现场帮助").check()
    page.fill("#panel-r textarea[name=note]", "扶起,无外伤,已通知家属")
    page.locator("#panel-r").get_by_role("button", name="办结").click()
    expect(state).to_have_text("已办结")
    page.get_by_role("tab", name="处置经过").click()
    expect(page.locator(".history")).to_contain_text("扶起,无外伤")
    with psycopg.connect(live[0].postgres.url) as conn:
        steps = conn.execute(
            "SELECT e.action FROM alert_event e JOIN alert a ON a.id = e.alert_id"
            " WHERE a.rule = 'fall' AND a.state = 'resolved' AND e.action NOT IN ('call_out', 'notify') ORDER BY e.id"
        ).fetchall()
    assert [s for (s,) in steps] == ["raise", "escalate", "acknowledge", "respond", "arrive", "resolve"]
    assert not complaints, complaints


def _wait_for_fall(conn: psycopg.Connection[tuple[object, ...]]) -> None:
    conn.autocommit = True
    deadline = time.monotonic() + 10
    while not conn.execute("SELECT 1 FROM alert WHERE rule = 'fall'").fetchone():
        assert time.monotonic() < deadline, "the fall did not reach the database"
        conn.execute("SELECT pg_sleep(0.05)")


def test_two_people_at_once_get_a_clear_answer(live: Live, browser: Browser, page: Page) -> None:
    _log_in(page, live, "dispatcher")
    row = page.locator(".q-row", has_text="呼叫").first
    row.wait_for(timeout=90_000)
    row.get_by_role("link").click()
    expect(page.locator("#p-actions")).to_be_visible()
    address = page.url
    other = browser.new_context(locale="zh-CN").new_page()
    _log_in(other, live, "dispatcher")
    other.goto(address)
    other.keyboard.press("n")
    other.fill("#panel-n textarea", "正在写")  # a page on which somebody works is not replaced under their hands
    page.locator("#p-actions").get_by_role("button", name="接警").click()
    expect(page.locator("#p-title .state")).to_have_text("已接警")
    expect(other.locator("#p-title .state")).to_have_text("已接警")
    expect(other.locator("#changed")).to_be_visible()
    expect(other.locator("#panel-n textarea")).to_have_value("正在写")
    other.locator("#panel-n").get_by_role("button", name="记下备注").click()
    expect(other.locator("#message")).to_contain_text("更新了这条预警")
    expect(other.locator("#panel-n textarea")).to_have_value("正在写")
    other.locator("#calls [data-call]").first.click()
    other.locator("#calls [data-answered]").click()
    other.get_by_role("button", name="结束通话").click()
    other.get_by_role("tab", name="处置经过").click()
    expect(other.locator("#p-history")).to_contain_text("已接通")
    other.goto(f"{live[0].address}/outbox")
    expect(other.locator(".handset").first).to_contain_text("【守望】")
    other.context.close()


def test_a_resident_page_charts_the_day(live: Live, page: Page) -> None:
    _log_in(page, live, "dispatcher")
    page.get_by_role("link", name="老人").first.click()
    expect(page.locator("tbody tr")).to_have_count(6)
    page.locator("tbody a").nth(4).click()
    expect(page.locator(".tiles")).to_contain_text("心率")
    expect(page.locator("figure[data-channel=heart_rate] canvas")).to_be_attached()
    expect(page.locator("figure[data-channel=heart_rate] .summary")).to_contain_text("最低")


def test_english_by_switch(live: Live, page: Page) -> None:
    _log_in(page, live, "dispatcher")
    page.locator(".who").click()
    page.get_by_role("button", name="English").click()
    expect(page.locator("h1").first).to_have_text("Open alerts")


def test_family_sees_their_own_parent_only(live: Live, page: Page) -> None:
    platform, _ = live
    with psycopg.connect(platform.postgres.url) as conn:
        own = conn.execute(
            "SELECT r.code FROM family_member f JOIN account a ON a.id = f.account_id"
            " JOIN resident r ON r.id = f.resident_id WHERE a.login = 'family-0001'"
        ).fetchone()
        other = conn.execute("SELECT code FROM resident WHERE code <> %s LIMIT 1", own).fetchone()
    assert own is not None
    assert other is not None
    _log_in(page, live, "family-0001")
    expect(page.locator("h1")).to_have_count(1)
    answer = page.goto(f"{platform.address}/residents/{own[0]}")
    assert answer is not None
    assert answer.status == 200
    answer = page.goto(f"{platform.address}/residents/{other[0]}")
    assert answer is not None
    assert answer.status == 404
    expect(page.locator("h1")).to_have_text("未找到")
    with psycopg.connect(platform.postgres.url) as conn:
        refused = conn.execute("SELECT count(*) FROM audit WHERE action = 'refused_view_resident'").fetchone()
    assert refused is not None
    assert refused[0] == 1


def test_a_phone_needs_no_sideways_scrolling(live: Live, browser_context: BrowserContext) -> None:
    page = browser_context.new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    _log_in(page, live, "dispatcher")
    widths = {}
    for path in ("/", "/residents", "/operations", "/handovers", "/sla", "/outbox"):
        page.goto(live[0].address + path)
        widths[path] = page.evaluate("document.documentElement.scrollWidth")
    assert {path: width for path, width in widths.items() if width > 390} == {}


def test_the_policy_lets_nothing_foreign_in(live: Live, page: Page) -> None:
    answer = page.goto(f"{live[0].address}/login")
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def _wait_for_messages(platform: Platform) -> None:
    """Until an emergency's first message has gone out."""
    with psycopg.connect(platform.postgres.url, autocommit=True) as conn:
        sent = "SELECT FROM notification n JOIN alert a ON a.id = n.alert_id WHERE n.state IN ('sent', 'delivered')"
        wait_for(lambda: conn.execute(sent).rowcount > 0, 90, lambda: "nobody was told")


def test_no_log_names_a_person(live: Live) -> None:
    platform, _ = live
    _wait_for_messages(platform)
    with psycopg.connect(platform.postgres.url) as conn:
        words = {
            str(word)
            for (word,) in conn.execute(
                """
                SELECT unnest(ARRAY[name_zh, name_en]) FROM resident
                UNION SELECT unnest(ARRAY[name_zh, name_en, phone]) FROM staff
                UNION SELECT unnest(ARRAY[name_zh, name_en, phone]) FROM contact
                UNION SELECT unnest(ARRAY[address_zh, address_en, phone]) FROM household WHERE code <> 'PLATFORM'
                UNION SELECT unnest(ARRAY[name_zh, name_en]) FROM account
                """
            )
            if word and len(word) > 1
        }
    assert len(words) > 100
    lines = [line for file in (platform.data / "log").glob("*.log") for line in file.read_text().splitlines()]
    assert {"alert_id", "level", "time"} <= {name for line in lines for name in json.loads(line)}, "JSON, each of them"
    assert not [(word, line) for word in sorted(words) for line in lines if word in line]


def test_every_service_is_ready_and_shows_its_metrics(live: Live) -> None:
    platform, _ = live
    _wait_for_messages(platform)
    shown = {}
    for service in SERVICES:
        started = [json.loads(line) for line in (platform.data / "log" / f"{service}.log").read_text().splitlines()]
        port = next(entry["port"] for entry in started if entry["event"] == "probes")
        for probe in ("/live", "/ready"):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{probe}", timeout=10) as answer:
                assert answer.status == 200
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        shown |= {name: float(value) for name, value in re.findall(r"^(shouwang_\S+) (\S+)$", text, re.MULTILINE)}
    assert shown["shouwang_readings_stored_total"] > 0
    assert shown["shouwang_ladder_steps_total"] > 0
    assert any(name.startswith("shouwang_findings_total") for name in shown)
    assert sum(shown[name] for name in shown if name.startswith("shouwang_sensor_to_alert_seconds_count")) > 0
    assert sum(shown[name] for name in shown if name.startswith("shouwang_alert_to_notification_seconds_count")) > 0
    assert any(name.startswith("shouwang_delivery_attempts_total") for name in shown)
    assert any(name.startswith("shouwang_certificate_expires_seconds") for name in shown)
