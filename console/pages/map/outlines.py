"""Load better outlines of areas: choose a file, see what it changes, store it."""

import datetime as dt
from typing import Annotated, cast

from fastapi import APIRouter, File, Form, Request, UploadFile
from starlette.responses import RedirectResponse, Response

from care_network.access.permissions import Action
from care_network.importing.datum import Datum
from care_network.importing.outlines import MOST_BYTES, OutlineFileError, read_outlines
from care_network.records.places.outlines import areas_with_outlines, load_outlines
from console.shell.i18n import pick
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Shared
from console.shell.views import language_of, page

router = APIRouter()
LONGEST_NAME = 120


@router.get("/map/outlines", dependencies=[needs(Action.PROVISION)])
def outlines_page(request: Request, console: Shared, account: CurrentAccount, stored: int | None = None) -> Response:
    """The areas with the source of their outlines, and the form."""
    with console.database() as conn:
        areas = areas_with_outlines(conn, account.area_path or "")
    return page(request, "outlines.html", account, areas=areas, stored=stored)


@router.post("/map/outlines", dependencies=[needs(Action.PROVISION)])
def outlines_load(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    file: Annotated[UploadFile | None, File()] = None,
    datum: Annotated[str, Form(max_length=10)] = "wgs84",
    store: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Say what a file would change; with ``store`` store it. A wrong file is refused in words."""
    language = language_of(request, account)
    now = dt.datetime.now(dt.UTC)
    refused, found, name = "", None, ""
    data = b"" if file is None else file.file.read(MOST_BYTES + 1)
    if file is not None:
        name = "".join(letter for letter in (file.filename or "") if letter.isprintable())[:LONGEST_NAME]
    try:
        if not data:
            raise OutlineFileError(zh="请先选择一个 GeoJSON 文件", en="choose a GeoJSON file first")
        found = read_outlines(data, _datum(datum))
    except OutlineFileError as error:
        refused = pick(language, error.message_zh, error.message_en)
    with console.database() as conn:
        report = None
        if found is not None:
            report = load_outlines(conn, account, found.outlines, name or "GeoJSON", at=now, origin=origin_of(request),
                                   dry_run=not store)  # fmt: skip
        areas = areas_with_outlines(conn, account.area_path or "")
    if store and report is not None:
        changed = sum(match.change != "unchanged" for match in report.matches)
        return RedirectResponse(f"/map/outlines?stored={changed}", 303)
    return page(
        request, "outlines.html", account, 422 if refused else 200, areas=areas, refused=refused, report=report,
        file=found, file_name=name, datum=_datum(datum), stored=None,
    )  # fmt: skip


def _datum(text: str) -> Datum:
    return cast("Datum", text) if text in ("wgs84", "gcj02") else "wgs84"
