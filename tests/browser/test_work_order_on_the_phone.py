"""From the dispatcher's tap to a rated visit, in a real browser: the carer has a telephone and a link, and no login."""

import datetime as dt
import io
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psycopg
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from alerting.detection.detectors import all_rules
from care_network.demo.district import DemoDistrict
from dispatch.alerts import lifecycle
from dispatch.alerts.lifecycle import NewAlert
from shouwang.platform.platform import Platform
from tests.browser.test_fall_to_door import _log_in
from tests.support.live_platform import live_platform

pytestmark = pytest.mark.browser
Live = tuple[Platform, DemoDistrict]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_platform(tmp_path_factory.mktemp("platform"), 2) as running:
        yield running


def fall(live: Live) -> uuid.UUID:
    now = dt.datetime.now(dt.UTC)
    with psycopg.connect(live[0].postgres.url) as conn:
        row = conn.execute("SELECT id, household_id FROM resident WHERE code = 'R0001'").fetchone()
        assert row is not None
        alert = NewAlert(
            id=uuid.uuid4(),
            rule="fall",
            rule_version=1,
            severity="emergency",
            subject="resident:R0001",
            household_id=row[1],
            resident_id=row[0],
            onset=now,
            sensed_at=now,
            received_at=now,
            raised_at=now,
            reason_zh="确认跌倒",
            reason_en="confirmed fall",
            evidence={"rule": msgspec.to_builtins(all_rules()["fall"].words)},
        )
        lifecycle.raise_alert(conn, alert)
    return alert.id


def message_link(live: Live, order_id: str, kind: str = "staff") -> str:
    """The link in the message that the local outbox got instead of a telephone."""
    deadline = time.monotonic() + 30
    with psycopg.connect(live[0].postgres.url, autocommit=True) as conn:
        while True:
            row = conn.execute(
                "SELECT e.link FROM outbox_entry e JOIN notification n ON n.message_id = e.message_id"
                " JOIN work_order o ON o.alert_id = n.alert_id"
                " WHERE n.reason = 'work_order' AND o.id = %s AND n.recipient_kind = %s AND e.link <> '' LIMIT 1",
                (order_id, kind),
            ).fetchone()
            if row is not None:
                return str(row[0])
            assert time.monotonic() < deadline, "the message did not reach the outbox"
            conn.execute("SELECT pg_sleep(0.1)")


def test_from_one_tap_to_a_rated_visit(live: Live, page: Page, browser: Browser, tmp_path: Path) -> None:
    alert = fall(live)
    _log_in(page, live, "dispatcher")
    page.goto(f"{live[0].address}/alerts/{alert}")
    expect(page.locator("#candidates li").first).to_contain_text("值班至")
    page.get_by_role("link", name="全部服务").click()
    expect(page.locator("ol.candidates > li").nth(1)).to_be_visible()  # the third may be out with another test's order
    expect(page.locator("ol.candidates .reasons").first).to_contain_text("值班至")
    page.get_by_role("button", name="派单").first.click()
    expect(page.locator("main .state").first).to_have_text("待接单")
    order_page = page.url

    context = browser.new_context(locale="zh-CN", timezone_id="Asia/Shanghai", viewport={"width": 390, "height": 844})
    context.set_default_timeout(20_000)
    phone = context.new_page()
    complaints: list[str] = []
    phone.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    phone.goto(message_link(live, order_page.rsplit("/", 1)[1]))
    assert "/w/" in phone.url, "the message leads to the order's own page"
    expect(phone.locator("h1")).to_have_text("跌倒扶助")
    expect(phone.locator("dl")).to_contain_text("确认跌倒")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    phone.get_by_role("button", name="接单").click()
    expect(phone.locator(".state").first).to_have_text("已接单")
    twice = context.new_page()
    twice.route("**/mark", lambda _: None)  # it does not learn in time that the other has pressed
    twice.goto(phone.url)
    phone.get_by_role("button", name="出发").click()
    expect(phone.locator(".state").first).to_have_text("前往中")
    twice.get_by_role("button", name="出发").click()
    expect(twice.locator("main")).to_contain_text("此前已登记")
    phone.get_by_role("button", name="到达").click()
    expect(phone.locator(".state").first).to_have_text("已到达")
    photo = tmp_path / "door.jpg"
    out = io.BytesIO()
    Image.new("RGB", (1200, 900), "steelblue").save(out, "JPEG")
    photo.write_bytes(out.getvalue())
    phone.fill("textarea[name=note]", "扶起,无外伤")
    phone.set_input_files("input[name=photo]", photo)
    phone.get_by_role("radio", name="已扶起，无伤").check()
    phone.get_by_role("button", name="提交结果").click()
    expect(phone.get_by_role("status").first).to_contain_text("这张工单已结束")
    assert phone.get_by_role("link", name="评价").count() == 0, "the carer rates nothing"
    phone.goto(message_link(live, order_page.rsplit("/", 1)[1], "contact"))
    assert "/rate/" in phone.url
    phone.get_by_label("很满意").first.check()
    phone.fill("textarea[name=words]", "来得很快")
    phone.get_by_role("button", name="提交评价").click()
    expect(phone.get_by_role("status")).to_contain_text("感谢您的评价")
    assert complaints == []
    context.close()

    page.goto(order_page)
    expect(page.locator("main .state").first).to_have_text("已完成")
    expect(page.locator(".history")).to_contain_text("扶起,无外伤")
    expect(page.locator(".photos img")).to_be_visible()
    expect(page.locator(".photos img")).to_have_js_property("naturalWidth", 1200)  # it is loaded lazily
    expect(page.locator("main")).to_contain_text("★★★★★ 家属评价 · 来得很快")
    page.goto(f"{live[0].address}/alerts/{alert}")
    expect(page.locator("#p-title .state")).to_have_text("已到达")
    page.get_by_role("tab", name="处置经过").click()
    expect(page.locator(".history")).to_contain_text("已到达")
    page.goto(f"{live[0].address}/sla")
    expect(page.locator("tbody").first).to_contain_text("到达")


