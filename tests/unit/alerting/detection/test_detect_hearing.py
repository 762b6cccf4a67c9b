"""Detectors of behaviour share what an event says of its home; each detector is asked about its own kinds alone."""

from alerting.detection.detectors import own_detectors
from alerting.detection.engine.engine import Engine
from alerting.detection.engine.memory import Room, decode_memory
from alerting.detection.kit.context import District, Happened, Person, Source
from alerting.detection.kit.detector import Detector
from alerting.detection.kit.routine.behaviour import Behaviour
from alerting.detection.kit.routine.whereabouts import KINDS
from alerting.detection.kit.timers import Alarms, Timers
from firmware_profiles.channels import EVENTS

NOW_US = 1_800_000_000_000_000
SENSOR = Source(
    gateway="gw", name="motion", model="m", household_id=1, person=0, heartbeat_s=60, label_zh="动", label_en="motion",
    room="kitchen", home=0, gives=frozenset({"motion"}),
)  # fmt: skip
DISTRICT = District([Person(id=1, code="R1", household_id=1)], {SENSOR.id: SENSOR}, {"gw": 1})


def _behaviours(engine: Engine) -> list[Behaviour]:
    return [detector for detector in engine._detectors.values() if isinstance(detector, Behaviour)]


def test_an_event_is_understood_once_for_all_of_them() -> None:
    engine = Engine(DISTRICT, NOW_US)
    engine._happened(Happened(SENSOR, "motion_began", NOW_US, {}))
    homes = [detector.state.homes for detector in _behaviours(engine)]
    assert len(homes) > 5
    assert all(known is homes[0] for known in homes)
    assert homes[0][0].counts == {"gw/motion": 1}


def test_the_same_event_twice_is_two_events() -> None:
    engine = Engine(DISTRICT, NOW_US)
    once = Happened(SENSOR, "motion_began", NOW_US, {})
    engine._happened(once)
    engine._happened(once)
    assert _behaviours(engine)[0].state.homes[0].counts == {"gw/motion": 2}


def test_they_share_homes_after_a_restart_too() -> None:
    engine = Engine(DISTRICT, NOW_US)
    engine._happened(Happened(SENSOR, "motion_began", NOW_US, {}))
    memory = decode_memory(engine.memory())
    del memory.detectors["morning.Morning"]  # of another version: it begins anew
    again = Engine(DISTRICT, NOW_US)
    assert again.recall(memory) == ["morning.Morning"]
    homes = [detector.state.homes for detector in _behaviours(again)]
    assert all(known is homes[0] for known in homes)
    assert homes[0][0].room == "kitchen"


def test_events_of_other_kinds_change_nothing_in_a_detector() -> None:
    def judged(kind: type[Detector], event: str) -> tuple[list[object], bytearray]:
        detector = kind()
        detector.timers = Timers(Alarms(), "one")
        detector.learn(DISTRICT)
        findings = [] if not event else list(detector.event(DISTRICT, Happened(SENSOR, event, NOW_US, {"value": 1})))
        return findings, Room().encode("state", detector.state)

    for name, kind in own_detectors().items():
        for event in () if kind.kinds is None else (EVENTS.keys() | KINDS) - kind.kinds:
            assert judged(kind, event) == judged(kind, ""), (name, event)
