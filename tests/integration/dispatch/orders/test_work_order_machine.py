"""Whatever people and time do to work orders, in any order: the invariants hold (hypothesis, on a real database)."""

import datetime as dt
from itertools import pairwise

import psycopg
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from care_network.matching.matching import CAPACITY
from dispatch.alerts import lifecycle
from dispatch.core.history import Actor
from dispatch.orders import assigning, store
from dispatch.orders.people import Crews
from dispatch.orders.states import BY_PERSON, IN_HAND, LIVE, TRANSITIONS, OrderError
from dispatch.orders.store import Order
from dispatch.orders.sweeper import sweep
from tests.support.network import NOW
from tests.support.orders import ZHOU, raise_alert, staff_city

pytestmark = pytest.mark.integration


def test_every_transition_leads_somewhere() -> None:
    for sources, target in TRANSITIONS.values():
        assert sources
        assert target is None or target in (*LIVE, "done", "cancelled")
    left = {source for action, (sources, _) in TRANSITIONS.items() if action != "note" for source in sources}
    assert left == set(LIVE), "every live state can be left, and no other"


def machine(conn: psycopg.Connection) -> type[RuleBasedStateMachine]:
    crews = Crews()

    class Orders(RuleBasedStateMachine):
        orders = Bundle("orders")

        def __init__(self) -> None:
            super().__init__()
            self.now = NOW
            self.mine: list[Order] = []

        @rule(target=orders, severity=st.sampled_from(("emergency", "urgent", "attention", "technical")))
        def dispatch(self, severity: str) -> Order:
            alert = raise_alert(conn, self.now, severity, "sos" if severity == "emergency" else "fall")
            order = assigning.dispatch_alert(conn, crews, alert, ZHOU, self.now, service="fall_assistance")
            self.mine.append(order)
            return order

        @rule(order=orders, action=st.sampled_from(BY_PERSON), stale=st.booleans())
        def answer(self, order: Order, action: str, stale: bool) -> None:
            seen = store.load(conn, order.id)
            holder = order.staff_id if stale else seen.staff_id
            version = order.version if stale else seen.version
            possible = (
                holder is not None
                and holder == seen.staff_id
                and version == seen.version
                and seen.state in TRANSITIONS[action][0]  # type: ignore[index]
            )
            try:
                assigning.act_as_person(
                    conn, crews, order.id, action, holder or 0, Actor(None, "员", "link"), self.now,  # type: ignore[arg-type]
                    expected_version=version,
                )  # fmt: skip
            except OrderError:
                assert not possible
                assert store.load(conn, order.id) == seen, "a refusal changes nothing"
            else:
                assert possible

        @rule(order=orders, ending=st.booleans())
        def by_the_dispatcher(self, order: Order, ending: bool) -> None:
            seen = store.load(conn, order.id)
            act = assigning.cancel if ending else None
            try:
                if act is not None:
                    act(conn, order.id, ZHOU, self.now, expected_version=seen.version)
                else:
                    assigning.reassign(conn, crews, order.id, ZHOU, self.now, expected_version=seen.version)
            except OrderError:
                assert seen.state in ("done", "cancelled") or (seen.state == "arrived" and not ending)

        @rule(order=orders)
        def the_alert_ends(self, order: Order) -> None:
            assert order.alert_id is not None
            lifecycle.follow_up(conn, order.alert_id, "cancel", self.now, "")

        @rule(seconds=st.sampled_from((1, 61, 200, 1000)))
        def time_passes(self, seconds: int) -> None:
            self.now += dt.timedelta(seconds=seconds)
            before = {order.id for order in store.due(conn, self.now, 200)}
            sweep(conn, crews, self.now)
            after = {order.id for order in store.due(conn, self.now, 200)}
            assert not after, f"{len(before)} were due, some still are"

        @invariant()
        def rows_are_the_sum_of_their_events(self) -> None:
            for order in self.mine:
                row, events = store.load(conn, order.id), store.history(conn, order.id)
                assert row.state == events[-1]["to_state"]
                assert row.asked == sum(event["action"] == "offer" for event in events)
                for before, after in pairwise(events):
                    assert before["to_state"] == after["from_state"]
                if row.state in IN_HAND:
                    asked = [event["staff_code"] for event in events if event["action"] == "offer"]
                    assert row.staff_code == asked[-1]
                assert (row.next_at is not None) == (row.state in ("open", "offered"))

        @invariant()
        def nobody_has_more_than_fits(self) -> None:
            for staff, count in conn.execute(
                "SELECT staff_id, count(*) FROM work_order WHERE urgency = 'emergency' AND state = ANY (%s)"
                " GROUP BY staff_id",
                (list(IN_HAND),),
            ):
                assert count <= CAPACITY["emergency"], staff

        @invariant()
        def each_offer_is_told_once(self) -> None:
            row = conn.execute(
                "SELECT (SELECT count(*) FROM notification WHERE recipient_kind = 'staff' AND reason = 'work_order'),"
                " (SELECT count(*) FROM work_order_event WHERE action = 'offer')"
            ).fetchone()
            assert row is not None
            assert row[0] == row[1]

        def teardown(self) -> None:
            for order in self.mine:
                row = store.load(conn, order.id)
                if row.state in LIVE:
                    assigning.cancel(conn, row.id, ZHOU, self.now, expected_version=row.version)

    return Orders


def test_the_invariants_hold(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        staff_city(conn, people=4)
        run_state_machine_as_test(machine(conn), settings=settings(max_examples=15, stateful_step_count=20))
