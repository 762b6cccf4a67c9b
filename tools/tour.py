"""Walk the tour of care in a browser, as its reader: fails where a step no longer holds, and makes its pictures.

``python -m tools.tour`` walks the English page, then the Chinese one, each in a demonstration of its own: five minutes
each. Every word that is pressed has to stand in the page, and on the screen.
"""

import datetime as dt
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from care_services.core.notice_kinds import KINDS
from care_services.home_beds.life import STEPS
from care_services.one_tap.needs import NEEDS
from console.shell.i18n import Language, translate
from tools.demonstration import Demonstration, chromium, demonstration, log_in
from vocabulary.times import SHANGHAI

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
PAGES: dict[Language, str] = {"en": "tour-of-care.md", "zh": "tour-of-care.zh-CN.md"}
PORT, HOMES = 8438, 20
SIZES = {"tablet": (1024, 768), "carer-haishan": (390, 844), "link": (390, 844)}
DESK = (1440, 900)
PATIENCE_MS = 90_000
"""For a screen, on a machine that does other things, too: the walk is about what holds, not about how quick it is."""
HER = re.compile("Sha Ruilian|沙瑞莲")
NEIGHBOUR = re.compile("Zhao Tingting|赵婷婷")
ASKED = re.compile(f"{KINDS['volunteer_help'].zh}|{KINDS['volunteer_help'].en}")
OTHER_WORDS = {
    **{step.en: step.zh for step in STEPS.values()},
    **{need.en: need.zh for need in NEEDS},
    "Haishan Street Home Care Bed Team": "海山街道家庭养老床位小组",
    "small repairs": "小修小补",
    "Feng Lei": "冯磊",
    "Zhao Tingting": "赵婷婷",
}
"""Words that stand in no catalogue of the console, with the Chinese ones."""


class Walk:
    """One reader of the page, with a window for each person of it. ``shots``: where screens are kept, if anywhere."""

    def __init__(self, browser: Browser, demo: Demonstration, language: Language, shots: Path | None) -> None:
        self._browser, self.demo, self.language, self.shots = browser, demo, language, shots
        self.windows: dict[str, Page] = {}
        self._text = " ".join((ROOT / "docs" / PAGES[language]).read_text().replace("*", "").split())
        self._taken = 0

    def window(self, who: str) -> Page:
        """The window of a login, of the ``tablet``, or of somebody with a ``link``."""
        if who not in self.windows:
            width, height = SIZES.get(who, DESK)
            context = self._browser.new_context(
                viewport={"width": width, "height": height}, locale="zh-CN" if self.language == "zh" else "en-GB",
                timezone_id="Asia/Shanghai", service_workers="block",
            )  # fmt: skip
            if who in self.demo.passwords:
                self.told(who)
                page = log_in(context, self.demo.address, who, self.demo.passwords[who], self.language)
            else:
                context.add_cookies([{"name": "shouwang_language", "value": self.language, "url": self.demo.address}])
                page = context.new_page()
            page.set_default_timeout(PATIENCE_MS)
            self.windows[who] = page
        return self.windows[who]

    def go(self, who: str, path: str) -> Page:
        """Open an address that the page names, or one that a screen has shown."""
        page = self.window(who)
        page.goto(path if path.startswith("http") else self.demo.address + self.told(path))
        return page

    def say(self, english: str, **values: object) -> str:
        """Words of the screen in the reader's language."""
        if english in OTHER_WORDS:
            return OTHER_WORDS[english] if self.language == "zh" else english
        return translate(self.language, english, **values)

    def told(self, words: str) -> str:
        """Words that the page names. Raises AssertionError where it does not."""
        if words.lower() not in self._text.lower():
            raise AssertionError(f"{PAGES[self.language]} does not name {words!r}")
        return words

    def press(self, page: Page | Locator, english: str, role: str = "button", *, told: bool = True) -> None:
        """Press what the page names, and wait until the screen has answered."""
        words = self.say(english)
        if told:
            self.told(words)
        name = re.compile(rf"^\s*{re.escape(words)}(\s?…|\s?[（(]\d+ ?餐?[)）]|\s?\d+)?\s*$")
        page.get_by_role(role, name=name).first.click()  # type: ignore[arg-type]
        settled(page if isinstance(page, Page) else page.page)

    def picture(self, page: Page, name: str, *, kept: str = "", long: bool = False) -> None:
        """Look at a screen. ``kept``: by which name it belongs to docs/images; ``long``: of a long one the top."""
        page.wait_for_timeout(400)
        if kept:
            page.screenshot(path=IMAGES / f"{kept}{'' if self.language == 'zh' else '-en'}.png")
        if self.shots:
            self._taken += 1
            page.screenshot(
                path=self.shots / f"{self.language}-{self._taken:02d}-{name}.png", full_page=not (kept or long)
            )


