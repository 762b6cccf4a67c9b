"""Bulk exports in the database: asked for, found, deleted, ended by their time."""

import datetime as dt
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from psycopg.rows import class_row

from care_network.access.machine_tokens import Machine, MachineScope
from database.rights.machine_rows import MACHINE_SETTING
from exchange.fhir import people
from exchange.fhir.search import FIRST
from exchange.shell.errors import ExchangeError

TYPES: dict[str, MachineScope] = {
    "Patient": MachineScope.PATIENT_READ,
    "Device": MachineScope.DEVICE_READ,
    "DeviceMetric": MachineScope.DEVICE_READ,
    "Observation": MachineScope.OBSERVATION_READ,
    "DetectedIssue": MachineScope.ALERT_READ,
    "Flag": MachineScope.ALERT_READ,
}
"""Types of resources, with the scope that opens each."""
AT_ONCE = 2
"""Exports of one system that are under way."""


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """One bulk export."""

    id: uuid.UUID
    account_id: int
    token_id: int
    request: str
    types: list[str]
    since: dt.datetime | None
    until: dt.datetime
    residents: list[int]
    done: int
    state: str
    problem_zh: str
    problem_en: str
    created_at: dt.datetime
    expires_at: dt.datetime


class File(msgspec.Struct, frozen=True):
    """One file of an export."""

    number: int
    type: str
    count: int
    bytes: int


_COLUMNS = (
    b"SELECT id, account_id, token_id, request, types, since, until, residents, done, state, problem_zh, problem_en,"
    b" created_at, expires_at FROM exchange_export "
)


def begin(
    conn: psycopg.Connection[Any], machine: Machine, types: Sequence[str] | None, since: dt.datetime, request: str,
    now: dt.datetime, hours: int,
) -> Export:  # fmt: skip
    """Write an export down, to be made beside the requests. Raises ExchangeError."""
    unknown = sorted(set(types or ()) - set(TYPES))
    if unknown:
        raise ExchangeError(
            400, en=f"_type knows {', '.join(TYPES)}; not {unknown[0][:40]!r}", zh=f"_type 可为 {'、'.join(TYPES)}"
        )
    wanted = [one for one in TYPES if (types is None or one in types) and TYPES[one] in machine.scopes]
    if not wanted:
        raise ExchangeError(
            403, en="this token has no scope for any of these types", zh="此令牌没有读取这些类型的权限范围"
        )
    conn.execute("SELECT pg_advisory_xact_lock(%s, %s)", (0x4558504F, machine.account.id))
    row = conn.execute(
        "SELECT count(*) FROM exchange_export WHERE account_id = %s AND state IN ('waiting', 'running')",
        (machine.account.id,),
    ).fetchone()
    if row is not None and row[0] >= AT_ONCE:
        raise ExchangeError(
            429, en=f"{AT_ONCE} exports are under way: wait for them, or delete one",
            zh=f"已有 {AT_ONCE} 个导出正在进行，请等待或删除其一", headers={"Retry-After": "60"},
        )  # fmt: skip
    who = [one["id"] for one in people.patients(conn, machine.token_id, limit=2**31 - 1)]
    number = uuid.uuid4()
    conn.execute(
        """
        INSERT INTO exchange_export (id, account_id, token_id, request, types, since, until, residents, created_at,
                                     expires_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            number, machine.account.id, machine.token_id, request[:2000], wanted, None if since <= FIRST else since,
            now, who, now, now + dt.timedelta(hours=hours),
        ),
    )  # fmt: skip
    return find(conn, machine, number)


def find(conn: psycopg.Connection[Any], machine: Machine, number: uuid.UUID) -> Export:
    """An export of the machine's account. Raises ExchangeError for another's, a deleted or an expired one."""
    with conn.cursor(row_factory=class_row(Export)) as cursor:
        found = cursor.execute(
            _COLUMNS + b"WHERE id = %s AND account_id = %s AND state <> 'deleted' AND expires_at > now()",
            (number, machine.account.id),
        ).fetchone()
    if found is None:
        raise ExchangeError(
            404, en="there is no such export: it was deleted, or its time is over", zh="没有此导出：已删除或已过期"
        )
    return found


def files(conn: psycopg.Connection[Any], number: uuid.UUID) -> list[File]:
    """The files of an export that have something in them."""
    with conn.cursor(row_factory=class_row(File)) as cursor:
        return cursor.execute(
            "SELECT number, type, count, bytes FROM exchange_export_file WHERE export_id = %s AND count > 0"
            " ORDER BY number",
            (number,),
        ).fetchall()


def all_agree(conn: psycopg.Connection[Any], export: Export) -> bool:
    """Whether everybody in it still agrees: after somebody took the consent back, nothing is given out."""
    row = conn.execute(
        """
        SELECT count(*) FROM unnest(%s::int[]) AS asked(id) WHERE NOT EXISTS (
            SELECT FROM exchange_consent c
            WHERE c.resident_id = asked.id AND c.account_id = %s AND c.withdrawn_at IS NULL)
        """,
        (export.residents, export.account_id),
    ).fetchone()
    return row is not None and row[0] == 0


def delete(conn: psycopg.Connection[Any], folder: Path, number: uuid.UUID) -> None:
    """End an export and remove its files."""
    conn.execute("UPDATE exchange_export SET state = 'deleted' WHERE id = %s", (number,))
    shutil.rmtree(folder / str(number), ignore_errors=True)


def next_open(conn: psycopg.Connection[Any]) -> Export | None:
    """The oldest export that is not made yet; from now on the connection sees the rows of its token."""
    row = conn.execute("SELECT next_export()").fetchone()
    number = row[0] if row else None
    conn.execute("SELECT set_config(%s, %s, false)", (MACHINE_SETTING, f"export:{number}" if number else ""))
    if number is None:
        return None
    with conn.cursor(row_factory=class_row(Export)) as cursor:
        return cursor.execute(_COLUMNS + b"WHERE id = %s AND state IN ('waiting', 'running')", (number,)).fetchone()


def clean(conn: psycopg.Connection[Any], folder: Path) -> None:
    """Remove what is over."""
    for (number,) in conn.execute("SELECT end_exports()").fetchall():
        shutil.rmtree(folder / str(number), ignore_errors=True)
