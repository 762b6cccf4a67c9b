"""Read confirmations: one's own, and who of the readers has not confirmed the version in force."""

import datetime as dt
from typing import LiteralString

import msgspec
from psycopg.rows import class_row

from care_network.access.permissions import Action
from care_network.errors import ChangedMeanwhileError, ProvisioningError
from care_services.core.connected import Connected
from care_services.core.notices import withdraw
from care_services.library.documents.keeping import Document, find
from care_services.library.reminding import UNREAD, unread_key

LIMIT = 100


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    """An account that has to read a document."""

    account_id: int
    login: str
    name_zh: str
    name_en: str
    role: str
    organisation_zh: str | None
    organisation_en: str | None
    at: dt.datetime | None
    """When the version in force was confirmed; None: not yet."""


class Tally(msgspec.Struct, frozen=True):
    """How many have to read a document, and how many have confirmed the version in force."""

    readers: int
    confirmed: int

    @property
    def missing(self) -> int:
        """Those who have not."""
        return self.readers - self.confirmed


_SETS: LiteralString = """
    WITH doc AS MATERIALIZED (
        SELECT d.id, d.roles, d.organisations, d.area, v.id AS version_id
        FROM library_document d LEFT JOIN LATERAL (
            SELECT id FROM library_version v WHERE v.document_id = d.id AND v.valid_from <= %(today)s
            ORDER BY v.valid_from DESC, v.number DESC LIMIT 1) v ON true
        WHERE d.id = ANY (%(documents)s)),
    works AS MATERIALIZED (
        SELECT account_id, organisation_id FROM staff WHERE active AND account_id IS NOT NULL),
    reader AS MATERIALIZED (
        SELECT a.id, a.login, a.name_zh, a.name_en, a.role, a.area_path, s.organisation_id
        FROM account a LEFT JOIN works s ON s.account_id = a.id
        WHERE a.active AND a.role <> 'family' AND a.area_path <@ %(area)s::ltree)
"""
_READERS: LiteralString = (
    _SETS  # noqa: S608 - of constants
    + """,
    done AS MATERIALIZED (
        SELECT r.version_id, r.account_id, r.at FROM library_read r
        WHERE r.version_id IN (SELECT version_id FROM doc)),
    due AS (
        SELECT d.id AS document_id, a.id, a.login, a.name_zh, a.name_en, a.role, a.organisation_id, r.at
        FROM doc d JOIN reader a ON a.role = ANY (d.roles) AND a.area_path <@ d.area
          AND (d.organisations = '{}' OR a.organisation_id = ANY (d.organisations))
        LEFT JOIN done r ON r.version_id = d.version_id AND r.account_id = a.id)
"""
)
# documents of one audience are counted once, for a list of fifty has few audiences; and each confirmation is put beside
# its reader, or each reader would be looked for in each document
_TALLIES: LiteralString = (
    _SETS  # noqa: S608 - of constants
    + """,
    audience AS (
        SELECT d.roles, d.organisations, d.area, count(a.id)::integer AS readers
        FROM (SELECT DISTINCT roles, organisations, area FROM doc) d
        JOIN reader a ON a.role = ANY (d.roles) AND a.area_path <@ d.area
          AND (d.organisations = '{}' OR a.organisation_id = ANY (d.organisations))
        GROUP BY d.roles, d.organisations, d.area),
    -- OFFSET 0: by the index of each version, and not through all confirmations there ever were
    given AS MATERIALIZED (
        SELECT d.id, d.roles, d.organisations, d.area, r.account_id FROM doc d
        CROSS JOIN LATERAL (SELECT account_id FROM library_read WHERE version_id = d.version_id OFFSET 0) r),
    done AS (
        SELECT d.id, count(*)::integer AS confirmed
        FROM given d JOIN reader a ON a.id = d.account_id AND a.role = ANY (d.roles) AND a.area_path <@ d.area
          AND (d.organisations = '{}' OR a.organisation_id = ANY (d.organisations))
        GROUP BY d.id)
    SELECT d.id, t.readers, coalesce(n.confirmed, 0) FROM doc d
    JOIN audience t ON (t.roles, t.organisations, t.area) = (d.roles, d.organisations, d.area)
    LEFT JOIN done n ON n.id = d.id
"""
)


