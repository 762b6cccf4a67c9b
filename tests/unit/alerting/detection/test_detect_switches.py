"""0/1 readings become events: changes, and motion that is said again."""

import itertools

import numpy as np
import pytest

from alerting.core.finding import Finding
from alerting.detection.engine.engine import Engine
from tests.support.sensors import MINUTE, SensorHome, at


def feed(home: SensorHome, cuts: list[int]) -> list[Finding]:
    """A sensor in the kitchen that says 1 twice a minute for ten minutes and never 0, cut into batches."""
    times = at(0, "08:00") + np.arange(20) * MINUTE // 2
    for begin, end in itertools.pairwise([0, *cuts, len(times)]):
        if end > begin:
            home.engine.switched(home.sources["pir-kitchen"], "motion", times[begin:end], np.ones(end - begin))
    return home.until(0, "20:20")


@pytest.mark.parametrize("cuts", [[], [1, 2, 3], [7], list(range(20))])
def test_motion_that_is_said_again_is_a_sign_of_life_once_a_minute(cuts: list[int]) -> None:
    home = SensorHome("inactivity")
    (found,) = feed(home, cuts)
    assert found.onset_us == at(0, "08:09")
    assert found.sensed_us == at(0, "20:09")


def test_only_changes_of_the_other_sensors_are_told() -> None:
    home = SensorHome("inactivity")
    engine: Engine = home.engine
    times = at(0, "08:00") + np.arange(60) * MINUTE
    values = (np.arange(60) < 20) | (np.arange(60) >= 40)
    engine.switched(home.sources["radar"], "presence", times, values)
    (found,) = home.until(0, "20:45")
    assert found.onset_us == at(0, "08:40"), "the last change"


def test_a_late_copy_of_an_older_state_swallows_no_later_change() -> None:
    home = SensorHome("inactivity")
    radar = home.sources["radar"]

    def say(clock: str, value: float) -> None:
        home.engine.switched(radar, "presence", np.array([at(0, clock)]), np.array([value]))

    say("08:00", 1.0)
    say("08:30", 0.0)
    say("09:00", 1.0)
    say("08:30", 0.0)  # delivered twice
    say("09:40", 0.0)
    (found,) = home.until(0, "21:50")
    assert found.onset_us == at(0, "09:40"), "the last change is not lost"
