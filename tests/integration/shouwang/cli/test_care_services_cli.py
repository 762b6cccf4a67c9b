"""The commands of services at home: a plan, the board, a price, a request, the rounds, the settlement."""

import datetime as dt

import psycopg
import pytest
from typer.testing import CliRunner

from shouwang.cli.main import app
from tests.support.care_city import add_services
from tests.support.orders import staff_city
from vocabulary.times import local_day

pytestmark = pytest.mark.integration


def test_a_day_of_services_by_command(database_url: str) -> None:
    now = dt.datetime.now(dt.UTC)
    with psycopg.connect(database_url, autocommit=True) as conn:
        staff_city(conn)
        add_services(conn, now)

    def run(*words: str, login: str = "dispatcher", fails: bool = False) -> str:
        who = () if words[0] == "run" else ("--as", login)
        result = CliRunner().invoke(app, ["care", *words, *who, "--url", database_url])
        assert (result.exit_code != 0) == fails, result.output
        return result.output

    assert "center-1 ¥120.00/visit" in run("services", "list")
    assert "plan 1" in run(
        "services", "plan", "R1", "bath", "center-1", "--days", "1,2,3,4,5,6,7", "--times", "10:00", "--staff", "S1"
    )
    assert "14 ahead" in run("services", "plans", "R1")
    tomorrow = str((now.astimezone(dt.timezone(dt.timedelta(hours=8))) + dt.timedelta(days=1)).date())
    assert "R1 居家助浴" in run("services", "visits", "--day", tomorrow)
    assert "created" not in run("services", "show", "1")
    run("services", "assign", "1", "--staff", "S9")
    run("services", "cancel", "1", "--note", "老人外出")
    assert "say why" in run("services", "correct", "2", "--minutes", "5", "--note", " ", fails=True)
    run("services", "set-price", "bath", "center-1", "--yuan", "125.50", login="admin")
    assert "¥125.50" in run("services", "list")
    assert "中心" in run("one-tap", "ask", "R1", "clean", "--words", "打扫")
    assert "waits" not in run("one-tap", "show", "1")
    assert "visit" in run("one-tap", "accept", "1")
    assert "confirmed" in run("one-tap", "list")
    assert "service_orders: " in run("run", "--once")
    assert "good" in run("rounds")
    assert "planned" in run("services", "compare", f"{local_day(now):%Y-%m}")
    assert "S-202601-center-1" in run("services", "settle", "2026-01", "--organisation", "center-1", login="admin")
    assert "S-202601" in run("services", "settlements", "2026-01")
    assert "ended, " in run("services", "end-plan", "1")
