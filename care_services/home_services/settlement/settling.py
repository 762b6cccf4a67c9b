"""Settle a month with its providers: what was done is frozen under a number, and corrected in a later one.

A settlement has every visit that was done and has none yet: those of its month, those of earlier months that were
entered late, and the differences of visits that were changed after an earlier settlement.
"""

import datetime as dt
from typing import Any, LiteralString

import msgspec
from psycopg import Connection, errors
from psycopg.rows import class_row

from care_network.access.permissions import Action, covers_every_home, in_area
from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_network.search.pinyin import by_name
from care_services.core.acting import Acting
from care_services.home_services.visits.comparing import month_bounds
from vocabulary.times import SHANGHAI


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's month, fen. ``settled``: None for one that is not frozen yet: what it would be now.

    ``open``: visits of the month of which nothing is known, ``unclear``: those whose subsidy hangs on unknown facts.
    """

    organisation_id: int
    organisation: str
    provider_zh: str
    provider_en: str
    path: str
    number: str | None
    settled_at: dt.datetime | None
    actor: str | None
    visits: int
    minutes: int
    amount_fen: int
    subsidy_fen: int
    own_fen: int
    corrections: int
    correction_fen: int
    open: int = 0
    unclear: int = 0
    actor_en: str | None = None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One visit of a settlement, or the difference of one."""

    id: int
    order_id: int
    kind: str
    minutes: int
    amount_fen: int
    subsidy_fen: int
    own_fen: int
    planned_start: dt.datetime
    resident_code: str
    resident_zh: str
    resident_en: str
    service_zh: str
    service_en: str


KINDS: dict[str, tuple[str, str]] = {
    "visit": ("本月服务", "visit of the month"), "late": ("往月补录", "earlier, entered late"),
    "correction": ("更正差额", "difference by a correction"),
}  # fmt: skip

_MONTH: LiteralString = """
    WITH closed AS MATERIALIZED (
        SELECT organisation_id, (max(month) + INTERVAL '1 month') AT TIME ZONE 'Asia/Shanghai' AS until FROM settlement
        GROUP BY organisation_id
    ), due AS MATERIALIZED (
        SELECT o.organisation_id, count(*)::int AS visits, count(*) FILTER (WHERE o.subsidy_open)::int AS unclear,
               coalesce(sum(o.done_minutes), 0)::bigint AS minutes, sum(o.amount_fen)::bigint AS amount_fen,
               sum(o.subsidy_fen)::bigint AS subsidy_fen
        FROM service_order o LEFT JOIN closed USING (organisation_id)
        WHERE o.settlement_id IS NULL AND o.state IN ('checked_out', 'confirmed') AND o.planned_start < %(until)s
          AND (o.planned_start >= %(since)s OR o.planned_start < closed.until)
        GROUP BY o.organisation_id
    ), blind AS MATERIALIZED (
        SELECT o.organisation_id, count(*)::int AS open FROM service_order o
        WHERE o.state IN ('planned', 'assigned', 'checked_in') AND o.planned_start >= %(since)s
          AND o.planned_start < %(now)s
        GROUP BY o.organisation_id
    ), changed AS MATERIALIZED (
        SELECT o.organisation_id, coalesce(o.done_minutes, 0) - sum(l.minutes) AS minutes,
               o.amount_fen - sum(l.amount_fen) AS amount_fen, o.subsidy_fen - sum(l.subsidy_fen) AS subsidy_fen
        FROM service_order o JOIN settlement_line l ON l.order_id = o.id WHERE o.to_correct GROUP BY o.id
    ), corrected AS MATERIALIZED (
        SELECT organisation_id, count(*)::int AS corrections, sum(minutes)::bigint AS minutes,
               sum(amount_fen)::bigint AS amount_fen, sum(subsidy_fen)::bigint AS subsidy_fen
        FROM changed WHERE (minutes, amount_fen, subsidy_fen) <> (0, 0, 0) GROUP BY organisation_id
    )
    SELECT g.id AS organisation_id, g.code AS organisation, g.name_zh AS provider_zh, g.name_en AS provider_en,
           a.path::text AS path, s.number, s.settled_at, s.actor,
           (SELECT n.name_en FROM account n WHERE n.id = s.account_id) AS actor_en,
           coalesce(s.visits, d.visits, 0) AS visits, coalesce(s.minutes, x.minutes) AS minutes,
           coalesce(s.amount_fen, x.amount_fen) AS amount_fen, coalesce(s.subsidy_fen, x.subsidy_fen) AS subsidy_fen,
           coalesce(s.own_fen, x.amount_fen - x.subsidy_fen) AS own_fen,
           coalesce(s.corrections, c.corrections, 0) AS corrections,
           coalesce(s.correction_fen, c.amount_fen, 0) AS correction_fen, coalesce(b.open, 0) AS open,
           CASE WHEN s.id IS NULL THEN coalesce(d.unclear, 0) ELSE 0 END AS unclear
    FROM organisation g JOIN area a ON a.id = g.area_id
    LEFT JOIN settlement s ON s.organisation_id = g.id AND s.month = %(month)s
    LEFT JOIN due d ON d.organisation_id = g.id LEFT JOIN blind b ON b.organisation_id = g.id
    LEFT JOIN corrected c ON c.organisation_id = g.id
    CROSS JOIN LATERAL (
        SELECT coalesce(d.minutes, 0) + coalesce(c.minutes, 0) AS minutes,
               coalesce(d.amount_fen, 0) + coalesce(c.amount_fen, 0) AS amount_fen,
               coalesce(d.subsidy_fen, 0) + coalesce(c.subsidy_fen, 0) AS subsidy_fen
    ) x
    WHERE a.path <@ %(area)s::ltree AND (s.id IS NOT NULL OR d.organisation_id IS NOT NULL
                                         OR b.organisation_id IS NOT NULL OR c.organisation_id IS NOT NULL)
"""


