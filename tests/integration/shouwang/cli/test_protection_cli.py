"""``shouwang network protection``: who was blind for how long, in one's own area."""

import datetime as dt

import psycopg
import pytest
from typer.testing import CliRunner, Result

from care_network.protection import history
from shouwang.cli.main import app
from tests.support.network import build_city
from vocabulary.times import SHANGHAI

pytestmark = [
    pytest.mark.integration,
    pytest.mark.parametrize("database_cluster", ["plain"], indirect=True, scope="session"),
]


def shouwang(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"SHOUWANG_DATABASE_URL": url, "COLUMNS": "250"})


def test_a_month_of_ones_own_area(database_url: str) -> None:
    now = dt.datetime.now(dt.UTC)
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_city(conn)
        last = (now.astimezone(SHANGHAI).replace(day=1) - dt.timedelta(days=1)).strftime("%Y-%m")
        since, until = history.month_of(last, now)
        for code, hours in (("R1", 3), ("R2", 5)):
            for at, level in (
                (since, 0),
                (since + dt.timedelta(hours=1), 3),
                (since + dt.timedelta(hours=1 + hours), 0),
            ):
                conn.execute(
                    "INSERT INTO protection_change (at, resident_id, function, level, reason)"
                    " SELECT %s, id, 0, %s, '{}' FROM resident WHERE code = %s",
                    (at, level, code),
                )
        conn.execute(
            "INSERT INTO protection_look (at, began_at, took_ms, residents) VALUES (%s, %s, 1, 2)", (now, since)
        )
        command = ("network", "protection", "--month", last, "--as")
        mine = shouwang(database_url, *command, "station")
        assert mine.exit_code == 0, mine.output
        assert "R1" in mine.output
        assert "3.0" in mine.output
        assert "R2" not in mine.output
        whole = shouwang(database_url, *command, "dispatcher", "--function", "falls")
        assert whole.output.index("R2") < whole.output.index("R1"), "the longest first"
        assert "无人失去守护" in shouwang(database_url, *command, "dispatcher", "--function", "help").output
        looks = conn.execute("SELECT count(*) FROM audit WHERE action = 'view_protection'").fetchone()
        assert looks == (3,)
        for wrong, said in (
            (("station", "--under", "sz.yt.ms"), "没有区域"), (("station", "--function", "x"), "没有守护项"),
            (("daughter",), ""), (("nobody",), "nobody"),
        ):  # fmt: skip
            refused = shouwang(database_url, *command, *wrong)
            assert refused.exit_code == 1
            assert said in refused.output
        assert shouwang(database_url, "network", "protection", "--month", "26-11", "--as", "admin").exit_code == 1
    assert (until - since).days in (28, 29, 30, 31)
