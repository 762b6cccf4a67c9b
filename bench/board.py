"""Measure the dispatcher's board with 500 open alerts in a real browser: first paint, a new emergency, frame gaps.

PostgreSQL, broker and console run; alerts reach the console as alerting sends them: the notice by MQTT, then the row.
A new emergency's time is from its publication until the frame after its line is on the page. Frames are counted while
five changes a second arrive and the page is scrolled: a gap of 100 ms is felt. Needs chromium; without it there are no
figures.
"""

import datetime as dt
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psycopg
from playwright.sync_api import Page, sync_playwright

from bench.alert_latency import connected
from bench.figures import Figure
from console.board.board import notice_of
from device_simulators.homes import demo_home
from dispatch.alerts import lifecycle, lookup
from dispatch.core import notice
from firmware_profiles.link import mqtt
from shouwang.brokers.local import free_port
from shouwang.platform.demo import login_of
from shouwang.platform.platform import Platform
from shouwang.platform.processes import wait_until

HOMES, OPEN, NEW = 250, 500, 30
BUSY_S, PER_S = 20, 5
LIMIT_MS = 1000.0
FELT_MS = 100.0
# Of 500: a bad evening in which a part of the district has lost its power.
KINDS = (
    ("emergency", "sos", "老人按了呼叫按钮", "SOS pressed", 40),
    (
        "emergency",
        "fall",
        "跌倒，倒地后未起身",
        "Fall confirmed: lying still after it, confidence 93%",
        20,
    ),
    (
        "urgent",
        "limit_spo2",
        "血氧 86 %，低于界限 90 %，已持续 6 分钟",
        "SpO2 86 %, below the limit 90 % for 6 min",
        90,
    ),
    ("attention", "sudden_heart_rate", "心率 112 次/分，平时此时段 70", "Heart rate 112 /min, usually 70 now", 150),
    ("technical", "gateway_silent", "家庭网关离线 12 分钟", "Home gateway offline for 12 min", 200),
)
RULES = ("smoke", "gas", "news2", "long_lie", "water_leak", "breathing_pause", "no_vital_sign", "heat", "bed_exit")
"""Of new alerts, in turn: each is a line of its own."""
_WATCH = """
    window.seen = {}; window.gaps = []; window.wanted = [];
    let last = performance.now();
    const frame = () => {
        const now = performance.now();
        window.gaps.push(now - last); last = now;
        window.wanted = window.wanted.filter((id) => {
            if (!document.getElementById("alert-" + id)) return true;
            // in this frame's layout: on the screen when the next one begins
            requestAnimationFrame(() => { window.seen[id] = Date.now(); });
            return false;
        });
        if (!window.firstLine && document.querySelector("#queue tr[id]")) window.firstLine = now;
        requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
"""


def run() -> list[Figure]:
    from tests.support.browser import FLAGS, chromium

    program = chromium()
    if program is None:
        return []
    with (
        tempfile.TemporaryDirectory(prefix="shouwang-bench-") as folder,
        Platform(Path(folder), free_port()) as platform,
    ):
        district = platform.load_district([demo_home(number) for number in range(1, HOMES + 1)])
        with psycopg.connect(platform.postgres.url, autocommit=True) as conn:
            open_alerts = _fill(conn)
            platform.start_services(("console",))
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
                page = browser.new_page(
                    locale="zh-CN", timezone_id="Asia/Shanghai", viewport={"width": 1440, "height": 900}
                )
                page.add_init_script(_WATCH)
                _log_in(page, platform.address, *login_of(district, "dispatcher"))
                paints = [_open(page, platform.address) for _ in range(5)]
                probe = BoardProbe(conn, platform, page, open_alerts)
                new = [probe.emergency() for _ in range(NEW)]

                gaps, late = probe.busy()
                browser.close()
            probe.stop()
    note = f"{OPEN} open alerts, {NEW} emergencies one after the other; p50 {np.median(new):.0f} ms"
    return [
        Figure(
            name="board: a new emergency to its line on the screen, p99",
            value=_p99(new),
            unit="ms",
            reference=LIMIT_MS,
            reference_name="limit",
            note=note,
        ),
        Figure(
            name=f"board: the same while {PER_S} alerts a second arrive, p99",
            value=_p99(late),
            unit="ms",
            reference=LIMIT_MS,
            reference_name="limit",
            note=f"{OPEN} open alerts, for {BUSY_S} s; p50 {np.median(late):.0f} ms",
        ),
        Figure(
            name="board: first lines painted",
            value=float(np.median([first for first, _ in paints])),
            unit="ms",
            note=f"{OPEN} open alerts; all of them in {np.median([whole for _, whole in paints]):.0f} ms",
        ),
        Figure(
            name="board: frame to frame while it scrolls in that storm, p99",
            value=_p99(gaps),
            unit="ms",
            reference=FELT_MS,
            reference_name="felt",
            note=f"the longest {max(gaps):.0f} ms; {np.mean(np.array(gaps) > FELT_MS):.1%} above {FELT_MS:.0f} ms",
        ),
    ]


