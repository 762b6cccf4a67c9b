"""Record calls by telephone about an alert; the alert's page times them."""

import datetime as dt
import uuid
from typing import Literal

import msgspec
from fastapi import Request
from pydantic import AwareDatetime, BaseModel, Field
from starlette.responses import Response

from care_network.access.permissions import Action, audit
from console.access.alerts import load_alert
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Shared
from console.shell.text import page_router
from dispatch.core.history import Actor
from dispatch.desk import calls

router = page_router()


class CallBody(BaseModel):
    """A call by telephone; times with a zone."""

    kind: Literal["resident", "staff", "contact", "organisation", "service"]
    key: str = Field(min_length=1, max_length=100)
    started_at: AwareDatetime
    ended_at: AwareDatetime
    answered_at: AwareDatetime | None = None
    result: Literal["answered", "no_answer", "busy", "unreachable", "declined"]
    answer: Literal["clear", "unclear", "help"] | None = None
    note: str = Field(default="", max_length=2000)


@router.post("/api/alerts/{alert_id}/calls", dependencies=[needs(Action.NOTE)])
def record_call(
    request: Request, console: Shared, account: CurrentAccount, alert_id: uuid.UUID, call: CallBody
) -> Response:
    """Record an attempt to call somebody about an alert; gives all of them."""
    attempt = calls.CallAttempt(**call.model_dump())
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        alert, _ = load_alert(conn, console.board, account, alert_id, origin_of(request))
        calls.record(conn, alert_id, attempt, Actor(account.id, account.name_zh, origin_of(request)), now)
        audit(
            conn, account, "record_call", at=now, resident_id=alert.resident_id, origin=origin_of(request),
            detail={"alert": str(alert_id), "called": f"{attempt.kind}:{attempt.key}", "result": attempt.result},
        )  # fmt: skip
        attempts = calls.of_alert(conn, alert_id)
    return Response(msgspec.json.encode(attempts), media_type="application/json")
