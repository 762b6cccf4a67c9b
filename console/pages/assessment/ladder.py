"""The ladder that a resident's alerts climb by their ability grade: why, since when, and taking it back."""

import datetime as dt
from typing import Annotated

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.ability import standing
from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import ChangedMeanwhileError, NotFoundError, ProvisioningError
from care_services.assessment import reach
from console.pages.assessment import carrying, frame
from console.pages.care.frame import care_page
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router

router = page_router()
LOOK, SET = needs(Action.VIEW_CARE), needs(Action.SET_POLICIES)


@router.get("/care/residents/{code}/ladder", dependencies=[LOOK])
def ladder_page(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    """The ladders of a resident's alerts, and the changes made."""
    return _ladder(request, console, account, code)


@router.post("/care/residents/{code}/ladder", dependencies=[SET])
def withdraw(
    request: Request, console: Shared, account: CurrentAccount, code: str,
    why: Annotated[str, Form(max_length=2000)] = "", seen: Annotated[int, Form(ge=0)] = 0,
) -> Response:  # fmt: skip
    """Take the approved ladder back: the ordinary one from now on."""
    now, origin = dt.datetime.now(dt.UTC), origin_of(request)
    try:
        with console.database() as conn:
            person = reach.resident(conn, account, code, now, origin)
            if not 0 < len(why.strip()) <= standing.MOST_WHY:
                raise ProvisioningError(
                    en=f"say why, in 1 to {standing.MOST_WHY} characters",
                    zh=f"请写明原因（1 至 {standing.MOST_WHY} 字）",
                    field="why",
                )
            with conn.transaction():
                changes = standing.history(conn, person["id"], 1)
                if not changes or changes[0].id != seen:
                    raise ChangedMeanwhileError(
                        en="it was changed meanwhile: look at it again", zh="刚被他人修改，请重新查看"
                    )
                standing.withdraw(conn, account, person["id"], why.strip(), now, origin)
    except NotFoundError:
        raise
    except ProvisioningError as error:
        return _ladder(request, console, account, code, error, why)
    return RedirectResponse(f"/care/residents/{code}/assessments", 303)


def _ladder(
    request: Request, console: Console, account: Account, code: str, error: ProvisioningError | None = None,
    why: str = "",
) -> Response:  # fmt: skip
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        person = reach.resident(conn, account, code, now, origin_of(request))
        is_now = standing.of_resident(conn, person["id"])
        if is_now is None:
            raise NotFoundError(en=f"there is no resident {code!r} in your area", zh=f"您的管辖区域内没有老人 {code}")
        shown = carrying.ladders_of(conn, person["id"], is_now, is_now)
        after = carrying.ladders(conn, person["id"], None, None, 0) if is_now.grade else []
        others = carrying.others_at_home(conn, person["id"])
        changes, alerts = standing.history(conn, person["id"]), carrying.open_alerts(conn, person["id"])
    return care_page(
        request, "assessment-ladder.html", account, status_of(error) if error else 200, person=person, shown=shown,
        after=after, others=others,
        standing=is_now, changes=changes, open_alerts=alerts, acts=standing.ACTS, why=why,
        message=message_of(request, error, account) if error else "", wrong=error.field if error else None,
        here="/care/assessments", **frame.words(),
    )  # fmt: skip
