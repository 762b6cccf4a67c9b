"""Certificates of courses: issued after a passed test, looked up by the code on the paper, revoked, and approved into
the staff records where a course gives a certificate of those."""

import datetime as dt
import secrets
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, in_area, may_do
from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_network.records.network import Network
from care_services.core.connected import Connected
from care_services.library.courses.course import Course
from care_services.library.courses.testing import expires_on

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Of the code on the paper: Crockford's base 32, without letters that look like digits."""
CODE_LENGTH = 16
"""80 bits: nobody finds one by trying."""
_ALIKE = str.maketrans({"O": "0", "I": "1", "L": "1", "-": "", " ": ""})
PAGE = 50


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate of a course."""

    id: int
    number: str
    check_code: str
    course: str
    account_id: int
    login: str
    name_zh: str
    name_en: str
    title_zh: str
    title_en: str
    issued_on: dt.date
    expires_on: dt.date | None
    revoked_at: dt.datetime | None
    revoked_by: str
    revoked_why: str
    staff: str | None
    """Code of the member of staff."""

    def state(self, today: dt.date) -> str:
        """'revoked', 'expired' or 'valid'."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_on is not None and self.expires_on < today else "valid"


class Verified(msgspec.Struct, frozen=True):
    """The answer to whoever holds the paper: what stands on it, and whether it is good."""

    number: str
    name: str
    """The surname, and a sign for each further character."""
    title_zh: str
    title_en: str
    issued_on: dt.date
    expires_on: dt.date | None
    revoked: bool

    def good(self, today: dt.date) -> bool:
        """Whether it is neither revoked nor over."""
        return not self.revoked and (self.expires_on is None or today <= self.expires_on)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request that a course's certificate be entered in the staff records."""

    id: int
    kind: str
    asked_at: dt.datetime
    state: str
    decided_at: dt.datetime | None
    decided_name: str | None
    reason: str
    number: str
    title_zh: str
    title_en: str
    issued_on: dt.date
    expires_on: dt.date | None
    staff: str
    staff_zh: str
    staff_en: str
    organisation_zh: str
    organisation_en: str
    path: str
    account_id: int | None


_CERTIFICATE: LiteralString = """
    SELECT c.id, c.number, c.check_code, k.code AS course, c.account_id, a.login, c.name_zh, c.name_en, c.title_zh,
           c.title_en, c.issued_on, c.expires_on, c.revoked_at, c.revoked_by, c.revoked_why, s.code AS staff
    FROM course_certificate c JOIN course k ON k.id = c.course_id JOIN account a ON a.id = c.account_id
    LEFT JOIN staff s ON s.id = c.staff_id
"""
_ASKED: LiteralString = """
    SELECT q.id, q.kind, q.asked_at, q.state, q.decided_at, q.decided_name, q.reason, c.number, c.title_zh, c.title_en,
           c.issued_on, c.expires_on, s.code AS staff, s.name_zh AS staff_zh, s.name_en AS staff_en,
           o.name_zh AS organisation_zh, o.name_en AS organisation_en, p.path::text AS path, s.account_id
    FROM course_approval q JOIN course_certificate c ON c.id = q.certificate_id JOIN staff s ON s.id = q.staff_id
    JOIN organisation o ON o.id = s.organisation_id JOIN area p ON p.id = o.area_id
"""


def issue(acting: Connected, course_id: int, attempt_id: int, course: Course) -> str:
    """Issue the certificate of a passed test; gives its number. Part of the caller's transaction.

    Where the course gives a certificate of the staff records and the person is on the staff, somebody is asked.
    """
    conn, account = acting.conn, acting.account
    staff = conn.execute(
        "SELECT id, name_zh, name_en FROM staff WHERE account_id = %s AND active", (account.id,)
    ).fetchone()
    name_zh, name_en = (staff[1], staff[2]) if staff else (account.name_zh, account.name_en)
    number = f"SW{acting.today:%Y}-{attempt_id:06d}"
    code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
    row = conn.execute(
        "INSERT INTO course_certificate (number, check_code, course_id, attempt_id, account_id, staff_id, name_zh,"
        " name_en, title_zh, title_en, issued_on, expires_on)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
        (number, code, course_id, attempt_id, account.id, staff[0] if staff else None, name_zh, name_en, course.zh,
         course.en, acting.today, expires_on(course, acting.today)),
    ).fetchone()  # fmt: skip
    assert row is not None  # noqa: S101 - RETURNING
    acting.audit("issue_course_certificate", course=course.code, number=number)
    if course.gives and staff:
        conn.execute(
            "INSERT INTO course_approval (certificate_id, staff_id, kind, asked_at) VALUES (%s, %s, %s, %s)",
            (row[0], staff[0], course.gives, acting.now),
        )
    return number


