"""The ground of the map in a browser: loaded by its page in one choice, drawn below everything; bad files refused."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.console_site import console_site
from tests.support.ground import ground_file

pytestmark = pytest.mark.browser
COLOURS = """all => {
  const found = new Set();
  for (const canvas of all) {
    if (!canvas.width) continue;
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    for (let i = 0; i < pixels.length; i += 4 * 7) found.add(pixels.slice(i, i + 4).join());
  }
  return [...found];
}"""
"""Colours of the canvases, of every seventh pixel."""


def colours(page: Page) -> set[str]:
    found: list[str] = page.locator("#map .leaflet-ground-pane canvas").evaluate_all(COLOURS)
    return set(found)


def token(page: Page, name: str) -> str:
    """A colour of the tokens as a canvas has it."""
    value: str = page.evaluate(
        """(name) => {
          const paper = document.createElement("canvas").getContext("2d");
          paper.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name);
          paper.fillRect(0, 0, 1, 1);
          return paper.getImageData(0, 0, 1, 1).data.join();
        }""",
        name,
    )
    return value


def test_a_ground_is_loaded_and_drawn_day_and_night(
    database_url: str, tmp_path: Path, browser_context: BrowserContext
) -> None:
    good, bad = tmp_path / "yantian.pmtiles", tmp_path / "half.pmtiles"
    good.write_bytes(ground_file())
    bad.write_bytes(good.read_bytes()[:9000])
    with console_site(database_url, tmp_path / "site") as site:
        site.conn.execute("UPDATE area SET longitude = 114.24, latitude = 22.56")
        site.conn.execute("UPDATE household SET longitude = 114.2272, latitude = 22.5575")
        site.conn.execute("UPDATE household SET longitude = 114.262, latitude = 22.553 WHERE code = 'H2'")
        site.log_in(browser_context, "admin")
        browser_context.add_cookies([{"name": "shouwang_theme", "value": "light", "url": site.address}])
        page = browser_context.new_page()
        strange: list[str] = []
        page.on(
            "request", lambda request: strange.append(request.url) if not request.url.startswith(site.address) else None
        )
        page.on("pageerror", lambda error: strange.append(str(error)))
        page.goto(f"{site.address}/map")
        expect(page.locator("#map[data-ready]")).to_be_visible()
        assert page.locator("script[src*=protomaps]").count() == 0  # nothing of it without a file
        page.locator("a[href='/map/outlines']").click()
        choose = page.locator("input[type=file][accept*=pmtiles]")
        # too large: said before a byte of it travels
        choose.evaluate("e => { e.dataset.most = 100; }")
        choose.set_input_files(good)
        expect(page.get_by_role("alert").filter(has_text="超过 64 MB")).to_be_visible()
        choose.evaluate("e => { e.dataset.most = 67108864; }")
        choose.set_input_files(bad)
        page.get_by_role("button", name="检查文件").click()
        expect(page.get_by_role("alert").filter(has_text="没有下载完")).to_be_visible()
        page.locator("input[type=file][accept*=pmtiles]").set_input_files(good)
        page.get_by_role("button", name="检查文件").click()
        expect(page.get_by_label("地图来源")).to_have_value("盐田测绘 © 2026")
        violations = Axe().run(page).response["violations"]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in violations] == []
        page.set_viewport_size({"width": 320, "height": 640})
        assert page.evaluate("document.documentElement.scrollWidth") == 320
        page.set_viewport_size({"width": 1366, "height": 768})
        page.get_by_role("button", name="使用这份底图").click()
        expect(page.get_by_role("status").filter(has_text="底图已保存")).to_be_visible()
        page.get_by_role("link", name="在地图上查看").click()
        expect(page.locator("#map[data-grounded=vector]")).to_be_visible()
        expect(page.locator("#map .map-words")).to_have_text("盐田测绘 © 2026")
        box = page.locator("#map").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 768  # whole, below whatever bars are across the top
        drawn = colours(page)
        assert {token(page, f"--map-{part}") for part in ("land", "water", "green")} <= drawn
        # the homes lie above it, and the shell's night comes by itself
        below, above = (
            page.locator(f"#map .leaflet-{pane}-pane").evaluate("e => Number(getComputedStyle(e).zIndex)")
            for pane in ("ground", "dots")
        )
        assert below < above
        page.evaluate("document.documentElement.dataset.theme = 'night'")
        page.wait_for_function(
            f"(wanted) => ({COLOURS})(document.querySelectorAll('#map .leaflet-ground-pane canvas')).includes(wanted)",
            arg=token(page, "--map-water"),
        )
        assert token(page, "--map-land") not in drawn
        assert strange == []
