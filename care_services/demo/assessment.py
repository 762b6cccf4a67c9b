"""Assessments of the demonstration's residents: two years of some, one in every state, proposals decided and open."""

import datetime as dt
import random
from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg import Connection

from care_services.assessment import due, evidence, proposals
from care_services.assessment.scoring import ORDER, Diagnosis, Facts, score
from care_services.assessment.standard import standard
from care_services.core import rule_book
from care_services.core.rules import RuleSet
from vocabulary.area_path import within
from vocabulary.times import SHANGHAI

_BANDS = {"intact": (90, 90), "mild": (66, 89), "moderate": (46, 65), "severe": (30, 45), "lost": (6, 29)}
_HARD = (
    "transport", "stairs", "bathing", "daily_affairs", "walking", "dressing_lower", "grooming", "memory", "toileting",
    "bed_chair", "social", "time", "dressing_upper", "bladder", "vision", "hearing", "place", "expression", "bowel",
    "understanding", "bed_mobility", "eating", "people",
)  # fmt: skip
"""Items in the order in which ability goes first, roughly."""
_NEVER, _DRAFT, _SIGNED, _OBJECTED = 5, 7, 11, 13
"""Every so many residents one who was never assessed here, with a draft, waiting for the second, or objected to."""
_NONE = {one.code: 0 for one in standard().risks}
_COLUMNS = (
    "resident_id, reason, state, version, answers, diagnosis, events, informant, note, begun_at, begun_by, changed_at,"
    " changed_by, changed_zh, changed_en, first_at, first_by, first_zh, first_en, second_at, second_by, second_zh,"
    " second_en, objection, sums, total, preliminary, grade, adjustments, evidence, due_on, due_why, current"
)
Person = tuple[int, str, str]
"""(account's id, Chinese name, English name)."""


def fill(conn: Connection[Any], now: dt.datetime) -> None:
    """Assess those who have a grade in their record; whoever has any assessment is left alone."""
    people = conn.execute(
        """
        SELECT r.id, r.code, r.ability_grade, a.path::text,
               EXISTS (SELECT FROM assessment x WHERE x.resident_id = r.id)
        FROM resident r JOIN household h ON h.id = r.household_id JOIN area a ON a.id = h.area_id
        WHERE NOT h.synthetic ORDER BY r.code
        """
    ).fetchall()
    staff = conn.execute(
        "SELECT id, name_zh, name_en, role, area_path::text FROM account WHERE role IN ('carer', 'station', 'manager')"
        " AND active ORDER BY login"
    ).fetchall()
    rules = rule_book.current(conn, due.SUBJECT, now.astimezone(SHANGHAI).date())
    rows: list[dict[str, Any]] = []
    for number, (resident_id, code, grade, path, assessed) in enumerate(people):
        if assessed or grade is None or number % _NEVER == _NEVER - 1:
            continue
        near = [*(one for one in staff if within(path, one[4])), *staff]  # of the own area, else anybody
        first = next((one for one in near if one[3] == "carer"), None)
        second = next((one for one in near if one[3] != "carer"), None)
        if first is None or second is None:
            continue
        rows += _of(conn, rules, number, resident_id, code, grade, now, first[:3], second[:3])
    if rows:
        _write(conn, rows, now)


