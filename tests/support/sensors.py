"""One home with 0/1 sensors and an engine over it; tests write the resident's day in local time."""

import datetime as dt
from zoneinfo import ZoneInfo

from alerting.core.finding import Finding
from alerting.detection.detectors import all_detectors
from alerting.detection.engine.engine import LATENESS_US, Engine
from alerting.detection.kit.context import District, Happened, Person, Source

ZONE = ZoneInfo("Asia/Shanghai")
MINUTE = 60_000_000
DAY = 86_400_000_000
FIRST = int(dt.datetime(2026, 3, 2, tzinfo=ZONE).timestamp()) * 1_000_000
"""Midnight of day 0, a Monday."""
ROOMS = {
    "pendant": "worn",
    "bed": "bedroom",
    "radar": "bedroom",
    "pir-bedroom": "bedroom",
    "pir-bathroom": "bathroom",
    "presence-bathroom": "bathroom",
    "pir-kitchen": "kitchen",
    "pir-living": "living_room",
    "pir-hall": "hall",
    "front-door": "hall",
    "fridge": "kitchen",
}
LABELS = {
    "pendant": ("吊坠", "pendant"),
    "bed": ("床垫", "bed mat"),
    "radar": ("雷达", "radar"),
    "pir-bedroom": ("卧室人体传感器", "motion sensor in the bedroom"),
    "pir-bathroom": ("卫生间人体传感器", "motion sensor in the bathroom"),
    "presence-bathroom": ("卫生间存在传感器", "presence sensor in the bathroom"),
    "pir-kitchen": ("厨房人体传感器", "motion sensor in the kitchen"),
    "pir-living": ("客厅人体传感器", "motion sensor in the living room"),
    "pir-hall": ("门厅人体传感器", "motion sensor in the hall"),
    "front-door": ("入户门磁", "front door sensor"),
    "fridge": ("冰箱门磁", "fridge door sensor"),
}
"""What people read of a device, in Chinese and in English."""


def at(day: int, clock: str) -> int:
    """µs of '07:30' or '07:30:15' on a day."""
    hours, minutes, *seconds = (int(part) for part in clock.split(":"))
    return FIRST + day * DAY + (hours * 3600 + minutes * 60 + sum(seconds)) * 1_000_000


class SensorHome:
    """``residents`` of one home, and an engine with the named detectors (files) over it; time only goes on."""

    def __init__(self, *detectors: str, residents: int = 1, tuning: dict[str, float] | None = None) -> None:
        people = [Person(id=n + 1, code=f"R{n + 1:04d}", household_id=7, tuning=tuning or {}) for n in range(residents)]
        if residents > 1:
            people.append(Person(id=None, code="", household_id=7, tuning=tuning or {}))
        home = len(people) - 1
        self.sources = {
            name: Source(
                gateway="gw-1",
                name=name,
                model="test",
                household_id=7,
                person=0 if name == "pendant" else None,
                heartbeat_s=1e9,
                label_zh=LABELS[name][0],
                label_en=LABELS[name][1],
                room=room,
                home=home,
            )
            for name, room in ROOMS.items()
        }
        self.district = District(people, {("gw-1", name): s for name, s in self.sources.items()}, {"gw-1": 7})
        chosen = {name: kind for name, kind in all_detectors().items() if name.split(".")[0] in detectors}
        self.engine = Engine(self.district, FIRST, chosen)
        self.found: list[Finding] = []

    def tell(self, device: str, kind: str, time_us: int) -> None:
        """Advance to the time of an event and feed it."""
        self.found += self.engine.advance(time_us)
        self.found += self.engine.event(Happened(self.sources[device], kind, time_us, {}))

    def move(self, day: int, *signs: str) -> None:
        """Feed motion: '07:30 kitchen' is seen for a minute by the room's sensor."""
        for sign in signs:
            clock, room = sign.split()
            device = f"pir-{room.removesuffix('_room')}"
            self.tell(device, "motion_began", at(day, clock))
            self.tell(device, "motion_ended", at(day, clock) + MINUTE)

    def bed(self, day: int, clock: str, *, enter: bool) -> None:
        self.tell("bed", "bed_enter" if enter else "bed_exit", at(day, clock))

    def door(self, day: int, clock: str) -> None:
        """The front door, opened and closed."""
        self.tell("front-door", "door_opened", at(day, clock))
        self.tell("front-door", "door_closed", at(day, clock) + 8_000_000)

    def until(self, day: int, clock: str) -> list[Finding]:
        """Advance the engine to then and return all findings so far."""
        self.found += self.engine.advance(at(day, clock) + LATENESS_US + 5_000_000)
        return self.found

    def ordinary_days(self, days: range) -> None:
        """Up at 7, bathroom, kitchen, living room, out from 10 to 11:30, a sign every 20 to 40 min, to bed at 22:30 and
        once to the bathroom at night."""
        for day in days:
            shift = (day * 7) % 11  # minutes
            self.bed(day, f"02:{10 + shift}", enter=False)
            self.move(day, f"02:{11 + shift} bathroom")
            self.bed(day, f"02:{16 + shift}", enter=True)
            self.bed(day, f"07:{shift:02d}", enter=False)
            self.move(day, f"07:{shift + 1:02d} bathroom", f"07:{shift + 15} kitchen", f"07:{shift + 40} living_room")
            self.move(day, "08:20 kitchen", "08:50 bathroom", "09:00 living_room", "09:35 living_room", "09:58 hall")
            self.door(day, "10:00")
            self.door(day, f"11:{20 + shift}")
            self.move(day, f"11:{24 + shift} kitchen", f"11:{26 + shift} living_room")
            for hour in range(12, 22):
                self.move(day, f"{hour}:{5 + shift:02d} living_room", f"{hour}:{30 + shift} kitchen")
                if hour % 3 == 0:
                    self.move(day, f"{hour}:{45 + shift % 5} bathroom", f"{hour}:{52 + shift % 5} living_room")
            self.move(day, "22:10 bathroom", "22:25 living_room")
            self.bed(day, f"22:{30 + shift}", enter=True)


def raised(found: list[Finding], rule: str | None = None) -> list[tuple[str, str, str]]:
    """List (action, rule, severity) of the findings, of one rule or of all."""
    return [(f.action, f.rule, f.severity) for f in found if rule in (None, f.rule)]
