"""The record of processing, and the duties of law about personal data."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from care_network.access.permissions import Action
from care_network.consents.purposes import BASES, PURPOSES
from console.pages.care.frame import care_page
from console.shell.security import CurrentAccount, needs

router = APIRouter()
LOOK = needs(Action.VIEW_PRIVACY)


@router.get("/care/privacy/processing", dependencies=[LOOK])
def processing(request: Request, account: CurrentAccount) -> Response:
    """The record of processing: each purpose with its basis, data, recipients and period."""
    return care_page(request, "privacy_processing.html", account, purposes=PURPOSES, bases=BASES)
