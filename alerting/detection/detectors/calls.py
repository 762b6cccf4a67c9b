"""Raises alerts for events that need no judgement: SOS, smoke, gas, water, faults. Each kind is a row of a table.

An alarm that goes on and off for a while is one story; its end is told and leaves it open, for somebody was in danger
and only a person may close it. One that nothing clears is a technical matter after some hours: its detector is stuck,
and cannot tell of a second fire.
"""

from collections.abc import Iterator, Mapping
from typing import ClassVar

import msgspec

from alerting.core.finding import Finding, FindingAction
from alerting.detection.kit.cancelling import (
    CANCELLED,
    CANCELLING,
    TOO_LATE,
    LongPresses,
    meant_for_another,
    takes_back,
    too_late,
)
from alerting.detection.kit.context import District, Happened, Person, Source, subject_of
from alerting.detection.kit.detector import Detector, Rule
from alerting.detection.kit.fall_stories import FALLS
from alerting.detection.kit.words import lasting
from firmware_profiles.channels import EVENTS
from vocabulary.severity import Severity
from vocabulary.taking_back import REPETITION_US
from vocabulary.times import DAY_S, HOUR_US, SECOND_US

HOUR_S = HOUR_US // SECOND_US


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """An event that raises an alert.

    ``again_s``: a repetition within this time belongs to the same episode. ``lull_s``: the same after the alarm has
    cleared, as while cooking; but no longer than ``story_s`` after the begin. ``stuck_s``: uncleared for so long it is
    a stuck detector's.
    """

    rule: str
    severity: Severity
    again_s: int
    title: tuple[str, str]
    stuck_title: tuple[str, str] = ("", "")
    cleared_by: str = ""
    lull_s: int = 0
    story_s: int = 3600
    stuck_s: int = 0


_DANGER: dict[str, int] = {"again_s": 600, "lull_s": 600, "stuck_s": 4 * HOUR_S}
"""Smoke and gas; our own figures. Cooking sets off an alarm again and again for a quarter of an hour; no fire that
anybody could still be told of smokes at one detector for four hours."""
CALLS: dict[str, Call] = {
    "sos_pressed": Call(rule="sos", severity="emergency", again_s=120, title=("紧急呼救", "SOS call")),
    "smoke_detected": Call(
        rule="smoke",
        severity="emergency",
        title=("烟雾报警", "smoke"),
        stuck_title=("烟雾报警未解除", "smoke alarm never cleared"),
        cleared_by="smoke_cleared",
        **_DANGER,
    ),
    "gas_detected": Call(
        rule="gas",
        severity="emergency",
        title=("燃气报警", "gas"),
        stuck_title=("燃气报警未解除", "gas alarm never cleared"),
        cleared_by="gas_cleared",
        **_DANGER,
    ),
    "water_leak": Call(
        rule="water_leak",
        severity="urgent",
        title=("漏水", "water leak"),
        stuck_title=("漏水报警未解除", "water alarm never cleared"),
        again_s=3600,
        cleared_by="water_leak_cleared",
        lull_s=3600,
        story_s=6 * HOUR_S,
        stuck_s=12 * HOUR_S,  # a floor takes hours to dry
    ),
    "battery_low": Call(rule="battery_low", severity="technical", again_s=DAY_S, title=("设备电量低", "battery low")),
    "device_fault": Call(rule="device_fault", severity="technical", again_s=3600, title=("设备故障", "device fault")),
    "button_test_due": Call(  # repeated daily until tested
        rule="button_test_due",
        severity="technical",
        again_s=172_800,
        title=("呼叫按钮待测试", "button test due"),
        cleared_by="button_test",
    ),
    "config_rolled_back": Call(
        rule="config_rolled_back",
        severity="technical",
        again_s=3600,
        title=("新配置已撤回", "new configuration taken back"),
    ),
    "program_rolled_back": Call(
        rule="program_rolled_back",
        severity="technical",
        again_s=3600,
        title=("网关新程序已撤回", "new program of the gateway taken back"),
    ),
}
_CLEARED = {call.cleared_by: kind for kind, call in CALLS.items() if call.cleared_by}
LULL_US, LULL = 300 * SECOND_US, "|lull"
"""A clearing is told as the end after so long without a further rise; the suffix of its timer."""
NEWS_S, NEWS_GAPS = 12 * HOUR_S, 3
"""A stuck detector that speaks again after so long a silence, and after so many times its longest pause, has seen
something new: its clearing was lost."""


