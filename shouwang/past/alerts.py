"""Make rows of a past alert: its history, finding, calls, ladder, missed targets, and the visit with its rating."""

import datetime as dt
import uuid
from collections.abc import Collection
from typing import Any

import msgspec
from numpy.random import Generator
from psycopg.types.json import Jsonb

from alerting.detection.detectors import all_rules
from dispatch.alerts.outcomes import Particulars, complete
from dispatch.ladders.policy import decode
from shouwang.past.course import Course, Step, course_of
from shouwang.past.district import Desk, PastDistrict, PastHome, Worker
from shouwang.past.stories import Incident
from shouwang.past.tables import Rows
from vocabulary.rule_words import KEY

SPACE = uuid.UUID("6f0c3a57-6a0e-5b43-9d5b-7b0a4f3f9d11")
"""Of the numbers of past alerts and orders: the same seed and time give the same."""
ORIGIN = "simulated"
TEAM = ("home_care_bed_team", "street_elder_center")
NEIGHBOURLY = 2
"""Every so many visits after a resident's alert are a neighbour's of the time bank, where one is on duty there."""
_STEPS = ("home_care_bed_team", "street_elder_center", "district_center")
STATE_AFTER = {
    "raise": "raised",
    "acknowledge": "acknowledged",
    "respond": "responding",
    "arrive": "on_scene",
    "resolve": "resolved",
    "clear": "cleared",
    "cancel": "cancelled",
}
_WORDS = (
    "来得很快，态度好", "小杨很耐心，还量了血压", "谢谢，放心多了", "电话里说得清楚，到得也及时", "等得稍微久了一点",
    "", "", "",
)  # fmt: skip


class PastAlert(msgspec.Struct, frozen=True):
    """An alert as hand-overs need it; ``row``: of the table ``alert``, whose version they raise."""

    id: uuid.UUID
    course: Course
    row: dict[str, Any]

    def state_at(self, at: dt.datetime) -> str:
        """Its state at a moment after its begin."""
        states = [STATE_AFTER[s.action] for s in self.course.steps if s.at <= at and s.action in STATE_AFTER]
        return states[-1]


def add_alert(
    rows: Rows, district: PastDistrict, home: PastHome, devices: Collection[str], incident: Incident, rng: Generator
) -> PastAlert | None:
    """Add the rows of one alert; None where the home has no such device. ``devices``: their names."""
    kind = incident.kind
    if kind.device and kind.device not in devices:
        return None
    course = course_of(incident, rng)
    subject = {
        "resident": f"resident:{home.resident_code}",
        "device": f"device:{home.gateway}/{kind.device}",
        "gateway": f"gateway:{home.gateway}",
    }[kind.subject]
    alert_id = uuid.uuid5(SPACE, f"{subject}|{kind.rule}|{incident.at.isoformat()}")
    resident = home.resident_id if kind.subject == "resident" else None
    calls = sum(step.action == "call_out" for step in course.steps)
    changes = sum(step.action not in ("raise", "call_out") for step in course.steps)
    desk = district.desk_at(course.at("acknowledge") or incident.at)
    owner = desk if incident.ending.outcome is not None else None
    row = rows.add(
        "alert",
        id=alert_id, rule=kind.rule, rule_version=1, severity=kind.severity, subject=subject,
        household_id=home.household_id, resident_id=resident, state=STATE_AFTER[course.steps[-1].action],
        version=1 + changes, onset=incident.at, sensed_at=incident.at, received_at=incident.at, raised_at=incident.at,
        stored_at=incident.at + dt.timedelta(milliseconds=40), reason_zh=incident.reason_zh,
        reason_en=incident.reason_en, evidence=Jsonb(_evidence(home, incident)), outcome=incident.ending.outcome,
        policy=home.policies[kind.severity], step=calls, round=0,
        closed_at=course.closed_at, owner_id=owner and owner.id, owner_zh=owner.name_zh if owner else "",
        owner_en=owner.name_en if owner else "",
    )  # fmt: skip
    team = district.workers_at(incident.at, home.area, *TEAM)
    hands_on = [one for one in team if one.kind in ("carer", "nurse", "social_worker")]
    worker = hands_on[int(rng.integers(min(3, len(hands_on))))] if hands_on else None
    near = district.neighbours_at(incident.at, home.area)
    if near and kind.subject == "resident" and incident.ending.visit and alert_id.int % NEIGHBOURLY == 0:
        worker = near[0]
    if incident.ending.outcome is not None:
        _add_finding(rows, alert_id, incident, course, desk)
    _add_history(rows, alert_id, incident, course, desk, worker)
    _add_ladder(rows, alert_id, home, district, kind.severity, course, rng)
    _add_calls(rows, alert_id, home, incident, course, desk)
    for milestone, target_s in course.late:
        due = incident.at + dt.timedelta(seconds=target_s)
        rows.add("sla_breach", alert_id=alert_id, milestone=milestone, target_s=target_s, due_at=due,
                 noticed_at=due + dt.timedelta(seconds=1), organisation_id=home.desk)  # fmt: skip
    if incident.ending.visit and worker is not None:
        _add_order(rows, alert_id, home, incident, course, desk, worker, rng)
    return PastAlert(alert_id, course, row)


