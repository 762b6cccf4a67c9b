"""Other systems: their tokens, and the webhooks that tell them of alerts."""

import datetime as dt
from typing import Annotated, Any

from fastapi import Form, Query, Request
from starlette.responses import RedirectResponse, Response

from care_network.access import exchange_consents, machine_tokens, webhooks
from care_network.access.accounts import Account
from care_network.access.machine_tokens import SCOPES, NewToken
from care_network.access.permissions import Action
from care_network.access.webhooks import EVENTS
from care_network.errors import NotFoundError, ProvisioningError
from care_network.records import lookup
from care_network.records.accounts.seers import names_of
from console.pages.admin.frame import admin_page
from console.pages.lists import LIMIT, pager_of
from console.shell.errors import message_of, status_of
from console.shell.i18n import pick
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import language_of
from vocabulary.times import SHANGHAI

router = page_router()
KEEP = needs(Action.MANAGE_MACHINES)
Text = Annotated[str, Form(max_length=500)]
DEFAULT = dt.timedelta(days=180)


@router.get("/machines", dependencies=[KEEP])
def machines_page(
    request: Request, console: Shared, account: CurrentAccount, after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0
) -> Response:
    """Tokens, webhooks, and how many residents agreed to which system."""
    with console.database() as conn:
        tokens = machine_tokens.listing(conn, account, after=after, limit=LIMIT + 1)
        hooks = webhooks.listing(conn, account, limit=200)
        agreed = exchange_consents.by_system(conn, account)
        systems = machine_tokens.systems(conn, account)
    language = language_of(request, account)
    names = {login: pick(language, zh, en) for login, zh, en in systems}
    shown = tokens[:LIMIT]
    return admin_page(
        request, "machines.html", account, tokens=shown, hooks=hooks, agreed=agreed, now=now(), scopes=SCOPES,
        events=EVENTS, parked=sum(one.parked for one in hooks),
        areas=area_names(request, console, account), names=names,
        pager=pager_of(request, str(shown[-1].id) if len(tokens) > LIMIT else None),
    )  # fmt: skip


