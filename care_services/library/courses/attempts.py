"""Tests of a course: begun, answered, marked. The right answers stay on the server until a test is handed in."""

import datetime as dt
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from psycopg import errors
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from care_network.access.permissions import Action
from care_network.errors import ChangedMeanwhileError, NotFoundError, ProvisioningError
from care_services.core.connected import Connected
from care_services.library.courses import certificates, keeping
from care_services.library.courses.course import Course
from care_services.library.courses.testing import LATE, WINDOW, Drawn, Leave, draw, is_right, leave, mark
from vocabulary.times import SHANGHAI

RENEW_DAYS = 60
"""So many days before a certificate ends its course may be taken anew."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """A test of one account."""

    id: int
    course_id: int
    version_id: int
    account_id: int
    begun_at: dt.datetime
    ends_at: dt.datetime
    drawn: list[dict[str, Any]]
    submitted_at: dt.datetime | None
    answers: dict[str, list[int]] | None
    asked: int
    correct: int | None
    passed: bool | None
    certificate: str | None
    """Number of the certificate that it ended with."""

    @property
    def questions(self) -> list[Drawn]:
        """The questions that were drawn."""
        return msgspec.convert(self.drawn, list[Drawn])


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A question as the page shows it: words, no answer before the test is handed in."""

    place: int
    zh: str
    en: str
    several: bool
    options: list[tuple[int, str, str]]
    """(its own number, Chinese, English), in the order of this test."""
    named: tuple[int, ...] = ()
    right: tuple[int, ...] | None = None
    """None before the test is handed in."""
    good: bool | None = None
    why_zh: str = ""
    why_en: str = ""


_ATTEMPT = """
    SELECT a.id, a.course_id, a.version_id, a.account_id, a.begun_at, a.ends_at, a.drawn, a.submitted_at, a.answers,
           a.asked, a.correct, a.passed, c.number AS certificate
    FROM course_attempt a LEFT JOIN course_certificate c ON c.attempt_id = a.id
"""


def begin(acting: Connected, code: str) -> int:
    """Begin a test, or go on with the one that is open; gives its number.

    Raises ProvisioningError where no try is left or the certificate is good for long, NotFoundError.
    """
    acting.require(Action.TAKE_COURSE)
    with acting.conn.transaction():
        kept = keeping.one(acting, code)
        if kept.retired_at is not None or not kept.course.open_to(acting.account.role):
            raise NotFoundError(en="this course has no test for you", zh="您不参加这门课程的考试", field="course")
        _close_overdue(acting, kept.course_id)
        open_one = acting.conn.execute(
            "SELECT id FROM course_attempt WHERE account_id = %s AND course_id = %s AND submitted_at IS NULL",
            (acting.account.id, kept.course_id),
        ).fetchone()
        if open_one is not None:
            return int(open_one[0])
        _check_needed(acting, kept.course_id)
        left = left_of(acting, kept)
        if not left.left:
            assert left.again_at is not None  # noqa: S101 - none left: then it is known when
            again = left.again_at.astimezone(SHANGHAI)
            raise ProvisioningError(
                en=f"{kept.course.tries} tries in seven days are used up: read again, and try from {again:%m-%d %H:%M}",
                zh=f"七天内 {kept.course.tries} 次考试机会已用完，请再学习，{again:%m-%d %H:%M} 后可再考",
                field="course",
            )
        drawn = draw(kept.course, secrets.randbits(48))
        try:
            row = acting.conn.execute(
                "INSERT INTO course_attempt (course_id, version_id, account_id, begun_at, ends_at, drawn, asked)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id",
                (kept.course_id, kept.version_id, acting.account.id, acting.now,
                 acting.now + dt.timedelta(minutes=kept.course.test_minutes), Jsonb(msgspec.to_builtins(drawn)),
                 len(drawn)),
            ).fetchone()  # fmt: skip
        except errors.UniqueViolation as error:
            raise ChangedMeanwhileError(
                en="a test of this course was just begun; open it", zh="刚刚已开始一场考试，请打开继续"
            ) from error
        assert row is not None  # noqa: S101 - RETURNING
        acting.audit("begin_test", course=code, attempt=row[0])
        return int(row[0])


def left_of(acting: Connected, kept: keeping.Kept) -> Leave:
    """The tries that the account has left."""
    begun = acting.conn.execute(
        "SELECT begun_at FROM course_attempt WHERE account_id = %s AND course_id = %s AND begun_at > %s"
        " AND passed IS NOT TRUE AND (submitted_at IS NOT NULL OR ends_at < %s)",
        (acting.account.id, kept.course_id, acting.now - WINDOW, acting.now),
    ).fetchall()
    return leave(kept.course, [row[0] for row in begun], acting.now)


