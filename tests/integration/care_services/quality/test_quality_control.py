"""A check, its finding, and the second look by another person; a draw that anybody can repeat."""

import datetime as dt
from collections.abc import Iterator

import psycopg
import pytest

from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_services.core.acting import Acting
from care_services.quality import checks, findings, providers
from care_services.quality.checklists import lists
from care_services.quality.checks import Verdict
from tests.support.canteens import CANTEEN, add_canteen
from tests.support.network import account
from tests.support.orders import staff_city
from tests.support.providers import add_provider

pytestmark = pytest.mark.integration


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as found:
        staff_city(found)
        add_canteen(found)
        found.execute(
            "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path, language)"
            " SELECT x.login, password_hash, '某', 'Somebody', 'manager', x.area::ltree, language FROM account,"
            " (VALUES ('manager', 'sz.yt'), ('second', 'sz.yt.hs')) x (login, area) WHERE account.login = 'dispatcher'"
        )
        yield found


def acting(conn: psycopg.Connection, login: str, at: dt.datetime | None = None) -> Acting:
    return Acting(account(conn, login), at or dt.datetime.now(dt.UTC), "test")


def seen(kind: str, failing: str = "") -> dict[str, Verdict]:
    return {
        item.code: Verdict(verdict="fail", note="过期两天", responsible="王厨")
        if item.code == failing
        else Verdict(verdict="pass")
        for item in lists()["meals"].items(kind)  # type: ignore[arg-type]
    }


def test_a_finding_is_closed_by_another_person_after_a_second_look(conn: psycopg.Connection) -> None:
    station, second = acting(conn, "station"), acting(conn, "second")
    with pytest.raises(NotPermittedError):
        checks.plan_one(conn, station, "district", "meals", CANTEEN, station.today)
    with pytest.raises(ProvisioningError, match="other sorts"):
        checks.plan_one(conn, station, "station", "stations", CANTEEN, station.today)
    number = checks.plan_one(conn, station, "street", "meals", CANTEEN, station.today)
    with pytest.raises(ProvisioningError, match="passes, fails"):
        checks.finish(conn, station, number, {}, "", 1)
    with pytest.raises(NotFoundError):
        checks.load(conn, acting(conn, "station-ms"), number)
    checks.finish(conn, station, number, seen("street", "licence"), "", 1)
    with pytest.raises(ChangedMeanwhileError):
        checks.finish(conn, second, number, seen("street"), "", 1)
    (found,) = findings.listing(conn, station)
    assert (found.severity, found.due_on, found.responsible) == ("grave", station.today + dt.timedelta(days=3), "王厨")
    with pytest.raises(ProvisioningError, match="only then it is closed"):
        findings.act(conn, second, found.id, "closed", "看过", 1)
    findings.act(conn, second, found.id, "mended", "已换新证", 1)
    for nobody, why in ((station, "found it"), (second, "mended")):
        with pytest.raises(NotPermittedError, match=why):
            findings.act(conn, nobody, found.id, "closed", "看过", 2)
    third = acting(conn, "admin-hs")
    findings.act(conn, third, found.id, "not_mended", "证上的地址不对", 2)
    findings.act(conn, second, found.id, "mended", "已更正", 3)
    findings.act(conn, third, found.id, "closed", "现场看过原件", 4)
    _, steps = findings.load(conn, station, found.id)
    assert [one.kind for one in steps] == ["found", "mended", "not_mended", "mended", "closed"]
    provider, scores = providers.provider(conn, station, CANTEEN)
    assert (provider.passed, provider.failed, provider.open) == (7, 1, 0)
    assert [(one.kind, one.passed) for one in scores] == [("street", 7)]
    late = acting(conn, "station", dt.datetime.now(dt.UTC) + dt.timedelta(days=30))
    assert findings.listing(conn, late, "overdue") == []


def test_whoever_provides_does_not_inspect_themself(conn: psycopg.Connection) -> None:
    conn.execute("UPDATE staff SET account_id = NULL")
    conn.execute(
        "UPDATE staff SET account_id = (SELECT id FROM account WHERE login = 'station'), organisation_id ="
        " (SELECT id FROM organisation WHERE code = %s) WHERE code = 'S13'",
        (CANTEEN,),
    )
    station = acting(conn, "station")
    with pytest.raises(NotPermittedError, match="own organisation"):
        checks.plan_one(conn, station, "station", "meals", CANTEEN, station.today)
    own = checks.plan_one(conn, station, "own", "meals", CANTEEN, station.today)
    checks.finish(conn, station, own, seen("own"), "", 1)
    with pytest.raises(NotPermittedError, match="own people"):
        checks.plan_one(conn, acting(conn, "second"), "own", "meals", CANTEEN, station.today)


def test_a_draw_can_be_repeated_and_a_change_is_seen(conn: psycopg.Connection) -> None:
    add_canteen(conn, "sz.yt.ms", "canteen-2")
    for n in range(3, 9):
        add_canteen(conn, "sz.yt.ms", f"canteen-{n}")
    manager = acting(conn, "manager")
    due = manager.today + dt.timedelta(days=10)
    with pytest.raises(NotPermittedError):
        checks.draw_checks(conn, acting(conn, "station"), "district", "meals", 0.5, due, homes=False)
    number = checks.draw_checks(conn, manager, "district", "meals", 0.5, due, homes=False, seed="2026-4")
    plan, drawn, same = checks.plan(conn, manager, number)
    assert plan.strata == (("sz.yt.hs canteen", 1, 1), ("sz.yt.ms canteen", 7, 4)), "a half of each, rounded up"
    assert same
    again = checks.draw_checks(conn, manager, "district", "meals", 0.5, due, homes=False, seed="2026-4")
    assert [one.organisation for one in checks.plan(conn, manager, again)[1]] == [one.organisation for one in drawn]
    conn.execute(
        "UPDATE quality_check SET organisation_id = (SELECT organisation_id FROM quality_check WHERE plan_id = %s"
        " AND stratum LIKE '%%hs%%') WHERE id = %s",
        (number, drawn[-1].id),
    )
    assert not checks.plan(conn, manager, number)[2], "another provider was put in its place"


def test_homes_that_were_visited_in_the_last_quarter_are_drawn(conn: psycopg.Connection) -> None:
    conn.execute(
        "INSERT INTO care_service (code, work, name_zh, name_en, unit, minutes) VALUES ('bath', 'bathing', '助浴',"
        " 'bath', 'visit', 60)"
    )
    mine = add_provider(conn)
    for days, resident in ((80, "R1"), (100, "R2")):
        conn.execute(
            "INSERT INTO service_order (resident_id, service, organisation_id, source, planned_start, planned_minutes,"
            " state, unit, price_fen, amount_fen, subsidy_fen, own_fen, created_at) SELECT id, 'bath', %s, 'single',"
            " now() - %s * INTERVAL '1 day', 60, 'confirmed', 'visit', 1, 1, 0, 1, now() FROM resident WHERE code = %s",
            (mine, days, resident),
        )
    manager = acting(conn, "manager")
    number = checks.draw_checks(
        conn, manager, "district", "home_services", 1.0, manager.today + dt.timedelta(days=10), homes=True, seed="2026"
    )
    _, drawn, _ = checks.plan(conn, manager, number)
    assert [(one.organisation, one.resident) for one in drawn] == [("anhe-own", "R1")], "R2's was longer ago"
