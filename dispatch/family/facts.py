"""Read what is known about a resident from the database, for :mod:`dispatch.family.sentence`."""

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
import psycopg
from psycopg.rows import dict_row

from care_network.matching.geography import distance_m
from care_network.matching.locations import FRESH
from care_network.records import vitals
from database.reports import alerting_workers
from dispatch.alerts.outcomes import OUTCOMES
from dispatch.core.headline import title
from dispatch.family.sentence import HOSPITAL_FOR, Colour, Facts, OpenAlert, Sign, moment, of_alerts, urgency
from dispatch.family.usual import quiet_at
from firmware_profiles.devices import MODELS
from vocabulary.alert_state import OPEN
from vocabulary.labels import room_of

MISSED = 3
"""A device is silent after so many of its heartbeats, as detection has it."""
LEAST_SILENCE = dt.timedelta(minutes=5)
"""A device with a quicker heartbeat is given this time, so that the page does not flicker."""
DETECTION_STANDS_S = 60.0
"""Without a message handled by detection for so long, while this home is heard, nobody looks at what it sends."""
LIVING = ("heart_rate", "respiration_rate", "spo2")
"""Channels in which a value is a heartbeat or a breath."""
DOORS = ("door_opened", "door_closed")
LOOK_BACK = dt.timedelta(days=1)
USUAL_DAYS = 14
ENDS_SHOWN = 3
ENDS: Mapping[str, tuple[str, str]] = {
    "resolved": ("已办结", "closed"),
    "cancelled": ("已由本人取消", "taken back by themselves"),
    "cleared": ("已自行解除", "over by itself"),
}
WINDING = 1.35
"""Length of a way on foot in a city, as a multiple of the straight line."""
WALK_M_MIN = 75.0
"""4.5 km/h, metres a minute."""


class Step(msgspec.Struct, frozen=True):
    """A person's step on an alert."""

    at: dt.datetime
    zh: str
    en: str
    """The person's name; empty in a language that has none."""


class HomeAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An open alert with the way of help so far."""

    id: UUID
    rule_zh: str
    rule_en: str
    alert: OpenAlert
    taken: Step | None
    on_the_way: Step | None
    arrived: Step | None
    minutes: int | None = None
    """Estimated walk to the door of whoever is on the way and shares their place."""


class Ended(msgspec.Struct, frozen=True):
    """How an alert of the last day ended, in one line."""

    zh: str
    en: str


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """Knowledge on which the page of one resident stands."""

    facts: Facts
    alerts: tuple[HomeAlert, ...]
    """Open ones of people, the one that needs somebody most first."""
    ended: tuple[Ended, ...] = ()
    """Those of the last day that have ended, the newest first."""


def load(
    conn: psycopg.Connection[Any],
    resident_id: int,
    household_id: int,
    now: dt.datetime,
    series: Sequence[dict[str, Any]] | None = None,
) -> Known:
    """Read the facts of one resident, as of now. ``series``: theirs, where the caller has asked already."""
    devices = vitals.devices(conn, resident_id)
    gateway = conn.execute(
        """
        SELECT count(*) > 0, coalesce(bool_and(state = 'offline'), false),
               max(state_at) FILTER (WHERE state = 'online'), min(registered_at)
        FROM gateway WHERE household_id = %s
        """,
        (household_id,),
    ).fetchone()
    assert gateway is not None  # noqa: S101 - an aggregate
    has_gateway, offline, online_at, since = gateway
    heard = [device["heard_at"] for device in devices if device["heard_at"] is not None]
    alerts = _alerts(conn, _open_ones(conn, resident_id, household_id))
    pause = conn.execute(
        """
        SELECT kind, until FROM pause
        WHERE household_id = %s AND device_id IS NULL AND since <= %s AND until > %s AND ended_at IS NULL
        ORDER BY kind = 'carer', until DESC LIMIT 1
        """,
        (household_id, now, now),
    ).fetchone()
    worked_on = {
        row[0]
        for row in conn.execute(
            "SELECT d.name FROM pause p JOIN device d ON d.id = p.device_id"
            " WHERE p.household_id = %s AND p.since <= %s AND p.until > %s AND p.ended_at IS NULL",
            (household_id, now, now),
        )
    }
    series = vitals.series_of(conn, resident_id) if series is None else series
    ended, hospital_at = _ended(conn, resident_id, household_id, now)
    facts = Facts(
        now=now,
        read_at=now,
        alerts=tuple(one.alert for one in alerts),
        has_gateway=bool(has_gateway),
        offline=bool(offline),
        # a birth is no news of the devices, and counts only beside them
        heard_at=max([*heard, *([online_at] if online_at else [])]) if heard else None,
        detects=_detects(conn),
        paused_until=pause[1] if pause else None,
        carer_there=bool(pause) and pause[0] == "carer",  # type: ignore[index]
        silent=tuple(_named(device) for device in devices if _is_silent(device, since, now)),
        worked_on=tuple(_named(device) for device in devices if device["name"] in worked_on),
        senses=_senses(devices),
        life=_newest_sign(conn, series, household_id, now),
        usual=_usual(conn, series, now),
        hospital_at=hospital_at,
    )
    people = sorted((one for one in alerts if one.alert.severity != "technical"), key=lambda one: urgency(one.alert))
    return Known(facts=facts, alerts=tuple(people), ended=ended)


def _ended(
    conn: psycopg.Connection[Any], resident_id: int, household_id: int, now: dt.datetime
) -> tuple[tuple[Ended, ...], dt.datetime | None]:
    """Ends of the last day, and the newest that led to a hospital."""
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            """
            SELECT rule, severity, evidence, reason_zh, reason_en, onset, state, outcome, closed_at FROM alert
            WHERE NOT alert_is_open(state) AND severity <> 'technical' AND merged_into IS NULL
              AND (resident_id = %s OR (resident_id IS NULL AND household_id = %s))
              AND onset > %s AND closed_at > %s AND closed_at <= %s
            ORDER BY closed_at DESC LIMIT 50
            """,
            (resident_id, household_id, now - 7 * LOOK_BACK, now - HOSPITAL_FOR, now),
        ).fetchall()
    hospital = [row["closed_at"] for row in rows if row["outcome"] == "hospital"]
    return tuple(ended(row, now) for row in rows[:ENDS_SHOWN]), max(hospital, default=None)


class OneAlert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert, open or not, in one sentence; ``way``: of an open one how far help has come."""

    colour: Colour
    zh: str
    en: str
    way: HomeAlert | None


def one_alert(conn: psycopg.Connection[Any], alert_id: UUID, now: dt.datetime) -> OneAlert | None:
    """Say how one alert stands; None where it is not in the database yet. One that is merged stands as its lead."""
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(
            "SELECT resident_id, household_id, merged_into, rule, severity, evidence, reason_zh, reason_en, onset,"
            " state, outcome, closed_at FROM alert WHERE id = %s",
            (alert_id,),
        ).fetchone()
    if row is None:
        return None
    if row["state"] not in OPEN:
        end = ended(row, now)
        return OneAlert(colour="grey", zh=f"{end.zh}。", en=f"{end.en[0].upper()}{end.en[1:]}.", way=None)
    found = _alerts(conn, [row["merged_into"] or alert_id])
    said = of_alerts([found[0].alert], now)
    return OneAlert(colour=said[1], zh=said[2], en=said[3], way=found[0])


def ended(row: Mapping[str, Any], now: dt.datetime) -> Ended:
    """Say how a closed alert ended. Pure."""
    zh, en = title(row["rule"], row["severity"], row["evidence"])
    began, closed = moment(row["onset"], now), moment(row["closed_at"] or row["onset"], now)
    outcome = OUTCOMES.get(row["outcome"] or "")
    how_zh, how_en = ENDS[row["state"]]
    if outcome is not None:
        how_zh, how_en = f"{how_zh}：{outcome.zh}", f"{how_en}: {outcome.en}"
    told = for_family(f"{began[0]} {zh or row['reason_zh']}，{closed[0]} {how_zh}")
    return Ended(told, f"{began[1]} {en or row['reason_en']}; {closed[1]} {how_en}")


def for_family(zh: str) -> str:
    """Chinese words of the staff as the family reads them."""
    return zh.replace("老人", "长者")


