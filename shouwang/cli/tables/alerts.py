"""Closed alerts as a table, and steps on single alerts, for ``shouwang dispatch``."""

import uuid
from typing import Any, cast

from rich.console import Console
from rich.table import Table
from rich.text import Text

from care_network.access.visible import visible_households
from care_network.errors import NotFoundError
from dispatch.alerts import lookup
from dispatch.alerts.states import AlertAction
from dispatch.core.history import Actor
from dispatch.desk import closed
from dispatch.desk.closed import ClosedFilter
from dispatch.desk.steps import StepDetails, take_step
from shouwang.cli.session import Session
from vocabulary.severity import SEVERITY_WORDS
from vocabulary.times import local


def closed_filter(words: str, kind: str, severity: str, outcome: str, area: str) -> ClosedFilter:
    """Make the filter of a list from what was typed."""
    severities = cast("Any", (severity,) if severity else ())
    return ClosedFilter(words=words, kind=kind, severities=severities, outcome=outcome, area=area)


def print_closed(session: Session, wanted: ClosedFilter, after: str, limit: int) -> None:
    """Print a page of closed alerts; audited for each resident who is named."""
    page = closed.search(session.conn, session.account, wanted, after=after, limit=limit)
    for resident in sorted(closed.known(page.alerts)):
        session.audit("view_alert", resident_id=resident, detail={"list": "closed"})
    table = Table("办结 closed", "级别 severity", "老人 resident", "预警 alert", "结果 outcome", "负责人 owner", "id")
    for one in page.alerts:
        table.add_row(
            local(one.closed_at), SEVERITY_WORDS[one.severity][0], Text(one.resident_zh or one.household_code),
            Text(one.headline_zh), one.outcome_zh or one.state, Text(one.owner_zh or "—"), str(one.id),
        )  # fmt: skip
    Console().print(table)
    if page.next:
        print(f"--after {page.next}")


def take(session: Session, alert_id: uuid.UUID, step: AlertAction, *, note: str = "", other: str = "") -> None:
    """Carry out a step on an alert of the account's area; audited. Raises NotFoundError, LifecycleError."""
    row = lookup.load(session.conn, alert_id)
    if row is None or row["household_id"] not in visible_households(session.conn, session.account):
        raise NotFoundError(en=f"there is no alert {alert_id}", zh=f"没有预警 {alert_id}")
    session.audit("view_alert", resident_id=row["resident_id"], detail={"alert": str(alert_id)})
    who = session.account
    actor = Actor(who.id, who.name_zh, session.origin, who.name_en)
    take_step(
        session.conn, alert_id, step, actor, session.now, expected_version=row["version"],
        details=StepDetails(note=note, other=other),
    )  # fmt: skip
    after = lookup.load(session.conn, alert_id)
    assert after is not None  # noqa: S101 - no alert is deleted
    lead = f" → {after['merged_into']}" if after["merged_into"] else ""
    print(f"{alert_id}: {after['state']}{lead}")
