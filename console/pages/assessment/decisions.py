"""Proposals of a grade that wait for a decision: the list, one with its consequences, the decision."""

import datetime as dt
from typing import Annotated

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import NotFoundError, ProvisioningError
from care_services.assessment import proposals
from console.pages.assessment import carrying, frame
from console.pages.care.frame import care_page
from console.pages.lists import LIMIT, pager_of
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router

router = page_router()
LOOK, DECIDE = needs(Action.VIEW_CARE), needs(Action.APPROVE_PROPOSALS)


@router.get("/care/proposals", dependencies=[LOOK])
def proposals_page(request: Request, console: Shared, account: CurrentAccount, after: int = 0) -> Response:
    """List what grades propose and nobody has decided on, the oldest first."""
    with console.database() as conn:
        found = proposals.waiting(conn, account, min(max(after, 0), 2**62), LIMIT + 1)
    shown = found[:LIMIT]
    return care_page(
        request, "assessment-proposals.html", account, rows=shown,
        pager=pager_of(request, str(shown[-1].id) if len(found) > LIMIT else None), **frame.words(),
    )  # fmt: skip


@router.get("/care/proposals/{proposal_id}", dependencies=[LOOK])
def proposal_page(request: Request, console: Shared, account: CurrentAccount, proposal_id: int) -> Response:
    """A proposal: what it would change, why, and who may decide."""
    return _proposal(request, console, account, proposal_id)


@router.post("/care/proposals/{proposal_id}", dependencies=[DECIDE])
def decide(
    request: Request, console: Shared, account: CurrentAccount, proposal_id: int, seen: Annotated[int, Form(ge=1)],
    act: Annotated[str, Form(max_length=20)] = "", note: Annotated[str, Form(max_length=2000)] = "",
) -> Response:  # fmt: skip
    """Approve a proposal and carry it out, or decline it."""
    now, origin = dt.datetime.now(dt.UTC), origin_of(request)
    try:
        with console.database() as conn:
            if act == "approve":
                carrying.approve(conn, account, proposal_id, seen, note, now, origin)
            elif act == "decline":
                proposals.decline(conn, account, proposal_id, seen, note, now, origin)
            else:
                raise ProvisioningError(en="this is nothing that can be done", zh="没有这种操作")
    except NotFoundError:
        raise
    except ProvisioningError as error:
        return _proposal(request, console, account, proposal_id, error, note)
    return RedirectResponse(f"/care/proposals/{proposal_id}", 303)


def _proposal(
    request: Request, console: Console, account: Account, number: int, error: ProvisioningError | None = None,
    note: str = "",
) -> Response:  # fmt: skip
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        found = proposals.one(conn, account, number, now, origin_of(request))
        outlook = carrying.outlook(conn, account, found)
    return care_page(
        request, "assessment-proposal.html", account, status_of(error) if error else 200, p=found, outlook=outlook,
        message=message_of(request, error, account) if error else "", wrong=error.field if error else None, note=note,
        here="/care/proposals", **frame.words(),
    )  # fmt: skip
