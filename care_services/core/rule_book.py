"""The rules of each subject by version: valid from a day, set by somebody, never edited."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import msgspec
from psycopg import Connection, errors
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, covers_every_home, require
from care_network.errors import ChangedMeanwhileError, NotPermittedError, ProvisioningError
from care_services.core.rules import RuleSet, Subject, read_rules
from vocabulary.times import SHANGHAI


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """Rules that somebody set. ``version`` counts from 1 for each subject."""

    version: int
    text: str
    valid_from: dt.date
    note: str
    set_by: str
    set_at: dt.datetime


def versions(conn: Connection[Any], subject: Subject) -> list[Version]:
    """All versions of a subject, the newest first; empty while the default holds."""
    return conn.cursor(row_factory=class_row(Version)).execute(
        "SELECT b.version, text, valid_from, note, coalesce(a.name_zh, '') AS set_by, set_at FROM rule_book b"
        " LEFT JOIN account a ON a.id = b.account_id WHERE subject = %s ORDER BY b.version DESC",
        (subject.code,),
    ).fetchall()  # fmt: skip


def text_of(conn: Connection[Any], subject: Subject, on: dt.date) -> str:
    """The rules that hold on a day, as TOML: of the versions valid then the newest, else the default."""
    row = conn.execute(
        "SELECT text FROM rule_book WHERE subject = %s AND valid_from <= %s ORDER BY version DESC LIMIT 1",
        (subject.code, on),
    ).fetchone()
    return subject.default if row is None else str(row[0])


def current(conn: Connection[Any], subject: Subject, on: dt.date) -> RuleSet:
    """The rules that hold on a day."""
    return read_rules(text_of(conn, subject, on), subject)


def over(conn: Connection[Any], subject: Subject) -> Callable[[dt.date], RuleSet]:
    """The rules that hold on any day, from one query: each version is read once."""
    rows = conn.execute(
        "SELECT valid_from, text FROM rule_book WHERE subject = %s ORDER BY version DESC", (subject.code,)
    ).fetchall()
    read: dict[str, RuleSet] = {}

    def on(day: dt.date) -> RuleSet:
        text = next((text for valid_from, text in rows if valid_from <= day), subject.default)
        if text not in read:
            read[text] = read_rules(text, subject)
        return read[text]

    return on


def put(
    conn: Connection[Any],
    account: Account,
    subject: Subject,
    text: str,
    *,
    valid_from: dt.date,
    note: str,
    based_on: int,
    now: dt.datetime,
    origin: str = "",
) -> int:
    """Set rules from a day on (today or later: what was decided stays decided), and return their version.

    ``based_on``: the newest version that the author had seen, 0 for the default. Raises ProvisioningError where the
    rules are wrong, ChangedMeanwhileError where somebody else set some since, NotPermittedError to whom is not in
    charge of the whole district.
    """
    require(account, Action.SET_CARE_RULES)
    if not covers_every_home(conn, account):
        raise NotPermittedError(
            en="rules hold for the whole district: an account of the district sets them",
            zh="规则对全区有效，只有区级账号可以设置",
        )
    read_rules(text, subject)
    if valid_from < now.astimezone(SHANGHAI).date():
        raise ProvisioningError(
            en="rules do not work backwards: choose today or a later day", zh="规则不溯及既往，请选择今天或以后",
            field="valid_from",
        )  # fmt: skip
    try:
        with conn.transaction():
            newest = conn.execute(
                "SELECT coalesce(max(version), 0) FROM rule_book WHERE subject = %s", (subject.code,)
            ).fetchone()
            version = (newest[0] if newest else 0) + 1
            if version != based_on + 1:
                raise _changed()
            conn.execute(
                "INSERT INTO rule_book (subject, version, text, valid_from, note, account_id, set_at)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                (subject.code, version, text, valid_from, note.strip()[:400], account.id, now),
            )
            detail = {"what": subject.code, "version": version, "from": str(valid_from)}
            audit(conn, account, "set_care_rules", at=now, origin=origin, detail=detail)
    except errors.UniqueViolation as error:
        raise _changed() from error
    return version


def _changed() -> ChangedMeanwhileError:
    return ChangedMeanwhileError(
        en="somebody else set these rules meanwhile: look at theirs, then decide anew",
        zh="他人刚刚修改了这套规则，请先查看再决定",
    )
