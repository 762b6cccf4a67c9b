"""Plans of changes to a roster: cut a turn out, add, copy a week, swap. Pure: nothing is stored here.

A plan is a list of steps on rows, and what stands in its way: clashes are left out of it and named, problems forbid it.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from typing import Literal

import msgspec

from care_network.catalogues.workforce import SKILLS
from care_network.rosters.book import DAY, WEEK, Away, Book, Entry, Span, Turn, days, words_of_certificates
from vocabulary.times import SHANGHAI

Words = tuple[str, str]
"""In Chinese and in English."""
SHORT_REST = dt.timedelta(minutes=480)
"""Less time than this between two shifts is named; our own choice: a night's sleep."""
MOST_WEEKS = 26
Reach = Literal["day", "rest"]
"""Of a change: one day alone, or this weekday from that day on."""
WEEKDAYS: tuple[Words, ...] = (
    ("周一", "Monday"), ("周二", "Tuesday"), ("周三", "Wednesday"), ("周四", "Thursday"), ("周五", "Friday"),
    ("周六", "Saturday"), ("周日", "Sunday"),
)  # fmt: skip


class RowStep(msgspec.Struct, frozen=True):
    """One row before and after; None: it is not there. The key is the same in both."""

    before: Entry | Away | None
    after: Entry | Away | None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Steps in their order, and words about them."""

    steps: tuple[RowStep, ...] = ()
    lines: tuple[Words, ...] = ()
    """The effect, one line for each turn that comes, goes or changes hands."""
    clashes: tuple[Words, ...] = ()
    """Turns that are left as they are, because something stands there."""
    warnings: tuple[Words, ...] = ()
    problems: tuple[Words, ...] = ()
    """Why it cannot be done; empty: it can."""
    first: dt.date
    last: dt.date
    """The days that it touches, for the look at coverage."""


def after(book: Book, plan: Plan) -> Book:
    """The book with the plan carried out."""
    gone = {(type(step.before), step.before.key) for step in plan.steps if step.before is not None}
    entries = [entry for entry in book.entries if (Entry, entry.key) not in gone]
    exceptions = [one for one in book.exceptions if (Away, one.key) not in gone]
    for step in plan.steps:
        if isinstance(step.after, Entry):
            entries.append(step.after)
        elif isinstance(step.after, Away):
            exceptions.append(step.after)
    return msgspec.structs.replace(book, entries=tuple(entries), exceptions=tuple(exceptions))


def add(book: Book, staff: str, shift: str, day: dt.date, reach: Reach) -> Plan:
    """Plan a shift for somebody: on one day, or on its weekday from then on."""
    worked = book.shifts[book.organisation, shift]
    last = day if reach == "day" else day + 3 * WEEK
    plan = Plan(first=day, last=last)
    if book.turn(staff, shift, day) is not None:
        return msgspec.structs.replace(
            plan, problems=((f"{_who(book, staff)[0]}当天已排此班", f"{_who(book, staff)[1]} has this shift already"),)
        )
    taken = [one for one in days(day + DAY, day + 52 * WEEK) if one.isoweekday() == day.isoweekday()]
    again = next((one for one in taken if book.turn(staff, shift, one)), None) if reach == "rest" else None
    until = day if reach == "day" else None if again is None else again - DAY
    entry = _row(book.entries, staff, book.organisation, shift, (day.isoweekday(),), (day - 6 * DAY, day), until)
    if entry is None:
        return msgspec.structs.replace(plan, problems=(_CROWDED,))
    span = worked.span(day)
    return msgspec.structs.replace(
        plan,
        steps=(RowStep(None, entry),),
        lines=(_line("+", book, staff, shift, day, reach),),
        warnings=tuple(_warnings(book, staff, span, staff)),
        problems=tuple(_stands_there(book, staff, span)),
    )


def remove(book: Book, turn: Turn, reach: Reach) -> Plan:
    """Plan to take a turn away: on its day, or on its weekday from then on."""
    steps, _ = _cut(book.entries, turn, reach)
    return Plan(
        steps=tuple(steps),
        lines=(_line("−", book, turn.staff, turn.entry.shift, turn.day, reach),),
        first=turn.day,
        last=turn.day if reach == "day" else turn.day + 3 * WEEK,
    )


def exception(book: Book, wanted: Away) -> Plan:
    """Plan an absence or an extra duty."""
    first, last = (edge.astimezone(SHANGHAI).date() for edge in wanted.span)
    who = _who(book, wanted.staff)
    hours = _hours(wanted.span)
    plan = Plan(first=first, last=min(last, first + 40 * DAY))
    if wanted.ends_at <= wanted.starts_at:
        return msgspec.structs.replace(plan, problems=(("结束时间早于开始时间", "it ends before it begins"),))
    if any(one.key == wanted.key for one in book.exceptions):
        return msgspec.structs.replace(
            plan, problems=(("这一时间开始的同类记录已存在", "one of the same kind that begins then is there already"),)
        )
    if wanted.organisation is not None:
        lines: list[Words] = [(f"{who[0]} 加班 {hours[0]}", f"{who[1]}: extra duty {hours[1]}")]
        stands = [*_stands_there(book, wanted.staff, wanted.span)]
        warnings = [*_warnings(book, wanted.staff, wanted.span, wanted.staff)]
    else:
        lines = [(f"{who[0]} 请假 {hours[0]}", f"{who[1]} is away {hours[1]}")]
        missed = [one for one in book.busy(wanted.staff, wanted.span) if isinstance(one, Turn)]
        lines += [
            (
                f"不再到岗：{_day(turn.day)[0]} {_shift(book, turn.entry)[0]}",
                f"will not be there: {_day(turn.day)[1]}, {_shift(book, turn.entry)[1]}",
            )
            for turn in missed[:40]
        ]
        stands, warnings = [], []
    return msgspec.structs.replace(
        plan, steps=(RowStep(None, wanted),), lines=tuple(lines), problems=tuple(stands), warnings=tuple(warnings)
    )


def end_exception(book: Book, wanted: Away) -> Plan:
    """Plan to take an absence or an extra duty back."""
    who, hours = _who(book, wanted.staff), _hours(wanted.span)
    zh, en = ("取消请假", "no longer away") if wanted.organisation is None else ("取消加班", "no extra duty")
    first, last = (edge.astimezone(SHANGHAI).date() for edge in wanted.span)
    return Plan(
        steps=(RowStep(wanted, None),),
        lines=((f"{who[0]} {zh} {hours[0]}", f"{who[1]}: {en} {hours[1]}"),),
        first=first,
        last=min(last, first + 40 * DAY),
    )


def copy_week(book: Book, monday: dt.date, weeks: int, *, replace: bool = False) -> Plan:
    """Plan the same turns for the next ``weeks`` weeks.

    A clash with work that is there stays out and is named; with ``replace`` work of this organisation gives way.
    """
    source = [turn for turn in book.turns(monday, monday + 6 * DAY) if turn.entry.organisation == book.organisation]
    fresh: dict[tuple[str, str, dt.date], list[int]] = defaultdict(list)
    steps: list[RowStep] = []
    lines: list[Words] = []
    clashes: list[Words] = []
    warnings: list[Words] = []
    entries = list(book.entries)
    for number in range(1, weeks + 1):
        target = monday + number * WEEK
        for turn in source:
            day, shift = turn.day + number * WEEK, turn.entry.shift
            now = msgspec.structs.replace(book, entries=tuple(entries))
            if now.turn(turn.staff, shift, day) is not None:
                continue
            span = book.shifts[book.organisation, shift].span(day)
            away = book.absences(turn.staff, span)
            if away:
                clashes.append(_clash(book, turn.staff, shift, day, ("请假", "is away")))
                continue
            stands = now.busy(turn.staff, span)
            own = [one for one in stands if isinstance(one, Turn) and one.entry.organisation == book.organisation]
            if stands and not (replace and len(own) == len(stands)):
                clashes.append(_clash(book, turn.staff, shift, day, _what(book, stands[0])))
                continue
            for one in own:
                cut, entries = _cut(entries, one, "day")
                steps += cut
                lines.append(_line("−", book, one.staff, one.entry.shift, one.day, "day"))
            fresh[turn.staff, shift, target].append(day.isoweekday())
            lines.append(_line("+", book, turn.staff, shift, day, "day"))
            warnings += _papers(book, turn.staff, turn.staff, day)
    for staff, shift, weekdays, first, last in _joined(fresh):
        begin = (first - (8 - max(weekdays)) * DAY + DAY, first + (min(weekdays) - 1) * DAY)
        entry = _row(entries, staff, book.organisation, shift, weekdays, begin, last)
        if entry is None:
            clashes.append((f"{_who(book, staff)[0]}：{_CROWDED[0]}", f"{_who(book, staff)[1]}: {_CROWDED[1]}"))
            continue
        entries.append(entry)
        steps.append(RowStep(None, entry))
    return Plan(
        steps=_settled(steps), lines=tuple(lines), clashes=tuple(clashes),
        warnings=tuple(dict.fromkeys(warnings)), first=monday + WEEK, last=monday + weeks * WEEK + 6 * DAY,
    )  # fmt: skip


def swap(book: Book, one: Turn, other: Turn) -> Plan:
    """Plan that two people exchange their turns; each has to hold the certificates for the other's."""
    problems: list[Words] = []
    if one.staff == other.staff:
        return Plan(first=one.day, last=other.day, problems=(("请选择两个不同的人", "choose two different people"),))
    cut_one, entries = _cut(book.entries, one, "day")
    cut_other, entries = _cut(entries, other, "day")
    without = msgspec.structs.replace(book, entries=tuple(entries))
    steps = [*cut_one, *cut_other]
    warnings: list[Words] = []
    for taker, giver, turn in ((one.staff, other.staff, other), (other.staff, one.staff, one)):
        role = book.workers[giver].role
        missing = book.workers[taker].missing_for(role, turn.day)
        if missing:
            zh, en = words_of_certificates(missing)
            who = _who(book, taker)
            problems.append(
                (f"{who[0]}在{_day(turn.day)[0]}没有有效的{zh}", f"{who[1]} has no valid {en} on {_day(turn.day)[1]}")
            )
        problems += _stands_there(without, taker, turn.span)
        lost = book.workers[giver].counting(turn.day) - book.workers[taker].counting(turn.day)
        if lost:
            who = _who(book, taker)
            terms = [SKILLS[skill] for skill in sorted(lost) if skill in SKILLS]
            warnings.append(
                (
                    f"{_day(turn.day)[0]}：{who[0]}没有{'、'.join(term.zh for term in terms)}技能",
                    f"{_day(turn.day)[1]}: {who[1]} lacks {', '.join(term.en for term in terms)}",
                )
            )
        warnings += _rest(without, taker, turn.span)
        day, shift = turn.day, turn.entry.shift
        entry = _row(entries, taker, book.organisation, shift, (day.isoweekday(),), (day - 6 * DAY, day), day)
        if entry is None:
            problems.append(_CROWDED)
            continue
        entries.append(entry)
        steps.append(RowStep(None, entry))
    return Plan(
        steps=_settled(steps),
        lines=(
            _line("−", book, one.staff, one.entry.shift, one.day, "day"),
            _line("+", book, other.staff, one.entry.shift, one.day, "day"),
            _line("−", book, other.staff, other.entry.shift, other.day, "day"),
            _line("+", book, one.staff, other.entry.shift, other.day, "day"),
        ),
        warnings=tuple(warnings),
        problems=tuple(dict.fromkeys(problems)),
        first=min(one.day, other.day),
        last=max(one.day, other.day),
    )


