"""Promises that a volunteer did not keep: written down, told to them, spoken against, excused, and counted.

Nothing counts in the matching but the lines that anybody can read on the volunteer's page. A coordinator
excuses a line, with a reason: it then counts no more. The volunteer speaks against one on their own page.
"""

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, require
from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_services.time_bank import people
from care_services.time_bank.kinds import Words
from care_services.time_bank.store import Request

KINDS: Mapping[str, Words] = {"no_show": ("未到", "did not come"), "late_cancel": ("临时取消", "said no too late")}
LATE = dt.timedelta(hours=24)
"""Before its hour, from which on a promise that is given back counts as too late: nobody else is found so quickly."""
COUNTED = dt.timedelta(days=365)
"""A line counts for so long."""
MOST_WORDS = 400


class Missed(msgspec.Struct, frozen=True, kw_only=True):
    """A promise that was not kept. ``request`` None: of a resident whom the account does not see."""

    id: int
    volunteer_id: int
    volunteer: str
    volunteer_zh: str
    volunteer_en: str
    kind: str
    promised_for: dt.datetime
    at: dt.datetime
    account_id: int | None
    by_zh: str
    by_en: str
    note: str
    appeal: str
    appeal_at: dt.datetime | None
    excused: bool | None
    decided_zh: str
    decided_at: dt.datetime | None
    reason: str
    request: int | None
    help: str | None

    def counts(self, now: dt.datetime) -> bool:
        """Whether it counts in the matching at a moment."""
        return self.excused is not True and self.promised_for > now - COUNTED


_MISSED = """
    SELECT m.id, m.volunteer_id, v.code AS volunteer, v.name_zh AS volunteer_zh, v.name_en AS volunteer_en, m.kind,
           m.promised_for, m.at, m.account_id, coalesce(a.name_zh, '') AS by_zh,
           coalesce(a.name_en, '') AS by_en, m.note, m.appeal, m.appeal_at,
           m.excused, coalesce(d.name_zh, '') AS decided_zh, m.decided_at, m.reason, q.number AS request, q.kind AS help
    FROM time_missed m JOIN time_volunteer v ON v.id = m.volunteer_id JOIN area p ON p.id = v.area_id
    LEFT JOIN time_request q ON q.id = m.request_id LEFT JOIN account a ON a.id = m.account_id
    LEFT JOIN account d ON d.id = m.decided_by
    WHERE
"""


def not_come(conn: Connection[Any], one: Request, by: int | None, now: dt.datetime, note: str = "") -> None:
    """Write down that the volunteers of a request did not come, in the caller's transaction."""
    for number in (one.volunteer_id, one.partner_id):
        if number is not None:
            _write(conn, one.id, number, "no_show", one.wanted_from, by, now, note)


def too_late(
    conn: Connection[Any], one: Request, volunteer_id: int, by: int | None, now: dt.datetime, note: str = ""
) -> None:
    """Write down that a volunteer gave a promise back within a day of its hour; earlier, nothing is written."""
    if now > one.wanted_from - LATE:
        _write(conn, one.id, volunteer_id, "late_cancel", one.wanted_from, by, now, note)


def _write(
    conn: Connection[Any], request: uuid.UUID, volunteer: int, kind: str, promised: dt.datetime, by: int | None,
    now: dt.datetime, note: str,
) -> None:  # fmt: skip
    conn.execute(
        "INSERT INTO time_missed (request_id, volunteer_id, kind, promised_for, at, account_id, note)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (request, volunteer, kind, promised, now, by, note.strip()[:MOST_WORDS]),
    )


def of_volunteer(conn: Connection[Any], volunteer_id: int, limit: int = 30) -> list[Missed]:
    """The promises that a volunteer did not keep, the newest first: for whoever was let in before."""
    return conn.cursor(row_factory=class_row(Missed)).execute(
        f"{_MISSED} m.volunteer_id = %s ORDER BY m.promised_for DESC, m.id DESC LIMIT %s", (volunteer_id, limit)
    ).fetchall()  # fmt: skip


def appeals(conn: Connection[Any], account: Account, limit: int = 50) -> list[Missed]:
    """List words against such a line that nobody has decided on, the oldest first; of the area or around it."""
    require(account, Action.VIEW_CARE)
    return conn.cursor(row_factory=class_row(Missed)).execute(
        f"{_MISSED} m.appeal_at IS NOT NULL AND m.excused IS NULL AND {people.NEAR} ORDER BY m.appeal_at"
        " LIMIT %(most)s",
        {"area": account.area_path, "most": limit},
    ).fetchall()  # fmt: skip


def speak_against(conn: Connection[Any], volunteer_id: int, number: int, words: str, now: dt.datetime) -> None:
    """Take a volunteer's words against a line of theirs, by their own link; a person decides. Raises NotFoundError."""
    if not words.strip():
        raise ProvisioningError(zh="请写明实际情况", en="write what really was", field="appeal")
    with conn.transaction():
        done = conn.execute(
            "UPDATE time_missed SET appeal = %s, appeal_at = %s WHERE id = %s AND volunteer_id = %s"
            " AND excused IS NULL RETURNING kind",
            (words.strip()[:MOST_WORDS], now, number, volunteer_id),
        ).fetchone()
        if done is None:
            raise NotFoundError(zh="没有这条记录，或已有人处理", en="there is no such line, or somebody has decided it")


def decide(
    conn: Connection[Any], account: Account, volunteer: str, number: int, reason: str, now: dt.datetime, *,
    excused: bool, origin: str = "",
) -> None:  # fmt: skip
    """Excuse a line, or let it stand: with a reason, which the volunteer reads. It counts so from this moment on.

    Its author may take the line back, but does not decide about words against it. Raises NotPermittedError,
    ProvisioningError.
    """
    require(account, Action.MANAGE_TIME_BANK)
    one = people.find(conn, account, volunteer)
    line = next((each for each in of_volunteer(conn, one.id, 500) if each.id == number), None)
    if line is None:
        raise NotFoundError(zh="没有这条记录", en="there is no such line", field="missed")
    if not reason.strip():
        raise ProvisioningError(zh="请写明依据", en="write what the decision rests on", field="missed")
    if not excused and line.appeal_at is not None and line.account_id == account.id:
        raise NotPermittedError(
            zh="这条记录是您登记的，申诉须由另一位工作人员认定",
            en="you have written this line down: a colleague decides about the words against it",
        )
    with conn.transaction():
        done = conn.execute(
            "UPDATE time_missed SET excused = %s, decided_by = %s, decided_at = %s, reason = %s WHERE id = %s"
            " AND excused IS NOT DISTINCT FROM %s",
            (excused, account.id, now, reason.strip()[:MOST_WORDS], number, line.excused),
        )
        if done.rowcount == 0:
            raise ChangedMeanwhileError(zh="他人刚刚已处理这条记录", en="somebody else has just decided it")
        step = "missed_excused" if excused else "missed_stands"
        people.note_step(conn, one.id, step, one.state, one.state, account, now, reason.strip()[:MOST_WORDS])
        people.trace(conn, account, step, volunteer, None, now, origin)
