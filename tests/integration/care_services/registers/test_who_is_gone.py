"""A death, a move, a wrong report: known everywhere, and back as it was."""

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from alerting.core.finding import Finding
from alerting.service import district
from care_network.errors import ChangedMeanwhileError, NotFoundError
from care_network.identity import keys, vault
from care_network.identity.numbers import check_character, parse
from care_network.importing.tables import parse as table_of
from care_network.protection import loading, picture
from care_network.protection.functions import Level
from care_network.records.registry import load_registry, registry_stamp
from care_services.assessment import life
from care_services.core.facts import GoneError
from care_services.grants.desk import Grants
from care_services.home_beds.desk import Beds
from care_services.home_beds.equipment.desk import KINDS, Equipment
from care_services.home_services.orders import desk as orders
from care_services.home_services.plans import desk as plans
from care_services.home_services.plans.desk import PlanData
from care_services.home_services.plans.making import make_ahead
from care_services.meals import dining
from care_services.meals import orders as meals
from care_services.one_tap import panel, requests
from care_services.registers import batches, collecting, deciding, following, leaving
from care_services.registers.collecting import Reading
from care_services.time_bank import requests as help_
from care_services.time_bank import rounds
from care_services.time_bank.requests import NewRequest
from care_services.time_bank.rounds import NewRound
from tests.support.care_city import acting
from tests.support.network import NOW, account, build_city

pytestmark = pytest.mark.integration
DAY = dt.date(2026, 11, 2)
FIRST, SECOND = (f"44030819400101{n:03}" for n in (1, 3))
FIRST, SECOND = FIRST + check_character(FIRST), SECOND + check_character(SECOND)
FILLED = """
    INSERT INTO care_service (code, work, name_zh, name_en, unit, minutes)
        VALUES ('bath', 'care', '助浴', 'Bath', 'visit', 60);
    INSERT INTO service_plan (resident_id, service, organisation_id, weekdays, times, first_day, minutes, created_at)
        SELECT r.id, 'bath', o.id, '{1}', '{09:00}', '2026-01-01', 60, '2026-01-01Z'
        FROM resident r, organisation o WHERE r.code = 'R1' AND o.code = 'center-1';
    INSERT INTO service_order (resident_id, service, organisation_id, source, planned_start, planned_minutes, state,
        unit, price_fen, amount_fen, subsidy_fen, own_fen, created_at)
        SELECT r.id, 'bath', o.id, 'single', at::timestamptz, 60, state, 'visit', 100, 100, 0, 100, '2026-01-01Z'
        FROM resident r, organisation o, (VALUES ('2026-10-30T01:00Z', 'confirmed'), ('2026-11-02T06:00Z', 'planned'),
            ('2026-11-05T01:00Z', 'planned')) v (at, state) WHERE r.code = 'R1' AND o.code = 'center-1';
    INSERT INTO meal_offer (canteen_id, day, meal, code, dishes, price_fen)
        SELECT id, '2026-11-06', 'lunch', 'A', '[]', 1500 FROM organisation WHERE code = 'center-1';
    INSERT INTO meal_order (resident_id, canteen_id, offer_id, day, meal, mode, state, price_fen,
        subsidy_fen, ordered_at)
        SELECT r.id, f.canteen_id, f.id, f.day, 'lunch', 'delivery', 'ordered', 1500, 0, '2026-11-01Z'
        FROM resident r, meal_offer f WHERE r.code = 'R1';
    INSERT INTO time_request (id, resident_id, kind, wanted_from, wanted_until, minutes, asked_as, asked_at)
        SELECT gen_random_uuid(), id, 'company', '2026-11-04T02:00Z', '2026-11-04T04:00Z', 60, 'station', '2026-11-01Z'
        FROM resident WHERE code = 'R1';
    INSERT INTO grant_application (kind, resident_id, state, applicant, applied_at, settled_by, decided_at,
        amount_fen, per, pays_from) SELECT 'old_age_allowance', id, 'approved', '本人', '2026-01-01Z', 'rules',
        '2026-01-01Z', 20000, 'month', '2026-01-01' FROM resident WHERE code = 'R1';
    INSERT INTO grant_payment (month, application_id, resident_id, amount_fen, settled_at, settled_by)
        SELECT '2026-12-01', id, resident_id, 20000, '2026-11-01Z', '某' FROM grant_application;
    INSERT INTO grant_application (kind, resident_id, state, applicant, applied_at, settled_by, decided_at,
        amount_fen, per, pays_from) SELECT 'bed_operation', id, 'approved', '本人', '2026-01-01Z', 'rules',
        '2026-01-01Z', 30000, 'month', '2026-01-01' FROM resident WHERE code = 'R1';
    INSERT INTO grant_payment (month, application_id, resident_id, amount_fen, settled_at, settled_by)
        SELECT '2026-11-01', id, resident_id, 30000, '2026-11-01Z', '某' FROM grant_application
        WHERE kind = 'bed_operation';
    INSERT INTO family_member (account_id, resident_id, relation_zh, relation_en, consent_at)
        SELECT a.id, r.id, '女儿', 'daughter', '2026-01-01Z' FROM account a, resident r
        WHERE a.login = 'daughter' AND r.code = 'R1' ON CONFLICT DO NOTHING;
    INSERT INTO home_bed (resident_id, state, state_since, applied_at, applicant)
        SELECT id, 'in_service', '2026-02-01Z', '2026-01-01Z', '本人' FROM resident WHERE code = 'R1';
    INSERT INTO device (gateway_id, name, model, room)
        SELECT id, 'pir-1', 'pir', 'bedroom' FROM gateway WHERE name = 'gw-1';
"""
ALL = ("service_plan", "service_order", "meal_order", "time_request", "grant_application", "family_member", "home_bed")