class CallEpisode(msgspec.Struct, kw_only=True):
    """An alarm of one device. ``onset_us``, ``parts_us``: its begin and its further rises, by the device's own clock,
    the others by the platform's where the device's cannot be right."""

    onset_us: int
    began_us: int
    risen_us: int
    """The rise since which it lasts without a break."""
    last_us: int
    cleared_us: int = 0
    """0: it lasts."""
    longest_us: int = 0
    """The longest pause between two reports while it lasted."""
    stuck_us: int = 0
    """Onset of the alert that it is stuck."""
    parts_us: list[int] = []

    @property
    def onsets(self) -> list[int]:
        """Of the alert, and of those that its further rises became where a person had closed it."""
        return list(dict.fromkeys((self.onset_us, *self.parts_us)))


class CallEpisodes(msgspec.Struct):
    """By 'gateway|device|kind', and the falls of a home by 'gateway|device': a long press may be about one."""

    episodes: dict[str, CallEpisode] = {}
    falls_us: dict[str, int] = {}
    presses: LongPresses = msgspec.field(default_factory=LongPresses)


class Calls(Detector):
    """Opens an alert at the first event of an episode; a panicked second press is not a second alert."""

    version = 2
    rules: ClassVar = {
        call.rule: Rule(
            title=call.title,
            outside="title",
            service="" if call.severity == "technical" else "emergency_help",
            again_s=0,
            per_day=100,
        )
        for call in CALLS.values()
    } | {
        f"stuck_{call.rule}": Rule(title=call.stuck_title, outside="title", again_s=0, rests_for=("maintenance",))
        for call in CALLS.values()
        if call.stuck_s
    }

    kinds: ClassVar = frozenset({*CANCELLING, *FALLS, *CALLS, *_CLEARED, "local_alarm"})

    def __init__(self) -> None:
        super().__init__()
        self.state = CallEpisodes()

    def in_force(self, person: Person | None, rule: str) -> dict[str, float]:
        found: dict[str, float] = {}
        for call in CALLS.values():
            if call.rule == rule:
                found[f"{rule}.again_s"] = call.again_s
            elif rule == f"stuck_{call.rule}":
                found[f"{rule}.uncleared_hours"] = call.stuck_s / HOUR_S
        return found

    def event(self, district: District, happened: Happened) -> Iterator[Finding]:
        kind = happened.kind
        if kind in CANCELLING:
            yield from self._long_press(district, happened)
        elif kind == "local_alarm":
            yield from self._note(district, happened)
        elif kind in ("fall_suspected", "fall_confirmed"):
            self.state.falls_us[happened.source.key] = happened.onset_us
        elif kind == "fall_recovered":
            self.state.falls_us.pop(happened.source.key, None)
        elif kind in CALLS:
            yield from self._rise(district, happened, kind)
        elif kind in _CLEARED:
            yield from self._clear(district, happened, _CLEARED[kind])

    def due(self, district: District, key: str, at_us: int) -> Iterator[Finding]:
        lull, key = key.endswith(LULL), key.removesuffix(LULL)
        episode = self.state.episodes.get(key)
        gateway, device, kind = key.split("|")
        source = district.sources.get((gateway, device))
        if episode is None or source is None:
            return
        if lull:
            yield from self._tell_clearing(district, source, kind, episode, "end")
            return
        if episode.cleared_us or episode.stuck_us:
            return
        episode.stuck_us = at_us
        yield self._stuck(source, kind, episode, "open", at_us)

    def _rise(self, district: District, happened: Happened, kind: str) -> Iterator[Finding]:
        call, now_us = CALLS[kind], happened.time_us
        key = f"{happened.source.key}|{kind}"
        episode = self.state.episodes.get(key)
        if episode is None or self._is_new(episode, call, now_us):
            if episode is not None and episode.stuck_us:
                yield self._stuck(happened.source, kind, episode, "clear", now_us)
            self.state.episodes[key] = CallEpisode(
                onset_us=happened.onset_us, began_us=now_us, risen_us=now_us, last_us=now_us
            )
            yield self._finding(district, happened, call)
        else:
            pause_us = now_us - episode.last_us
            episode.last_us = max(episode.last_us, now_us)
            again = bool(episode.cleared_us) or pause_us > call.again_s * SECOND_US
            if episode.cleared_us:
                episode.cleared_us, episode.risen_us = 0, now_us
                self.timers.cancel(key + LULL)
            else:
                episode.longest_us = max(episode.longest_us, pause_us)
            pressed_again = kind == "sos_pressed" and pause_us >= REPETITION_US
            if call.severity != "technical" and not episode.stuck_us and (again or pressed_again):
                episode.parts_us = [*episode.parts_us[-9:], happened.onset_us]
                yield self._again(district, happened, call, episode)
        if call.stuck_s:
            self.timers.set(self.state.episodes[key].risen_us + call.stuck_s * SECOND_US, key)

    @staticmethod
    def _is_new(episode: CallEpisode, call: Call, now_us: int) -> bool:
        """Whether a rise begins another episode."""
        since_us = now_us - episode.last_us
        if episode.cleared_us:
            lull = now_us - episode.cleared_us <= call.lull_s * SECOND_US
            return not (lull and now_us - episode.began_us <= call.story_s * SECOND_US)
        if episode.stuck_us:
            return since_us > max(NEWS_S * SECOND_US, NEWS_GAPS * episode.longest_us)
        # what lasts until it is cleared goes on, however seldom its device says so
        return not call.stuck_s and abs(since_us) > call.again_s * SECOND_US

    def _clear(self, district: District, happened: Happened, kind: str) -> Iterator[Finding]:
        call, key = CALLS[kind], f"{happened.source.key}|{kind}"
        episode = self.state.episodes.get(key)
        if episode is None or episode.cleared_us:
            return
        if call.severity == "technical":
            del self.state.episodes[key]
            return
        self.timers.cancel(key)
        episode.cleared_us = max(happened.time_us, 1)
        if episode.stuck_us:
            yield self._stuck(happened.source, kind, episode, "clear", happened.time_us)
            episode.stuck_us = 0
        yield from self._tell_clearing(district, happened.source, kind, episode, "note")
        self.timers.set(happened.time_us + LULL_US, key + LULL)

    def _tell_clearing(
        self, district: District, source: Source, kind: str, episode: CallEpisode, action: FindingAction
    ) -> Iterator[Finding]:
        call, last_us = CALLS[kind], episode.cleared_us
        zh, en = EVENTS[call.cleared_by].zh, EVENTS[call.cleared_by].en
        for_zh, for_en = lasting(max(last_us - episode.risen_us, 0))
        words = (
            f"{zh}（{source.label_zh}），持续 {for_zh}，请仍与住户核实",
            f"{en[0].upper()}{en[1:]} ({source.label_en}), it lasted {for_en}: please check all the same",
        )
        at_us = last_us + (LULL_US if action == "end" else 0)
        for onset_us in episode.onsets:
            yield _follow_up(district, source, call.rule, onset_us, at_us, action, words, call.severity)

    def _long_press(self, district: District, press: Happened) -> Iterator[Finding]:
        if self.state.presses.repeated(press):
            return
        own = another = False
        for key, onset_us in self._fresh():
            gateway, device, *kind = key.split("|")
            source = district.sources.get((gateway, device))
            if source is None:
                continue
            if takes_back(press, source, onset_us):
                own = True
                if kind:
                    for known_us in self.state.episodes.pop(key).onsets:
                        yield _follow_up(district, source, "sos", known_us, press.time_us, "cancel", CANCELLED)
                else:
                    del self.state.falls_us[key]
            elif kind and press.kind == "sos_cancelled" and too_late(press, source, onset_us):
                yield _follow_up(district, source, "sos", onset_us, press.time_us, "note", TOO_LATE, "emergency")
            another |= meant_for_another(press, source, onset_us)
        if not own and (another or press.kind == "sos_held"):
            # with nothing of one's own to take back it is a call like any press
            yield from self._rise(district, press, "sos_pressed")

    def _fresh(self) -> list[tuple[str, int]]:
        """Calls and falls that a long press could be about, by their keys in the state, with their onset."""
        calls = [(k, e.onset_us) for k, e in self.state.episodes.items() if k.endswith("|sos_pressed")]
        return [*calls, *self.state.falls_us.items()]

    def _note(self, district: District, told: Happened) -> Iterator[Finding]:
        """Add the gateway's own calls for help to the story of their alert."""
        cause, onset_us = told.values.get("cause"), told.values.get("cause_us")
        call = CALLS.get(str(cause))
        rule = "fall" if str(cause).startswith("fall_") else call.rule if call else ""
        if rule and isinstance(onset_us, int):
            zh, en = LOCAL_ALARM.get(
                str(told.values.get("outcome", "began")), ("网关已自动呼叫联系人", "called by itself")
            )
            tried = told.values.get("tried")
            words = (f"{zh}：{tried}", f"{en}: {tried}") if tried else (zh, en)
            yield _follow_up(district, told.source, rule, onset_us, told.time_us, "note", words)

    def _finding(self, district: District, happened: Happened, call: Call) -> Finding:
        subject, resident_id = subject_of(district, happened.source)
        if call.severity == "technical":
            subject, resident_id = f"device:{happened.source.gateway}/{happened.source.name}", None
        words = EVENTS[_kind_of(call)]
        charge = happened.values.get("value")
        known = happened.kind == "battery_low" and isinstance(charge, int | float) and charge
        detail = happened.values.get("reason", f"{charge:g}%" if known else "")
        zh, en = (f"：{detail}", f": {detail}") if detail else ("", "")
        return Finding(
            action="open",
            rule=call.rule,
            rule_version=2,
            severity=call.severity,
            subject=subject,
            household_id=happened.source.household_id,
            resident_id=resident_id,
            onset_us=happened.onset_us,
            sensed_us=happened.time_us,
            reason_zh=f"{words.zh}（{happened.source.label_zh}）{zh}",
            reason_en=f"{words.en[0].upper()}{words.en[1:]} ({happened.source.label_en}){en}",
            evidence={
                "kind": "event",
                "device": happened.source.name,
                "event": happened.kind,
                "values": happened.values,
            },
        )

    def _again(self, district: District, happened: Happened, call: Call, episode: CallEpisode) -> Finding:
        """A further rise as a part of the alert; where somebody has closed that, it becomes one of its own."""
        alone = self._finding(district, happened, call)
        for_zh, for_en = lasting(max(happened.time_us - episode.began_us, 0))
        part = {"rule": alone.rule, "onset_us": alone.onset_us, "severity": alone.severity, "action": "open"}
        return msgspec.structs.replace(
            alone,
            action="note",
            onset_us=episode.onset_us,
            reason_zh=f"{alone.reason_zh}，首次报警后 {for_zh}再次报警",
            reason_en=f"{alone.reason_en}, again {for_en} after the first",
            evidence={**alone.evidence, "part": part},
        )

    def _stuck(self, source: Source, kind: str, episode: CallEpisode, action: FindingAction, at_us: int) -> Finding:
        words = EVENTS[kind]
        for_zh, for_en = lasting(at_us - episode.risen_us)
        zh, en = (
            (
                f"{words.zh}持续 {for_zh}未解除（{source.label_zh}）：探测器可能卡住，无法再次报警，请上门检查并复位",
                f"{words.en[0].upper()}{words.en[1:]}, not cleared for {for_en} ({source.label_en}): the detector seems"
                " stuck and can tell of no second alarm; check and reset it",
            )
            if action == "open"
            else (f"探测器恢复（{source.label_zh}）", f"The detector works again ({source.label_en})")
        )
        return Finding(
            action=action,
            rule=f"stuck_{CALLS[kind].rule}",
            rule_version=self.version,
            severity="technical",
            subject=f"device:{source.gateway}/{source.name}",
            household_id=source.household_id,
            resident_id=None,
            onset_us=episode.stuck_us,
            sensed_us=at_us,
            reason_zh=zh,
            reason_en=en,
            evidence={"kind": "event", "device": f"{source.gateway}/{source.name}", "event": kind, "values": {}},
        )


