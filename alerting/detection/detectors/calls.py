"""Raises alerts for events that need no judgement: SOS, smoke, gas, water, faults. Each kind is a row of a table."""

from collections.abc import Iterator
from typing import ClassVar

import msgspec

from alerting.core.finding import Finding, FindingAction
from alerting.detection.kit.cancelling import CANCELLED, takes_back
from alerting.detection.kit.context import District, Happened, Person, Source, subject_of
from alerting.detection.kit.detector import Detector, Rule
from firmware_profiles.channels import EVENTS
from vocabulary.severity import Severity
from vocabulary.times import DAY_S, SECOND_US


class Call(msgspec.Struct, frozen=True):
    """An event that raises an alert. ``again_s``: a repetition within this time belongs to the same episode."""

    rule: str
    severity: Severity
    again_s: int
    title: tuple[str, str]
    cleared_by: str = ""


CALLS: dict[str, Call] = {
    "sos_pressed": Call("sos", "emergency", 120, ("紧急呼救", "SOS call")),
    "smoke_detected": Call("smoke", "emergency", 600, ("烟雾报警", "smoke"), "smoke_cleared"),
    "gas_detected": Call("gas", "emergency", 600, ("燃气报警", "gas"), "gas_cleared"),
    "water_leak": Call("water_leak", "urgent", 3600, ("漏水", "water leak"), "water_leak_cleared"),
    "battery_low": Call("battery_low", "technical", DAY_S, ("设备电量低", "battery low")),
    "device_fault": Call("device_fault", "technical", 3600, ("设备故障", "device fault")),
    "button_test_due": Call(
        "button_test_due", "technical", 172_800, ("呼叫按钮待测试", "button test due"), "button_test"
    ),  # repeated daily until tested
    "config_rolled_back": Call(
        "config_rolled_back", "technical", 3600, ("新配置已撤回", "new configuration taken back")
    ),
}
_CLEARED = {call.cleared_by: kind for kind, call in CALLS.items() if call.cleared_by}


class CallEpisodes(msgspec.Struct):
    """By 'gateway|device|kind': (onset by the device's own clock, last event) of the episode, µs."""

    episodes: dict[str, tuple[int, int]] = {}


class Calls(Detector):
    """Opens an alert at the first event of an episode; a panicked second press is not a second alert."""

    rules: ClassVar = {
        call.rule: Rule(
            title=call.title,
            outside="title",
            service="" if call.severity == "technical" else "emergency_help",
            again_s=0,
            per_day=100,
        )
        for call in CALLS.values()
    }

    def __init__(self) -> None:
        super().__init__()
        self.state = CallEpisodes()

    def in_force(self, person: Person | None, rule: str) -> dict[str, float]:
        return {f"{rule}.again_s": call.again_s for call in CALLS.values() if call.rule == rule}

    def event(self, district: District, happened: Happened) -> Iterator[Finding]:
        if happened.kind == "sos_cancelled":
            yield from self._take_back(district, happened)
        elif happened.kind == "local_alarm":
            yield from self._note(district, happened)
        call = CALLS.get(happened.kind)
        key = _key(happened.source.gateway, happened.source.name, happened.kind)
        if call is not None:
            onset, last = self.state.episodes.get(key, (0, None))
            if last is not None and abs(happened.time_us - last) <= call.again_s * SECOND_US:
                self.state.episodes[key] = (onset, max(last, happened.time_us))
                return
            self.state.episodes[key] = (happened.onset_us, happened.time_us)
            yield self._finding(district, happened, call)
        elif happened.kind in _CLEARED:
            # The episode is over: the next smoke is a new alert. This one stays open: somebody was in danger, and
            # only a person may close it.
            self.state.episodes.pop(_key(happened.source.gateway, happened.source.name, _CLEARED[happened.kind]), None)

    def _take_back(self, district: District, cancelled: Happened) -> Iterator[Finding]:
        for key, (onset_us, _) in list(self.state.episodes.items()):
            gateway, device, kind = key.split("|")
            called = kind == "sos_pressed" and gateway == cancelled.source.gateway
            source = district.sources.get((gateway, device))
            if called and source is not None and takes_back(cancelled, onset_us):
                del self.state.episodes[key]
                yield _follow_up(district, source, "sos", onset_us, cancelled, "cancel", CANCELLED)

    def _note(self, district: District, told: Happened) -> Iterator[Finding]:
        """Add the gateway's own calls for help to the story of their alert."""
        cause, onset_us = told.values.get("cause"), told.values.get("cause_us")
        call = CALLS.get(str(cause))
        rule = "fall" if str(cause).startswith("fall_") else call.rule if call else ""
        if rule and isinstance(onset_us, int):
            zh, en = LOCAL_ALARM.get(str(told.values.get("outcome", "began")), ("网关已自行呼救", "called by itself"))
            tried = told.values.get("tried")
            words = (f"{zh}:{tried}", f"{en}: {tried}") if tried else (zh, en)
            yield _follow_up(district, told.source, rule, onset_us, told, "note", words)

    def _finding(self, district: District, happened: Happened, call: Call) -> Finding:
        subject, resident_id = subject_of(district, happened.source)
        if call.severity == "technical":
            subject, resident_id = f"device:{happened.source.gateway}/{happened.source.name}", None
        words = EVENTS[happened.kind]
        charge = happened.values.get("value")
        detail = happened.values.get("reason", f"{charge:g} %" if happened.kind == "battery_low" and charge else "")
        zh, en = (f":{detail}", f": {detail}") if detail else ("", "")
        return Finding(
            action="open",
            rule=call.rule,
            rule_version=1,
            severity=call.severity,
            subject=subject,
            household_id=happened.source.household_id,
            resident_id=resident_id,
            onset_us=happened.onset_us,
            sensed_us=happened.time_us,
            reason_zh=f"{words.zh}({happened.source.label_zh}){zh}",
            reason_en=f"{words.en[0].upper()}{words.en[1:]} ({happened.source.label_en}){en}",
            evidence={
                "kind": "event",
                "device": happened.source.name,
                "event": happened.kind,
                "values": happened.values,
            },
        )


def _key(gateway: str, device: str, kind: str) -> str:
    return f"{gateway}|{device}|{kind}"


LOCAL_ALARM = {
    "began": ("平台无应答,网关开始自行呼救", "No answer from the district: the gateway calls by itself"),
    "answered": ("网关自行呼救,联系人已接听", "The gateway called by itself, a contact answered"),
    "nobody_answered": ("网关自行呼救,无人接听", "The gateway called by itself, nobody answered"),
    "district_answered": ("平台已应答,网关停止呼救", "The district answered, the gateway stopped calling"),
    "cancelled": ("本人长按取消,网关停止呼救", "Taken back by a long press, the gateway stopped calling"),
    "taken_back": ("已自行起身,网关停止呼救", "Got up, the gateway stopped calling"),
}


def _follow_up(
    district: District,
    source: Source,
    rule: str,
    onset_us: int,
    happened: Happened,
    action: FindingAction,
    words: tuple[str, str],
) -> Finding:
    """A follow-up of the alert that this source's rule raised at ``onset_us``."""
    subject, resident_id = subject_of(district, source)
    return Finding(
        action=action,
        rule=rule,
        rule_version=1,
        severity="urgent",
        subject=subject,
        household_id=source.household_id,
        resident_id=resident_id,
        onset_us=onset_us,
        sensed_us=happened.time_us,
        reason_zh=words[0],
        reason_en=words[1],
    )
