"""Follows a fall by the home's sensors: up again in another room, or lying for long.

The gateway's ``fall_suspected`` and ``fall_confirmed`` (pendant, radar) open the alert ``fall``; this detector updates
it by bed, door and activity. After a suspected fall of somebody who lives alone, a sign of life in another room or
the bed, two minutes or more after the impact, clears the alert; after a confirmed one it is only noted, for the
resident may be hurt. If the door opened after the fall somebody may have come in, and the sign is noted, too. With no
such sign for ten minutes the suspicion becomes an emergency, after an hour it is a long lie: half of those who lay for
more than an hour died within six months (Wild, Nayak & Isaacs, BMJ 1981;282:266; Fleming & Brayne, BMJ 2008;337:a2227).
A home without any activity of its own (a pendant alone) is left out.
"""

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import msgspec

from alerting.core.finding import Finding, FindingAction
from alerting.detection.kit.cancelling import CANCELLING
from alerting.detection.kit.context import District, Happened, subject_of
from alerting.detection.kit.fall_stories import FALLS, FallStories
from alerting.detection.kit.routine.behaviour import Before, Behaviour, Homes
from alerting.detection.kit.routine.whereabouts import KINDS, Sign, Whereabouts
from alerting.detection.kit.words import lasting
from vocabulary.labels import room_of
from vocabulary.parameter import Parameter
from vocabulary.severity import Severity
from vocabulary.times import DAY_US, HOUR_US, MINUTE_US

RISE_US = 2 * MINUTE_US
"""By then the gateway has judged the pendant's own movement; and nobody gets up and walks off at once."""
FORGET_US = 6 * HOUR_US


class Fall(msgspec.Struct, kw_only=True):
    """A fall that was not taken back; ``home``: row of the home's activity."""

    source: tuple[str, str]
    home: int
    time_us: int
    room: str = ""
    """The room of the last sign of life before it."""
    confirmed: bool = False
    door: bool = False
    """The front door opened since."""
    stage: int = 0
    """0; 1: reported as lying; 2: reported as a long lie."""
    own_us: int | None = None
    """See :class:`Happened`."""

    @property
    def onset_us(self) -> int:
        return self.time_us if self.own_us is None else self.own_us


class Lying(Homes):
    """``falls`` by 'gateway|device|impact'."""

    falls: dict[str, Fall] = msgspec.field(default_factory=dict)
    stories: FallStories = msgspec.field(default_factory=FallStories)