def month(conn: Connection[Any], acting: Acting, first: dt.date) -> list[Sums]:
    """Every provider of the account's area with the month: settled, or what a settlement would have now."""
    acting.require(Action.VIEW_CARE)
    since, until = month_bounds(first)
    with conn.cursor(row_factory=class_row(Sums)) as cursor:
        found = cursor.execute(
            _MONTH,
            {
                "since": since, "until": until, "now": min(acting.at, until), "month": first.replace(day=1),
                "area": acting.account.area_path,
            },
        ).fetchall()  # fmt: skip
    return sorted(found, key=lambda one: by_name(one.provider_zh))


def settle(conn: Connection[Any], acting: Acting, organisation: str, first: dt.date) -> str:
    """Freeze the month of a provider; its number. A month is settled once, after its end, and in the order of months.

    Raises ProvisioningError where the month is not over, or where an earlier one after the last settlement has visits
    that were done: it is settled first. ChangedMeanwhileError where somebody has settled it, or a later one.
    """
    acting.require(Action.SETTLE_SERVICES)
    begin = first.replace(day=1)
    row = conn.execute(
        "SELECT o.id, a.path::text FROM organisation o JOIN area a ON a.id = o.area_id WHERE o.code = %s",
        (organisation,),
    ).fetchone()
    if row is None or not in_area(acting.account, row[1]):
        raise NotFoundError(en="there is no such provider in your area", zh="您的管辖区域内没有该机构")
    since, until = month_bounds(begin)
    if until > acting.at:
        over = until.astimezone(SHANGHAI).date()
        raise ProvisioningError(
            en=f"the month is not over: settle it from {over} on", zh=f"该月尚未结束，请于 {over} 起结算"
        )
    try:
        with conn.transaction():
            number = _freeze(conn, acting, row[0], organisation, begin, since, until)
    except errors.UniqueViolation as error:
        raise ChangedMeanwhileError(en="somebody has just settled this month", zh="他人刚刚结算了该月") from error
    return number


def settle_all(conn: Connection[Any], acting: Acting, first: dt.date) -> list[str]:
    """Settle the month of every provider of the account's area that is open; the numbers. Raises as :func:`settle`."""
    acting.require(Action.SETTLE_SERVICES)
    if not covers_every_home(conn, acting.account):
        raise NotPermittedError(
            en="the whole district is settled by an account of the district", zh="全区结算需由区级账号进行"
        )
    return [settle(conn, acting, one.organisation, first) for one in month(conn, acting, first) if one.number is None]


