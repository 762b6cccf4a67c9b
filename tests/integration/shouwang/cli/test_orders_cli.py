"""``shouwang orders …`` as people type it."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psycopg
import pytest
from typer.testing import CliRunner

from dispatch.core.links import create_link_key_file
from shouwang.cli.main import app
from tests.support.orders import raise_alert, staff_city

pytestmark = pytest.mark.integration


class Operator:
    def __init__(self, url: str, key_file: Path) -> None:
        wide = {"COLUMNS": "240", "TERMINAL_WIDTH": "240"}
        self.environment = {"SHOUWANG_DATABASE_URL": url, "SHOUWANG_LINK_KEY_FILE": str(key_file), **wide}

    def types(self, *words: str, login: str | None = "dispatcher", status: int = 0) -> str:
        as_login = ["--as", login] if login else []
        result = CliRunner().invoke(app, ["orders", *words, *as_login], env=self.environment)
        assert result.exit_code == status, result.output
        return result.output


@pytest.fixture
def city(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        staff_city(conn)
        yield conn


@pytest.fixture
def operator(city: psycopg.Connection, database_url: str, tmp_path: Path) -> Operator:
    create_link_key_file(tmp_path / "link.key")
    return Operator(database_url, tmp_path / "link.key")


def test_a_day_at_the_desk(operator: Operator, city: psycopg.Connection) -> None:
    alert = str(raise_alert(city, dt.datetime.now(dt.UTC)))
    assert "没有工单" in operator.types("list")
    found = operator.types("suggest", alert)
    assert "跌倒扶助" in found
    assert "所属机构距此 100 米" in found
    assert "S12" in operator.types("dispatch", alert, "--to", "S12")
    assert "already" in operator.types("dispatch", alert, status=1)
    assert "员12 S12" in operator.types("list", "--view", "waiting")
    assert "S11" in operator.types("offer", "1", "--to", "S11", "--note", "顺路")
    assert operator.types("link", "1").startswith("/w/")
    for step in ("accept", "depart", "arrive"):
        operator.types("step", "1", step)
    assert "not possible" in operator.types("step", "1", "accept", status=1)
    operator.types("step", "1", "finish", "--note", "无外伤")
    shown = operator.types("show", "1")
    for word in ("改派 reassign", "顺路", "员11", "完成 finish", "无外伤", "cli"):
        assert word in shown
    assert operator.types("link", "1", "--rate").startswith("/rate/")
    assert "not possible" in operator.types("cancel", "1", status=1)
    report = msgspec.json.decode(operator.types("sla", "--json"))
    assert {line["milestone"]: line["met"] for line in report} == {
        "acknowledged": 1, "contacted": 1, "on_scene": 1, "resolved": 0,
    }  # fmt: skip
    assert "center-1" in operator.types("sla", "--together")


def test_planned_services(operator: Operator) -> None:
    tomorrow = (dt.datetime.now(dt.UTC) + dt.timedelta(days=1)).strftime("%Y-%m-%dT09:30")
    assert "助餐" in operator.types("plan", "meal", "R1", tomorrow)
    assert "助餐" in operator.types("list", "--urgency", "planned")
    assert "no service" in operator.types("plan", "massage", "R1", tomorrow, status=1)
    assert "no resident" in operator.types("plan", "meal", "R404", tomorrow, status=1)
    assert "is no time" in operator.types("plan", "meal", "R1", "soon", status=1)
    assert "to come" in operator.types("plan", "meal", "R1", "2026-01-01", status=1)
    operator.types("cancel", "1", "--note", "家属已做饭")
    assert "已取消" in operator.types("list", "--view", "cancelled")
    assert "device_maintenance" in operator.types("services", login=None)


def test_role_and_area(operator: Operator, city: psycopg.Connection) -> None:
    alert = str(raise_alert(city))
    operator.types("dispatch", alert)
    assert "may not dispatch" in operator.types("dispatch", alert, login="carer", status=1)
    assert "in your area" in operator.types("show", "1", login="carer-ms", status=1)
    assert "no active account" in operator.types("list", login="nobody", status=1)
    assert "no work order 99" in operator.types("show", "99", status=1)
    assert "there is no alert" in operator.types("suggest", "00000000-0000-0000-0000-000000000000", status=1)
    operator.types("list", "--view", "nonsense", status=2)
    operator.types("step", "1", "explode", status=2)
    city.execute("UPDATE organisation SET active = false")
    assert "无人合适" in operator.types("suggest", str(raise_alert(city)))
