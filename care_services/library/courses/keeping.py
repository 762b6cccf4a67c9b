"""Courses in the database: versions, what an account may take, and how it stands with each."""

import datetime as dt
import hashlib
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from care_network.access.accounts import Account
from care_network.access.permissions import Action, covers_every_home
from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError
from care_services.core.connected import Connected
from care_services.library.courses.course import Course, built_in, from_database

PLATFORM = "platform"
"""The author of versions that come with the platform."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A course as it is taught now."""

    course_id: int
    version_id: int
    number: int
    at: dt.datetime
    actor: str
    retired_at: dt.datetime | None
    course: Course


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How an account stands with a course."""

    open_attempt: int | None = None
    tries: int = 0
    """Handed in, of any time."""
    best: int | None = None
    """Right answers of the best test, in per cent."""
    certificate: str | None = None
    """The number of the newest certificate that is not revoked."""
    issued_on: dt.date | None = None
    expires_on: dt.date | None = None


class Edition(msgspec.Struct, frozen=True):
    """A version in the list of a course's versions."""

    number: int
    at: dt.datetime
    actor: str
    actor_en: str | None = None


class _Row(msgspec.Struct, frozen=True):
    course_id: int
    version_id: int
    number: int
    at: dt.datetime
    actor: str
    retired_at: dt.datetime | None
    content: dict[str, Any]


_NOW: LiteralString = """
    SELECT c.id AS course_id, v.id AS version_id, v.number, v.at, v.actor, c.retired_at,
           v.content - 'picture' AS content
    FROM course c JOIN LATERAL (
        SELECT * FROM course_version WHERE course_id = c.id ORDER BY number DESC LIMIT 1) v ON true
"""


def put(acting: Connected, course: Course, seen: int | None = None) -> int:
    """Put a course, or a new text of one, in use; gives the number of its version (of the same text: the present).

    Tests that are under way end on the text on which they began, and issued certificates stay as they are. ``seen``:
    the newest number that the author saw; raises ChangedMeanwhileError where there is a newer one, NotPermittedError.
    """
    require_district(acting)
    with acting.conn.transaction():
        if seen is not None:
            row = acting.conn.execute(
                "SELECT coalesce(max(v.number), 0), max(v.actor) FROM course_version v WHERE v.course_id = ("
                " SELECT id FROM course WHERE code = %s FOR UPDATE)",
                (course.code,),
            ).fetchone()
            if row is not None and row[0] != seen:
                raise ChangedMeanwhileError(
                    en=f"version {row[0]} of this course is there already: look at it first",
                    zh=f"该课程已有第 {row[0]} 版，请先查看",
                )
        number = store(acting.conn, course, acting.now, acting.account)
        acting.audit("put_course", course=course.code, number=number)
    return number


def store(conn: Connection[Any], course: Course, now: dt.datetime, account: Account | None) -> int:
    """Store a version without asking anybody: :func:`put` does. ``account`` None: it comes with the platform."""
    content = msgspec.to_builtins(course)
    if not course.picture:  # as before there were pictures: the same text is the same version
        del content["picture"]
    digest = hashlib.sha256(msgspec.json.encode(content)).digest()
    conn.execute("INSERT INTO course (code) VALUES (%s) ON CONFLICT DO NOTHING", (course.code,))
    row = conn.execute(
        "SELECT c.id, v.number, v.sha256 FROM course c LEFT JOIN course_version v ON v.course_id = c.id"
        " WHERE c.code = %s ORDER BY v.number DESC NULLS LAST LIMIT 1",
        (course.code,),
    ).fetchone()
    assert row is not None  # noqa: S101 - it was just made
    course_id, number, known = row
    if known is not None and bytes(known) == digest:
        return int(number)
    conn.execute(
        "INSERT INTO course_version (course_id, number, content, sha256, at, account_id, actor)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (course_id, (number or 0) + 1, Jsonb(content), digest, now, account.id if account else None,
         account.name_zh if account else PLATFORM),
    )  # fmt: skip
    return int(number or 0) + 1


def add_built_in(conn: Connection[Any], now: dt.datetime) -> list[str]:
    """Add the platform's own courses, and newer texts of those that nobody changed here; gives the codes of both."""
    theirs = {
        row[0]
        for row in conn.execute(
            "SELECT DISTINCT c.code FROM course c JOIN course_version v ON v.course_id = c.id WHERE v.actor <> %s",
            (PLATFORM,),
        )
    }
    before = dict(
        conn.execute(
            "SELECT c.code, max(v.number) FROM course c JOIN course_version v ON v.course_id = c.id GROUP BY c.code"
        ).fetchall()
    )
    ours = [course for course in built_in() if course.code not in theirs]
    return [course.code for course in ours if store(conn, course, now, None) != before.get(course.code)]


def add_platforms(acting: Connected) -> list[str]:
    """:func:`add_built_in` in somebody's name. Raises NotPermittedError."""
    require_district(acting)
    with acting.conn.transaction():
        done = add_built_in(acting.conn, acting.now)
        acting.audit("put_course", courses=done)
    return done


def retire(acting: Connected, code: str, *, back: bool = False) -> None:
    """Take a course out of use, or bring it back; certificates stay good. Raises NotFoundError, NotPermittedError."""
    require_district(acting)
    with acting.conn.transaction():
        found = acting.conn.execute(
            "UPDATE course SET retired_at = %s WHERE code = %s", (None if back else acting.now, code)
        )
        if not found.rowcount:
            raise _nothing(code)
        acting.audit("restore_course" if back else "retire_course", course=code)


