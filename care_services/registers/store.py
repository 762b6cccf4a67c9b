"""SQL of registers: residents to match with, imports, lines and differences."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from care_network.medical.keyring import KeyRing, SealedNote
from care_services.registers.matching import Before, Known, Ours, Verdict
from care_services.registers.reading import Said


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """A register as it came in once."""

    id: int
    register: str
    area_path: str
    source: str | None
    """The name of the platform it was fetched from; None: a file."""
    name: str
    sha256: str
    taken_on: dt.date
    complete: bool
    lines: int
    counts: dict[str, int]
    """Lines by verdict, as it came in."""
    at: dt.datetime
    by_zh: str | None
    by_en: str | None
    open: int
    """Lines on which something is still to be done."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line with its verdict, as it is now."""

    id: int
    import_id: int
    number: int
    verdict: str
    resident_id: int | None
    code: str | None
    name_zh: str | None
    candidates: list[int]
    said: dict[str, str]
    key_id: str
    nonce: bytes
    ciphertext: bytes
    reason_zh: str
    reason_en: str
    settled_at: dt.datetime | None
    settled_as: str | None
    settled_for: str
    by_zh: str | None
    by_en: str | None
    version: int

    @property
    def sealed(self) -> SealedNote:
        """The line as it stands in the file, with the identity number, encrypted."""
        return SealedNote(self.key_id, self.nonce, self.ciphertext)


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A difference with its newest decision."""

    id: int
    line_id: int
    field: str
    kind: str
    ours: str
    theirs: str
    before: str
    choice: str | None
    reason: str | None
    by_zh: str | None
    by_en: str | None
    at: dt.datetime | None


class Sealed(msgspec.Struct, frozen=True):
    """The encrypted part of a line."""

    cells: tuple[str, ...]
    identity: str = ""


_OURS = """
    SELECT r.id, r.code, r.name_zh AS name, r.sex, r.birth_date::text AS birth_date, h.phone, h.address_zh AS address,
           d.digest, coalesce(l.reason, '') AS left, t.traits
    FROM resident r JOIN household h ON h.id = r.household_id AND NOT h.synthetic
    JOIN area a ON a.id = h.area_id AND a.path <@ %(area)s::text::ltree
    LEFT JOIN identity_document d ON d.resident_id = r.id
    LEFT JOIN resident_leaving l ON l.resident_id = r.id AND l.back_at IS NULL
    LEFT JOIN LATERAL (SELECT jsonb_object_agg(trait, holds) AS traits FROM resident_trait t
                       WHERE t.resident_id = r.id AND t.valid_from <= %(on)s
                         AND (t.valid_until IS NULL OR t.valid_until > %(on)s)) t ON true
    WHERE %(ids)s::integer[] IS NULL OR r.id = ANY(%(ids)s)
"""


def known(conn: Connection[Any], area: str, on: dt.date, among: Sequence[int] | None = None) -> Known:
    """The residents of an area (``among``: of these alone), to be found by what a line says."""
    residents, digests = [], {}
    with conn.cursor(row_factory=dict_row) as cursor:
        for row in cursor.execute(_OURS, {"area": area, "on": on, "ids": None if among is None else list(among)}):
            fields = {name: row[name] or "" for name in ("name", "sex", "birth_date", "phone", "address")}
            residents.append(
                Ours(id=row["id"], code=row["code"], fields=fields, has_identity=row["digest"] is not None,
                     traits=row["traits"] or {}, left=row["left"])
            )  # fmt: skip
            if row["digest"] is not None:
                digests[bytes(row["digest"])] = row["id"]
    return Known(residents, digests)


def before(
    conn: Connection[Any], register: str, residents: Iterable[int], until: int | None = None
) -> dict[int, Before]:
    """The same register's words on residents the time before (``until``: before that import), and the decisions."""
    rows = conn.execute(
        """
        WITH line AS (
            SELECT l.id, l.resident_id, l.said, l.verdict, i.taken_on
            FROM register_line l JOIN register_import i ON i.id = l.import_id AND i.register = %s
            WHERE l.resident_id = ANY(%s) AND (%s::bigint IS NULL OR l.import_id < %s)
        ), kept AS (
            SELECT DISTINCT ON (line.resident_id, d.field) line.resident_id, d.field, d.theirs, d.choice
            FROM line JOIN register_difference d ON d.line_id = line.id AND d.choice IN ('ours', 'theirs')
            ORDER BY line.resident_id, d.field, d.id DESC
        )
        SELECT DISTINCT ON (resident_id) resident_id, said,
               (SELECT jsonb_object_agg(field, theirs) FROM kept
                WHERE kept.resident_id = line.resident_id AND choice = 'ours')
        FROM line WHERE verdict <> 'gone' ORDER BY resident_id, taken_on DESC, id DESC
        """,
        (register, list(residents), until, until),
    )
    return {row[0]: Before(row[1], row[2] or {}) for row in rows}


