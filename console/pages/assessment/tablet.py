"""Today's assessments on a tablet: chosen at the station, opened in a flat without a line."""

import datetime as dt
from functools import cache
from importlib.resources import files
from typing import Annotated

from fastapi import Query, Request
from starlette.responses import JSONResponse, Response

from care_network.access.permissions import Action
from care_services.assessment import day, store
from care_services.assessment.reasons import REASONS
from console.pages.assessment import form, frame
from console.pages.care.frame import care_page
from console.shell import styles
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Shared
from console.shell.text import page_router
from console.shell.views import page

router = page_router()
ASSESS = needs(Action.ASSESS)


@router.get("/assessment-worker.js")
def worker() -> Response:
    """The service worker of the forms; another style bundle is another worker, which keeps the pages anew."""
    return Response(_worker(), media_type="text/javascript", headers={"Cache-Control": "no-cache"})


@cache
def _worker() -> str:
    source = files("console").joinpath("static", "care", "worker.js").read_text("utf-8")
    return source.replace("__STYLES__", styles.address())


@router.get("/care/assessments-today", dependencies=[ASSESS])
def today_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """List drafts to take along, one's own first."""
    with console.database() as conn:
        rows = day.drafts(conn, account, dt.datetime.now(dt.UTC), origin_of(request))
    return care_page(request, "assessment-today.html", account, rows=rows, here="/care/assessments", **frame.words())


@router.get("/care/assessments-today/data", dependencies=[ASSESS])
def today_data(
    request: Request, console: Shared, account: CurrentAccount,
    number: Annotated[list[int], Query(max_length=day.MOST)],
) -> Response:  # fmt: skip
    """Give what the chosen forms need on the tablet, and no more; each is a look in the audit."""
    with console.database() as conn:
        found = day.take(conn, account, number, dt.datetime.now(dt.UTC), origin_of(request))
    return JSONResponse({"list": [
        {"number": one.id, "version": one.version, "zh": one.name_zh, "en": one.name_en, "reason": REASONS[one.reason],
         "fields": form.values(one.fields)} for one in found
    ]})  # fmt: skip


@router.get("/care/assessments-tablet", dependencies=[ASSESS])
def tablet_page(request: Request, account: CurrentAccount) -> Response:
    """Give the empty form, which the tablet keeps: it has nothing about anybody, not even the reader's name."""
    blank = store.blank(dt.datetime.now(dt.UTC))
    return page(
        request, "assessment-tablet.html", None, x=blank, fields=form.values(blank.fields), score=blank.score,
        before=None, known=None, wrong=None, reader=account.id, **frame.words(),
    )  # fmt: skip
