"""The quarantine as people see it: groups of refused messages, one message, and what is asked to be done about them.

An account sees the messages of the gateways of its area; those that name no registered gateway belong to whoever
answers for the whole district.
"""

import datetime as dt
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import NotFoundError, ProvisioningError
from care_network.upkeep.gateways import escaped
from care_network.upkeep.scope import UNDO, Acting, sees_everything, words_of
from database.upkeep import requests as upkeep_requests

LIMIT = 50
KINDS: tuple[upkeep_requests.Kind, ...] = ("reprocess", "discard")


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Open refusals of one gateway for one reason. ``gateway``: empty where the message names none."""

    code: str
    gateway: str
    entries: int
    times: int
    """Refusals, repetitions and those without kept bytes included."""
    readings: int
    first_at: dt.datetime
    last_at: dt.datetime
    newest: int
    known: bool
    """Whether the gateway is registered."""

    @property
    def key(self) -> str:
        """The place in the list."""
        return f"{self.code}|{self.gateway}"


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """One refused message."""

    id: int
    code: str
    gateway: str
    topic: str
    reason: str
    first_at: dt.datetime
    last_at: dt.datetime
    times: int
    folded: int
    size: int
    readings: int
    settled_at: dt.datetime | None
    settled_how: str | None
    payload: bytes = b""


# the whole district's affair too: gateways that are not registered, and messages that name none
_SCOPE: LiteralString = """
    (q.gateway IN (SELECT g.name FROM gateway g JOIN household h ON h.id = g.household_id
                   JOIN area a ON a.id = h.area_id WHERE a.path <@ %(area)s::ltree)
     OR %(everything)s AND (q.gateway IS NULL OR NOT is_gateway(q.gateway)))
"""


def _scope(conn: Connection[Any], account: Account) -> dict[str, Any]:
    return {"area": account.area_path, "everything": sees_everything(conn, account)}


def groups(
    conn: Connection[Any], account: Account, *, words: str = "", after: str = "", limit: int = LIMIT
) -> list[Group]:
    """Groups by reason and gateway, those behind the key ``after``; one more than ``limit`` tells of a next page.

    ``words``: part of a gateway's name, or of the name or code of a resident of its home.
    """
    code, _, gateway = after.partition("|")
    values = {
        **_scope(conn, account), "code": code, "gateway": gateway, "limit": limit + 1, "words": words,
        "like": f"%{escaped(words)}%",
    }  # fmt: skip
    with conn.cursor(row_factory=class_row(Group)) as cursor:
        return cursor.execute(
            """
            SELECT q.code, coalesce(q.gateway, '') AS gateway, count(*)::int AS entries,
                   sum(q.times + q.folded)::bigint AS times, sum(q.readings + q.folded_readings)::bigint AS readings,
                   min(q.first_at) AS first_at, max(q.last_at) AS last_at, max(q.id) AS newest,
                   bool_or(g.id IS NOT NULL) AS known
            FROM quarantine q LEFT JOIN gateway g ON g.name = q.gateway
            WHERE q.settled_at IS NULL AND (q.code, coalesce(q.gateway, '')) > (%(code)s, %(gateway)s)
              AND (%(words)s = '' OR q.gateway ILIKE %(like)s OR g.household_id IN (
                   SELECT r.household_id FROM resident r
                   WHERE r.name_zh LIKE %(like)s OR r.name_en ILIKE %(like)s OR r.code ILIKE %(like)s))
              AND """  # noqa: S608 - fixed parts
            + _SCOPE
            + " GROUP BY 1, 2 ORDER BY 1, 2 LIMIT %(limit)s",
            values,
        ).fetchall()


_COLUMNS: LiteralString = """
    SELECT q.id, q.code, coalesce(q.gateway, '') AS gateway, q.topic, q.reason, q.first_at, q.last_at, q.times,
           q.folded, q.size, q.readings, q.settled_at, q.settled_how
