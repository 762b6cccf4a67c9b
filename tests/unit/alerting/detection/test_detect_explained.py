"""Every rule of every detector, brought to speak once: a reason in two languages with its numbers, and evidence."""

import itertools
import os
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from alerting.core.finding import Finding
from alerting.detection.detectors import all_rules
from alerting.detection.engine.engine import Engine
from alerting.detection.engine.ledger import Ledger
from alerting.detection.kit.columns import VitalColumns, lane_of
from alerting.detection.kit.context import District, Happened, Person, Source
from alerting.detection.kit.news2_score import PARAMETERS
from alerting.detection.kit.plausible import PLAUSIBLE
from alerting.tuning.catalogue import catalogue
from console.shell.i18n import translate
from dispatch.alerts import evidence
from edge_agent.fall.detector import REPORTED
from firmware_profiles.channels import CHANNELS
from tests.support.sensors import DAY, FIRST, MINUTE, SensorHome, at
from vocabulary.times import HOUR_US

DAYS = 24
WORDS_ALONE = {
    "sos",
    "smoke",
    "gas",
    "water_leak",
    "device_fault",
    "button_test_due",
    "config_rolled_back",
    "fall",
    "program_rolled_back",
}
"""Rules that measure nothing: their reason needs no number."""
STEP = 2 * MINUTE
SINCE = 12 * DAY
"""From the first midnight to the day on which things go wrong."""


def series(row: int, code: str, time_us: np.ndarray, value: np.ndarray, seat: int = 0) -> VitalColumns:
    n = len(time_us)
    rows, columns = np.full(n, row, np.int32), np.full(n, lane_of(code, seat), np.int16)
    return VitalColumns(rows, columns, FIRST + time_us.astype(np.int64), np.asarray(value, np.float32))


def ordinary(row: int, rng: np.random.Generator, **change: np.ndarray) -> list[VitalColumns]:
    """Heart, breathing, oxygen every two minutes; ``change`` is added."""
    time_us = np.arange(0, DAYS * DAY, STEP)
    usual = {"heart_rate": (70, 2), "respiration_rate": (15, 0.7), "spo2": (97, 0.4)}
    return [
        series(row, code, time_us, mean + rng.normal(0, spread, len(time_us)) + change.get(code, 0))
        for code, (mean, spread) in usual.items()
    ]


def during(begin_us: float, lasts_us: float, amount: float) -> np.ndarray:
    time_us = np.arange(0, DAYS * DAY, STEP)
    return np.where((time_us >= begin_us) & (time_us < begin_us + lasts_us), amount, 0.0)


def daily(row: int, code: str, values: list[float]) -> VitalColumns:
    return series(row, code, np.arange(len(values)) * DAY + 8 * HOUR_US, np.array(values))


def vital_scenes() -> list[VitalColumns]:
    """One person a row; see the comments."""
    rng, found, noon = np.random.default_rng(5), [], SINCE + 12 * HOUR_US
    three = ("heart_rate", "respiration_rate", "spo2")
    up = {"heart_rate": 40, "respiration_rate": 14, "spo2": -9}
    found += ordinary(0, rng, **{c: during(noon, HOUR_US, up[c]) for c in three})  # sudden, NEWS2
    found += ordinary(1, rng, **{c: during(SINCE, 2 * DAY, up[c] / 3) for c in three})  # shift
    found += ordinary(2, rng, **{c: during(SINCE, 20 * DAY, 0.4 * up[c]) for c in three})  # drift
    ill = {"heart_rate": 70, "respiration_rate": 20, "spo2": -15}
    found += ordinary(3, rng, **{c: during(noon, HOUR_US, ill[c]) for c in three})  # limits
    two = np.array([0, STEP]) + noon
    for code, value in (("systolic_bp", 200), ("diastolic_bp", 120), ("body_temperature", 40), ("glucose", 2)):
        found.append(series(3, code, two, np.full(2, value)))
    time_us = np.arange(noon, noon + 13 * HOUR_US, STEP)
    found += [series(4, code, time_us, np.full(len(time_us), 88)) for code in three]  # stuck
    for code, low, high in (("heart_rate", 60, 120), ("respiration_rate", 12, 40), ("spo2", 80, 97)):  # erratic
        found.append(series(5, code, time_us, np.where(np.arange(len(time_us)) % 2, low, high)))
    for code, (_, high) in PLAUSIBLE.items():
        found.append(series(6, code, noon + np.arange(4) * STEP, np.full(4, high * 1.05 + 1)))
    risen = [0] * 14 + [1] * 9
    found.append(daily(7, "systolic_bp", [128 + rng.normal(0, 2) + 32 * r for r in risen]))
    found.append(daily(7, "diastolic_bp", [78 + rng.normal(0, 2) + 20 * r for r in risen]))
    found.append(daily(7, "weight", [60 + rng.normal(0, 0.1) + 4 * r for r in risen]))
    night = np.arange(SINCE, SINCE + 4 * HOUR_US, MINUTE)
    slow = (night >= SINCE + HOUR_US) & (night < SINCE + HOUR_US + 5 * MINUTE)
    seen = night < SINCE + 2 * HOUR_US
    found.append(series(8, "in_bed", night, np.ones(len(night))))
    found.append(series(8, "respiration_rate", night[seen] + 1000, np.where(slow, 1, 14 + night % 3)[seen]))
    found.append(series(8, "room_temperature", night, np.full(len(night), 37.0)))
    found.append(series(9, "room_temperature", night, np.full(len(night), 5.0)))
    found += devices_in_doubt(11, noon)
    climb = {"heart_rate": 24, "respiration_rate": 7, "spo2": -3}  # 1 + 2 + 1 points
    found += ordinary(10, rng, **{c: during(SINCE + 6 * HOUR_US, 5 * HOUR_US, climb[c]) for c in three})
    return found


