"""The board of a day's visits, and one visit with what can be done about it."""

import datetime as dt
from typing import Annotated

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action, may_do
from care_network.errors import ProvisioningError
from care_services.complaints import desk as complaints
from care_services.complaints.words import STATES as COMPLAINT_STATES
from care_services.home_services.orders import desk, listing, store
from care_services.home_services.orders.desk import UNDO
from care_services.home_services.orders.people import people
from care_services.home_services.orders.states import AHEAD, steps_from
from care_services.home_services.visits import field, ratings, unfit
from care_services.rounds.running import blind
from console.pages.care.another import needing_another
from console.pages.lists import pager_of
from console.pages.services.frame import acting_of, day_of, moment_of, number_of, services_page
from console.shell.security import CurrentAccount, needs
from console.shell.state import Console, Shared
from console.shell.text import page_router

router = page_router()
LOOK = needs(Action.VIEW_CARE)
DO = needs(Action.PLAN_SERVICES)


@router.get("/care/visits", dependencies=[LOOK])
def visits_page(
    request: Request, console: Shared, account: CurrentAccount, day: str = "", part: str = "", provider: str = "",
    after: str = "",
) -> Response:  # fmt: skip
    """Show the visits of a day: who is late, who is there, who is still to come, and what was done."""
    acting = acting_of(request, account)
    with console.database() as conn:
        board = listing.board(
            conn, acting, day_of(day, acting.at), part if part in listing.PARTS else "", provider=provider[:60],
            after=after,
        )  # fmt: skip
        unseen = blind(conn, acting.at, "missed_visits")
        low = ratings.low(conn, acting, 1)
        another = needing_another(conn, account.area_path, acting.at)
    return services_page(
        request, "services-board.html", account, board=board, parts=listing.PARTS, provider=provider, unseen=unseen,
        low=bool(low), another=another, pager=pager_of(request, board.next_key), today=acting.today,
        one_day=dt.timedelta(days=1), late_min=round(listing.LATE.total_seconds() / 60),
    )  # fmt: skip


@router.get("/care/visits/another", dependencies=[LOOK])
def another_page(request: Request, console: Shared, account: CurrentAccount, after: str = "") -> Response:
    """List the visits ahead that need another person, with the reason."""
    acting = acting_of(request, account)
    with console.database() as conn:
        found, onward = unfit.listing(conn, acting, after[:40])
    return services_page(request, "services-another.html", account, found=found, pager=pager_of(request, onward))


@router.get("/care/visits/{order_id}", dependencies=[LOOK])
def visit_page(request: Request, console: Shared, account: CurrentAccount, order_id: int) -> Response:
    """Show one visit, with its history."""
    return _page(request, console, account, order_id)


def _page(
    request: Request, console: Console, account: Account, order_id: int, error: ProvisioningError | None = None,
    filled: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    acting = acting_of(request, account)
    with console.database() as conn:
        order = desk.order(conn, acting, order_id)
        events = store.history(conn, order_id)
        able = people(conn, [order.organisation_id], order.work, order.planned_start, order.planned_minutes, order.id)
        rated = ratings.of_order(conn, order_id)
        may_not = unfit.why(conn, order) if order.state in AHEAD else None
        complained = (
            complaints.listing(conn, acting, find=str(order_id))[:20]
            if may_do(account, Action.ANSWER_COMPLAINTS) else []
        )  # fmt: skip
    last = events[-1] if events else None
    undo = (
        last["at"] + UNDO
        if last and last["action"] in ("cancel", "miss", "refuse") and last["actor"] == account.name_zh
        and acting.at - last["at"] <= UNDO else None
    )  # fmt: skip
    return services_page(
        request, "services-visit.html", account, error, order=order, events=events, people=able, ratings=rated,
        steps=steps_from(order.state), undo_until=undo, filled=filled or {}, stars=ratings.STARS,
        complaints=complained, complaint_states=COMPLAINT_STATES, may_not=may_not, rated_words=ratings.TOLD,
        to_rate=[code for code in ratings.TOLD if code not in {one.rated_by for one in rated}],
    )  # fmt: skip


@router.post("/care/visits/{order_id}", dependencies=[DO])
def act(
    request: Request, console: Shared, account: CurrentAccount, order_id: int,
    act: Annotated[str, Form(max_length=20)],
    version: Annotated[int, Form(ge=0)] = 0,
    staff: Annotated[str, Form(max_length=60)] = "",
    start: Annotated[str, Form(max_length=40)] = "",
    minutes: Annotated[str, Form(max_length=10)] = "",
    note: Annotated[str, Form(max_length=400)] = "",
    by: Annotated[str, Form(max_length=20)] = "",
    stars: Annotated[int, Form(ge=0, le=5)] = 0,
) -> Response:  # fmt: skip
    """Name who goes, move the visit, close it with a reason, bring it back, correct it, enter it for the carer."""
    acting = acting_of(request, account)
    try:
        with console.database() as conn:
            match act:
                case "assign":
                    desk.assign(conn, acting, order_id, staff, version)
                case "move":
                    desk.move(conn, acting, order_id, moment_of(start, "start"), version, note)
                case "cancel" | "miss" | "refuse":
                    desk.close(conn, acting, order_id, act, version, note)
                case "reopen":
                    desk.reopen(conn, acting, order_id, version)
                case "undo":
                    desk.undo(conn, acting, order_id, version)
                case "correct":
                    desk.correct(conn, acting, order_id, number_of(minutes, "minutes"), version, note)
                case "enter":
                    begun = desk.claimed(conn, acting, order_id, version)
                    end = begun.planned_start + dt.timedelta(minutes=number_of(minutes, "minutes"))
                    field.enter(conn, acting, begun, end, note)
                case "rate":
                    ratings.write_down(conn, acting, order_id, by, stars, note)
                case "dealt":
                    ratings.deal_with(conn, acting, order_id, note)
                case _:
                    raise ProvisioningError(en="this is nothing that can be done", zh="没有这种操作")
    except ProvisioningError as error:
        filled = {"act": act, "staff": staff, "start": start, "minutes": minutes, "note": note}
        return _page(request, console, account, order_id, error, filled)
    return RedirectResponse(f"/care/visits/{order_id}", 303)


@router.get("/care/ratings", dependencies=[LOOK])
def ratings_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """List the low ratings that nobody has dealt with, and the means by provider and person."""
    acting = acting_of(request, account)
    with console.database() as conn:
        low = ratings.low(conn, acting)
        means = ratings.by_provider(conn, acting, acting.at - dt.timedelta(days=30))
    return services_page(request, "services-ratings.html", account, low=low, means=means, stars=ratings.STARS)
