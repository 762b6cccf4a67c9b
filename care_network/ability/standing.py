"""The grade by which a resident's ladder is chosen: approved by a person, for as long as its assessment is valid.

Written by care and services when a proposal is approved and when a newer assessment comes in force; read by dispatch
when an alert begins to climb. Every change is a row of its own (``ladder_grade``); the newest of a resident counts.
"""

import datetime as dt
from collections.abc import Collection
from typing import Any, Literal

import msgspec
import psycopg
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, require
from care_network.catalogues.ability import Grade
from vocabulary.times import SHANGHAI

Act = Literal["approved", "renewed", "superseded", "withdrawn"]
ACTS: dict[str, tuple[str, str]] = {
    "approved": ("批准按此等级呼叫", "approved the ladder of this grade"),
    "renewed": ("新的评估等级相同，继续有效", "a newer assessment gave the same grade: goes on"),
    "superseded": ("新的评估等级不同，待重新审批", "a newer assessment gave another grade: to be decided on anew"),
    "withdrawn": ("撤回，改用普通呼叫策略", "taken back: the ordinary ladder"),
}


MOST_WHY = 500


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Knowledge of a resident's ability where a ladder is chosen."""

    resident_id: int
    recorded: Grade | None
    """The grade in the resident's record; None: never assessed, so unknown."""
    grade: Grade | None
    """The grade whose ladder a person approved; None: nobody did, or it was taken back."""
    until: dt.date | None
    """The last day on which the assessment behind it is valid."""
    act: Act | None
    assessment: int | None
    """The number of that assessment."""

    def valid(self, at: dt.datetime) -> bool:
        """Whether the approved grade is what is known today: neither out of date nor contradicted by a newer one."""
        return (
            self.grade is not None
            and self.until is not None
            and self.act in ("approved", "renewed")
            and at.astimezone(SHANGHAI).date() <= self.until
        )


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the history."""

    id: int
    at: dt.datetime
    act: Act
    grade: Grade | None
    until: dt.date | None
    assessment: int | None
    actor_zh: str
    actor_en: str
    why: str


_SELECT = """
    SELECT r.id AS resident_id, r.ability_grade AS recorded, g.grade, g.valid_until AS until, g.act,
           g.assessment_number AS assessment
    FROM resident r LEFT JOIN LATERAL (
        SELECT grade, valid_until, act, assessment_number FROM ladder_grade l
        WHERE l.resident_id = r.id AND (%(at)s::timestamptz IS NULL OR l.at <= %(at)s) ORDER BY l.id DESC LIMIT 1) g
        ON true
"""


def of_alert(conn: psycopg.Connection[Any], household_id: int, resident_id: int | None) -> list[Standing]:
    """The standing of the person whom an alert is about; of each resident of the home where it names nobody."""
    with conn.cursor(row_factory=class_row(Standing)) as cursor:
        return cursor.execute(
            _SELECT + " WHERE r.household_id = %(home)s AND (%(who)s::integer IS NULL OR r.id = %(who)s) ORDER BY r.id",
            {"home": household_id, "who": resident_id, "at": None},
        ).fetchall()


def of_homes(conn: psycopg.Connection[Any], household_ids: Collection[int]) -> dict[int, list[Standing]]:
    """Today's standings of everybody in these homes, by household."""
    found: dict[int, list[Standing]] = {}
    with conn.cursor(row_factory=class_row(Standing)) as cursor:
        rows = cursor.execute(
            _SELECT + " WHERE r.household_id = ANY(%(homes)s) ORDER BY r.id", {"homes": list(household_ids), "at": None}
        ).fetchall()
    home_of = dict(
        conn.execute("SELECT id, household_id FROM resident WHERE household_id = ANY(%s)", (list(household_ids),))
    )
    for row in rows:
        found.setdefault(home_of[row.resident_id], []).append(row)
    return found


def of_resident(conn: psycopg.Connection[Any], resident_id: int, as_of: dt.datetime | None = None) -> Standing | None:
    """The standing of a resident, now or at a moment; None: there is no such resident, or out of reach."""
    with conn.cursor(row_factory=class_row(Standing)) as cursor:
        return cursor.execute(_SELECT + " WHERE r.id = %(who)s", {"who": resident_id, "at": as_of}).fetchone()


