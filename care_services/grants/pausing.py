"""Stop and resume the grants that are paid each month, by what becomes of a bed or its resident.

A settled payment is never changed. Where it is more than what is due by now, the difference is shown as an amount to be
reclaimed, until a person writes down that it came back. The caller has asked for permission, and holds a transaction.
"""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_services.core import rule_book
from care_services.core.acting import Acting
from care_services.grants import store
from care_services.grants.ending import SUBJECT, Last, Why, last_of
from care_services.grants.kinds import KINDS
from care_services.grants.settling import Pause, due_of, month_of

OF_BED = ("bed_operation",)
"""Kinds that are paid for a bed that stands: they stop with it."""


class Paused(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of days for which a grant is not paid."""

    why: str
    from_on: dt.date
    until_on: dt.date | None
    actor: str
    actor_en: str | None = None


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A grant that is paid each month, and what follows when it stops on a day. Amounts in fen."""

    application: int
    version: int
    kind: str
    amount_fen: int
    last: Last
    """How its last month counts, and by which rule."""
    pays_from: dt.date
    pays_until: dt.date | None
    """The first month that was not to be paid anyway."""
    due_fen: int
    """The part that is due for the month in which it stops."""
    reclaim_fen: int
    """The money that was settled beyond what is due by then, without what came back."""

    @property
    def from_on(self) -> dt.date:
        """The first day that is not paid."""
        return self.last.from_on

    @property
    def words(self) -> tuple[str, str]:
        """Its kind in Chinese and English."""
        return KINDS[self.kind].zh, KINDS[self.kind].en


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """The money that was settled of a grant against what is due for the same months. Amounts in fen."""

    paid_fen: int
    due_fen: int
    corrected_fen: int
    """The money that came back, less what was paid in addition."""

    @property
    def open_fen(self) -> int:
        """The money to be reclaimed; below zero: what is still owed."""
        return self.paid_fen - self.due_fen - self.corrected_fen


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """Money that came back (positive), or was paid in addition (negative)."""

    amount_fen: int
    note: str
    at: dt.datetime
    actor: str
    actor_en: str | None = None


_RUNNING: LiteralString = (
    "SELECT id, version, kind, amount_fen, pays_from, pays_until FROM grant_application WHERE resident_id = %s"
    " AND state = 'approved' AND per = 'month' AND kind = ANY(%s) AND (pays_until IS NULL OR pays_until > %s)"
    " ORDER BY id"
)


def running(
    conn: Connection[Any], resident_id: int, on: dt.date, why: Why, kinds: Collection[str] = OF_BED
) -> tuple[Running, ...]:
    """The monthly grants of a resident that are paid on a day, and what stopping them on that day comes to.

    How the last month counts is the ruling of ``grant_ending``, by kind and reason.
    """
    rules, found = rule_book.current(conn, SUBJECT, on), []
    for number, version, kind, amount, begins, until in conn.execute(
        _RUNNING, (resident_id, list(kinds), month_of(on))
    ).fetchall():
        last = last_of(rules, kind, why, on)
        pauses = [*_cut(_pauses(conn, number), last.from_on), (last.from_on, None)]
        ends = min(until or dt.date.max, last.pays_until)
        found.append(Running(
            application=number, version=version, kind=kind, amount_fen=amount, last=last, pays_from=begins,
            pays_until=until,
            due_fen=due_of(amount, month_of(on), ends, pauses),
            reclaim_fen=max(0, _balance(conn, number, amount, ends, pauses).open_fen),
        ))  # fmt: skip
    return tuple(found)


def pause(
    conn: Connection[Any], acting: Acting, resident_id: int, on: dt.date, why: Why, reason: str,
    bed_id: int | None = None, kinds: Collection[str] = OF_BED,
) -> tuple[Running, ...]:  # fmt: skip
    """Stop the monthly grants of a resident on a day; gives them as they were. For good unless suspended."""
    found = running(conn, resident_id, on, why, kinds)
    for one in found:
        conn.execute(
            "UPDATE grant_pause SET until_on = greatest(from_on, %s), cut_at = %s WHERE application_id = %s"
            " AND (until_on IS NULL OR until_on > %s)",
            (one.from_on, acting.at, one.application, one.from_on),
        )
        conn.execute(
            "INSERT INTO grant_pause (application_id, bed_id, why, because, from_on, at, account_id, actor)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            (one.application, bed_id, "suspended" if why == "suspended" else "closed",
             None if why in ("suspended", "closed") else why, one.from_on, acting.at, acting.account.id,
             acting.account.name_zh),
        )  # fmt: skip
        ends = max(one.pays_from, min(one.pays_until or dt.date.max, one.last.pays_until))
        store.change(conn, one.application, {} if why == "suspended" else {"pays_until": ends})
        _told(conn, acting, one, "pause" if why == "suspended" else "end", reason)
    return found


