"""Put a confirmed assessment in force: it takes the place of the one before, and the resident gets its grade."""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection

from care_network.ability import standing
from care_network.access.accounts import Account
from care_network.access.permissions import audit
from care_network.errors import ChangedMeanwhileError
from care_network.records import store as records
from care_network.records.history import changes
from care_network.records.kinds import RESIDENT
from care_network.records.lookup import Lookup
from care_services.assessment import proposals, store
from care_services.assessment.due import next_due
from care_services.assessment.store import Assessment
from vocabulary.times import SHANGHAI


def put(conn: Connection[Any], account: Account, signed: Assessment, seen: int, at: dt.datetime, origin: str) -> None:
    """Write everything that follows; within the caller's transaction. Raises ChangedMeanwhileError."""
    assert signed.grade is not None  # noqa: S101 - a check of the table
    assert signed.first is not None  # noqa: S101 - the same
    day = signed.first.at.astimezone(SHANGHAI).date()
    due_on, why_zh, why_en = next_due(conn, signed.grade, signed.reason, day)
    conn.execute("UPDATE assessment SET current = false WHERE resident_id = %s AND current", (signed.resident_id,))
    values = {
        "state": "in_force", "current": True, "changed_at": at, "second_at": at, "second_by": account.id,
        "second_zh": account.name_zh, "second_en": account.name_en, "due_on": due_on, "due_why": f"{why_zh}|{why_en}",
    }  # fmt: skip
    if not store.move(conn, signed.id, seen, values):
        raise ChangedMeanwhileError(
            en="it was confirmed or objected to meanwhile: look at it again", zh="这份评估刚被复核，请重新查看"
        )
    _write_grade(conn, account, signed, at, origin)
    standing.settle_newer(conn, account, signed.resident_id, signed.grade, due_on, signed.id, at, origin)
    proposals.make(conn, signed, at)


def _write_grade(conn: Connection[Any], account: Account, signed: Assessment, at: dt.datetime, origin: str) -> None:
    """Set the resident's grade by the records' own rules and history. Two signatures are the permission for it."""
    changes.act_as(conn, account, origin)
    stored = records.fetch(conn, RESIDENT, (signed.resident,))
    assert stored is not None  # noqa: S101 - the assessment refers to it
    if getattr(stored.record, "ability_grade", None) == signed.grade:
        return
    new = msgspec.structs.replace(stored.record, ability_grade=signed.grade)
    checked = RESIDENT.check(Lookup(conn, at.astimezone(SHANGHAI).date()), new)
    version = records.change(conn, RESIDENT, stored, checked, stored.version)
    audit(
        conn, account, "change_resident", at=at, resident_id=signed.resident_id, origin=origin,
        detail={"key": signed.resident, "version": version, "fields": ["ability_grade"], "number": signed.id},
    )  # fmt: skip
