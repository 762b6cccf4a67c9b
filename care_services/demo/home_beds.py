"""Beds of the demonstration: an application in every stage, some of them late, beds in service, checked, suspended."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from care_services.home_beds import life
from care_services.home_beds.catalogue import DEADLINES, DEVICE_ROOMS, PLANS, SURVEY, due_of, models_to_plan
from care_services.home_beds.terms import end_of, first_check, next_due
from firmware_profiles.devices import MODELS
from vocabulary.times import SHANGHAI

_WAY = ("accept", "assess", "survey", "plan", "install", "sign")
_TOOK = (2, 7, 4, 3, 6, 3)
"""Days of each stage before its step."""
_TURN = ("applied", "installing", "assessing", "contracting", "surveying", "refused", "planning", "withdrawn", "closed")
"""Where the applications of those without a bed stand, in turn."""
_LATE = frozenset({"installing", "assessing"})
"""Stages of which the first application is late."""
_ACTOR, _BOSS = "何站长", "梁主任"
_REASONS = {
    "refused": "长期居住在外区，暂不符合建床条件", "withdrawn": "家属决定入住养老院",
    "closed": "随子女迁往外地，床位终止",
    "suspended": "因肺炎住院治疗",
}  # fmt: skip
MOST = 60
"""Residents who get a bed or an application."""
TOUR = "R0013"
"""The resident without an application: the tour of care begins with hers."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A resident who may get a bed."""

    id: int
    household_id: int
    home_care_bed: bool
    ability_grade: str | None
    organisation_id: int | None


def fill(conn: Connection[Any], now: dt.datetime) -> None:
    """Add beds where there is none at all. A resident whose record has a bed gets one in service."""
    conn.execute(
        "UPDATE resident r SET home_care_bed = false WHERE code = %s AND home_care_bed"
        " AND NOT EXISTS (SELECT FROM home_bed b WHERE b.resident_id = r.id)",
        (TOUR,),
    )
    if conn.execute("SELECT FROM home_bed LIMIT 1").fetchone() is not None:
        return
    with conn.cursor(row_factory=class_row(Person)) as cursor:
        people = cursor.execute(
            """
            SELECT r.id, r.household_id, r.home_care_bed, r.ability_grade,
                   (SELECT o.id FROM organisation o JOIN area p ON p.id = o.area_id
                    WHERE o.kind = 'home_care_bed_team' AND a.path <@ p.path
                    ORDER BY nlevel(p.path) DESC, o.id LIMIT 1) AS organisation_id
            FROM resident r JOIN household h ON h.id = r.household_id JOIN area a ON a.id = h.area_id
            WHERE NOT h.synthetic AND r.gone IS NULL AND r.code <> %s
            ORDER BY r.home_care_bed DESC, r.ability_grade IN ('intact', 'mild'), r.code LIMIT %s
            """,
            (TOUR, MOST),
        ).fetchall()
    devices = _devices(conn, [one.household_id for one in people])
    turn = served = 0
    for person in people:
        if person.home_care_bed:
            state = "suspended" if served % 5 == 2 else "in_service"
            _Bed(conn, person, state, served, now, devices.get(person.household_id, [])).write()
            served += 1
        elif turn < 3 * len(_TURN):
            _Bed(conn, person, _TURN[turn % len(_TURN)], turn, now, devices.get(person.household_id, [])).write()
            turn += 1


