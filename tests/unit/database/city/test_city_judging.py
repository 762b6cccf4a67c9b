"""What the city says of a district that it follows, or no longer does."""

import datetime as dt

import msgspec
import pytest

from database.city.feed import Slot
from database.city.judging import Feed, Followed, judge
from database.city.names import check_code, code_of, subscription_of

NOW = dt.datetime(2026, 11, 2, 4, tzinfo=dt.UTC)
JUST, LONG = NOW - dt.timedelta(seconds=9), NOW - dt.timedelta(hours=1)
SLOT = Slot("district_yantian", True, False, 1000, 500, 2**31)
WELL = Followed(
    district="yantian", enabled=True, told_at=JUST, heard_at=JUST, tables=5, tables_copied=5, apply_errors=0,
    copy_errors=0, feed=Feed(SLOT, JUST, 1),
)  # fmt: skip


def changed(**fields: object) -> Followed:
    return msgspec.structs.replace(WELL, **fields)


def feed(slot: Slot | None = SLOT, told_at: dt.datetime | None = JUST, version: int = 1) -> Feed:
    return Feed(slot, told_at, version)


@pytest.mark.parametrize(
    ("followed", "state", "words"),
    [
        (WELL, "current", ""),
        (changed(told_at=LONG), "late", "catching up"),
        (changed(told_at=LONG, feed=feed(told_at=LONG)), "silent", "shouwang-maintain"),
        (changed(told_at=None, feed=feed(told_at=None)), "silent", "shouwang-maintain"),
        (changed(feed=None, fault="timeout"), "cut off", "timeout"),
        (changed(feed=None, heard_at=LONG), "cut off", "sends nothing"),
        (changed(feed=None, heard_at=None), "cut off", "sends nothing"),
        (changed(feed=None), "current", ""),
        (changed(feed=None, told_at=LONG), "late", "catching up"),
        (changed(tables_copied=3), "copying", "3 of 5"),
        (changed(tables_copied=3, copy_errors=2), "copying", "2 errors"),
        (changed(feed=feed(slot=None)), "lost", "--again"),
        (changed(feed=feed(slot=msgspec.structs.replace(SLOT, lost=True))), "lost", "--again"),
        (changed(feed=feed(slot=msgspec.structs.replace(SLOT, active=False)), apply_errors=7), "failing", "7 errors"),
        (changed(feed=feed(version=2)), "failing", "shouwang city init"),
        (changed(enabled=False), "stopped", "--again"),
    ],
)
def test_each_trouble_has_a_name_and_a_way_out(followed: Followed, state: str, words: str) -> None:
    verdict = judge(followed, 1, NOW)
    assert verdict.state == state
    assert words in verdict.text
    assert bool(verdict.text) == (state != "current")
    assert verdict.good == (state == "current")


def test_what_is_unknown_is_not_a_number() -> None:
    verdict = judge(changed(feed=None, fault="timeout", told_at=None), 1, NOW)
    assert (verdict.age_s, verdict.behind_bytes, verdict.held_bytes) == (None, None, None)
    assert judge(WELL, 1, NOW).age_s == 9
    assert judge(changed(told_at=NOW + dt.timedelta(seconds=1)), 1, NOW).age_s == 0, "the district's clock is ahead"


def test_codes_and_subscriptions() -> None:
    check_code("sz_yt2")
    assert code_of(subscription_of("sz_yt2")) == "sz_yt2"
    assert code_of("somebody_elses") is None
    for wrong in ("", "Yantian", "2b", "a-b", "盐田", "a" * 41, "a;b"):
        with pytest.raises(ValueError, match="code"):
            check_code(wrong)
