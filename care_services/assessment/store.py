"""Assessments in the database: read them, and write what the life of one asks for. No permission is asked here."""

import datetime as dt
from typing import Any, LiteralString

import msgspec
from psycopg import Connection, sql
from psycopg.rows import dict_row

from care_network.access.accounts import Account
from care_network.catalogues.ability import Grade
from care_services.assessment.reasons import Reason, State
from care_services.assessment.scoring import Adjustment, Diagnosis, Facts, Score, score
from care_services.assessment.standard import COMA, COMA_ITEM, Level, standard


class Fields(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is filled in; not in ``answers`` or ``events``, or a diagnosis of None: unknown."""

    answers: dict[str, int] = {}
    coma: bool | None = None
    """Of level 0 of consciousness: a coma, or a stupor; None: not told apart, or another level."""
    diagnosis: Diagnosis | None = None
    events: dict[str, int] = {}
    informant: str = ""
    note: str = ""

    @property
    def facts(self) -> Facts:
        """As the standard scores it."""
        return Facts(answers=self.answers, coma=self.coma, diagnosis=self.diagnosis, events=self.events)


class Signature(msgspec.Struct, frozen=True):
    """A person who signed or objected, with the name of that time."""

    at: dt.datetime
    account_id: int | None
    zh: str
    en: str


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """An assessment as it is stored."""

    id: int
    resident_id: int
    resident: str
    """The resident's code."""
    name_zh: str
    name_en: str
    reason: Reason
    doubts_id: int | None
    corrects_id: int | None
    state: State
    version: int
    fields: Fields
    begun_at: dt.datetime
    changed_at: dt.datetime
    changed_by: int | None
    changed_zh: str
    changed_en: str
    first: Signature | None
    second: Signature | None
    objection: str
    sums: dict[str, int] | None
    total: int | None
    preliminary: Grade | None
    grade: Grade | None
    """As signed; None before."""
    adjustments: tuple[Adjustment, ...]
    evidence: list[dict[str, Any]]
    due_on: dt.date | None
    due_why: str | None
    current: bool

    @property
    def score(self) -> Score:
        """The result of the answers by the standard."""
        return score(self.fields.facts)

    def answer(self, code: str) -> Level | None:
        """The answer to an item, as it was given; None: open."""
        points = self.fields.answers.get(code)
        if points is None:
            return None
        return COMA if code == COMA_ITEM and not points and self.fields.coma else standard().items[code].level(points)


class Event(msgspec.Struct, frozen=True):
    """A step in the life of an assessment."""

    at: dt.datetime
    action: str
    zh: str
    en: str
    note: str


def blank(at: dt.datetime) -> Assessment:
    """An assessment of nobody: the empty form."""
    return Assessment(
        id=0, resident_id=0, resident="", name_zh="", name_en="", reason="first", doubts_id=None, corrects_id=None,
        state="draft", version=0, fields=Fields(), begun_at=at, changed_at=at, changed_by=None, changed_zh="",
        changed_en="", first=None, second=None, objection="", sums=None, total=None, preliminary=None, grade=None,
        adjustments=(), evidence=[], due_on=None, due_why=None, current=False,
    )  # fmt: skip


_SELECT: LiteralString = """
    SELECT x.*, r.code AS resident, r.name_zh, r.name_en FROM assessment x JOIN resident r ON r.id = x.resident_id
"""


def by_number(conn: Connection[Any], number: int) -> Assessment | None:
    """The assessment of that number; None: there is none, or it is out of reach."""
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(_SELECT + " WHERE x.id = %s", (number,)).fetchone()
    return None if row is None else _read(row)


def of_resident(conn: Connection[Any], resident_id: int, most: int = 40) -> list[Assessment]:
    """Assessments of a resident, the newest first, without discarded drafts."""
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            _SELECT + " WHERE x.resident_id = %s AND x.state <> 'discarded' ORDER BY x.id DESC LIMIT %s",
            (resident_id, most),
        ).fetchall()
    return [_read(row) for row in rows]


def events_of(conn: Connection[Any], number: int) -> list[Event]:
    """The steps of an assessment, in order."""
    rows = conn.execute(
        "SELECT at, action, actor_zh, actor_en, note FROM assessment_event WHERE assessment_id = %s ORDER BY id",
        (number,),
    )
    return [Event(*row) for row in rows]


