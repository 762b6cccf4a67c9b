"""Proofs that somebody is at a home: by place and by code."""

import datetime as dt

from care_services.core.presses import time_of_press
from care_services.home_services.catalogue.catalogue import amount
from care_services.home_services.orders.people import able
from care_services.home_services.visits.checking import (
    Place,
    code_holds,
    metres_between,
    nearness,
    panel_code,
    paper_code,
)

NOW = dt.datetime(2026, 11, 2, 4, tzinfo=dt.UTC)
SECRET = bytes(range(20))


def test_a_telephone_within_150_metres_is_there() -> None:
    assert round(metres_between(114.24, 22.56, 114.24, 22.561)) == 111
    assert nearness(Place(114.24, 22.561, 20), 114.24, 22.56).near
    far = nearness(Place(114.24, 22.57, 20), 114.24, 22.56)
    assert (far.near, far.metres) == (False, 1112)
    assert "1112 米" in far.zh


def test_what_is_not_known_proves_nothing_and_names_another_way() -> None:
    for found in (nearness(Place(114.24, 22.56, 20), None, None), nearness(Place(114.24, 22.56, 900), 114.24, 22.56)):
        assert not found.near
        assert "入户码" in found.zh
    assert not nearness(Place(114.24, 22.56, float("nan")), 114.24, 22.56).near


def test_a_code_of_the_panel_holds_for_its_step_and_the_next() -> None:
    code = panel_code(SECRET, NOW)
    assert code_holds(SECRET, 1, code, NOW)
    assert code_holds(SECRET, 1, f" {code[:3]} {code[3:]} ", NOW + dt.timedelta(minutes=5))
    assert not code_holds(SECRET, 1, code, NOW + dt.timedelta(minutes=11))
    assert not code_holds(bytes(20), 1, code, NOW)


def test_a_new_paper_makes_the_old_one_void() -> None:
    assert code_holds(SECRET, 1, paper_code(SECRET, 1), NOW)
    assert not code_holds(SECRET, 2, paper_code(SECRET, 1), NOW)
    assert not code_holds(SECRET, 1, "", NOW)


def test_the_age_of_a_press_is_by_the_telephones_own_clock() -> None:
    assert time_of_press(1_000, 61_000, NOW) == NOW - dt.timedelta(minutes=1)
    assert time_of_press(None, None, NOW) == NOW
    assert time_of_press(0, 10**15, NOW) == NOW - dt.timedelta(hours=12)
    assert time_of_press(90_000, 60_000, NOW) == NOW, "nothing is pressed in the future"


def test_hours_cost_by_the_minute() -> None:
    assert amount("visit", 12_000, 20) == 12_000
    assert amount("hour", 4_000, 90) == 6_000
    assert amount("hour", 100, 20) == 33
    assert amount("hour", 101, 30) == 51, "half a fen goes up"


def test_who_lacks_the_skill_does_not_go() -> None:
    assert able("bathing", "carer", ("bathing",))
    assert not able("bathing", "carer", ("lifting",))
    assert not able("bathing", "dispatcher", ("bathing",))
    assert able("nursing_visit", "nurse", ("vital_signs", "injection"))
    assert not able("nursing_visit", "nurse", ("vital_signs",))
