"""Walk through docs/tour-of-care.md in a browser, as its reader: fails where a step no longer holds, and makes its pictures.

``python -m tools.tour`` starts a demonstration for each language, of seven minutes each; ``--language en`` walks one of
them. Every word that is pressed has to stand in the page, and on the screen. ``--pictures`` renews docs/images/care-*.
"""

import datetime as dt
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from care_services.home_beds.life import STEPS
from care_services.one_tap.needs import NEEDS
from console.shell.i18n import Language, translate
from tools.demonstration import Demonstration, chromium, demonstration, log_in
from vocabulary.times import SHANGHAI

ROOT = Path(__file__).parents[1]
PAGES: dict[Language, Path] = {
    "en": ROOT / "docs" / "tour-of-care.md",
    "zh": ROOT / "docs" / "tour-of-care.zh-CN.md",
}
PORT = 8438
DESK, TABLET, PHONE = (1440, 900), (1024, 768), (390, 844)
NARROW = {"carer-haishan", "link"}
OTHER_WORDS = {
    **{step.en: step.zh for step in STEPS.values()},
    **{need.en: need.zh for need in NEEDS},
    "Haishan Street Home Care Bed Team": "海山街道家庭养老床位小组",
}
"""Words that stand in no catalogue of the console, in Chinese."""


class Walk:
    """One reader of the page, with a window for each person of it."""

    def __init__(self, browser: Browser, demo: Demonstration, language: Language, shots: Path | None) -> None:
        self._browser, self._demo, self.language, self._shots = browser, demo, language, shots
        self._windows: dict[str, Page] = {}
        text = PAGES[language].read_text() if PAGES[language].exists() else PAGES["en"].read_text()
        self._text = " ".join(text.replace("*", "").split())
        self._taken = 0

    def window(self, who: str) -> Page:
        """The window of a login, of the ``tablet``, or of somebody with a ``link``."""
        if who not in self._windows:
            width, height = PHONE if who in NARROW else TABLET if who == "tablet" else DESK
            context = self._browser.new_context(
                viewport={"width": width, "height": height}, locale="zh-CN" if self.language == "zh" else "en-GB",
                timezone_id="Asia/Shanghai", service_workers="block",
            )  # fmt: skip
            context.set_default_timeout(15_000)
            if who in self._demo.passwords:
                page = log_in(context, self._demo.address, who, self._demo.passwords[who], self.language)
            else:
                context.add_cookies([{"name": "shouwang_language", "value": self.language, "url": self._demo.address}])
                page = context.new_page()
            page.set_default_timeout(15_000)
            self._windows[who] = page
        return self._windows[who]

    def go(self, who: str, path: str) -> Page:
        """Open an address that the page names."""
        page = self.window(who)
        page.goto(path if path.startswith("http") else self._demo.address + path)
        return page

    def say(self, english: str, **values: object) -> str:
        """Words of the screen in the reader's language."""
        if self.language == "zh" and english in OTHER_WORDS:
            return OTHER_WORDS[english]
        return translate(self.language, english, **values)

    def told(self, words: str) -> str:
        """Words that the page names; fails where it does not."""
        assert words in self._text, f"the page does not name {words!r}"
        return words

    def press(self, page: Page | Locator, english: str, role: str = "button", *, told: bool = True, nth: int = 0) -> None:
        """Press what the page names."""
        words = self.say(english)
        if told:
            self.told(words)
        name = re.compile(rf"^\s*{re.escape(words)}(\s?…)?\s*$")
        page.get_by_role(role, name=name).nth(nth).click()  # type: ignore[arg-type]
        whole = page if isinstance(page, Page) else page.page
        expect(whole.locator("#main[aria-busy=true], form[aria-busy=true]")).to_have_count(0)

    def sees(self, page: Page | Locator, english: str, *, within: float = 15, **values: object) -> None:
        """Wait until words are on the screen."""
        expect(page.get_by_text(self.say(english, **values)).first).to_be_visible(timeout=within * 1000)

    def picture(self, page: Page, name: str, *, whole: bool = False) -> None:
        """Look at the screen: kept under a number where somebody asked for it."""
        self._taken += 1
        if self._shots:
            page.wait_for_timeout(400)
            page.screenshot(path=self._shots / f"{self.language}-{self._taken:02d}-{name}.png", full_page=whole)


