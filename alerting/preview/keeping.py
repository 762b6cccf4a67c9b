"""A preview as its page shows it, and where its result is kept: a row of the account that asked for it."""

import datetime as dt
from typing import Any, Literal

import msgspec
import numpy as np
from psycopg import Connection
from psycopg.types.json import Jsonb

from alerting.preview.counting import Counts
from care_network.access.accounts import Account

DAYS = 14
LEARN = dt.timedelta(days=14)
"""Time before, from which personal baselines are learnt."""
SAMPLE = 8
"""Residents of a group that are replayed."""
SECONDS = 90.0
"""The most that one resident's replay may take."""
KEPT_FOR = dt.timedelta(days=30)
State = Literal["waits", "runs", "done", "failed"]


class Preview(msgspec.Struct, kw_only=True):
    """A preview as its page shows it. Changed by its own thread alone."""

    id: str
    account_id: int
    scope: str
    key: str
    name: str
    value: float
    state: State = "waits"
    share: float = 0.0
    done: int = 0
    sample: int = 0
    """Residents that are replayed."""
    group: int = 0
    """Residents for whom another value would hold."""
    empty: int = 0
    """Of the sample, residents of whom nothing is stored."""
    counts: list[Counts]
    words_zh: str = ""
    words_en: str = ""
    """Why it failed."""

    @property
    def before(self) -> int:
        return sum(one.before for one in self.counts)

    @property
    def then(self) -> int:
        return sum(one.then for one in self.counts)

    @property
    def days(self) -> float:
        """Mean days of interest of which something is stored."""
        return sum(one.days for one in self.counts) / len(self.counts) if self.counts else 0.0

    def for_all(self) -> tuple[float, float, float] | None:
        """(mean, low, high) of the difference for the whole group, with 95 % of uncertainty (bootstrap, 2.5 to 97.5 %).

        None where fewer than three residents were replayed, or all of them.
        """
        if len(self.counts) < 3 or len(self.counts) >= self.group:
            return None
        each = np.array([one.then - one.before for one in self.counts], float)
        chance = np.random.default_rng(17)
        means = chance.choice(each, (2000, len(each))).mean(1) * self.group
        low, high = np.quantile(means, (0.025, 0.975))
        return float(each.mean() * self.group), float(low), float(high)


def keep(conn: Connection[Any], preview: Preview) -> None:
    """Keep a preview as it is now; of those of its account that are older than KEPT_FOR nothing is left."""
    conn.execute(
        "INSERT INTO threshold_preview (id, account_id, name, detail) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (id) DO UPDATE SET detail = excluded.detail",
        (preview.id, preview.account_id, preview.name, Jsonb(msgspec.to_builtins(preview))),
    )
    conn.execute(
        "DELETE FROM threshold_preview WHERE account_id = %s AND begun_at < clock_timestamp() - %s",
        (preview.account_id, KEPT_FOR),
    )


def kept(conn: Connection[Any], account: Account, preview_id: str) -> Preview | None:
    """Read a preview of the account whose process is gone; one that had not ended is told as interrupted."""
    row = conn.execute(
        "SELECT detail FROM threshold_preview WHERE id = %s AND account_id = %s", (preview_id, account.id)
    ).fetchone()
    return None if row is None else _ended(msgspec.convert(row[0], Preview))


def latest(conn: Connection[Any], account: Account, name: str, limit: int = 5) -> list[tuple[dt.datetime, Preview]]:
    """The account's latest previews of a parameter that have a result, with the time at which they were begun."""
    rows = conn.execute(
        "SELECT begun_at, detail FROM threshold_preview WHERE account_id = %s AND name = %s"
        " AND detail ->> 'state' = 'done' ORDER BY begun_at DESC LIMIT %s",
        (account.id, name, limit),
    )
    return [(row[0], msgspec.convert(row[1], Preview)) for row in rows]


def _ended(preview: Preview) -> Preview:
    if preview.state in ("waits", "runs"):
        preview.state = "failed"
        preview.words_zh, preview.words_en = (
            "重放因平台重启而中断，请重新开始",
            "a restart interrupted the replay: begin it again",
        )
    return preview
