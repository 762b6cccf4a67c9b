"""Routes of bulk export: asked for, awaited, fetched, deleted (FHIR Bulk Data Access)."""

import datetime as dt
import uuid
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import FileResponse, Response

from care_network.access.machine_tokens import MachineScope
from exchange.bulk import exports
from exchange.fhir.answers import ANSWERS, base_of, search_of
from exchange.fhir.answers import fhir as answer
from exchange.fhir.read_signs import since
from exchange.fhir.search import instant
from exchange.shell.access import Asking, scoped
from exchange.shell.errors import ExchangeError, outcome, pick
from exchange.shell.state import Shared

router = APIRouter(prefix="/fhir", tags=["Bulk export"])
NDJSON = "application/fhir+ndjson"
_FORMATS = frozenset({NDJSON, "application/ndjson", "ndjson"})
_ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {
        "description": "under way; Content-Location says where to look",
        "content": {"text/plain": {"example": ""}},
    }
}
MANIFEST = {
    "transactionTime": "2026-11-29T00:00:00.000Z", "request": "https://exchange.example.org/fhir/$export",
    "requiresAccessToken": True, "error": [],
    "output": [{"type": "Patient", "url": "https://exchange.example.org/fhir/$export-file/…/1", "count": 12}],
}  # fmt: skip


@router.get("/$export", status_code=202, responses={**_ACCEPTED, **ANSWERS})
@router.get("/Patient/$export", status_code=202, responses={**_ACCEPTED, **ANSWERS})
def begin(
    request: Request, exchange: Shared, asking: Annotated[Asking, scoped(MachineScope.BULK_EXPORT)],
    _type: Annotated[str | None, Query(description="Patient,Observation …; all by default")] = None,
    _since: Annotated[str | None, Query(description="readings and alerts from then on")] = None,
    _outputFormat: Annotated[str | None, Query(description="application/fhir+ndjson")] = None,  # noqa: N803
) -> Response:  # fmt: skip
    """Begin an export of the residents who agreed; needs ``Prefer: respond-async``."""
    search = search_of(request, "_type", "_since", "_outputFormat")
    if "respond-async" not in request.headers.get("prefer", ""):
        raise ExchangeError(
            400, en="send the header Prefer: respond-async: an export takes its time",
            zh="请加请求头 Prefer: respond-async，导出在后台进行",
        )  # fmt: skip
    if any(one not in _FORMATS for one in search.words("_outputFormat") or ()):
        raise ExchangeError(400, en=f"_outputFormat is {NDJSON}", zh=f"_outputFormat 只能是 {NDJSON}", code="value")
    with exchange.database(asking.shown) as conn:
        export = exports.begin(
            conn, asking.machine, search.words("_type"), since(search).since, str(request.url),
            dt.datetime.now(dt.UTC), exchange.settings.export_hours,
        )  # fmt: skip
        asking.seen(conn, [], len(export.residents), what={"export": str(export.id), "types": export.types})
    return Response(None, 202, {"Content-Location": f"{base_of(exchange, request)}/$export-status/{export.id}"})


@router.get(
    "/$export-status/{number}",
    responses={
        200: {"description": "made", "content": {"application/json": {"example": MANIFEST}}},
        **_ACCEPTED,
        **ANSWERS,
    },
)
def status(
    number: uuid.UUID, request: Request, exchange: Shared, asking: Annotated[Asking, scoped(MachineScope.BULK_EXPORT)]
) -> Response:
    """How far an export is; once it is made, its files."""
    with exchange.database(asking.shown) as conn:
        export = exports.find(conn, asking.machine, number)
        files = exports.files(conn, number)
    until = {"Expires": export.expires_at.strftime("%a, %d %b %Y %H:%M:%S GMT")}
    if export.state == "failed":
        return answer(outcome("processing", pick(request, export.problem_zh, export.problem_en)), 422)
    if export.state != "done":
        words = pick(
            request, f"{export.done}/{len(export.residents)}", f"{export.done} of {len(export.residents)} residents"
        )
        return Response(None, 202, {"X-Progress": words, "Retry-After": "5"})
    base = f"{base_of(exchange, request)}/$export-file/{number}"
    manifest = {
        "transactionTime": instant(export.until), "request": export.request, "requiresAccessToken": True, "error": [],
        "output": [{"type": one.type, "url": f"{base}/{one.number}", "count": one.count} for one in files],
    }  # fmt: skip
    return Response(msgspec.json.encode(manifest), 200, until, "application/json")


@router.delete("/$export-status/{number}", status_code=202, responses={**_ACCEPTED, **ANSWERS})
def delete(
    number: uuid.UUID, exchange: Shared, asking: Annotated[Asking, scoped(MachineScope.BULK_EXPORT)]
) -> Response:
    """End an export and remove its files."""
    with exchange.database(asking.shown) as conn:
        export = exports.find(conn, asking.machine, number)
        exports.delete(conn, exchange.settings.data_dir, export.id)
        asking.seen(conn, [], 0, what={"export": str(number), "deleted": True})
    return Response(None, 202)


@router.get(
    "/$export-file/{number}/{file}",
    responses={200: {
            "description": "one resource a line",
            "content": {NDJSON: {"example": '{"resourceType": "Patient", "id": "7"}'}},
        }, **ANSWERS},
)  # fmt: skip
def fetch(
    number: uuid.UUID, file: Annotated[int, "of the manifest"], exchange: Shared,
    asking: Annotated[Asking, scoped(MachineScope.BULK_EXPORT)],
) -> Response:  # fmt: skip
    """One file of an export."""
    with exchange.database(asking.shown) as conn:
        export = exports.find(conn, asking.machine, number)
        found = next((one for one in exports.files(conn, number) if one.number == file), None)
        path = exchange.settings.data_dir / str(number) / f"{file}.ndjson"
        if export.state != "done" or found is None or not path.is_file():
            raise ExchangeError(404, en="there is no such file of this export", zh="此导出没有这个文件")
        if not exports.all_agree(conn, export):
            raise ExchangeError(
                410, en="a resident has taken the consent back since: begin a new export",
                zh="有老人已撤回授权，请重新导出",
            )  # fmt: skip
        asking.seen(conn, [], found.count, what={"export": str(number), "file": file, "type": found.type})
    return FileResponse(path, media_type=NDJSON)
