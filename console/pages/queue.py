"""What stands over the queue: alerts that are one event, and hours of the night in which nobody would answer."""

import datetime as dt
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
import psycopg
import structlog

from care_network.access.accounts import Account
from console.shell.state import Console
from dispatch.core.notice import AlertNotice
from dispatch.desk import grouping
from dispatch.desk.progress import Deadline, deadlines
from dispatch.escalation import duty_warnings
from vocabulary.severity import SEVERITIES

log = structlog.get_logger(__name__)

DESK = ("dispatcher", "admin")
FEW = 8
"""So many emergencies of a group are shown line by line, unless somebody closes it."""
MANY = 20
"""So many single alerts that can wait are shown line by line."""


def groups(
    alerts: Sequence[AlertNotice], opened: Collection[str] = (), closed: Collection[str] = ()
) -> list[dict[str, Any]]:
    """Those of the queue that are many of one kind in one place, ranked, with their alerts, the oldest first.

    ``opened``, ``closed``: keys of groups that somebody has opened or closed. Of the others a few emergencies are
    ``shown`` line by line: each is somebody's; of a whole building the group is what can be taken in.
    """
    by_id = {alert.id: alert for alert in alerts}
    items = [
        grouping.OpenAlert(
            id=a.id,
            rule=a.rule,
            severity=a.severity,
            state=a.state,
            area=a.area_path,
            household=a.household_code,
            onset_us=a.onset_us,
        )
        for a in alerts
    ]
    found: list[dict[str, Any]] = []
    same: Counter[str] = Counter()
    for one in grouping.group(items):
        if len(one.ids) < grouping.LEAST:
            continue
        # Not its first alert: when that one is resolved, a group that somebody has opened must stay open.
        key = f"group-{one.rule}-{one.area}"
        same[key] += 1
        key = key if same[key] == 1 else f"{key}-{same[key]}"
        few = one.severity == "emergency" and len(one.ids) <= FEW
        found.append(
            {
                "key": key,
                "few": few,
                "shown": key in opened or (few and key not in closed),
                "first": by_id[one.ids[0]],
                "alerts": [by_id[id] for id in one.ids],
                **msgspec.structs.asdict(one),
            }
        )
    return found


def by_gravity(alerts: Sequence[AlertNotice]) -> dict[str, list[AlertNotice]]:
    """By severity, each in the order given."""
    found: dict[str, list[AlertNotice]] = {severity: [] for severity in SEVERITIES}
    for alert in alerts:
        found[alert.severity].append(alert)
    return found


def outlook(console: Console, account: Account) -> tuple[list[tuple[str, str]], dict[str, Deadline]]:
    """Hours to come in which nobody would answer, for the desk, and the next step of every ladder; nothing while the
    database is away: the queue comes first."""
    if not console.feed.database_up:
        return [], {}
    try:
        with console.database() as conn:
            now, area = dt.datetime.now(dt.UTC), account.area_path
            warned = duty_warnings.warnings(conn, now, area) if account.role in DESK else []
            return warned, deadlines(conn)
    except psycopg.OperationalError as error:
        log.warning("ladders and warnings are not shown", error=str(error).strip())
        return [], {}