def insert(
    conn: Connection[Any], account: Account, resident_id: int, reason: Reason, fields: Fields, at: dt.datetime, *,
    doubts_id: int | None = None, corrects_id: int | None = None,
) -> int:  # fmt: skip
    """Add a draft; gives its number."""
    row = conn.execute(
        """
        INSERT INTO assessment (resident_id, reason, doubts_id, corrects_id, answers, coma, diagnosis, events,
                                informant, note, begun_at, begun_by, changed_at, changed_by, changed_zh, changed_en)
        VALUES (%(resident)s, %(reason)s, %(doubts)s, %(corrects)s, %(answers)s::jsonb, %(coma)s, %(diagnosis)s,
                %(events)s::jsonb, %(informant)s, %(note)s, %(at)s, %(account)s, %(at)s, %(account)s, %(zh)s, %(en)s)
        RETURNING id
        """,
        {"resident": resident_id, "reason": reason, "doubts": doubts_id, "corrects": corrects_id, "at": at,
         **columns(fields), **_who(account)},
    ).fetchone()  # fmt: skip
    assert row is not None  # noqa: S101 - INSERT … RETURNING gives a row
    return int(row[0])


def save(conn: Connection[Any], account: Account, number: int, seen: int, fields: Fields, at: dt.datetime) -> bool:
    """Write a draft as it was seen; False where it is another by now."""
    done = conn.execute(
        """
        UPDATE assessment SET answers = %(answers)s::jsonb, coma = %(coma)s, diagnosis = %(diagnosis)s,
            events = %(events)s::jsonb, informant = %(informant)s, note = %(note)s,
            changed_at = %(at)s, changed_by = %(account)s,
            changed_zh = %(zh)s, changed_en = %(en)s, version = version + 1
        WHERE id = %(number)s AND version = %(seen)s AND state = 'draft'
        """,
        {"number": number, "seen": seen, "at": at, **columns(fields), **_who(account)},
    )
    return done.rowcount == 1


def move(conn: Connection[Any], number: int, seen: int, values: dict[str, Any]) -> bool:
    """Write columns of an assessment as it was seen; False where it is another by now. Names are the program's own."""
    sets = sql.SQL(", ").join(sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in values)
    done = conn.execute(
        sql.SQL(
            "UPDATE assessment SET {}, version = version + 1 WHERE id = %(_number)s AND version = %(_seen)s"
        ).format(sets),
        {**values, "_number": number, "_seen": seen},
    )
    return done.rowcount == 1


def add_event(conn: Connection[Any], number: int, action: str, account: Account, at: dt.datetime, note: str) -> None:
    """Write a step down."""
    conn.execute(
        "INSERT INTO assessment_event (assessment_id, at, action, account_id, actor_zh, actor_en, note)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (number, at, action, account.id, account.name_zh, account.name_en, note),
    )


def columns(fields: Fields) -> dict[str, Any]:
    """The columns that hold what is filled in."""
    return {
        "answers": msgspec.json.encode(fields.answers).decode(), "coma": fields.coma, "diagnosis": fields.diagnosis,
        "events": msgspec.json.encode(fields.events).decode(), "informant": fields.informant, "note": fields.note,
    }  # fmt: skip


def _who(account: Account) -> dict[str, Any]:
    return {"account": account.id, "zh": account.name_zh, "en": account.name_en}


def _read(row: dict[str, Any]) -> Assessment:
    first, second = (
        Signature(row[f"{which}_at"], row[f"{which}_by"], row[f"{which}_zh"], row[f"{which}_en"])
        if row[f"{which}_at"]
        else None
        for which in ("first", "second")
    )
    named = {name: row[name] for name in Assessment.__struct_fields__ if name in row}
    return Assessment(
        **{
            **named, "first": first, "second": second, "evidence": row["evidence"] or [],
            "adjustments": msgspec.convert(row["adjustments"] or [], tuple[Adjustment, ...]),
            "fields": Fields(
                answers=row["answers"], coma=row["coma"], diagnosis=row["diagnosis"], events=row["events"],
                informant=row["informant"],
                note=row["note"],
            ),
        }
    )  # fmt: skip
