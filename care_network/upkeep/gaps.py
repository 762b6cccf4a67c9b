"""Gaps in the streams as people see them: what is missing of which home, whether it can still come; blind hours."""

import datetime as dt
from typing import Any, Literal, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import NotFoundError
from care_network.upkeep.recent import Recent
from care_network.upkeep.scope import UNDO, Acting, words_of
from database.upkeep import requests as upkeep_requests

LIMIT = 50
BACK = dt.timedelta(days=14)
"""How far back days and homes are summed up."""
FRAME_S = 1.0
"""A live frame holds this long; of other streams no length is known."""
Chance = Literal["may come", "lost", "repaired"]
CHANCES: dict[Chance, tuple[str, str]] = {
    "may come": ("仍可补回", "may still come"),
    "lost": ("已丢失", "lost"),
    "repaired": ("已补回", "came after all"),
}
STREAMS: dict[str, tuple[str, str]] = {
    "live": ("实时读数", "live readings"),
    "backfill": ("补传读数", "readings sent later"),
    "events": ("事件", "events"),
}


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers that are missing of one stream."""

    id: int
    gateway: str
    address_zh: str
    address_en: str
    stream: str
    messages: int
    state: str
    seen_at: dt.datetime
    """When the gap was noticed: what is missing was sent before."""
    settled_at: dt.datetime | None
    settled_by: str
    asks: int
    note: str
    online: bool

    @property
    def chance(self) -> Chance:
        """Whether it can still come."""
        if self.state == "repaired":
            return "repaired"
        return "lost" if self.state == "lost" else "may come"

    @property
    def minutes(self) -> float | None:
        """About how long it is; None: of this stream nobody can tell."""
        return self.messages * FRAME_S / 60 if self.stream == "live" else None


_FROM: LiteralString = """
    FROM stream_gap s JOIN gateway g ON g.id = s.gateway_id JOIN household h ON h.id = g.household_id
    JOIN area a ON a.id = h.area_id
    WHERE a.path <@ %(area)s::ltree AND NOT h.synthetic
"""


def listing(
    conn: Connection[Any],
    account: Account,
    *,
    gateway: str = "",
    settled: bool = False,
    after: int = 0,
    limit: int = LIMIT,
) -> list[Gap]:
    """Gaps of the account's area, the newest first, those with a number below ``after`` (0: from the newest).

    Without ``settled`` those that may still come alone.
    """
    values = {"area": account.area_path, "gateway": gateway, "after": after, "limit": limit + 1}
    with conn.cursor(row_factory=class_row(Gap)) as cursor:
        return cursor.execute(
            """
            SELECT s.id, g.name AS gateway, h.address_zh, h.address_en, s.stream,
                   (upper(s.numbers) - lower(s.numbers))::bigint AS messages, s.state, s.seen_at, s.settled_at,
                   s.settled_by, s.asks, s.note, g.state = 'online' AS online
            """
            + _FROM
            + ("" if settled else " AND s.state IN ('open', 'asked')")
            + (" AND g.name = %(gateway)s" if gateway else "")
            + (" AND s.id < %(after)s" if after else "")
            + " ORDER BY s.id DESC LIMIT %(limit)s",
            values,
        ).fetchall()


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """Missing messages of a day, or of a home, in the last days."""

    name: str
    zh: str = ""
    en: str = ""
    waiting: int
    lost: int
    repaired: int

    @property
    def lost_minutes(self) -> float:
        """About how long the lost live frames are."""
        return self.lost * FRAME_S / 60


_SUMS: LiteralString = """
    coalesce(sum(upper(s.numbers) - lower(s.numbers)) FILTER (WHERE s.state IN ('open', 'asked')), 0)::bigint
        AS waiting,
    coalesce(sum(upper(s.numbers) - lower(s.numbers)) FILTER (WHERE s.state = 'lost'), 0)::bigint AS lost,
    coalesce(sum(upper(s.numbers) - lower(s.numbers)) FILTER (WHERE s.state = 'repaired'), 0)::bigint AS repaired