def _evidence(home: PastHome, incident: Incident) -> dict[str, Any]:
    words = all_rules()[incident.kind.rule].words
    evidence = {**incident.kind.evidence, KEY: msgspec.to_builtins(words), "simulated": True}
    if incident.kind.evidence["kind"] == "silence":
        evidence["last_heard_us"] = round((incident.at - dt.timedelta(minutes=3)).timestamp() * 1e6)
        evidence["device"] = incident.kind.device or home.gateway
    return evidence


def _add_finding(rows: Rows, alert_id: uuid.UUID, incident: Incident, course: Course, desk: Desk | None) -> None:
    end = incident.ending
    outcome, found = complete(end.outcome, Particulars(end.cause, end.injury, end.hospital, end.actions))
    rows.add("alert_finding", alert_id=alert_id, at=course.closed_at, verdict=outcome.verdict, cause=found.cause,
             injury=found.injury, hospital=found.hospital, actions=list(found.actions),
             account_id=desk and desk.id)  # fmt: skip


def _add_history(
    rows: Rows, alert_id: uuid.UUID, incident: Incident, course: Course, desk: Desk | None, worker: Worker | None
) -> None:
    state: str | None = None
    for step in course.steps:
        after = STATE_AFTER.get(step.action, state or "raised")
        account, actor, origin = _actor(step, desk, worker)
        note = incident.ending.note if step.action == "resolve" else ""
        if step.action == "call_out":
            number = sum(one.action == "call_out" and one.at <= step.at for one in course.steps)
            note = f"第 {number} 级通知"
        rows.add("alert_event", alert_id=alert_id, at=step.at, action=step.action, from_state=state, to_state=after,
                 account_id=account, actor=actor, origin=origin, note=note,
                 note_en=f"step {number}" if step.action == "call_out" else "",
                 outcome=incident.ending.outcome if step.action == "resolve" else None)  # fmt: skip
        state = after


def _actor(step: Step, desk: Desk | None, worker: Worker | None) -> tuple[int | None, str, str]:
    if step.by == "desk" and desk is not None:
        return desk.id, desk.name_zh, ORIGIN
    if step.by == "carer" and worker is not None:
        return None, worker.name_zh, ORIGIN
    return None, "resident" if step.by == "resident" else "system", ORIGIN


def _add_ladder(
    rows: Rows, alert_id: uuid.UUID, home: PastHome, district: PastDistrict, severity: str, course: Course,
    rng: Generator,
) -> None:  # fmt: skip
    """Add whom each step told: people on duty at the time, organisations as in the demonstration's policies."""
    steps = decode(msgspec.json.decode(home.policies[severity])).steps
    calls = [step for step in course.steps if step.action == "call_out"]
    taken = course.at("acknowledge")
    told: set[str] = set()
    for number, step in enumerate(calls[: len(steps)], start=1):
        on_duty = district.workers_at(step.at, home.area, _STEPS[min(number, len(_STEPS)) - 1])
        people = [one.code for one in on_duty if one.code not in told][:2]
        told.update(people)
        for code in people:
            settled = step.at + dt.timedelta(seconds=float(rng.uniform(1, 6)))
            state = "withdrawn" if taken is not None and settled > taken else "delivered"
            rows.add("notification", alert_id=alert_id, reason="escalation", step=number, round=0,
                     recipient_kind="staff", recipient_key=code, at=step.at, due_at=step.at, state=state,
                     settled_at=settled)  # fmt: skip