def _kind_of(call: Call) -> str:
    return next(kind for kind, known in CALLS.items() if known is call)


LOCAL_ALARM: Mapping[str, tuple[str, str]] = {
    "began": ("平台未应答，家庭网关已开始自动呼叫联系人", "No answer from the district: the gateway calls by itself"),
    "answered": ("网关自动呼叫，联系人已接听", "The gateway called by itself, a contact answered"),
    "nobody_answered": ("网关自动呼叫，无人接听", "The gateway called by itself, nobody answered"),
    "district_answered": ("平台已应答，网关停止呼叫", "The district answered, the gateway stopped calling"),
    "cancelled": ("老人长按按钮取消，网关停止呼叫", "Taken back by a long press, the gateway stopped calling"),
    "taken_back": ("已自行起身，网关停止呼叫", "Got up, the gateway stopped calling"),
}


def _follow_up(
    district: District,
    source: Source,
    rule: str,
    onset_us: int,
    at_us: int,
    action: FindingAction,
    words: tuple[str, str],
    severity: Severity = "urgent",
) -> Finding:
    """A follow-up of the alert that this source's rule raised at ``onset_us``."""
    subject, resident_id = subject_of(district, source)
    return Finding(
        action=action,
        rule=rule,
        rule_version=2,
        severity=severity,
        subject=subject,
        household_id=source.household_id,
        resident_id=resident_id,
        onset_us=onset_us,
        sensed_us=at_us,
        reason_zh=words[0],
        reason_en=words[1],
    )
