"""Steps of a volunteer's life: checks, training, beginning, resting, leaving, and being sent to alarms.

A check that is taken back, a rest, an end: what they had promised is free in the same transaction, and dispatch sends
them no more (the database keeps ``staff.sent_until``).
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from psycopg import Connection, errors

from care_network.access.accounts import Account
from care_network.access.permissions import Action, require
from care_network.errors import ExistsError, NotFoundError, ProvisioningError
from care_services.time_bank import people
from care_services.time_bank.books import day_of
from care_services.time_bank.holders import near
from care_services.time_bank.kinds import BASIC_COURSE, CHECKS, Words
from care_services.time_bank.requests import as_account
from care_services.time_bank.running import lapsing, own_link
from care_services.time_bank.volunteers import NEED_CHECKS, NEED_TRAINING, STEPS, lacking, step


def record_check(
    conn: Connection[Any], account: Account, code: str, kind: str, *, passed: bool, checked_on: dt.date,
    expires_on: dt.date | None, note: str, now: dt.datetime, origin: str = "",
) -> None:  # fmt: skip
    """Record a check of identity or background. It counts, or no longer counts, from this moment on."""
    require(account, Action.MANAGE_TIME_BANK)
    if kind not in CHECKS:
        raise ProvisioningError(zh="请选择审查类型", en="choose the kind of check", field="kind")
    people.check_dates(checked_on, expires_on, now, "checked_on")
    before = people.find(conn, account, code)
    with conn.transaction():
        conn.execute(
            "INSERT INTO time_volunteer_check (volunteer_id, kind, passed, checked_on, expires_on, note, account_id,"
            " at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            (before.id, kind, passed, checked_on, expires_on, note.strip()[: people.MOST_WORDS], account.id, now),
        )
        lapsing.free_of(conn, before.id, as_account(account, origin), now)
        people.note_step(conn, before.id, f"check_{kind}", before.state, before.state, account, now)
        people.trace(conn, account, f"check_{kind}", code, None, now, origin)


def record_training(
    conn: Connection[Any], account: Account, code: str, course: str, *, passed: bool, passed_on: dt.date,
    expires_on: dt.date | None, now: dt.datetime, origin: str = "", place: str = "", taught_by: str = "",
) -> None:  # fmt: skip
    """Record a course that a volunteer has passed elsewhere, or not: counts, or no longer, from this moment on.

    One that was passed needs its evidence: where it was, and who taught it. Raises ProvisioningError.
    """
    require(account, Action.MANAGE_TIME_BANK)
    people.check_dates(passed_on, expires_on, now, "passed_on")
    for value, field, zh, en in (
        (place, "place", "请写明培训地点", "write where it was taught"),
        (taught_by, "taught_by", "请写明授课人或机构", "write who taught it"),
    ):
        if passed and not value.strip():
            raise ProvisioningError(zh=zh, en=en, field=field)
    before = people.find(conn, account, code)
    with conn.transaction():
        conn.execute(
            "INSERT INTO time_volunteer_training (volunteer_id, course, passed, passed_on, expires_on, account_id, at,"
            " place, taught_by) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                before.id, course.strip()[:60] or BASIC_COURSE, passed, passed_on, expires_on, account.id, now,
                place.strip()[:120], taught_by.strip()[:120],
            ),
        )  # fmt: skip
        lapsing.free_of(conn, before.id, as_account(account, origin), now)
        people.note_step(conn, before.id, "training", before.state, before.state, account, now)
        people.trace(conn, account, "training", code, None, now, origin)


def take_step(
    conn: Connection[Any], account: Account, code: str, action: str, version: int, note: str, now: dt.datetime,
    origin: str = "",
) -> None:  # fmt: skip
    """Take a step of a volunteer's life; resting or leaving ends their duty for alarms, too."""
    require(account, Action.MANAGE_TIME_BANK)
    before, today = people.find(conn, account, code), day_of(now)
    lack: Sequence[Words] = ()
    if action in NEED_TRAINING:
        lack = before.lacking(today)
    elif action in NEED_CHECKS:
        lack = lacking(before.checks, before.courses, today, ())
    after = step(before.state, action, lack)
    if action in ("rest", "end") and not note.strip():
        raise ProvisioningError(zh="请写明原因", en="write why", field="note")
    with conn.transaction():
        done = conn.execute(
            "UPDATE time_volunteer SET state = %s, version = version + 1 WHERE id = %s AND version = %s",
            (after, before.id, version),
        )
        if done.rowcount == 0:
            raise people.changed()
        if before.staff and STEPS[action][1] != before.state:
            conn.execute(
                "UPDATE staff SET active = %s, version = version + 1 WHERE code = %s AND kind = 'volunteer'",
                (after == "active", before.staff),
            )
        if after != "active":
            lapsing.free_of(conn, before.id, as_account(account, origin), now)
        people.note_step(conn, before.id, action, before.state, after, account, now, note.strip()[: people.MOST_WORDS])
        people.trace(conn, account, action, code, None, now, origin)
        if action == "begin" and before.link_until is None and before.link_serial == 0:
            own_link.make(conn, before.id, code, before.link_serial, now)


def link_staff(
    conn: Connection[Any], account: Account, code: str, staff: str, version: int, now: dt.datetime, origin: str = ""
) -> None:
    """Say as which member of staff (role volunteer) dispatch knows a volunteer: then they can be sent to an alarm."""
    require(account, Action.MANAGE_TIME_BANK)
    before = people.find(conn, account, code)
    number = None
    if staff.strip():
        row = conn.execute(
            "SELECT s.id, s.kind, p.path::text FROM staff s JOIN organisation o ON o.id = s.organisation_id"
            " JOIN area p ON p.id = o.area_id WHERE s.code = %s", (staff.strip(),),
        ).fetchone()  # fmt: skip
        if row is None or not near(account, row[2]):
            raise NotFoundError(zh=f"没有工号 {staff}", en=f"there is no member of staff {staff}", field="staff")
        if row[1] != "volunteer":
            raise ProvisioningError(
                zh="该人员的岗位不是“志愿者”", en="this member of staff is no volunteer", field="staff"
            )
        if not before.helping(day_of(now)):
            raise ProvisioningError(
                zh="志愿者须在服务中且审查、培训均有效，才能参加应急响应",
                en="only an active volunteer with valid checks and training is sent to alarms", field="staff",
            )  # fmt: skip
        number = row[0]
    try:
        with conn.transaction():
            done = conn.execute(
                "UPDATE time_volunteer SET staff_id = %s, version = version + 1 WHERE id = %s AND version = %s",
                (number, before.id, version),
            )
            if done.rowcount == 0:
                raise people.changed()
            people.note_step(
                conn, before.id, "link_staff", before.state, before.state, account, now, staff.strip()[:40]
            )
            people.trace(conn, account, "link_staff", code, None, now, origin)
    except errors.UniqueViolation as error:
        raise ExistsError(
            zh="该工号已关联其他志愿者", en="this member of staff is another volunteer already", field="staff"
        ) from error