def last_complete(conn: Connection[Any], register: str, area: str) -> list[int]:
    """The residents whom the newest complete register of the area named."""
    rows = conn.execute(
        "SELECT l.resident_id FROM register_line l WHERE l.verdict <> 'gone' AND l.resident_id IS NOT NULL"
        " AND l.import_id = (SELECT max(id) FROM register_import WHERE register = %s AND area_path = %s::text::ltree"
        " AND complete)",
        (register, area),
    )
    return [row[0] for row in rows]


def same_import(conn: Connection[Any], register: str, area: str, fingerprint: str) -> int | None:
    """The import of the very same file, read in the same way; None where it is new."""
    row = conn.execute(
        "SELECT id FROM register_import WHERE register = %s AND area_path = %s::text::ltree AND fingerprint = %s",
        (register, area, fingerprint),
    ).fetchone()
    return None if row is None else int(row[0])


def newest_day(conn: Connection[Any], register: str, area: str) -> dt.date | None:
    """The latest day of which a register of the area that was taken in tells; None: none was."""
    row = conn.execute(
        "SELECT max(taken_on) FROM register_import WHERE register = %s AND area_path = %s::text::ltree",
        (register, area),
    ).fetchone()
    return None if row is None else row[0]


def insert_import(conn: Connection[Any], values: dict[str, Any]) -> int:
    """Write the head of an import."""
    row = conn.execute(
        "INSERT INTO register_import (register, area_path, source_id, name, sha256, fingerprint, taken_on, complete,"
        " mapping, lines, counts, account_id, at) VALUES (%(register)s, %(area)s::text::ltree, %(source)s, %(name)s,"
        " %(sha256)s, %(fingerprint)s, %(taken_on)s, %(complete)s, %(mapping)s, %(lines)s, %(counts)s, %(account)s,"
        " %(at)s) RETURNING id",
        {**values, "mapping": Jsonb(values["mapping"]), "counts": Jsonb(values["counts"])},
    ).fetchone()
    assert row is not None  # noqa: S101 - RETURNING
    return int(row[0])


def insert_lines(
    conn: Connection[Any],
    ring: KeyRing,
    number: int,
    lines: Sequence[tuple[Verdict, Said | None, bytes | None, Sealed]],
    at: dt.datetime,
) -> None:
    """Write the lines of an import and their differences. Lines that are the same are settled at once."""
    rows = []
    for verdict, said, digest, cells in lines:
        sealed = ring.seal(msgspec.json.encode(cells), about(number, verdict.number))
        settled = verdict.verdict == "same"
        rows.append((
            number, verdict.number, verdict.verdict, verdict.resident, list(verdict.candidates),
            Jsonb(said.fields if said else {}), digest, *msgspec.structs.astuple(sealed), verdict.zh, verdict.en,
            at if settled else None, "nothing" if settled else None,
        ))  # fmt: skip
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO register_line (import_id, number, verdict, resident_id, candidates, said, digest, key_id,"
            " nonce, ciphertext, reason_zh, reason_en, settled_at, settled_as)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            rows,
        )
        ids = dict(cursor.execute("SELECT number, id FROM register_line WHERE import_id = %s", (number,)).fetchall())
        cursor.executemany(
            "INSERT INTO register_difference (line_id, field, kind, ours, theirs, before)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            [
                (ids[verdict.number], one.field, one.kind, one.ours, one.theirs, one.before)
                for verdict, *_ in lines for one in verdict.differences
            ],
        )  # fmt: skip


def keys_in_use(conn: Connection[Any]) -> set[str]:
    """The ids of the keys with which lines are encrypted."""
    return {row[0] for row in conn.execute("SELECT DISTINCT key_id FROM register_line")}


def reseal(conn: Connection[Any], ring: KeyRing) -> int:
    """Encrypt all lines with the newest key; returns how many were under another. Safe to break off and repeat."""
    done = 0
    while True:
        with conn.transaction(), conn.cursor() as cursor:
            rows = cursor.execute(
                "SELECT id, import_id, number, key_id, nonce, ciphertext FROM register_line WHERE key_id <> %s"
                " ORDER BY id LIMIT 500 FOR UPDATE",
                (ring.newest,),
            ).fetchall()
            fresh = []
            for line, number, place, *sealed in rows:
                words = about(number, place)
                again = ring.seal(ring.open(SealedNote(*sealed), words), words)
                fresh.append((*msgspec.structs.astuple(again), line))
            cursor.executemany("UPDATE register_line SET key_id = %s, nonce = %s, ciphertext = %s WHERE id = %s", fresh)
        if not rows:
            return done
        done += len(rows)


def about(number: int, line: int) -> str:
    """The words that bind a sealed line to its row."""
    return f"register {number} line {line}"


_IMPORTS = """
    SELECT i.id, i.register, i.area_path::text AS area_path, s.name_zh AS source, i.name, i.sha256, i.taken_on,
           i.complete, i.lines, i.counts, i.at, a.name_zh AS by_zh, a.name_en AS by_en,
           (SELECT count(*) FROM register_line l WHERE l.import_id = i.id AND l.settled_at IS NULL) AS open
    FROM register_import i LEFT JOIN account a ON a.id = i.account_id
    LEFT JOIN register_source s ON s.id = i.source_id
"""


