"""Residents who died or moved away: the list, one person's story with the way back, devices to bring back."""

import datetime as dt
from typing import Annotated

from fastapi import Query, Request
from starlette.responses import Response

from care_services.core.money import in_yuan
from care_services.registers import leaving, tasks
from care_services.registers.following import UNDONE_WORDS
from care_services.registers.leaving import REASON_WORDS
from console.access.residents import load_resident
from console.pages.care.frame import care_page
from console.pages.lists import LIMIT, pager_of
from console.pages.registers.registers import KEEP
from console.shell.security import CurrentAccount, origin_of
from console.shell.state import Shared
from console.shell.text import page_router
from firmware_profiles.devices import MODELS
from vocabulary.labels import room_of

router = page_router()


@router.get("/care/left", dependencies=[KEEP])
def left_page(
    request: Request, console: Shared, account: CurrentAccount, show: str = "",
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
) -> Response:  # fmt: skip
    """Residents who died or moved away, the newest first; or reports that were taken back."""
    with console.database() as conn:
        rows = leaving.listing(conn, account, back=show == "back", before=after, limit=LIMIT + 1)
    return care_page(
        request, "register-left.html", account, rows=rows[:LIMIT], reasons=REASON_WORDS, show=show,
        pager=pager_of(request, str(rows[LIMIT - 1].id) if len(rows) > LIMIT else None),
    )  # fmt: skip


@router.get("/care/left/devices", dependencies=[KEEP])
def devices_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """Devices in homes in which nobody lives any more, and those that somebody wore who is gone."""
    with console.database() as conn:
        rows = tasks.devices(conn, account, at=dt.datetime.now(dt.UTC), origin=origin_of(request))
    models = {one.model: MODELS[one.model] for one in rows if one.model in MODELS}
    return care_page(
        request, "register-left-devices.html", account, rows=rows, reasons=REASON_WORDS, models=models, room_of=room_of
    )


@router.get("/care/left/{code}", dependencies=[KEEP])
def story_page(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    """The leavings of one person: what was done for each, what is still to do, and the way back."""
    with console.database() as conn:
        resident = load_resident(conn, account, code, "view_identity", origin_of(request))
        found = leaving.after(conn, account, code, at=dt.datetime.now(dt.UTC), origin=origin_of(request))
    return care_page(
        request, "register-left-after.html", account, resident=resident, found=found, reasons=REASON_WORDS,
        undone=UNDONE_WORDS, yuan=in_yuan,
    )  # fmt: skip
