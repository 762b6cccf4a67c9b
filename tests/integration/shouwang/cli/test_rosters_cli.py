"""``shouwang network rosters``: a week copied and two shifts swapped from the command line."""

import psycopg
import pytest
from typer.testing import CliRunner

from shouwang.cli.main import app
from tests.support.orders import staff_city

pytestmark = pytest.mark.integration


def test_a_week_is_copied_and_a_swap_says_why_not(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        staff_city(conn)
        conn.execute("DELETE FROM roster")
        conn.execute(
            "INSERT INTO roster (staff_id, shift_id, weekdays, valid_from, valid_until) SELECT s.id, t.id, '{1,2}',"
            " '2026-11-30', '2026-12-06' FROM staff s, shift t JOIN organisation o ON o.id = t.organisation_id"
            " WHERE s.code IN ('S1', 'S11') AND t.code = CASE s.code WHEN 'S1' THEN 'night' ELSE 'all' END"
            " AND o.code = 'center-1'"
        )

        def types(*words: str) -> tuple[int, str]:
            done = CliRunner().invoke(app, ["network", "rosters", *words, "--url", database_url, "--as", "dispatcher"])
            return done.exit_code, done.output

        def count() -> int:
            row = conn.execute("SELECT count(*) FROM roster").fetchone()
            assert row is not None
            return int(row[0])

        code, text = types("copy-week", "center-1", "2026-12-01", "--weeks", "2", "--dry-run")
        assert (code, count()) == (0, 2)
        assert "nothing is stored" in text
        code, text = types("copy-week", "center-1", "2026-12-01", "--weeks", "2")
        assert (code, count()) == (0, 4)
        assert "done" in text
        code, text = types("swap", "center-1", "S1/night/2026-11-30", "S11/all/2026-12-01")
        assert code == 1
        assert "overlap" in text
        code, text = types("swap", "center-1", "S1/night", "S11/all/2026-12-01")
        assert code == 1
        assert "STAFF/SHIFT/DAY" in text
