"""Draw the icons of the family's app from the console's icon: PNG files that telephones want beside the SVG.

Usage: python -m tools.console_icons. It needs a chromium, as the browser tests do.
"""

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.support.browser import FLAGS, HOW_TO_GET_CHROMIUM, chromium

STATIC = Path(__file__).parents[1] / "console" / "static"
ICON = STATIC / "icon.svg"
PICTURES = {"icon-192.png": (192, 1.0), "icon-512.png": (512, 1.0), "maskable-512.png": (512, 0.7),
            "apple-touch-icon.png": (180, 0.85)}  # fmt: skip
"""File, side in pixels, and share of it that the drawing takes. Below 1 the ground fills the square: systems cut it to
their own form, of a maskable icon up to 20 % from the edge (W3C, web app manifest)."""
GROUND = "#0b5c63"


def main() -> int:
    """Write the pictures."""
    program = chromium()
    if program is None:
        print(HOW_TO_GET_CHROMIUM)
        return 1
    drawing = ICON.read_text("utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        for name, (side, share) in PICTURES.items():
            page = browser.new_page(viewport={"width": side, "height": side})
            ground = GROUND if share < 1 else "transparent"
            page.set_content(
                f"<style>body{{margin:0;background:{ground};display:grid;place-items:center;height:100vh}}"
                f"svg{{width:{100 * share}vw;height:{100 * share}vw}}</style>{drawing}"
            )
            page.screenshot(path=STATIC / "home" / name, omit_background=share == 1)
            page.close()
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
