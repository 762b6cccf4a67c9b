"""Shares, run charts, forecasts and months hold to their sources."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from figures.core import forecast, months, runs
from figures.core.shares import Share, wilson


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [  # Newcombe (1998), table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_is_that_of_the_literature(part: int, whole: int, low: float, high: float) -> None:
    assert wilson(part, whole) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_share(case: tuple[int, int]) -> None:
    low, high = wilson(*case)
    assert 0 <= low <= case[0] / case[1] <= high <= 1


def test_no_case_is_no_share() -> None:
    assert Share(0, 0).value is None
    assert Share(0, 0).interval is None
    assert Share(3, 19).few
    assert not Share(3, 20).few
    with pytest.raises(ValueError, match="no share"):
        wilson(0, 0)


def test_a_shift_is_six_on_one_side_and_the_median_neither_breaks_nor_counts() -> None:
    low, high = [1.0, 2.0, 1.5, 2.5, 1.2], [9.0, 8.0, 9.5, 8.2, 9.1]
    chart = runs.read([*low, 1.1, *high, 8.8])
    assert [(one.kind, one.up, one.first, one.last) for one in chart.signals] == [
        ("shift", False, 0, 5), ("shift", True, 6, 11),
    ]  # fmt: skip
    assert runs.shifts(list(enumerate([5.0, 5.1, 4.0, 5.2, 5.3, 5.4, 5.5])), 4.0)[0].last == 6
    assert runs.shifts(list(enumerate([5.0] * 5 + [3.0])), 4.0) == []


def test_a_trend_is_five_points_that_all_go_one_way() -> None:
    assert [(one.up, one.first, one.last) for one in runs.trends(list(enumerate([3.0, 1, 2, 2, 3, 4, 5, 1])))] == [
        (True, 1, 6)
    ]
    assert runs.trends(list(enumerate([1.0, 2, 3, 4]))) == []
    assert [one.up for one in runs.trends(list(enumerate([9.0, 8, 7, 6, 5])))] == [False]


@pytest.mark.parametrize("points", [12, 24])
def test_what_chance_makes_of_the_rules_is_told(points: int) -> None:
    rng = np.random.default_rng(7)
    found = sum(bool(runs.read(rng.normal(size=points).tolist()).signals) for _ in range(400)) / 400
    assert runs.by_chance(points) == pytest.approx(found, abs=0.06)
    assert runs.by_chance(10) < runs.by_chance(11) < runs.by_chance(30) < runs.by_chance(90)


def test_few_points_show_nothing() -> None:
    assert runs.read([1.0, 2, 3, 4, 5, 6]).signals == ()
    assert not runs.read([None] * 12).enough
    assert runs.read([None] * 12).middle is None


@given(st.lists(st.floats(0, 1e6), min_size=10, max_size=40))
def test_a_series_and_its_mirror_show_the_same(values: list[float]) -> None:
    here, there = runs.read(values), runs.read(values[::-1])
    assert {one.kind for one in here.signals} == {one.kind for one in there.signals}


def test_not_enough_months_foretell_nothing() -> None:
    assert forecast.forecast([5.0] * 8) == forecast.Forecast(had=8)


def test_a_steady_rise_is_continued_and_tested() -> None:
    found = forecast.forecast([100 + 10 * n for n in range(14)])
    assert not found.naive
    assert found.error is not None
    assert found.naive_error == pytest.approx(10)
    assert found.error < 10
    assert found.months[0].value > 231
    widths = [one.high - one.low for one in found.months]
    assert widths == sorted(widths)


def test_where_the_method_is_no_better_the_simplest_guess_stands() -> None:
    found = forecast.forecast([50.0] * 12)
    assert found.naive
    assert [one.value for one in found.months] == [50.0] * 3
    # counts scatter, even where none has yet
    assert found.months[0].low < 45 < 55 < found.months[0].high


@pytest.mark.parametrize("kind", ["steady", "rising", "restless"])
def test_the_range_holds_about_80_of_100_months_that_nobody_had_seen(kind: str) -> None:
    """On synthetic years of which the last three months are held back."""
    rng = np.random.default_rng(20)
    held = []
    for _ in range(40):
        each = {"steady": np.ones(16), "rising": 1 + 0.03 * np.arange(16), "restless": rng.gamma(20, 1 / 20, 16)}[kind]
        counts = rng.poisson(60 * each).tolist()
        told = forecast.forecast(counts[:13])
        held += [one.low <= count <= one.high for one, count in zip(told.months, counts[13:], strict=True)]
        assert told.ranged == 4
        assert told.held <= 4
    assert 0.7 < sum(held) / len(held) < 0.93


def test_a_short_month_is_no_fall() -> None:
    found = forecast.forecast([31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31, 28] * 2,
                              [31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31, 28] * 2, [31, 30, 31])  # fmt: skip
    assert [one.value for one in found.months] == pytest.approx([31, 30, 31])
    assert found.error == pytest.approx(0)


@given(st.lists(st.integers(0, 5000), min_size=9, max_size=36))
def test_a_forecast_is_a_count_within_its_range(counts: list[int]) -> None:
    for one in forecast.forecast(counts).months:
        assert 0 <= one.low <= one.value <= one.high


def test_months_are_those_of_shanghai() -> None:
    assert months.month_at(dt.datetime(2026, 10, 31, 16, tzinfo=dt.UTC)) == dt.date(2026, 11, 1)
    assert months.span(dt.date(2026, 12, 1))[1] == dt.datetime(2026, 12, 31, 16, tzinfo=dt.UTC)
    assert months.after(dt.date(2026, 1, 1), -1) == dt.date(2025, 12, 1)
    assert len(months.between(dt.date(2025, 12, 1), dt.date(2026, 11, 1))) == 12
    assert months.parse(months.code(dt.date(2026, 2, 1))) == dt.date(2026, 2, 1)
    for wrong in ("2026-13", "26-01", "2026-1", "x"):
        with pytest.raises(ValueError, match="no month"):
            months.parse(wrong)