def with_account(live: Live, order_id: str) -> None:
    """The person who has the order gets the carer's login."""
    with psycopg.connect(live[0].postgres.url, autocommit=True) as conn:
        conn.execute(
            "UPDATE staff SET account_id = NULL WHERE account_id = (SELECT id FROM account WHERE login = 'carer')"
        )
        conn.execute(
            "UPDATE staff SET account_id = (SELECT id FROM account WHERE login = 'carer')"
            " WHERE id = (SELECT staff_id FROM work_order WHERE id = %s)",
            (order_id,),
        )


def test_the_person_who_goes_shares_where_they_are(live: Live, page: Page, browser: Browser) -> None:
    alert = fall(live)
    _log_in(page, live, "dispatcher")
    page.goto(f"{live[0].address}/alerts/{alert}/dispatch")
    page.get_by_role("button", name="派单").first.click()
    expect(page.locator("main .state").first).to_have_text("待接单")
    order_id = page.url.rsplit("/", 1)[1]
    with_account(live, order_id)
    link = message_link(live, order_id)

    context = browser.new_context(
        locale="zh-CN", timezone_id="Asia/Shanghai", viewport={"width": 390, "height": 844}, service_workers="block",
        geolocation={"longitude": 114.2413, "latitude": 22.5604, "accuracy": 15},
    )  # fmt: skip
    context.set_default_timeout(20_000)
    phone = context.new_page()
    phone.goto(link)
    place = phone.locator("#place")
    expect(place).to_contain_text("不记录轨迹")
    expect(place.get_by_role("button")).to_have_count(1)
    place.get_by_role("button", name="同意并共享当前位置").click()
    expect(place.locator("[data-error]")).to_contain_text("允许定位")  # nothing is sent without the browser's consent
    assert locations(live) == []
    context.grant_permissions(["geolocation"], origin=live[0].address)
    place.get_by_role("button", name="同意并共享当前位置").click()
    expect(place.locator("[data-shared]")).to_contain_text("您正在共享位置")
    assert locations(live) == [(114.2413, 22.5604, 15.0)]
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    place.get_by_role("button", name="撤回并删除我的位置").click()
    expect(place.locator("[data-shared]")).to_have_count(0)
    assert locations(live) == []
    context.close()


def locations(live: Live) -> list[tuple[float, float, float]]:
    with psycopg.connect(live[0].postgres.url) as conn:
        return conn.execute("SELECT longitude, latitude, accuracy_m FROM staff_location").fetchall()
