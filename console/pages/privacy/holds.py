"""Legal holds: which are in force and were, placing one, and lifting it with a reason."""

import datetime as dt
from typing import Annotated

from fastapi import Form, Query, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import ProvisioningError
from care_services.privacy import holds
from care_services.registers.data.classes import groups
from console.pages.care.frame import care_page
from console.pages.lists import LIMIT, pager_of
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from vocabulary.times import local_day

router = page_router()
LOOK, HOLD = needs(Action.VIEW_PRIVACY), needs(Action.APPROVE_ERASURE)
Text = Annotated[str, Form(max_length=600)]
PLACE = "/care/privacy/holds"


@router.get(PLACE, dependencies=[LOOK])
def holds_page(
    request: Request, console: Shared, account: CurrentAccount, resident: Annotated[str, Query(max_length=80)] = "",
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
) -> Response:  # fmt: skip
    """Holds of the area, and a form for another; ``resident``: the form is about that one."""
    return _page(request, console, account, {"resident": resident}, None, after)


@router.post(PLACE, dependencies=[HOLD])
def place_hold(
    request: Request, console: Shared, account: CurrentAccount, resident: Text = "", kind: Text = "",
    reference: Text = "", reason: Text = "", until: Text = "",
) -> Response:  # fmt: skip
    """Place a hold on a resident or on a class of tables (``kind``)."""
    filled = {"resident": resident, "kind": kind, "reference": reference, "reason": reason, "until": until}
    try:
        on: str | holds.Tables = resident
        if kind:
            if resident.strip():
                raise ProvisioningError(
                    en="a resident or a class, not both", zh="老人和数据类别只能选一项", field="kind"
                )
            group = next((one for one in groups() if one.code == kind), None)
            if group is None:
                raise ProvisioningError(en="choose a class", zh="请选择数据类别", field="kind")
            on = holds.Tables(code=group.code, names=group.tables.split())
        try:
            last = dt.date.fromisoformat(until) if until else None
        except ValueError:
            raise ProvisioningError(en="choose a day", zh="请选择日期", field="until") from None
        with console.database() as conn:
            holds.place(conn, account, on, reference, reason, last, at=_now(), origin=origin_of(request))
    except ProvisioningError as error:
        return _page(request, console, account, filled, error)
    return RedirectResponse(PLACE, 303)


@router.post(PLACE + "/{number}/lift", dependencies=[HOLD])
def lift_hold(request: Request, console: Shared, account: CurrentAccount, number: int, why: Text = "") -> Response:
    """Lift a hold."""
    try:
        with console.database() as conn:
            holds.lift(conn, account, number, why, at=_now(), origin=origin_of(request))
    except ProvisioningError as error:
        return _page(request, console, account, {}, error)
    return RedirectResponse(PLACE, 303)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _page(
    request: Request, console: Console, account: Account, filled: dict[str, str], error: ProvisioningError | None,
    after: int = 0,
) -> Response:  # fmt: skip
    with console.database() as conn:
        found = holds.listing(conn, account, after=after, limit=LIMIT + 1)
    shown = found[:LIMIT]
    wrong = {error.field or ("resident" if filled else "number"): message_of(request, error, account)} if error else {}
    return care_page(
        request, "privacy_holds.html", account, status_of(error) if error else 200, rows=shown, filled=filled,
        wrong=wrong, states=holds.STATES, today=local_day(_now()),
        kinds={one.code: (one.zh, one.en) for one in groups()},
        pager=pager_of(request, str(shown[-1].id) if len(found) > LIMIT else None),
    )  # fmt: skip
