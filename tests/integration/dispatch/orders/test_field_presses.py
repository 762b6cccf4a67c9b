"""Presses that are lost, doubled, late and out of order: each counts once, with its own time (hypothesis, database)."""

import datetime as dt
import uuid

import psycopg
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from dispatch.orders import assigning, store
from dispatch.orders.field import FieldAction, Person, Pressed, press_on_alert, press_on_order
from dispatch.orders.people import Crews, active_staff
from dispatch.orders.presses import LATEST, Answer, Press, time_of_press
from dispatch.orders.results import newest_result
from dispatch.orders.states import OrderError
from dispatch.orders.store import Order
from dispatch.orders.taking import take
from tests.support.network import NOW
from tests.support.orders import ZHOU, raise_alert, staff_city

pytestmark = pytest.mark.integration
SECOND = dt.timedelta(seconds=1)


def person(conn: psycopg.Connection, code: str = "S11") -> Person:
    found = active_staff(conn, code)
    assert found is not None
    return Person(
        key=f"staff:{code}", name_zh=found[1], name_en=found[2], staff_id=found[0], account_id=None, origin="link"
    )


def press(action: str, at: dt.datetime, received: dt.datetime, who: str = "staff:S11") -> Press:
    return Press(key=uuid.uuid4(), person=who, action=action, client_pressed_at=at, pressed_at=at, received_at=received)


def test_the_age_of_a_press_is_by_the_telephones_own_clock() -> None:
    wrong = dt.timedelta(days=-400)  # the telephone's clock
    pressed, sent = NOW + wrong, NOW + wrong + 600 * SECOND
    received = NOW + 601 * SECOND
    assert time_of_press(pressed, sent, received, NOW - 60 * SECOND) == NOW + SECOND
    assert time_of_press(None, None, received, NOW) == received
    assert time_of_press(sent, pressed, received, NOW) == received, "never in the future"
    assert time_of_press(pressed, sent, received, NOW + 300 * SECOND) == NOW + 300 * SECOND
    assert time_of_press(NOW - 30 * LATEST, NOW, NOW, NOW - 90 * LATEST) == NOW - LATEST


def machine(conn: psycopg.Connection) -> type[RuleBasedStateMachine]:
    crews = Crews()
    who = person(conn)

    class Telephone(RuleBasedStateMachine):
        pressed = Bundle("pressed")

        @initialize()
        def accepted(self) -> None:
            self.now = NOW
            self.answers: dict[uuid.UUID, Answer] = {}
            self.sent: dict[uuid.UUID, tuple[Press, dt.datetime]] = {}
            order = assigning.dispatch_alert(conn, crews, raise_alert(conn, NOW), ZHOU, NOW, staff_code="S11")
            self.order: Order = assigning.act_as_person(conn, crews, order.id, "accept", who.staff_id or 0, ZHOU, NOW)

        @rule(target=pressed, action=st.sampled_from(("depart", "arrive", "finish", "note", "support", "decline")))
        def presses(self, action: str) -> Press:
            self.now += SECOND
            return press(action, self.now, self.now)

        @rule(what=pressed, late=st.sampled_from((0, 5, 90)))
        def arrives(self, what: Press, late: int) -> None:
            """Once more, or for the first time, whatever was pressed after it."""
            self.now += late * SECOND
            before = store.load(conn, self.order.id)
            again = Press(
                key=what.key, person=what.person, action=what.action, client_pressed_at=what.pressed_at,
                pressed_at=what.pressed_at, received_at=self.now,
            )  # fmt: skip
            extra = Pressed(card="lifted" if what.action == "finish" else "", note=str(what.key))
            action: FieldAction = what.action  # type: ignore[assignment]
            answer = press_on_order(conn, crews, self.order.id, who, action, again, extra)
            if what.key in self.answers:
                assert answer == self.answers[what.key], "a repetition is answered in the same way"
                assert store.load(conn, self.order.id) == before, "and changes nothing"
            else:
                self.answers[what.key] = answer
                if answer.result == "refused":
                    assert store.load(conn, self.order.id) == before

        @rule(step=st.sampled_from(("depart", "arrive", "reassign", "cancel")))
        def the_desk_acts(self, step: str) -> None:
            self.now += SECOND
            order = store.load(conn, self.order.id)
            try:
                if step == "reassign":
                    assigning.reassign(conn, crews, order.id, ZHOU, self.now, expected_version=order.version)
                elif step == "cancel":
                    assigning.cancel(conn, order.id, ZHOU, self.now, expected_version=order.version)
                elif order.staff_id is not None:
                    assigning.act_as_person(conn, crews, order.id, step, order.staff_id, ZHOU, self.now)  # type: ignore[arg-type]
            except OrderError:
                assert store.load(conn, order.id) == order

        @invariant()
        def every_press_that_came_is_there_once(self) -> None:
            events = store.history(conn, self.order.id)
            assert store.load(conn, self.order.id).state == events[-1]["to_state"]
            for key, answer in self.answers.items():
                mine = [event for event in events if str(key) in event["note"]]
                assert len(mine) == 1, (key, answer)
                assert mine[0]["at"] >= NOW
                if answer.result != "refused":
                    assert mine[0]["detail"]["pressed_at"] <= mine[0]["detail"]["received_at"]
            for step in ("depart", "arrive", "finish"):
                done = [e for e in events if e["action"] == step and e["actor"] == who.name_zh]
                assert len(done) <= 1 + sum(e["action"] == "reassign" for e in events)

        def teardown(self) -> None:
            for order in store.list_orders(conn, store.OrderFilter(alert_id=self.order.alert_id)):
                if order.state not in ("done", "cancelled"):
                    assigning.cancel(conn, order.id, ZHOU, self.now, expected_version=order.version)

    return Telephone


