"""Pages of sending: who may go to a home, certificates that end, figures of professionals."""

import datetime as dt
from typing import Annotated, Any, Literal

from fastapi import Query, Request
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from care_network.access.permissions import Action
from care_network.catalogues.services import SERVICES
from care_network.catalogues.workforce import CERTIFICATES, LANGUAGES, ROLES, SKILLS
from care_network.duty.roster import KIND_WORDS
from care_network.errors import ProvisioningError
from care_services.workforce import figures, reach, reminders
from care_services.workforce.hours import WEEK_H
from care_services.workforce.terms import LEVELS, words_of
from console.pages.care.frame import care_page
from console.pages.lists import pager_of
from console.pages.workforce.people import Words, acting_of, moment_of
from console.shell.errors import message_of, status_of
from console.shell.i18n import Language, pick
from console.shell.security import CurrentAccount, needs
from console.shell.state import Shared
from console.shell.text import page_router
from console.shell.views import language_of
from figures.core.sections import Bar, BarPicture, Line, RunPicture
from figures.drawing import charts
from vocabulary.times import SHANGHAI

router = page_router()
LOOK, MANAGE = needs(Action.VIEW_CARE), needs(Action.MANAGE_STAFF)
Short = Annotated[str, Query(max_length=80)]
Which = Literal["expired", "7", "30", "90", "unknown", "missing"]


@router.get("/care/workforce/sending", dependencies=[LOOK])
def sending(
    request: Request, console: Shared, account: CurrentAccount, service: Short = "", home: Short = "", at: Short = ""
) -> Response:
    """Show who may be sent for a service to a home at a time, best first, and why each other may not."""
    error, found, place = None, None, None
    now = dt.datetime.now(dt.UTC)
    moment = now
    with console.database() as conn:
        acting = acting_of(request, conn, account)
        try:
            moment = moment_of(at, now)
            if home:
                place = reach.home_of(acting, home)
                found = reach.sendable(acting, service, place, moment)
        except ProvisioningError as refused:
            error = refused
    return care_page(
        request, "workforce-sending.html", account, status_of(error) if error else 200, found=found, place=place,
        service=service, services=SERVICES, home=home, moment=moment.astimezone(SHANGHAI), roles=ROLES,
        wrong={error.field or "home": message_of(request, error, account)} if error else {},
    )  # fmt: skip


@router.get("/care/workforce/ending", dependencies=[LOOK])
def ending(
    request: Request, console: Shared, account: CurrentAccount, only: Which = "90", after: Short = ""
) -> Response:
    """Certificates that ended, end soon, have no last day, or are missing although the role needs them."""
    with console.database() as conn:
        acting = acting_of(request, conn, account)
        found = reminders.listing(acting, only, after)
        counts = reminders.counts(acting)
    shown = found[: reminders.LIMIT]
    pager = pager_of(request, shown[-1].key if len(found) > reminders.LIMIT else None, reminders.LIMIT)
    return care_page(
        request, "workforce-ending.html", account, found=shown, pager=pager, only=only, counts=counts,
        today=acting.today, words_of=words_of, certificates=CERTIFICATES, roles=ROLES,
    )  # fmt: skip


@router.post("/care/workforce/ending/{number}/take", dependencies=[MANAGE])
def take(
    request: Request, console: Shared, account: CurrentAccount, number: int, only: Which = "90"
) -> Response:  # fmt: skip
    """Say that one sees to it."""
    with console.database() as conn:
        reminders.take(acting_of(request, conn, account), number)
    return RedirectResponse(f"/care/workforce/ending?only={only}", 303)


@router.post("/care/workforce/ending/{number}/open", dependencies=[MANAGE])
def open_again(
    request: Request, console: Shared, account: CurrentAccount, number: int, only: Which = "90", reason: Words = ""
) -> Response:  # fmt: skip
    """Open one again that somebody saw to, with a reason."""
    with console.database() as conn:
        reminders.open_again(acting_of(request, conn, account), number, reason)
    return RedirectResponse(f"/care/workforce/ending?only={only}", 303)


@router.get("/care/workforce/figures", dependencies=[LOOK])
def figures_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """Count how many professionals of which sort, for how many beds, and how it went by month."""
    with console.database() as conn:
        found = figures.figures(acting_of(request, conn, account))
    language = language_of(request, account)
    return care_page(
        request, "workforce-figures.html", account, found=found, week_h=WEEK_H, roles=ROLES, levels=LEVELS,
        skills=SKILLS, tongues=LANGUAGES, kinds=KIND_WORDS, pictures=_pictures(found, language),
    )  # fmt: skip


def _pictures(found: figures.Figures, language: Language) -> list[tuple[str, Markup]]:
    """(caption, drawing): people by month, and by role."""

    def say(zh: str, en: str) -> str:
        return pick(language, zh, en)

    counted = [month.people if month.people else None for month in found.months]
    labels = tuple(f"{month.month:%Y-%m}" for month in found.months)
    drawn: list[tuple[str, Any]] = []
    if sum(value is not None for value in counted) > 1:
        title = say("每月在班人数", "People on duty by month")
        words = say("，", ", ").join(
            f"{label} {value}" for label, value in zip(labels, counted, strict=True) if value is not None
        )
        line = Line(title, tuple(None if value is None else float(value) for value in counted))
        drawn.append((title, RunPicture(title, f"{title}{say('：', ': ')}{words}", labels, (line,))))
    kinds = found.of("kind")
    if kinds:
        title = say("按岗位", "By role")
        bars = tuple(
            Bar(say(ROLES[one.key].zh, ROLES[one.key].en) if one.key in ROLES else one.key, float(one.n), str(one.n))
            for one in kinds
        )
        words = say("，", ", ").join(f"{bar.label} {bar.text}" for bar in bars)
        drawn.append((title, BarPicture(title, f"{title}{say('：', ': ')}{words}", bars, float(kinds[0].n))))
    return [
        (title, Markup(charts.svg(picture, f"workforce-{number}")))  # noqa: S704 - made by us, its words escaped
        for number, (title, picture) in enumerate(drawn)
    ]
