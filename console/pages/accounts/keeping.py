"""Accounts as administrators keep them: the list, a new one, and who may do what."""

import datetime as dt
from typing import Annotated, Any

from fastapi import Form, Request
from starlette.responses import Response

from care_network.access import passwords
from care_network.access.accounts import ONE_TIME, Account
from care_network.access.permissions import ACTIONS_ZH, PERMISSIONS, ROLES_ZH, Action, Role
from care_network.errors import ProvisioningError
from care_network.records import account_records, lookup
from care_network.records.account_records import STATES, Admin, Wanted
from care_network.records.accounts import changes, seers
from care_network.records.records import NewAccount, parse
from console.pages.admin.frame import admin_page
from console.pages.lists import LIMIT, pager_of
from console.shell.entry.confirming import CONFIRMED
from console.shell.errors import message_of, status_of
from console.shell.i18n import pick
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import language_of

router = page_router()
KEEP = needs(Action.MANAGE_ACCOUNTS)


def admin_of(request: Request, account: Account) -> Admin:
    """The administrator who asks, as the functions of accounts take them."""
    return Admin(account, dt.datetime.now(dt.UTC), origin_of(request))


@router.get("/accounts", dependencies=[KEEP])
def accounts_page(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    q: str = "",
    role: str = "",
    area: str = "",
    state: str = "",
    after: str = "",
) -> Response:
    """A page of the list, by login."""
    admin = admin_of(request, account)
    wanted = Wanted(
        words=q.strip()[:80], role=role if role in set(Role) else None, area=area or None,
        state=state if state in STATES else "", after=after,
    )  # fmt: skip
    with console.login_database() as conn:
        areas = lookup.areas(conn, account.area_path)
        if area and area not in {path for path, _, _ in areas}:
            wanted = Wanted(words=wanted.words, role=wanted.role, state=wanted.state, after=after)
        found = account_records.find_accounts(conn, admin, wanted, LIMIT + 1)
        names = seers.names_of(conn, sorted({code for one in found for code in one.residents}))
    rows = found[:LIMIT]
    pager = pager_of(request, rows[-1].login if len(found) > LIMIT else None)
    return admin_page(
        request, "accounts.html", account, rows=rows, pager=pager, q=q, role=role, area=area, state=state,
        areas=areas, names=names, places={path: (zh, en) for path, zh, en in areas}, **words(request, account),
    )  # fmt: skip


def words(request: Request, account: Account) -> dict[str, Any]:
    """The roles in the reader's language, and whom the list calls what."""
    language = language_of(request, account)
    return {
        "role_word": lambda code: pick(language, ROLES_ZH.get(Role(code), code), code),
        "roles": [role.value for role in Role if role != Role.PANEL],
        "staff_roles": [role.value for role in changes.STAFF_ROLES],
    }


@router.get("/accounts/new", dependencies=[KEEP])
def new_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    return _new(request, console, account, {})


def _new(
    request: Request,
    console: Console,
    account: Account,
    filled: dict[str, str],
    error: ProvisioningError | None = None,
) -> Response:
    with console.login_database() as conn:
        areas = lookup.areas(conn, account.area_path)
    return admin_page(
        request, "new-account.html", account, status_of(error) if error else 200, areas=areas, filled=filled,
        wrong=(error.field or "all") if error else "", message=message_of(request, error, account) if error else "",
        **words(request, account),
    )  # fmt: skip


@router.post("/accounts/new", dependencies=[KEEP, CONFIRMED])
async def add(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    login: Annotated[str, Form()] = "",
    role: Annotated[str, Form()] = "",
    name_zh: Annotated[str, Form()] = "",
    name_en: Annotated[str, Form()] = "",
    area: Annotated[str, Form()] = "",
    language: Annotated[str, Form()] = "zh",
) -> Response:
    """Add an account; its one-time password is shown this once."""
    admin = admin_of(request, account)
    password = passwords.generate()
    fields = {
        "login": login.strip().lower(), "role": role, "name_zh": name_zh.strip(),
        "name_en": name_en.strip() or name_zh.strip(), "area": area or None, "language": language,
    }  # fmt: skip

    def added() -> None:
        new = parse(NewAccount, {**fields, "password": password})
        changes.may_give(admin, new.role)
        with console.login_database() as conn:
            account_records.add(conn, admin, new, one_time=True)

    try:
        await console.logins.run(admin.origin, added)
    except ProvisioningError as error:
        filled = {name: value or "" for name, value in fields.items()}
        wrong = error  # the name is gone where the function below runs
        return await console.in_thread(lambda: _new(request, console, account, filled, wrong))
    return one_time_page(request, account, str(fields["login"]), password)


def one_time_page(request: Request, account: Account, login: str, password: str) -> Response:
    """The page that shows a one-time password, this once."""
    hours = round(ONE_TIME.total_seconds() / 3600)
    return admin_page(request, "one-time-password.html", account, login=login, password=password, hours=hours)


@router.get("/accounts/roles", dependencies=[KEEP])
def roles_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """Show who may do what: the table of permissions in words."""
    language = language_of(request, account)
    shown = [role for role in Role if role not in (Role.PANEL, Role.MACHINE)]
    rows = [
        (pick(language, ACTIONS_ZH[action], action.value.replace("_", " ")), [action in PERMISSIONS[r] for r in shown])
        for action in Action
        if action != Action.USE_PANEL
    ]
    return admin_page(request, "roles.html", account, shown=shown, rows=rows, **words(request, account))