def test_whatever_the_line_does_each_press_counts_once(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        staff_city(conn, people=4)
        run_state_machine_as_test(machine(conn), settings=settings(max_examples=12, stateful_step_count=16))


def test_an_order_passed_on_or_an_alert_that_ended_refuses_and_keeps_what_was_told(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        staff_city(conn)
        crews, who = Crews(), person(conn)
        alert = raise_alert(conn, NOW)
        order = assigning.dispatch_alert(conn, crews, alert, ZHOU, NOW, staff_code="S11")
        later = NOW + 600 * SECOND
        assigning.reassign(conn, crews, order.id, ZHOU, NOW, expected_version=order.version, staff_code="S12")
        answer = press_on_order(
            conn, crews, order.id, who, "arrive", press("arrive", NOW + SECOND, later), Pressed(note="门开着")
        )
        assert answer.result == "refused"
        (told,) = [e["note"] for e in store.history(conn, order.id) if "未生效" in e["note"]]
        assert "门开着" in told
        row = conn.execute("SELECT count(*) FROM alert_event WHERE alert_id = %s AND note = %s", (alert, told))
        assert row.fetchone() == (1,), "the desk reads it with the alert"
        conn.execute("UPDATE alert SET state = 'resolved' WHERE id = %s", (alert,))
        answer = press_on_alert(conn, alert, "fall_assistance", who, "arrive", press("arrive", NOW, later), Pressed())
        assert answer.result == "refused"


def test_taking_an_alert_makes_its_order_the_persons_own(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        staff_city(conn)
        crews, alert = Crews(), raise_alert(conn, NOW)
        first = take(conn, alert, "S12", person(conn, "S12").actor, NOW)
        assert first is not None
        assert (first.state, first.staff_code) == ("accepted", "S12")
        taken = take(conn, alert, "S11", person(conn).actor, NOW + SECOND)
        assert taken is not None
        assert (taken.id, taken.staff_code) == (first.id, "S11"), "it lapsed: who takes it now has the order"
        who = person(conn)
        for action in ("depart", "arrive"):
            press_on_order(conn, crews, taken.id, who, action, press(action, NOW, NOW), Pressed())  # type: ignore[arg-type]
        assert take(conn, alert, "S13", person(conn, "S13").actor, NOW) is None, "somebody is there"
        result = Pressed(card="no_entry", note="无人应门")
        assert press_on_order(conn, crews, taken.id, who, "finish", press("finish", NOW, NOW), result).result == "done"
        found = newest_result(conn, alert)
        assert found is not None
        assert (found.card, found.outcome) == ("no_entry", None)
        told = conn.execute("SELECT count(*) FROM notification WHERE recipient_kind = 'organisation'").fetchone()
        assert told == (1,), "nobody opened: the desk is told"
        conn.execute("UPDATE staff SET kind = 'dispatcher' WHERE code = 'S13'")
        assert take(conn, raise_alert(conn, NOW, resident="R2"), "S13", ZHOU, NOW) is None