def find(acting: Connected, number: str) -> Certificate:
    """A certificate: one's own, or of somebody in the area of whoever keeps the library. Raises NotFoundError."""
    acting.require(Action.TAKE_COURSE)
    with acting.conn.cursor(row_factory=class_row(Certificate)) as cursor:
        found = cursor.execute(_CERTIFICATE + " WHERE c.number = %s", (number,)).fetchone()
    if found is None or not (found.account_id == acting.account.id or _manages(acting, found.account_id)):
        raise NotFoundError(
            en=f"there is no certificate {number!r} for you", zh=f"没有可查看的证书 {number}", field="number"
        )
    return found


def issued(acting: Connected, course: str = "", after: int | None = None) -> list[Certificate]:
    """Certificates of the accounts in the area, the newest first; ``after``: the row after which to go on.

    PAGE + 1 of them, so that it is known whether there are more. Raises NotPermittedError.
    """
    acting.require(Action.MANAGE_LIBRARY)
    with acting.conn.cursor(row_factory=class_row(Certificate)) as cursor:
        return cursor.execute(
            _CERTIFICATE
            + """
            WHERE (%(course)s = '' OR k.code = %(course)s) AND (%(after)s::integer IS NULL OR c.id < %(after)s)
              AND (a.area_path <@ %(area)s::ltree OR a.area_path IS NULL AND EXISTS (
                SELECT FROM family_member f JOIN resident r ON r.id = f.resident_id
                JOIN household h ON h.id = r.household_id JOIN area p ON p.id = h.area_id
                WHERE f.account_id = a.id AND p.path <@ %(area)s::ltree))
            ORDER BY c.id DESC LIMIT %(most)s
            """,
            {"course": course, "after": after, "area": acting.account.area_path, "most": PAGE + 1},
        ).fetchall()


def revoke(acting: Connected, number: str, why: str) -> None:
    """Take a certificate back, for good; the staff records are changed apart. Raises ProvisioningError."""
    acting.require(Action.MANAGE_LIBRARY)
    if not why.strip():
        raise ProvisioningError(en="say why it is taken back", zh="请写明撤销原因", field="why")
    with acting.conn.transaction():
        found = find(acting, number)
        done = acting.conn.execute(
            "UPDATE course_certificate SET revoked_at = %s, revoked_by = %s, revoked_why = %s"
            " WHERE id = %s AND revoked_at IS NULL",
            (acting.now, acting.account.name_zh, why.strip()[:500], found.id),
        )
        if not done.rowcount:
            raise ChangedMeanwhileError(en="it was taken back before", zh="该证书此前已被撤销")
        acting.audit("revoke_course_certificate", number=number, reason=why.strip()[:200])


def plain_code(typed: str) -> str:
    """A code as somebody typed it, in its plain form; empty where it cannot be one."""
    plain = typed.strip().upper()[:60].translate(_ALIKE)
    return plain if len(plain) == CODE_LENGTH and set(plain) <= set(ALPHABET) else ""


def grouped(code: str) -> str:
    """A code in groups of four, as it is printed."""
    return "-".join(code[place : place + 4] for place in range(0, len(code), 4))


def verify(conn: Connection[Any], typed: str) -> Verified | None:
    """Look up the certificate with this code; None: there is none. Nobody is asked who they are."""
    code = plain_code(typed)
    if not code:
        return None
    row = conn.execute("SELECT * FROM course_certificate_of(%s)", (code,)).fetchone()
    return None if row is None else Verified(*row)


