"""A replay says what the live core would have said, whatever the steps of its clock, and when."""

import msgspec
import numpy as np
import pytest

from alerting.core.finding import Finding
from alerting.detection.engine.engine import LATENESS_US, Engine
from alerting.detection.kit.columns import STEP_US
from alerting.detection.kit.context import District, Happened, Person, Source
from alerting.detection.kit.switches import UNHURRIED
from alerting.replay.alerts import Alert, collect, compare
from alerting.replay.recording import Contact, Recorder, Recording, contacts_in
from alerting.replay.run import TimedFinding, replay
from device_simulators.month.month import START_US, MonthOptions, simulate
from shouwang.evaluation.month_recording import recording_of
from vocabulary.times import HOUR_US

MINUTE_US = 60_000_000
RADAR = Source(
    gateway="gw-1",
    name="radar",
    model="seeed-mr60bha2",
    household_id=1,
    person=0,
    heartbeat_s=60,
    label_zh="雷达",
    label_en="radar",
    room="bedroom",
    home=0,
)
BUTTON = Source(
    gateway="gw-1",
    name="sos",
    model="sonoff-snzb-01p",
    household_id=1,
    person=0,
    heartbeat_s=1e9,
    label_zh="按钮",
    label_en="button",
    room="",
    home=0,
)
HOME = District(
    [Person(id=1, code="R1", household_id=1)], {("gw-1", "radar"): RADAR, ("gw-1", "sos"): BUTTON}, {"gw-1": 1}
)


def part(recording: Recording, begin_us: int, end_us: int) -> Recording:
    """A time of a recording, all of it arriving at once: what comes late may be dropped live and not in a replay."""
    keep = (recording.vitals.time_us >= begin_us) & (recording.vitals.time_us < end_us)
    vitals = recording.vitals.take(np.flatnonzero(keep))
    order = np.argsort(vitals.time_us, kind="stable")
    switches = []
    for s in recording.switches:
        inside = (s.time_us >= begin_us) & (s.time_us < end_us)
        at = np.flatnonzero(inside)[np.argsort(s.time_us[inside], kind="stable")]
        switches.append(msgspec.structs.replace(s, time_us=s.time_us[at], value=s.value[at], arrival_us=s.time_us[at]))
    return msgspec.structs.replace(
        recording,
        begin_us=begin_us,
        end_us=end_us,
        vitals=vitals.take(order),
        arrival_us=vitals.time_us[order],
        switches=switches,
        contacts=[Contact(c.gateway, c.device, begin_us, end_us) for c in recording.contacts],
    )


def live(recording: Recording) -> list[Finding]:
    """In steps of five seconds, as the service does it."""
    engine = Engine(recording.district, recording.begin_us)
    found: list[Finding] = []
    done = [0] * len(recording.switches)
    at = 0
    contacts = {(c.gateway, c.device) for c in recording.contacts}
    for now_us in range(recording.begin_us + STEP_US, recording.end_us + 3 * STEP_US, STEP_US):
        for gateway, device in contacts:
            found += engine.heard(gateway, device, now_us)
        end = int(np.searchsorted(recording.arrival_us, now_us, "right"))
        engine.readings(recording.vitals.take(np.arange(at, end)))
        at = end
        for number, s in enumerate(recording.switches):
            first, last = done[number], int(np.searchsorted(s.arrival_us, now_us, "right"))
            if last > first:
                engine.switched(s.source, s.channel, s.time_us[first:last], s.value[first:last])
            done[number] = last
        found += engine.advance(now_us)
    return found


def test_an_hour_at_a_time_gives_what_five_seconds_give() -> None:
    month = simulate(4, MonthOptions(seed=5, days=30))  # a tachycardia in one of its nights
    begin = next(e.begin_us for e in month.truth if e.kind == "tachycardia") // HOUR_US * HOUR_US - 3 * HOUR_US
    recording = part(recording_of([month]), begin, begin + 7 * HOUR_US)
    told = replay(recording)
    assert any(one.finding.severity != "technical" for one in told)
    assert [one.finding for one in told] == live(recording)


def test_told_soon_after_it_is_known() -> None:
    month = simulate(8, MonthOptions(seed=5, days=18))
    opened = [one for one in replay(recording_of([month])) if one.finding.action == "open"]
    measured = [one for one in opened if one.finding.rule.startswith(("limit", "sudden", "news2"))]
    assert measured
    assert all(0 <= one.told_us - one.finding.sensed_us <= max(LATENESS_US, HOUR_US) for one in measured)


def test_silence_is_told_on_the_minute_and_its_end_too() -> None:
    begin = START_US
    gap = begin + 5 * HOUR_US + 123_000_000, begin + 9 * HOUR_US + 7_000_000
    contacts = [
        Contact("gw-1", None, begin, begin + DAY),
        Contact("gw-1", "radar", begin, gap[0]),
        Contact("gw-1", "radar", gap[1], begin + DAY),
        Contact("gw-1", "sos", begin, begin + DAY),
    ]
    told = replay(Recorder(HOME).recording(begin, begin + DAY, contacts))
    assert [(one.finding.rule, one.finding.action) for one in told] == [
        ("device_silent", "open"),
        ("device_silent", "clear"),
    ]
    assert told[0].finding.onset_us == gap[0]
    assert abs(told[0].told_us - (gap[0] + 3 * 60_000_000)) <= 1_000_000
    assert told[1].told_us == gap[1]


