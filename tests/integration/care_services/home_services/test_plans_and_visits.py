"""Services at home in the database: plans, orders made of them once, visits with proof, and the settlement."""

import datetime as dt
import random
from collections.abc import Iterator

import psycopg
import pytest

from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_services.core import presses, rule_book, traits
from care_services.home_services.catalogue import catalogue, subsidy
from care_services.home_services.orders import desk as orders
from care_services.home_services.orders import known_since, listing, store
from care_services.home_services.plans import desk as plans
from care_services.home_services.plans.making import make_ahead
from care_services.home_services.settlement import settling, table
from care_services.home_services.visits import codes, comparing, field, ratings
from care_services.home_services.visits.checking import Place, panel_code
from tests.support.care_city import acting, add_services, resident_id
from tests.support.databases import Cluster
from tests.support.network import NOW
from tests.support.orders import staff_city

pytestmark = pytest.mark.integration
DAY, HOUR, MINUTE = dt.timedelta(days=1), dt.timedelta(hours=1), dt.timedelta(minutes=1)
HOME = Place(114.2410, 22.5600, 20)


@pytest.fixture(scope="module")
def city(database_cluster: Cluster) -> Iterator[psycopg.Connection]:
    with database_cluster.fresh_database() as url, psycopg.connect(url, autocommit=True) as found:
        staff_city(found)
        add_services(found, NOW)
        yield found