_CROWDED: Words = (
    "这些天里同一班次的排班起始日期已被占用，请改日期", "entries of this shift begin on all these days: take another"
)  # fmt: skip


def _cut(entries: Iterable[Entry], turn: Turn, reach: Reach) -> tuple[list[RowStep], list[Entry]]:
    """Take a turn out of its row: the steps, and all rows after them."""
    entry, day = turn.entry, turn.day
    others = [one for one in entries if one.key != entry.key]
    before = msgspec.structs.replace(entry, valid_until=day - DAY)
    kept = before if _first_day(before, before.valid_from) is not None else None
    weekdays = entry.weekdays if reach == "day" else tuple(one for one in entry.weekdays if one != day.isoweekday())
    later = msgspec.structs.replace(entry, weekdays=weekdays, version=0)
    first = _first_day(later, day + DAY)
    rest = None
    if first is not None:
        known = [*others, *([kept] if kept else [])]
        rest = _row(
            known, entry.staff, entry.organisation, entry.shift, weekdays, (day + DAY, first), entry.valid_until
        )
    steps = [RowStep(entry, kept), *([RowStep(None, rest)] if rest else [])]
    return steps, [*others, *([kept] if kept else []), *([rest] if rest else [])]


def _first_day(entry: Entry, since: dt.date) -> dt.date | None:
    """The first day from ``since`` on that the row names."""
    return next((day for day in days(max(since, entry.valid_from), since + 7 * DAY) if entry.on(day)), None)