def _freeze(
    conn: Connection[Any], acting: Acting, organisation_id: int, code: str, begin: dt.date, since: dt.datetime,
    until: dt.datetime,
) -> str:  # fmt: skip
    later = conn.execute(
        "SELECT number FROM settlement WHERE organisation_id = %s AND month >= %s ORDER BY month LIMIT 1",
        (organisation_id, begin),
    ).fetchone()
    if later is not None:
        raise ChangedMeanwhileError(
            en=f"this month is closed by {later[0]}: what comes late is in the next settlement",
            zh=f"该月已由 {later[0]} 结清，迟到的变更将进入下一次结算",
        )
    earlier = conn.execute(_EARLIER, {"organisation": organisation_id, "since": since}).fetchone()
    if earlier is not None:
        former, name_zh, name_en = earlier
        raise ProvisioningError(
            en=f"settle {former:%Y-%m} of {name_en} first: visits of it are done and not settled",
            zh=f"{name_zh}的 {former:%Y-%m} 尚未结算，请先结算该月", field="month",
        )  # fmt: skip
    number = f"S-{begin:%Y%m}-{code}"
    asked: dict[str, Any] = {
        "organisation": organisation_id, "since": since, "until": until, "number": number, "month": begin,
        "at": acting.at, "account": acting.account.id, "actor": acting.account.name_zh,
    }  # fmt: skip
    made = conn.execute(
        "INSERT INTO settlement (number, organisation_id, month, settled_at, account_id, actor, visits, minutes,"
        " amount_fen, subsidy_fen, own_fen, corrections, correction_fen)"
        " VALUES (%(number)s, %(organisation)s, %(month)s, %(at)s, %(account)s, %(actor)s, 0, 0, 0, 0, 0, 0, 0)"
        " RETURNING id",
        asked,
    ).fetchone()
    assert made is not None  # noqa: S101 - an INSERT returns its row
    asked["id"] = made[0]
    conn.execute(_CORRECTIONS, asked)
    conn.execute(_VISITS, asked)
    conn.execute(_SUMS, asked)
    acting.audit(conn, "settle_services", number=number)
    return number


# The earliest month after the last settlement that has visits to settle. Visits of a month that is closed already are
# late, and come into the next settlement.
_EARLIER: LiteralString = """
    SELECT min(o.planned_start AT TIME ZONE 'Asia/Shanghai'), g.name_zh, g.name_en
    FROM service_order o JOIN organisation g ON g.id = o.organisation_id
    WHERE o.organisation_id = %(organisation)s AND o.settlement_id IS NULL AND o.state IN ('checked_out', 'confirmed')
      AND o.planned_start < %(since)s AND o.planned_start >= coalesce(
          (SELECT (max(s.month) + INTERVAL '1 month') AT TIME ZONE 'Asia/Shanghai' FROM settlement s
           WHERE s.organisation_id = %(organisation)s), '-infinity')
    GROUP BY g.id
"""
# The rows are locked by the update, so that a correction made at the same moment comes before it or into the next one.
_CORRECTIONS = """
    WITH changed AS (
        UPDATE service_order SET to_correct = false, version = version + 1
        WHERE organisation_id = %(organisation)s AND to_correct
        RETURNING id, coalesce(done_minutes, 0) AS minutes, amount_fen, subsidy_fen, own_fen
    ), before AS (
        SELECT l.order_id, sum(l.minutes)::int AS minutes, sum(l.amount_fen)::int AS amount_fen,
               sum(l.subsidy_fen)::int AS subsidy_fen, sum(l.own_fen)::int AS own_fen
        FROM settlement_line l JOIN changed c ON c.id = l.order_id GROUP BY l.order_id
    )
    INSERT INTO settlement_line (settlement_id, order_id, kind, minutes, amount_fen, subsidy_fen, own_fen)
    SELECT %(id)s, c.id, 'correction', c.minutes - b.minutes, c.amount_fen - b.amount_fen,
           c.subsidy_fen - b.subsidy_fen, c.own_fen - b.own_fen
    FROM changed c JOIN before b ON b.order_id = c.id
    WHERE (c.minutes, c.amount_fen, c.subsidy_fen) <> (b.minutes, b.amount_fen, b.subsidy_fen)
    ORDER BY c.id
"""
_VISITS = """
    WITH taken AS (
        UPDATE service_order SET settlement_id = %(id)s, version = version + 1
        WHERE organisation_id = %(organisation)s AND settlement_id IS NULL AND state IN ('checked_out', 'confirmed')
          AND planned_start < %(until)s
        RETURNING id, planned_start, coalesce(done_minutes, 0) AS minutes, amount_fen, subsidy_fen, own_fen
    )
    INSERT INTO settlement_line (settlement_id, order_id, kind, minutes, amount_fen, subsidy_fen, own_fen)
    SELECT %(id)s, id, CASE WHEN planned_start < %(since)s THEN 'late' ELSE 'visit' END, minutes, amount_fen,
           subsidy_fen, own_fen
    FROM taken ORDER BY planned_start, id  -- as the file is given out
"""
_SUMS = """
    UPDATE settlement SET (visits, minutes, amount_fen, subsidy_fen, own_fen, corrections, correction_fen,
                       frozen) = (
        SELECT count(*) FILTER (WHERE kind <> 'correction'), coalesce(sum(minutes), 0), coalesce(sum(amount_fen), 0),
               coalesce(sum(subsidy_fen), 0), coalesce(sum(own_fen), 0), count(*) FILTER (WHERE kind = 'correction'),
               coalesce(sum(amount_fen) FILTER (WHERE kind = 'correction'), 0), true
        FROM settlement_line WHERE settlement_id = %(id)s)
    WHERE id = %(id)s
"""


