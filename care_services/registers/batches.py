"""Decisions on many lines of a register at once: chosen by field, with the consequence named before, and the way back.

Each line is decided by itself, as by hand, with its version: one that somebody changed meanwhile, or that our records
refuse, stays open and is named.
"""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account, clean
from care_network.access.permissions import Action, audit, require
from care_network.errors import ChangedMeanwhileError, NotFoundError, ProvisioningError
from care_network.records.network import Network
from care_services.core import traits
from care_services.core.money import in_yuan
from care_services.registers import collecting, deciding, following, leaving, store
from care_services.registers.catalogue import FIELDS, LEFT, REGISTERS, TRAIT
from care_services.registers.matching import YES
from care_services.registers.store import Import
from vocabulary.times import SHANGHAI

Choice = Literal["ours", "theirs"]
MOST = 500
"""Lines of one decision."""


class Conflict(msgspec.Struct, frozen=True, kw_only=True):
    """A difference of a line that waits for a person."""

    id: int
    line_id: int
    number: int
    version: int
    resident_id: int
    code: str
    name_zh: str
    field: str
    ours: str
    theirs: str
    before: str


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """A decision on many lines. ``undone``: lines that are open again."""

    id: int
    import_id: int
    field: str
    choice: str
    reason: str
    at: dt.datetime
    by_zh: str | None
    by_en: str | None
    lines: int
    failed: int
    undone_at: dt.datetime | None
    undone: int


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a decision, or of taking it back: lines done, and those that were not, with the reason."""

    batch: int
    lines: int
    failed: tuple[tuple[int, str, str], ...] = ()
    """(number of the line, Chinese, English)."""


_OPEN = """
    FROM register_difference d JOIN register_line l ON l.id = d.line_id
    WHERE l.import_id = %(import)s AND l.settled_at IS NULL AND l.resident_id IS NOT NULL AND d.kind = 'conflict'
      AND (d.choice IS NULL OR d.choice = 'later')
