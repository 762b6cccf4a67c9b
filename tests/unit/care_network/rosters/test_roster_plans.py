"""What a plan does to a roster, day by day: exactly what it says, and nothing else."""

import datetime as dt

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from care_network.catalogues.workforce import Certificate
from care_network.rosters import plans
from care_network.rosters.book import DAY, WEEK, Away, Book, Entry, Shift, Turn, Worker
from vocabulary.times import SHANGHAI

MONDAY = dt.date(2026, 11, 30)
FIRST, LAST = MONDAY - 2 * WEEK, MONDAY + 6 * WEEK
SHIFTS = (("early", 7, 15), ("late", 15, 23), ("night", 23, 7))
PEOPLE = ("S1", "S2", "S3")


def worker(number: int, code: str, role: str = "carer", *papers: Certificate) -> Worker:
    return Worker(id=number, code=code, name_zh=f"员{code}", name_en=f"P {code}", role=role, home="center",
                  certificates=papers)  # fmt: skip


def book(*entries: Entry, exceptions: tuple[Away, ...] = ()) -> Book:
    return Book(
        organisation="center",
        workers={code: worker(number, code) for number, code in enumerate(PEOPLE, 1)},
        shifts={
            ("center", code): Shift(organisation="center", code=code, name_zh=code, name_en=code,
                                    starts=dt.time(starts), ends=dt.time(ends), version=1)
            for code, starts, ends in SHIFTS
        },
        entries=entries,
        exceptions=exceptions,
    )  # fmt: skip


def entry(staff: str, shift: str, weekdays: tuple[int, ...], since: int = -14, until: int | None = None) -> Entry:
    return Entry(staff=staff, organisation="center", shift=shift, weekdays=weekdays, valid_from=MONDAY + since * DAY,
                 valid_until=None if until is None else MONDAY + until * DAY, version=1)  # fmt: skip


def turns(book: Book) -> set[tuple[str, str, dt.date]]:
    return {(turn.staff, turn.entry.shift, turn.day) for turn in book.turns(FIRST, LAST)}


@st.composite
def books(draw: st.DrawFn) -> Book:
    entries = {}
    for _ in range(draw(st.integers(1, 6))):
        since = draw(st.integers(-14, 7))
        length = draw(st.none() | st.integers(0, 30))
        one = entry(
            draw(st.sampled_from(PEOPLE)), draw(st.sampled_from([code for code, _, _ in SHIFTS])),
            tuple(sorted(draw(st.sets(st.integers(1, 7), min_size=1)))), since,
            None if length is None else since + length,
        )  # fmt: skip
        entries[one.key] = one
    made = book()
    for one in entries.values():  # no shift twice on one day: the roster's pages make none
        if not turns(msgspec.structs.replace(made, entries=(one,))) & turns(made):
            made = msgspec.structs.replace(made, entries=(*made.entries, one))
    return made


def keys_are_unique(found: Book) -> bool:
    return len({one.key for one in found.entries}) == len(found.entries)


@given(books(), st.data())
def test_a_turn_that_is_removed_takes_no_other_with_it(found: Book, data: st.DataObject) -> None:
    every = found.turns(MONDAY, MONDAY + 2 * WEEK)
    if not every:
        return
    turn: Turn = data.draw(st.sampled_from(every))
    then = plans.after(found, plans.remove(found, turn, "day"))
    assert turns(then) == turns(found) - {(turn.staff, turn.entry.shift, turn.day)}
    assert keys_are_unique(then)
    onwards = plans.after(found, plans.remove(found, turn, "rest"))
    gone = {
        (turn.staff, turn.entry.shift, day)
        for day in (turn.day + number * WEEK for number in range(20))
        if turn.entry.on(day)
    }
    assert turns(onwards) == turns(found) - gone
    assert keys_are_unique(onwards)


@given(books(), st.sampled_from(PEOPLE), st.sampled_from([code for code, _, _ in SHIFTS]), st.integers(0, 20))
def test_a_turn_that_is_added_is_one_turn(found: Book, staff: str, shift: str, ahead: int) -> None:
    day = MONDAY + ahead * DAY
    plan = plans.add(found, staff, shift, day, "day")
    if not plan.steps:
        assert plan.problems
        return
    then = plans.after(found, plan)
    assert turns(then) == turns(found) | {(staff, shift, day)}
    assert keys_are_unique(then)


