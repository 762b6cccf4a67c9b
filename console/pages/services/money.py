"""The catalogue of services with its prices, planned against done, and the settlement of a month."""

import datetime as dt
from itertools import chain
from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import StreamingResponse
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.catalogues.services import SERVICES
from care_network.errors import ProvisioningError
from care_network.search.pinyin import by_name
from care_services.core.money import yuan
from care_services.home_services.catalogue import catalogue
from care_services.home_services.catalogue.catalogue import PROVIDERS, CareService
from care_services.home_services.settlement import settling, table
from care_services.home_services.visits import comparing
from console.pages.downloads import parts
from console.pages.lists import pager_of
from console.pages.services.frame import acting_of, date_of, month_of, number_of, services_page
from console.shell.security import CurrentAccount, needs
from console.shell.state import Console, Shared
from console.shell.text import page_router
from vocabulary.times import SHANGHAI

router = page_router()
LOOK, SET = needs(Action.VIEW_CARE), needs(Action.SETTLE_SERVICES)
NEW = "new"


@router.get("/care/catalogue", dependencies=[LOOK])
def catalogue_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """List the services, and who offers them for how much today."""
    acting = acting_of(request, account)
    with console.database() as conn:
        listed, offered = catalogue.services(conn), catalogue.offers(conn, acting.today)
    by_service = {one.code: [offer for offer in offered if offer.service == one.code] for one in listed}
    return services_page(
        request, "services-catalogue.html", account, services=listed, offers=by_service, works=SERVICES
    )


@router.get("/care/catalogue/{service}", dependencies=[SET])
def service_page(request: Request, console: Shared, account: CurrentAccount, service: str) -> Response:
    """Show the form of a service, and its prices."""
    return _service(request, console, account, service)


def _service(
    request: Request, console: Console, account: Account, code: str, error: ProvisioningError | None = None,
    shown: CareService | None = None, price: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    acting = acting_of(request, account)
    with console.database() as conn:
        found = None if code == NEW else catalogue.service(conn, code)
        offered = [] if found is None else catalogue.offers(conn, acting.today, code)
        ahead = conn.execute(
            "SELECT p.valid_from, o.name_zh, o.name_en, p.price_fen FROM service_price p JOIN organisation o"
            " ON o.id = p.organisation_id WHERE p.service = %s AND p.valid_from > %s ORDER BY p.valid_from, p.id",
            (code, acting.today),
        ).fetchall()
        providers = sorted(conn.execute(
            "SELECT o.code, o.name_zh, o.name_en FROM organisation o JOIN area a ON a.id = o.area_id"
            " WHERE o.active AND o.kind = ANY (%s) AND a.path <@ %s::ltree ORDER BY o.code LIMIT 300",
            (list(PROVIDERS), account.area_path),
        ).fetchall(), key=lambda row: by_name(row[1]))  # fmt: skip
    return services_page(
        request, "services-service.html", account, error, service=shown or found, stored=found, offers=offered,
        ahead=ahead, providers=providers, works=SERVICES, price=price or {}, today=acting.today,
    )  # fmt: skip


@router.post("/care/catalogue/{service}", dependencies=[SET])
def save_service(
    request: Request, console: Shared, account: CurrentAccount, service: str,
    code: Annotated[str, Form(max_length=40)] = "",
    work: Annotated[str, Form(max_length=40)] = "",
    name_zh: Annotated[str, Form(max_length=100)] = "",
    name_en: Annotated[str, Form(max_length=100)] = "",
    unit: Annotated[str, Form(max_length=10)] = "visit",
    minutes: Annotated[str, Form(max_length=10)] = "60",
    tasks_zh: Annotated[str, Form(max_length=1000)] = "",
    tasks_en: Annotated[str, Form(max_length=1000)] = "",
    active: Annotated[str, Form(max_length=5)] = "",
    version: Annotated[int, Form(ge=0)] = 0,
) -> Response:  # fmt: skip
    """Add a service, or change it."""
    acting = acting_of(request, account)
    given = CareService(
        code=(code if service == NEW else service).strip(), work=work, name_zh=name_zh.strip(), name_en=name_en.strip(),
        unit=unit, minutes=0, tasks_zh=_lines(tasks_zh), tasks_en=_lines(tasks_en),  # type: ignore[arg-type]
        active=bool(active), version=version,
    )  # fmt: skip
    try:
        length = number_of(minutes, "minutes")
        given = CareService(**{name: getattr(given, name) for name in given.__struct_fields__} | {"minutes": length})
        with console.database() as conn:
            if service == NEW:
                catalogue.add_service(conn, acting, given)
            else:
                catalogue.change_service(conn, acting, given)
    except ProvisioningError as error:
        return _service(request, console, account, service, error, given)
    return RedirectResponse(f"/care/catalogue/{given.code}", 303)


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip()[:80] for line in text.splitlines() if line.strip())


