"""Grants of the demonstration: settled at once, waiting with what is missing, late, decided by a person, and paid."""

import datetime as dt
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from care_services.core.facts import facts_of
from care_services.core.rules import Value, read_rules
from care_services.grants import settling, store
from care_services.grants.kinds import KINDS
from care_services.grants.settling import DECIDED_IN, Settled, month_of
from vocabulary.times import SHANGHAI

_OLD = 80
_BOSS = "梁主任"


def fill(conn: Connection[Any], now: dt.datetime) -> None:
    """Add applications where there is none at all; each is settled by the rules that come with the program."""
    if conn.execute("SELECT FROM grant_application LIMIT 1").fetchone() is not None:
        return
    today = now.astimezone(SHANGHAI).date()
    people = conn.execute(
        "SELECT r.id, r.birth_date, b.id, b.state, b.applied_at FROM resident r"
        " JOIN household h ON h.id = r.household_id LEFT JOIN home_bed b ON b.resident_id = r.id"
        " AND b.state NOT IN ('closed', 'refused', 'withdrawn') WHERE NOT h.synthetic ORDER BY r.code LIMIT 60"
    ).fetchall()
    old = [one for one in people if (today - one[1]).days >= _OLD * 365.25]
    for place, one in enumerate(old):
        if place % 5 != 3:  # of the others nobody has recorded it: they wait
            _local(conn, one[0], today)
    facts = facts_of(conn, [one[0] for one in people], today)
    for place, one in enumerate(old):
        at = now - dt.timedelta(days=(40, 33, 12, 8, 2)[place % 5], hours=place % 9)
        _apply(conn, "old_age_allowance", one, at, facts[one[0]], {})
    for place, one in enumerate(one for one in people if one[3] in ("in_service", "suspended")):
        at = now - dt.timedelta(days=35 - place % 3)
        _apply(conn, "bed_operation", one, at, facts[one[0]], {})
    waiting = [one for one in people if one[3] in ("planning", "installing", "contracting")]
    for place, one in enumerate(waiting[:4]):
        form: dict[str, Value] = {"owner_agrees": True, "cost": 3600 + 500 * place} if place % 2 else {}
        at = now - dt.timedelta(days=9 if place == 0 else 1)
        number, state = _apply(conn, "age_friendly", one, at, facts[one[0]], form)
        if place == 1 and state == "waiting":
            _decide(conn, number, now - dt.timedelta(hours=20))
    for place, one in enumerate(one for one in people if one[3] == "in_service"):
        elsewhere: dict[str, Value] = {"paid_elsewhere": place % 3 == 0} if place % 3 < 2 else {}
        _apply(conn, "service_subsidy", one, now - dt.timedelta(days=3 + place), facts[one[0]], elsewhere)
    _settle_last_month(conn, month_of(month_of(today) - dt.timedelta(days=1)), now)


def _local(conn: Connection[Any], resident: int, today: dt.date) -> None:
    """Say that somebody is registered in the city, where nothing is recorded about it."""
    conn.execute(
        "INSERT INTO resident_trait (resident_id, trait, holds, valid_from, evidence, set_at)"
        " SELECT %(id)s, 'local_household', true, %(from)s, '户口簿核对', %(from)s"
        " WHERE NOT EXISTS (SELECT FROM resident_trait WHERE resident_id = %(id)s AND trait = 'local_household')",
        {"id": resident, "from": today - dt.timedelta(days=400)},
    )


def _apply(
    conn: Connection[Any], kind: str, person: Any, at: dt.datetime, known: dict[str, Value], form: dict[str, Value]
) -> tuple[int, str]:
    """Enter an application at a moment, settled as the rules say; gives its number and its state."""
    found = KINDS[kind]
    facts = {name: value for name, value in {**known, **form, "granted_before": False}.items()
             if name in found.subject.facts}  # fmt: skip
    settled = settling.settle(read_rules(found.subject.default, found.subject), facts)
    number = store.insert(conn, kind, person[0], "本人" if kind == "old_age_allowance" else "女儿", at, form)
    assert number is not None  # noqa: S101 - there was none at all
    _write(conn, number, facts, settled, at, "rules")
    conn.execute(
        "INSERT INTO grant_step (application_id, at, step, to_state, actor, origin, reason, detail) VALUES"
        " (%(id)s, %(at)s, 'apply', 'waiting', '何站长', 'demo', '', '{}'),"
        " (%(id)s, %(at)s, %(step)s, %(state)s, %(rules)s, 'demo', %(reason)s, %(detail)s)",
        {
            "id": number, "at": at, "step": "wait" if settled.state == "waiting" else "settle", "state": settled.state,
            "rules": store.RULES_ACTOR, "reason": settled.zh, "detail": Jsonb({"rule": settled.rule, "en": settled.en}),
        },
    )  # fmt: skip
    return number, settled.state


def _write(
    conn: Connection[Any], number: int, facts: dict[str, Value], settled: Settled, at: dt.datetime, by: str
) -> None:
    waiting = settled.state == "waiting"
    store.change(conn, number, {
        "state": settled.state, "facts": facts, "missing": list(settled.missing), "rule": settled.rule,
        "rule_version": 0 if by == "rules" else None, "reason_zh": settled.zh, "reason_en": settled.en,
        "amount_fen": settled.amount_fen, "per": settled.per,
        "pays_from": month_of(at.astimezone(SHANGHAI).date()) if settled.state == "approved" else None,
        "settled_by": None if waiting else by, "decided_at": None if waiting else at,
        "due_at": at + DECIDED_IN if waiting else None,
    })  # fmt: skip


def _decide(conn: Connection[Any], number: int, at: dt.datetime) -> None:
    reason = "街道会商：独居且改造急需，按家庭困难情形办理"
    _write(conn, number, {}, Settled(
        state="approved", amount_fen=240_000, per="once", zh=f"{reason}：一次性 2400.00 元",
        en="Agreed by the street: lives alone and needs it: 2400.00 yuan once",
    ), at, "person")  # fmt: skip
    conn.execute(
        "INSERT INTO grant_step (application_id, at, step, to_state, actor, origin, reason)"
        " VALUES (%s, %s, 'decide', 'approved', %s, 'demo', %s)",
        (number, at, _BOSS, reason),
    )


def _settle_last_month(conn: Connection[Any], month: dt.date, now: dt.datetime) -> None:
    conn.execute(
        "INSERT INTO grant_payment (month, application_id, resident_id, amount_fen, settled_at, settled_by)"
        " SELECT %(month)s, id, resident_id, amount_fen, %(at)s, %(by)s FROM grant_application"
        " WHERE state = 'approved' AND pays_from <= %(month)s",
        {"month": month, "at": now - dt.timedelta(hours=30), "by": _BOSS},
    )
