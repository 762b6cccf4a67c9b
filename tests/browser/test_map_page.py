"""The map in a real browser: an alert comes as a shape without a reload, and the list beside it says the same."""

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, expect

from tests.support.console_site import console_site

pytestmark = pytest.mark.browser


def test_an_alert_comes_as_a_shape_and_the_list_alone_is_enough(
    database_url: str, tmp_path: Path, browser_context: BrowserContext
) -> None:
    with console_site(database_url, tmp_path) as site:
        site.log_in(browser_context, "dispatcher")
        page = browser_context.new_page()
        page.goto(f"{site.address}/map")
        expect(page.locator("#map[data-ready]")).to_be_visible()
        assert page.locator("#map .map-sign.emergency").count() == 0
        alert = site.alert("R1")
        shape = page.locator(f"#map [data-alert='{alert}']")
        expect(shape).to_be_visible()
        # shape and words beside the colour, and a key's reach
        expect(shape).to_have_class(re.compile("emergency"))
        expect(shape).to_have_attribute("aria-label", re.compile("紧急：陈"))
        assert shape.locator(".map-shape").evaluate("e => getComputedStyle(e).clipPath").startswith("polygon")
        on_map = page.locator("#map [data-alert]").evaluate_all("all => all.map((e) => e.dataset.alert)")
        expect(page.locator(f"#map-list [data-alert='{alert}']")).to_be_visible()
        in_list = page.locator("#map-list [data-alert]").evaluate_all("all => all.map((e) => e.dataset.alert)")
        assert sorted(on_map) == sorted(in_list)
        violations = Axe().run(page).response["violations"]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in violations] == []
        page.get_by_role("link", name="地sz.yt.hs", exact=False).first.click()
        expect(page).to_have_url(f"{site.address}/map?at=sz.yt.hs")
        expect(page.locator("h1")).to_have_text("地sz.yt.hs")
        expect(page.locator("#map[data-ready]")).to_be_visible()
        shape.focus()
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{site.address}/alerts/{alert}")
        # without a canvas, and without the library
        bare = browser_context.new_page()
        bare.route("**/leaflet-*.js", lambda route: route.abort())
        bare.goto(f"{site.address}/map")
        expect(bare.locator("#map")).to_contain_text("都在列表中")
        expect(bare.locator(f"#map-list [data-alert='{alert}']")).to_be_visible()