@router.post("/care/catalogue/{service}/price", dependencies=[SET])
def set_price(
    request: Request, console: Shared, account: CurrentAccount, service: str,
    organisation: Annotated[str, Form(max_length=60)] = "",
    valid_from: Annotated[str, Form(max_length=20)] = "",
    price: Annotated[str, Form(max_length=20)] = "",
) -> Response:  # fmt: skip
    """Set a provider's price from a day on; left empty: it no longer offers the service."""
    try:
        with console.database() as conn:
            catalogue.set_price(
                conn, acting_of(request, account), service, organisation, date_of(valid_from, "valid_from"),
                yuan(price, "price") if price.strip() else None,
            )  # fmt: skip
    except ProvisioningError as error:
        filled = {"organisation": organisation, "valid_from": valid_from, "price": price}
        return _service(request, console, account, service, error, price=filled)
    return RedirectResponse(f"/care/catalogue/{service}", 303)


@router.get("/care/compared", dependencies=[LOOK])
def compared_page(
    request: Request, console: Shared, account: CurrentAccount, month: str = "", provider: str = ""
) -> Response:  # fmt: skip
    """Show planned against done of a month, by provider; of one of them by plan."""
    acting = acting_of(request, account)
    first = month_of(month, acting.at)
    with console.database() as conn:
        rows = comparing.by_provider(conn, acting, first)
        plans = comparing.by_plan(conn, acting, first, provider[:60]) if provider else []
    return services_page(
        request, "services-compared.html", account, rows=rows, plans=plans, month=first, provider=provider,
        before=first - dt.timedelta(days=1), after=first + dt.timedelta(days=32),
    )  # fmt: skip


@router.get("/care/settlements", dependencies=[LOOK])
def settlements_page(
    request: Request, console: Shared, account: CurrentAccount, month: str = "", ask: str = ""
) -> Response:  # fmt: skip
    """Show a month by provider: what is settled, and what would be; ``ask``: the provider about to be settled."""
    return _settlements(request, console, account, month, ask)


def _settlements(
    request: Request, console: Console, account: Account, month: str, ask: str = "",
    error: ProvisioningError | None = None,
) -> Response:  # fmt: skip
    acting = acting_of(request, account)
    last = (acting.today.replace(day=1) - dt.timedelta(days=1)).replace(day=1)
    first = month_of(month, acting.at) if month else last
    with console.database() as conn:
        rows = settling.month(conn, acting, first)
    until = comparing.month_bounds(first)[1]
    return services_page(
        request, "services-settlements.html", account, error, rows=rows, month=first, over=until <= acting.at,
        asked=next((one for one in rows if one.organisation == ask and one.number is None), None),
        before=first - dt.timedelta(days=1), after=first + dt.timedelta(days=32),
        end=until.astimezone(SHANGHAI).date(),
    )  # fmt: skip


@router.post("/care/settlements", dependencies=[SET])
def settle(
    request: Request, console: Shared, account: CurrentAccount,
    organisation: Annotated[str, Form(max_length=60)], month: Annotated[str, Form(max_length=10)],
) -> Response:  # fmt: skip
    """Settle the month of a provider: frozen from then on."""
    acting = acting_of(request, account)
    try:
        with console.database() as conn:
            number = settling.settle(conn, acting, organisation, month_of(month, acting.at))
    except ProvisioningError as error:
        return _settlements(request, console, account, month, error=error)
    return RedirectResponse(f"/care/settlements/{number}", 303)


@router.get("/care/settlements/{number}/csv", dependencies=[SET])
def settlement_file(request: Request, console: Shared, account: CurrentAccount, number: str) -> Response:
    """Give a settlement as a file for a spreadsheet, part by part."""
    with console.database() as conn:
        heads, sums = table.heads(conn, acting_of(request, account), number)
    body = chain([heads], parts(console, lambda conn, at: table.part(conn, sums, at)))
    headers = {"Content-Disposition": 'attachment; filename="settlement.csv"'}
    return StreamingResponse(body, media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/care/settlements/{number}", dependencies=[LOOK])
def settlement_page(
    request: Request, console: Shared, account: CurrentAccount, number: str, after: int = 0
) -> Response:  # fmt: skip
    """Show a settlement with its lines."""
    acting = acting_of(request, account)
    with console.database() as conn:
        sums, first = settling.one(conn, acting, number)
        lines = settling.lines(conn, number, max(0, min(after, 2**62)), 51)
    more = len(lines) > 50
    lines = lines[:50]
    return services_page(
        request, "services-settlement.html", account, sums=sums, month=first, lines=lines, kinds=settling.KINDS,
        pager=pager_of(request, str(lines[-1].id) if more else None),
    )  # fmt: skip
