"""Load better outlines of areas: choose a file, see what it changes, store it."""

import datetime as dt
import uuid
from typing import Any, cast

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from care_network.access.permissions import Action
from care_network.importing.datum import Datum
from care_network.importing.ground import is_archive
from care_network.importing.outlines import OutlineFileError, read_outlines
from care_network.records.places.checked_files import CheckedFile, forget_file, keep_file, kept_file
from care_network.records.places.ground import ground_of, may_load_ground
from care_network.records.places.outlines import areas_with_outlines, load_outlines
from console.pages.map.uploads import SentFile
from console.shell.i18n import pick
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Shared
from console.shell.text import page_router
from console.shell.views import language_of, page
from vocabulary.errors import BilingualError

router = page_router()
ADDRESS = "/map/outlines"
GONE_ZH, GONE_EN = "文件已过期，请重新选择", "the file is no longer kept: choose it again"


def show(conn: Any, request: Request, account: Any, error: BilingualError | None = None, **more: Any) -> Response:
    """The page with what is there, a report on a checked file, or why one is refused."""
    refused = "" if error is None else pick(language_of(request, account), error.message_zh, error.message_en)
    return page(
        request, "outlines.html", account, 422 if refused else 200, refused=refused,
        areas=areas_with_outlines(conn, account.area_path or ""), ground=ground_of(conn),
        may_ground=may_load_ground(conn, account), **more,
    )  # fmt: skip


@router.get(ADDRESS, dependencies=[needs(Action.PROVISION)])
def outlines_page(
    request: Request, console: Shared, account: CurrentAccount, stored: int | None = None, ground: str = ""
) -> Response:
    """The areas with the source of their outlines, the ground, and the forms."""
    with console.database() as conn:
        return show(conn, request, account, stored=stored, ground_done=ground)


@router.post(ADDRESS, dependencies=[needs(Action.PROVISION)])
def outlines_load(request: Request, console: Shared, account: CurrentAccount, sent: SentFile) -> Response:
    """Say what a file would change and keep it; with ``store`` store it. A wrong file is refused in words."""
    now, origin = dt.datetime.now(dt.UTC), origin_of(request)
    with console.database() as conn:
        try:
            file = _file(
                sent, None if sent.checked is None else kept_file(conn, account, "outlines", sent.checked, now)
            )
            found = read_outlines(file.data, _datum(file.datum))
        except OutlineFileError as error:
            return show(conn, request, account, error, datum=_datum(sent.datum))
        report = load_outlines(
            conn, account, found.outlines, file.name, at=now, origin=origin, dry_run=not sent.store
        )  # fmt: skip
        if sent.store:
            forget_file(conn, account, "outlines")
            changed = sum(match.change != "unchanged" for match in report.matches)
            return RedirectResponse(f"{ADDRESS}?stored={changed}", 303)
        worth = any(match.change != "unchanged" for match in report.matches)
        kept: uuid.UUID | None = keep_file(conn, account, "outlines", file, now) if worth else None
        return show(conn, request, account, report=report, file=found, file_name=file.name, kept=kept,
                    datum=_datum(file.datum))  # fmt: skip


def _file(sent: SentFile, kept: CheckedFile | None) -> CheckedFile:
    if sent.checked is not None:
        if kept is None:
            raise OutlineFileError(zh=GONE_ZH, en=GONE_EN)
        return kept
    if sent.data is None:
        raise OutlineFileError(zh="请先选择一个 GeoJSON 文件", en="choose a GeoJSON file first")
    if is_archive(sent.data):
        raise OutlineFileError(
            zh="这是 PMTiles 地图文件，请在“底图”处上传", en="this is a PMTiles map: load it at “Ground map”"
        )
    return CheckedFile(name=sent.name or "GeoJSON", datum=_datum(sent.datum), data=sent.data)


def _datum(text: str) -> Datum:
    return cast("Datum", text) if text in ("wgs84", "gcj02") else "wgs84"