@given(books(), st.integers(1, 4), st.booleans())
def test_a_copied_week_is_there_or_its_clash_is_named_and_nothing_is_overwritten(
    found: Book, weeks: int, replace: bool
) -> None:
    plan = plans.copy_week(found, MONDAY, weeks, replace=replace)
    then = plans.after(found, plan)
    assert keys_are_unique(then)
    source = found.turns(MONDAY, MONDAY + 6 * DAY)
    wanted = {
        (turn.staff, turn.entry.shift, turn.day + number * WEEK) for turn in source for number in range(1, weeks + 1)
    }
    if not replace:
        assert turns(found) <= turns(then), "nothing that was there is gone"
        assert len(wanted - turns(then)) == len(plan.clashes)
    span = {day for _, _, day in turns(then) ^ turns(found)}
    assert all(MONDAY + WEEK <= day < MONDAY + (weeks + 1) * WEEK for day in span)
    assert turns(then) - turns(found) <= wanted


@given(books(), st.data())
def test_a_swap_done_twice_is_none(found: Book, data: st.DataObject) -> None:
    every = found.turns(MONDAY, MONDAY + WEEK)
    if len({turn.staff for turn in every}) < 2:
        return
    one = data.draw(st.sampled_from(every))
    other = data.draw(st.sampled_from([turn for turn in every if turn.staff != one.staff]))
    plan = plans.swap(found, one, other)
    if plan.problems:
        return
    then = plans.after(found, plan)
    a, b = (one.staff, one.entry.shift, one.day), (other.staff, other.entry.shift, other.day)
    changed = {(b[0], *a[1:]), (a[0], *b[1:])}
    assert turns(then) == (turns(found) - {a, b}) | changed
    back_one = then.turn(other.staff, one.entry.shift, one.day)
    back_other = then.turn(one.staff, other.entry.shift, other.day)
    assert back_one is not None
    assert back_other is not None
    back = plans.swap(then, back_one, back_other)
    assert not back.problems
    assert turns(plans.after(then, back)) == turns(found)


def test_a_swap_asks_for_the_certificates_of_the_other_s_work() -> None:
    found = book(entry("S1", "early", (1,)), entry("S2", "late", (2,)))
    nurse = worker(1, "S1", "nurse", Certificate("nurse_licence"))
    found = msgspec.structs.replace(found, workers={**found.workers, "S1": nurse})
    one, other = found.turn("S1", "early", MONDAY), found.turn("S2", "late", MONDAY + DAY)
    assert one is not None
    assert other is not None
    plan = plans.swap(found, one, other)
    assert plan.problems == (
        ("员S2在周一 11-30没有有效的护士执业证书",
         "P S2 has no valid nurse's licence on Monday 11-30"),
    )  # fmt: skip
    expired = worker(2, "S2", "carer", Certificate("nurse_licence", MONDAY - DAY))
    assert plans.swap(msgspec.structs.replace(found, workers={**found.workers, "S2": expired}), one, other).problems
    certified = worker(2, "S2", "carer", Certificate("nurse_licence", MONDAY))
    assert not plans.swap(
        msgspec.structs.replace(found, workers={**found.workers, "S2": certified}), one, other
    ).problems


def test_who_is_away_or_works_already_is_not_copied_over() -> None:
    away = Away(
        staff="S1",
        starts_at=dt.datetime(2026, 12, 7, tzinfo=SHANGHAI),
        ends_at=dt.datetime(2026, 12, 8, tzinfo=SHANGHAI),
    )
    found = book(
        entry("S1", "early", (1,), 0, 0), entry("S2", "early", (2,), 0, 1), entry("S2", "late", (2,), 8, 8),
        exceptions=(away,),
    )  # fmt: skip
    overlapping = Shift(organisation="center", code="late", name_zh="晚", name_en="late", starts=dt.time(14),
                        ends=dt.time(22))  # fmt: skip
    found = msgspec.structs.replace(found, shifts={**found.shifts, ("center", "late"): overlapping})
    plan = plans.copy_week(found, MONDAY, 1)
    assert [words[0] for words in plan.clashes] == [
        "员S1 周一 12-07 early：请假", "员S2 周二 12-08 early：已排晚",
    ]  # fmt: skip
    assert plan.steps == ()
    given_way = plans.copy_week(found, MONDAY, 1, replace=True)
    assert [words[0] for words in given_way.clashes] == ["员S1 周一 12-07 early：请假"]
    assert [words[1] for words in given_way.lines] == ["− P S2, Tuesday 12-08, late", "+ P S2, Tuesday 12-08, early"]


def test_a_short_rest_is_named_and_an_overlap_forbids() -> None:
    found = book(entry("S1", "night", (1,)))
    plan = plans.add(found, "S1", "early", MONDAY + DAY, "day")
    assert [words[0] for words in plan.warnings] == ["员S1在 12-01 07:00 至 15:00 前后休息不足 8 小时"]
    assert plan.problems == ()
    extra = Away(
        staff="S1", starts_at=dt.datetime(2026, 11, 30, 22, tzinfo=SHANGHAI),
        ends_at=dt.datetime(2026, 11, 30, 23, 30, tzinfo=SHANGHAI), organisation="center",
    )  # fmt: skip
    assert plans.exception(found, extra).problems