def devices_in_doubt(row: int, noon: int) -> list[VitalColumns]:
    """People from ``row`` on: two devices each that differ; meters and probes; an arrest in bed, with both at 0."""
    found = []
    hour = np.arange(noon, noon + HOUR_US, MINUTE // 2)
    for code, usual, other in (
        ("heart_rate", 72, 104),
        ("respiration_rate", 14, 25),
        ("spo2", 97, 88),
        ("body_temperature", 36.6, 34.8),
    ):
        for seat, value in enumerate((usual, other)):
            found.append(series(row, code, hour + seat, value + np.arange(len(hour)) % 3 / 10, seat))
    minutes = noon + np.arange(3) * 2 * MINUTE
    found.append(series(row + 1, "systolic_bp", minutes, np.array([150, 118, 84])))
    found.append(series(row + 1, "diastolic_bp", minutes, np.array([92, 70, 132])))  # the last two are mixed up
    slipped = (hour > noon + HOUR_US // 2) & (hour < noon + 50 * MINUTE)
    found.append(series(row + 2, "body_temperature", hour, np.where(slipped, 31.0, 36.7)))
    stops = np.where(hour > noon + HOUR_US // 2, 0, 1)
    found.append(series(row + 3, "in_bed", hour, np.ones(len(hour))))
    for code, usual in (("respiration_rate", 14), ("heart_rate", 66)):
        found.append(series(row + 3, code, hour, stops * (usual + np.arange(len(hour)) % 3)))
    return found


def vitals(engine: Engine) -> None:
    columns = VitalColumns.join(vital_scenes())
    columns = columns.take(np.argsort(columns.time_us, kind="stable"))
    hours = np.searchsorted(columns.time_us, FIRST + np.arange(0, DAYS * 24 + 1) * HOUR_US)
    for begin, end in itertools.pairwise(hours.tolist()):
        engine.readings(columns.take(np.arange(begin, end)))
        engine.advance(int(columns.time_us[end - 1]) if end else FIRST)
    engine.advance(FIRST + (DAYS + 1) * DAY)


def events() -> None:
    """What is an alert by itself, a fall, and who is not heard."""
    radar = Source(
        gateway="gw-1",
        name="radar",
        model="test",
        household_id=7,
        person=0,
        heartbeat_s=60,
        label_zh="雷达",
        label_en="radar",
        room="bedroom",
        home=0,
    )
    engine = Engine(
        District([Person(id=1, code="R0001", household_id=7)], {("gw-1", "radar"): radar}, {"gw-1": 7}), FIRST
    )
    kinds = ("sos_pressed", "smoke_detected", "gas_detected", "water_leak", "device_fault", "button_test_due")
    for kind in (*kinds, "config_rolled_back", "program_rolled_back"):
        engine.event(Happened(radar, kind, FIRST, {}))
    # What the gateway's detector and its fusion tell of a fall.
    told = {**dict.fromkeys(REPORTED, 1.5), "confidence": 0.9, "witnesses": "pendant radar", "lasted_s": 20.0}
    for kind in ("fall_suspected", "fall_confirmed"):
        engine.event(Happened(radar, kind, FIRST, told))
    engine.switched(radar, "battery", [FIRST], [5.0])
    engine.clock("gw-1", FIRST + 5 * MINUTE, FIRST)
    for minute in range(12):
        engine.heard("gw-1", None, FIRST + minute * MINUTE)
        engine.advance(FIRST + minute * MINUTE)
    engine.advance(FIRST + 30 * MINUTE)
    engine.advance(FIRST + 13 * HOUR_US)  # smoke, gas and water that nothing clears
    for kind in ("smoke_cleared", "gas_cleared", "water_leak_cleared"):
        engine.event(Happened(radar, kind, FIRST + 13 * HOUR_US, {}))


def homes() -> None:
    def home() -> SensorHome:
        found = SensorHome(*(f"{d}" for d in BEHAVIOUR))
        found.ordinary_days(range(9))
        return found

    home().until(9, "23:59")  # nobody gets up; nothing all day
    out = home()
    out.bed(9, "07:00", enter=False)
    out.move(9, "07:02 bathroom")
    out.until(9, "09:30")
    out.move(9, "09:31 kitchen")
    out.door(9, "10:00")
    out.until(10, "09:00")
    wanders = home()
    wanders.bed(9, "02:00", enter=False)
    wanders.door(9, "02:02")
    wanders.until(9, "03:00")
    falls = home()
    falls.bed(9, "02:00", enter=False)
    falls.until(9, "05:00")
    for device, kind in (("pir-living", "motion_began"), ("radar", "presence_began"), ("bed", "bed_enter")):
        hangs = home()
        if device == "radar":
            hangs.bed(9, "07:00", enter=False)
        hangs.tell(device, kind, at(9, "09:00"))
        for number in range(26):
            room = ("kitchen", "bathroom", "hall")[number % 3]
            hangs.move(9, f"{9 + number // 12:02d}:{5 + number % 12 * 4:02d} {room}")
    left_open = home()
    left_open.tell("front-door", "door_opened", at(9, "09:00"))
    left_open.move(10, "21:30 kitchen")
    left_open.until(10, "21:35")
    for exits, days in ((9, range(9, 19)), (0, range(9, 19))):
        nights = home()
        for day in days:
            if exits:
                for way in range(exits):
                    nights.bed(day, f"0{1 + way // 3}:{way % 3 * 20 + 5:02d}", enter=False)
                    nights.bed(day, f"0{1 + way // 3}:{way % 3 * 20 + 9:02d}", enter=True)
                nights.bed(day, "07:00", enter=False)
            else:
                nights.bed(day, "02:30", enter=False)
                nights.bed(day, "10:30", enter=True)
                nights.bed(day, "20:30", enter=False)
            nights.bed(day, "23:30", enter=True)
        nights.until(days[-1] + 1, "12:00")


BEHAVIOUR = (
    "inactivity",
    "morning",
    "bathroom",
    "night_wandering",
    "bed_exit",
    "day_night",
    "sleep",
    "long_lie",
    "stuck_switch",
)


@cache
def every() -> tuple[Finding, ...]:
    """Whatever the detectors say in these scenes, before it is kept quiet."""
    found: list[Finding] = []
    take = Ledger.take

    def recorded(self: Ledger, district: District, findings: list[Finding]) -> list[Finding]:
        found.extend(findings)
        return take(self, district, findings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ledger, "take", recorded)
        tuning = {"sensor_health.jumps": 10.0}
        vitals(
            Engine(
                District([Person(id=n + 1, code=f"R{n}", household_id=n, tuning=tuning) for n in range(15)], {}, {}),
                FIRST,
            )
        )
        events()
        homes()
    return tuple(found)


@cache
def raised() -> dict[str, Finding]:
    """The first finding that opens an alert, by rule."""
    return {finding.rule: finding for finding in reversed(every()) if finding.action == "open"}


def test_every_rule_has_spoken() -> None:
    assert sorted(set(all_rules()) - set(raised())) == []


def test_the_page_of_sentences_has_what_every_rule_says() -> None:
    """``WRITE_SENTENCES=1 pytest …`` writes the page anew; somebody who speaks the language reads it then."""
    page = sentences()
    if os.environ.get("WRITE_SENTENCES"):
        SENTENCES.write_text(page, "utf-8")
    assert SENTENCES.read_text("utf-8") == page


def sentences() -> str:
    """The page: every rule with its title and one reason, in both languages."""
    lines = []
    for rule, finding in sorted(raised().items()):
        if rule in all_rules():
            zh, en = all_rules()[rule].title
            lines.append(f"| `{rule}` | {zh}<br>{en} | {finding.reason_zh}<br>{finding.reason_en} |")
    return SENTENCES_HEAD + "\n".join(lines) + "\n"


SENTENCES = Path(__file__).parents[4] / "docs" / "alert-sentences.md"
SENTENCES_HEAD = """\
# What every rule says

One alert of each rule, as the dispatcher reads it, from scenes that a test plays
(`tests/unit/alerting/detection/test_detect_explained.py`, which also holds this page against the program). Chinese
punctuation follows GB/T 15834.

| rule | title | reason |
| --- | --- | --- |
"""


@pytest.mark.parametrize("rule", sorted(all_rules()))
def test_a_reason_in_two_languages_with_its_numbers(rule: str) -> None:
    finding = raised()[rule]
    assert re.search(r"[\u4e00-\u9fff]", finding.reason_zh)
    assert re.search(r"[A-Za-z]{3}", finding.reason_en)
    assert finding.reason_en[0] == finding.reason_en[0].upper()
    if rule not in WORDS_ALONE:
        assert re.search(r"\d", finding.reason_zh), finding.reason_zh
        assert re.search(r"\d", finding.reason_en), finding.reason_en


@pytest.mark.parametrize("rule", sorted(all_rules()))
def test_the_reason_reads_well(rule: str) -> None:
    zh, en = raised()[rule].reason_zh, raised()[rule].reason_en
    assert not re.search(r"\d\.0 (小时|次|分|秒)|\d{3,} 秒|  |[,:;] ", zh), zh
    assert not re.search(r"[\u4e00-\u9fff][,:;?!()]|[,:;?!()][\u4e00-\u9fff]|（ |[，：（、]）|（，", zh), zh
    assert not re.search(r"\d\.0 (h|times)|\d{3,} s\b|\b1 times\b|  |[,:;](?![ \d])|[\u3000-\uffef]", en), en


@pytest.mark.parametrize("rule", sorted(all_rules()))
def test_evidence_has_window_version_and_parameters(rule: str) -> None:
    finding = raised()[rule]
    window = finding.evidence["window"]
    assert window["since_us"] <= window["until_us"]
    assert finding.rule_version >= 1
    assert finding.evidence["kind"]
    parameters = finding.evidence["parameters"]
    assert parameters or rule in WORDS_ALONE
    assert all(isinstance(number, int | float) for number in parameters.values())


@pytest.mark.parametrize("rule", sorted(all_rules()))
def test_the_evidence_is_said_in_words(rule: str) -> None:
    """Of everything the rule says: when it opens an alert, goes on, and ends."""
    assert evidence.lines(raised()[rule].evidence)[0].label_zh == "观察时段"
    for found in (finding.evidence for finding in every() if finding.rule == rule):
        for line in (*evidence.lines(found), *evidence.parameters(found, catalogue()), *evidence.fall(found)):
            assert line.label_en != line.label_zh, "a key without words"
            assert not re.search(r"[\u4e00-\u9fff]", line.label_en + line.en)
            assert line.zh
            assert line.en
            assert not re.search(r"[{}\[\]]|_us|\w_\w", line.zh + line.en)
        assert set(evidence.channels(found)) <= set(CHANNELS)
        codes = {found.get("level"), *(part.get("state") for part in found.get("parts", ()))} - {None}
        for code in codes if found.get("kind") == "news2" else ():
            assert translate("zh", code) != code


def test_numbers_have_their_units_and_days_their_dates() -> None:
    def said(rule: str) -> dict[str, str]:
        return {line.label_en: line.en for line in evidence.lines(raised()[rule].evidence)}

    assert said("limit_glucose")["value"] == "2 mmol/L"
    assert said("limit_body_temperature")["limit"] == "39.1 °C"
    assert said("implausible_glucose")["possible range"] == "0.5 – 55 mmol/L"
    assert said("sudden_heart_rate")["days learnt"] == "12"
    assert "/min" not in said("erratic_heart_rate")["jumps within an hour"]
    assert re.fullmatch(r"03-\d\d(, 03-\d\d)+", said("weight_gain")["dates"])


def test_an_arrest_is_the_pause_of_breathing_and_graver() -> None:
    urgent, graver, *_ = (f for f in every() if f.rule == "breathing_pause" and f.household_id == 14)
    assert (urgent.action, urgent.severity) == ("open", "urgent")
    assert (graver.action, graver.severity, graver.onset_us) == ("update", "emergency", urgent.onset_us)


def test_the_score_shows_its_parts() -> None:
    parts = raised()["news2"].evidence["parts"]
    assert {part["channel"] for part in parts} == set(PARAMETERS)
    assert {part["state"] for part in parts} <= {"fresh", "stale", "missing"}
    assert sum(part.get("points", 0) for part in parts) == raised()["news2"].evidence["total"]
    assert raised()["news2_trend"].evidence["parts"]