def _add_calls(
    rows: Rows, alert_id: uuid.UUID, home: PastHome, incident: Incident, course: Course, desk: Desk | None
) -> None:
    def call(kind: str, key: str, at: dt.datetime, answered: dt.datetime | None, seconds: float) -> None:
        end = (answered or at) + dt.timedelta(seconds=seconds)
        rows.add("call_attempt", alert_id=alert_id, called_kind=kind, called_key=key, started_at=at,
                 answered_at=answered, ended_at=end, result="answered" if answered else "no_answer",
             answer="clear" if answered and kind == "resident" else None,
                 account_id=desk and desk.id, actor=desk.name_zh if desk else "system", origin=ORIGIN)  # fmt: skip

    at = course.called_at
    if at is None:
        return
    call("resident", home.resident_code, at, course.talked_at, 50 if course.answered else 25)
    if "family" in incident.ending.actions and home.contact is not None:
        later = at + dt.timedelta(seconds=80)
        call("contact", home.contact[0], later, later + dt.timedelta(seconds=6), 70)
    if "ambulance" in incident.ending.actions:
        later = at + dt.timedelta(seconds=180)
        call("service", "120", later, later + dt.timedelta(seconds=3), 90)


def _add_order(
    rows: Rows, alert_id: uuid.UUID, home: PastHome, incident: Incident, course: Course, desk: Desk | None,
    worker: Worker, rng: Generator,
) -> None:  # fmt: skip
    kind = incident.kind
    taken, out, there = (course.at(action) for action in ("acknowledge", "respond", "arrive"))
    if taken is None or out is None or there is None:
        return
    times = visit_times(taken + (out - taken) / 4, out, there, course.closed_at - dt.timedelta(minutes=1))
    order_id = uuid.uuid5(SPACE, f"order|{alert_id}")
    add_visit(
        rows, order_id, home, worker, desk, times, alert_id=alert_id, service=kind.service, urgency=kind.severity,
        resident=home.resident_id if kind.subject == "resident" else None, note=incident.ending.note,
        words=(incident.reason_zh, incident.reason_en), due=incident.at + dt.timedelta(minutes=15),
    )  # fmt: skip
    if kind.subject == "resident" and rng.random() < 0.65:
        add_rating(rows, order_id, home, course.closed_at, rng)


def add_rating(rows: Rows, order_id: uuid.UUID, home: PastHome, after: dt.datetime, rng: Generator) -> None:
    """Add what the family or the resident said of a visit."""
    stars = int(rng.choice([2, 3, 4, 5], p=[0.04, 0.1, 0.36, 0.5]))
    family = home.contact is not None and home.contact[1] is not None
    words = "" if stars < 3 else _WORDS[int(rng.integers(len(_WORDS)))]
    rows.add("work_order_rating", order_id=order_id, rated_by="family" if family else "resident", stars=stars,
             words="等了四十分钟才有人来" if stars == 2 else words,
             at=after + dt.timedelta(minutes=float(rng.uniform(5, 110))),
             account_id=home.contact[1] if home.contact is not None else None)  # fmt: skip


def visit_times(
    created: dt.datetime, out: dt.datetime, there: dt.datetime, done: dt.datetime
) -> tuple[tuple[str, str | None, str, dt.datetime], ...]:
    """(action, state before, state after, time) of a visit that went as it should."""
    between = (out - created) / 3
    return (
        ("create", None, "open", created),
        ("offer", "open", "offered", created + between / 10),
        ("accept", "offered", "accepted", created + 2 * between),
        ("depart", "accepted", "en_route", out),
        ("arrive", "en_route", "arrived", there),
        ("finish", "arrived", "done", done),
    )


def add_visit(
    rows: Rows, order_id: uuid.UUID, home: PastHome, worker: Worker, desk: Desk | None,
    times: tuple[tuple[str, str | None, str, dt.datetime], ...], *, alert_id: uuid.UUID | None, service: str,
    urgency: str, resident: int | None, words: tuple[str, str], due: dt.datetime, note: str,
) -> None:  # fmt: skip
    """Add a work order that is done, with its history."""
    rows.add(
        "work_order",
        id=order_id, alert_id=alert_id, service=service, urgency=urgency, household_id=home.household_id,
        resident_id=resident, due_at=due, reason_zh=words[0], reason_en=words[1], state="done", version=len(times),
        staff_id=worker.id, asked=1, created_at=times[0][3], created_by=desk and desk.id, done_at=times[-1][3],
    )  # fmt: skip
    for action, before, after, at in times:
        by_desk = action == "create" and desk is not None
        rows.add(
            "work_order_event", order_id=order_id, at=at, action=action, from_state=before, to_state=after,
            staff_id=None if action == "create" else worker.id, account_id=desk.id if by_desk and desk else None,
            actor=desk.name_zh if by_desk and desk else "system" if action in ("create", "offer") else worker.name_zh,
            origin=ORIGIN, note=note if action == "finish" else "", detail=Jsonb({"simulated": True}),
        )  # fmt: skip
