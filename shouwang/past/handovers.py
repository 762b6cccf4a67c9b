"""Hand the desk over three times a day in the simulated past, with the alerts that were open then."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import psycopg

from care_network.demo.places import DISTRICT
from shouwang.past.alerts import ORIGIN, PastAlert
from shouwang.past.district import Desk, PastDistrict
from shouwang.past.tables import Rows
from vocabulary.times import SHANGHAI

SHIFTS = (7, 15, 23)
"""Local hours at which the desk is handed over."""


def add_handovers(
    conn: psycopg.Connection[Any], rows: Rows, district: PastDistrict, alerts: Sequence[PastAlert],
    since: dt.datetime, until: dt.datetime,
) -> None:  # fmt: skip
    """Write the hand-overs and add their alerts' rows; each alert records that it was taken over."""
    if len(district.desks) < 2:
        return
    day, turn = since.astimezone(SHANGHAI), 0
    while day < until.astimezone(SHANGHAI):
        for hour in SHIFTS:
            offered = day.replace(hour=hour).astimezone(dt.UTC) - dt.timedelta(minutes=4)
            accepted = offered + dt.timedelta(minutes=2 + turn % 4)
            if not since < offered < accepted < until:
                continue
            giver, taker = district.desks[turn % 2], district.desks[(turn + 1) % 2]
            turn += 1
            _hand_over(conn, rows, giver, taker, offered, accepted, alerts)
        day += dt.timedelta(days=1)


def _hand_over(
    conn: psycopg.Connection[Any], rows: Rows, giver: Desk, taker: Desk, offered: dt.datetime, accepted: dt.datetime,
    alerts: Sequence[PastAlert],
) -> None:  # fmt: skip
    kept = [one for one in alerts if one.course.steps[0].at < offered and one.course.closed_at > accepted]
    note = f"{len(kept)} 条未办结，请跟进" if kept else "一切正常"
    row = conn.execute(
        "INSERT INTO handover (area, offered_at, from_account, from_name, note, accepted_at, to_account, to_name)"
        " VALUES (%s::text::ltree, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
        (DISTRICT, offered, giver.id, giver.name_zh, note, accepted, taker.id, taker.name_zh),
    ).fetchone()
    assert row is not None  # noqa: S101 - RETURNING of one row
    for one in kept:
        state = one.state_at(accepted)
        rows.add("handover_alert", handover_id=row[0], alert_id=one.id, state=one.state_at(offered), version=1)
        rows.add("alert_event", alert_id=one.id, at=accepted, action="take_over", from_state=state, to_state=state,
                 account_id=taker.id, actor=taker.name_zh, origin=ORIGIN, note=f"接 {giver.name_zh} 的班",
                 note_en=f"taken over from {giver.name_zh}")  # fmt: skip
        one.row.update(
            version=one.row["version"] + 1, owner_id=taker.id, owner_zh=taker.name_zh, owner_en=taker.name_en
        )
