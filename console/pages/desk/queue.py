"""The board: the live queue of open alerts, grouped into events, with hours to come in which nobody would answer."""

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Annotated, Any

import msgspec
import psycopg
import structlog
from fastapi import APIRouter, Form, HTTPException, Query, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action, may_do
from console.access.alerts import act
from console.shell.i18n import pick
from console.shell.memory import Watching
from console.shell.scope import scope_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.views import language_of, page
from console.shell.watching import CurrentWatching, needs_while_watching
from dispatch.alerts.lifecycle import LifecycleError
from dispatch.core.notice import AlertNotice
from dispatch.desk import grouping
from dispatch.desk.progress import Deadline, deadlines
from dispatch.escalation import duty_warnings
from vocabulary.path_links import LIMIT_S
from vocabulary.severity import SEVERITIES

log = structlog.get_logger(__name__)
router = APIRouter()

FEW = 8
"""So many emergencies of a group are shown line by line, unless somebody closes it."""
MANY = 20
"""So many single alerts that can wait are shown line by line."""


@router.get("/", dependencies=[needs_while_watching(Action.VIEW_ALERTS)])
def board_page(request: Request, console: Shared, watching: CurrentWatching) -> Response:
    if watching.account.role == "family":
        return RedirectResponse("/family", 303)
    return page(request, "queue.html", watching.account, **_queue(console, watching))


@router.get("/queue", dependencies=[needs_while_watching(Action.VIEW_ALERTS)])
def queue(
    request: Request,
    console: Shared,
    watching: CurrentWatching,
    opened: Annotated[tuple[str, ...], Query()] = (),
    closed: Annotated[tuple[str, ...], Query()] = (),
) -> Response:
    """The queue alone, for the live page to put in place; ``opened``, ``closed``: keys of its groups as they are."""
    return page(request, "_queue.html", watching.account, **_queue(console, watching, opened, closed))


@router.post("/queue/acknowledge", dependencies=[needs(Action.ACKNOWLEDGE)])
def acknowledge_group(
    request: Request, console: Shared, account: CurrentAccount, alerts: Annotated[list[str], Form(max_length=1000)]
) -> Response:
    """Take a whole group on: each alert at the version that was seen, those that others changed meanwhile are left."""
    taken = left = 0
    with console.database() as conn:
        for each in alerts:
            alert_id, _, version = each.partition(" ")
            try:
                act(
                    conn, console.board, account, uuid.UUID(alert_id), "acknowledge", int(version),
                    origin=origin_of(request),
                )  # fmt: skip
                taken += 1
            except LifecycleError:
                left += 1
            except ValueError as error:
                raise HTTPException(422) from error
        watching = Watching(account, scope_of(conn, account), dt.datetime.now(dt.UTC))
    if not left:
        return RedirectResponse("/", 303)
    zh = f"已确认 {taken} 条；{left} 条已被他人更新，请查看"
    message = pick(language_of(request, account), zh, f"{taken} taken; {left} were changed by others: look at them")
    return page(request, "queue.html", account, status=409, message=message, **_queue(console, watching))


def _queue(
    console: Console, watching: Watching, opened: Sequence[str] = (), closed: Sequence[str] = ()
) -> dict[str, Any]:
    """The board's content: groups of many alike, and every other alert by itself; more than MANY single alerts that
    can wait are one line, too."""
    alerts = console.board.open_alerts(watching.scope.sees)
    warnings, next_steps = _outlook(console, watching.account)
    grouped = groups(alerts, opened, closed)
    together = {id for group in grouped for id in group["ids"]}
    return {
        "alerts": alerts,
        "counts": Counter(alert.severity for alert in alerts),
        "groups": grouped,
        "single": by_gravity([alert for alert in alerts if alert.id not in together]),
        "opened": frozenset(opened),
        "many": MANY,
        "warnings": warnings,
        "deadlines": next_steps,
        "feed": console.feed,
        "beat": console.pulse.beat(watching.account.area_path),
        "path": console.feed.proof.state(),
        "path_limit_s": LIMIT_S,
    }


def _outlook(console: Console, account: Account) -> tuple[list[tuple[str, str]], dict[str, Deadline]]:
    """Hours to come in which nobody would answer, for those who can mend the roster, and the next step of every ladder.

    Empty while the database is away: the queue comes first.
    """
    if not console.feed.database_up:
        return [], {}
    try:
        with console.database() as conn:
            warnings: list[tuple[str, str]] = []
            if may_do(account, Action.MANAGE_STAFF):
                warnings = duty_warnings.warnings(conn, dt.datetime.now(dt.UTC), account.area_path)
            return warnings, deadlines(conn)
    except psycopg.OperationalError as error:
        log.warning("ladders and warnings are not shown", error=str(error).strip())
        return [], {}


def groups(
    alerts: Sequence[AlertNotice], opened: Collection[str] = (), closed: Collection[str] = ()
) -> list[dict[str, Any]]:
    """Groups of many alerts of one kind in one place, ranked, each with its alerts, the oldest first.

    ``opened``, ``closed``: keys of groups that somebody has opened or closed. Any other group is ``shown`` line by
    line where it has few emergencies: each is somebody's; of a whole building only the group can be taken in.
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
    ranked: list[dict[str, Any]] = []
    same: Counter[str] = Counter()
    for one in grouping.group(items):
        if len(one.ids) < grouping.LEAST:
            continue
        # Not its first alert: when that one is resolved, a group that somebody has opened must stay open.
        key = f"group-{one.rule}-{one.area}"
        same[key] += 1
        key = key if same[key] == 1 else f"{key}-{same[key]}"
        few = one.severity == "emergency" and len(one.ids) <= FEW
        ranked.append(
            {
                "key": key,
                "few": few,
                "shown": key in opened or (few and key not in closed),
                "first": by_id[one.ids[0]],
                "alerts": [by_id[id] for id in one.ids],
                **msgspec.structs.asdict(one),
            }
        )
    return ranked


def by_gravity(alerts: Sequence[AlertNotice]) -> dict[str, list[AlertNotice]]:
    """Sort alerts by severity, within one in the order given."""
    alerts_by: dict[str, list[AlertNotice]] = {severity: [] for severity in SEVERITIES}
    for alert in alerts:
        alerts_by[alert.severity].append(alert)
    return alerts_by