def confirm(acting: Connected, code: str, number: int) -> None:
    """Confirm that one has read a version. Raises ProvisioningError where it is none that one has to read,
    ChangedMeanwhileError where another one is in force by now."""
    with acting.conn.transaction():
        document = find(acting, code)
        if not document.mine or document.version_id is None:
            raise ProvisioningError(
                en="this is none that you have to read", zh="您不在该文件的阅读人范围内", field="document"
            )
        if document.number != number:
            raise ChangedMeanwhileError(
                en=f"version {document.number} is in force now: read that one",
                zh=f"现行版本已是第 {document.number} 版，请阅读新版",
            )
        done = acting.conn.execute(
            "INSERT INTO library_read (version_id, account_id, at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            (document.version_id, acting.account.id, acting.now),
        )
        if done.rowcount:
            withdraw(acting.conn, UNREAD, [unread_key(code, number, acting.account.id)])
            acting.audit("confirm_document", document=code, number=number)


def tallies(acting: Connected, documents: list[Document]) -> dict[int, Tally]:
    """How many of the account's area have to read each document and have confirmed it, by the document's row."""
    rows = acting.conn.execute(
        _TALLIES,
        {"area": acting.account.area_path, "today": acting.today, "documents": [one.id for one in documents]},
    ).fetchall()
    return {row[0]: Tally(row[1], row[2]) for row in rows}


class Unit(msgspec.Struct, frozen=True):
    """An organisation with its readers; of accounts of nobody on the staff: without a code."""

    code: str
    name_zh: str
    name_en: str
    readers: int
    confirmed: int


def units(acting: Connected, code: str) -> list[Unit]:
    """How many of each organisation have to read a document and have, those with the most missing first."""
    acting.require(Action.MANAGE_LIBRARY)
    document = find(acting, code)
    with acting.conn.cursor(row_factory=class_row(Unit)) as cursor:
        return cursor.execute(
            _READERS  # noqa: S608 - of constants
            + """
            SELECT coalesce(o.code, '') AS code, coalesce(o.name_zh, '不在人员名册') AS name_zh,
                   coalesce(o.name_en, 'not on the staff') AS name_en, count(*)::integer AS readers,
                   count(at)::integer AS confirmed
            FROM due LEFT JOIN organisation o ON o.id = due.organisation_id
            GROUP BY o.code, o.name_zh, o.name_en ORDER BY count(*) - count(at) DESC, o.code LIMIT 200
            """,
            {"area": acting.account.area_path, "today": acting.today, "documents": [document.id]},
        ).fetchall()


def readers(
    acting: Connected, code: str, *, missing: bool = True, unit: str | None = None, after: str = ""
) -> list[Reader]:
    """List who has to read a document, of the account's area, by login; ``missing``: only who has not confirmed it.

    ``unit``: only of this organisation ('': of none). LIMIT + 1 of them.

    Raises NotPermittedError where the role does not manage the library.
    """
    acting.require(Action.MANAGE_LIBRARY)
    document = find(acting, code)
    with acting.conn.cursor(row_factory=class_row(Reader)) as cursor:
        return cursor.execute(
            _READERS  # noqa: S608 - of constants
            + """
            SELECT due.id AS account_id, login, due.name_zh, due.name_en, role, o.name_zh AS organisation_zh,
                   o.name_en AS organisation_en, at
            FROM due LEFT JOIN organisation o ON o.id = due.organisation_id
            WHERE login > %(after)s AND (NOT %(missing)s OR at IS NULL)
              AND (%(unit)s::text IS NULL OR coalesce(o.code, '') = %(unit)s) ORDER BY login LIMIT %(most)s
            """,
            {
                "area": acting.account.area_path, "today": acting.today, "documents": [document.id], "after": after,
                "missing": missing, "unit": unit, "most": LIMIT + 1,
            },
        ).fetchall()  # fmt: skip
