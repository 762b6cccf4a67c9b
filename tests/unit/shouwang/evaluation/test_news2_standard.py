"""The plain scorer of ``shouwang evaluate news2`` and the detector's table are the printed chart, cell by cell."""

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from alerting.detection.kit import news2_score
from alerting.detection.kit.plausible import PLAUSIBLE
from shouwang.evaluation import news2_standard as standard
from tests.support import news2_chart as chart

RANGES = {**PLAUSIBLE, "consciousness": (0, 1)}


@pytest.mark.parametrize("oxygen", [False, True], ids=["air", "oxygen"])
@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("parameter", chart.OBSERVED)
def test_every_value_has_the_points_of_the_chart(parameter: str, scale: int, oxygen: bool) -> None:
    low, high = RANGES[parameter]
    # every twentieth, so that what lies between two numbers of the chart is rounded alike
    twentieths = range(int(low * 20), int(high * 20) + 1) if parameter != "consciousness" else (0, 20)
    printed = [chart.look_up(parameter, Fraction(n, 20), scale, oxygen) for n in twentieths]
    values = [float(Decimal(n) / 20) for n in twentieths]
    assert [standard.points(parameter, value, scale, oxygen) for value in values] == printed
    n = len(values)
    vectors = np.full(n, scale, np.int8), np.full(n, oxygen, np.bool_)
    assert news2_score.points(parameter, np.array(values, np.float32), *vectors).tolist() == printed


def test_the_chart_leaves_no_gap() -> None:
    for row, cells in chart.ROWS.items():
        step = Fraction(1, 10) if row == "body_temperature" else Fraction(1)
        for (_, high, _), (low, _, _) in pairwise(cells):
            assert low == high + step, row


@pytest.mark.parametrize(
    ("points", "level"),
    [
        ((0,), "none"),
        ((2, 2), "low"),
        ((3,), "low-medium"),
        ((2, 3), "medium"),
        ((2, 2, 2), "medium"),
        ((3, 2, 2), "high"),
    ],
)
def test_the_level_is_that_of_table_2(points: tuple[int, ...], level: str) -> None:
    score = standard.Score((), sum(points), max(points), complete=False)
    assert score.level == level
    assert chart.Total(0, tuple(("", "fresh", None, p) for p in points)).response == level
    assert news2_score.level(sum(points), max(points)) == level


def test_what_is_old_is_stale_and_has_no_points() -> None:
    fresh_us = dict.fromkeys(standard.PARAMETERS, 900)
    values = {"heart_rate": (100, 140.0), "spo2": (99, 80.0)}
    score = standard.score(values, 1000, fresh_us, 1, oxygen=True)
    by_channel = {part.channel: part for part in score.parts}
    assert (by_channel["heart_rate"].state, by_channel["heart_rate"].points) == ("fresh", 3)
    assert (by_channel["spo2"].state, by_channel["spo2"].value, by_channel["spo2"].points) == ("stale", 80.0, 0)
    assert by_channel["systolic_bp"].state == "missing"
    assert by_channel["supplemental_oxygen"].points == 2
    assert (score.total, score.highest, score.complete) == (5, 3, False)
