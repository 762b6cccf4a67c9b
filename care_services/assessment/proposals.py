"""Proposals of a grade: thresholds, escalation and a service plan, as data. A person decides on each.

Made when an assessment comes in force; those of the one before that nobody decided on lapse then. To approve one that
touches detection or ladders takes their own permission, too: whoever carries it out asks for it
(``console/pages/assessment/carrying.py``), in the transaction of the approval.
"""

import datetime as dt
from collections.abc import Callable, Collection, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from care_network.ability import standing
from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, require
from care_network.access.visible import may_see
from care_network.catalogues.ability import Grade
from care_network.errors import ChangedMeanwhileError, NotFoundError, ProvisioningError
from care_services.assessment.store import Assessment
from care_services.core.facts import GoneError, check_here
from vocabulary.toml import read_toml

Kind = Literal["thresholds", "escalation", "service_plan"]
KINDS: Mapping[Kind, tuple[str, str]] = {
    "thresholds": ("预警阈值", "Thresholds"),
    "escalation": ("呼叫策略", "Escalation"),
    "service_plan": ("服务计划", "Service plan"),
}
STATES: Mapping[str, tuple[str, str]] = {
    "proposed": ("待审批", "waits for a decision"),
    "approved": ("已批准", "approved"),
    "declined": ("不采纳", "declined"),
    "lapsed": ("已失效（有新的评估）", "lapsed: there is a newer assessment"),
}
MOST_NOTE = 500
ORDINARY = {"ladder": "ordinary"}
"""The content of the proposal that takes a ladder by grade back."""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal as data, before it is anybody's."""

    code: str
    kind: Kind
    grades: tuple[Grade, ...]
    zh: str
    en: str
    why_zh: str
    why_en: str
    content: dict[str, Any]


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal for a resident."""

    id: int
    resident_id: int
    resident: str
    name_zh: str
    name_en: str
    assessment_id: int
    kind: Kind
    code: str
    content: dict[str, Any]
    state: str
    version: int
    made_at: dt.datetime
    decided_at: dt.datetime | None
    decided_zh: str | None
    decided_en: str | None
    decision_note: str

    @property
    def draft(self) -> Draft | None:
        """Its words; None: the program has no such proposal any more."""
        return next((one for one in catalogue() if one.code == self.code), None)


@cache
def catalogue() -> tuple[Draft, ...]:
    """All proposals by grade, from ``proposals.toml``."""
    found = []
    for raw in read_toml(files(__package__).joinpath("proposals.toml").read_text("utf-8"))["proposal"]:
        content = {name: value for name, value in raw.items() if name not in Draft.__struct_fields__}
        found.append(msgspec.convert({**raw, "content": content}, Draft))
    return tuple(found)


def for_grade(grade: Grade) -> list[Draft]:
    """The proposals of a grade; without those that take back what was approved before."""
    return [one for one in catalogue() if grade in one.grades and one.content != ORDINARY]


def make(conn: Connection[Any], put: Assessment, at: dt.datetime) -> None:
    """Make the proposals of an assessment that comes in force, within the caller's transaction.

    One that was approved before with the same content is not made again: it holds already.
    """
    assert put.grade is not None  # noqa: S101 - it is in force
    conn.execute(
        "UPDATE care_proposal SET state = 'lapsed', decided_at = %s, version = version + 1"
        " WHERE resident_id = %s AND state = 'proposed'",
        (at, put.resident_id),
    )
    try:
        check_here(conn, put.resident_id)
    except GoneError:
        return  # assessed in their lifetime: it is a record, and changes nothing any more
    for one in catalogue():
        if put.grade not in one.grades or not _is_new(conn, one, put):
            continue
        conn.execute(
            "INSERT INTO care_proposal (resident_id, assessment_id, kind, code, content, made_at)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            (put.resident_id, put.id, one.kind, one.code, Jsonb(one.content), at),
        )


def _is_new(conn: Connection[Any], one: Draft, put: Assessment) -> bool:
    if one.kind == "escalation":
        now = standing.of_resident(conn, put.resident_id)
        approved = now.grade if now is not None else None
        return approved is not None if one.content == ORDINARY else approved != put.grade
    row = conn.execute(
        "SELECT code, content FROM care_proposal WHERE resident_id = %s AND kind = %s AND state = 'approved'"
        " ORDER BY decided_at DESC LIMIT 1",
        (put.resident_id, one.kind),
    ).fetchone()
    return row is None or (row[0], row[1]) != (one.code, one.content)


_SELECT: LiteralString = """
    SELECT p.id, p.resident_id, r.code AS resident, r.name_zh, r.name_en, p.assessment_id, p.kind, p.code, p.content,
           p.state, p.version, p.made_at, p.decided_at, p.decided_zh, p.decided_en, p.decision_note
    FROM care_proposal p JOIN resident r ON r.id = p.resident_id