def _detects(conn: psycopg.Connection[Any]) -> bool:
    """Whether detection has handled a message of any home a moment ago; False where it has never told."""
    ages = [worker.handled_s for worker in alerting_workers.load(conn) if worker.handled_s is not None]
    return bool(ages) and min(ages) <= DETECTION_STANDS_S


def _open_ones(conn: psycopg.Connection[Any], resident_id: int, household_id: int) -> list[UUID]:
    """Open alerts about the resident, and those about the whole home: smoke is theirs, too."""
    rows = conn.execute(
        "SELECT a.id FROM alert a WHERE alert_is_open(a.state)"
        " AND (a.resident_id = %s OR (a.resident_id IS NULL AND a.household_id = %s))"
        " ORDER BY severity_rank(a.severity), a.onset LIMIT 50",
        (resident_id, household_id),
    )
    return [row[0] for row in rows]


def _alerts(conn: psycopg.Connection[Any], alert_ids: Sequence[UUID]) -> list[HomeAlert]:
    """Alerts with the way of help so far."""
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            """
            SELECT a.id, a.rule, a.severity, a.state, a.evidence, a.reason_zh, a.reason_en, a.onset,
                   a.owner_zh, a.owner_en, a.merged_into,
                   (SELECT count(DISTINCT (n.recipient_kind, n.recipient_key)) FROM notification n
                    WHERE n.alert_id = a.id AND n.reason = 'escalation'
                      AND n.state IN ('sent', 'delivered', 'acknowledged')) AS told
            FROM alert a
            WHERE a.id = ANY (%s) ORDER BY severity_rank(a.severity), a.onset
            """,
            (list(alert_ids),),
        ).fetchall()
        # one that is merged into another of them is told with it; its lead may be about somebody else of the home
        ids = {row["id"] for row in rows}
        rows = [row for row in rows if row["merged_into"] not in ids]
        steps = cursor.execute(
            """
            SELECT e.alert_id, e.at, e.to_state, e.actor, coalesce(a.name_en, '') AS actor_en
            FROM alert_event e LEFT JOIN account a ON a.id = e.account_id
            WHERE e.alert_id = ANY(%s) AND e.from_state IS DISTINCT FROM e.to_state ORDER BY e.id
            """,
            ([row["id"] for row in rows],),
        ).fetchall()
    minutes = _minutes(conn, [row["id"] for row in rows])
    found = [_alert(row, [step for step in steps if step["alert_id"] == row["id"]]) for row in rows]
    return [msgspec.structs.replace(one, minutes=minutes.get(one.id)) for one in found]


def _minutes(conn: psycopg.Connection[Any], alerts: list[UUID]) -> dict[UUID, int]:
    """Walking time to the door, from the last shared place of whoever has accepted an order of the alert."""
    rows = conn.execute(
        """
        SELECT o.alert_id, l.longitude, l.latitude, coalesce(h.longitude, ar.longitude),
               coalesce(h.latitude, ar.latitude)
        FROM work_order o JOIN staff_location l ON l.staff_id = o.staff_id
        JOIN household h ON h.id = o.household_id JOIN area ar ON ar.id = h.area_id
        WHERE o.alert_id = ANY(%s) AND o.state IN ('accepted', 'en_route') AND l.at > now() - %s
          AND coalesce(h.longitude, ar.longitude) IS NOT NULL
        """,
        (alerts, FRESH),
    ).fetchall()
    return {
        alert: max(1, math.ceil(float(distance_m(x, y, np.array([to_x]), np.array([to_y]))[0]) * WINDING / WALK_M_MIN))
        for alert, x, y, to_x, to_y in rows
    }


