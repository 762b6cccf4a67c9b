"""The register of breaches (个人信息保护法, article 57): what happened, to how many, what was done, who was told."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account, clean
from care_network.access.permissions import Action, audit, require
from care_network.errors import ChangedMeanwhileError, NotFoundError, ProvisioningError

KINDS: Mapping[str, tuple[str, str]] = {
    "leak": ("泄露", "leak"), "tamper": ("篡改", "tampering"), "loss": ("丢失", "loss"),
}  # fmt: skip


AT_ONCE = dt.timedelta(hours=1)
"""Article 57 says at once (立即); from here on a notice is late."""
LATEST = dt.timedelta(hours=72)
"""The district's own outer limit; to be confirmed by its counsel, as special rules of the sector may be shorter."""
CLOCKS: Mapping[str, tuple[str, str]] = {
    "told": ("已通知，用时", "told after"), "waived": ("无须通知本人", "need not be told"),
    "running": ("须立即通知，已过", "to be told at once:"), "late": ("已迟，须立即通知，已过", "late, tell at once:"),
    "over": ("已超过 72 小时，已过", "over 72 hours:"),
}  # fmt: skip


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one notice, with the hours since the breach was noticed."""

    state: str
    """A key of CLOCKS."""
    hours: float


class Breach(msgspec.Struct, frozen=True, kw_only=True):
    """A breach; ``people`` None: not known yet."""

    id: int
    happened_at: dt.datetime
    noticed_at: dt.datetime
    kind: str
    what: str
    people: int | None
    measures: str
    told_authority_at: dt.datetime | None
    told_people_at: dt.datetime | None
    why_not_told: str
    closed_at: dt.datetime | None
    version: int

    def clock(self, step: str, now: dt.datetime) -> Clock:
        """The clock of a notice, ``authority`` or ``people``."""
        told = self.told_authority_at if step == "authority" else self.told_people_at
        passed = (told or now) - self.noticed_at
        if told is not None:
            state = "told"
        elif step == "people" and self.why_not_told:
            state = "waived"
        else:
            state = "running" if passed <= AT_ONCE else "late" if passed <= LATEST else "over"
        return Clock(state=state, hours=passed.total_seconds() / 3600)


_COLUMNS = (
    b"SELECT id, happened_at, noticed_at, kind, what, people, measures, told_authority_at, told_people_at,"
    b" why_not_told, closed_at, version FROM privacy_breach "
)
STEPS = {"authority": "told_authority_at", "people": "told_people_at", "close": "closed_at", "waived": ""}


def listing(conn: Connection[Any], account: Account) -> list[Breach]:
    """The breaches of the account's area, the newest first. Raises NotPermittedError."""
    require(account, Action.VIEW_PRIVACY)
    with conn.cursor(row_factory=class_row(Breach)) as cursor:
        return cursor.execute(
            _COLUMNS + b"WHERE area_path <@ %s::text::ltree ORDER BY id DESC LIMIT 200", (account.area_path,)
        ).fetchall()


def add(
    conn: Connection[Any], account: Account, happened_at: dt.datetime, kind: str, what: str, people: int | None,
    measures: str, *, at: dt.datetime, origin: str,
) -> int:  # fmt: skip
    """Write a breach down; returns its number. Raises NotPermittedError, ProvisioningError with the wrong field."""
    require(account, Action.MANAGE_PRIVACY)
    what, measures = clean(what), clean(measures)
    if kind not in KINDS:
        raise ProvisioningError(en="choose what it was", zh="请选择类型", field="kind")
    if not 1 <= len(what) <= 2000:
        raise ProvisioningError(
            en="say what happened, without names of residents", zh="请写明经过，不写老人姓名", field="what"
        )
    if happened_at > at:
        raise ProvisioningError(en="it cannot lie ahead", zh="发生时间不能晚于现在", field="happened_at")
    if people is not None and people < 0:
        raise ProvisioningError(en="a number, or empty: not known yet", zh="填人数；不清楚就留空", field="people")
    with conn.transaction():
        row = conn.execute(
            "INSERT INTO privacy_breach (area_path, happened_at, noticed_at, kind, what, people, measures, account_id)"
            " VALUES (%s::ltree, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
            (account.area_path, happened_at, at, kind, what, people, measures[:2000], account.id),
        ).fetchone()
        assert row is not None  # noqa: S101 - INSERT … RETURNING
        audit(conn, account, "add_breach", at=at, origin=origin, detail={"number": row[0]})
    return int(row[0])


def note(
    conn: Connection[Any], account: Account, number: int, step: str, version: int, why: str = "", *, at: dt.datetime,
    origin: str,
) -> None:  # fmt: skip
    """Note that the authority or the people were told, or that it is closed; ``waived``: why people need not be told.

    Raises NotPermittedError, NotFoundError, ChangedMeanwhileError; ProvisioningError for one that is closed before
    authority and people were told.
    """
    require(account, Action.MANAGE_PRIVACY)
    if step not in STEPS:
        raise NotFoundError(en="there is no such step", zh="没有这一步")
    with conn.transaction():
        with conn.cursor(row_factory=class_row(Breach)) as cursor:
            one = cursor.execute(
                _COLUMNS + b"WHERE id = %s AND area_path <@ %s::text::ltree FOR UPDATE", (number, account.area_path)
            ).fetchone()
        if one is None:
            raise NotFoundError(en=f"there is no breach {number}", zh=f"没有事件 {number}")
        if one.version != version or one.closed_at is not None:
            raise ChangedMeanwhileError(en="somebody changed it meanwhile: look again", zh="其他人刚修改过，请重新查看")
        if step == "waived":
            if not 1 <= len(clean(why)) <= 400:
                raise ProvisioningError(
                    en="say which measures averted the harm (article 57)",
                    zh="请写明哪些措施已有效避免危害（第五十七条）",
                    field="why",
                )  # fmt: skip
            conn.execute(
                "UPDATE privacy_breach SET why_not_told = %s, version = version + 1 WHERE id = %s", (clean(why), number)
            )
            audit(conn, account, "note_breach", at=at, origin=origin, detail={"number": number, "action": step})
            return
        people_done = one.told_people_at is not None or one.why_not_told
        if step == "close" and (one.told_authority_at is None or not people_done):
            raise ProvisioningError(
                en="first tell the authority and the people (article 57)",
                zh="须先通知主管部门和本人（第五十七条）",
                field="step",
            )
        conn.execute(
            f"UPDATE privacy_breach SET {STEPS[step]} = %s, version = version + 1 WHERE id = %s",  # noqa: S608
            (at, number),
        )
        audit(conn, account, "note_breach", at=at, origin=origin, detail={"number": number, "action": step})