def application(walk: Walk) -> None:
    page = walk.window("station-haishan")
    menu = page.locator("#menu")
    walk.press(menu, "Care services", "link")
    page.locator("a.admin-card[href='/care/beds']").click()
    walk.press(page, "New application", "link")
    page.locator("input[name=resident]").press_sequentially("sha", delay=60)
    suggestion = page.get_by_role("option").filter(has_text="R0013").first
    walk.picture(page, "typing")
    suggestion.click()
    page.get_by_label(walk.say("Who applies")).fill(walk.say("the resident") if walk.language == "en" else "本人")
    page.get_by_label(walk.say("Organisation that carries it")).select_option(
        label=walk.told(walk.say("Haishan Street Home Care Bed Team"))
    )
    walk.press(page, "Enter the application")
    expect(page.locator(".bed-way li")).to_have_count(8)
    walk.picture(page, "applied", whole=True)
    walk.press(page, "Accept, assessment next")
    page.locator(".undo-bar").wait_for()
    walk.picture(page, "accepted")


def assessment(walk: Walk) -> None:
    page = walk.window("station-haishan")
    walk.press(page, "Care of this resident", "link")
    page.locator("a.admin-card").filter(has_text=walk.told(walk.say("Ability assessment") if walk.language == "en" else "能力评估")).first.click()
    walk.picture(page, "resident-assessments")
    page.locator("select[name=reason]").wait_for()
    walk.press(page, "Begin an assessment")
    page.wait_for_url(re.compile(r"/care/assessments/\d+$"))
    tabs = page.locator(".assess-tabs a")
    assert tabs.count() == 5
    for place in range(4):
        tabs.nth(place).click()
        section = page.locator(".assess-part:visible").first
        items = section.locator(".assess-item")
        for number in range(items.count()):
            items.nth(number).locator("label.assess-level").nth(1).click()
    tabs.nth(4).click()
    page.locator(".assess-part:visible").first.locator("label.assess-level").first.click()
    for field in page.locator(".assess-events input[name^='event.']").all():
        field.fill("0")
    walk.picture(page, "assessment-form", whole=True)
    page.wait_for_timeout(1500)
    walk.press(page, "Review and sign")
    walk.picture(page, "sign")
    walk.press(page, "Sign")
    walk.sees(page, "It waits for a second assessor, another person than the first.")


def second_assessor(walk: Walk) -> None:
    manager = walk.go("manager-haishan", walk.told("/care/assessments"))
    walk.picture(manager, "second-assessor")
    walk.press(manager, "Under way", "link")
    manager.locator("main").get_by_role("link", name=re.compile("Sha Ruilian|沙瑞莲")).first.click()
    walk.press(manager, "Check it as the second assessor", "link")
    walk.press(manager, "Confirm: put it in force")
    walk.picture(manager, "in-force", whole=True)


def proposals(walk: Walk) -> None:
    manager = walk.go("manager-haishan", walk.told("/care/proposals"))
    walk.picture(manager, "proposals")
    mine = re.compile("Sha Ruilian|沙瑞莲")
    for who in ("manager-haishan", "lead"):
        while True:
            page = walk.go(who, "/care/proposals")
            rows = page.locator("tbody tr").filter(has_text=mine)
            kinds = rows.count()
            done = False
            for row in range(kinds):
                page.locator("tbody tr").filter(has_text=mine).nth(row).locator("a").first.click()
                page.locator("h1").wait_for()
                page.wait_for_timeout(300)
                if page.get_by_role("button", name=walk.say("Approve"), exact=True).count():
                    walk.picture(page, f"proposal-{who}")
                    walk.press(page, "Approve")
                    page.wait_for_timeout(500)
                    done = True
                    break
                page = walk.go(who, "/care/proposals")
            if not done:
                break
    page = walk.go("lead", "/care/proposals")
    assert not page.locator("tbody tr").filter(has_text=mine).count()


def bed_of(walk: Walk, who: str) -> Page:
    page = walk.go(who, "/care/beds")
    page.locator("a.bed-card").filter(has_text=re.compile("Sha Ruilian|沙瑞莲")).first.click()
    page.locator(".bed-way").wait_for()
    return page