def _devices(conn: Connection[Any], homes: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """The devices of homes that can stand in a plan, by home."""
    known = models_to_plan()
    found: dict[int, list[dict[str, Any]]] = {}
    with conn.cursor(row_factory=dict_row) as cursor:
        for row in cursor.execute(
            "SELECT d.id, d.model, d.room, g.household_id FROM device d JOIN gateway g ON g.id = d.gateway_id"
            " WHERE g.household_id = ANY(%s) AND d.retired_at IS NULL ORDER BY d.id",
            (list(homes),),
        ):
            if row["model"] in known:
                found.setdefault(row["household_id"], []).append(row)
    return found


class _Bed:
    """One bed that is made up, backwards from now."""

    def __init__(
        self, conn: Connection[Any], person: Person, state: str, number: int, now: dt.datetime,
        devices: list[dict[str, Any]],
    ) -> None:  # fmt: skip
        self.conn, self.person, self.state, self.number, self.now = conn, person, state, number, now
        self.devices = devices[:6]
        self.grade = person.ability_grade or "moderate"

    def write(self) -> None:
        steps = self._steps()
        since = steps[-1][0]
        today = self.now.astimezone(SHANGHAI).date()
        due = due_of(self.state, since)
        check = contract = begins = None
        if "sign" in [step for _, step, _, _ in steps]:
            begins = next(at for at, step, _, _ in steps if step == "sign").astimezone(SHANGHAI).date()
            contract = begins + dt.timedelta(days=365)
        if self.state == "in_service" and begins is not None and contract is not None:
            check = first_check(begins, self.grade)
            while check < today - dt.timedelta(days=12 if self.number % 4 == 1 else 0):
                check += dt.timedelta(days=PLANS[self.grade].check_days)
            due = next_due(check, contract)
        if self.state == "suspended":
            due = end_of(today + dt.timedelta(days=9))
        row = self.conn.execute(
            "INSERT INTO home_bed (resident_id, organisation_id, state, state_since, due_at, applied_at, applicant,"
            " ability_grade, next_check_on, contract_until)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
            (self.person.id, self.person.organisation_id, self.state, since, due, steps[0][0],
             ("女儿", "本人", "儿子", "社区代办")[self.number % 4],
             self.grade if len(steps) > 3 and self.state != "refused" else None, check, contract),
        ).fetchone()  # fmt: skip
        assert row is not None  # noqa: S101 - the statement returns it
        bed = int(row[0])
        self._history(bed, steps)
        if len(steps) > 3 and self.state not in ("refused", "withdrawn"):
            self._survey(bed, steps[3][0], whole=self.state != "surveying")
        if self.state in ("planning", "installing", "contracting", "in_service", "suspended", "closed"):
            self._plan(bed, steps)
        if begins is not None and contract is not None:
            self._contract(bed, begins, contract)
            self._checks(bed, begins, today)

    def _steps(self) -> list[tuple[dt.datetime, str, str, str]]:
        """(at, step, from, to), the oldest first."""
        first = self.number < len(_TURN)
        if self.state in life.BED_STANDS:
            done, inside = len(_WAY), 35 + 27 * (self.number % 6)
        elif self.state in life.BEFORE_SERVICE:
            done = life.BEFORE_SERVICE.index(self.state)
            inside = DEADLINES[self.state] + 4 if first and self.state in _LATE else 1 + self.number % 2
        else:
            done, inside = {"refused": 1, "withdrawn": 3, "closed": 6}[self.state], 20 + self.number
        end = self.now - dt.timedelta(days=inside, hours=self.number % 7)
        ended = self.state in life.ENDS
        start = end - dt.timedelta(days=sum(_TOOK[:done]) + (40 if self.state == "closed" else 0))
        steps = [(start, "apply", "", "applied")]
        for step, days in zip(_WAY[:done], _TOOK, strict=False):
            known = life.STEPS[step]
            steps.append((steps[-1][0] + dt.timedelta(days=days), step, known.before[0], known.after))
        if ended:
            code = {"refused": "refuse", "withdrawn": "withdraw", "closed": "close"}[self.state]
            steps.append((end, code, steps[-1][3], self.state))
        if self.state == "suspended":
            steps.append((self.now - dt.timedelta(days=5), "suspend", "in_service", "suspended"))
        return steps

    def _history(self, bed: int, steps: list[tuple[dt.datetime, str, str, str]]) -> None:
        with self.conn.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO home_bed_step (bed_id, at, step, from_state, to_state, actor, origin, reason, detail)"
                " VALUES (%s, %s, %s, %s, %s, %s, 'demo', %s, %s)",
                [
                    (bed, at, step, before, after, _BOSS if step in ("sign", "refuse") else _ACTOR,
                     _REASONS.get(after, "") if step != "apply" else "", Jsonb({}))
                    for at, step, before, after in steps
                ],
            )  # fmt: skip

    def _survey(self, bed: int, at: dt.datetime, *, whole: bool) -> None:
        done = self.state in ("contracting", "in_service", "suspended", "closed")
        codes = list(SURVEY) if whole else list(SURVEY)[:7]
        rows = []
        for place, code in enumerate(codes):
            state, note = "present", ""
            if (place + self.number) % 5 == 0:
                state, note = ("done" if done else "needed"), "已联系施工队" if not done else "现场复核合格"
            elif (place + self.number) % 11 == 3:
                state, note = "refused", "家属认为暂不需要"
            rows.append((bed, code, state, note, at, _ACTOR))
        with self.conn.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO home_bed_survey (bed_id, item, state, note, at, actor) VALUES (%s, %s, %s, %s, %s, %s)",
                rows,
            )

    def _plan(self, bed: int, steps: list[tuple[dt.datetime, str, str, str]]) -> None:
        """The home's own devices, accepted by made-up proofs; those that are still to be tested are untouched."""
        accepted = self.state not in ("planning", "installing")
        began = next((at for at, step, _, _ in steps if step == "install"), self.now) - dt.timedelta(days=1)
        rows = []
        for place, one in enumerate(self.devices):
            what = _function(one["model"])
            room = one["room"] if one["room"] in DEVICE_ROOMS else "worn" if MODELS[one["model"]].wearable else "inside"
            row: tuple[Any, ...] = (bed, room, one["model"], None, None, None, "", None, "", None, "", None)
            if accepted or (self.state == "installing" and place == 0):
                at = began if accepted else self.now - dt.timedelta(days=2)
                if what is not None:
                    heard = at + dt.timedelta(seconds=35 + 7 * place)
                    row = (bed, room, one["model"], one["id"], at, heard, _ACTOR, "heard", "", heard, *what)
                else:
                    row = (bed, room, one["model"], one["id"], at, at, _ACTOR, "person",
                           "现场指示灯正常，由安装人员确认", None, "", None)  # fmt: skip
            rows.append(row)
        with self.conn.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO home_bed_device (bed_id, room, model, device_id, test_began_at, accepted_at, accepted_by,"
                " accepted_how, accepted_reason, heard_at, heard_what, heard_value)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                rows,
            )

    def _contract(self, bed: int, begins: dt.date, ends: dt.date) -> None:
        plan = PLANS[self.grade]
        self.conn.execute(
            "INSERT INTO home_bed_contract (bed_id, number, begins_on, ends_on, plan, visits_month, hours_month,"
            " signed_at, signed_by) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (bed, f"YT-JTCW-{begins:%Y}-{bed:04d}", begins, ends, self.grade, plan.visits_month, plan.hours_month,
             dt.datetime.combine(begins, dt.time(10), SHANGHAI), _BOSS),
        )  # fmt: skip

    def _checks(self, bed: int, begins: dt.date, today: dt.date) -> None:
        due = first_check(begins, self.grade)
        rows: list[tuple[Any, ...]] = []
        while due < today - dt.timedelta(days=12):
            good = (bed + len(rows)) % 4 != 0
            rows.append((bed, due, dt.datetime.combine(due, dt.time(15), SHANGHAI), _ACTOR, "good" if good else "mend",
                         "" if good else "护理记录缺两次签字，已要求补齐"))  # fmt: skip
            due += dt.timedelta(days=PLANS[self.grade].check_days)
        with self.conn.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO home_bed_check (bed_id, due_on, done_at, done_by, result, findings)"
                " VALUES (%s, %s, %s, %s, %s, %s)",
                rows,
            )


_SHOWN: dict[str, float] = {
    "heart_rate": 71, "in_bed": 1, "motion": 1, "presence": 1, "systolic_bp": 128, "spo2": 96, "body_temperature": 36.5,
    "glucose": 6.1, "weight": 58, "respiration_rate": 16, "door_open": 1, "room_temperature": 24, "body_movement": 1,
}  # fmt: skip
"""Plausible readings by channel."""


def _function(model: str) -> tuple[str, float | None] | None:
    """A reading or an event by which a device of this model shows its function; None where it has neither."""
    known = MODELS[model]
    if known.transport == "gateway":
        return "gateway_cpu", 12
    events = [event for table in known.events.values() for event in table.values()]
    for channel, value in _SHOWN.items():
        if channel in known.channels or (channel == "body_movement" and known.has_imu):
            return channel, value
    return (events[0], None) if events else None
