"""A station's account: its own area alone, its acts, and what it may not do."""

import datetime as dt
from pathlib import Path

import pytest

from care_network.protection.observer import Observer
from console.pages.station.station import figures, orders_of_today
from dispatch.desk import closed
from dispatch.orders import assigning, store
from tests.support.console_site import console_site, now
from tests.support.network import account
from tests.support.orders import ZHOU
from tests.support.protected_district import World
from vocabulary.times import SHANGHAI

pytestmark = pytest.mark.integration
GOES = "staff_id = (SELECT id FROM staff WHERE code = 'S11')"


def test_a_station_sees_and_acts_in_its_own_area(database_url: str, tmp_path: Path) -> None:
    with console_site(database_url, tmp_path) as site:
        World(site.conn, 2, now(), areas=False)
        Observer(now()).look(site.conn, now())
        alert, other = site.alert("R1"), site.alert("R2")
        order = assigning.dispatch_alert(site.conn, site.console.crews, alert, ZHOU, now(), staff_code="S11")
        device = site.alert("R1", "device_silent", "technical")
        with site.client("station") as mine, site.client("station-ms") as theirs, site.client("dispatcher") as desk:
            page = mine.get("/station").text
            assert f"/?a={alert}" in page
            assert f"/orders/{order.id}" in page
            assert f"/?a={device}" in page
            assert str(other) not in page
            foreign = theirs.get("/station").text
            assert str(alert) not in foreign
            assert str(order.id) not in foreign
            assert "员11" not in foreign
            assert str(other) in foreign
            assert theirs.get("/station?area=sz.yt.hs").status_code == 404
            assert theirs.get(f"/alerts/{alert}").status_code == 404
            assert theirs.get(f"/orders/{order.id}").status_code == 404
            assert theirs.get(f"/alerts/{alert}/dispatch").status_code == 404
            assert "员11" not in theirs.get("/station/phones").text
            assert "员11" in mine.get("/station/phones").text
            assert "员11" in desk.get("/station?area=sz.yt.hs").text  # the district looks into its centers
            row = site.conn.execute("SELECT version FROM alert WHERE id = %s", (other,)).fetchone()
            assert row is not None
            answer = theirs.post(f"/alerts/{other}/acknowledge", data={"version": row[0]})
            assert answer.status_code == 303
            assert mine.get("/handovers").status_code == 403
            assert mine.get("/operations").status_code == 403
            assert mine.get(f"/alerts/{alert}/dispatch").status_code == 200


def test_the_board_of_today_is_whole_on_both_sides_of_midnight(database_url: str, tmp_path: Path) -> None:
    """The clock is given: the last day of a month ends, and what was done on it is done yesterday, last month."""
    with console_site(database_url, tmp_path) as site:
        conn, reader = site.conn, account(site.conn, "station")
        first = dt.datetime(2027, 2, 1, tzinfo=SHANGHAI)
        evening, later = first - dt.timedelta(seconds=30), first + dt.timedelta(seconds=30)

        def planned(due: dt.datetime, done: dt.datetime | None = None) -> int:
            order = assigning.plan_service(conn, "wellness_check", "R1", due, ZHOU, due - dt.timedelta(days=2))
            if done is not None:
                conn.execute(
                    f"UPDATE work_order SET state = 'done', next_at = NULL, done_at = %s, {GOES} WHERE id = %s",
                    (done, order.id),
                )
            return order.number

        late = planned(first - dt.timedelta(hours=20))
        tonight = planned(first + dt.timedelta(hours=1))
        before = planned(first - dt.timedelta(hours=5), evening - dt.timedelta(seconds=20))
        after = planned(first - dt.timedelta(hours=4), first + dt.timedelta(seconds=5))
        conn.execute(  # a year of visits that were due later than those of today hides none of them
            "INSERT INTO work_order (id, service, urgency, household_id, resident_id, due_at, reason_zh, reason_en,"
            " state, created_at, done_at, staff_id)"
            " SELECT gen_random_uuid(), service, urgency, household_id, resident_id,"
            " %s + n * INTERVAL '1 hour', '', '', 'done', created_at, %s - n * INTERVAL '1 day', staff_id"
            " FROM work_order, generate_series(2, 260) n WHERE number = %s",
            (first, first, before),
        )

        def board(at: dt.datetime) -> set[int]:
            return {order.number for order in orders_of_today(conn, reader, "sz.yt.hs", at)}

        conn.execute(
            "UPDATE work_order SET done_at = NULL, state = 'open', next_at = now(), staff_id = NULL WHERE number = %s",
            (after,),
        )
        assert board(evening) == {late, before, after}
        conn.execute(
            f"UPDATE work_order SET done_at = %s, state = 'done', next_at = NULL, {GOES} WHERE number = %s",
            (first + dt.timedelta(seconds=5), after),
        )
        assert board(later) == {late, tonight, after}
        (since, this), (last_since, last) = figures(conn, "sz.yt.hs", later)["months"]
        assert (since, this.visits) == (first, 1)
        assert last_since == dt.datetime(2027, 1, 1, tzinfo=SHANGHAI)
        assert last.visits == 31, "one a day until the 30th, at midnight, and that of the last evening"
        assert figures(conn, "sz.yt.hs", evening)["months"][0][1].visits == last.visits
        everything = store.list_orders(conn, store.OrderFilter(states=["done"], limit=None))
        assert len(everything) == 261
        assert {row[1] for row in closed.owners(conn, reader)} == {"某"}
        assert len(closed.owners(conn, reader)) == 2, "the street's carer and its station"
