"""A course as the fields of a form, and back: the page keeps all of it until it is saved. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from care_network.errors import ProvisioningError
from care_services.library.courses.course import MOST_PICTURES, Chapter, Course, Picture, Question, check

MOST_CHAPTERS, MOST_QUESTIONS = 30, 100
PICTURE = ("name", "zh", "en", "data")
NUMBERS = ("minutes", "pass_percent", "draw", "tries", "test_minutes", "valid_months")
_PLACE = re.compile(r"([cqp])(\d{1,3})\.([a-z_]+)\Z")
_RIGHT = "*"
"""Before an option that is right."""
_BETWEEN = "|"
"""Between the Chinese and the English of an option."""
NEW = {
    "code": "", "zh": "", "en": "", "about_zh": "", "about_en": "", "minutes": "20", "pass_percent": "80", "draw": "5",
    "tries": "3", "test_minutes": "30", "valid_months": "24", "gives": "",
}  # fmt: skip


class Filled(msgspec.Struct, kw_only=True):
    """The form: plain fields, lists of ticks, and a row of fields for each chapter, question and picture."""

    plain: dict[str, str]
    roles: list[str] = []
    topics: list[str] = []
    chapters: list[dict[str, str]] = []
    questions: list[dict[str, str]] = []
    pictures: list[dict[str, str]] = []


def empty() -> Filled:
    """The form of a new course: one chapter, and the questions that a test needs."""
    return Filled(plain=dict(NEW), chapters=[{}], questions=[{} for _ in range(5)])


def of_course(course: Course) -> Filled:
    """The form of a course that is there."""
    return Filled(
        plain={name: str(getattr(course, name)) for name in NEW}, roles=list(course.roles), topics=list(course.topics),
        chapters=[msgspec.to_builtins(one) for one in course.chapter],
        questions=[
            {
                "zh": one.zh, "en": one.en, "why_zh": one.why_zh, "why_en": one.why_en,
                "options": "\n".join(
                    f"{_RIGHT if place in one.right else ''}{zh} {_BETWEEN} {en}"
                    for place, (zh, en) in enumerate(one.options)
                ),
            }
            for one in course.question
        ],
        pictures=[msgspec.to_builtins(one) for one in course.picture],
    )  # fmt: skip


def of_fields(fields: Sequence[tuple[str, str]]) -> Filled:
    """The form as it was sent."""
    rows: dict[str, dict[int, dict[str, str]]] = {"c": {}, "q": {}, "p": {}}
    plain = dict(NEW)
    ticks: dict[str, list[str]] = {"roles": [], "topics": []}
    for name, value in fields:
        found = _PLACE.match(name)
        if found:
            rows[found[1]].setdefault(int(found[2]), {})[found[3]] = value.replace("\r\n", "\n")
        elif name in ticks:
            ticks[name].append(value)
        elif name in NEW:
            plain[name] = value.strip()
    listed = {kind: [held[place] for place in sorted(held)] for kind, held in rows.items()}
    return Filled(
        plain=plain, chapters=listed["c"][:MOST_CHAPTERS], questions=listed["q"][:MOST_QUESTIONS],
        pictures=listed["p"][:MOST_PICTURES], **ticks,
    )  # fmt: skip


def turn(filled: Filled, step: str) -> None:
    """Do what a button of the form asks for, in place: 'add:c', 'drop:q:3', 'up:c:2' (from 1). Others do nothing."""
    verb, _, rest = step.partition(":")
    kind, _, place = rest.partition(":")
    rows = {"c": filled.chapters, "q": filled.questions, "p": filled.pictures}.get(kind)
    if rows is None:
        return
    most = {"c": MOST_CHAPTERS, "q": MOST_QUESTIONS, "p": 0}[kind]
    at = int(place) - 1 if place.isdigit() and len(place) < 4 else -1
    if verb == "add" and len(rows) < most:
        rows.append({})
    elif verb == "drop" and 0 <= at < len(rows):
        del rows[at]
    elif verb == "up" and 0 < at < len(rows):
        rows[at - 1], rows[at] = rows[at], rows[at - 1]


def course_of(filled: Filled) -> Course:
    """The course of a form. Empty English stands for the Chinese; empty rows at the end are left out.

    Raises ProvisioningError with the field: 'draw', 'c2', 'q3'.
    """
    numbers = {}
    for name in NUMBERS:
        text = filled.plain[name]
        if not (text.isdigit() and len(text) < 5):
            raise ProvisioningError(en="write a whole number", zh="请填写整数", field=name)
        numbers[name] = int(text)
    plain = filled.plain
    if not plain["zh"]:
        raise ProvisioningError(en="a course has a title", zh="请填写课程名称", field="zh")
    course = Course(
        code=plain["code"], zh=plain["zh"], en=plain["en"] or plain["zh"], about_zh=plain["about_zh"],
        about_en=plain["about_en"] or plain["about_zh"], gives=plain["gives"], roles=filled.roles, topics=filled.topics,
        chapter=[_chapter(row, number) for number, row in enumerate(filled.chapters, 1) if any(_texts(row))],
        question=[_question(row, number) for number, row in enumerate(filled.questions, 1) if any(_texts(row))],
        picture=[Picture(**{name: row.get(name, "") for name in PICTURE}) for row in filled.pictures],
        **numbers,
    )  # fmt: skip
    check(course)
    return course


def _texts(row: Mapping[str, str]) -> list[str]:
    return [value for value in row.values() if value.strip()]


def _chapter(row: Mapping[str, str], number: int) -> Chapter:
    zh, text = row.get("zh", "").strip(), row.get("text_zh", "").strip("\n")
    if not zh or not text.strip():
        raise ProvisioningError(
            en=f"chapter {number} needs a title and a text", zh=f"第 {number} 章须有标题和正文", field=f"c{number}"
        )
    return Chapter(
        zh=zh, en=row.get("en", "").strip() or zh, text_zh=text, text_en=row.get("text_en", "").strip("\n") or text
    )


def _question(row: Mapping[str, str], number: int) -> Question:
    words: dict[str, Any] = {name: row.get(name, "").strip() for name in ("zh", "en", "why_zh", "why_en")}
    if not words["zh"]:
        raise ProvisioningError(en=f"question {number} has no words", zh=f"第 {number} 题没有题干", field=f"q{number}")
    options: list[tuple[str, str]] = []
    right: list[int] = []
    for line in (line.strip() for line in row.get("options", "").splitlines() if line.strip()):
        if line.startswith(_RIGHT):
            right.append(len(options))
            line = line.removeprefix(_RIGHT)
        zh, _, en = (part.strip() for part in line.partition(_BETWEEN))
        options.append((zh, en or zh))
    return Question(
        zh=words["zh"], en=words["en"] or words["zh"], options=options, right=right, why_zh=words["why_zh"],
        why_en=words["why_en"] or words["why_zh"],
    )  # fmt: skip
