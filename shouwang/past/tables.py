"""Collect rows by table and write them by COPY, in the order in which tables refer to each other."""

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql

COLUMNS: Mapping[str, str] = {
    "alert": "id rule rule_version severity subject household_id resident_id state version onset sensed_at received_at"
    " raised_at stored_at reason_zh reason_en evidence outcome policy step round next_step_at"
    " closed_at owner_id owner_zh owner_en",
    "alert_finding": "alert_id at verdict cause injury hospital actions account_id",
    "call_attempt": "alert_id called_kind called_key started_at answered_at ended_at result account_id actor origin"
    " answer",
    "notification": "alert_id reason step round recipient_kind recipient_key at due_at state settled_at",
    "sla_breach": "alert_id milestone target_s due_at noticed_at organisation_id",
    "work_order": "id alert_id service urgency household_id resident_id due_at reason_zh reason_en state version"
    " staff_id asked created_at created_by done_at",
    "alert_event": "alert_id at action from_state to_state account_id actor origin outcome note note_en",
    "work_order_event": "order_id at action from_state to_state staff_id account_id actor origin note detail",
    "handover_alert": "handover_id alert_id state version",
    "work_order_rating": "order_id rated_by stars words at account_id",
}
"""In the order in which they are written."""
BY_TIME = frozenset({"alert_event", "work_order_event", "call_attempt"})
"""Histories are read by number, which has to follow the time."""


class Rows:
    """Rows that are to be written, by table; each with the columns of :data:`COLUMNS`."""

    def __init__(self) -> None:
        self._rows: dict[str, list[dict[str, Any]]] = {table: [] for table in COLUMNS}

    def add(self, table: str, **row: Any) -> dict[str, Any]:
        """Add a row and return it; columns that are left out are NULL."""
        unknown = row.keys() - set(COLUMNS[table].split())
        if unknown:
            raise ValueError(f"{table} has no column {', '.join(sorted(unknown))}")
        self._rows[table].append(row)
        return row

    def counts(self) -> dict[str, int]:
        """Count the rows of each table."""
        return {table: len(rows) for table, rows in self._rows.items()}

    def write(self, cursor: psycopg.Cursor[Any]) -> None:
        """Write them; part of the caller's transaction."""
        for table, rows in self._rows.items():
            names = COLUMNS[table].split()
            if table in BY_TIME:
                rows.sort(key=lambda row: row["at"] if "at" in row else row["started_at"])
            into = sql.SQL("COPY {} ({}) FROM STDIN").format(
                sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, names))
            )
            with cursor.copy(into) as copy:
                for row in rows:
                    copy.write_row([row.get(name) for name in names])
