"""Copies of a person's data, and erasures: asked for, approved, made, fetched."""

import datetime as dt
import re
from typing import Annotated, Any

from fastapi import Form, Query, Request
from fastapi.responses import StreamingResponse
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import ProvisioningError
from care_services.privacy import copies, erasures, holds
from console.pages.care.frame import care_page
from console.pages.downloads import parts
from console.pages.lists import LIMIT, pager_of
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from database.rights.words import words_of
from vocabulary.times import local_day

router = page_router()
KEEP, APPROVE = needs(Action.MANAGE_PRIVACY), needs(Action.APPROVE_ERASURE)
Text = Annotated[str, Form(max_length=600)]
Asked = Annotated[str, Query(max_length=80)]
After = Annotated[int, Query(ge=0, le=2**62)]


def now() -> dt.datetime:
    """This moment."""
    return dt.datetime.now(dt.UTC)


@router.get("/care/privacy/copies", dependencies=[KEEP])
def copies_page(
    request: Request, console: Shared, account: CurrentAccount, resident: Asked = "", after: After = 0
) -> Response:
    """Copies that were asked for, and a form for another."""
    return _copies(request, console, account, {"resident": resident}, None, after)


@router.post("/care/privacy/copies", dependencies=[KEEP])
def ask_copy(
    request: Request, console: Shared, account: CurrentAccount, resident: Text = "", asked_by: Text = "",
    identity: Text = "", since: Text = "", until: Text = "",
) -> Response:  # fmt: skip
    """Ask for a copy, which a job makes."""
    try:
        first, last = _day(since, "since"), _day(until, "until")
        with console.database() as conn:
            copies.ask(
                conn,
                account,
                resident,
                asked_by,
                identity,
                at=now(),
                origin=origin_of(request),
                since=first,
                until=last,
            )
    except ProvisioningError as error:
        filled = {"resident": resident, "asked_by": asked_by, "identity": identity, "since": since, "until": until}
        return _copies(request, console, account, filled, error)
    return RedirectResponse("/care/privacy/copies", 303)


def _day(text: str, field: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text.strip()) if text.strip() else None
    except ValueError:
        raise ProvisioningError(en="choose a day", zh="请选择日期", field=field) from None


