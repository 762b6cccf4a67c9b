"""Read notices: one's own, those of the area with how they went, those of one digest."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, require
from care_services.core.notice_kinds import State
from care_services.core.notices import SignedPage

LIMIT = 50
FILTERS: Mapping[str, tuple[str, ...]] = {
    "trouble": ("failed", "unknown"), "waiting": ("queued", "handed"), "sent": ("sent", "delivered"),
    "withdrawn": ("withdrawn",),
}  # fmt: skip


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A notice as it is shown."""

    id: int
    to_kind: str
    to_key: str
    name_zh: str
    name_en: str
    kind: str
    zh: str
    en: str
    link: str | None
    signed: dict[str, str] | None
    made_at: dt.datetime
    send_at: dt.datetime
    state: State
    state_at: dt.datetime
    why: str
    tries: int
    urgent: bool

    @property
    def page(self) -> SignedPage | None:
        """The page without a login to which it leads."""
        return None if self.signed is None else SignedPage(**self.signed)


_TOLD: LiteralString = (
    "SELECT id, to_kind, to_key, name_zh, name_en, kind, zh, en, link, signed, made_at, send_at, state, state_at, why,"
    " tries, urgent FROM care_notice"
)


def listing(conn: Connection[Any], account: Account, which: str, before: int | None = None) -> list[Told]:
    """Notices to people of the account's area, the newest first, LIMIT + 1 of them below number ``before``.

    ``which``: one of FILTERS; anything else: all. Raises NotPermittedError.
    """
    require(account, Action.VIEW_NOTICES)
    with conn.cursor(row_factory=class_row(Told)) as cursor:
        return cursor.execute(
            _TOLD + " WHERE area <@ %(area)s::ltree AND state = ANY (%(states)s) AND id < %(before)s"
            " ORDER BY id DESC LIMIT %(most)s",
            {
                "area": account.area_path, "before": before or 2**62, "most": LIMIT + 1,
                "states": list(FILTERS.get(which, [one for states in FILTERS.values() for one in states])),
            },
        ).fetchall()  # fmt: skip


def counts(conn: Connection[Any], account: Account, since: dt.datetime) -> dict[str, int]:
    """How many notices made since then stand how, by FILTERS, in the account's area. Raises NotPermittedError."""
    require(account, Action.VIEW_NOTICES)
    rows = conn.execute(
        "SELECT state, count(*)::integer FROM care_notice WHERE area <@ %s::ltree AND made_at > %s GROUP BY state",
        (account.area_path, since),
    ).fetchall()
    found = dict(rows)
    return {which: sum(found.get(state, 0) for state in states) for which, states in FILTERS.items()}


def own(conn: Connection[Any], account: Account) -> list[Told]:
    """The account's own notices, the newest first, LIMIT at most; those that are over last."""
    with conn.cursor(row_factory=class_row(Told)) as cursor:
        return cursor.execute(
            _TOLD + " WHERE account_id = %s ORDER BY (state = 'withdrawn'), id DESC LIMIT %s", (account.id, LIMIT)
        ).fetchall()


def of_digest(conn: Connection[Any], digest: int) -> list[Told]:
    """The notices of one digest, for whoever has its signed link."""
    with conn.cursor(row_factory=class_row(Told)) as cursor:
        return cursor.execute(_TOLD + " WHERE digest_id = %s ORDER BY (state = 'withdrawn'), id", (digest,)).fetchall()
