"""Rows of the queue: their order, their sections, the filter of the address, the words for which a row has room."""

import datetime as dt

import msgspec

from console.pages.desk.detail import cards, primary_step
from console.pages.desk.rows import Filter, in_order, matching, row_of, section_of, short_of
from dispatch.core.notice import AlertNotice
from dispatch.desk.clock import AlertClock, RunningClock
from tests.unit.console.pages.desk.test_board_groups import PLACE, notice

NOW_US = 1_800_000_000_000_000


def alert(number: int, *, ago_s: float = 600, **facts: object) -> AlertNotice:
    raised = NOW_US - round(ago_s * 1e6)
    return msgspec.structs.replace(notice(number), raised_us=raised, onset_us=raised, **facts)


def clock(left_s: float, zh: str = "接警") -> AlertClock:
    at = dt.datetime.fromtimestamp(NOW_US / 1e6 + left_s, dt.UTC)
    return AlertClock(
        segments=(), target=RunningClock(kind="milestone", zh=zh, en="acknowledged", at=at, over=left_s < 0), call=None
    )


def test_the_newest_minute_stands_first_then_who_has_least_time_left() -> None:
    old, older = alert(1), alert(2, ago_s=900)
    new, newest = alert(3, ago_s=50), alert(4, ago_s=5)
    urgent = alert(5, severity="urgent", ago_s=1)
    clocks = {"0001": clock(-30), "0002": clock(20)}
    found = in_order([urgent, older, old, new, newest], NOW_US, clocks)
    assert [one.id for one in found] == ["0004", "0003", "0001", "0002", "0005"]


def test_sections_by_who_has_to_act() -> None:
    assert section_of(alert(1), NOW_US) == "waiting"
    assert section_of(alert(1, state="acknowledged"), NOW_US) == "in_hand"
    assert section_of(alert(1, severity="attention"), NOW_US) == "attention"
    assert section_of(alert(1, severity="technical", state="acknowledged"), NOW_US) == "technical"
    resting = alert(1, severity="technical", snoozed_us=NOW_US + 1)
    assert section_of(resting, NOW_US) == "resting", "out of the way, and still to be found"
    assert row_of(resting, "zh", NOW_US, None, mine=False).rests.startswith("至 ")
    assert section_of(resting, NOW_US + 1) == "technical"


def test_the_filter_is_the_address() -> None:
    mine = alert(1, owner_id=7, state="acknowledged")
    other = alert(2, rule="fall", area_path="sz.yt.ms.dm.c2")
    assert Filter(who="mine").query() == "who=mine"
    assert Filter(who="mine", street=PLACE).query(who="all") == f"street={PLACE}"

    def kept(**wanted: str) -> list[str]:
        return [one.id for one in matching([mine, other], Filter(**wanted), lambda one: one.owner_id == 7)]

    assert kept() == ["0001", "0002"]
    assert kept(who="mine") == ["0001"]
    assert kept(who="waiting") == ["0002"]
    assert kept(street="sz.yt.ms") == ["0002"]
    assert kept(street="sz.yt.m") == [], "no prefix of a name"
    assert kept(kind="fall") == ["0002"]


def test_two_lines_in_both_languages() -> None:
    known = alert(
        1, resident_zh="刘淑贞", resident_en="Liu Shuzhen", resident_age=77, lives_alone=True,
        headline_zh="跌倒，未起身",
        headline_en="Fall", place_zh="海晴苑 2栋502", place_en="Haiqing Court 502",
    )  # fmt: skip
    zh = row_of(known, "zh", NOW_US, clock(30), mine=False)
    en = row_of(known, "en", NOW_US, clock(30), mine=False)
    assert (zh.who, zh.age, zh.alone, zh.what, zh.where) == ("刘淑贞", "77", True, "跌倒，未起身", "海晴苑 2栋502")
    assert (en.who, en.what) == ("Liu Shuzhen", "Fall")
    assert zh.clock is not None
    assert en.clock is not None
    assert (zh.clock.word, en.clock.word) == ("接警", "answer")
    assert zh.mark != row_of(known, "zh", NOW_US, clock(20), mine=False).mark, "what changes is put in place anew"
    assert zh.mark == row_of(known, "zh", NOW_US, clock(30), mine=False).mark
    assert row_of(alert(2), "zh", NOW_US, None, mine=False).who == "整户"


def test_whom_the_ladder_calls_in_few_words() -> None:
    call = RunningClock(
        kind="call", zh="120、家属第 3–5 位", en="120, family member 3–5", at=dt.datetime.now(dt.UTC), over=False
    )
    assert short_of(call) == ("家属", "family")
    assert short_of(msgspec.structs.replace(call, zh="120", en="120")) == ("120", "120")


def test_one_next_step() -> None:
    def step(state: str, *, called: bool = False, sent: bool = False, severity: str = "emergency") -> str:
        return primary_step(alert(1, state=state, severity=severity), called=called, sent=sent)

    assert [step(state) for state in ("raised", "acknowledged", "responding", "on_scene", "resolved")] == [
        "acknowledge", "call", "arrive", "resolve", "",
    ]  # fmt: skip
    assert step("acknowledged", called=True) == "dispatch"
    assert step("acknowledged", called=True, sent=True) == "arrive"
    assert step("acknowledged", severity="technical") == "dispatch"
    assert step("acknowledged", sent=True, severity="technical") == "resolve"
    assert [one.code for one in cards("technical")] == ["repaired", "replaced", "self_healed", "false_device", "test"]
    assert len(cards("emergency")) == 6
