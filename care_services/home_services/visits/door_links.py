"""The signed link of a visit for whoever goes there without an account: the people of a provider.

It names the visit and the person, and holds from the day before until half a day after, while that person is named. The
page behind it asks for the same proofs as a carer's. It is sent to that person alone. Where no message reaches them,
their organisation is shown one, once (:func:`show`): a new one, so that the one before is over. Where somebody else
goes by now, the page says who, and whoever had the link is told that the visit is no longer theirs.
"""

import datetime as dt
from typing import Any

from psycopg import Connection

from care_network.errors import NotFoundError, ProvisioningError
from care_services.core import notices
from care_services.core.notices import SignedPage
from care_services.home_services.orders import store
from care_services.home_services.orders.store import Doer, Order
from vocabulary.times import SHANGHAI

PURPOSE, KIND, PATH = "visit_door", "visit_door", "/door"
GONE = "visit_gone"
"""Kind of the notice that a visit is no longer theirs; its key is that of the notice with the link."""
OPENS = dt.timedelta(hours=24)
HOLDS = dt.timedelta(hours=12)
"""Before and after the planned time: as long as a provider may see the door at all."""
SOON = dt.timedelta(hours=3)
"""Before its time, from which on a message waits for no pace."""


SHOWN = "link_shown"
AGAIN = "/again"
"""Behind the key of a link that is sent once more: the visit was somebody else's meanwhile."""


def subject_of(order_id: int, staff: str, shown: int = 0) -> str:
    """The subject of the link: visit and person. ``shown``: how often one of the visit was shown to somebody else."""
    return f"{order_id}-{shown}.{staff}" if shown else f"{order_id}.{staff}"


def show(
    conn: Connection[Any], order_id: int, staff: str, state: str, start: dt.datetime, who: Doer, reason: str,
    now: dt.datetime,
) -> str:  # fmt: skip
    """Note that a new link of a visit is shown to somebody else than its person; the subject of it. The rounds tell.

    The caller has asked whether they may, and writes the audit. Raises ProvisioningError without a reason, or where
    nobody can use it.
    """
    reason = reason.strip()[:200]
    if not reason:
        raise ProvisioningError(
            zh="请写明为什么要在此出示链接", en="write why the link has to be shown here", field="reason"
        )
    if not start - OPENS <= now <= start + HOLDS or state not in ("assigned", "checked_in"):
        raise ProvisioningError(
            zh="上门前一天起、已安排人员后才有签到链接",
            en="there is a link from the day before, once somebody is named",
        )
    store.add_event(conn, order_id, SHOWN, state, state, who, now, reason)
    return subject_of(order_id, staff, _shown(conn, order_id))


def _shown(conn: Connection[Any], order_id: int) -> int:
    row = conn.execute(
        "SELECT count(*) FROM service_order_event WHERE order_id = %s AND action = %s", (order_id, SHOWN)
    ).fetchone()
    return int(row[0]) if row else 0


def tell_due(conn: Connection[Any], now: dt.datetime) -> int:
    """Tell whoever has no account and is named for a visit within a day, with its page, once; how many. For the rounds.

    Nothing to those who have an account: the visit is on their own page. Each time that a link was shown to somebody
    else its person is told, account or not, with the new one.
    """
    told = _take_back(conn, now)
    named = conn.execute(
        """
        SELECT o.id, s.code, c.name_zh, c.name_en, o.planned_start, e.times, e.actor, k.back
        FROM service_order o JOIN staff s ON s.id = o.staff_id AND s.active
        JOIN care_service c ON c.code = o.service CROSS JOIN LATERAL (
            SELECT count(*) AS times, (array_agg(e.actor ORDER BY e.id DESC))[1] AS actor FROM service_order_event e
            WHERE e.order_id = o.id AND e.action = %(shown)s) e
        CROSS JOIN LATERAL (
            SELECT o.id || '/' || s.code || CASE e.times WHEN 0 THEN '' ELSE '/' || e.times END AS key) y
        CROSS JOIN LATERAL (
            SELECT EXISTS (SELECT FROM care_notice n WHERE n.key = y.key AND (
                n.kind = %(gone)s OR n.kind = %(kind)s AND n.state = 'withdrawn' AND n.why = 'over')) AS back) k
        WHERE o.state IN ('assigned', 'checked_in') AND o.planned_start > %(since)s AND o.planned_start <= %(until)s
          AND (e.times > 0 OR s.account_id IS NULL AND o.state = 'assigned' AND o.planned_start > %(now)s)
          AND NOT EXISTS (SELECT FROM care_notice n WHERE n.kind = %(kind)s
                          AND n.key = y.key || CASE WHEN k.back THEN %(again)s ELSE '' END)
        ORDER BY o.planned_start LIMIT 500
        """,
        {"now": now, "since": now - HOLDS, "until": now + OPENS, "kind": KIND, "gone": GONE, "shown": SHOWN,
         "again": AGAIN},
    ).fetchall()  # fmt: skip
    over = [f"{one[0]}/{one[1]}" + (f"/{one[5] - 1}" if one[5] > 1 else "") for one in named if one[5]]
    if over:
        notices.withdraw(conn, KIND, over)
    return told + (notices.tell_all(conn, KIND, [_notice(now, *one) for one in named], now) if named else 0)


