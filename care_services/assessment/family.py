"""Tell a family how far an ability assessment of their parent is, and its grade in force, in a line each."""

import datetime as dt
from typing import Any

from psycopg import Connection

from care_network.catalogues.ability import GRADES
from vocabulary.times import SHANGHAI

NEXT = ("下次在 {}", "the next is due on {}")


def told(conn: Connection[Any], resident_id: int, today: dt.date) -> list[tuple[str, str]]:
    """Lines in Chinese and English; empty where nothing is in force or under way.

    The database tells them to the resident's family with consent alone (``assessment_told``). Answers, diagnosis and
    points stay with the assessors, who explain them.
    """
    lines = []
    for state, grade, first_at, due_on, begun_at in conn.execute("SELECT * FROM assessment_told(%s)", (resident_id,)):
        if state == "in_force":
            zh, en = GRADES[grade]
            day = first_at.astimezone(SHANGHAI).date()
            next_zh, next_en = ("下次应在 {}，已逾期", "the next was due on {}") if due_on < today else NEXT
            lines.append(
                (
                    f"能力评估：{zh}（{day} 评估，{next_zh.format(due_on)}）",
                    f"Ability assessment: {en}, assessed on {day}; {next_en.format(due_on)}",
                )
            )
        else:
            day = begun_at.astimezone(SHANGHAI).date()
            lines.append(
                (f"能力评估：评估员填写中（自 {day}）", f"Ability assessment: being filled in since {day}")
                if state == "draft"
                else (
                    f"能力评估：已评完（自 {day}），等第二位评估员复核",
                    f"Ability assessment: done, begun on {day}; a second assessor checks it",
                )
            )
    return lines
