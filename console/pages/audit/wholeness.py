"""Whether the audit is whole: the last check of its chain, its head, the signed checkpoints to keep elsewhere."""

import contextvars
import datetime as dt
import re
import threading
from typing import Any

import msgspec
import psycopg
import structlog
from fastapi import Request
from starlette.responses import RedirectResponse, Response

from care_network.access.permissions import Action, audit
from care_network.errors import NotFoundError
from console.pages.admin.frame import admin_page
from console.pages.lists import LIMIT, pager_of
from console.shell.i18n import Language, pick
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from database.rights import checking, checkpoints
from database.rights.checking import ChainCheck
from database.rights.checkpoints import LATE, Checkpoint
from database.rights.sealed import Head, head

log = structlog.get_logger(__name__)
router = page_router()
LOOK = needs(Action.VIEW_AUDIT)
PATIENCE_S = 3.0
"""How long the page waits for a check; a longer one goes on by itself."""


class Wholeness(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of the chain."""

    head: Head | None
    check: ChainCheck | None
    checkpoint: Checkpoint | None
    stale_check: bool
    """No check for more than 25 h."""
    stale_checkpoint: bool
    """No signed checkpoint for more than 25 h."""


_FAULTS = (
    ("it was changed", "内容被改过"), ("it was removed", "被删除"),
    ("the chain is broken before it (an entry was removed or put in)", "在它之前断链（有记录被删除或插入）"),
    ("it was written around the chain", "绕过审计链写入"),
)  # fmt: skip
_LOGS = {"audit": ("审计记录", "line of the audit"), "alert_event": ("预警处置记录", "step on an alert")}


def fault_words(fault: str, language: Language) -> str:
    """Say a fault of a check in words; one that nobody has words for stays as it is. Pure."""
    found = re.fullmatch(r"(?:([0-9]+): )?(audit|alert_event) ([0-9]+): (.*)", fault)
    zh = dict(_FAULTS).get(found[4]) if found else None
    if found is None or zh is None:
        return fault
    position = pick(language, f"链上第 {found[1]} 项，", f"Position {found[1]}, ") if found[1] else ""
    log_zh, log_en = _LOGS[found[2]]
    return position + pick(language, f"{log_zh} {found[3]} 号：{zh}", f"{log_en} {found[3]}: {found[4]}")


def wholeness(conn: psycopg.Connection[Any], now: dt.datetime) -> Wholeness:
    """Read what is known of the chain."""
    check, last = checking.last_check(conn), next(iter(checkpoints.listing(conn, 1)), None)
    return Wholeness(
        head=head(conn), check=check, checkpoint=last, stale_check=check is None or now - check.at > LATE,
        stale_checkpoint=last is None or now - last.at > LATE,
    )  # fmt: skip


@router.post("/audit/verify", dependencies=[LOOK])
def verify(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """Check the whole chain in a thread of its own, one at a time; the page that follows shows the result."""
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        audit(conn, account, "verify_audit", at=now, origin=origin_of(request))
    if not console.audit_check_runs:
        check = contextvars.copy_context().run  # the session that asks: its role may write what was found
        thread = threading.Thread(target=check, args=(_check, console, account.login), name="audit check", daemon=True)
        console.audit_check_runs = True
        thread.start()
        thread.join(PATIENCE_S)
    return RedirectResponse("/audit", 303)


def _check(console: Console, login: str) -> None:
    try:
        with console.database() as conn:
            conn.autocommit = True
            try:
                checking.check_chain(conn, dt.datetime.now(dt.UTC), login)
            finally:
                conn.autocommit = False
    except psycopg.Error as error:
        log.warning("the audit could not be checked", error=str(error).strip())
    finally:
        console.audit_check_runs = False


@router.get("/audit/checkpoints", dependencies=[LOOK])
def checkpoints_page(request: Request, console: Shared, account: CurrentAccount, after: str = "") -> Response:
    """The signed checkpoints, the newest first."""
    before = int(after) if after.isascii() and after.isdecimal() and len(after) < 19 else None
    with console.database() as conn:
        found = checkpoints.listing(conn, LIMIT + 1, before)
        state = wholeness(conn, dt.datetime.now(dt.UTC))
    rows = found[:LIMIT]
    pager = pager_of(request, str(rows[-1].position) if len(found) > LIMIT else None)
    return admin_page(request, "checkpoints.html", account, rows=rows, pager=pager, state=state)


@router.get("/audit/checkpoints/{position}", dependencies=[LOOK])
def checkpoint_file(console: Shared, position: int) -> Response:
    """A checkpoint as the file that ``shouwang audit verify --checkpoint`` reads."""
    with console.database() as conn:
        found = next(iter(checkpoints.listing(conn, 1, position + 1)), None) if 0 < position < 2**62 else None
    if found is None or found.position != position:
        raise NotFoundError(en="there is no such checkpoint", zh="没有这个检查点")
    return Response(
        found.text(), media_type="text/plain",
        headers={"Content-Disposition": f'attachment; filename="{found.file_name}"'},
    )  # fmt: skip