def _take_back(conn: Connection[Any], now: dt.datetime) -> int:
    """Tell whoever was sent the link of a visit that is no longer theirs, until its time; how many.

    A link that was not sent yet is not sent any more.
    """
    lost = conn.execute(
        """
        WITH links AS MATERIALIZED (
            SELECT n.key, n.to_key, n.state, split_part(n.key, '/', 1)::bigint AS order_id
            FROM care_notice n WHERE n.state = 'queued' AND n.kind = %(kind)s
            UNION ALL
            SELECT n.key, n.to_key, n.state, split_part(n.key, '/', 1)::bigint
            FROM care_digest d JOIN care_notice n ON n.digest_id = d.id
            WHERE d.made_at > %(since)s AND n.kind = %(kind)s AND n.state <> 'queued'
        )
        SELECT l.key, l.to_key, l.state, c.name_zh, c.name_en, o.planned_start, o.state, w.name_zh, w.name_en
        FROM links l JOIN service_order o ON o.id = l.order_id JOIN care_service c ON c.code = o.service
        LEFT JOIN staff w ON w.id = o.staff_id
        WHERE (o.state = 'cancelled' OR w.code IS DISTINCT FROM l.to_key) AND o.planned_start > %(now)s
          AND NOT EXISTS (SELECT FROM care_notice g WHERE g.kind = %(gone)s AND g.key = l.key)
        LIMIT 500
        """,
        {"now": now, "since": now - OPENS - HOLDS, "kind": KIND, "gone": GONE},
    ).fetchall()
    if not lost:
        return 0
    with conn.transaction():
        notices.withdraw(conn, KIND, [one[0] for one in lost])
        sent = [one for one in lost if one[2] in ("handed", "unknown", "sent", "delivered")]
        return notices.tell_all(conn, GONE, [_gone(now, *one) for one in sent], now) if sent else 0


def _gone(
    now: dt.datetime, key: str, staff: str, sent: str, zh: str, en: str, start: dt.datetime, state: str,
    who_zh: str | None, who_en: str | None,
) -> notices.Notice:  # fmt: skip
    when = f"{start.astimezone(SHANGHAI):%m-%d %H:%M}"
    why_zh, why_en = _whose(state, who_zh, who_en)
    return notices.Notice(
        to=notices.to_staff(staff), key=key, due=now, urgent=start - now < SOON,
        zh=f"{when} {zh}{why_zh}，您无需上门，也无需回复", en=f"{en} on {when} {why_en}: you need not go, nor answer",
    )  # fmt: skip


def _whose(state: str, zh: str | None, en: str | None) -> tuple[str, str]:
    """Whose a visit is by now, behind its name, in Chinese and English. Pure."""
    if state == "cancelled":
        return "已取消", "is off"
    if zh is None:
        return "不再由您上门", "is no longer yours"
    return f"已改由{zh}上门", f"is now {en or zh}'s"


def _notice(
    now: dt.datetime, order_id: int, staff: str, zh: str, en: str, start: dt.datetime, times: int, actor: str | None,
    back: bool = False,
) -> notices.Notice:  # fmt: skip
    when = f"{start.astimezone(SHANGHAI):%m-%d %H:%M}"
    words = (f"{when} {zh}由您上门，在此签到签退", f"{en} on {when} is yours: check in and out here")
    if times:
        words = (f"{when} {zh}：{actor} 打开了您的签到页面，原链接已失效，请用此链接",
                 f"{en} on {when}: {actor} was shown your page; the link before is over, use this one")  # fmt: skip
    return notices.Notice(
        to=notices.to_staff(staff), due=now,
        key=f"{order_id}/{staff}" + (f"/{times}" if times else "") + (AGAIN if back else ""),
        urgent=start - now < SOON, zh=words[0], en=words[1],
        link=SignedPage(PATH, PURPOSE, subject_of(order_id, staff, times)),
    )  # fmt: skip


def holder(conn: Connection[Any], subject: str, now: dt.datetime) -> tuple[Order, Doer]:
    """The visit and the person of a link. Raises NotFoundError where somebody else goes by now, or it is off;
    ProvisioningError where it is too early or too late."""
    about, _, staff = subject.partition(".")
    number, _, shown = about.partition("-")
    order = store.load(conn, int(number) if number.isascii() and number.isdecimal() and len(number) < 16 else 0)
    if shown != (str(_shown(conn, order.id) or "")):
        raise NotFoundError(
            en="this link was replaced by a newer one: open the newest message",
            zh="该链接已被新链接取代，请打开最新的提醒",
        )
    if not staff or order.staff_code != staff or order.state == "cancelled":
        zh, en = _whose(order.state, order.staff_zh, order.staff_en)
        raise NotFoundError(en=f"this visit {en}: you need not go", zh=f"该服务{zh}，您无需上门")
    if now < order.planned_start - OPENS:
        raise ProvisioningError(en="this page opens the day before the visit", zh="该页面在上门前一天开放")
    if now > order.planned_start + HOLDS:
        raise ProvisioningError(en="this visit is over: call the station", zh="该服务已结束，请联系服务站")
    return order, Doer(None, order.staff_zh or staff)
