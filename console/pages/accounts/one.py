"""One account: change it, its sessions, password and second factor, a family's consents, its history."""

from typing import Annotated, Any

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.access import sessions
from care_network.access.accounts import Account
from care_network.access.auditing.search import about_account
from care_network.access.permissions import audit
from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_network.records import account_records, lookup
from care_network.records.accounts import changes, seers
from care_network.records.accounts.changes import AccountChange
from console.pages.accounts.keeping import KEEP, admin_of, one_time_page, words
from console.pages.admin.frame import admin_page
from console.pages.audit.words import said
from console.shell.entry.confirming import CONFIRMED
from console.shell.entry.device import device_words
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import language_of

router = page_router()
HISTORY = 30
NAMED = ("disable", "enable", "reset-password", "reset-second-factor", "end-sessions", "withdraw-consent")
"""Steps that a page names the consequence of before they are done."""


@router.get("/accounts/of/{login}", dependencies=[KEEP])
def account_page(request: Request, console: Shared, account: CurrentAccount, login: str) -> Response:
    return _one(request, console, account, login)


def _one(
    request: Request,
    console: Console,
    account: Account,
    login: str,
    error: ProvisioningError | None = None,
    filled: dict[str, Any] | None = None,
    form: str = "",
) -> Response:
    """Render an account; ``form``: the one to which the error belongs."""
    admin, language = admin_of(request, account), language_of(request, account)
    with console.login_database() as conn:
        kept = account_records.kept(conn, admin, login)
        areas = lookup.areas(conn, account.area_path)
        holder = account_records.kept_account(conn, admin, kept.login)
        names = seers.names_of(conn, kept.residents)
        open_ones = sessions.open_sessions(conn, holder, admin.at)
    with console.database() as conn:  # the logins' own role reads no more of the audit than logins
        history = about_account(conn, account, kept.login, HISTORY)
        audit(conn, account, "view_account", at=admin.at, origin=admin.origin, detail={"login": kept.login})
    return admin_page(
        request, "kept-account.html", account, status_of(error) if error else 200, kept=kept, areas=areas, names=names,
        open_sessions=open_ones, device=lambda codes: device_words(language, codes),
        history=[said(line, language) for line in history],
        filled=filled or {"name_zh": kept.name_zh, "name_en": kept.name_en, "role": kept.role, "area": kept.area_path},
        message=message_of(request, error, account) if error else "", form=form,
        wrong=(error.field or "all") if error else "", changed=isinstance(error, ChangedMeanwhileError),
        own=kept.id == account.id, **words(request, account),
    )  # fmt: skip


@router.post("/accounts/of/{login}", dependencies=[KEEP, CONFIRMED])
def change(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    login: str,
    version: Annotated[int, Form()],
    name_zh: Annotated[str, Form()] = "",
    name_en: Annotated[str, Form()] = "",
    role: Annotated[str, Form()] = "",
    area: Annotated[str, Form()] = "",
    sure: Annotated[str, Form()] = "",
) -> Response:
    """Change name, role, area; a new role or area is done once the consequence was named."""
    admin = admin_of(request, account)
    filled = {"name_zh": name_zh.strip(), "name_en": name_en.strip(), "role": role, "area": area or None}
    new = AccountChange(version=version, **filled)  # type: ignore[arg-type]
    try:
        with console.login_database() as conn, conn.transaction():
            kept = account_records.kept(conn, admin, login)
            moved = (kept.role, kept.area_path) != (new.role, new.area)
            changes.judge(conn, admin, kept, new)
            if moved and not sure:
                effect = changes.effect(conn, admin, login, new.area)
                return admin_page(
                    request, "account-consequence.html", account, kept=kept, new=new, effect=effect, step="change",
                    fields={**filled, "area": area, "version": version, "sure": "1"}, **words(request, account),
                )  # fmt: skip
            changes.change(conn, admin, login, new)
    except NotFoundError:
        raise
    except ProvisioningError as error:
        return _one(request, console, account, login, error, filled, "change")
    return RedirectResponse(f"/accounts/of/{kept.login}", 303)


@router.get("/accounts/of/{login}/{step}", dependencies=[KEEP])
def consequence(
    request: Request, console: Shared, account: CurrentAccount, login: str, step: str, resident: str = ""
) -> Response:
    """The consequence of a step, before it is done."""
    if step not in NAMED:
        raise NotFoundError(en="there is no such page", zh="没有这个页面")
    admin = admin_of(request, account)
    with console.login_database() as conn:
        kept = account_records.kept(conn, admin, login)
        effect = changes.effect(conn, admin, login)
        names = seers.names_of(conn, kept.residents)
    if step == "withdraw-consent" and resident not in kept.residents:
        raise NotFoundError(en="there is no such consent", zh="没有这项同意")
    return admin_page(
        request, "account-consequence.html", account, kept=kept, effect=effect, step=step,
        fields={"resident": resident} if step == "withdraw-consent" else {}, resident=names.get(resident),
        **words(request, account),
    )  # fmt: skip


@router.post("/accounts/of/{login}/{step}", dependencies=[KEEP, CONFIRMED])
async def act(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    login: str,
    step: str,
    resident: Annotated[str, Form()] = "",
    relation: Annotated[str, Form(max_length=60)] = "",
) -> Response:
    """Take a step: switch off or on, reset, end sessions, give or withdraw a consent."""
    admin = admin_of(request, account)

    def taken() -> str:
        with console.login_database() as conn:
            match step:
                case "disable" | "enable":
                    account_records.set_active(conn, admin, login, active=step == "enable")
                case "reset-password":
                    return account_records.reset_password(conn, admin, login)
                case "reset-second-factor":
                    account_records.remove_second_factor(conn, admin, login)
                case "end-sessions":
                    account_records.end_sessions(conn, admin, login)
                case "give-consent":
                    changes.give_consent(conn, admin, login, resident.strip(), relation, relation)
                case "withdraw-consent":
                    account_records.withdraw_consent(conn, admin, login, resident.strip())
                case _:
                    raise NotFoundError(en="there is no such step", zh="没有这种操作")
        return ""

    try:
        password = await console.logins.run(admin.origin, taken)
    except NotPermittedError as error:
        refused = error
        return await console.in_thread(lambda: _one(request, console, account, login, refused, form="steps"))
    except ProvisioningError as error:
        if step != "give-consent":
            raise
        wrong = error
        return await console.in_thread(lambda: _one(request, console, account, login, wrong, form="consent"))
    if password:
        return one_time_page(request, account, login, password)
    return RedirectResponse(f"/accounts/of/{login}", 303)