class LongLie(Behaviour):
    """Follows the alert of the rule ``fall``, whose identity is the impact."""

    parameters: ClassVar = {
        "long_lie.lying": Parameter(10, 3, 60, "min", "跌倒后无活动", "no activity after a fall"),
        "long_lie.long": Parameter(60, 20, 180, "min", "长时间倒地", "a long lie"),
    }

    kinds: ClassVar = frozenset({*CANCELLING, *FALLS, *KINDS})

    def __init__(self) -> None:
        super().__init__()
        self.state: Any = Lying()

    def learn(self, district: District) -> None:
        super().learn(district)
        for key, fall in list(self.state.falls.items()):
            if fall.source not in district.sources or fall.home >= len(district.people):
                del self.state.falls[key]
        self._minutes = {name: self.tuned(district, f"long_lie.{name}") for name in ("lying", "long")}

    def event(self, district: District, happened: Happened) -> Iterable[Finding]:
        if happened.kind not in KINDS:
            self._fallen(district, happened)
        return super().event(district, happened)

    def _fallen(self, district: District, happened: Happened) -> None:
        """Take a fall, or its end, or a call that is taken back."""
        if happened.kind in CANCELLING:
            for story in self.state.stories.cancel(district, happened):
                self._end(story.key)
        elif happened.kind in FALLS:
            for story in self.state.stories.take(district, happened):
                if story.over:
                    self._end(story.key)
                    continue
                source = district.sources.get(story.source)
                if source is None or source.home is None or happened.kind == "fall_recovered":
                    continue
                if story.key not in self.state.falls and story.last_us == story.began_us:
                    self.state.falls[story.key] = Fall(
                        source=story.source, home=source.home, time_us=story.began_us, own_us=story.onset_us
                    )
                    self.timers.set(story.began_us + RISE_US, story.key)
                if story.key in self.state.falls:
                    self.state.falls[story.key].confirmed |= story.confirmed

    def sign(self, district: District, row: int, home: Whereabouts, sign: Sign, was: Before) -> Iterable[Finding]:
        return self._after(district, row, sign, was) if self.state.falls else ()

    def _after(self, district: District, row: int, sign: Sign, was: Before) -> Iterator[Finding]:
        """Judge a sign of life after a fall."""
        for key, fall in [item for item in self.state.falls.items() if item[1].home == row]:
            if sign.time_us <= fall.time_us:
                continue
            fall.room = fall.room or was.room or " "
            fall.door |= sign.exit
            # the fallen person is where the last sign before the fall came from; a bed is no floor
            elsewhere = sign.exit or sign.kind == "bed_enter" or (sign.inside and sign.room != fall.room)
            if not elsewhere or sign.time_us < fall.time_us + RISE_US or sign.kind.endswith("_ended"):
                continue
            yield from self._up(district, key, fall, sign)

    def due(self, district: District, key: str, at_us: int) -> Iterator[Finding]:
        fall = self.state.falls.get(key)
        if fall is None:
            return
        home = self.state.homes.get(fall.home)
        if at_us - fall.time_us >= FORGET_US:
            self._end(key)
            return
        if fall.stage == 0 and at_us < self._at(fall, "lying"):
            self.timers.set(self._at(fall, "lying"), key)
            if home is not None and home.in_bed and fall.time_us < self._bed_us(home) and not fall.confirmed:
                sign = Sign("bed_enter", at_us, "bedroom", "", inside=True)
                yield from self._up(district, key, fall, sign)
            return
        seen = home is not None and fall.time_us - DAY_US < home.inside_us
        if not seen:
            self._end(key)
            return
        fall.stage += 1
        if fall.stage == 1:
            self.timers.set(self._at(fall, "long"), key)
        else:
            self.timers.set(fall.time_us + FORGET_US, key)
        for_zh, for_en = lasting(at_us - fall.time_us)
        room_zh, room_en = room_of((fall.room or (home.room if home else "")).strip())
        kind_zh, kind_en = ("跌倒", "fall") if fall.confirmed else ("疑似跌倒", "suspected fall")
        if fall.stage == 1:
            words = (
                f"{kind_zh}后 {for_zh}其他房间、床和门均无活动（此前在{room_zh}）",
                f"no activity in other rooms, bed or door for {for_en} after a {kind_en} (before it: {room_en})",
            )
        else:
            words = (f"{kind_zh}后已倒地 {for_zh}，长时间倒地", f"a long lie: {for_en} after a {kind_en}")
        yield self._finding(district, fall, "update", "emergency", at_us, words)

    def _up(self, district: District, key: str, fall: Fall, sign: Sign) -> Iterator[Finding]:
        self._end(key)
        alone = district.people[fall.home].id is not None
        for_zh, for_en = lasting(sign.time_us - fall.time_us)
        room_zh, room_en = ("入户门", "front door") if sign.exit else room_of(sign.room)
        zh, en = f"跌倒后 {for_zh}{room_zh}有活动", f"activity ({room_en}) {for_en} after the fall"
        if alone and not fall.confirmed and not fall.door and fall.stage == 0:
            words = (f"{zh}，视为已起身", f"{en}: taken as up again")
            yield self._finding(district, fall, "clear", "urgent", sign.time_us, words)
        else:
            # of two residents it may be the other one; after a confirmed fall it may be a helper
            words = (f"{zh}，请仍与老人核实", f"{en}: please ask all the same")
            severity: Severity = "emergency" if fall.confirmed or fall.stage else "urgent"
            yield self._finding(district, fall, "note", severity, sign.time_us, words)

    def _end(self, key: str) -> None:
        if self.state.falls.pop(key, None) is not None:
            self.timers.cancel(key)

    def _at(self, fall: Fall, name: str) -> int:
        return fall.time_us + round(float(self._minutes[name][fall.home]) * MINUTE_US)

    @staticmethod
    def _bed_us(home: Whereabouts) -> int:
        """When the bed was taken."""
        return max((since for sense, _, since in home.on.values() if sense == "bed"), default=0)

    def _finding(
        self,
        district: District,
        fall: Fall,
        action: FindingAction,
        severity: Severity,
        at_us: int,
        words: tuple[str, str],
    ) -> Finding:
        source = district.sources[fall.source]
        subject, resident_id = subject_of(district, source)
        return Finding(
            action=action,
            rule="fall",
            rule_version=self.version,
            severity=severity,
            subject=subject,
            household_id=source.household_id,
            resident_id=resident_id,
            onset_us=fall.onset_us,
            sensed_us=at_us,
            reason_zh=words[0],
            reason_en=words[1][:1].upper() + words[1][1:],
            evidence={
                "kind": "long_lie",
                "device": source.name,
                "room_before": fall.room.strip(),
            },
        )