def imports(conn: Connection[Any], area: str, *, before: int = 0, limit: int = 50) -> list[Import]:
    """Imports below an area, the newest first, from below the number ``before``."""
    with conn.cursor(row_factory=class_row(Import)) as cursor:
        return cursor.execute(
            _IMPORTS + " WHERE i.area_path <@ %s::text::ltree AND (%s = 0 OR i.id < %s) ORDER BY i.id DESC LIMIT %s",
            (area, before, before, limit),
        ).fetchall()


def one_import(conn: Connection[Any], area: str, number: int) -> Import | None:
    """An import below an area; None where there is none."""
    with conn.cursor(row_factory=class_row(Import)) as cursor:
        return cursor.execute(
            _IMPORTS + " WHERE i.area_path <@ %s::text::ltree AND i.id = %s", (area, number)
        ).fetchone()


def waiting_of(conn: Connection[Any], resident: int) -> int:
    """How many lines about a resident wait for a decision."""
    row = conn.execute(
        "SELECT count(*) FROM register_line WHERE resident_id = %s AND settled_at IS NULL", (resident,)
    ).fetchone()
    return 0 if row is None else int(row[0])


def counts(conn: Connection[Any], number: int) -> dict[tuple[str, bool], int]:
    """Lines by verdict and whether they are settled, as it is now."""
    rows = conn.execute(
        "SELECT verdict, settled_at IS NOT NULL, count(*) FROM register_line WHERE import_id = %s GROUP BY 1, 2",
        (number,),
    )
    return {(row[0], row[1]): row[2] for row in rows}


_LINES = """
    SELECT l.id, l.import_id, l.number, l.verdict, l.resident_id, r.code, r.name_zh, l.candidates, l.said, l.key_id,
           l.nonce, l.ciphertext, l.reason_zh, l.reason_en, l.settled_at, l.settled_as, l.settled_for,
           a.name_zh AS by_zh, a.name_en AS by_en, l.version
    FROM register_line l LEFT JOIN resident r ON r.id = l.resident_id LEFT JOIN account a ON a.id = l.settled_by
"""


def lines(
    conn: Connection[Any], number: int, *, verdict: str = "", only_open: bool = False, after: int = 0, limit: int = 50
) -> list[Line]:
    """Lines of an import, by their number, from above ``after``."""
    with conn.cursor(row_factory=class_row(Line)) as cursor:
        return cursor.execute(
            _LINES + " WHERE l.import_id = %(import)s AND l.number > %(after)s"
            " AND (%(verdict)s = '' OR l.verdict = %(verdict)s) AND (NOT %(open)s OR l.settled_at IS NULL)"
            " ORDER BY l.number LIMIT %(limit)s",
            {"import": number, "after": after, "verdict": verdict, "open": only_open, "limit": limit},
        ).fetchall()


def one_line(conn: Connection[Any], line: int, *, lock: bool = False) -> Line | None:
    """A line by its row; None where the viewer sees none."""
    with conn.cursor(row_factory=class_row(Line)) as cursor:
        return cursor.execute(_LINES + " WHERE l.id = %s" + (" FOR UPDATE OF l" if lock else ""), (line,)).fetchone()


def differences(conn: Connection[Any], line_ids: Iterable[int]) -> dict[int, list[Difference]]:
    """The differences of lines, by line, each with its newest decision."""
    found: dict[int, list[Difference]] = {}
    with conn.cursor(row_factory=class_row(Difference)) as cursor:
        for one in cursor.execute(
            """
            SELECT d.id, d.line_id, d.field, d.kind, d.ours, d.theirs, d.before, d.choice, n.reason, a.name_zh AS by_zh,
                   a.name_en AS by_en, n.at
            FROM register_difference d
            LEFT JOIN LATERAL (SELECT reason, account_id, at FROM register_decision x WHERE x.difference_id = d.id
                               ORDER BY x.id DESC LIMIT 1) n ON true
            LEFT JOIN account a ON a.id = n.account_id
            WHERE d.line_id = ANY(%s) ORDER BY d.id
            """,
            (list(line_ids),),
        ):
            found.setdefault(one.line_id, []).append(one)
    return found


def decide(
    conn: Connection[Any], difference: int, choice: str, reason: str, account: int, at: dt.datetime,
    batch: int | None = None,
) -> None:  # fmt: skip
    """Write a decision down, of many at once where ``batch`` is given; those of before stay."""
    conn.execute("UPDATE register_difference SET choice = %s WHERE id = %s", (choice, difference))
    conn.execute(
        "INSERT INTO register_decision (difference_id, choice, reason, account_id, at, batch_id)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (difference, choice, reason, account, at, batch),
    )


def settle(conn: Connection[Any], line: int, how: str, reason: str, account: int, at: dt.datetime) -> None:
    """Write down that nothing is to be done on a line any more."""
    conn.execute(
        "UPDATE register_line SET settled_at = %s, settled_by = %s, settled_as = %s, settled_for = %s,"
        " version = version + 1 WHERE id = %s",
        (at, account, how, reason, line),
    )
