"""A gateway tells of each minute whether a pendant moved; it is how the district knows that it is worn."""

import numpy as np
import pytest

from device_simulators.motion import IMU_HZ, worn_motion
from device_simulators.recordings import extract
from edge_agent.fall.movement import Movement
from vocabulary.times import MINUTE_US

START_US = 1_790_000_040_000_000 // MINUTE_US * MINUTE_US


def minutes(acc: np.ndarray, rate_hz: float, piece: int, minutes_long: int) -> list[tuple[int, bool]]:
    """The signal, repeated for so many minutes, in pieces of so many samples."""
    acc = np.resize(acc, (round(rate_hz * 60 * minutes_long) + piece, 3)).astype(np.float32)
    movement = Movement()
    told = [
        movement.feed("pendant", START_US + round(at * 1e6 / rate_hz), acc[at : at + piece])
        for at in range(0, len(acc), piece)
    ]
    return [one for one in told if one is not None]


@pytest.mark.parametrize("piece", [5, 20, 400])
def test_a_pendant_on_a_table_is_at_rest_and_one_on_a_walker_moves_in_pieces_of_any_length(piece: int) -> None:
    table = np.random.default_rng(3).normal([0, 0, 1], 0.008, (IMU_HZ * 30, 3))
    assert minutes(table, IMU_HZ, piece, 2) == [(START_US, False), (START_US + MINUTE_US, False)]
    walk = next(motion[0] for name, motion in extract().items() if "_F01_" in name)
    assert minutes(walk, IMU_HZ, piece, 1) == [(START_US, True)]


def test_a_knock_against_the_table_is_no_movement_of_a_wearer() -> None:
    table = np.random.default_rng(4).normal([0, 0, 1], 0.008, (IMU_HZ * 60, 3))
    table[IMU_HZ * 20 : IMU_HZ * 20 + 20] += 1.0
    assert minutes(table, IMU_HZ, 20, 1) == [(START_US, False)]


def test_an_hour_of_an_ordinary_day_has_minutes_of_movement() -> None:
    acc, _ = worn_motion(2, START_US // 1_000_000 * IMU_HZ, IMU_HZ * 600)
    assert any(moved for _, moved in minutes(acc, IMU_HZ, 200, 10))


def test_what_is_no_signal_tells_nothing() -> None:
    movement = Movement()
    for acc in (np.empty((0, 3)), np.full((5, 3), np.nan), np.ones(4)):
        assert movement.feed("pendant", START_US, acc.astype(np.float32)) is None