@pytest.fixture
def city(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_city(conn)
        conn.execute(FILLED)
        yield conn


def rows(conn: psycopg.Connection, *but: str) -> list[Any]:
    """Every row of the tables, without the versions."""
    return [
        conn.execute(f"SELECT to_jsonb(x) - %s::text[] FROM {table} x ORDER BY 1", (["version", *but],)).fetchall()
        for table in ALL
    ]


def sos(conn: psycopg.Connection) -> Finding:
    row = conn.execute("SELECT id FROM household WHERE code = 'H1'").fetchone()
    assert row is not None
    return Finding(
        action="open", rule="sos", rule_version=2, severity="emergency", subject=f"household:{row[0]}",
        household_id=row[0], resident_id=None, onset_us=1, sensed_us=1, reason_zh="按下呼救按钮",
        reason_en="SOS pressed",
    )  # fmt: skip


def nothing_new_is_made(conn: psycopg.Connection) -> None:
    """R1 is gone: every door says so, and the database refuses what a door would forget."""
    before = rows(conn)
    desk, station = acting(conn, "dispatcher", NOW), acting(conn, "station", NOW)
    home = conn.execute("SELECT r.id, household_id FROM resident r WHERE code = 'R1'").fetchone()
    order = conn.execute("SELECT id, version FROM service_order WHERE state = 'cancelled' ORDER BY id").fetchone()
    plan = conn.execute("SELECT id FROM service_plan").fetchone()
    assert home is not None
    assert order is not None
    assert plan is not None
    new = PlanData(
        service="bath", organisation="center-1", weekdays=(1,), times=(dt.time(9),), first_day=NOW.date(), minutes=60
    )
    visits = NewRound(name_zh="周三", area="sz.yt.hs", weekday="3", starts="14:00", members=("R1",))
    helped = NewRequest(resident="R1", kind="company", day=str(NOW.date()), hour="23:00")
    soon = NOW + dt.timedelta(hours=3)
    item = conn.execute(
        "INSERT INTO equipment_item (kind, serial, organisation_id, added_on) SELECT %s, 'X1', id, '2026-01-01'"
        " FROM organisation WHERE code = 'center-1' RETURNING id",
        (next(iter(KINDS)),),
    ).fetchone()
    assert item is not None
    grants, waits = (
        Grants(conn, msgspec.structs.replace(station.account, role="manager"), at=NOW),
        conn.execute(
            "INSERT INTO grant_application (kind, resident_id, state, applicant, applied_at, due_at) SELECT"
            " 'service_subsidy', id, 'waiting', '本人', '2026-10-30Z', '2026-11-09Z' FROM resident WHERE code = 'R1'"
            " RETURNING id"
        ).fetchone(),
    )
    assert waits is not None
    doors: tuple[Callable[[], object], ...] = (
        lambda: orders.add_single(conn, station, "R1", "bath", "center-1", soon),
        lambda: orders.reopen(conn, station, order[0], order[1]),
        lambda: plans.add(conn, station, "R1", new),
        lambda: plans.switch(conn, station, plans.plans_by_id(conn, NOW, [plan[0]])[0], "active", ""),
        lambda: requests.ask(conn, desk, "R1", "bath", soon),
        lambda: meals.order(conn, station, "R1", [meals.Choice(1)]),
        lambda: dining._walk_in(conn, station, None, home[0], "lunch", 1, ""),  # type: ignore[arg-type]
        lambda: help_.ask(conn, station.account, helped, NOW),
        lambda: rounds.add(conn, station.account, visits, NOW),
        lambda: Beds(conn, station.account, at=NOW).apply("R1", "本人"),
        lambda: Equipment(conn, station.account, at=NOW).lend(item[0], "R1"),
        lambda: grants.apply("old_age_allowance", "R1", "女儿", {}),
        lambda: grants.again(waits[0], 1, {}),
        lambda: grants.decide(waits[0], 1, approve=True, reason="补发", amount="200", per="month"),
        lambda: life.begin(conn, station.account, "R1", "first", NOW, "test"),
    )
    for door in doors:
        with pytest.raises(GoneError, match="died, 2026-11-02"):
            door()
    with pytest.raises(NotFoundError):
        panel.ask(conn, home[1], "bath", "R1", NOW)
    assert make_ahead(conn, NOW) == 0
    for forgotten in (
        "INSERT INTO service_plan (resident_id, service, organisation_id, weekdays, times, first_day, minutes,"
        " created_at) SELECT resident_id, service, organisation_id, weekdays, times, first_day, minutes, created_at"
        " FROM service_plan",
        "UPDATE service_plan SET state = 'active'",
        "INSERT INTO service_order (resident_id, service, organisation_id, source, planned_start, planned_minutes,"
        " unit, price_fen, amount_fen, subsidy_fen, own_fen, created_at) SELECT resident_id, service, organisation_id,"
        " source, planned_start, 60, unit, price_fen, amount_fen, subsidy_fen, own_fen, created_at FROM service_order",
        "UPDATE service_order SET state = 'planned' WHERE state = 'cancelled'",
        "INSERT INTO service_request (resident_id, service, asked_by, actor, wanted_at, state, created_at)"
        " SELECT resident_id, 'bath', 'panel', '', now(), 'asked', now() FROM service_plan",
        "INSERT INTO meal_order (resident_id, canteen_id, offer_id, day, meal, mode, state, price_fen, subsidy_fen,"
        " ordered_at) SELECT resident_id, canteen_id, offer_id, day, 'dinner', mode, 'ordered', 1, 0, now()"
        " FROM meal_order",
        "INSERT INTO time_request (id, resident_id, kind, wanted_from, wanted_until, minutes, asked_as, asked_at)"
        " SELECT gen_random_uuid(), resident_id, kind, wanted_from, wanted_until, 60, 'station', now()"
        " FROM time_request",
        "INSERT INTO home_bed (resident_id, state, state_since, applied_at, applicant)"
        " SELECT resident_id, 'applied', now(), now(), '' FROM home_bed",
        "INSERT INTO equipment_loan (item_id, resident_id, lent_at, lent_by, due_on)"
        " SELECT i.id, b.resident_id, now(), '', '2099-01-01' FROM home_bed b, equipment_item i",
        "INSERT INTO grant_application (kind, resident_id, state, applicant, applied_at, due_at)"
        " SELECT 'age_friendly', resident_id, 'waiting', '', now(), now() FROM home_bed",
    ):
        with pytest.raises(psycopg.errors.CheckViolation, match="resident R1 is gone"):
            conn.execute(forgotten.encode())
    conn.execute(
        "INSERT INTO service_order (resident_id, service, organisation_id, source, planned_start, planned_minutes,"
        " unit, price_fen, amount_fen, subsidy_fen, own_fen, created_at) SELECT resident_id, service, organisation_id,"
        " source, '2026-10-31Z', 60, unit, price_fen, amount_fen, subsidy_fen, own_fen, created_at FROM service_order"
        " LIMIT 1"
    )
    conn.execute("DELETE FROM service_order WHERE planned_start = '2026-10-31Z'")
    grants.decide(waits[0], 1, approve=True, reason="十月应发", amount="200", per="once")  # what was due, once
    conn.execute("DELETE FROM grant_step WHERE application_id = %s", waits)
    conn.execute("DELETE FROM grant_application WHERE id = %s", waits)
    assert rows(conn) == before


def test_a_death_is_known_everywhere_and_a_wrong_report_is_taken_back(city: psycopg.Connection) -> None:
    admin = account(city, "admin")
    as_it_was, stamp = rows(city), registry_stamp(city)
    shown = leaving.before(city, admin, "R1", DAY, "died", "死亡证明", at=NOW)
    assert rows(city) == as_it_was, "looking changes nothing"
    counted = {one.rule: len(one.effects) for one in shown.groups}
    assert counted == {"plans": 1, "visits": 2, "meals": 1, "help": 1, "bed": 1, "grants": 2, "family": 1}
    assert {one.rule: one.amount_fen for one in shown.groups}["grants"] == 50000
    assert {one.code: one.n for one in shown.tasks} == {"too_much": 49000}, "a month, and 29 days of the bed's"
    assert shown.others == 0

    leaving.record(city, admin, "R1", DAY, "died", "死亡证明", at=NOW)
    states = city.execute(
        "SELECT (SELECT state FROM service_plan), (SELECT array_agg(state ORDER BY id) FROM service_order),"
        " (SELECT state FROM meal_order), (SELECT state FROM time_request), (SELECT state FROM home_bed),"
        " (SELECT array_agg(DISTINCT pays_until) FROM grant_application), (SELECT count(*) FROM family_member)"
    ).fetchone()
    cancelled = ["confirmed", "cancelled", "cancelled"]
    assert states == ("ended", cancelled, "cancelled", "cancelled", "closed", [dt.date(2026, 12, 1)], 1)
    paused = city.execute("SELECT g.kind, p.from_on, p.because FROM grant_pause p JOIN grant_application g"
                          " ON g.id = p.application_id ORDER BY g.id").fetchall()  # fmt: skip
    assert paused == [("old_age_allowance", dt.date(2026, 12, 1), "died"), ("bed_operation", DAY, "died")]
    told = city.execute("SELECT reason FROM grant_step").fetchone()
    assert told == ("老人已于 2026-11-02 去世",)
    (story,) = leaving.after(city, admin, "R1", at=NOW)
    assert {one.code: one.n for one in story.tasks if one.code != "devices"} == {"too_much": 49000}
    (family,) = [one for one in story.groups if one.rule == "family"]
    assert family.effects[0].due_on == dt.date(2027, 5, 1), "180 days of the rules"

    registry = load_registry(city)
    assert registry_stamp(city) != stamp
    assert {one.code for one in registry.residents.values()} == {"R2"}
    assert registry.devices["gw-1/pir-1"].resident_id is None
    call = district.told(registry, sos(city))
    assert call.severity == "emergency"
    assert "陈已于 2026-11-02 去世：请核实现在谁住在这里" in call.reason_zh
    assert call.alert_id == sos(city).alert_id, "the alert stays the same one"
    assert [one.kind for one in district.resting(registry)] == ["maintenance"]
    assert [len(home.residents) for home in loading.registry(city).values()] == [1]
    resident = city.execute("SELECT id FROM resident WHERE code = 'R1'").fetchone()
    assert resident is not None
    cells = picture.of_resident(city, resident[0], NOW)
    assert {(cell.level, cell.reason.code) for cell in cells.values()} == {(Level.UNKNOWN, "died")}
    nothing_new_is_made(city)
    assert following.carry_out_due(city, NOW + dt.timedelta(days=179)) == 0
    later = NOW + dt.timedelta(days=180)
    assert following.carry_out_due(city, later) == 1, "the family's access ends by its term"
    assert following.carry_out_due(city, later) == 0

    # meanwhile a carer has moved the second visit, and the first one's time passes
    city.execute("UPDATE service_order SET planned_start = planned_start, version = version + 1, staff_id = NULL"
                 " WHERE planned_start > '2026-11-04Z'")  # fmt: skip
    back = NOW + dt.timedelta(hours=5)
    leaving.end(city, admin, "R1", "老人回来了", at=back)
    (story,) = leaving.after(city, admin, "R1", at=back)
    outcomes = {one.rule: sorted(str(e.undone_as) for e in one.effects) for one in story.groups}
    assert outcomes.pop("visits") == ["changed", "past"]
    assert {outcome for listed in outcomes.values() for outcome in listed} == {"back"}
    now = rows(city)
    assert [one for one, was in zip(now, as_it_was, strict=True) if one != was] == [now[1]], "the two visits are named"
    assert load_registry(city).residents.keys() == {resident[0]} | registry.residents.keys()
    assert load_registry(city).gone == {}
    assert district.told(load_registry(city), sos(city)) == sos(city)
    assert city.execute("SELECT count(*) FROM leaving_effect WHERE undone_at IS NULL").fetchone() == (0,)
    assert city.execute("SELECT count(*) FROM grant_pause WHERE until_on IS DISTINCT FROM from_on").fetchone() == (0,)


def test_many_conflicts_are_decided_at_once_and_taken_back(city: psycopg.Connection, tmp_path: Path) -> None:
    admin, ring = account(city, "admin"), keys.create(tmp_path / "identity.keys")
    city.execute("UPDATE household SET phone = '0755-1111111' WHERE code = 'H1'")
    city.execute("UPDATE household SET phone = '0755-2222222' WHERE code = 'H2'")
    vault.put(city, ring, admin, "R1", parse(FIRST), 0, at=NOW)
    vault.put(city, ring, admin, "R2", parse(SECOND), 0, at=NOW)
    table = table_of("a.csv", f"姓名,身份证号,电话,人员状态,变动日期\n陈,{FIRST},0755-3333333,死亡,2026-10-30\n"
                     f"陈,{SECOND},0755-4444444,,\n".encode())  # fmt: skip
    reading = Reading(register="population", area="sz.yt", taken_on=DAY)
    number = collecting.take_in(city, admin, ring, table, reading, at=NOW).id
    assert batches.kinds(city, admin, number) == {"phone": 2, "left died": 1}
    rows_ = batches.conflicts(city, admin, number, "left died", at=NOW)
    told = batches.consequence(city, admin, number, "left died", "theirs", rows_, NOW)
    assert "补贴 2 项停发，每月 500.00 元" in [one[0] for one in told]
    assert "1 位老人登记为去世" in told[0][0]
    as_it_was = rows(city)
    phones = batches.conflicts(city, admin, number, "phone", at=NOW)
    chosen = [(one.id, one.version) for one in phones]
    deciding.decide(city, admin, phones[1].line_id, phones[1].version, {"phone": "later"}, "核实中", at=NOW)
    done = batches.decide_many(city, admin, number, "phone", "theirs", chosen, "电话核实", at=NOW)
    assert (done.lines, len(done.failed)) == (1, 1), "the line that somebody else has touched stays open"
    assert city.execute("SELECT phone FROM household WHERE code = 'H1'").fetchone() == ("0755-3333333",)
    again = batches.conflicts(city, admin, number, "left died", at=NOW)
    died = batches.decide_many(
        city, admin, number, "left died", "theirs", [(one.id, one.version) for one in again], "死亡证明已核", at=NOW
    )
    assert city.execute("SELECT count(*) FROM resident WHERE gone = 'died'").fetchone() == (1,)
    assert batches.undo(city, admin, died.batch, at=NOW).lines == 1
    assert batches.undo(city, admin, done.batch, at=NOW).lines == 1
    assert city.execute("SELECT phone FROM household WHERE code = 'H1'").fetchone() == ("0755-1111111",)
    assert rows(city) == as_it_was
    assert batches.kinds(city, admin, number) == {"phone": 2, "left died": 1}
    with pytest.raises(ChangedMeanwhileError):
        batches.undo(city, admin, done.batch, at=NOW)


def test_a_move_is_corrected_into_a_death_and_undone_to_the_last_row(city: psycopg.Connection) -> None:
    admin, as_it_was = account(city, "admin"), rows(city)
    leaving.record(city, admin, "R1", DAY, "moved", "迁出证明", at=NOW - dt.timedelta(hours=1))
    leaving.record(city, admin, "R1", DAY, "died", "死亡证明", at=NOW)
    assert city.execute("SELECT gone, gone_on FROM resident WHERE code = 'R1'").fetchone() == ("died", DAY)
    assert city.execute("SELECT count(*) FROM leaving_effect WHERE undone_as = 'back'").fetchone() == (8,)
    leaving.end(city, admin, "R1", "登记错人", at=NOW)
    assert rows(city) == as_it_was
    assert city.execute("SELECT gone FROM resident WHERE code = 'R1'").fetchone() == (None,)
    # somebody else lives there: the home is theirs, and a call from it is as any other
    city.execute(
        "INSERT INTO resident (code, household_id, name_zh, name_en, sex, birth_date)"
        " SELECT 'R3', household_id, '李', 'Li', 'female', birth_date FROM resident WHERE code = 'R1'"
    )
    leaving.record(city, admin, "R1", DAY, "moved", "迁出证明", at=NOW)
    registry = load_registry(city)
    alone = registry.devices["gw-1/pir-1"].resident_id
    assert alone is not None
    assert registry.residents[alone].code == "R3"
    assert district.told(registry, sos(city)) == sos(city)
    assert district.resting(registry) == []
    # a closed request opens again by the way back alone
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        city.execute("UPDATE time_request SET state = 'open', closed_at = NULL")