@pytest.fixture
def conn(city: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """The city of the module; what a test does in it is taken back."""
    with city.transaction(force_rollback=True):
        yield city


def plan_of(**more: object) -> plans.PlanData:
    """A bath on Tuesdays and Fridays at 10:00 by the carer S1."""
    given = {
        "service": "bath", "organisation": "center-1", "weekdays": (2, 5), "times": (dt.time(10),),
        "first_day": NOW.date(), "minutes": 60, "staff": "S1", **more,
    }  # fmt: skip
    return plans.PlanData(**given)  # type: ignore[arg-type]


def states(conn: psycopg.Connection, plan_id: int) -> list[tuple[str, str]]:
    return conn.execute(
        "SELECT to_char(planned_start AT TIME ZONE 'Asia/Shanghai', 'MM-DD HH24:MI'), state FROM service_order"
        " WHERE plan_id = %s ORDER BY planned_start",
        (plan_id,),
    ).fetchall()


def visit(conn: psycopg.Connection, start: dt.datetime, service: str = "bath", at: dt.datetime = NOW) -> store.Order:
    """One that stands in no plan, with S1 named."""
    made = orders.add_single(conn, acting(conn, "station", at), "R1", service, "center-1", start, staff="S1")
    return store.load(conn, made)


def done(conn: psycopg.Connection, start: dt.datetime, service: str = "bath", minutes: int = 60) -> store.Order:
    order = visit(conn, start, service, start - HOUR)
    field.check_in(conn, acting(conn, "carer", start), order.id, "place", start, place=HOME)
    end = start + minutes * MINUTE
    return field.check_out(conn, acting(conn, "carer", end), order.id, [1, 2] if service == "bath" else [1], end)


def test_a_plan_makes_each_order_once_and_orders_follow_its_changes(conn: psycopg.Connection) -> None:
    station = acting(conn, "station", NOW)
    plan_id = plans.add(conn, station, "R1", plan_of())
    first = [("11-03 10:00", "assigned"), ("11-06 10:00", "assigned"), ("11-10 10:00", "assigned"),
             ("11-13 10:00", "assigned")]  # fmt: skip
    assert states(conn, plan_id) == first
    assert make_ahead(conn, NOW) == make_ahead(conn, NOW + HOUR) == 0
    assert make_ahead(conn, NOW + DAY) == 1, "11-17"
    tuesday, friday = (one.id for one in store.of_resident(conn, resident_id(conn, "R1"), NOW, NOW + 5 * DAY))
    moved = orders.move(conn, station, tuesday, NOW + 2 * DAY, 1, "老人要看病")
    assert make_ahead(conn, NOW) == 0, "what was moved stays the order of its slot"
    orders.close(conn, station, friday, "cancel", 1, "家属陪同")
    plans.change(conn, station, plan_id, plan_of(weekdays=(5,), minutes=90, staff=None), 1)
    found = dict(states(conn, plan_id))
    assert found["11-10 10:00"] == "cancelled"
    assert found["11-13 10:00"] == "planned", "nobody is named any more"
    plans.set_state(conn, station, plan_id, "paused", 2)
    assert {state for _, state in states(conn, plan_id)} == {"cancelled"}
    plans.set_state(conn, station, plan_id, "active", 3)
    found = dict(states(conn, plan_id))
    assert (found["11-13 10:00"], found["11-06 10:00"]) == ("planned", "cancelled"), "a person had cancelled that one"
    with pytest.raises(ChangedMeanwhileError):
        plans.set_state(conn, station, plan_id, "ended", 3)
    plans.set_state(conn, station, plan_id, "ended", 4, "转入机构")
    assert [one["action"] for one in plans.history(conn, plan_id)] == ["add", "change", "pause", "resume", "end"]
    assert store.load(conn, moved.id).state == "cancelled"


def test_a_plan_that_breaks_a_rule_is_refused_at_its_field(conn: psycopg.Connection) -> None:
    station = acting(conn, "station", NOW)
    for field_, more in {
        "weekdays": {"weekdays": ()}, "times": {"times": ()}, "minutes": {"minutes": 1}, "service": {"service": "no"},
        "organisation": {"organisation": "center-2"}, "staff": {"staff": "S11"},
        "first_day": {"first_day": NOW.date() - DAY}, "last_day": {"last_day": NOW.date() - DAY},
    }.items():  # fmt: skip
        with pytest.raises(ProvisioningError) as refused:
            plans.add(conn, station, "R1", plan_of(**more))
        assert refused.value.field == field_
    with pytest.raises(NotFoundError):
        plans.add(conn, acting(conn, "station-ms", NOW), "R1", plan_of())
    with pytest.raises(NotPermittedError):
        plans.add(conn, acting(conn, "carer", NOW), "R1", plan_of())


def test_who_is_over_80_pays_70_percent_until_more_is_known(conn: psycopg.Connection) -> None:
    order = visit(conn, NOW + HOUR)
    assert (order.amount_fen, order.subsidy_fen, order.own_fen, order.subsidy_rule) == (12_000, 3_600, 8_400, "age_80")
    assert order.subsidy_open, "nobody has asked whether they have a low income"
    admin = acting(conn, "admin", NOW)
    traits.record(
        conn, admin.account, "R1", "low_income", holds=True, evidence="低保证", valid_from=NOW.date(), now=NOW
    )
    traits.record(conn, admin.account, "R1", "extreme_poverty", holds=False, evidence="低保证", valid_from=NOW.date(),
                  now=NOW)  # fmt: skip
    carer, start = acting(conn, "carer", NOW + HOUR), NOW + HOUR
    field.check_in(conn, carer, order.id, "place", start, place=HOME)
    after = field.check_out(conn, carer, order.id, [1], start + HOUR)
    assert (after.subsidy_fen, after.own_fen, after.subsidy_rule) == (8_400, 3_600, "low_income"), "known at the visit"


def test_price_and_subsidy_are_those_of_the_visits_day(conn: psycopg.Connection) -> None:
    conn.execute("UPDATE resident SET birth_date = '1946-11-10' WHERE code = 'R1'")
    station, admin = acting(conn, "station", NOW), acting(conn, "admin", NOW)
    bath = plans.add(conn, station, "R1", plan_of())

    def rules() -> list[tuple[str, str | None, int]]:
        return conn.execute(
            "SELECT to_char(planned_start AT TIME ZONE 'Asia/Shanghai', 'MM-DD'), subsidy_rule, subsidy_fen"
            " FROM service_order WHERE plan_id = %s ORDER BY planned_start",
            (bath,),
        ).fetchall()

    assert rules() == [("11-03", None, 0), ("11-06", None, 0), ("11-10", "age_80", 3600), ("11-13", "age_80", 3600)], (
        "eighty on the birthday"
    )
    text = subsidy.SUBJECT.default.replace("percent = 30, cap_fen = 5000", "percent = 25, cap_fen = 5000")
    rule_book.put(conn, admin.account, subsidy.SUBJECT, text, valid_from=dt.date(2026, 11, 17), note="", based_on=0,
                  now=NOW)  # fmt: skip
    assert make_ahead(conn, NOW + 4 * DAY) == 2
    assert rules()[-2:] == [("11-17", "age_80", 3000), ("11-20", "age_80", 3000)], "rules that are to come"
    early = store.of_resident(conn, resident_id(conn, "R1"), NOW, NOW + 2 * DAY)[0]
    catalogue.set_price(conn, admin, "bath", "center-1", dt.date(2026, 11, 12), 20_000)
    moved = orders.move(conn, station, early.id, NOW + 10 * DAY, early.version)
    assert (moved.price_fen, moved.amount_fen, moved.subsidy_fen, moved.own_fen) == (20_000, 20_000, 5_000, 15_000)


def test_a_visit_is_proved_by_place_code_or_device(conn: psycopg.Connection) -> None:
    start = NOW + HOUR
    carer = acting(conn, "carer", start)
    order = visit(conn, start)
    with pytest.raises(ProvisioningError, match=r"11\d\d m from the home"):
        field.check_in(conn, carer, order.id, "place", start, place=Place(114.2410, 22.5700, 20))
    with pytest.raises(ProvisioningError, match="no device"):
        field.check_in(conn, carer, order.id, "device", start)
    with pytest.raises(ProvisioningError, match="no code yet"):
        field.check_in(conn, carer, order.id, "code", start, code="123456")
    home = codes.paper(conn, acting(conn, "station", NOW), "R1")
    assert field.check_in(conn, carer, order.id, "code", start, code=home.paper).state == "checked_in"
    after = field.check_out(conn, carer, order.id, [1, 3], start + 50 * MINUTE, note="血压 130/80")
    assert (after.state, after.done_minutes, after.tasks_done, after.checked_in_by) == (
        "checked_out",
        50,
        [1, 3],
        "code",
    )
    second = visit(conn, start)
    conn.execute(
        "INSERT INTO device (gateway_id, name, model) SELECT id, 'door', 'door' FROM gateway WHERE name = 'gw-1'"
    )
    conn.execute(
        "INSERT INTO event (gateway_id, epoch, seq, device_id, kind, time)"
        " SELECT gateway_id, 1, 1, id, 'door_opened', %s FROM device WHERE name = 'door'",
        (start - 2 * MINUTE,),
    )
    assert field.check_in(conn, carer, second.id, "device", start).checked_in_by == "device"
    third = visit(conn, start)
    assert (
        field.check_in(conn, carer, third.id, "code", start, code=panel_code(home.secret, start)).state == "checked_in"
    )
    with pytest.raises(NotFoundError):
        field.check_in(conn, acting(conn, "carer-ms", start), visit(conn, start).id, "place", start, place=HOME)
    early = visit(conn, NOW + DAY)
    with pytest.raises(ProvisioningError, match="not the time"):
        field.check_in(conn, carer, early.id, "place", NOW, place=HOME)


def test_a_press_is_taken_once_and_five_wrong_codes_close_the_code(conn: psycopg.Connection) -> None:
    start = NOW + HOUR
    carer, order = acting(conn, "carer", start), visit(conn, start)
    home = codes.paper(conn, acting(conn, "station", NOW), "R1")

    def press(key: str, code: str) -> presses.Answer:
        return presses.once(
            conn, carer, key, order.id, "check_in", start,
            lambda: void(field.check_in(conn, carer, order.id, "code", start, code=code)),
        )  # fmt: skip

    for number in range(5):
        far = presses.once(
            conn, carer, f"far-away-{number}", order.id, "check_in", start,
            lambda: void(field.check_in(conn, carer, order.id, "place", start, place=Place(114.2410, 22.5700, 20))),
        )  # fmt: skip
        assert far.result == "refused", "a place that is too far closes no code"
    wrong = str((int(home.paper) + 1) % 10**6).zfill(6)
    for number in range(5):
        assert press(f"wrong-key-{number}", wrong).result == "refused"
    assert "次数过多" in press("right-key", home.paper).message_zh
    assert press("right-key", home.paper).result == "refused", "the same press has the same answer"
    again = presses.once(
        conn, carer, "by-place", order.id, "check_in", start,
        lambda: void(field.check_in(conn, carer, order.id, "place", start, place=HOME)),
    )  # fmt: skip
    assert again.result == "done"
    assert press("by-place", "").result == "done"
    assert len(store.history(conn, order.id)) == 2


def void(_: object) -> None:
    """Drop what an effect gives."""


def test_the_board_of_a_day_and_planned_against_done(conn: psycopg.Connection) -> None:
    now = NOW + 2 * HOUR
    done(conn, NOW - HOUR)
    late, soon = visit(conn, NOW + HOUR), visit(conn, NOW + 3 * HOUR)
    station = acting(conn, "station", now)
    found = listing.board(conn, station, NOW.date())
    assert found.part == "late"
    assert [one.id for one in found.orders] == [late.id]
    assert dict(found.counts) == {"late": 1, "now": 0, "planned": 1, "done": 1, "off": 0}
    assert [one.id for one in listing.board(conn, station, NOW.date(), "planned").orders] == [soon.id]
    assert not any(listing.board(conn, acting(conn, "station-ms", now), NOW.date()).counts.values())
    row = comparing.by_provider(conn, station, NOW.date())[0]
    assert (row.planned, row.done, row.open, row.to_come, row.by_place, row.percent) == (3, 1, 1, 1, 1, 50)


_COUNTED = """
    SELECT day, organisation_id, area_id, sum(planned), sum(done), sum(missed), sum(refused), sum(cancelled),
           sum(waiting), sum(at_home), sum(planned_minutes), sum(done_minutes), sum(by_place), sum(by_code),
           sum(by_device), sum(by_station), sum(late)
    FROM service_tally GROUP BY 1, 2, 3 HAVING sum(planned) <> 0 ORDER BY 1, 2, 3
"""
_DIRECT = """
    SELECT (planned_start AT TIME ZONE 'Asia/Shanghai')::date, organisation_id, h.area_id, count(*),
           count(*) FILTER (WHERE state IN ('checked_out', 'confirmed')), count(*) FILTER (WHERE state = 'missed'),
           count(*) FILTER (WHERE state = 'refused_at_door'), count(*) FILTER (WHERE state = 'cancelled'),
           count(*) FILTER (WHERE state IN ('planned', 'assigned')), count(*) FILTER (WHERE state = 'checked_in'),
           coalesce(sum(planned_minutes) FILTER (WHERE state <> 'cancelled'), 0), coalesce(sum(done_minutes), 0),
           count(*) FILTER (WHERE checked_in_by = 'place'), count(*) FILTER (WHERE checked_in_by = 'code'),
           count(*) FILTER (WHERE checked_in_by = 'device'), count(*) FILTER (WHERE checked_in_by = 'station'),
           count(*) FILTER (WHERE checked_in_at > planned_start + INTERVAL '15 minutes')
    FROM service_order o JOIN resident r ON r.id = o.resident_id JOIN household h ON h.id = r.household_id
    WHERE NOT h.synthetic GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
_CORRECTIONS = (
    "INSERT INTO service_order (resident_id, service, organisation_id, source, planned_start, planned_minutes, state,"
    " unit, price_fen, amount_fen, subsidy_fen, own_fen, created_at) SELECT r.id, 'bath', o.id, 'single',"
    " %(at)s + n * INTERVAL '7 hours', 60, 'planned', 'visit', 0, 0, 0, 0, now() FROM resident r, organisation o,"
    " generate_series(1, 3) n WHERE o.code = 'center-1'",
    "UPDATE service_order SET state = %(state)s, done_minutes = %(minutes)s, checked_in_by = %(by)s,"
    " checked_in_at = planned_start + %(minutes)s * INTERVAL '1 minute' WHERE id %% 5 = %(fifth)s",
    "UPDATE service_order SET planned_start = planned_start + INTERVAL '11 hours', planned_minutes = 45"
    " WHERE id %% 5 = %(fifth)s",
    "UPDATE service_order SET to_correct = true WHERE id %% 3 = %(third)s",
    "DELETE FROM service_order WHERE id %% 7 = %(fifth)s",
    "UPDATE household SET area_id = (SELECT id FROM area WHERE level = 'community' ORDER BY (id * 7 + %(fifth)s) %% 5"
    " LIMIT 1) WHERE id %% 3 = %(third)s",
    "UPDATE household SET synthetic = id %% 5 = %(fifth)s",
    "UPDATE resident SET household_id = (SELECT id FROM household ORDER BY (id * 5 + %(fifth)s) %% 7 LIMIT 1)"
    " WHERE id %% 3 = %(third)s",
)


def test_the_sums_of_visits_are_what_the_visits_say_after_any_corrections(conn: psycopg.Connection) -> None:
    chance, compared = random.Random(18), 0
    for turn in range(40):
        asked = {
            "at": NOW + turn * HOUR, "third": chance.randrange(3), "fifth": chance.randrange(5),
            "minutes": chance.randrange(60), "by": chance.choice(("place", "code", "device", "station")),
            "state": chance.choice(("assigned", "missed", "cancelled", "checked_in", "checked_out", "confirmed",
                                    "refused_at_door")),
        }  # fmt: skip
        conn.execute(_CORRECTIONS[0 if turn % 4 == 0 else chance.randrange(len(_CORRECTIONS))].encode(), asked)
        if turn % 13 == 12:
            comparing.count_anew(conn, NOW)
            row = conn.execute("SELECT count(*), count(DISTINCT (day, organisation_id, area_id)) FROM service_tally")
            assert len(set(row.fetchone() or ())) == 1, "each provider and community has one row of a day"
        if turn % 5 == 4:
            direct = conn.execute(_DIRECT).fetchall()
            compared += len(direct)
            assert conn.execute(_COUNTED).fetchall() == direct, f"turn {turn}"
    assert compared > 30


def test_a_low_rating_goes_to_the_stations_list_and_confirms_the_visit(conn: psycopg.Connection) -> None:
    order = done(conn, NOW)
    conn.execute(
        "INSERT INTO family_member SELECT a.id, r.id, '女儿', 'daughter', now() - INTERVAL '1 day' FROM account a,"
        " resident r WHERE a.login = 'daughter' AND r.code = 'R1'"
    )
    daughter, station = acting(conn, "daughter", NOW + 3 * HOUR), acting(conn, "station", NOW + 3 * HOUR)
    assert [one.id for one in ratings.to_rate(conn, order.resident_id, daughter.at)] == [order.id]
    ratings.rate(conn, daughter, order.id, 2, "水太凉")
    with pytest.raises(ProvisioningError, match="rated already"):
        ratings.rate(conn, daughter, order.id, 5, "")
    assert store.load(conn, order.id).state == "confirmed"
    assert [one.words for one in ratings.low(conn, station)] == ["水太凉"]
    assert ratings.by_provider(conn, station, NOW)[0]["mean"] == 2.0
    ratings.deal_with(conn, station, order.id, "已与护理员谈话")
    assert ratings.low(conn, station) == []


def test_a_settled_month_is_frozen_and_corrected_in_the_next(conn: psycopg.Connection) -> None:
    order, cleaning = done(conn, NOW), done(conn, NOW + DAY, "clean", minutes=90)
    assert cleaning.amount_fen == 6_000
    lead = acting(conn, "admin", dt.datetime(2026, 12, 2, tzinfo=dt.UTC))
    november, december = dt.date(2026, 11, 1), dt.date(2026, 12, 1)
    with pytest.raises(ProvisioningError, match="not over"):
        settling.settle(conn, lead, "center-1", december)
    assert known_since.decide_anew(conn, lead.at) == 0
    conn.execute(
        "INSERT INTO resident_trait (resident_id, trait, holds, valid_from, evidence, set_at)"
        " SELECT id, 'low_income', true, '2026-11-03', '名册', %s FROM resident WHERE code = 'R1'",
        (lead.at,),
    )
    assert [known_since.decide_anew(conn, lead.at) for _ in range(2)] == [1, 0], "of the day from which on it holds"
    before = settling.month(conn, lead, november)[0]
    number = settling.settle(conn, lead, "center-1", november)
    after, first = settling.one(conn, lead, number)
    assert (number, first) == ("S-202611-center-1", november)
    assert (
        (after.visits, after.amount_fen, after.minutes) == (before.visits, before.amount_fen, 150) == (2, 18_000, 150)
    )
    heads, sums = table.heads(conn, lead, number)
    lines, place = table.part(conn, sums, 0) or (b"", 0)
    total, end = table.part(conn, sums, place) or (b"", 0)
    assert heads.startswith(b"\xef\xbb\xbf")
    assert table.part(conn, sums, end) is None
    file = (heads + lines + total).decode().splitlines()
    assert [row.split(",")[-4:] for row in file[1:]] == [
        ["60", "120.00", "36.00", "84.00"], ["90", "60.00", "42.00", "18.00"], ["150", "180.00", "78.00", "102.00"],
    ]  # fmt: skip
    with pytest.raises(ChangedMeanwhileError):
        settling.settle(conn, lead, "center-1", november)
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation), conn.transaction():
        conn.execute("UPDATE settlement SET amount_fen = 0, own_fen = 0, subsidy_fen = 0")
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation), conn.transaction():
        conn.execute("DELETE FROM settlement_line")
    station = acting(conn, "station", lead.at)
    found = store.load(conn, cleaning.id)
    orders.correct(conn, station, found.id, 60, found.version, "实际一小时")
    assert settling.one(conn, lead, number)[0] == after, "what is settled stays"
    then = acting(conn, "admin", dt.datetime(2027, 2, 3, tzinfo=dt.UTC))
    newer = done(conn, dt.datetime(2026, 12, 5, 1, tzinfo=dt.UTC))
    with pytest.raises(ProvisioningError, match=r"settle 2026-12 of .* first"):
        settling.settle(conn, then, "center-1", dt.date(2027, 1, 1))
    (told,) = settling.month(conn, then, december)
    conn.execute("UPDATE service_order SET state = 'cancelled' WHERE id = %s", (newer.id,))
    (before,) = settling.month(conn, then, december)
    number = settling.settle(conn, then, "center-1", december)
    sums, _ = settling.one(conn, then, number)
    assert (sums.visits, sums.corrections, sums.amount_fen, sums.minutes) == (0, 1, -2_000, -30)
    assert (before.corrections, before.amount_fen, before.minutes) == (1, -2_000, -30), "as it was shown before"
    assert (told.visits, told.amount_fen) == (1, newer.amount_fen - 2_000)
    assert [(one.order_id, one.kind) for one in settling.lines(conn, number)] == [(cleaning.id, "correction")]
    assert order.settlement_id is None
    assert not store.load(conn, cleaning.id).to_correct


def test_the_catalogue_keeps_versions_and_prices_of_the_day(conn: psycopg.Connection) -> None:
    admin = acting(conn, "admin", NOW)
    catalogue.set_price(conn, admin, "bath", "center-1", NOW.date() + 3 * DAY, 15_000)
    catalogue.set_price(conn, admin, "bath", "center-1", NOW.date() + 5 * DAY, None)
    prices = [[one.price_fen for one in catalogue.offers(conn, NOW.date() + n * DAY, "bath")] for n in (0, 3, 5)]
    assert prices == [[12_000], [15_000], []]
    with pytest.raises(ProvisioningError, match="work backwards"):
        catalogue.set_price(conn, admin, "bath", "center-1", NOW.date() - DAY, 1)
    with pytest.raises(NotPermittedError):
        catalogue.set_price(conn, acting(conn, "station", NOW), "bath", "center-1", NOW.date(), 1)
    bath = catalogue.service(conn, "bath")
    catalogue.change_service(conn, admin, bath)
    with pytest.raises(ChangedMeanwhileError):
        catalogue.change_service(conn, admin, bath)
    plan_id = plans.add(conn, acting(conn, "station", NOW), "R1", plan_of(weekdays=(1, 2, 3, 4, 5, 6, 7), staff=None))
    assert len(states(conn, plan_id)) == 4, "while there is a price"
