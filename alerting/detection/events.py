"""Events that are alerts by themselves: SOS, falls, smoke, gas, water, faults. Each kind is a row of a table."""

import base64
from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from alerting.detection.context import District, Happened, Source, subject_of
from alerting.finding import Action, Finding, Severity
from firmware_profiles.channels import EVENTS

VERSION = 1


class EventDetector(Protocol):
    """Looks at one event; state is its own affair."""

    def event(self, district: District, happened: Happened) -> Iterator[Finding]: ...


def event_detectors() -> Sequence[EventDetector]:
    return (Falls(), Calls())


CANCELLED = ("本人长按取消", "Taken back by a long press")
CANCEL_WITHIN_US = 20_000_000


def takes_back(cancelled: Happened, onset_us: int) -> bool:
    """Whether a long press comes soon enough to take back what began at ``onset_us``; later it is only recorded."""
    return 0 <= cancelled.time_us - onset_us <= CANCEL_WITHIN_US


class Falls:
    """One fall, one alert: suspected → urgent, confirmed → the same alert becomes an emergency, recovered → cleared.

    The impact's time is the onset, so the three events of a fall name the same alert, in whatever process.
    """

    def __init__(self) -> None:
        self._latest: dict[str, Happened] = {}  # of each gateway: the fall that a long press would take back

    def event(self, district: District, happened: Happened) -> Iterator[Finding]:
        if happened.kind in ("fall_suspected", "fall_confirmed"):
            self._latest[happened.source.gateway] = happened
        if happened.kind == "sos_cancelled":
            fall = self._latest.pop(happened.source.gateway, None)
            if fall is not None and takes_back(happened, fall.time_us):
                yield self._finding(district, fall, "cancel", "urgent", CANCELLED)
        elif happened.kind == "fall_suspected":
            yield self._finding(district, happened, "open", "urgent")
        elif happened.kind == "fall_confirmed":
            # a suspicion that got lost on the way must not swallow the fall: open does nothing where it is open
            yield self._finding(district, happened, "open", "emergency")
            yield self._finding(district, happened, "update", "emergency")
        elif happened.kind == "fall_recovered":
            yield self._finding(district, happened, "clear", "urgent")

    def _finding(
        self,
        district: District,
        happened: Happened,
        action: Action,
        severity: Severity,
        instead: tuple[str, str] | None = None,
    ) -> Finding:
        subject, resident_id = subject_of(district, happened.source)
        confidence = happened.values.get("confidence")
        sure = f",置信度 {confidence:.0%}" if isinstance(confidence, float) else ""
        sure_en = f", confidence {confidence:.0%}" if isinstance(confidence, float) else ""
        peak = happened.values.get("peak_g")
        hit = f",冲击 {peak:.1f} g" if isinstance(peak, float) else ""
        hit_en = f", impact {peak:.1f} g" if isinstance(peak, float) else ""
        words = {
            "fall_suspected": (f"疑似跌倒{hit}{sure}", f"Fall suspected{hit_en}{sure_en}"),
            "fall_confirmed": (f"确认跌倒,跌倒后静卧不动{sure}", f"Fall confirmed: lying still after it{sure_en}"),
            "fall_recovered": ("跌倒后已自行起身", "Got up after the fall"),
        }
        zh, en = instead or words[happened.kind]
        where_zh, where_en = happened.source.label_zh, happened.source.label_en
        return Finding(
            action=action,
            rule="fall",
            rule_version=VERSION,
            severity=severity,
            subject=subject,
            household_id=happened.source.household_id,
            resident_id=resident_id,
            onset_us=happened.time_us,
            sensed_us=happened.time_us,
            reason_zh=f"{zh}({where_zh})",
            reason_en=f"{en} ({where_en})",
            evidence={
                "kind": "fall",
                "device": happened.source.name,
                "features": happened.values,
                "signal": base64.b64encode(happened.evidence).decode(),
            },
        )


class Call(msgspec.Struct, frozen=True):
    """An event that raises an alert. ``again_s``: repeated within this time it is the same episode."""

    rule: str
    severity: Severity
    again_s: int
    cleared_by: str = ""


