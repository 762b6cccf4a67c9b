"""The life of an assessment: begun, filled in, signed by one assessor, confirmed or objected to by another.

draft → signed → in force, or objected to; a draft can be discarded. The signed one never changes: a correction is a
new assessment. Each function asks permission, area and version, and leaves a line in the audit.
"""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, require
from care_network.errors import ChangedMeanwhileError, NotPermittedError, ProvisioningError
from care_services.assessment import evidence, force, reach, store
from care_services.assessment.reasons import REASONS, Reason
from care_services.assessment.standard import standard
from care_services.assessment.store import Assessment, Fields
from care_services.core.facts import check_here

MOST_TEXT = 500
MOST_EVENTS = 99
TRACE_EVERY = dt.timedelta(minutes=5)
"""A draft that one person fills in is saved every few seconds: one line of the audit in this time."""


def begin(
    conn: Connection[Any], account: Account, code: str, reason: Reason, at: dt.datetime, origin: str,
    doubts: int | None = None,
) -> int:  # fmt: skip
    """Begin an assessment of a resident; gives its number.

    A re-assessment on doubt refers to the one that is doubted. Raises ProvisioningError where the reason does not fit
    or another one is open, GoneError for who died or moved away.
    """
    require(account, Action.ASSESS)
    person = reach.resident(conn, account, code, at, origin)
    check_here(conn, person["id"])
    with conn.transaction():
        before = [one for one in store.of_resident(conn, person["id"]) if one.state == "in_force"]
        if reason not in REASONS:
            raise ProvisioningError(en="choose why it is made", zh="请选择评估原因", field="reason")
        if reason == "first" and before:
            raise ProvisioningError(
                en="there is an assessment already: choose another reason",
                zh="已有过评估，请选择其他原因",
                field="reason",
            )
        if reason == "doubt" and doubts not in [one.id for one in before]:
            raise ProvisioningError(
                en="choose the assessment that is doubted", zh="请选择有疑问的那次评估", field="doubts"
            )
        number = _insert(conn, account, person["id"], reason, Fields(), at, doubts if reason == "doubt" else None, None)
        _write_down(conn, account, "begin", number, person["id"], at, origin)
    return number


def correct(conn: Connection[Any], account: Account, number: int, at: dt.datetime, origin: str) -> int:
    """Begin a new assessment with the answers of one that was objected to; gives its number."""
    require(account, Action.ASSESS)
    old = reach.assessment(conn, account, number, at, origin, "")
    check_here(conn, old.resident_id)
    with conn.transaction():
        if old.state != "objected":
            raise ProvisioningError(
                en="only one that was objected to is corrected; else begin a new one",
                zh="只有被提出异议的评估可以更正，其他情况请开始新的评估",
            )
        new = _insert(conn, account, old.resident_id, old.reason, old.fields, at, old.doubts_id, old.id)
        _write_down(conn, account, "begin", new, old.resident_id, at, origin, f"更正评估 {number}")
    return new


def _insert(
    conn: Connection[Any], account: Account, resident_id: int, reason: Reason, fields: Fields, at: dt.datetime,
    doubts: int | None, corrects: int | None,
) -> int:  # fmt: skip
    try:
        with conn.transaction():
            return store.insert(conn, account, resident_id, reason, fields, at, doubts_id=doubts, corrects_id=corrects)
    except UniqueViolation:
        raise ProvisioningError(
            en="an assessment of this resident is open already: go on with it, or discard it",
            zh="这位老人已有一份未完成的评估，请继续填写或先作废",
        ) from None


def save(
    conn: Connection[Any], account: Account, number: int, seen: int, fields: Fields, at: dt.datetime, origin: str
) -> Assessment:
    """Keep a draft as it is now; gives it as stored. The same content again changes nothing.

    Raises ChangedMeanwhileError where somebody changed it since ``seen`` (both are to be shown), ProvisioningError for
    an answer that its item does not have.
    """
    require(account, Action.ASSESS)
    check(fields)
    before = reach.assessment(conn, account, number, at, origin, "")
    with conn.transaction():
        if before.state == "draft" and before.fields == fields:
            return before
        if not store.save(conn, account, number, seen, fields, at):
            raise _changed(conn, number)
        if before.changed_by != account.id or at - before.changed_at > TRACE_EVERY or before.version == 1:
            audit(conn, account, "save_assessment", at=at, resident_id=before.resident_id, origin=origin,
                  detail={"number": number})  # fmt: skip
        after = store.by_number(conn, number)
        assert after is not None  # noqa: S101 - it was just written
    return after


def check(fields: Fields) -> None:
    """Refuse what no form offers. Raises ProvisioningError with the field."""
    items, risks = standard().items, {one.code for one in standard().risks}
    for code, points in fields.answers.items():
        if code not in items or not 0 <= points <= items[code].maximum:
            raise ProvisioningError(en=f"{code}: no such answer", zh=f"{code}：没有这个选项", field=code)
    for code, count in fields.events.items():
        if code not in risks or not 0 <= count <= MOST_EVENTS:
            raise ProvisioningError(
                en=f"a number from 0 to {MOST_EVENTS}", zh=f"请填写 0 至 {MOST_EVENTS}", field=f"event.{code}"
            )
    for name in ("informant", "note"):
        if len(getattr(fields, name)) > MOST_TEXT:
            raise ProvisioningError(en=f"at most {MOST_TEXT} characters", zh=f"最多 {MOST_TEXT} 字", field=name)


