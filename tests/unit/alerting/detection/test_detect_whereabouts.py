"""What a home's sensors say about where somebody is."""

import pytest

from alerting.detection.kit.context import Happened, Source
from alerting.detection.kit.routine.whereabouts import (
    HomeState,
    Sign,
    Whereabouts,
    clock,
    local_day,
    local_hour,
    local_minute,
)
from tests.support.sensors import ROOMS, at

S = 1_000_000


class Told:
    def __init__(self) -> None:
        self.home = Whereabouts()

    def __call__(self, device: str, kind: str, time_us: int) -> Sign | None:
        source = Source(
            gateway="gw-1",
            name=device,
            model="test",
            household_id=7,
            person=None,
            heartbeat_s=1e9,
            label_zh=device,
            label_en=device,
            room=ROOMS[device],
            home=0,
        )
        return self.home.take(Happened(source, kind, time_us, {}))


def test_out_by_the_door_until_something_moves_inside() -> None:
    told, t = Told(), at(0, "10:00")
    told("pir-living", "motion_began", t - 300 * S)
    told("pir-hall", "motion_began", t - 5 * S)
    told("front-door", "door_opened", t)
    told("front-door", "door_closed", t + 8 * S)
    assert told.home.away
    told("pir-hall", "motion_ended", t + 60 * S)
    assert told.home.state == HomeState.AWAY
    told("front-door", "door_opened", t + 3600 * S)
    assert told.home.state == HomeState.QUIET, "the second passage leads in"
    told("pir-kitchen", "motion_began", t + 3700 * S)
    assert told.home.state == HomeState.QUIET
    assert told.home.room == "kitchen"


def test_motion_behind_the_shut_door_leaves_it_open_whether_somebody_went_out() -> None:
    told, t = Told(), at(0, "10:00")
    told("front-door", "door_opened", t)
    told("pir-hall", "motion_began", t + 4 * S)
    told("front-door", "door_closed", t + 40 * S)
    assert told.home.away, "on the way out"
    told("pir-hall", "motion_ended", t + 60 * S)
    told("pir-hall", "motion_began", t + 70 * S)
    told("pir-hall", "motion_ended", t + 130 * S)
    assert told.home.state == HomeState.QUIET
    assert told.home.unsure
    told("pir-kitchen", "motion_began", t + 300 * S)
    told("pir-kitchen", "motion_ended", t + 360 * S)
    assert not told.home.unsure


def test_one_motion_in_an_empty_home_is_a_ghost_two_are_somebody() -> None:
    told, t = Told(), at(0, "10:00")
    told("pir-living", "motion_began", t - 300 * S)
    told("front-door", "door_opened", t)
    told("pir-living", "motion_began", t + 3600 * S)
    told("pir-kitchen", "motion_began", t + 7200 * S)
    assert told.home.away
    told("pir-kitchen", "motion_began", t + 7260 * S)
    assert not told.home.away, "came home by a door that was not seen"


def test_a_visitor_at_the_door_while_somebody_sits_is_no_absence() -> None:
    told, t = Told(), at(0, "10:00")
    told("radar", "presence_began", t)
    told("front-door", "door_opened", t + 600 * S)
    assert told.home.state == HomeState.HELD
    told("radar", "presence_ended", t + 900 * S)
    assert not told.home.away, "who sat there for five more minutes is inside"


def test_the_door_of_a_fridge_is_a_sign_of_life() -> None:
    told = Told()
    sign = told("fridge", "door_opened", at(0, "10:00"))
    assert sign is not None
    assert sign.inside
    assert not told.home.away


@pytest.mark.parametrize("kind", ["bed_enter", "presence_began"])
def test_told_twice_is_once(kind: str) -> None:
    told, t = Told(), at(0, "22:00")
    assert told("bed", kind, t) is not None
    assert told("bed", kind, t) is None
    assert told("bed", kind, t + 30 * S) is None


def test_older_than_the_newest_of_its_sensor_changes_nothing() -> None:
    told, t = Told(), at(0, "22:00")
    told("bed", "bed_enter", t)
    assert told("bed", "bed_exit", t - S) is None
    assert told.home.in_bed
    assert told("pir-kitchen", "motion_began", t - 60 * S) is not None, "another sensor's backlog is heard"
    assert told.home.room == "bedroom"
    assert told.home.life_us == t


def test_a_motion_sensor_that_never_says_0_is_never_on() -> None:
    told, t = Told(), at(0, "12:00")
    told("pir-kitchen", "motion_began", t)
    assert told("pir-kitchen", "motion_began", t + 60 * S) is not None
    assert told.home.state == HomeState.QUIET
    told("pir-living", "motion_ended", t + 70 * S)
    told("pir-living", "motion_began", t + 80 * S)
    assert told.home.state == HomeState.HELD


def test_a_removed_sensor_is_not_on_for_ever() -> None:
    told = Told()
    told("bed", "bed_enter", at(0, "22:00"))
    told.home.forget(frozenset({"gw-1/radar"}))
    assert told.home.state == HomeState.QUIET


def test_local_time() -> None:
    assert (local_hour(at(0, "00:05")), local_minute(at(0, "23:59")), clock(1439)) == (0, 1439, "23:59")
    assert local_day(at(1, "00:00")) - local_day(at(0, "23:59:59")) == 1
