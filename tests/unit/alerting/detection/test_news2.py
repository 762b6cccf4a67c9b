"""NEWS2 cell by cell: every boundary of every parameter (RCP 2017, chart 1)."""

import numpy as np
import pytest

from alerting.detection.kit import news2_score

CELLS: dict[str, list[tuple[float, int]]] = {
    "respiration_rate": [(1, 3), (8, 3), (9, 1), (11, 1), (12, 0), (20, 0), (21, 2), (24, 2), (25, 3), (60, 3)],
    "systolic_bp": [(50, 3), (90, 3), (91, 2), (100, 2), (101, 1), (110, 1), (111, 0), (219, 0), (220, 3), (280, 3)],
    "heart_rate": [
        (20, 3),
        (40, 3),
        (41, 1),
        (50, 1),
        (51, 0),
        (90, 0),
        (91, 1),
        (110, 1),
        (111, 2),
        (130, 2),
        (131, 3),
        (200, 3),
    ],
    "body_temperature": [
        (34.0, 3),
        (35.0, 3),
        (35.1, 1),
        (36.0, 1),
        (36.1, 0),
        (38.0, 0),
        (38.1, 1),
        (39.0, 1),
        (39.1, 2),
        (41.5, 2),
    ],
    "consciousness": [(0, 0), (1, 3)],
}
SPO2_1 = [(80, 3), (91, 3), (92, 2), (93, 2), (94, 1), (95, 1), (96, 0), (100, 0)]
SPO2_2_AIR = [(80, 3), (83, 3), (84, 2), (85, 2), (86, 1), (87, 1), (88, 0), (92, 0), (93, 0), (100, 0)]
SPO2_2_OXYGEN = [
    (83, 3),
    (84, 2),
    (85, 2),
    (86, 1),
    (87, 1),
    (88, 0),
    (92, 0),
    (93, 1),
    (94, 1),
    (95, 2),
    (96, 2),
    (97, 3),
]


def points(channel: str, value: float, scale: int = 1, oxygen: bool = False) -> int:
    values = np.array([value], np.float32)
    return int(news2_score.points(channel, values, np.array([scale], np.int8), np.array([oxygen]))[0])


@pytest.mark.parametrize(("channel", "value", "expected"), [(c, v, p) for c, cells in CELLS.items() for v, p in cells])
def test_cell(channel: str, value: float, expected: int) -> None:
    assert points(channel, value) == expected


@pytest.mark.parametrize(
    ("scale", "oxygen", "value", "expected"),
    [
        *((1, False, v, p) for v, p in SPO2_1),
        *((1, True, v, p) for v, p in SPO2_1),
        *((2, False, v, p) for v, p in SPO2_2_AIR),
        *((2, True, v, p) for v, p in SPO2_2_OXYGEN),
    ],
)
def test_spo2_cell(scale: int, oxygen: bool, value: float, expected: int) -> None:
    assert points("spo2", value, scale, oxygen) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(35.04, 3), (35.05, 1), (36.04, 1), (36.06, 0), (38.04, 0), (39.06, 2)]
)
def test_between_the_chart_s_steps_the_nearest_counts(value: float, expected: int) -> None:
    assert points("body_temperature", value) == expected


@pytest.mark.parametrize(
    ("total", "single", "level"),
    [
        (0, 0, "none"),
        (1, 1, "low"),
        (4, 2, "low"),
        (3, 3, "low-medium"),
        (4, 3, "low-medium"),
        (5, 2, "medium"),
        (6, 3, "medium"),
        (7, 2, "high"),
        (20, 3, "high"),
    ],
)
def test_level(total: int, single: int, level: str) -> None:
    assert news2_score.level(total, single) == level


def test_a_channel_that_is_not_scored_is_an_error() -> None:
    with pytest.raises(KeyError):
        points("glucose", 5)
