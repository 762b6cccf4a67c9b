"""Load the past alerts of an area with what people did about them, and the roster and families of that time."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, cast

import msgspec
import psycopg

from care_network.ability.standing import Standing, of_homes
from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, require
from care_network.duty.loading import load_roster
from care_network.records.contacts import FamilyMember
from dispatch.escalation.dry_run.course import HORIZON, Compared, compare
from dispatch.escalation.dry_run.past import Call, Happening, PastAlert, Reach, Told
from dispatch.ladders.policy import Policy
from dispatch.ladders.store import defaults, policies_now
from vocabulary.alert_state import AlertState

MOST = 20_000
"""Alerts of one dry run, the newest."""
MARGIN = dt.timedelta(hours=1)
_TAKES = ("acknowledge", "respond", "arrive")
_WORKS = ("own", "take_over", "note", "step", "merge")
_ENDS = ("resolve", "cancel", "clear")
_BREAKS = {"snooze": "rested", "reopen": "reopened", "undo": "reopened", "unmerge": "merged"}
_ACTIONS = (*_TAKES, *_WORKS, *_ENDS, *_BREAKS, "escalate")


class DryRun(msgspec.Struct, frozen=True, kw_only=True):
    """A draft on the alerts of an area in a time."""

    draft: Policy
    old: Policy | None
    """The one of the same code in force; None: it is new."""
    since: dt.datetime
    until: dt.datetime
    looked_at: int
    """Alerts of the draft's severity in that time."""
    compared: tuple[Compared, ...]
    more: bool
    """Whether there were more than MOST, of which the newest count."""

    def has(self, alert_id: str) -> bool:
        """Whether an alert is among those compared."""
        return any(one.alert.id == alert_id for one in self.compared)


def dry_run(
    conn: psycopg.Connection[Any], account: Account, draft: Policy, since: dt.datetime, until: dt.datetime, origin: str
) -> DryRun:
    """Compare a draft with the policies in force on the alerts of the account's area raised in [since, until).

    Raises NotPermittedError for whoever may not set policies or see alerts. Audited.
    """
    require(account, Action.SET_POLICIES)
    require(account, Action.VIEW_ALERTS)
    in_force = policies_now(conn)
    old = next((one for one in in_force if one.code == draft.code), None)
    severities = {draft.severity} if old is None else {draft.severity, old.severity}
    alerts = load_alerts(conn, account.area_path or "", sorted(severities), since, until)
    policies = [*in_force, *(one for one in defaults() if one.code not in {each.code for each in in_force})]
    compared = compare(alerts, policies, draft, load_reach(conn, alerts, since, until), until)
    audit(
        conn, account, "dry_run_policy", at=until, origin=origin,
        detail={"code": draft.code, "alerts": len(alerts), "since": since.isoformat()},
    )  # fmt: skip
    return DryRun(
        draft=draft, old=old, since=since, until=until, looked_at=len(alerts), compared=tuple(compared),
        more=len(alerts) >= MOST,
    )  # fmt: skip


def names_of(conn: psycopg.Connection[Any], told: Iterable[Told]) -> dict[Told, tuple[str, str]]:
    """Names of recipients in Chinese and English; of contacts those of today."""
    keys = defaultdict(list)
    for kind, key in set(told):
        keys[kind].append(key)
    rows = conn.execute(
        """
        SELECT 'staff', code, name_zh, name_en FROM staff WHERE code = ANY(%(staff)s)
        UNION ALL SELECT 'organisation', code, name_zh, name_en FROM organisation WHERE code = ANY(%(organisation)s)
        UNION ALL SELECT 'contact', r.code || '/' || c.phone, '家属 ' || c.name_zh, c.name_en
            FROM contact c JOIN resident r ON r.id = c.resident_id WHERE r.code || '/' || c.phone = ANY(%(contact)s)
        """,
        {kind: keys[kind] for kind in ("staff", "organisation", "contact")},
    )
    return {(kind, key): (zh, en) for kind, key, zh, en in rows}


