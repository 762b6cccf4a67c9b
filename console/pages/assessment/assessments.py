"""The list of assessments of an area, and the assessments of one resident over time."""

import datetime as dt
from typing import Annotated, Literal, cast

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.ability import standing
from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import NotFoundError, ProvisioningError
from care_services.assessment import evidence, life, lists, proposals, reach, store
from care_services.assessment.lists import View
from care_services.assessment.reasons import REASONS, Reason
from console.pages.assessment import frame, trend
from console.pages.care.frame import care_page
from console.pages.lists import LIMIT, pager_of
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import language_of
from vocabulary.times import SHANGHAI

router = page_router()
LOOK, ASSESS = needs(Action.VIEW_CARE), needs(Action.ASSESS)


@router.get("/care/assessments", dependencies=[LOOK])
def assessments_page(
    request: Request, console: Shared, account: CurrentAccount, view: str = "due", area: str = "", after: str = ""
) -> Response:
    """Show who is due, the longest overdue first; what is under way; who was never assessed; all."""
    now = dt.datetime.now(dt.UTC)
    today = now.astimezone(SHANGHAI).date()
    chosen: View = view if view in lists.VIEWS else "due"
    with console.database() as conn:
        places = lists.areas(conn, account)
        under = area if area in {path for path, _, _ in places} else ""
        rows = lists.page(conn, account, chosen, now, origin_of(request), under=under, after=after, most=LIMIT + 1)
        counted = lists.counts(conn, account, today, under)
    shown, more = rows[:LIMIT], len(rows) > LIMIT
    return care_page(
        request, "assessments.html", account, view=chosen, views=lists.VIEWS, rows=shown, counted=counted, today=today,
        soon=today + dt.timedelta(days=lists.SOON), places=places, area=under,
        pager=pager_of(request, shown[-1].key(chosen) if more else None), **frame.words(),
    )  # fmt: skip


@router.get("/care/residents/{code}/assessments", dependencies=[LOOK])
def resident_page(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    """A resident's assessments over time, what the platform knows of the last 30 days, and proposals."""
    return _resident(request, console, account, code)


@router.post("/care/residents/{code}/assessments", dependencies=[ASSESS])
def begin(
    request: Request, console: Shared, account: CurrentAccount, code: str,
    reason: Annotated[str, Form(max_length=20)] = "", doubts: Annotated[str, Form(max_length=20)] = "",
) -> Response:  # fmt: skip
    """Begin an assessment, and go on to its form."""
    try:
        with console.database() as conn:
            number = life.begin(
                conn, account, code, cast("Reason", reason), dt.datetime.now(dt.UTC), origin_of(request),
                int(doubts) if doubts.isascii() and doubts.isdecimal() else None,
            )  # fmt: skip
    except NotFoundError:
        raise
    except ProvisioningError as error:
        return _resident(request, console, account, code, error, {"reason": reason, "doubts": doubts})
    return RedirectResponse(f"/care/assessments/{number}", 303)


def _resident(
    request: Request, console: Console, account: Account, code: str, error: ProvisioningError | None = None,
    filled: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    now, language = dt.datetime.now(dt.UTC), language_of(request, account)
    with console.database() as conn:
        person = reach.resident(conn, account, code, now, origin_of(request))
        kept = store.of_resident(conn, person["id"])
        known = evidence.of(conn, person["id"], now)
        made = proposals.of_resident(conn, person["id"])
        stands = standing.of_resident(conn, person["id"])
    signed = [one for one in reversed(kept) if one.state == "in_force"]
    suggested: Literal["first", "routine"] = "routine" if signed else "first"
    return care_page(
        request, "assessment-resident.html", account, status_of(error) if error else 200, person=person, kept=kept,
        open=next((one for one in kept if one.state in ("draft", "signed")), None), signed=signed, known=known,
        proposals=made, standing=stands, today=now.astimezone(SHANGHAI).date(), picture=trend.svg(signed, language),
        message=message_of(request, error, account) if error else "", filled=filled or {"reason": suggested},
        offered=[one for one in REASONS if (one == "first") != bool(signed)], here="/care/assessments", **frame.words(),
    )  # fmt: skip
