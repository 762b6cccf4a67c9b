"""Whatever comes in whatever order (repeated, late, from the future), while people move, devices are paired anew,
parameters and pauses change, clocks jump and the program starts again: the engine goes on, and says what can be told.
"""

from typing import Any

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.core.finding import Finding
from alerting.detection.detectors import all_rules
from alerting.detection.engine.engine import Engine
from alerting.detection.engine.memory import decode_memory
from alerting.detection.kit.columns import VitalColumns, lane_of
from alerting.detection.kit.context import MEASURED, District, Happened, Pause, Person, Source
from alerting.detection.kit.switches import BINARY, CHANGES
from firmware_profiles.channels import EVENTS

START = 1_800_000_000_000_000
MINUTE = 60_000_000
KINDS = sorted({*EVENTS, *CHANGES.values()})
PLACES = {"radar": "bedroom", "bed": "bedroom", "door": "hall", "pir": "bathroom", "pendant": "worn", "sos": ""}
GIVES = frozenset({"heart_rate", "respiration_rate", "in_bed"})
TUNING = (
    {},
    {"inactivity.floor": 45.0, "inactivity.unlearned": 4.0, "bathroom.floor": 10.0, "sensor_health.jumps": 10.0},
)


def district(homes: tuple[int, int], radar_of: int | None, gateway: str, tuned: int, bed: bool) -> District:
    """Two residents and, where they live together, their household as a whole; rows stay what they were."""
    people = [
        Person(id=n + 1, code=f"R{n + 1}", household_id=home, tuning=TUNING[tuned]) for n, home in enumerate(homes)
    ]
    people.append(Person(id=None, code="H7", household_id=7, tuning=TUNING[tuned]))
    together = homes == (7, 7)
    here = 2 if together else 0 if homes[0] == 7 else 1 if homes[1] == 7 else None
    person = {**dict.fromkeys(PLACES, None if together else here), "radar": radar_of, "pendant": 0}
    sources = {
        (gateway, name): Source(
            gateway=gateway,
            name=name,
            model="test",
            household_id=7,
            person=person[name],
            heartbeat_s=60,
            label_zh=name,
            label_en=name,
            room=room,
            home=here,
            gives=GIVES,
        )
        for name, room in PLACES.items()
        if bed or name != "bed"
    }
    return District(people, sources, {gateway: 7, "gw-8": 8})


districts = st.builds(
    district,
    st.tuples(st.sampled_from([7, 8, 0]), st.sampled_from([7, 8])),
    st.sampled_from([0, 1, None]),
    st.sampled_from(["gw-1", "gw-2"]),
    st.sampled_from([0, 1]),
    st.booleans(),
)
ago = st.sampled_from([-120, -61, -1, 0, 0, 0, 1, 3, 30, 600, 3600, 90_000])
"""Seconds before now."""
steps = st.one_of(
    st.tuples(st.just("event"), st.sampled_from(sorted(PLACES)), st.sampled_from(KINDS), ago),
    st.tuples(
        st.just("readings"), st.integers(0, 2), st.sampled_from(MEASURED), st.floats(-10, 500, width=32), ago,
        st.integers(1, 200),
    ),
    st.tuples(
        st.just("switched"), st.sampled_from(sorted(PLACES)), st.sampled_from(sorted(BINARY)), st.booleans(), ago
    ),
    st.tuples(st.just("heard"), st.sampled_from([*PLACES, "gateway", None])),
    st.tuples(st.just("offline")),
    st.tuples(st.just("clock"), ago),
    st.tuples(st.just("cut_off")),
    st.tuples(st.just("restart")),
    st.tuples(st.just("redistrict"), districts),
    st.tuples(st.just("pause"), st.sampled_from(["carer", "maintenance", "cut_off"]), st.integers(0, 200)),
    st.tuples(st.just("wait"), st.sampled_from([1, 5, 60, 600, 7200, 90_000, -3, -300, -90_000])),
)  # fmt: skip


class World:
    def __init__(self, begin: District) -> None:
        self.engine, self.now = Engine(begin, START), START
        self.found: list[Finding] = []

    def source(self, name: str) -> Source | None:
        return next((s for s in self.engine.district.sources.values() if s.name == name), None)

    def do(self, step: tuple[Any, ...]) -> None:
        what, *more = step
        getattr(self, what)(*more)
        self.found += self.engine.advance(self.now)

    def event(self, name: str, kind: str, seconds: int) -> None:
        source = self.source(name)
        if source is not None:
            values: dict[str, Any] = {"value": 5.0} if kind in ("battery_low", "clock_off") else {}
            self.found += self.engine.event(Happened(source, kind, self.now - seconds * 1_000_000, values))

    def readings(self, row: int, code: str, value: float, seconds: int, count: int) -> None:
        times = self.now - seconds * 1_000_000 - np.arange(count, dtype=np.int64)[::-1] * 5_000_000
        rows, columns = np.full(count, row, np.int32), np.full(count, lane_of(code), np.int16)
        self.engine.readings(VitalColumns(rows, columns, times, np.full(count, value, np.float32)))

    def switched(self, name: str, channel: str, on: bool, seconds: int) -> None:
        source = self.source(name)
        if source is not None:
            self.engine.switched(source, channel, np.array([self.now - seconds * 1_000_000]), np.array([float(on)]))

    def heard(self, name: str | None) -> None:
        for gateway in self.engine.district.gateways:
            self.found += self.engine.heard(gateway, name, self.now)

    def offline(self) -> None:
        for gateway in self.engine.district.gateways:
            self.engine.offline(gateway, self.now)

    def clock(self, seconds: int) -> None:
        self.found += self.engine.clock("gw-8", self.now - seconds * 1_000_000, self.now)

    def cut_off(self) -> None:
        self.engine.cut_off()

    def restart(self) -> None:
        memory = decode_memory(self.engine.memory())
        self.engine = Engine(self.engine.district, self.now)
        assert self.engine.recall(memory) == []

    def redistrict(self, other: District) -> None:
        self.engine.redistrict(msgspec.structs.replace(other, pauses=self.engine.district.pauses))

    def pause(self, kind: str, minutes: int) -> None:
        self.engine.pause([Pause(kind, 7, "", self.now - MINUTE, self.now + minutes * MINUTE)] if minutes else [])

    def wait(self, seconds: int) -> None:
        self.now += seconds * 1_000_000


@settings(deadline=None, max_examples=40)
@given(districts, st.lists(steps, max_size=60))
def test_nothing_stops_the_engine_and_all_it_says_can_be_told(begin: District, todo: list[tuple[Any, ...]]) -> None:
    world = World(begin)
    for step in todo:
        world.do(step)
    world.now += 90_000_000_000
    world.do(("restart",))
    for finding in world.found:
        assert finding.rule in all_rules()
        assert finding.alert_id
        assert finding.reason_zh
        assert finding.reason_en or not finding.reason_zh
        assert msgspec.json.decode(msgspec.json.encode(finding), type=Finding).alert_id == finding.alert_id


@settings(deadline=None, max_examples=15)
@given(districts, st.lists(steps, max_size=40), st.integers(0, 40))
def test_a_restart_anywhere_changes_nothing(begin: District, todo: list[tuple[Any, ...]], at: int) -> None:
    todo = [step for step in todo if step[0] != "restart"]  # who is silent is asked anew after one
    through, again = World(begin), World(begin)
    for number, step in enumerate(todo):
        through.do(step)
        if number == at:
            again.do(("restart",))
        again.do(step)

    def told(world: World) -> list[Finding]:
        return [finding for finding in world.found if finding.evidence.get("kind") != "silence"]

    assert told(again) == told(through)