def load_alerts(
    conn: psycopg.Connection[Any], area: str, severities: Sequence[str], since: dt.datetime, until: dt.datetime
) -> list[PastAlert]:
    """Load alerts with their history, the newest first."""
    rows = conn.execute(
        """
        SELECT a.id::text, a.severity, ar.path::text, a.household_id, a.resident_id, a.raised_at,
               a.merged_into IS NOT NULL,
               EXISTS (SELECT FROM call_attempt c WHERE c.alert_id = a.id AND c.answer = 'clear')
        FROM alert a JOIN household h ON h.id = a.household_id JOIN area ar ON ar.id = h.area_id
        WHERE ar.path <@ %s::ltree AND NOT h.synthetic AND a.severity = ANY(%s) AND a.raised_at >= %s
          AND a.raised_at < %s
        ORDER BY a.raised_at DESC LIMIT %s
        """,
        (area, list(severities), since, until, MOST),
    ).fetchall()
    ids = [row[0] for row in rows]
    events = defaultdict(list)
    for alert_id, *event in conn.execute(
        "SELECT e.alert_id::text, e.at, e.action, e.to_state, e.actor = 'system', s.code FROM alert_event e"
        " LEFT JOIN staff s ON s.account_id = e.account_id"
        " WHERE e.alert_id = ANY(%s::uuid[]) AND e.action = ANY(%s) ORDER BY e.id",
        (ids, list(_ACTIONS)),
    ):
        events[alert_id].append(event)
    calls: dict[str, dict[tuple[dt.datetime, int, int], list[Told]]] = defaultdict(lambda: defaultdict(list))
    for alert_id, at, step, round, kind, key in conn.execute(
        "SELECT alert_id::text, at, step, round, recipient_kind, recipient_key FROM notification"
        " WHERE alert_id = ANY(%s::uuid[]) AND reason = 'escalation' AND failover_of IS NULL ORDER BY id",
        (ids,),
    ):
        calls[alert_id][at, step, round].append((kind, key))
    done = {alert: tuple(Call(*when, tuple(told)) for when, told in steps.items()) for alert, steps in calls.items()}
    homes = of_homes(conn, {row[3] for row in rows})
    return [_alert(row, events[row[0]], done.get(row[0], ()), homes.get(row[3], [])) for row in rows]


def load_reach(
    conn: psycopg.Connection[Any], alerts: Sequence[PastAlert], since: dt.datetime, until: dt.datetime
) -> Reach:
    """Load the roster of that time, and the contacts of these homes with the consent that they have today."""
    family: dict[int, list[tuple[int, FamilyMember]]] = defaultdict(list)
    for household, resident, *member in conn.execute(
        """
        SELECT r.household_id, r.id, r.code, c.phone, c.name_zh, c.name_en, c.language
        FROM contact c JOIN resident r ON r.id = c.resident_id
        WHERE r.household_id = ANY(%s) AND c.consent_at <= %s ORDER BY r.household_id, c.call_order, r.code
        """,
        (list({alert.household_id for alert in alerts}), until),
    ):
        family[household].append((resident, FamilyMember(*member)))
    return Reach(load_roster(conn, since - MARGIN, until + HORIZON + MARGIN), family)


def _alert(
    row: Sequence[Any], events: Sequence[Sequence[Any]], calls: tuple[Call, ...], home: Sequence[Standing]
) -> PastAlert:
    alert_id, severity, place, household, resident, raised_at, merged, paused = row
    since, begin, intervened = raised_at, "raised", "paused" if paused else ""
    happenings: list[Happening] = []
    taken_at: dt.datetime | None = None
    taker = ""
    for at, action, state, by_system, code in events:
        if action == "escalate":
            since, begin, intervened, happenings = at, state, intervened or "severity", []
            continue
        if action in _BREAKS or (action == "merge" and merged):
            happenings.append(Happening(at, cast("AlertState", state), ends=True))
            intervened = intervened or _BREAKS.get(action, "merged")
            break
        if action in _ENDS:
            happenings.append(Happening(at, cast("AlertState", state), ends=True))
            break
        if by_system:
            continue  # a note of the platform itself is no work on the alert
        if action in _TAKES and taken_at is None:
            taken_at, taker = at, code or ""
        happenings.append(Happening(at, cast("AlertState", state)))
    return PastAlert(
        id=alert_id, severity=severity, place=place, household_id=household, resident_id=resident, since=since,
        raised_at=raised_at, state=cast("AlertState", begin), happenings=tuple(happenings), taken_at=taken_at,
        taker=taker, intervened=intervened, calls=calls,
        standings=tuple(one for one in home if resident is None or one.resident_id == resident),
    )  # fmt: skip
