"""Every device keeps its seat: over changes of the district and restarts, and where there are more than seats."""

import numpy as np
import pytest

from alerting.detection.engine.engine import Engine
from alerting.detection.engine.memory import decode_memory
from alerting.detection.kit.columns import lane_of
from alerting.detection.kit.context import COLUMN, NO_PULSE, SEATS, District, Person, Source
from alerting.detection.kit.sources.seats import Seats, number_of
from tests.support.sensors import FIRST

PEOPLE = [Person(id=1, code="R0001", household_id=7), Person(id=2, code="R0002", household_id=8)]
PULSE = COLUMN["heart_rate"]


def device(name: str, trust: int = 2, *, person: int = 0, continuous: bool = False) -> Source:
    return Source(
        gateway="gw-1",
        name=name,
        model="test",
        household_id=7,
        person=person,
        heartbeat_s=60,
        label_zh=name,
        label_en=name,
        home=person,
        trust=trust,
        continuous=continuous,
    )


def seats(people: int = 2) -> Seats:
    found = Seats()
    found.learn(District(PEOPLE[:people], {}, {}))
    return found


def test_devices_of_one_sign_sit_apart_and_keep_their_seats() -> None:
    found = seats()
    lanes = {name: found.lane(device(name), "heart_rate") for name in ("a", "b", "c", "d")}
    assert sorted(lanes.values(), key=str) == [(0, lane_of("heart_rate", seat)) for seat in range(SEATS)]
    found.learn(District(PEOPLE, {}, {}))
    assert {name: found.lane(device(name), "heart_rate") for name in reversed("abcd")} == lanes
    assert found.lane(device("a"), "spo2") == (0, lane_of("spo2"))


def test_a_restart_keeps_seats_ranks_and_what_streams() -> None:
    before = Engine(District(PEOPLE, {}, {}), FIRST)
    clip, radar = device("clip", 3), device("radar", 1, continuous=True)
    lanes = [before.seats.lane(source, "heart_rate") for source in (clip, radar)]
    engine = Engine(District(PEOPLE, {}, {}), FIRST)
    assert engine.recall(decode_memory(before.memory())) == []
    assert [engine.seats.lane(source, "heart_rate") for source in (radar, clip)] == lanes[::-1]
    assert engine.seats.state.trust_of((0, PULSE, 0)) == 3
    sources = np.array([PULSE * SEATS, PULSE * SEATS + 1])
    assert engine.seats.state.continuous(sources).tolist() == [False, True]


def test_the_fifth_device_takes_the_seat_of_the_least_trusted() -> None:
    found = seats()
    for name, trust in (("a", 3), ("b", 2), ("radar", 1), ("d", 2)):
        found.lane(device(name, trust), "heart_rate")
    assert found.lane(device("new"), "heart_rate") == (0, lane_of("heart_rate", 2))
    assert found.of(device("radar"), 0, PULSE) is None
    assert found.of(device("a"), 0, PULSE) == 0


def test_a_device_without_a_pulse_sits_where_its_pulse_sits() -> None:
    found = seats()
    found.lane(device("a"), "heart_rate")
    found.lane(device("b"), "heart_rate")
    assert found.state.device[0, NO_PULSE, 1] == found.state.device[0, PULSE, 1] == number_of(device("b"))


def test_a_device_that_now_belongs_to_another_person_sits_there() -> None:
    found = seats()
    assert found.lane(device("a"), "heart_rate") == (0, lane_of("heart_rate"))
    found.learn(District(PEOPLE, {}, {}))
    assert found.lane(device("a", person=1), "heart_rate") == (1, lane_of("heart_rate"))


def test_a_better_known_model_changes_the_rank_of_the_seat() -> None:
    found = seats()
    found.lane(device("a", 2), "heart_rate")
    found.learn(District(PEOPLE, {}, {}))
    found.lane(device("a", 3), "heart_rate")
    assert found.state.trust_of((0, PULSE, 0)) == 3


def test_a_person_whom_the_district_does_not_have_is_an_error() -> None:
    with pytest.raises(IndexError, match="no person of row 1"):
        seats(1).lane(device("a", person=1), "heart_rate")
