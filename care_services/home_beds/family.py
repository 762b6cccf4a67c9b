"""Tell a family where the bed and the grants of their parent stand, in a line each."""

import datetime as dt
from typing import Any

from psycopg import Connection

from care_services.grants import store as grants
from care_services.grants.desk import STATE_WORDS
from care_services.grants.kinds import KINDS
from care_services.home_beds import life, store
from vocabulary.times import SHANGHAI

LATELY = dt.timedelta(days=180)
"""Applications that ended earlier are not told of any more."""


def told(conn: Connection[Any], resident_id: int, now: dt.datetime) -> list[tuple[str, str]]:
    """Lines in Chinese and English, the bed first; empty where nothing was applied for lately.

    The caller has looked at the resident. Reasons and amounts stay with the staff, who explain them.
    """
    lines = []
    beds = store.of_resident(conn, resident_id)
    if beds and (beds[0].state not in life.ENDS or now - beds[0].state_since < LATELY):
        zh, en = life.STATE_WORDS[beds[0].state]
        day = beds[0].state_since.astimezone(SHANGHAI).date()
        lines.append((f"家庭养老床位：{zh}（自 {day}）", f"Home care bed: {en} since {day}"))
    for one in grants.of_resident(conn, resident_id):
        if one.kind in KINDS and (one.state in ("waiting", "approved") or now - one.applied_at < LATELY):
            kind, (zh, en) = KINDS[one.kind], STATE_WORDS[one.state]
            day = (one.decided_at or one.applied_at).astimezone(SHANGHAI).date()
            lines.append((f"{kind.zh}：{zh}（{day}）", f"{kind.en}: {en} ({day})"))
    return lines
