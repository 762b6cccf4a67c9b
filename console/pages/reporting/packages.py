"""One package for another level: its content by columns, its way, its counter-signature, and the file itself."""

from typing import Literal

from fastapi import Request, UploadFile
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.errors import NotFoundError, ProvisioningError
from care_services.reporting import making
from care_services.reporting.datasets import DATASETS
from care_services.reporting.making import Asking
from console.pages.care.frame import care_page
from console.pages.reporting.reports import REPORT, WORDS, Sought, Text, now
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router

router = page_router()
MOST_SIGNATURE = 8192
"""Bytes of a counter-signature."""


@router.get("/care/reports/packages/{number}", dependencies=[REPORT])
def package_page(
    request: Request, console: Shared, account: CurrentAccount, number: int, again: str = "", resident: Sought = ""
) -> Response:
    """A package and its way; asked about a resident, with the consents by which it told of the person."""
    return _page(request, console, account, number, again=bool(again), resident=resident)


def _page(
    request: Request, console: Console, account: Account, number: int, error: ProvisioningError | None = None,
    *, again: bool = False, resident: str = "",
) -> Response:  # fmt: skip
    with console.database() as conn:
        one = making.one(conn, account, number)
        attempts = making.attempts(conn, number)
        given = None
        if resident and one.basis == "consent":
            making.log(conn, account, Asking(resident=resident), limit=1, at=now(), origin=origin_of(request))
            given = making.consents(conn, account, number, resident)
    return care_page(
        request, "report-package.html", account, status_of(error) if error else 200, one=one, attempts=attempts,
        content=DATASETS.get(one.dataset), message=message_of(request, error, account) if error else "", again=again,
        given=given, resident=resident, **WORDS,
    )  # fmt: skip


@router.get("/care/reports/packages/{number}/file", dependencies=[REPORT])
def file(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    """The package as a file, to be carried by hand; the download is in the audit."""
    with console.database() as conn:
        one = making.one(conn, account, number)
        data = making.content(conn, account, number, at=now(), origin=origin_of(request))
    name = f"{one.receiver}-{one.number:05}-{one.dataset}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(data, media_type="application/zip", headers=headers)


@router.post("/care/reports/packages/{number}/counter", dependencies=[REPORT])
def counter(
    request: Request, console: Shared, account: CurrentAccount, number: int, file: UploadFile | None = None
) -> Response:
    """Take in a counter-signature that came by hand."""
    try:
        text = file.file.read(MOST_SIGNATURE + 1) if file is not None else b""
        if not text or len(text) > MOST_SIGNATURE:
            raise ProvisioningError(en="choose the file of the counter-signature", zh="请选择会签文件", field="file")
        with console.database() as conn:
            making.take_counter_signature(conn, account, number, text, at=now(), origin=origin_of(request))
    except NotFoundError:
        raise
    except ProvisioningError as error:
        return _page(request, console, account, number, error)
    return RedirectResponse(f"/care/reports/packages/{number}", 303)


@router.post("/care/reports/packages/{number}/{act}", dependencies=[REPORT])
def end(
    request: Request, console: Shared, account: CurrentAccount, number: int,
    act: Literal["withdraw", "handed-over"], reason: Text = "",
) -> Response:  # fmt: skip
    """Take a package out of the queue, or write down that it was carried there by hand."""
    step = making.withdraw if act == "withdraw" else making.handed_over
    try:
        with console.database() as conn:
            step(conn, account, number, reason, at=now(), origin=origin_of(request))
    except NotFoundError:
        raise
    except ProvisioningError as error:
        return _page(request, console, account, number, error)
    return RedirectResponse(f"/care/reports/packages/{number}", 303)
