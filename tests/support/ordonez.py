"""A real home as events of our sensors: "OrdonezA" of the UCI data set "Activities of Daily Living Recognition Using
Binary Sensors" (Ordóñez, de Toledo, Sanchis: Sensors 13(5), 2013), 14 days of one person. Its clock is read as
Shanghai's.
"""

import datetime as dt
import re
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from alerting.detection.kit.context import District, Happened, Person, Source

FILE = Path(__file__).resolve().parents[3] / "shared" / "data" / "ordonez" / "OrdonezA_Sensors.txt"
ZONE = ZoneInfo("Asia/Shanghai")
ROOMS = {
    "Bedroom": "bedroom",
    "Living": "living_room",
    "Kitchen": "kitchen",
    "Bathroom": "bathroom",
    "Entrance": "hall",
}
KINDS = {
    "Pressure/Bed": ("bed_enter", "bed_exit"),
    "Pressure": ("presence_began", "presence_ended"),
    "Magnetic": ("door_opened", "door_closed"),
}
_LINE = re.compile(r"(\d{4}-\S+ \S+)\s+(\S+ \S+)\s+(\S+)\s+(\S+)\s+(\S+)")


class Stretch(msgspec.Struct, frozen=True):
    """A sensor was on from ``begin_us`` to ``end_us``."""

    sensor: str
    kind: str
    room: str
    begin_us: int
    end_us: int


def stretches() -> list[Stretch]:
    """All of them; skips the test where the data are not there."""
    if not FILE.exists():
        pytest.skip("the recordings of the Ordóñez home are not beside this checkout (shared/data/ordonez)")
    found = [_LINE.match(line) for line in FILE.read_text().splitlines()]
    return [Stretch(m[3], m[4], ROOMS[m[5]], _us(m[1]), _us(m[2])) for m in found if m]


def events(until_us: int | None = None) -> list[Happened]:
    """In the order of time. After ``until_us`` nothing moves: what was on then goes off."""
    found = []
    for stretch in stretches():
        if until_us is not None and stretch.begin_us >= until_us:
            continue
        end_us = stretch.end_us if until_us is None else min(stretch.end_us, until_us)
        began, ended = KINDS.get(
            f"{stretch.kind}/{stretch.sensor}", KINDS.get(stretch.kind, ("motion_began", "motion_ended"))
        )
        source = source_of(stretch.sensor, stretch.room)
        found += [Happened(source, began, stretch.begin_us, {}), Happened(source, ended, end_us, {})]
    return sorted(found, key=lambda happened: happened.time_us)


def source_of(sensor: str, room: str) -> Source:
    return Source(
        gateway="gw-1",
        name=sensor.lower(),
        model="test",
        household_id=7,
        person=0,
        heartbeat_s=1e9,
        label_zh=sensor,
        label_en=sensor,
        room=room,
        home=0,
    )


def district() -> District:
    sources = {("gw-1", s.sensor.lower()): source_of(s.sensor, s.room) for s in stretches()}
    return District([Person(id=1, code="R0001", household_id=7)], sources, {"gw-1": 7})


def local(text: str) -> int:
    """µs of '2011-12-05 14:00', Shanghai."""
    return _us(text)


def _us(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp()) * 1_000_000
