"""The demonstration has some of everything of privacy, and filling it again changes nothing."""

import datetime as dt

import psycopg
import pytest

from care_services.demo import privacy
from care_services.privacy import erasures, research
from tests.support.network import account, build_city, open_alert

pytestmark = pytest.mark.integration
TABLES = ("consent_event", "person_copy", "erasure", "erasure_vote", "research_project", "privacy_breach")


def test_some_of_everything_and_once(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_city(conn)
        conn.execute(
            "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path) VALUES"
            " ('head', '!', '主任', 'Head', 'manager', 'sz.yt')"
        )
        conn.execute(
            "INSERT INTO resident (code, household_id, name_zh, name_en, sex, birth_date)"
            " SELECT 'P' || lpad(n::text, 2, '0'), h.id, '王', 'Wang',"
            " CASE WHEN n % 8 = 0 THEN 'male' ELSE 'female' END,"
            " '1940-02-01' FROM household h, generate_series(1, 28) n WHERE h.code = 'H1'"
        )
        for number in range(2, 8):  # or every group is alike, and nothing is given out
            open_alert(conn, f"P{number:02}", "H1", state="resolved")
        now = dt.datetime.now(dt.UTC)
        counts = []
        for _ in range(2):
            with conn.transaction():
                privacy.fill(conn, now)
            counts.append([conn.execute(f"SELECT count(*) FROM {table}").fetchone() for table in TABLES])
        assert counts[0] == counts[1]
        assert all(one != (0,) for one in counts[0])
        admin = account(conn, "admin")
        (waiting,) = erasures.listing(conn, admin)
        assert waiting.state == "waiting"
        assert len(erasures.votes(conn, waiting.id)) == 1
        made = [one for project in research.listing(conn, admin) for one in research.exports(conn, project.id)]
        assert [(one.state, one.suppressed > 0, one.smallest >= 5) for one in made] == [("done", True, True)]
        states = conn.execute("SELECT DISTINCT given FROM consent_event WHERE purpose = 'research'").fetchall()
        assert len(states) == 2
