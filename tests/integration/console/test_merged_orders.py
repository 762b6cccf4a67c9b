"""Whoever was sent for an alert that is merged into another stands on the screen of the lead."""

from pathlib import Path

import pytest

from dispatch.desk import merging
from dispatch.orders import store
from dispatch.orders.store import NewOrder
from tests.support.console_site import console_site, now
from tests.support.orders import ZHOU

pytestmark = pytest.mark.integration


def test_the_lead_shows_who_was_sent_for_what_follows_it(database_url: str, tmp_path: Path) -> None:
    with console_site(database_url, tmp_path) as site:
        mild, grave = site.alert(rule="bed_exit", severity="urgent"), site.alert()
        home = site.conn.execute("SELECT household_id, resident_id FROM alert WHERE id = %s", (mild,)).fetchone()
        assert home is not None
        new = NewOrder(
            alert_id=mild, service="fall_assistance", urgency="urgent", household_id=home[0], resident_id=home[1],
            due_at=now(), reason_zh="离床未归", reason_en="out of bed",
        )  # fmt: skip
        order = store.insert(site.conn, new, ZHOU, now())
        assert merging.merge(site.conn, mild, grave, ZHOU, now(), expected_version=1) == grave
        with site.client("dispatcher") as client:
            assert f"/orders/{order}" in client.get(f"/alerts/{grave}").text
