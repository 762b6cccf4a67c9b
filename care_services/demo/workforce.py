"""Made-up profiles, certificates about to end and reminders for the demonstration's professionals."""

import datetime as dt
from typing import Any

from psycopg import Connection

from care_services.workforce.reminders import tell_due
from vocabulary.times import SHANGHAI

_EDUCATION = ("junior", "senior", "vocational", "college", "college", "bachelor")
_EMPLOYERS = ("盐田区人民医院", "罗湖颐养院", "深圳市社会福利中心", "莲塘社区健康服务中心", "龙岗阳光养老院")
_POSTS = ("护理员", "护士", "养老护理员", "社工")
_ENDS = (-40, -3, 0, 5, 21, 26, 60, 84)
"""Days from today on which some health certificates end."""


def fill(conn: Connection[Any], now: dt.datetime) -> None:
    """Give each member of staff without a profile one, and let some certificates end soon; once."""
    today = now.astimezone(SHANGHAI).date()
    rows = conn.execute(
        "SELECT s.id, s.code, s.kind FROM staff s WHERE s.active AND NOT EXISTS (SELECT FROM staff_profile p"
        " WHERE p.staff_id = s.id) ORDER BY s.code"
    ).fetchall()
    profiles, earlier = [], []
    for staff_id, code, kind in rows:
        seed = sum(map(ord, code)) + int("".join(filter(str.isdigit, code)) or 0) * 7
        if seed % 11 == 0:
            continue  # nobody has filled it in
        level = (5, 4, 4, 3, 3, 2)[seed % 6] if kind == "carer" else None
        title = {"nurse": "护师", "doctor": "主治医师", "social_worker": "助理社会工作师"}.get(kind, "")
        registered = today - dt.timedelta(days=seed * 37 % 1400)
        profiles.append((staff_id, _EDUCATION[seed % len(_EDUCATION)], level, title, registered))
        if seed % 3 == 0 and kind != "volunteer":
            until = registered - dt.timedelta(days=seed % 60)
            since = until - dt.timedelta(days=400 + seed * 13 % 1500)
            earlier.append((staff_id, _EMPLOYERS[seed % len(_EMPLOYERS)], _POSTS[seed % len(_POSTS)], since, until))
    if profiles:
        with conn.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO staff_profile (staff_id, education, level, title, first_registered_on)"
                " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                profiles,
            )
            cursor.executemany(
                "INSERT INTO staff_employment (staff_id, employer, post, since, until) VALUES (%s, %s, %s, %s, %s)"
                " ON CONFLICT DO NOTHING",
                earlier,
            )
        _let_some_end(conn, today)
    tell_due(conn, today, now)


def _let_some_end(conn: Connection[Any], today: dt.date) -> None:
    """Of the health certificates every sixth ends around today; what people entered since is left alone."""
    conn.execute(
        """
        WITH chosen AS (
            SELECT c.id, row_number() OVER (ORDER BY s.code) AS place
            FROM staff_certificate c JOIN staff s ON s.id = c.staff_id
            WHERE c.kind = 'health' AND c.version = 1 AND c.number LIKE 'SZ%%')
        UPDATE staff_certificate c SET
            expires_on = %(today)s + (%(ends)s::integer[])[(chosen.place / 6)::integer %% 8 + 1],
            version = c.version + 1
        FROM chosen WHERE chosen.id = c.id AND chosen.place %% 6 = 3
        """,
        {"today": today, "ends": list(_ENDS)},
    )
