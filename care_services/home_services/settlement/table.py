"""A settlement as a table for a spreadsheet: a line for each visit or difference, and the sums as they were frozen."""

import csv
import io
from typing import Any

from psycopg import Connection

from care_network.access.permissions import Action
from care_network.importing.tables import as_text
from care_services.core.acting import Acting
from care_services.core.money import in_yuan
from care_services.home_services.settlement import settling
from vocabulary.times import SHANGHAI

HEADS = (
    "时间 time", "服务单 visit", "老人编号 code", "姓名 name", "服务项目 service", "类别 kind", "时长（分钟）minutes",
    "金额（元）amount", "补贴（元）subsidy", "自付（元）own",
)  # fmt: skip
_AT_ONCE = 2000


def as_csv(conn: Connection[Any], acting: Acting, number: str) -> str:
    """The settlement as CSV with a byte order mark, for who settles; the export is in the audit. Raises NotFoundError.

    The sums are those of the settlement itself: the lines sum up to them.
    """
    acting.require(Action.SETTLE_SERVICES)
    sums, _ = settling.one(conn, acting, number)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(HEADS)
    after, written = 0, 0
    while found := settling.lines(conn, number, after, _AT_ONCE):
        for line in found:
            writer.writerow([
                f"{line.planned_start.astimezone(SHANGHAI):%Y-%m-%d %H:%M}", line.order_id, line.resident_code,
                as_text(line.resident_zh), as_text(line.service_zh), settling.KINDS[line.kind][0], line.minutes,
                in_yuan(line.amount_fen), in_yuan(line.subsidy_fen), in_yuan(line.own_fen),
            ])  # fmt: skip
        after, written = found[-1].id, written + len(found)
    writer.writerow([
        "合计 total", sums.visits + sums.corrections, "", "", "", "", sums.minutes, in_yuan(sums.amount_fen),
        in_yuan(sums.subsidy_fen), in_yuan(sums.own_fen),
    ])  # fmt: skip
    acting.audit(conn, "export_settlement", number=number, lines=written)
    return "\ufeff" + out.getvalue()
