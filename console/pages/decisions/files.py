"""The figures as files: tables as CSV, a workbook, the printed report."""

import datetime as dt
from typing import Annotated, Literal

from fastapi import Query, Request
from starlette.responses import Response

from care_network.access.permissions import Action, audit
from console.pages.decisions.decisions import Area, Month
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Shared
from console.shell.text import page_router
from console.shell.views import language_of
from figures.core import months
from figures.export.report import report
from figures.export.tables import archive
from figures.export.workbook import workbook
from figures.reading import page as figures_page
from figures.reading import scope
from vocabulary.severity import Severity

router = page_router()
FORMS = {
    "csv": (archive, "application/zip", "zip"),
    "xlsx": (workbook, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    "pdf": (report, "application/pdf", "pdf"),
}


@router.get("/decisions/file/{form}", dependencies=[needs(Action.VIEW_FIGURES)])
def figures_file(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    form: Literal["csv", "xlsx", "pdf"],
    area: Area = "",
    first: Annotated[Month, Query(alias="from")] = "",
    last: Annotated[Month, Query(alias="to")] = "",
    severity: Severity = "emergency",
) -> Response:
    """All sections of an area and its months as one file; taking it out of the platform is in the audit."""
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        window = scope.window(conn, account, language_of(request, account), now, area=area, first=first, last=last)
        sections = figures_page.sections(conn, window, severity)
        audit(
            conn, account, "export_figures", at=now, origin=origin_of(request),
            detail={"form": form, "area": window.area.path, "from": months.code(window.first),
                    "to": months.code(window.last)},
        )  # fmt: skip
    make, media, ending = FORMS[form]  # outside the connection: a report takes a second
    place = window.area.path.rpartition(".")[2]
    name = f"shouwang-{place}-{months.code(window.first)}-{months.code(window.last)}.{ending}"
    return Response(
        make(window, sections), media_type=media, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