def under_way(acting: Connected, course_id: int) -> tuple[int, int]:
    """Tests of a course that are open now, and its certificates that hold; in the area of whoever asks."""
    row = acting.conn.execute(
        "SELECT (SELECT count(*) FROM course_attempt WHERE course_id = %(id)s AND submitted_at IS NULL"
        " AND ends_at > %(now)s)::integer, (SELECT count(*) FROM course_certificate WHERE course_id = %(id)s"
        " AND revoked_at IS NULL AND coalesce(expires_on >= %(today)s, true))::integer",
        {"id": course_id, "now": acting.now, "today": acting.today},
    ).fetchone()
    return (0, 0) if row is None else (row[0], row[1])


def listing(acting: Connected, *, retired: bool = False) -> list[Kept]:
    """The courses that the account's role takes, or may manage; ``retired``: those out of use, too."""
    acting.require(Action.TAKE_COURSE)
    role = acting.account.role
    manages = role in ("admin", "manager")
    return [
        kept
        for kept in _all(acting.conn)
        if (kept.course.open_to(role) or manages) and (retired or kept.retired_at is None)
    ]


def one(acting: Connected, code: str) -> Kept:
    """A course as it is taught now. Raises NotFoundError for one that the account's role does not take."""
    found = next((kept for kept in listing(acting, retired=True) if kept.course.code == code), None)
    if found is None:
        raise _nothing(code)
    return found


def open_to_all(conn: Connection[Any]) -> list[Kept]:
    """The courses in use that everybody may take, whoever they are: for volunteers, who have no account."""
    return [kept for kept in _all(conn) if kept.retired_at is None and not kept.course.roles]


def version(conn: Connection[Any], version_id: int) -> Course:
    """The text of a version."""
    row = conn.execute("SELECT content FROM course_version WHERE id = %s", (version_id,)).fetchone()
    assert row is not None  # noqa: S101 - versions are never removed
    return from_database(row[0])


def standings(acting: Connected) -> dict[int, Standing]:
    """How the account stands with each course that it has begun, by the course's row."""
    with acting.conn.cursor() as cursor:
        rows = cursor.execute(
            """
            SELECT a.course_id, max(a.id) FILTER (WHERE a.submitted_at IS NULL AND a.ends_at > %(now)s),
                   count(*) FILTER (WHERE a.submitted_at IS NOT NULL)::integer,
                   max(a.correct * 100 / a.asked), c.number, c.issued_on, c.expires_on
            FROM course_attempt a LEFT JOIN LATERAL (
                SELECT number, issued_on, expires_on FROM course_certificate c
                WHERE c.account_id = a.account_id AND c.course_id = a.course_id AND c.revoked_at IS NULL
                ORDER BY c.id DESC LIMIT 1) c ON true
            WHERE a.account_id = %(account)s GROUP BY a.course_id, c.number, c.issued_on, c.expires_on
            """,
            {"account": acting.account.id, "now": acting.now},
        ).fetchall()
    return {
        row[0]: Standing(
            open_attempt=row[1], tries=row[2], best=row[3], certificate=row[4], issued_on=row[5], expires_on=row[6]
        )
        for row in rows
    }


def versions(acting: Connected, code: str) -> list[Edition]:
    """The versions of a course, the newest first."""
    acting.require(Action.MANAGE_LIBRARY)
    with acting.conn.cursor(row_factory=class_row(Edition)) as cursor:
        return cursor.execute(
            "SELECT v.number, v.at, v.actor, (SELECT n.name_en FROM account n WHERE n.id = v.account_id) AS actor_en"
            " FROM course_version v JOIN course c ON c.id = v.course_id"
            " WHERE c.code = %s ORDER BY v.number DESC LIMIT 100",
            (code,),
        ).fetchall()


def text_of(acting: Connected, code: str, number: int = 0) -> tuple[int, Course]:
    """The number of the newest version, and the text of a version with its pictures; 0: the newest.

    Raises NotFoundError.
    """
    acting.require(Action.MANAGE_LIBRARY)
    rows = acting.conn.execute(
        "SELECT v.number, v.content, max(v.number) OVER () FROM course_version v JOIN course c ON c.id = v.course_id"
        " WHERE c.code = %s ORDER BY v.number DESC",
        (code,),
    ).fetchall()
    found = next((row for row in rows if number in (0, row[0])), None)
    if found is None:
        raise _nothing(code)
    return found[2], from_database(found[1])


def require_district(acting: Connected) -> None:
    """Raises NotPermittedError where the account may not set what holds for the whole district."""
    acting.require(Action.MANAGE_LIBRARY)
    if not covers_every_home(acting.conn, acting.account):
        raise NotPermittedError(
            en="courses hold for the whole district: only an account of the whole district changes them",
            zh="课程全区通用，只有管辖全区的账号可以修改",
        )


def _all(conn: Connection[Any]) -> list[Kept]:
    with conn.cursor(row_factory=class_row(_Row)) as cursor:
        rows = cursor.execute(_NOW + " ORDER BY c.code").fetchall()
    return [
        Kept(
            course_id=row.course_id, version_id=row.version_id, number=row.number, at=row.at, actor=row.actor,
            retired_at=row.retired_at, course=from_database(row.content),
        )
        for row in rows
    ]  # fmt: skip


def _nothing(code: str) -> NotFoundError:
    return NotFoundError(en=f"there is no course {code!r} for you", zh=f"没有可供您学习的课程 {code}", field="course")
