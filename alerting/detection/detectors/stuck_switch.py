"""Detects 0/1 sensors that hang: on for longer than their kind ever is while life goes on elsewhere, or never heard of.

How a sensor that hangs at 1 is recognised: :mod:`alerting.detection.kit.routine.stuck`; while it does so no detector of
behaviour counts it, and nothing is learned. A door is stuck when it has been open for a day and a half: a flat is aired
for hours, not overnight. A sensor that has spoken on most days hangs at 0 when it says nothing for two days (a door for
a week), and for longer than three times its own longest pause, while others of the home are heard every day. Figures
are our own choice; such sensors are reported everywhere (zigbee2mqtt#1669, #7837, #24945).
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec

from alerting.core.finding import Finding, FindingAction
from alerting.detection.kit.context import District, Happened, Source, devices_of
from alerting.detection.kit.detector import Rule
from alerting.detection.kit.routine.behaviour import Before, Behaviour, Homes
from alerting.detection.kit.routine.daily import DAYS
from alerting.detection.kit.routine.stuck import RULES
from alerting.detection.kit.routine.whereabouts import Sign, Whereabouts, local_day
from alerting.detection.kit.words import UNSOUND, lasting
from vocabulary.times import DAY_S, DAY_US, HOUR_US, LOCAL_US

_TITLES = {
    "motion": ("人体传感器无变化", "motion sensor does not change"),
    "presence": ("存在传感器无变化", "presence sensor does not change"),
    "bed": ("床垫传感器无变化", "bed sensor does not change"),
    "door": ("门磁无变化", "door sensor does not change"),
}
_HANGS = {
    RULES["motion"]: ("有人活动", "movement"),
    RULES["presence"]: ("有人", "somebody there"),
    RULES["bed"]: ("有人在床", "somebody in bed"),
    RULES["door"]: ("打开", "open"),
}
"""Words for the state in which a sensor of the rule is stuck."""
OPEN_US = 36 * HOUR_US
"""Longest time for which a door is open in earnest."""
JUDGED_US = 12 * HOUR_US
"""Local time at which silent sensors are looked at."""
SPOKEN_DAYS = 8
"""Days of the last 14 before its silence on which a sensor spoke, to be missed."""
SILENT_DAYS, PAUSES = 2, 3
"""Least silence, in days, and as a multiple of the own longest pause."""
DOOR_DAYS = 7
"""The same of a door: somebody who is ill does not go out."""
OTHERS, SIGNS = 2, 15
"""Other sensors, and signs a day, that show that life goes on."""
SENSES = {"motion_began": "motion", "presence_began": "presence", "bed_enter": "bed", "door_opened": "door"}


class SwitchSigns(Homes):
    """By 'gateway/device': the days on which it spoke, as bits (bit 0: ``day``), and its sense; when a door was opened.
    By row: number of signs by local day. ``told``: onset of each open alert, by rule|device."""

    spoken: dict[str, int] = msgspec.field(default_factory=dict)
    day: dict[str, int] = msgspec.field(default_factory=dict)
    sense: dict[str, str] = msgspec.field(default_factory=dict)
    opened_us: dict[str, int] = msgspec.field(default_factory=dict)
    shuts: list[str] = msgspec.field(default_factory=list)
    """Doors that say when they are shut."""
    signs: dict[int, dict[int, int]] = msgspec.field(default_factory=dict)
    alerts: dict[str, int] = msgspec.field(default_factory=dict, name="told")


class StuckSwitch(Behaviour):
    """Judges sensors that hang at 1 at each sign of life, silent ones at noon."""

    constants: ClassVar = {"stuck_switch.silent_days": SILENT_DAYS, "stuck_switch.door_h": OPEN_US / HOUR_US}
    rules: ClassVar = {
        rule: Rule(
            title=_TITLES[sense],
            outside=UNSOUND,
            again_s=DAY_S,
            per_day=1,
            rests_for=("maintenance",),
            explained_by=("gateway_silent",),
        )
        for sense, rule in RULES.items()
    }

    kinds: ClassVar = None
    """Any word of a sensor shows that it is heard."""

    def __init__(self) -> None:
        super().__init__()
        self.state: Any = SwitchSigns()

    def learn(self, district: District) -> None:
        super().learn(district)
        state = self.state
        devices = district.derived(devices_of)
        for known in (state.spoken, state.day, state.sense, state.opened_us):
            for device in [device for device in known if device not in devices]:
                del known[device]
        state.shuts = [device for device in state.shuts if device in devices]
        state.alerts = {key: onset for key, onset in state.alerts.items() if key.partition("|")[2] in devices}
        for row in [row for row in state.signs if row not in state.homes]:
            del state.signs[row]

    def event(self, district: District, happened: Happened) -> list[Finding]:
        findings = [*super().event(district, happened)]
        source = happened.source
        home = self.state.homes.get(source.home)
        if home is not None:
            device = f"{source.gateway}/{source.name}"
            self._spoke(device, happened)
            if self.state.alerts:
                findings += self._changed(district, source, device, home, happened.time_us)
        return findings

    def sign(self, district: District, row: int, home: Whereabouts, sign: Sign, was: Before) -> Iterator[Finding]:
        signs, day = self.state.signs.setdefault(row, {}), local_day(sign.time_us)
        if day not in signs:
            noon_us = day * DAY_US - LOCAL_US + JUDGED_US
            self.timers.set(noon_us if noon_us > sign.time_us else noon_us + DAY_US, str(row))
            for old in [old for old in signs if old <= day - DAYS]:
                del signs[old]
        signs[day] = signs.get(day, 0) + 1
        for key, since_us in home.stuck.items():
            device, _, sense = key.partition("|")
            yield from self._open(district, RULES[sense], device, since_us, sign.time_us, hung=True)
        for device, opened_us in self.state.opened_us.items():
            if sign.time_us - opened_us >= OPEN_US and device in home.newest and device != sign.device:
                yield from self._open(district, RULES["door"], device, opened_us, sign.time_us, hung=True)

    def due(self, district: District, key: str, at_us: int) -> Iterator[Finding]:
        row, state, today = int(key), self.state, local_day(at_us)
        home = state.homes.get(row)
        if home is None:
            return
        self.timers.set(at_us + DAY_US, key)
        signs = state.signs.get(row, {})
        if home.away or min(signs.get(today - ago, 0) for ago in range(1, SILENT_DAYS + 1)) < SIGNS:
            return
        heard = sum(today - state.day[device] < 2 for device in home.newest if device in state.day)
        for device in home.newest:
            spoken = state.spoken.get(device, 0)
            least = DOOR_DAYS if state.sense.get(device) == "door" else SILENT_DAYS
            silent_us = at_us - home.newest[device]  # its last change may have been an end
            missed = silent_us >= DAY_US * max(least, PAUSES * _longest_pause(spoken) + 1)
            if missed and heard >= OTHERS and spoken.bit_count() >= SPOKEN_DAYS:
                rule, last_us = RULES[state.sense[device]], home.newest[device]
                yield from self._open(district, rule, device, last_us, at_us, hung=False)

    def _spoke(self, device: str, happened: Happened) -> None:
        state, day = self.state, local_day(happened.time_us)
        sense = SENSES.get(happened.kind)
        if sense:
            state.sense[device] = sense
            before = state.day.get(device, day)
            if day >= before:
                state.spoken[device] = (state.spoken.get(device, 0) << (day - before) | 1) & ((1 << DAYS) - 1)
                state.day[device] = day
        if happened.kind == "door_closed":
            state.opened_us.pop(device, None)
            if device not in state.shuts:
                state.shuts.append(device)
        elif happened.kind == "door_opened" and device in state.shuts:
            state.opened_us.setdefault(device, happened.time_us)

    def _changed(
        self, district: District, source: Source, device: str, home: Whereabouts, at_us: int
    ) -> Iterator[Finding]:
        """Clear the alert of a sensor that has changed again."""
        for sense, rule in RULES.items():
            onset_us = self.state.alerts.get(f"{rule}|{device}")
            hangs = f"{device}|{sense}" in home.stuck or device in self.state.opened_us
            if onset_us is not None and not hangs:
                del self.state.alerts[f"{rule}|{device}"]
                words = (f"{source.label_zh}已恢复正常", f"{source.label_en}: changes again")
                yield self._finding(source, rule, "clear", onset_us, at_us, words)

    def _open(
        self, district: District, rule: str, device: str, since_us: int, now_us: int, *, hung: bool
    ) -> Iterator[Finding]:
        gateway, _, name = device.partition("/")
        source = district.sources.get((gateway, name))
        if source is None or f"{rule}|{device}" in self.state.alerts:
            return
        self.state.alerts[f"{rule}|{device}"] = since_us
        for_zh, for_en = lasting(now_us - since_us)
        if hung:
            shown_zh, shown_en = _HANGS[rule]
            zh = f"{source.label_zh}一直显示{shown_zh}，已 {for_zh}，期间家中其他地方仍有活动，疑传感器卡住"
            en = f"{source.label_en}: {shown_en} for {for_en} while life goes on elsewhere; it may be stuck"
        else:
            zh = f"{source.label_zh}已 {for_zh}无任何信号，期间家中其他传感器正常，疑传感器故障"
            en = f"{source.label_en}: nothing for {for_en} while the other sensors are heard; it may be faulty"
        yield self._finding(source, rule, "open", since_us, now_us, (zh, en))

    def _finding(
        self, source: Source, rule: str, action: FindingAction, onset_us: int, now_us: int, words: tuple[str, str]
    ) -> Finding:
        device = f"{source.gateway}/{source.name}"
        zh, en = words
        return Finding(
            action=action,
            rule=rule,
            rule_version=self.version,
            severity="technical",
            subject=f"device:{device}",
            household_id=source.household_id,
            resident_id=None,
            onset_us=onset_us,
            sensed_us=now_us,
            reason_zh=zh,
            reason_en=en[:1].upper() + en[1:],
            evidence={"kind": "stuck_switch", "device": device, "room": source.room},
        )


def _longest_pause(spoken: int) -> int:
    """Longest number of days without a word between two with one; ``spoken``: days as bits."""
    return max((len(gap) for gap in f"{spoken:b}".strip("0").split("1")), default=0)