def settled(page: Page) -> None:
    """Wait until the last press is answered."""
    expect(page.locator("#main[aria-busy=true], form[aria-busy=true]")).to_have_count(0)


def until_seen(page: Page, wanted: Locator, seconds: float) -> None:
    """Load a page again and again until something is on it. Raises AssertionError when the time is over."""
    last = time.monotonic() + seconds
    while not wanted.count():
        if time.monotonic() > last:
            raise AssertionError(f"{page.url}: not there within {seconds:.0f} s")
        page.wait_for_timeout(1500)
        page.reload()


def application(walk: Walk) -> None:
    page = walk.go("station-haishan", "/care")
    for english in ("Care services", "Home care beds", "Who applies", "Organisation that carries it"):
        walk.told(walk.say(english))
    page.locator("a.admin-card[href='/care/beds']").click()
    walk.press(page, "New application", "link")
    page.locator("input[name=resident]").press_sequentially(walk.told("sha"), delay=60)
    walk.picture(page, "typing")
    page.get_by_role("option").filter(has_text="R0013").first.click()
    page.locator("input[name=applicant]").fill("本人" if walk.language == "zh" else "herself")
    page.locator("select[name=organisation]").select_option(
        label=walk.told(walk.say("Haishan Street Home Care Bed Team"))
    )
    walk.press(page, "Enter the application")
    expect(page.locator(".bed-way li")).to_have_count(8)
    walk.picture(page, "applied")
    walk.press(page, "Accept, assessment next")
    page.locator(".undo-bar").wait_for()


def assessment(walk: Walk) -> None:
    page = walk.window("station-haishan")
    walk.press(page, "Care of this resident", "link")
    walk.told(walk.say("Ability assessment"))
    page.locator("a.admin-card[href='/care/residents/R0013/assessments']").click()
    walk.press(page, "Begin an assessment")
    tabs = page.locator(".assess-tabs a")
    expect(tabs).to_have_count(5)
    answered = 0
    for place in range(4):
        tabs.nth(place).click()
        items = page.locator(".assess-part:visible .assess-item")
        for number in range(items.count()):
            items.nth(number).locator("label.assess-level").nth(1).click()
            answered += 1
    if answered != 26:
        raise AssertionError(f"the standard has 26 items, the form {answered}")
    walk.told(walk.say("Diagnosis and events"))
    tabs.nth(4).click()
    page.locator(".assess-part:visible label.assess-level").first.click()
    for field in page.locator(".assess-events input[name^='event.']").all():
        field.fill("0")
    walk.picture(page, "assessment")
    walk.press(page, "Review and sign")
    walk.press(page, "Sign")
    expect(page.get_by_text(walk.say("It waits for a second assessor, another person than the first."))).to_be_visible()


def second_assessor(walk: Walk) -> None:
    page = walk.go("manager-haishan", "/care/assessments")
    walk.press(page, "Under way", "link")
    page.locator("main").get_by_role("link", name=HER).first.click()
    walk.press(page, "Check it as the second assessor", "link")
    walk.picture(page, "second")
    walk.press(page, "Confirm: put it in force")


def proposals(walk: Walk) -> None:
    for who, kinds in (("manager-haishan", 1), ("lead", 2)):
        for _ in range(kinds):
            page = walk.go(who, "/care/proposals")
            hers = page.locator("tbody tr").filter(has_text=HER)
            hers.first.wait_for()
            for number in range(hers.count()):
                hers.nth(number).locator("a").first.click()
                page.get_by_role("heading", name=walk.say("What it would change")).or_(
                    page.locator("form.stack")
                ).first.wait_for()
                if page.get_by_role("button", name=walk.say("Approve"), exact=True).count():
                    walk.picture(page, "proposal")
                    walk.press(page, "Approve")
                    break
                page.go_back()
                settled(page)
                hers.first.wait_for()
    expect(walk.go("lead", "/care/proposals").locator("tbody tr").filter(has_text=HER)).to_have_count(0)


def bed_of(walk: Walk, who: str) -> Page:
    page = walk.go(who, "/care/beds")
    page.locator("a.bed-card").filter(has_text=HER).first.click()
    page.locator(".bed-way").wait_for()
    return page


