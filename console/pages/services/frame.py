"""Render the pages of services at home, and read what their forms send."""

import datetime as dt
from typing import Any

from fastapi import Request
from starlette.responses import Response

from care_network.access.accounts import Account
from care_network.errors import ProvisioningError
from care_services.core.acting import Acting
from care_services.core.money import in_yuan
from care_services.home_services.catalogue.catalogue import UNITS
from care_services.home_services.orders.states import WORDS
from care_services.home_services.visits.checking import HOW
from console.pages.care.frame import care_page
from console.shell.errors import message_of, status_of
from console.shell.security import origin_of
from vocabulary.times import SHANGHAI

WEEKDAYS = (
    (1, ("周一", "Mon")), (2, ("周二", "Tue")), (3, ("周三", "Wed")), (4, ("周四", "Thu")), (5, ("周五", "Fri")),
    (6, ("周六", "Sat")), (7, ("周日", "Sun")),
)  # fmt: skip
SOURCES = {
    "plan": ("服务计划", "plan"), "single": ("单次安排", "once"), "one_tap": ("一键申请", "one tap"),
    "bed": ("家庭养老床位", "home care bed"),
}  # fmt: skip


def acting_of(request: Request, account: Account) -> Acting:
    """The account that acts now, from where it does."""
    return Acting(account, dt.datetime.now(dt.UTC), origin_of(request))


def services_page(
    request: Request, name: str, account: Account, error: ProvisioningError | None = None, **context: Any
) -> Response:
    """Render a template of this folder, with the words and what was refused."""
    return care_page(
        request, name, account, status_of(error) if error else 200, words=WORDS, yuan=in_yuan, how_words=HOW,
        units=UNITS, sources=SOURCES, weekdays=WEEKDAYS, message=message_of(request, error, account) if error else "",
        wrong=(error.field or "all") if error else "", **context,
    )  # fmt: skip


def day_of(text: str, now: dt.datetime) -> dt.date:
    """The day that a query names; today (Asia/Shanghai) where it names none."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return now.astimezone(SHANGHAI).date()


def month_of(text: str, now: dt.datetime) -> dt.date:
    """The first day of the month that a query names ('2026-11'); the present month where it names none."""
    try:
        return dt.date.fromisoformat(f"{text}-01")
    except ValueError:
        return now.astimezone(SHANGHAI).date().replace(day=1)


def moment_of(text: str, field: str) -> dt.datetime:
    """A moment as a form sends it, of Asia/Shanghai. Raises ProvisioningError with the field."""
    try:
        moment = dt.datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)).astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:
        raise ProvisioningError(en="choose day and time", zh="请选择日期和时间", field=field) from error


def number_of(text: str, field: str) -> int:
    """A whole number of a form. Raises ProvisioningError with the field."""
    if text.strip().isascii() and text.strip().isdecimal() and len(text) < 10:
        return int(text)
    raise ProvisioningError(en="write a whole number", zh="请填写整数", field=field)


def date_of(text: str, field: str) -> dt.date:
    """A day of a form. Raises ProvisioningError with the field."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise ProvisioningError(en="choose a day", zh="请选择日期", field=field) from error