def _row(
    entries: Iterable[Entry],
    staff: str,
    organisation: str,
    shift: str,
    weekdays: Iterable[int],
    begin: tuple[dt.date, dt.date],
    until: dt.date | None,
) -> Entry | None:
    """Make a row, whose first day no other row of the same shift has: rows are named by it. None where all are taken.

    ``begin``: the earliest and the latest first day; none of the weekdays lies before the latest.
    """
    taken = {
        one.valid_from for one in entries if (one.staff, one.organisation, one.shift) == (staff, organisation, shift)
    }
    for day in sorted(days(*begin), reverse=True):
        if day not in taken:
            return Entry(
                staff=staff, organisation=organisation, shift=shift, weekdays=tuple(sorted(set(weekdays))),
                valid_from=day, valid_until=until,
            )  # fmt: skip
    return None


def _settled(steps: Iterable[RowStep]) -> tuple[RowStep, ...]:
    """One step for each row: as it was, and as it is in the end."""
    by_key: dict[tuple[type, tuple[object, ...]], RowStep] = {}
    for step in steps:
        row = step.before or step.after
        assert row is not None  # noqa: S101 - a step is about a row
        key = (type(row), tuple(row.key))
        known = by_key.get(key)
        by_key[key] = step if known is None else RowStep(known.before, step.after)
    return tuple(step for step in by_key.values() if step.before != step.after)