@router.get("/care/privacy/copies/{number}/archive", dependencies=[KEEP])
def archive(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    """Give the archive, part by part; a download that broke off goes on by ``Range: bytes=N-``."""
    first = _first_byte(request.headers.get("range", ""))
    with console.database() as conn:
        copy = copies.load(conn, account, number)
        if first >= copy.bytes > 0:
            return Response(status_code=416, headers={"Content-Range": f"bytes */{copy.bytes}"})
        copy = copies.fetch(conn, account, number, at=now(), origin=origin_of(request), first=first)
    headers = {
        "Content-Disposition": f'attachment; filename="{copy.code}-{copy.id}.zip"', "Cache-Control": "no-store",
        "Content-Length": str(copy.bytes - first), "Accept-Ranges": "bytes", "ETag": f'"copy-{copy.id}"',
    }  # fmt: skip
    if first:
        headers["Content-Range"] = f"bytes {first}-{copy.bytes - 1}/{copy.bytes}"
    body = parts(console, lambda conn, at: copies.piece(conn, copy.id, at), first)
    return StreamingResponse(body, 206 if first else 200, media_type="application/zip", headers=headers)


def _first_byte(asked: str) -> int:
    """The first byte of a request for the rest of a file; other ranges are answered with the whole, as HTTP allows."""
    found = re.fullmatch(r"bytes=(\d{1,15})-(\d*)", asked.strip())
    return int(found[1]) if found and not found[2] else 0


@router.get("/care/privacy/erasures", dependencies=[APPROVE])
def erasures_page(
    request: Request, console: Shared, account: CurrentAccount, resident: Asked = "", after: After = 0
) -> Response:
    """Erasures of the area; ``resident``: with the plan for that one, to be written down."""
    return _erasures(request, console, account, {"resident": resident}, None, after)


@router.post("/care/privacy/erasures", dependencies=[KEEP])
def plan_erasure(
    request: Request, console: Shared, account: CurrentAccount, resident: Text = "", reason: Text = "",
    asked_by: Text = "", identity: Text = "",
) -> Response:  # fmt: skip
    """Write a plan down, which waits for two people."""
    try:
        with console.database() as conn:
            number = erasures.ask(
                conn, account, resident, reason, asked_by, identity, at=now(), origin=origin_of(request)
            )
    except ProvisioningError as error:
        filled = {"resident": resident, "reason": reason, "asked_by": asked_by, "identity": identity}
        return _erasures(request, console, account, filled, error)
    return RedirectResponse(f"/care/privacy/erasures/{number}", 303)


@router.get("/care/privacy/erasures/{number}", dependencies=[APPROVE])
def erasure_page(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    """One erasure: its plan, who approved, and the certificate."""
    return _erasure(request, console, account, number, None)


@router.post("/care/privacy/erasures/{number}/vote", dependencies=[APPROVE])
def vote(
    request: Request, console: Shared, account: CurrentAccount, number: int, yes: Text = "", note: Text = ""
) -> Response:
    """Say yes or no to an erasure."""
    try:
        with console.database() as conn:
            erasures.vote(conn, account, number, yes == "yes", note, at=now(), origin=origin_of(request))
    except ProvisioningError as error:
        return _erasure(request, console, account, number, error)
    return RedirectResponse(f"/care/privacy/erasures/{number}", 303)


def _copies(
    request: Request, console: Console, account: Account, filled: dict[str, str], error: ProvisioningError | None,
    after: int = 0,
) -> Response:  # fmt: skip
    with console.database() as conn:
        found = copies.listing(conn, account, after=after, limit=LIMIT + 1)
        shown = found[:LIMIT]
        takers = copies.fetched(conn, [one.id for one in shown])
    return care_page(
        request, "privacy_copies.html", account, status_of(error) if error else 200, rows=shown, filled=filled,
        wrong=_wrong(request, account, error), asked_by=copies.ASKED_BY, states=copies.STATES, takers=takers,
        pager=pager_of(request, str(shown[-1].id) if len(found) > LIMIT else None),
        busy=any(one.state in ("waiting", "running") for one in shown),
    )  # fmt: skip


def _erasures(
    request: Request, console: Console, account: Account, filled: dict[str, str], error: ProvisioningError | None,
    after: int = 0,
) -> Response:  # fmt: skip
    plan, given, sending, held = None, [], [], None
    with console.database() as conn:
        found = erasures.listing(conn, account, after=after, limit=LIMIT + 1)
        if filled.get("resident"):
            try:
                plan = erasures.plan_of(conn, account, filled["resident"], local_day(now()))
                given = erasures.given_to(conn, account, filled["resident"])
                sending = erasures.senders(conn, account, filled["resident"])
                held = holds.for_which_waits(conn, account, copies.resident_of(conn, account, filled["resident"]))
            except ProvisioningError as unknown:
                error = error or unknown
    shown = found[:LIMIT]
    return care_page(
        request, "privacy_erasures.html", account, status_of(error) if error else 200, rows=shown, plan=plan,
        filled=filled, wrong=_wrong(request, account, error), states=erasures.STATES, reasons=erasures.REASONS,
        asked_by=erasures.ASKED_BY, acts=erasures.ACTS, words_of=words_of,
        given=given, senders=sending, given_words=erasures.GIVEN, held=held,
        pager=pager_of(request, str(shown[-1].id) if len(found) > LIMIT else None),
    )  # fmt: skip


def _erasure(
    request: Request, console: Console, account: Account, number: int, error: ProvisioningError | None
) -> Response:
    with console.database() as conn:
        one = erasures.load(conn, account, number)
        given = erasures.votes(conn, number)
        held = holds.for_which_waits(conn, account, one.resident_id) if one.done_at is None else None
    return care_page(
        request, "privacy_erasure.html", account, status_of(error) if error else 200, one=one, votes=given,
        wrong=_wrong(request, account, error), states=erasures.STATES, reasons=erasures.REASONS,
        asked_by=erasures.ASKED_BY, acts=erasures.ACTS, words_of=words_of, needed=erasures.NEEDED,
        given_words=erasures.GIVEN, held=held,
        mine=any(each.login == account.login for each in given),
    )  # fmt: skip


def _wrong(request: Request, account: Account, error: ProvisioningError | None) -> dict[str, Any]:
    return {error.field or "resident": message_of(request, error, account)} if error else {}
