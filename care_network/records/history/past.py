"""Read records as they were: the tables of today with the changes since then taken back, under the tables' names."""

import datetime as dt
import re
from typing import Any

from psycopg import Connection, sql

from care_network.errors import ProvisioningError
from care_network.records.history import changes
from care_network.records.kinds import Kind
from vocabulary.times import SHANGHAI, local_time

_NEVER = 2**62
"""A change that is not there yet."""

_LATER = """
    later AS MATERIALIZED (
        SELECT c.record, c.row_id, bool_or(c.operation = 'add') AS born,
               coalesce(jsonb_object_agg(e.key, e.value ORDER BY c.id DESC) FILTER (WHERE e.key IS NOT NULL), '{{}}')
                   || jsonb_build_object('id', c.row_id) AS was
        FROM record_change c LEFT JOIN LATERAL jsonb_each(c.before) e ON true
        WHERE c.record IN ({tables}) AND (c.at > {moment} OR c.id >= {change})
        GROUP BY c.record, c.row_id)
"""
"""Of each row that was changed since: whether it was there, and its columns of then (of several changes the first)."""

_THEN = """
    {table} AS (
        SELECT x.* FROM public.{table} x
        WHERE NOT EXISTS (SELECT FROM later l WHERE l.record = {name} AND l.row_id = x.id)
        UNION ALL
        SELECT was.* FROM later l LEFT JOIN public.{table} x ON x.id = l.row_id
            CROSS JOIN LATERAL jsonb_populate_record(x, l.was) was
        WHERE l.record = {name} AND NOT l.born)
"""


def at_moment(kind: Kind, moment: dt.datetime | None, before_change: int | None = None) -> sql.Composed:
    """Build the head of a query over ``kind.select`` that reads the tables as of a moment.

    With ``before_change`` as they were before that change. With neither: nothing, the tables of now.
    """
    if moment is None and before_change is None:
        return sql.Composed([])
    named = re.findall(r"\b(?:FROM|JOIN) (\w+)", kind.select)
    tables = sorted({table for table in named if table in changes.KIND_OF_TABLE})
    later = sql.SQL(_LATER).format(
        tables=sql.SQL(", ").join(map(sql.Literal, tables)),
        moment=sql.Literal(moment) if moment else sql.SQL("'infinity'::timestamptz"),
        change=sql.Literal(before_change if before_change is not None else _NEVER),
    )
    then = [sql.SQL(_THEN).format(table=sql.Identifier(table), name=sql.Literal(table)) for table in tables]
    return sql.SQL("WITH {} ").format(sql.SQL(", ").join([later, *then]))


def moment_of(text: str, now: dt.datetime) -> dt.datetime | None:
    """Read the moment of "as of": of a day its end in Shanghai; None for '' and for what has not come: now.

    Raises ValueError, with an example, for text that is no time.
    """
    if not text:
        return None
    moment = local_time(text)
    if len(text) == len("2026-11-29"):
        moment += dt.timedelta(days=1)
    return None if moment >= now else moment


def check_known(conn: Connection[Any], moment: dt.datetime) -> None:
    """Refuse a moment of which nothing is known. Raises ProvisioningError, which names when the history begins."""
    begins = changes.since(conn)
    if moment < begins:
        text = begins.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
        raise ProvisioningError(
            en=f"how it was then is unknown: the history begins at {text} (Shanghai)",
            zh=f"当时的情况未知：变更记录自 {text} 起",
            field="as_of",
        )
