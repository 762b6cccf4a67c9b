"""Figures of an area by month, beside another area or year where that is asked for, and the lists behind them."""

import datetime as dt
from typing import Annotated, Any

from fastapi import Query, Request
from markupsafe import Markup
from starlette.responses import Response

from care_network.access.permissions import Action
from care_network.errors import ProvisioningError
from console.pages.lists import LIMIT, pager_of
from console.shell.errors import message_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Shared
from console.shell.text import page_router
from console.shell.views import language_of, page
from figures.core import months
from figures.core.sections import Picture
from figures.drawing import charts
from figures.export.tables import notes
from figures.reading import lists, scope
from figures.reading import page as figures_page
from figures.reading.scope import Window
from vocabulary.severity import SEVERITIES, SEVERITY_WORDS, Severity

router = page_router()
Area = Annotated[str, Query(max_length=200)]
Month = Annotated[str, Query(max_length=7)]
OWN = frozenset({"area", "from", "to", "after"})
"""Parts of a list's address that are no filters."""


@router.get("/decisions", dependencies=[needs(Action.VIEW_FIGURES)])
def decisions(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    area: Area = "",
    first: Annotated[Month, Query(alias="from")] = "",
    last: Annotated[Month, Query(alias="to")] = "",
    severity: Severity = "emergency",
    compare: Area = "",
) -> Response:
    """All sections of an area and its months; ``compare``: 'year', or the path of another area."""
    now, language = dt.datetime.now(dt.UTC), language_of(request, account)
    message = ""
    with console.database() as conn:
        try:
            window = scope.window(conn, account, language, now, area=area, first=first, last=last)
        except ProvisioningError as error:
            message = message_of(request, error, account)
            window = scope.window(conn, account, language, now, area=area)
        sections = figures_page.sections(conn, window, severity)
        other = figures_page.other_window(conn, account, window, compare)
        beside = [] if other is None else figures_page.sections(conn, other, severity)
        choices = scope.areas(conn, account)
    return page(
        request, "decisions.html", account, status=422 if message else 200, message=message, w=window,
        sections=sections, other=other, pairs=figures_page.compared(sections, beside) if other else [],
        areas=choices, compare=compare, severity=severity,
        severity_words=[(one, SEVERITY_WORDS[one]) for one in SEVERITIES],
        draw=_draw, notes=notes, month_code=months.code, query=_query(window, severity), stamp=figures_page.stamp,
        depth=min((one.path.count(".") for one in choices), default=0),
    )  # fmt: skip


@router.get("/decisions/list/{kind}", dependencies=[needs(Action.VIEW_FIGURES)])
def figures_list(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    kind: str,
    area: Area = "",
    first: Annotated[Month, Query(alias="from")] = "",
    last: Annotated[Month, Query(alias="to")] = "",
    after: Area = "",
) -> Response:
    """The list behind a figure: what was counted, the newest or the gravest first."""
    now, language = dt.datetime.now(dt.UTC), language_of(request, account)
    filters = {name: value for name, value in request.query_params.items() if name not in OWN and value}
    with console.database() as conn:
        window = scope.window(conn, account, language, now, area=area, first=first, last=last)
        found = lists.listing(conn, account, window, kind, filters, after=after, limit=LIMIT, origin=origin_of(request))
        chosen = lists.filter_words(conn, window, kind, filters)
    return page(
        request, "figures_list.html", account, w=window, found=found, chosen=chosen,
        heads=[(one.title, "num") if one.number else one.title for one in found.columns],
        pager=pager_of(request, found.next or None), query=_query(window, "emergency"),
    )  # fmt: skip


def _draw(picture: Picture, name: str) -> Markup:
    return Markup(charts.svg(picture, name))  # noqa: S704 - made by us, its words escaped


def _query(window: Window, severity: str) -> dict[str, Any]:
    return {
        "area": window.area.path, "from": months.code(window.first), "to": months.code(window.last),
        "severity": severity,
    }  # fmt: skip