def load(acting: Connected, number: int) -> tuple[Attempt, Course]:
    """One's own test with the text on which it was made. Raises NotFoundError for another's."""
    acting.require(Action.TAKE_COURSE)
    with acting.conn.cursor(row_factory=class_row(Attempt)) as cursor:
        found = cursor.execute(
            _ATTEMPT + " WHERE a.id = %s AND a.account_id = %s", (number, acting.account.id)
        ).fetchone()
    if found is None:
        raise NotFoundError(en="there is no such test of yours", zh="您没有这场考试", field="number")
    return found, keeping.version(acting.conn, found.version_id)


def shown(attempt: Attempt, course: Course) -> list[Shown]:
    """The questions as a page shows them. Pure: what is right is in it only after the test was handed in."""
    done = attempt.submitted_at is not None
    answers = attempt.answers or {}
    found = []
    for one in attempt.questions:
        question = course.question[one.question]
        named = tuple(answers.get(str(one.question), ()))
        found.append(Shown(
            place=one.question, zh=question.zh, en=question.en, several=len(question.right) > 1,
            options=[(number, *question.options[number]) for number in one.options], named=named,
            right=tuple(question.right) if done else None, good=is_right(question, named) if done else None,
            why_zh=question.why_zh if done else "", why_en=question.why_en if done else "",
        ))  # fmt: skip
    return found


def submit(acting: Connected, number: int, answers: Mapping[int, Sequence[int]]) -> bool:
    """Hand a test in; True where it is passed: then the certificate is issued, in the same transaction.

    A test that comes after its time is marked and does not count. Raises ProvisioningError where an answer is missing,
    ChangedMeanwhileError where it was handed in before, NotFoundError.
    """
    with acting.conn.transaction():
        attempt, course = load(acting, number)
        if attempt.submitted_at is not None:
            raise ChangedMeanwhileError(en="this test was handed in before", zh="这场考试已经交卷")
        known = {one.question: set(one.options) for one in attempt.questions}
        late = acting.now > attempt.ends_at + LATE
        for place, options in known.items():
            if not answers.get(place) and not late:
                raise ProvisioningError(
                    en="a question has no answer yet: answer all of them", zh="还有题目没有作答，请全部作答后交卷",
                    field=f"q{place}",
                )  # fmt: skip
            if not set(answers.get(place, ())) <= options:
                raise ProvisioningError(en="this is no option of it", zh="没有这个选项", field=f"q{place}")
        marked = mark(course, attempt.questions, answers)
        passed = marked.passed and not late
        kept = {str(place): sorted(answers.get(place, ())) for place in known}
        done = acting.conn.execute(
            "UPDATE course_attempt SET submitted_at = %s, answers = %s, correct = %s, passed = %s"
            " WHERE id = %s AND submitted_at IS NULL",
            (acting.now, Jsonb(kept), marked.correct, passed, number),
        )
        if not done.rowcount:
            raise ChangedMeanwhileError(en="this test was handed in before", zh="这场考试已经交卷")
        acting.audit(
            "hand_in_test",
            course=course.code,
            attempt=number,
            correct=marked.correct,
            asked=marked.asked,
            passed=passed,
        )
        if passed:
            certificates.issue(acting, attempt.course_id, number, course)
    return passed


def history(acting: Connected, course_id: int) -> list[Attempt]:
    """One's own tests of a course, the newest first."""
    with acting.conn.cursor(row_factory=class_row(Attempt)) as cursor:
        return cursor.execute(
            _ATTEMPT + " WHERE a.account_id = %s AND a.course_id = %s ORDER BY a.id DESC LIMIT 20",
            (acting.account.id, course_id),
        ).fetchall()


def _close_overdue(acting: Connected, course_id: int) -> None:
    """A test whose time is over and that nobody handed in: none of its answers are known."""
    acting.conn.execute(
        "UPDATE course_attempt SET submitted_at = ends_at, answers = '{}', correct = 0, passed = false"
        " WHERE account_id = %s AND course_id = %s AND submitted_at IS NULL AND ends_at < %s",
        (acting.account.id, course_id, acting.now - LATE),
    )


def _check_needed(acting: Connected, course_id: int) -> None:
    row = acting.conn.execute(
        "SELECT number FROM course_certificate WHERE account_id = %s AND course_id = %s AND revoked_at IS NULL"
        " AND (expires_on IS NULL OR expires_on > %s) LIMIT 1",
        (acting.account.id, course_id, acting.today + dt.timedelta(days=RENEW_DAYS)),
    ).fetchone()
    if row is not None:
        raise ProvisioningError(
            en=f"you have passed it: certificate {row[0]} is good for more than {RENEW_DAYS} days",
            zh=f"您已通过：证书 {row[0]} 的有效期还有 {RENEW_DAYS} 天以上，无需再考",
            field="course",
        )
