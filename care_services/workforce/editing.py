"""Change what only the profile says: education, level, title, first registration, earlier employers."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec
from psycopg import errors
from psycopg.types.json import Jsonb

from care_network.access.permissions import Action, in_area
from care_network.errors import ChangedMeanwhileError, ExistsError, NotFoundError, ProvisioningError
from care_services.core.connected import Connected
from care_services.workforce.people import Professional, find
from care_services.workforce.profile import Facts, facts_of
from care_services.workforce.terms import EDUCATION, LEVELS
from vocabulary.text import check_text

EARLIEST = dt.date(1950, 1, 1)
UNDO = dt.timedelta(seconds=30)


def read_facts(form: Mapping[str, str], today: dt.date) -> Facts:
    """Read a form. Pure. Raises ProvisioningError, which names the field."""
    education, level = form.get("education", ""), form.get("level", "")
    if education and education not in EDUCATION:
        raise ProvisioningError(en="choose one of the list", zh="请从列表中选择", field="education")
    if level and not (level.isdigit() and int(level) in LEVELS):
        raise ProvisioningError(en="choose one of the list", zh="请从列表中选择", field="level")
    return Facts(
        education=education or None, level=int(level) if level else None,
        title=check_text(form.get("title", "").strip(), 60, lines=False),
        first_registered_on=_day(form, "first_registered_on", today),
    )  # fmt: skip


def change(acting: Connected, code: str, version: int, facts: Facts) -> None:
    """Change a profile as it was at ``version`` (0: there was none).

    Raises ChangedMeanwhileError where somebody changed it since, NotFoundError outside the account's area.
    """
    with acting.conn.transaction():
        person = _own(acting, code)
        before = facts_of(acting.conn, person.id)
        if before.version != version:
            raise ChangedMeanwhileError(
                en="somebody changed it meanwhile: what is kept now stands beside",
                zh="刚有人修改过，现有内容已列在旁边",
            )
        values = (facts.education, facts.level, facts.title, facts.first_registered_on)
        done = acting.conn.execute(
            """
            INSERT INTO staff_profile AS p (staff_id, education, level, title, first_registered_on)
            VALUES (%s, %s, %s, %s, %s)
            ON CONFLICT (staff_id) DO UPDATE SET education = excluded.education, level = excluded.level,
                title = excluded.title, first_registered_on = excluded.first_registered_on, version = p.version + 1
            WHERE p.version = %s
            """,
            (person.id, *values, version),
        )
        if not done.rowcount:
            raise ChangedMeanwhileError(en="somebody changed it meanwhile", zh="刚有人修改过，请重新查看")
        _keep(acting, person.id, "profile", _plain(before), _plain(facts))
        acting.audit("change_professional", staff=code)


def add_employer(acting: Connected, code: str, form: Mapping[str, str]) -> None:
    """Record an earlier employer. Raises ProvisioningError, ExistsError."""
    employer = check_text(form.get("employer", "").strip(), 80, lines=False)
    post = check_text(form.get("post", "").strip(), 60, lines=False)
    since, until = _day(form, "since", acting.today), _day(form, "until", acting.today)
    if not employer:
        raise ProvisioningError(en="name the employer", zh="请填写单位名称", field="employer")
    if since is None:
        raise ProvisioningError(en="say since when", zh="请填写开始日期", field="since")
    if until is not None and until < since:
        raise ProvisioningError(en="it ends before it begins", zh="结束日期早于开始日期", field="until")
    with acting.conn.transaction():
        person = _own(acting, code)
        try:
            acting.conn.execute(
                "INSERT INTO staff_employment (staff_id, employer, post, since, until) VALUES (%s, %s, %s, %s, %s)",
                (person.id, employer, post, since, until),
            )
        except errors.UniqueViolation as error:
            raise ExistsError(
                en="this employer is recorded already from that day", zh="该单位与开始日期已登记", field="employer"
            ) from error
        after = {"employer": employer, "post": post, "since": str(since), "until": until and str(until)}
        _keep(acting, person.id, "add_employer", None, after)
        acting.audit("add_employer", staff=code)


def remove_employer(acting: Connected, code: str, number: int) -> int:
    """Take an earlier employer out; the history keeps it, and its number there is given. Raises NotFoundError."""
    with acting.conn.transaction():
        person = _own(acting, code)
        row = acting.conn.execute(
            "DELETE FROM staff_employment WHERE id = %s AND staff_id = %s RETURNING employer, post, since, until",
            (number, person.id),
        ).fetchone()
        if row is None:
            raise NotFoundError(en="it is not there any more", zh="该条经历已不存在", field="number")
        before = {"employer": row[0], "post": row[1], "since": str(row[2]), "until": row[3] and str(row[3])}
        kept = _keep(acting, person.id, "remove_employer", before, None)
        acting.audit("remove_employer", staff=code)
    return kept


def removed(acting: Connected, code: str, change: int) -> tuple[dict[str, Any], dt.datetime] | None:
    """Find what the account took out a moment ago, and until when it may be put back; None: nothing, or too late."""
    person = _own(acting, code)
    row = acting.conn.execute(
        "SELECT before, at FROM staff_profile_change WHERE id = %s AND staff_id = %s AND what = 'remove_employer'"
        " AND account_id = %s AND at > %s AND NOT EXISTS (SELECT FROM staff_employment e WHERE e.staff_id = %s"
        " AND e.employer = before ->> 'employer' AND e.since = (before ->> 'since')::date)",
        (change, person.id, acting.account.id, acting.now - UNDO, person.id),
    ).fetchone()
    return None if row is None else (row[0], row[1] + UNDO)


def put_back(acting: Connected, code: str, change: int) -> None:
    """Put an employer back that was taken out a moment ago. Raises NotFoundError where it is too late."""
    found = removed(acting, code, change)
    if found is None:
        raise NotFoundError(en="it is too late to undo this", zh="已超过撤销时间", field="number")
    add_employer(acting, code, {name: value or "" for name, value in found[0].items()})


def _own(acting: Connected, code: str) -> Professional:
    """A professional whom the account may change. Raises NotFoundError, NotPermittedError."""
    acting.require(Action.MANAGE_STAFF)
    person = find(acting, code)
    if person is None or not in_area(acting.account, person.path):
        raise NotFoundError(en=f"there is no {code!r} in your area", zh=f"您的管辖区域内没有 {code}", field="staff")
    return person


def _keep(
    acting: Connected, staff_id: int, what: str, before: dict[str, Any] | None, after: dict[str, Any] | None
) -> int:
    row = acting.conn.execute(
        "INSERT INTO staff_profile_change (staff_id, at, account_id, actor, what, before, after)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id",
        (staff_id, acting.now, acting.account.id, acting.account.name_zh, what,
         None if before is None else Jsonb(before), None if after is None else Jsonb(after)),
    ).fetchone()  # fmt: skip
    assert row is not None  # noqa: S101 - RETURNING
    return int(row[0])


def _plain(facts: Facts) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(facts)
    del found["version"]
    return found


def _day(form: Mapping[str, str], field: str, today: dt.date) -> dt.date | None:
    text = form.get(field, "").strip()
    if not text:
        return None
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        day = dt.date.min
    if not EARLIEST <= day <= today:
        raise ProvisioningError(
            en="write a day of the past as 2024-05-31", zh="日期请写成 2024-05-31，且不晚于今天", field=field
        )
    return day