@router.get("/machines/tokens/new", dependencies=[KEEP])
def new_token(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """The form of a token."""
    return _token_form(request, console, account, {}, None)


@router.post("/machines/tokens", dependencies=[KEEP])
def add_token(
    request: Request, console: Shared, account: CurrentAccount, name: Text = "", login: Text = "",
    scopes: Annotated[list[str] | None, Form()] = None, area: Text = "", expires: Text = "", name_zh: Text = "",
    name_en: Text = "",
) -> Response:  # fmt: skip
    """Make a token and show it, once."""
    filled = {
        "name": name, "login": login, "scopes": scopes or [], "area": area, "expires": expires, "name_zh": name_zh,
        "name_en": name_en,
    }  # fmt: skip
    try:
        new = NewToken(
            name=name, login=login, scopes=scopes or [], area=area, expires_at=_end_of(expires), name_zh=name_zh,
            name_en=name_en,
        )  # fmt: skip
        with console.database() as conn:
            _, token = machine_tokens.add(conn, account, new, at=now(), origin=origin_of(request))
    except ProvisioningError as error:
        return _token_form(request, console, account, filled, error)
    return admin_page(
        request, "machine_secret.html", account, what="token", secret=token, login=login, title=name,
        address=str(request.base_url).rstrip("/"),
    )  # fmt: skip


@router.get("/machines/tokens/{number}/revoke", dependencies=[KEEP])
def revoke_page(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    """Name what ends with the token, before it does."""
    with console.database() as conn:
        kept = _token(console, conn, account, number)
        agreed = exchange_consents.by_system(conn, account).get(kept.login, 0)
    return admin_page(request, "machine_revoke.html", account, kept=kept, agreed=agreed, scopes=SCOPES, now=now())


@router.post("/machines/tokens/{number}/revoke", dependencies=[KEEP])
def revoke(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    """End a token."""
    with console.database() as conn:
        machine_tokens.revoke(conn, account, number, at=now(), origin=origin_of(request))
    return RedirectResponse("/machines", 303)


@router.get("/machines/consents", dependencies=[KEEP])
def consents_page(
    request: Request, console: Shared, account: CurrentAccount, system: Annotated[str, Query(max_length=80)] = "",
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
) -> Response:  # fmt: skip
    """Residents who agreed to be known to a system."""
    return _consents(request, console, account, system, after, {}, None)


@router.post("/machines/consents", dependencies=[KEEP])
def give(
    request: Request, console: Shared, account: CurrentAccount, system: Text = "",
    residents: Annotated[str, Form(max_length=20_000)] = "", purpose: Text = "",
) -> Response:  # fmt: skip
    """Write consents down."""
    codes = residents.replace(",", " ").replace("，", " ").replace("、", " ").split()
    try:
        with console.database() as conn:
            exchange_consents.give(conn, account, codes, system, purpose, at=now(), origin=origin_of(request))
    except ProvisioningError as error:
        filled = {"residents": residents, "purpose": purpose}
        return _consents(request, console, account, system, 0, filled, error)
    return RedirectResponse(f"/machines/consents?system={system}", 303)


@router.post("/machines/consents/withdraw", dependencies=[KEEP])
def withdraw(
    request: Request, console: Shared, account: CurrentAccount, system: Text = "", resident: Text = "", sure: Text = ""
) -> Response:
    """Take a consent back, at once; first the page names the consequence."""
    with console.database() as conn:
        if not sure:
            who = names_of(conn, [resident]).get(resident, (resident, resident))
            return admin_page(request, "machine_consent_end.html", account, system=system, resident=resident, who=who)
        exchange_consents.withdraw(conn, account, [resident], system, at=now(), origin=origin_of(request))
    return RedirectResponse(f"/machines/consents?system={system}", 303)


def now() -> dt.datetime:
    """This moment."""
    return dt.datetime.now(dt.UTC)


def areas_of(console: Console, account: Account) -> list[tuple[str, str, str]]:
    """(path, Chinese, English) of the areas that the account keeps."""
    with console.database() as conn:
        return lookup.areas(conn, account.area_path)


def area_names(request: Request, console: Console, account: Account) -> dict[str, str]:
    """The names of these areas, by path."""
    language = language_of(request, account)
    return {path: pick(language, zh, en) for path, zh, en in areas_of(console, account)}


def _end_of(day: str) -> dt.datetime:
    try:
        at = dt.datetime.fromisoformat(day).replace(tzinfo=SHANGHAI) + dt.timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise ProvisioningError(en="choose the last day", zh="请选择最后一天", field="expires") from error
    return (
        min(at, now() + machine_tokens.LONGEST) if at <= now() + machine_tokens.LONGEST + dt.timedelta(days=1) else at
    )


def _token_form(
    request: Request, console: Console, account: Account, filled: dict[str, Any], error: ProvisioningError | None
) -> Response:
    with console.database() as conn:
        systems = machine_tokens.systems(conn, account)
    return admin_page(
        request, "machine_token.html", account, status_of(error) if error else 200, filled=filled, scopes=SCOPES,
        areas=areas_of(console, account), systems=systems,
        until=(now() + DEFAULT).astimezone(SHANGHAI).date().isoformat(),
        wrong={error.field or "name": message_of(request, error, account)} if error else {},
    )  # fmt: skip


def _token(console: Console, conn: Any, account: Account, number: int) -> machine_tokens.KeptToken:
    found = machine_tokens.listing(conn, account, after=number + 1, limit=1) if 0 < number < 2**31 - 1 else []
    if not found or found[0].id != number:
        raise NotFoundError(
            en=f"there is no token {number} in your area", zh=f"您的管辖范围内没有编号为 {number} 的令牌"
        )
    return found[0]


def _consents(
    request: Request, console: Console, account: Account, system: str, after: int, filled: dict[str, str],
    error: ProvisioningError | None,
) -> Response:  # fmt: skip
    with console.database() as conn:
        found = exchange_consents.listing(conn, account, login=system or None, after=after, limit=LIMIT + 1)
        systems = machine_tokens.systems(conn, account)
    shown = found[:LIMIT]
    return admin_page(
        request, "machine_consents.html", account, status_of(error) if error else 200, rows=shown, system=system,
        systems=systems, filled=filled,
        wrong={error.field or "residents": message_of(request, error, account)} if error else {},
        pager=pager_of(request, str(shown[-1].id) if len(found) > LIMIT else None),
    )  # fmt: skip
