"""Courses for volunteers without an account: read and tested on their own page; what they passed, with its evidence.

The questions, the marking and the number of tries are those of the library. A test that is passed is written down as a
training in the same transaction: the matching takes it with the next look.
"""

import datetime as dt
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from psycopg import Connection, errors
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from care_network.access.permissions import audit
from care_network.errors import ChangedMeanwhileError, NotFoundError, ProvisioningError
from care_services.library.courses import keeping
from care_services.library.courses.attempts import Attempt
from care_services.library.courses.course import Course
from care_services.library.courses.keeping import Kept
from care_services.library.courses.testing import LATE, WINDOW, Leave, draw, expires_on, leave, mark
from care_services.time_bank.books import day_of
from care_services.time_bank.kinds import BASIC_COURSE
from care_services.time_bank.people import Volunteer
from care_services.time_bank.volunteers import Paper
from vocabulary.times import SHANGHAI

RENEW = dt.timedelta(days=60)
"""Before its last day, from which on a course may be taken again."""
NAME = "volunteer"
"""Stands in the history for whoever passed by the link."""


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """A course as a volunteer stands with it."""

    kept: Kept
    paper: Paper | None
    left: Leave
    open_attempt: int | None
    due: bool
    """It is lacking, or ends within 60 days: it may be taken now."""


