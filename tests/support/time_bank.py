"""A small time bank in the city of ``tests.support.orders``: volunteers who may help, and helped hours."""

import datetime as dt
import uuid
from typing import Any

import psycopg

from care_network.access.accounts import Account
from care_services.time_bank import people, requests, steps, store
from care_services.time_bank.kinds import BASIC_COURSE
from care_services.time_bank.people import NewVolunteer
from care_services.time_bank.requests import NewRequest, Person
from tests.support.network import C1, account
from vocabulary.times import SHANGHAI

DAY = dt.timedelta(days=1)


def managers(conn: psycopg.Connection[Any]) -> tuple[Account, Account]:
    """Two accounts of the district that manage the time bank."""
    for login in ("bank-1", "bank-2"):
        conn.execute(
            "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path, language)"
            " SELECT %s, password_hash, %s, 'Manager', 'manager', 'sz.yt', 'zh' FROM account"
            " WHERE login = 'dispatcher' ON CONFLICT DO NOTHING",
            (login, f"主任{login[-1]}"),
        )
    agree(conn)
    return account(conn, "bank-1"), account(conn, "bank-2")


def agree(conn: psycopg.Connection[Any], given: bool | None = True, *residents: str) -> None:
    """Residents say yes or no to being told to volunteers; nobody named: all who were never asked."""
    conn.execute(
        "INSERT INTO consent_event (resident_id, purpose, given, at, by_whom, how) SELECT id, 'volunteers', %(given)s,"
        " now(), 'self', 'paper' FROM resident r WHERE r.code = ANY(%(whose)s) OR cardinality(%(whose)s::text[]) = 0"
        " AND consent_of(id, 'volunteers') IS NULL",
        {"given": given, "whose": list(residents)},
    )


def volunteer(
    conn: psycopg.Connection[Any], by: Account, now: dt.datetime, name: str = "何婶", *, resident: str = "",
    state: str = "active", area: str = C1,
) -> str:  # fmt: skip
    """A volunteer with valid checks and training, in a state; the code."""
    new = NewVolunteer(
        name_zh=name, name_en="Aunt He", sex="female", born_on="1962-05-01", belongs_to="senior", area=area,
        resident=resident, languages=("cmn", "yue"), skills=("escort",),
    )  # fmt: skip
    code = people.add(conn, by, new, now - 30 * DAY)
    day = now.astimezone(SHANGHAI).date() - 20 * DAY
    for kind in ("identity", "background"):
        steps.record_check(
            conn, by, code, kind, passed=True, checked_on=day, expires_on=day + 365 * DAY, note="", now=now
        )
    steps.record_training(
        conn, by, code, BASIC_COURSE, passed=True, passed_on=day, expires_on=None, now=now, place="华山社区",
        taught_by="街道社工站",
    )  # fmt: skip
    for number, step in enumerate(("check", "train", "begin"), 1):
        if state in ("active", {2: "trained", 1: "checked"}.get(number)) or state == "trained":
            steps.take_step(conn, by, code, step, number, "", now)
            if state == "trained" and number == 2:
                break
    return code


def asked(conn: psycopg.Connection[Any], by: Account, now: dt.datetime, kind: str = "company", **more: str) -> int:
    """A request for R1 tomorrow at ten; its number."""
    day = (now.astimezone(SHANGHAI) + DAY).date()
    new = NewRequest(**{"resident": "R1", "kind": kind, "day": str(day), "hour": "10:00", **more})
    return requests.ask(conn, by, new, now)


def helped(
    conn: psycopg.Connection[Any], by: Account, code: str, minutes: int, at: dt.datetime, kind: str = "company",
    resident: str = "R1",
) -> uuid.UUID:  # fmt: skip
    """Help that was given at a time in the past and confirmed by both sides, through the service layer; its id."""
    number = uuid.uuid4()
    conn.execute(
        "INSERT INTO time_request (id, resident_id, kind, state, wanted_from, wanted_until, minutes, asked_as,"
        " asked_at, volunteer_id) SELECT %s, r.id, %s, 'accepted', %s, %s, %s, 'station', %s, v.id"
        " FROM resident r, time_volunteer v WHERE r.code = %s AND v.code = %s",
        (number, kind, at, at + dt.timedelta(minutes=minutes), minutes, at, resident, code),
    )
    later = at + dt.timedelta(minutes=minutes)
    for step in (requests.tell, requests.confirm):
        one = store.by_id(conn, number)
        assert one is not None
        person = Person(key=f"volunteer:{code}" if step is requests.tell else "contact:R1/139", name="某")
        step(conn, one, minutes, person, later)
    return number
