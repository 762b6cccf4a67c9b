"""Read residents with their homes, as lists and pages show them, and the file of one person for the desk."""

import datetime as dt
from collections.abc import Collection
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import dict_row

from care_network.catalogues.workforce import LANGUAGES
from care_network.records import vitals
from care_network.records.vitals import Sign


def profile(conn: Connection[Any], code: str) -> dict[str, Any] | None:
    """A resident with home, area and age today; None where there is none of that code."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            SELECT r.*, h.code AS household_code, h.address_zh, h.address_en, h.phone,
                   h.floor, h.has_lift, h.way_in, h.key_safe,
                   a.name_zh AS area_zh, a.name_en AS area_en,
                   date_part('year', age(r.birth_date))::int AS age
            FROM resident r JOIN household h ON h.id = r.household_id JOIN area a ON a.id = h.area_id
            WHERE r.code = %s
            """,
            (code,),
        ).fetchone()


def number_of(conn: Connection[Any], code: str) -> int | None:
    """The id of the resident of that code, seen or not: for the audit of a look in vain; None where there is none."""
    row = conn.execute("SELECT resident_number(%s)", (code,)).fetchone()
    return None if row is None else row[0]


def codes(conn: Connection[Any], ids: Collection[int]) -> list[str]:
    """Their codes, in the order of the ids."""
    rows = conn.execute("SELECT code FROM resident WHERE id = ANY(%s) ORDER BY id", (list(ids),))
    return [row[0] for row in rows]


def resident_id(conn: Connection[Any], code: str) -> int | None:
    """The id of the resident of that code; None where there is none."""
    row = conn.execute("SELECT id FROM resident WHERE code = %s", (code,)).fetchone()
    return None if row is None else row[0]


LANGUAGE_WORDS = {code: (term.zh, term.en) for code, term in LANGUAGES.items()}
BEFORE = 5
"""Alerts of the past in a person's file."""


class FileContact(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody to call about the person, in the order of calling."""

    name_zh: str
    name_en: str
    relation_zh: str
    relation_en: str
    phone: str
    has_key: bool
    consent: bool
    """False: the resident has not agreed, and nobody may tell them anything."""


class FileAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert of the past, and how it ended."""

    id: str
    onset: dt.datetime
    severity: str
    state: str
    outcome: str | None
    """A code of ``dispatch.alerts.outcomes``; None: it has no outcome (open, cancelled, ended by itself)."""
    reason_zh: str
    reason_en: str


class PersonFile(msgspec.Struct, frozen=True, kw_only=True):
    """Facts that somebody who decides about a person must have in view. None: not known."""

    code: str
    name_zh: str
    name_en: str
    sex: str
    age: int
    lives_alone: bool | None
    home_care_bed: bool
    ability_grade: str | None
    languages: tuple[tuple[str, str], ...]
    """In Chinese and English, the preferred one first."""
    household_code: str
    address_zh: str
    """With the compound, once."""
    address_en: str
    phone: str
    floor: int | None
    has_lift: bool | None
    way_in: str
    key_safe: bool | None
    with_key: tuple[FileContact, ...]
    contacts: tuple[FileContact, ...]
    now: dict[str, Sign]
    """By kind: :func:`care_network.records.vitals.signs_now`."""
    before: tuple[FileAlert, ...]
    """The latest alerts, newest first."""


def file_of(
    conn: Connection[Any], code: str, now: dt.datetime, *, without_alert: str | None = None, most_before: int = BEFORE
) -> PersonFile | None:
    """The file of a resident; None where there is none of that code. ``without_alert``: the id of the one in view.

    ``most_before``: alerts of the past, at most.
    """
    found = profile(conn, code)
    if found is None:
        return None
    with conn.cursor(row_factory=dict_row) as cursor:
        contacts = tuple(
            FileContact(**row)
            for row in cursor.execute(
                "SELECT name_zh, name_en, relation_zh, relation_en, phone, has_key, coalesce(consent_at <= %s, false)"
                " AS consent FROM contact WHERE resident_id = %s ORDER BY call_order",
                (now, found["id"]),
            )
        )
        before = tuple(
            FileAlert(**row)
            for row in cursor.execute(
                "SELECT id::text, onset, severity, state, outcome, reason_zh, reason_en FROM alert"
                " WHERE resident_id = %s AND id IS DISTINCT FROM %s::uuid ORDER BY onset DESC LIMIT %s",
                (found["id"], without_alert, most_before),
            )
        )
    spoken = dict.fromkeys([found["preferred_language"], *found["languages"]])
    return PersonFile(
        code=code, name_zh=found["name_zh"], name_en=found["name_en"], sex=found["sex"], age=found["age"],
        lives_alone=found["lives_alone"], home_care_bed=found["home_care_bed"], ability_grade=found["ability_grade"],
        languages=tuple(LANGUAGE_WORDS.get(one, (one, one)) for one in spoken if one),
        household_code=found["household_code"], phone=found["phone"], floor=found["floor"], has_lift=found["has_lift"],
        address_zh=once(found["area_zh"], found["address_zh"]),
        address_en=once(found["area_en"], found["address_en"], " "), way_in=found["way_in"],
        key_safe=found["key_safe"], contacts=contacts, with_key=tuple(one for one in contacts if one.has_key),
        now=vitals.signs_now(conn, found["id"], now), before=before,
    )  # fmt: skip


def once(area: str, address: str, between: str = "") -> str:
    """An address with its compound; where it names the compound itself, as it is."""
    return address if area in address else f"{area}{between}{address}"
