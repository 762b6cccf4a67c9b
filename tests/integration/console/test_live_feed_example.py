"""The client in docs/examples really follows the console's live feed."""

import runpy
from pathlib import Path

import pytest

from tests.support.console_site import console_site

pytestmark = pytest.mark.integration
CLIENT = Path(__file__).parents[3] / "docs/examples/live_feed.py"


def test_the_documented_client_sees_the_board_and_a_new_alert(database_url: str, tmp_path: Path) -> None:
    client = runpy.run_path(str(CLIENT))
    with console_site(database_url, tmp_path) as site:
        cookie = client["log_in"](site.address, "dispatcher", "three words together")
        feed = client["messages"](site.address, cookie)
        assert next(one for one in feed if one["type"] == "board")["alerts"] == []
        alert = str(site.alert())
        assert next(one for one in feed if one["type"] == "alert")["alert"]["id"] == alert
        assert {next(feed)["type"] for _ in range(3)} & {"beat", "session"}
        feed.close()
    assert len([line for line in CLIENT.read_text().splitlines() if line.strip()]) <= 30
