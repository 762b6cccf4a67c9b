"""Storage: sizes, growth, when the disk is full, roll-ups, retention with the next drop, backups."""

import datetime as dt
from typing import Annotated, Any

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import NotFoundError, ProvisioningError
from care_network.upkeep import storage
from care_network.upkeep.scope import Acting
from console.pages.admin.frame import admin_page
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from database.maintenance import RETENTION
from database.reports import backup_reports
from database.retention import Retention, load_retention, midnight
from database.upkeep import requests as upkeep_requests
from database.upkeep import samples as storage_samples
from database.upkeep.forecast import fullness, growth

router = page_router()
LOOK = needs(Action.VIEW_OPERATIONS)
SET = needs(Action.PROVISION)
STALE = dt.timedelta(hours=3)
"""A sample this old says nothing of now."""
BACK = dt.timedelta(days=30)
Days = Annotated[int, Form(ge=-(2**31), le=2**31)]


@router.get("/storage", dependencies=[LOOK])
def storage_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    return _show(request, console, account)


@router.post("/storage/retention", dependencies=[SET])
def change_retention(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    raw_days: Days,
    minute_days: Days,
    hour_days: Days,
    seen: Annotated[str, Form(max_length=40)],
    agreed: bool = Form(default=False),
) -> Response:
    """First name what another retention deletes, and then, agreed to, ask for it."""
    filled = {"raw_days": raw_days, "minute_days": minute_days, "hour_days": hour_days}
    now = dt.datetime.now(dt.UTC)
    try:
        after = storage.wanted(raw_days, minute_days, hour_days)
        with console.database() as conn:
            if agreed:
                storage.ask(Acting(conn, account, now, origin_of(request)), after, _seen(seen))
                return RedirectResponse("/storage#retention", 303)
            effects = storage.effects(conn, now, after)
        if not effects:
            raise ProvisioningError(en="nothing is different", zh="没有改动")
    except NotFoundError:
        raise
    except ProvisioningError as error:
        return _show(request, console, account, error, filled)
    return admin_page(
        request, "storage_retention.html", account, effects=effects, wanted=filled, seen=seen,
        deletes=any(one.up_to for one in effects),
    )  # fmt: skip


@router.post("/storage/withdraw", dependencies=[SET])
def withdraw(
    request: Request, console: Shared, account: CurrentAccount, number: Annotated[int, Form(le=2**53)]
) -> Response:
    with console.database() as conn:
        storage.withdraw(Acting(conn, account, dt.datetime.now(dt.UTC), origin_of(request)), number)
    return RedirectResponse("/storage#retention", 303)


def _seen(text: str) -> Retention:
    try:
        return Retention(*(int(part) for part in text.split("/")))
    except (ValueError, TypeError) as error:
        raise ProvisioningError(en="load the page again", zh="请重新载入页面") from error


def _show(
    request: Request,
    console: Console,
    account: Account,
    error: ProvisioningError | None = None,
    filled: dict[str, int] | None = None,
) -> Response:
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        sample = storage_samples.latest(conn)
        days = storage_samples.daily(conn, now - BACK)
        keep = load_retention(conn)
        facts: dict[str, Any] = {
            "backups": backup_reports.load(conn),
            "wal": backup_reports.wal_archive(conn),
            "asked": upkeep_requests.latest(conn, RETENTION, limit=3),
            "may_change": storage.may_change(conn, Acting(conn, account, now)),
        }
    found = growth([(one.at, one.total) for one in days])
    full = fullness(sample.free_bytes, found) if sample and sample.free_bytes is not None and found else None
    return admin_page(
        request, "storage.html", account, status_of(error) if error else 200, sample=sample,
        stale=sample is None or now - sample.at > STALE, growth=found, full=full, keep=keep,
        seen=f"{keep.raw_days}/{keep.minute_days}/{keep.hour_days}", filled=filled or {},
        drop_at=midnight(now) + dt.timedelta(days=1), growth_by=_by_group(days), **facts,
        wrong={error.field or "": message_of(request, error, account)} if error else {},
    )  # fmt: skip


def _by_group(days: list[storage_samples.Sample]) -> dict[str, float]:
    """Bytes a day by group, where enough days are known."""
    names = {name for one in days for name in one.sizes}
    found = {name: growth([(one.at, one.sizes[name]) for one in days if name in one.sizes]) for name in names}
    return {name: one.a_day for name, one in found.items() if one is not None}