"""
_KIND = "CASE WHEN d.field = 'left' THEN 'left ' || split_part(d.theirs, ' ', 1) ELSE d.field END"
"""Deaths and moves are decided on apart: what follows is not the same."""


def kinds(conn: Connection[Any], account: Account, number: int) -> dict[str, int]:
    """Open conflicts of an import by kind: a field, or 'left died', 'left moved', 'left here'."""
    collecting.one(conn, account, number)
    return dict(
        conn.execute(
            f"SELECT {_KIND}, count(*) {_OPEN} GROUP BY 1 ORDER BY 2 DESC, 1", {"import": number}
        ).fetchall()
    )  # fmt: skip


def conflicts(
    conn: Connection[Any], account: Account, number: int, kind: str, *, at: dt.datetime, among: Sequence[int] = (),
    after: int = 0, limit: int = 100, origin: str = "",
) -> list[Conflict]:  # fmt: skip
    """Open conflicts of a kind by line, from above the number ``after``; ``among``: of these alone. Audited."""
    collecting.one(conn, account, number)
    with conn.cursor(row_factory=class_row(Conflict)) as cursor:
        found = cursor.execute(
            "SELECT d.id, d.line_id, l.number, l.version, l.resident_id, r.code, r.name_zh, d.field, d.ours, d.theirs,"
            f" d.before {_OPEN.replace('WHERE', 'JOIN resident r ON r.id = l.resident_id WHERE', 1)}"
            f" AND {_KIND} = %(kind)s AND l.number > %(after)s AND (%(all)s OR d.id = ANY(%(among)s))"
            " ORDER BY l.number LIMIT %(limit)s",
            {"import": number, "kind": kind, "after": after, "all": not among, "among": list(among), "limit": limit},
        ).fetchall()
    detail = {"import": number, "field": kind, "count": len(found)}
    audit(conn, account, "view_register", at=at, origin=origin, detail=detail)
    return found


def consequence(
    conn: Connection[Any], account: Account, number: int, kind: str, choice: str, rows: Sequence[Conflict],
    at: dt.datetime,
) -> list[tuple[str, str]]:  # fmt: skip
    """Sentences (Chinese, English) on what follows from a decision on these rows. Nothing is changed."""
    head, n = collecting.one(conn, account, number), len(rows)
    if choice == "ours":
        return [
            (f"{n} 行保留本平台现有的内容，档案不变", f"{n} lines keep what our records say; no record changes"),
            ("名册下次仍这样写，不再提示", "the register saying the same next time is no conflict any more"),
        ]
    field = kind.split(" ")[0]
    if field == TRAIT:
        gain = sum(one.theirs == YES for one in rows)
        zh, en = REGISTERS[head.register].zh, REGISTERS[head.register].en
        return [
            (f"{gain} 位老人登记为在册（{zh}），{n - gain} 位登记为不在册",
             f"{gain} residents are in the {en}, {n - gain} are not"),
            ("影响之后的补贴、助餐和评估规则判定；已核定的不变",
             "rules decide by it from now on; what was decided stays"),
        ]  # fmt: skip
    if field != LEFT:
        zh, en = FIELDS[field].zh, FIELDS[field].en
        return [
            (f"{n} 位老人的{zh}改为名册的内容，原内容留在变更记录中",
             f"the {en} of {n} residents becomes what the register says; what it was stays in the record of changes"),
        ]  # fmt: skip
    state = kind.partition(" ")[2]
    if state == "here":
        return [
            (
                f"{n} 位老人的离开登记撤销，当时停止的各项恢复",
                f"{n} leavings are taken back, and what was stopped goes on",
            )
        ]
    counted: Counter[str] = Counter()
    today, fen = at.astimezone(SHANGHAI).date(), 0
    for one in rows:
        day = _day(one.theirs, head)
        terms = following.terms_of(conn, state, today)
        for group in following.before(conn, one.resident_id, day, leaving.reason_of(state), at, terms):
            counted[group.rule] += len(group.effects)
            fen += group.amount_fen
    zh, en = leaving.REASON_WORDS[state]
    told = [
        (
            f"{n} 位老人登记为{zh}：不再守护，不再计入统计",
            f"{n} residents are recorded as {en}: no longer protected or counted",
        )
    ]
    money = (f"，每月 {in_yuan(fen)} 元", f", {in_yuan(fen)} yuan a month")
    for rule, title, what in following.grouped():
        if counted[rule]:
            sum_zh, sum_en = money if rule == "grants" else ("", "")
            told.append(
                (f"{title[0]} {counted[rule]} 项{what[0]}{sum_zh}", f"{title[1]}: {counted[rule]} {what[1]}{sum_en}")
            )
    return told


def check(account: Account, choice: str, rows: Mapping[int, int], reason: str) -> str:
    """The reason, cleaned; refuses what cannot be decided. Raises NotPermittedError, ProvisioningError."""
    require(account, Action.MANAGE_REGISTERS)
    if choice not in get_args(Choice):
        raise ProvisioningError(en="choose: ours or the register's", zh="请选择保留本平台或采用名册", field="choice")
    if not rows or len(rows) > MOST:
        raise ProvisioningError(en=f"choose from 1 to {MOST} lines", zh=f"请选择 1 至 {MOST} 行", field="rows")
    reason = clean(reason)[:200]
    if not reason:
        raise ProvisioningError(en="say why", zh="请填写理由", field="reason")
    return reason


def import_of(conn: Connection[Any], account: Account, batch: int) -> int:
    """The import that a decision on many lines is about. Raises NotFoundError."""
    require(account, Action.MANAGE_REGISTERS)
    row = conn.execute("SELECT import_id FROM register_batch WHERE id = %s", (batch,)).fetchone()
    if row is None:
        raise NotFoundError(en="there is no such decision", zh="没有这次批量认定")
    return collecting.one(conn, account, row[0]).id


def decide_many(
    conn: Connection[Any], account: Account, number: int, kind: str, choice: str, rows: Sequence[tuple[int, int]],
    reason: str, *, at: dt.datetime, origin: str = "",
) -> Outcome:  # fmt: skip
    """Decide on rows (difference, version of its line as it was seen), a transaction a line.

    Raises NotFoundError, ProvisioningError where nothing was chosen, or without a reason.
    """
    seen = dict(rows)
    reason, head = check(account, choice, seen, reason), collecting.one(conn, account, number)
    there = conflicts(conn, account, number, kind, at=at, among=list(seen), limit=MOST, origin=origin)
    row = conn.execute(
        "INSERT INTO register_batch (import_id, field, choice, reason, account_id, at) VALUES (%s, %s, %s, %s, %s, %s)"
        " RETURNING id", (head.id, kind, choice, reason, account.id, at),
    ).fetchone()  # fmt: skip
    assert row is not None  # noqa: S101 - RETURNING
    failed, done = [], 0
    for one in there:
        try:
            deciding.decide(
                conn, account, one.line_id, seen[one.id], {one.field: choice}, reason, at=at, origin=origin,
                batch=row[0],
            )  # fmt: skip
            done += 1
        except ProvisioningError as error:
            failed.append((one.number, error.message_zh, error.message_en))
    gone = len(seen) - len(there)
    if gone:
        failed.append((0, f"{gone} 行已由他人处理", f"{gone} lines were decided on by somebody else meanwhile"))
    conn.execute("UPDATE register_batch SET lines = %s, failed = %s WHERE id = %s", (done, len(failed), row[0]))
    detail = {"import": head.id, "field": kind, "choice": choice, "lines": done, "reason": reason}
    audit(conn, account, "decide_register_batch", at=at, origin=origin, detail=detail)
    return Outcome(batch=row[0], lines=done, failed=tuple(failed))


_BATCHES = """
    SELECT b.id, b.import_id, b.field, b.choice, b.reason, b.at, a.name_zh AS by_zh, a.name_en AS by_en, b.lines,
           b.failed, b.undone_at, b.undone
    FROM register_batch b LEFT JOIN account a ON a.id = b.account_id
