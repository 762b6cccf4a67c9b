"""A recording at the waist, carried to the chest and the thigh: physics that can be checked by hand."""

import numpy as np
import pytest

from device_simulators.recordings import SISFALL_HZ, extract
from edge_agent.fall.placement import PLACEMENTS, Placement, carry

SECONDS = 12
N = round(SECONDS * SISFALL_HZ)
STANDING = np.tile([0.0, -1.0, 0.0], (N, 1))  # y points down: the seat of the sensor pushes up
AT_REST = np.zeros((N, 3))


def sitting() -> np.ndarray:
    """The trunk upright all the time, one bump at 3 s (down) and a lesser one at 8 s (up)."""
    acc = STANDING.copy()
    for at, height in ((3, 1.5), (8, 0.8)):
        begin = round(at * SISFALL_HZ)
        acc[begin - 20 : begin + 20, 1] -= height * np.hanning(40)
    return acc


def angle(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.degrees(np.arccos(min(1.0, one @ other / np.linalg.norm(one) / np.linalg.norm(other)))))


@pytest.mark.parametrize("seed", range(5))
def test_the_thigh_lies_on_the_chair_and_stands_up_again_while_the_trunk_stays_upright(seed: int) -> None:
    acc = carry(sitting(), AT_REST, SISFALL_HZ, "pocket", "sitting down", False, np.random.default_rng(seed))
    standing, seated, again = (
        acc[round(a * SISFALL_HZ) : round(b * SISFALL_HZ)].mean(0) for a, b in ((0, 1), (4.5, 6), (11, 12))
    )
    assert 50 < angle(standing, seated) < 110
    assert angle(standing, again) < 5
    assert seated[2] > 0.7, "the front of the thigh points up"


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_whoever_stands_still_measures_gravity_alone(placement: Placement) -> None:
    acc = carry(STANDING, AT_REST, SISFALL_HZ, placement, "upright", False, np.random.default_rng(1))
    np.testing.assert_allclose(np.linalg.norm(acc[-200:], axis=1), 1, atol=0.02)


def test_a_turning_trunk_throws_the_chest_outward() -> None:
    """100 °/s about x at constant speed, arm 0.2 to 0.45 m upward: ω²r = 0.06 to 0.14 g towards the pelvis (+y)."""
    turning = np.tile([0.0, 0.0, 0.0], (N, 1))
    turning[N // 4 : N // 2, 0] = 100
    acc = carry(STANDING, turning, SISFALL_HZ, "chest", "upright", True, np.random.default_rng(3))
    still = carry(STANDING, AT_REST, SISFALL_HZ, "chest", "upright", True, np.random.default_rng(3))
    middle = slice(N // 4 + 300, N // 2 - 200)
    pull = (np.linalg.norm(acc[middle] - still[middle], axis=1)).mean()
    assert 0.05 < pull < 0.16


def test_the_waist_is_left_as_it_is_and_the_same_seed_gives_the_same_signal() -> None:
    acc, gyro = extract()["SA01_F01_R01"]
    np.testing.assert_array_equal(carry(acc, gyro, SISFALL_HZ, "waist", "upright", True, np.random.default_rng(1)), acc)
    one, two = (carry(acc, gyro, SISFALL_HZ, "pocket", "upright", True, np.random.default_rng(5)) for _ in "ab")
    np.testing.assert_array_equal(one, two)
    assert np.isfinite(one).all()
