"""Remind a station once a week of assessments that are overdue or come due: numbers, and where the names stand."""

import datetime as dt
from typing import Any, LiteralString

from psycopg import Connection

from care_services.assessment.lists import SOON
from care_services.core.notices import Notice, keep_only, tell_all, to_account

KIND = "assessment_due"
_DUE: LiteralString = """
    SELECT station.id, count(*) FILTER (WHERE x.due_on < %(today)s), count(*) FILTER (WHERE x.due_on >= %(today)s),
           min(x.due_on)
    FROM assessment x JOIN resident r ON r.id = x.resident_id JOIN household h ON h.id = r.household_id
    JOIN area a ON a.id = h.area_id
    JOIN LATERAL (
        SELECT k.id FROM account k WHERE k.active AND k.role IN ('station', 'manager') AND k.area_path @> a.path
        ORDER BY nlevel(k.area_path) DESC, k.role = 'station' DESC, k.id LIMIT 1) station ON true
    WHERE x.current AND x.due_on < %(soon)s AND NOT h.synthetic GROUP BY station.id ORDER BY station.id
"""


def remind(conn: Connection[Any], today: dt.date, now: dt.datetime) -> int:
    """Tell whoever heads the nearest station, once a week and as long as there are any; how many are new.

    Safe to repeat. One of a week that is over, or with nothing left in it, is taken back where it was not sent yet.
    """
    year, week, _ = today.isocalendar()
    with conn.transaction():
        rows = conn.execute(_DUE, {"today": today, "soon": today + dt.timedelta(days=SOON)}).fetchall()
        told = [
            Notice(
                to=to_account(station), key=f"{station}:{year}-{week:02}", due=now, link="/care/assessments?view=due",
                zh=f"能力评估：{overdue} 位老人已逾期，{soon} 位将在 {SOON} 天内到期，最早的为 {first}。",
                en=f"Ability assessments: {overdue} overdue, {soon} due within {SOON} days, the first on {first}.",
            )
            for station, overdue, soon, first in rows
        ]  # fmt: skip
        done = tell_all(conn, KIND, told, now) if told else 0
        keep_only(conn, KIND, [one.key for one in told])
    return done