def resume(conn: Connection[Any], acting: Acting, bed_id: int, on: dt.date, reason: str) -> tuple[int, ...]:
    """Let the grants that a suspension of a bed stopped be paid again from a day on; gives their numbers."""
    rows = conn.execute(
        "UPDATE grant_pause SET until_on = greatest(from_on, %s) WHERE bed_id = %s AND why = 'suspended'"
        " AND until_on IS NULL RETURNING application_id",
        (on, bed_id),
    ).fetchall()
    for (number,) in rows:
        store.change(conn, number, {})
        store.record(
            conn, number, "go_on", "approved", acting.account, acting.at, acting.origin, reason, {"from": str(on)}
        )
    return tuple(number for (number,) in rows)


def paused(conn: Connection[Any], application: int) -> list[Paused]:
    """The stretches for which a grant is not paid, the newest first; empty ones, taken back at once, left out."""
    with conn.cursor(row_factory=class_row(Paused)) as cursor:
        return cursor.execute(
            "SELECT coalesce(p.because, p.why) AS why, p.from_on, p.until_on, p.actor,"
            " (SELECT n.name_en FROM account n WHERE n.id = p.account_id) AS actor_en FROM grant_pause p"
            " WHERE p.application_id = %s AND p.until_on IS DISTINCT FROM p.from_on ORDER BY p.from_on DESC",
            (application,),
        ).fetchall()


def open_of(conn: Connection[Any], resident_id: int) -> int:
    """The money that was settled of all monthly grants of a resident beyond what is due, in fen, as of now."""
    rows = conn.execute(
        "SELECT id, amount_fen, pays_until FROM grant_application WHERE resident_id = %s AND state = 'approved'"
        " AND per = 'month'",
        (resident_id,),
    ).fetchall()
    return sum(max(0, balance(conn, *row).open_fen) for row in rows)


def balance(conn: Connection[Any], application: int, amount_fen: int, pays_until: dt.date | None) -> Balance:
    """The money that was settled of a monthly grant against what is due, as of now."""
    return _balance(conn, application, amount_fen, pays_until, _pauses(conn, application))


def corrections(conn: Connection[Any], application: int) -> list[Correction]:
    """The money that came back of a grant, and what was paid in addition, the newest first."""
    with conn.cursor(row_factory=class_row(Correction)) as cursor:
        return cursor.execute(
            "SELECT c.amount_fen, c.note, c.at, c.actor,"
            " (SELECT n.name_en FROM account n WHERE n.id = c.account_id) AS actor_en"
            " FROM grant_correction c WHERE c.application_id = %s ORDER BY c.id DESC",
            (application,),
        ).fetchall()


def _told(conn: Connection[Any], acting: Acting, one: Running, step: str, reason: str) -> None:
    store.record(
        conn, one.application, step, "approved", acting.account, acting.at, acting.origin, reason,
        {"from": str(one.from_on), "due_fen": one.due_fen, "reclaim_fen": one.reclaim_fen},
    )  # fmt: skip


def _pauses(conn: Connection[Any], application: int) -> list[Pause]:
    return conn.execute(
        "SELECT from_on, until_on FROM grant_pause WHERE application_id = %s ORDER BY from_on", (application,)
    ).fetchall()


def _cut(pauses: Sequence[Pause], on: dt.date) -> list[Pause]:
    """The parts of pauses before a day, from which on another one holds."""
    return [(first, min(until or on, on)) for first, until in pauses if first < on]


def _balance(
    conn: Connection[Any], application: int, amount: int, pays_until: dt.date | None, pauses: Sequence[Pause]
) -> Balance:
    rows = conn.execute(
        "SELECT month, amount_fen FROM grant_payment WHERE application_id = %s", (application,)
    ).fetchall()
    back = conn.execute(
        "SELECT coalesce(sum(amount_fen), 0)::bigint FROM grant_correction WHERE application_id = %s", (application,)
    ).fetchone()
    return Balance(
        paid_fen=sum(paid for _, paid in rows),
        due_fen=sum(due_of(amount, month, pays_until, pauses) for month, _ in rows),
        corrected_fen=back[0] if back else 0,
    )
