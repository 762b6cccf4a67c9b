"""Home care beds in the database: rows read and written, without roles; the desk asks for permission first."""

import datetime as dt
from typing import Any, LiteralString

import msgspec
from psycopg import Connection, sql
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from care_network.access.accounts import Account


class Bed(msgspec.Struct, frozen=True, kw_only=True):
    """A bed with whose it is, and where."""

    id: int
    resident_id: int
    resident: str
    """The resident's code."""
    name_zh: str
    name_en: str
    birth_date: dt.date
    grade_now: str | None
    """The ability grade in force; the bed's own ``ability_grade`` is the one of its assessment."""
    household_id: int
    household: str
    address_zh: str
    address_en: str
    path: str
    area_zh: str
    area_en: str
    organisation: str | None
    organisation_zh: str | None
    organisation_en: str | None
    state: str
    state_since: dt.datetime
    due_at: dt.datetime | None
    applied_at: dt.datetime
    applicant: str
    ability_grade: str | None
    next_check_on: dt.date | None
    contract_until: dt.date | None
    version: int


class StepRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a bed's history."""

    id: int
    at: dt.datetime
    step: str
    from_state: str
    to_state: str
    account_id: int | None
    actor: str
    actor_en: str | None = None
    reason: str
    detail: dict[str, Any]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An item of the survey as it was answered last."""

    item: str
    state: str
    note: str
    at: dt.datetime
    actor: str


class PlannedDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device of the plan, with its acceptance."""

    id: int
    bed_id: int
    room: str
    model: str
    note: str
    device_id: int | None
    device: str | None
    """Its name on the wire."""
    gateway: str | None
    test_began_at: dt.datetime | None
    newest_before: dt.datetime | None
    accepted_at: dt.datetime | None
    accepted_by: str
    accepted_how: str | None
    accepted_reason: str
    heard_at: dt.datetime | None
    heard_what: str
    heard_value: float | None
    test_by: str
    trouble: str
    """Words of somebody who could not accept it, since the newest test began."""
    trouble_at: dt.datetime | None
    trouble_by: str


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """A contract about a bed."""

    id: int
    number: str
    begins_on: dt.date
    ends_on: dt.date
    plan: str
    visits_month: int
    hours_month: int
    signed_at: dt.datetime
    signed_by: str


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A quality check that was done."""

    id: int
    due_on: dt.date
    done_at: dt.datetime
    done_by: str
    result: str
    findings: str


_BED: LiteralString = """
    SELECT b.id, b.resident_id, r.code AS resident, r.name_zh, r.name_en, r.birth_date, r.ability_grade AS grade_now,
           r.household_id, h.code AS household, h.address_zh, h.address_en, a.path::text AS path,
           a.name_zh AS area_zh, a.name_en AS area_en, o.code AS organisation, o.name_zh AS organisation_zh,
           o.name_en AS organisation_en, b.state, b.state_since, b.due_at, b.applied_at, b.applicant,
           b.ability_grade, b.next_check_on, b.contract_until, b.version
    FROM home_bed b JOIN resident r ON r.id = b.resident_id JOIN household h ON h.id = r.household_id
    JOIN area a ON a.id = h.area_id LEFT JOIN organisation o ON o.id = b.organisation_id
    WHERE NOT h.synthetic
"""


def load(conn: Connection[Any], bed_id: int) -> Bed | None:
    """A bed by its number; None where there is none."""
    with conn.cursor(row_factory=class_row(Bed)) as cursor:
        return cursor.execute(f"{_BED} AND b.id = %s", (bed_id,)).fetchone()


def of_resident(conn: Connection[Any], resident_id: int) -> list[Bed]:
    """The beds of a resident, the newest first."""
    with conn.cursor(row_factory=class_row(Bed)) as cursor:
        return cursor.execute(f"{_BED} AND b.resident_id = %s ORDER BY b.id DESC", (resident_id,)).fetchall()


def lock(conn: Connection[Any], bed_id: int) -> int | None:
    """Hold a bed until the transaction ends; its version, or None where there is none."""
    row = conn.execute("SELECT version FROM home_bed WHERE id = %s FOR UPDATE", (bed_id,)).fetchone()
    return None if row is None else int(row[0])


def insert(
    conn: Connection[Any], resident_id: int, organisation: str | None, applicant: str, at: dt.datetime,
    due: dt.datetime | None,
) -> int | None:  # fmt: skip
    """Add an application; None where the resident has a bed, or one on its way."""
    row = conn.execute(
        "INSERT INTO home_bed (resident_id, organisation_id, state_since, due_at, applied_at, applicant)"
        " VALUES (%s, (SELECT id FROM organisation WHERE code = %s), %s, %s, %s, %s)"
        " ON CONFLICT (resident_id) WHERE state NOT IN ('closed', 'refused', 'withdrawn') DO NOTHING RETURNING id",
        (resident_id, organisation, at, due, at, applicant),
    ).fetchone()
    return None if row is None else int(row[0])


def move(conn: Connection[Any], bed_id: int, values: dict[str, Any]) -> None:
    """Set columns of a bed, and count its version up."""
    query = sql.SQL("UPDATE home_bed SET {} WHERE id = %(id)s").format(
        sql.SQL(", ").join([*_assignments(values), sql.SQL("version = version + 1")])
    )
    conn.execute(query, {**values, "id": bed_id})


def _assignments(values: dict[str, Any]) -> list[sql.Composed]:
    return [sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in values]


def record(
    conn: Connection[Any], bed_id: int, step: str, states: tuple[str, str], account: Account, at: dt.datetime,
    origin: str, reason: str = "", detail: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    """Add a line to the history."""
    conn.execute(
        "INSERT INTO home_bed_step (bed_id, at, step, from_state, to_state, account_id, actor, origin, reason, detail)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (bed_id, at, step, *states, account.id, account.name_zh, origin, reason.strip(), Jsonb(detail or {})),
    )


def steps(conn: Connection[Any], bed_id: int) -> list[StepRow]:
    """The history of a bed, the oldest first."""
    with conn.cursor(row_factory=class_row(StepRow)) as cursor:
        return cursor.execute(
            "SELECT s.id, s.at, s.step, s.from_state, s.to_state, s.account_id, s.actor, s.reason, s.detail,"
            " (SELECT n.name_en FROM account n WHERE n.id = s.account_id) AS actor_en FROM home_bed_step s"
            " WHERE s.bed_id = %s ORDER BY s.id",
            (bed_id,),
        ).fetchall()


def answers(conn: Connection[Any], bed_id: int) -> dict[str, Answer]:
    """The answers of the survey by item."""
    with conn.cursor(row_factory=class_row(Answer)) as cursor:
        rows = cursor.execute(
            "SELECT item, state, note, at, actor FROM home_bed_survey WHERE bed_id = %s", (bed_id,)
        ).fetchall()
    return {one.item: one for one in rows}


def answer(conn: Connection[Any], bed_id: int, found: Answer) -> None:
    """Write an answer of the survey."""
    conn.execute(
        "INSERT INTO home_bed_survey (bed_id, item, state, note, at, actor) VALUES (%s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (bed_id, item) DO UPDATE SET state = excluded.state, note = excluded.note, at = excluded.at,"
        " actor = excluded.actor",
        (bed_id, found.item, found.state, found.note, found.at, found.actor),
    )


_PLANNED: LiteralString = """
    SELECT p.id, p.bed_id, p.room, p.model, p.note, p.device_id, d.name AS device, g.name AS gateway, p.test_began_at,
           p.newest_before, p.accepted_at, p.accepted_by, p.accepted_how, p.accepted_reason, p.heard_at, p.heard_what,
           p.heard_value, p.test_by, p.trouble, p.trouble_at, p.trouble_by
    FROM home_bed_device p LEFT JOIN device d ON d.id = p.device_id LEFT JOIN gateway g ON g.id = d.gateway_id
    WHERE p.removed_at IS NULL