def waiting(acting: Connected) -> list[Asked]:
    """Requests that wait for a decision, of staff in the account's area, the oldest first."""
    acting.require(Action.MANAGE_STAFF)
    with acting.conn.cursor(row_factory=class_row(Asked)) as cursor:
        return cursor.execute(
            _ASKED + " WHERE q.state = 'waiting' AND p.path <@ %s::ltree ORDER BY q.id LIMIT 200",
            (acting.account.area_path,),
        ).fetchall()


def decide(acting: Connected, asked_id: int, *, good: bool, reason: str = "") -> None:
    """Enter a course's certificate in the staff records, or refuse it; in force at once.

    Nobody decides on their own. Raises NotPermittedError, ChangedMeanwhileError where it was decided before,
    ProvisioningError where a refusal has no reason or the certificate that is there is good for longer.
    """
    acting.require(Action.MANAGE_STAFF)
    reason = reason.strip()[:500]
    if not good and not reason:
        raise ProvisioningError(en="say why it is refused", zh="请写明不予登记的原因", field="reason")
    with acting.conn.transaction():
        with acting.conn.cursor(row_factory=class_row(Asked)) as cursor:
            one = cursor.execute(_ASKED + " WHERE q.id = %s", (asked_id,)).fetchone()
        if one is None or not in_area(acting.account, one.path):
            raise NotFoundError(
                en="there is no such request in your area", zh="您的管辖区域内没有这项申请", field="number"
            )
        if one.account_id == acting.account.id:
            raise NotPermittedError(
                en="somebody else has to decide on your own certificate", zh="本人的证书须由他人登记"
            )
        done = acting.conn.execute(
            "UPDATE course_approval SET state = %s, decided_at = %s, decided_by = %s, decided_name = %s, reason = %s"
            " WHERE id = %s AND state = 'waiting'",
            (
                "approved" if good else "refused",
                acting.now,
                acting.account.id,
                acting.account.name_zh,
                reason,
                asked_id,
            ),
        )
        if not done.rowcount:
            raise ChangedMeanwhileError(en="somebody decided on it before", zh="该申请已有人处理")
        if good:
            _enter(acting, one)
        acting.audit("approve_course" if good else "refuse_course", staff=one.staff, kind=one.kind, number=one.number)


def _enter(acting: Connected, one: Asked) -> None:
    """Write the certificate into the staff records: a new one, or new dates of the one that is there."""
    network = Network(acting.conn, acting.account, at=acting.now, origin=acting.origin)
    fields: dict[str, Any] = {"number": one.number, "issued_on": one.issued_on, "expires_on": one.expires_on}
    there = acting.conn.execute(
        "SELECT c.version, c.expires_on FROM staff_certificate c JOIN staff s ON s.id = c.staff_id"
        " WHERE s.code = %s AND c.kind = %s",
        (one.staff, one.kind),
    ).fetchone()
    if there is None:
        network.add("certificate", {"staff": one.staff, "kind": one.kind, **fields})
        return
    if one.expires_on is not None and (there[1] is None or there[1] > one.expires_on):
        raise ProvisioningError(
            en="the certificate in the staff records is good for longer: there is nothing to enter",
            zh="人员档案中的证书有效期更长，无需登记",
            field="number",
        )
    network.change("certificate", (one.staff, one.kind), there[0], fields)


def _manages(acting: Connected, account_id: int) -> bool:
    """Whether the account keeps the library of an area that the other account belongs to."""
    account: Account = acting.account
    if not may_do(account, Action.MANAGE_LIBRARY):
        return False
    row = acting.conn.execute(
        """
        SELECT FROM account a WHERE a.id = %(other)s AND (a.area_path <@ %(area)s::ltree OR EXISTS (
            SELECT FROM family_member f JOIN resident r ON r.id = f.resident_id
            JOIN household h ON h.id = r.household_id JOIN area p ON p.id = h.area_id
            WHERE f.account_id = a.id AND p.path <@ %(area)s::ltree))
        """,
        {"other": account_id, "area": account.area_path},
    ).fetchone()
    return row is not None
