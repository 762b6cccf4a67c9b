"""The search: residents by whatever is known of them, work orders by number, pages by name. For staff; audited.

Letters typed into the header's field ask ``/search/suggest``; Enter goes to the page with all that was found.
"""

import datetime as dt
from collections.abc import Iterable
from typing import Any

import msgspec
import psycopg
from fastapi import Request
from starlette.responses import Response

from care_network.access import permissions
from care_network.access.accounts import Account
from care_network.access.permissions import Action, may_do
from care_network.access.visible import visible_households
from care_network.search.index import Hit
from care_network.search.pinyin import bare, fits
from care_network.search.query import read_query
from console.shell.security import CurrentAccount, needs
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import page
from dispatch.orders import store
from dispatch.orders.states import OrderError
from dispatch.orders.store import Order
from vocabulary.times import local_day

router = page_router()
SUGGESTED, MOST = 8, 100
"""Residents in the list below the field, and on the page."""


class Page(msgspec.Struct, frozen=True):
    """A page that is found by its name."""

    path: str
    zh: str
    en: str
    needs: Action


PAGES = (
    Page("/", "预警", "Alerts", Action.VIEW_ALERTS),
    Page("/residents", "老人名单", "Residents", Action.VIEW_RESIDENT),
    Page("/orders", "工单", "Work orders", Action.VIEW_ORDERS),
    Page("/handovers", "交接班", "Hand-over", Action.HAND_OVER),
    Page("/sla", "服务时效", "Service level", Action.VIEW_OPERATIONS),
    Page("/operations", "运行状态", "Operations", Action.VIEW_OPERATIONS),
    Page("/parameters", "预警阈值", "Thresholds", Action.VIEW_LIMITS),
)


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """All that a search found, as the account may see it."""

    hits: list[Hit]
    total: int
    """Residents in all, of whom ``hits`` are the best."""
    orders: list[Order]
    pages: list[Page]

    @property
    def nothing(self) -> bool:
        return not (self.hits or self.orders or self.pages)


@router.get("/search", dependencies=[needs(Action.VIEW_NETWORK)])
def search_page(request: Request, console: Shared, account: CurrentAccount, q: str = "") -> Response:
    """All that was found for ``q``."""
    with console.database() as conn:
        found = find(conn, console, account, q, MOST)
    return page(request, "search.html", account, q=q.strip(), found=found, today=local_day(dt.datetime.now(dt.UTC)))


@router.get("/search/suggest", dependencies=[needs(Action.VIEW_NETWORK)])
def search_suggest(request: Request, console: Shared, account: CurrentAccount, q: str = "") -> Response:
    """The best of what was found, as lines of the list below a field."""
    with console.database() as conn:
        found = find(conn, console, account, q, SUGGESTED)
    return page(request, "_suggest.html", account, q=q.strip(), found=found, today=local_day(dt.datetime.now(dt.UTC)))


def find(conn: psycopg.Connection[Any], console: Console, account: Account, typed: str, most: int) -> Found:
    """Search for an account: only the residents, orders and pages that it may see."""
    query = read_query(typed)
    if not query.joined:
        return Found(hits=[], total=0, orders=[], pages=[])
    index = console.everybody()
    hits, total = index.find(query, {path for path in index.paths if permissions.in_area(account, path)}, most)
    pages = [one for one in PAGES if may_do(account, one.needs) and _named(query.joined, one)]
    return Found(hits=hits, total=total, orders=list(_orders(conn, account, typed)), pages=pages)


def _named(joined: str, one: Page) -> bool:
    english = bare(one.en.replace(" ", ""))
    return len(joined) > 1 and (joined in one.zh or english.startswith(joined) or fits(one.zh, joined))


def _orders(conn: psycopg.Connection[Any], account: Account, typed: str) -> Iterable[Order]:
    """The order of a number, written 117, #117 or 工单117, in the account's area."""
    number = typed.strip().lstrip("#＃工单 ")
    if not number.isascii() or not number.isdigit() or len(number) > 9 or not may_do(account, Action.VIEW_ORDERS):
        return
    try:
        order = store.load_by_number(conn, int(number))
    except OrderError:
        return
    if order.household_id in visible_households(conn, account, [order.household_id]):
        yield order