"""


def planned(conn: Connection[Any], bed_id: int) -> list[PlannedDevice]:
    """The devices of a bed's plan."""
    with conn.cursor(row_factory=class_row(PlannedDevice)) as cursor:
        return cursor.execute(f"{_PLANNED} AND p.bed_id = %s ORDER BY p.id", (bed_id,)).fetchall()


def add_device(conn: Connection[Any], bed_id: int, room: str, model: str, note: str) -> int:
    """Add a device to the plan."""
    row = conn.execute(
        "INSERT INTO home_bed_device (bed_id, room, model, note) VALUES (%s, %s, %s, %s) RETURNING id",
        (bed_id, room, model, note),
    ).fetchone()
    assert row is not None  # noqa: S101 - the statement returns it
    return int(row[0])


def set_device(conn: Connection[Any], plan_id: int, values: dict[str, Any]) -> None:
    """Set columns of a planned device."""
    query = sql.SQL("UPDATE home_bed_device SET {} WHERE id = %(id)s").format(sql.SQL(", ").join(_assignments(values)))
    conn.execute(query, {**values, "id": plan_id})


def add_contract(conn: Connection[Any], bed_id: int, found: Contract) -> int | None:
    """Add a contract; gives its row, None where its number is taken."""
    row = conn.execute(
        "INSERT INTO home_bed_contract (bed_id, number, begins_on, ends_on, plan, visits_month, hours_month, signed_at,"
        " signed_by) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (number) DO NOTHING RETURNING id",
        (bed_id, found.number, found.begins_on, found.ends_on, found.plan, found.visits_month, found.hours_month,
         found.signed_at, found.signed_by),
    ).fetchone()  # fmt: skip
    return None if row is None else int(row[0])


def contracts(conn: Connection[Any], bed_id: int) -> list[Contract]:
    """The contracts about a bed, the newest first."""
    with conn.cursor(row_factory=class_row(Contract)) as cursor:
        return cursor.execute(
            "SELECT id, number, begins_on, ends_on, plan, visits_month, hours_month, signed_at, signed_by"
            " FROM home_bed_contract WHERE bed_id = %s ORDER BY id DESC",
            (bed_id,),
        ).fetchall()


def add_check(conn: Connection[Any], bed_id: int, found: Check) -> None:
    """Add a quality check that was done."""
    conn.execute(
        "INSERT INTO home_bed_check (bed_id, due_on, done_at, done_by, result, findings)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (bed_id, found.due_on, found.done_at, found.done_by, found.result, found.findings),
    )


def checks(conn: Connection[Any], bed_id: int) -> list[Check]:
    """The quality checks of a bed, the newest first."""
    with conn.cursor(row_factory=class_row(Check)) as cursor:
        return cursor.execute(
            "SELECT id, due_on, done_at, done_by, result, findings FROM home_bed_check WHERE bed_id = %s"
            " ORDER BY id DESC LIMIT 50",
            (bed_id,),
        ).fetchall()


def lent(conn: Connection[Any], bed_id: int) -> int:
    """Pieces of equipment that were lent for a bed and are not returned."""
    row = conn.execute(
        "SELECT count(*) FROM equipment_loan WHERE bed_id = %s AND returned_at IS NULL", (bed_id,)
    ).fetchone()
    return 0 if row is None else int(row[0])