def _alert(row: dict[str, Any], steps: list[dict[str, Any]]) -> HomeAlert:
    """An alert with the steps since it was raised last: whoever let it lie has it no more."""
    held: dict[str, Step] = {}
    for step in steps:
        if step["to_state"] == "raised":
            held.clear()
        held[step["to_state"]] = Step(step["at"], step["actor"], step["actor_en"])
    zh, en = title(row["rule"], row["severity"], row["evidence"])
    holder = held.get(row["state"]) if row["state"] != "raised" else None
    return HomeAlert(
        id=row["id"],
        rule_zh=for_family(zh or row["reason_zh"]),
        rule_en=en or row["reason_en"],
        alert=OpenAlert(
            severity=row["severity"],
            state=row["state"],
            what_zh=for_family(zh or row["reason_zh"]),
            what_en=en or row["reason_en"],
            at=row["onset"],
            told=row["told"],
            holder_zh=holder.zh if holder else row["owner_zh"],
            holder_en=(holder.en or holder.zh) if holder else row["owner_en"],
            since=holder.at if holder else None,
        ),
        taken=held.get("acknowledged") or held.get("responding") or held.get("on_scene"),
        on_the_way=held.get("responding") or held.get("on_scene"),
        arrived=held.get("on_scene"),
    )


def _is_silent(device: dict[str, Any], since: dt.datetime | None, now: dt.datetime) -> bool:
    """Whether it should have been heard, at the latest since the gateway is registered (``since``).

    One of an unknown model is not expected to speak; the gateway itself has a sentence of its own.
    """
    model = MODELS.get(device["model"])
    heard = device["heard_at"] or since
    if model is None or model.transport in ("gateway", "exchange") or heard is None:
        return False
    return bool(now - heard > max(MISSED * dt.timedelta(seconds=model.heartbeat_s), LEAST_SILENCE))


def _named(device: dict[str, Any]) -> tuple[str, str]:
    model, room = MODELS.get(device["model"]), room_of(device["room"])
    if model is None:
        return f"{room[0]}设备", f"a device ({room[1]})"
    return f"{room[0]}{model.zh}", f"{model.label_en} ({room[1]})" if room[1] else model.label_en


def _senses(devices: list[dict[str, Any]]) -> bool:
    wanted = {"motion", "presence", *LIVING}
    models = [MODELS[device["model"]] for device in devices if device["model"] in MODELS]
    return any(model.channels & wanted for model in models)


def _newest_sign(
    conn: psycopg.Connection[Any], series: Sequence[dict[str, Any]], household_id: int, now: dt.datetime
) -> Sign | None:
    """The newest sign of life of the last day."""
    signs: list[Sign] = []
    for channels, doing in ((("motion",), "moving"), (LIVING, "measuring")):
        rooms = {row["id"]: row["room"] for row in series if row["channel"] in channels}
        row = conn.execute(
            """
            SELECT s.id, r.time FROM unnest(%s::int[]) AS s(id) CROSS JOIN LATERAL (
                SELECT time FROM newest_readings(s.id, %s, 'infinity', 1, 1e-37)) r ORDER BY r.time DESC LIMIT 1
            """,
            (list(rooms), now - LOOK_BACK),
        ).fetchone()
        if row is not None:
            signs.append(Sign(row[1], doing, rooms[row[0]] if doing == "moving" else ""))  # type: ignore[arg-type]
    row = conn.execute(
        """
        SELECT e.time, e.kind, d.room FROM gateway g JOIN device d ON d.gateway_id = g.id
        CROSS JOIN LATERAL (
            SELECT time, kind FROM event WHERE device_id = d.id AND time > %s AND kind IN (
                'door_opened', 'door_closed', 'bed_exit', 'bed_enter', 'sos_pressed', 'sos_held', 'sos_cancelled',
                'service_called')
            ORDER BY time DESC LIMIT 1) e
        WHERE g.household_id = %s ORDER BY e.time DESC LIMIT 1
        """,
        (now - LOOK_BACK, household_id),
    ).fetchone()
    if row is not None:
        signs.append(Sign(row[0], "door", "") if row[1] in DOORS else Sign(row[0], "moving", row[2]))
    return max(signs, key=lambda sign: sign.at, default=None)


def _usual(conn: psycopg.Connection[Any], series: Sequence[dict[str, Any]], now: dt.datetime) -> dt.timedelta | None:
    ids = [row["id"] for row in series if row["channel"] == "motion" or row["channel"] in LIVING]
    if not ids:
        return None
    rows = conn.execute(
        "SELECT DISTINCT time FROM reading_hours(%s::int[], %s, %s) WHERE high > 0",
        (ids, now - dt.timedelta(days=USUAL_DAYS + 1), now - dt.timedelta(hours=12)),
    )
    return quiet_at(now, {row[0] for row in rows})
