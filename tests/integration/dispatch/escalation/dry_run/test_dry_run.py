"""A dry run of the policies in force gives what was really called, where nothing else had a hand in it."""

import datetime as dt
import random
from collections.abc import Iterator

import msgspec
import psycopg
import pytest

from dispatch.alerts import lifecycle
from dispatch.core.history import Actor
from dispatch.escalation.dry_run.course import follow
from dispatch.escalation.dry_run.loading import dry_run, load_alerts, load_reach
from dispatch.escalation.sweeper import Sweeper
from dispatch.ladders import desk, store
from dispatch.ladders.policy import FamilyTarget, OnDutyTarget, OrganisationTarget, ServiceTarget, Step
from tests.support.network import account
from tests.support.orders import raise_alert, staff_city

pytestmark = pytest.mark.integration
KINDS = ("home_care_bed_team", "street_elder_center", "district_center")


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as found:
        yield found


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def some_steps(chance: random.Random) -> tuple[Step, ...]:
    """Steps that follow at once, so that one sweep climbs them all."""
    targets = (
        OnDutyTarget(("street_elder_center",), chance.choice((0, 1, 2))), OnDutyTarget((chance.choice(KINDS),)),
        OrganisationTarget(KINDS), FamilyTarget(1, chance.choice((1, 2))), ServiceTarget("120"),
    )  # fmt: skip
    steps = [Step(0, tuple(chance.sample(targets, chance.choice((1, 2))))) for _ in range(chance.choice((1, 2, 3)))]
    return (Step(0, (targets[0],)), *steps)


@pytest.mark.parametrize("seed", range(3))
def test_a_dry_run_of_the_policy_in_force_is_what_was_called(conn: psycopg.Connection, seed: int) -> None:
    chance = random.Random(seed)
    staff_city(conn)
    conn.execute(
        "INSERT INTO contact (resident_id, phone, name_zh, name_en, relation_zh, relation_en, call_order, consent_at)"
        " SELECT r.id, '13' || n, '女', 'D', '女儿', 'daughter', n, now() - interval '1 day' FROM resident r,"
        " generate_series(1, 2) n WHERE r.code = 'R1'"
    )
    policy = msgspec.structs.replace(store.defaults()[0], steps=some_steps(chance), repeat_after_s=600)
    since = now()
    desk.put_in_force(conn, account(conn, "dispatcher"), [policy], since, "test")
    alerts = [raise_alert(conn, now(), resident=chance.choice(("R1", "R2"))) for _ in range(5)]
    first = alerts[0]
    sweeper = Sweeper(conn)
    while sweeper.sweep():
        pass
    lifecycle.act(conn, first, "acknowledge", Actor(None, "周敏"), now(), expected_version=1)
    until = now() + dt.timedelta(seconds=1)
    past = load_alerts(conn, "sz.yt", ["emergency"], since - dt.timedelta(hours=1), until)
    reach = load_reach(conn, past, since - dt.timedelta(hours=1), until)
    assert len(past) == 5
    in_force = next(one for one in store.policies_now(conn) if one.code == policy.code)
    for alert in past:
        assert not alert.intervened
        simulated = [(call.step, call.round, call.told) for call in follow(in_force, alert, reach, until).calls]
        assert simulated == [(call.step, call.round, call.told) for call in alert.calls]
    taken = next(alert for alert in past if alert.id == str(first))
    assert taken.taken_at is not None
    run = dry_run(conn, account(conn, "dispatcher"), in_force, since - dt.timedelta(hours=1), until, "test")
    assert (run.looked_at, len(run.compared)) == (5, 5)
    assert not any(one.changed for one in run.compared)


def test_what_else_had_a_hand_in_it_is_said(conn: psycopg.Connection) -> None:
    staff_city(conn)
    alert = raise_alert(conn, now())
    conn.execute("UPDATE alert SET severity = 'urgent' WHERE id = %s", (alert,))
    conn.execute(
        "INSERT INTO alert_event (alert_id, at, action, from_state, to_state, actor) VALUES"
        " (%s, now(), 'escalate', 'raised', 'raised', 'system')",
        (alert,),
    )
    past = load_alerts(conn, "sz.yt", ["urgent"], now() - dt.timedelta(hours=1), now() + dt.timedelta(hours=1))
    assert [one.intervened for one in past] == ["severity"]
    assert load_alerts(conn, "sz.yt.ms", ["urgent"], now() - dt.timedelta(hours=1), now()) == []