def survey(walk: Walk) -> None:
    page = bed_of(walk, "station-haishan")
    walk.press(page, "Assessed, survey next")
    walk.told(walk.say("Home survey"))
    answers = page.locator("#survey select[name^='item.']")
    expect(answers).to_have_count(18)
    for one in answers.all():
        one.select_option("present")
    walk.press(page, "Save the survey")
    walk.press(page, "Surveyed, device plan next")
    walk.press(page, "Add what is usual")
    rows = page.locator("#devices tbody tr")
    expect(rows).to_have_count(5)
    walk.press(rows.filter(has_text=re.compile("radar|雷达")), "Take it out")
    walk.press(page, "Planned, installation next")


def acceptance(walk: Walk) -> None:
    page = bed_of(walk, "station-haishan")
    rows = page.locator("#devices tbody tr")
    expect(rows).to_have_count(4)
    for number in range(4):
        walk.press(rows.nth(number), "Begin the test")
    walk.picture(page, "testing")
    walk.told(walk.say("data received"))
    for _ in range(2):
        heard = page.locator("#devices").get_by_role("button", name=walk.say("Accept the device"), exact=True)
        heard.first.wait_for(timeout=60_000)
        walk.press(page.locator("#devices"), "Accept the device")
    walk.told(walk.say("Accept without a proof"))
    for left in (2, 1):
        unheard = rows.filter(has=page.locator("details"))
        expect(unheard).to_have_count(left)
        unheard.first.locator("summary").click()
        unheard.first.locator("input[name=reason]").fill("安装师傅当面演示")
        walk.press(unheard.first, "Accept, and answer for it", told=False)
    walk.picture(page, "accepted")
    walk.press(page, "Installed and accepted, contract next")


def contract(walk: Walk) -> None:
    page = bed_of(walk, "manager-haishan")
    walk.press(page, "Sign, service begins", "link")
    page.locator("input[name=number]").fill("HS-2026-013")
    walk.picture(page, "contract")
    walk.press(page, "Sign, service begins")
    expect(page.get_by_role("heading", name=walk.told(walk.say("Services of the bed")))).to_be_visible()
    walk.told(walk.say("File as PDF"))
    walk.picture(page, "in-service", kept="care-bed")


def visit(walk: Walk) -> None:
    page = walk.go("station-haishan", "/care/residents/R0013/services")
    walk.told(walk.say("A visit once"))
    team = walk.told(walk.say("Haishan Street Home Care Bed Team"))
    offers = page.locator("select[name=offer] option").all_inner_texts()
    page.locator("select[name=offer]").select_option(label=next(one for one in offers if team in one))
    soon = dt.datetime.now(SHANGHAI) + dt.timedelta(minutes=3)
    page.locator("input[name=start]").fill(f"{soon:%Y-%m-%dT%H:%M}")
    walk.press(page, "Order it")
    people = page.locator("select[name=staff] option").all_inner_texts()
    carer = walk.told(walk.say("Feng Lei"))
    page.locator("select[name=staff]").select_option(label=next(one for one in people if carer in one))
    walk.press(page, "Name them")
    tablet = walk.go("tablet", walk.demo.panel)
    expect(tablet.locator("#digits")).to_have_text(re.compile(r"\d{3}\s?\d{3}"), timeout=40_000)
    walk.picture(tablet, "code")
    code = tablet.locator("#digits").inner_text()
    door = walk.go("carer-haishan", "/mine")
    walk.picture(door, "mine")
    walk.press(door.locator("article").filter(has_text=HER), "Open the visit", "link")
    door.locator("input[name=code]").fill(code)
    walk.press(door, "Check in by code")
    walk.press(door, "Check out now")
    expect(door.locator(".notice.good")).to_be_visible()
    page.reload()
    walk.picture(page, "visit")
    expect(page.get_by_text(walk.say("not yet"), exact=True)).to_have_count(0)


def meal(walk: Walk) -> None:
    page = walk.go("station-haishan", "/care/meals/of/R0013")
    walk.picture(page, "meals")
    page.locator("label.meal-set input[type=radio]:not([value=''])").last.check()
    walk.press(page, "See what it costs")
    walk.picture(page, "costs")
    if walk.language == "en":
        walk.told("Order the chosen meals")
    page.locator("main form button.primary").last.click()
    settled(page)
    expect(page.locator("main .notice, main .undo-bar").first).to_be_visible()
    walk.picture(walk.go("canteen", "/provider/meals"), "canteen")