CALLS: dict[str, Call] = {
    "sos_pressed": Call("sos", "emergency", 120),
    "smoke_detected": Call("smoke", "emergency", 600, "smoke_cleared"),
    "gas_detected": Call("gas", "emergency", 600, "gas_cleared"),
    "water_leak": Call("water_leak", "urgent", 3600, "water_leak_cleared"),
    "battery_low": Call("battery_low", "technical", 86_400),
    "device_fault": Call("device_fault", "technical", 3600),
    "button_test_due": Call("button_test_due", "technical", 172_800, "button_test"),  # repeated daily until tested
    "config_rolled_back": Call("config_rolled_back", "technical", 3600),
}
_CLEARED = {call.cleared_by: kind for kind, call in CALLS.items() if call.cleared_by}


class Calls:
    """Opens an alert at the first event of an episode; a panicked second press is not a second alert."""

    def __init__(self) -> None:
        self._latest: dict[tuple[str, str, str], tuple[int, int]] = {}  # (onset, last seen), µs

    def event(self, district: District, happened: Happened) -> Iterator[Finding]:
        if happened.kind == "sos_cancelled":
            yield from self._take_back(district, happened)
        elif happened.kind == "local_alarm":
            yield from self._note(district, happened)
        call = CALLS.get(happened.kind)
        key = (happened.source.gateway, happened.source.name, happened.kind)
        if call is not None:
            onset, last = self._latest.get(key, (0, 0))
            if abs(happened.time_us - last) <= call.again_s * 1_000_000:
                self._latest[key] = (onset, max(last, happened.time_us))
                return
            self._latest[key] = (happened.time_us, happened.time_us)
            yield self._finding(district, happened, call, happened.time_us)
        elif happened.kind in _CLEARED:
            # The episode is over: the next smoke is a new alert. This one stays open: somebody was in danger, and a
            # person looks before it is closed.
            self._latest.pop((*key[:2], _CLEARED[happened.kind]), None)

    def _take_back(self, district: District, cancelled: Happened) -> Iterator[Finding]:
        for (gateway, device, kind), (onset_us, _) in list(self._latest.items()):
            called = kind == "sos_pressed" and gateway == cancelled.source.gateway
            source = district.sources.get((gateway, device))
            if called and source is not None and takes_back(cancelled, onset_us):
                del self._latest[gateway, device, kind]
                yield _follow_up(district, source, "sos", onset_us, cancelled, "cancel", CANCELLED)

    def _note(self, district: District, told: Happened) -> Iterator[Finding]:
        """What the gateway did by itself belongs to the story of the alert it did it for."""
        cause, onset_us = told.values.get("cause"), told.values.get("cause_us")
        call = CALLS.get(str(cause))
        rule = "fall" if str(cause).startswith("fall_") else call.rule if call else ""
        if rule and isinstance(onset_us, int):
            zh, en = LOCAL_ALARM.get(str(told.values.get("outcome", "began")), ("网关已自行呼救", "called by itself"))
            tried = f":{told.values['tried']}" if told.values.get("tried") else ""
            yield _follow_up(district, told.source, rule, onset_us, told, "note", (f"{zh}{tried}", f"{en}{tried}"))

    def _finding(self, district: District, happened: Happened, call: Call, onset_us: int) -> Finding:
        subject, resident_id = subject_of(district, happened.source)
        if call.severity == "technical":
            subject, resident_id = f"device:{happened.source.gateway}/{happened.source.name}", None
        words = EVENTS[happened.kind]
        detail = happened.values.get("reason", "")
        more = f":{detail}" if detail else ""
        return Finding(
            action="open",
            rule=call.rule,
            rule_version=VERSION,
            severity=call.severity,
            subject=subject,
            household_id=happened.source.household_id,
            resident_id=resident_id,
            onset_us=onset_us,
            sensed_us=happened.time_us,
            reason_zh=f"{words.zh}({happened.source.label_zh}){more}",
            reason_en=f"{words.en[0].upper()}{words.en[1:]} ({happened.source.label_en}){more}",
            evidence={
                "kind": "event",
                "device": happened.source.name,
                "event": happened.kind,
                "values": happened.values,
            },
        )


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
    action: Action,
    words: tuple[str, str],
) -> Finding:
    """More about the alert that this source's rule raised at ``onset_us``."""
    subject, resident_id = subject_of(district, source)
    return Finding(
        action=action,
        rule=rule,
        rule_version=VERSION,
        severity="urgent",
        subject=subject,
        household_id=source.household_id,
        resident_id=resident_id,
        onset_us=onset_us,
        sensed_us=happened.time_us,
        reason_zh=words[0],
        reason_en=words[1],
    )
