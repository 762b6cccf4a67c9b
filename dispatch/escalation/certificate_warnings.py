"""Warn 60, 30 and 7 days before a certificate ends, by a technical alert; withdraw the warning once it is renewed."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg

from care_network.records.certificates import Expiry, expiries
from dispatch.alerts import lifecycle
from dispatch.alerts.platform import platform_household
from vocabulary.alert_state import OPEN

RULE = "certificate_expires"
STAGES = (7, 30, 60)
"""Days before the end. Gateways renew themselves 99 days before it: whoever is warned of has failed for weeks."""
PAST = dt.timedelta(days=30)
"""A certificate that ended longer ago belongs to nobody who is in use."""
SINGLY = 10
"""More gateways than this are one alert: a district whose renewal stands still is one fault, not seven thousand."""
NAMED = 5
_SPACE = uuid.UUID("6d0b5a8e-5f0c-4f6e-9d63-3a2a8a3c1f57")


class _Warning(msgspec.Struct, frozen=True, kw_only=True):
    subject: str
    stage: int
    ends: dt.datetime
    holders: tuple[str, ...]
    household_id: int | None

    @property
    def id(self) -> uuid.UUID:
        return uuid.uuid5(_SPACE, f"{self.subject} {self.stage} {self.ends.date()}")


def choose(known: Sequence[Expiry], now: dt.datetime) -> list[_Warning]:
    """Choose the warnings that are due: one a certificate, but one for all gateways where they are many. Pure."""
    due = [one for one in known if now - PAST < one.expires_at and _stage(one, now) is not None]
    gateways = [one for one in due if one.household_id is not None]
    many = len(gateways) > SINGLY
    warnings = [
        _Warning(
            subject=f"certificate:{one.holder}",
            stage=_stage(one, now) or 0,
            ends=one.expires_at,
            holders=(one.holder,),
            household_id=one.household_id,
        )
        for one in due
        if one.household_id is None or not many
    ]
    if many:
        first = min(gateways, key=lambda one: one.expires_at)
        warnings.append(
            _Warning(
                subject="certificate:gateways",
                stage=_stage(first, now) or 0,
                ends=first.expires_at,
                holders=tuple(sorted(one.holder for one in gateways)),
                household_id=None,
            )
        )
    return warnings


def record(conn: psycopg.Connection[Any], now: dt.datetime) -> int:
    """Raise the warnings that are due and not raised yet, and clear those whose certificate was renewed; gives the
    number of new ones. One transaction; of several processes each warning is new for one."""
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (RULE,))
        due = {warning.id: warning for warning in choose(expiries(conn), now)}
        for (number,) in conn.execute(
            "SELECT id FROM alert WHERE rule = %s AND state = ANY(%s)", (RULE, list(OPEN))
        ).fetchall():
            if number not in due:
                lifecycle.follow_up(conn, number, "clear", now, "证书已更新，或改报更近的期限", "renewed, or told anew")
        return sum(_raise(conn, warning, now) for warning in due.values())


def _raise(conn: psycopg.Connection[Any], warning: _Warning, now: dt.datetime) -> bool:
    household_id = warning.household_id or platform_household(conn)
    if household_id is None:  # no home yet: nobody to tell
        return False
    some = "、".join(warning.holders[:NAMED]) + (" 等" if len(warning.holders) > NAMED else "")
    some_en = ", ".join(warning.holders[:NAMED]) + (" …" if len(warning.holders) > NAMED else "")
    count = len(warning.holders)
    date = f"{warning.ends:%Y-%m-%d}"
    over = warning.ends <= now
    alert = lifecycle.NewAlert(
        id=warning.id,
        rule=RULE,
        rule_version=1,
        severity="technical",
        subject=warning.subject,
        household_id=household_id,
        resident_id=None,
        onset=now,
        sensed_at=now,
        received_at=now,
        raised_at=now,
        reason_zh=(
            f"{count} 份证书{'已于' if over else '将于'} {date} {'过期' if over else '起到期'}：{some}；"
            "过期的证书无法连接，请更新"
        ),
        reason_en=(
            f"{count} certificate(s) {'expired' if over else 'will expire'} on {date}: {some_en};"
            " nothing connects with an expired one: renew it"
        ),
        evidence={"kind": "certificate", "ends": warning.ends.isoformat(), "holders": list(warning.holders[:100])},
    )
    return lifecycle.raise_alert(conn, alert)


def _stage(one: Expiry, now: dt.datetime) -> int | None:
    """The nearest of STAGES that is passed; None: none yet."""
    left = one.expires_at - now
    if left <= dt.timedelta(0):
        return 0
    return next((days for days in STAGES if left <= dt.timedelta(days=days)), None)