"""


def listing(conn: Connection[Any], account: Account, number: int) -> list[Batch]:
    """The decisions on many lines of an import, the newest first, 20 at most."""
    collecting.one(conn, account, number)
    with conn.cursor(row_factory=class_row(Batch)) as cursor:
        return cursor.execute(_BATCHES + " WHERE b.import_id = %s ORDER BY b.id DESC LIMIT 20", (number,)).fetchall()


def undo(conn: Connection[Any], account: Account, batch: int, *, at: dt.datetime, origin: str = "") -> Outcome:
    """Take a decision back: its lines wait again, and records are as they were, unless somebody changed them since.

    A transaction a line. Raises NotFoundError, ChangedMeanwhileError where it was taken back before.
    """
    require(account, Action.MANAGE_REGISTERS)
    with conn.cursor(row_factory=class_row(Batch)) as cursor:
        found = cursor.execute(_BATCHES + " WHERE b.id = %s", (batch,)).fetchone()
    if found is None:
        raise NotFoundError(en="there is no such decision", zh="没有这次批量认定")
    head = collecting.one(conn, account, found.import_id)
    claimed = conn.execute(
        "UPDATE register_batch SET undone_at = %s, undone_by = %s WHERE id = %s AND undone_at IS NULL",
        (at, account.id, batch),
    ).rowcount
    if not claimed:
        raise ChangedMeanwhileError(en="it was taken back already", zh="这次批量认定已撤销")
    done, failed = 0, []
    for number, difference in conn.execute(
        "SELECT l.number, d.id FROM register_decision x JOIN register_difference d ON d.id = x.difference_id"
        " JOIN register_line l ON l.id = d.line_id WHERE x.batch_id = %s ORDER BY l.number", (batch,),
    ).fetchall():  # fmt: skip
        try:
            with conn.transaction():
                _undo_one(conn, account, head, batch, difference, at, origin)
            done += 1
        except ProvisioningError as error:
            failed.append((number, error.message_zh, error.message_en))
    conn.execute("UPDATE register_batch SET undone = %s WHERE id = %s", (done, batch))
    detail = {"import": head.id, "batch": batch, "lines": done}
    audit(conn, account, "undo_register_batch", at=at, origin=origin, detail=detail)
    return Outcome(batch=batch, lines=done, failed=tuple(failed))


def _undo_one(
    conn: Connection[Any], account: Account, head: Import, batch: int, difference: int, at: dt.datetime, origin: str
) -> None:
    row = conn.execute(
        "SELECT d.line_id, d.field, d.ours, d.theirs, d.choice, r.code, (SELECT x.batch_id FROM register_decision x"
        " WHERE x.difference_id = d.id ORDER BY x.id DESC LIMIT 1) FROM register_difference d"
        " JOIN register_line l ON l.id = d.line_id LEFT JOIN resident r ON r.id = l.resident_id"
        " WHERE d.id = %s FOR UPDATE OF d, l",
        (difference,),
    ).fetchone()
    if row is None or row[5] is None or row[6] != batch:
        raise ChangedMeanwhileError(en="it was decided on again since", zh="之后又有新的认定，保持现状")
    line, field, ours, theirs, choice, code, _ = row
    if choice == "theirs":
        _back(conn, account, head, code, field, ours, theirs, at, origin)
    store.decide(conn, difference, "later", "撤销批量认定", account.id, at)
    conn.execute(
        "UPDATE register_line SET settled_at = NULL, settled_by = NULL, settled_as = NULL, settled_for = '',"
        " version = version + 1 WHERE id = %s",
        (line,),
    )


def _back(
    conn: Connection[Any], account: Account, head: Import, code: str, field: str, ours: str, theirs: str,
    at: dt.datetime, origin: str,
) -> None:  # fmt: skip
    changed = ChangedMeanwhileError(en="somebody changed it since: it stays as it is", zh="之后被人改过，保持现状")
    if field == LEFT:
        if theirs.startswith("here"):
            raise ProvisioningError(en="record the leaving again by hand", zh="请人工重新登记离开")
        leaving.end(conn, account, code, "撤销批量认定", at=at, origin=origin)
    elif field == TRAIT:
        traits.record(
            conn, account, code, REGISTERS[head.register].trait, holds=ours == YES, evidence="撤销批量认定",
            valid_from=head.taken_on, now=at, origin=origin,
        )  # fmt: skip
    else:
        kind, _, name = FIELDS[field].ours.partition(".")
        network = Network(conn, account, at=at, origin=origin)
        stored = network.get("resident", (code,))
        if kind == "household":
            stored = network.get("household", (msgspec.structs.asdict(stored.record)["household"],))
        record = msgspec.structs.asdict(stored.record)
        if str(record[name] or "") != theirs:
            raise changed
        network.change(kind, (record["code"],), stored.version, {name: ours})


def _day(theirs: str, head: Import) -> dt.date:
    text = theirs.partition(" ")[2]
    return dt.date.fromisoformat(text) if text else head.taken_on
