"""Parameters and pauses that people set: right, area, history, command line, pages."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psycopg
import pytest
from typer.testing import CliRunner

from alerting.detection.kit.context import Pause
from alerting.service.district import build_district
from alerting.tuning import pauses
from alerting.tuning import sheet as tuning
from care_network.access import sessions
from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_network.records.registry import load_registry
from console.shell.security import COOKIE
from dispatch.alerts import lifecycle
from shouwang.cli.main import app
from tests.support.console import console
from tests.support.network import account, build_city, network
from tests.support.orders import ZHOU, raise_alert

pytestmark = pytest.mark.integration
FLOOR = "inactivity.floor"


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@pytest.fixture
def city(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_city(conn)
        yield conn


def put(
    conn: psycopg.Connection, login: str, scope: str, key: str, value: float | None, name: str = FLOOR,
    seen: int | None = None,
) -> bool:  # fmt: skip
    return tuning.change(conn, account(conn, login), scope, key, name, value, "because", now(), "test", seen)


def test_the_strongest_place_wins_and_all_of_it_stands_in_the_history(city: psycopg.Connection) -> None:
    network(city, "admin").change("resident", ("R1",), 1, {"ability_grade": "severe"})
    put(city, "admin", "district", "", 60)
    put(city, "admin", "grade", "severe", 80)
    put(city, "carer", "home", "H1", 100)
    put(city, "dispatcher", "resident", "R1", 120)
    put(city, "dispatcher", "resident", "R1", 85, "limit.spo2.low")
    assert not put(city, "dispatcher", "resident", "R1", 120), "it is so already"
    one, two = build_district(load_registry(city)).people
    assert (one.tuning, one.limits) == ({FLOOR: 120}, {"spo2": (85, None)})
    assert two.tuning == {FLOOR: 60}
    put(city, "carer", "resident", "R1", None)
    assert build_district(load_registry(city)).people[0].tuning == {FLOOR: 100}
    sheet = tuning.load_sheet(city, account(city, "carer"), "resident", "R1", now(), "test")
    assert [(c.name, c.old_value, c.new_value, c.reason) for c in sheet.history] == [
        (FLOOR, 120, None, "because"), ("limit.spo2.low", None, 85, "because"), (FLOOR, None, 120, "because"),
    ]  # fmt: skip
    line = next(line for line in sheet.lines if line.name == FLOOR)
    assert (line.value, line.comes_from, line.here) == (100, "home", None)
    audited = city.execute("SELECT action, count(*) FROM audit GROUP BY 1").fetchall()
    assert dict(audited) | {"set_parameter": 6, "view_parameters": 1} == dict(audited)


def test_right_area_and_limits_are_enforced_by_the_service(city: psycopg.Connection) -> None:
    refused = [
        ("daughter", "resident", "R1", 60, NotPermittedError),
        ("admin", "resident", "R1", 60, NotPermittedError),
        ("carer", "district", "", 60, NotPermittedError),
        ("admin-hs", "grade", "severe", 60, NotPermittedError),  # there are homes beyond that street
        ("carer-ms", "resident", "R1", 60, NotFoundError),
        ("carer-ms", "home", "H1", 60, NotFoundError),
        ("carer", "resident", "R404", 60, NotFoundError),
        ("admin", "grade", "good", 60, NotFoundError),
        ("carer", "planet", "earth", 60, NotFoundError),
        ("carer", "resident", "R1", 10, ProvisioningError),
    ]
    for login, scope, key, value, error in refused:
        with pytest.raises(error):
            put(city, login, scope, key, value)
    with pytest.raises(ProvisioningError, match="say why"):
        tuning.change(city, account(city, "carer"), "resident", "R1", FLOOR, 60, " ", now(), "test")
    put(city, "carer", "resident", "R1", 60)
    with pytest.raises(ChangedMeanwhileError):
        put(city, "carer", "resident", "R1", 70, seen=0)
    assert city.execute("SELECT count(*) FROM parameter_change").fetchone() == (1,)


def test_the_history_can_not_be_changed_but_goes_with_the_person(city: psycopg.Connection) -> None:
    put(city, "carer", "resident", "R1", 60)
    for statement in ("UPDATE parameter_change SET reason = 'x'", "DELETE FROM parameter_change"):
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            city.execute(statement.encode())
    network(city, "admin").remove("resident", ("R1",), 1)
    assert city.execute("SELECT count(*) FROM parameter_change").fetchone() == (0,)


def test_a_pause_is_bounded_and_ends(city: psycopg.Connection) -> None:
    city.execute(
        "INSERT INTO device (gateway_id, name, model) SELECT id, 'radar', 'x' FROM gateway WHERE name = 'gw-1'"
    )
    carer, begun, two = account(city, "carer"), now(), dt.timedelta(hours=2)
    for login, home, kind, lasts, reason, device, error in (
        ("daughter", "H1", "carer", two, "x", "", NotPermittedError),
        ("carer-ms", "H1", "carer", two, "x", "", NotFoundError),
        ("carer", "H1", "carer", dt.timedelta(hours=13), "x", "", ProvisioningError),
        ("carer", "H1", "maintenance", dt.timedelta(hours=73), "x", "", ProvisioningError),
        ("carer", "H1", "maintenance", two, "", "", ProvisioningError),
        ("carer", "H1", "maintenance", two, "x", "gw-2/radar", NotFoundError),
        ("carer", "H1", "holiday", two, "x", "", ProvisioningError),
    ):
        with pytest.raises(error):
            pauses.begin(city, account(city, login), home, kind, lasts, reason, begun, "test", device)
    number = pauses.begin(city, carer, "H1", "maintenance", two, "battery", begun, "test", "gw-1/radar")
    (found,) = pauses.load(city, begun)
    assert (found.kind, found.device) == ("maintenance", "gw-1/radar")
    with pytest.raises(NotFoundError):
        pauses.end(city, account(city, "carer-ms"), number, begun, "test")
    later = begun + dt.timedelta(minutes=5)
    pauses.end(city, carer, number, later, "test")
    assert pauses.load(city, later)[0].until_us == round(later.timestamp() * 1e6)
    assert pauses.load(city, later + dt.timedelta(hours=2)) == []
    assert [entry.ended_by for entry in pauses.listing(city, carer, later, "H1")] == ["某"]


def test_whoever_is_on_the_scene_is_there(city: psycopg.Connection, tmp_path: Path) -> None:
    alert, begun = raise_alert(city, now()), now()
    lifecycle.act(city, alert, "arrive", ZHOU, begun, expected_version=1)
    (found,) = pauses.load(city, begun)
    us = round(begun.timestamp() * 1e6)
    assert found == Pause("carer", 1, "", us, us + 4 * 3_600_000_000)
    kept = pauses.PauseCache(tmp_path / "pauses.json")
    assert kept.refresh(city, begun)
    assert not kept.refresh(city, begun)
    assert pauses.PauseCache(tmp_path / "pauses.json").pauses == [found]
    later = begun + dt.timedelta(minutes=30)
    lifecycle.act(city, alert, "resolve", ZHOU, later, expected_version=2, outcome="helped")
    assert pauses.load(city, later)[0].until_us == round(later.timestamp() * 1e6)


def types(url: str, *words: str, status: int = 0) -> str:
    environment = {"SHOUWANG_DATABASE_URL": url, "COLUMNS": "240", "TERMINAL_WIDTH": "240"}
    result = CliRunner().invoke(app, ["alerting", *words], env=environment)
    assert result.exit_code == status, result.output
    return result.output


def test_the_command_line(city: psycopg.Connection, database_url: str) -> None:
    where = ("--resident", "R1", "--as", "carer")
    types(database_url, "parameters", "set", FLOOR, "120", *where, "--reason", "午睡较久")
    refused = types(database_url, "parameters", "set", FLOOR, "1", *where, "--reason", "x", status=1)
    assert "应在 45 至 480 min 之间" in refused
    assert "between 45 and 480 min" in refused
    shown = types(database_url, "parameters", "list", *where, "--set")
    assert FLOOR in shown
    assert "45–480 min" in shown
    assert "climate.hot" not in shown
    types(database_url, "parameters", "unset", FLOOR, *where, "--reason", "搬家")
    told = types(database_url, "parameters", "history", *where)
    assert "午睡较久" in told
    assert "搬家" in told
    assert "name one of" in types(database_url, "parameters", "list", "--as", "carer", status=2)
    begun = types(database_url, "pause", "begin", "carer", "H1", "--hours", "1", "--as", "carer", "--reason", "探访")
    assert "pause 1 until" in begun
    assert "探访" in types(database_url, "pause", "list", "--as", "carer")
    types(database_url, "pause", "end", "1", "--as", "carer")
    assert "no pause" in types(database_url, "pause", "list", "--as", "carer")


@pytest.fixture
def site(city: psycopg.Connection, database_url: str) -> Iterator[httpx2.Client]:
    with console(database_url, None, None) as client:
        yield client


def log_in(client: httpx2.Client, conn: psycopg.Connection, login: str) -> None:
    client.cookies.set(COOKIE, sessions.open_session(conn, account(conn, login), "127.0.0.1", now()))


def test_the_pages(site: httpx2.Client, city: psycopg.Connection) -> None:
    log_in(site, city, "carer")
    path = "/parameters/resident/R1"
    assert "默认" in site.get(path).text
    form = {"name": FLOOR, "value": "120", "reason": "午睡较久", "seen": "0"}
    assert site.post(path, data=form).status_code == 303
    assert "午睡较久" in site.get(path).text
    late = site.post(path, data={**form, "value": "90"})
    assert (late.status_code, "刚刚修改了" in late.text) == (409, True)
    seen = city.execute("SELECT max(id) FROM parameter_change").fetchone()
    assert seen is not None
    wrong = site.post(path, data={**form, "value": "1", "seen": str(seen[0])})
    assert (wrong.status_code, "应在 45 至 480 min 之间" in wrong.text) == (422, True)
    assert site.post(path, data={**form, "value": "", "seen": str(seen[0])}).status_code == 303
    assert site.get("/parameters/resident/R2").status_code == 404
    assert site.get("/parameters/grade/severe").status_code == 200
    assert site.post("/parameters/grade/severe", data=form).status_code == 403
    begun = site.post("/pauses/H1", data={"kind": "maintenance", "hours": "1", "reason": "换电池"})
    assert begun.status_code == 303
    assert "换电池" in site.get("/pauses/H1").text
    assert site.post("/pauses/H1/1/end").status_code == 303
    assert site.post("/pauses/H1/1/end").status_code == 404
    log_in(site, city, "daughter")
    assert site.get(path).status_code == 403
    assert site.get("/pauses/H1").status_code == 403
    log_in(site, city, "admin")
    assert site.post("/parameters/grade/severe", data=form).status_code == 303
    assert site.post("/parameters", data=form).status_code == 303
