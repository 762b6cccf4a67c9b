"""A station's account: its own area alone, its acts, and what it may not do."""

from pathlib import Path

import pytest

from care_network.protection.observer import Observer
from dispatch.orders import assigning
from tests.support.console_site import console_site, now
from tests.support.orders import ZHOU
from tests.support.protected_district import World

pytestmark = pytest.mark.integration


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
