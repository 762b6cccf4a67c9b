"""What the family reads about their parent is true in every state, and never calmer than what is known."""

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.console_site import ConsoleSite, console_site, now
from tests.support.families import furnish, speak

pytestmark = pytest.mark.integration
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    with console_site(database_url, tmp_path) as site:
        furnish(site.conn)
        yield site


def said(site: ConsoleSite) -> tuple[str, str]:
    """(colour, sentence) of the only parent."""
    with site.client("daughter") as client:
        text = client.get("/family").text
    found = re.search(r'data-colour="(\w+)"[^>]*>([^<]*)<', text)
    assert found, text
    return found[1], found[2]


def test_an_alarm_that_nobody_has_answered_is_not_said_to_be_known(site: ConsoleSite) -> None:
    speak(site.conn, now())
    site.alert()
    colour, words = said(site)
    assert colour == "red"
    assert "还没有人接警" in words
    assert "知悉" not in words


def test_all_is_not_well_while_the_home_is_silent(site: ConsoleSite) -> None:
    assert said(site) == ("grey", "家中设备还没有传来数据。")
    speak(site.conn, now() - 9 * MINUTE)
    assert said(site)[0] == "grey"
    speak(site.conn, now())
    assert said(site) == ("green", "目前没有异常。0 秒前在客厅活动。")
    site.conn.execute("UPDATE gateway SET state = 'offline'")
    colour, words = said(site)
    assert colour == "grey"
    assert words.startswith("与家中设备失去联系")