"""


def waiting(conn: Connection[Any], account: Account, after: int = 0, most: int = 50) -> list[Proposal]:
    """Proposals of the account's area that wait for a decision, the oldest first, after a number."""
    require(account, Action.VIEW_CARE)
    with conn.cursor(row_factory=class_row(Proposal)) as cursor:
        return cursor.execute(
            _SELECT + " JOIN household h ON h.id = r.household_id JOIN area a ON a.id = h.area_id"
            " WHERE p.state = 'proposed' AND p.id > %s AND a.path <@ %s::ltree AND NOT h.synthetic"
            " ORDER BY p.id LIMIT %s",
            (after, account.area_path, most),
        ).fetchall()


def of_resident(conn: Connection[Any], resident_id: int) -> list[Proposal]:
    """The proposals for a resident that wait or were decided on, the newest first."""
    with conn.cursor(row_factory=class_row(Proposal)) as cursor:
        return cursor.execute(
            _SELECT + " WHERE p.resident_id = %s AND p.state <> 'lapsed' ORDER BY p.id DESC LIMIT 30", (resident_id,)
        ).fetchall()


def approved_plans(conn: Connection[Any], resident_ids: Collection[int]) -> dict[int, dict[str, int]]:
    """Approved services a week by resident: what plans of home services and home care beds begin with.

    A stable interface: other parts call it. By resident's id (whoever has no approved plan is not in it): times a week,
    1 to 7, by code of a service of ``care_network/catalogues/services.toml``; the one approved last. No permission is
    asked and nobody is audited: the caller has done so for the resident.
    """
    rows = conn.execute(
        "SELECT DISTINCT ON (resident_id) resident_id, content FROM care_proposal"
        " WHERE kind = 'service_plan' AND state = 'approved' AND resident_id = ANY(%s)"
        " ORDER BY resident_id, decided_at DESC",
        (list(resident_ids),),
    )
    return {resident_id: content["services"] for resident_id, content in rows}


def one(conn: Connection[Any], account: Account, number: int, at: dt.datetime, origin: str) -> Proposal:
    """A proposal by number. Raises NotFoundError beyond the account's area; the look is in the audit."""
    require(account, Action.VIEW_CARE)
    found = _by_number(conn, number)
    allowed = found is not None and may_see(conn, account, found.resident_id)
    if found is not None:
        audit(
            conn, account, "view_proposal" if allowed else "refused_view_proposal", at=at,
            resident_id=found.resident_id, origin=origin, detail={"number": number},
        )  # fmt: skip
        conn.commit()
    if found is None or not allowed:
        raise NotFoundError(en=f"there is no proposal {number} in your area", zh=f"您的管辖区域内没有建议 {number}")
    return found


def _by_number(conn: Connection[Any], number: int) -> Proposal | None:
    if not 0 < number < 2**63:
        return None
    with conn.cursor(row_factory=class_row(Proposal)) as cursor:
        return cursor.execute(_SELECT + " WHERE p.id = %s", (number,)).fetchone()


def approve(
    conn: Connection[Any], account: Account, number: int, seen: int, note: str, at: dt.datetime, origin: str,
    carry: Callable[[Proposal], None],
) -> None:  # fmt: skip
    """Approve a proposal and carry it out, both or neither. ``carry`` raises where the account may not.

    Raises ChangedMeanwhileError where somebody else decided.
    """
    found = one(conn, account, number, at, origin)
    check_here(conn, found.resident_id)
    with conn.transaction():
        _settle(conn, account, found, seen, "approved", note, at, origin)
        carry(found)


def decline(
    conn: Connection[Any], account: Account, number: int, seen: int, note: str, at: dt.datetime, origin: str
) -> None:
    """Decline a proposal, with the reason."""
    if not note.strip():
        raise ProvisioningError(en="say why it is declined", zh="请写明不采纳的原因", field="note")
    found = one(conn, account, number, at, origin)
    with conn.transaction():
        _settle(conn, account, found, seen, "declined", note, at, origin)


def _settle(
    conn: Connection[Any], account: Account, found: Proposal, seen: int, state: str, note: str, at: dt.datetime,
    origin: str,
) -> None:  # fmt: skip
    require(account, Action.APPROVE_PROPOSALS)
    if len(note) > MOST_NOTE:
        raise ProvisioningError(en=f"at most {MOST_NOTE} characters", zh=f"最多 {MOST_NOTE} 字", field="note")
    done = conn.execute(
        "UPDATE care_proposal SET state = %s, decided_at = %s, decided_by = %s, decided_zh = %s, decided_en = %s,"
        " decision_note = %s, version = version + 1 WHERE id = %s AND version = %s AND state = 'proposed'",
        (state, at, account.id, account.name_zh, account.name_en, note.strip(), found.id, seen),
    )
    if done.rowcount == 0:
        raise ChangedMeanwhileError(
            en="somebody decided on it meanwhile: look at it again", zh="这项建议刚被他人处理，请重新查看"
        )
    audit(
        conn, account, "approve_proposal" if state == "approved" else "decline_proposal", at=at,
        resident_id=found.resident_id, origin=origin, detail={"number": found.id, "kind": found.kind},
    )  # fmt: skip
