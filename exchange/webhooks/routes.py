"""A system's own webhooks and their deliveries, to look at."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from care_network.access import webhooks
from care_network.access.machine_tokens import MachineScope
from exchange.shell.access import Asking, scoped
from exchange.shell.errors import PROBLEM_JSON
from exchange.shell.state import Shared

router = APIRouter(prefix="/webhooks", tags=["Webhooks"])


def _good(example: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    """The answers of a route: an example of the good one, and one of an error."""
    problem = {
        "type": "about:blank", "title": "Forbidden", "status": 403, "detail": "this token lacks the scope webhook",
    }  # fmt: skip
    return {
        200: {"description": "the newest first", "content": {"application/json": {"example": [example]}}},
        403: {"description": "refused, in words", "content": {PROBLEM_JSON: {"example": problem}}},
    }


@router.get("", responses=_good({
    "id": 3, "name": "emergency room", "url": "https://hospital.example.org/shouwang", "events": ["alert.raised"],
    "waiting": 0, "parked": 0, "paused": False,
}))  # fmt: skip
def own(exchange: Shared, asking: Annotated[Asking, scoped(MachineScope.WEBHOOK)]) -> list[dict[str, Any]]:
    """The webhooks of this system: where they lead, and how many deliveries wait or were given up."""
    with exchange.database(asking.shown) as conn:
        found = webhooks.own(conn, asking.machine.account)
        asking.seen(conn, [], len(found))
    return [
        {
            "id": one.id, "name": one.name, "url": one.url, "events": one.events, "waiting": one.waiting,
            "parked": one.parked, "paused": one.paused_at is not None,
        }
        for one in found
    ]  # fmt: skip


@router.get("/{number}/deliveries", responses=_good({
    "id": 9, "message": "msg_0b0e8a0c", "type": "alert.raised", "state": "delivered", "attempts": 1,
    "at": "2026-11-29T00:00:01Z", "status": 204, "ms": 41, "error": "",
}))  # fmt: skip
def deliveries(
    number: Annotated[int, "of the webhook"], exchange: Shared, asking: Annotated[Asking, scoped(MachineScope.WEBHOOK)],
    before: Annotated[int, Query(ge=0, le=2**62, description="below this delivery; 0: the newest")] = 0,
) -> list[dict[str, Any]]:  # fmt: skip
    """Deliveries of one of them: state, attempts, the last status and how long it took."""
    with exchange.database(asking.shown) as conn:
        found = webhooks.deliveries(conn, asking.machine.account, number, after=before)
        asking.seen(conn, [], len(found))
    return [
        {
            "id": one.id, "message": one.message_id, "type": one.kind, "state": one.state, "attempts": one.attempts,
            "at": one.at, "status": one.status, "ms": one.ms, "error": one.error,
        }
        for one in found
    ]  # fmt: skip