def survey(walk: Walk) -> None:
    page = bed_of(walk, "station-haishan")
    if page.get_by_role("button", name=walk.say("Assessed, survey next")).count(): walk.press(page, "Assessed, survey next")
    walk.told(walk.say("Home survey"))
    form = page.locator("#survey")
    for select in form.locator("select[name^='item.']").all():
        select.select_option("present")
    walk.press(form, "Save the survey")
    walk.press(page, "Surveyed, device plan next")
    walk.press(page, "Add what is usual")
    walk.picture(page, "devices", whole=True)
    row = page.locator("#devices tbody tr").filter(has_text=re.compile("radar|雷达"))
    walk.press(row, "Take it out")
    page.wait_for_timeout(500)
    walk.press(page, "Planned, installation next")
    page.wait_for_timeout(500)
    rows = page.locator("#devices tbody tr")
    count = rows.count()
    for number in range(count):
        walk.press(rows.nth(number), "Begin the test")
        page.wait_for_timeout(700)
    walk.picture(page, "testing", whole=True)
    until = time.monotonic() + 90
    accepted = 0
    while accepted < 2 and time.monotonic() < until:
        button = page.locator("#devices").get_by_role("button", name=walk.say("Accept the device"), exact=True)
        if button.count():
            walk.press(page.locator("#devices"), "Accept the device")
            accepted += 1
            page.wait_for_timeout(700)
        else:
            page.wait_for_timeout(1000)
    assert accepted == 2, "gateway and bed mat were not heard"
    walk.picture(page, "heard", whole=True)
    walk.told(walk.say("Accept without a proof"))
    for _ in range(count - accepted):
        row = page.locator("#devices tbody tr").filter(has=page.locator("details")).first
        row.locator("summary").click()
        row.locator("input[name=reason]").fill("Shown by the installer" if walk.language == "en" else "安装师傅当面演示")
        walk.press(row, "Accept, and answer for it", told=False)
        page.wait_for_timeout(700)
    walk.press(page, "Installed and accepted, contract next")
    page.wait_for_timeout(500)
    walk.picture(page, "accepted-all", whole=True)


def contract(walk: Walk) -> None:
    page = bed_of(walk, "manager-haishan")
    walk.press(page, "Sign, service begins", "link")
    page.locator("input[name=number]").fill("HS-2026-013")
    walk.picture(page, "contract", whole=True)
    walk.press(page, "Sign, service begins")
    walk.sees(page, walk.told("Services of the bed") if walk.language == "en" else "Services of the bed")
    walk.picture(page, "in-service", whole=True)


