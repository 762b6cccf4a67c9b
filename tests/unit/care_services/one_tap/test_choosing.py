"""Choosing the best provider for a request."""

import datetime as dt
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from care_services.one_tap.choosing import Option, Worker, answer_by, rank, shrunk

NOW = dt.datetime(2026, 11, 2, 4, tzinfo=dt.UTC)


def worker(code: str = "S1", **more: Any) -> Worker:
    return Worker(
        **{"code": code, "name_zh": "许晴", "name_en": "Xu Qing", "languages": ("cmn",), "busy": False, **more}
    )


def option(number: int, **more: Any) -> Option:
    given = {
        "organisation_id": number, "organisation": f"o{number}", "name_zh": "甲", "name_en": "A", "price_fen": 10_000,
        "own_fen": 10_000, "metres": 1000, "mean": 4.0, "ratings": 10, "workers": (worker(),), **more,
    }  # fmt: skip
    return Option(**given)


def best(*options: Option, asked: tuple[int, ...] = ()) -> list[int]:
    return [one.option.organisation_id for one in rank(options, ["cmn"], asked)]


def test_a_known_face_comes_before_a_cheaper_stranger() -> None:
    assert best(option(1, own_fen=8_000), option(2, workers=(worker(visits=5),))) == [2, 1]


def test_all_else_equal_the_near_the_cheap_and_the_well_rated_come_first() -> None:
    assert best(option(1, metres=9000), option(2)) == [2, 1]
    assert best(option(1), option(2, own_fen=6_000)) == [2, 1]
    assert best(option(1, mean=3.0), option(2)) == [2, 1]


def test_who_was_asked_or_has_nobody_free_is_out() -> None:
    assert best(option(1), option(2, workers=(worker(busy=True),)), option(3, workers=()), asked=(1,)) == []


def test_one_bad_rating_is_no_verdict() -> None:
    assert shrunk(1.0, 1) > shrunk(3.0, 40)
    assert shrunk(None, 0) == 4.0


def test_the_reasons_are_said_in_both_languages() -> None:
    found = rank([option(1, workers=(worker(visits=2, languages=("cmn", "yue")),))], ["yue"])[0]
    assert found.reasons_zh == (
        "1 人有空", "许晴曾上门 2 次", "距离约 1.0 公里", "评价 4.0 分（10 条）", "自付 100.00 元", "讲粤语",
    )  # fmt: skip
    assert found.reasons_en[-1] == "speaks Cantonese"


def test_at_most_half_of_the_time_until_the_visit_is_spent_on_an_answer() -> None:
    assert answer_by(NOW, 30, NOW + dt.timedelta(hours=8)) == NOW + dt.timedelta(minutes=30)
    assert answer_by(NOW, 30, NOW + dt.timedelta(minutes=20)) == NOW + dt.timedelta(minutes=10)
    assert answer_by(NOW, 30, NOW) == NOW + dt.timedelta(minutes=3)


@given(st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 20_000), st.floats(1, 5)), min_size=1, max_size=6))
def test_scores_lie_between_0_and_1_and_every_order_gives_the_same_answer(rows: list[tuple[int, int, float]]) -> None:
    options = [option(n, own_fen=own, metres=far, mean=mean) for n, (own, far, mean) in enumerate(rows)]
    found = rank(options, ["cmn"])
    assert all(0 <= one.score <= 1 for one in found)
    assert [one.score for one in found] == [one.score for one in rank(options[::-1], ["cmn"])]