def _joined(
    fresh: dict[tuple[str, str, dt.date], list[int]],
) -> list[tuple[str, str, tuple[int, ...], dt.date, dt.date]]:
    """(staff, shift, weekdays, Monday of the first week, Sunday of the last): weeks that are alike are one row."""
    found: list[tuple[str, str, tuple[int, ...], dt.date, dt.date]] = []
    for (staff, shift, monday), weekdays in sorted(fresh.items()):
        week = (staff, shift, tuple(sorted(weekdays)))
        if found and found[-1][:3] == week and found[-1][4] + DAY == monday:
            found[-1] = (*week, found[-1][3], monday + 6 * DAY)
        else:
            found.append((*week, monday, monday + 6 * DAY))
    return found


def _stands_there(book: Book, staff: str, span: Span) -> list[Words]:
    """Why somebody cannot work in this time: work that is there, or an absence."""
    who = _who(book, staff)
    found = []
    for one in book.busy(staff, span):
        zh, en = _what(book, one)
        hours = _hours(one.span)
        found.append((f"{who[0]} {hours[0]} {zh}，时间重叠", f"{who[1]} {en} {hours[1]}: the times overlap"))
    for away in book.absences(staff, span):
        hours = _hours(away.span)
        found.append((f"{who[0]} {hours[0]} 请假", f"{who[1]} is away {hours[1]}"))
    return found


def _warnings(book: Book, staff: str, span: Span, instead_of: str) -> list[Words]:
    """Facts that forbid nothing and are worth knowing: a certificate that is not valid then, a short rest."""
    return [*_papers(book, staff, instead_of, span[0].astimezone(SHANGHAI).date()), *_rest(book, staff, span)]


def _papers(book: Book, staff: str, instead_of: str, day: dt.date) -> list[Words]:
    missing = book.workers[staff].missing_for(book.workers[instead_of].role, day)
    if not missing:
        return []
    (zh, en), who = words_of_certificates(missing), _who(book, staff)
    return [(f"{_day(day)[0]}：{who[0]}没有有效的{zh}", f"{_day(day)[1]}: {who[1]} has no valid {en}")]


def _rest(book: Book, staff: str, span: Span) -> list[Words]:
    near = book.busy(staff, (span[0] - SHORT_REST, span[1] + SHORT_REST))
    if not any(not (one.span[0] < span[1] and span[0] < one.span[1]) for one in near):
        return []
    who, hours = _who(book, staff), _hours(span)
    return [(f"{who[0]}在 {hours[0]} 前后休息不足 8 小时", f"{who[1]} rests less than 8 h before or after {hours[1]}")]


def _what(book: Book, one: Turn | Away) -> Words:
    if isinstance(one, Away):
        return "已排加班", "has an extra duty"
    zh, en = _shift(book, one.entry)
    return f"已排{zh}", f"works {en}"


def _clash(book: Book, staff: str, shift: str, day: dt.date, why: Words) -> Words:
    who, what = _who(book, staff), book.shifts[book.organisation, shift]
    return (
        f"{who[0]} {_day(day)[0]} {what.name_zh}：{why[0]}",
        f"{who[1]}, {_day(day)[1]}, {what.name_en}: {why[1]}",
    )


def _line(sign: str, book: Book, staff: str, shift: str, day: dt.date, reach: Reach) -> Words:
    who, what = _who(book, staff), book.shifts[book.organisation, shift]
    every = ("", "") if reach == "day" else (f"起每{WEEKDAYS[day.isoweekday() - 1][0]}", " and each week from then on")
    return (
        f"{sign} {who[0]} {_day(day)[0]}{every[0]} {what.name_zh}",
        f"{sign} {who[1]}, {_day(day)[1]}{every[1]}, {what.name_en}",
    )


def _who(book: Book, staff: str) -> Words:
    worker = book.workers[staff]
    return worker.name_zh, worker.name_en


def _shift(book: Book, entry: Entry) -> Words:
    shift = book.shifts.get((entry.organisation, entry.shift))
    return (entry.shift, entry.shift) if shift is None else (shift.name_zh, shift.name_en)


def _day(day: dt.date) -> Words:
    zh, en = WEEKDAYS[day.isoweekday() - 1]
    return f"{zh} {day:%m-%d}", f"{en} {day:%m-%d}"


def _hours(span: Span) -> Words:
    start, end = (edge.astimezone(SHANGHAI) for edge in span)
    last = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%m-%d %H:%M}"
    return f"{start:%m-%d %H:%M} 至 {last}", f"{start:%m-%d %H:%M} to {last}"