def one_tap(walk: Walk) -> None:
    tablet = walk.go("tablet", walk.demo.panel)
    walk.press(tablet, "I need a service")
    walk.picture(tablet, "needs")
    walk.press(tablet, "A repair")
    expect(tablet.locator("#told-words")).not_to_be_empty()
    walk.picture(tablet, "asked")
    page = walk.go("provider", "/provider/requests")
    article = (
        page.locator("article").filter(has_text=walk.told(walk.say("small repairs"))).filter(has=page.locator("select"))
    )
    until_seen(page, article, 90)
    article.first.locator("select[name=staff]").select_option(index=1)
    walk.picture(page, "request")
    walk.press(article.first, "Yes, we come")
    walk.press(tablet, "Back", told=False)
    expect(tablet.locator("#cards")).to_contain_text(re.compile("comes|来"), timeout=60_000)
    walk.picture(tablet, "who-comes")
    walk.picture(walk.go("station-haishan", "/care/requests"), "requests")


def confirm(walk: Walk, page: Page) -> None:
    """Confirm minutes at the station, which says who told it so."""
    page.get_by_label(walk.told(walk.say("Their name, and how they told you"))).fill("沙瑞莲，电话")
    walk.press(page, "Confirm")


def neighbour(walk: Walk) -> None:
    page = walk.go("station-haishan", "/care")
    walk.told(walk.say("Time bank"))
    page.locator("a.admin-card[href='/care/time-bank']").click()
    walk.press(page, "Ask for help", "link")
    page.locator("input[name=resident]").fill(walk.told("R0013"))
    page.locator("select[name=kind]").select_option("company")
    soon = dt.datetime.now(SHANGHAI) + dt.timedelta(minutes=5)  # an offer lapses when its time has come
    page.locator("input[name=day]").fill(f"{soon:%Y-%m-%d}")
    page.locator("input[name=hour]").fill(f"{soon:%H:%M}")
    walk.press(page, "Ask")
    expect(page.get_by_role("heading", name=walk.told(walk.say("Whom to ask")))).to_be_visible()
    walk.picture(page, "whom")
    asked = page.locator(".timebank-matches b a").first.inner_text()
    walk.press(page, "Ask them")
    box = walk.go("dispatcher", walk.demo.address + walk.told("/outbox"))
    card = box.locator("article").filter(has_text=asked).filter(has_text=ASKED)  # the newest message stands first
    sent = card.locator("a.button[href*='/n/']")
    until_seen(box, sent, 90)
    walk.told(KINDS["volunteer_help"].zh if walk.language == "zh" else KINDS["volunteer_help"].en)
    walk.picture(box, "asked-by-message", long=True)
    link = walk.go("link", sent.first.get_attribute("href") or "")
    walk.picture(link, "offer")
    walk.press(link, "Yes, I will come")
    minutes = link.locator("input[name=minutes]")
    until_seen(link, minutes, 400)
    minutes.fill("45")
    walk.picture(link, "minutes")
    walk.press(link, "Send the minutes")
    page.reload()
    walk.told(walk.say("Confirm for the receiving side"))
    confirm(walk, page)
    page.locator("a[href*='/ledger/']").first.wait_for()
    walk.picture(page, "confirmed")


def hold(page: Page, button: Locator) -> None:
    """Hold a button of the tablet for two seconds."""
    box = button.bounding_box()
    if box is None:
        raise AssertionError("the button is not to be seen")
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.wait_for_timeout(2300)
    page.mouse.up()


def at_desk(walk: Walk) -> Page:
    desk = walk.go("dispatcher", walk.demo.address + "/")
    desk.locator(".q-row").filter(has_text=HER).first.locator("a").first.click()
    desk.locator("#detail").filter(has_text=HER).wait_for()
    desk.locator("#panel-r").wait_for(state="attached")
    return desk


def alarm(walk: Walk) -> None:
    tablet = walk.go("tablet", walk.demo.panel)
    walk.told(walk.say("Call for help"))
    hold(tablet, tablet.locator("#calm .elder-help"))
    desk = at_desk(walk)
    desk.keyboard.press(walk.told("`a`")[1])
    walk.told(walk.say("Dispatch"))
    first = desk.locator("li:has(form[action$='/dispatch'])").first
    expect(first).to_contain_text(walk.told(walk.say("Zhao Tingting")))
    expect(first).to_contain_text(walk.told(walk.say("Neighbour from the time bank")))
    first.scroll_into_view_if_needed()
    walk.picture(desk, "first")
    walk.told(walk.say("Send"))
    first.locator("button").click()
    desk.get_by_text(walk.say("There is a work order already")).first.wait_for()