class BoardProbe:
    """Sends alerts as alerting does, and asks the page when it showed them."""

    def __init__(
        self, conn: psycopg.Connection[Any], platform: Platform, page: Page, open_alerts: list[notice.AlertNotice]
    ) -> None:
        self._conn, self._page, self._open = conn, page, open_alerts
        self._client = connected(platform.broker.settings("svc-alerting"), "bench-board")
        self._sent: dict[str, float] = {}

    def stop(self) -> None:
        mqtt.stop(self._client)

    def emergency(self) -> float:
        """Measure one emergency from the wire to the screen, ms; then resolve it, so that as many stay open."""
        one = self._new(len(self._sent))
        self._page.evaluate("id => { window.wanted.push(id); }", one.id)
        self._send(one)
        took = self._shown([one.id])[0]
        self._resolve(one)
        self._page.wait_for_timeout(300)
        return took

    def busy(self) -> tuple[list[float], list[float]]:
        """Measure (frame gaps, times to the screen) in ms, while alerts arrive and go and the page is scrolled."""
        self._page.evaluate("() => { window.gaps.length = 0; }")
        self._page.mouse.move(700, 500)
        ids: list[str] = []
        begin, waiting = time.monotonic(), []
        for number in range(BUSY_S * PER_S):
            one = self._new(number)
            self._page.evaluate("id => { window.wanted.push(id); }", one.id)
            self._send(one)
            ids.append(one.id)
            waiting.append(one)
            if len(waiting) > PER_S:
                self._resolve(waiting.pop(0))
            self._page.mouse.wheel(0, 240 if number % 20 < 10 else -240)
            time.sleep(max(0.0, begin + (number + 1) / PER_S - time.monotonic()))
        gaps = self._page.evaluate("() => window.gaps.slice()")
        return gaps, self._shown(ids, some=True)

    def _new(self, number: int) -> notice.AlertNotice:
        like = self._open[number % len(self._open)]
        now = time.time_ns() // 1000
        rule = RULES[number % len(RULES)]
        return msgspec.structs.replace(
            like, id=str(uuid.uuid4()), rule=rule, severity="emergency", state="raised", version=1,
            subject=f"bench:{number}", onset_us=now, sensed_us=now, received_us=now, raised_us=now,
            reason_zh="老人按了呼叫按钮", reason_en="SOS pressed", evidence={},
        )  # fmt: skip

    def _send(self, one: notice.AlertNotice) -> None:
        self._sent[one.id] = time.time() * 1000
        self._client.publish(notice.TOPIC, notice.encode(one), qos=1).wait_for_publish(5)
        lifecycle.raise_alert(self._conn, _row_of(one))

    def _shown(self, ids: list[str], *, some: bool = False) -> list[float]:
        """Ask when these were on the screen. ``some``: leave out those that came and went between two looks."""
        script = "ids => ids.every((id) => window.seen[id])"
        if not some:
            self._page.wait_for_function(script, arg=ids, timeout=30_000)
        seen = self._page.evaluate("() => window.seen")
        return [seen[id] - self._sent[id] for id in ids if id in seen]

    def _resolve(self, one: notice.AlertNotice) -> None:
        lifecycle.follow_up(self._conn, uuid.UUID(one.id), "clear", dt.datetime.now(dt.UTC), "")


def _fill(conn: psycopg.Connection[Any]) -> list[notice.AlertNotice]:
    homes = conn.execute(
        "SELECT h.id, (SELECT min(id) FROM resident r WHERE r.household_id = h.id) FROM household h ORDER BY h.code"
    ).fetchall()
    now = dt.datetime.now(dt.UTC)
    number = 0
    for severity, rule, zh, en, count in KINDS:
        for place in range(count):
            household, resident = homes[number % len(homes)]
            at = now - dt.timedelta(seconds=place * 97 % 7200 if rule != "gateway_silent" else place % 300)
            alert = lifecycle.NewAlert(
                id=uuid.uuid4(),
                rule=rule,
                rule_version=1,
                severity=severity,
                subject=f"bench:{number}",
                household_id=household,
                resident_id=resident,
                onset=at,
                sensed_at=at,
                received_at=at,
                raised_at=at,
                reason_zh=zh,
                reason_en=en,
                evidence={},
            )
            lifecycle.raise_alert(conn, alert)
            number += 1
    return [notice_of(row) for row in lookup.list_open(conn)]


def _row_of(one: notice.AlertNotice) -> lifecycle.NewAlert:
    at = dt.datetime.fromtimestamp(one.onset_us / 1e6, dt.UTC)
    return lifecycle.NewAlert(
        id=uuid.UUID(one.id),
        rule=one.rule,
        rule_version=1,
        severity=one.severity,
        subject=one.subject,
        household_id=one.household_id,
        resident_id=one.resident_id,
        onset=at,
        sensed_at=at,
        received_at=at,
        raised_at=at,
        reason_zh=one.reason_zh,
        reason_en=one.reason_en,
        evidence={},
    )


def _log_in(page: Page, address: str, login: str, password: str) -> None:
    page.goto(f"{address}/login")
    page.fill("input[name=login]", login)
    page.fill("input[name=password]", password)
    page.click("main button")
    page.wait_for_selector("#queue")


def _open(page: Page, address: str) -> tuple[float, float]:
    """Measure the ms from the navigation to the first line painted, and to the whole page."""
    page.goto(f"{address}/")
    wait_until(lambda: bool(page.evaluate("() => window.firstLine")), 20, "the first line")
    whole = page.evaluate("() => performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    return float(page.evaluate("() => window.firstLine")), float(whole)


def _p99(values: list[float]) -> float:
    return float(np.percentile(values, 99))