def approved(conn: psycopg.Connection[Any]) -> list[tuple[int, Standing]]:
    """(household, standing) of everybody who has an approved grade: of them all, few beside all residents."""
    ids = [
        row[0]
        for row in conn.execute(
            "SELECT resident_id FROM (SELECT DISTINCT ON (resident_id) resident_id, grade FROM ladder_grade"
            " ORDER BY resident_id, id DESC) newest WHERE grade IS NOT NULL"
        )
    ]
    with conn.cursor(row_factory=class_row(Standing)) as cursor:
        rows = cursor.execute(_SELECT + " WHERE r.id = ANY(%(ids)s) ORDER BY r.id", {"ids": ids, "at": None}).fetchall()
    homes = dict(conn.execute("SELECT id, household_id FROM resident WHERE id = ANY(%s)", (ids,)))
    return [(homes[row.resident_id], row) for row in rows]


def history(conn: psycopg.Connection[Any], resident_id: int, most: int = 20) -> list[Change]:
    """The changes of a resident's ladder by grade, the newest first."""
    with conn.cursor(row_factory=class_row(Change)) as cursor:
        return cursor.execute(
            "SELECT id, at, act, grade, valid_until AS until, assessment_number AS assessment, actor_zh, actor_en, why"
            " FROM ladder_grade WHERE resident_id = %s ORDER BY id DESC LIMIT %s",
            (resident_id, most),
        ).fetchall()


def approve(
    conn: psycopg.Connection[Any], account: Account, resident_id: int, grade: Grade, until: dt.date, assessment: int,
    why: str, at: dt.datetime, origin: str,
) -> None:  # fmt: skip
    """Let a resident's alerts climb the ladder of a grade from now on. Alerts that are open keep theirs."""
    require(account, Action.SET_POLICIES)
    _write(conn, account, resident_id, "approved", grade, until, assessment, why, at, origin)


def withdraw(
    conn: psycopg.Connection[Any], account: Account, resident_id: int, why: str, at: dt.datetime, origin: str
) -> bool:
    """Let a resident's alerts climb the ordinary ladder again; False where they do already."""
    require(account, Action.SET_POLICIES)
    now = of_resident(conn, resident_id)
    if now is None or now.grade is None:
        return False
    _write(conn, account, resident_id, "withdrawn", None, None, now.assessment, why, at, origin)
    return True


def settle_newer(
    conn: psycopg.Connection[Any], account: Account, resident_id: int, grade: Grade, until: dt.date, assessment: int,
    at: dt.datetime, origin: str,
) -> None:  # fmt: skip
    """Say what a newer assessment does to the approved grade, within the transaction in which it comes in force.

    The same grade goes on until the newer date. Another one leaves the approved ladder standing as no longer valid:
    a person decides, and until then it is taken only where it calls nobody later than the ordinary one would. Two
    signatures are the permission for it.
    """
    now = of_resident(conn, resident_id)
    if now is None or now.grade is None or now.until is None:
        return
    if now.grade == grade:
        _write(conn, account, resident_id, "renewed", grade, until, assessment, "", at, origin)
    else:
        _write(conn, account, resident_id, "superseded", now.grade, now.until, now.assessment, "", at, origin)


def _write(
    conn: psycopg.Connection[Any], account: Account, resident_id: int, act: Act, grade: Grade | None,
    until: dt.date | None, assessment: int | None, why: str, at: dt.datetime, origin: str,
) -> None:  # fmt: skip
    conn.execute(
        "INSERT INTO ladder_grade (resident_id, at, act, grade, valid_until, assessment_number, account_id, actor_zh,"
        " actor_en, why) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (resident_id, at, act, grade, until, assessment, account.id, account.name_zh, account.name_en, why[:MOST_WHY]),
    )
    audit(
        conn, account, "set_ladder_grade", at=at, resident_id=resident_id, origin=origin,
        detail={"act": act, "grade": grade, "number": assessment},
    )  # fmt: skip