def on_the_way(walk: Walk) -> None:
    box = walk.go("dispatcher", "/outbox")
    card = box.locator("article, li").filter(has_text=NEIGHBOUR).filter(has=box.locator("a.button"))
    until_seen(box, card, 20)
    walk.picture(box, "outbox", long=True)
    phone = walk.go("link", card.first.locator("a.button").first.get_attribute("href") or "")
    walk.picture(phone, "order")
    for stage, after in (("offered", "accepted"), ("accepted", "en_route"), ("en_route", "arrived")):
        phone.locator(f"[data-stage={stage}] button").first.click()
        phone.locator(f"[data-stage={after}]").wait_for()
        if after == "en_route":
            tablet = walk.window("tablet")
            expect(tablet.locator("#words")).to_contain_text(walk.say("Zhao Tingting"), timeout=20_000)
            walk.picture(tablet, "on-the-way")
            desk = at_desk(walk)
            desk.locator("a[href$='/dispatch']").first.click()
            settled(desk)
            expect(desk.get_by_text(walk.say("Neighbour from the time bank")).first).to_be_visible()
            walk.picture(desk, "neighbours", kept="care-alarm")
    phone.locator(".cards-of label").first.click()
    walk.press(phone, "Send the result", told=False)
    phone.locator(".notice.good").wait_for()
    desk = at_desk(walk)
    desk.keyboard.press(walk.told("`r`")[1])
    desk.locator("#panel-r .d-card").first.click()
    walk.picture(desk, "resolve")
    walk.press(desk.locator("#panel-r"), "Resolve", told=False)


def the_neighbours_hour(walk: Walk) -> None:
    page = walk.go("station-haishan", walk.demo.address + "/care/time-bank")
    walk.told(walk.say("To be confirmed"))
    page.locator("a[href$='which=confirm']").first.click()
    row = page.locator("tbody tr").filter(has_text=HER).filter(has_text=NEIGHBOUR)
    until_seen(page, row, 60)
    row.first.locator("a").first.click()
    expect(page.get_by_role("link", name=re.compile(r"#\w+")).first).to_be_visible()
    confirm(walk, page)
    walk.picture(page, "alarm-help")
    page = walk.go("station-haishan", "/care/time-bank/volunteers")
    page.get_by_role("link", name=NEIGHBOUR).first.click()
    walk.told(walk.say("Statement"))
    page.locator("a[href*='/statement/']").first.click()
    settled(page)
    walk.told("150 %")
    expect(page.locator("tbody tr").last).to_contain_text(re.compile("alarm|预警"))
    walk.picture(page, "statement")


STEPS_OF_THE_PAGE: tuple[Callable[[Walk], None], ...] = (
    application, assessment, second_assessor, proposals, survey, acceptance, contract, visit, meal, one_tap, neighbour,
    alarm, on_the_way, the_neighbours_hour,
)  # fmt: skip


def walk_through(demo: Demonstration, language: Language, shots: Path | None, first: str = "") -> None:
    """Take every step. Raises what playwright raises where one does not hold; the screens are then in ``shots``."""
    names = [one.__name__ for one in STEPS_OF_THE_PAGE]
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        walk = Walk(browser, demo, language, shots)
        for step in STEPS_OF_THE_PAGE[names.index(first) if first else 0 :]:
            began = time.monotonic()
            try:
                step(walk)
            except BaseException:
                for who, page in walk.windows.items():
                    typer.echo(f"  {who}: {page.url}")
                    if shots:
                        page.screenshot(path=shots / f"failed-{who}.png")
                raise
            typer.echo(f"{language} {step.__name__}: {time.monotonic() - began:.0f} s")
        browser.close()


def main(
    language: Annotated[str, typer.Option(help="en or zh; left out: both, one after the other.")] = "",
    shots: Annotated[Path | None, typer.Option(help="Folder in which every screen is kept.")] = None,
    running: Annotated[str, typer.Option(help="Address of the tablet of a demonstration that runs.")] = "",
    first: Annotated[str, typer.Option(help="With --running: the step to begin with, such as visit.")] = "",
) -> None:
    """Walk through the tour of care, and make its pictures."""
    if shots:
        shots.mkdir(parents=True, exist_ok=True)
    for one, page in PAGES.items():
        if language not in ("", one):
            continue
        typer.echo(f"docs/{page}")
        if running:
            logins = (
                "dispatcher",
                "lead",
                "manager-haishan",
                "station-haishan",
                "carer-haishan",
                "provider",
                "canteen",
            )
            known = dict.fromkeys(logins, "shouwang-demo")
            walk_through(Demonstration(running.partition("/home/")[0], known, running), one, shots, first)
        else:
            with (
                tempfile.TemporaryDirectory(prefix="shouwang-tour-") as folder,
                demonstration(PORT, folder, HOMES) as demo,
            ):
                walk_through(demo, one, shots)


if __name__ == "__main__":
    typer.run(main)