def _of(
    conn: Connection[Any], rules: RuleSet, number: int, resident_id: int, code: str, grade: Any, now: dt.datetime,
    first: Person, second: Person,
) -> list[dict[str, Any]]:  # fmt: skip
    """Rows of one resident, the oldest first: a slow decline up to the grade in the record, and what is open."""
    chance = random.Random(code)  # noqa: S311 - made-up people
    many = (1, 4, 2, 5, 3)[number % 5]
    last = now - dt.timedelta(days=(380, 120, 345, 40, 200, 410, 15, 300)[number % 8], hours=chance.randrange(8))
    worse: tuple[Diagnosis, dict[str, int]] = ("none", _NONE)
    if number % 6 == 3 and grade in ("moderate", "severe", "lost"):
        worse = ("dementia", _NONE)
    elif number % 6 == 0 and grade in ("mild", "moderate", "severe"):
        worse = ("none", _NONE | {"fall": 2})
    plain = worse == ("none", _NONE)
    low, high = _BANDS[grade if plain else ORDER[ORDER.index(grade) - 1]]
    target = chance.randint(low, high)
    rows = []
    for back in range(many - 1, -1, -1):
        at = last - dt.timedelta(days=back * (730 // many))
        newest = back == 0
        total = target if newest else min(90, target + back * chance.randint(3, 7))
        reason = "first" if back == many - 1 else "immediate" if number % 4 == 1 and newest else "routine"
        diagnosis, events = worse if newest else ("none", _NONE)
        answers = _answers(total, chance)
        row = _signed(resident_id, reason, answers, diagnosis, events, at, first)
        due_on, zh, en = due.decide(rules, row["grade"], reason, at.astimezone(SHANGHAI).date())
        rows.append(
            row | _second(second, at + dt.timedelta(hours=5 + back))
            | {"state": "in_force", "version": 6, "current": newest, "due_on": due_on, "due_why": f"{zh}|{en}",
               "informant": ("", "女儿", "老伴", "邻居")[chance.randrange(4)]}
        )  # fmt: skip
    recent = now - dt.timedelta(hours=3 + number % 40)
    if number % _DRAFT == 2:
        answers = _answers(max(target - 4, 4), chance)
        part = dict(list(answers.items())[: 9 + number % 14])
        rows.append(_base(resident_id, "routine", part, None, {}, recent, first) | {"version": 3})
    elif number % _SIGNED == 3:
        known = msgspec.to_builtins(evidence.of(conn, resident_id, recent))
        rows.append(
            _signed(resident_id, "routine", _answers(max(target - 6, 4), chance), "none", _NONE, recent, first)
            | {"evidence": known}
        )
    elif number % _OBJECTED == 4:
        row = _signed(resident_id, "immediate", _answers(max(target - 9, 4), chance), "none", _NONE, recent, first)
        rows.append(row | _second(second, recent + dt.timedelta(hours=2))
                    | {"state": "objected", "objection": "夜间小便失禁没有计入，请再上门核对"})  # fmt: skip
    return rows


def _answers(total: int, chance: random.Random) -> dict[str, int]:
    """Answers with this total: what goes first is lost first, with some chance in it."""
    answers = {code: item.maximum for code, item in standard().items.items()}
    left = standard().maximum - total
    weights = [len(_HARD) - place for place in range(len(_HARD))]
    while left:
        able = [code for code in _HARD if answers[code]]
        if not able:
            break
        code = chance.choices(able, [weights[_HARD.index(one)] * answers[one] for one in able])[0]
        answers[code] -= 1
        left -= 1
    return answers


def _base(
    resident_id: int, reason: str, answers: dict[str, int], diagnosis: Diagnosis | None, events: dict[str, int],
    at: dt.datetime, first: Person,
) -> dict[str, Any]:  # fmt: skip
    row: dict[str, Any] = dict.fromkeys(_COLUMNS.replace(" ", "").split(","))
    return row | {
        "resident_id": resident_id, "reason": reason, "state": "draft", "version": 2, "answers": answers,
        "diagnosis": diagnosis, "events": events, "informant": "", "note": "", "objection": "",
        "begun_at": at - dt.timedelta(minutes=50), "begun_by": first[0], "changed_at": at, "changed_by": first[0],
        "changed_zh": first[1], "changed_en": first[2], "current": False,
    }  # fmt: skip


def _signed(
    resident_id: int, reason: str, answers: dict[str, int], diagnosis: Diagnosis, events: dict[str, int],
    at: dt.datetime, first: Person,
) -> dict[str, Any]:  # fmt: skip
    found = score(Facts(answers=answers, coma=False, diagnosis=diagnosis, events=events))
    return _base(resident_id, reason, answers, diagnosis, events, at, first) | {
        "state": "signed", "version": 5, "first_at": at, "first_by": first[0], "first_zh": first[1],
        "first_en": first[2], "sums": found.sums, "total": found.total, "preliminary": found.preliminary,
        "grade": found.grade, "adjustments": msgspec.to_builtins(found.adjustments), "evidence": [],
    }  # fmt: skip


def _second(second: Person, at: dt.datetime) -> dict[str, Any]:
    return {"second_at": at, "second_by": second[0], "second_zh": second[1], "second_en": second[2], "changed_at": at}


def _write(conn: Connection[Any], rows: Sequence[dict[str, Any]], now: dt.datetime) -> None:
    """Write the rows, their steps and the proposals of what is in force."""
    with conn.cursor() as cursor, cursor.copy(f"COPY assessment ({_COLUMNS}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row([
                msgspec.json.encode(value).decode() if isinstance(value, dict | list | tuple) else value
                for value in row.values()
            ])  # fmt: skip
    conn.execute(
        """
        INSERT INTO assessment_event (assessment_id, at, action, account_id, actor_zh, actor_en, note)
        SELECT x.id, step.at, step.action, step.account, step.zh, step.en, step.note
        FROM assessment x CROSS JOIN LATERAL (VALUES
            (begun_at, 'begin', begun_by, changed_zh, changed_en, ''),
            (first_at, 'sign', first_by, first_zh, first_en, ''),
            (second_at, CASE state WHEN 'objected' THEN 'object' ELSE 'confirm' END, second_by, second_zh, second_en,
             objection)) step (at, action, account, zh, en, note)
        WHERE x.resident_id = ANY(%s) AND step.at IS NOT NULL ORDER BY step.at
        """,
        ([row["resident_id"] for row in rows],),
    )
    _propose(conn, [row["resident_id"] for row in rows if row["current"]], now)


def _propose(conn: Connection[Any], resident_ids: Sequence[int], now: dt.datetime) -> None:
    """Proposals of the grades in force: most plans were approved, some thresholds declined, the rest wait."""
    made, ladders = [], []
    for number, (assessment, resident_id, grade, at, account, zh, en, due_on) in enumerate(
        conn.execute(
            "SELECT id, resident_id, grade, second_at, second_by, second_zh, second_en, due_on FROM assessment"
            " WHERE current AND resident_id = ANY(%s) ORDER BY resident_id",
            (list(resident_ids),),
        ).fetchall()
    ):
        for one in proposals.for_grade(grade):
            state, note = "proposed", ""
            if (one.kind == "service_plan" and number % 5 != 1) or (one.kind == "escalation" and number % 3 != 1):
                state = "approved"
            elif one.kind == "thresholds" and number % 3 == 2:
                state, note = "declined", "家人同住，暂不调整"
            decided = None if state == "proposed" else min(at + dt.timedelta(days=1, hours=2), now)
            if one.kind == "escalation" and decided:
                ladders.append((resident_id, decided, "approved", grade, due_on, assessment, account, zh, en))
            made.append((
                resident_id, assessment, one.kind, one.code, msgspec.json.encode(one.content).decode(), state,
                1 if decided is None else 2, at, decided, *((account, zh, en) if decided else (None, None, None)), note,
            ))  # fmt: skip
    with (
        conn.cursor() as cursor,
        cursor.copy(
            "COPY care_proposal (resident_id, assessment_id, kind, code, content, state, version, made_at, decided_at,"
            " decided_by, decided_zh, decided_en, decision_note) FROM STDIN"
        ) as copy,
    ):
        for line in made:
            copy.write_row(line)
    with (
        conn.cursor() as cursor,
        cursor.copy(
            "COPY ladder_grade (resident_id, at, act, grade, valid_until, assessment_number, account_id, actor_zh,"
            " actor_en) FROM STDIN"
        ) as copy,
    ):
        for row in ladders:
            copy.write_row(row)