def one(conn: Connection[Any], acting: Acting, number: str) -> tuple[Sums, dt.date]:
    """A settlement by its number, and its month; audited. Raises NotFoundError."""
    acting.require(Action.VIEW_CARE)
    with conn.cursor(row_factory=class_row(Sums)) as cursor:
        found = cursor.execute(
            """
            SELECT g.id AS organisation_id, g.code AS organisation, g.name_zh AS provider_zh, g.name_en AS provider_en,
                   a.path::text AS path, s.number, s.settled_at, s.actor, s.visits, s.minutes, s.amount_fen,
                   s.subsidy_fen, s.own_fen, s.corrections, s.correction_fen,
                   (SELECT n.name_en FROM account n WHERE n.id = s.account_id) AS actor_en
            FROM settlement s JOIN organisation g ON g.id = s.organisation_id JOIN area a ON a.id = g.area_id
            WHERE s.number = %s
            """,
            (number[:100],),
        ).fetchone()
    if found is None or not in_area(acting.account, found.path):
        raise NotFoundError(en="there is no such settlement", zh="没有这份结算单")
    acting.audit(conn, "view_settlement", number=number)
    row = conn.execute("SELECT month FROM settlement WHERE number = %s", (number,)).fetchone()
    assert row is not None  # noqa: S101 - found above
    return found, row[0]


def lines(conn: Connection[Any], number: str, after: int = 0, limit: int = 50) -> list[Line]:
    """The lines of a settlement behind an id, in their order. The caller has asked for :func:`one`."""
    with conn.cursor(row_factory=class_row(Line)) as cursor:
        return cursor.execute(
            """
            SELECT l.id, l.order_id, l.kind, l.minutes, l.amount_fen, l.subsidy_fen, l.own_fen, o.planned_start,
                   r.code AS resident_code, r.name_zh AS resident_zh, r.name_en AS resident_en,
                   c.name_zh AS service_zh, c.name_en AS service_en
            FROM (
                SELECT * FROM settlement_line
                WHERE settlement_id = (SELECT s.id FROM settlement s WHERE s.number = %s) AND id > %s
                ORDER BY id LIMIT %s
            ) l JOIN service_order o ON o.id = l.order_id
            JOIN care_service c ON c.code = o.service JOIN resident r ON r.id = o.resident_id
            JOIN household h ON h.id = r.household_id AND NOT h.synthetic
            ORDER BY l.id
            """,
            (number, after, limit),
        ).fetchall()