class Training(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a volunteer's trainings, with its evidence."""

    course: str
    passed: bool
    passed_on: dt.date
    expires_on: dt.date | None
    at: dt.datetime
    by_zh: str
    by_en: str
    place: str
    taught_by: str
    correct: int | None
    asked: int | None
    """Of the test that was passed by the link; None: the station wrote it down."""


def trainings(conn: Connection[Any], volunteer_id: int) -> list[Training]:
    """List a volunteer's courses as they were written down, the newest first."""
    return conn.cursor(row_factory=class_row(Training)).execute(
        "SELECT t.course, t.passed, t.passed_on, t.expires_on, t.at, coalesce(a.name_zh, '') AS by_zh,"
        " coalesce(a.name_en, '') AS by_en, t.place, t.taught_by, k.correct, k.asked FROM time_volunteer_training t"
        " LEFT JOIN account a ON a.id = t.account_id LEFT JOIN time_course_attempt k ON k.id = t.attempt_id"
        " WHERE t.volunteer_id = %s ORDER BY t.id DESC LIMIT 40",
        (volunteer_id,),
    ).fetchall()  # fmt: skip


def offered(conn: Connection[Any], one: Volunteer, now: dt.datetime) -> list[Offered]:
    """The courses that a volunteer may take, the basic one first."""
    return sorted(
        (_offered(conn, one, kept, now) for kept in keeping.open_to_all(conn)),
        key=lambda each: (each.kept.course.code != BASIC_COURSE, not each.due, each.kept.course.code),
    )


def find(conn: Connection[Any], one: Volunteer, code: str, now: dt.datetime) -> Offered:
    """A course as a volunteer stands with it. Raises NotFoundError."""
    kept = next((each for each in keeping.open_to_all(conn) if each.course.code == code), None)
    if kept is None:
        raise NotFoundError(zh="没有这门课程", en="there is no such course", field="course")
    return _offered(conn, one, kept, now)


def _offered(conn: Connection[Any], one: Volunteer, kept: Kept, now: dt.datetime) -> Offered:
    paper = one.courses.get(kept.course.code)
    begun = conn.execute(
        "SELECT begun_at FROM time_course_attempt WHERE volunteer_id = %s AND course_id = %s AND begun_at > %s"
        " AND passed IS NOT TRUE AND (submitted_at IS NOT NULL OR ends_at < %s)",
        (one.id, kept.course_id, now - WINDOW, now),
    ).fetchall()
    open_one = conn.execute(
        "SELECT id FROM time_course_attempt WHERE volunteer_id = %s AND course_id = %s AND submitted_at IS NULL"
        " AND ends_at > %s", (one.id, kept.course_id, now),
    ).fetchone()  # fmt: skip
    soon = day_of(now + RENEW)
    due = paper is None or not paper.good(day_of(now)) or (paper.expires_on is not None and paper.expires_on <= soon)
    return Offered(
        kept=kept, paper=paper, left=leave(kept.course, [row[0] for row in begun], now), due=due,
        open_attempt=None if open_one is None else int(open_one[0]),
    )  # fmt: skip


def begin(conn: Connection[Any], one: Volunteer, code: str, now: dt.datetime, origin: str = "") -> int:
    """Begin a test, or go on with the one that is open; gives its number. Raises ProvisioningError without a try."""
    with conn.transaction():
        found = find(conn, one, code, now)
        if found.open_attempt is not None:
            return found.open_attempt
        if not found.due:
            raise ProvisioningError(zh="该课程仍然有效，无需再考", en="this course is still good", field="course")
        course = found.kept.course
        conn.execute(
            "UPDATE time_course_attempt SET submitted_at = ends_at, answers = '{}', correct = 0, passed = false"
            " WHERE volunteer_id = %s AND course_id = %s AND submitted_at IS NULL AND ends_at <= %s",
            (one.id, found.kept.course_id, now),
        )
        if not found.left.left:
            again = (found.left.again_at or now).astimezone(SHANGHAI)
            raise ProvisioningError(
                zh=f"七天内 {course.tries} 次考试机会已用完，{again:%m-%d %H:%M} 后可再考", field="course",
                en=f"{course.tries} tries in seven days are used up: again from {again:%m-%d %H:%M}",
            )  # fmt: skip
        drawn = draw(course, secrets.randbits(48))
        try:
            with conn.transaction():
                row = conn.execute(
                    "INSERT INTO time_course_attempt (volunteer_id, course_id, version_id, begun_at, ends_at, drawn,"
                    " asked) VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id",
                    (one.id, found.kept.course_id, found.kept.version_id, now,
                     now + dt.timedelta(minutes=course.test_minutes), Jsonb(msgspec.to_builtins(drawn)), len(drawn)),
                ).fetchone()  # fmt: skip
        except errors.UniqueViolation as error:
            raise ChangedMeanwhileError(zh="刚刚已开始一场考试，请返回继续", en="a test was just begun") from error
        assert row is not None  # noqa: S101 - RETURNING
        _audit(conn, "begin_test", one, now, origin, course=code, attempt=int(row[0]))
        return int(row[0])


def load(conn: Connection[Any], one: Volunteer, number: int) -> tuple[Attempt, Course]:
    """A volunteer's test with the text on which it was made. Raises NotFoundError for another's."""
    found = conn.cursor(row_factory=class_row(Attempt)).execute(
        "SELECT id, course_id, version_id, 0 AS account_id, begun_at, ends_at, drawn, submitted_at, answers, asked,"
        " correct, passed, NULL AS certificate FROM time_course_attempt WHERE id = %s AND volunteer_id = %s",
        (number, one.id),
    ).fetchone()  # fmt: skip
    if found is None:
        raise NotFoundError(zh="没有这场考试", en="there is no such test", field="number")
    return found, keeping.version(conn, found.version_id)


def hand_in(
    conn: Connection[Any], one: Volunteer, number: int, answers: Mapping[int, Sequence[int]], now: dt.datetime,
    origin: str = "",
) -> bool:  # fmt: skip
    """Hand a test in, once; True where it is passed, and written down as a training.

    Raises ProvisioningError where an answer is missing, ChangedMeanwhileError where it was handed in before.
    """
    with conn.transaction():
        attempt, course = load(conn, one, number)
        known = {each.question: set(each.options) for each in attempt.questions}
        late = now > attempt.ends_at + LATE
        for place, options in known.items():
            if not late and not (answers.get(place) and set(answers[place]) <= options):
                raise ProvisioningError(
                    zh="还有题目没有作答，请全部作答后交卷", en="a question has no answer yet: answer all of them",
                    field=f"q{place}",
                )  # fmt: skip
        marked = mark(course, attempt.questions, answers)
        passed = marked.passed and not late
        kept = {str(place): sorted(answers.get(place, ())) for place in known}
        done = conn.execute(
            "UPDATE time_course_attempt SET submitted_at = %s, answers = %s, correct = %s, passed = %s"
            " WHERE id = %s AND submitted_at IS NULL",
            (now, Jsonb(kept), marked.correct, passed, number),
        )
        if done.rowcount == 0:
            raise ChangedMeanwhileError(zh="这场考试已经交卷", en="this test was handed in before")
        if passed:
            day = day_of(now)
            conn.execute(
                "INSERT INTO time_volunteer_training (volunteer_id, course, passed, passed_on, expires_on, at,"
                " attempt_id) VALUES (%s, %s, true, %s, %s, %s, %s)",
                (one.id, course.code, day, expires_on(course, day), now, number),
            )
            conn.execute(
                "INSERT INTO time_volunteer_event (volunteer_id, at, action, from_state, to_state, actor, note)"
                " VALUES (%s, %s, 'training', %s, %s, %s, %s)",
                (one.id, now, one.state, one.state, one.name_zh, f"{course.zh} {marked.correct}/{marked.asked}"),
            )
        _audit(
            conn, "hand_in_test", one, now, origin, course=course.code, attempt=number, correct=marked.correct,
            asked=marked.asked, passed=passed,
        )  # fmt: skip
    return passed


def _audit(conn: Connection[Any], action: str, one: Volunteer, now: dt.datetime, origin: str, **detail: Any) -> None:
    audit(conn, None, action, at=now, origin=origin, detail={"by": f"{NAME}:{one.code}", **detail})
