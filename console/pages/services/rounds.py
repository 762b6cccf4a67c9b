"""The page of the rounds: which jobs are done when, and which stand still."""

from fastapi import Request
from starlette.responses import Response

from care_network.access.permissions import Action
from care_services.rounds.running import standings
from console.pages.services.frame import acting_of, services_page
from console.shell.security import CurrentAccount, needs
from console.shell.state import Shared
from console.shell.text import page_router

router = page_router()


@router.get("/care/rounds", dependencies=[needs(Action.VIEW_CARE)])
def rounds_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """Show each job of the rounds, those that stand still first."""
    with console.database() as conn:
        jobs = standings(conn, acting_of(request, account).at)
    return services_page(request, "services-rounds.html", account, jobs=jobs)
