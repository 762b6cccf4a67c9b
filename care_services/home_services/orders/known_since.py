"""Subsidies that hung on facts nobody knew: decided anew once somebody recorded them, until the visit is settled."""

import datetime as dt
from typing import Any, LiteralString

from psycopg import Connection

from care_services.core import rule_book
from care_services.core.facts import facts_over
from care_services.home_services.catalogue import subsidy
from care_services.home_services.orders import store
from vocabulary.times import SHANGHAI

_OPEN: LiteralString = """
    SELECT o.id, o.version, o.state, o.resident_id, o.service, c.work, o.planned_start, o.amount_fen, o.subsidy_fen
    FROM service_order o JOIN care_service c ON c.code = o.service
    WHERE o.subsidy_open AND o.settlement_id IS NULL AND o.state IN ('checked_out', 'confirmed')
      AND EXISTS (SELECT FROM resident_trait t WHERE t.resident_id = o.resident_id AND t.set_at > o.checked_out_at)
    ORDER BY o.id
"""


def decide_anew(conn: Connection[Any], now: dt.datetime) -> int:
    """Part the cost of visits anew whose residents have had a fact recorded since; how many changed.

    By the facts of the visit's day, as they are known now. Nobody is given less by it: that takes a person, who
    corrects the visit. A settled visit stays as it is.
    """
    found = conn.execute(_OPEN).fetchall()
    if not found:
        return 0
    days = [row[6].astimezone(SHANGHAI).date() for row in found]
    facts = facts_over(conn, {row[3] for row in found}, min(days), max(days))
    rules, changed = rule_book.over(conn, subsidy.SUBJECT), 0
    for (order_id, version, state, resident, service, work, _, amount, before), day in zip(found, days, strict=True):
        share = subsidy.part(amount, subsidy.decide(rules(day), facts(resident, day), service, work))
        if share.subsidy_fen <= before and (share.open or share.subsidy_fen < before):
            continue
        with conn.transaction():
            done = conn.execute(
                "UPDATE service_order SET subsidy_fen = %s, own_fen = %s, subsidy_rule = %s, subsidy_open = %s,"
                " version = version + 1 WHERE id = %s AND version = %s AND settlement_id IS NULL",
                (share.subsidy_fen, share.own_fen, share.rule, share.open, order_id, version),
            )
            if done.rowcount:
                detail = {"subsidy_fen": [before, share.subsidy_fen]}
                note = "补充登记了老人情况，补贴重新核定"
                store.add_event(conn, order_id, "note", state, state, store.SYSTEM, now, note, detail)
                changed += 1
    return changed