def discard(conn: Connection[Any], account: Account, number: int, seen: int, at: dt.datetime, origin: str) -> None:
    """Put a draft aside for good; it stays in the history and is listed no more."""
    require(account, Action.ASSESS)
    draft = reach.assessment(conn, account, number, at, origin, "")
    with conn.transaction():
        if draft.state != "draft" or not store.move(conn, number, seen, {"state": "discarded", "changed_at": at}):
            raise _changed(conn, number)
        _write_down(conn, account, "discard", number, draft.resident_id, at, origin)


def sign(conn: Connection[Any], account: Account, number: int, seen: int, at: dt.datetime, origin: str) -> Assessment:
    """Sign a draft as its first assessor, with the result that follows from it and what the platform knew.

    Raises ProvisioningError while something is unanswered, ChangedMeanwhileError as :func:`save`.
    """
    require(account, Action.ASSESS)
    draft = reach.assessment(conn, account, number, at, origin, "")
    with conn.transaction():
        found = draft.score
        if not found.complete or found.grade is None:
            open_ = len(found.open_items) + len(found.open_facts)
            raise ProvisioningError(
                en=f"{open_} answers are missing: it can be signed once all are there",
                zh=f"还有 {open_} 项未填，填完才能签署",
            )
        known = evidence.of(conn, draft.resident_id, at)
        values = {
            "state": "signed", "changed_at": at, "first_at": at, "first_by": account.id, "first_zh": account.name_zh,
            "first_en": account.name_en, "sums": Jsonb(found.sums), "total": found.total,
            "preliminary": found.preliminary, "grade": found.grade,
            "adjustments": Jsonb(msgspec.to_builtins(found.adjustments)), "evidence": Jsonb(msgspec.to_builtins(known)),
        }  # fmt: skip
        if draft.state != "draft" or not store.move(conn, number, seen, values):
            raise _changed(conn, number)
        _write_down(conn, account, "sign", number, draft.resident_id, at, origin)
        signed = store.by_number(conn, number)
        assert signed is not None  # noqa: S101 - it was just written
    return signed


def confirm(
    conn: Connection[Any], account: Account, number: int, seen: int, at: dt.datetime, origin: str
) -> Assessment:
    """Sign as the second assessor: the result is in force, the grade is written, the next date set, proposals made.

    Of somebody who died or moved away since, the result is written down as it was found, and nothing is proposed.
    """
    require(account, Action.ASSESS)
    signed = _to_check(conn, account, number, at, origin)
    with conn.transaction():
        force.put(conn, account, signed, seen, at, origin)
        _write_down(conn, account, "confirm", number, signed.resident_id, at, origin)
        done = store.by_number(conn, number)
        assert done is not None  # noqa: S101 - it was just written
    return done


def object_to(
    conn: Connection[Any], account: Account, number: int, seen: int, why: str, at: dt.datetime, origin: str
) -> None:
    """Object as the second assessor: it does not come in force, and a correction is a new one."""
    require(account, Action.ASSESS)
    why = why.strip()
    if not 0 < len(why) <= MOST_TEXT:
        raise ProvisioningError(
            en=f"say what you object to, in 1 to {MOST_TEXT} characters",
            zh=f"请写明异议内容（1 至 {MOST_TEXT} 字）",
            field="why",
        )
    signed = _to_check(conn, account, number, at, origin)
    with conn.transaction():
        values = {
            "state": "objected", "changed_at": at, "second_at": at, "second_by": account.id,
            "second_zh": account.name_zh, "second_en": account.name_en, "objection": why,
        }  # fmt: skip
        if not store.move(conn, number, seen, values):
            raise _changed(conn, number)
        _write_down(conn, account, "object", number, signed.resident_id, at, origin, why)


def may_check(conn: Connection[Any], account: Account, signed: Assessment) -> bool:
    """Whether the account is another person than the first assessor."""
    return signed.first is not None and not _same_person(conn, account.id, signed.first.account_id)


def _to_check(conn: Connection[Any], account: Account, number: int, at: dt.datetime, origin: str) -> Assessment:
    signed = reach.assessment(conn, account, number, at, origin, "")
    if signed.state != "signed":
        raise _changed(conn, number)
    if not may_check(conn, account, signed):
        raise NotPermittedError(
            en="the second assessor is another person than the first: ask a colleague",
            zh="第二评估员须为另一人，请同事复核",
        )
    return signed


def _same_person(conn: Connection[Any], one: int, other: int | None) -> bool:
    """Whether two accounts are one person: the same account, or members of staff with the same telephone and name."""
    if other is None or one == other:
        return one == other
    row = conn.execute(
        "SELECT count(*) FROM staff a JOIN staff b ON a.name_zh = b.name_zh AND a.phone = b.phone AND a.id <> b.id"
        " WHERE a.account_id = %s AND b.account_id = %s",
        (one, other),
    ).fetchone()
    return row is not None and row[0] > 0


def _changed(conn: Connection[Any], number: int) -> ChangedMeanwhileError:
    now = store.by_number(conn, number)
    who_zh, who_en = (now.changed_zh, now.changed_en) if now is not None else ("", "somebody")
    if now is not None and now.state != "draft":
        return ChangedMeanwhileError(
            en="it is no draft any more: look at it again", zh="这份评估已不是草稿，请重新查看"
        )
    return ChangedMeanwhileError(
        en=f"{who_en} changed the draft meanwhile; both are shown", zh=f"{who_zh} 刚刚修改了这份草稿，两份都已列出"
    )


def _write_down(
    conn: Connection[Any], account: Account, action: str, number: int, resident_id: int, at: dt.datetime, origin: str,
    note: str = "",
) -> None:  # fmt: skip
    store.add_event(conn, number, action, account, at, note)
    audit(conn, account, f"{action}_assessment", at=at, resident_id=resident_id, origin=origin,
          detail={"number": number})  # fmt: skip
