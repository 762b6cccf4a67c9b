"""Stop what hangs on a bed, and start it again: counted and priced before somebody confirms it, then done as shown."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg import Connection

from care_services.core.acting import Acting
from care_services.grants import pausing
from care_services.grants.ending import Why
from care_services.grants.pausing import Running
from care_services.home_beds import services, store
from care_services.home_beds.store import Bed, StepRow
from care_services.home_services.plans import desk as plans
from care_services.home_services.plans.desk import Plan
from care_services.meals import away
from care_services.meals.arrangements import desk as arrangements
from care_services.meals.arrangements import making
from care_services.meals.arrangements.desk import Arrangement
from care_services.meals.away import Ahead


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """All that stops when a bed is suspended or closed from a day on. Amounts in fen."""

    from_on: dt.date
    plans: tuple[Plan, ...]
    orders: int
    """Service orders of these plans that are still to be done."""
    own_fen: int
    subsidy_fen: int
    others: int
    """Plans of the resident that are not the bed's: they go on."""
    meals: tuple[Ahead, ...]
    arrangement: Arrangement | None
    """The meal arrangement that stops: the bed's, and while a bed is suspended any, as the resident is away."""
    goes_on: Arrangement | None
    """The meal arrangement that is not the bed's, and its meals: they go on where a bed is closed."""
    grants: tuple[Running, ...]
    lent: int

    @property
    def reclaim_fen(self) -> int:
        """The money that was settled beyond what is due by then."""
        return sum(one.reclaim_fen for one in self.grants)

    @property
    def meals_open(self) -> int:
        """The meals that can still be cancelled."""
        return sum(one.open for one in self.meals)

    @property
    def shown(self) -> str:
        """Its figures in short: whoever confirms sends them back, so that nothing else is done than what was shown."""
        due = sum(one.due_fen for one in self.grants)
        meals = 0 if self.arrangement is None else self.arrangement.version
        figures = (self.orders, self.meals_open, len(self.meals), meals, due, self.reclaim_fen)
        return f"{self.from_on}/" + "/".join(map(str, figures))


class Again(msgspec.Struct, frozen=True, kw_only=True):
    """All that starts again with a bed that was suspended."""

    plans: tuple[Plan, ...]
    meals: tuple[Ahead, ...]
    """Cancelled by the suspension, and still ahead; those whose deadline is over are not ordered again."""
    arrangement: Arrangement | None
    """The meal arrangement that the suspension stopped."""
    grants: int


def of_stop(
    conn: Connection[Any], acting: Acting, resident_id: int, bed_id: int, on: dt.date, why: Why
) -> Stop:  # fmt: skip
    """Count what stops from a day on; past visits and meals stay as they are."""
    ours = tuple(
        one.plan for one in services.of_bed(conn, bed_id, acting.at)
        if one.plan is not None and one.plan.state != "ended"
    )  # fmt: skip
    numbers = {one.id for one in ours}
    running = arrangements.of_resident(conn, resident_id)
    kept = running if running is not None and why != "suspended" and running.bed_id != bed_id else None
    paused = running is not None and running.state != "active" and why == "suspended"
    orders, own, subsidy = services.ahead_of(conn, sorted(numbers), acting.at)
    return Stop(
        from_on=on, plans=ours, orders=orders, own_fen=own, subsidy_fen=subsidy,
        others=sum(one.id not in numbers for one in plans.plans_that_run(conn, acting.at, resident_id)),
        meals=tuple(
            one for one in away.ahead(conn, acting, resident_id, on)
            if kept is None or one.arrangement_id != kept.id
        ),
        arrangement=None if kept is not None or paused else running,
        goes_on=kept, grants=pausing.running(conn, resident_id, on, why), lent=store.lent(conn, bed_id),
    )  # fmt: skip


def stop(
    conn: Connection[Any], acting: Acting, resident_id: int, bed_id: int, found: Stop, why: Why, reason: str
) -> dict[str, Any]:  # fmt: skip
    """Stop it; gives what a line of the history says about it."""
    paused = [one for one in found.plans if one.state == "active" or why != "suspended"]
    for one in paused:
        plans.switch(conn, acting, one, "paused" if why == "suspended" else "ended", reason)
    if found.arrangement is not None:
        state = "paused" if why == "suspended" else "ended"
        arrangements.switch(conn, acting, found.arrangement, state, reason)
    meals = away.cancel(conn, acting, resident_id, found.meals, reason)
    grants = pausing.pause(conn, acting, resident_id, found.from_on, why, reason, bed_id)
    return {
        "from": str(found.from_on), "plans": [one.id for one in paused], "orders": found.orders, "meals": meals,
        "meals_left": [one.words[0] for one in found.meals if one.id not in meals],
        "arrangement": None if found.arrangement is None else found.arrangement.id,
        "grants": [one.application for one in grants], "reclaim_fen": sum(one.reclaim_fen for one in grants),
    }  # fmt: skip


def of_again(conn: Connection[Any], acting: Acting, bed: Bed, steps: Sequence[StepRow]) -> Again:
    """Count what starts again, by the line of the suspension."""
    detail = _suspension(steps)
    listed = plans.plans_by_id(conn, acting.at, detail.get("plans", []))
    meals = arrangements.of_resident(conn, bed.resident_id)
    return Again(
        plans=tuple(one for one in listed if one.state == "paused" and one.resident_id == bed.resident_id),
        meals=tuple(away.cancelled(conn, acting, detail.get("meals", []))),
        arrangement=meals if meals and meals.id == detail.get("arrangement") and meals.state == "paused" else None,
        grants=len(detail.get("grants", [])),
    )


def start_again(conn: Connection[Any], acting: Acting, bed: Bed, found: Again, on: dt.date) -> dict[str, Any]:
    """Start it again from a day on; gives what a line of the history says about it."""
    for one in found.plans:
        plans.switch(conn, acting, one, "active", "床位恢复服务")
    meals, left = away.order_again(conn, acting, bed.resident, found.meals)
    if found.arrangement is not None:
        arrangements.switch(conn, acting, found.arrangement, "active", "床位恢复服务")
        meals += making.make(conn, acting.at, resident_id=bed.resident_id)
    grants = pausing.resume(conn, acting, bed.id, on, "床位恢复服务")
    return {
        "from": str(on), "plans": [one.id for one in found.plans], "meals": meals,
        "meals_left": [zh for zh, _ in left], "grants": list(grants),
    }  # fmt: skip


def _suspension(steps: Sequence[StepRow]) -> dict[str, Any]:
    found = next((one for one in reversed(steps) if one.step == "suspend"), None)
    return {} if found is None else found.detail