def visit(walk: Walk) -> None:
    page = walk.go("station-haishan", walk.told("/care/residents/R0013/services"))
    walk.told(walk.say("A visit once"))
    options = page.locator("select[name=offer] option").all_inner_texts()
    print(options)
    team = walk.say("Haishan Street Home Care Bed Team")
    chosen = next(one for one in options if team in one)
    page.locator("select[name=offer]").select_option(label=chosen)
    page.locator("input[name=start]").fill((dt.datetime.now(SHANGHAI) + dt.timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M"))
    walk.press(page, "Order it")
    page.wait_for_timeout(800)
    walk.picture(page, "ordered", whole=True)
    page.locator("a[href^='/care/visits/']").first.click() if "/care/visits/" not in page.url else None
    page.locator("select[name=staff]").wait_for()
    name = "Feng Lei" if walk.language == "en" else "冯磊"
    option = next(one for one in page.locator("select[name=staff] option").all_inner_texts() if walk.told(name) in one)
    page.locator("select[name=staff]").select_option(label=option)
    walk.press(page, "Name them")
    page.wait_for_timeout(600)
    walk.picture(page, "named", whole=True)
    tablet = walk.go("tablet", walk._demo.panel)
    expect(tablet.locator("#digits")).to_have_text(re.compile(r"\d{3}\s?\d{3}"), timeout=40_000)
    walk.picture(tablet, "code")
    code = tablet.locator("#digits").inner_text()
    carer = walk.go("carer-haishan", walk.told("/mine"))
    walk.picture(carer, "mine", whole=True)
    door = carer.locator("article").filter(has_text=re.compile("Sha Ruilian|沙瑞莲")).first
    walk.press(door, "Open the visit", "link")
    carer.locator("input[name=code]").fill(code)
    walk.press(carer, "Check in by code")
    carer.get_by_role("button", name=walk.say("Check out now")).wait_for()
    walk.picture(carer, "checked-in", whole=True)
    walk.press(carer, "Check out now")
    carer.wait_for_timeout(800)
    walk.picture(carer, "checked-out")
    page.reload()
    walk.picture(page, "visit-done", whole=True)


def meal(walk: Walk) -> None:
    page = walk.go("station-haishan", walk.told("/care/meals/of/R0013"))
    walk.picture(page, "meals", whole=True)
    choice = page.locator("label.meal-set input[type=radio][value]:not([value=''])")
    choice.last.check()
    walk.press(page, "See what it costs")
    walk.picture(page, "costs")
    page.get_by_role("button", name=re.compile(r"Order 1 meals?|确认订餐 1 份|1")).last.click()
    page.wait_for_timeout(800)
    walk.picture(page, "meal-ordered", whole=True)
    walk.go("canteen", walk.told("/provider/meals"))
    walk.picture(walk.window("canteen"), "canteen", whole=True)


def one_tap(walk: Walk) -> None:
    tablet = walk.go("tablet", walk._demo.panel)
    walk.press(tablet, "I need a service")
    walk.picture(tablet, "needs")
    walk.press(tablet, "A repair")
    tablet.locator("#told-words").wait_for()
    tablet.wait_for_timeout(800)
    walk.picture(tablet, "asked")
    provider = walk.go("provider", walk.told("/provider/requests"))
    until = time.monotonic() + 40
    while not provider.locator("article").count() and time.monotonic() < until:
        provider.wait_for_timeout(2000)
        provider.reload()
    walk.picture(provider, "request")
    article = provider.locator("article").first
    people = article.locator("select[name=staff] option").all_inner_texts()
    article.locator("select[name=staff]").select_option(index=1)
    print(people)
    walk.press(article, "Yes, we come", told=False)
    walk.picture(provider, "yes")
    tablet.get_by_role("button", name=walk.say("Back")).last.click()
    tablet.wait_for_timeout(45_000)
    walk.picture(tablet, "who-comes")
    station = walk.go("station-haishan", walk.told("/care/requests"))
    walk.picture(station, "requests", whole=True)


def neighbour(walk: Walk) -> None:
    page = walk.go("station-haishan", "/care")
    page.locator("a.admin-card[href='/care/time-bank']").click()
    walk.told(walk.say("Time bank"))
    walk.press(page, "Ask for help", "link")
    page.locator("input[name=resident]").fill(walk.told("R0013"))
    page.locator("select[name=kind]").select_option("company")
    soon = dt.datetime.now(SHANGHAI) + dt.timedelta(minutes=1)
    page.locator("input[name=day]").fill(f"{soon:%Y-%m-%d}")
    page.locator("input[name=hour]").fill(f"{soon:%H:%M}")
    walk.picture(page, "ask", whole=True)
    walk.press(page, "Ask", told=False)
    walk.told(walk.say("Whom to ask"))
    page.locator(".timebank-matches").wait_for()
    walk.picture(page, "whom", whole=True)
    walk.press(page, "Ask them")
    page.locator(".timebank-link").first.wait_for()
    walk.picture(page, "asked", whole=True)
    walk.told(walk.say("Link for the volunteer"))
    link = walk.go("link", page.locator(".timebank-link").first.get_attribute("href") or "")
    walk.picture(link, "link")
    walk.press(link, "Yes, I will come")
    link.wait_for_timeout(1000)
    walk.picture(link, "promised")
    while dt.datetime.now(SHANGHAI) < soon.replace(second=2):
        time.sleep(1)
    link.wait_for_timeout(1000)
    link.reload()
    walk.picture(link, "minutes")
    link.locator("input[name=minutes]").fill("45")
    walk.press(link, "Send the minutes")
    link.wait_for_timeout(800)
    walk.picture(link, "told")
    page.reload()
    walk.told(walk.say("Confirm for the receiving side"))
    walk.press(page, "Confirm")
    page.wait_for_timeout(800)
    walk.picture(page, "confirmed", whole=True)


def hold(page: Page, button: Locator) -> None:
    """Hold a button of the tablet for two seconds."""
    box = button.bounding_box()
    if not box: return
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.wait_for_timeout(2300)
    page.mouse.up()


def alarm(walk: Walk) -> None:
    tablet = walk.go("tablet", walk._demo.panel)
    hold(tablet, tablet.locator("#calm .elder-help"))
    tablet.wait_for_timeout(3500)
    walk.picture(tablet, "called")
    desk = walk.go("dispatcher", "/")
    desk.locator(".q-row").filter(has_text=re.compile("Sha Ruilian|沙瑞莲")).first.locator("a").first.click()
    desk.locator("#detail h1, #detail h2").first.wait_for()
    desk.wait_for_timeout(800)
    walk.picture(desk, "desk")
    if desk.locator("form[action$='/acknowledge']:visible").count(): desk.keyboard.press("a")
    desk.wait_for_timeout(1500)
    first = desk.locator(".d-people li:has(form[action$='/dispatch'])").first
    if first.count(): first.scroll_into_view_if_needed()
    walk.picture(desk, "neighbour-first")
    if first.count(): assert walk.told("Zhao Tingting" if walk.language == "en" else "赵婷婷") in first.inner_text(), first.inner_text()
    if first.count(): assert walk.told(walk.say("Neighbour from the time bank")) in first.inner_text()
    if first.count(): first.get_by_role("button").click()
    desk.wait_for_timeout(1500)
    walk.picture(desk, "sent")
    outbox = walk.go("dispatcher", walk.told("/outbox"))
    walk.picture(outbox, "outbox")
    mine = outbox.locator("article, li, section").filter(has_text=re.compile("Zhao Tingting|赵婷婷")).filter(has=outbox.get_by_role("link", name=walk.say("Open the link")))
    link = mine.last.get_by_role("link", name=walk.say("Open the link")).get_attribute("href")
    phone = walk.go("link", link or "")
    walk.picture(phone, "order", whole=True)
    for stage in ("offered", "accepted", "en_route"):
        phone.locator(f"[data-stage={stage}] button").first.click()
        phone.wait_for_timeout(1500)
        if stage == "accepted":
            tablet.wait_for_timeout(3500)
            walk.picture(tablet, "on-the-way")
    walk.picture(phone, "arrived", whole=True)
    phone.locator(".cards-of label").first.click()
    phone.get_by_role("button", name=walk.say("Send the result")).first.click()
    phone.wait_for_timeout(1500)
    walk.picture(phone, "done")
    desk = walk.go("dispatcher", "/")
    desk.locator(".q-row").filter(has_text=re.compile("Sha Ruilian|沙瑞莲")).first.locator("a").first.click()
    desk.locator("#detail h1, #detail h2").first.wait_for()
    desk.wait_for_timeout(800)
    desk.keyboard.press("r")
    desk.locator("#panel-r").wait_for()
    walk.picture(desk, "resolve")
    desk.locator("#panel-r .d-card").first.click()
    desk.locator("#panel-r button.primary").click()
    desk.wait_for_timeout(1500)
    walk.picture(desk, "resolved")
    page = walk.window("station-haishan")
    until = time.monotonic() + 70
    while time.monotonic() < until:
        page.goto(f"{walk._demo.address}/care/time-bank/requests?which=confirm")
        row = page.locator("tbody tr").filter(has_text=re.compile("Sha Ruilian|沙瑞莲"))
        if row.count():
            break
        page.wait_for_timeout(3000)
    walk.picture(page, "to-confirm")
    row.first.locator("a").first.click()
    walk.picture(page, "alarm-help", whole=True)
    walk.press(page, "Confirm", told=False)
    page.wait_for_timeout(800)
    walk.picture(page, "alarm-confirmed", whole=True)
    page.goto(f"{walk._demo.address}{walk.told('/care/time-bank/volunteers')}")
    page.get_by_role("link", name=re.compile("Zhao Tingting|赵婷婷")).first.click()
    walk.press(page, "Statement", "link")
    walk.picture(page, "statement", whole=True)


PARTS: dict[int, Callable[[Walk], None]] = {
    1: application, 2: assessment, 3: second_assessor, 4: proposals, 5: survey, 6: contract, 7: visit, 8: meal,
    9: one_tap, 10: neighbour, 11: alarm,
}  # fmt: skip


def dev(language: str, first: int, last: int, panel: str, port: int = 8447) -> None:
    names = "admin dispatcher lead manager-haishan station-haishan carer carer-haishan provider canteen auditor family-0001"
    demo = Demonstration(f"http://127.0.0.1:{port}", dict.fromkeys(names.split(), "shouwang-demo"), panel)
    shots = Path("/tmp/gao/shots")
    shots.mkdir(exist_ok=True, parents=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        walk = Walk(browser, demo, language, shots)
        for number in range(first, last + 1):
            began = time.monotonic()
            walk._taken = number * 100
            try:
                if number == 2:
                    bed_of(walk, "station-haishan")
                PARTS[number](walk)
            except BaseException:
                for name, page in walk._windows.items():
                    page.screenshot(path=shots / f"failed-{name}.png", full_page=True)
                    print(name, page.url)
                raise
            print(number, PARTS[number].__name__, round(time.monotonic() - began, 1))


if __name__ == "__main__":
    dev(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
