"""NEWS2 alerts are the printed chart's: points and every word, at the reading, for any rounds of measurements."""

import tempfile
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from alerting.replay.residents import ResidentEntry
from tests.support.news2_chart import Observation
from tests.support.news2_stays import differences, patient, read, said, untold, write
from tests.support.release import before_a_release

STAYS = Path(__file__).resolve().parents[3] / "shared" / "data" / "physionet2012" / "stays-200.csv"
START_S = 1_772_323_200
VALUES = {
    "respiration_rate": "7 8 9 11 12 16 20 21 24 25 34",
    "spo2": "82 83 84 85 86 87 88 91 92 93 94 95 96 97 99",
    "systolic_bp": "82 90 91 100 101 110 111 126 219 220",
    "heart_rate": "38 40 41 50 51 72 90 91 110 111 130 131 150",
    "consciousness": "0 0 0 1",
    "body_temperature": "34.6 35.0 35.04 35.05 35.1 36.0 36.05 36.1 36.8 38.0 38.05 38.1 39.0 39.05 39.1 40.2",
}
"""Both sides of every bound of the chart, and between."""
GAPS_MIN = (2, 5, 11, 14, 15, 16, 30, 60, 120, 240, 345, 359, 360, 361, 500)
"""Minutes between two rounds: values just fresh, just stale, and long stale. Five rounds within five minutes are a
stream, of which what holds is told."""


def one_of(parameter: str) -> st.SearchStrategy[Fraction]:
    return st.sampled_from([Fraction(value) for value in VALUES[parameter].split()])


ROUND = st.fixed_dictionaries({}, optional={parameter: one_of(parameter) for parameter in VALUES})


@st.composite
def stay(draw: st.DrawFn) -> list[Observation]:
    """Up to a dozen rounds by one carer; any parameter may be left out of any round."""
    at_s, observations = START_S, []
    for measured in draw(st.lists(ROUND.filter(bool), min_size=1, max_size=12)):
        observations += [Observation(at_s, parameter, value) for parameter, value in measured.items()]
        at_s += draw(st.sampled_from(GAPS_MIN)) * 60
    return observations


@settings(max_examples=80, deadline=None)
@given(observations=stay(), scale=st.sampled_from([1, 2]), oxygen=st.booleans())
def test_rounds_of_measurements(observations: list[Observation], scale: int, oxygen: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "stay.csv"
        write(file, {"R1": observations})
        note(file.read_text())
        statements = said(file, ResidentEntry(code="R1", spo2_scale=scale, on_oxygen=oxygen))["R1"]
    right = list(patient(scale, oxygen).scores(observations))
    assert differences(patient(scale, oxygen), observations, statements) == []
    assert untold(right, statements, 7, "emergency") == ""
    assert untold(right, statements, 5, "urgent") == ""


@pytest.mark.parametrize(("first", "second", "points"), [(80, 120, 8), (120, 80, 6)])
def test_a_second_measurement_a_minute_later_is_the_one_that_counts(
    tmp_path: Path, first: int, second: int, points: int
) -> None:
    """Beside a pressure of 88 and a clouded mind, 3 each."""
    file = tmp_path / "stay.csv"
    ill = [Observation(START_S, "systolic_bp", Fraction(88)), Observation(START_S, "consciousness", Fraction(1))]
    pulse = [Observation(START_S + at_s, "heart_rate", Fraction(value)) for at_s, value in ((0, first), (60, second))]
    temperature = Observation(START_S + 120, "body_temperature", Fraction(34))  # 3 more: something is told
    observations = [*ill, *pulse, temperature]
    write(file, {"R1": observations})
    statements = said(file)["R1"]
    assert differences(patient(), observations, statements) == []
    right = list(patient().scores(observations))
    assert [total.points for total in right][1:] == [points, points + 3]
    assert untold(right, statements, 7, "emergency") == ""


@pytest.mark.skipif(not STAYS.exists(), reason="the stays of PhysioNet 2012 are not beside this checkout (shared/data)")
@pytest.mark.parametrize(("scale", "oxygen"), [pytest.param(1, False, marks=before_a_release), (2, True)])
def test_recorded_stays(scale: int, oxygen: bool) -> None:
    stays = read(STAYS)
    entries = [ResidentEntry(code=who, spo2_scale=scale, on_oxygen=oxygen) for who in stays]
    statements = said(STAYS, *entries)
    reached, missed, wrong = 0, [], []
    for who, observations in stays.items():
        right = list(patient(scale, oxygen).scores(observations))
        found = differences(patient(scale, oxygen), observations, statements[who])
        wrong += [f"{who} {what}" for what in found]
        if any(total.points >= 7 for total in right):
            reached += 1
            why = untold(right, statements[who], 7, "emergency")
            missed += [f"{who} {why}"] if why else []
    assert wrong == []
    assert reached > 50
    assert len(missed) <= 0.03 * reached, missed
