"""A settlement as a table for a spreadsheet: a line for each visit or difference, and the sums as they were frozen.

It is given out part by part, each read by itself: the answer begins at once, no memory holds a year of visits, and a
slow reader holds no connection. Lines that are settled never change, so that the parts belong together.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from psycopg import Connection

from care_network.access.permissions import Action
from care_network.errors import NotFoundError
from care_network.importing.tables import as_text
from care_services.core.acting import Acting
from care_services.core.money import in_yuan
from care_services.home_services.settlement import settling

HEADS = (
    "时间 time", "服务单 visit", "老人编号 code", "姓名 name", "服务项目 service", "类别 kind", "时长（分钟）minutes",
    "金额（元）amount", "补贴（元）subsidy", "自付（元）own",
)  # fmt: skip
PART = 5000
"""Lines of a part."""
_OVER = -1
"""The position behind the sums."""

_LINES = """
    SELECT l.id, to_char(o.planned_start AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD HH24:MI'), l.order_id, r.code,
           r.name_zh, c.name_zh, l.kind, l.minutes, (l.amount_fen / 100.0)::numeric(12, 2)::text,
           (l.subsidy_fen / 100.0)::numeric(12, 2)::text, (l.own_fen / 100.0)::numeric(12, 2)::text
    FROM (
        SELECT * FROM settlement_line
        WHERE settlement_id = (SELECT s.id FROM settlement s WHERE s.number = %s) AND id > %s
        ORDER BY id LIMIT %s
    ) l JOIN service_order o ON o.id = l.order_id
    JOIN care_service c ON c.code = o.service JOIN resident r ON r.id = o.resident_id
    JOIN household h ON h.id = r.household_id AND NOT h.synthetic
    ORDER BY l.id
"""


def heads(conn: Connection[Any], acting: Acting, number: str) -> tuple[bytes, settling.Sums]:
    """The line of heads with a byte order mark, and the sums, for who settles; the export is in the audit.

    Raises NotFoundError, NotPermittedError.
    """
    acting.require(Action.SETTLE_SERVICES)
    sums, _ = settling.one(conn, acting, number)
    acting.audit(conn, "export_settlement", number=number, lines=sums.visits + sums.corrections)
    return ("\ufeff" + _written([HEADS])).encode(), sums


def part(conn: Connection[Any], sums: settling.Sums, after: int) -> tuple[bytes, int] | None:
    """The lines behind an id, and the id of the last; behind the last part the sums, which the lines sum up to; None.

    Raises NotFoundError where whoever asks may not see the settlement any more: a file that is broken off says so, one
    that ends early would not.
    """
    if after == _OVER:
        return None
    found = conn.execute(_LINES, (sums.number, after, PART)).fetchall()
    if conn.execute("SELECT FROM settlement WHERE number = %s", (sums.number,)).fetchone() is None:
        raise NotFoundError(en="there is no such settlement", zh="没有这份结算单")
    if found:
        return _written(
            (at, order, code, as_text(name), as_text(service), settling.KINDS[kind][0], minutes, *yuan)
            for _, at, order, code, name, service, kind, minutes, *yuan in found
        ).encode(), found[-1][0]
    total = [
        "合计 total", sums.visits + sums.corrections, "", "", "", "", sums.minutes, in_yuan(sums.amount_fen),
        in_yuan(sums.subsidy_fen), in_yuan(sums.own_fen),
    ]  # fmt: skip
    return _written([total]).encode(), _OVER


def _written(rows: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()
