"""Schedules of packages: what is made by itself, for whom and when; switched off and on."""

from typing import Annotated

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.errors import NotFoundError, ProvisioningError
from care_services.reporting import schedules
from console.pages.reporting.reports import REPORT, Text, now, page_of
from console.shell.security import CurrentAccount, origin_of
from console.shell.state import Shared
from console.shell.text import page_router

router = page_router()


@router.post("/care/reports/schedules", dependencies=[REPORT])
def add(
    request: Request, console: Shared, account: CurrentAccount, plan_receiver: Text = "", plan_dataset: Text = "",
    every: Text = "", hour: Text = "6",
) -> Response:  # fmt: skip
    """Have packages made by themselves, in one's own name."""
    filled = {"plan_receiver": plan_receiver, "plan_dataset": plan_dataset, "every": every, "hour": hour}
    try:
        if not hour.isdecimal():
            raise ProvisioningError(en="an hour from 0 to 23", zh="请填写 0 至 23 时", field="hour")
        with console.database() as conn:
            at, origin = now(), origin_of(request)
            schedules.add(conn, account, plan_receiver, plan_dataset, every, int(hour[:4]), at=at, origin=origin)
    except ProvisioningError as error:
        return page_of(request, console, account, error=error, filled=filled, plan=True)
    return RedirectResponse("/care/reports", 303)


@router.post("/care/reports/schedules/{number}/switch", dependencies=[REPORT])
def switch(
    request: Request, console: Shared, account: CurrentAccount, number: int,
    version: Annotated[int, Form(ge=0)] = 0, active: Text = "",
) -> Response:  # fmt: skip
    """Let a schedule rest, or go on."""
    try:
        with console.database() as conn:
            at, origin = now(), origin_of(request)
            schedules.switch(conn, account, number, version, active=active == "yes", at=at, origin=origin)
    except NotFoundError:
        raise
    except ProvisioningError as error:
        return page_of(request, console, account, error=error, plan=True)
    return RedirectResponse("/care/reports", 303)
