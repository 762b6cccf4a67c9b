"""Make the pictures of docs/images anew, in both languages: a demonstration runs, and a browser walks through it.

``tools/pictures.sh`` is the command; it takes about three minutes. A picture that cannot be made is named at the end,
and the exit status is 1.
"""

import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from playwright.sync_api import Browser, Error, Page, sync_playwright

from tools.demonstration import chromium, demonstration, log_in

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
PORT = 8437
DESK, TABLET, PHONE = (1440, 900), (1024, 768), (390, 844)


class Shot(msgspec.Struct, frozen=True):
    """A picture: who looks at what, on which screen; ``before``: what is done on the page first."""

    name: str
    login: str
    path: str
    size: tuple[int, int] = DESK
    before: Callable[[Page], None] | None = None
    whole: bool = False
    """The whole page, not the first screen alone."""
    theme: str = "light"
    languages: tuple[str, ...] = ("zh", "en")


def open_first_alert(page: Page) -> None:
    """Open the gravest alert beside the queue."""
    page.locator(".q-row a").first.click(timeout=60_000)
    page.locator("#detail h1, #detail h2").first.wait_for()
    page.wait_for_timeout(800)


def settle(page: Page) -> None:
    """Give charts and tiles their time."""
    page.wait_for_timeout(1500)


SHOTS = (
    Shot("desk", "dispatcher", "/", before=open_first_alert),
    Shot("desk-night", "dispatcher", "/", before=open_first_alert, theme="night", languages=("zh",)),
    Shot("map", "dispatcher", "/map", before=settle),
    Shot("resident", "dispatcher", "/residents/R0001", before=settle),
    Shot("protection", "dispatcher", "/protection", before=settle),
    Shot("service-level", "dispatcher", "/sla"),
    Shot("outbox", "dispatcher", "/outbox"),
    Shot("decisions", "admin", "/decisions", before=settle),
    Shot("rosters", "admin", "/rosters", before=settle),
    Shot("devices", "admin", "/devices", before=settle),
    Shot("station", "station-haishan", "/station", before=settle),
    Shot("family", "family-0001", "/family", PHONE, before=settle, whole=True),
    Shot("mine", "carer", "/mine", PHONE, before=settle, whole=True),
    Shot("design", "dispatcher", "/design", whole=True, languages=("zh",)),
)


def main() -> int:
    missing: list[str] = []
    with (
        tempfile.TemporaryDirectory(prefix="shouwang-pictures-") as folder,
        demonstration(PORT, folder, homes=12) as demo,
    ):
        time.sleep(50)  # home 1 falls after 20 s, home 2 calls for help after 40 s
        missing = walk(demo.passwords)
    for name in missing:
        print(f"not made: {name}", file=sys.stderr)
    return 1 if missing else 0


def walk(passwords: dict[str, str]) -> list[str]:
    """Take every picture; gives the names of those that failed."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    failed = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        for shot in SHOTS:
            for language in shot.languages:
                name = shot.name if language == "zh" else f"{shot.name}-en"
                try:
                    take(browser, shot, language, passwords[shot.login], name)
                except (Error, KeyError) as error:
                    failed.append(f"{name}: {str(error).splitlines()[0]}")
        browser.close()
    return failed


def take(browser: Browser, shot: Shot, language: str, password: str, name: str) -> None:
    """Log in with a fresh profile, in the language, and take the picture."""
    width, height = shot.size
    context = browser.new_context(
        viewport={"width": width, "height": height}, locale="zh-CN" if language == "zh" else "en-GB",
        timezone_id="Asia/Shanghai", service_workers="block",
    )  # fmt: skip
    try:
        page = log_in(context, f"http://127.0.0.1:{PORT}", shot.login, password, language, shot.theme)
        page.goto(f"http://127.0.0.1:{PORT}{shot.path}")
        sound = page.get_by_role("button", name=re.compile("开启并试听|Turn on and listen"))
        if sound.is_visible():  # as at the start of a shift: the bar about it is not part of the picture
            sound.click()
            page.wait_for_timeout(2500)
        if shot.before:
            shot.before(page)
        if shot.whole:  # what stands at the lower edge of a screen stands below all of it
            page.set_viewport_size({"width": width, "height": page.evaluate("document.documentElement.scrollHeight")})
            page.wait_for_timeout(500)
        page.screenshot(path=IMAGES / f"{name}.png")
    finally:
        context.close()


if __name__ == "__main__":
    sys.exit(main())
