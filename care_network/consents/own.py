"""The resident's own way to the register: what stands, read at home or by the family, and taken back there.

Taking back narrows what others get, so it needs no office: the panel at home, or a relative who was let in, is enough
for the purposes without named recipients. Consents towards a named person are ended by that person themself, or at the
station, since nobody may be cut off from a fall by a slip of the hand.
"""

import datetime as dt
from typing import Any, Literal

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, require
from care_network.consents import standing
from care_network.consents.purposes import PURPOSES, Purpose
from care_network.consents.register import check_version
from care_network.errors import NotFoundError, ProvisioningError

Way = Literal["here", "leave", "stop", "station", ""]
SAYS: dict[str, tuple[str, str]] = {
    "self": ("老人本人告诉我的", "the resident told me so"),
    "guardian": ("我是监护人，由我决定", "I am the guardian, and decide"),
}


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """A consent as it stands, with the way on which it ends from here."""

    standing: standing.Standing
    way: Way
    """here: on this page; leave, stop: by the reader, whom it names; station: there alone; empty: it does not stand."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody of a panel's home."""

    id: int
    code: str
    name_zh: str
    name_en: str


def people_of(conn: Connection[Any], household_id: int) -> list[Person]:
    """List the residents of a home."""
    with conn.cursor(row_factory=class_row(Person)) as cursor:
        return cursor.execute(
            "SELECT id, code, name_zh, name_en FROM resident WHERE household_id = %s ORDER BY id", (household_id,)
        ).fetchall()


def lines(conn: Connection[Any], resident_id: int, account: Account | None = None) -> list[Own]:
    """List where each consent stands, those that are in force first. ``account``: of the relative who reads."""
    found = []
    mine = _contacts_of(conn, resident_id, account)
    for one in standing.standings(conn, resident_id, standing.steps(conn, resident_id)):
        way: Way = ""
        if one.state == "yes" and not one.purpose.named:
            way = "here"
        elif one.state == "yes" and account is not None and one.recipient == account.login:
            way = "leave"
        elif one.state == "yes" and one.purpose.kept_in == "contact" and one.recipient in mine:
            way = "stop"
        elif one.state == "yes":
            way = "station"
        found.append(Own(standing=one, way=way))
    return sorted(found, key=lambda each: ("yes", "no", "unknown").index(each.standing.state))


def without_consent() -> list[Purpose]:
    """The uses to which nobody is asked to agree, with their basis of law."""
    return [one for one in PURPOSES.values() if not one.asked]


def one_line(conn: Connection[Any], resident_id: int, purpose: str) -> standing.Standing:
    """A consent without named recipients. Raises NotFoundError for another."""
    for one in standing.standings(conn, resident_id, standing.steps(conn, resident_id)):
        if one.purpose.code == purpose and not one.purpose.named:
            return one
    raise NotFoundError(en="this consent is taken back at the station", zh="这项同意请到护理站撤回", field="purpose")


def withdraw_by_family(
    conn: Connection[Any], account: Account, resident_id: int, purpose: str, by: str, seen: int,
    *, at: dt.datetime, origin: str,
) -> bool:  # fmt: skip
    """Take a consent back on the family's page; in force at once. False: it did not stand.

    ``by``: a key of :data:`SAYS`. ``seen``: the newest step on the page. Raises NotPermittedError, NotFoundError,
    ProvisioningError, ChangedMeanwhileError.
    """
    require(account, Action.FAMILY_CIRCLE)
    if by not in SAYS:
        raise ProvisioningError(en="say who decided", zh="请选择由谁决定", field="by")
    with conn.transaction():
        conn.execute("SELECT FROM resident WHERE id = %s FOR UPDATE", (resident_id,))
        check_version(conn, resident_id, seen)
        done = _end(conn, resident_id, purpose, by, f"家属页面 family page: {account.login}", account.id, at)
        if done:
            audit(
                conn, account, "register_withdrawal", at=at, resident_id=resident_id, origin=origin,
                detail={"purpose": purpose, "recipient": "", "how": "page", "by": by},
            )  # fmt: skip
    return done


def withdraw_at_home(conn: Connection[Any], resident_id: int, purpose: str, panel: int, *, at: dt.datetime) -> bool:
    """Take a consent back on the panel at home; in force at once. False: it did not stand. Raises NotFoundError."""
    with conn.transaction():
        conn.execute("SELECT FROM resident WHERE id = %s FOR UPDATE", (resident_id,))
        return _end(conn, resident_id, purpose, "self", f"家中平板 panel {panel}", None, at)


def _end(
    conn: Connection[Any], resident_id: int, purpose: str, by: str, evidence: str, writer: int | None, at: dt.datetime
) -> bool:
    one = one_line(conn, resident_id, purpose)
    if one.state != "yes":
        return False
    conn.execute(
        """
        INSERT INTO consent_event (resident_id, purpose, given, at, by_whom, how, evidence, words, account_id)
        VALUES (%s, %s, false, %s, %s, 'page', %s, %s, %s)
        """,
        (resident_id, purpose, at, by, evidence, one.purpose.version, writer),
    )
    return True


def _contacts_of(conn: Connection[Any], resident_id: int, account: Account | None) -> set[str]:
    if account is None:
        return set()
    return {
        number
        for (number,) in conn.execute(
            "SELECT id::text FROM contact WHERE resident_id = %s AND account_id = %s", (resident_id, account.id)
        )
    }
