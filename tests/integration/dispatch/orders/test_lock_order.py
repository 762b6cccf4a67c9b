"""People who press at the same moment: everybody locks alerts, then orders, in one order, so nobody waits for ever."""

import threading
from collections.abc import Callable, Iterator

import psycopg
import pytest

from dispatch.alerts import lifecycle
from dispatch.core.history import Actor
from dispatch.desk import merging
from dispatch.orders import assigning, store
from dispatch.orders.field import Pressed, press_on_alert, press_on_order
from dispatch.orders.people import Crews
from dispatch.orders.presses import Answer
from dispatch.orders.taking import take
from tests.integration.dispatch.orders.test_field_presses import person, press
from tests.support.network import NOW
from tests.support.orders import ZHOU, raise_alert, staff_city
from tests.support.services import wait_for

pytestmark = pytest.mark.integration


@pytest.fixture
def city(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        staff_city(conn)
        yield conn


class Beside:
    """Somebody who acts on a connection of their own, at the same time."""

    def __init__(self, database_url: str, act: Callable[[psycopg.Connection], Answer]) -> None:
        self.answer: Answer | None = None
        self.error: Exception | None = None
        self._conn = psycopg.connect(database_url, autocommit=True)
        self._act = act
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.answer = self._act(self._conn)
        except Exception as error:
            self.error = error

    def waits(self, watcher: psycopg.Connection) -> None:
        """Return when this one waits for a lock."""
        of = self._conn.info.backend_pid
        query = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s"
        wait_for(lambda: watcher.execute(query, (of,)).fetchone() == (True,), 10, lambda: f"no wait: {self.error!r}")

    def done(self) -> Answer:
        self._thread.join(20)
        self._conn.close()
        assert self.error is None, self.error
        assert self.answer is not None
        return self.answer


def test_a_step_on_a_merged_alert_locks_its_lead_first(city: psycopg.Connection, database_url: str) -> None:
    one, other = raise_alert(city), raise_alert(city, rule="bed_exit", severity="urgent")
    lead = merging.merge(city, one, other, ZHOU, NOW, expected_version=version(city, one))
    follower = other if lead == one else one
    who = person(city)
    with psycopg.connect(database_url) as desk:
        desk.execute("SELECT FROM alert WHERE id = %s FOR UPDATE", (lead,))
        beside = Beside(
            database_url,
            lambda conn: press_on_alert(conn, follower, "visit", who, "note", press("note", NOW, NOW), Pressed()),
        )
        beside.waits(city)
        # The press waits for the lead and holds nothing that the desk wants.
        desk.execute("SELECT FROM alert WHERE id = %s FOR UPDATE NOWAIT", (follower,))
        desk.commit()
    assert beside.done().result == "done"


def test_somebody_takes_the_alert_while_another_accepts_its_order(city: psycopg.Connection, database_url: str) -> None:
    alert = raise_alert(city)
    order = assigning.dispatch_alert(city, Crews(), alert, ZHOU, NOW, staff_code="S11")
    who = person(city)
    with psycopg.connect(database_url) as other:
        assert lifecycle.lock(other, alert) is not None
        beside = Beside(
            database_url,
            lambda conn: press_on_order(
                conn, Crews(), order.id, who, "accept", press("accept", NOW, NOW), Pressed()
            ),
        )  # fmt: skip
        beside.waits(city)
        taken = take(other, alert, "S12", Actor(None, "员12", "link"), NOW)
        other.commit()
    assert taken is not None
    assert taken.staff_code == "S12"
    answer = beside.done()
    assert (answer.result, answer.message_zh) == ("refused", "这张工单已转给他人或已取消，感谢您")


@pytest.mark.parametrize("on_order", [True, False])
def test_two_telephones_press_at_once(city: psycopg.Connection, database_url: str, on_order: bool) -> None:
    """A press's own row refers to the order or alert, a lock that both may have, and that neither can make stronger."""
    alert = raise_alert(city)
    order = assigning.dispatch_alert(city, Crews(), alert, ZHOU, NOW, staff_code="S11")
    assigning.act_as_person(city, Crews(), order.id, "accept", order.staff_id or 0, ZHOU, NOW)
    who = person(city)

    def act(conn: psycopg.Connection) -> Answer:
        pressed = press("note", NOW, NOW)
        if on_order:
            return press_on_order(conn, Crews(), order.id, who, "note", pressed, Pressed(note="门开着"))
        return press_on_alert(conn, alert, "visit", who, "note", pressed, Pressed(note="门开着"))

    with psycopg.connect(database_url) as holder:
        holder.execute("SELECT FROM alert WHERE id = %s FOR NO KEY UPDATE", (alert,))
        holder.execute("SELECT FROM work_order WHERE id = %s FOR NO KEY UPDATE", (order.id,))
        both = [Beside(database_url, act), Beside(database_url, act)]
        for one in both:
            one.waits(city)
        holder.commit()
    assert [one.done().result for one in both] == ["done", "done"]
    assert store.load(city, order.id).state == "accepted"


def version(conn: psycopg.Connection, alert: object) -> int:
    row = conn.execute("SELECT version FROM alert WHERE id = %s", (alert,)).fetchone()
    assert row is not None
    return int(row[0])