"""


def entries(
    conn: Connection[Any], account: Account, code: str, gateway: str, *, after: int = 0, limit: int = LIMIT
) -> list[Refused]:
    """The open messages of one group by number, without their bytes; one more than ``limit`` tells of a next page."""
    values = {**_scope(conn, account), "code": code, "gateway": gateway, "after": after, "limit": limit + 1}
    with conn.cursor(row_factory=class_row(Refused)) as cursor:
        return cursor.execute(
            _COLUMNS
            + "FROM quarantine q WHERE q.settled_at IS NULL AND q.code = %(code)s"
            + " AND coalesce(q.gateway, '') = %(gateway)s AND q.id > %(after)s AND "
            + _SCOPE
            + " ORDER BY q.id LIMIT %(limit)s",
            values,
        ).fetchall()


def entry(acting: Acting, number: int) -> Refused:
    """One message with its bytes; the look is audited, for they are somebody's. Raises NotFoundError."""
    with acting.conn.transaction(), acting.conn.cursor(row_factory=class_row(Refused)) as cursor:
        found = cursor.execute(
            _COLUMNS + ", q.payload FROM quarantine q WHERE q.id = %(id)s AND " + _SCOPE,
            {**_scope(acting.conn, acting.account), "id": number},
        ).fetchone()
        if found is None:
            raise NotFoundError(en=f"there is no entry {number} in your area", zh=f"您的管辖区域内没有第 {number} 条")
        acting.audit("view_quarantine", entry=number)
    return found


def ask(acting: Acting, kind: upkeep_requests.Kind, group: str, entry_number: int | None, because: str = "") -> int:
    """Ask ingest to process messages again, or to discard them with a reason; the number of the request.

    ``group``: the key of a group, of which those count that are there now; ``entry_number``: one message instead. A
    discarding can be withdrawn for UNDO; then the bytes are gone. Raises NotFoundError where nothing is open there.
    """
    acting.require(Action.SETTLE_QUARANTINE)
    reason = words_of(because) if kind == "discard" else ""
    with acting.conn.transaction():
        if entry_number is not None:
            found = entry(acting, entry_number)
            if found.settled_at is not None:
                raise ProvisioningError(en="it was settled meanwhile", zh="这一条已被处理")
            detail: dict[str, Any] = {"entry": found.id, "code": found.code, "gateway": found.gateway, "many": 1}
        else:
            chosen = group_of(acting.conn, acting.account, group)
            detail = {"code": chosen.code, "gateway": chosen.gateway, "newest": chosen.newest, "many": chosen.entries}
        if reason:
            detail["because"] = reason
        number = upkeep_requests.put(
            acting.conn, kind, f"{detail['code']}|{detail['gateway']}", acting.account.login, detail,
            wait=UNDO if kind == "discard" else dt.timedelta(0),
        )  # fmt: skip
        acting.audit(f"ask_{kind}_quarantine", request=number, **detail)
    return number


def group_of(conn: Connection[Any], account: Account, key: str) -> Group:
    """The group of a key. Raises NotFoundError where it has no open message."""
    code, bar, gateway = key.partition("|")
    values = {**_scope(conn, account), "code": code, "gateway": gateway}
    with conn.cursor(row_factory=class_row(Group)) as cursor:
        found = cursor.execute(
            """
            SELECT q.code, coalesce(q.gateway, '') AS gateway, count(*)::int AS entries,
                   sum(q.times + q.folded)::bigint AS times, sum(q.readings + q.folded_readings)::bigint AS readings,
                   min(q.first_at) AS first_at, max(q.last_at) AS last_at, max(q.id) AS newest,
                   bool_or(g.id IS NOT NULL) AS known
            FROM quarantine q LEFT JOIN gateway g ON g.name = q.gateway
            WHERE q.settled_at IS NULL AND q.code = %(code)s AND coalesce(q.gateway, '') = %(gateway)s AND """  # noqa: S608 - fixed parts
            + _SCOPE
            + " GROUP BY 1, 2",
            values,
        ).fetchone()
    if found is None or not bar:
        raise NotFoundError(en="nothing of this kind is in quarantine any more", zh="隔离区里已没有这一类消息")
    return found


def withdraw(acting: Acting, number: int) -> None:
    """Take a discarding back before it is carried out. Raises NotFoundError, ProvisioningError where it is too late."""
    acting.require(Action.SETTLE_QUARANTINE)
    with acting.conn.transaction():
        found = upkeep_requests.load(acting.conn, number)
        if found is None or found.kind not in KINDS or found.login != acting.account.login:
            raise NotFoundError(en="there is no such request of yours", zh="没有您提出的这项请求")
        if not upkeep_requests.withdraw(acting.conn, number):
            raise ProvisioningError(en="too late: it is carried out", zh="已经执行，无法撤回")
        acting.audit("withdraw_request", request=number)


def requests(conn: Connection[Any], account: Account, limit: int = 8) -> list[upkeep_requests.Request]:
    """The latest requests about the quarantine: one's own, and all of them for whoever answers for the district."""
    found = upkeep_requests.latest(conn, KINDS, limit=200)
    everything = sees_everything(conn, account)
    return [one for one in found if everything or one.login == account.login][:limit]
