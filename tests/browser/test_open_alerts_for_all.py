"""An open alert in each of its states can be used by everybody: axe-core finds nothing, by day and by night."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import BrowserContext, expect

from dispatch.alerts import snoozing
from dispatch.desk import merging
from tests.browser.test_desk import desk, sound
from tests.support.console_site import ConsoleSite, console_site, now
from tests.support.orders import ZHOU
from tests.support.rules import about

pytestmark = pytest.mark.browser
PARTS = (
    ("respiration_rate", "fresh", 26.0, 3, 12),
    ("spo2", "stale", 88.0, 3, 875),
    ("heart_rate", "fresh", 129.0, 2, 5),
    ("body_temperature", "fresh", 38.8, 1, 60),
)


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    with console_site(database_url, tmp_path) as found:
        yield found


def score(at: dt.datetime) -> bytes:
    """The evidence of an incomplete NEWS2 score, with a stale part and a missing one."""
    parts = [dict(zip(("channel", "state", "value", "points", "age_s"), part, strict=True)) for part in PARTS]
    until = round(at.timestamp() * 1e6)
    return msgspec.json.encode(
        about("news2")
        | {
            "kind": "news2", "total": 9, "highest_single": 3, "level": "high", "complete": False, "spo2_scale": 1,
            "parts": [*parts, {"channel": "consciousness", "state": "missing"}],
            "window": {"since_us": until - 600_000_000, "until_us": until},
        }
    )  # fmt: skip


@pytest.mark.parametrize(("language", "theme"), [("zh", "night"), ("en", "light")])
def test_axe_finds_nothing_on_any_state_of_an_alert(
    site: ConsoleSite, browser_context: BrowserContext, language: str, theme: str
) -> None:
    browser_context.add_cookies([{"name": "shouwang_theme", "value": theme, "url": site.address}])
    grave, other = site.alert("R1", "news2", "urgent"), site.alert("R1", "sos", "urgent")
    site.conn.execute("UPDATE alert SET evidence = %s::jsonb WHERE id = %s", (score(now()).decode(), grave))
    page = desk(site, browser_context, f"/?a={grave}", language)
    expect(page.locator("#tabpanel-why tbody tr")).to_have_count(5)
    expect(page.locator("#tabpanel-why figure.chart").first).to_be_visible()
    expect(page.locator("#candidates a").first).to_be_visible()
    sound(page)
    page.keyboard.press("r")  # the panel of the end, with all that may be said
    page.locator("#panel-r input[type=radio]").first.check()
    sound(page)
    page.keyboard.press("Escape")
    for tab in ("ladder", "history", "map"):
        page.locator(f"#tab-{tab}").click()
        expect(page.locator(f"#tabpanel-{tab}")).to_be_visible()
        sound(page)
    lead = merging.merge(site.conn, grave, other, ZHOU, now(), expected_version=1)
    expect(page.locator("#p-together .notice, #p-together .d-follower").first).to_be_visible()
    sound(page)
    page.goto(f"{site.address}/?a={other if lead == grave else grave}")  # the one that follows
    expect(page.locator("#p-together .notice")).to_be_visible()
    sound(page)
    silent = site.alert("R2", "gateway_silent", "technical")
    page.goto(f"{site.address}/?a={silent}")
    page.locator(".d-more summary").click()
    sound(page)
    snoozing.snooze(site.conn, silent, "8h", ZHOU, now(), expected_version=1)
    expect(page.locator("#section-technical")).to_have_count(0)
    expect(page.locator(".d-rests")).to_be_visible()
    page.locator("#section-resting").click()
    expect(page.locator(f"#alert-{silent} .q-next")).to_contain_text("至" if language == "zh" else "until")
    sound(page)
    page.locator(".d-rests button").click()
    expect(page.locator("#section-technical")).to_be_visible()
    expect(page.locator(".d-rests")).to_have_count(0)