def test_a_silent_gateway_explains_its_devices() -> None:
    begin, out, back = START_US, START_US + 2 * HOUR_US, START_US + 4 * HOUR_US
    contacts = [
        Contact("gw-1", device, a, b) for device in (None, "radar") for a, b in ((begin, out), (back, begin + DAY))
    ]
    told = replay(Recorder(HOME).recording(begin, begin + DAY, contacts))
    assert [(one.finding.rule, one.finding.action) for one in told] == [
        ("gateway_silent", "open"),
        ("gateway_silent", "clear"),
    ]


def test_a_device_never_heard_is_silent_from_the_start() -> None:
    contacts = [Contact("gw-1", None, START_US, START_US + DAY)]
    told = replay(Recorder(HOME).recording(START_US, START_US + DAY, contacts))
    assert [one.finding.rule for one in told] == ["device_silent"]
    assert abs(told[0].told_us - (START_US + 3 * 60_000_000)) <= 2_000_000


def test_an_event_is_acted_on_when_it_arrives() -> None:
    recorder = Recorder(HOME)
    pressed = START_US + HOUR_US + 17
    recorder.event(Happened(BUTTON, "sos_pressed", pressed, {}), pressed + 90 * MINUTE_US)
    contacts = [Contact("gw-1", device, START_US, START_US + DAY) for device in (None, "radar", "sos")]
    told = replay(recorder.recording(START_US, START_US + DAY, contacts))
    assert [(one.finding.rule, one.told_us) for one in told] == [("sos", pressed + 90 * MINUTE_US)]
    assert collect(told)[0].onset_us == pressed
    assert "sos_pressed" not in UNHURRIED


def test_contacts_come_from_the_times() -> None:
    minute = np.arange(0, 600) * MINUTE_US + START_US
    times = np.delete(minute, np.arange(100, 200))
    found = contacts_in(HOME, "gw-1", "radar", times, START_US, int(minute[-1]))
    assert [(c.begin_us, c.end_us) for c in found] == [
        (START_US, int(minute[99])),
        (int(minute[200]), int(minute[-1])),
    ]
    assert len(contacts_in(HOME, "gw-1", "sos", times, START_US, int(minute[-1]))) == 1
    never = contacts_in(HOME, "gw-1", "radar", np.empty(0, np.int64), START_US, int(minute[-1]))
    assert never == []


def test_readings_nobody_looks_at_are_counted() -> None:
    recorder = Recorder(HOME)
    time = START_US + np.arange(4, dtype=np.int64) * MINUTE_US
    recorder.readings(RADAR, "heart_rate", time, np.array([70, np.nan, 71, 72], np.float32), time - [0, 0, 0, HOUR_US])
    recorder.readings(RADAR, "illuminance", time, np.full(4, 50, np.float32), time)
    assert recorder.unused == {
        "no number": 1,
        "no detector looks at illuminance": 4,
    }
    recording = recorder.recording(START_US, START_US + HOUR_US, [])
    assert len(recording) == 3
    assert (recording.vitals.time_us <= recording.arrival_us).all()  # an hour ahead: the home's clock is wrong


DAY = 24 * HOUR_US


def finding(rule: str, minute: int, action: str = "open", severity: str = "urgent", **evidence: object) -> TimedFinding:
    at = START_US + minute * MINUTE_US
    onset = START_US if action != "open" else at
    one = Finding(
        action=action,
        rule=rule,
        rule_version=1,
        severity=severity,
        subject="resident:R1",
        household_id=1,
        resident_id=1,
        onset_us=onset,
        sensed_us=at,
        reason_zh="因",
        reason_en="why",
        evidence=evidence,
    )  # type: ignore[arg-type]
    return TimedFinding(one, at)


def test_alerts_and_their_story() -> None:
    alerts = collect(
        [
            finding("news2", 0),
            finding("news2", 5, "update", "emergency"),
            finding("news2", 9, "clear"),
            finding("sudden_spo2", 3, "note"),  # of an alert that was never raised
            finding("limit_spo2", 30),
        ]
    )
    assert [(a.rule, a.severity, a.over) for a in alerts] == [
        ("news2", "emergency", "clear"),
        ("limit_spo2", "urgent", ""),
    ]
    assert [step.news for step in alerts[0].story] == [True, False]
    assert alerts[0].over_us == START_US + 9 * MINUTE_US


def test_what_joins_an_alert_that_is_over_is_one_of_its_own() -> None:
    piece = {"rule": "sudden_spo2", "onset_us": START_US + 1, "severity": "attention", "action": "open"}
    joined = finding("news2", 12, "note", part=piece)
    assert [a.rule for a in collect([finding("news2", 0), joined])] == ["news2"]
    assert [a.rule for a in collect([finding("news2", 0), finding("news2", 9, "clear"), joined])] == [
        "news2",
        "sudden_spo2",
    ]


def test_two_runs_compared() -> None:
    def alerts(*told: TimedFinding) -> list[Alert]:
        return collect(told)

    before = alerts(finding("news2", 0), finding("sudden_spo2", 100), finding("fall", 300), finding("sos", 500))
    after = alerts(finding("news2", 0), finding("sudden_spo2", 130), finding("sos", 500), finding("heat", 900))
    difference = compare(before, after)
    assert [a.rule for a in difference.came] == ["heat"]
    assert [a.rule for a in difference.gone] == ["fall"]
    assert [(a.rule, b.told_us - a.told_us) for a, b in difference.changed] == [("sudden_spo2", 30 * MINUTE_US)]
    assert difference.same == 2


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_progress_goes_from_nothing_to_all(share: float) -> None:
    shares: list[float] = []
    replay(Recorder(HOME).recording(START_US, START_US + HOUR_US, []), shares.append)
    assert share in shares
