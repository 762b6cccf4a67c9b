"""A device is accepted by what was heard after its test began, and by nothing else."""

import datetime as dt

from hypothesis import given, settings
from hypothesis import strategies as st

from care_services.home_beds.acceptance import AHEAD, Heard, judge
from care_services.home_beds.catalogue import same_kind

BEGAN = dt.datetime(2026, 11, 2, 4, tzinfo=dt.UTC)
NOW = BEGAN + dt.timedelta(minutes=5)
BED = "tuya-ts0601-bed"


def at(seconds: float) -> dt.datetime:
    return BEGAN + dt.timedelta(seconds=seconds)


def test_what_was_heard_before_or_of_itself_is_no_proof() -> None:
    assert judge(BED, None, None, [Heard(at(1), "in_bed", 1)], NOW).verdict == "not_begun"
    assert judge(BED, BEGAN, None, [], NOW).verdict == "nothing"
    assert judge(BED, BEGAN, None, [Heard(at(0), "in_bed", 1), Heard(at(-60), "in_bed", 0)], NOW).verdict == "nothing"
    assert judge(BED, BEGAN, None, [Heard(at(9), "battery", 80)], NOW).verdict == "itself"
    found = judge(BED, BEGAN, None, [Heard(at(9), "battery", 80), Heard(at(30), "in_bed", 1)], NOW)
    assert (found.verdict, found.proof) == ("heard", Heard(at(30), "in_bed", 1))
    assert judge("tuya-ts0215a-sos", BEGAN, None, [Heard(at(2), "sos_pressed", None)], NOW).verdict == "heard"
    assert judge("tuya-ts0215a-sos", BEGAN, None, [Heard(at(2), "battery_low", None)], NOW).verdict == "itself"
    assert judge("gateway", BEGAN, None, [Heard(at(2), "gateway_cpu", 3)], NOW).verdict == "heard", "its very function"


def test_a_clock_that_is_ahead_proves_nothing() -> None:
    ahead = NOW + AHEAD + dt.timedelta(seconds=1)
    assert judge(BED, BEGAN, None, [Heard(ahead, "in_bed", 1)], NOW).verdict == "nothing"
    assert judge(BED, BEGAN, at(90), [Heard(at(60), "in_bed", 1)], NOW).verdict == "nothing", "it was there already"
    assert judge(BED, BEGAN, at(90), [Heard(at(91), "in_bed", 1)], NOW).verdict == "heard"


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(-600, 900), st.sampled_from(["in_bed", "battery", "bed_exit"])), max_size=8))
def test_the_proof_is_always_newer_than_the_beginning(heard: list[tuple[int, str]]) -> None:
    found = judge(BED, BEGAN, at(20), [Heard(at(s), what, 1.0) for s, what in heard], NOW)
    assert (found.verdict == "heard") == any(20 < s <= 300 + 120 and what != "battery" for s, what in heard)
    if found.proof is not None:
        assert at(20) < found.proof.at <= NOW + AHEAD


def test_the_usual_plan_takes_the_models_that_a_home_has() -> None:
    assert same_kind("tuya-ts0215a-sos", ["gateway", "sonoff-snzb-01p"]) == "sonoff-snzb-01p"
    assert same_kind("tuya-ts0215a-sos", ["sonoff-snzb-01p", "tuya-ts0215a-sos"]) == "tuya-ts0215a-sos"
    assert same_kind("seeed-mr60fda2", ["mbientlab-metamotions"]) == "seeed-mr60fda2", "a pendant is no radar"