"""


def by_day(conn: Connection[Any], account: Account, now: dt.datetime) -> list[Sum]:
    """Messages that were missing, by the day of Shanghai on which it was noticed, the newest first."""
    with conn.cursor(row_factory=class_row(Sum)) as cursor:
        return cursor.execute(
            "SELECT to_char(s.seen_at AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD') AS name, "
            + _SUMS
            + _FROM
            + " AND s.seen_at > %(since)s GROUP BY 1 ORDER BY 1 DESC",
            {"area": account.area_path, "since": now - BACK},
        ).fetchall()


def by_home(conn: Connection[Any], account: Account, now: dt.datetime, limit: int = 20) -> list[Sum]:
    """The homes of which most was lost or is missing."""
    with conn.cursor(row_factory=class_row(Sum)) as cursor:
        return cursor.execute(
            "SELECT g.name, max(h.address_zh) AS zh, max(h.address_en) AS en, "
            + _SUMS
            + _FROM
            + " AND s.seen_at > %(since)s AND s.state <> 'repaired' GROUP BY g.name"
            " ORDER BY sum(upper(s.numbers) - lower(s.numbers)) DESC, g.name LIMIT %(limit)s",
            {"area": account.area_path, "since": now - BACK, "limit": limit},
        ).fetchall()


class Blind(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which nobody looked at any home: what happened in it is not known."""

    since: dt.datetime
    until: dt.datetime


class Sums(msgspec.Struct, frozen=True):
    """Sums of the last days, up to a minute old."""

    days: list[Sum]
    homes: list[Sum]


_SUMMED: Recent[Sums] = Recent(60.0)


def sums(conn: Connection[Any], account: Account, now: dt.datetime) -> Sums:
    """By day and by home."""
    return _SUMMED.of(
        f"{conn.info.dbname} {account.area_path}",
        lambda: Sums(by_day(conn, account, now), by_home(conn, account, now)),
    )


def blind_times(conn: Connection[Any], now: dt.datetime) -> list[Blind]:
    """Times of the last days in which the platform did not look at the homes."""
    with conn.cursor(row_factory=class_row(Blind)) as cursor:
        return cursor.execute(
            "SELECT since, until FROM protection_gap WHERE until > %s ORDER BY since DESC LIMIT 50", (now - BACK,)
        ).fetchall()


def ask(acting: Acting, kind: upkeep_requests.Kind, number: int, because: str = "") -> int:
    """Ask ingest to ask a gateway for a gap again, or to accept it as lost with a reason; the number of the request.

    Raises NotFoundError for a gap outside the account's area.
    """
    acting.require(Action.SETTLE_QUARANTINE)
    reason = words_of(because) if kind == "accept_gaps" else ""
    with acting.conn.transaction():
        row = acting.conn.execute(
            "SELECT g.name" + _FROM + " AND s.id = %(id)s AND s.state <> 'repaired'",
            {"area": acting.account.area_path, "id": number},
        ).fetchone()
        if row is None:
            raise NotFoundError(en="there is no such gap in your area", zh="您的管辖区域内没有这处缺口")
        detail: dict[str, Any] = {"gaps": [number], **({"because": reason} if reason else {})}
        asked = upkeep_requests.put(
            acting.conn, kind, row[0], acting.account.login, detail,
            wait=UNDO if kind == "accept_gaps" else dt.timedelta(0),
        )  # fmt: skip
        acting.audit("ask_gap" if kind == "ask_gaps" else "accept_gap", **detail)
    return asked


def withdraw(acting: Acting, number: int) -> None:
    """Take a wish to accept a gap back before it is carried out. Raises NotFoundError."""
    acting.require(Action.SETTLE_QUARANTINE)
    with acting.conn.transaction():
        found = upkeep_requests.load(acting.conn, number)
        if found is None or found.kind != "accept_gaps" or found.login != acting.account.login:
            raise NotFoundError(en="there is no such request of yours", zh="没有您提出的这项请求")
        if upkeep_requests.withdraw(acting.conn, number):
            acting.audit("withdraw_request", request=number)
